"""The picture of a step-through: what `draw` shows, with its parts marked so that the page's script finds them.

``data-part`` names what an element stands for by the ids of a drawing (a page may hold several pictures, so ids
themselves would clash); ``data-number`` names a text that shows a number: data-3, grad-3, partial-4-0.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from autodiff import Value
from viz.graph import dot, render
from viz.graph.blocks import parts_of
from viz.graph.collapse import Box
from viz.graph.legend import WORDS, lines_of
from viz.graph.look import Look
from viz.graph.network import FEW_DIGITS, columns, room_for
from viz.step.lesson import Lesson
from viz.writing.numbers import widest_number

_SVG = "{http://www.w3.org/2000/svg}"
_LETTER = 6.9  # points, of a number in a neuron
_HUNDREDTHS = re.compile(r"(\.\d)\d+")


def source(lesson: Lesson, neurons: Sequence[Box] = (), hidden: Collection[Value] = ()) -> str:
    """The end state in the DOT language: every value and every gradient of these steps, with a legend."""
    gradients = {node: lesson.chain.number(x) for node, x in lesson.gradients.items()}
    look = Look(digits=lesson.chain.digits, gradients=gradients, totals=lesson.gradients, legend=True)
    return dot.to_dot(lesson.order, lesson.names, lesson.kind, look, neurons, hidden)[0].source


def marked(lesson: Lesson, neurons: Sequence[Box] = (), hidden: Collection[Value] = ()) -> str:
    """The end state as SVG, its boxes laid out for the widest number that can stand in them, its parts marked."""
    word, widest = max((walk.word for walk in lesson.walks), key=len), widest_number(lesson.chain.digits)
    gradients = {node: widest + (" + …" if lesson.uses[node] > 1 else "") for node in lesson.order}
    look = Look(
        digits=lesson.chain.digits, gradients=gradients, totals=lesson.gradients, room=widest, word=word, marked=True
    )
    boxed = {box.output: box for box in neurons}
    blocks = parts_of(columns(neurons), lesson.index)
    digraph, _ = dot.to_dot(lesson.order, lesson.names, lesson.kind, look, neurons, hidden)
    root = ET.fromstring(render.svg(digraph.source))
    for group in root.iter(f"{_SVG}g"):
        part = group.attrib.pop("id", "")
        inner = blocks.get(part) or [name for name in group.get("class", "").split() if "-" in name]
        group.set("data-part", " ".join(dict.fromkeys([part, *inner])))
        kind, _, index = part.partition("-")
        if kind == "node":
            node = lesson.order[int(index)]
            below = boxed[node].pre if node in boxed else node
            numbers = {f"data-{index}": node.data, f"grad-{lesson.index[below]}": lesson.gradients[below]}
            _align_right(group, {key: lesson.chain.number(x) for key, x in numbers.items()}, node not in boxed)
            if node in boxed:
                _make_room(group, boxed[node].bias, lesson)
        elif kind == "into":
            leaf = next((name for name in inner if name.startswith("node-")), "")
            for text in group.findall(f"{_SVG}text"):
                text.set("data-number", leaf.replace("node", "data"))
        elif kind == "edge":
            for text in group.findall(f"{_SVG}text"):
                text.set("data-number", f"partial-{index}")
    _lighten(root)
    root.set("aria-label", description(lesson))
    return ET.tostring(root, encoding="unicode")


def legend(lesson: Lesson, neurons: Sequence[Box] = ()) -> dict[str, list[Any]]:
    """The legend for the page: what is in the picture, and what its numbers mean."""
    look = Look(digits=lesson.chain.digits)
    kinds = dot.kinds_drawn(lesson.order, lesson.kind, neurons)
    lines = lines_of(look, kinds, lesson.order, lesson.names.shown[lesson.y])
    return {"kinds": [(kind, words) for kind, words in WORDS.items() if kind in kinds], "lines": lines}


def description(lesson: Lesson) -> str:
    return f"Computation graph of {lesson.names.full[lesson.y]}, with values and gradients"


def _make_room(group: ET.Element, bias: Value | None, lesson: Lesson) -> None:
    """Say how wide the numbers of a neuron may be, so that the page squeezes longer ones."""
    key = f"data-{lesson.index[bias]}" if bias is not None else ""
    for text in group.iter(f"{_SVG}text"):
        number = text.get("data-number", "")
        if number:
            digits = FEW_DIGITS if number == key else lesson.chain.digits
            text.set("data-room", f"{_LETTER * len(room_for(digits)):.0f}")
        if number and number == key and bias is not None:
            text.text = lesson.chain.number(bias.data)
            text.set("dx", "5")


def _lighten(root: ET.Element) -> None:
    """A third less to send: the font is said once, and a tenth of a point is fine enough."""
    for text in root.iter(f"{_SVG}text"):
        root.set("font-family", text.attrib.pop("font-family"))
    for element in root.iter():
        for name in {"d", "points", "x", "y"} & set(element.attrib):
            element.set(name, _HUNDREDTHS.sub(r"\1", element.get(name, "")))


def _align_right(group: ET.Element, numbers: Mapping[str, str], named: bool) -> None:
    """Set the numbers of a box flush right, so that a running total that is shorter stays in line.

    named : whether the words beside them are those of the numbers; a neuron has its own
    """
    shape = group.find(f"{_SVG}polygon")
    outline = shape.get("points", "") if shape is not None else group.find(f"{_SVG}path").get("d", "")  # type: ignore[union-attr]
    across = [float(x) for x in re.findall(r"(-?[\d.]+),", outline)]
    texts = {text.get("data-number", ""): text for text in group.findall(f"{_SVG}text")}
    for key, number in numbers.items():
        word, text = texts[f"word-{key}"], texts[key]
        margin = float(word.get("x", "0")) - min(across) if named else 4.0
        word.set("class", "word")
        del word.attrib["data-number"]
        word.text = key.partition("-")[0] if named else word.text
        text.text = number
        text.set("text-anchor", "end")
        text.set("x", f"{max(across) - margin:.2f}")
