"""Derivatives as functions of functions, which nest to any order; and gradients between Values.

Everything here is two walks over a graph. Backwards, ∂y/∂node is passed from results to operands
(`gradients`); forwards, the tangent of a node is the sum over its operands of local derivative times
tangent (`jvp`). Each runs on the recorded numbers, or, where derivatives of the result will be wanted, on
the op table's rows over Values, which makes the walk itself a graph.
"""

from __future__ import annotations

import functools
import math
import operator
import weakref
from collections.abc import Callable, Sequence
from typing import Any

from autodiff.engine import Value, topological_order
from autodiff.errors import DomainError
from autodiff.floats import as_number, gradient_failure
from autodiff.functions import VALUES
from autodiff.graph import backward_failure, leaves, require_value
from autodiff.modes import recording
from autodiff.steps import require_current
from autodiff.structure import Rebuild, flatten

Function = Callable[..., Any]
Argnums = int | tuple[int, ...]


def gradients(y: Value, xs: Sequence[Value], create_graph: bool = False, *, seed: Any = 1.0) -> list[Any]:
    """∂y/∂x for each x in ``xs`` (leaves or intermediate nodes); every ``grad`` stays as it was.

    Floats, or with ``create_graph`` Values, which can be differentiated again. 0 where y does not depend on
    x. ``seed`` multiplies them all. Raises what `Value.backward` raises, TypeError where y or an x is not
    a Value, and with ``create_graph`` ValueError for a graph whose leaves were assigned new data.

    >>> from autodiff import Value, gradients
    >>> x = Value(2.0)
    >>> (first,) = gradients(x**3, [x], create_graph=True)
    >>> (second,) = gradients(first, [x])
    >>> first.data, second
    (12.0, 12.0)
    """
    order = topological_order(require_value(y, "gradients"))
    for x in xs:
        require_value(x, "gradients")
    if create_graph:
        require_current(order)
    between = _between(order, xs)
    totals: dict[Any, Any] = {y: seed}
    for node in reversed(order):
        if node in totals and node.op is not None and node in between:
            received, args = totals[node], node.args
            wanted = [i for i, arg in enumerate(args) if isinstance(arg, Value) and arg in between]
            for i, partial in zip(wanted, _locals(node, wanted, create_graph), strict=True):
                arg, amount = args[i], _times(received, partial)
                totals[arg] = totals[arg] + amount if arg in totals else amount
    found = [totals.get(x, 0.0) if x in between else 0.0 for x in xs]
    if create_graph:
        return [g if isinstance(g, Value) else x * 0.0 + g for x, g in zip(xs, found, strict=True)]  # a constant in x
    if not all(math.isfinite(g) for g in found):
        raise backward_failure(y)
    return found


def _between(order: list[Value], xs: Sequence[Value]) -> set[Value]:
    """The nodes that depend on some x, the xs included: only these are differentiated."""
    between = set(xs)
    for node in order:
        if any(isinstance(a, Value) and a in between for a in node.args):
            between.add(node)
    return between


def _locals(node: Value, wanted: list[int], as_values: bool) -> list[Any]:
    """∂node/∂argᵢ for each i in ``wanted``: the recorded numbers, or the row run on Values."""
    partials, op = node.partials, node.op
    if not as_values:
        return [partials[i] for i in wanted]
    assert op is not None
    if not all(math.isfinite(partials[i]) for i in wanted):
        raise gradient_failure([node])
    try:
        if op.n_ary:
            every = op.every_partial(VALUES, node, *node.args)
            return [every[i] for i in wanted]
        return [op.partial(i, VALUES, node, *node.args) for i in wanted]
    except (DomainError, ArithmeticError) as error:
        raise type(error)(f"the derivative of {op.name} cannot be differentiated again: {error}") from error


def _times(a: Any, b: Any) -> Any:
    """a·b, without a node where a factor is 1 (most local derivatives of + are)."""
    if isinstance(a, float) and a == 1.0:
        return b
    if isinstance(b, float) and b == 1.0:
        return a
    return a * b


def grad(f: Function, argnums: Argnums = 0) -> Function:
    """The function that gives ∂f/∂(argument), by reverse mode.

    ``f`` takes numbers, or nested lists, tuples, dicts or arrays of them, and returns one Value. The result
    has the structure of the argument (of the arguments ``argnums``, in a tuple, when it is a tuple). Called
    with floats it returns floats; where a Value went in, as an argument or captured by f, it returns Values
    that can be differentiated in it: so it nests to any order.

    Raises TypeError when f returns anything but one Value (a number has lost its graph: use autodiff's
    functions in place of math's).

    >>> from autodiff import grad, tanh
    >>> grad(tanh)(0.5)
    0.7864477329659...
    >>> grad(grad(lambda x: x**3))(2.0)
    12.0
    >>> grad(lambda w: w[0] * w[1])([2.0, 3.0])
    [3.0, 2.0]
    """
    both = value_and_grad(f, argnums)

    def gradient(*args: Any, **kwargs: Any) -> Any:
        return both(*args, **kwargs)[1]

    return gradient


def value_and_grad(f: Function, argnums: Argnums = 0) -> Function:
    """As `grad`, but gives the pair (f(x), ∂f/∂x).

    >>> from autodiff import value_and_grad
    >>> value_and_grad(lambda x, y: x * y, argnums=(0, 1))(2.0, 5.0)
    (10.0, (5.0, 2.0))
    """

    @recording()
    def value_and_gradient(*args: Any, **kwargs: Any) -> Any:
        call = _Call(f, args, kwargs, argnums)
        y = _one_value(f, call.result)
        create_graph = call.wants_graph([y])
        found = gradients(y, call.inputs, create_graph)
        return (y if create_graph else y.data), call.rebuild(found)

    return value_and_gradient


def jacobian(f: Function, argnums: Argnums = 0) -> Function:
    """The function that gives every ∂fᵢ/∂xⱼ: the structure of f's result, holding at each place the structure of x.

    For lists that is the list of rows. Reverse mode, one backward walk per output. Raises TypeError when f
    returns anything but (nested sequences of) Values and numbers; a number counts as constant.

    >>> from autodiff import jacobian
    >>> jacobian(lambda x: [x[0] * x[1], x[0] + 1.0])([2.0, 3.0])
    [[3.0, 2.0], [1.0, 0.0]]
    """

    @recording()
    def matrix(*args: Any, **kwargs: Any) -> Any:
        call = _Call(f, args, kwargs, argnums)
        outputs, rebuild = _outputs(f, call)
        create_graph = call.wants_graph(outputs)
        return rebuild([call.rebuild(gradients(y, call.inputs, create_graph)) for y in outputs])

    return matrix


def hessian(f: Function, argnums: Argnums = 0) -> Function:
    """The function that gives the second derivatives ∂²f/∂xᵢ∂xⱼ: the jacobian of the gradient.

    >>> from autodiff import hessian
    >>> hessian(lambda x: x[0] ** 2 * x[1])([3.0, 5.0])
    [[10.0, 6.0], [6.0, 0.0]]
    """
    return jacobian(grad(f, argnums), argnums)


@recording()
def vjp(f: Function, *args: Any) -> tuple[Any, Function]:
    """f(*args), and the function v ↦ vᵀJ from the structure of f's result to a tuple like ``args`` (reverse mode).

    >>> from autodiff import vjp
    >>> y, pull_back = vjp(lambda x: [x * 2.0, x**2], 3.0)
    >>> y, pull_back([1.0, 10.0])
    ([6.0, 9.0], (62.0,))
    """
    call = _Call(f, args, {}, tuple(range(len(args))))
    outputs, rebuild = _outputs(f, call)
    create_graph = call.wants_graph(outputs)

    @recording()
    def pull_back(v: Any) -> Any:
        seeds, _ = flatten(v, "vjp's vector")
        if len(seeds) != len(outputs):
            raise ValueError(f"vjp's vector has {len(seeds)} numbers, the result of {_name(f)} has {len(outputs)}")
        with_graph = create_graph or any(isinstance(seed, Value) for seed in seeds)
        rows = [gradients(y, call.inputs, with_graph, seed=seed) for y, seed in zip(outputs, seeds, strict=True)]
        totals = [functools.reduce(operator.add, column) for column in zip(*rows, strict=True)]
        return call.rebuild(totals)

    return rebuild(outputs if create_graph else [y.data for y in outputs]), pull_back


@recording()
def jvp(f: Function, args: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    """f(*args), and its derivative Jv along ``tangents``, which have the structure of ``args`` (forward mode).

    >>> from autodiff import jvp
    >>> jvp(lambda x, y: x * y, (2.0, 5.0), (1.0, 0.0))
    (10.0, 5.0)
    """
    call = _Call(f, tuple(args), {}, tuple(range(len(args))))
    directions, _ = flatten(tuple(tangents), "jvp's tangents")
    if len(directions) != len(call.inputs):
        raise ValueError(f"jvp was given {len(call.inputs)} numbers and {len(directions)} tangents")
    outputs, rebuild = _outputs(f, call)
    create_graph = call.wants_graph(outputs) or any(isinstance(d, Value) for d in directions)
    tangent: dict[Any, Any] = dict(zip(call.inputs, directions, strict=True))
    along = [_tangent(y, tangent, create_graph) for y in outputs]
    if create_graph:
        return rebuild(outputs), rebuild([t if isinstance(t, Value) else call.constant(t) for t in along])
    return rebuild([y.data for y in outputs]), rebuild(along)


def _tangent(y: Value, tangent: dict[Any, Any], create_graph: bool) -> Any:
    for node in topological_order(y):
        args = node.args
        wanted = [i for i, arg in enumerate(args) if isinstance(arg, Value) and arg in tangent]
        if wanted and node not in tangent:
            partials = _locals(node, wanted, create_graph)
            amounts = [_times(tangent[args[i]], partial) for i, partial in zip(wanted, partials, strict=True)]
            tangent[node] = functools.reduce(operator.add, amounts)
    found = tangent.get(y, 0.0)
    if isinstance(found, float) and not math.isfinite(found):
        raise backward_failure(y)
    return found


_spent: weakref.WeakSet[Value] = weakref.WeakSet()  # the inputs that ended calls made from plain numbers


class _Call:
    """One traced call of f: the arguments ``argnums`` become fresh inputs, the others stay as they are."""

    def __init__(self, f: Function, args: tuple[Any, ...], kwargs: dict[str, Any], argnums: Argnums) -> None:
        chosen = (argnums,) if isinstance(argnums, int) else argnums
        for n in chosen:
            if not -len(args) <= n < len(args):
                raise TypeError(
                    f"{_name(f)} was called with {len(args)} positional arguments; argnums={argnums} has none to take"
                )
        if len({n % len(args) for n in chosen}) < len(chosen):
            raise ValueError(f"argnums={argnums} names an argument of {_name(f)} twice")
        given, rebuild = flatten(tuple(args[n] for n in chosen), f"{_name(f)}: argument")
        self.nested = any(isinstance(x, Value) for x in given)
        # A Value is taken through x · 1, a node of its own: derivatives stop there, and go on through it.
        self.inputs: list[Value] = [x * 1.0 if isinstance(x, Value) else Value(x) for x in given]
        fresh = dict(zip((n % len(args) for n in chosen), rebuild(list(self.inputs)), strict=True))
        self.rebuild: Rebuild = (lambda flat: rebuild(flat)[0]) if isinstance(argnums, int) else rebuild
        self.result = f(*(fresh.get(i, arg) for i, arg in enumerate(args)), **kwargs)

    def constant(self, number: float) -> Value:
        """The number as a Value that depends on the inputs, with derivative 0: so it is nobody else's leaf."""
        return self.inputs[0] * 0.0 + number if self.inputs else Value(number)

    def wants_graph(self, outputs: list[Value]) -> bool:
        """Whether the result is itself to be differentiable: some Value other than our inputs went into it."""
        if self.nested:
            return True
        _spent.update(self.inputs)  # to a call around this one they are constants
        return any(leaf not in _spent for y in outputs for leaf in leaves(y))


def _one_value(f: Function, result: Any) -> Value:
    if isinstance(result, Value):
        return result
    if isinstance(result, int | float):
        raise TypeError(
            f"{_name(f)} returned the number {result!r}, which carries no graph: compute with autodiff's functions "
            f"(exp, log, …) in place of math's, and without float(); for a constant return Value({result!r})"
        )
    raise TypeError(
        f"{_name(f)} must return one Value to be differentiated, and returned {type(result).__name__} {result!r:.80}; "
        f"for several outputs use jacobian"
    )


def _outputs(f: Function, call: _Call) -> tuple[list[Value], Rebuild]:
    """What f returned, as Values; a number is constant in the inputs."""
    flat, rebuild = flatten(call.result, f"the result of {_name(f)}")
    return [y if isinstance(y, Value) else call.constant(as_number(y, _name(f))) for y in flat], rebuild


def _name(f: Function) -> str:
    return getattr(f, "__name__", type(f).__name__)
