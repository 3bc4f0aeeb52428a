"""The battery: every row of the op table, checked by the same tests, against mirrors written here in mpmath.

Named corner cases are in test_corner_cases.py, random graphs in test_random_graphs.py.
"""

import math
import operator

import mpmath
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import autodiff
from autodiff import DomainError, Value
from autodiff.engine import apply
from autodiff.floats import evaluate, local_derivatives
from autodiff.ops import BUILT_IN, OPS
from autodiff.testing import assert_op, operands

MIRRORS = {
    "add": lambda x, y: x + y,
    "sub": lambda x, y: x - y,
    "mul": lambda x, y: x * y,
    "div": lambda x, y: x / y,
    "mod": lambda x, y: x - y * mpmath.floor(x / y),
    "neg": lambda x: -x,
    "pow": lambda x, y: x**y,
    "exp": mpmath.exp,
    "exp2": lambda x: mpmath.exp(x * mpmath.log(2)),
    "log": mpmath.log,
    "log2": lambda x: mpmath.log(x) / mpmath.log(2),
    "log10": lambda x: mpmath.log(x) / mpmath.log(10),
    "log1p": lambda x: mpmath.log(1 + x),
    "expm1": lambda x: mpmath.exp(x) - 1,
    "sqrt": lambda x: x ** mpmath.mpf(0.5),
    "hypot": lambda x, y: mpmath.sqrt(x * x + y * y),
    "sin": mpmath.sin,
    "cos": mpmath.cos,
    "tan": lambda x: mpmath.sin(x) / mpmath.cos(x),
    "arcsin": mpmath.asin,
    "arccos": mpmath.acos,
    "arctan": mpmath.atan,
    "arctan2": lambda y, x: mpmath.arg(mpmath.mpc(x, y)),
    "sinh": lambda x: (mpmath.exp(x) - mpmath.exp(-x)) / 2,
    "cosh": lambda x: (mpmath.exp(x) + mpmath.exp(-x)) / 2,
    "tanh": mpmath.tanh,
    "arcsinh": lambda x: mpmath.log(x + mpmath.sqrt(x * x + 1)),
    "arccosh": lambda x: mpmath.log(x + mpmath.sqrt(x * x - 1)),
    "arctanh": lambda x: mpmath.log((1 + x) / (1 - x)) / 2,
    "sigmoid": lambda x: 1 / (1 + mpmath.exp(-x)),
    "softplus": lambda x: mpmath.log(1 + mpmath.exp(x)),
    "relu": lambda x: x if x > 0 else 0 * x,
    "leaky_relu": lambda x, slope: x if x > 0 else slope * x,
    "elu": lambda x, alpha: x if x > 0 else alpha * (mpmath.exp(x) - 1),
    "erf": mpmath.erf,
    "erfc": mpmath.erfc,
    "gelu": lambda x: x * mpmath.ncdf(x),
    "silu": lambda x: x / (1 + mpmath.exp(-x)),
    "abs": lambda x: x if x >= 0 else -x,
    "sign": lambda x: mpmath.mpf((x > 0) - (x < 0)),
    "where": lambda c, x, y: x if c > 0 else y,
    "maximum": lambda x, y: x if x >= y else y,
    "minimum": lambda x, y: x if x <= y else y,
    "sum": lambda *x: mpmath.fsum(x),
    "dot": lambda *x: mpmath.fdot(x[: len(x) // 2], x[len(x) // 2 :]),
    "logsumexp": lambda *x: mpmath.log(mpmath.fsum(map(mpmath.exp, x))),
}
N_ARY = ("sum", "dot", "logsumexp")
OPERATORS = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "div": operator.truediv,
    "mod": operator.mod,
    "neg": operator.neg,
    "pow": operator.pow,
    "abs": operator.abs,
}
# Operands outside the domain, then operands on its edge with the value there, and whether it is differentiable.
EDGES = {
    "div": ([(1.0, 0.0), (0.0, -0.0)], []),
    "mod": ([(1.0, 0.0), (0.0, -0.0)], [((6.0, 3.0), 0.0, True), ((-6.0, 3.0), 0.0, True)]),
    "pow": (
        [(-2.0, 0.5), (0.0, -1.0), (0.0, -0.5), (-1e-300, 0.3)],
        [((0.0, 0.0), 1.0, True), ((0.0, 1.0), 0.0, True), ((0.0, 0.5), 0.0, False), ((-2.0, 3.0), -8.0, True)],
    ),
    "log": ([(0.0,), (-1.0,), (-5e-324,)], [((5e-324,), math.log(5e-324), False)]),
    "log2": ([(0.0,), (-1.0,)], [((5e-324,), -1074.0, False)]),
    "log10": ([(0.0,), (-1.0,)], [((5e-324,), math.log10(5e-324), False)]),
    "log1p": ([(-1.0,), (-2.0,)], [((math.nextafter(-1.0, 0.0),), math.log(2.0**-53), True)]),
    "sqrt": ([(-5e-324,), (-1.0,)], [((0.0,), 0.0, False)]),
    "arcsin": ([(1.0000000000000002,), (-2.0,)], [((1.0,), math.pi / 2, False), ((-1.0,), -math.pi / 2, False)]),
    "arccosh": ([(0.9999999999999999,), (-2.0,)], [((1.0,), 0.0, False)]),
    "arctanh": ([(1.0,), (-1.0,), (2.0,)], [((math.nextafter(1.0, 0.0),), math.atanh(math.nextafter(1.0, 0.0)), True)]),
    "hypot": ([], [((0.0, 0.0), 0.0, False), ((3e200, 4e200), 5e200, True), ((3e-200, -4e-200), 5e-200, True)]),
    "arctan2": ([], [((0.0, 0.0), 0.0, False), ((0.0, -1.0), math.pi, True), ((-0.0, -1.0), -math.pi, True)]),
    "arccos": ([(1.0000000000000002,), (-2.0,)], [((1.0,), 0.0, False), ((-1.0,), math.pi, False)]),
}

few = settings(max_examples=settings().max_examples // 4, deadline=None)  # of each row: there are many
every_row = pytest.mark.parametrize("name", sorted(MIRRORS))
every_fixed_row = pytest.mark.parametrize("name", sorted(set(MIRRORS) - set(N_ARY)))


def partials_at(name, x):
    """The table's local derivatives on floats."""
    return local_derivatives(OPS[name], evaluate(OPS[name], x, x), [Value(v) for v in x], x)


def gradients_of(y, *xs):
    return autodiff.gradients(y, xs)


def test_every_row_of_the_table_has_a_mirror_in_this_battery():
    assert set(MIRRORS) == set(BUILT_IN)


@every_row
@given(data=st.data())
@few
def test_value_partials_and_second_derivatives_agree_with_50_digits_on_five_namespaces(name, data):
    counts = (2, 4) if name == "dot" else (1, 2, 3)
    x = data.draw(operands(name, data.draw(st.sampled_from(counts))))
    assert_op(name, *x, mirror=MIRRORS[name])


def test_a_remainder_beside_a_multiple_has_the_slope_of_the_side_that_floats_take():
    """0.001 is more than a thousandth as a float: 1.0 % 0.001 is 1.0 − 999 · 0.001."""
    assert 1.0 % 0.001 > 0.0009
    assert_op("mod", 1.0, 0.001, mirror=MIRRORS["mod"])


@pytest.mark.parametrize("name", N_ARY)
@pytest.mark.parametrize("count", [1, 2, 7])
def test_n_ary_rows_take_any_number_of_operands(name, count):
    assert_op(name, *[0.3 * i - 1.0 for i in range(2 * count if name == "dot" else count)], mirror=MIRRORS[name])


@pytest.mark.once
@every_row
@given(data=st.data())
@few
def test_values_are_as_accurate_as_floats_allow(name, data):
    x = data.draw(operands(name, low=-20.0, high=20.0))
    found = evaluate(OPS[name], x, x)
    with mpmath.workdps(50):
        point = [mpmath.mpf(v) for v in x]
        right = MIRRORS[name](*point)
        terms = mpmath.fsum(map(abs, point)) ** (2 if name == "dot" else 1) if name in N_ARY else 0
        # erfc and gelu magnify the rounding of their argument, by x² in their tails.
        allowed = 4e-16 * (abs(right) * (4 + (x[0] ** 2 if name == "gelu" else 0)) + terms)
        assert abs(found - right) <= allowed + mpmath.mpf(2) ** -1070, f"{name}{x} is {found}, should be {right}"


# Slopes that lose digits today: how far one may be off, in units of 4e-16, beside four of its own last digits. A row
# that is not here keeps its digits everywhere; out, slope and x are the right ones.
SLOPES_LOSE = {
    "tanh": lambda out, slope, x: 1.0,  # 1 − out², where out is nearly ±1
    "sigmoid": lambda out, slope, x: out,  # out·(1 − out), where out is nearly 1
    "silu": lambda out, slope, x: (1.0 + abs(x)) * (out / x if x else 0.5),  # the same, and two terms that cancel
    "erf": lambda out, slope, x: 2.0 * x * x * slope,  # rounding x² moves exp(−x²) that much
    "erfc": lambda out, slope, x: 2.0 * x * x * abs(slope),
    "gelu": lambda out, slope, x: x * x * abs(slope) + 4.0 * (out / x if x else 0.5),  # and two terms that cancel
    "logsumexp": lambda out, slope, x: (20.0 + abs(out)) * slope,  # rounding xᵢ − out moves exp(xᵢ − out) that much
}


@pytest.mark.once
@every_row
@given(data=st.data())
@few
def test_slopes_are_as_accurate_as_floats_allow_or_as_this_file_admits(name, data):
    x = data.draw(operands(name, low=-20.0, high=20.0))
    found = partials_at(name, x)
    with mpmath.workdps(250 if name in ("erf", "erfc") else 60):  # erf is 1 − 1e-176 at 20
        point = [mpmath.mpf(v) for v in x]
        out = MIRRORS[name](*point)
        for i, slope in enumerate(found):
            right = mpmath.diff(MIRRORS[name], point, [int(i == k) for k in range(len(x))])
            allowed = 4e-16 * (4 * abs(right) + SLOPES_LOSE.get(name, lambda *_: 0.0)(float(out), float(right), x[0]))
            assert abs(slope - right) <= allowed, f"{name}{x}: ∂/∂x[{i}] is {slope}, should be {mpmath.nstr(right, 20)}"


@every_row
@given(data=st.data())
@few
def test_an_operation_on_values_is_the_row_on_floats_to_the_last_bit(name, data):
    x = data.draw(operands(name, count=4))
    node = apply(OPS[name], *map(Value, x))
    assert type(node) is Value
    assert node.op is OPS[name]
    assert node.data == evaluate(OPS[name], x, x)
    assert node.partials == partials_at(name, x)


@every_row
@given(data=st.data())
@few
def test_constants_on_either_side_make_no_node_and_take_no_gradient(name, data):
    x = data.draw(operands(name, count=4))
    whole = partials_at(name, x)
    for varying in range(len(x)):
        args = [Value(v) if i == varying else v for i, v in enumerate(x)]
        node = apply(OPS[name], *args)
        assert node.args == tuple(args)
        assert node.parents == (args[varying],)
        assert node.data == evaluate(OPS[name], x, x)
        assert node.partials == tuple(whole[i] if i == varying else 0.0 for i in range(len(x)))
        assert gradients_of(node, args[varying]) == [whole[varying]]


@every_row
@given(data=st.data())
@few
def test_one_value_in_every_place_receives_every_contribution(name, data):
    count = 4
    arity = OPS[name].arity or count
    t = data.draw(operands(name, count=count))[0]
    if name in ("maximum", "minimum"):
        right = 1.0  # the tie that this makes is split evenly
    elif not OPS[name].domain.differentiable(*[t] * arity):
        return
    else:
        with mpmath.workdps(50):
            right = float(mpmath.diff(lambda v: MIRRORS[name](*[v] * arity), mpmath.mpf(t)))
    x = Value(t)
    y = apply(OPS[name], *[x] * arity)
    (found,) = gradients_of(y, x)
    y.backward()
    assert found == pytest.approx(right, rel=1e-11, abs=1e-14)
    assert x.grad == pytest.approx(found, rel=1e-14, abs=1e-15)  # summed in another order


@pytest.mark.parametrize("name", [n for n in sorted(MIRRORS) if OPS[n].arity == 2])
@given(data=st.data())
@few
def test_swapped_operands_swap_the_partials(name, data):
    x, y = data.draw(operands(name))
    if not OPS[name].domain.differentiable(y, x):
        return
    a, b = Value(x), Value(y)
    forward, swapped = apply(OPS[name], a, b), apply(OPS[name], b, a)
    assert gradients_of(forward, a, b) == list(partials_at(name, (x, y)))
    assert gradients_of(swapped, b, a) == list(partials_at(name, (y, x)))
    with mpmath.workdps(50):
        assert swapped.data == pytest.approx(float(MIRRORS[name](mpmath.mpf(y), mpmath.mpf(x))), rel=1e-14, abs=0.0)


@every_fixed_row
@given(data=st.data())
@few
def test_function_method_and_operator_are_one(name, data):
    x = data.draw(operands(name))
    right = evaluate(OPS[name], x, x)
    args = [Value(v) for v in x]
    ways = [OPERATORS[name](*args)] if name in OPERATORS else []
    if name not in OPERATORS or name == "abs":
        function = getattr(autodiff, name)
        ways += [function(*args), getattr(args[0], name)(*args[1:])]
        on_floats = function(*x)
        assert type(on_floats) is float
        assert on_floats == right
    for y in ways:
        assert y.op is OPS[name]
        assert (y.data, y.partials) == (right, partials_at(name, x))
    if name in OPERATORS and len(x) == 2:
        for y in (OPERATORS[name](args[0], x[1]), OPERATORS[name](x[0], args[1])):
            assert y.op is OPS[name]
            assert y.data == right


@pytest.mark.parametrize("name", N_ARY)
@given(data=st.data())
@few
def test_n_ary_functions_are_the_row(name, data):
    x = data.draw(operands(name, count=2 * data.draw(st.integers(1, 4))))
    half = len(x) // 2
    function = getattr(autodiff, name)
    args = [Value(v) for v in x]
    y, on_floats = (
        (function(args[:half], args[half:]), function(x[:half], x[half:]))
        if name == "dot"
        else (function(args), function(x))
    )
    assert type(on_floats) is float
    assert y.data == on_floats == evaluate(OPS[name], x, x)
    assert y.partials == partials_at(name, x)


finite = st.floats(allow_nan=False, allow_infinity=False)


def outcome(compute):
    """The numbers that a computation gives, or its error."""
    try:
        return compute()
    except (ValueError, ArithmeticError) as error:
        return type(error), str(error)


def node_parts(node):
    return node.data, node.partials


def by_table(name, args, data):
    out = evaluate(OPS[name], args, data)
    return out, local_derivatives(OPS[name], out, args, data)


@pytest.mark.parametrize("name", ["add", "sub", "mul", "div", "pow"])
@given(x=finite, y=finite | st.sampled_from([0.0, 0.5, 2.0, -1.0]))
def test_operators_spelled_out_in_the_engine_equal_the_table_for_all_floats(name, x, y):
    for args in ((Value(x), Value(y)), (Value(x), y), (x, Value(y))):
        by_operator = outcome(lambda args=args: node_parts(OPERATORS[name](*args)))
        assert by_operator == outcome(lambda args=args: by_table(name, args, (x, y)))


@given(x=finite)
def test_neg_abs_and_relu_spelled_out_equal_the_table_for_all_floats(x):
    for name, compute in (("neg", operator.neg), ("abs", abs), ("relu", Value.relu)):
        node = compute(Value(x))
        assert (node.data, node.partials) == (evaluate(OPS[name], [x], [x]), partials_at(name, [x]))


@given(xs=st.lists(st.tuples(finite, st.booleans()), min_size=1, max_size=6))
def test_sum_and_dot_spelled_out_equal_the_table_for_all_floats(xs):
    args = [Value(x) if is_value else x for x, is_value in xs] + [Value(1.0)]
    data = [float(a) for a in args]

    assert outcome(lambda: node_parts(autodiff.sum(args))) == outcome(lambda: by_table("sum", args, data))
    there_and_back = args + args[::-1], data + data[::-1]
    by_dot = outcome(lambda: node_parts(autodiff.dot(args, args[::-1])))
    assert by_dot == outcome(lambda: by_table("dot", *there_and_back))


def test_every_row_with_a_domain_has_its_edges_tested():
    domains = {name: OPS[name].domain for name in BUILT_IN}
    assert {name for name, d in domains.items() if d.text != "all reals" or "not at" in d.smooth_text} == set(EDGES)


@pytest.mark.parametrize(("name", "x"), [(name, x) for name, (outside, _) in EDGES.items() for x in outside])
def test_outside_its_domain_a_row_names_operation_operands_and_labels(name, x):
    args = [Value(v, f"label {i}") for i, v in enumerate(x)]
    shown = ", ".join(
        f"{operand} = {v!r} (label 'label {i}')"
        for i, (operand, v) in enumerate(zip(OPS[name].operands, x, strict=True))
    )
    with pytest.raises(DomainError) as error:
        apply(OPS[name], *args)
    assert str(error.value) == f"{name} is not defined at {shown}: its domain is {OPS[name].domain.text}"
    with pytest.raises(DomainError, match=f"{name} is not defined at {OPS[name].operands[0]} = "):
        apply(OPS[name], Value(x[0]), *x[1:])


@pytest.mark.parametrize(
    ("name", "x", "value", "smooth"), [(n, *edge) for n, (_, edges) in EDGES.items() for edge in edges]
)
def test_on_the_edge_of_its_domain_a_row_has_its_value_and_refuses_a_derivative_that_is_infinite(
    name, x, value, smooth
):
    a = Value(x[0], "a")
    y = apply(OPS[name], a, *x[1:])
    assert y.data == pytest.approx(value, rel=1e-15, abs=0.0)
    if smooth:
        y.backward()
        assert math.isfinite(a.grad)
    else:
        with pytest.raises((DomainError, OverflowError), match=f"{name} .*at {OPS[name].operands[0]} = .*label 'a'"):
            y.backward()
        assert a.grad == 0.0


@every_row
def test_the_wrong_number_of_operands_is_refused_with_their_names(name):
    row = OPS[name]
    if row.n_ary:
        with pytest.raises(ValueError, match=f"{name} needs at least one operand"):
            getattr(autodiff, name)(*[[]] * (2 if name == "dot" else 1))
    else:
        with pytest.raises(TypeError, match=f"{name} takes {row.arity} operand.*{', '.join(row.operands)}"):
            apply(row, *[Value(0.5)] * (row.arity + 1))
