"""What goes into derivatives of functions and comes out: structure by key, aux, constants, arrays, names, refusals."""

from __future__ import annotations

import math
import re
import warnings
from decimal import Decimal

import numpy as np
import pytest

import autodiff as ad
from autodiff import Value, grad, gradients, hessian, hvp, jacobian, jvp, stop_gradient, value_and_grad, vjp


def by_key(d):
    return d["a"] ** 2 * d["b"]


def square(x):
    """The square."""
    return x * x


A = {"a": 3.0, "b": 2.0}


# Structure


def test_tangents_belong_to_their_keys_in_whatever_order():
    assert jvp(by_key, (A,), ({"a": 0.0, "b": 1.0},)) == (18.0, 9.0)
    assert jvp(by_key, (A,), ({"b": 1.0, "a": 0.0},)) == (18.0, 9.0)


def test_seeds_belong_to_their_keys_in_whatever_order():
    pull_back = vjp(lambda x: {"u": x * 10.0, "v": x}, 1.0)[1]
    assert pull_back({"v": 0.0, "u": 1.0}) == pull_back({"u": 1.0, "v": 0.0}) == (10.0,)


def test_vectors_of_hvp_belong_to_their_keys():
    assert hvp(by_key, (A,), ({"b": 1.0, "a": 0.0},)) == ({"a": 6.0, "b": 0.0},)


@pytest.mark.parametrize(
    ("args", "tangents", "message"),
    [
        (
            (A,),
            ({"x": 1.0, "y": 0.0},),
            r"tangents\[0\] must be a dict of the keys \['a', 'b'\].*not a dict of the keys \['x'",
        ),
        ((A,), ({"a": 1.0},), r"tangents\[0\] must be a dict of the keys"),
        ((A,), ([1.0, 0.0],), r"tangents\[0\] must be a dict of the keys .*, not a sequence of 2 parts"),
        (({"a": [1.0], "b": 2.0},), ({"a": 1.0, "b": 2.0},), r"tangents\[0\]\['a'\] must be a sequence of 1 part,"),
        (
            ({"a": 1.0, "b": 2.0},),
            ({"a": 1.0, "b": [2.0]},),
            r"tangents\[0\]\['b'\] must be one number, .*not a sequence",
        ),
        (([1.0, 2.0],), ([1.0, [2.0]],), r"tangents\[0\]\[1\] must be one number"),
        ((np.ones((2, 3)),), (np.ones((3, 2)),), r"tangents\[0\] must be an array of shape \(2, 3\).*not .*\(3, 2\)"),
        ((1.0,), (np.ones((1, 1)),), r"tangents\[0\] must be one number, .*, not an array of 1 part"),
        ((1.0, 2.0), ([1.0, 2.0],), "tangents must be a sequence of 2 parts, as in the arguments of <lambda>, not"),
    ],
)
def test_tangents_of_another_structure_are_refused_by_their_place(args, tangents, message):
    with pytest.raises(ValueError, match=message):
        jvp(lambda *_: Value(0.0), args, tangents)


@pytest.mark.parametrize(
    ("f", "seed", "message"),
    [
        (lambda x: {"u": x, "v": x}, {"v": 1.0, "w": 1.0}, r"vector must be a dict of the keys \['u', 'v'\]"),
        (lambda x: [x, x], [1.0], "vector must be a sequence of 2 parts, as in the result of <lambda>, not .* 1 part$"),
        (lambda x: [x, x], 1.0, "vector must be a sequence of 2 parts, .*, not one number"),
        (lambda x: x, [[1.0]], "vector must be one number"),
    ],
)
def test_seeds_of_another_structure_are_refused_by_their_place(f, seed, message):
    with pytest.raises(ValueError, match=message):
        vjp(f, 1.0)[1](seed)


def test_vectors_of_hvp_of_another_structure_are_refused_as_its_vectors():
    with pytest.raises(ValueError, match=r"^hvp's vectors\[0\] must be one number, as in the arguments of square, not"):
        hvp(square, (1.0,), ([1.0],))


def test_a_list_may_stand_for_a_tuple():
    assert jvp(lambda x: x[0] * x[1], ((2.0, 5.0),), ([1.0, 0.0],)) == (10.0, 5.0)


def test_arguments_may_be_nested_as_deeply_as_memory_allows():
    deep: object = 3.0
    for _ in range(3000):
        deep = [deep]

    def innermost(x):
        while isinstance(x, list):
            (x,) = x
        return x

    slope = grad(lambda x: innermost(x) ** 2)(deep)
    assert innermost(slope) == 6.0
    with pytest.raises(
        TypeError, match=r"argument\[0\]\[0\]\[0\]\[0\]…\[0\]\[0\]\[0\] takes a Value or a number, not str"
    ):
        unlucky: object = "a"
        for _ in range(3000):
            unlucky = [unlucky]
        grad(innermost)(unlucky)


@pytest.mark.parametrize(("depth", "written"), [(6, "[0]" * 6), (7, "[0][0][0]…[0][0][0]")])
def test_a_place_is_written_out_to_a_depth_of_six(depth, written):
    deep: object = "a"
    for _ in range(depth):
        deep = [deep]
    with pytest.raises(TypeError, match=rf"square: argument\[0\]{re.escape(written)} takes a Value or a number"):
        grad(square)(deep)


@pytest.mark.parametrize(
    ("argument", "place"),
    [([1.0, math.inf], "[1]"), ([Value(1.0), math.nan], "[1]"), (np.array([1.0, math.inf]), ".flat[1]")],
)
def test_a_number_that_is_not_finite_is_refused_by_its_place(argument, place):
    with pytest.raises(ValueError, match=rf"square: argument\[0\]{re.escape(place)} was given (inf|nan): only finite"):
        grad(square)(argument)


def test_a_named_tuple_comes_back_as_one():
    from collections import namedtuple

    Point = namedtuple("Point", "a b")
    slope = grad(lambda p: p.a * p.b)(Point(2.0, 3.0))
    assert slope == Point(3.0, 2.0) and type(slope) is Point


def test_arrays_of_no_element_and_of_one_have_derivatives_of_their_shape():
    assert grad(lambda a: Value(1.0))(np.zeros((0, 2))).shape == (0, 2)
    assert jacobian(lambda v: np.array([v[0] * v[1]]))(np.array([2.0, 3.0])).tolist() == [[3.0, 2.0]]


def test_an_empty_result_has_an_empty_seed():
    result, pull_back = vjp(lambda x: [], 1.0)
    assert result == [] and pull_back([]) == (0.0,)
    assert jvp(lambda x: {}, (1.0,), (1.0,)) == ({}, {})
    assert jacobian(lambda x: [])(1.0) == []


def test_floats_give_floats_whatever_values_the_function_makes():
    assert grad(lambda x: x * Value(3.0))(2.0) == 3.0
    assert type(grad(lambda x: x * Value(3.0))(2.0)) is float
    assert type(jvp(lambda x: x * Value(3.0), (2.0,), (1.0,))[1]) is float
    assert type(hessian(lambda x: x * x * Value(3.0))(2.0)) is float


def test_a_captured_value_makes_the_derivative_differentiable_in_it():
    a = Value(3.0)
    slope = grad(lambda x: a * x * x)(2.0)
    assert isinstance(slope, Value) and slope.data == 12.0
    slope.backward()
    assert a.grad == 4.0


# What comes with it


def test_aux_comes_through_every_derivative_as_numbers():
    def f(x):
        return x * x, {"double": x * 2.0, "name": "square"}

    def numbers(aux):
        return aux == {"double": 6.0, "name": "square"} and type(aux["double"]) is float  # a Value would equal it too

    slope, aux = grad(f, has_aux=True)(3.0)
    assert slope == 6.0 and numbers(aux)
    (y, aux), slope = value_and_grad(f, has_aux=True)(3.0)
    assert (y, slope) == (9.0, 6.0) and numbers(aux)
    slope, aux = jacobian(f, has_aux=True)(3.0)
    assert slope == 6.0 and numbers(aux)
    y, tangent, aux = jvp(f, (3.0,), (1.0,), has_aux=True)
    assert (y, tangent) == (9.0, 6.0) and numbers(aux)
    y, pull_back, aux = vjp(f, 3.0, has_aux=True)
    assert (y, pull_back(1.0)) == (9.0, (6.0,)) and numbers(aux)


def test_aux_is_numbers_in_lists_and_tuples_too():
    slope, aux = grad(lambda x: (x * x, [x * 2.0, (x, "name"), 5]), has_aux=True)(3.0)
    assert (slope, aux) == (6.0, [6.0, (3.0, "name"), 5])
    assert [type(aux[0]), type(aux[1]), type(aux[1][0])] == [float, tuple, float]


def test_jvp_gives_aux_as_it_is_where_its_results_are_values():
    v = Value(3.0)
    y, along, aux = jvp(lambda x: (x * x, x * 2.0), (v,), (1.0,), has_aux=True)
    assert (y.data, along.data, aux.data) == (9.0, 6.0, 6.0) and gradients(aux, [v]) == [2.0]


def test_aux_of_an_inner_derivative_can_be_differentiated():
    def outer(x):
        slope, aux = grad(lambda v: (v * v * x, v * x), has_aux=True)(x)
        return slope + aux  # 2x² + x²

    assert grad(outer)(2.0) == 12.0


@pytest.mark.parametrize("f", [lambda x: x, lambda x: (x,), lambda x: (x, x, x), lambda x: [x, x]])
def test_has_aux_asks_for_a_pair(f):
    with pytest.raises(TypeError, match="with has_aux <lambda> returns a pair"):
        grad(f, has_aux=True)(1.0)


def test_argnums_choose_the_arguments_of_products_too():
    def f(x, y):
        return x * y * y

    assert vjp(f, 2.0, 3.0, argnums=1)[1](1.0) == 12.0
    assert vjp(f, 2.0, 3.0, argnums=(1, 0))[1](1.0) == (12.0, 9.0)
    assert jvp(f, (2.0, 3.0), (1.0,), argnums=1) == (18.0, 12.0)
    assert hvp(f, (2.0, 3.0), (1.0,), argnums=(1,)) == (4.0,)


@pytest.mark.parametrize("argnums", [None, "1.5", 1.0, [1.0], iter([0])])
def test_argnums_that_are_no_ints_are_refused_before_anything_is_called(argnums):
    for derivative in (grad, value_and_grad, jacobian, hessian):
        with pytest.raises(TypeError, match="argnums is an int or a tuple of ints, not"):
            derivative(square, argnums)


@pytest.mark.parametrize("argnums", ["1.5", 1.0, [1.0]])
def test_products_say_which_argnums_they_were_given(argnums):
    given = re.escape(f"not {type(argnums).__name__} {argnums!r}")
    for product in (
        lambda: vjp(square, 1.0, argnums=argnums),
        lambda: jvp(square, (1.0,), (1.0,), argnums=argnums),
        lambda: hvp(square, (1.0,), (1.0,), argnums=argnums),
    ):
        with pytest.raises(TypeError, match=f"^argnums is an int or a tuple of ints, {given}$"):
            product()


@pytest.mark.parametrize("f", [None, 3.0, "sin", Value(1.0)])
def test_what_is_no_function_is_refused_at_once(f):
    for derivative in (grad, value_and_grad, jacobian, hessian):
        with pytest.raises(TypeError, match="a function is differentiated, not"):
            derivative(f)
    for product in (lambda: vjp(f, 1.0), lambda: jvp(f, (1.0,), (1.0,)), lambda: hvp(f, (1.0,), (1.0,))):
        with pytest.raises(TypeError, match="a function is differentiated, not"):
            product()


def test_a_derivative_says_whose_it_is():
    slope = grad(square)
    assert slope.__name__ == "grad_of_square" and slope.__doc__ == "grad of square.\n\nThe square."
    assert (
        hessian(lambda x: x).__name__ == "hessian_of_lambda"
        and jacobian(grad(square)).__name__ == "jacobian_of_grad_of_square"
    )


def test_hvp_is_the_hessian_times_the_vector():
    def f(x):
        return x[0] ** 2 * x[1] + ad.exp(x[0] * x[2]) + ad.sin(x[1])

    x, v = [0.3, -1.2, 0.8], [1.0, -2.0, 0.5]
    rows = hessian(f)(x)
    (product,) = hvp(f, (x,), (v,))
    assert product == pytest.approx(
        [math.fsum(h * w for h, w in zip(row, v, strict=True)) for row in rows], rel=1e-13, abs=0.0
    )


def test_hvp_nests_and_takes_vectors_that_vary():
    slope = grad(lambda t: hvp(lambda x: x**3, (t,), (t,))[0])(2.0)  # d/dt 6t·t
    assert slope == 24.0


# Constants


def test_nothing_goes_through_stop_gradient_whatever_its_structure():
    assert grad(lambda x: x * stop_gradient(x))(3.0) == 3.0
    assert grad(lambda x: x[0] * stop_gradient({"a": x})["a"][1])([2.0, 5.0]) == [5.0, 0.0]
    assert jvp(lambda x: stop_gradient(x) * 2.0, (3.0,), (1.0,)) == (6.0, 0.0)
    assert grad(grad(lambda x: x**2 * stop_gradient(x)))(3.0) == 6.0
    array = stop_gradient(np.array([Value(1.0), 2.0], dtype=object))
    assert array[0].data == 1.0 and array[1] == 2.0


def test_a_number_read_off_an_input_warns_once_for_its_line():
    def lossy(x):
        return math.sin(x) * x

    with pytest.warns(UserWarning, match=r"lossy: float\(\) of a Value that depends on an input") as seen:
        slopes = [grad(lossy)(x) for x in (1.0, 2.0)]
    assert slopes == [math.sin(1.0), math.sin(2.0)]
    assert len(seen) == 1 and seen[0].filename == __file__


def test_an_array_of_floats_that_takes_a_value_warns():
    def lossy(x):
        a = np.zeros(2)
        a[0] = x * x
        return x * a[0]

    with pytest.warns(UserWarning, match="arrays with dtype=object"):
        grad(lossy)(3.0)


def test_reading_what_does_not_depend_on_an_input_is_no_loss():
    other = Value(4.0)

    def f(x):
        scale = float(other) + math.sqrt(stop_gradient(x))
        return x * scale

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert grad(f)(9.0) == 7.0
        assert float(Value(1.0) * 2.0) == 2.0


def test_printing_comparing_and_rounding_are_no_loss(capsys):
    def f(x):
        print(x, f"{x:.3f}", repr(x), x > 1.0, round(x, 1), bool(x))  # noqa: T201
        return x * x

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert grad(f)(3.0) == 6.0
    assert "3.000" in capsys.readouterr().out


# Arrays


def test_object_arrays_go_through_numpys_reductions():
    x = np.array([0.5, -1.0, 2.0])
    functions = {
        "dot": lambda v: np.dot(v, v),
        "matmul": lambda v: (np.outer(v, v) @ v)[0],
        "sum": lambda v: np.sum(v * v),
        "mean": lambda v: np.mean(v**3),
        "var": lambda v: np.var(v),
        "std": lambda v: np.std(v),
        "clip": lambda v: np.sum(np.clip(v, -0.7, 1.5) * v),
    }
    for name, f in functions.items():
        h = 1e-6
        expected = [(f(x + h * e) - f(x - h * e)) / (2 * h) for e in np.eye(3)]
        assert grad(f)(x).tolist() == pytest.approx(expected, rel=1e-7, abs=1e-9), name


def test_linalg_of_values_says_what_to_use_instead():
    def f(x):
        return np.linalg.inv(np.array([[x, 1.0], [0.0, x]], dtype=object))[0, 0]

    with pytest.raises(TypeError) as refused:
        grad(f)(2.0)
    assert "dot, sum and loops over the object array" in "".join(refused.value.__notes__)


@pytest.mark.parametrize(
    ("f", "noted"),
    [
        (lambda x: np.unique(np.array([[x]], dtype=object), axis=0)[0, 0], True),
        (lambda x: x + "1", False),
    ],
)
def test_a_type_error_is_advised_on_only_where_numpy_refused_values(f, noted):
    with pytest.raises(TypeError) as refused:
        grad(f)(2.0)
    assert hasattr(refused.value, "__notes__") == noted


# Refusals


@pytest.mark.parametrize("wrong", [1.0, None, Decimal(1), np.array(1.5), b"1", {1.0}])
def test_products_take_their_arguments_in_a_tuple(wrong):
    for product in (jvp, hvp):
        with pytest.raises(TypeError, match=rf"{product.__name__} takes the arguments in a tuple, as in \(x,\), not"):
            product(square, wrong, wrong)


@pytest.mark.parametrize("wrong", [b"1", {1.0}, "1", None, Decimal(1), np.array(1.5)])
def test_what_is_no_number_is_refused_by_its_place(wrong):
    with pytest.raises(TypeError, match=r"square: argument\[0\]\['w'\]\[1\] takes a Value or a number, not"):
        grad(square)({"w": [1.0, wrong]})


def test_gradients_says_what_is_wrong_with_its_arguments():
    x = Value(2.0)
    y = x * x
    for wrong in (x, 3, None):
        with pytest.raises(TypeError, match=r"gradients takes a sequence of Values, as in gradients\(y, \[x\]\), not"):
            gradients(y, wrong)
    with pytest.raises(TypeError, match="gradients' seed takes a Value or a number, not str 'a'"):
        gradients(y, [x], seed="a")
    with pytest.raises(ValueError, match="gradients' seed was given nan: only finite numbers"):
        gradients(y, [x], seed=math.nan)
    with pytest.raises(TypeError, match="seed is a Value, whose graph is lost"):
        gradients(y, [x], seed=x)


@pytest.mark.parametrize(
    "differentiate",
    [
        lambda f, x, z: grad(f, (0, 1))(x, z),
        lambda f, x, z: (lambda y, slopes: (y, *slopes))(*value_and_grad(f, (0, 1))(x, z)),
        lambda f, x, z: (lambda y, pull_back: (y, *pull_back(1.0)))(*vjp(f, x, z)),
        lambda f, x, z: jvp(f, (x, z), (1.0, 0.0)),
        lambda f, x, z: jacobian(f, (0, 1))(x, z),
    ],
    ids=["grad", "value_and_grad", "vjp", "jvp", "jacobian"],
)
def test_where_an_argument_is_a_value_every_result_is_one_whether_or_not_it_depends_on_it(differentiate):
    results = differentiate(lambda x, z: x * x, Value(3.0), 2.0)
    assert [type(result) for result in results] == [Value] * len(results)
    results = differentiate(lambda x, z: x * x, 3.0, Value(2.0))
    assert [type(result) for result in results] == [Value] * len(results)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: jvp(lambda x: x, 3.0, (1.0,)), r"^jvp takes the arguments in a tuple, as in \(x,\), not float 3.0$"),
        (lambda: jvp(lambda x: x, (3.0,), 1.0), r"^jvp takes the tangents in a tuple, as in \(x,\), not float 1.0$"),
        (lambda: ad.hvp(lambda x: x, (3.0,), 1.0), r"^hvp takes the vectors in a tuple, as in \(x,\), not float 1.0$"),
    ],
)
def test_arguments_and_tangents_come_in_tuples(call, message):
    with pytest.raises(TypeError, match=message):
        call()


def test_aux_may_be_a_named_tuple_which_is_kept_as_it_is():
    from collections import namedtuple

    Point = namedtuple("Point", "a b")
    slope, aux = grad(lambda x: (x * x, [Point(1.0, "b")]), has_aux=True)(3.0)
    assert (slope, aux) == (6.0, [Point(1.0, "b")]) and type(aux[0]) is Point
