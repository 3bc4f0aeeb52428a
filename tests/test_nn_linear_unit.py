"""The perceptron and the delta rule by hand: every step that they make, and what they say of each epoch."""

import math
import random

import pytest

from nn import Adaline, Perceptron

X, AND = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [0, 0, 0, 1]


def test_both_start_from_zeros_with_nothing_recorded():
    for unit in (Perceptron(2), Adaline(2)):
        assert (unit.inputs, unit.weights, unit.bias, unit.weights_per_epoch) == (2, [0.0, 0.0], 0.0, [])
    assert (Perceptron(2).mistakes, Adaline(2).losses) == ([], [])
    assert Perceptron(2).predict(X) == [0] * 4


def test_the_perceptron_goes_the_way_that_is_gone_by_hand():
    """(b, w₁, w₂): + x for the one positive, − x for a negative that came out positive; 0 counts as negative."""
    unit = Perceptron(2).fit(X, AND, epochs=3)
    assert unit.mistakes == [1, 3, 3]
    assert unit.weights_per_epoch == [(1.0, 1.0, 1.0), (0.0, 2.0, 1.0), (-1.0, 2.0, 1.0)]


def test_the_epoch_without_mistakes_is_recorded_and_ends_the_training():
    unit = Perceptron(2).fit(X, AND)
    assert unit.mistakes == [1, 3, 3, 2, 1, 0]
    assert len(unit.weights_per_epoch) == 6
    assert unit.weights_per_epoch[-1] == unit.weights_per_epoch[-2] == (unit.bias, *unit.weights)
    unit.fit(X, AND, epochs=5)
    assert unit.mistakes[6:] == [0], "it goes on from where it is"
    assert len(unit.weights_per_epoch) == 7


def test_the_perceptron_answers_in_the_labels_that_it_was_given_last():
    for negative in (-1, 0, -1):
        unit = Perceptron(1).fit([[-1.0], [1.0]], [negative, 1])
        assert unit.predict([[-2.0], [0.5]]) == [negative, 1]
    assert unit.fit([[-1.0], [1.0]], [0, 1]).predict([[-2.0]]) == [0]
    assert Perceptron(1).fit([[1.0], [2.0]], [1, 1]).predict([[-1.0], [1.0]]) == [0, 1]


@pytest.mark.parametrize(
    ("y", "place"), [([1, 2], r"y\[1\] is 2.0"), ([0.5, 1], r"y\[0\] is 0.5"), ([-1, 0], r"y\[1\]")]
)
def test_other_labels_than_a_pair_are_refused_before_anything_is_learned(y, place):
    unit = Perceptron(1)
    with pytest.raises(ValueError, match=rf"{place}.*: the perceptron's labels are 0 and 1, or -1 and 1"):
        unit.fit([[1.0], [2.0]], y)
    assert (unit.bias, unit.weights, unit.mistakes) == (0.0, [0.0], [])


def delta_rule(orders, rows, targets, lr):
    """The weights and the losses of each epoch, by the formulas."""
    bias, weight, found = 0.0, 0.0, []
    for order in orders:
        losses = []
        for i in order:
            error = bias + weight * rows[i][0] - targets[i]
            losses.append(0.5 * error * error)
            bias, weight = bias - lr * error, weight - lr * error * rows[i][0]
        found.append((math.fsum(losses) / len(rows), (bias, weight)))
    return found


@pytest.mark.parametrize("rng", [None, 3, random.Random(3)], ids=["in order", "by a seed", "by a generator"])
def test_the_delta_rule_goes_through_the_examples_in_order_or_in_a_new_one_in_every_epoch(rng):
    rows, targets = [[1.0], [2.0], [-1.0], [0.5]], [1.0, 3.0, 0.0, -1.0]
    orders, generator = [], random.Random(3)
    for _ in range(3):
        orders.append([0, 1, 2, 3])
        if rng is not None:
            generator.shuffle(orders[-1])
    unit = Adaline(1, lr=0.1).fit(rows, targets, epochs=3, rng=rng)
    expected = delta_rule(orders, rows, targets, 0.1)
    assert unit.losses == pytest.approx([loss for loss, _ in expected], rel=1e-14, abs=0.0)
    for found, (_, weights) in zip(unit.weights_per_epoch, expected, strict=True):
        assert found == pytest.approx(weights, rel=1e-14, abs=0.0)
    assert unit.predict([[10.0]]) == [unit.bias + unit.weights[0] * 10.0]


def test_the_perceptron_shuffles_by_its_generator_too():
    in_order, shuffled = (Perceptron(2).fit(X, AND, epochs=1, rng=rng) for rng in (None, 2))
    order = [0, 1, 2, 3]
    random.Random(2).shuffle(order)
    again = Perceptron(2).fit([X[i] for i in order], [AND[i] for i in order], epochs=1)
    assert shuffled.weights_per_epoch == again.weights_per_epoch != in_order.weights_per_epoch


def test_the_rate_may_be_0_and_the_epochs_not():
    assert Adaline(1, lr=0.0).fit([[1.0]], [1.0], epochs=2).losses == [0.5, 0.5]
    for unit in (Adaline(1), Perceptron(1)):
        with pytest.raises(ValueError, match="epochs must be at least 1, not 0"):
            unit.fit([[1.0]], [1], epochs=0)
    with pytest.raises(ValueError, match="inputs must be at least 1"):
        Perceptron(0)


def test_a_diverging_delta_rule_names_the_example_and_keeps_the_weights_before_it():
    unit = Adaline(1, lr=1e200).fit([[0.0]], [1.0], epochs=1)
    assert (unit.bias, unit.weights) == (1e200, [0.0])
    with pytest.raises(OverflowError, match=r"Adaline diverges at X\[1\]: lower lr=1e\+200, or scale the inputs"):
        unit.fit([[0.0], [1.0]], [1e200, 0.0], epochs=1)
    assert (unit.bias, unit.weights) == (1e200, [0.0])
    assert (len(unit.losses), len(unit.weights_per_epoch)) == (1, 1)
