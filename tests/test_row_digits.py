"""How many digits the op table's rows keep, to the fourth order, and that what is shown is what is computed.

`make accuracy` measures this on many more points, and writes the table in docs/.
"""

from __future__ import annotations

import math

import mpmath
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import autodiff as ad
from autodiff import Value, gradients
from autodiff.floats import evaluate, local_derivatives
from autodiff.functions import FUNCTIONS
from autodiff.namespaces import fifty_digits
from autodiff.ops import BUILT_IN, OPS
from autodiff.testing import operands

pytestmark = pytest.mark.once
every_row = pytest.mark.parametrize("name", sorted(BUILT_IN))


# What is shown


@every_row
@given(data=st.data())
@settings(deadline=None, max_examples=settings().max_examples // 4)
def test_the_formula_that_is_shown_equals_the_one_that_computes(name, data):
    op = OPS[name]
    x = data.draw(operands(name, count=2 * len(op.vectors)))
    mp = fifty_digits()
    with mpmath.workdps(50):
        point = tuple(map(mp.number, x))
        out = op.value(mp, *point)
        for computed, shown in zip(op.every_partial(mp, out, *point), op.every_shown(mp, out, *point), strict=True):
            assert abs(computed - shown) <= mpmath.mpf(10) ** -25 * max(1, abs(shown))


def test_the_lectures_formulas_are_shown():
    shown = {name: OPS[name].formula for name in ("sigmoid", "tanh", "arcsin", "logsumexp", "erf")}
    assert shown == {
        "sigmoid": ("σ(x)·(1 − σ(x))",),
        "tanh": ("1 − tanh(x)²",),
        "arcsin": ("1/√(1 − x²)",),
        "logsumexp": ("exp(x₁ − logsumexp(x₁, x₂))", "exp(x₂ − logsumexp(x₁, x₂))"),
        "erf": ("2/√π·exp(−x²)",),
    }


# Digits. An arbiter of 400 digits runs the formula that is shown, which loses its own there (1 − tanh² at 300).

FAR = [
    s * 10.0**e for s in (1.0, -1.0) for e in (-299, -150, -17, -10, -3, -1, 0, 0.5, 1, 1.3, 1.5, 2, 2.4, 17, 150, 299)
]
FAR += [0.0, 0.999999, -0.999999, 1.0 - 2.0**-50, 1.000001, 5.5, -5.5, 14.0, -23.0, -36.5, 26.1, -26.1, 700.1, -700.1]


@pytest.mark.parametrize("name", sorted(n for n in BUILT_IN if OPS[n].arity == 1))
def test_values_keep_4_and_partials_16_units_in_the_last_place_at_any_magnitude(name):
    op, mp = OPS[name], fifty_digits()
    for x in FAR:
        if not op.domain.differentiable(x) or (name in ("erfc", "gelu") and abs(x) > 1e9):  # where mpmath fails
            continue
        try:
            out = evaluate(op, [x], [x])
        except OverflowError:
            continue
        (slope,) = local_derivatives(op, out, [Value(x)], [x])
        with mpmath.workdps(400):
            point = mp.number(x)
            exact = op.value(mp, point)
            terms = [abs(op.every_shown(mp, exact, point)[0])]
            if name in ("gelu", "silu"):  # sums that vanish somewhere: by their larger term
                terms.append(abs(mpmath.ncdf(x) if name == "gelu" else 1 / (1 + mpmath.exp(-point))))
            assert abs(exact) < 1e-300 or abs(out - exact) <= 4 * math.ulp(float(exact)), x
            if 1e-300 < max(terms) < 1e308:
                assert abs(slope - op.every_shown(mp, exact, point)[0]) <= 16 * math.ulp(float(max(terms))), x


@pytest.mark.parametrize(
    ("x", "value"),
    [([0.0, -40.0], math.exp(-40.0)), ([0.0, -700.0], math.exp(-700.0)), ([3.0, 3.0], 3.0 + math.log(2.0))],
)
def test_logsumexp_keeps_what_the_smaller_operands_add(x, value):
    assert ad.logsumexp(x) == pytest.approx(value, rel=4e-16, abs=0.0)


@pytest.mark.parametrize("shift", [0.0, 100.0, -300.7, 690.3])
def test_the_local_derivatives_of_logsumexp_are_softmaxs_wherever_the_operands_lie(shift):
    below = [0.0, -1.25, -33.3, -80.1, -200.7]
    x = [shift + v for v in below]
    y = ad.logsumexp([Value(v) for v in x])
    with mpmath.workdps(50):
        terms = [mpmath.exp(mpmath.mpf(v)) for v in x]
        for found, term in zip(y.partials, terms, strict=True):
            assert found == pytest.approx(float(term / mpmath.fsum(terms)), rel=2e-15, abs=0.0)


# Higher orders: 10⁻¹² of the largest term. The arbiter is mpmath's, from values alone.

SMOOTH = {
    **{name: getattr(mpmath, name) for name in ("exp", "log", "sqrt", "sin", "cos", "tan", "sinh", "cosh", "tanh")},
    **{name: getattr(mpmath, name) for name in ("expm1", "log1p", "erf", "erfc")},
    "arcsin": mpmath.asin, "arccos": mpmath.acos, "arctan": mpmath.atan,
    "arcsinh": mpmath.asinh, "arccosh": mpmath.acosh, "arctanh": mpmath.atanh,
    "sigmoid": lambda x: 1 / (1 + mpmath.exp(-x)), "softplus": lambda x: mpmath.log1p(mpmath.exp(x)),
    "silu": lambda x: x / (1 + mpmath.exp(-x)), "gelu": lambda x: x * mpmath.erfc(-x / mpmath.sqrt(2)) / 2,
    "exp2": lambda x: mpmath.mpf(2) ** x, "log2": lambda x: mpmath.log(x, 2), "log10": mpmath.log10,
}  # fmt: skip


def sum_of_sizes(y, x):
    """Σ |product of local derivatives| over the paths from y to x: the terms of ∂y/∂x, were none to cancel."""
    sizes = {y: 1.0}
    for node in reversed(ad.topological_order(y)):
        for arg, partial in zip(node.args, node.partials, strict=True):
            if isinstance(arg, Value) and node in sizes:
                sizes[arg] = sizes.get(arg, 0.0) + abs(sizes[node] * partial)
    return sizes.get(x, 0.0)


@pytest.mark.parametrize("name", SMOOTH)
@pytest.mark.parametrize("x", [0.0, 1e-10, -1e-10, 1e-3, -1e-3, 0.5, -0.5, 1.5, 20.0, -20.0, 300.0, -300.0])
def test_derivatives_of_orders_2_to_4_keep_twelve_digits_of_their_largest_term(name, x):
    if not OPS[name].domain.differentiable(x):
        return
    v = Value(x)
    g = FUNCTIONS[name](v)
    with mpmath.workdps(60 if abs(x) < 5.0 else 400):
        exact = [mpmath.factorial(k) * c for k, c in enumerate(mpmath.taylor(SMOOTH[name], mpmath.mpf(x), 4))]
    for order in (1, 2, 3, 4):
        size = sum_of_sizes(g, v)
        (g,) = gradients(g, [v], create_graph=True)
        size = max(size, abs(float(exact[order])), 1e-300)
        assert abs(g.data - float(exact[order])) <= 1e-12 * size, (order, g.data, float(exact[order]))


@pytest.mark.parametrize("f", [lambda v: ad.elu(v[0], v[1]), lambda v: ad.leaky_relu(v[0], v[1])], ids=["elu", "leaky"])
def test_hessians_are_symmetric_at_the_kink(f):
    (xx, xa), (ax, aa) = ad.hessian(f)([0.0, 0.7])
    assert xa == ax == 1.0
    assert aa == 0.0
