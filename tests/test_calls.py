"""A call of a row that a user defined, of one, two, three or any number of operands: what it computes and refuses.

Each number of operands has a function of its own, made for speed, and all of them keep the same promises.
"""

import math
import re
from contextlib import nullcontext

import numpy as np
import pytest

import autodiff as ad
from autodiff import Domain, DomainError, Value, define_op, detect_anomaly, engine, no_grad
from autodiff.ops import OPS

EVERY_COUNT = pytest.mark.parametrize("count", [1, 2, 3])
VALUES = {
    1: lambda a: lambda xp, x: a(x),
    2: lambda a: lambda xp, x, y: a(x, y),
    3: lambda a: lambda xp, x, y, z: a(x, y, z),
}
POSITIVE = {
    1: Domain("x > 0", lambda x: x > 0.0),
    2: Domain("x, y > 0", lambda x, y: min(x, y) > 0.0),
    3: Domain("x, y, z > 0", lambda x, y, z: min(x, y, z) > 0.0),
}


@pytest.fixture
def row():
    """row(count, value, derivative): the function of a new row; its rules act once the row is defined."""

    def define(count, value=lambda *xs: sum(xs), derivative=lambda i, *xs: 1.0, **options):
        acting = []
        of_value = VALUES[count](lambda *xs: value(*xs) if acting else sum(xs))

        def rule(i):
            return lambda xp, out, *xs: derivative(i, *xs) if acting else 1.0

        f = define_op("tried", of_value, [rule(i) for i in range(count)], **options)
        acting.append(True)
        return f

    return define


@EVERY_COUNT
def test_operands_may_be_values_and_numbers_in_any_mixture(row, count):
    f = row(count, lambda *xs: sum((i + 1.0) * x for i, x in enumerate(xs)), lambda i, *xs: i + 1.0)
    numbers = [1.0, 10.0, 100.0][:count]
    expected = [1.0, 21.0, 321.0][count - 1]
    assert f(*numbers) == expected and type(f(*numbers)) is float
    for varying in range(1, 2**count):
        xs = [Value(x) if varying >> i & 1 else x for i, x in enumerate(numbers)]
        y = f(*xs)
        assert (y.data, y.args) == (expected, tuple(xs))
        assert y.partials == tuple(i + 1.0 if varying >> i & 1 else 0.0 for i in range(count))


@EVERY_COUNT
def test_integers_become_floats_on_the_way_in_and_out(row, count):
    f = row(count, lambda *xs: 3, lambda i, *xs: 2)
    assert f(*[1] * count) == 3.0 and type(f(*[1] * count)) is float
    for varying in range(count):
        y = f(*[Value(1) if i == varying else 1 for i in range(count)])
        numbers = [a for i, a in enumerate(y.args) if i != varying]
        assert [type(x) for x in (y.data, *y.partials, *numbers)] == [float] * (2 * count)
        assert (y.data, y.partials[varying], sum(y.partials)) == (3.0, 2.0, 2.0)


@EVERY_COUNT
@pytest.mark.parametrize("recording", [True, False])
def test_a_value_that_is_not_finite_is_refused_whatever_its_kind(row, count, recording):
    for value in (lambda *xs: math.inf, lambda *xs: math.nan, lambda *xs: math.exp(1000.0), lambda *xs: 1 / 0):
        f = row(count, value)
        for varying in range(2**count):
            xs = [Value(1.0) if varying >> i & 1 else 1 for i in range(count)]
            listed = ", ".join(f"{name} = 1.0" for name in "xyz"[:count])
            with nullcontext() if recording else no_grad(), pytest.raises(OverflowError) as error:
                f(*xs)
            assert str(error.value) == f"tried overflows at {listed}"


@EVERY_COUNT
def test_a_node_made_in_another_mode_than_no_grad_is_part_of_the_graph(row, count):
    xs = [Value(1.0) for _ in range(count)]
    with detect_anomaly():
        assert row(count)(*xs).parents == tuple(xs)


@EVERY_COUNT
def test_a_value_that_is_no_number_is_named(row, count):
    f = row(count, lambda *xs: "three")
    for xs in ([1.0] * count, [Value(1.0)] * count):
        with pytest.raises(TypeError, match="^tried computed 'three' at x = 1.0.*, which is not a number$"):
            f(*xs)


@EVERY_COUNT
def test_the_domain_is_kept_by_values_and_by_numbers(row, count):
    f = row(count, domain=POSITIVE[count])
    assert f(*[2.0] * count) == f(*[Value(2.0)] * count).data == 2.0 * count
    for xs in ([-1.0] * count, [Value(-1.0)] * count):
        with pytest.raises(DomainError, match="^tried is not defined at x = -1.0"):
            f(*xs)


@EVERY_COUNT
@pytest.mark.parametrize("partial", [math.inf, -math.inf, math.nan])
def test_a_derivative_that_is_not_finite_is_kept_as_infinite_and_stops_a_gradient(row, count, partial):
    for at in range(count):
        f = row(count, derivative=lambda i, *xs: partial if i == at else 1.0)
        y = f(*[Value(1.0) for _ in range(count)])
        assert y.partials == tuple(math.inf if i == at else 1.0 for i in range(count))
        with pytest.raises(OverflowError, match="the derivative of tried overflows at x = 1.0"):
            y.backward()


@EVERY_COUNT
@pytest.mark.parametrize("error", [ZeroDivisionError, OverflowError, ValueError])
def test_a_rule_that_raises_has_no_derivative_there(row, count, error):
    def raises(i, *xs):
        raise error

    y = row(count, derivative=raises)(*[Value(1.0) for _ in range(count)])
    assert y.partials == (math.inf,) * count


@EVERY_COUNT
def test_the_rule_of_a_number_is_not_asked(row, count):
    asked = []
    f = row(count, derivative=lambda i, *xs: asked.append(i) or 1.0)
    for at in range(count):
        f(*[Value(1.0) if i == at else 1.0 for i in range(count)])
    assert asked == list(range(count))


@EVERY_COUNT
def test_too_few_and_too_many_operands_are_counted(row, count):
    f = row(count)
    listed = ", ".join("xyz"[:count])
    takes = f"tried takes {count} operand{'s' if count > 1 else ''} ({listed})"
    for given in (count - 1, count + 1):
        for x in (1.0, Value(1.0)):
            with pytest.raises(TypeError, match=f"^{re.escape(takes)}, {given} were given$"):
                f(*[x] * given)


@EVERY_COUNT
def test_a_name_that_no_operand_has_is_refused_though_the_count_is_right(row, count):
    f = row(count)
    for x in (1.0, Value(1.0)):
        with pytest.raises(TypeError, match="^tried takes no operand 'w' by name$"):
            f(*[x] * count, w=x)


def test_operands_by_name_come_in_any_order_and_those_left_out_have_their_defaults():
    y = ad.leaky_relu(Value(-2.0), slope=0.5)
    assert (y.data, ad.leaky_relu(Value(-2.0)).data) == (-1.0, -0.02)
    with pytest.raises(TypeError, match=r"^leaky_relu takes no operand 'x' by name; by name it takes slope$"):
        ad.leaky_relu(x=Value(-2.0))
    with pytest.raises(TypeError, match=r"^leaky_relu takes 2 operands \(x, slope\), 0 were given$"):
        ad.leaky_relu()
    with pytest.raises(TypeError, match=r"^leaky_relu takes 2 operands \(x, slope\), 3 were given$"):
        ad.leaky_relu(1.0, 0.1, 0.2)


@EVERY_COUNT
def test_what_is_neither_a_value_nor_a_number_is_refused(row, count):
    f = row(count)
    for at in range(count):
        for x in (1.0, Value(1.0)):
            with pytest.raises(TypeError, match="^tried takes a Value or a number, not str 'a'"):
                f(*["a" if i == at else x for i in range(count)])


def test_of_any_number_of_operands_integers_become_floats_and_what_is_no_number_is_refused():
    x = Value(2.0)
    for f in (ad.sum, ad.logsumexp):
        assert [type(a) for a in f([x, 1, True]).args[1:]] == [float, float]
    assert ad.sum([1, 2]) == 3.0 and type(ad.sum([1, 2])) is float
    for f in (ad.sum, ad.logsumexp):
        for xs in ([x, "a"], [1.0, "a"]):
            with pytest.raises(TypeError, match=f"^{f.__name__} takes a Value or a number, not str 'a'"):
                f(xs)


@EVERY_COUNT
def test_a_function_says_that_it_is_of_autodiff_and_what_its_row_says(row, count):
    f = row(count)
    assert (f.__name__, f.__qualname__, f.__module__) == ("tried", "tried", "autodiff")
    assert f.__doc__ == OPS["tried"].documentation


@pytest.mark.parametrize("given", [3.0, Value(3.0), "ab", np.array(3.0), None], ids=repr)
def test_what_is_no_sequence_of_operands_is_answered_with_an_example(given):
    with pytest.raises(TypeError, match=r"^sum takes one sequence of operands, as in sum\(\[a, b\]\), not "):
        ad.sum(given)
    with pytest.raises(TypeError, match=r"^dot takes two sequences of operands, as in dot\(\[a, b\], \[c, d\]\), not "):
        ad.dot([1.0], given)


def test_a_row_is_applied_to_operands_as_its_function_is():
    x = Value(3.0)
    for y in (engine.apply(OPS["mul"], x, 4), engine.apply(OPS["leaky_relu"], x * 4.0), engine.apply(OPS["sum"], x, 9)):
        assert isinstance(y, Value) and y.data == 12.0
    assert engine.apply(OPS["leaky_relu"], -x, 0.5).data == -1.5
    assert engine.apply(OPS["mul"], x, 4).partials == (4.0, 0.0)
    assert engine.apply(OPS["logsumexp"], x, 3.0).partials == (0.5, 0.0)
