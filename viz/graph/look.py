"""How a picture looks: what it shows, its colours and borders, and text made fit for Graphviz's labels.

Told apart by colour and, for who sees none, by the shape of the box and its border.
"""

from __future__ import annotations

import html
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from autodiff import Value
from viz.writing.names import LONGEST_NAME, parts
from viz.writing.text import plain

BOXES = {
    "input": {"style": "filled", "fillcolor": "#dbeafe", "color": "#1d4ed8", "penwidth": "1.5"},
    "parameter": {"style": "filled,dashed", "fillcolor": "#dcfce7", "color": "#15803d", "penwidth": "1.8"},
    "intermediate": {"style": "filled,rounded", "fillcolor": "#f8fafc", "color": "#64748b", "penwidth": "1"},
    "output": {"style": "filled", "fillcolor": "#ffedd5", "color": "#c2410c", "penwidth": "1.5", "peripheries": "2"},
}
OPERATION = {"shape": "ellipse", "style": "filled", "fillcolor": "#ede9fe", "color": "#6d28d9"}
NUMBER = {"shape": "box", "style": "filled", "fillcolor": "#e5e7eb", "color": "#9ca3af", "fontcolor": "#1f2937"}
NEURON = {"style": "filled", "fillcolor": "#f3eefe", "color": "#6d28d9", "penwidth": "2"}
LAYER = {"style": "dashed", "color": "#94a3b8", "margin": "10"}
ON_PATH = {"color": "#b91c1c", "penwidth": "2.6"}
INK, FAINT_INK, EDGE_INK, EDGE = "#111827", "#475569", "#1e3a8a", "#64748b"
FONT = "DejaVu Sans"
TEXT_SIZE, SMALL = 12, 9  # points: everything but indices, and those

_HOTTEST = (0xFD, 0xBA, 0x74)  # black text on it can be read


@dataclass(frozen=True)
class Look:
    """What a picture shows: ``show`` holds "data", "grad", "partial"; ``direction`` is "LR" or "TB".

    gradients : for each node the text that stands for its gradient
    totals : for each node its gradient, where that is not the one that it has
    room : the text that data is laid out for, where a page will put other numbers; "" for its own
    word : what stands beside it
    legend : whether the picture says below what its colours and numbers mean
    marked : whether each number is marked with an id, as grad-3, for a page that changes it
    heat : "data" or "grad" colours the boxes by its size, up to that of ``hottest``; "" by what they are
    on_paths, edges_on_paths : the nodes, and the edges (node, operand), that are emphasised
    captions : lines below the picture
    """

    show: Collection[str] = ("data", "grad", "partial")
    direction: str = "LR"
    digits: int = 4
    gradients: Mapping[Value, str] | None = None
    totals: Mapping[Value, float] | None = None
    room: str = ""
    word: str = "grad"
    legend: bool = False
    marked: bool = False
    heat: str = ""
    hottest: float = 0.0
    on_paths: Collection[Value] = ()
    edges_on_paths: frozenset[tuple[Value, int]] = frozenset()
    captions: tuple[str, ...] = ()


def heat_of(node: Value, by: str) -> float:
    """What colours a node: the size of its data or of its gradient."""
    return abs(node.data if by == "data" else node.grad)


def heated(share: float) -> dict[str, str]:
    """A box's fill and border for ``share`` of the largest heat; the border tells it to who sees no colour."""
    mixed = (round(255 + share * (hottest - 255)) for hottest in _HOTTEST)
    return {"fillcolor": "#" + "".join(f"{c:02x}" for c in mixed), "penwidth": f"{1 + 3 * share:.2f}"}


def label(text: str) -> str:
    """Text or a table as an HTML-like label."""
    return f"<{text}>"


def escaped(text: str, longest: int = LONGEST_NAME) -> str:
    """Text inside an HTML-like label: markup and Graphviz's own escapes (\\N, \\G) mean nothing there."""
    return markup(plain(text, longest))


def markup(shown: str) -> str:
    return html.escape(shown).replace("\\", "\\\\").replace(" ", "\u00a0")  # plain spaces would collapse


def name(shown: str) -> str:
    """A name as it is typeset everywhere: w_11^2 with its indices, anything else letter for letter."""
    found = parts(shown)
    if not found:
        return markup(shown)
    base, lower, upper = found
    small = f'<font point-size="{SMALL}">{{}}</font>'
    below = f"<sub>{small.format(lower)}</sub>" if lower else ""
    return base + below + (f"<sup>{small.format(upper)}</sup>" if upper else "")


def faint(text: str) -> str:
    return f'<font color="{FAINT_INK}">{text}</font>'
