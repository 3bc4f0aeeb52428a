"""The step-through page: how long it takes to build, how large it is, and how long a step takes in Chromium.

Two pages: a 2-2-1 network with its squared loss, and a chain of 299 values. Times are wall time. A step is one click
on Next until the browser has laid the page out, its painting not included; without animation, as with reduced
motion. Needs Playwright and Debian's Chromium.
"""

from __future__ import annotations

import shutil
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from timing import machine, table

from autodiff import Value, topological_order
from nn import MLP
from viz import step

BUILDS = 5
NODES = 299

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


def net() -> Value:
    return (MLP(2, [2, 1], rng=1)([Value(1.0, "x1"), Value(-2.0, "x2")]) - 0.5) ** 2


def chain() -> Value:
    """x, then sums and products in turn, each with a leaf of its own."""
    y = Value(0.5)
    for i in range(NODES // 2):
        y = y + Value(0.1) if i % 2 else y * Value(1.01)
    return y


def build(make: Any, path: Path) -> float:
    start = time.perf_counter()
    step(make(), max_nodes=NODES).save(path)
    return time.perf_counter() - start


def measured(context: Any, name: str, make: Any, directory: Path) -> list[Any]:
    path = directory / "page.html"
    build(make, path)  # the first run pays for imports and fonts
    seconds = statistics.median(build(make, path) for _ in range(BUILDS))
    page = context.new_page()
    page.goto(path.as_uri())
    steps = page.evaluate(WALK)
    page.close()
    nodes = len(topological_order(make()))
    return [
        name, nodes, 1e3 * seconds, path.stat().st_size / 1024, len(steps), statistics.median(steps), max(steps)
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
            measured(context, name, make, Path(directory))
            for name, make in (("2-2-1 net with loss", net), (f"chain of {NODES}", chain))
        ]
        print(f"{machine()}, Chromium {browser.version}\n")
        browser.close()
    print(table(["graph", "values", "build, ms", "page, KiB", "steps", "median step, ms", "longest step, ms"], rows))


if __name__ == "__main__":
    main()
