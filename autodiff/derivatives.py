"""Derivatives as functions of functions, which nest to any order; and gradients between Values.

A call of f is made on fresh inputs (`_Call`). Backwards, ∂y/∂node is passed from results to operands; forwards, the
tangent of a node is the sum over its operands of local derivative times tangent. On numbers both walks are the
engine's; where derivatives of the result will be wanted they are `higher`'s, over Values, and graphs themselves.
No walk goes below what is older than the inputs, for it cannot depend on them.
"""

# What isinstance makes of Any (a tuple of what?) is partially unknown.
# pyright: reportUnknownArgumentType=false, reportUnknownVariableType=false, reportUnknownMemberType=false

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from autodiff import engine, modes
from autodiff.engine import Value
from autodiff.floats import as_number, shorten
from autodiff.graph import backward_failure, require_value
from autodiff.higher import pull_back_values, push_forward_values
from autodiff.modes import recorded
from autodiff.structure import Structure, flatten

Function = Callable[..., Any]
Argnums = int | Sequence[int]


def gradients(y: Value, xs: Sequence[Value], create_graph: bool = False, *, seed: Any = 1.0) -> list[Any]:
    """∂y/∂x for each x in ``xs`` (leaves or intermediate nodes); every ``grad`` stays as it was.

    Floats, or with ``create_graph`` Values, which can be differentiated again. 0 where y does not depend on
    x. ``seed`` multiplies them all (a Value only with ``create_graph``). Raises what `Value.backward` raises, TypeError
    where y or an x is no Value, and with ``create_graph`` ValueError for a graph whose leaves were assigned new data.

    >>> from autodiff import Value, gradients
    >>> x = Value(2.0)
    >>> (first,) = gradients(x**3, [x], create_graph=True)
    >>> (second,) = gradients(first, [x])
    >>> first.data, second
    (12.0, 12.0)
    """
    require_value(y, "gradients")
    inputs = [require_value(x, "gradients") for x in _iterable(xs)]
    if isinstance(seed, Value) and not create_graph:
        raise TypeError("gradients' seed is a Value, whose graph is lost: pass create_graph=True, or seed=float(seed)")
    number: Any = seed if isinstance(seed, Value) else as_number(seed, "gradients' seed")
    since = engine.oldest(inputs)
    engine.tick()  # what is made from what comes out is younger: in a loop no walk goes on into the one before
    if create_graph:
        found = pull_back_values([y], [number], inputs, since)
        return [g if isinstance(g, Value) else x * 0.0 + g for x, g in zip(inputs, found, strict=True)]
    return _finite(engine.pull_back([y], [number], inputs, since)[0], [y])


def grad(f: Function, argnums: Argnums = 0, *, has_aux: bool = False) -> Function:
    """The function that gives ∂f/∂(argument), by reverse mode.

    ``f`` takes numbers, or nested lists, tuples, dicts or arrays of them, and returns one Value; with ``has_aux`` a
    pair, of that and anything else, and the gradient comes with the second: (gradient, aux). The result
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
    both = value_and_grad(f, argnums, has_aux=has_aux)

    def gradient(*args: Any, **kwargs: Any) -> Any:
        value, found = both(*args, **kwargs)
        return (found, value[1]) if has_aux else found

    return _described(gradient, "grad", f)


def value_and_grad(f: Function, argnums: Argnums = 0, *, has_aux: bool = False) -> Function:
    """As `grad`, but gives the pair (f(x), ∂f/∂x); with ``has_aux`` ((f(x), aux), ∂f/∂x).

    >>> from autodiff import value_and_grad
    >>> value_and_grad(lambda x, y: x * y, argnums=(0, 1))(2.0, 5.0)
    (10.0, (5.0, 2.0))
    """
    _check(f, argnums)

    @recorded
    def value_and_gradient(*args: Any, **kwargs: Any) -> Any:
        call = _Call(f, args, kwargs, argnums, has_aux)
        y = call.one_output()
        found = call.numbers([y], [1.0])
        if found is None:
            return call.with_aux(y), call.rebuild(pull_back_values([y], [1.0], call.inputs, call.since, call.constant))
        return call.with_aux(y.data), call.rebuild(found)

    return _described(value_and_gradient, "value_and_grad", f)


def jacobian(f: Function, argnums: Argnums = 0, *, has_aux: bool = False) -> Function:
    """The function that gives every ∂fᵢ/∂xⱼ: the structure of f's result, holding at each place the structure of x.

    For lists that is the list of rows. Reverse mode, one backward walk per output. With ``has_aux`` f returns a pair,
    and the result is (jacobian, aux). Raises TypeError when f returns anything but (nested sequences of) Values and
    numbers; a number counts as constant.

    >>> from autodiff import jacobian
    >>> jacobian(lambda x: [x[0] * x[1], x[0] + 1.0])([2.0, 3.0])
    [[3.0, 2.0], [1.0, 0.0]]
    """
    _check(f, argnums)

    @recorded
    def matrix(*args: Any, **kwargs: Any) -> Any:
        call = _Call(f, args, kwargs, argnums, has_aux)
        outputs, structure = call.outputs()
        found = structure.rebuild(call.rows(outputs))
        return (found, call.plain_aux()) if has_aux else found

    return _described(matrix, "jacobian", f)


def hessian(f: Function, argnums: Argnums = 0) -> Function:
    """The function that gives the second derivatives ∂²f/∂xᵢ∂xⱼ: the jacobian of the gradient.

    One walk over Values, which makes the gradient a graph, and one over numbers for each of its rows.

    >>> from autodiff import hessian
    >>> hessian(lambda x: x[0] ** 2 * x[1])([3.0, 5.0])
    [[10.0, 6.0], [6.0, 0.0]]
    """
    _check(f, argnums)

    @recorded
    def second_derivatives(*args: Any, **kwargs: Any) -> Any:
        call = _Call(f, args, kwargs, argnums)
        return call.rebuild(call.rows(call.slopes()))

    return _described(second_derivatives, "hessian", f)


@recorded
def hvp(f: Function, args: Sequence[Any], vectors: Sequence[Any], *, argnums: Argnums | None = None) -> Any:
    """The Hessian of f at ``args`` times ``vectors``, without the Hessian: for the price of two gradients.

    ``vectors`` have the structure of ``args`` (of the arguments ``argnums``, where given), and so has the result.

    >>> from autodiff import hvp
    >>> hvp(lambda x: x[0] ** 2 * x[1], ([3.0, 5.0],), ([1.0, 0.0],))  # the first column of [[10, 6], [6, 0]]
    ([10.0, 6.0],)
    """
    call, directions = _along(f, args, vectors, argnums, "hvp")
    slopes = call.slopes()
    found = None if any(isinstance(d, Value) for d in directions) else call.numbers(slopes, directions)
    if found is None:
        found = pull_back_values(slopes, directions, call.inputs, call.since, call.constant)
    return call.rebuild(found)


@recorded
def vjp(f: Function, *args: Any, argnums: Argnums | None = None, has_aux: bool = False) -> Any:
    """f(*args), and the function v ↦ vᵀJ from the structure of f's result to a tuple like ``args`` (reverse mode).

    One backward walk, however many outputs there are. ``argnums`` chooses the arguments (all of them); with an int the
    result is not a tuple. With ``has_aux`` f returns a pair, and the result is (f(*args), function, aux).

    Raises ValueError where v has not the structure of f's result, naming the place.

    >>> from autodiff import vjp
    >>> y, pull_back = vjp(lambda x: [x * 2.0, x**2], 3.0)
    >>> y, pull_back([1.0, 10.0])
    ([6.0, 9.0], (62.0,))
    """
    chosen = tuple(range(len(args))) if argnums is None else argnums
    _check(f, chosen)
    call = _Call(f, args, {}, chosen, has_aux)
    outputs, structure = call.outputs()
    on_numbers = not call.nested and not engine.order(outputs, call.since)[1]

    @recorded
    def pull_back(v: Any) -> Any:
        seeds = structure.match(v, "vjp's vector", f"the result of {_name(f)}")
        if on_numbers and not any(isinstance(seed, Value) for seed in seeds):
            found = engine.pull_back(outputs, seeds, call.inputs, call.since)[0]
            return call.rebuild(_finite(found, outputs))
        return call.rebuild(pull_back_values(outputs, seeds, call.inputs, call.since, call.constant))

    result = structure.rebuild([y.data for y in outputs] if on_numbers else outputs)
    return (result, pull_back, call.plain_aux()) if has_aux else (result, pull_back)


@recorded
def jvp(
    f: Function,
    args: Sequence[Any],
    tangents: Sequence[Any],
    *,
    argnums: Argnums | None = None,
    has_aux: bool = False,
) -> Any:
    """f(*args), and its derivative Jv along ``tangents``, which have the structure of ``args`` (forward mode).

    One forward walk, however many outputs there are. With ``argnums`` the tangents are those of these arguments, the
    others being constant. With ``has_aux`` f returns a pair, and the result is (f(*args), Jv, aux).

    Raises ValueError where tangents have not the structure of ``args``, naming the place.

    >>> from autodiff import jvp
    >>> jvp(lambda x, y: x * y, (2.0, 5.0), (1.0, 0.0))
    (10.0, 5.0)
    """
    call, directions = _along(f, args, tangents, argnums, "jvp", has_aux)
    outputs, structure = call.outputs()
    if not call.nested and not any(isinstance(d, Value) for d in directions):
        along, older = engine.push_forward(outputs, call.inputs, directions, call.since)
        if not older:
            result = structure.rebuild([y.data for y in outputs]), structure.rebuild(_finite(along, outputs))
            return (*result, call.plain_aux()) if has_aux else result
    tangents_out = push_forward_values(outputs, call.inputs, directions, call.since, call.constant)
    result = structure.rebuild(outputs), structure.rebuild(tangents_out)
    return (*result, call.aux) if has_aux else result


def stop_gradient(x: Any) -> Any:
    """``x`` as a constant: the same numbers, through which no derivative goes.

    A Value becomes a leaf of its own; lists, tuples, dicts and arrays are taken apart; numbers stay as they are.

    >>> from autodiff import grad, stop_gradient
    >>> grad(lambda x: x * stop_gradient(x))(3.0)
    3.0
    """
    flat, structure = flatten(x, "stop_gradient's argument")
    if modes.reads[0] > 1:
        for v in flat:
            if isinstance(v, Value):
                modes.note_read(v, "stop_gradient()", within=True)
    return structure.rebuild([Value(v.data, v.label) if isinstance(v, Value) else v for v in flat])


class _Call:
    """One traced call of f: the arguments ``argnums`` become fresh inputs, the others stay as they are."""

    def __init__(
        self, f: Function, args: tuple[Any, ...], kwargs: dict[str, Any], argnums: Argnums, has_aux: bool = False
    ) -> None:
        self.f = f
        places = _places(f, argnums, len(args))
        alone = isinstance(argnums, int)
        where = f"{_name(f)}: argument"
        if alone:
            given, self.structure = flatten(args[places[0]], f"{where}[{places[0]}]")
        else:
            given, self.structure = flatten(tuple(args[n] for n in places), where)
        self.rebuild = self.structure.rebuild  # the structure of the arguments, with other numbers in it
        self.nested = not self.structure.of_floats and any([isinstance(x, Value) for x in given])
        self.since = engine.tick()
        # A Value is taken through x · 1, a node of its own: derivatives stop there, and go on through it.
        self.inputs: list[Value] = (
            [x * 1.0 if isinstance(x, Value) else Value(x) for x in given] if self.nested else list(map(Value, given))
        )
        made = self.rebuild(self.inputs)
        fresh = dict(zip(places, (made,) if alone else made, strict=True))
        with modes.WatchingReads(self.note_read):
            try:
                self.result = f(*[fresh.get(i, arg) for i, arg in enumerate(args)], **kwargs)
            except TypeError as error:
                _advise(error)
                raise
        self.aux: Any = None
        if has_aux:
            if not isinstance(self.result, tuple) or len(self.result) != 2:
                raise TypeError(
                    f"with has_aux {_name(f)} returns a pair (result, aux), and it returned {shorten(self.result)}"
                )
            self.result, self.aux = self.result
        self.has_aux = has_aux

    def note_read(self, node: Value, *_: object) -> str:
        """What is lost where float() is taken of ``node``; "" where it does not depend on the inputs."""
        if set(self.inputs).isdisjoint(engine.order([node], self.since)[0]):
            return ""
        return (
            f"{_name(self.f)}: float() of a Value that depends on an input drops its graph, and with it a part of the "
            f"derivative: use autodiff's functions in place of math's and arrays with dtype=object; where a constant "
            f"is meant, stop_gradient(x)"
        )

    def constant(self, number: float) -> Value:
        """The number as a Value that depends on the inputs, with derivative 0: so it is nobody else's leaf."""
        return self.inputs[0] * 0.0 + number if self.inputs else Value(number)

    def numbers(self, outputs: Sequence[Value], seeds: Sequence[float]) -> list[float] | None:
        """Σ seed · ∂output/∂input for each input; None where the result is itself to be differentiable: a Value went
        into it that is older than the call, or an argument was one."""
        if self.nested:
            return None
        found, older = engine.pull_back(outputs, seeds, self.inputs, self.since)
        return None if older else _finite(found, outputs)

    def rows(self, outputs: Sequence[Value]) -> list[Any]:
        """The gradient of each output, in the structure of the arguments: one walk for each."""
        found: list[Any] = []
        for y in outputs:
            row = self.numbers([y], [1.0])
            if row is None:
                found = [pull_back_values([y], [1.0], self.inputs, self.since, self.constant) for y in outputs]
                break
            found.append(row)
        return list(map(self.rebuild, found))

    def slopes(self) -> list[Value]:
        """The gradient of the one output, as Values."""
        return pull_back_values([self.one_output()], [1.0], self.inputs, self.since, self.constant)

    def with_aux(self, value: Any) -> Any:
        if not self.has_aux:
            return value
        return value, self.aux if isinstance(value, Value) else self.plain_aux()

    def plain_aux(self) -> Any:
        """aux as numbers: what was computed on the inputs is of no use after the call."""
        return _on_numbers(self.aux)

    def one_output(self) -> Value:
        if isinstance(self.result, Value):
            return self.result
        if isinstance(self.result, int | float):
            raise TypeError(
                f"{_name(self.f)} returned the number {self.result!r}, which carries no graph: compute with autodiff's "
                f"functions (exp, log, …) in place of math's, and without float(); for a constant return "
                f"Value({self.result!r})"
            )
        raise TypeError(
            f"{_name(self.f)} must return one Value to be differentiated, and returned "
            f"{type(self.result).__name__} {self.result!r:.80}; for several outputs use jacobian"
        )

    def outputs(self) -> tuple[list[Value], Structure]:
        """What f returned, as Values; a number is constant in the inputs."""
        flat, structure = flatten(self.result, f"the result of {_name(self.f)}")
        return [y if isinstance(y, Value) else self.constant(as_number(y, _name(self.f))) for y in flat], structure


def _places(f: Function, argnums: Argnums, count: int) -> list[int]:
    """Which of the ``count`` arguments are meant: their places, from the left."""
    chosen = (argnums,) if isinstance(argnums, int) else tuple(argnums)
    for n in chosen:
        if not -count <= n < count:
            raise TypeError(
                f"{_name(f)} was called with {count} positional arguments; argnums={argnums} has none to take"
            )
    places = [n % count for n in chosen]
    if len(set(places)) < len(places):
        raise ValueError(f"argnums={argnums} names an argument of {_name(f)} twice")
    return places


def _along(
    f: Function, args: Sequence[Any], vectors: Sequence[Any], argnums: Argnums | None, who: str, has_aux: bool = False
) -> tuple[_Call, list[Any]]:
    """The call of f, and the numbers of ``vectors`` paired with its inputs."""
    for what, given in (("arguments", args), ("tangents" if who == "jvp" else "vectors", vectors)):
        if not isinstance(given, list | tuple):
            raise TypeError(
                f"{who} takes the {what} in a tuple, as in (x,), not {type(given).__name__} {shorten(given)}"
            )
    chosen: Any = range(len(args)) if argnums is None else (argnums,) if isinstance(argnums, int) else argnums
    _check(f, tuple(chosen) if argnums is None else argnums)
    call = _Call(f, tuple(args), {}, tuple(chosen), has_aux)
    what = "jvp's tangents" if who == "jvp" else "hvp's vectors"
    return call, call.structure.match(tuple(vectors), what, f"the arguments of {_name(f)}")


def _iterable(xs: Any) -> Iterable[Any]:
    if not isinstance(xs, Iterable):  # a Value is none
        raise TypeError(f"gradients takes a sequence of Values, as in gradients(y, [x]), not {shorten(xs)}")
    return xs


def _finite(found: list[float], roots: Sequence[Value]) -> list[float]:
    """``found``, or the error of the walk that found it."""
    if math.isfinite(sum(found)) or all(map(math.isfinite, found)):
        return found
    for y in roots:
        error = backward_failure(y)
        if error is not None:
            raise error
    raise OverflowError("the derivative overflows")


def _check(f: Any, argnums: Any) -> None:
    if not callable(f):
        raise TypeError(f"a function is differentiated, not {type(f).__name__} {shorten(f)}")
    several = isinstance(argnums, list | tuple)
    if not all(isinstance(n, int) for n in (argnums if several else (argnums,))):
        raise TypeError(f"argnums is an int or a tuple of ints, not {type(argnums).__name__} {shorten(argnums)}")


def _on_numbers(tree: Any) -> Any:
    """The data of every Value in lists, tuples and dicts; anything else as it is."""
    if isinstance(tree, Value):
        return tree.data
    if isinstance(tree, list | tuple) and not hasattr(tree, "_fields"):
        return type(tree)(map(_on_numbers, tree))
    if isinstance(tree, dict):
        return {key: _on_numbers(part) for key, part in tree.items()}
    return tree


def _advise(error: TypeError) -> None:
    """What to write instead, where NumPy refused an array of Values."""
    if "dtype('O')" in str(error) or "dtype object" in str(error):
        error.add_note(
            "np.linalg and other compiled parts of NumPy compute on floats, not on Values: write it with dot, sum and "
            "loops over the object array, or give the operation its derivative by define_op"
        )


def _described(made: Function, how: str, f: Function) -> Function:
    """Its name and documentation say what it is the derivative of."""
    made.__name__ = made.__qualname__ = f"{how}_of_{_name(f)}".replace("<lambda>", "lambda")
    made.__doc__ = f"{how} of {_name(f)}.\n\n{getattr(f, '__doc__', None) or ''}".rstrip()
    return made


def _name(f: Function) -> str:
    return getattr(f, "__name__", type(f).__name__)
