"""DOT source to SVG, PNG and PDF, in this process: pygraphviz's wheel carries Graphviz, so no program is run.

Text is set in DejaVu Sans, which matplotlib's wheel carries, so a picture comes out the same where no font is
installed; only characters that DejaVu lacks are looked for among the machine's fonts. Nothing is printed. A graph is
laid out once, whatever is made of it. What the picture shows is decided in `dot`. Whoever renders otherwise, as a
browser does, replaces this file: `svg`, `png`, `pdf` and `places` are all that the others ask of it.
"""

from __future__ import annotations

import importlib.util
import math
import os
import sys
import tempfile
import threading
import warnings
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from html import escape
from pathlib import Path
from typing import Any

from viz.graph import placing

FONT = "DejaVu Sans"

_SVG = "http://www.w3.org/2000/svg"
_POINTS_PER_INCH = 72.0
_SECOND_BORDER = 8.0  # points that a second border adds to a side of a box
_RESOLUTION = 192.0  # dots per inch of a PNG: sharp on dense screens and in print
_LARGEST_SIDE, _MOST_PIXELS = 32_000.0, 60e6  # cairo draws no bitmap of more than 32767 pixels a side
_MACHINE_FONTS = ("/usr/share/fonts", "/usr/local/share/fonts", "/System/Library/Fonts", "/Library/Fonts")

_lock = threading.Lock()  # Graphviz keeps its state in globals
_fonts_ready = False


def svg(source: str, titles: Mapping[str, str] | None = None) -> str:
    """The picture of a DOT graph as SVG.

    ``titles`` gives the elements with these ids their tooltips, and the picture ("graph") its name. Raises
    ImportError where pygraphviz or matplotlib is missing, ValueError for a source that is no DOT graph.

    >>> from viz.graph.render import svg
    >>> svg("digraph { a -> b }").startswith("<svg ")
    True
    """
    root = ET.fromstring(_render(source, "svg"))
    texts = titles or {}
    for group in root.iter(f"{{{_SVG}}}g"):
        title = group.find(f"{{{_SVG}}}title")
        if title is not None:
            title.text = texts.get(group.get("id", ""), "")
            if not title.text:
                group.remove(title)
    for group in list(root.iter(f"{{{_SVG}}}g")):
        _take_off_links(group)
    for text in root.iter(f"{{{_SVG}}}text"):
        _shift(text)
    root.set("role", "img")
    if "graph" in texts:
        root.set("aria-label", texts["graph"])
    ET.register_namespace("", _SVG)
    return ET.tostring(root, encoding="unicode") + "\n"


def _take_off_links(group: ET.Element) -> None:
    """A cell of a table that had an id: its link goes, its text has the id as ``data-number``."""
    for place, child in enumerate(list(group)):
        if child.get("id", "").startswith("a_"):
            text = child.find(f".//{{{_SVG}}}text")
            assert text is not None
            text.set("data-number", child.get("id", "").removeprefix("a_"))
            text.tail = child.tail
            group[place] = text


def _shift(text: ET.Element) -> None:
    """An index by a position of its own: not every browser knows baseline-shift."""
    shift = {"sub": 0.3, "super": -0.45}.get(text.attrib.pop("baseline-shift", ""))
    if shift is not None:
        text.set("y", f"{float(text.get('y', '0')) + shift * float(text.get('font-size', '12')):.2f}")


def png(source: str, most_pixels: float = _MOST_PIXELS) -> bytes:
    """The picture of a DOT graph as a bitmap of 192 dots per inch, fewer where it would have more pixels than that."""
    left, bottom, right, top = places(source).box
    width, height = (side / _POINTS_PER_INCH for side in (right - left + 8.0, top - bottom + 8.0))
    largest = min(_LARGEST_SIDE / max(width, height), math.sqrt(most_pixels / (width * height)))
    return _render(source, "png", dpi=f"{min(_RESOLUTION, largest):.3f}")


def pdf(source: str) -> bytes:
    """The picture of a DOT graph as one page of PDF, its fonts embedded; one much wider than a sheet is wrapped."""
    return _render(source, "pdf", paper=True)


@dataclass(frozen=True)
class Places:
    """Where things are in a picture that is laid out, in points from its lower left corner.

    box : left, bottom, right, top of all of it
    boxes : by the id of a node its middle and its size: x, y, width, height
    lines : by the id of an edge the points of its Bézier curve, from tail to head, an arrowhead's tip last
    labels : by the id of an edge the middle of its label, where it has one
    """

    box: tuple[float, float, float, float]
    boxes: Mapping[str, tuple[float, float, float, float]]
    lines: Mapping[str, list[tuple[float, float]]]
    labels: Mapping[str, tuple[float, float]]


def places(source: str, paper: bool = False) -> Places:
    """Where the parts of a DOT graph are placed, for those that have ids; on paper as `pdf` places them."""
    with _opened(_positioned(source, paper)) as graph:
        left, bottom, right, top = map(float, graph.graph_attr["bb"].split(","))
        boxes: dict[str, tuple[float, float, float, float]] = {}
        for node in graph.nodes():
            second = _SECOND_BORDER if node.attr["peripheries"] == "2" else 0.0
            width, height = (float(node.attr[side]) * _POINTS_PER_INCH + second for side in ("width", "height"))
            boxes[node.attr["id"] or node] = (*_point(node.attr["pos"]), width, height)
        lines: dict[str, list[tuple[float, float]]] = {}
        labels: dict[str, tuple[float, float]] = {}
        for edge in graph.edges():
            key = edge.attr["id"] or f"{edge[0]}-{edge[1]}"
            lines[key] = _curve(edge.attr["pos"])
            label = edge.attr["lp"] or edge.attr["head_lp"]
            if label:
                labels[key] = _point(label)
    return Places((left, bottom, right, top), boxes, lines, labels)


def _curve(spline: str) -> list[tuple[float, float]]:
    """The points of "e,X,Y x,y x,y …", the tip of the arrow, which comes first, put last."""
    points = spline.split()
    tips = [_point(point[2:]) for point in points if point.startswith("e,")]
    return [*(_point(point) for point in points if point[0] not in "es"), *tips]


def _point(text: str) -> tuple[float, float]:
    x, y = text.split(",")[:2]
    return float(x), float(y)


@lru_cache(maxsize=8)
def _positioned(source: str, paper: bool) -> str:
    """The DOT graph with the place of everything in it: laid out once, whatever is then made of it."""
    with _opened(source) as graph:
        placing.place(graph, paper)
        for node in graph.nodes():
            if node.attr["peripheries"] == "2":  # the size that is written has the second border in it, and would grow
                for side in ("width", "height"):
                    node.attr[side] = f"{float(node.attr[side]) - _SECOND_BORDER / _POINTS_PER_INCH:.4f}"
        return graph.to_string()


def _render(source: str, format: str, paper: bool = False, **attributes: str) -> bytes:  # noqa: A002 (Graphviz's word)
    with _opened(_positioned(source, paper)) as graph:
        graph.graph_attr.update(attributes)
        return graph.draw(format=format, prog="nop2")  # as it is placed


@contextmanager
def _opened(source: str) -> Iterator[Any]:
    pygraphviz = _pygraphviz()
    with _lock:
        _prepare_fonts(pygraphviz)
        try:
            graph = pygraphviz.AGraph(string=source)
        except Exception as error:  # pygraphviz raises its own kinds, depending on what is wrong
            raise ValueError(f"this is no DOT graph: {source[:200]!r}") from error
        graph.number_of_nodes = lambda: 0  # of more than 1000 pygraphviz writes a warning to stderr
        try:
            yield graph
        finally:
            graph.close()


def _pygraphviz() -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # SWIG's types make Python 3.12 and later warn
            import pygraphviz
    except ImportError as error:
        raise ImportError(f"pictures need pygraphviz 2 or later: pip install 'pygraphviz>=2' ({error})") from error
    return pygraphviz


def _prepare_fonts(pygraphviz: Any) -> None:
    """Have fontconfig, which reads its configuration once, at the first layout, read ours."""
    global _fonts_ready
    if _fonts_ready:
        return
    directory = _dejavu()
    before = {name: os.environ.get(name) for name in ("FONTCONFIG_FILE", "FONTCONFIG_PATH", "FONTCONFIG_SYSROOT")}
    with tempfile.TemporaryDirectory(prefix="fonts-", ignore_cleanup_errors=True) as folder:
        file = Path(folder, "fonts.conf")
        file.write_text(_configuration(directory, folder), encoding="utf-8")
        os.environ["FONTCONFIG_FILE"] = str(file)
        os.environ["FONTCONFIG_PATH"] = folder
        os.environ.pop("FONTCONFIG_SYSROOT", None)
        try:
            with _without_fontconfig_warnings():
                graph = pygraphviz.AGraph(string=f'digraph {{ a [fontname="{FONT}", label="a"] }}')
                graph.draw(format="png", prog="dot")
                graph.close()
        finally:
            for name, value in before.items():
                os.environ.pop(name, None)
                if value is not None:
                    os.environ[name] = value
    _fonts_ready = True


def _dejavu() -> Path:
    matplotlib = importlib.util.find_spec("matplotlib")
    if matplotlib is None or matplotlib.origin is None:
        raise ImportError("pictures need the fonts that come with matplotlib: pip install matplotlib")
    return Path(matplotlib.origin).parent / "mpl-data" / "fonts" / "ttf"


def _configuration(fonts: Path, temporary: str) -> str:
    machine = [*_MACHINE_FONTS, str(Path(os.environ.get("WINDIR", r"C:\Windows"), "Fonts"))]
    directories = [str(fonts), *(folder for folder in machine if os.path.isdir(folder))]
    listed = "".join(f"<dir>{escape(folder)}</dir>" for folder in directories)
    return (
        f'<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "urn:fontconfig:fonts.dtd"><fontconfig>{listed}'
        f'<dir prefix="xdg">fonts</dir><cachedir prefix="xdg">fontconfig</cachedir>'
        f"<cachedir>{escape(temporary)}</cachedir><config><rescan><int>0</int></rescan></config></fontconfig>"
    )


@contextmanager
def _without_fontconfig_warnings() -> Iterator[None]:
    """Fontconfig writes to file descriptor 2 when the machine's own settings are newer than it; others' lines pass."""
    try:
        kept = os.dup(2)
    except OSError:  # a program without a terminal may have closed it
        yield
        return
    if sys.stderr is not None:
        sys.stderr.flush()
    with tempfile.TemporaryFile() as caught:
        os.dup2(caught.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            caught.seek(0)
            for line in caught:
                if not line.startswith(b"Fontconfig"):
                    os.write(2, line)
