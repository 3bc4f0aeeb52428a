"""What the tests of plots share: what is drawn on axes, read back, and small data and a model to draw."""

# ruff: noqa: N806 (X is the field's name)

from __future__ import annotations

import math
import random
from typing import Any

import matplotlib as mpl
import pytest

from nn import MLP, SGD, History, fit

mpl.use("Agg")

from matplotlib import pyplot as plt
from matplotlib.axes import Axes

AND, XOR = [0, 0, 0, 1], [0, 1, 1, 0]
CORNERS = [[0, 0], [0, 1], [1, 0], [1, 1]]


@pytest.fixture
def figures() -> Any:
    """Every figure is closed, and matplotlib's settings must be as they were."""
    before = mpl.rcParams.copy()
    yield
    assert mpl.rcParams == before
    plt.close("all")


def curve(ax: Axes, label: str) -> tuple[list[float], list[float]]:
    for axes in ax.figure.axes:
        for line in axes.get_lines():
            if str(line.get_label()).startswith(label):
                return list(line.get_xdata()), list(line.get_ydata())
    raise AssertionError(f"no curve {label!r}")


def labels(ax: Axes) -> list[str]:
    legend = next(axes.get_legend() for axes in ax.figure.axes if axes.get_legend())
    return [text.get_text() for text in legend.get_texts()]


def blobs(classes: int, count: int = 20) -> tuple[list[list[float]], list[int]]:
    rng = random.Random(0)
    centres = [(2.0 * math.cos(k * 2.1), 2.0 * math.sin(k * 2.1)) for k in range(classes)]
    X = [[rng.gauss(a, 0.4), rng.gauss(b, 0.4)] for a, b in centres for _ in range(count)]
    return X, [k for k in range(classes) for _ in range(count)]


def trained(epochs: int = 6, callbacks: Any = (), validation: bool = True, **options: Any) -> tuple[MLP, History]:
    X, y = blobs(2)
    model = MLP(2, [4, 1], rng=0)
    history = fit(
        model,
        X,
        y,
        loss="binary_cross_entropy_with_logits",
        optimizer=SGD(model.parameters(), 0.1),
        epochs=epochs,
        batch_size=8,
        rng=0,
        callbacks=callbacks,
        progress=False,
        validation=(X[::3], y[::3]) if validation else None,
        **options,
    )
    return model, history
