"""evaluate: how good a model is on given examples; and the checks that `training` makes before it starts."""

# ruff: noqa: N803 (X is the field's name)
from __future__ import annotations

import contextlib
import gc
import math
from collections.abc import Iterator, Sequence
from typing import Any

from nn.checks import named, number
from nn.data import Target, as_examples
from nn.losses import LOSSES, Loss
from nn.metrics import Metric, metric_is_ours, metrics_for
from nn.module import MINUS_INFINITY, Module


def evaluate(
    model: Module, X: Any, y: Any, loss: str | Loss = "mse", metrics: Sequence[str | Metric] = ()
) -> dict[str, float]:
    """The mean loss over the examples, and the metrics, by name. Dropout is off, no graph is built.

    Raises what `fit` raises for its data.

    >>> from nn import MLP
    >>> evaluate(MLP(1, [1], init="zeros"), [[1], [2]], [1, 2], metrics=["mae"])
    {'loss': 2.5, 'mae': 1.5}
    """
    rows, targets = as_examples(X, y, model.inputs)
    loss = named("loss", loss, LOSSES)
    measures = metrics_for(metrics, loss)
    check_targets(model, loss, measures, rows, targets)
    return measured(model, rows, targets, loss, measures)


@contextlib.contextmanager
def paused_gc() -> Iterator[None]:
    """No garbage collection meanwhile; as it was afterwards."""
    was_enabled = gc.isenabled()
    try:
        gc.disable()
        yield
    finally:
        if was_enabled:
            gc.enable()


def measured(
    model: Module, rows: list[list[float]], targets: list[Target], loss: Loss, metrics: dict[str, Metric]
) -> dict[str, float]:
    with paused_gc():
        predictions = model.predict(rows)
    mean = average([float(loss(p, t)) for p, t in zip(predictions, targets, strict=True)])
    found = {"loss": number("the mean loss", mean, at_least=MINUS_INFINITY)}
    return found | measured_by(metrics, predictions, targets)


def measured_by(metrics: dict[str, Metric], predictions: list[Target], targets: list[Target]) -> dict[str, float]:
    """Every metric's number. Raises TypeError and ValueError, naming the metric, for what is no finite number."""
    return {
        name: number(f"what the metric {name!r} returns", metric(predictions, targets), at_least=MINUS_INFINITY)
        for name, metric in metrics.items()
    }


def average(numbers: list[float]) -> float:
    return math.fsum(numbers) / len(numbers)


def check_targets(
    model: Module,
    loss: Loss,
    metrics: dict[str, Metric],
    rows: list[list[float]],
    targets: list[Target],
    where: str = "",
) -> None:
    """Try every target against outputs of ½, so that a label out of range is found before anything changes.

    Only with our own losses and metrics: at ½ they are defined for every right target, at a model's own output
    they need not be (a probability of 1). Of the model's first prediction only the shape is used.
    """
    try:
        (prediction,) = model.predict(rows[:1])
    except (ValueError, ArithmeticError):
        return  # the run itself will meet it, and say where
    neutral = [0.5] * len(prediction) if isinstance(prediction, list) else 0.5
    for i, target in enumerate(targets):
        try:
            if loss in LOSSES.values():
                loss(neutral, target)
            for metric in metrics.values():
                if metric_is_ours(metric):
                    metric([neutral], [target])
        except ValueError as error:
            raise ValueError(f"{where}y[{i}]: {error}") from error
