"""Derivatives that are Values, by seeds, vectors and captured Values that are; what is asked of a graph for them."""

import numpy as np
import pytest

from autodiff import (
    Value,
    define_op,
    grad,
    gradients,
    hessian,
    hvp,
    jacobian,
    jvp,
    leaves,
    sqrt,
    value_and_grad,
    vjp,
)


def test_a_vector_with_values_in_it_makes_a_product_that_is_differentiated_in_them():
    v = Value(3.0)
    results = vjp(lambda x, y: [x * x, 10.0 * x, 7.0], 2.0, 5.0)[1]([v, 1.0, 1.0])  # v·4 + 10, 0
    assert [type(g) for g in results] == [Value, Value] and [g.data for g in results] == [22.0, 0.0]
    assert [gradients(g, [v]) for g in results] == [[4.0], [0.0]]


def test_tangents_with_values_in_them_make_results_that_are_differentiated_in_them():
    v = Value(3.0)
    values, along = jvp(lambda x, y: [x * y, y * y, 7.0], (2.0, 5.0), (v, 1.0))  # 5v + 2, 10, 0
    assert [type(y) for y in (*values, *along)] == [Value] * 6
    assert [y.data for y in (*values, *along)] == [10.0, 25.0, 7.0, 17.0, 10.0, 0.0]
    assert [gradients(t, [v]) for t in along] == [[5.0], [0.0], [0.0]]


def test_vectors_of_hvp_with_values_in_them_make_products_that_are_differentiated_in_them():
    v = Value(3.0)
    results = hvp(lambda x, y, z: x * x * y + y * y + z, (2.0, 5.0, 1.0), (v, 1.0, 1.0))  # 10v + 4, 4v + 2, 0
    assert [type(r) for r in results] == [Value] * 3 and [r.data for r in results] == [34.0, 14.0, 0.0]
    assert [gradients(r, [v]) for r in results] == [[10.0], [4.0], [0.0]]


def test_a_seed_that_is_a_value_makes_gradients_that_are_differentiated_in_it():
    x, seed = Value(2.0), Value(5.0)
    (slope,) = gradients(x * x * x, [x], create_graph=True, seed=seed)
    assert slope.data == 60.0 and gradients(slope, [x, seed]) == [60.0, 12.0]


def test_a_result_that_is_given_twice_is_pulled_back_by_both_its_seeds():
    def twice(x):
        y = x * x
        return [y, y]

    assert vjp(twice, 3.0)[1]([1.0, 10.0]) == (66.0,)
    (slope,) = vjp(twice, Value(3.0))[1]([1.0, 10.0])
    assert isinstance(slope, Value) and slope.data == 66.0


@pytest.mark.parametrize("y", [3.0, Value(3.0)])
def test_of_an_operation_only_the_derivatives_that_are_asked_for_have_to_be_there(y):
    f = define_op(
        "one_way", lambda xp, x, y: x * x + y, [lambda xp, out, x, y: 2.0 * x, lambda xp, out, x, y: 1.0 / (y - y)]
    )
    x = Value(2.0)
    (slope,) = gradients(f(x, y), [x], create_graph=True)
    assert slope.data == 4.0 and gradients(slope, [x]) == [2.0]
    assert [float(along) for along in jvp(lambda x: f(x, y), (x,), (1.0,))] == [7.0, 4.0]


def test_a_gradient_that_is_there_already_is_given_as_it_is():
    a, x = Value(3.0), Value(2.0)
    assert gradients(a * x, [x], create_graph=True)[0] is a
    assert gradients(x + a, [x], create_graph=True, seed=a)[0] is a


def test_gradients_are_finite_one_by_one():
    assert grad(lambda x: x[0] * 1.5e308 + x[1] * 1.5e308)([0.1, 0.1]) == [1.5e308, 1.5e308]
    with pytest.raises(OverflowError, match="the gradient overflows"):
        grad(lambda x: x[0] * 1e300 * 1e300 + x[1])([1e-300, 1.0])


def test_a_constant_slope_in_a_value_is_no_leaf_but_depends_on_it():
    v = Value(3.0)
    slope = grad(lambda x: x * 5.0)(v)
    assert slope.data == 5.0 and leaves(slope) == [v] and leaves(slope)[0] is v


@pytest.mark.parametrize(
    ("differentiate", "found"),
    [
        (lambda f: (lambda y, pull_back: (y, *pull_back(1.0)))(*vjp(f, 2.0)), (12.0, 12.0)),
        (lambda f: jvp(f, (2.0,), (1.0,)), (12.0, 12.0)),
        (lambda f: hvp(f, (2.0,), (1.0,)), (6.0,)),
        (lambda f: value_and_grad(f)(2.0), (12.0, 12.0)),
        (lambda f: [jacobian(f)(2.0), hessian(f)(2.0)], [12.0, 6.0]),
    ],
)
def test_what_captures_a_value_has_derivatives_that_are_differentiated_in_it(differentiate, found):
    a = Value(3.0)
    results = differentiate(lambda x: a * x * x)
    assert results == found and [gradients(y, [a]) for y in results] == [[y.data / 3.0] for y in results]


def test_what_does_not_depend_on_the_inputs_needs_no_derivative():
    x, zero = Value(3.0), Value(0.0)
    (slope,) = gradients(x * x + sqrt(zero), [x], create_graph=True)
    assert slope.data == 6.0 and gradients(slope, [x]) == [2.0]


def test_a_factor_of_one_that_varies_is_differentiated():
    a, x = Value(1.0), Value(3.0)
    y = a * x
    (slope,) = gradients(y * y, [x], create_graph=True)  # 2a²x
    assert slope.data == 6.0 and gradients(slope, [a, x]) == [12.0, 2.0]


def test_a_tangent_that_arrives_as_it_came_is_given_as_it_is():
    along = Value(5.0)
    assert jvp(lambda x: x, (2.0,), (along,))[1] is along


def test_forward_mode_on_a_graph_whose_input_was_assigned_says_it_is_out_of_date():
    def f(x):
        y = x * x
        x.data = 7.0
        return y

    with pytest.raises(ValueError, match="the graph is out of date"):
        jvp(f, (Value(3.0),), (1.0,))


def test_a_value_anywhere_in_a_nested_argument_makes_every_slope_a_value():
    slopes = grad(lambda w: w[0][0] * w[1][1])([[Value(2.0)], [1.0, 3.0]])
    assert [type(g) for part in slopes for g in part] == [Value] * 3
    assert [g.data for part in slopes for g in part] == [3.0, 0.0, 2.0]


@pytest.mark.parametrize(
    "wrap",
    [
        lambda x, y: ([x], [y]),
        lambda x, y: ([x, 5.0, [y]],),
        lambda x, y: ([x, y, 5.0, [y * 0.0]],),
        lambda x, y: ((x, np.array([y], dtype=object)),),
        lambda x, y: (np.array([x, y], dtype=object),),
        lambda x, y: ({"x": [x], "y": y},),
    ],
)
def test_floats_and_values_may_be_mixed_in_an_argument_in_any_way(wrap):
    """∂/∂y of the first derivative of x² + xy + y² in x, which is 2x + y."""

    def numbers(tree):
        if isinstance(tree, dict):
            tree = tree.values()
        return [n for part in tree for n in numbers(part)] if hasattr(tree, "__iter__") else [tree]

    def f(*arguments):
        x, y = (n for n in numbers(arguments) if n.data not in (5.0, 0.0))
        return x * x + x * y + y * y

    y = Value(3.0)
    arguments = wrap(2.0, y)
    found = grad(f, argnums=tuple(range(len(arguments))))(*arguments)
    slope = numbers(found)[0]
    assert isinstance(slope, Value) and slope.data == 7.0
    assert gradients(slope, [y]) == [1.0]


def test_what_a_function_makes_of_nothing_has_no_tangent():
    assert jvp(lambda x: [x * x, Value(7.0), 5.0], (3.0,), (1.0,)) == ([9.0, 7.0, 5.0], [6.0, 0.0, 0.0])
