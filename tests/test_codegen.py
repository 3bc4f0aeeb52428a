"""Rows as source text: what is named, what stands in a loop, how each language spells it, and domains as predicates."""

import gc
import itertools
import json
import re
import shutil
import subprocess

import pytest

from autodiff.codegen import JAVASCRIPT, C, Expression, domain_source, row_source, source
from autodiff.op import REALS, Domain, Op
from autodiff.ops import BUILT_IN, OPS

WRITTEN = {
    "what is used once, twice and in brackets": (
        Op(
            "tried",
            "t",
            lambda xp, x, rate: xp.exp(-rate * x) / (1.0 + xp.exp(-rate * x)) - xp.sqrt(xp.abs(x) + 0.5),
            (lambda xp, out, x, rate: out * (1.0 - out), lambda xp, out, x, rate: x),
        ),
        """
static inline double tried_value(double x, double rate_) {
    const double t1 = exp(((-rate_) * x));
    return (t1 / (1.0 + t1)) - sqrt((fabs(x) + 0.5));
}

static inline double tried_partial_0(double out, double x, double rate_) {
    return out * (1.0 - out);
}

static inline double tried_partial_1(double out, double x, double rate_) {
    return x;
}
""",
    ),
    "numbers are computed, zeros keep their signs": (
        Op(
            "tried",
            "t",
            lambda xp, x: (xp.sqrt(4.0) * x - 0.0 * x) * (x + -0.0) * xp.pi,
            (lambda xp, out, x: -xp.log(1.0) + xp.unless(xp.less(x, float("inf")), x, -2.0),),
        ),
        """
static inline double tried_value(double x) {
    return (((2.0 * x) - (0.0 * x)) * (x + -0.0)) * 3.141592653589793;
}

static inline double tried_partial_0(double out, double x) {
    return -0.0 + ((x < INFINITY) ? x : -2.0);
}
""",
    ),
    "sums and the largest in loops, and what they need before them": (
        Op(
            "tried",
            "t",
            lambda xp, *x: (
                xp.total(a * b for a, b in zip(x[: len(x) // 2], x[len(x) // 2 :], strict=True))
                / xp.largest(x[: len(x) // 2])
            ),
            lambda xp, out, *x: [
                *(xp.exp(out) * v for v in x[: len(x) // 2]),
                *(out * out / xp.exp(out) for _ in x[len(x) // 2 :]),
            ],
            vectors=("x", "y"),
        ),
        """
static double tried_value(ptrdiff_t n, const double *x) {
    double total1 = -0.0;
    for (ptrdiff_t i = 0; i < n; i++) {
        total1 = total1 + (x[i] * x[n + i]);
    }
    double largest2 = -INFINITY;
    for (ptrdiff_t i = 0; i < n; i++) {
        largest2 = larger(largest2, x[i]);
    }
    return total1 / largest2;
}

static void tried_partials(ptrdiff_t n, double out, const double *x, double *d) {
    const double t1 = exp(out);
    const double t2 = (out * out) / t1;
    for (ptrdiff_t i = 0; i < n; i++) {
        d[i] = t1 * x[i];
        d[n + i] = t2;
    }
}
""",
    ),
    "a sum of what the largest is taken off": (
        Op(
            "tried",
            "t",
            lambda xp, *x: xp.total(xp.exp(v - xp.largest(x)) for v in x),
            lambda xp, out, *x: [xp.exp(v - xp.largest(x)) / xp.total(x) * out for v in x],
        ),
        """
static double tried_value(ptrdiff_t n, const double *x) {
    double largest1 = -INFINITY;
    for (ptrdiff_t i = 0; i < n; i++) {
        largest1 = larger(largest1, x[i]);
    }
    double total2 = -0.0;
    for (ptrdiff_t i = 0; i < n; i++) {
        total2 = total2 + exp((x[i] - largest1));
    }
    return total2;
}

static void tried_partials(ptrdiff_t n, double out, const double *x, double *d) {
    double largest1 = -INFINITY;
    for (ptrdiff_t i = 0; i < n; i++) {
        largest1 = larger(largest1, x[i]);
    }
    double total2 = -0.0;
    for (ptrdiff_t i = 0; i < n; i++) {
        total2 = total2 + x[i];
    }
    for (ptrdiff_t i = 0; i < n; i++) {
        d[i] = (exp((x[i] - largest1)) / total2) * out;
    }
}
""",
    ),
    "powers, and numbers that are equal though they are two": (
        Op(
            "tried",
            "t",
            lambda xp, x: xp.sin(x ** float("2")) + xp.cos(x ** float("2.0")),
            (lambda xp, out, x: xp.exp2(x),),
        ),
        """
static inline double tried_value(double x) {
    const double t1 = pow(x, 2.0);
    return sin(t1) + cos(t1);
}

static inline double tried_partial_0(double out, double x) {
    return exp2(x);
}
""",
    ),
    "three vectors of operands": (
        Op(
            "tried",
            "t",
            lambda xp, *x: xp.total(v * v * v * v for v in x[:1]) / xp.total(-(v * v) for v in x[:1]),
            lambda xp, out, *x: [v * xp.exp(out) for v in x],
            vectors=("x", "y", "z"),
        ),
        """
static double tried_value(ptrdiff_t n, const double *x) {
    double total1 = -0.0;
    for (ptrdiff_t i = 0; i < n; i++) {
        const double t2 = x[i] * x[i];
        total1 = total1 + ((t2 * x[i]) * x[i]);
    }
    double total3 = -0.0;
    for (ptrdiff_t i = 0; i < n; i++) {
        const double t4 = x[i] * x[i];
        total3 = total3 + (-t4);
    }
    return total1 / total3;
}

static void tried_partials(ptrdiff_t n, double out, const double *x, double *d) {
    const double t1 = exp(out);
    for (ptrdiff_t i = 0; i < n; i++) {
        d[i] = x[i] * t1;
        d[n + i] = x[n + i] * t1;
        d[2 * n + i] = x[2 * n + i] * t1;
    }
}
""",
    ),
}


@pytest.mark.parametrize(("op", "text"), WRITTEN.values(), ids=WRITTEN)
def test_a_row_in_c_computes_nothing_twice_and_nothing_in_a_loop_that_stays_the_same(op, text):
    assert row_source(op, C) == text.strip()


def test_a_row_in_javascript_has_the_same_lines_with_the_signs_of_that_language():
    op, text = WRITTEN["sums and the largest in loops, and what they need before them"]
    for old, new in (
        ("static double tried_value(ptrdiff_t n, const double *x)", "function tried_value(n, x)"),
        ("static void tried_partials(ptrdiff_t n, double out, const double *x, double *d)",
         "function tried_partials(n, out, x, d)"),
        ("for (ptrdiff_t i", "for (let i"),
        ("const double", "const"),
        ("double", "let"),
        ("-INFINITY", "-Infinity"),
        (" exp(", " Math.exp("),
    ):  # fmt: skip
        text = text.replace(old, new)
    assert row_source(op, JAVASCRIPT) == text.strip()


def test_javascript_calls_nothing_but_functions_of_math_and_those_of_the_prelude():
    text = source(OPS.values(), JAVASCRIPT)
    rows = text[text.index("function add_value") :]
    called = set(re.findall(r"(?<!function )\b(?!for\b|return\b)([\w.]+)\(", rows))
    mathematical = (
        "pow exp log log2 log10 log1p expm1 sqrt sin cos tan asin acos atan atan2 sinh cosh tanh asinh acosh "
    )
    mathematical += "atanh abs floor"
    prelude = {"step", "compare", "larger", "smaller", "mod", "erf", "erfc"}
    assert called == prelude | {f"Math.{name}" for name in mathematical.split()}
    assert "return Math.pow(2, x);" in text and "return Math.pow(x, y);" in text


def test_c_calls_nothing_but_its_own_functions_and_those_of_the_prelude():
    text = source(OPS.values(), C)
    assert text.startswith("#include <math.h>\n") and text.endswith("}\n")
    mathh = "pow exp exp2 log log2 log10 log1p expm1 sqrt sin cos tan asin acos atan atan2 sinh cosh tanh asinh acosh "
    mathh += "atanh erf erfc fabs floor fmod copysign"
    prelude = {"step", "compare", "larger", "smaller", "mod"}
    rows = text[text.index("static inline double add_value") :]
    called = set(re.findall(r"\b(?!for\b|return\b)(\w+)\(", re.sub(r"\w+_(value|partials?(_\d)?)\(", "", rows)))
    assert called == prelude | set(mathh.split()) - {"fmod", "copysign"}


# A rule that cannot be written


def test_a_rule_that_branches_is_refused_and_the_row_after_it_is_written_as_ever():
    bad = Op("tried", "t", lambda xp, x: x * 2.0 if x > 0.0 else x, (lambda xp, out, x: 1.0,))
    before = row_source(OPS["hypot"], C)
    domain_source(OPS["pow"], C)  # whose conditions were answered
    with pytest.raises(TypeError, match=r"^a rule takes xp\.unless in place of if$"):
        row_source(bad, C)
    assert row_source(OPS["hypot"], C) == before


def test_nothing_is_kept_of_a_row_that_is_written():
    def kept():
        return sum(isinstance(thing, Expression) for thing in gc.get_objects())

    for write, op in ((row_source, OPS["hypot"]), (domain_source, OPS["pow"])):
        gc.collect()
        before = kept()
        write(op, C)
        gc.collect()
        assert kept() == before


# Domains


def with_domain(contains, smooth=None, value=lambda xp, x, y: x + y):
    partials = (lambda xp, out, *x: 1.0,) * 2
    return Op("tried", "t", value, partials, domain=Domain("a text", contains, "another", smooth))


def test_a_row_that_is_smooth_everywhere_has_no_predicate_and_each_other_one_has_its_own():
    def predicates(name):
        return re.findall(r"function (\w+)\((.*)\) \{", domain_source(OPS[name], JAVASCRIPT))

    assert domain_source(OPS["exp"], JAVASCRIPT) == domain_source(OPS["sum"], JAVASCRIPT) == ""
    assert predicates("log") == [("log_contains", "x")]
    assert predicates("relu") == [("relu_smooth", "x")]
    assert predicates("leaky_relu") == [("leaky_relu_smooth", "x, slope_")]
    assert predicates("sqrt") == [("sqrt_contains", "x"), ("sqrt_smooth", "x")]
    assert domain_source(OPS["sqrt"], C) == (
        "static inline double sqrt_contains(double x) {\n    return x >= 0.0;\n}\n\n"
        "static inline double sqrt_smooth(double x) {\n    return x > 0.0;\n}"
    )


CONDITIONS = {
    "and": lambda x, y: x > 0.0 and y > 0.0,
    "or": lambda x, y: x > 0.0 or y > 0.0,
    "a chain": lambda x, y: 0.0 <= x < y,
    "not": lambda x, y: not x == y,
    "and, or": lambda x, y: (x < 0.0 and y == 1.0) or (x >= 1.0 and y != 1.0) or x % 2.0 == 1.0,
    "if": lambda x, y: y <= x if x > 0.0 else abs(y) > -x,
    "always": lambda x, y: True,
    "never": lambda x, y: False,
}


def in_javascript(programs):
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    done = subprocess.run([node, "-e", programs], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def test_a_predicate_in_javascript_says_what_it_says_in_python():
    points = list(itertools.product((-2.5, -1.0, -0.0, 0.0, 0.5, 1.0, 3.0), repeat=2))
    asked = {name: (with_domain(contains), 2) for name, contains in CONDITIONS.items()}
    asked |= {name: (OPS[name], OPS[name].arity) for name in sorted(BUILT_IN) if OPS[name].domain is not REALS}
    texts, right = [], []
    for op, count in asked.values():
        operands = list(dict.fromkeys((*p, 1.0)[:count] for p in points))
        for name in re.findall(rf"function ({op.name}_\w+)\(", domain_source(op, JAVASCRIPT)):
            smooth = name.endswith("smooth")
            inside = [x for x in operands if not smooth or op.domain.contains(*x)]
            calls = ", ".join(f"!!{name}({', '.join(map(str, x))})" for x in inside)
            texts.append(f"(() => {{ {domain_source(op, JAVASCRIPT)}\nreturn [{calls}]; }})()")
            predicate = op.domain.differentiable if smooth else op.domain.contains
            right.append([predicate(*x) for x in inside])
    found = in_javascript(f"{JAVASCRIPT.prelude} console.log(JSON.stringify([{', '.join(texts)}]))")
    assert len(found) > 20 and found == right


def test_a_domain_of_sixteen_conditions_is_written_and_one_of_more_is_refused():
    def conditions(count):
        return with_domain(lambda x, y: all(x > float(i) for i in range(count)))

    assert domain_source(conditions(16), C).count(" ? ") == 16
    with pytest.raises(ValueError, match="^a domain of so many conditions cannot be written$"):
        domain_source(conditions(17), C)
    assert domain_source(OPS["log"], C) == "static inline double log_contains(double x) {\n    return x > 0.0;\n}"


def test_the_domain_of_an_n_ary_row_cannot_be_written():
    op = Op("tried", "t", lambda xp, *x: xp.total(x), lambda xp, out, *x: x, domain=Domain("x > 0", lambda *x: True))
    with pytest.raises(ValueError, match="^the domain of tried, .* any number of operands, cannot be"):
        domain_source(op, C)
