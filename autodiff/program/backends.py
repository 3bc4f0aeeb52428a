"""Who runs a Program's instructions: NumPy, or the tape in C; "auto" takes the faster of the two, which it measures."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from autodiff.errors import CompileError
from autodiff.program import on_native, on_numpy
from autodiff.program.instructions import Plan

Runner = on_numpy.Runner | on_native.Runner
RUNNERS: dict[str, Callable[[Plan, int, bool, Any], Runner]] = {
    "numpy": on_numpy.Runner,
    "native": on_native.Runner,
}
_RUNS = 5
_MOST_CALLS = 5000  # of NumPy, so many that preparing them takes a second, and the tape is faster anyway


def bound(backend: str, plan: Plan, n: int, each: bool, dtype: Any) -> Runner:
    """A plan bound to memory for ``n`` examples. ValueError for a backend that there is not."""
    if backend not in RUNNERS:
        raise ValueError(f"backend is 'numpy', 'native', 'jax' or 'auto', not {backend!r:.60}")
    return RUNNERS[backend](plan, n, each, dtype)


def faster(plan: Plan, n: int, runner: Callable[[str], Runner], run: Callable[[Runner], Any]) -> tuple[str, str]:
    """The backend that runs ``n`` examples in less time, and a sentence that says why.

    ``runner`` gives one by name, ``run`` is what is timed. NumPy serves where the tape cannot.
    """
    calls = len(plan.instructions)
    try:
        if calls > _MOST_CALLS:
            runner("native")
            return "native", f"native: NumPy would take {calls:,} calls"
        seconds = {name: _seconds(run, runner(name)) for name in RUNNERS}
    except CompileError as error:
        return "numpy", f"numpy: {error}"
    best, other = sorted(seconds, key=lambda name: seconds[name])
    examples = "1 example" if n == 1 else f"{n:,} examples"
    return best, f"{best} for {examples}: {1e6 * seconds[best]:.0f} µs, {other} {1e6 * seconds[other]:.0f}"


def _seconds(run: Callable[[Runner], Any], runner: Runner) -> float:
    """The least of several runs, after one that warms it up."""
    found: list[float] = []
    for _ in range(1 + _RUNS):
        start = time.perf_counter()
        run(runner)
        found.append(time.perf_counter() - start)
    return min(found[1:])
