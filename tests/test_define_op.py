"""define_op: a user's own operation has all that the built-in ones have; a bad one is refused when it is defined."""

import math
import pickle

import mpmath
import pytest

import autodiff as ad
from autodiff import Domain, DomainError, Value, define_op, grad, gradcheck, gradients, numerical_gradient
from autodiff.namespaces import FLOATS
from autodiff.ops import OPS
from autodiff.testing import assert_op


def square_log(**options):
    return define_op(
        "square_log",
        lambda xp, x: xp.log(x) * xp.log(x),
        [lambda xp, out, x: 2.0 * xp.log(x) / x],
        domain=("x > 0", lambda x: x > 0.0),
        **options,
    )


def test_floats_give_floats_and_values_values():
    f = square_log()
    assert f(2.0) == math.log(2.0) ** 2
    assert type(f(2)) is float
    y = f(Value(2.0, "x"))
    assert (y.op.name, y.data) == ("square_log", f(2.0))
    y.backward()
    assert y.parents[0].grad == pytest.approx(math.log(2.0))


def test_it_passes_the_battery_of_the_built_in_rows_on_every_namespace():
    square_log()
    for x in (0.1, 1.0, 7.5):
        assert_op("square_log", x, mirror=lambda t: mpmath.log(t) ** 2)


def test_it_passes_gradcheck_to_second_order_and_every_numerical_method():
    f = square_log()
    assert gradcheck(lambda x, y: f(x) * y + f(x * y), (2.0, 3.0), order=2).ok
    for method in ("central", "richardson", "complex"):
        assert numerical_gradient(f, 2.0, method) == pytest.approx(math.log(2.0), rel=1e-9, abs=0.0)


def test_it_nests_to_any_order():
    f = square_log()
    g = f
    for order in range(1, 5):
        g = grad(g)
        with mpmath.workdps(50):
            right = float(mpmath.diff(lambda t: mpmath.log(t) ** 2, 2, order))
        assert g(2.0) == pytest.approx(right, rel=1e-11, abs=0.0)


def test_its_errors_are_those_of_the_built_in_rows():
    f = square_log()
    with pytest.raises(DomainError) as error:
        f(Value(-1.0, "z"))
    assert str(error.value) == "square_log is not defined at x = -1.0 (label 'z'): its domain is x > 0"
    with pytest.raises(DomainError, match="square_log is not defined at x = -1.0"):
        f(-1.0)
    with pytest.raises(TypeError, match=r"square_log takes 1 operand \(x\), 2 were given"):
        f(1.0, 2.0)
    with pytest.raises(TypeError, match="square_log takes a Value or a number, not str '2'; convert it first"):
        f("2")
    with pytest.raises(ValueError, match="square_log was given nan"):
        f(math.nan)
    cube_exp = define_op("cube_exp", lambda xp, x: xp.exp(x) ** 3, [lambda xp, out, x: 3.0 * out])
    with pytest.raises(OverflowError, match=r"cube_exp overflows at x = 300.0 \(label 'big'\)"):
        cube_exp(Value(300.0, "big"))


def test_a_kink_and_a_singularity_are_declared_by_a_domain():
    domain = Domain("x ≥ 0", lambda x: x >= 0.0, "not at 0", lambda x: x > 0.0)
    fourth_root = define_op(
        "fourth_root", lambda xp, x: xp.sqrt(xp.sqrt(x)), [lambda xp, out, x: 0.25 * out / x], domain=domain
    )
    x = Value(0.0, "x")
    y = fourth_root(x)
    assert y.data == 0.0
    with pytest.raises(DomainError, match=r"fourth_root is not differentiable at x = 0.0 \(label 'x'\)"):
        y.backward()
    shrink = define_op(
        "shrink",
        lambda xp, x: xp.maximum(x - 1.0, 0.0) + xp.minimum(x + 1.0, 0.0),
        [lambda xp, out, x: xp.step(x - 1.0) + xp.step(-x - 1.0)],
    )
    assert [shrink(x) for x in (-3.0, 0.5, 3.0)] == [-2.0, 0.0, 2.0]
    assert [c.verdict for c in gradcheck(lambda a, b: shrink(a) * b, (1.0, 2.0)).checks] == ["kink", "ok"]


def test_formula_symbol_and_documentation_are_derived_from_the_rules():
    f = square_log(symbol="log²", doc="The squared logarithm.")
    row = OPS["square_log"]
    assert row.formula == ("2·log(x)/x",)
    assert (row.symbol, row.operands) == ("log²", ("x",))
    assert f.__name__ == "square_log"
    assert f.__doc__.startswith("square_log(x): The squared logarithm.")
    assert "∂/∂x = 2·log(x)/x" in f.__doc__
    assert "Domain: x > 0." in f.__doc__
    plain = define_op("plain", lambda xp, x: x + x, [lambda xp, out, x: 2.0])
    assert OPS["plain"].symbol == "plain"
    assert plain.__doc__.startswith("plain(x): The operation plain, defined by its user.")


def test_its_steps_carry_its_formula():
    f = square_log()
    y = f(Value(2.0, "x")) * 3.0
    contributions = [c for step in ad.backward_steps(y) for c in step.contributions]
    assert contributions[-1].formula == "2·log(x)/x"
    assert contributions[-1].amount == pytest.approx(3.0 * math.log(2.0))


def test_two_operands_have_a_partial_each_and_only_those_needed_are_evaluated():
    asked = []

    def partial_y(xp, out, x, _y):
        asked.append("y")
        return out * xp.log(x)

    powered = define_op(
        "powered", lambda xp, x, y: xp.exp(y * xp.log(x)), [lambda xp, out, x, y: out * y / x, partial_y]
    )
    asked.clear()
    x, y = Value(2.0), Value(3.0)
    assert gradients(powered(x, 3.0), [x]) == [pytest.approx(12.0)]
    assert asked == []
    assert gradients(powered(2.0, y), [y]) == [pytest.approx(8.0 * math.log(2.0))]
    assert asked == ["y"]
    assert gradients(powered(x, x), [x]) == [pytest.approx(4.0 * (1.0 + math.log(2.0)))]
    assert_op("powered", 2.0, 3.0, mirror=lambda a, b: a**b)


def test_n_ary_operations_have_one_function_for_all_partials():
    norm = define_op(
        "norm",
        lambda xp, *x: xp.sqrt(xp.dot(*x, *x)),
        lambda xp, out, *x: tuple(v / out for v in x),
    )
    assert norm(3.0, 4.0) == 5.0
    a, b = Value(3.0), Value(4.0)
    y = norm(a, b, 12.0)
    assert (y.data, y.partials) == (13.0, (3.0 / 13.0, 4.0 / 13.0, 0.0))
    for x in ((2.0,), (3.0, 4.0), (1.0, -2.0, 3.0, 0.5)):
        assert_op("norm", *x, mirror=lambda *t: mpmath.norm(t, 2))
    assert gradcheck(norm, (3.0, 4.0, 12.0), order=2).ok
    assert OPS["norm"].arity is None
    assert OPS["norm"].formula == ("x₁/norm(x₁, x₂)", "x₂/norm(x₁, x₂)")


def test_a_graph_with_it_is_pickled_and_read_while_it_is_defined():
    f = square_log()
    y = f(Value(2.0, "x")) * 2.0
    stored = pickle.dumps(y)
    again = pickle.loads(stored)
    assert again.data == y.data
    assert again.args[0].op is OPS["square_log"]
    again.backward()
    del OPS["square_log"]
    with pytest.raises(
        LookupError, match=r"no operation 'square_log' in the table: call define_op\('square_log', …\) first"
    ):
        pickle.loads(stored)


def test_defining_it_again_replaces_it_for_new_nodes_only():
    first = define_op("mine", lambda xp, x: 2.0 * x, [lambda xp, out, x: 2.0])
    x = Value(1.0)
    y = first(x)
    second = define_op("mine", lambda xp, x: 3.0 * x, [lambda xp, out, x: 3.0])
    assert gradients(y, [x]) == [2.0]
    assert gradients(second(x), [x]) == [3.0]
    assert OPS["mine"] is second(x).op


def test_operations_built_on_one_that_is_defined_again_follow():
    define_op("inner", lambda xp, x: 2.0 * x, [lambda xp, out, x: 2.0])
    outer = define_op("outer", lambda xp, x: xp.inner(x) + 1.0, [lambda xp, out, x: xp.inner(1.0)])
    assert (outer(5.0), grad(outer)(5.0)) == (11.0, 2.0)
    define_op("inner", lambda xp, x: 3.0 * x, [lambda xp, out, x: 3.0])
    assert (outer(5.0), grad(outer)(5.0)) == (16.0, 3.0)


@pytest.mark.parametrize("name", ["exp", "add", "dot", "relu"])
def test_built_in_names_are_refused(name):
    with pytest.raises(ValueError, match=f"operation '{name}' is built in; choose another name"):
        define_op(name, lambda xp, x: x + 0.0, [lambda xp, out, x: 1.0])
    assert grad(ad.exp)(0.0) == 1.0


def test_a_name_that_rules_write_for_something_else_is_refused():
    with pytest.raises(ValueError, match=r"^'step' is what rules write xp.step for \(step\(x\): 1 where x > 0"):
        define_op("step", lambda xp, x: x + 0.0, [lambda xp, out, x: 1.0])
    assert "step" not in OPS


@pytest.mark.parametrize("rule", [lambda xp, x: 1, lambda xp, x: 1.0 / x, lambda xp, x: x * 1e308 - x * 1e308])
@pytest.mark.parametrize("n_ary", [False, True])
def test_the_local_derivatives_of_three_operands_are_floats_inf_where_there_is_none_and_0_of_a_number(rule, n_ary):
    if n_ary:
        f = define_op("three", lambda xp, *x: xp.sum(*x), lambda xp, out, *x: [rule(xp, v) for v in x])
    else:
        partials = [lambda xp, out, *x, i=i: rule(xp, x[i]) for i in range(3)]
        f = define_op("three", lambda xp, x, y, z: x + y + z, partials)
    found = f(Value(1.0), 2.0, Value(3.0)).partials
    assert found[1] == 0.0 and [type(p) for p in found] == [float] * 3
    nowhere = [p for x in (0.0, 10.0) for p in f(Value(x), 2.0, Value(x)).partials if not math.isfinite(p)]
    assert all(p == math.inf for p in nowhere)


@pytest.mark.parametrize("name", ["two words", "", "2nd", "a-b", "<b>", "class", None, 3])
def test_a_name_must_be_an_identifier(name):
    with pytest.raises(ValueError, match="an operation's name must be an identifier, not "):
        define_op(name, lambda xp, x: x + 0.0, [lambda xp, out, x: 1.0])


@pytest.mark.parametrize(
    ("value", "partials"),
    [
        (lambda xp, x: x + 0.0, []),
        (lambda xp, x, y: x * y, [lambda xp, out, x, y: y]),
        (lambda xp, x: x + 0.0, [lambda xp, out, x: 1.0, lambda xp, out, x: 1.0]),
        (lambda xp, x: x + 0.0, lambda xp, out, x: 1.0),
        (lambda xp, *x: xp.sum(*x), [lambda xp, out, *x: 1.0]),
        (lambda xp, *x: xp.sum(*x), [lambda xp: 1.0]),
        (lambda xp, x, *rest: x * rest[0], [lambda xp: 1.0]),
        (lambda xp, x, *rest: x * rest[0], [lambda xp, out, x, *rest: rest[0], lambda xp, out, x, *rest: x]),
    ],
)
def test_the_number_of_partials_must_be_that_of_the_operands(value, partials):
    with pytest.raises(ValueError, match="operation 'faulty': give one partial per operand of value"):
        define_op("faulty", value, partials)
    assert "faulty" not in OPS


@pytest.mark.parametrize(
    ("value", "partial"),
    [
        (lambda xp, x: math.exp(x), lambda xp, out, x: out),
        (lambda xp, x: xp.exp(x), lambda xp, out, x: math.exp(x)),
        (lambda xp, x: x if x > 0 else 0.0 * x, lambda xp, out, x: 1.0),
        (lambda xp, x: "3", lambda xp, out, x: "1"),
        (lambda xp, x: x + 0.0, lambda xp, out, x: "1"),
        (lambda xp, x: None, lambda xp, out, x: 1.0),
        (lambda xp, x: x + 0.0, lambda xp, out: 1.0),
        (lambda xp, x: xp.no_such_function(x), lambda xp, out, x: 1.0),
        (lambda xp, x: x.hex(), lambda xp, out, x: 1.0),
    ],
    ids=[
        "value with math",
        "partial with math",
        "value with if",
        "value is a string",
        "partial is a string",
        "value is None",
        "partial of too few operands",
        "no such function",
        "method of a float",
    ],
)
def test_rules_that_are_not_written_against_xp_are_refused_when_defined(value, partial):
    with pytest.raises(TypeError, match=r"operation 'faulty' .*xp"):
        define_op("faulty", value, [partial])
    assert "faulty" not in OPS


def test_a_wrong_derivative_is_found_by_gradcheck():
    f = define_op("faulty", lambda xp, x: xp.sin(x), [lambda xp, out, x: -xp.cos(x)])
    with pytest.raises(ad.GradcheckError, match="gradcheck of faulty: 1 wrong"):
        gradcheck(f, 1.0)


def test_an_n_ary_rule_that_forgets_a_partial_is_refused():
    with pytest.raises(TypeError, match="operation 'faulty' .*its partials give 1 derivatives for 2 operands"):
        define_op("faulty", lambda xp, *x: xp.sum(*x), lambda xp, out, *x: (1.0,))
    assert "faulty" not in OPS


def test_an_n_ary_operation_without_a_derivative_somewhere_says_so_in_the_backward_pass():
    norm = define_op(
        "norm",
        lambda xp, *x: xp.sqrt(sum(v * v for v in x)),
        lambda xp, out, *x: [v / out for v in x],
    )
    assert norm(Value(3.0), 4.0).partials == (0.6, 0.0)
    origin = norm(Value(0.0), Value(0.0))
    assert origin.data == 0.0
    with pytest.raises((DomainError, OverflowError), match="norm"):
        origin.backward()


@pytest.mark.parametrize("root_of", [lambda xp, x: xp.log(x), lambda xp, x: 1.0 / x, lambda xp, x: xp.exp(1e3 - x)])
def test_an_n_ary_rule_that_raises_on_floats_has_no_derivative_there(root_of):
    """By a ValueError, a ZeroDivisionError or an OverflowError; the value itself is there."""
    f = define_op("faulty", lambda xp, *x: xp.sum(*x), lambda xp, out, *x: [root_of(xp, v) for v in x])
    y = f(Value(0.0), Value(0.0), 2.0)
    assert y.data == 2.0 and y.partials == (math.inf, math.inf, 0.0)
    with pytest.raises(OverflowError, match=r"^the derivative of faulty overflows at x₁ = 0.0, x₂ = 0.0, x₃ = 2.0$"):
        y.backward()


def test_a_rule_that_gives_no_number_on_floats_says_what_it_gave_and_where():
    text = define_op("text", lambda xp, x: "one half" if xp is FLOATS else x, [lambda xp, out, x: 1.0])
    for half in (0.5, Value(0.5)):
        with pytest.raises(TypeError, match=r"^text computed 'one half' at x = 0.5, which is not a number$"):
            text(half)


def test_a_rule_that_gives_an_int_on_floats_gives_a_float():
    whole = define_op("whole", lambda xp, x: 3 if xp is FLOATS else x, [lambda xp, out, x: 1])
    assert type(whole(0.5)) is float and type(whole(Value(0.5)).data) is float
    assert [type(p) for p in whole(Value(0.5)).partials] == [float]


def test_a_declared_domain_is_kept():
    half = define_op(
        "half_square", lambda xp, x: x * x, [lambda xp, out, x: 2.0 * x], domain=("x > 0", lambda x: x > 0)
    )
    for bad in (-1.0, Value(-1.0)):
        with pytest.raises(DomainError, match="half_square is not defined at x = -1.0: its domain is x > 0"):
            half(bad)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"value": None}, r"the value of operation 'odd' is a function value\(xp, x\), not None"),
        (
            {"partials": None},
            "the partials of operation 'odd' are one function .* for each operand, in a list, not None",
        ),
        ({"partials": [1.0]}, r"the partials of operation 'odd' are one function .*, not \[1.0\]"),
        ({"value": lambda x: x * x}, "the value of operation 'odd' takes xp first, .*: write lambda xp, x: …"),
        (
            {"partials": [lambda xp, x: 2.0 * x]},
            "a partial of operation 'odd' takes xp, out, x, in this order: write lambda xp, out, x: …",
        ),
        ({"partials": [lambda xp, out, x: None]}, "a partial of operation 'odd' gives None: it must return its result"),
        ({"domain": "x > 0"}, r'the domain of operation \'odd\' is a Domain or a pair .* \("x > 0", .*, not \'x > 0\''),
        (
            {
                "value": lambda xp, x, y: x * y,
                "partials": [lambda xp, out, x, y: y, lambda xp, out, x, y: None],
            },
            "a partial of operation 'odd' gives None",
        ),
        ({"domain": ["x > 0", lambda x: x > 0]}, "the domain of operation 'odd' is a Domain or a pair"),
        ({"domain": (0, lambda x: x > 0)}, "the domain of operation 'odd' is a Domain or a pair"),
        ({"domain": ("x > 0", lambda x: x > 0, "x")}, "the domain of operation 'odd' is a Domain or a pair"),
        ({"domain": ("x > 0", "x > 0")}, "the domain of operation 'odd' is a Domain or a pair"),
    ],
)
def test_what_is_no_rule_and_no_domain_is_refused_by_its_name(given, message):
    right = {"value": lambda xp, x: x * x, "partials": [lambda xp, out, x: 2.0 * x]}
    with pytest.raises(TypeError, match=message):
        define_op("odd", **{**right, **given})
    assert "odd" not in OPS


@pytest.mark.parametrize("k", [2.0, 3.0])
def test_what_a_rule_takes_by_name_alone_is_no_operand(k):
    times = define_op("times_k", lambda xp, x, *, k=k: k * x, [lambda xp, out, x, *, k=k: k])
    assert (times(5.0), times(Value(5.0)).data, grad(times)(5.0)) == (5.0 * k, 5.0 * k, k)
    total = define_op("k_times_all", lambda xp, *x, k=k: k * xp.total(x), lambda xp, out, *x, k=k: [k] * len(x))
    assert total(1.0, 2.0) == 3.0 * k and grad(lambda x: total(x, x))(1.0) == 2.0 * k
    with pytest.raises(TypeError, match="the value of operation 'nothing' takes xp first, and then its operands"):
        define_op("nothing", lambda xp, *, k=k: k, [])


def test_a_rule_may_compare_with_a_number_of_numpy():
    np = pytest.importorskip("numpy")
    beyond = define_op(
        "beyond",
        lambda xp, x: x * xp.compare(x, np.float64(0.5)),
        [lambda xp, out, x: xp.compare(x, np.float64(0.5))],
    )
    x = Value(0.25)
    y = beyond(x)
    y.backward()
    assert (y.data, x.grad) == (-0.25, -1.0)
