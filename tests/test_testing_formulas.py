"""Which formulas random expressions begin with: the simplest guard that keeps each row tame, by hand for each kind."""

import inspect
import math

import mpmath
import numpy as np
import pytest
from hypothesis import Phase, find, settings
from hypothesis.errors import NoSuchExample

from autodiff import Domain, Value, define_op
from autodiff.testing import Expression, expressions

pytestmark = pytest.mark.once


def first(strategy, wanted=lambda f: True, examples=3000):
    """What Hypothesis draws first of those wanted, which is not made smaller: of one row it is the simplest."""
    options = settings(max_examples=examples, database=None, derandomize=True, phases=[Phase.generate])
    return find(strategy, wanted, settings=options)


def formula(name, variables=2):
    return repr(first(expressions(variables, [name], max_nodes=1))).partition(": ")[2]


def rows(tree):
    return [tree[0], *(name for part in tree[1:] for name in rows(part))] if isinstance(tree, tuple) else []


# Expressions.


def test_an_expression_is_computed_in_the_kind_of_number_that_it_is_given():
    f = Expression(("x", "y"), ("add", ("exp", "x"), ("mul", "y", 3)))
    for x, y, kind in (
        (0, 2, float), (0.0, 2.0, float), (0.0, 2j, complex), (0j, 2, complex), (mpmath.mpf(0), 2.0, mpmath.mpf),
        (0.0, mpmath.mpf(2), mpmath.mpf), (np.zeros(3), 2.0, np.ndarray), (np.zeros(3), 2j, np.ndarray),
        (0.0, np.full(3, 2.0), np.ndarray), (Value(0.0), 2.0, Value), (0.0, Value(2.0), Value),
    ):  # fmt: skip
        assert type(f(x, y)) is kind, (x, y)
    assert f(0, 2) == 7.0
    assert f(0, 2j) == 1.0 + 6.0j
    assert f(0.0, np.array([1.0, 2.0])).tolist() == [4.0, 7.0]
    assert f(0.0, mpmath.mpf("0.1")) == 3 * mpmath.mpf("0.1") + 1


def test_an_expression_has_its_formula_for_a_name_and_its_variables_for_a_signature():
    f = Expression(("u", "v"), ("sin", ("sub", "u", "v")))
    assert f.__name__ == repr(f) == "lambda u, v: sin(u - v)"
    assert str(inspect.signature(f)) == "(u, v)"


@pytest.mark.parametrize(
    ("tree", "text"),
    [
        (("pow", 2, "x"), "2 ** x"),
        (("pow", 0.0, 2.0), "0.0 ** 2.0"),
        (("pow", -0.0, 2.0), "(-0.0) ** 2.0"),
        (("add", -1.5, ("neg", "x")), "-1.5 + -x"),
        (("sub", "x", ("add", "x", 1.0)), "x - (x + 1.0)"),
        (("sub", ("add", "x", 1.0), "x"), "x + 1.0 - x"),
        (("mul", ("div", "x", 2.0), ("mod", "x", 3.0)), "x / 2.0 * (x % 3.0)"),
        (("mul", "x", ("neg", "x")), "x * -x"),
        (("pow", ("pow", "x", 2.0), 3.0), "(x ** 2.0) ** 3.0"),
        (("logsumexp", "x", 1.0), "logsumexp([x, 1.0])"),
        (("mul", "x", ("div", "x", 2.0)), "x * (x / 2.0)"),
        (("div", ("mul", "x", "x"), 2.0), "x * x / 2.0"),
        (("neg", ("mul", "x", "x")), "-(x * x)"),
        (("neg", ("neg", "x")), "--x"),
        (("pow", "x", ("neg", "x")), "x ** (-x)"),
        (("sum", "x", ("add", "x", "x"), 1.0), "sum([x, x + x, 1.0])"),
        (("dot", "x", "x", 1.0, 2.0), "dot([x, x], [1.0, 2.0])"),
        (("maximum", ("add", "x", 1.0), "x"), "maximum(x + 1.0, x)"),
    ],
)
def test_a_formula_has_the_brackets_that_python_needs_and_no_more(tree, text):
    assert repr(Expression(("x",), tree)) == f"lambda x: {text}"


def test_variables_are_the_first_of_six_letters_or_as_they_are_called():
    for count in range(1, 7):
        assert "".join(first(expressions(count, ["add"], max_nodes=1)).variables) == "xyzuvw"[:count]
    assert first(expressions(["a", "b"], ["sin"])).variables == ("a", "b")
    assert first(expressions(ops=["sin"])).variables == ("x", "y")


def test_examples_begin_with_the_simple_rows_and_then_go_by_the_alphabet():
    for simple in ("add", "mul", "sub", "neg", "sin", "exp", "tanh"):
        assert first(expressions(1, ["abs", simple], max_nodes=1)).tree[0] == simple
    assert first(expressions(1, ["tan", "sqrt", "arctan"], max_nodes=1)).tree[0] == "arctan"
    assert first(expressions(1, max_nodes=1)).tree == ("add", "x", "x")


# Guards.


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("add", "x + x"),
        ("neg", "-x"),
        ("exp", "exp(x)"),
        ("sum", "sum([x])"),
        ("dot", "dot([x], [x])"),
        ("abs", "abs(x ** 2.0 + 1.5)"),
        ("log", "log(x ** 2.0 + 1.5)"),
        ("arcsin", "arcsin(0.5 * tanh(x))"),
        ("tan", "tan(0.5 * tanh(x))"),
        ("arctan2", "arctan2(x, x ** 2.0 + 1.5)"),
        ("div", "x / (x ** 2.0 + 1.5)"),
        ("elu", "elu(x ** 2.0 + 1.5, x)"),
        ("maximum", "maximum(x ** 2.0 + 1.5, 0.5 * tanh(x))"),
        ("mod", "(0.5 + 0.25 * tanh(x)) % (x ** 2.0 + 1.5)"),
        ("pow", "(x ** 2.0 + 1.5) ** x"),
        ("where", "where(x ** 2.0 + 1.5, x, x)"),
    ],
)
def test_a_row_is_kept_in_its_domain_and_from_its_kinks_by_the_simplest_guard(name, text):
    assert formula(name) == text


def user(name, value=lambda xp, x: xp.sin(x), slope=lambda xp, x: 1.0, within=None, smooth=None):
    text = "somewhere"
    domain = Domain(text, within or (lambda x: True), text, smooth or (lambda x: True)) if within or smooth else None
    settings = {} if domain is None else {"domain": domain}
    define_op(name, value, [lambda xp, out, x: slope(xp, x) + 0.0 * x], **settings)
    return name


@pytest.mark.parametrize(
    ("within", "guarded"),
    [
        (lambda x: abs(x) <= 2.0, "{}(x)"),
        (lambda x: x >= 1.5, "{}(x ** 2.0 + 1.5)"),
        (lambda x: 1.5 <= x <= 5.5, "{}(x ** 2.0 + 1.5)"),
        (lambda x: abs(x) < 0.5, "{}(0.5 * tanh(x))"),
        (lambda x: 0.25 < x < 0.75, "{}(0.5 + 0.25 * tanh(x))"),
        (lambda x: 1.51 < x < 2.49, "{}(2.0 + 0.5 * tanh(x))"),
    ],
)
def test_a_guard_keeps_to_where_a_users_row_is_defined(within, guarded):
    assert formula(user("kept", within=within), 1) == guarded.format("kept")


@pytest.mark.parametrize(
    "within",
    [
        lambda x: abs(x) < 0.2,
        lambda x: 0.3 < x < 0.7,
        lambda x: 1.6 < x < 5.6,
        lambda x: 1.6 < x < 2.6,
        lambda x: x > 6,
    ],
)
def test_a_domain_that_no_guard_keeps_to_is_named(within):
    with pytest.raises(ValueError, match="^operation 'narrow' has no moderate values where an expression could keep"):
        formula(user("narrow", within=within), 1)


@pytest.mark.parametrize(
    ("value", "slope", "tame"),
    [(32.0, 300.0, True), (-32.0, -300.0, True), (32.5, 0.0, False), (-32.5, 0.0, False), (0.0, 300.5, False),
     (0.0, -300.5, False)],
)  # fmt: skip
def test_values_beyond_32_and_slopes_beyond_300_are_not_moderate(value, slope, tame):
    name = user("level", lambda xp, x: value + 0.0 * x, lambda xp, x: slope)
    if tame:
        assert formula(name, 1) == "level(x)"
    else:
        with pytest.raises(ValueError, match="^operation 'level' has no moderate values"):
            formula(name, 1)


@pytest.mark.parametrize("kink", [0.123, -1.777, 1.9])
def test_a_kink_between_the_points_that_are_looked_at_is_found(kink):
    def slope(xp, x):
        return xp.sign(x - kink)

    name = user("kinked", lambda xp, x: xp.abs(x - kink), slope, smooth=lambda x: x != kink)
    assert formula(name, 1) == f"kinked({'x ** 2.0 + 1.5' if kink < 1.5 else '0.5 * tanh(x)'})"


def test_a_row_that_bends_steeply_and_has_no_kink_stays_as_it_is():
    name = user("steep", lambda xp, x: xp.tanh(50.0 * x), lambda xp, x: 50.0, smooth=lambda x: x != 10.0)
    assert formula(name, 1) == "steep(x)"


def test_the_larger_the_values_of_a_part_the_sooner_it_is_guarded():
    """2ˣ: below 4, then below 16, and 2¹⁶ is too large; eˣ: below 8, and e⁸ is."""
    for name, text in (("exp2", "exp2(0.5 * tanh(exp2(exp2(x))))"), ("exp", "exp(0.5 * tanh(exp(x)))")):
        found = first(expressions(1, [name], max_nodes=3), lambda f: "tanh" in rows(f.tree))
        assert repr(found) == f"lambda x: {text}"


@pytest.mark.parametrize(
    ("largest", "within", "text"),
    [
        (0.01, 0.5, "edge(inner(x))"),
        (0.0, 0.5, "edge(inner(x))"),
        (0.01, 0.49, "edge(0.5 * tanh(inner(x)))"),
        (0.7, 1.0, "edge(inner(x))"),
        (0.7, 0.9, "edge(0.5 * tanh(inner(x)))"),
        (1.0, 1.0, "edge(inner(x))"),
        (1.1, 2.0, "edge(inner(x))"),
        (1.1, 1.9, "edge(0.5 * tanh(inner(x)))"),
    ],
)
def test_values_are_taken_to_be_as_large_as_the_next_power_of_two_and_no_smaller_than_a_half(largest, within, text):
    user("inner", lambda xp, x: largest * xp.tanh(1e9 * (x - 1.0) * (x - 1.0)))
    user("edge", within=lambda x: abs(x) <= within)
    found = first(
        expressions(1, ["inner", "edge"], max_nodes=2), lambda f: f.tree[0] == "edge" and "inner" in rows(f.tree)
    )
    assert repr(found) == f"lambda x: {text}"


def test_a_constant_stands_where_the_row_takes_it():
    for name, wanted, text in (
        ("div", lambda t: isinstance(t[2], float), "x / "),
        ("pow", lambda t: isinstance(t[2], float), "(x ** 2.0 + 1.5) ** 2.0"),
        ("sum", lambda t: len(t) == 4, "sum([x, x, x])"),
        ("dot", lambda t: len(t) == 7, "dot([x, x, x], [x, x, x])"),
    ):
        found = first(expressions(1, [name], max_nodes=1), lambda f, wanted=wanted: wanted(f.tree))
        assert repr(found).startswith(f"lambda x: {text}"), found


def test_a_constant_that_a_row_does_not_take_is_a_variable():
    """No power of −1.5, and no logarithm of it: what is drawn there becomes x, and is guarded."""
    strategy = expressions(1, ["pow"], max_nodes=1)
    guarded = ("add", ("pow", "x", 2.0), 1.5), ("add", 0.5, ("mul", 0.25, ("tanh", "x")))
    assert {f.tree[1] for f in drawn(strategy)} == {2.0, 0.5, 3.0, *guarded}


def drawn(strategy, examples=100):
    found = []

    with pytest.raises(NoSuchExample):
        first(strategy, found.append, examples)  # append gives None: none is wanted
    return found


def test_expressions_have_at_least_one_row_and_at_most_so_many_and_constants_of_four():
    for most in (1, 2):
        assert {len(rows(f.tree)) for f in drawn(expressions(1, ["sin"], max_nodes=most))} == set(range(1, most + 1))
    assert first(expressions(1, ["sin"]), lambda f: len(rows(f.tree)) == 12)
    assert all(len(rows(f.tree)) <= 12 for f in drawn(expressions(1, ["sin"]), 50)), "unless more is said"
    found = drawn(expressions(1, ["add"], max_nodes=1))
    constants = {part for f in found for part in f.tree if isinstance(part, float)}
    assert constants == {2.0, 0.5, 3.0, -1.5}
    assert all(math.isfinite(f(0.5)) for f in found)


def test_neither_a_variable_nor_a_constant_counts_as_a_row():
    three = expressions(1, ["add"], max_nodes=3)
    for constant in (True, False):
        assert first(three, lambda f, c=constant: len(rows(f.tree)) == 3 and isinstance(f.tree[1], float) is c)
    assert first(expressions(1, ["sub"], max_nodes=4), lambda f: len(rows(f.tree)) == 2)


def test_an_n_ary_row_has_up_to_three_operands_for_each_vector_and_a_row_of_one_has_no_constant():
    assert {len(f.tree) - 1 for f in drawn(expressions(1, ["sum"], max_nodes=1))} == {1, 2, 3}
    assert {f.tree for f in drawn(expressions(1, ["sin"], max_nodes=1))} == {("sin", "x")}


@pytest.mark.parametrize(
    ("constant", "text"),
    [
        (False, "sum([0.5 * tanh(tall(x)), 0.5 * tanh(tall(x))])"),
        (True, "sum([2.0, 0.5 * tanh(tall(x))])"),
    ],
)
def test_all_operands_of_an_n_ary_row_have_one_guard_and_a_constant_has_none(constant, text):
    user("tall", lambda xp, x: 31.0 + 0.0 * x)

    def wanted(f):
        counts = [rows(part).count("tall") for part in f.tree[1:]]
        flat = f.tree[0] == "sum" and "sum" not in rows(f.tree)[1:]
        return flat and counts == [not constant, 1] and (f.tree[1] == f.tree[2] or isinstance(f.tree[1], float))

    found = first(expressions(1, ["sum", "tall"], max_nodes=3), wanted)
    assert repr(found) == f"lambda x: {text.replace('2.0', repr(found.tree[1]))}"


def test_of_two_ways_to_keep_a_row_in_its_domain_the_simpler_one_is_taken():
    either = Domain("one of both", lambda x, y: x >= 1.5 or 1.51 < y < 2.49)
    slopes = [lambda xp, out, x, y: xp.cos(x + y)] * 2
    define_op("either", lambda xp, x, y: xp.sin(x + y), slopes, domain=either)
    assert formula("either", 1) == "either(x ** 2.0 + 1.5, x)"
