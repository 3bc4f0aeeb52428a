"""Graphviz in a browser: WebAssembly, which the page that runs Python has loaded.

The page gives it as a JavaScript module ``graphviz_wasm`` with one function, ``render(graph, format, engine)``: of a
graph, in DOT or as JSON, the text in one of its formats. (Of the npm package @viz-js/viz: ``renderString``.)
`Graph` is as much of pygraphviz's AGraph as `placing` and `render` ask for; between two calls of Graphviz it is held as
JSON. Bitmaps and PDF are not made here: a browser draws and prints SVG by itself.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from viz.graph.look import FONT

# Graphviz knows no widths of DejaVu's letters there; Verdana's are nearly the same, and both are on the list that a
# browser is given.
_MEASURED = "Verdana"
_STRUCTURE = frozenset({"_gvid", "name", "tail", "head", "objects", "edges", "directed", "strict", "_subgraph_cnt"})


@contextmanager
def opened(source: str) -> Iterator[Graph]:
    """A graph, in DOT or as `Graph.to_string` writes it. Raises ValueError where it is none."""
    yield Graph(source)


class _Attributes(dict[str, Any]):
    def __missing__(self, key: str) -> str:
        return ""


class _Node(str):
    """A node's name, with its attributes."""

    attr: _Attributes


class _Edge(tuple[str, str]):
    """The names of an edge's nodes, with its attributes."""

    attr: _Attributes


class Graph:
    def __init__(self, source: str) -> None:
        self._load(json.loads(_run(source, "dot_json", "nop2")))
        fonts = {element["fontname"] for element in self._elements() if element["fontname"].startswith(FONT)}
        self._font = next(iter(fonts), FONT)

    def _load(self, read: Mapping[str, Any]) -> None:
        self._directed = read["directed"]
        self.graph_attr = _attributes(read)
        self._nodes: list[_Node] = []
        self._edges: list[_Edge] = []
        for found in read.get("objects", ()):
            node = _Node(found["name"])
            node.attr = _attributes(found)
            self._nodes.append(node)
        for found in read.get("edges", ()):
            edge = _Edge((self._nodes[found["tail"]], self._nodes[found["head"]]))
            edge.attr = _attributes(found)
            self._edges.append(edge)

    def _elements(self) -> list[_Attributes]:
        return [self.graph_attr, *(node.attr for node in self._nodes), *(edge.attr for edge in self._edges)]

    def nodes(self) -> list[_Node]:
        return self._nodes

    def edges(self, keys: bool) -> list[_Edge]:  # noqa: ARG002 (no edge has one here)
        return self._edges

    def layout(self, prog: str) -> None:
        """Write into the attributes what Graphviz finds: pos, width, height, lp, bb."""
        placed = json.loads(_run(self._written(_MEASURED), "json0", prog))
        for mine, found in zip(self._nodes, placed.get("objects", ()), strict=True):
            mine.attr.update(_attributes(found))
        for mine, found in zip(self._edges, placed.get("edges", ()), strict=True):
            mine.attr.update(_attributes(found))
        self.graph_attr.update(_attributes(placed))
        for element in self._elements():
            if element["fontname"] == _MEASURED:
                element["fontname"] = self._font

    def draw(self, format: str, prog: str) -> bytes:  # noqa: A002 (Graphviz's word)
        if format != "svg":
            raise ImportError(
                f"no {format.upper()} is made in a browser: take the SVG, which it draws and prints by itself"
            )
        picture = _run(self._written(_MEASURED), format, prog)
        return picture.replace(f'font-family="{_MEASURED}"', f'font-family="{self._font}"').encode()

    def to_string(self) -> str:
        return self._written(self._font)

    def _written(self, font: str) -> str:
        def of(attributes: Mapping[str, Any]) -> dict[str, Any]:
            written = {name: _label(x) if name.endswith("label") else x for name, x in attributes.items() if x != ""}
            return written | ({"fontname": font} if attributes["fontname"] == self._font else {})

        names = [f"{node}" for node in self._nodes]
        nodes = [{"name": name, "attributes": of(node.attr)} for name, node in zip(names, self._nodes, strict=True)]
        edges = [{"tail": f"{e[0]}", "head": f"{e[1]}", "attributes": of(e.attr)} for e in self._edges]
        graph = {"directed": self._directed, "graphAttributes": of(self.graph_attr), "nodes": nodes, "edges": edges}
        return json.dumps(graph)


def _attributes(read: Mapping[str, Any]) -> _Attributes:
    found = _Attributes((name, x) for name, x in read.items() if name not in _STRUCTURE)
    if "bb" in found:
        found["bb"] = found["bb"].replace(" ", ",")
    return found


def _label(text: str) -> str | dict[str, str]:
    """A label with its kind, which JSON does not tell: every label of ours that has marks in it is one of HTML."""
    return {"html": text} if "<" in text or "&" in text else text


def _run(graph: str, format: str, engine: str) -> str:  # noqa: A002
    from graphviz_wasm import render  # pyright: ignore[reportMissingImports] (the page's)

    try:
        return render(graph, format, engine)
    except Exception as error:  # JavaScript's, whose class is known there alone
        raise ValueError(f"this is no DOT graph: {graph[:200]!r}") from error
