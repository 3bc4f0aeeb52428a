"""Metrics: how good predictions are, in numbers that people read. They work on floats; nothing is differentiated.

Each takes the predictions for many examples and their targets.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable, Sequence

from nn import losses
from nn.checks import named
from nn.data import Target, flat

Metric = Callable[[Sequence[Target], Sequence[Target]], float]


def accuracy(predictions: Sequence[Target], targets: Sequence[Target], threshold: float | None = None) -> float:
    """The share of examples in the right class.

    Several outputs: the largest one against the target's index, or its largest entry. One output: on the same side
    of ``threshold`` as the label; by default halfway between the two labels, 0 for −1 and 1, ½ for 0 and 1. Where
    the targets may hold one label only, or predictions are logits, give the threshold (`fit` and `evaluate` do
    for the losses that fix it). Raises ValueError for one output and targets other than −1, 0 and 1.

    >>> accuracy([0.2, 0.9, 0.4], [0.0, 1.0, 1.0])
    0.6666666666666666
    >>> accuracy([[2.0, -1.0], [0.0, 3.0]], [0.0, 1.0])
    1.0
    """
    if threshold is None:
        threshold = 0.0 if -1.0 in targets else 0.5
    right = [_is_right(p, t, threshold) for p, t in zip(predictions, targets, strict=True)]
    return sum(right) / len(right)


def _is_right(prediction: Target, target: Target, threshold: float) -> bool:
    if isinstance(prediction, list):
        return _largest(prediction) == (_largest(target) if isinstance(target, list) else target)
    if target not in (-1.0, 0.0, 1.0):
        raise ValueError(f"accuracy of one output is defined for labels 0 and 1, or -1 and 1, not for {target}")
    return (prediction > threshold) == (target == 1.0)


def _largest(outputs: Sequence[float]) -> int:
    return max(range(len(outputs)), key=lambda i: outputs[i])


def mae(predictions: Sequence[Target], targets: Sequence[Target]) -> float:
    """The mean absolute error over all outputs.

    >>> mae([1.0, 4.0], [0.0, 2.0])
    1.5
    """
    errors = [abs(p - t) for p, t in _pairs(predictions, targets)]
    return math.fsum(errors) / len(errors)


def r2(predictions: Sequence[Target], targets: Sequence[Target]) -> float:
    """R² = 1 − Σ(y − ŷ)² / Σ(y − ȳ)²: 1 is perfect, 0 is as good as the mean ȳ; over all outputs together.

    Where all targets are equal the ratio has no meaning; it is then 1 for perfect predictions and else 0, as in
    scikit-learn.

    >>> r2([1.0, 2.0, 3.0], [1.0, 2.0, 3.0]), r2([2.0, 2.0, 2.0], [1.0, 2.0, 3.0])
    (1.0, 0.0)
    """
    pairs = _pairs(predictions, targets)
    mean = math.fsum(t for _, t in pairs) / len(pairs)
    spread, left = math.fsum((t - mean) ** 2 for _, t in pairs), math.fsum((t - p) ** 2 for p, t in pairs)
    if spread == 0.0:
        return 0.0 if left else 1.0
    return 1.0 - left / spread


def _pairs(predictions: Sequence[Target], targets: Sequence[Target]) -> list[tuple[float, float]]:
    p, t = flat(predictions), flat(targets)
    if len(p) != len(t):
        raise ValueError(f"{len(p)} predicted numbers, {len(t)} target numbers: a class index is no regression target")
    return list(zip(p, t, strict=True))


METRICS: dict[str, Metric] = {"accuracy": accuracy, "mae": mae, "r2": r2}

# Where the loss says what an output means, it says where the two classes part.
_THRESHOLDS: dict[losses.Loss, float] = {
    losses.hinge: 0.0,
    losses.binary_cross_entropy_with_logits: 0.0,
    losses.binary_cross_entropy: 0.5,
}


def metric_is_ours(metric: Metric) -> bool:
    return getattr(metric, "func", metric) in METRICS.values()


def metrics_for(metrics: Sequence[str | Metric], loss: losses.Loss) -> dict[str, Metric]:
    """The metrics by name, "accuracy" with the threshold that the loss implies."""
    if not isinstance(metrics, Iterable) or isinstance(metrics, str):
        raise TypeError(f"metrics must be a list, as in [{metrics!r}]")
    found: dict[str, Metric] = {}
    for given in metrics:
        metric = named("metric", given, METRICS)
        name = given if isinstance(given, str) else getattr(given, "__name__", type(given).__name__)
        if metric is accuracy and loss in _THRESHOLDS:
            metric = functools.partial(accuracy, threshold=_THRESHOLDS[loss])
        found[name] = metric
    return found
