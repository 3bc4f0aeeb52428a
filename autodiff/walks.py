"""The reference engine's walks, but for `Value.backward`: orders, and derivatives that leave ``grad`` alone.

A node knows the epoch it was made in, and its operands are never younger. An epoch begins with each derivative of a
function, so that what an inner derivative does not depend on is told by its age: a walk ``since`` an epoch goes no
deeper, and costs what the graph since then costs, however long the history below it.
"""

# The functions of an engine read what a node keeps, past the checks of its attributes.
# pyright: reportPrivateUsage=false

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Callable, Iterable, Sequence
from threading import get_ident
from typing import Any, ParamSpec, TypeVar

Node = Any  # a Value of the reference engine

now: int = 0  # the epoch in which nodes are made
assigned: int = -1  # that in which the data of some node was last assigned
_ticking = threading.Lock()
_walking = threading.Lock()
_walker = 0  # the thread that is walking

P = ParamSpec("P")
R = TypeVar("R")


def _new_lock() -> None:
    """In a new process, which begins with no walk, whatever its parent's other threads are at."""
    global _walking, _walker
    _walking, _walker = threading.Lock(), 0


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_new_lock)


def tick() -> int:
    """Begin an epoch: what is made from now on is younger than anything there is."""
    global now
    with _ticking:
        now += 1
        return now


def note_assignment() -> None:
    global assigned
    assigned = now


def last_assignment() -> int:
    """The epoch in which some node's data was last assigned by hand: what was made since follows from its operands."""
    return assigned


def oldest(nodes: Iterable[Node]) -> int:
    """The epoch of the oldest of the nodes; the present one where there are none."""
    return min([node._epoch for node in nodes], default=now)


def between_walks() -> None:
    """RuntimeError within a walk: what would pull the graph from under it."""
    if _walker == get_ident():
        raise RuntimeError("a node was made anew within a walk over its graph, by a signal handler or a trace function")


def one_at_a_time(walk: Callable[P, R]) -> Callable[P, R]:
    """One walk at a time in the whole process: two threads may share parameters, and lose no part of a gradient.

    RuntimeError where a walk is begun within another, as a signal handler may do.
    """

    @functools.wraps(walk)
    def alone(*args: P.args, **kwargs: P.kwargs) -> R:
        global _walker
        if _walker == get_ident():
            raise RuntimeError(
                "a walk over a graph was begun within another one, by a signal handler or a trace function"
            )
        with _walking:
            _walker = get_ident()
            try:
                return walk(*args, **kwargs)
            finally:
                _walker = 0

    return alone


def ordered(roots: Iterable[Node], since: int = 0) -> tuple[list[Node], bool]:
    """What ``roots`` depend on, operands before results, none older than ``since``; and whether there are older.

    No recursion.
    """
    order: list[Node] = []
    seen: set[Node] = set()
    older = False
    for root in roots:
        stack: list[Any] = [root]
        while stack:
            node = stack.pop()
            if node is None:  # all operands of the node below the marker are in order
                order.append(stack.pop())
            elif node.__class__ is not float and node not in seen:
                if node._epoch < since:
                    older = True
                    continue
                seen.add(node)
                x = node._x
                if x is None:
                    order.append(node)
                else:
                    stack.append(node)
                    stack.append(None)
                    if node._y is not None:
                        stack.append(node._y)
                    if x.__class__ is tuple:
                        stack.extend(x[::-1])
                    else:
                        stack.append(x)
    return order, older


@one_at_a_time
def order(roots: Sequence[Node], since: int = 0) -> tuple[list[Node], bool]:
    """As `ordered`."""
    return ordered(roots, since)


@one_at_a_time
def pull_back(
    roots: Sequence[Node], seeds: Sequence[float], xs: Sequence[Node], since: int
) -> tuple[list[float], bool]:
    """Σ seed · ∂root/∂x for each x in ``xs``, by one backward pass; and whether the roots depend on what is older.

    0 where no root depends on x; not finite where the pass meets a point without a derivative, or overflows.
    """
    nodes, older = ordered(roots, since)
    received: dict[Node, float] = {}
    for root, seed in zip(roots, seeds, strict=True):
        received[root] = received.get(root, 0.0) + seed
    for node in reversed(nodes):
        if node._x is not None:
            grad = received[node]
            for arg, partial in zip(node.args, node.partials, strict=True):
                if arg.__class__ is not float:
                    received[arg] = received.get(arg, 0.0) + grad * partial
    return [received.get(x, 0.0) for x in xs], older


@one_at_a_time
def push_forward(
    roots: Sequence[Node], xs: Sequence[Node], directions: Sequence[float], since: int
) -> tuple[list[float], bool]:
    """Σ ∂root/∂x · direction for each root, by one forward pass; and whether the roots depend on what is older."""
    nodes, older = ordered(roots, since)
    tangents: dict[Node, float] = dict(zip(xs, directions, strict=True))
    for node in nodes:
        if node not in tangents:
            amounts = [
                tangents[arg] * partial
                for arg, partial in zip(node.args, node.partials, strict=True)
                if arg.__class__ is not float and arg in tangents
            ]
            if amounts:
                tangents[node] = functools.reduce(float.__add__, amounts)
    return [tangents.get(root, 0.0) for root in roots], older
