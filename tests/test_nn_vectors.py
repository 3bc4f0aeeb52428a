"""Vectors of numbers for optimizers: lists give the bits that arrays give, and both do what they say."""

import math
import sys
from array import array

import numpy as np
import pytest

from autodiff import Value, engine
from nn import vectors
from nn.vectors import Vector

NUMBERS, OTHERS = [1.5, -2.0, 0.0, 7.0], [0.3, 4.0, 5.0, -0.1]


@pytest.mark.parametrize("combine", ["__add__", "__sub__", "__mul__", "__truediv__", "__rmul__"])
@pytest.mark.parametrize("other", [OTHERS, 3.0])
def test_lists_compute_entry_by_entry_as_arrays_do(combine, other):
    of_lists = getattr(Vector(NUMBERS), combine)(Vector(other) if isinstance(other, list) else other)
    of_arrays = getattr(np.array(NUMBERS), combine)(np.array(other))
    assert isinstance(of_lists, Vector)
    assert of_lists == of_arrays.tolist()


@pytest.mark.parametrize("kind", [Vector, np.array])
def test_every_function_of_vectors_does_what_it_says_for_lists_and_for_arrays(kind):
    vector = kind([4.0, -9.0, 0.0])
    assert vectors.as_list(vectors.sqrt(kind([4.0, 9.0, 0.0]))) == [2.0, 3.0, 0.0]
    assert vectors.as_list(vectors.clipped(vector, 5.0)) == [4.0, -5.0, 0.0]
    assert vectors.as_list(vectors.quotient(vector, kind([8.0, 3.0, 5.0]))) == [0.5, -3.0, 0.0]
    with vectors.quietly():
        assert vectors.as_list(vectors.quotient(vector, kind([8.0, 3.0, 0.0]))) == [0.5, -3.0, 0.0]
    assert vectors.is_finite(vector) is True
    for wrong in (math.nan, math.inf, -math.inf):
        assert vectors.is_finite(kind([1.0, wrong])) is False
    of_one_kind = (vectors.alike([1, 2], vector), vectors.sqrt(kind([4.0])), vectors.clipped(vector, 5.0))
    assert {type(x) for x in (*of_one_kind, vectors.quotient(vector, vector + 0.5))} == {type(vector)}
    assert vectors.as_list(vectors.alike([1, 2], vector)) == [1.0, 2.0]
    assert (type(vectors.as_list(vector)), type(vectors.as_list(vector)[0])) == (list, float)
    assert vectors.as_list(vector) is not vector
    assert bytes(vectors.buffer(vector)) == array("d", [4.0, -9.0, 0.0]).tobytes()


@pytest.mark.parametrize("kind", [Vector, np.array])
def test_numbers_are_put_in_their_places_and_zeros_where_there_is_no_source(kind):
    into = kind([1.0, 2.0, 3.0, 4.0])
    vectors.put(into, [0, 2], [10.0, 20.0, 30.0, 40.0])
    assert vectors.as_list(into) == [10.0, 2.0, 30.0, 4.0]
    vectors.put(into, [1, 2], None)
    assert vectors.as_list(into) == [10.0, 0.0, 0.0, 4.0]


def test_an_array_is_handed_to_the_engine_as_it_is():
    vector = np.array(NUMBERS)
    assert vectors.buffer(vector) is vector


def test_what_the_engine_holds_is_read_into_an_array_or_where_numpy_is_not_loaded_into_a_list(monkeypatch):
    parameters = [Value(x) for x in NUMBERS]
    of_arrays = vectors.read(engine.get_data, parameters)
    of_lists = vectors.read(engine.get_data, parameters, on_arrays=False)
    assert (type(of_arrays), type(of_lists)) == (np.ndarray, Vector)
    assert of_arrays.tolist() == of_lists == NUMBERS
    monkeypatch.delitem(sys.modules, "numpy")
    without = vectors.read(engine.get_data, parameters)
    assert (type(without), without) == (Vector, NUMBERS)
    assert vectors.is_finite(without)
    assert vectors.sqrt(vectors.clipped(vectors.quotient(without * without, without), 4.0) * without) == [
        1.5, 2.0, 0.0, math.sqrt(28.0)
    ]  # fmt: skip
    with vectors.quietly():
        pass


def test_quietly_lets_arrays_overflow_without_a_warning():
    with vectors.quietly():
        assert np.isinf(np.array([1e300]) * 1e300).all()
