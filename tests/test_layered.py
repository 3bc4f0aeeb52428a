"""Large pictures: what is placed by our layout stands apart, is passed by no line, and is the same for equal graphs."""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from pages import new_page, opened_browser  # noqa: F401 (fixtures)

from autodiff import Value
from autodiff import sum as total
from nn import MLP
from viz import draw
from viz.graph import render
from viz.graph.bunches import Bunched
from viz.graph.layered import Layered, Line

pytestmark = pytest.mark.once

WIDE, HIGH = 60.0, 40.0


def tangle(count: int, seed: int = 0) -> list[Line]:
    rng = random.Random(seed)
    sources = max(2, count // 8)
    return [Line(rng.randrange(max(0, i - 20), i), i, at) for i in range(sources, count) for at in (-7.0, 7.0)]


def tree(depth: int) -> list[Line]:
    """A complete binary tree, its root last: element i of the inner ones joins two below it."""
    leaves = 2**depth
    joined = [(2 * (i - leaves), 2 * (i - leaves) + 1) for i in range(leaves, 2 * leaves - 1)]
    return [Line(j, leaves + i, at) for i, pair in enumerate(joined) for j, at in zip(pair, (-7.0, 7.0), strict=True)]


def between(a: tuple[float, float], b: tuple[float, float]) -> list[tuple[float, float]]:
    """Points of the piece that is drawn from a to b: a Bézier curve that is horizontal at both."""
    points = []
    for k in range(21):
        t = k / 20
        middle = (a[0] + b[0]) / 2
        weights = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3)
        x = sum(w * p for w, p in zip(weights, (a[0], middle, middle, b[0]), strict=True))
        y = sum(w * p for w, p in zip(weights, (a[1], a[1], b[1], b[1]), strict=True))
        points.append((x, y))
    return points


@pytest.mark.parametrize("wrap", [0.0, 900.0])
@pytest.mark.parametrize("lines", [tangle(60), tangle(150, seed=1), tree(5)], ids=["60", "150", "tree"])
def test_boxes_stand_apart_and_no_line_passes_through_one(lines: list[Line], wrap: float) -> None:
    count = 1 + max(line.head for line in lines)
    placed = Layered([(WIDE, HIGH)] * count, lines).layout(wrap)
    for i, (x, y) in enumerate(placed.middles):
        for u, v in placed.middles[:i]:
            assert abs(x - u) >= WIDE or abs(y - v) >= HIGH
    for line, route in zip(lines, placed.routes, strict=True):
        others = [middle for i, middle in enumerate(placed.middles) if i not in (line.tail, line.head)]
        for x, y in (point for a, b in pairwise(route) for point in between(a, b)):
            assert not any(abs(x - u) < WIDE / 2 - 1 and abs(y - v) < HIGH / 2 - 1 for u, v in others)


def layer(inputs: int, neurons: int) -> list[Line]:
    """Neurons that each use all inputs and as many leaves of their own; an output that uses the neurons."""
    first = inputs + inputs * neurons
    own = [Line(inputs + n * inputs + k, first + n) for n in range(neurons) for k in range(inputs)]
    shared = [Line(k, first + n) for n in range(neurons) for k in range(inputs)]
    return [*own, *shared, *(Line(first + n, first + neurons) for n in range(neurons))]


@pytest.mark.parametrize("wrap", [0.0, 900.0])
def test_weights_in_bunches_stand_apart_before_their_neuron_and_their_lines_end_at_it(wrap: float) -> None:
    lines = layer(20, 12)
    sizes = [(WIDE, HIGH)] * (1 + lines[-1].head)
    bunched, plain = Bunched(sizes, lines), Layered(sizes, lines)
    placed = bunched.layout(wrap)
    for i, (x, y) in enumerate(placed.middles):
        for u, v in placed.middles[:i]:
            assert abs(x - u) >= WIDE or abs(y - v) >= HIGH
    for line, route in zip(lines, placed.routes, strict=True):
        (x, y), (u, v) = placed.middles[line.tail], placed.middles[line.head]
        assert route[0] == pytest.approx((x + WIDE / 2, y)) and route[-1] == pytest.approx((u - WIDE / 2, v))
        assert len(route) % 2 == 0
        assert all(a[1] == pytest.approx(b[1]) for a, b in zip(route[::2], route[1::2], strict=True)), (
            "level, then bent"
        )
    assert bunched.size()[1] < 0.3 * plain.size()[1]


def test_lines_run_forward_and_end_at_their_boxes() -> None:
    lines = tangle(80)
    placed = Layered([(WIDE, HIGH)] * 80, lines).layout()
    for line, route in zip(lines, placed.routes, strict=True):
        (x, y), (u, v) = placed.middles[line.tail], placed.middles[line.head]
        assert route[0] == pytest.approx((x + WIDE / 2, y))
        assert route[-1] == pytest.approx((u - WIDE / 2, v + line.at))
        assert all(a[0] <= b[0] + 1e-9 for a, b in pairwise(route))


def test_a_tree_has_no_crossing() -> None:
    lines = tree(6)
    routes = Layered([(WIDE, HIGH)] * (2**7 - 1), lines).layout().routes
    by_gap: dict[float, list[tuple[float, float]]] = {}
    for route in routes:
        by_gap.setdefault(route[1][0], []).append((route[0][1], route[-1][1]))
    for ends in by_gap.values():
        ends.sort()
        assert [end for _, end in ends] == sorted(end for _, end in ends)


def test_a_long_chain_with_a_leaf_at_each_step_stays_straight() -> None:
    count = 400  # value, leaf, operation: the operation's result is the next value
    lines = [Line(0, 2, -8.0, free=True), Line(1, 2, 8.0, free=True)]
    for i in range(3, count - 1, 2):
        lines += [Line(i - 1, i + 1, -8.0, free=True), Line(i, i + 1, 8.0, free=True)]
    assert Layered([(WIDE, HIGH)] * count, lines).size()[1] < 12 * HIGH


def test_a_cycle_is_refused() -> None:
    with pytest.raises(ValueError, match="without cycles"):
        Layered([(WIDE, HIGH)] * 2, [Line(0, 1), Line(1, 0)])


def steps(count: int) -> Value:
    y = Value(1.0, "x")
    for i in range(count):
        y = y + Value(0.5) if i % 2 else y * Value(1.01)
    y.label = "f"
    return y


def test_equal_graphs_give_equal_pictures_whatever_the_seed_of_hashes() -> None:
    code = (
        "import sys; sys.path.insert(0, 'tests'); from test_layered import *; import hashlib\n"
        "print(hashlib.sha256(draw(spread()).svg.encode()).hexdigest())"
    )
    found = set()
    for seed in ("0", "1", "77"):
        run = subprocess.run(
            [sys.executable, "-c", code], env={**os.environ, "PYTHONHASHSEED": seed}, cwd=Path(__file__).parent.parent,
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        found.add(run.stdout)
    assert len(found) == 1


def spread() -> Value:
    rng = random.Random(3)
    values = [Value(rng.random(), f"x{i}") for i in range(20)]
    while len(values) < 150:
        a, b = rng.choice(values[-15:]), rng.choice(values)
        values.append(a * b if rng.random() < 0.5 else a - b)
    return total(values[-15:])


def numbers(pattern: str, text: str) -> list[float]:
    found = re.search(pattern, text)
    assert found is not None
    return [float(x) for x in found[1].split()]


def test_labels_of_a_large_picture_are_crossed_by_no_line() -> None:
    found = render.places(draw(steps(200), legend=False).source)
    assert len(found.labels) > 300
    ordered = sorted(found.labels.values())
    for i, (x, y) in enumerate(ordered):
        for u, v in ordered[i + 1 :]:
            if u - x > 30.0:
                break
            assert abs(y - v) >= 12.0 or abs(u - x) >= 7.0
    for key, label in found.labels.items():
        curve = found.lines[key]
        assert any(abs(x - label[0]) < 40.0 and abs(y - label[1]) < 20.0 for x, y in curve), "it stands at its own line"


def test_on_paper_a_wide_graph_is_wrapped(tmp_path: Path) -> None:
    y = steps(60)
    on_screen = numbers(r'viewBox="([^"]*)"', draw(y).svg)
    page = draw(y).save(tmp_path / "f.pdf").read_bytes().decode("latin-1")
    on_paper = numbers(r"/MediaBox \[ ?([\d. ]+)\]", page)
    assert on_screen[2] > 5 * on_screen[3]
    assert on_paper[2] < 2 * on_paper[3]
    assert on_paper[2] >= 800.0


def test_thousands_of_values_come_as_an_overview_that_is_not_one_long_strip() -> None:
    y = steps(1100)
    drawing = draw(y, max_nodes=3000)
    assert set(re.findall(r'id="(node-\d+)"', drawing.svg)) == {f"node-{i}" for i in range(2201)}
    assert "an\u00a0overview" in drawing.svg
    _, _, wide, high = numbers(r'viewBox="([^"]*)"', drawing.svg)
    assert 0.5 < wide / high < 4.0
    assert "2201 values" in str(drawing)


def test_the_overview_of_a_network_is_not_one_high_strip() -> None:
    output = MLP(2, [46, 46, 1], rng=0)([Value(1.0, "x1"), Value(-2.0, "x2")])
    assert isinstance(output, Value)
    _, _, wide, high = numbers(r'viewBox="([^"]*)"', draw(output, max_nodes=3000).svg)
    assert 0.5 < wide / high < 4.0


@pytest.mark.browser
def test_the_page_of_a_picture_zooms_and_comes_back(page: Any, tmp_path: Path) -> None:
    drawing = draw(steps(30))
    page.goto(drawing.save(tmp_path / "f.html").as_uri())
    box: Callable[[], list[float]] = lambda: [  # noqa: E731
        float(x) for x in page.locator("svg").get_attribute("viewBox").split()
    ]
    began = box()
    letters = [text.bounding_box()["height"] for text in page.locator("svg .value text").all()[:5]]
    assert min(letters) > 9.0, "a long chain begins where it can be read"
    page.keyboard.press("0")
    whole = box()
    assert began[0] == whole[0] and began[2] < 0.5 * whole[2]
    page.mouse.move(300, 300)
    page.mouse.wheel(0, -400)
    page.wait_for_timeout(100)
    assert box()[2] < 0.7 * whole[2]
    before = box()
    page.mouse.down()
    page.mouse.move(200, 300)
    page.mouse.up()
    assert box()[0] > before[0]
    page.keyboard.press("0")
    assert box() == pytest.approx(whole)
