"""A fingerprint: equal as long as nothing changed that shapes a graph, of whatever a module may hold."""

import functools
import random
import types
import weakref
from array import array
from collections import OrderedDict

import numpy as np
import pytest

from autodiff import Value
from nn.fingerprint import fingerprint


class Part:
    def __init__(self, **attributes):
        vars(self).update(attributes)


class OtherPart(Part):
    pass


class Slots:
    __slots__ = ("x",)


class Named(list):
    pass


class Equal:
    """Equal to every other, and not the same."""

    def __eq__(self, other):
        return isinstance(other, Equal)

    __hash__ = object.__hash__


ONE, TWO = Value(1.0), Value(1.0)
FIRST, SECOND = Slots(), Slots()
SHARED, ALIKE = [[0], 1], [[0], 1]

DIFFERENT = {
    "numbers": (1, 2),
    "a number and a text": (1, "1"),
    "nothing and zero": (None, 0),
    "values": (ONE, TWO),
    "numbers in a list": ([1, 2], [1, 3]),
    "more numbers in a list": ([1, 2], [1, 2, 3]),
    "a list and a tuple of numbers": ([1, 2], (1, 2)),
    "a list and one of another class": ([1, 2], Named([1, 2])),
    "what is deep in lists": ([1, [2, [3]]], [1, [2, [4]]]),
    "a list and a tuple of lists": ([[1]], ([1],)),
    "values in a list": ([ONE, TWO], [TWO, ONE]),
    "a list and a tuple of values": ([ONE, TWO], (ONE, TWO)),
    "values and numbers in a list": ([ONE, 1.0], [TWO, 1.0]),
    "one list twice, and two that are alike": ([SHARED, SHARED], [SHARED, ALIKE]),
    "which of two lists comes again": ([SHARED, ALIKE, SHARED], [SHARED, ALIKE, ALIKE]),
    "numbers of a dict": ({"a": 1}, {"a": 2}),
    "keys of a dict": ({"a": 1}, {"b": 1}),
    "keys that are objects": ({FIRST: 1}, {SECOND: 1}),
    "keys that are equal objects": ({Equal(): 1}, {Equal(): 1}),
    "dicts of two classes": ({"a": 1}, OrderedDict(a=1)),
    "the function of a partial": (functools.partial(max, 1), functools.partial(min, 1)),
    "the arguments of a partial": (functools.partial(max, 1), functools.partial(max, 2)),
    "the keywords of a partial": (functools.partial(max, key=abs), functools.partial(max, key=len)),
    "numbers of an array": (np.zeros(2), np.array([0.0, 1.0])),
    "the shape of an array": (np.zeros((2, 3)), np.zeros((3, 2))),
    "the type of an array": (np.zeros(2), np.zeros(2, dtype=np.int64)),
    "objects of an array": (np.array([ONE, None]), np.array([TWO, None])),
    "what is in an object of an array": (np.array([{"a": 1}]), np.array([{"a": 2}])),
    "arrays of Python": (array("d", [1.0]), array("d", [1.0])),
    "functions": (abs, max),
    "a function and a number": (abs, 1),
    "lambdas that read alike": (lambda x: x, lambda x: x),
    "classes": (Part, OtherPart),
    "methods of two objects": (Part().__init__, Part().__init__),
    "generators that draw alike": (random.Random(0), random.Random(0)),
    "what cannot be looked into": (FIRST, SECOND),
    "what holds something that cannot": ([FIRST], [SECOND]),
    "an attribute": (Part(x=1), Part(x=2)),
    "an attribute of an attribute": (Part(x=Part(y=[1])), Part(x=Part(y=[2]))),
    "the name of an attribute": (Part(x=1), Part(y=1)),
    "one attribute more": (Part(x=1), Part(x=1, y=None)),
    "the class": (Part(x=1), OtherPart(x=1)),
}


@pytest.mark.parametrize("case", DIFFERENT)
def test_what_differs_has_another_fingerprint_and_what_is_as_it_was_the_same(case):
    one, other = DIFFERENT[case]
    assert fingerprint(one) == fingerprint(one)
    assert fingerprint(other) == fingerprint(other)
    assert fingerprint(one) != fingerprint(other) != fingerprint(one)
    assert fingerprint(Part(held=[one])) != fingerprint(Part(held=[other]))


@pytest.mark.parametrize(
    "make",
    [
        lambda: [1, "a", None, 2.5, b"x", 1j, True],
        lambda: {"a": [1, {2: (3,)}], FIRST: ONE},
        lambda: functools.partial(max, 1, key=abs),
        lambda: np.arange(6.0).reshape(2, 3),
        lambda: np.array([ONE, "a"], dtype=object),
        lambda: Part(x=[ONE, 1], y=Part(z=FIRST), _private=object()),
        lambda: [np, types],
        lambda: {str(10**5): float("2.5"), 10**5: complex("1j")},
        lambda: np.array([float("2.5"), str(10**5)], dtype=object),
    ],
)
def test_what_is_made_alike_of_the_same_parts_has_the_same_fingerprint(make):
    one, other = make(), make()
    assert fingerprint(one) == fingerprint(other)


@pytest.mark.parametrize("of", [list, tuple])
@pytest.mark.parametrize("entries", [[1, 2], [1, "a", None, 2.5, b"x", 1j, True], [ONE, TWO]])
def test_equal_lists_of_numbers_or_of_the_same_values_are_one_however_often_one_of_them_stands(of, entries):
    one = of([*entries])
    assert fingerprint(Part(a=one, b=one)) == fingerprint(Part(a=of([*entries]), b=of([*entries])))


def test_what_changes_within_an_object_of_an_array_changes_its_fingerprint():
    within = {"a": 1}
    table = np.array([within], dtype=object)
    before = fingerprint(table)
    within["a"] = 2
    assert fingerprint(table) != before


def test_what_is_private_has_no_say():
    assert fingerprint(Part(x=1, _y=1)) == fingerprint(Part(x=1, _y=2))
    assert fingerprint(Part(x=1, _y=1)) == fingerprint(Part(x=1))


def test_a_fingerprint_keeps_what_it_knows_by_identity_alive():
    functions = [lambda: None]
    kept, seen = weakref.ref(functions[0]), fingerprint(functions[0])
    functions.clear()
    assert kept() is not None, "so that no other function gets its address"
    assert seen != fingerprint(lambda: None)
    del seen
    assert kept() is None
