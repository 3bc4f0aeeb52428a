"""What a model's outputs mean, said in one place: by the loss that they are trained with (`losses`).

Metrics, `Module.predict_proba`, `Module.predict_class`, `evaluate` and the plots read it there. From a `Meaning` follow
the class that an output stands for, and its probabilities; where nothing was declared, nothing is guessed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from autodiff import sigmoid, softmax
from nn.checks import finite, kind
from nn.data import Target

Class = int | list[int]

OUTPUTS = ("value", "probability", "logit", "margin")


@dataclass(frozen=True)
class Meaning:
    """What outputs are, and how they stand for classes.

    Parameters
    ----------
    outputs : "value", a quantity; "probability", in [0, 1]; "logit", which a sigmoid (or, of classes that exclude each
        other, a softmax) makes a probability; "margin", below 0 for the label −1 and above 0 for the label 1
    exclusive : False: each output is a label of its own, 0 or 1 (of a margin: −1 or 1). True: there is an output for
        each class, one of which is right
    threshold : an output above it stands for the label 1; by default ½ for probabilities and 0 for logits and margins

    Raises ValueError for another word, or for a threshold where it means nothing.

    >>> Meaning("logit").class_of(0.3), Meaning("logit").class_of([2.0, -1.0]), Meaning("margin").class_of(-0.2)
    (1, [1, 0], -1)
    >>> Meaning("logit", exclusive=True).class_of([0.1, 0.7, 0.2])
    1
    >>> Meaning("logit").probability_of(0.0)
    0.5
    """

    outputs: str
    exclusive: bool = False
    threshold: float | None = None

    def __post_init__(self) -> None:
        if self.outputs not in OUTPUTS:
            raise ValueError(f"outputs are one of {', '.join(map(repr, OUTPUTS))}, not {kind(self.outputs)}")
        if self.exclusive and self.outputs not in ("probability", "logit"):
            raise ValueError(f"classes that exclude each other have probabilities or logits, not {self.outputs}s")
        if self.threshold is not None:
            finite("threshold", self.threshold)
            if self.exclusive or self.outputs == "value":
                raise ValueError("a threshold parts two classes: these outputs have none")

    @property
    def has_classes(self) -> bool:
        return self.outputs != "value"

    @property
    def boundary(self) -> float:
        """The output at which two classes part."""
        if self.threshold is not None:
            return self.threshold
        return 0.5 if self.outputs == "probability" else 0.0

    @property
    def labels(self) -> tuple[int, int]:
        """What the two classes of one output are called."""
        return (-1, 1) if self.outputs == "margin" else (0, 1)

    def class_of(self, output: Target) -> Class:
        """The class that an output stands for: a label, an index, or for several labels a list of them.

        Of equal outputs the first is taken, and an output on the boundary is the lower label. Raises ValueError for
        values, which stand for no class.
        """
        self._require_classes()
        if self.exclusive:
            scores = _several(output)
            return max(range(len(scores)), key=scores.__getitem__)
        return [self._label(x) for x in output] if isinstance(output, list) else self._label(output)

    def _label(self, output: float) -> int:
        return self.labels[output > self.boundary]

    def class_of_target(self, target: Target) -> Class:
        """The class that a target names. Raises ValueError for one that names none, or several alike."""
        self._require_classes()
        if not self.exclusive:
            return [self._target_label(t) for t in target] if isinstance(target, list) else self._target_label(target)
        if not isinstance(target, list):
            if not 0 <= target < math.inf or target != int(target):
                raise ValueError(f"a class is an index 0, 1, 2, …, not {target}")
            return int(target)
        likeliest = max(range(len(target)), key=target.__getitem__)
        if target.count(target[likeliest]) > 1:
            raise ValueError(f"{target} names no class: its largest number stands {target.count(max(target))} times")
        return likeliest

    def _target_label(self, target: float) -> int:
        if target not in self.labels:
            raise ValueError(f"a label is {self.labels[0]} or {self.labels[1]} here, not {target}")
        return int(target)

    def probability_of(self, output: Target) -> Target:
        """The probability of label 1 for each output, or of each class. Raises ValueError where there is none."""
        if self.outputs not in ("probability", "logit"):
            raise ValueError(
                f"these outputs are {self.outputs}s, and have no probabilities: train with a loss of probabilities or "
                f"logits, as binary_cross_entropy_with_logits or cross_entropy"
            )
        if self.outputs == "probability":
            return output
        if self.exclusive:
            return softmax(_several(output))
        return [sigmoid(z) for z in output] if isinstance(output, list) else sigmoid(output)

    def _require_classes(self) -> None:
        if not self.has_classes:
            raise ValueError(
                "these outputs are values, and stand for no class: train with a loss of classes, as cross_entropy, or "
                "declare what the outputs of a loss mean, as in Loss(mse, meaning='probability')"
            )


def as_meaning(given: Any) -> Meaning:
    """A Meaning, or the word for one ("probability"); TypeError for anything else.

    >>> as_meaning("margin")
    Meaning(outputs='margin', exclusive=False, threshold=None)
    """
    if isinstance(given, str):
        return Meaning(given)
    if not isinstance(given, Meaning):
        raise TypeError(f"meaning must be a Meaning, or one of {', '.join(map(repr, OUTPUTS))}, not {kind(given)}")
    return given


def require_meaning(meaning: Meaning | None, wanted: str, loss: str) -> Meaning:
    """The meaning; ValueError that says what to write where none was declared."""
    if meaning is None:
        raise ValueError(
            f"{wanted} needs to know what the outputs mean, and {loss} does not say: declare it, as in "
            f"Loss({loss}, meaning='logit')"
        )
    return meaning


def _several(output: Target) -> Sequence[float]:
    if not isinstance(output, list):
        raise ValueError("classes that exclude each other have an output each, and the model has one output")
    return output
