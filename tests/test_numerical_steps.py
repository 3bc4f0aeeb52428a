"""The steps of the numerical derivatives: where each begins, how short it may become, what a shorter one decides."""

import math

import pytest

from autodiff import define_op, numerical_gradient
from autodiff.numerical import extrapolated


def test_a_complex_step_has_the_length_it_promises():
    seen = []
    same = define_op("same_seen", lambda xp, x: seen.append(x) or 1.0 * x, [lambda xp, out, x: 1.0])
    assert numerical_gradient(same, 3.0, "complex") == 1.0
    assert seen[-1] == complex(3.0, 1e-100)


def steps_of_what_is_defined_at_one_place(x):
    """How far from x Richardson's method looks, in order, where there is nothing but x itself."""
    seen = []

    def f(t):
        seen.append(abs(t - x))
        if t != x:
            raise ValueError("not defined here")
        return 1.0

    with pytest.raises(ValueError, match="not defined here"):
        extrapolated(f, x)
    assert seen[0] == 0.0
    return seen[1:]


@pytest.mark.parametrize(("x", "shortest"), [(0.0, 1e-14), (1e7 / 2.0**24, 1e-9 * (1e7 / 2.0**24)), (1.0, 1e-9)])
def test_a_step_is_quartered_until_one_is_shorter_than_a_billionth_of_x_or_than_1e_14_at_zero(x, shortest):
    steps = [1e-2 / 4.0**k for k in range(30)]
    tried = sum(step >= shortest for step in steps) + 1
    assert steps_of_what_is_defined_at_one_place(x) == pytest.approx(steps[:tried], rel=1e-6, abs=0.0)


@pytest.mark.parametrize(("share", "kink"), [(0.93, 0.0), (1.0, 2.0 - 2.0**-5)])
def test_a_shorter_step_denies_a_kink_unless_its_noise_is_an_eighth_of_it(share, kink):
    """f is flat beside 0: a first step of 2⁻⁷ sees a kink, which one 32 times shorter does not."""

    def f(t):
        return max(abs(t) - 2.0**-14, 0.0)

    noise = share * (2.0 - 2.0**-5) / 8.0  # of the shorter step at its half, 2⁻¹³
    assert extrapolated(f, 0.0, round_off=noise * 2.0**-13 / 4.0, first_step=2.0**-7).kink == kink


@pytest.mark.parametrize(
    ("x", "tables"), [(0.0, 9), (1e7 / 2.0**25, 7), (1.0, 6)], ids=["zero", "exactly a billionth", "one"]
)
def test_where_no_table_settles_the_next_begins_32_times_nearer_until_one_begins_within_a_billionth_of_x(x, tables):
    began = []

    def f(t):
        if t == x:
            return 0.0
        halvings = round(math.log2(1e-2 / abs(t - x)))
        began.append(halvings // 5)
        return (t - x) * (1.0, 2.0, 1e6, 1e6, 1e6)[halvings % 5]

    extrapolated(f, x)
    assert began == [table for table in range(tables) for _ in range(6)]  # the third row is worse than the second


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize(("second", "error"), [(1.9, 1.9), (2.0, 2.0), (2.1, 1.0)])
def test_of_tables_whose_relative_errors_are_within_a_factor_of_two_the_nearer_one_counts(sign, second, error):
    """A table's first two differences are chosen so that its value is 1 + 2⁻⁸, and its error as many times 2⁻⁸."""

    def f(t):
        halvings = round(-math.log2(abs(t))) - 7 if t else 0
        off = {0: 1.0, 1: second}.get(halvings // 5, 100.0) * 2.0**-8
        first = 1.0 + 2.0**-8 - off
        return sign * t * (first, first + 0.75 * off, 1e9, 1e9, 1e9)[halvings % 5]

    found = extrapolated(f, 0.0, first_step=2.0**-7)
    assert found.value == pytest.approx(sign * (1.0 + 2.0**-8), rel=1e-12, abs=0.0)
    assert found.error == pytest.approx(error * 2.0**-8, rel=1e-12, abs=0.0)


def rows_of_the_first_table(slopes):
    """How many rows it has for an f whose differences over 2⁻⁷, 2⁻⁸, … are ``slopes``, and then as the last of them."""
    seen = []

    def f(t):
        if not t:
            return 0.0
        seen.append(round(-math.log2(abs(t))) - 7)
        return t * slopes[min(seen[-1], len(slopes) - 1)]

    extrapolated(f, 0.0, first_step=2.0**-7)
    rows = seen[::2]
    return next((i for i, halvings in enumerate(rows) if halvings != i), len(rows))


@pytest.mark.parametrize(("error", "rows"), [(1.0, 2), (1.01, 3)])
def test_a_table_ends_where_its_error_is_within_a_ten_billionth_of_its_value(error, rows):
    assert rows_of_the_first_table([1e10 - error, 1e10 - error / 4.0, 1e10]) == rows


@pytest.mark.parametrize(("times", "rows"), [(2.05, 3), (2.0, 3), (1.95, 4)])
def test_a_table_ends_where_a_row_is_off_the_last_by_twice_the_least_error_so_far(times, rows):
    """The first two rows extrapolate to 1 with an error of 2⁻⁸, the third to ``times`` as much more."""
    error = 2.0**-8
    third = 1.0 + (3.0 * times * 15.0 / 16.0 - 0.25) * error / 4.0
    assert rows_of_the_first_table([1.0 - error, 1.0 - error / 4.0, third, 1.0]) == rows


@pytest.mark.parametrize(("share", "kink"), [(0.93, 2.0), (1.0, 0.0)])
def test_a_kink_is_more_than_eight_times_its_noise(share, kink):
    round_off = share * 2.0**-12  # 8 · 4 · 2⁻¹² / 2⁻⁸ is 2, by which the slopes of |t| differ
    assert extrapolated(abs, 0.0, round_off, first_step=2.0**-7).kink == kink


@pytest.mark.parametrize(("gap", "kink"), [(1.0, 0.0), (1.0 + 2.0**-20, 1.0 + 2.0**-20)])
def test_a_kink_is_more_than_a_millionth_of_the_slope(gap, kink):
    assert extrapolated(lambda t: 1e6 * t + gap / 2.0 * abs(t), 0.0, first_step=2.0**-7).kink == kink


@pytest.mark.parametrize(("half_the_gap", "kink"), [(0.75, 0.0), (0.8125, 1.625)])
def test_at_a_kink_more_than_three_quarters_of_the_gap_between_the_slopes_is_left_at_half_the_step(half_the_gap, kink):
    first = 2.0**-7
    assert extrapolated(lambda t: abs(t) * (1.0 if abs(t) == first else half_the_gap), 0.0, 0.0, first).kink == kink


def test_of_two_estimates_with_the_same_error_the_one_from_shorter_steps_counts():
    error, first = 2.0**-8, 2.0**20
    slopes = [first - error, first - error / 4.0, first + error * 41.0 / 64.0, 1e9]  # the third row adds the error

    def f(t):
        return t * slopes[min(round(-math.log2(abs(t))) - 7, 3)] if t else 0.0

    found = extrapolated(f, 0.0, first_step=2.0**-7)
    assert (found.value, found.error) == (first + error, error)
