"""The op table's rows as they run: bit for bit the same in C, to 4 units in the last place in JavaScript, by function,
method, operator and ufunc, and on primitives that mean the same on every namespace.

That each row is right is the battery's business (`test_ops`), how many digits it keeps `test_row_digits`'s.
"""

from __future__ import annotations

import json
import math
import re
import shutil
import subprocess
import sys
from pathlib import Path

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import autodiff as ad
from autodiff import Value, engine
from autodiff.codegen import JAVASCRIPT, row_source, source
from autodiff.floats import evaluate, local_derivatives
from autodiff.functions import VALUES
from autodiff.namespaces import FLOATS, arrays, complex_numbers, fifty_digits, slices
from autodiff.op import ELEMENTARY, OPERATORS, PRIMITIVES, Op
from autodiff.ops import BUILT_IN, DOT, OPS
from autodiff.testing import operands

ROOT = Path(__file__).parent.parent
EDGES = [0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.0, 3.0, -2.0, 1e-10, 20.0, -20.0, 300.0, -300.0, 709.7, -745.0, 5e-324,
         1e-320, 1e-300, -1e-300, 1e300, -1e300, 1.7976931348623157e308, -1.7976931348623157e308, 1.0 - 2.0**-53,
         1.0 + 2.0**-52, 1e-150, 1e150, 40.0, 2.0**53, -0.04, 9.007199254740993e15]  # fmt: skip
NUMBERS = (
    st.sampled_from(EDGES)
    | st.floats(-5.0, 5.0)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.builds(lambda s, e: s * 10.0**e, st.sampled_from([1.0, -1.0, 3.3]), st.floats(-300.0, 300.0))
)
every_row = pytest.mark.parametrize("name", sorted(BUILT_IN))
every_fixed_row = pytest.mark.parametrize("name", sorted(n for n in BUILT_IN if not OPS[n].n_ary))


def outcome(compute):
    """The bits of a result, or the error."""
    try:
        result = compute()
    except (ValueError, ArithmeticError) as error:
        return f"{type(error).__name__}: {error}"
    if isinstance(result, float):
        return result.hex()
    return result.data.hex(), [p.hex() for p in result.partials]


def by_the_row(op, args):
    data = [a.data if isinstance(a, Value) else a for a in args]
    try:
        out = evaluate(op, args, data)
    except (ValueError, ArithmeticError) as error:
        return f"{type(error).__name__}: {error}"
    if not any(isinstance(a, Value) for a in args):
        return out.hex()
    return out.hex(), [p.hex() for p in local_derivatives(op, out, args, data)]


def called(op, args):
    """A row as a user calls it: by its operator, else by its function."""
    if op.n_ary:
        half = len(args) // len(op.vectors)
        return engine.n_ary(op)(*[args[k * half : (k + 1) * half] for k in range(len(op.vectors))])
    if op.name in OPERATORS and any(isinstance(a, Value) for a in args):
        name = {"div": "truediv"}.get(op.name, op.name)
        return getattr(__import__("operator"), name)(*args)
    return engine.function(op)(*args)


# The same bits, on whatever engine serves


@every_row
@given(data=st.data())
@settings(deadline=None)
def test_a_row_gives_the_bits_and_the_errors_of_its_python_at_any_magnitude(name, data):
    op = OPS[name]
    count = op.arity or len(op.vectors) * data.draw(st.integers(1, 5))
    x = data.draw(st.lists(NUMBERS, min_size=count, max_size=count))
    kinds = data.draw(st.lists(st.booleans(), min_size=count, max_size=count))
    args = [Value(v, "a") if is_value else v for v, is_value in zip(x, kinds, strict=True)]
    assert outcome(lambda: called(op, args)) == by_the_row(op, args)


@every_fixed_row
@given(data=st.data())
@settings(deadline=None, max_examples=settings().max_examples // 4)
def test_moderate_operands_too_where_most_rows_have_a_value(name, data):
    bound = 1.0 if name in ("arcsin", "arccos", "arctanh") else 30.0
    x = data.draw(operands(name, low=-bound, high=bound))
    args = [Value(v) for v in x]
    assert outcome(lambda: called(OPS[name], args)) == by_the_row(OPS[name], args)


# No Python on the way


def python_frames(run):
    """How many functions in Python are entered."""
    entered = []
    sys.setprofile(lambda frame, event, _: event == "call" and entered.append(frame.f_code.co_name))
    try:
        run()
    finally:
        sys.setprofile(None)
    return [name for name in entered if name not in ("run", "<lambda>")]


@pytest.mark.once
@every_row
def test_the_native_engine_enters_no_python_for_a_built_in_row(name):
    native = pytest.importorskip("autodiff.native.value", reason="the native engine was not built")
    op, x = OPS[name], native.Value(1.5 if name == "arccosh" else 0.5)
    if op.n_ary:
        vectors = [[x, x, 2.0]] * len(op.vectors)
        function = native.n_ary(op)
        assert python_frames(lambda: function(*vectors)) == []
        return
    function, more = native.function(op), [x] * (op.arity - 1)
    assert python_frames(lambda: function(x, *more)) == []
    assert python_frames(lambda: function(x.data, *[0.5] * len(more))) == []
    assert python_frames(lambda: function(x, *[2.0] * len(more))) == []
    if name in OPERATORS or name == "abs":
        name = {"div": "truediv"}.get(name, name)
        operate = getattr(__import__("operator"), name)
        assert python_frames(lambda: operate(x, *more)) == []
        if more:
            assert python_frames(lambda: (operate(x, 2.0), operate(2.0, x), operate(x, 2))) == []
    else:
        assert python_frames(lambda: getattr(x, name)(*more)) == []
    if op.defaults:
        assert python_frames(lambda: (function(x), getattr(x, name)(), function(x, **{op.operands[-1]: 0.3}))) == []


@pytest.mark.once
def test_no_row_is_written_in_the_native_engines_own_files():
    called = re.compile(rf"\b(?:{'|'.join(ELEMENTARY)}|fabs|fmod|asin|acos|atan|sqrt|cosh)\(")
    for path in (ROOT / "autodiff" / "native").iterdir():
        if path.suffix in (".pyx", ".pxi", ".h") and path.name != "rows.h":
            assert not called.findall(path.read_text(encoding="utf-8")), path.name


# JavaScript


@pytest.fixture(scope="module")
def in_javascript():
    """Values and partials of rows at points, computed by node: (name, x) → [value, partials]."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    rows = "\n".join(
        f"rows[{name!r}] = {{value: {name}_value, partials: [{partials(name)}]}};" for name in sorted(BUILT_IN)
    )
    program = f"""
{source([OPS[name] for name in sorted(BUILT_IN)], JAVASCRIPT)}
const rows = {{}};
{rows}
const answers = [];
for (const [name, vectors, x] of JSON.parse(require("fs").readFileSync(0, "utf8"))) {{
    if (vectors) {{
        const n = x.length / vectors, out = rows[name].value(n, x), d = [];
        rows[name].partials[0](n, out, x, d);
        answers.push([out, d]);
    }} else {{
        const out = rows[name].value(...x);
        answers.push([out, rows[name].partials.map(partial => partial(out, ...x))]);
    }}
}}
console.log(JSON.stringify(answers.map(([out, d]) => [out, d].flat().map(v => Number.isFinite(v) ? v : String(v)))));
"""

    def ask(cases):
        questions = [[name, len(OPS[name].vectors) if OPS[name].n_ary else 0, x] for name, x in cases]
        done = subprocess.run(
            [node, "-e", program], input=json.dumps(questions), capture_output=True, text=True, check=True
        )
        return json.loads(done.stdout)

    return ask


def partials(name):
    op = OPS[name]
    return f"{name}_partials" if op.n_ary else ", ".join(f"{name}_partial_{i}" for i in range(op.arity))


@pytest.mark.once
def test_javascript_agrees_with_python_to_4_units_in_the_last_place(in_javascript):
    spread = [*np.linspace(-30.0, 30.0, 61).tolist(), *np.geomspace(1e-290, 1e290, 40).tolist()]
    points = [x for x in (*EDGES, *spread) if abs(x) >= 1e-290 or x == 0.0]
    cases = []
    for name in sorted(BUILT_IN):
        op = OPS[name]
        count = op.arity or 2 * len(op.vectors)
        for i, x in enumerate(points):
            operands_ = [x, *(points[(7 * i + 3 * k) % len(points)] for k in range(1, count))]
            if op.domain.differentiable(*operands_):
                cases.append((name, operands_))
    far = []
    for (name, x), found in zip(cases, in_javascript(cases), strict=True):
        op = OPS[name]
        try:
            right = [evaluate(op, x, x)]
        except (ValueError, ArithmeticError):
            assert not isinstance(found[0], float), f"{name}{x} has no value, and is {found[0]} in JavaScript"
            continue
        right += local_derivatives(op, right[0], [Value(v) for v in x], x)
        for a, b in zip(found, right, strict=True):
            if (
                math.isfinite(b)
                and abs(b) > 1e-300
                and not (isinstance(a, float | int) and abs(a - b) <= 4 * math.ulp(b))
            ):
                far.append((name, x, a, b))
    assert far == []


def test_source_text_holds_what_the_row_says():
    assert row_source(DOT, JAVASCRIPT).count("x[i]") == 2
    assert row_source(OPS["exp"], JAVASCRIPT) == (
        "function exp_value(x) {\n    return Math.exp(x);\n}\n\nfunction exp_partial_0(out, x) {\n    return out;\n}"
    )


def test_a_rule_may_be_written_with_pythons_remainder():
    op = Op("ripple", "ripple", lambda xp, x, y: x % y, (lambda xp, out, x, y: 1.0 % x, lambda xp, out, x, y: x % 2.0))
    text = row_source(op, JAVASCRIPT)
    assert all(f"return {written};" in text for written in ("mod(x, y)", "mod(1.0, x)", "mod(x, 2.0)"))


# Primitives


def namespaces():
    return {
        "floats": FLOATS,
        "Values": VALUES,
        "arrays": arrays(),
        "complex": complex_numbers(),
        "mpmath": fifty_digits(),
    }


PRIMITIVE_CASES = [
    ("number", (2.5,), 2.5),
    ("constant", (-1.5,), -1.5),
    *[("step", (x,), y) for x, y in ((0.5, 1.0), (0.0, 0.0), (-0.5, 0.0))],
    *[("compare", x, y) for x, y in (((2.0, 1.0), 1.0), ((1.0, 1.0), 0.0), ((1.0, 2.0), -1.0))],
    *[("less", x, y) for x, y in (((1.0, 2.0), 1.0), ((2.0, 2.0), 0.0), ((3.0, 2.0), 0.0))],
    *[("floor", (x,), y) for x, y in ((1.5, 1.0), (-1.5, -2.0), (3.0, 3.0))],
    ("total", ([1.0, 2.0, 4.0],), 7.0),
    ("largest", ([1.0, 4.0, 2.0],), 4.0),
]


@pytest.mark.parametrize("where", namespaces())
@pytest.mark.parametrize(("name", "x", "right"), PRIMITIVE_CASES)
def test_a_primitive_means_the_same_on_every_namespace(where, name, x, right):
    xp = namespaces()[where]
    kind = {"Values": Value, "complex": complex, "mpmath": mpmath.mpf, "arrays": lambda v: np.full(2, v)}.get(
        where, float
    )
    given_ = [[kind(v) for v in a] if isinstance(a, list) else kind(a) for a in x] if name != "number" else x
    found = getattr(xp, name)(*given_)
    number = found[0] if isinstance(found, np.ndarray) else found.data if isinstance(found, Value) else found
    assert float(complex(number).real) == right


@pytest.mark.parametrize("where", namespaces())
def test_unless_and_pi_are_on_every_namespace_and_the_table_of_primitives_is_whole(where):
    xp = namespaces()[where]
    assert float(xp.pi) == math.pi
    assert float(xp.unless(True, 1.0, 2.0)) == 1.0 and float(xp.unless(False, 1.0, 2.0)) == 2.0
    assert {name for name, _, _ in PRIMITIVE_CASES} | {"unless", "pi"} == set(PRIMITIVES)
    assert all(name in vars(xp) for name in (*PRIMITIVES, *ELEMENTARY))


@pytest.mark.parametrize("name", sorted(n for n in BUILT_IN if OPS[n].n_ary))
@pytest.mark.parametrize("count", [1, 2, 7])
def test_an_n_ary_row_takes_a_slice_of_arrays_in_one_call(name, count):
    op, rng = OPS[name], np.random.default_rng(0)
    vectors = [rng.normal(size=(count, 5)) for _ in op.vectors]
    out = op.value(slices(), *vectors)
    partials = op.every_partial(slices(), out, *vectors)
    for column in range(5):
        x = [float(v) for vector in vectors for v in vector[:, column]]
        right = evaluate(op, x, x)
        assert out[column] == pytest.approx(right, rel=1e-14, abs=1e-15)
        slopes = local_derivatives(op, right, [Value(v) for v in x], x)
        for k, partial in enumerate(partials):
            found = np.broadcast_to(partial, (count, 5))[:, column]
            assert found.tolist() == pytest.approx(slopes[k * count : (k + 1) * count], rel=1e-14, abs=0.0)


@pytest.mark.parametrize("name", sorted(PRIMITIVES))
def test_a_row_cannot_bear_the_name_of_a_primitive(name):
    with pytest.raises(ValueError, match=f"'{name}' is what rules write xp.{name} for"):
        ad.define_op(name, lambda xp, x: x, [lambda xp, out, x: 1.0])


def test_no_derivative_goes_through_a_constant_and_through_the_largest_goes_to_one():
    x, y = Value(2.0), Value(3.0)
    assert type(VALUES.constant(x)) is float
    assert VALUES.largest([x, y, 1.0]) is y


# Calls


def test_an_operand_with_a_default_may_be_given_by_name():
    x = Value(-2.0)
    for y in (ad.leaky_relu(x, slope=0.2), x.leaky_relu(slope=0.2), x.leaky_relu(0.2), ad.leaky_relu(x, 0.2)):
        assert (y.data, y.partials) == (-0.4, (0.2, 0.0))
    assert ad.leaky_relu(-2.0, slope=0.2) == -0.4
    assert ad.elu(Value(1.0), alpha=Value(3.0)).args[1].data == 3.0
    assert ad.leaky_relu(x).args[1] == 0.01


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: ad.leaky_relu(x, slop=0.2), "leaky_relu takes no operand 'slop' by name; by name it takes slope"),
        (lambda x: ad.leaky_relu(x, 0.1, slope=0.2), "leaky_relu was given its operand 'slope' twice"),
        (lambda x: x.leaky_relu(0.1, slope=0.2), "leaky_relu was given its operand 'slope' twice"),
        (lambda x: ad.tanh(x=x), "tanh takes no operand 'x' by name"),
        (lambda x: ad.maximum(x), r"maximum takes 2 operands \(x, y\), 1 were given"),
        (lambda x: x.maximum(), r"maximum takes 2 operands \(x, y\), 1 were given"),
        (lambda x: ad.where(x, x), r"where takes 3 operands \(c, x, y\), 2 were given"),
        (lambda x: x.tanh(1.0), r"tanh takes 1 operand \(x\), 2 were given"),
        (lambda x: ad.leaky_relu(x, slope="a"), "leaky_relu takes a Value or a number, not str 'a'; convert .*"),
    ],
)
def test_a_wrong_call_is_answered_in_one_sentence(call, message):
    with pytest.raises(TypeError, match=f"^{message}$"):
        call(Value(1.0))


def test_functions_say_how_they_are_called_and_what_they_are():
    import inspect

    assert str(inspect.signature(ad.tanh)) == "(x, /)"
    assert str(inspect.signature(ad.leaky_relu)) == "(x, /, slope=0.01)"
    assert str(inspect.signature(Value.maximum)) in ("(self, y, /)", "(x, y, /)")
    assert ad.tanh.__doc__ == OPS["tanh"].documentation
    assert ad.tanh.__name__ == "tanh" and ad.tanh.__module__ == "autodiff"


@pytest.mark.parametrize(
    "ufunc", "log2 log10 exp2 arcsinh arctanh arctan2 hypot sign maximum mod power absolute tanh exp sqrt".split()
)
def test_numpys_ufuncs_on_object_arrays_reach_the_rows(ufunc):
    function = getattr(np, ufunc)
    x = [0.3, 0.7]
    others = [[0.4, 0.2]] if function.nin == 2 else []
    values = [Value(v) for v in x]
    found = function(np.array(values, dtype=object), *[np.array(o) for o in others])
    assert [float(y) for y in found] == pytest.approx(function(x, *others).tolist(), rel=1e-15, abs=0.0)
    if ufunc not in ("sign", "maximum"):  # NumPy compares by itself: a number, or one of the two
        assert all(isinstance(y, Value) for y in found)


def test_where_evaluates_all_and_the_guarded_form_has_a_gradient_on_both_sides():
    def guarded(x):
        return ad.where(x, ad.log(ad.where(x, x, 1.0)), 0.0)

    assert (guarded(2.0), guarded(-2.0)) == (math.log(2.0), 0.0)
    assert ad.grad(guarded)(2.0) == 0.5 and ad.grad(guarded)(-2.0) == 0.0
    c, x, y = Value(0.0), Value(3.0), Value(4.0)
    chosen = ad.where(c, x, y)
    assert (chosen.data, chosen.partials) == (4.0, (0.0, 0.0, 1.0))


@pytest.mark.parametrize(("x", "y"), [(7.5, 2.0), (-7.5, 2.0), (7.5, -2.0), (-7.5, -2.0), (6.0, 3.0), (-1e-20, 1.0)])
def test_the_remainder_is_pythons_with_the_slopes_beside_it(x, y):
    r = Value(x) % Value(y)
    assert r.data == x % y and math.copysign(1.0, r.data) == math.copysign(1.0, x % y)
    assert r.partials == (1.0, -float(math.floor(round((x - x % y) / y))))
    assert (Value(x) % y).partials == (1.0, 0.0) and (x % Value(y)).data == x % y


def test_the_shown_formula_of_one_operand_is_that_of_all_at_its_place():
    for name, xs in (("dot", (2.0, 3.0, 5.0, 7.0)), ("logsumexp", (0.5, -1.0)), ("div", (2.0, 3.0))):
        op = OPS[name]
        out = op.value(FLOATS, *xs)
        assert [op.shown_partial(i, FLOATS, out, *xs) for i in range(len(xs))] == list(op.every_shown(FLOATS, out, *xs))
        assert [op.partial(i, FLOATS, out, *xs) for i in range(len(xs))] == list(op.every_partial(FLOATS, out, *xs))
