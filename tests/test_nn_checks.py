"""What users pass in, looked at once: what is taken, as what, and one sentence for what is not."""

import math
import random
import re
from fractions import Fraction

import numpy as np
import pytest

import nn
from nn import Layer
from nn.checks import as_random, finite, instance, listed, named, nonnegative, positive
from nn.init import INITIALISERS, as_initialiser

KNOWN = {"one": abs, "two": max}


def test_a_name_stands_for_its_entry_and_a_function_for_itself():
    assert named("thing", "two", KNOWN) is max
    assert named("thing", min, KNOWN) is min
    with pytest.raises(ValueError, match="^unknown thing 'three'; known are: one, two$"):
        named("thing", "three", KNOWN)
    with pytest.raises(TypeError, match=r"^thing must be a name \(one, two\) or a function, not int 3$"):
        named("thing", 3, KNOWN)


def test_an_object_is_taken_and_its_class_is_not():
    assert instance("penalty", abs, "L2(0.01)") is abs
    with pytest.raises(TypeError, match=r"^penalty is the class L2: write L2\(…\), as in L2\(0.01\)$"):
        instance("penalty", nn.L2, "L2(0.01)")
    with pytest.raises(TypeError, match=r"^penalty must be a function or one of nn's own, as in L2\(0.01\), not int"):
        instance("penalty", 3, "L2(0.01)")


def test_what_can_be_gone_through_is_a_list_and_a_text_is_not():
    given = [1, 2]
    assert listed("mean", given, "[0.0]") == given
    assert listed("mean", given, "[0.0]") is not given
    assert listed("mean", (x for x in given), "[0.0]") == given
    for wrong in ("ab", 3.0):
        with pytest.raises(TypeError, match=r"^mean must be a list, as in \[0.0\], not "):
            listed("mean", wrong, "[0.0]")


def test_a_seed_makes_a_generator_and_a_generator_is_used_as_it_is():
    generator = random.Random(7)
    assert as_random(generator, "dropout") is generator
    for seed in (7, np.int64(7)):
        assert as_random(seed, "dropout").random() == random.Random(7).random()
    with pytest.raises(ValueError, match=r"^dropout needs randomness: pass rng=0 \(any int seed\) or rng=random"):
        as_random(None, "dropout")
    for wrong in (True, 1.5, "0"):
        with pytest.raises(TypeError, match="^rng must be an int seed or a random.Random, not "):
            as_random(wrong, "dropout")


@pytest.mark.parametrize(
    ("check", "given"),
    [
        (finite, -1e308), (finite, 3), (finite, Fraction(1, 2)), (finite, np.float32(0.5)), (finite, 0),
        (nonnegative, 0), (nonnegative, 1e308), (positive, 5e-324),
        (lambda name, x: nonnegative(name, x, below=1.0), 0.0),
        (lambda name, x: nonnegative(name, x, below=1.0), math.nextafter(1.0, 0.0)),
    ],
)  # fmt: skip
def test_numbers_of_every_kind_are_floats(check, given):
    found = check("rate", given)
    assert type(found) is float
    assert found == given


@pytest.mark.parametrize(
    ("check", "given", "message"),
    [
        (finite, math.nan, "rate must be finite, not nan"),
        (finite, -math.inf, "rate must be finite, not -inf"),
        (finite, 10**400, "rate must be finite, not 10000"),
        (nonnegative, -5e-324, "rate must be finite, at least 0, not -5e-324"),
        (nonnegative, math.inf, "rate must be finite, at least 0, not inf"),
        (lambda name, x: nonnegative(name, x, below=1.0), 1.0, "rate must be finite, at least 0 and below 1, not 1.0"),
        (positive, 0.0, "rate must be above 0, not 0.0"),
        (positive, -1, "rate must be finite, at least 0, not -1"),
    ],
)
def test_numbers_outside_are_refused_with_the_bounds(check, given, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        check("rate", given)


@pytest.mark.parametrize("given", [True, "0.5", None, 1j, [0.5]])
def test_what_is_no_number_is_a_type_error(given):
    for check in (finite, nonnegative, positive):
        with pytest.raises(TypeError, match="^rate must be a number, not "):
            check("rate", given)


# Where weights start.


def test_an_initialiser_goes_by_its_name_or_is_a_function_that_was_made():
    assert set(INITIALISERS) == {
        "zeros", "uniform", "normal", "xavier_uniform", "xavier_normal", "he_uniform", "he_normal", "fan_in_uniform",
    }  # fmt: skip
    made = nn.all_equal(0.5)
    assert as_initialiser("init", made) is made
    assert as_initialiser("init", "zeros")(3, 2, None) == 0.0
    with pytest.raises(TypeError, match=r"^init is the function all_equal: call it, init=all_equal\(0.5\)$"):
        as_initialiser("init", nn.all_equal)
    with pytest.raises(TypeError, match=r"^init is the function normal: call it, init=normal\(\)$"):
        as_initialiser("init", nn.init.normal)


@pytest.mark.parametrize(
    ("name", "draw"),
    [
        ("uniform", lambda rng: rng.uniform(-0.1, 0.1)),
        ("normal", lambda rng: rng.gauss(0.0, 0.1)),
        ("xavier_uniform", lambda rng: rng.uniform(-math.sqrt(6 / 5), math.sqrt(6 / 5))),
        ("xavier_normal", lambda rng: rng.gauss(0.0, math.sqrt(2 / 5))),
    ],
)
def test_a_name_alone_has_the_settings_that_its_page_says(name, draw):
    rng = random.Random(4)
    weights = [w.data for neuron in Layer(3, 2, init=name, rng=4).neurons for w in neuron.weights]
    assert weights == pytest.approx([draw(rng) for _ in range(6)], rel=1e-15, abs=0.0)


@pytest.mark.parametrize("name", [name for name in INITIALISERS if name != "zeros"])
def test_what_draws_asks_for_a_seed(name):
    with pytest.raises(ValueError, match="^init needs randomness: pass rng=0"):
        Layer(2, 2, init=name)
