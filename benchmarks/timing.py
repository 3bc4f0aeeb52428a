"""What the benchmarks share: timing in alternating rounds, the memory of a process, and tables."""

from __future__ import annotations

import gc
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

Case = Callable[[], Any]


def cpu_seconds(case: Case, runs: int = 1) -> float:
    """CPU time of one run, not wall time: what else the machine does then counts little.

    The garbage collector stays on, but starts without the garbage that the case before left it.
    """
    gc.collect()
    start = time.process_time()
    for _ in range(runs):
        case()
    return (time.process_time() - start) / runs


def alternate(cases: dict[str, Case], rounds: int, runs: int = 1) -> dict[str, float]:
    """The median seconds of each case. Each round runs all of them, so that a slow minute hits all alike."""
    for case in cases.values():
        case()  # the first run pays for imports and for memory
    seconds: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(rounds):
        for name, case in cases.items():
            seconds[name].append(cpu_seconds(case, runs))
    return {name: statistics.median(measured) for name, measured in seconds.items()}


def resident_bytes() -> int:
    """The memory of this process that is in use now (on Linux), or was at most (elsewhere)."""
    if sys.platform.startswith("linux"):
        with open("/proc/self/statm") as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def in_new_process(script: str, *arguments: str) -> str:
    """What ``python script arguments`` prints."""
    run = subprocess.run([sys.executable, script, *arguments], capture_output=True, text=True, check=True)
    return run.stdout.strip()


def machine() -> str:
    model = platform.processor() or platform.machine()
    if sys.platform.startswith("linux"):
        with open("/proc/cpuinfo") as cpuinfo:
            models = [line.partition(":")[2].strip() for line in cpuinfo if line.startswith("model name")]
        model = models[0] if models else model
    return f"{model}, {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"


def table(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """A Markdown table, aligned so that it reads well unrendered too."""
    cells = [list(header), *[[_text(cell) for cell in row] for row in rows]]
    widths = [max(len(row[i]) for row in cells) for i in range(len(header))]
    lines = [
        "| "
        + " | ".join(c.ljust(w) if i == 0 else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True)))
        + " |"
        for row in cells
    ]
    rule = ["-" * widths[0], *["-" * (w - 1) + ":" for w in widths[1:]]]
    return "\n".join([lines[0], "| " + " | ".join(rule) + " |", *lines[1:]])


def _text(cell: Any) -> str:
    if not isinstance(cell, float):
        return str(cell)
    return f"{cell:,.0f}" if abs(cell) >= 100 else f"{cell:.1f}" if abs(cell) >= 10 else f"{cell:.2f}"
