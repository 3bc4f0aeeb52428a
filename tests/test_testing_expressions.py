"""Random expressions: functions that run on every kind of number, keep to domains, and print as Python."""

import math

import mpmath
import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import find as search
from hypothesis import strategies as st

import autodiff as ad
from autodiff import Domain, Value, compile, define_op, numerical_gradient, value_and_grad
from autodiff.op import OPERATORS
from autodiff.ops import BUILT_IN
from autodiff.testing import Expression, assert_gradients, expressions

pytestmark = pytest.mark.once

POINTS = st.lists(st.floats(-2.0, 2.0, allow_subnormal=False), min_size=3, max_size=3)


def rows_of(tree):
    return set() if not isinstance(tree, tuple) else {tree[0]}.union(*map(rows_of, tree[1:]))


@given(expressions(3), POINTS)
@settings(max_examples=settings().max_examples * 3 // 2)
def test_an_expression_is_the_same_function_on_every_kind_of_number(f, x):
    y = f(*x)
    assert math.isfinite(y)
    near = lambda found: found == pytest.approx(y, rel=1e-9, abs=1e-9)  # noqa: E731
    assert near(f(*map(Value, x)).data)
    assert near(f(*map(complex, x)).real)
    assert near(float(f(*map(mpmath.mpf, x))))
    assert all(map(near, np.broadcast_to(f(*(np.full(2, v) for v in x)), 2)))
    assert near(compile(f, *x)([x])[0])


@given(expressions(3), POINTS)
@settings(max_examples=settings().max_examples * 3 // 2)
def test_an_expression_prints_as_python_that_can_be_pasted(f, x):
    pasted = eval(repr(f), {**vars(ad), "__builtins__": {}, "abs": abs})
    assert pasted(*map(Value, x)).data == f(*map(Value, x)).data


@given(expressions(2), POINTS)
@settings(max_examples=settings().max_examples * 3 // 2)
def test_wherever_the_variables_are_it_has_a_gradient_and_that_is_right(f, x):
    x = tuple(x[:2])
    y, slopes = value_and_grad(f, (0, 1))(*x)
    right = numerical_gradient(f, x, method="complex")
    assert math.isfinite(y) and all(map(math.isfinite, slopes))
    assert slopes == pytest.approx(right, rel=1e-7, abs=1e-9 * max(1.0, *map(abs, right)))


def test_every_row_of_the_table_can_be_in_one():
    for name in sorted(BUILT_IN):
        f = search(
            expressions(["x"], [name], max_nodes=1),
            lambda _: True,
            settings=settings(database=None, phases=[Phase.generate]),
        )
        assert name in rows_of(f.tree)
        assert math.isfinite(f(0.25))


def test_it_has_no_more_rows_than_asked_for_but_for_guards():
    def rows(tree):
        return 0 if not isinstance(tree, tuple) else 1 + sum(map(rows, tree[1:]))

    @given(expressions(2, ["cos", "sin"], max_nodes=5))
    @settings(max_examples=200, database=None)
    def check(f):
        assert 1 <= rows(f.tree) <= 5
        assert rows_of(f.tree) <= {"cos", "sin"}

    check()


@pytest.mark.parametrize(
    ("wanted", "formula"),
    [
        (lambda f: "log" in rows_of(f.tree), "lambda x, y: log(x ** 2.0 + 1.5)"),
        (lambda f: {"neg", "sin"} <= rows_of(f.tree), "lambda x, y: -sin(x)"),
        (lambda f: "maximum" in rows_of(f.tree), "lambda x, y: maximum(x, 0.5 + 0.25 * tanh(x))"),
    ],
)
def test_it_shrinks_to_a_short_formula(wanted, formula):
    options = settings(max_examples=1000, database=None, derandomize=True, phases=tuple(Phase))
    found = search(expressions(2), wanted, settings=options)
    assert len(repr(found)) <= len(formula) + 16, found


def test_its_signs_are_bracketed_as_python_reads_them():
    x, y = "x", "y"
    for tree, text in (
        (("sub", x, ("sub", x, y)), "x - (x - y)"),
        (("sub", ("sub", x, y), y), "x - y - y"),
        (("mul", ("neg", x), ("add", x, y)), "-x * (x + y)"),
        (("pow", ("pow", x, 2.0), 3.0), "(x ** 2.0) ** 3.0"),
        (("pow", x, ("pow", y, 2.0)), "x ** y ** 2.0"),
        (("pow", ("neg", x), 2.0), "(-x) ** 2.0"),
        (("neg", ("pow", x, 2.0)), "-x ** 2.0"),
        (("pow", -1.5, 2.0), "(-1.5) ** 2.0"),
        (("div", x, ("mul", x, y)), "x / (x * y)"),
        (("mod", ("div", x, y), 2.0), "x / y % 2.0"),
        (("dot", x, y, 2.0, ("neg", x)), "dot([x, y], [2.0, -x])"),
        (("logsumexp", x, ("add", x, 1.0)), "logsumexp([x, x + 1.0])"),
    ):
        assert repr(Expression((x, y), tree)) == f"lambda x, y: {text}"
        if set(rows_of(tree)) <= {*OPERATORS} and "neg" not in rows_of(tree):
            assert eval(text, {"x": 1.25, "y": 0.75}) == Expression((x, y), tree)(1.25, 0.75)


def test_a_users_row_is_kept_in_its_domain_and_from_its_kinks():
    define_op(
        "root_of_rest",
        lambda xp, x, y: xp.sqrt(x - 1.0) + xp.abs(y),
        [lambda xp, out, x, y: 0.5 / xp.sqrt(x - 1.0), lambda xp, out, x, y: xp.sign(y)],
        domain=Domain("x > 1", lambda x, y: x > 1.0, "y ≠ 0", lambda x, y: y != 0.0),
    )

    @given(expressions(2, ["root_of_rest", "add"]), POINTS)
    @settings(max_examples=60, database=None)
    def check(f, x):
        assert_gradients(f, tuple(x[:2]))

    check()


def test_a_row_that_is_nowhere_moderate_is_named():
    define_op("enormous", lambda xp, x: x + 1e9, [lambda xp, out, x: 1.0])
    with pytest.raises(ValueError, match="operation 'enormous' has no moderate values"):
        search(expressions(1, ["enormous"]), lambda _: True, settings=settings(phases=[Phase.generate]))


@pytest.mark.parametrize("variables", [0, 7, []])
def test_so_many_variables_are_refused(variables):
    with pytest.raises(ValueError, match="between one and six, or a list of names"):
        expressions(variables)


def test_a_name_that_is_no_row_is_named():
    with pytest.raises(LookupError, match="no operation 'sinus' in the table"):
        expressions(1, ["sinus"])


def test_another_number_of_arguments_is_an_error():
    with pytest.raises(TypeError, match="takes 2 arguments, not 1"):
        Expression(("x", "y"), ("add", "x", "y"))(1.0)


def test_the_failure_of_an_expression_names_it_and_the_row_that_is_at_fault():
    define_op("faulty", lambda xp, x: xp.sin(x), [lambda xp, out, x: 1.5 * xp.cos(x)])
    f = Expression(("x", "y"), ("mul", ("faulty", ("add", "x", "y")), "y"))
    message = (
        r"lambda x, y: faulty\(x \+ y\) \* y at x = 0\.25, y = 0\.5; the rule of the row faulty is suspect: "
        r"∂faulty/∂x at \(0\.75\) is 1\.097\d+, by a complex step 0\.731\d+"
    )
    with pytest.raises(ad.GradcheckError, match=message) as error:
        assert_gradients(f, (0.25, 0.5))
    assert not error.value.report.ok


def test_where_all_rows_are_right_the_function_loses_its_graph():
    with pytest.raises(AssertionError, match=r"the rules of all rows are right, so f loses a part of its graph"):
        assert_gradients(lambda x: x * x.data if isinstance(x, Value) else x * x, 0.5)
