"""Derivatives as functions of functions: structure, nesting, agreement with each other, faults."""

import math
import re

import mpmath
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autodiff import (
    DomainError,
    Value,
    backward_steps,
    define_op,
    dot,
    exp,
    grad,
    gradcheck,
    gradients,
    hessian,
    jacobian,
    jvp,
    log,
    logsumexp,
    maximum,
    no_grad,
    numerical_gradient,
    relu,
    sin,
    softmax,
    sqrt,
    tanh,
    value_and_grad,
    vjp,
)
from autodiff.ops import OPS

numbers = st.floats(-3, 3)


def test_the_fifth_derivative_of_tanh_by_five_nested_grads_is_mpmaths():
    f = tanh
    for order in range(1, 6):
        f = grad(f)
        assert f(0.5) == pytest.approx(float(mpmath.diff(mpmath.tanh, 0.5, order)), rel=1e-9, abs=0.0)


def test_grad_has_the_structure_of_its_argument():
    assert grad(lambda x: x * x)(3.0) == 6.0 and type(grad(lambda x: x * x)(3)) is float
    assert grad(lambda w: w[0] * w[1])([2.0, 3.0]) == [3.0, 2.0]
    assert grad(lambda w: w[0][0] * w[1])(([2.0], 3)) == ([3.0], 2.0)
    assert grad(lambda p: p["a"] * p["b"][0])({"a": 2.0, "b": [5.0]}) == {"a": 5.0, "b": [2.0]}


def test_grad_of_an_array_is_an_array():
    np = pytest.importorskip("numpy")
    a = np.arange(6.0).reshape(2, 3)
    result = grad(lambda w: (w * w).sum())(a)
    assert isinstance(result, np.ndarray) and result.dtype == float and (result == 2 * a).all()


def test_argnums_choose_the_arguments_and_keywords_pass_through():
    def f(x, y, *, scale=1.0):
        return x * y * y * scale

    assert grad(f)(2.0, 3.0) == 9.0
    assert grad(f, argnums=1)(2.0, 3.0) == 12.0
    assert grad(f, argnums=-1)(2.0, 3.0, scale=2.0) == 24.0
    assert value_and_grad(f, argnums=(0, 1))(2.0, 3.0) == (18.0, (9.0, 12.0))
    for argnums in (2, -3, (0, 2)):
        with pytest.raises(TypeError, match=f"{re.escape(f'argnums={argnums}')} has none to take"):
            grad(f, argnums)(2.0, 3.0)


def test_the_first_argument_is_the_one_that_is_differentiated_unless_another_is_named():
    def f(x, y):
        return x * x * y

    assert value_and_grad(f)(2.0, 5.0) == (20.0, 20.0)
    assert grad(f)(2.0, 5.0) == jacobian(f)(2.0, 5.0) == 20.0
    assert hessian(f)(2.0, 5.0) == 10.0


def test_a_negative_argnum_counts_from_the_last_argument_back_to_the_first():
    assert grad(lambda x: x * x, -1)(3.0) == 6.0
    assert grad(lambda x, y: x * x * y, -2)(3.0, 5.0) == 30.0
    assert grad(lambda x, y: x * x * y, (-1, -2))(3.0, 5.0) == (9.0, 30.0)


def test_the_value_of_an_inner_value_and_grad_is_differentiated_by_the_outer_one():
    assert grad(lambda x: value_and_grad(lambda t: t**3)(x)[0])(2.0) == 12.0
    assert grad(lambda x: value_and_grad(lambda t: t**3)(x)[1])(2.0) == 12.0


def test_nested_gradients_with_a_shared_variable_are_not_confused():
    # d/dx [ ∂/∂y (x y²) at y = x ] = d/dx 2x² = 4x
    assert grad(lambda x: grad(lambda y: x * y * y)(x))(3.0) == 12.0
    # the classic perturbation-confusion example: d/dx [ x · d/dy (x + y) ] = 1
    assert grad(lambda x: x * grad(lambda y: x + y)(1.0))(1.0) == 1.0


def test_an_inner_derivative_that_captures_the_outer_variable_is_differentiated_in_it():
    assert grad(lambda w: grad(lambda x: w * x * x)(3.0))(2.0) == 6.0
    w = Value(2.0)
    slope = grad(lambda x: w * x * x)(3.0)
    slope.backward()
    assert slope.data == 12.0 and w.grad == 6.0


def test_the_second_derivative_of_a_linear_function_is_zero():
    assert grad(grad(lambda x: 3.0 * x))(1.0) == 0.0
    assert hessian(lambda x: x[0] + 2.0 * x[1])([1.0, 1.0]) == [[0.0, 0.0], [0.0, 0.0]]


def test_numbers_in_give_floats_out_for_constant_derivatives_too():
    assert type(hessian(lambda x: 3.0 * x)(1.0)) is float
    assert type(grad(grad(lambda x: x + x))(1.0)) is float
    assert [type(row) for row in jacobian(lambda x: [x * 2.0, 1.0])(1.0)] == [float, float]


def test_jacobian_and_hessian_nest_structures():
    assert jacobian(lambda x: [x[0] * x[1], x[0] + 1.0, 7.0])([2.0, 3.0]) == [[3.0, 2.0], [1.0, 0.0], [0.0, 0.0]]
    assert jacobian(lambda x: {"s": sin(x)})(0.0) == {"s": 1.0}
    assert hessian(lambda x: x[0] ** 2 * x[1])([3.0, 5.0]) == [[10.0, 6.0], [6.0, 0.0]]
    assert hessian(lambda x: x**3)(2.0) == 12.0


def test_the_jacobian_of_softmax_is_diag_minus_outer_product():
    logits = [0.3, -1.2, 2.0]
    s = softmax(logits)
    for i, row in enumerate(jacobian(softmax)(logits)):
        assert row == pytest.approx([s[i] * ((i == j) - s[j]) for j in range(3)], abs=1e-15)


def vectors(size):
    return st.lists(numbers, min_size=size, max_size=size)


@given(vectors(3), vectors(3), vectors(2))
def test_forward_and_reverse_mode_agree_with_the_jacobian(x, v, u):
    def f(x):
        return [dot(x, x) * tanh(x[0]), logsumexp(x) + exp(x[1] * 0.5)]

    matrix = jacobian(f)(x)
    value, along = jvp(f, (x,), (v,))
    value_again, pull_back = vjp(f, x)
    assert value == value_again
    assert along == pytest.approx([sum(row[j] * v[j] for j in range(3)) for row in matrix], rel=1e-12, abs=1e-12)
    (pulled,) = pull_back(u)
    assert pulled == pytest.approx([sum(u[i] * matrix[i][j] for i in range(2)) for j in range(3)], rel=1e-12, abs=1e-12)


def test_an_inner_gradient_over_values_and_numbers_gives_values_for_both():
    # g = (w₀w₁², …) at w = (x, 2): ∂g/∂w = (4, 4x), which do not both vary with x
    outer = grad(lambda x: dot([1.0, 1.0], grad(lambda w: w[0] * w[1] ** 2)([x, 2.0])))
    assert outer(3.0) == 4.0
    assert grad(lambda x: grad(lambda w: w[1] * w[1])([x, 2.0])[1])(3.0) == 0.0
    assert [type(g) for g in grad(lambda w: w[1] * w[1])([Value(3.0), 2.0])] == [Value, Value]


def test_modes_nest_in_each_other():
    assert grad(lambda x: jvp(lambda z: z**3, (x,), (1.0,))[1])(2.0) == 12.0
    assert jvp(grad(lambda z: z**3), (2.0,), (1.0,)) == (12.0, 12.0)
    assert grad(lambda x: vjp(lambda z: z**3, x)[1](1.0)[0])(2.0) == 12.0
    assert grad(lambda v: jvp(lambda z: z**3, (2.0,), (v,))[1])(5.0) == 12.0


def test_gradients_leave_every_grad_alone_and_take_inner_nodes():
    x = Value(2.0)
    q = x * x
    y = q * q + x
    x.grad = 5.0
    assert gradients(y, [x, q]) == [33.0, 8.0]
    assert (x.grad, q.grad, y.grad) == (5.0, 0.0, 0.0)


@pytest.mark.parametrize(
    "fail",
    [
        lambda x, y: gradients(y, [x]),
        lambda x, y: gradients(y, [x], create_graph=True),
        lambda x, y: list(backward_steps(y)),
        lambda x, y: jvp(lambda z: sqrt(z) + y, (0.0,), (1.0,)),
    ],
    ids=["gradients", "create_graph", "backward_steps", "jvp"],
)
def test_a_walk_that_fails_leaves_every_grad_as_it_was(fail):
    x, w = Value(0.0), Value(3.0)
    root = sqrt(x)
    y = root * w
    x.grad, w.grad, root.grad, y.grad = 5.0, 6.0, 7.0, 8.0
    with pytest.raises(DomainError, match="sqrt is not differentiable"):
        fail(x, y)
    assert (x.grad, w.grad, root.grad, y.grad) == (5.0, 6.0, 7.0, 8.0)


def test_gradients_with_create_graph_can_be_differentiated_again():
    x = Value(1.5)
    (first,) = gradients(x**4, [x], create_graph=True)
    (second,) = gradients(first, [x], create_graph=True)
    (third,) = gradients(second, [x])
    assert (first.data, second.data, third) == (4 * 1.5**3, 12 * 1.5**2, 24 * 1.5)


def test_recorded_gradients_are_there_though_a_leaf_was_assigned_new_data():
    x = Value(3.0)
    y = x * x
    x.data = 9.0
    assert gradients(y, [x]) == [6.0]


def test_the_gradient_in_something_y_does_not_depend_on_is_zero():
    x, w = Value(1.0), Value(2.0)
    assert gradients(x * 2, [w]) == [0.0]
    (g,) = gradients(x * 2, [w], create_graph=True)
    assert g.data == 0.0 and gradients(g, [w]) == [0.0]


def test_higher_orders_pass_through_kinks_and_constants():
    assert grad(grad(lambda x: relu(x) * x))(2.0) == 2.0
    assert grad(grad(lambda x: maximum(x, 0.0) ** 2))(-1.0) == 0.0
    assert grad(grad(lambda x: x**0))(0.0) == 0.0
    assert [grad(grad(lambda x, n=n: x**n))(0.0) for n in (1, 2, 3)] == [0.0, 2.0, 0.0]


def test_create_graph_on_a_graph_whose_leaf_was_assigned_says_it_is_out_of_date():
    x = Value(3.0, "x")
    y = x * x
    x.data = 4.0
    with pytest.raises(ValueError, match="out of date: mul was computed as 9.0.*'x'"):
        gradients(y, [x], create_graph=True)
    z = log(Value(2.0, "positive"))
    z.parents[0].data = -1.0
    with pytest.raises(ValueError, match="out of date"):
        gradients(z, [z.parents[0]], create_graph=True)


@pytest.mark.parametrize(
    ("f", "message"),
    [
        (lambda x: (x, x), "must return one Value.*returned tuple.*use jacobian"),
        (lambda x: "text", "must return one Value.*returned str 'text'"),
        (lambda x: None, "must return one Value.*returned NoneType"),
        (lambda x: 1.0, r"returned the number 1.0, which carries no graph.*return Value\(1.0\)"),
        (lambda x: math.exp(x), "autodiff's functions .* in place of math's"),
    ],
)
@pytest.mark.filterwarnings("ignore:.*drops its graph")
def test_grad_says_what_the_function_returned(f, message):
    with pytest.raises(TypeError, match=message):
        grad(f)(1.0)


@pytest.mark.parametrize("argument", ["text", None, [1.0, "a"], 1j])
def test_grad_says_which_argument_is_no_number(argument):
    with pytest.raises(TypeError, match="argument"):
        grad(lambda x: Value(1.0))(argument)


def test_a_constant_value_has_gradient_zero():
    assert grad(lambda x: Value(5.0))(1.0) == 0.0


def test_derivatives_refuse_what_is_not_finite():
    for derivative in (grad(sqrt), grad(grad(sqrt)), jacobian(lambda x: [sqrt(x)])):
        with pytest.raises(DomainError, match="sqrt is not differentiable at x = 0.0"):
            derivative(0.0)
    with pytest.raises(DomainError, match="sqrt is not differentiable"):
        jvp(sqrt, (0.0,), (1.0,))
    with pytest.raises(OverflowError):
        grad(lambda x: x * 1e200 * 1e-300 * 1e300)(1e-10) and grad(lambda x: (x * 1e300) * 1e300)(1e-300)


def test_gradients_and_products_refuse_the_wrong_arguments():
    x = Value(1.0)
    with pytest.raises(TypeError, match="gradients takes a Value, not float 1.0"):
        gradients(1.0, [x])
    with pytest.raises(TypeError, match="gradients takes a Value, not str"):
        gradients(x, ["x"])
    with pytest.raises(
        ValueError, match="vjp's vector must be one number, as in the result of <lambda>, not a sequence of 2 parts"
    ):
        vjp(lambda x: x * 2, 1.0)[1]([1.0, 2.0])
    with pytest.raises(
        ValueError,
        match="jvp's tangents must be a sequence of 1 part, as in the arguments of <lambda>, not a sequence of 2",
    ):
        jvp(lambda x: x * 2, (1.0,), (1.0, 2.0))


def test_arrays_have_jacobians_and_hessians_as_arrays():
    np = pytest.importorskip("numpy")
    v = np.array([1.0, 2.0])
    assert (hessian(lambda v: v[0] * v[1])(v) == [[0.0, 1.0], [1.0, 0.0]]).all()
    assert (jacobian(lambda v: v * 2)(v) == [[2.0, 0.0], [0.0, 2.0]]).all()
    assert jacobian(lambda v: v * 2)(np.ones((2, 3))).shape == (2, 3, 2, 3)
    assert list(jacobian(lambda v: np.array([v[0], v[1]]))([1.0, 2.0])) == [[1.0, 0.0], [0.0, 1.0]]
    with pytest.raises(TypeError, match=r"flat\[0\] takes a Value or a number, not"):
        grad(lambda v: v[0])(np.array(["a"]))


def test_the_inputs_of_a_derivative_that_has_ended_are_constants():
    assert type(grad(lambda x: x * grad(lambda y: x + y)(1.0))(1.0)) is float
    assert type(hessian(lambda x: x * grad(lambda y: x * y)(1.0))(1.0)) is float


def test_softmax_takes_ints_and_says_what_it_cannot_take():
    assert softmax([1, 1]) == [0.5, 0.5] and softmax([Value(0), 0])[1].data == 0.5
    with pytest.raises(TypeError, match="softmax takes a Value or a number, not str 'a'"):
        softmax(["a", 1.0])


def test_derivatives_are_the_same_within_no_grad():
    with no_grad():
        assert grad(lambda x: x**2)(3.0) == 6.0 and grad(grad(lambda x: x**3))(2.0) == 12.0
        assert jacobian(lambda x: [x * x])(3.0) == [6.0] and jvp(lambda x: x * x, (3.0,), (1.0,)) == (9.0, 6.0)
        assert vjp(lambda x: x * x, 3.0)[1](1.0) == (6.0,)
        assert gradcheck(tanh, 0.3).ok and numerical_gradient(lambda x: x * x, 3.0, "complex") == 6.0
        assert (Value(1.0) * 2.0).parents == ()


def test_forward_mode_passes_by_what_does_not_depend_on_the_inputs():
    nowhere_smooth = Value(0.0)
    y, along = jvp(lambda x: x + sqrt(nowhere_smooth), (1.0,), (1.0,))
    assert (float(y), float(along)) == (1.0, 1.0)
    assert grad(lambda x: jvp(lambda y: y + x, (2.0,), (1.0,))[1])(3.0) == 0.0
    assert jvp(lambda x: Value(2.0), (1.0,), (1.0,))[1] == 0.0


def test_an_argument_named_twice_is_refused():
    for argnums in ((0, 0), (1, -1)):
        with pytest.raises(ValueError, match="twice"):
            grad(lambda x, y: x * y, argnums)(1.0, 2.0)


def test_a_graph_of_an_n_ary_operation_is_differentiated_in_time_proportional_to_its_operands():
    xs = [Value(float(i % 7)) for i in range(3000)]
    rows = gradients(dot(xs, xs), xs, create_graph=True)  # quadratic time would take minutes here
    assert [g.data for g in rows[:3]] == [0.0, 2.0, 4.0]


def test_the_rule_of_an_n_ary_operation_runs_once_for_all_its_operands():
    rule, calls = OPS["logsumexp"].partials, []

    def counted(xp, out, *x):
        if isinstance(out, Value):
            assert not calls, "once for each operand would be quadratic time"
            calls.append(len(x))
        return rule(xp, out, *x)

    counting = define_op("counting_logsumexp", OPS["logsumexp"].value, counted)
    xs = [Value(float(i % 7)) for i in range(3000)]
    y = counting(*xs)
    slopes = gradients(y, xs, create_graph=True)
    assert calls == [3000]
    # ∂y/∂xᵢ = softmax(x)ᵢ, and Σⱼ ∂²y/∂xᵢ∂xⱼ = 0
    assert math.fsum(g.data for g in slopes) == pytest.approx(1.0, rel=1e-12, abs=0.0)
    assert slopes[6].data == pytest.approx(math.exp(6.0 - y.data), rel=1e-14, abs=0.0)
    assert math.fsum(gradients(slopes[6], xs)) == pytest.approx(0.0, abs=1e-15)


def test_a_slope_whose_rule_overflows_on_values_says_that_it_cannot_be_differentiated_again():
    bent = define_op("bent", lambda xp, x: x, [lambda xp, out, x: 1.0 / (1.0 + x * x)])
    x = Value(1e200)
    y = bent(x)
    assert gradients(y, [x]) == [0.0], "in floats 1/inf is 0"
    with pytest.raises(OverflowError, match="the derivative of bent cannot be differentiated again: mul overflows"):
        gradients(y, [x], create_graph=True)


def test_a_gradient_that_overflows_by_its_seed_alone_says_so():
    x = Value(1.0)
    with pytest.raises(OverflowError, match="the derivative overflows"):
        vjp(lambda x: x * 1e300, 1.0)[1](1e300)
    assert x.grad == 0.0


def test_forward_mode_of_a_function_without_arguments_has_derivative_zero():
    w = Value(3.0)
    y, along = jvp(lambda: [w * 2.0, 5.0], (), ())
    assert y == [6.0, 5.0] and along == [0.0, 0.0]


def test_a_gradient_that_is_a_number_is_a_value_of_that_number_where_a_graph_is_asked_for():
    x, z = Value(3.0), Value(2.0)
    slopes = gradients(5.0 * x - z, [x, z, Value(1.0)], create_graph=True)
    assert [(type(g), g.data) for g in slopes] == [(Value, 5.0), (Value, -1.0), (Value, 0.0)]
