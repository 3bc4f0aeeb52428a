"""Learning-rate schedules: the factor on the optimiser's own rate at time t = 0, 1, 2, …

t counts epochs, or optimiser steps with ``per="step"``. A schedule has no state: the same t gives the same factor,
so a resumed run needs nothing from it. Any function of t serves too, per epoch.

>>> [StepDecay(every=2, factor=0.5)(t) for t in range(5)]
[1.0, 1.0, 0.5, 0.5, 0.25]
>>> Warmup(4, then=CosineDecay(10))(0)
0.25
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass

from nn.checks import integer, number


@dataclass(frozen=True)
class Schedule:
    """The base of all. ``per``: "epoch" or "step". Raises ValueError for settings out of range."""

    _: KW_ONLY
    per: str = "epoch"

    def __post_init__(self) -> None:
        if self.per not in ("epoch", "step"):
            raise ValueError(f"per must be 'epoch' or 'step', not {self.per!r}")
        for name, given in vars(self).items():
            if name in ("every", "over"):
                integer(name, given)
            elif name != "per" and not callable(given):
                number(name, given)

    def __call__(self, t: int) -> float:
        raise NotImplementedError(f"{type(self).__name__} must define __call__(t) -> factor")


@dataclass(frozen=True)
class Constant(Schedule):
    """The factor 1."""

    def __call__(self, t: int) -> float:  # noqa: ARG002 (it is constant)
        return 1.0


@dataclass(frozen=True)
class StepDecay(Schedule):
    """factor^⌊t / every⌋ (PyTorch's StepLR)."""

    every: int
    factor: float = 0.1

    def __call__(self, t: int) -> float:
        return self.factor ** (t // self.every)


@dataclass(frozen=True)
class ExponentialDecay(Schedule):
    """factor^t (PyTorch's ExponentialLR)."""

    factor: float

    def __call__(self, t: int) -> float:
        return self.factor**t


@dataclass(frozen=True)
class InverseTimeDecay(Schedule):
    """1 / (1 + rate·t): its sum diverges and that of its squares does not (Robbins and Monro, 1951)."""

    rate: float

    def __call__(self, t: int) -> float:
        return 1.0 / (1.0 + self.rate * t)


@dataclass(frozen=True)
class LinearDecay(Schedule):
    """From 1 to ``end`` along a line over t = 0 … over, then ``end`` (PyTorch's LinearLR)."""

    over: int
    end: float = 0.0

    def __call__(self, t: int) -> float:
        return 1.0 + (self.end - 1.0) * min(t / self.over, 1.0)


@dataclass(frozen=True)
class CosineDecay(Schedule):
    """From 1 to ``end`` along half a cosine over t = 0 … over, then ``end`` (Loshchilov and Hutter, 2016)."""

    over: int
    end: float = 0.0

    def __call__(self, t: int) -> float:
        return self.end + (1.0 - self.end) * 0.5 * (1.0 + math.cos(math.pi * min(t / self.over, 1.0)))


@dataclass(frozen=True)
class Warmup(Schedule):
    """(t + 1) / over for t < over, then the schedule ``then``, its time starting at 0."""

    over: int
    then: Callable[[int], float] = Constant()

    def __call__(self, t: int) -> float:
        return (t + 1) / self.over if t < self.over else self.then(t - self.over)
