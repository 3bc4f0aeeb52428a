"""gradcheck raises no false alarm: at any magnitude, on kinks, in networks, where differences cannot tell."""

import itertools
import math
import random

import pytest
from gradchecks import faulty_operation, verdicts, wrong  # noqa: F401 (a fixture)
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import autodiff as ad
from autodiff import DomainError, GradcheckError, Value, gradcheck

FUNCTIONS = {
    "sin": ad.sin,
    "exp": ad.exp,
    "tanh": ad.tanh,
    "sigmoid": ad.sigmoid,
    "log": ad.log,
    "1/x": lambda x: 1 / x,
    "x²": lambda x: x * x,
    "x³": lambda x: x**3,
    "sqrt": ad.sqrt,
    "abs": abs,
    "relu": ad.relu,
    "gelu": ad.gelu,
    "erf": ad.erf,
    "softplus": ad.softplus,
    "3x + 1": lambda x: 3 * x + 1,
    "a constant": lambda x: Value(2.0),
    "large beside x": lambda x: x**2 + 1e9,
    "large and negative beside x": lambda x: x**2 - 1e9,
    "fast": lambda x: ad.sin(1000.0 * x),
    "slow": lambda x: ad.sin(x / 1000.0),
}


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("x", [1e-8, 0.001, 0.7, 42.0, 1e6, -1e-8, -0.7, -1e6])
@pytest.mark.parametrize("order", [1, 2])
def test_right_derivatives_pass_at_every_magnitude(name, x, order):
    if (name in ("log", "sqrt") and x < 0) or (name == "exp" and x == 1e6):
        with pytest.raises((DomainError, OverflowError)):
            gradcheck(FUNCTIONS[name], x, order)
        return
    report = gradcheck(FUNCTIONS[name], x, order)
    assert verdicts(report) == ["ok"] * order
    assert report.taylor_order is None or report.taylor_order > 1.8


@given(
    x=st.floats(-1e3, 1e3, allow_subnormal=False).filter(lambda x: x == 0.0 or abs(x) > 1e-3),
    y=st.floats(-50, 50, allow_subnormal=False),
)
@settings(deadline=None)
def test_right_derivatives_pass_at_random_points(x, y):
    assume(x == y or abs(x - y) > 1e-3)
    gradcheck(lambda a, b: ad.tanh(a) * b + ad.relu(a - b) ** 2 + ad.logsumexp([a, b]) + abs(a), (x, y), order=2)


@pytest.mark.parametrize(
    ("f", "xs", "count"),
    [
        (ad.relu, 0.0, 1),
        (abs, 0.0, 1),
        (lambda x: ad.leaky_relu(x, 0.1), 0.0, 1),
        (lambda x: abs(x) + 0.3 * x + 2.5e9, 0.0, 1),  # round-off leaves the slopes few digits
        (lambda x: abs(x) + 0.3 * x - 2.5e9, 0.0, 1),
        (lambda x: -ad.relu(x), 0.0, 1),
        (lambda x: -ad.relu(-x), 0.0, 1),
        (lambda x: -abs(x), 0.0, 1),
        (lambda x: 100 * x**2 + abs(x) * 0.01 + ad.relu(x), 0.0, 1),
        (ad.maximum, (2.0, 2.0), 2),
        (lambda x: ad.maximum(x, 2.0) + x, 2.0, 1),
        (lambda x, y: ad.relu(x) + y**2, (0.0, 3.0), 1),
        (lambda x: ad.relu(x - 1e6), 1e6, 1),
    ],
)
def test_kinks_are_told_from_errors(f, xs, count):
    for order in (1, 2):
        report = gradcheck(f, xs, order)
        assert report.ok
        assert verdicts(report)[: 2 if isinstance(xs, tuple) else 1].count("kink") == count


def test_the_slope_of_a_kink_only_of_the_derivative_is_a_kink_of_order_2():
    assert verdicts(gradcheck(lambda x: ad.relu(x) ** 2, 0.0, order=2)) == ["ok", "kink"]


@pytest.mark.parametrize("distance", [1e-3, 1e-5, 1e-7, 1e-9])
def test_a_kink_beside_x_is_no_kink_at_x(distance):
    report = gradcheck(lambda x: 3.0 * ad.relu(x - distance) + x * x, 0.0)
    assert verdicts(report) == ["ok"]
    assert report.checks[0].numerical == pytest.approx(0.0, abs=1e-12)


def test_mixed_magnitudes_in_one_call():
    gradcheck(lambda a, b, c: ad.log(a) + ad.sin(b) * a + c * 1e3, (1e-8, 1e6, 1.0), order=2)


@pytest.mark.parametrize("k", [1e6, 1e7])
def test_a_feature_that_the_first_steps_jump_over_is_found_before_a_derivative_is_called_wrong(k):
    (check,) = gradcheck(lambda x: x * ad.exp(-((x * k) ** 2)), 0.0).checks
    assert (check.reverse, check.numerical) == pytest.approx((1.0, 1.0), rel=1e-9, abs=0.0)


@pytest.mark.parametrize("slope", [1.0, -1.0])
def test_a_flat_place_that_the_first_steps_jump_over_is_found_whatever_the_slope_around_it(slope):
    (check,) = gradcheck(lambda x: 1.0 + slope * x * (1.0 - ad.exp(-((x * 1e6) ** 2))), 0.0).checks
    assert (check.reverse, check.verdict) == (0.0, "ok") and abs(check.numerical) < 1e-6


@pytest.mark.parametrize("seed", range(6))
def test_the_taylor_remainder_keeps_to_the_domain_in_any_direction(seed):
    assert gradcheck(ad.log, 1e-3, seed=seed).taylor_order == pytest.approx(2.0, abs=0.1)


@pytest.mark.parametrize("seed", range(4))
def test_the_taylor_remainder_keeps_to_the_floats_in_any_direction(seed):
    assert gradcheck(ad.exp, 709.7, seed=seed).taylor_order == pytest.approx(2.0, abs=0.1)


def test_the_taylor_direction_is_normal_with_components_of_the_size_of_one_or_of_a_larger_x():
    xs = [0.0] * 30 + [1000.0] * 30 + [-1000.0] * 30
    seen = []

    def f(x):
        seen.append([v.data for v in x])
        return ad.sum([v * v for v in x])

    gradcheck(f, (xs,))
    moved = next(x for x in seen if sum(a != b for a, b in zip(x, xs, strict=True)) > 1)
    for place, size in ((slice(0, 30), 1.0), (slice(30, 60), 1000.0), (slice(60, 90), 1000.0)):
        direction = [(a - b) / 1e-2 / size for a, b in zip(moved[place], xs[place], strict=True)]
        mean = math.fsum(direction) / 30
        assert abs(mean) < 0.5 and 0.6 < math.fsum((d - mean) ** 2 for d in direction) / 30 < 1.6


def test_where_f_bends_near_to_x_the_taylor_direction_is_relative_and_of_the_size_of_one_at_0():
    xs = [1e-300] * 30 + [0.0] * 30
    seen = []

    def f(x):
        seen.append([v.data for v in x])
        return ad.log(x[0]) + ad.sum([v * v for v in x[1:]])

    assert gradcheck(f, (xs,)).taylor_order == pytest.approx(2.0, abs=0.1)
    moved = next(x for x in seen if x[0] != xs[0] and x[0] == pytest.approx(1e-300, rel=0.1, abs=0.0) and x[-1] != 0.0)
    for place, size in ((slice(0, 30), 1e-300), (slice(30, 60), 1.0)):
        direction = [(a - b) / 1e-2 / size for a, b in zip(moved[place], xs[place], strict=True)]
        assert 0.6 < math.fsum(d * d for d in direction) / 30 < 1.6


def test_where_f_bends_near_to_x_an_input_at_0_still_takes_part_in_the_taylor_remainder(faulty):
    off = faulty(lambda xp, x: xp.sin(x), lambda xp, out, x: 1.5 * xp.cos(x))
    report = wrong(lambda a, x: ad.log(a) * 1e-3 + off(x), (1e-300, 0.0))
    assert [(c.label, c.verdict) for c in report.checks] == [("a", "ok"), ("x", "wrong")]
    assert report.taylor_order == pytest.approx(1.0, abs=0.1)


def test_a_gradient_that_is_right_within_rtol_leaves_no_taylor_remainder_to_complain_of(faulty):
    f = faulty(lambda xp, x: xp.sin(x), lambda xp, out, x: (1.0 + 5e-5) * xp.cos(x))
    report = gradcheck(f, 1.0, rtol=1e-4)
    assert verdicts(report) == ["ok"] and report.taylor_order is None


def test_a_derivative_that_agrees_is_found_with_few_evaluations():
    seen = []
    gradcheck(lambda x: seen.append(x) or ad.sin(x), 0.5)
    assert len(seen) <= 1 + 7 + 22  # the graph, the differences, the Taylor remainder


def test_the_taylor_remainder_is_taken_over_steps_of_the_size_of_one_beside_a_small_x():
    assert gradcheck(lambda x: x * x + 1.0, 1e-8).taylor_order == pytest.approx(2.0, abs=0.1)


def network(weights, hidden_bias, output, bias):
    rng = random.Random(1)
    data = [(rng.gauss(0, 1), rng.gauss(0, 1), rng.choice([-1.0, 1.0])) for _ in range(10)]
    losses = []
    for x0, x1, y in data:
        hidden = [ad.relu(ad.dot(w, [x0, x1]) + b) for w, b in zip(weights, hidden_bias, strict=True)]
        losses.append((ad.dot(output, hidden) + bias - y) ** 2)
    return ad.mean(losses)


def parameters(width, seed=0):
    rng = random.Random(seed)
    normal = lambda: rng.gauss(0.0, 1.0)  # noqa: E731
    return (
        [[normal(), normal()] for _ in range(width)],
        [normal() for _ in range(width)],
        [normal() for _ in range(width)],
        0.1,
    )


def test_a_whole_network_passes_with_every_parameter_named():
    report = gradcheck(network, parameters(8))
    assert verdicts(report) == ["ok"] * 33
    assert max(check.relative for check in report.checks) < 1e-8
    assert [report.checks[i].label for i in (0, 15, 16, 24, 32)] == [
        "weights[0][0]",
        "weights[7][1]",
        "hidden_bias[0]",
        "output[0]",
        "bias",
    ]
    assert report.taylor_order == pytest.approx(2.0, abs=0.1)


def test_a_small_network_passes_to_second_order():
    report = gradcheck(network, parameters(2), order=2)
    assert verdicts(report) == ["ok"] * (9 + 81)


def test_a_network_with_zero_parameters_sits_on_its_kinks():
    weights = [[0.0, 0.0]] * 2, [0.0, 0.0], [1.0, -1.0], 0.0
    report = gradcheck(network, weights)
    assert report.ok
    assert verdicts(report)[:6] == ["kink"] * 6


def test_one_wrong_weight_gradient_in_a_network_is_found(faulty):
    leak = faulty(lambda xp, x, y: x * y, lambda xp, out, x, y: y, lambda xp, out, x, y: x * 1.001)
    weights, hidden_bias, output, bias = parameters(3)
    f = lambda w: network(weights, hidden_bias, [w[0], leak(1.0, w[1]), w[2]], bias)  # noqa: E731
    assert verdicts(wrong(f, (output,))) == ["ok", "wrong", "ok"]


def test_a_function_that_bends_far_nearer_than_one_is_no_false_alarm_and_a_wrong_gradient_there_is_found(faulty):
    assert gradcheck(ad.log, 1e-300).ok
    assert gradcheck(lambda x: ad.log(x) * x, 1e-12).ok
    with pytest.raises(GradcheckError):
        gradcheck(faulty(lambda xp, x: xp.log(x), lambda xp, out, x: 1.01 / x), 1e-300)


@pytest.mark.parametrize("f", [ad.sin, ad.tan, ad.arcsin, ad.arctan, ad.sinh, ad.tanh, ad.erf, ad.sqrt])
@pytest.mark.parametrize("x", [1e-6, -1e-6, 1e-300, 1e-3])
def test_the_taylor_remainder_is_no_false_alarm_near_zero(f, x):
    if x > 0.0 or f is not ad.sqrt:
        assert gradcheck(f, x).ok


def test_a_remainder_whose_terms_cancel_on_the_way_is_no_false_alarm():
    assert gradcheck(lambda x, y, z: ad.cos(x) + y + z, (-1.576171875, 0.0, 0.0)).ok


def test_the_round_off_of_a_linear_function_is_no_false_alarm():
    assert gradcheck(lambda x, y: ad.sum([x, x, y, 0.5, 0.5, 0.5]), (0.0, -1.5)).taylor_order is None


# It leaves undecided what no difference can tell.


@pytest.mark.parametrize("x", [1e14, 1e17, 1e22, -3e25])
def test_where_f_bends_between_one_float_and_the_next_a_derivative_is_undecided_and_not_wrong(x):
    report = gradcheck(lambda x, w: ad.sin(x) * w, (x, 2.0))
    assert verdicts(report) == ["undecided", "ok"]
    assert report.ok
    assert "1 ok, 1 undecided" in str(report)


@pytest.mark.parametrize("x", [1e6, -1e6])
@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize("far", [1e6, -1e6])
def test_where_the_shortest_steps_alone_tell_the_slope_a_right_derivative_is_undecided(x, sign, far):
    assert verdicts(gradcheck(lambda x: far + sign * ad.sin(1e6 * x), x)) == ["undecided"]


@pytest.mark.parametrize("edge", [lambda x: ad.log(1.5e22 - x), lambda x: ad.exp(x * 7e-20)])
def test_no_step_that_tells_the_slope_is_looked_for_beyond_the_domain(edge):
    assert verdicts(gradcheck(lambda x: ad.sin(x) + 0.0 * edge(x), 1e22)) == ["undecided"]


def test_where_no_difference_can_tell_each_step_is_longer_by_the_golden_ratio_from_one_float_to_the_next_up_to_x():
    seen = []
    x = 1e22
    gradcheck(lambda v: seen.append(v.data) or ad.sin(v), x)
    steps = [v - x for v in seen[seen.index(x + math.ulp(x)) :] if v > x]
    golden = (1.0 + math.sqrt(5.0)) / 2.0
    assert steps[0] == math.ulp(x) and x / golden < steps[-1] < x
    assert [b / a for a, b in itertools.pairwise(steps[40:])] == pytest.approx(
        [golden] * (len(steps) - 41), rel=1e-6, abs=0.0
    )


@pytest.mark.parametrize("x", [0.5, 1e8, 1e12])
@pytest.mark.parametrize("factor", [2.0, 0.0, -1.0])
def test_a_wrong_derivative_is_wrong_as_long_as_differences_can_tell(faulty, x, factor):
    report = wrong(faulty(lambda xp, x: xp.sin(x), lambda xp, out, x: factor * xp.cos(x)), x)
    assert verdicts(report) == ["wrong"]


def test_a_derivative_off_by_a_ten_thousandth_is_wrong_at_a_hundred_million_too(faulty):
    report = wrong(faulty(lambda xp, x: xp.sin(x), lambda xp, out, x: 1.0001 * xp.cos(x)), 1e8)
    assert verdicts(report) == ["wrong"]
