"""Settings of schedules: which are refused and which are kept; what Rates takes. Formulas: test_nn_closed_forms."""

import dataclasses

import numpy as np
import pytest

import nn

MAKE = {
    "Constant": nn.Constant, "StepDecay": lambda **s: nn.StepDecay(**{"every": 2} | s),
    "ExponentialDecay": lambda **s: nn.ExponentialDecay(**{"factor": 0.5} | s),
    "InverseTimeDecay": lambda **s: nn.InverseTimeDecay(**{"rate": 0.5} | s),
    "LinearDecay": lambda **s: nn.LinearDecay(**{"over": 5} | s),
    "CosineDecay": lambda **s: nn.CosineDecay(**{"over": 5} | s),
    "Warmup": lambda **s: nn.Warmup(**{"over": 5} | s),
    "Rates": lambda **s: nn.Rates(**{"rates": [0.1]} | s),
}  # fmt: skip
WRONG = [
    ("StepDecay", "every", 0, "every must be at least 1, not 0"),
    ("StepDecay", "factor", -0.1, "factor must be finite, at least 0, not -0.1"),
    ("ExponentialDecay", "factor", float("inf"), "factor must be finite, at least 0, not inf"),
    ("InverseTimeDecay", "rate", -1, "rate must be finite, at least 0, not -1"),
    ("LinearDecay", "over", 0, "over must be at least 1, not 0"),
    ("LinearDecay", "end", -0.1, "end must be finite, at least 0, not -0.1"),
    ("CosineDecay", "over", -3, "over must be at least 1, not -3"),
    ("CosineDecay", "end", float("nan"), "end must be finite, at least 0, not nan"),
    ("Warmup", "over", 0, "over must be at least 1, not 0"),
    *[(name, "per", "day", "per must be 'epoch' or 'step', not 'day'") for name in MAKE],
    ("Rates", "rates", [], "rates is empty: give at least one"),
    ("Rates", "rates", [0.1, -0.1], r"rates\[1\] must be finite, at least 0, not -0.1"),
    ("Warmup", "then", nn.Rates([0.1]), r"then must give factors, and Rates\(.*\) gives rates: put the warm-up into"),
]


@pytest.mark.parametrize(("name", "setting", "value", "message"), WRONG)
def test_a_setting_out_of_range_is_refused_when_the_schedule_is_made(name, setting, value, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        MAKE[name](**{setting: value})


@pytest.mark.parametrize("name", MAKE)
def test_a_schedule_is_by_epoch_unless_said_otherwise_and_rates_are_by_step(name):
    schedule = MAKE[name]()
    assert schedule.per == ("step" if name == "Rates" else "epoch")
    assert schedule.gives_rates is (name == "Rates")
    assert {MAKE[name](per=per).per for per in ("step", "epoch")} == {"step", "epoch"}
    with pytest.raises(dataclasses.FrozenInstanceError):
        schedule.per = "step"


def test_the_ends_of_what_is_allowed_are_allowed():
    assert nn.StepDecay(1, 0.0)(0) == nn.ExponentialDecay(0.0)(0) == nn.InverseTimeDecay(0.0)(9) == 1.0
    assert nn.LinearDecay(1)(1) == nn.CosineDecay(1)(1) == 0.0
    assert nn.Warmup(1)(0) == nn.Warmup(1)(1) == 1.0
    assert nn.LinearDecay(4, end=2.0)(2) == 1.5, "a schedule may rise"


@pytest.mark.parametrize("kind", [list, tuple, np.array, iter])
def test_rates_come_from_anything_that_gives_them_and_are_kept_as_they_were_given(kind):
    given = [0.25, 0.5, 1.0]
    rates = nn.Rates(kind(given))
    given[0] = 9.0
    assert [rates(t) for t in range(5)] == [0.25, 0.5, 1.0, 1.0, 1.0]
    assert type(rates(0)) is float
    assert rates == nn.Rates([0.25, 0.5, 1.0])
    assert repr(rates) == "Rates(per='step', rates=[0.25, 0.5, 1.0])"


def test_rates_by_a_function_are_asked_for_from_step_one_on():
    asked = []
    rates = nn.Rates(lambda k: asked.append(k) or 0.5 / k)
    assert [rates(t) for t in range(3)] == [0.5, 0.25, 0.5 / 3]
    assert asked == [1, 2, 3]


def test_after_the_warm_up_the_next_schedule_starts_at_time_zero():
    asked = []
    schedule = nn.Warmup(2, then=lambda t: asked.append(t) or 1.0)
    assert [schedule(t) for t in range(4)] == [0.5, 1.0, 1.0, 1.0]
    assert asked == [0, 1]
    with pytest.raises(TypeError, match=r"then must be a function or one of nn's own, as in CosineDecay\(over=10\)"):
        nn.Warmup(2, then=0.5)
