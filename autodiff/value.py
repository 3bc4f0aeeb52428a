"""The reference engine: one class, written to be read.

A `Value` is a node of a computation graph. Every operation on Values makes a new node that remembers
what it was made from and the local derivatives ∂self/∂operand; `backward` walks the nodes in reverse
topological order and multiplies and adds, which is the chain rule. The derivatives come from the op table
(`ops`); the operators below spell out the most used rows for speed, and a test proves them equal to the
table. Errors and modes live elsewhere (`floats`, `modes`).
"""

# The functions of this file are the class's own: they make nodes without its checks.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import isfinite
from typing import Any, SupportsIndex

from autodiff import calls, copies, modes, walks
from autodiff.buffers import get_data, get_grad, set_data, set_grad
from autodiff.floats import as_label, as_number, failure, gradient_failure
from autodiff.op import OPERATORS, OPS, Op
from autodiff.ops import ABS, ADD, BUILT_IN, DIV, DOT, EXP, MOD, MUL, NEG, POW, RELU, SUB, SUM
from autodiff.walks import last_assignment, oldest, order, pull_back, push_forward, tick

__all__ = [
    "Value", "apply", "function", "get_data", "get_grad", "last_assignment", "n_ary", "oldest", "order", "pull_back",
    "push_forward", "record", "restore", "set_data", "set_grad", "softmax", "tick", "topological_order",
]  # fmt: skip

name = "python"


class Value:
    """A number that remembers how it was computed.

    Parameters
    ----------
    data : int, float, bool or NumPy scalar; finite
    label : a name for pictures and messages

    Attributes
    ----------
    data : float, the value. Assigning to it is how an optimiser moves a leaf. A graph already built keeps
        its recorded numbers: backward() still gives the gradient at the operands it was computed from;
        what needs both to agree (backward_steps, create_graph) says that the graph is out of date.
    grad : float, ∂(root)/∂(self), filled by `backward`
    op : the row of the op table that made this node, None for a leaf
    args : the operands in order: Values, or floats where the operand was a number
    parents : the Values among args
    partials : the local derivatives ∂self/∂arg in the order of args (0.0 for a number: it does not vary)

    Comparisons, bool(), float(), int(), round() and format() go by data; hash is by identity.

    Raises TypeError for what is not a number, ValueError for nan and ±inf, `DomainError` for an operation
    outside its domain, OverflowError where a result exceeds the largest float.

    >>> x, y, z = Value(-2.0, "x"), Value(5.0, "y"), Value(-4.0, "z")
    >>> q = x + y
    >>> f = q * z
    >>> f.backward()
    >>> f.data, x.grad, y.grad, z.grad, q.grad
    (-12.0, -4.0, -4.0, 3.0, -4.0)
    """

    __slots__ = ("__weakref__", "_data", "_dx", "_dy", "_epoch", "_grad", "_label", "_op", "_x", "_y")

    _data: float  # what the engine reads and writes; users go through data and grad, which check
    _grad: float
    _op: Op | None
    _x: Any  # the first operand, and ∂self/∂x; None in a leaf. Most operations have one or two operands,
    _dx: Any  # and without a tuple for them the garbage collector has half as much to look at.
    _y: Any  # the second operand, and ∂self/∂y; None if there is no other.
    _dy: float  # Of more operands _x holds all in a tuple, and _dx all their local derivatives.
    _label: str
    _epoch: int  # when it was made: no operand is younger (`walks`)

    def __new__(cls, *_: Any, **__: Any) -> Value:
        node = _new(cls)
        node._data = node._grad = node._dx = node._dy = 0.0
        node._op = node._x = node._y = None
        node._label = ""
        node._epoch = walks.now
        return node

    def __init__(self, data: Any, label: str = "") -> None:
        self._data = as_number(data, "Value", "a number")
        self._label = as_label(label)
        if self._x is not None or self._grad:  # __init__ may be called again, as on any object
            walks.between_walks()
            self._op = self._x = self._y = None
            self._grad = self._dx = self._dy = 0.0

    @property
    def data(self) -> float:
        if modes.reads[0] > 1:
            modes.note_read(self, ".data")
        return self._data

    @data.setter
    def data(self, data: Any) -> None:
        self._data = as_number(data, "Value.data", "a number")
        walks.note_assignment()

    @property
    def grad(self) -> float:
        return self._grad

    @grad.setter
    def grad(self, grad: Any) -> None:
        self._grad = as_number(grad, "Value.grad", "a number")

    @property
    def label(self) -> str:
        return self._label

    @label.setter
    def label(self, label: str) -> None:
        self._label = as_label(label)

    @property
    def op(self) -> Op | None:
        return self._op

    @property
    def args(self) -> tuple[Value | float, ...]:
        return _as_tuple(self._x, self._y)

    @property
    def partials(self) -> tuple[float, ...]:
        return self._dx if self._dx.__class__ is tuple else (self._dx, self._dy)[: len(self.args)]

    @property
    def parents(self) -> tuple[Value, ...]:
        return tuple(a for a in self.args if isinstance(a, Value))

    # Arithmetic: the row's value and its two local derivatives, spelled out. What is not a Value or a
    # plain float (an int, a NumPy scalar, a wrong type) goes through `binary`, which looks closer.

    def __add__(self, other: Any) -> Value:
        if isinstance(other, Value):
            return record(self._data + other._data, ADD, self, 1.0, other, 1.0)
        if type(other) is float:
            return record(self._data + other, ADD, self, 1.0, other)
        return binary(ADD, self, other)

    def __radd__(self, other: Any) -> Value:
        return binary(ADD, other, self)

    def __sub__(self, other: Any) -> Value:
        if isinstance(other, Value):
            return record(self._data - other._data, SUB, self, 1.0, other, -1.0)
        if type(other) is float:
            return record(self._data - other, SUB, self, 1.0, other)
        return binary(SUB, self, other)

    def __rsub__(self, other: Any) -> Value:
        return binary(SUB, other, self)

    def __mul__(self, other: Any) -> Value:
        if isinstance(other, Value):
            return record(self._data * other._data, MUL, self, other._data, other, self._data)
        if type(other) is float:
            return record(self._data * other, MUL, self, other, other)
        return binary(MUL, self, other)

    def __rmul__(self, other: Any) -> Value:
        if type(other) is float:
            return record(other * self._data, MUL, other, 0.0, self, other)
        return binary(MUL, other, self)

    def __truediv__(self, other: Any) -> Value:
        return binary(DIV, self, other)

    def __rtruediv__(self, other: Any) -> Value:
        return binary(DIV, other, self)

    def __mod__(self, other: Any) -> Value:
        return binary(MOD, self, other)

    def __rmod__(self, other: Any) -> Value:
        return binary(MOD, other, self)

    def __pow__(self, other: Any) -> Value:
        return binary(POW, self, other)

    def __rpow__(self, other: Any) -> Value:
        return binary(POW, other, self)

    def __neg__(self) -> Value:
        return record(-self._data, NEG, self, -1.0)

    def __pos__(self) -> Value:
        return self

    def __abs__(self) -> Value:
        return FUNCTIONS[ABS](self)

    def relu(self) -> Value:
        x = self._data
        return record(x if x >= 0.0 else 0.0, RELU, self, 1.0 if x > 0.0 else 0.0)

    # The backward pass.

    @walks.one_at_a_time
    def backward(self, seed: float = 1.0) -> None:
        """Fill ``grad`` of every node below: seed · ∂self/∂node.

        Gradients of leaves ACCUMULATE over calls (reset them with `zero_grad`), as in PyTorch;
        those of intermediate nodes start from zero in each call and stay readable. On a leaf it
        adds the seed to its gradient. Uses the local derivatives recorded when the graph was built.

        Raises DomainError where a gradient meets an operation that is not differentiable at its
        operands, OverflowError where it exceeds the largest float; the gradients of leaves are then
        as they were before the call, those of intermediate nodes 0.

        >>> a = Value(3.0)
        >>> (a * a + a).backward()
        >>> a.grad
        7.0
        """
        seed = as_number(seed, "backward(seed)", "a number")
        order, _ = walks.ordered([self])
        leaves = [node for node in order if node._op is None]
        before = [leaf._grad for leaf in leaves]
        for node in order:
            if node._op is not None:
                node._grad = 0.0
        try:
            self._grad += seed
            for node in reversed(order):
                grad, x, y = node._grad, node._x, node._y
                if isinstance(x, Value):
                    x._grad += grad * node._dx
                elif x.__class__ is tuple:
                    for arg, partial in zip(x, node._dx):  # noqa: B905 (of one length by construction)
                        if isinstance(arg, Value):
                            arg._grad += grad * partial
                if isinstance(y, Value):
                    y._grad += grad * node._dy
            if not all([isfinite(leaf._grad) for leaf in leaves]):
                raise gradient_failure(order)
        except BaseException:  # an interrupt too: no leaf keeps half of a gradient
            for node in order:
                node._grad = 0.0
            for leaf, grad in zip(leaves, before, strict=True):
                leaf._grad = grad
            raise

    # A Value behaves as the number it holds; == compares numbers, hash goes by identity.

    def __eq__(self, other: object) -> Any:
        return self._compare("__eq__", other)

    def __lt__(self, other: Any) -> Any:
        return self._compare("__lt__", other)

    def __le__(self, other: Any) -> Any:
        return self._compare("__le__", other)

    def __gt__(self, other: Any) -> Any:
        return self._compare("__gt__", other)

    def __ge__(self, other: Any) -> Any:
        return self._compare("__ge__", other)

    def _compare(self, comparison: str, other: Any) -> Any:
        if modes.reads[0] > 1:
            for compared in (self, other):
                if isinstance(compared, Value):
                    modes.note_read(compared, "a comparison")
        return getattr(self._data, comparison)(other._data if isinstance(other, Value) else other)

    __hash__ = object.__hash__

    def __bool__(self) -> bool:
        if modes.reads[0] > 1:
            modes.note_read(self, "bool()")
        return bool(self._data)

    def __float__(self) -> float:
        if modes.reads[0]:
            modes.note_read(self, "float()")
        return self._data

    def __int__(self) -> int:
        if modes.reads[0] > 1:
            modes.note_read(self, "int()")
        return int(self._data)

    def __round__(self, digits: SupportsIndex | None = None) -> float:
        if modes.reads[0] > 1:
            modes.note_read(self, "round()")
        return round(self._data, digits)

    def __format__(self, spec: str) -> str:
        return format(self._data, spec)

    def __repr__(self) -> str:
        label = f", label={self._label!r}" if self._label else ""
        return f"Value(data={self._data!r}, grad={self._grad!r}{label})"

    def conjugate(self) -> Value:
        """Itself, for it is real: NumPy asks, in the variance of an array."""
        return self

    def __copy__(self) -> Value:
        return copies.shallow_copy(self, restore)

    def __deepcopy__(self, memo: dict[int, Any]) -> Value:
        return copies.deep_copy(topological_order(self), memo, restore)

    def __reduce__(self) -> tuple[Any, ...]:
        return copies.pickled(self, topological_order, restore)


_new = object.__new__


def record(out: float, op: Op, x: Any, dx: Any, y: Value | float | None = None, dy: float = 0.0) -> Value:
    """A new node: the result ``out`` of ``op`` on x, or on x and y. Every operation ends here.

    ``dx``, ``dy`` are ∂out/∂x and ∂out/∂y (0.0 for a number). Of more operands x is the tuple of all, dx of all
    the local derivatives.
    """
    if not isfinite(out):
        raise failure(op, _as_tuple(x, y))
    in_a_mode = modes.any_active
    made_by: Op | None = op
    if in_a_mode and not modes.here.recording:
        made_by = x = y = None
        dx = dy = 0.0
    node = _new(Value)
    node._data = out
    node._grad = 0.0
    node._op = made_by
    node._x = x
    node._dx = dx
    node._y = y
    node._dy = dy
    node._label = ""
    node._epoch = walks.now
    if in_a_mode and made_by is not None:
        modes.note_origin(node)
    return node


def _as_tuple(x: Any, y: Any) -> tuple[Any, ...]:
    """The operands, from the way a node keeps them."""
    if x.__class__ is tuple:
        return x
    return (() if x is None else (x,)) if y is None else (x, y)


def apply(op: Op, *args: Any) -> Value:
    """A node of any row of the table on Values and numbers."""
    return calls.apply(op, args, Value, record)


def function(op: Op) -> Callable[..., Any]:
    """The function of a row: floats give a float, a Value among the operands a Value."""
    return FUNCTIONS.get(op) or calls.function(op, Value, record)


def binary(op: Op, x: Any, y: Any) -> Any:
    """A binary operator: its row's function, but an array on either side takes over, element by element."""
    if getattr(x, "ndim", 0) or getattr(y, "ndim", 0):
        return NotImplemented
    return FUNCTIONS[op](x, y)


def n_ary(op: Op) -> Callable[..., Any]:
    """The function of an n-ary row, which takes each of its vectors of operands as a sequence."""
    spelled_out = {SUM: _sum, DOT: _dot}.get(op)

    def function_of_vectors(*given: Any) -> Any:
        if spelled_out is not None:
            operands = [x for xs in calls.vectors(op.name, given, Value) for x in xs]
            for x in operands:
                if isinstance(x, Value):
                    return spelled_out(operands)
        return calls.of_vectors(op, given, Value, record)

    return function_of_vectors


def _sum(xs: Sequence[Any]) -> Value:
    args = tuple([a if isinstance(a, Value) else as_number(a, "sum") for a in xs])
    out = -0.0
    for a in args:
        out += a._data if isinstance(a, Value) else a
    return record(out, SUM, args, tuple([1.0 if isinstance(a, Value) else 0.0 for a in args]))


def _dot(xs: Sequence[Any]) -> Value:
    args = tuple([a if isinstance(a, Value) else as_number(a, "dot") for a in xs])
    data = [a._data if isinstance(a, Value) else a for a in args]
    x, y = data[: len(data) // 2], data[len(data) // 2 :]
    out = -0.0
    for a, b in zip(x, y, strict=True):
        out += a * b
    return record(out, DOT, args, tuple([p if isinstance(a, Value) else 0.0 for a, p in zip(args, y + x, strict=True)]))


def softmax(xs: Any) -> list[Any]:
    """exp(xᵢ − largest) over their sum, for each of the operands."""
    (operands,) = calls.vectors("softmax", (xs,), Value)
    largest = max([a._data if isinstance(a, Value) else as_number(a, "softmax") for a in operands])
    exponentials = [FUNCTIONS[EXP](a - largest) for a in operands]
    total = n_ary(SUM)(exponentials)
    return [e / total for e in exponentials]


def topological_order(root: Any) -> list[Value]:
    """Every node that ``root`` depends on, operands before results, ``root`` last. No recursion."""
    if not isinstance(root, Value):
        raise TypeError(f"topological_order takes a Value, not {type(root).__name__} {root!r}")
    return order([root])[0]


def restore(
    data: float,
    grad: float,
    op: Op | None,
    args: tuple[Any, ...],
    partials: tuple[float, ...],
    label: str,
    kind: type[Value] | None = None,
) -> Value:
    """A node from its parts, as they were (copy and pickle)."""
    node = Value.__new__(kind or Value)
    node._data, node._grad, node._op, node._label = data, grad, op, label
    node._x, node._dx, node._y, node._dy = (args or None), partials, None, 0.0
    if len(args) <= 2:
        node._x, node._y = (*args, None, None)[:2]
        node._dx, node._dy = (*partials, 0.0, 0.0)[:2]
    if op is not None:
        walks.note_assignment()  # whether its data follows from its operands' nobody has looked at
    return node


FUNCTIONS: dict[Op, Callable[..., Any]] = {
    op: calls.function(op, Value, record) for op in OPS.values() if op.name in BUILT_IN
}
for _op, _function in FUNCTIONS.items():  # x.exp(), x.maximum(y), …: for NumPy's arrays too
    if not _op.n_ary and _op.name not in OPERATORS and _op.name not in vars(Value):
        setattr(Value, _op.name, _function)
