"""step(y): one page on which values flow forward and gradients flow back, one operation at a time.

What the page shows at each step is decided in `lesson` and `walks`, how it is put together in `page`, how it moves in
the scripts (stepper.js and what it takes in).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from autodiff import Value, topological_order
from autodiff.floats import as_number
from autodiff.graph import require_value
from viz.derivation.chain import NOTATION
from viz.graph import dot, render
from viz.graph.collapse import Box, neuron_boxes
from viz.graph.drawing import parameters_of
from viz.graph.layout import MOST_BOXES, boxes, require_drawable, waiting
from viz.graph.output import PIXELS_SHOWN, Bundle, bundle, saved
from viz.step import inside, page, picture, results
from viz.step.code import Code, code_of
from viz.step.lesson import Lesson
from viz.step.results import Result
from viz.step.rows import rows_of
from viz.writing.names import names_of
from viz.writing.numbers import check_digits
from viz.writing.text import shorten

PAGE_SUFFIXES = (".html", ".htm")

_MOST_STILL = 150  # values of a graph that a notebook gets as PNG and PDF too: a larger one could not be read there
_SHOWN_LINES = 60  # of the text that stands in where no page can be shown


class Stepper:
    """A step-through of a computation graph, made by `step`. Jupyter shows it; ``save("f.html")`` writes a page.

    html : the piece of HTML that a notebook shows
    svg : the picture with all values and gradients, which stands in where no script runs
    """

    def __init__(
        self,
        lesson: Lesson,
        code: Code | None = None,
        neurons: Sequence[Box] = (),
        hidden: Collection[Value] = (),
        *,
        opens: bool = False,
        opening: Mapping[str, Any],
    ) -> None:
        self._lesson, self._code, self._opening = lesson, code, opening
        self._neurons, self._hidden, self._opens = neurons, hidden, opens

    @cached_property
    def svg(self) -> str:
        """The end state as a picture: every value and every gradient."""
        with waiting(boxes(self._lesson.order)):
            return picture.marked(self._lesson, self._neurons, self._hidden)

    @property
    def html(self) -> str:
        return self._fragment("notebook")

    @property
    def part(self) -> str:
        """As ``html``, for a page that keeps the step and the numbers in its own address (see address.js)."""
        return self._fragment("part")

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the step-through to ``path`` as one self-contained page (.html or .htm).

        The file appears complete or not at all. Raises ValueError for another suffix, OSError where the file
        cannot be written.
        """
        title = f"{shorten(self._lesson.names.full[self._lesson.y], 60)}, step by step"
        whole = partial(page.page, title)
        return saved(path, dict.fromkeys(PAGE_SUFFIXES, lambda: whole(self._fragment("page"))), "a step-through")

    def result(self, code: str) -> Result:
        """What a student's result code says: who it is, and how each question of the backward pass was answered.

        Raises ValueError for a code with a mistake in it, and for one from the page of another graph.

        >>> from autodiff import Value
        >>> x = Value(3.0, "x")
        >>> step(x * x).result("Ada.DR4K-G0")
        Traceback (most recent call last):
            ...
        ValueError: 'Ada.DR4K-G0' is no result code of this page: a letter is wrong, or it comes from another graph
        """
        return results.read(code, self._lesson)

    def _fragment(self, where: str) -> str:
        lesson = self._lesson
        rows = rows_of(node.op for node in lesson.order if node.op is not None)
        data = lesson.as_data()
        if rows.standing:
            data = page.every_text(data, lesson.chain.signed)
        legend = picture.legend(lesson, self._neurons)
        legend["lines"].insert(0, f"{NOTATION} (the lectures write ∂ for both)")
        if len(lesson.names.own) < len(lesson.order):
            legend["lines"].append("v1, v2, …: values that have no name of their own")
        data |= {"legend": legend, "code": self._code_as_data(), "standing": rows.standing, **self._opening}
        data |= {"fingerprint": results.fingerprint(lesson)}
        if self._opens:
            data["opened"] = picture.marked(lesson)
        data["neurons"] = {lesson.index[box.output]: lesson.index[box.pre] for box in self._neurons}
        return page.fragment(where, self.svg, picture.description(lesson), data, rows.source)

    def _code_as_data(self) -> dict[str, Any] | None:
        if self._code is None:
            return None
        made = {self._lesson.index[node]: line for node, line in self._code.made.items()}
        back = {self._lesson.index[node]: line for node, line in self._code.back.items()}
        return {
            "back": back,
            "name": self._code.name,
            "first": self._code.first,
            "lines": self._code.lines,
            "made": made,
        }

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Bundle:
        makers: dict[str, Callable[[], str | bytes]] = {"text/html": lambda: self.html}
        if len(self._lesson.order) <= _MOST_STILL:
            source = picture.source(self._lesson, self._neurons, self._hidden)
            makers |= {
                "image/svg+xml": lambda: render.svg(source),
                "image/png": lambda: render.png(source, PIXELS_SHOWN),
                "application/pdf": lambda: render.pdf(source),
            }
        return bundle(makers, repr(self), include, exclude)

    def __repr__(self) -> str:
        lines = self._lesson.as_text().splitlines()
        more = [f"… {len(lines) - _SHOWN_LINES} more steps"] if len(lines) > _SHOWN_LINES else []
        return "\n".join([*lines[:_SHOWN_LINES], *more])


def step(
    y: Value,
    names: Mapping[str, Any] | None = None,
    *,
    parameters: Any = (),
    collapse: Any = None,
    max_nodes: int = MOST_BOXES,
    digits: int = 4,
    code: Code | None = None,
    predict: bool = False,
    start: int = 0,
    examples: Mapping[Value, Sequence[float]] | None = None,
) -> Stepper:
    """The forward and the backward pass of ``y`` to step through: in Jupyter, in exported HTML, in a file.

    y : the output; its gradient is 1, and every value it was computed from gets one
    names : labels for nodes that have none, as ``names=locals()``; a node's own label wins, and what has no name is v1,
        v2, …
    parameters : the leaves to show as parameters: Values, or what has a method ``parameters()``
    collapse : a model that is shown as a network, as in `draw`, until a button opens its neurons (where that picture is
        not too large). One then steps by scalars, by neurons or by layers, and beside it stands what `autodiff.compile`
        makes of it, as matrices, where it does; the model's parameters count as ``parameters``
    max_nodes : the largest picture that is drawn, counting values and numbers
    digits : significant digits of the numbers as shown, 1 to 17; the page holds them in full
    code : the lines that made the Values, each lit with what it made; by default those of a graph that was built within
        ``with autodiff.detect_anomaly():``

    The gradients are those of this pass alone: every ``grad`` stays as it was. It prints as the list of steps. In the
    page every input and parameter can be moved: it computes along the recorded operations, by the same rows. An
    address may say where it opens: ``f.html#step=7&predict&x=0.5``; with ``#embed`` it fits into a frame of another
    page.

    Raises TypeError when y is no Value or ``collapse`` no model, ValueError for a model that is not in the graph, for a
    graph that is too large or whose leaves were assigned new data after it was built, for a step that there is not and
    for examples that do not fit, and what `Value.backward` raises where there is no finite gradient.

    >>> from autodiff import Value
    >>> from viz import step
    >>> x, y, z = Value(-2.0, "x"), Value(5.0, "y"), Value(-4.0, "z")
    >>> q = x + y
    >>> f = q * z
    >>> step(f, names=locals())
    x = −2
    y = 5
    z = −4
    q = x + y = (−2) + 5 = 3
    f = q·z = 3·(−4) = −12
    df/df = 1
    df/dq = df/df · ∂f/∂q = 1 · (−4) = −4
    df/dz = df/df · ∂f/∂z = 1 · 3 = 3
    df/dx = df/dq · ∂q/∂x = −4 · 1 = −4
    df/dy = df/dq · ∂q/∂y = −4 · 1 = −4
    """
    check_digits(digits)
    order = topological_order(require_value(y, "step"))
    chosen = parameters_of(parameters)
    neurons, hidden = neuron_boxes(order, collapse) if collapse is not None else ([], set[Value]())
    if collapse is not None:
        chosen = [*chosen, *(parameter for _, parameter in collapse.named_parameters())]
    called = names_of(order, names)
    boxed = {node for box in neurons for node in box.nodes} | hidden
    require_drawable(boxes(node for node in order if node not in boxed) + len(neurons), max_nodes, called.shown[y])
    lesson = Lesson(order, called, dot.kinds(order, chosen), digits)
    if isinstance(start, bool) or not isinstance(start, int) or not 0 <= start < len(lesson.steps):
        raise ValueError(f"start is a step from 0 to {len(lesson.steps) - 1}, not {start!r}")
    opening = {"predict": bool(predict), "start": start, "examples": _examples(examples, lesson)}
    lesson.inside = inside.walks_of(lesson, neurons)
    if neurons and code is None:
        code = code_of(order) or inside.matrices(y, order, neurons, chosen)
    opens = bool(neurons) and boxes(order) <= max_nodes
    return Stepper(lesson, code or code_of(order), neurons, hidden, opens=opens, opening=opening)


def _examples(given: Mapping[Value, Sequence[float]] | None, lesson: Lesson) -> list[dict[int, float]] | None:
    """One dict for each example: the numbers of the leaves, by their index."""
    if given is None:
        return None
    if not isinstance(given, Mapping) or not given:
        raise TypeError(
            f"examples maps leaves of the graph to their numbers, {{x: [0, 1], t: [1, 0]}}, not {given!r:.60}"
        )
    columns: dict[int, list[float]] = {}
    for leaf, numbers in given.items():
        if not isinstance(leaf, Value) or leaf not in lesson.index or leaf.op is not None:
            raise ValueError(f"examples are numbers for leaves of this graph, and {leaf!r:.60} is none")
        columns[lesson.index[leaf]] = [as_number(x, "examples", "numbers") for x in numbers]
    lengths = sorted({len(column) for column in columns.values()})
    if len(lengths) > 1 or lengths == [0]:
        raise ValueError(
            f"examples must have as many numbers for each leaf, one at least, not {', '.join(map(str, lengths))}"
        )
    return [dict(zip(columns, example, strict=True)) for example in zip(*columns.values(), strict=True)]
