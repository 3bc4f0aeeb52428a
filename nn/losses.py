"""Losses: how wrong one prediction is, and what the outputs that it is taken of mean.

A loss has two parts. A check of the targets, made once for all examples, which writes each as a row of numbers (a class
index becomes a one-hot row); and a formula of the outputs and that row, with no `if` on what it computes, so that it is
the same for every example. Called as a function (``mse(prediction, target)``) a loss does both. ``prediction`` is a
Value or a list of them (numbers work too, and give a number), ``target`` a number or a list. Several outputs are
averaged, as in PyTorch, unless the formula says Σ. `training` averages over the examples of a batch, or adds them up
where the loss says so (``reduction``). The derivatives are the engine's. A target that does not fit is a ValueError.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

from autodiff import dot, log, log1p, logsumexp, mean, minimum, relu, softplus, where
from nn.checks import kind, named
from nn.data import Target, plain
from nn.meaning import Meaning, as_meaning

Formula = Callable[..., Any]
REDUCTIONS = ("mean", "sum")


class Loss:
    """A formula with what its outputs mean. Ours are in `LOSSES`; for one of your own a function is enough.

    Parameters
    ----------
    formula : a function (prediction, target) → Value; or a loss, to be used with another meaning or reduction
    meaning : a `Meaning` or a word for one ("value", "probability", "logit", "margin"); None: it is not said, and what
        needs it (accuracy, `Module.predict_class`) raises ValueError and says so
    reduction : "mean": a batch's loss is the mean over its examples, weighted where they have weights; "sum": their sum
    name : what messages and checkpoints call it; by default the function's name

    Raises TypeError for what is no function, ValueError for another word.

    >>> steep = Loss(lambda prediction, target: (prediction - target) ** 4, meaning="value", name="steep")
    >>> steep(3.0, 1.0), Loss(mse, meaning="probability").meaning.class_of(0.7)
    (16.0, 1)
    """

    __name__: str  # of the function that it was made of, where that has one

    def __init__(
        self,
        formula: Formula,
        meaning: Meaning | str | None = None,
        *,
        reduction: str | None = None,
        name: str | None = None,
    ) -> None:
        self._targets: Callable[[str, Any, int], list[Any]] | None = None  # None: any target, as it was given
        self._domain: Callable[[float], bool] | None = None  # of each output, looked at before the formula
        self.meaning, self.reduction = None, "mean"
        settings: dict[str, Any] = {}
        if isinstance(formula, functools.partial) and isinstance(formula.func, Loss):  # partial(huber, delta=2.0)
            formula, settings = formula.func, formula.keywords
        if isinstance(formula, Loss):
            vars(self).update(vars(formula))
            self.formula = functools.partial(formula.formula, **settings)
            self.name += f"({', '.join(f'{k}={v}' for k, v in settings.items())})" if settings else ""
        elif not callable(formula) or isinstance(formula, type):
            raise TypeError(f"a loss is a function (prediction, target) → Value, not {kind(formula)}")
        else:
            functools.update_wrapper(self, formula, updated=())
            self.formula, self.name = formula, getattr(formula, "__name__", type(formula).__name__)
        self.name = self.name if name is None else name
        self.meaning = self.meaning if meaning is None else as_meaning(meaning)
        self.reduction = self.reduction if reduction is None else reduction
        if self.reduction not in REDUCTIONS:
            raise ValueError(f"reduction is 'mean' or 'sum', not {kind(reduction)}")

    def prepared(self, target: Target, outputs: int) -> Any:
        """The target as `of` takes it, for a model of so many outputs. Raises ValueError for one that does not fit."""
        return target if self._targets is None else self._targets(self.name, plain(target), outputs)

    def of(self, outputs: list[Any], prepared: Any) -> Any:
        """The loss of one example: a list of outputs, and a target that was `prepared`."""
        if self._domain is not None and not all(map(self._domain, outputs)):
            self._refuse(outputs, prepared)
        try:
            return self.traced(outputs, prepared)
        except ValueError:
            if self._domain is not None:
                self._refuse(outputs, prepared)
            raise

    def traced(self, outputs: list[Any], prepared: Any) -> Any:
        """`of`, with no look at the numbers: what is compiled. `require_domain` looks at those of a batch."""
        one = self._targets is None and len(outputs) == 1
        return self.formula(outputs[0] if one else outputs, prepared)

    def require_domain(self, outputs: Any) -> None:
        """ValueError where one of an array of outputs is outside the loss's domain, which is an interval."""
        if self._domain is not None and not (self._domain(outputs.min()) and self._domain(outputs.max())):
            raise ValueError(f"{self.name} is not finite for an output")

    def _refuse(self, outputs: list[Any], prepared: Any) -> None:
        raise ValueError(
            f"{self.name} is not finite for probability {', '.join(str(float(p)) for p in outputs[:3])} and target "
            f"{', '.join(str(float(t)) for t in prepared[:3])}: give the last layer a linear output and use "
            f"{_ON_LOGITS.get(self.__name__, 'a loss of logits')}"
        )

    def __call__(self, prediction: Any, target: Any, **settings: Any) -> Any:
        if settings:
            return Loss(functools.partial(self, **settings))(prediction, target)
        outputs = _as_list(prediction)
        return self.of(outputs, self.prepared(target, len(outputs)))

    def shares(self, weights: Sequence[float]) -> list[float]:
        """What each example of a batch counts, given its weight."""
        total = math.fsum(weights) if self.reduction == "mean" else 1.0
        return [weight / total for weight in weights]

    def total(self, losses: Sequence[float], weights: Sequence[float]) -> float:
        """The loss of several examples together."""
        try:
            total = math.fsum(loss * weight for loss, weight in zip(losses, weights, strict=True))
        except OverflowError as error:
            raise OverflowError(f"the losses of {len(losses)} examples add up to more than a float holds") from error
        return total / math.fsum(weights) if self.reduction == "mean" else total

    def __repr__(self) -> str:
        return f"Loss({self.name})"


# What targets each formula takes: (name of the loss, target, number of outputs) → the row that the formula reads.


def _as_list(given: Any) -> list[Any]:
    given = plain(given)
    return list(given) if isinstance(given, Sequence) else [given]


def _numbers(loss: str, target: Any, outputs: int) -> list[Any]:
    numbers = _as_list(target)
    if len(numbers) != outputs:
        has, given = _count(outputs, "output"), _count(len(numbers), "number")
        hint = f"give {_count(outputs, 'number')} for each example"
        if len(numbers) == 1:
            hint += "; for class indices use cross_entropy"
        raise ValueError(f"{loss}: the model has {has}, and the target is {given}: {hint}")
    return numbers


def _signs(loss: str, target: Any, outputs: int) -> list[Any]:
    numbers = _numbers(loss, target, outputs)
    for y in numbers:
        if y not in (-1.0, 1.0):
            raise ValueError(f"{loss} takes targets that are -1 or 1, not {y}")
    return numbers


def _shares_of_one(loss: str, target: Any, outputs: int) -> list[Any]:
    numbers = _numbers(loss, target, outputs)
    for y in numbers:
        if not 0.0 <= y <= 1.0:
            raise ValueError(f"{loss} takes targets that are in [0, 1], not {y}")
    return numbers


def _distribution(loss: str, target: Any, outputs: int) -> list[Any]:
    """The probability that each class should have: one-hot for a class index."""
    if outputs == 1:
        raise ValueError(
            f"{loss} needs an output for each class, and the model has one: give its last layer as many outputs as "
            f"there are classes, or use {_OF_ONE_OUTPUT.get(loss, _OF_ONE_OUTPUT['cross_entropy'])}"
        )
    if isinstance(target, Sequence):
        if len(target) != outputs:
            raise ValueError(f"{loss}: the model has {outputs} outputs, and the target is {len(target)} numbers")
        if min(target) < 0.0 or not math.isclose(math.fsum(target), 1.0, abs_tol=1e-6):
            raise ValueError(f"{loss} takes one-hot targets or probabilities that sum to 1, not {list(target)}")
        return list(target)
    label = int(target)
    if label != target or not 0 <= label < outputs:
        hint = ": the first class is 0, not 1" if label == target == outputs else ""
        raise ValueError(f"with {outputs} outputs {loss} takes labels 0 … {outputs - 1}, not {float(target)}{hint}")
    return [float(k == label) for k in range(outputs)]


def _count(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _loss(
    meaning: Meaning,
    targets: Callable[[str, Any, int], list[Any]] = _numbers,
    domain: Callable[[float], bool] | None = None,
    reduction: str = "mean",
) -> Callable[[Formula], Loss]:
    def made(formula: Formula) -> Loss:
        loss = Loss(formula, meaning, reduction=reduction)
        loss._targets, loss._domain = targets, domain
        return loss

    return made


def _is_probability(p: float) -> bool:
    return 0.0 <= p <= 1.0


# The formulas: outputs and the prepared target are lists.


@_loss(Meaning("value"))
def mse(prediction: list[Any], target: list[Any]) -> Any:
    """The mean squared error (1/d) Σ (y − ŷ)² of one example with d outputs.

    >>> mse([1.0, 5.0], [0.0, 2.0])
    5.0
    """
    errors = _errors(prediction, target)
    return errors[0] * errors[0] if len(errors) == 1 else dot(errors, errors) / len(errors)


@_loss(Meaning("value"))
def half_mse(prediction: list[Any], target: list[Any]) -> Any:
    """½ ‖y − ŷ‖²: averaged over M examples, the lectures' L(θ) = 1/2M Σ‖y − f(x)‖².

    Its gradient at the output is −(y − ŷ); the lectures' δ = −2(y − ŷ)… belongs to `squared_error`.

    >>> half_mse([1.0, 5.0], [0.0, 2.0])
    5.0
    """
    errors = _errors(prediction, target)
    return 0.5 * dot(errors, errors)


@_loss(Meaning("value"))
def squared_error(prediction: list[Any], target: list[Any]) -> Any:
    """‖y − ŷ‖² = Σⱼ (yⱼ − ŷⱼ)²: averaged over N examples, the lectures' (1/N) Σᵢ Σⱼ (ŷᵢⱼ − yᵢⱼ)².

    d times `mse` for d outputs, twice `half_mse`. Its gradient at the output is −2(y − ŷ).

    >>> squared_error([1.0, 5.0], [0.0, 2.0])
    10.0
    """
    errors = _errors(prediction, target)
    return dot(errors, errors)


@_loss(Meaning("value"), reduction="sum")
def sum_of_squared_errors(prediction: list[Any], target: list[Any]) -> Any:
    """‖y − ŷ‖², which over examples is added up, not averaged: the lectures' Σᵢ (yᵢ − ŷᵢ)², beside Ridge(λ).

    N times `squared_error` for N examples in a batch, and so are its gradients: the rate must be smaller by as much.

    >>> sum_of_squared_errors([1.0, 5.0], [0.0, 2.0]), sum_of_squared_errors.total([1.0, 2.0], [1.0, 1.0])
    (10.0, 3.0)
    """
    return squared_error.formula(prediction, target)


@_loss(Meaning("value"))
def mae(prediction: list[Any], target: list[Any]) -> Any:
    """The mean absolute error (1/d) Σ |y − ŷ|; at 0 its derivative is 0.

    >>> mae([1.0, 5.0], [0.0, 2.0])
    2.0
    """
    return _mean([abs(e) for e in _errors(prediction, target)])


@_loss(Meaning("value"))
def huber(prediction: list[Any], target: list[Any], delta: float = 1.0) -> Any:
    """½e² for |e| ≤ delta, delta·(|e| − delta/2) beyond, with e = y − ŷ; averaged (Huber, 1964).

    In one formula ½m² + delta·(|e| − m) with m = min(|e|, delta). For another delta:
    ``functools.partial(huber, delta=2.0)``.

    >>> huber(1.5, 1.0), huber(5.0, 2.0)
    (0.125, 2.5)
    """
    sizes = [abs(e) for e in _errors(prediction, target)]
    near = [minimum(size, delta) for size in sizes]
    return _mean([0.5 * m * m + delta * (size - m) for size, m in zip(sizes, near, strict=True)])


@_loss(Meaning("margin"), _signs)
def hinge(prediction: list[Any], target: list[Any]) -> Any:
    """max(0, 1 − y·ŷ) for a target y of −1 or 1; averaged.

    >>> hinge(0.25, 1), hinge(0.25, -1)
    (0.75, 1.25)
    """
    return _mean([relu(1.0 - y * p) for p, y in zip(prediction, target, strict=True)])


@_loss(Meaning("probability"), _shares_of_one, _is_probability)
def binary_cross_entropy(prediction: list[Any], target: list[Any]) -> Any:
    """−y log p − (1 − y) log(1 − p) for a probability p and a target y in [0, 1]; averaged. 0·log 0 is 0.

    Raises ValueError for a p outside [0, 1], or at an end where the loss is infinite. From a sigmoid that
    saturates p reaches 0 and 1 exactly: `binary_cross_entropy_with_logits` has no such end.

    >>> binary_cross_entropy(0.5, 1), binary_cross_entropy(0.0, 0)
    (0.6931471805599453, 0.0)
    """
    pairs = zip(prediction, target, strict=True)
    return _mean([_if_any(y, p, _surprise) + _if_any(1.0 - y, p, _surprise_of_rest) for p, y in pairs])


def _if_any(share: Any, p: Any, surprise: Callable[[Any], Any]) -> Any:
    """share·surprise(p), and 0 where the share is 0, whatever p is: 0·log 0 = 0. There ½ stands for p."""
    return where(share, share * surprise(where(share, p, 0.5)), 0.0)


def _surprise(p: Any) -> Any:
    return -log(p)


def _surprise_of_rest(p: Any) -> Any:
    return -log1p(-p)


@_loss(Meaning("logit"), _shares_of_one)
def binary_cross_entropy_with_logits(prediction: list[Any], target: list[Any]) -> Any:
    """Binary cross-entropy of σ(z) for a logit z: softplus(z) − y·z, finite for every z; averaged.

    Several outputs are several labels, any of which may be 1. For classes of which one is right: `cross_entropy`.

    >>> binary_cross_entropy_with_logits(1000.0, 0), binary_cross_entropy_with_logits(1000.0, 1)
    (1000.0, 0.0)
    """
    return _mean([softplus(z) - y * z for z, y in zip(prediction, target, strict=True)])


@_loss(Meaning("logit", exclusive=True), _distribution)
def cross_entropy(prediction: list[Any], target: list[Any]) -> Any:
    """−log softmax(z)_ℓ = log Σₖ exp(zₖ) − z_ℓ for logits z and class ℓ, finite for every z.

    ``target``: the class as an index, or one-hot (or any probabilities that sum to 1). The gradient at the
    logits is −(e(ℓ) − ŷ) with ŷ = softmax(z).

    >>> cross_entropy([1000.0, 0.0], 0), cross_entropy([0.0, 0.0], [0.5, 0.5])
    (0.0, 0.6931471805599453)
    """
    return logsumexp(prediction) - dot(target, prediction)


@_loss(Meaning("probability", exclusive=True), _distribution, _is_probability)
def negative_log_likelihood(prediction: list[Any], target: list[Any]) -> Any:
    """−log ŷ_ℓ for probabilities ŷ (a `Softmax` gives them) and class ℓ; its gradient at ŷ is −e(ℓ)/ŷ_ℓ.

    ``target`` as for `cross_entropy`, which is the same of logits, and finite where a softmax saturates.

    >>> negative_log_likelihood([0.25, 0.75], 1)
    0.28768207245178...
    """
    terms = [_if_any(y, p, _surprise) for p, y in zip(prediction, target, strict=True)]
    return sum(terms[1:], terms[0])


def _errors(prediction: list[Any], target: list[Any]) -> list[Any]:
    return [p - t for p, t in zip(prediction, target, strict=True)]


def _mean(losses: list[Any]) -> Any:
    return losses[0] if len(losses) == 1 else mean(losses)


_ON_LOGITS = {
    "binary_cross_entropy": "binary_cross_entropy_with_logits",
    "negative_log_likelihood": "cross_entropy",
}
_OF_ONE_OUTPUT = {
    "cross_entropy": "binary_cross_entropy_with_logits",
    "negative_log_likelihood": "binary_cross_entropy",
}

LOSSES: dict[str, Loss] = {
    loss.name: loss
    for loss in (
        mse,
        half_mse,
        squared_error,
        sum_of_squared_errors,
        mae,
        huber,
        hinge,
        binary_cross_entropy,
        binary_cross_entropy_with_logits,
        cross_entropy,
        negative_log_likelihood,
    )
}


def as_loss(given: Any) -> Loss:
    """A loss by its name, a Loss, or a function as one. Raises ValueError and TypeError that say what there is."""
    found = named("loss", given, LOSSES)
    return found if isinstance(found, Loss) else Loss(found)
