"""autodiff.testing: its assertions find what is wrong and say what, and its random graphs are what they promise."""

import re
import shutil
import subprocess
import sys

import mpmath
import numpy as np
import pytest
from hypothesis import Phase, find, settings
from hypothesis.errors import NoSuchExample

import autodiff as ad
from autodiff import codegen, define_op
from autodiff.engine import Value
from autodiff.functions import VALUES
from autodiff.namespaces import FLOATS, arrays, complex_numbers, fifty_digits
from autodiff.op import Op
from autodiff.ops import OPS
from autodiff.testing import Graph, assert_gradients, assert_op, assertions, graphs, languages, operands
from autodiff.testing.strategies import _tame

pytestmark = pytest.mark.once


# assert_op: one fault each, which is named.


def test_a_row_that_is_right_passes():
    for op in ("div", OPS["div"]):
        assert_op(op, 3.0, -2.0, mirror=lambda x, y: x / y)


def test_the_mirror_has_fifty_digits_and_so_may_cancel():
    OPS["faulty"] = Op("faulty", "faulty", lambda xp, x: 1.0 * x, (lambda xp, out, x: 1.0 + 0.0 * x,))
    assert_op("faulty", 0.3, mirror=lambda x: (1e15 + x) - 1e15)


LANGUAGES = pytest.mark.skipif(not (shutil.which("cc") and shutil.which("node")), reason="there is no cc, or no node")


@LANGUAGES
def test_the_result_says_where_a_row_was_run():
    five = [f"Namespace({name})" for name in ("floats", "arrays", "complex numbers", "mpmath", "Values")]
    for row, x in (("tanh", (0.5,)), ("mul", (0.5, 2.0)), ("dot", (1.0, 2.0, 3.0, 4.0)), ("where", (1.0, 2.0, 3.0))):
        assert assert_op(row, *x) == (*five, "Program", "C", "JavaScript")


def test_without_cc_and_node_a_row_is_run_by_python_alone(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert assert_op("tanh", 0.5)[-1] == "Program"


def test_a_row_that_asks_for_the_value_of_an_operand_has_no_source_text():
    define_op("branching", lambda xp, x: 0.0 * x if x == 0.0 else x * x, [lambda xp, out, x: 2.0 * x])
    assert languages.written(OPS["branching"], codegen.C) == ""
    assert languages.in_c(OPS["branching"]) is languages.in_javascript(OPS["branching"]) is None


@LANGUAGES
@pytest.mark.parametrize("language", ["C", "JAVASCRIPT"])
def test_a_row_that_is_wrong_in_one_language_only_is_found(language, monkeypatch):
    right = languages.written

    def wrong(op, dialect):
        name = "sinh" if dialect is getattr(codegen, language) else "sin"
        return right(OPS[name], dialect).replace(f"{name}_", "sin_")

    monkeypatch.setattr(languages, "written", wrong)
    name = {"C": "C", "JAVASCRIPT": "JavaScript"}[language]
    with pytest.raises(AssertionError, match=rf"^sin\(0\.5,\): value on {name} is 0\.52"):
        assert_op("sin", 0.5)


def test_a_row_may_have_a_domain_far_from_where_one_looks_first():
    above = ("x > 5", lambda x: x > 5.0)
    define_op("far", lambda xp, x: xp.log(x - 5.0), [lambda xp, out, x: 1.0 / (x - 5.0)], domain=above)
    assert assert_op("far", 7.0)


def test_a_row_that_has_a_value_outside_its_domain_is_found(monkeypatch):
    define_op("faulty", lambda xp, x: xp.sin(x), [lambda xp, out, x: xp.cos(x)], domain=("x > 0", lambda x: x > 0.0))
    assert_op("faulty", 0.5)
    monkeypatch.setattr(assertions, "apply", lambda op, x: ad.sin(x))
    with pytest.raises(AssertionError, match=r"^faulty\(-2\.0,\): it is -0\.9.* on floats, and should be a Dom"):
        assert_op("faulty", 0.5)


@pytest.mark.parametrize("place", [-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0])
def test_what_a_domain_leaves_out_is_looked_for_at_seven_places(place, monkeypatch):
    elsewhere = (f"x ≠ {place}", lambda x: x != place)
    define_op("faulty", lambda xp, x: xp.sin(x), [lambda xp, out, x: xp.cos(x)], domain=elsewhere)
    monkeypatch.setattr(assertions, "apply", lambda op, x: ad.sin(x))
    with pytest.raises(AssertionError, match=rf"^faulty\({place},\): it is .* on floats, and should be a DomainError"):
        assertions._assert_refuses(OPS["faulty"], (0.25,))


def detached(x):
    return Value(x.data) if isinstance(x, Value) else x


def conjugate(x):
    return x.conjugate() if isinstance(x, complex) else x


@pytest.mark.parametrize(
    ("value", "partial", "fault"),
    [
        (lambda xp, x: xp.sinh(x), lambda xp, out, x: xp.cosh(x), r"value on .* is .*, and should be 0\.479"),
        (lambda xp, x: xp.sin(x), lambda xp, out, x: -xp.cos(x), r"partial 0 on .* is -0\.877"),
        (lambda xp, x: xp.sin(conjugate(x)), lambda xp, out, x: xp.cos(x), r"complex step 0 is -0\.877"),
        (lambda xp, x: xp.sin(x), lambda xp, out, x: xp.cos(detached(x)), r"second derivative 0, 0 is 0\.0"),
    ],
    ids=["value", "partial", "imaginary part", "the partial's own derivative"],
)
def test_what_is_wrong_with_a_row_is_named(value, partial, fault):
    OPS["faulty"] = Op("faulty", "faulty", value, (partial,))
    with pytest.raises(AssertionError, match=rf"^faulty\(0\.5,\): {fault}"):
        assert_op("faulty", 0.5, mirror=mpmath.sin)


@pytest.mark.parametrize("bad", [FLOATS, arrays(), complex_numbers(), fifty_digits(), VALUES], ids=repr)
def test_a_row_that_is_wrong_on_one_namespace_only_is_found(bad):
    off = lambda xp: 2e-11 if xp is bad else 0.0  # noqa: E731
    OPS["faulty"] = Op("faulty", "faulty", lambda xp, x: xp.sin(x) + off(xp), (lambda xp, out, x: xp.cos(x),))
    with pytest.raises(AssertionError, match=re.escape(f"value on {bad!r} is")):
        assert_op("faulty", 0.5, mirror=mpmath.sin)
    OPS["faulty"] = Op("faulty", "faulty", lambda xp, x: xp.sin(x), (lambda xp, out, x: xp.cos(x) + off(xp),))
    with pytest.raises(AssertionError, match=re.escape(f"partial 0 on {bad!r} is")):
        assert_op("faulty", 0.5, mirror=mpmath.sin)


def test_a_second_derivative_of_zero_has_to_be_found_within_a_thousandth_of_rtol():
    OPS["faulty"] = Op("faulty", "faulty", lambda xp, x: 1.0 * x, (lambda xp, out, x: 1.0 + 1e-4 * (x - 0.5),))
    assert_op("faulty", 0.5, rtol=0.2)
    with pytest.raises(AssertionError, match=r"^faulty\(0\.5,\): second derivative 0, 0 is 0\.0001, and should be 0"):
        assert_op("faulty", 0.5, rtol=0.05)


def test_a_row_that_the_c_compiler_refuses_is_its_error():
    with pytest.raises(subprocess.CalledProcessError):
        languages._compiled("false", "")


def test_a_row_that_mixes_the_elements_of_an_array_is_found():
    value = lambda xp, x: x + (np.arange(len(x)) if isinstance(x, np.ndarray) else 0.0)  # noqa: E731
    OPS["faulty"] = Op("faulty", "faulty", value, (lambda xp, out, x: 1.0 + 0.0 * x,))
    with pytest.raises(AssertionError, match="elements of one array differ"):
        assert_op("faulty", 0.5, mirror=lambda x: x)


# assert_gradients.


def test_a_gradient_that_is_zero_has_to_be_found_as_zero():
    """gradcheck's differences cannot tell 5e-12 from 0 beside a value of 1000; a complex step can."""
    f = define_op("faulty", lambda xp, x: 0.0 * x, [lambda xp, out, x: 5e-12 + 0.0 * x])
    ad.gradcheck(lambda x: f(x) + 1000.0, 0.5)
    with pytest.raises(AssertionError, match=r"^∂/∂x of <lambda> is 5e-12, by a complex step 0\.0"):
        assert_gradients(lambda x: f(x) + 1000.0, 0.5)


def test_the_error_that_a_gradient_may_have_is_by_its_largest_part():
    """gradcheck's rtol of 1e-6 lets a thousandth of a thousandth pass, a complex step 1e-8 of the largest only."""
    f = define_op("faulty", lambda xp, x: xp.sin(x), [lambda xp, out, x: (1.0 + 1e-7) * xp.cos(x)])
    with pytest.raises(AssertionError, match="by a complex step"):
        assert_gradients(lambda x, y: f(x) + y, (0.5, 2.0))
    assert_gradients(lambda x, y: f(x) + 100.0 * y, (0.5, 2.0))
    assert_gradients(lambda x, y: f(x) + y, (0.5, 2.0), rtol=1e-6)


def test_second_derivatives_are_checked_where_they_are_asked_for():
    f = define_op("faulty", lambda xp, x: xp.sin(x), [lambda xp, out, x: xp.cos(detached(x))])
    assert_gradients(f, 0.5)
    with pytest.raises(ad.GradcheckError):
        assert_gradients(f, 0.5, order=2)


# Random operands and graphs.


def values_of(graph):
    """Every number that comes up in a random graph."""
    numbers = []

    def call(name, *args):
        numbers.append(OPS[name].value(FLOATS, *args))
        return numbers[-1]

    graph(*graph.inputs, call=call)
    return [*graph.inputs, *numbers[:-1]]  # the last is the sum of the results


def holds_always(strategy, claim, examples=200):
    with pytest.raises(NoSuchExample):
        search(strategy, lambda x: not claim(x), examples)


def comes_up(strategy, claim):
    search(strategy, claim, 5000)


def search(strategy, claim, examples):
    """Fails with NoSuchExample where the claim holds for none; what is found is not made smaller."""
    options = settings(max_examples=examples, derandomize=True, database=None, phases=[Phase.generate])
    return find(strategy, claim, settings=options)


def test_random_operands_are_moderate_and_where_the_row_is_differentiable():
    everywhere = operands("mul")
    holds_always(everywhere, lambda x: len(x) == 2 and all(v == 0.0 or 1e-3 <= abs(v) <= 4.0 for v in x))
    holds_always(operands("log"), lambda x: x[0] > 0.0)
    holds_always(operands("sum", 3, low=-1.0, high=2.0), lambda x: len(x) == 3 and all(-1.0 <= v <= 2.0 for v in x))
    for rare in (0.0, 4.0, -4.0):
        comes_up(everywhere, lambda x: rare in x)
    comes_up(everywhere, lambda x: -4.0 < x[0] < -3.0)
    comes_up(everywhere, lambda x: 0.0 < x[0] < 1.0)
    holds_always(operands(OPS["sum"]), lambda x: len(x) == 2)


def test_random_operands_come_to_the_edges():
    for edge in (1.0, -1.0, 1e-3, -1e-3):
        comes_up(operands("mul"), lambda x: x[0] == edge)
    comes_up(operands("mul", low=-1e300, high=1e300), lambda x: x == (1e300, 1.0))
    comes_up(operands("sin", tiny=1e-300), lambda x: x[0] == 1e-300)
    comes_up(operands("hypot"), lambda x: x[0] == x[1] not in (0.0, 1.0))
    comes_up(operands("dot", 3), lambda x: len(x) == 6 and len(set(x)) == 1)


def test_random_operands_have_derivatives_that_a_float_holds():
    holds_always(operands("exp", low=-1e4, high=1e4), lambda x: x[0] < 710.0)
    holds_always(operands("div", low=-1e308, high=1e308, tiny=1e-300), lambda x: abs(x[0] / x[1] / x[1]) < np.inf)


def test_random_operands_are_none_where_a_partial_is_infinite():
    steep = Op("steep", "steep", lambda xp, x: 1.0 * x, (lambda xp, out, x: np.inf if x > 0.0 else 1.0,))
    holds_always(operands(steep), lambda x: x[0] <= 0.0)


def test_random_operands_keep_from_kinks_unless_they_are_asked_for():
    for name in ("maximum", "abs", "relu"):
        kinked = lambda x: len(set(x)) == 1 and (len(x) == 2 or x[0] == 0.0)  # noqa: E731
        holds_always(operands(name), lambda x: not kinked(x))
        comes_up(operands(name, kinks=True), kinked)
    holds_always(operands("log", kinks=True), lambda x: x[0] > 0.0)


CONSTANTS = {-1.5, 0.5, 2.0, 3.0}


def constants(graph):
    return {p for _, places in graph.steps for p in places if isinstance(p, float)}


def test_the_constants_in_random_graphs_are_of_either_sign_and_moderate():
    few = graphs(["add"], max_steps=2)
    holds_always(few, lambda graph: constants(graph) <= CONSTANTS)
    for constant in CONSTANTS:
        comes_up(few, lambda graph: constant in constants(graph))


def test_random_graphs_may_have_one_input_one_step_and_n_ary_steps_of_two_to_six_operands():
    comes_up(graphs(["add"]), lambda graph: len(graph.inputs) == len(graph.steps) == 1)
    for count in (2, 4, 6):
        comes_up(graphs(["sum"], max_steps=2), lambda graph: count in [len(places) for _, places in graph.steps])
    holds_always(graphs(["sum"], max_steps=2), lambda graph: all(len(places) <= 6 for _, places in graph.steps))
    holds_always(graphs(["sin"]), lambda graph: len(graph.steps) <= 12, examples=100)
    holds_always(graphs(["mul"], max_steps=4), lambda g: all(len(p) == (1 if n == "sin" else 2) for n, p in g.steps))


def test_a_random_graph_may_use_its_first_input_and_its_last_value():
    comes_up(graphs(["sin"], max_steps=1), lambda graph: len(graph.inputs) == 2 and graph.steps[0][1] == (0,))
    comes_up(graphs(["sin"], max_steps=2), lambda graph: graph.steps[1:] == (("sin", (len(graph.inputs),)),))


def test_a_random_graph_is_the_sum_of_what_no_step_uses():
    graph = Graph((1.0, 2.0, 5.0), (("mul", (0, 1)), ("add", (3, 4.0)), ("neg", (2,))))
    assert graph(1.0, 2.0, 5.0).data == 6.0 - 5.0


def test_random_graphs_are_made_of_the_rows_that_are_asked_for_and_of_sin_where_those_grow_too_fast():
    holds_always(graphs(ops=["mul"]), lambda graph: {name for name, _ in graph.steps} <= {"mul", "sin"})
    holds_always(graphs(max_steps=4), lambda graph: not any(OPS[name].defaults for name, _ in graph.steps))


@pytest.mark.parametrize("ops", [["add", "mul"], ["sub", "mul"], ["neg", "mul", "exp"]])
def test_no_value_in_a_random_graph_exceeds_30(ops):
    holds_always(graphs(ops=ops, max_steps=8), lambda graph: all(abs(x) <= 30.0 for x in values_of(graph)))


def test_random_graphs_have_one_to_four_inputs_and_none_of_them_is_subnormal():
    few, smallest = graphs(["add"], max_steps=1), sys.float_info.min
    right = lambda x: -2.0 <= x <= 2.0 and (x == 0.0 or abs(x) >= smallest)  # noqa: E731
    holds_always(few, lambda graph: 1 <= len(graph.inputs) <= 4 and all(map(right, graph.inputs)))
    for edge in (-2.0, 2.0):
        comes_up(few, lambda graph: edge in graph.inputs)


def test_every_step_of_a_random_graph_has_a_value_among_its_operands():
    holds_always(
        graphs(["mul", "div"], max_steps=4), lambda g: all(any(isinstance(p, int) for p in ps) for _, ps in g.steps)
    )


@pytest.mark.parametrize(
    ("name", "data", "tame"),
    [
        ("mul", [15.0, 2.0], True),
        ("mul", [15.5, 2.0], False),
        ("mul", [-15.5, 2.0], False),
        ("mul", [300.0, 0.0], True),
        ("mul", [300.5, 0.0], False),
        ("mul", [-300.5, 0.0], False),
        ("relu", [0.04], False),
        ("relu", [0.06], True),
        ("relu", [-0.04], False),
        ("leaky_relu", [0.0, 0.9], False),
        ("leaky_relu", [0.05, 0.9], False),
        ("sqrt", [0.04], False),
        ("log", [0.04], False),
        ("maximum", [1.0, 1.04], False),
        ("div", [1.0, 0.35], True),
        ("div", [1.0, 0.3], False),
        ("div", [-1.0, 0.3], False),
        ("div", [1.0, 0.0], False),
        ("exp", [800.0], False),
        ("arcsin", [1.5], False),
        ("arctan2", [0.06, -1.0], True),
        ("arctan2", [0.04, -1.0], False),
    ],
)
def test_random_graphs_keep_from_large_values_steep_slopes_kinks_and_singularities(name, data, tame):
    assert _tame(OPS[name], data) is tame


def test_a_gradient_of_zero_passes_where_it_is_right():
    assert_gradients(lambda x: 0.0 * x + 1.0, 2.0)
