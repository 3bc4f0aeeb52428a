"""Any sequence of what users do with Values, held against a second bookkeeping that knows no engine.

The bookkeeping has for each node its number, and its derivatives by all nodes below it, each a product of complex
steps: none of it comes from a row's partials. It is one machine for both engines and for compiled programs.
"""

from __future__ import annotations

import contextlib
import copy
import math
import pickle
import threading
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, rule

from autodiff import Value, compile, detect_anomaly, leaves, no_grad, topological_order, zero_grad
from autodiff.engine import apply
from autodiff.namespaces import complex_numbers
from autodiff.ops import OPS

STEP = 1e-100
UNARY = ("sin", "tanh", "sigmoid", "neg", "softplus", "arctan", "exp")
BINARY = ("add", "sub", "mul")
numbers = st.floats(-2.0, 2.0, allow_subnormal=False).map(lambda x: round(x, 3))
seeds = st.sampled_from([1.0, -2.0, 0.5, 3.0])


@dataclass(eq=False)
class Known:
    """A node, and what is known of it otherwise."""

    value: Any  # None once it was dropped
    number: float
    made_of: tuple[str, tuple[Known | float, ...]] | None = None  # a row and its operands; None: a leaf
    slopes: dict[Known, float] = field(default_factory=dict)  # by every node below, itself included
    grad: float = 0.0

    def __post_init__(self) -> None:
        self.slopes[self] = 1.0

    @property
    def below(self) -> list[Known]:
        return list(self.slopes)


def held(*nodes: Any) -> bool:
    return all(node.value is not None for node in nodes if isinstance(node, Known))


def computed(name: str, operands: tuple[Known | float, ...], numbers_of: Callable[[Known], float]) -> Any:
    """A row's value, and by a complex step its derivative in each operand."""
    x = [numbers_of(a) if isinstance(a, Known) else a for a in operands]
    moved = [[complex(v, STEP if i == j else 0.0) for j, v in enumerate(x)] for i in range(len(x))]
    outs = [OPS[name].value(complex_numbers(), *point) for point in moved]
    return outs[0].real, [out.imag / STEP for out in outs]


def slopes_of(operands: tuple[Known | float, ...], partials: list[float]) -> dict[Known, float]:
    found: dict[Known, float] = {}
    for a, partial in zip(operands, partials, strict=True):
        for node, slope in a.slopes.items() if isinstance(a, Known) else ():
            found[node] = found.get(node, 0.0) + partial * slope
    return found


def again(y: Known) -> tuple[float, dict[Known, float]]:
    """The value and the derivatives by leaves where all of it is computed from what the leaves hold now."""
    numbers_now: dict[Known, float] = {}
    slopes: dict[Known, dict[Known, float]] = {}

    def visit(node: Known) -> None:
        if node in numbers_now:
            return
        if node.made_of is None:
            numbers_now[node], slopes[node] = node.number, {node: 1.0}
            return
        name, operands = node.made_of
        for a in operands:
            if isinstance(a, Known):
                visit(a)
        numbers_now[node], partials = computed(name, operands, numbers_now.__getitem__)
        slopes[node] = {}
        for a, partial in zip(operands, partials, strict=True):
            for leaf, slope in slopes[a].items() if isinstance(a, Known) else ():
                slopes[node][leaf] = slopes[node].get(leaf, 0.0) + partial * slope

    visit(y)
    return numbers_now[y], slopes[y]


def near(found: float, right: float) -> bool:
    return math.isclose(found, right, rel_tol=1e-9, abs_tol=1e-9 * max(1.0, abs(right)))


def in_a_thread(run: Callable[[], Any]) -> Any:
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(run()))
    thread.start()
    thread.join()
    return found[0]


class Values(RuleBasedStateMachine):
    nodes: Any = Bundle("nodes")

    def __init__(self) -> None:
        super().__init__()
        self.all: list[Known] = []
        self.refs: dict[Known, weakref.ref[Value]] = {}

    def kept(self, known: Known) -> Known:
        self.all.append(known)
        self.refs[known] = weakref.ref(known.value)
        return known

    # Building.

    @rule(target=nodes, x=numbers)
    def a_leaf(self, x: float) -> Known:
        return self.kept(Known(Value(x), x))

    @rule(target=nodes, name=st.sampled_from(UNARY), a=nodes, elsewhere=st.booleans())
    def of_one(self, name: str, a: Known, elsewhere: bool) -> Any:
        return self.made(name, (a,), elsewhere)

    @rule(target=nodes, name=st.sampled_from(BINARY), a=nodes, b=nodes | numbers, turned=st.booleans())
    def of_two(self, name: str, a: Known, b: Known | float, turned: bool) -> Any:
        return self.made(name, (b, a) if turned else (a, b))

    @rule(target=nodes, name=st.sampled_from(["sum", "logsumexp"]), operands=st.lists(nodes, min_size=2, max_size=4))
    def of_many(self, name: str, operands: list[Known]) -> Any:
        return self.made(name, tuple(operands))

    def made(self, name: str, operands: tuple[Known | float, ...], elsewhere: bool = False) -> Any:
        if not held(*operands):
            return multiple()
        number, partials = computed(name, operands, lambda a: a.number)
        if not abs(number) < 30.0:
            name, operands = "tanh", tuple(a for a in operands if isinstance(a, Known))[:1]
            number, partials = computed(name, operands, lambda a: a.number)
        run = lambda: apply(OPS[name], *[a.value if isinstance(a, Known) else a for a in operands])  # noqa: E731
        value = in_a_thread(run) if elsewhere else run()
        return self.kept(Known(value, number, (name, operands), slopes_of(operands, partials)))

    @rule(target=nodes, a=nodes)
    def an_alias(self, a: Known) -> Any:
        return a if held(a) else multiple()

    @rule(target=nodes, a=nodes, deep=st.integers(1, 3))
    def not_recorded(self, a: Known, deep: int) -> Any:
        if not held(a):
            return multiple()
        with contextlib.ExitStack() as stack:
            for _ in range(deep):
                stack.enter_context(no_grad())
            value = a.value * 2.0
        assert value.parents == ()
        return self.kept(Known(value, 2.0 * a.number))

    @rule(target=nodes, a=nodes)
    def within_detect_anomaly(self, a: Known) -> Any:
        with detect_anomaly():
            return self.made("sin", (a,))

    # Changing.

    @rule(a=nodes, label=st.text(max_size=3))
    def relabel(self, a: Known, label: str) -> None:
        if held(a):
            a.value.label = label

    @rule(a=nodes, x=numbers)
    def other_data(self, a: Known, x: float) -> None:
        if a.made_of is None and held(a):
            a.value.data = a.number = x

    @rule(a=nodes)
    def zero(self, a: Known) -> None:
        if not held(a):
            return
        zero_grad(a.value)
        a.grad = 0.0

    @rule(y=nodes, seed=seeds, times=st.integers(1, 2), elsewhere=st.booleans())
    def backward(self, y: Known, seed: float, times: int, elsewhere: bool) -> None:
        for _ in range(times if held(y) else 0):
            in_a_thread(lambda: y.value.backward(seed)) if elsewhere else y.value.backward(seed)
            for node, slope in y.slopes.items():
                node.grad = seed * slope + (node.grad if node.made_of is None else 0.0)

    # Copies and programs.

    @rule(y=nodes, how=st.sampled_from([copy.deepcopy, lambda v: pickle.loads(pickle.dumps(v))]))
    def a_copy(self, y: Known, how: Callable[[Value], Value]) -> None:
        if not held(y):
            return
        other = how(y.value)
        mine, theirs = topological_order(y.value), topological_order(other)
        assert [(v.data, v.grad, v.op, v.label) for v in mine] == [(v.data, v.grad, v.op, v.label) for v in theirs]
        other.backward()
        assert all(near(k.value.grad, k.grad) for k in y.below if held(k)), "a copy's pass leaves the original alone"
        assert len(mine) == len(y.below)

    @rule(y=nodes)
    def compiled(self, y: Known) -> None:
        parameters = [node for node in y.below if node.made_of is None]
        if not held(y, *parameters):
            return
        program = compile(y.value, parameters=[node.value for node in parameters])
        loss, slopes = program.value_and_grad(write=False)
        number, right = again(y)
        assert near(loss, number)
        assert all(near(slope, right[leaf]) for leaf, slope in zip(parameters, slopes, strict=True))

    @rule(y=consumes(nodes))
    def drop(self, y: Known) -> None:
        """It is gone at once, unless it is an operand of what is held; and so are those below it that nobody holds."""
        y.value = None
        needed = {node for top in self.all if held(top) for node in top.below}
        assert [ref() is not None for ref in map(self.refs.__getitem__, self.all)] == [k in needed for k in self.all]

    # What holds at any time.

    @invariant()
    def numbers_and_gradients_are_right(self) -> None:
        for node in filter(held, self.all):
            assert near(node.value.data, node.number)
            assert near(node.value.grad, node.grad), (node.value, node.grad)

    @invariant()
    def a_graph_is_what_was_built(self) -> None:
        for node in filter(held, self.all[-3:]):
            assert len(topological_order(node.value)) == len(node.below)
            assert len(leaves(node.value)) == sum(k.made_of is None for k in node.below)


Values.TestCase.settings = settings(max_examples=max(25, settings().max_examples // 4), stateful_step_count=30)
TestValues = pytest.mark.hypothesis(Values.TestCase)
