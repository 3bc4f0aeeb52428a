"""plot_decision_boundary: where a classifier of two features changes its mind, with the data and the margin.

It asks the model for its outputs on a grid; what makes the boundary move is `animate`'s.
"""

# ruff: noqa: N803 (X is the field's name)
from __future__ import annotations

import contextlib
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from autodiff import DomainError, Value
from autodiff.checks import integer
from autodiff.namespaces import arrays
from autodiff.numerical import replay
from nn import Adaline, Meaning, Module, Perceptron
from nn.checks import nonnegative
from nn.data import Target, as_examples
from viz.plots.style import BLACK, COLOURS, MARKERS, axes, legend_below

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_TINT = 0.22  # of a class's colour, for its region


def plot_decision_boundary(
    model: Any,
    X: Any,
    y: Any,
    ax: Axes | None = None,
    *,
    threshold: float | None = None,
    margin: float | None = None,
    resolution: int = 60,
    window: tuple[float, float, float, float] | None = None,
) -> Axes:
    """The regions of the classes, the boundary, the margin and the examples; misclassified ones are ringed.

    Parameters
    ----------
    model : anything with ``predict(rows)``: a Module, Perceptron or Adaline. One output parts two classes, several
        outputs are one score for each class
    X, y : examples with two features; labels 0 and 1, or −1 and 1, or class indices 0, 1, 2, … or one-hot rows
    ax : axes to draw on; new ones if not given
    threshold : the output at which two classes part; by default where the loss says that the model was trained with
        (`nn.Meaning`), for an Adaline halfway between their labels
    margin : dashed lines where the output is threshold ± margin, for several classes where the best two scores
        differ by it; by default 1, or ¼ where the threshold is ½; 0 for none
    resolution : how many points the grid has in each direction
    window : (left, right, bottom, top); by default the data and a fifth of its width around

    The picture is white where the model is not defined. Returns the Axes. Raises ValueError for examples that do not
    have two features, labels that are none, or outputs that nobody said the meaning of; what the model raises where it
    is not defined at an example.

    >>> from nn import Perceptron
    >>> X, y = [[0, 0], [0, 1], [1, 0], [1, 1]], [0, 0, 0, 1]
    >>> plot_decision_boundary(Perceptron(2).fit(X, y), X, y).get_title()
    'Decision boundary: 4 of 4 examples right'
    """
    points, labels = _two_features(X, y)
    integer("resolution", resolution, at_least=2)
    ax = axes(ax, 6.0, 5.4)
    left, right, bottom, top = window or _window(points)
    across = [left + (right - left) * i / (resolution - 1) for i in range(resolution)]
    up = [bottom + (top - bottom) * i / (resolution - 1) for i in range(resolution)]
    scores = _Scores(model, points[0], labels, threshold)
    outputs = scores.outputs(points)
    found = scores(outputs)
    grid = scores(scores.grid_outputs(points, outputs, [[a, b] for b in up for a in across]))
    reach = nonnegative("margin", scores.default_margin if margin is None else margin)
    _draw_regions(ax, across, up, grid, scores, reach)
    right_ones = _draw_points(ax, points, [scores.class_of(label) for label in labels], found, scores)
    ax.set(xlabel="x₁", ylabel="x₂", xlim=(left, right), ylim=(bottom, top))
    ax.set_title(f"Decision boundary: {right_ones} of {len(points)} examples right")
    legend_below(ax)
    return ax


def _two_features(X: Any, y: Any) -> tuple[list[list[float]], list[Target]]:
    points, labels = as_examples(X, y, None)
    if len(points[0]) != 2:
        raise ValueError(
            f"a decision boundary can be drawn for two features, and X has {len(points[0])}: choose two columns of X, "
            f"and a model of them"
        )
    return points, labels


def _window(points: Sequence[Sequence[float]]) -> tuple[float, float, float, float]:
    sides: list[float] = []
    for column in zip(*points, strict=True):
        low, high = min(column), max(column)
        room = 0.2 * (high - low) or 1.0
        sides += [low - room, high + room]
    return sides[0], sides[1], sides[2], sides[3]


class _Scores:
    """What a model's outputs say: for every row one score for each class, the largest of which wins."""

    def __init__(self, model: Any, point: list[float], labels: Sequence[Target], threshold: float | None) -> None:
        if not hasattr(model, "predict"):
            raise TypeError(
                f"model needs predict(rows), as a Module has it; {type(model).__name__} {model!r:.60} has none"
            )
        self._model = model
        meaning: Meaning | None = getattr(model, "meaning", None)
        outputs = self.outputs([point])[0]
        self.binary = not isinstance(outputs, list)
        self.threshold = 0.0
        if isinstance(outputs, list):
            if meaning is not None and not meaning.exclusive:
                raise ValueError(
                    "the model's outputs are several labels, or values, and not one class: draw one output"
                )
            self.names = [str(i) for i in range(len(outputs))]
            if any(label not in range(len(outputs)) for label in labels if not isinstance(label, list)):
                raise ValueError(
                    f"y must hold class indices from 0 to {len(outputs) - 1}, one for each output, or one-hot rows"
                )
        else:
            kinds = {math.nan if isinstance(label, list) else label for label in labels}
            if not (kinds <= {0.0, 1.0} or kinds <= {-1.0, 1.0}):
                raise ValueError("a model with one output parts the labels 0 and 1, or -1 and 1; y has others")
            low = -1.0 if -1.0 in kinds or (meaning and meaning.labels[0] == -1) else 0.0
            self.names = ["−1" if low else "0", "1"]
            if threshold is not None:
                self.threshold = float(threshold)
            elif not isinstance(model, Perceptron):
                self.threshold = (low + 1.0) / 2.0 if isinstance(model, Adaline) else _boundary(model, meaning)
        self.default_margin = 0.25 if self.threshold == 0.5 else 1.0

    def outputs(self, rows: list[list[float]]) -> list[Target]:
        if isinstance(self._model, Perceptron):  # its labels are steps, and the line lies where b + Σ wx is 0
            w1, w2 = self._model.weights
            return [self._model.bias + w1 * a + w2 * b for a, b in rows]
        return self._model.predict(rows)

    def grid_outputs(self, points: list[list[float]], known: list[Target], rows: list[list[float]]) -> list[Target]:
        """The outputs for ``rows``, all at once on arrays where that gives what is ``known`` for the points.

        It does for every graph that is the same at each point; a model that branches on its inputs is asked row by row.
        nan where the model is not defined.
        """
        if isinstance(self._model, Module):
            with contextlib.suppress(ValueError, ArithmeticError, AttributeError, TypeError):
                again = _on_arrays(self._model, points[0], points + rows)
                if all(map(_close, again, known)):
                    return again[len(points) :]
        with contextlib.suppress(DomainError, ArithmeticError):
            return self.outputs(rows)
        return [self._output_or_nan(row, known[0]) for row in rows]

    def _output_or_nan(self, row: list[float], like: Target) -> Target:
        try:
            return self.outputs([row])[0]
        except (DomainError, ArithmeticError):
            return [math.nan] * len(like) if isinstance(like, list) else math.nan

    def __call__(self, outputs: list[Target]) -> list[list[float]]:
        """One score for each class. For two classes of one output they are ±(output − threshold) / 2."""
        return [
            out if isinstance(out, list) else [(self.threshold - out) / 2.0, (out - self.threshold) / 2.0]
            for out in outputs
        ]

    def class_of(self, label: Target) -> int:
        if isinstance(label, list):
            return max(range(len(label)), key=label.__getitem__)
        return int(label == 1.0) if self.binary else int(label)


def _boundary(model: Any, meaning: Meaning | None) -> float:
    if meaning is None or not meaning.has_classes:
        said = "are values" if meaning else "have no meaning that was said"
        raise ValueError(
            f"where two classes part is not known, because the outputs of {model!r:.60} {said}: give threshold=0.0 for "
            f"logits, 0.5 for probabilities, or train with a loss that says it"
        )
    return meaning.boundary


def _on_arrays(model: Module, x: list[float], rows: list[list[float]]) -> list[Target]:
    """The model recorded once, at ``x``, and that graph computed again with the columns of ``rows`` as arrays.

    FloatingPointError where a row is outside its domain.
    """
    import numpy as np

    inputs = [Value(number) for number in x]
    with model.mode(training=False):
        recorded = model(inputs)
    columns = list(np.array(rows).T)
    several = isinstance(recorded, list)
    with np.errstate(divide="raise", over="raise", invalid="raise"):  # the engine has no inf and no nan either
        outputs = [replay(out, inputs, columns, arrays()) for out in (recorded if several else [recorded])]
    table = np.stack([np.broadcast_to(out, len(rows)) for out in outputs], axis=1)
    return table.tolist() if several else table[:, 0].tolist()


def _close(a: Target, b: Target) -> bool:
    pairs = zip(a, b, strict=True) if isinstance(a, list) and isinstance(b, list) else [(a, b)]
    return all(math.isclose(p, q, rel_tol=1e-9, abs_tol=1e-9) for p, q in pairs)  # type: ignore[arg-type]


def _lead(scores: list[float], k: int) -> float:
    """By how much class k is ahead of the best of the others."""
    return scores[k] - max(score for i, score in enumerate(scores) if i != k)


def _draw_regions(
    ax: Axes, across: list[float], up: list[float], grid: list[list[float]], scores: _Scores, margin: float
) -> None:
    from matplotlib.colors import to_rgb

    width = len(across)
    for k in range(len(scores.names)):
        leads = [[_lead(s, k) for s in grid[row : row + width]] for row in range(0, len(grid), width)]
        defined = [lead for row in leads for lead in row if not math.isnan(lead)]
        if not defined:
            continue
        highest, lowest = max(defined), min(defined)
        if highest > 0.0:
            tint = tuple(1.0 - _TINT * (1.0 - c) for c in to_rgb(COLOURS[k % len(COLOURS)]))
            ax.contourf(across, up, leads, levels=[0.0, highest * 1.01 + 1e-9], colors=[tint])
        if lowest < 0.0 < highest:
            ax.contour(across, up, leads, levels=[0.0], colors=[BLACK], linewidths=1.6)
        if margin and lowest < margin < highest:
            ax.contour(across, up, leads, levels=[margin], colors=[BLACK], linewidths=0.9, linestyles="dashed")
    at = f"output = {scores.threshold:g}" if scores.binary else "best two scores equal"
    ax.plot([], [], color=BLACK, linewidth=1.6, label=f"boundary: {at}")
    if margin:
        at = f"output = {scores.threshold:g} ± {margin:g}" if scores.binary else f"best two differ by {margin:g}"
        ax.plot([], [], color=BLACK, linewidth=0.9, linestyle="--", label=f"margin: {at}")


def _draw_points(
    ax: Axes, points: list[list[float]], classes: list[int], found: list[list[float]], scores: _Scores
) -> int:
    """Draws the examples; returns how many are right."""
    right = [
        _lead(s, k) > 0.0 or (scores.binary and k == 0 and _lead(s, k) == 0.0)
        for s, k in zip(found, classes, strict=True)
    ]
    for k, name in enumerate(scores.names):
        members = [point for point, c in zip(points, classes, strict=True) if c == k]
        if members:
            look = {"color": COLOURS[k % len(COLOURS)], "marker": MARKERS[k % len(MARKERS)], "edgecolors": "white"}
            ax.scatter(*zip(*members, strict=True), s=36, linewidths=0.6, label=f"class {name}", zorder=3, **look)
    wrong = [point for point, ok in zip(points, right, strict=True) if not ok]
    rings = {"s": 120, "facecolors": "none", "edgecolors": BLACK, "zorder": 4}
    ax.scatter([a for a, _ in wrong], [b for _, b in wrong], label=f"misclassified: {len(wrong)}", **rings)
    return sum(right)
