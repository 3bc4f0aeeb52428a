"""Which layout a DOT graph gets: Graphviz's, or where that takes long ours (`layered`), written into the graph.

Graphviz bends lines around all that they pass, which takes it minutes where there are many. It then draws what is
placed here: it says how large the elements are, and puts in text, arrowheads and legend.
"""

from __future__ import annotations

import html
import math
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

from viz.graph.bunches import Bunched
from viz.graph.labels import beside
from viz.graph.layered import Layered, Layout, Line, Point, passed

_MOST_ELEMENTS, _MOST_PASSED = 120, 600  # that Graphviz lays out, in a second at most
_POINTS_PER_INCH = 72.0
_ARROW = 7.0  # points
_LETTER, _HEIGHT = 7.7, 14.0  # points, of a label's letter and line
_SMALL_LETTER, _SMALL_HEIGHT = 6.4, 11.0  # of a weight's number
_FEW, _WEIGHTS = 40, (160.0, 76.0)  # weights; points between columns of neurons where they are few, and where not
_HEADING = 40.0  # points above a column
_NODESEP = 0.25  # inches between the elements of a rank
_SPREAD = 16.0  # between lines that end at one circle, so that a label has room between two
_OPERAND = re.compile(r"\d+$|$")  # of edge-3-1 the 1
_TAG = re.compile(r"<[^>]*>")
_PAPER = 1000.0  # points, the narrowest band of a graph that is wrapped
_PAPER_SHAPE, _SCREEN_SHAPE = 1.41, 0.6  # height by width
# Elements; a larger picture is seen whole before a part of it is read, so it is wrapped on screens too.
_MOST_READ = 2000
_SIDES = {"nw": -1, "ne": 1, "sw": 1}


@dataclass
class Elements:
    """The nodes and edges of a graph, and how lines run between them."""

    nodes: list[Any]
    edges: list[Any]
    lines: list[Line]
    across: bool  # whether it runs from the top down
    headings: list[Any]  # each stands above the column that its group names
    back: list[float] = field(default_factory=list)  # of each line how far before its end its label ends


def place(graph: Any, paper: bool = False) -> None:
    """Write into an open graph where everything in it is.

    paper : whether a picture much wider than a sheet is wrapped, as lines of text are
    """
    found = _elements(graph)
    if found is None:
        graph.layout(prog="dot")
        if not paper or _width(graph) <= 1.5 * _PAPER:
            return
        found = _elements(graph, always=True)
    if found is not None:
        _lay_out(graph, found, paper)


def _width(graph: Any) -> float:
    left, _, right, _ = map(float, graph.graph_attr["bb"].split(","))
    return right - left


def _elements(graph: Any, always: bool = False) -> Elements | None:
    """What our layout is to place; None where Graphviz is to."""
    nodes, edges = graph.nodes(), graph.edges(keys=False)
    headings = [node for node in nodes if (node.attr["class"] or "") == "heading"]
    nodes = [node for node in nodes if (node.attr["class"] or "") != "heading"]
    index = {str(node): i for i, node in enumerate(nodes)}
    lines = [Line(index[edge[0]], index[edge[1]]) for edge in edges]
    across = dict(graph.graph_attr).get("rankdir") != "LR"
    try:
        far = passed(len(nodes), lines)
    except ValueError:
        return None
    few = len(nodes) <= _MOST_ELEMENTS and far <= _MOST_PASSED and not headings
    return None if few and not always else Elements(nodes, edges, lines, across, headings)


def _lay_out(graph: Any, found: Elements, paper: bool) -> None:
    sizes = _sizes(graph, found)
    lines = _ended(found, sizes)
    turned = [(height, width) if found.across else (width, height) for width, height in sizes]
    for line, edge in zip(lines, found.edges, strict=True) if found.across else ():  # labels stand beside their lines
        along, across = turned[line.head]
        turned[line.head] = (along, max(across, 2.0 * (abs(line.at) + _LETTER * len(_label(edge)))))
    keys = {i: int(node.attr["sortv"]) for i, node in enumerate(found.nodes) if node.attr["sortv"]}
    apart = _POINTS_PER_INCH * float(dict(graph.graph_attr).get("nodesep", _NODESEP))
    layered = (Bunched if len(sizes) > _MOST_READ else Layered)(turned, lines, keys, apart)
    shape = _PAPER_SHAPE if paper else _SCREEN_SHAPE if len(sizes) > _MOST_READ else 0.0
    length, thick = layered.size()
    wraps = shape and not found.across and length > 1.5 * _PAPER
    wrap = max(_PAPER, math.sqrt(length * thick / shape)) if wraps else 0.0
    _write(graph, found, lines, layered.layout(wrap, _HEADING if found.headings else 0.0))


def _sizes(graph: Any, found: Elements) -> list[Point]:
    """Of each node width and height in points, as Graphviz finds them; the lines are left out meanwhile."""
    for node in [*found.nodes, *found.headings]:
        node.attr["pos"] = "0,0"
    for head, count in Counter(line.head for line in found.lines).items():
        if count > 2 and found.nodes[head].attr["shape"] == "ellipse":  # room for as many lines, each with its label
            found.nodes[head].attr["width" if found.across else "height"] = f"{count * _SPREAD / _POINTS_PER_INCH:.3f}"
    graph.graph_attr["splines"] = "none"
    graph.layout(prog="nop")
    return [tuple(_POINTS_PER_INCH * float(node.attr[side]) for side in ("width", "height")) for node in found.nodes]  # type: ignore[misc]


def _ended(found: Elements, sizes: list[Point]) -> list[Line]:
    """The lines with where they end at their heads and with room for their labels."""
    into: dict[int, list[int]] = {}
    for i, line in enumerate(found.lines):
        into.setdefault(line.head, []).append(i)
    operand = [int(_OPERAND.search(edge.attr["id"] or "")[0] or 0) for edge in found.edges]  # type: ignore[index]
    lines = list(found.lines)
    found.back = [0.0] * len(lines)
    gap = _WEIGHTS[0] if sum(map(is_weight, found.edges)) <= _FEW else _WEIGHTS[1]
    for head, own in into.items():
        own.sort(key=operand.__getitem__)
        pairs = found.nodes[head].attr["label"].count('port="pair')
        ports = [found.edges[i].attr["headport"] or "" for i in own]
        free = not pairs and not any(ports)
        turns = [_SIDES.get(port.split(":")[-1], 0) for port in ports]
        thick = sizes[head][0 if found.across else 1]
        spread = min(_SPREAD, 0.8 * thick / max(len(own) - 1, 1))
        order = {i: k for k, (_, i) in enumerate(sorted(zip(turns, own, strict=True)))}
        for i, port in zip(own, ports, strict=True):
            at = _pair_at(port, pairs, thick, found.across) if pairs else spread * (order[i] - (len(own) - 1) / 2.0)
            lines[i] = replace(lines[i], at=at, free=free)
        taken: dict[float, float] = {}  # by labels, where two lines end at one pair: side by side, as the factors are
        for i in reversed(own):
            text = _label(found.edges[i])
            if text:
                found.back[i] = taken.get(lines[i].at, 0.0)
                taken[lines[i].at] = found.back[i] + (_HEIGHT if found.across else _LETTER * len(text)) + 4.0
        for i in own:
            if is_weight(found.edges[i]):
                lines[i] = replace(lines[i], at=0.0, free=False, gap=gap)
                continue
            lines[i] = replace(lines[i], label=taken[lines[i].at] + _ARROW if lines[i].at in taken else 0.0)
    return lines


def _pair_at(port: str, pairs: int, thick: float, across: bool) -> float:
    """The middle of a pair's row (below the row with Σ) or column."""
    k = int(port.split(":")[0].removeprefix("pair"))
    share = (k + 0.5) / pairs if across else (k + 1.5) / (pairs + 1)
    return (share - 0.5) * thick


def _label(edge: Any) -> str:
    return html.unescape(_TAG.sub("", edge.attr["label"] or ""))


def _write(graph: Any, found: Elements, lines: list[Line], placed: Layout) -> None:
    def point(p: Point) -> str:
        x, y = (p[1], -p[0]) if found.across else (p[0], -p[1])
        return f"{x:.1f},{y:.1f}"

    for node, middle in zip(found.nodes, placed.middles, strict=True):
        node.attr["pos"] = point(middle)
    _write_headings(found, placed, point)
    weights = {i for i, edge in enumerate(found.edges) if is_weight(edge) and len(placed.routes[i]) == 4}
    _write_weights([(found.edges[i], placed.routes[i][0], placed.routes[i][-1]) for i in sorted(weights)], point)
    for i, (edge, line, route) in enumerate(zip(found.edges, lines, placed.routes, strict=True)):
        if i in weights:
            continue
        if is_weight(edge):
            edge.attr["label"] = ""  # it passes columns, and there is no room
        tip = (route[-1][0] + _inside(found.nodes[line.head], line.at, found.across), route[-1][1])
        start = (route[0][0], route[0][1])
        arrow = 0.0 if edge.attr["arrowhead"] == "none" else _ARROW
        end = (tip[0] - arrow, tip[1])
        ends = f"e,{point(tip)} " if arrow else ""
        edge.attr["pos"] = ends + " ".join(map(point, _curve([start, *route[1:-1], end])))
        text = _label(edge)
        if text:
            half = _LETTER * len(text) / 2.0
            beside = (1.0 if line.at >= 0.0 else -1.0) * (half + 3.0) if found.across else -_HEIGHT / 2.0
            back = _HEIGHT / 2.0 if found.across else half
            edge.attr["lp"] = point((tip[0] - _ARROW - 2.0 - found.back[i] - back, tip[1] + beside))
    graph.graph_attr["splines"] = "true"
    graph.graph_attr["lp"] = graph.graph_attr["bb"] = ""  # of the sizes alone: the legend goes below all of it
    graph.layout(prog="nop2")


def _write_headings(found: Elements, placed: Layout, point: Callable[[Point], str]) -> None:
    """Each above the first element of its column, and above all of its band."""
    first: dict[str, tuple[float, int]] = {}
    tops: dict[int, float] = {}
    for node, (along, across), band in zip(found.nodes, placed.middles, placed.bands, strict=True):
        half = float(node.attr["width" if found.across else "height"]) * _POINTS_PER_INCH / 2.0
        tops[band] = min(tops.get(band, math.inf), across - half)
        group = node.attr["group"] or ""
        first[group] = min(first.get(group, (along, band)), (along, band), key=lambda one: (one[1], one[0]))
    for node in found.headings:
        along, band = first[node.attr["group"]]
        size = _POINTS_PER_INCH * float(node.attr["width" if found.across else "height"])
        node.attr["pos"] = point((along, tops[band] - size / 2.0 - 6.0))


def _write_weights(lines: list[tuple[Any, Point, Point]], point: Callable[[Point], str]) -> None:
    """Straight lines between columns; the numbers of a gap stand at them where there is room for all of them."""
    gaps: dict[str, list[tuple[Any, Point, Point]]] = {}
    for edge, start, end in lines:
        a, b = [tuple(s + k / 3.0 * (e - s) for s, e in zip(start, end, strict=True)) for k in (1, 2)]
        edge.attr["pos"] = " ".join(map(point, (start, a, b, end)))  # type: ignore[arg-type]
        gaps.setdefault(edge[1].attr["group"], []).append((edge, start, end))
    for gap in gaps.values():
        sizes = [(_SMALL_LETTER * len(edge.attr["label"] or "") + 2.0, _SMALL_HEIGHT) for edge, _, _ in gap]
        at = beside([(start, end) for _, start, end in gap], sizes)
        for k, (edge, _, _) in enumerate(gap):
            if at is None:
                edge.attr["label"] = ""
            else:
                edge.attr["lp"] = point(at[k])


def is_weight(edge: Any) -> bool:
    return " weight " in (edge.attr["class"] or "")


def _inside(node: Any, at: float, across: bool) -> float:
    """How far beyond its middle's side an ellipse is met off its middle."""
    if node.attr["shape"] != "ellipse":
        return 0.0
    width, height = (_POINTS_PER_INCH * float(node.attr[side]) / 2.0 for side in ("width", "height"))
    along, thick = (height, width) if across else (width, height)
    return along * (1.0 - math.sqrt(max(0.0, 1.0 - (at / thick) ** 2)))


def _curve(route: list[Point]) -> list[Point]:
    """A Bézier curve through the points, with its ends along at each of them."""
    points = [route[0]]
    for a, b in pairwise(route):
        middle = (a[0] + b[0]) / 2.0
        points += [(middle, a[1]), (middle, b[1]), b]
    return points
