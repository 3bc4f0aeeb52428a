"""How a message speaks of what was given, and what counts as a count."""

import sys

import numpy as np
import pytest

from autodiff.checks import integer, kind, shown


def test_what_was_given_is_shown_in_sixty_characters_and_cut_where_it_is_longer():
    assert shown("a" * 58) == repr("a" * 58)
    assert shown("a" * 59) == "'" + "a" * 58 + " …"


def test_an_integer_of_more_digits_than_python_writes_is_shown_by_its_bits():
    huge = 1 << (4 * sys.get_int_max_str_digits())
    assert shown(huge) == f"an integer of {huge.bit_length()} bits"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (2.5, "float 2.5"),
        (None, "NoneType None"),
        ([1], "list [1]"),
        (int, "the class int"),
        (range(3), "range(0, 3)"),
        (object(), "object"),
        ("a" * 59, "str '" + "a" * 58 + " …"),
    ],
)
def test_what_was_given_is_told_by_its_type_and_its_repr(given, told):
    assert kind(given) == told


def test_a_count_is_an_integer_of_any_kind_and_comes_back_as_an_int():
    assert integer("n", 1) == 1 and integer("n", 0, at_least=0) == 0 and integer("n", -3, at_least=-3) == -3
    assert type(integer("n", np.int64(7))) is int


@pytest.mark.parametrize(
    ("given", "at_least", "error", "message"),
    [
        (True, 1, TypeError, "^n must be an integer, not bool True$"),
        (2.0, 1, TypeError, "^n must be an integer, not float 2.0$"),
        ("2", 1, TypeError, "^n must be an integer, not str '2'$"),
        (0, 1, ValueError, "^n must be at least 1, not 0$"),
        (4, 5, ValueError, "^n must be at least 5, not 4$"),
    ],
)
def test_what_is_no_count_is_refused(given, at_least, error, message):
    with pytest.raises(error, match=message):
        integer("n", given, at_least)


def test_a_count_is_at_least_one_where_nothing_else_is_said():
    with pytest.raises(ValueError, match="^n must be at least 1, not 0$"):
        integer("n", 0)
