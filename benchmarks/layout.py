"""Pictures of large graphs: how long `draw` takes from the Values to the SVG, and how large the picture is.

Three kinds of graphs, of about 30, 300, 1,000 and 10,000 values: a chain of sums and products; random operations on
what was computed before them; the squared loss of a network with two hidden layers, scalar by scalar. Above 2,000
values the picture is an overview. CPU time, the median of three runs, each on a graph that is built anew.
"""

from __future__ import annotations

import contextlib
import io
import random
import re
import statistics
import time
from collections.abc import Callable

from timing import machine, table

from autodiff import Value, tanh, topological_order
from autodiff import sum as total
from nn import MLP
from viz import draw

SIZES = (30, 300, 1_000, 10_000)
RUNS = 3


def chain(size: int) -> Value:
    y = Value(0.5, "x")
    for i in range(size // 2):
        y = y + Value(0.1) if i % 2 else y * Value(1.01)
    return y


def tangle(size: int) -> Value:
    """Each operation takes one of the last 12 values and one of the last 60; the last 40 are added up."""
    rng = random.Random(0)
    values = [Value(rng.uniform(0.5, 1.0), f"x{i}") for i in range(max(3, size // 8))]
    while len(values) < 0.56 * size:  # each with its tanh, but for the leaves
        a, b = rng.choice(values[-12:]), rng.choice(values[-60:])
        values.append(tanh(rng.choice((a + b, a - b, a * b))))
    return total(values[-40:])


def network(size: int) -> Value:
    width = round(size**0.5 - 3.0)
    return (MLP(2, [width, width, 1], rng=0)([Value(1.0, "x1"), Value(-2.0, "x2")]) - 0.5) ** 2


def measured(make: Callable[[int], Value], size: int) -> list[object]:
    seconds = []
    for run in range(RUNS):
        y = make(size)
        y.label = f"f{run}"  # no two runs draw the same picture, which is kept
        start = time.process_time()
        with contextlib.redirect_stderr(io.StringIO()):
            svg = draw(y, max_nodes=10**6).svg
        seconds.append(time.process_time() - start)
    wide, high = map(float, re.findall(r'viewBox="0\.00 0\.00 ([\d.]+) ([\d.]+)"', svg)[0])
    values = len(topological_order(y))
    return [make.__name__, values, statistics.median(seconds), len(svg) / 1e6, f"{wide:,.0f} × {high:,.0f}"]


def main() -> None:
    draw(Value(1.0) + 1.0).svg  # noqa: B018 (the first picture pays for imports and fonts)
    rows = [measured(make, size) for make in (chain, tangle, network) for size in SIZES]
    print(f"{machine()}\n")
    print(table(["graph", "values", "draw, s", "SVG, MB", "points"], rows))


if __name__ == "__main__":
    main()
