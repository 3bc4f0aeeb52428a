"""Rows on symbols: what is written, in text and in LaTeX. (That each row's formula is right is test_ops' business.)"""

import pytest

from autodiff.symbols import SYMBOLS, Symbol, named, symbol

pytestmark = pytest.mark.once

x, y = Symbol("x"), Symbol("y")
FUNCTIONS = ("exp", "log", "sin", "cos", "tan", "arcsin", "arccos", "arctan", "sinh", "cosh", "tanh")


@pytest.mark.parametrize(
    ("written", "text", "latex"),
    [
        (lambda: x + y, "x + y", "x + y"),
        (lambda: x + 1, "x + 1", "x + 1"),
        (lambda: 1 + x, "1 + x", "1 + x"),
        (lambda: x * (y * 2), "x·y·2", r"x \cdot y \cdot 2"),
        (lambda: 1 - x, "1 − x", "1 - x"),
        (lambda: x - (y + 1), "x − (y + 1)", r"x - \left(y + 1\right)"),
        (lambda: x - (y - 1), "x − (y − 1)", r"x - \left(y - 1\right)"),
        (lambda: x + -y, "x + (−y)", r"x + \left(-y\right)"),
        (lambda: x + -1.5, "x + (−1.5)", r"x + \left(-1.5\right)"),
        (lambda: x * y, "x·y", r"x \cdot y"),
        (lambda: x * x, "x²", "x^{2}"),
        (lambda: x * 1.0, "x", "x"),
        (lambda: 1.0 * x, "x", "x"),
        (lambda: 2 * (x + y), "2·(x + y)", r"2 \cdot \left(x + y\right)"),
        (lambda: x * -y, "x·(−y)", r"x \cdot \left(-y\right)"),
        (lambda: -x * y, "−x·y", r"-x \cdot y"),
        (lambda: -(x + y), "−(x + y)", r"-\left(x + y\right)"),
        (lambda: x / y, "x/y", r"\frac{x}{y}"),
        (lambda: 1.0 / (x * y), "1/(x·y)", r"\frac{1}{x \cdot y}"),
        (lambda: (x + 1) / y, "(x + 1)/y", r"\frac{x + 1}{y}"),
        (lambda: x / y / y, "x/y²", r"\frac{x}{y^{2}}"),
        (lambda: -(x / y) / y, "−x/y²", r"\frac{-x}{y^{2}}"),
        (lambda: x / y / 2, "x/y/2", r"\frac{\frac{x}{y}}{2}"),
        (lambda: x**y, "x^y", "x^{y}"),
        (lambda: x ** (y - 1), "x^(y − 1)", "x^{y - 1}"),
        (lambda: x**-2, "x⁻²", "x^{-2}"),
        (lambda: x**1, "x", "x"),
        (lambda: x**0.5, "x^0.5", "x^{0.5}"),
        (lambda: (x + y) ** 3, "(x + y)³", r"\left(x + y\right)^{3}"),
        (lambda: symbol(-2.0) ** 2, "(−2)²", r"\left(-2\right)^{2}"),
        (lambda: SYMBOLS.sqrt(x), "√x", r"\sqrt{x}"),
        (lambda: SYMBOLS.sqrt(x + 1), "√(x + 1)", r"\sqrt{x + 1}"),
        (lambda: SYMBOLS.abs(x - y), "|x − y|", r"\left|x - y\right|"),
        (lambda: x ** (symbol(3.0) - 1.0), "x²", "x^{2}"),
        (lambda: symbol(5.0) - 2.0, "5 − 2", "5 - 2"),
        (lambda: x - 1.0, "x − 1", "x - 1"),
        (lambda: SYMBOLS.floor(x + y), "⌊x + y⌋", r"\left\lfloor x + y \right\rfloor"),
        (lambda: SYMBOLS.step(x), "[x > 0]", "[x > 0]"),
        (lambda: SYMBOLS.compare(x, y), "sign(x − y)", r"\operatorname{sign}\left(x - y\right)"),
        (lambda: SYMBOLS.sigmoid(x), "σ(x)", r"\sigma\left(x\right)"),
        (lambda: SYMBOLS.maximum(x, y), "max(x, y)", r"\max\left(x, y\right)"),
        (lambda: SYMBOLS.minimum(x, 2), "min(x, 2)", r"\min\left(x, 2\right)"),
        (lambda: SYMBOLS.leaky_relu(x), "leaky_relu(x)", r"\operatorname{leaky relu}\left(x\right)"),
        (lambda: 2 * SYMBOLS.pi, "2·π", r"2 \cdot \pi"),
        (lambda: SYMBOLS.pow(x, 2), "x²", "x^{2}"),
        (lambda: SYMBOLS.unless(x == 0.0, 0.0, y / x), "y/x", r"\frac{y}{x}"),
        *((lambda name=name: getattr(SYMBOLS, name)(x), f"{name}(x)", rf"\{name}\left(x\right)") for name in FUNCTIONS),
    ],
    ids=lambda part: part if isinstance(part, str) else "",
)
def test_an_expression_is_written_as_a_person_writes_it(written, text, latex):
    assert (str(written()), written().latex) == (text, latex)


def test_a_symbol_equals_none_so_that_no_special_case_is_written():
    assert not x == x and not x == 0.0


def test_a_remainder_is_written_as_in_python_and_in_latex_as_mod():
    written = SYMBOLS.mod(x + 1, x * y)
    assert (written.text, written.latex) == ("(x + 1) % (x·y)", r"\left(x + 1\right) \bmod \left(x \cdot y\right)")
    assert ((written * y).text, (written + y).text) == ("(x + 1) % (x·y)·y", "(x + 1) % (x·y) + y")


def test_a_negative_number_is_in_brackets_where_a_factor_or_a_base_stands():
    assert [(symbol(-2.0) ** x).text, (x * symbol(-2.0)).text, (symbol(-2.0) * x).text] == ["(−2)^x", "x·(−2)", "−2·x"]


def test_a_name_that_is_a_raised_digit_is_a_name():
    raised = named("²")
    assert (str(raised - 1.0), str(x**raised)) == ("² − 1", "x^²")


@pytest.mark.parametrize(
    ("name", "latex"), [("x", "x"), ("x₁", "x_{1}"), ("X₂", "X_{2}"), ("w₀₂₉", "w_{029}"), ("rate", r"\mathrm{rate}")]
)
def test_a_name_has_its_digits_below_and_stands_upright_if_it_is_a_word(name, latex):
    assert (named(name).text, named(name).latex) == (name, latex)
