"""One linear unit and the two rules that came before backpropagation: the perceptron rule and the delta rule.

Both go through the examples in the order given, or in a new random order in every epoch, and record each epoch. The
delta rule is stochastic gradient descent on ½(ŷ − y)²; here it stands by hand, and a test holds it against the
engine.
"""

# ruff: noqa: N803 (X is the field's name)
from __future__ import annotations

import math
import random
from typing import Any, Self

from nn.checks import as_random, integer, nonnegative
from nn.data import as_examples, as_rows


class _LinearUnit:
    """b + Σⱼ wⱼxⱼ, from zeros, learning example by example."""

    def __init__(self, inputs: int) -> None:
        self.inputs = integer("inputs", inputs)
        self.weights = [0.0] * self.inputs
        self.bias = 0.0
        self.weights_per_epoch: list[tuple[float, ...]] = []

    def _output(self, x: list[float]) -> float:
        return self.bias + sum(w * v for w, v in zip(self.weights, x, strict=True))

    def _move(self, amount: float, x: list[float]) -> None:
        self.weights = [w + amount * v for w, v in zip(self.weights, x, strict=True)]
        self.bias += amount

    def _orders(self, count: int, epochs: int, rng: int | random.Random | None) -> Any:
        generator = None if rng is None else as_random(rng, "shuffling")
        for _ in range(integer("epochs", epochs)):
            order = list(range(count))
            if generator is not None:
                generator.shuffle(order)
            yield order
            self.weights_per_epoch.append((self.bias, *self.weights))


class Perceptron(_LinearUnit):
    """The perceptron rule: on a misclassified example w ← w ± x (+ for the positive class); else nothing.

    Attributes
    ----------
    weights, bias : what it learned, from zeros
    mistakes : misclassified examples in each epoch; training ends after an epoch without any, which comes where a
        line parts the classes and never for XOR (Rosenblatt, 1958)
    weights_per_epoch : (bias, w₁, w₂, …) after each epoch

    Labels are 0 and 1, or −1 and 1; predictions are in the same ones.

    >>> X = [[0, 0], [0, 1], [1, 0], [1, 1]]
    >>> unit = Perceptron(2).fit(X, [0, 0, 0, 1])
    >>> unit.predict(X), unit.mistakes
    ([0, 0, 0, 1], [1, 3, 3, 2, 1, 0])
    """

    def __init__(self, inputs: int) -> None:
        super().__init__(inputs)
        self.mistakes: list[int] = []
        self.negative = 0

    def fit(self, X: Any, y: Any, *, epochs: int = 100, rng: int | random.Random | None = None) -> Self:
        """At most ``epochs`` times through the examples. Raises ValueError for other labels, or bad data as `fit`."""
        rows, labels = as_examples(X, y, self.inputs)
        for i, label in enumerate(labels):
            if label not in (-1.0, 0.0, 1.0) or (label == 0.0 and -1.0 in labels):
                raise ValueError(f"y[{i}] is {label}: the perceptron's labels are 0 and 1, or -1 and 1")
        self.negative = -1 if -1.0 in labels else 0
        for order in self._orders(len(rows), epochs, rng):
            wrong = 0
            for i in order:
                positive = labels[i] == 1.0
                if (self._output(rows[i]) > 0.0) != positive:
                    wrong += 1
                    self._move(1.0 if positive else -1.0, rows[i])
            self.mistakes.append(wrong)
            if not wrong:
                self.weights_per_epoch.append((self.bias, *self.weights))
                break
        return self

    def predict(self, X: Any) -> list[int]:
        """The label of each row: 1 where b + Σ wx > 0, and else the other."""
        return [1 if self._output(row) > 0.0 else self.negative for row in as_rows(X, "X", self.inputs)]


class Adaline(_LinearUnit):
    """The delta rule: after each example w ← w − α(ŷ − y)x with ŷ = b + Σ wx (Widrow and Hoff, 1960).

    Attributes
    ----------
    weights, bias : what it learned, from zeros
    losses : the mean of ½(ŷ − y)² in each epoch, each before its own step
    weights_per_epoch : (bias, w₁, w₂, …) after each epoch

    >>> unit = Adaline(1, lr=0.1).fit([[0], [1], [2]], [1, 3, 5], epochs=200)
    >>> round(unit.predict([[10]])[0], 6)
    21.0
    """

    def __init__(self, inputs: int, lr: float = 0.01) -> None:
        super().__init__(inputs)
        self.lr = nonnegative("lr", lr)
        self.losses: list[float] = []

    def fit(self, X: Any, y: Any, *, epochs: int = 100, rng: int | random.Random | None = None) -> Self:
        """``epochs`` times through the examples. Raises OverflowError where lr is too large for the data."""
        rows, targets = as_examples(X, y, self.inputs)
        if any(isinstance(target, list) for target in targets):
            raise ValueError("Adaline has one output: each target must be one number")
        for order in self._orders(len(rows), epochs, rng):
            losses: list[float] = []
            for i in order:
                before = self.bias, self.weights
                error = self._output(rows[i]) - targets[i]  # type: ignore[operator] (no lists: checked above)
                self._move(-self.lr * error, rows[i])
                losses.append(0.5 * error * error)
                if not all(map(math.isfinite, (losses[-1], self.bias, *self.weights))):
                    self.bias, self.weights = before
                    raise OverflowError(f"Adaline diverges at X[{i}]: lower lr={self.lr}, or scale the inputs")
            self.losses.append(math.fsum(losses) / len(losses))
        return self

    def predict(self, X: Any) -> list[float]:
        """ŷ for each row."""
        return [self._output(row) for row in as_rows(X, "X", self.inputs)]
