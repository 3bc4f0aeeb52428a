"""Random graphs: shared nodes, aliases, constants on both sides, n-ary nodes. The engine agrees with numerical
derivatives and with HIPS autograd, an engine that shares no line with this one; to second order too.
"""

import math

import autograd
import autograd.numpy as anp
import pytest
from autograd.scipy import special
from hypothesis import example, find, given, settings
from hypothesis import strategies as st

import autodiff as ad
from autodiff import Value, gradients
from autodiff.ops import BUILT_IN, OPS
from autodiff.testing import Graph, assert_gradients, graphs

HIPS = {
    "add": lambda x, y: x + y,
    "sub": lambda x, y: x - y,
    "mul": lambda x, y: x * y,
    "div": lambda x, y: x / y,
    "mod": anp.mod,
    "neg": lambda x: -x,
    "pow": lambda x, y: anp.power(x, y),
    "log1p": anp.log1p,
    "expm1": anp.expm1,
    "sqrt": anp.sqrt,
    "exp": anp.exp,
    "exp2": anp.exp2,
    "log": anp.log,
    "log2": anp.log2,
    "log10": anp.log10,
    "hypot": lambda x, y: anp.sqrt(x * x + y * y),
    "sin": anp.sin,
    "cos": anp.cos,
    "tan": anp.tan,
    "arcsin": anp.arcsin,
    "arccos": anp.arccos,
    "arctan": anp.arctan,
    "arctan2": anp.arctan2,
    "arcsinh": anp.arcsinh,
    "arccosh": anp.arccosh,
    "arctanh": anp.arctanh,
    "sinh": anp.sinh,
    "cosh": anp.cosh,
    "tanh": anp.tanh,
    "abs": anp.abs,
    "sign": anp.sign,
    "where": lambda c, x, y: anp.where(c > 0.0, x, y),
    "maximum": anp.maximum,
    "minimum": anp.minimum,
    "sigmoid": lambda x: 0.5 * (1.0 + anp.tanh(0.5 * x)),
    "softplus": lambda x: anp.logaddexp(0.0, x),
    "relu": lambda x: anp.maximum(0.0, x),
    "silu": lambda x: x * 0.5 * (1.0 + anp.tanh(0.5 * x)),
    "erf": special.erf,
    "erfc": special.erfc,
    "gelu": lambda x: x * 0.5 * (1.0 + special.erf(x / math.sqrt(2.0))),
    "sum": lambda *x: anp.sum(anp.stack(x)),
    "dot": lambda *x: anp.dot(anp.stack(x[: len(x) // 2]), anp.stack(x[len(x) // 2 :])),
    "logsumexp": lambda *x: special.logsumexp(anp.stack(x)),
}


def by_hips(graph):
    return lambda xs: graph(*xs, call=lambda name, *args: HIPS[name](*args))


def on_values(graph):
    inputs = [Value(x) for x in graph.inputs]
    return inputs, graph(*inputs)


def close(found, right):
    """To 1e-9 of the largest: sums of contributions may cancel."""
    return found == pytest.approx(right, rel=1e-9, abs=1e-9 * max(1.0, *map(abs, right)))


def test_hips_autograd_knows_every_row_that_random_graphs_are_made_of():
    assert set(HIPS) == {name for name in BUILT_IN if not OPS[name].defaults}


of_a_constant = pytest.mark.filterwarnings("ignore:Output seems independent of input")


@of_a_constant
@given(graph=graphs(ops=tuple(HIPS)))
@example(graph=Graph((1.0,), (("where", (0, -1.5, -1.5)),)))
@settings(deadline=None)
def test_values_and_gradients_agree_with_hips_autograd(graph):
    inputs, y = on_values(graph)
    value, right = autograd.value_and_grad(by_hips(graph))(anp.array(graph.inputs))
    assert y.data == pytest.approx(float(value), rel=1e-11, abs=1e-11)
    assert close(gradients(y, inputs), list(right))
    y.backward()
    assert [x.grad for x in inputs] == gradients(y, inputs)


@of_a_constant
@given(graph=graphs(ops=tuple(HIPS), max_steps=6))
@settings(max_examples=settings().max_examples // 2, deadline=None)
def test_second_derivatives_agree_with_hips_autograd(graph):
    found = ad.hessian(graph, tuple(range(len(graph.inputs))))(*graph.inputs)
    right = autograd.jacobian(autograd.grad(by_hips(graph)))(anp.array(graph.inputs))
    assert close([float(h) for row in found for h in row], [float(h) for row in right for h in row])


@given(graph=graphs(ops=sorted(BUILT_IN)))
@settings(max_examples=settings().max_examples // 2, deadline=None)
def test_gradients_agree_with_numerical_derivatives(graph):
    assert_gradients(graph, graph.inputs)


@given(graph=graphs(ops=sorted(BUILT_IN), max_steps=5))
@settings(max_examples=settings().max_examples // 4, deadline=None)
def test_second_derivatives_agree_with_numerical_derivatives(graph):
    assert_gradients(graph, graph.inputs, order=2)


@given(graph=graphs(ops=sorted(BUILT_IN)))
@settings(deadline=None)
def test_every_way_to_a_gradient_gives_the_same_numbers(graph):
    inputs, y = on_values(graph)
    right = gradients(y, inputs)
    with_graph = gradients(y, inputs, create_graph=True)
    every = tuple(range(len(inputs)))
    assert [g.data for g in with_graph] == pytest.approx(right, rel=1e-12, abs=1e-12)
    assert list(ad.grad(graph, every)(*graph.inputs)) == right
    for i in every:
        unit = [float(i == j) for j in every]
        value, along = ad.jvp(graph, graph.inputs, unit)
        assert value == y.data
        assert along == pytest.approx(right[i], rel=1e-11, abs=1e-10 * max(1.0, *map(abs, right)))


@given(graph=graphs(ops=["add", "sub", "mul", "neg", "maximum", "sum", "dot", "sin"], max_steps=6))
@settings(deadline=None)
def test_the_gradient_is_the_sum_over_all_paths(graph):
    inputs, y = on_values(graph)
    for x, right in zip(inputs, gradients(y, inputs), strict=True):
        if ad.count_paths(y, x) <= 2000:
            products = [path.product for path in ad.paths(y, x)]
            assert math.fsum(products) == pytest.approx(right, rel=1e-9, abs=1e-9 * max([1.0, *map(abs, products)]))


@given(graph=graphs(), data=st.data())
@settings(deadline=None)
def test_a_constant_and_a_value_in_its_place_give_the_same_gradient(graph, data):
    fixed = data.draw(st.integers(0, len(graph.inputs) - 1))
    inputs, y = on_values(graph)
    xs = [x.data if i == fixed else Value(x.data) for i, x in enumerate(inputs)]
    z = graph(*xs)
    others = [x for i, x in enumerate(xs) if i != fixed]
    assert z.data == y.data
    assert gradients(z, others) == gradients(y, [x for i, x in enumerate(inputs) if i != fixed])


@pytest.mark.once
@pytest.mark.parametrize(
    ("what", "found"),
    [
        ("a value used by two steps", lambda g: len(used(g)) > len(set(used(g)))),
        ("one value in two places of a step", lambda g: any(len(ints(p)) > len(set(ints(p))) for _, p in g.steps)),
        ("a constant on the left", lambda g: any(isinstance(p[0], float) for n, p in g.steps if n == "sub")),
        ("a constant on the right", lambda g: any(isinstance(p[1], float) for n, p in g.steps if n in ("sub", "div"))),
        ("an n-ary step", lambda g: any(len(p) > 2 for _, p in g.steps)),
        ("a kinked step", lambda g: any(n in ("relu", "maximum", "abs") for n, _ in g.steps)),
        ("two results", lambda g: len(set(range(len(g.inputs) + len(g.steps))) - set(used(g))) > 1),
    ],
)
def test_the_random_graphs_have(what, found):
    graph = find(graphs(ops=sorted(BUILT_IN)), found, settings=settings(max_examples=2000, derandomize=True))
    assert found(graph), what


def ints(places):
    return [p for p in places if isinstance(p, int)]


def used(graph):
    return [p for _, places in graph.steps for p in ints(places)]
