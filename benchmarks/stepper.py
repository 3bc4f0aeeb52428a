"""The step-through page: how long it takes to build, how large it is, how long a step takes in Chromium, and a move.

Two pages: a 2-2-1 network with its squared loss over XOR's examples, and a chain of 299 values. Times are wall time. A
step is one click on Next until the browser has laid the page out, its painting not included; without animation, as with
reduced motion. A move is one number of a leaf set by its slider when every number is shown: all values, local
derivatives, gradients and sentences are computed anew, written, and laid out. Needs Playwright and Debian's Chromium.
"""

from __future__ import annotations

import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from timing import machine, table

from autodiff import Value
from nn import MLP
from viz import Stepper, step

BUILDS = 5
NODES = 299
MOVES = 60

WALK = """
() => {
  const root = document.querySelector("[id^=stepper-]").shadowRoot;
  const next = root.querySelector(".next");
  const milliseconds = [];
  while (next.getAttribute("aria-disabled") !== "true") {
    const start = performance.now();
    next.click();
    root.host.getBoundingClientRect();
    milliseconds.push(performance.now() - start);
  }
  return milliseconds;
}
"""

MOVE = """
(moves) => {
  const root = document.querySelector("[id^=stepper-]").shadowRoot;
  root.querySelector(".last").click();
  const slider = root.querySelector(".leaf [type=range]");
  const milliseconds = [];
  for (let k = 0; k < moves; k++) {
    const start = performance.now();
    slider.value = k % 2 ? 0.5 : 0.7;
    slider.dispatchEvent(new Event("input"));
    root.host.getBoundingClientRect();
    milliseconds.push(performance.now() - start);
  }
  return milliseconds;
}
"""


def net() -> Stepper:
    model = MLP(2, [2, 1], rng=0)
    x1, x2, t = Value(0.0, "x1"), Value(1.0, "x2"), Value(1.0, "t")
    examples = {x1: [0, 0, 1, 1], x2: [0, 1, 0, 1], t: [0, 1, 1, 0]}
    return step((model([x1, x2]) - t) ** 2, parameters=model, examples=examples)


def chain() -> Stepper:
    """x, then sums and products in turn, each with a leaf of its own."""
    y = Value(0.5)
    for i in range(NODES // 2):
        y = y + Value(0.1) if i % 2 else y * Value(1.01)
    return step(y, max_nodes=NODES)


def build(make: Callable[[], Stepper], path: Path) -> float:
    start = time.perf_counter()
    make().save(path)
    return time.perf_counter() - start


def measured(context: Any, name: str, make: Callable[[], Stepper], values: int, directory: Path) -> list[Any]:
    path = directory / "page.html"
    build(make, path)  # the first run pays for imports and fonts
    seconds = statistics.median(build(make, path) for _ in range(BUILDS))
    page = context.new_page()
    page.goto(path.as_uri())
    steps = page.evaluate(WALK)
    moves = page.evaluate(MOVE, MOVES)
    page.close()
    return [
        name, values, 1e3 * seconds, path.stat().st_size / 1024, len(steps), statistics.median(steps), max(steps),
        statistics.median(moves), statistics.quantiles(moves, n=20)[-1],
    ]  # fmt: skip


def main() -> None:
    from playwright.sync_api import sync_playwright

    executable = shutil.which("chromium")
    if executable is None:
        raise SystemExit("Chromium is not installed: apt-get install chromium")
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as directory:
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox", "--disable-gpu"])
        context = browser.new_context(reduced_motion="reduce", viewport={"width": 1280, "height": 900})
        rows = [
            measured(context, name, make, values, Path(directory))
            for name, make, values in (("2-2-1 net with loss", net, 20), (f"chain of {NODES}", chain, NODES))
        ]
        print(f"{machine()}, Chromium {browser.version}\n")
        browser.close()
    heads = ["graph", "values", "build, ms", "page, KiB", "steps", "median step, ms", "longest step, ms"]
    print(table([*heads, "median move, ms", "95 % of moves, ms"], rows))


if __name__ == "__main__":
    main()
