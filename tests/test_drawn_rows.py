"""Every row of the table is shown whole, and a row that is not is named."""

import re

import pytest

from autodiff import define_op
from autodiff.ops import BUILT_IN, OPS
from viz.testing import assert_drawn

pytestmark = pytest.mark.once
EVERYWHERE = ("picture", "TikZ", "derivation", "page", "moving numbers")


def point(row):
    """Operands where it is differentiable."""
    x = {1: (0.5,), 2: (0.75, 1.5), 3: (1.0, 0.5, 2.0)}[row.arity or 2]
    x = (*x, 2.5, 0.25) if len(row.vectors) == 2 else x
    return x if row.domain.differentiable(*x) else tuple(v + 1.5 for v in x)


@pytest.mark.parametrize("name", sorted(BUILT_IN))
def test_every_row_is_shown_whole_and_its_numbers_move(name):
    assert assert_drawn(name, *point(OPS[name])) == EVERYWHERE


def test_a_users_row_is_shown_by_its_symbol():
    define_op("bell", lambda xp, x: xp.exp(-x * x), [lambda xp, out, x: -2.0 * x * out], symbol="∩")
    assert assert_drawn(OPS["bell"], 0.5) == EVERYWHERE


def test_a_row_that_no_page_can_compute_stands_still():
    define_op("branching", lambda xp, x: 0.0 * x if x == 0.0 else x * x, [lambda xp, out, x: 2.0 * x])
    assert assert_drawn("branching", 0.5)[-1] == "page"


@pytest.mark.parametrize(("place", "name"), [("picture", "draw"), ("page", "step"), ("derivation", "explain")])
def test_what_is_missing_is_named(place, name, monkeypatch):
    class Empty:
        svg, tikz = "<text>tanh</text>", "${p}$"

        def __str__(self):
            return "nothing"

    monkeypatch.setattr(f"viz.testing.{name}", lambda *_: Empty())
    with pytest.raises(AssertionError, match=re.escape("tanh(0.5,): the ") + place + " lacks "):
        assert_drawn("tanh", 0.5)
