"""Walks over graphs: one at a time, whatever threads and signals do, and no further than they are asked for."""

from __future__ import annotations

import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from autodiff import (
    DomainError,
    Value,
    dot,
    engine,
    grad,
    gradients,
    jacobian,
    jvp,
    log,
    sqrt,
    sum,
    topological_order,
    vjp,
)


@pytest.fixture
def walked(monkeypatch) -> list[int]:
    """How many nodes each walk for derivatives has met, as they come."""
    counts: list[int] = []

    def counting(walk: Callable[..., object], nodes_of: Callable[..., int]) -> Callable[..., object]:
        def counted(*args: object) -> object:
            counts.append(nodes_of(*args))
            return walk(*args)

        return counted

    order = engine.order
    for name in ("pull_back", "push_forward"):
        met = lambda roots, *rest: len(order(roots, rest[-1])[0])  # noqa: E731
        monkeypatch.setattr(engine, name, counting(getattr(engine, name), met))
    monkeypatch.setattr(engine, "order", counting(order, lambda roots, since=0: len(order(roots, since)[0])))
    return counts


@contextmanager
def alarm(handler: Callable[..., None], seconds: float) -> Iterator[None]:
    before = signal.signal(signal.SIGALRM, handler)
    try:
        signal.setitimer(signal.ITIMER_REAL, seconds)
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def in_threads(*work: Callable[[], None]) -> None:
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    failures: list[str] = []

    def guarded(one: Callable[[], None]) -> None:
        try:
            one()
        except BaseException:
            failures.append(traceback.format_exc())

    try:
        threads = [threading.Thread(target=guarded, args=(one,)) for one in work]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert not failures, failures[0]


# Threads


def test_eight_threads_that_sweep_through_a_shared_part_lose_nothing_of_its_gradient():
    w = Value(2.0)
    shared = w
    for _ in range(200):
        shared = shared * 1.0
    roots = [shared * 1.0 for _ in range(8)]

    def sweep(root: Value) -> Callable[[], None]:
        def work() -> None:
            for _ in range(100):
                root.backward()

        return work

    in_threads(*map(sweep, roots))
    assert w.grad == 800.0


def test_threads_that_build_on_shared_parameters_lose_no_gradient():
    shared, count, workers = Value(2.0), 100, 4

    def work() -> None:
        for _ in range(count):
            y = shared
            for _ in range(50):
                y = y + shared
            y.backward()

    in_threads(*[work] * workers)
    assert shared.grad == workers * count * 51


def test_a_pass_that_fails_in_one_thread_does_no_harm_to_that_of_another():
    w, zero = Value(2.0), Value(0.0)
    good, bad = w * 3.0, sqrt(zero) * w

    def succeed() -> None:
        for _ in range(300):
            good.backward()

    def fail() -> None:
        for _ in range(300):
            with pytest.raises(DomainError, match="sqrt is not differentiable at x = 0.0"):
                bad.backward()

    in_threads(succeed, fail, succeed, fail)
    assert w.grad == 2 * 300 * 3.0


def test_derivatives_of_functions_are_right_in_eight_threads_at_once():
    def work() -> None:
        for _ in range(30):
            assert grad(grad(lambda x: x**3))(2.0) == 12.0
            assert vjp(lambda x: [x * 2.0, x * x], 3.0)[1]([1.0, 1.0]) == (8.0,)
            assert jvp(lambda x, y: x * y, (2.0, 5.0), (1.0, 0.0)) == (10.0, 5.0)

    in_threads(*[work] * 8)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="not applicable: there is no fork")
def test_a_forked_child_walks_even_where_a_thread_of_its_parent_was_walking():
    x = y = Value(1.0)
    for _ in range(3000):
        y = y * 1.0
    stop = threading.Event()

    def work() -> None:
        while not stop.is_set():
            y.backward()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        for _ in range(20):
            child = os.fork()
            if child == 0:
                signal.alarm(20)
                os._exit(0 if gradients(y, [x]) == [1.0] else 1)
            assert os.waitpid(child, 0)[1] == 0
    finally:
        stop.set()
        thread.join()


# Signals


def long_chain(nodes: int) -> tuple[Value, Value]:
    x = y = Value(1.0)
    for _ in range(nodes // 2):
        y = y * 1.0 + x
    return x, y


@pytest.mark.parametrize("walk", ["backward", "gradients", "jvp"])
def test_an_interrupt_ends_a_long_walk_on_its_way(walk):
    nodes = 3_000_000 if engine.name == "native" else 150_000
    x, y = long_chain(nodes)
    walks = {
        "backward": y.backward,
        "gradients": lambda: engine.pull_back([y], [1.0], [x], 0),
        "jvp": lambda: engine.push_forward([y], [x], [1.0], 0),
    }

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), alarm(interrupt, 0.01):
        walks[walk]()
        signal.pause()  # an interrupt that comes too late to end the walk has no effect on it
    assert x.grad == 0.0
    y.backward()  # and nothing is left locked
    assert x.grad == nodes // 2 + 1


def test_a_walk_within_a_walk_says_so_and_leaves_both_graphs_as_they_were():
    x, y = long_chain(1_000_000 if engine.name == "native" else 100_000)
    other = Value(3.0)
    root = other * other
    said: list[str] = []

    def handler(*_: object) -> None:
        try:
            root.backward()
        except RuntimeError as error:
            said.append(str(error))

    with alarm(handler, 0.003):
        y.backward()
        signal.setitimer(signal.ITIMER_REAL, 0)
    assert said == ["a walk over a graph was begun within another one, by a signal handler or a trace function"]
    assert other.grad == 0.0 and x.grad > 0.0
    root.backward()
    assert other.grad == 6.0


def test_within_a_walk_values_may_be_made_but_none_anew():
    x, y = long_chain(1_000_000 if engine.name == "native" else 100_000)
    said: list[str] = []
    made: list[Value] = []

    def handler(*_: object) -> None:
        made.append(Value(2.0) * 3.0)
        try:
            made[0].__init__(1.0)
        except RuntimeError as error:
            said.append(str(error))

    with alarm(handler, 0.003):
        y.backward()
        signal.setitimer(signal.ITIMER_REAL, 0)
    assert said == ["a node was made anew within a walk over its graph, by a signal handler or a trace function"]
    assert made[0].op is not None and x.grad > 0.0


# Cost


@pytest.mark.parametrize(
    "outer", [grad, lambda f: lambda x: jvp(f, (x,), (1.0,)), lambda f: lambda x: vjp(f, x)[1](1.0)]
)
def test_derivatives_in_a_loop_cost_what_their_own_graphs_cost(walked, outer):
    def cost(n: int) -> int:
        def descend(x: Value) -> Value:
            for _ in range(n):
                x = x - 0.01 * grad(lambda x: x**4 / 4 - x)(x)
            return x

        walked.clear()
        outer(descend)(0.5)
        return sum(walked)

    assert cost(400) < 2.2 * cost(200)


def test_one_walk_serves_every_output(walked):
    def outputs(x: Value) -> list[Value]:
        made, h = [], x
        for _ in range(2000):
            h = h + 0.5
            if len(made) < 200:
                made.append(h)
        return [*made, h]

    vjp(outputs, 1.0)[1]([1.0] * 201)
    assert sum(walked) < 3 * 2300
    walked.clear()
    jvp(outputs, (1.0,), (1.0,))
    assert sum(walked) < 3 * 2300


def test_one_walk_serves_each_row_of_a_jacobian_between_values(walked):
    w = Value(3.0)
    rows = jacobian(lambda x: [x * w] * 50)(2.0)
    assert [row.data for row in rows] == [3.0] * 50
    assert len(walked) <= 2 * 50


def test_what_was_made_before_a_call_is_not_walked_through(walked):
    x, history = long_chain(5000)
    assert float(grad(lambda v: v * history)(1.0)) == history.data
    assert max(walked) < 10


@pytest.mark.parametrize("create_graph", [False, True])
def test_gradients_between_values_in_a_loop_cost_what_is_between_them(walked, create_graph):
    x = Value(0.5)
    for _ in range(300):
        (slope,) = gradients(log(x * 2.0) * x, [x], create_graph)
        x = x - 0.01 * slope
    assert max(walked) < 40


def test_an_inner_derivative_sees_what_was_assigned_after_its_inputs_were_made():
    w = Value(2.0)
    with pytest.raises(ValueError, match="out of date"):

        def f(x: Value) -> Value:
            h = w * 3.0
            y = x * h
            w.data = 5.0
            return gradients(y, [h], create_graph=True)[0]

        grad(f)(1.0)


def test_gradients_go_as_far_back_as_the_oldest_of_what_they_are_asked_for():
    x = Value(2.0)
    square = x * x
    assert grad(lambda v: v * v)(1.0) == 2.0  # an epoch passes
    w = Value(3.0)
    for xs, found in (([x, w], [12.0, 4.0]), ([w, x], [4.0, 12.0])):
        assert gradients(square * w, xs) == found


def test_copies_are_as_young_as_the_copy():
    from copy import deepcopy

    x = Value(2.0)
    y = x * x

    def f(v: Value) -> Value:
        twin = deepcopy(y)
        (leaf,) = [node for node in topological_order(twin) if node.op is None]
        return v * gradients(twin, [leaf], create_graph=True)[0]

    assert float(grad(f)(3.0)) == 4.0


def test_operands_come_in_their_order_however_many_they_are() -> None:
    a, b, c = Value(1.0), Value(2.0), Value(3.0)
    for y in (sum([a, b, c]), sum([a, b]) * c, dot([a, 5.0], [b, c])):
        order = [node for node in topological_order(y) if node.op is None]
        assert all(node is leaf for node, leaf in zip(order, (a, b, c), strict=True))
