"""The table in C: every row's entry says what it has, and the text is ASCII whatever the documentation holds."""

import pytest

from autodiff.native.generate import header
from autodiff.op import Domain, Op
from autodiff.ops import OPS

pytestmark = pytest.mark.once


@pytest.fixture(scope="module")
def text():
    return header(OPS.values())


@pytest.mark.parametrize(
    "entry",
    [
        '{.name = "exp", .operands = 1, .vectors = 1, .defaults = 0, .of_one = exp_value, .with_one = exp_with},',
        '{.name = "mul", .operands = 2, .vectors = 1, .defaults = 0, .of_two = mul_value, .with_two = mul_with, '
        ".in_x = mul_partial_0, .in_y = mul_partial_1},",
        '{.name = "leaky_relu", .operands = 2, .vectors = 1, .defaults = 1, .of_two = leaky_relu_value, '
        ".with_two = leaky_relu_with, .in_x = leaky_relu_partial_0, .in_y = leaky_relu_partial_1},",
        '{.name = "where", .operands = 3, .vectors = 1, .defaults = 0, .of_many = where_of_many, '
        ".with_many = where_with},",
        '{.name = "dot", .operands = 0, .vectors = 2, .defaults = 0, .of_vectors = dot_value, '
        ".in_vectors = dot_partials},",
    ],
)
def test_a_row_has_an_entry_with_the_functions_of_its_number_of_operands(text, entry):
    assert f"    {entry}\n" in text


def test_the_value_and_all_derivatives_are_one_function(text):
    assert (
        "static double mul_with(double x, double y, double *d) {\n"
        "    const double out = mul_value(x, y);\n"
        "    d[0] = mul_partial_0(out, x, y);\n"
        "    d[1] = mul_partial_1(out, x, y);\n"
        "    return out;\n"
        "}"
    ) in text
    assert (
        "static double where_with(const double *x, double *d) {\n    const double out = where_value(x[0], x[1], x[2]);"
        in text
    )
    assert "static double where_of_many(const double *x) { return where_value(x[0], x[1], x[2]); }" in text
    assert "mul_of_many" not in text and "dot_with" not in text


def test_rows_are_numbered_in_the_order_of_the_table(text):
    numbers = text.split("enum {")[1].split("}")[0].split(", ")
    assert header(iter(OPS.values())) == text
    assert numbers == [*(f"ROW_{name}" for name in OPS), "ROW_COUNT"]
    assert [line.split('"')[1] for line in text.splitlines() if line.startswith("    {.name")] == list(OPS)


def test_each_row_is_listed_by_its_number_of_operands(text):
    macro = text.split("#define EACH_ROW_BY_ARITY(ONE, TWO, MANY, VECTORS)")[1].split("#define")[0]
    listed = [line.strip(" \\") for line in macro.splitlines() if line.strip(" \\")]
    kinds = {1: "ONE", 2: "TWO", 3: "MANY", None: "VECTORS"}
    assert listed == [f"{kinds[op.arity]}({op.name})" for op in OPS.values()]
    assert macro.startswith(" \\\n") and macro.count("\\\n") == len(OPS)


def test_documentation_is_given_for_the_function_and_for_the_method(text):
    macro = text.split("#define EACH_ROW_OF_FIXED_ARITY(X)")[1]
    lines = [line for line in macro.splitlines() if line.startswith("    X(")]
    assert [line[6:].split(",")[0] for line in lines] == [op.name for op in OPS.values() if not op.n_ary]
    (leaky,) = (line for line in lines if line.startswith("    X(leaky_relu,"))
    assert '"leaky_relu(x, /, slope=0.01)\\n--\\n\\n' in leaky and '"leaky_relu($self, /, slope=0.01)\\n--' in leaky
    assert all(line.endswith(" \\") for line in lines[:-1]) and not lines[-1].endswith("\\")


def test_a_text_in_c_is_ascii_and_ends_where_it_should():
    exp = OPS["exp"]
    op = Op("tried", "t", exp.value, exp.partials, domain=Domain('"quoted" \\ x', lambda x: True))
    assert header([op]).isascii()
    assert r"Domain: \"quoted\" \\ x. Raises DomainError outside it" in header([op])
    assert r" a Value. \342\210\202/\342\210\202x = " in header([op])


def test_a_row_of_four_operands_is_one_of_many():
    op = Op("tried", "t", lambda xp, a, b, c, d: a + b + c + d, (lambda xp, out, a, b, c, d: 1.0,) * 4)
    assert "    MANY(tried)\n" in header([op]) and ".operands = 4, " in header([op])
