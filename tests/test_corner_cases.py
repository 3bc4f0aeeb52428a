"""The corner cases of the op table, one claim each: what the value is there, what the derivative, and who refuses."""

import math

import mpmath
import pytest
from hypothesis import given
from hypothesis import strategies as st

import autodiff as ad
from autodiff import DomainError, Value, gradients, hessian

TINY = 5e-324  # the smallest denormal
_HALF_PI = math.pi / 2


def value_and_gradient(f, *xs):
    inputs = [Value(x) for x in xs]
    y = f(*inputs)
    y.backward()
    return y.data, *(x.grad for x in inputs)


def refused(f, *xs, match):
    """The value of f, whose backward pass is refused and leaves the gradients alone."""
    inputs = [Value(x, f"v{i}") for i, x in enumerate(xs)]
    y = f(*inputs)
    with pytest.raises(DomainError, match=match):
        y.backward()
    assert [x.grad for x in inputs] == [0.0] * len(xs)
    return y.data


def power(x, y):
    return x**y


# Power.


@pytest.mark.parametrize(("exponent", "value", "slope"), [(0, 1.0, 0.0), (1, 0.0, 1.0), (2, 0.0, 0.0), (1.5, 0.0, 0.0)])
def test_power_at_zero_has_the_polynomial_s_value_and_slope(exponent, value, slope):
    assert value_and_gradient(lambda x: x**exponent, 0.0) == (value, slope)
    assert value_and_gradient(power, 0.0, exponent) == (value, slope, 0.0)


@pytest.mark.parametrize("x", [0.1, 0.3, 0.7, 1.1])
def test_the_slope_of_a_square_is_twice_x_to_the_last_bit(x):
    assert value_and_gradient(power, x, 2.0)[1] == 2.0 * x


def test_the_slope_of_a_power_keeps_its_digits_where_the_exponent_less_one_is_rounded():
    x, y = 1.0 + 2.0**-44, 2.0**53 + 4.0
    assert y - 1.0 == y
    assert value_and_gradient(power, x, y)[1] == pytest.approx(y * x**y / x, rel=1e-15, abs=0.0)


def test_the_square_root_as_a_power_has_a_value_at_zero_and_no_slope():
    match = "pow is not differentiable at x = 0.0 .label 'v0'., y = 0.5.* with respect to x"
    assert refused(lambda x: x**0.5, 0.0, match=match) == 0.0
    assert refused(power, 0.0, 0.5, match=match) == 0.0


@pytest.mark.parametrize("exponent", [-1, -0.5, Value(-1.0)])
def test_a_negative_power_of_zero_is_refused(exponent):
    with pytest.raises(DomainError, match=r"pow is not defined at x = 0\.0, y = -"):
        _ = Value(0.0) ** exponent


@pytest.mark.parametrize(("y", "value"), [(0.0, 1.0), (0.5, 0.0), (1.0, 0.0), (2.0, 0.0)])
def test_zero_to_the_y_has_slope_zero_in_y_as_in_hips_autograd(y, value):
    autograd = pytest.importorskip("autograd")
    assert value_and_gradient(lambda y: 0.0**y, y) == (value, 0.0)
    assert autograd.grad(lambda y: autograd.numpy.power(0.0, y))(y) == 0.0


@pytest.mark.parametrize("x", [-2.0, -1e-310, 0.0, TINY, 1e-300, 3.0, 1e308])
def test_x_to_the_zero_is_one_with_slope_zero_for_every_x(x):
    assert value_and_gradient(lambda x: x**0, x) == (1.0, 0.0)
    assert value_and_gradient(lambda x: x**0.0, x) == (1.0, 0.0)


def test_x_to_the_zero_keeps_its_mixed_second_derivative():
    # ∂²xʸ/∂x∂y = xʸ⁻¹(1 + y log x), which is 1/x at y = 0.
    assert hessian(power, argnums=(0, 1))(4.0, 0.0)[0][1] == 0.25
    assert hessian(power, argnums=(0, 1))(4.0, 0.0)[1][0] == 0.25


@pytest.mark.parametrize(
    ("exponent", "value", "slope"), [(-1, -0.5, -0.25), (0, 1.0, 0.0), (2, 4.0, -4.0), (3, -8.0, 12.0)]
)
def test_a_negative_base_takes_integer_exponents(exponent, value, slope):
    assert value_and_gradient(lambda x: x**exponent, -2.0) == (value, slope)
    assert value_and_gradient(lambda x: x ** float(exponent), -2.0) == (value, slope)


def test_a_negative_base_has_no_slope_in_its_exponent():
    match = "pow is not differentiable at x = -2.0 .*, y = 3.0 .* with respect to y"
    assert refused(power, -2.0, 3.0, match=match) == -8.0
    assert refused(lambda y: (-2.0) ** y, 3.0, match="with respect to y") == -8.0
    x, y = Value(-2.0), Value(3.0)
    assert gradients(x**y, [x]) == [12.0]  # the other slope is as good as ever


@pytest.mark.parametrize("exponent", [0.5, -1.5, Value(0.5)])
def test_a_negative_base_refuses_fractional_exponents(exponent):
    with pytest.raises(
        DomainError, match=r"pow is not defined at x = -2.0 \(label 'b'\), y = .*its domain is x > 0, or"
    ):
        _ = Value(-2.0, "b") ** exponent


# Kinks and singularities.


def test_sqrt_at_zero_has_a_value_and_no_slope():
    assert refused(ad.sqrt, 0.0, match=r"sqrt is not differentiable at x = 0.0 \(label 'v0'\)") == 0.0


def test_abs_at_zero_has_slope_zero():
    assert value_and_gradient(abs, 0.0) == (0.0, 0.0)
    assert value_and_gradient(abs, -0.0) == (0.0, 0.0)


def test_relu_at_zero_has_slope_zero():
    assert value_and_gradient(ad.relu, 0.0) == (0.0, 0.0)
    assert value_and_gradient(Value.relu, -0.0) == (0.0, 0.0)


def test_leaky_relu_and_elu_at_zero_have_the_slope_to_the_left():
    assert value_and_gradient(lambda x: ad.leaky_relu(x, 0.2), 0.0) == (0.0, 0.2)
    assert value_and_gradient(lambda x: ad.elu(x, 2.0), 0.0) == (0.0, 2.0)


@pytest.mark.parametrize("function", [ad.maximum, ad.minimum])
def test_a_tie_of_maximum_or_minimum_is_split_evenly(function):
    assert value_and_gradient(function, 3.0, 3.0) == (3.0, 0.5, 0.5)
    assert value_and_gradient(function, 0.0, -0.0) == (0.0, 0.5, 0.5)
    assert value_and_gradient(lambda x: function(x, 3.0), 3.0) == (3.0, 0.5)
    assert value_and_gradient(lambda x: function(x, x), 3.0) == (3.0, 1.0)


@pytest.mark.parametrize("zero", [0, 0.0, -0.0, Value(0.0)])
def test_division_by_zero_is_refused(zero):
    for numerator in (1.0, 0.0):
        with pytest.raises(DomainError, match=f"div is not defined at x = {numerator}, y = -?0.0: its domain is y ≠ 0"):
            _ = Value(numerator) / zero


def test_logarithms_at_the_end_of_their_domain_are_refused():
    with pytest.raises(DomainError, match=r"log is not defined at x = 0\.0: its domain is x > 0"):
        ad.log(Value(0.0))
    with pytest.raises(DomainError, match=r"log1p is not defined at x = -1\.0: its domain is x > −1"):
        ad.log1p(Value(-1.0))
    assert value_and_gradient(ad.log1p, math.nextafter(-1.0, 0.0)) == (math.log(2.0**-53), 2.0**53)


@pytest.mark.parametrize("x", [1.0, -1.0])
def test_arcsin_and_arccos_at_one_have_values_and_no_slopes(x):
    assert refused(ad.arcsin, x, match="arcsin is not differentiable at x = ") == math.asin(x)
    assert refused(ad.arccos, x, match="arccos is not differentiable at x = ") == math.acos(x)


def test_arcsin_and_arccos_keep_their_digits_next_to_one():
    for x in (math.nextafter(1.0, 0.0), 1.0 - 1e-6, -1.0 + 1e-6):  # at 1 − 1e-6, 1 − x·x has 11 digits left
        with mpmath.workdps(50):
            right = 1 / mpmath.sqrt(1 - mpmath.mpf(x) ** 2)
        assert value_and_gradient(ad.arcsin, x)[1] == pytest.approx(float(right), rel=1e-15, abs=0.0)
        assert value_and_gradient(ad.arccos, x)[1] == pytest.approx(-float(right), rel=1e-15, abs=0.0)


def test_tan_next_to_half_pi_is_large_and_right():
    with mpmath.workdps(50):
        value = mpmath.tan(mpmath.mpf(_HALF_PI))
        slope = 1 + value**2
    assert value_and_gradient(ad.tan, _HALF_PI) == pytest.approx((float(value), float(slope)), rel=1e-15, abs=0.0)
    assert ad.tan(math.nextafter(_HALF_PI, 2.0)) < -1e15


# Overflow.


@pytest.mark.parametrize(
    ("compute", "message"),
    [
        (lambda: ad.exp(Value(710.0, "z")), r"exp overflows at x = 710.0 \(label 'z'\)"),
        (lambda: ad.exp(710), "exp overflows at x = 710.0"),
        (lambda: ad.cosh(Value(-711.0)), "cosh overflows at x = -711.0"),
        (lambda: ad.sinh(Value(711.0)), "sinh overflows at x = 711.0"),
        (lambda: ad.expm1(Value(710.0)), "expm1 overflows at x = 710.0"),
        (lambda: Value(1e200) ** 2, "pow overflows at x = 1e[+]200, y = 2.0"),
        (lambda: Value(1e-200) ** -2.0, "pow overflows at x = 1e-200, y = -2.0"),
        (lambda: Value(1e200) * 1e200, "mul overflows at x = 1e[+]200, y = 1e[+]200"),
        (lambda: 1.0 / Value(TINY), "div overflows at x = 1.0, y = 5e-324"),
        (lambda: ad.sum([Value(1e308), 1e308]), "sum overflows at x₁ = 1e[+]308, x₂ = 1e[+]308"),
        (lambda: ad.dot([Value(1e308)], [10.0]), "dot overflows at x₁ = 1e[+]308, y₁ = 10.0"),
    ],
)
def test_overflow_names_the_operation_and_its_operands(compute, message):
    with pytest.raises(OverflowError, match=f"^{message}$"):
        compute()


def test_underflow_is_zero_and_no_error():
    assert value_and_gradient(ad.exp, -800.0) == (0.0, 0.0)
    assert value_and_gradient(lambda x: x * x, 1e-200) == (0.0, 2e-200)


def test_a_slope_that_overflows_is_refused_though_the_value_is_finite():
    x = Value(1e-200, "x")
    y = 1.0 / x
    assert y.data == 1e200
    with pytest.raises(OverflowError, match=r"the derivative of div overflows at x = 1.0, y = 1e-200 \(label 'x'\)"):
        y.backward()
    assert x.grad == 0.0


# Activations far out. Gradients of the first and the second order are finite, and right.


FAR = {
    ("sigmoid", 1000.0): (1.0, 0.0),
    ("sigmoid", -1000.0): (0.0, 0.0),
    ("softplus", 1000.0): (1000.0, 1.0),
    ("softplus", -1000.0): (0.0, 0.0),
    ("tanh", 1000.0): (1.0, 0.0),
    ("tanh", -1000.0): (-1.0, 0.0),
    ("silu", 1000.0): (1000.0, 1.0),
    ("silu", -1000.0): (0.0, 0.0),
    ("gelu", 1000.0): (1000.0, 1.0),
    ("gelu", -1000.0): (0.0, 0.0),
    ("elu", 1000.0): (1000.0, 1.0),
    ("elu", -1000.0): (-1.0, 0.0),
    ("erf", 1000.0): (1.0, 0.0),
    ("erf", -1000.0): (-1.0, 0.0),
    ("arctan", 1e300): (_HALF_PI, 0.0),
}


@pytest.mark.parametrize(("name", "x"), FAR)
def test_activations_are_stable_far_from_zero(name, x):
    function = getattr(ad, name)
    assert value_and_gradient(function, x) == FAR[name, x]
    assert function(x) == FAR[name, x][0]
    if abs(x) < 1e4:  # arctan'' has x² in it, which has no float at 1e300
        assert hessian(function)(x) == 0.0


def test_logsumexp_is_stable_for_operands_of_any_size():
    assert value_and_gradient(lambda a, b: ad.logsumexp([a, b]), 1000.0, -1000.0) == (1000.0, 1.0, 0.0)
    value, *slopes = value_and_gradient(lambda a, b: ad.logsumexp([a, b]), -1000.0, -1000.0)
    assert (value, *slopes) == pytest.approx((-1000.0 + math.log(2.0), 0.5, 0.5))
    (row, _) = hessian(ad.logsumexp)([1000.0, 1000.0])
    assert row == pytest.approx([0.25, -0.25], rel=1e-12, abs=0.0)


def test_softmax_is_stable_and_its_jacobian_right_for_operands_of_any_size():
    assert ad.softmax([1000.0, -1000.0, 1000.0]) == [0.5, 0.0, 0.5]
    assert ad.jacobian(ad.softmax)([1000.0, -1000.0, 1000.0]) == [
        [0.25, 0.0, -0.25],
        [0.0, 0.0, 0.0],
        [-0.25, 0.0, 0.25],
    ]
    cross_entropy = ad.grad(lambda z: ad.logsumexp(z) - z[1])([1000.0, -1000.0])
    assert cross_entropy == [1.0, -1.0]


# Tails, by relative accuracy: what is tiny is still right.


def close_for_a_bell(x, *right):
    """Rounding x² alone moves exp(−x²), and −x/√2 erfc, by about x² units in the last place."""
    return pytest.approx(tuple(map(float, right)), rel=4e-16 * (4.0 + x * x), abs=0.0)


@pytest.mark.parametrize("x", [-1.0, -5.0, -8.0, -20.0, -37.0])
def test_gelu_keeps_its_digits_in_the_left_tail(x):
    with mpmath.workdps(50):
        assert value_and_gradient(ad.gelu, x) == close_for_a_bell(
            x, mpmath.mpf(x) * mpmath.ncdf(x), mpmath.diff(lambda t: t * mpmath.ncdf(t), x)
        )


@pytest.mark.parametrize("x", [1e-300, 1e-8, 0.5, 3.0, 6.0, -6.0, 20.0])
def test_erf_and_its_slope_keep_their_digits(x):
    with mpmath.workdps(50):
        slope = 2 / mpmath.sqrt(mpmath.pi) * mpmath.exp(-(mpmath.mpf(x) ** 2))  # 1e-174 at 20: no difference shows it
        assert value_and_gradient(ad.erf, x) == close_for_a_bell(x, mpmath.erf(x), slope)


@pytest.mark.parametrize("x", [1.0, 10.0, 26.0])
def test_erfc_keeps_its_digits_in_the_right_tail(x):
    with mpmath.workdps(50):
        assert value_and_gradient(ad.erfc, x) == close_for_a_bell(x, mpmath.erfc(x), mpmath.diff(mpmath.erfc, x))


@pytest.mark.parametrize("x", [-40.0, -100.0, -700.0])
@pytest.mark.parametrize("name", ["sigmoid", "softplus", "silu"])
def test_sigmoid_and_its_kin_keep_their_digits_in_the_left_tail(name, x):
    right = {
        "sigmoid": lambda t: 1 / (1 + mpmath.exp(-t)),
        "softplus": lambda t: mpmath.log1p(mpmath.exp(t)),
        "silu": lambda t: t / (1 + mpmath.exp(-t)),
    }[name]
    with mpmath.workdps(400):
        expected = float(right(mpmath.mpf(x))), float(mpmath.diff(right, mpmath.mpf(x)))
    assert value_and_gradient(getattr(ad, name), x) == pytest.approx(expected, rel=1e-14, abs=0.0)


def test_elu_keeps_its_digits_beside_zero():
    assert value_and_gradient(ad.elu, -1e-10) == (math.expm1(-1e-10), math.exp(-1e-10))


def test_sinh_and_cosh_have_slopes_as_far_as_they_have_values():
    assert value_and_gradient(ad.sinh, 710.0) == (math.sinh(710.0), math.cosh(710.0))
    assert value_and_gradient(ad.cosh, -710.0) == (math.cosh(710.0), math.sinh(-710.0))


# Denormals, the smallest floats there are.


@pytest.mark.parametrize("name", ["sin", "tan", "arcsin", "arctan", "sinh", "tanh", "expm1", "log1p", "relu", "abs"])
def test_functions_with_slope_one_at_zero_return_a_denormal_unharmed(name):
    assert value_and_gradient(getattr(ad, name), TINY) == (TINY, 1.0)


def test_arithmetic_with_denormals_is_that_of_floats():
    assert value_and_gradient(lambda x: x + TINY, TINY) == (2 * TINY, 1.0)
    assert value_and_gradient(lambda x: x * 0.25, TINY) == (0.0, 0.25)
    assert value_and_gradient(lambda x: x * 1e308, TINY) == (TINY * 1e308, 1e308)
    assert value_and_gradient(ad.sqrt, TINY) == pytest.approx((math.sqrt(TINY), 0.5 / math.sqrt(TINY)))
    assert ad.log(Value(TINY)).data == math.log(TINY)


@given(x=st.floats(allow_nan=False, allow_infinity=False))
def test_no_row_ever_gives_a_silent_nan_or_infinity(x):
    for name, op in ad.ops.OPS.items():
        if name not in ad.ops.BUILT_IN:
            continue
        a = Value(x)
        try:
            y = ad.engine.apply(op, *[a] * (op.arity or 2))
            y.backward()
        except (ValueError, ArithmeticError) as error:
            assert f"{op.name} " in str(error) or "operand" in str(error)  # noqa: PT017 (either outcome is right)
            assert a.grad == 0.0
        else:
            assert math.isfinite(y.data)
            assert math.isfinite(a.grad)
