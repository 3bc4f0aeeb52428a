"""Learning-rate schedules: the factor on the optimizer's own rate at time t = 0, 1, 2, …

t counts epochs, or optimizer steps with ``per="step"``. A schedule has no state: the same t gives the same factor,
so a resumed run needs nothing from it. Any function of t serves too, per epoch. `Rates` gives rates, not factors: the
lectures' ε₁, ε₂, …, one for each step.

>>> [StepDecay(every=2, factor=0.5)(t) for t in range(5)]
[1.0, 1.0, 0.5, 0.5, 0.25]
>>> Warmup(4, then=CosineDecay(10))(0)
0.25
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import ClassVar

from nn.checks import instance, integer, listed, nonnegative


@dataclass(frozen=True)
class Schedule:
    """The base of all. ``per``: "epoch" or "step". Raises ValueError for settings out of range.

    ``gives_rates`` : False where a call gives the factor on the optimizer's rate, True where it gives the rate itself
    """

    gives_rates: ClassVar[bool] = False
    _: KW_ONLY
    per: str = "epoch"

    def __post_init__(self) -> None:
        if self.per not in ("epoch", "step"):
            raise ValueError(f"per must be 'epoch' or 'step', not {self.per!r}")

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

    def __post_init__(self) -> None:
        super().__post_init__()
        integer("every", self.every)
        nonnegative("factor", self.factor)

    def __call__(self, t: int) -> float:
        return self.factor ** (t // self.every)


@dataclass(frozen=True)
class ExponentialDecay(Schedule):
    """factor^t (PyTorch's ExponentialLR)."""

    factor: float

    def __post_init__(self) -> None:
        super().__post_init__()
        nonnegative("factor", self.factor)

    def __call__(self, t: int) -> float:
        return self.factor**t


@dataclass(frozen=True)
class InverseTimeDecay(Schedule):
    """1 / (1 + rate·t): its sum diverges and that of its squares does not (Robbins and Monro, 1951)."""

    rate: float

    def __post_init__(self) -> None:
        super().__post_init__()
        nonnegative("rate", self.rate)

    def __call__(self, t: int) -> float:
        return 1.0 / (1.0 + self.rate * t)


@dataclass(frozen=True)
class LinearDecay(Schedule):
    """From 1 to ``end`` along a line over t = 0 … over, then ``end`` (PyTorch's LinearLR)."""

    over: int
    end: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        integer("over", self.over)
        nonnegative("end", self.end)

    def __call__(self, t: int) -> float:
        return 1.0 + (self.end - 1.0) * min(t / self.over, 1.0)


@dataclass(frozen=True)
class CosineDecay(Schedule):
    """From 1 to ``end`` along half a cosine over t = 0 … over, then ``end`` (Loshchilov and Hutter, 2016)."""

    over: int
    end: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        integer("over", self.over)
        nonnegative("end", self.end)

    def __call__(self, t: int) -> float:
        return self.end + (1.0 - self.end) * 0.5 * (1.0 + math.cos(math.pi * min(t / self.over, 1.0)))


@dataclass(frozen=True)
class Warmup(Schedule):
    """(t + 1) / over for t < over, then the schedule ``then``, its time starting at 0."""

    over: int
    then: Callable[[int], float] = Constant()

    def __post_init__(self) -> None:
        super().__post_init__()
        integer("over", self.over)
        instance("then", self.then, "CosineDecay(over=10)")
        if getattr(self.then, "gives_rates", False):
            raise ValueError(f"then must give factors, and {self.then} gives rates: put the warm-up into its own rates")

    def __call__(self, t: int) -> float:
        return (t + 1) / self.over if t < self.over else self.then(t - self.over)


@dataclass(frozen=True)
class Rates(Schedule):
    """The lectures' "learning rate schedule ε₁, ε₂, …": the rate itself at step k = 1, 2, …

    ``rates`` : a function of k, or a list of them, the last of which stays. The optimizer's own rate has no say.

    >>> harmonic, listed = Rates(lambda k: 0.5 / k), Rates([0.1, 0.01])
    >>> [harmonic(t) for t in range(3)], [listed(t) for t in range(3)]
    ([0.5, 0.25, 0.16666666666666666], [0.1, 0.01, 0.01])
    """

    gives_rates: ClassVar[bool] = True
    rates: Callable[[int], float] | Sequence[float]
    _: KW_ONLY
    per: str = "step"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not callable(self.rates):
            given = listed("rates", self.rates, "[0.1, 0.05, 0.01]")
            if not given:
                raise ValueError("rates is empty: give at least one")
            rates = [nonnegative(f"rates[{i}]", rate) for i, rate in enumerate(given)]
            object.__setattr__(self, "rates", rates)  # it is frozen for its users

    def __call__(self, t: int) -> float:
        return self.rates(t + 1) if callable(self.rates) else self.rates[min(t, len(self.rates) - 1)]
