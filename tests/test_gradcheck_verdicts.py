"""What gradcheck takes for agreement, for a kink, for a jump, and for what nobody can decide: to the figure."""

import itertools
import math

import pytest

from autodiff import GradcheckError, gradcheck
from autodiff.gradcheck import _resolved
from autodiff.numerical import extrapolated


def verdict_at_zero(f, slope, **options):
    """Of a function of floats with f(0) = 0, whose reverse-mode derivative is ``slope`` whatever it is."""
    try:
        report = gradcheck(lambda x: slope * x + (f(x.data) - slope * x.data), 0.0, **options)
    except GradcheckError as error:
        report = error.report
    (check,) = report.checks
    assert check.reverse == slope
    return check.verdict


# Agreement


def unsettled(amplitude, far=0.0):
    """t, more or less by ``amplitude`` at any scale: no step settles its slope. The first step sees ``far`` · t."""

    def f(t):
        if abs(t) > 7e-3 and far:
            return far * t
        return t * (1.0 + amplitude * math.sin(3.0 * math.log(abs(t)))) if t else 0.0

    return f


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_where_no_difference_settles_a_derivative_may_be_off_by_a_thousandth_and_no_more(sign):
    f = unsettled(0.01)
    found = extrapolated(f, 0.0)
    assert found.error > 1e-3
    assert verdict_at_zero(f, found.value * (1.0 + sign * 0.00099)) == "ok"
    assert verdict_at_zero(f, found.value * (1.0 + sign * 0.00102)) == "wrong"


def test_or_by_half_of_the_digits_of_the_steepest_slope():
    f = unsettled(0.03, far=5e5)
    found = extrapolated(f, 0.0)
    resolved = 2.0**-26 * found.scale
    assert found.scale == pytest.approx(5e5) and 4.0 * found.error > 0.0076 > resolved > 0.0074
    assert verdict_at_zero(f, found.value + 0.99 * resolved) == "ok"
    assert verdict_at_zero(f, found.value + 1.02 * resolved) == "wrong"


def test_where_differences_nearly_settle_it_may_be_off_by_four_times_their_error():
    f = unsettled(1e-5)
    found = extrapolated(f, 0.0)
    assert 1e-6 < found.error < 1e-4 and extrapolated(f, 0.0, first_step=1e-6).value > found.value
    assert verdict_at_zero(f, found.value - 3.95 * found.error, rtol=0.0) == "ok"
    assert verdict_at_zero(f, found.value - 4.05 * found.error, rtol=0.0) == "wrong"


# Kinks and jumps, by how the slopes go on as the step shrinks tenfold


@pytest.mark.parametrize(("factor", "verdict"), [(0.49, "ok"), (0.51, "kink"), (1.95, "kink"), (2.05, "ok")])
def test_at_a_kink_the_slopes_stay_apart_to_within_a_factor_of_two(factor, verdict):
    assert verdict_at_zero(lambda t: abs(t) ** (1.0 - math.log10(factor)), 0.0) == verdict


@pytest.mark.parametrize(("factor", "verdict"), [(4.9, "undecided"), (5.1, "wrong"), (10.0, "wrong")])
def test_at_a_jump_a_slope_grows_more_than_fivefold(factor, verdict):
    power = 1.0 - math.log10(factor)
    assert verdict_at_zero(lambda t: math.copysign(abs(t) ** power, t), 1.0) == verdict


@pytest.mark.parametrize(("growing_from", "verdict"), [(1e-5, "wrong"), (1e-6, "undecided")])
def test_at_a_jump_a_slope_grows_over_the_last_six_steps(growing_from, verdict):
    def f(t):
        return t * max(1.0, growing_from / abs(t)) if t else 0.0

    assert verdict_at_zero(f, 7.0) == verdict


# What nobody can decide: the shortest steps have the last word


def shortest_steps():
    """Those that are looked at where all else disagrees: from ulp to ulp, each longer by the golden ratio."""
    step, steps = math.ulp(0.0), []
    while step < 1.0:
        steps.append(step)
        step *= (1.0 + math.sqrt(5.0)) / 2.0
    return steps


def with_short_slopes(slopes):
    """t, but over the shortest steps that are no subnormal numbers, by turns, ``slopes`` · t."""
    short = [3.0, -3.0] * 40
    at = dict(zip(shortest_steps(), itertools.chain(short, itertools.cycle(slopes)), strict=False))
    return lambda t: t * at.get(abs(t), 1.0)


@pytest.mark.parametrize(("difference", "verdict"), [(0.049, "wrong"), (0.051, "undecided")])
def test_a_slope_is_told_where_short_steps_agree_within_a_twentieth(difference, verdict):
    assert verdict_at_zero(with_short_slopes([1.0, 1.0 - difference]), 5.0) == verdict


@pytest.mark.parametrize(("alike", "verdict"), [(4, "undecided"), (5, "wrong")])
def test_a_slope_is_told_where_five_steps_in_a_row_agree(alike, verdict):
    assert verdict_at_zero(with_short_slopes([2.0] * alike + [-3.0]), 5.0) == verdict


@pytest.mark.parametrize(
    ("slope", "verdict"), [(2.19, "undecided"), (2.21, "wrong"), (1.81, "undecided"), (1.79, "wrong")]
)
def test_a_derivative_within_a_tenth_of_the_slope_over_the_shortest_steps_is_undecided(slope, verdict):
    assert verdict_at_zero(with_short_slopes([2.0]), slope) == verdict


@pytest.mark.parametrize(("short", "verdict"), [(1.12, "undecided"), (1.105, "wrong")])
def test_unless_the_longer_steps_see_that_slope_as_well(short, verdict):
    assert verdict_at_zero(with_short_slopes([short]), short) == verdict


def test_or_some_of_them_do():
    """The slope is 1 over the first steps, 2 over those of the second opinion, 2.15 over the shortest."""
    short = with_short_slopes([2.15])
    assert verdict_at_zero(lambda t: short(t) if short(t) != t or abs(t) > 1e-5 else 2.0 * t, 2.3) == "wrong"


@pytest.mark.parametrize(("x", "longest"), [(0.5, 1.0), (-100.0, 100.0)])
def test_no_slope_is_taken_where_round_off_may_hide_it_up_to_steps_of_the_size_of_one_or_of_x(x, longest):
    steps = []

    def f(t):
        steps.append(abs(t - x))
        return t

    assert _resolved(f, x, round_off=math.inf) is None
    assert longest / 1.7 < max(steps) < longest


def test_no_slope_is_taken_where_the_next_float_is_further_than_f_moves():
    assert _resolved(lambda t: 1e17 + t, 0.5, round_off=0.0) is None
