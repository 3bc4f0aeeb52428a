"""An operand that notes what is done with it: which function of NumPy each operator is, and in which order."""

import math
import operator

import pytest

from autodiff.recording import Recorded


class Noting(Recorded):
    def noted(self, function, *args):
        return function, *("x" if arg is self else arg for arg in args)


X = Noting()


@pytest.mark.parametrize(
    ("operate", "function"),
    [
        (operator.add, "add"),
        (operator.sub, "subtract"),
        (operator.mul, "multiply"),
        (operator.truediv, "divide"),
        (operator.mod, "remainder"),
        (operator.pow, "power"),
    ],
)
def test_an_operator_is_noted_with_its_operands_in_their_order(operate, function):
    assert operate(X, 2.0) == (function, "x", 2.0)
    assert operate(2.0, X) == (function, 2.0, "x")


@pytest.mark.parametrize(
    ("compare", "function"),
    [
        (operator.eq, "equal"),
        (operator.ne, "not_equal"),
        (operator.lt, "less"),
        (operator.le, "less_equal"),
        (operator.gt, "greater"),
        (operator.ge, "greater_equal"),
        (operator.and_, "logical_and"),
    ],
)
def test_a_comparison_is_noted_and_not_made(compare, function):
    assert compare(X, 2.0) == (function, "x", 2.0)


def test_operations_of_one_operand_are_noted():
    assert (-X, abs(X), math.floor(X)) == (("negative", "x"), ("absolute", "x"), ("floor", "x"))


def test_it_is_a_key_by_its_identity_and_says_nothing_by_itself():
    assert {X: 1}[X] == 1 and hash(X) != hash(Noting())
    with pytest.raises(NotImplementedError):
        Recorded() + 1.0
