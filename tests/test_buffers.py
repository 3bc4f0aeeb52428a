"""Data and gradients of many Values at once, into and out of a buffer: what is moved, and what is refused whole."""

import math
import re
from array import array

import numpy as np
import pytest

from autodiff import Value, backward_steps
from autodiff.engine import get_data, get_grad, set_data, set_grad, tick

READERS, WRITERS = [get_data, get_grad], [set_data, set_grad]


def three_values():
    """x0 = 1, x1 = 2, x2 = 3, with gradients 10, 20, 30."""
    xs = [Value(1.0), Value(2.0), Value(3.0)]
    (10.0 * xs[0] + 20.0 * xs[1] + 30.0 * xs[2]).backward()
    return xs


def buffers(numbers):
    return [array("d", numbers), np.array(numbers), memoryview(np.array(numbers))]


@pytest.mark.parametrize("out", buffers([0.0, 0.0, 0.0]), ids=lambda b: type(b).__name__)
def test_data_and_gradients_are_written_into_a_buffer_in_the_order_of_the_values(out):
    xs = three_values()
    get_data(xs, out)
    assert list(out) == [1.0, 2.0, 3.0]
    get_grad(tuple(xs[::-1]), out)
    assert list(out) == [30.0, 20.0, 10.0]


@pytest.mark.parametrize("new", buffers([4.0, 5.0, 6.0]), ids=lambda b: type(b).__name__)
def test_data_and_gradients_are_assigned_from_a_buffer_in_the_order_of_the_values(new):
    xs = three_values()
    set_data(xs, new)
    assert ([x.data for x in xs], [x.grad for x in xs]) == ([4.0, 5.0, 6.0], [10.0, 20.0, 30.0])
    set_grad(tuple(xs[::-1]), new)
    assert ([x.data for x in xs], [x.grad for x in xs]) == ([4.0, 5.0, 6.0], [6.0, 5.0, 4.0])


def test_a_graph_is_out_of_date_once_data_was_assigned_from_a_buffer():
    x = Value(3.0)
    tick()  # an epoch of its own: what is older is looked at in any case
    y = x * x
    set_grad([x], array("d", [1.0]))
    assert list(backward_steps(y))
    set_data([x], array("d", [5.0]))
    with pytest.raises(ValueError, match="the graph is out of date: mul was computed as 9.0"):
        list(backward_steps(y))


def test_of_no_values_nothing_is_moved():
    for move in (*READERS, *WRITERS):
        move([], array("d"))


def test_a_buffer_that_cannot_be_written_to_is_read_all_the_same():
    frozen = np.array([4.0])
    frozen.flags.writeable = False
    x = Value(1.0)
    set_data([x], frozen)
    assert x.data == 4.0
    for read in READERS:
        with pytest.raises(TypeError, match="this one is read-only"):
            read([x], frozen)


@pytest.mark.parametrize("move", [*READERS, *WRITERS])
@pytest.mark.parametrize(
    ("buffer", "error", "message"),
    [
        ([1.0, 2.0], TypeError, "a buffer of doubles is wanted, as array('d', …), not list"),
        (array("f", [1.0, 2.0]), TypeError, "not format 'f' in 1 dimensions"),
        (np.zeros((2, 1)), TypeError, "not format 'd' in 2 dimensions"),
        (np.zeros(4)[::2], TypeError, "a buffer of contiguous doubles"),
        (array("d", [1.0]), ValueError, "there are 2 Values, and the buffer holds 1 numbers"),
        (array("d", [1.0, 2.0, 3.0]), ValueError, "there are 2 Values, and the buffer holds 3 numbers"),
    ],
    ids=["list", "floats", "matrix", "strided", "short", "long"],
)
def test_what_is_no_buffer_of_as_many_doubles_is_refused(move, buffer, error, message):
    xs = [Value(7.0), Value(8.0)]
    with pytest.raises(error, match=re.escape(message)):
        move(xs, buffer)
    assert [(x.data, x.grad) for x in xs] == [(7.0, 0.0), (8.0, 0.0)]


@pytest.mark.parametrize("move", [*READERS, *WRITERS])
def test_what_is_no_value_is_named_and_nothing_moves(move):
    x, buffer = Value(7.0), array("d", [1.0, 2.0])
    with pytest.raises(TypeError, match="Values are wanted, not float 2.5"):
        move([x, 2.5], buffer)
    assert (x.data, x.grad, list(buffer)) == (7.0, 0.0, [1.0, 2.0])


@pytest.mark.parametrize(("write", "what"), [(set_data, "data"), (set_grad, "grad")])
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_not_finite_is_named_and_none_is_assigned(write, what, bad):
    xs = [Value(7.0), Value(8.0)]
    message = f"{what} 1 is {bad}: only finite numbers are accepted, and none was assigned"
    with pytest.raises(ValueError, match=message):
        write(xs, array("d", [1.0, bad]))
    assert [(x.data, x.grad) for x in xs] == [(7.0, 0.0), (8.0, 0.0)]
