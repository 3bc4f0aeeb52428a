"""The namespaces that rows run on: whole, up to date, and right where a row's tests do not lead them."""

import cmath
import math

import mpmath
import numpy as np
import pytest

from autodiff import define_op
from autodiff.namespaces import FLOATS, Namespace, arrays, complex_numbers, fifty_digits, slices


def test_a_namespace_that_lacks_a_function_is_refused_by_name():
    have = {name: f for name, f in vars(FLOATS).items() if name not in ("_name", "erf", "step")}
    with pytest.raises(TypeError, match="^the namespace of mine lacks erf, step$"):
        Namespace("mine", **have)


def test_a_namespace_says_its_name_and_has_no_row_for_what_python_asks_of_it():
    assert repr(FLOATS) == "Namespace(floats)" and repr(slices()) == "Namespace(slices)"
    assert not hasattr(FLOATS, "__array__")


def test_a_row_that_is_defined_anew_is_new_for_the_rows_that_are_written_with_it():
    def define_inner(factor):
        return define_op("inner_row", lambda xp, x: factor * x, [lambda xp, out, x: factor])

    define_inner(2.0)
    outer = define_op("outer_row", lambda xp, x: xp.inner_row(x) + 1.0, [lambda xp, out, x: 1.0])
    assert outer(1.0) == 3.0
    define_inner(5.0)
    assert outer(1.0) == 6.0


@pytest.mark.parametrize("x", [0.0, -0.0])
def test_of_equal_operands_the_first_counts_as_the_larger_and_as_the_smaller(x):
    for choose in (FLOATS.maximum, FLOATS.minimum, lambda *z: FLOATS.largest(z)):
        assert math.copysign(1.0, choose(x, -x)) == math.copysign(1.0, x)


def test_in_a_tie_of_the_real_parts_x_is_the_larger_of_two_complex_numbers():
    xp, x, y = complex_numbers(), 2.0 + 1.0j, 2.0 - 3.0j
    assert (xp.maximum(x, y), xp.minimum(x, y), xp.largest([x, y])) == (x, y, x)
    assert (xp.abs(1.0j), xp.abs(-1.0 + 1.0j), xp.step(1.0j), xp.sign(1.0j)) == (1.0j, 1.0 - 1.0j, 0.0, 0.0)
    assert (xp.maximum(x, 3.0), xp.minimum(x, 3.0), xp.maximum(3.0, x), xp.minimum(3.0, x)) == (3.0, x, 3.0, x)
    assert (xp.sign(-2.0 + 1.0j), xp.sign(2.0 - 1.0j), xp.compare(1.0 + 5.0j, 2.0), xp.less(1.0 + 5.0j, 2.0)) == (
        -1.0,
        1.0,
        -1.0,
        True,
    )
    assert xp.less(x, y) is False and xp.floor(-1.5 + 7.0j) == -2.0


OFF_THE_AXES = [(1.0, 2.0), (2.0, 1.0), (2.0, -1.0), (1.0, -2.0), (-1.0, -2.0), (-2.0, -1.0), (-2.0, 1.0), (-1.0, 2.0)]
ON_THEM = [(1.0, 0.0), (-1.0, 0.0), (0.0, 1.0), (0.0, -1.0), (1.0, 1.0), (1.0, -1.0), (-1.0, -1.0), (-1.0, 1.0)]


@pytest.mark.parametrize(("y", "x"), OFF_THE_AXES + ON_THEM)
def test_the_angle_of_a_complex_point_has_its_place_around_the_circle_and_both_slopes(y, x):
    h = 1e-100
    along_y, along_x = complex_numbers().arctan2(complex(y, h), x), complex_numbers().arctan2(y, complex(x, h))
    assert along_y.real == along_x.real == pytest.approx(math.atan2(y, x), rel=1e-15, abs=0.0)
    r = x * x + y * y
    assert (along_y.imag / h, along_x.imag / h) == pytest.approx((x / r, -y / r), rel=1e-15, abs=0.0)


@pytest.mark.parametrize(
    ("y", "x"), [(1 + 5j, 2.0), (1.0, 2 + 5j), (1 + 5j, -2 + 1j), (-3 - 2j, -2 + 1j), (-3 + 1j, 2j)]
)
def test_the_angle_of_a_point_is_right_at_any_imaginary_part(y, x):
    angle = complex_numbers().arctan2(y, x)
    assert complex_numbers().arctan2(0.0, 1j) == 0.0 == math.atan2(0.0, 0.0)
    assert cmath.isclose(cmath.exp(2j * angle), (x + 1j * y) / (x - 1j * y), rel_tol=1e-14)


@pytest.mark.parametrize(("x", "y"), [(7.5, 2.0), (-7.5, 2.0), (7.5, -2.0), (-7.5, -2.0)])
def test_a_complex_remainder_has_pythons_value_and_the_slopes_beside_it(x, y):
    in_x, in_y = complex_numbers().mod(x + 1j, y), complex_numbers().mod(x, y + 1j)
    assert (in_x, in_y) == (complex(x % y, 1.0), complex(x % y, -(x // y)))


@pytest.mark.parametrize(
    ("x", "y"),
    [(-2.0 + 1j, 3.0), (-2.0 + 1j, 2.0), (-2.0 + 1j, 2.5), (-2.0, 2.0 + 1j), (2.0 + 1j, 3.0), (2.0 + 1j, 2.5 - 1j)],
)
def test_a_complex_power_is_its_principal_value(x, y):
    found = complex_numbers().pow(x, y)
    assert cmath.isclose(found, cmath.exp(y * cmath.log(x)), rel_tol=1e-14)


@pytest.mark.parametrize("x", [0.9, 1.1, -0.9, -1.1])
@pytest.mark.parametrize("n", [150.0, 201.0])
def test_a_high_complex_power_loses_no_digits_to_the_angle_of_its_base(x, n):
    found = complex_numbers().pow(complex(x, 1e-100), n)
    assert found.real == pytest.approx(x**n, rel=1e-15, abs=0.0)
    assert found.imag == pytest.approx(n * x ** (n - 1.0) * 1e-100, rel=2e-15, abs=0.0)


def test_what_a_namespace_computes_of_its_numbers_is_one_of_them():
    two = [("pow", 2.0, 3.0), ("mod", 3.0, 2.0), ("arctan2", 1.0, 2.0)]
    one = [("log1p", 0.5), ("log1p", -0.7), ("expm1", 0.5), ("erf", 0.5), ("erfc", 0.5)]
    assert {type(getattr(complex_numbers(), name)(*x)) for name, *x in two + one} == {complex}
    what_follows_the_real_part = [("floor", 1.5 + 1j), ("step", 1j), ("sign", 1j), ("compare", 1j, 1.0)]
    assert {type(getattr(complex_numbers(), name)(*x)) for name, *x in what_follows_the_real_part} == {float}
    one += [("floor", 1.5), ("step", 0.5), ("sign", -2.0), ("number", True)]
    two += [("compare", 1.0, 2.0), ("maximum", 1.0, 2.0)]
    assert {type(getattr(FLOATS, name)(*x)) for name, *x in two + one} == {float}


@pytest.mark.parametrize(("name", "base"), [("log2", 2.0), ("log10", 10.0)])
def test_complex_logarithms_and_powers_of_a_base_are_right_at_any_imaginary_part(name, base):
    z = 0.3 - 2.0j
    assert cmath.isclose(getattr(complex_numbers(), name)(z), cmath.log(z, base), rel_tol=1e-15)
    assert cmath.isclose(complex_numbers().exp2(z), 2.0**z, rel_tol=1e-15)


@pytest.mark.parametrize("z", [0.5, 0.5 + 0j, 0.5 + 1j, 0.5 + 1e-5j, 3.0 + 1e-200j])
@pytest.mark.parametrize("name", ["erf", "erfc"])
def test_the_complex_error_functions_keep_the_digits_of_both_parts(name, z):
    with mpmath.workdps(300):
        right = complex(getattr(mpmath, name)(mpmath.mpc(z)))
    found = getattr(complex_numbers(), name)(z)
    assert (found.real, found.imag) == pytest.approx((right.real, right.imag), rel=1e-15, abs=0.0)


def test_arrays_of_any_shape_even_empty_ones_keep_it():
    for xp in (arrays(), slices()):
        assert xp.erf(np.zeros((0, 3))).shape == (0, 3) and xp.erfc(np.zeros((0,))).dtype == float
        assert xp.erf(np.array([[0.5, -0.5]])).tolist() == [[math.erf(0.5), math.erf(-0.5)]]
        assert xp.erfc(np.array([0.5])).tolist() == [math.erfc(0.5)]


def test_fifty_digits_compare_and_step_as_floats_do():
    xp, mpf = fifty_digits(), mpmath.mpf
    assert [xp.step(mpf(x)) for x in (-1, 0, 1)] == [0, 0, 1]
    assert [xp.compare(mpf(x), mpf(0)) for x in (-2, 0, 2)] == [-1, 0, 1]
    with mpmath.workdps(50):
        assert xp.exp2(mpf(3)) == 8 and xp.log2(mpf(2) ** 100) == 100 and xp.pow(mpf(2), mpf(100)) == 2**100
        assert isinstance(xp.exp2(3), mpf)


@pytest.mark.parametrize("xp", [arrays(), slices()], ids=repr)
def test_choices_on_arrays_are_made_element_by_element(xp):
    x, y = np.array([-1.0, -0.0, 0.0, 2.0]), np.array([2.0, 0.0, 0.0, -1.0])
    assert xp.step(x).tolist() == [0.0, 0.0, 0.0, 1.0]
    assert xp.compare(x, y).tolist() == [-1.0, 0.0, 0.0, 1.0]
    assert xp.unless(xp.less(x, y), x, y).tolist() == [-1.0, 0.0, 0.0, -1.0]
    assert (xp.floor(x + 0.5).tolist(), xp.constant(x) is x, xp.number(2)) == ([-1.0, 0.0, 0.0, 2.0], True, 2.0)
    assert type(xp.number(2)) is np.float64 and xp.pi == math.pi
    assert xp.abs(x).tolist() == [1.0, 0.0, 0.0, 2.0] and xp.pow(y, 2.0).tolist() == [4.0, 0.0, 0.0, 1.0]


def test_a_reduction_on_arrays_is_over_the_arrays_and_on_slices_over_the_first_axis_of_one():
    x = np.array([[1.0, 7.0], [5.0, 2.0]])
    assert arrays().total(iter(x)).tolist() == slices().total([x]).tolist() == [6.0, 9.0]
    assert arrays().largest(iter(x)).tolist() == slices().largest([x]).tolist() == [5.0, 7.0]
