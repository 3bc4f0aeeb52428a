"""Losses: how wrong one prediction is. `training` averages them over a batch.

Each takes ``prediction``, a Value or a list of them (numbers work too, and give a number), and ``target``, a
number or a list of numbers; several outputs are averaged, as in PyTorch, unless the formula says Σ. The
derivatives are the engine's. A target that does not fit is a ValueError.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from autodiff import dot, log, log1p, logsumexp, mean, relu, softplus

Loss = Callable[[Any, Any], Any]


def mse(prediction: Any, target: Any) -> Any:
    """The mean squared error (1/d) Σ (y − ŷ)² of one example with d outputs.

    >>> mse([1.0, 5.0], [0.0, 2.0])
    5.0
    """
    errors = _errors(prediction, target)
    return errors[0] * errors[0] if len(errors) == 1 else dot(errors, errors) / float(len(errors))


def half_mse(prediction: Any, target: Any) -> Any:
    """½ ‖y − ŷ‖²: averaged over M examples, the lectures' L(θ) = 1/2M Σ ‖y − f(x)‖².

    Its gradient at the output is −(y − ŷ); the lectures' δ = −2(y − ŷ)… belongs to ‖y − ŷ‖² without the ½.

    >>> half_mse([1.0, 5.0], [0.0, 2.0])
    5.0
    """
    errors = _errors(prediction, target)
    return 0.5 * dot(errors, errors)


def mae(prediction: Any, target: Any) -> Any:
    """The mean absolute error (1/d) Σ |y − ŷ|; at 0 its derivative is 0.

    >>> mae([1.0, 5.0], [0.0, 2.0])
    2.0
    """
    return _mean([abs(e) for e in _errors(prediction, target)])


def huber(prediction: Any, target: Any, delta: float = 1.0) -> Any:
    """½e² for |e| ≤ delta, delta·(|e| − delta/2) beyond, with e = y − ŷ; averaged (Huber, 1964).

    For another delta: ``functools.partial(huber, delta=2.0)``.

    >>> huber(1.5, 1.0), huber(5.0, 2.0)
    (0.125, 2.5)
    """
    errors = _errors(prediction, target)
    return _mean([0.5 * e * e if abs(float(e)) <= delta else delta * (abs(e) - 0.5 * delta) for e in errors])


def hinge(prediction: Any, target: Any) -> Any:
    """max(0, 1 − y·ŷ) for a target y of −1 or 1; averaged.

    >>> hinge(0.25, 1), hinge(0.25, -1)
    (0.75, 1.25)
    """
    return _mean([relu(1.0 - y * p) for p, y in _labelled("hinge", prediction, target, -1.0, 1.0)])


def binary_cross_entropy(prediction: Any, target: Any) -> Any:
    """−y log p − (1 − y) log(1 − p) for a probability p and a target y in [0, 1]; averaged.

    Raises ValueError for a p outside [0, 1], or at an end where the loss is infinite. From a sigmoid that
    saturates p reaches 0 and 1 exactly: `binary_cross_entropy_with_logits` has no such end.

    >>> binary_cross_entropy(0.5, 1)
    0.6931471805599453
    """
    pairs = _labelled("binary_cross_entropy", prediction, target, 0.0, 1.0, between=True)
    return _mean([_bernoulli(p, y) for p, y in pairs])


def _bernoulli(p: Any, y: float) -> Any:
    if not 0.0 <= float(p) <= 1.0 or (y > 0.0 and float(p) == 0.0) or (y < 1.0 and float(p) == 1.0):
        raise ValueError(
            f"binary_cross_entropy is not finite for probability {float(p)} and target {y}: give the last layer "
            f"a linear output and use binary_cross_entropy_with_logits"
        )
    if y == 0.0:
        return -log1p(-p)
    return -log(p) if y == 1.0 else -y * log(p) - (1.0 - y) * log1p(-p)


def binary_cross_entropy_with_logits(prediction: Any, target: Any) -> Any:
    """Binary cross-entropy of σ(z) for a logit z: softplus(z) − y·z, finite for every z; averaged.

    >>> binary_cross_entropy_with_logits(1000.0, 0), binary_cross_entropy_with_logits(1000.0, 1)
    (1000.0, 0.0)
    """
    pairs = _labelled("binary_cross_entropy_with_logits", prediction, target, 0.0, 1.0, between=True)
    return _mean([softplus(z) - y * z for z, y in pairs])


def cross_entropy(prediction: Any, target: Any) -> Any:
    """−log softmax(z)_ℓ = log Σₖ exp(zₖ) − z_ℓ for logits z and class ℓ, finite for every z.

    ``target``: the class as an index, or one-hot (or any probabilities that sum to 1). The gradient at the
    logits is −(e(ℓ) − ŷ) with ŷ = softmax(z).

    >>> cross_entropy([1000.0, 0.0], 0), cross_entropy([0.0, 0.0], [0.5, 0.5])
    (0.0, 0.6931471805599453)
    """
    logits = _as_list(prediction)
    if isinstance(target, Sequence):
        if len(target) != len(logits):
            raise ValueError(f"cross_entropy has {len(logits)} logits and a target of {len(target)} numbers")
        if min(target) < 0.0 or not math.isclose(math.fsum(target), 1.0, abs_tol=1e-6):
            raise ValueError(f"cross_entropy takes one-hot targets or probabilities that sum to 1, not {list(target)}")
        return logsumexp(logits) - dot(target, logits)
    label = int(target)
    if label != target or not 0 <= label < len(logits):
        raise ValueError(f"with {len(logits)} logits cross_entropy takes labels 0 … {len(logits) - 1}, not {target}")
    return logsumexp(logits) - logits[label]


def _as_list(given: Any) -> list[Any]:
    return list(given) if isinstance(given, Sequence) else [given]


def _pairs(prediction: Any, target: Any) -> list[tuple[Any, Any]]:
    predictions, targets = _as_list(prediction), _as_list(target)
    if len(predictions) != len(targets):
        raise ValueError(f"the model has {len(predictions)} outputs, the target {len(targets)} numbers: give as many")
    return list(zip(predictions, targets, strict=True))


def _errors(prediction: Any, target: Any) -> list[Any]:
    return [p - t for p, t in _pairs(prediction, target)]


def _labelled(
    loss: str, prediction: Any, target: Any, low: float, high: float, between: bool = False
) -> list[tuple[Any, float]]:
    """Predictions with their labels, which are low or high (or ``between`` them)."""
    pairs = _pairs(prediction, target)
    for _, y in pairs:
        if not (low <= y <= high if between else y in (low, high)):
            allowed = f"in [{low:g}, {high:g}]" if between else f"{low:g} or {high:g}"
            raise ValueError(f"{loss} takes targets that are {allowed}, not {y}")
    return pairs


def _mean(losses: list[Any]) -> Any:
    return losses[0] if len(losses) == 1 else mean(losses)


_ALL = (mse, half_mse, mae, huber, hinge, binary_cross_entropy, binary_cross_entropy_with_logits, cross_entropy)

LOSSES: dict[str, Loss] = {loss.__name__: loss for loss in _ALL}
