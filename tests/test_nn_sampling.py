"""Which examples go where, to the last one: batches, parts and folds, and what each refuses."""

# ruff: noqa: N803, N806 (X is the field's name)

from collections import Counter

import numpy as np
import pytest

from nn import k_fold, minibatches, split


def numbered(count):
    return [[float(i)] for i in range(count)], [10.0 * i for i in range(count)]


# Batches.


def test_batches_are_of_the_size_asked_for_and_the_last_has_the_rest():
    assert [len(batch) for batch in minibatches(7, 3, rng=0)] == [3, 3, 1]
    assert [len(batch) for batch in minibatches(6, 3, rng=0)] == [3, 3]
    assert list(minibatches(3, 3)) == list(minibatches(3)) == [[0, 1, 2]], "one batch of everything, in order"
    assert list(minibatches(1)) == [[0]]
    assert {i for batch in minibatches(500, 10, rng=0, replacement=True) for i in batch} <= set(range(500))


@pytest.mark.parametrize(
    ("count", "size", "error", "message"),
    [
        (0, None, ValueError, "count must be at least 1, not 0"),
        (-1, None, ValueError, "count must be at least 1, not -1"),
        (2.5, None, TypeError, "count must be an integer, not float 2.5"),
        (3, 0, ValueError, "batch_size must be at least 1, not 0"),
        (3, 4, ValueError, "batch_size is 4, and there are 3 examples: give at most 3"),
        (3, 2.0, TypeError, "batch_size must be an integer, not float 2.0"),
        (3, 2, ValueError, "shuffling into batches needs randomness: pass rng=0"),
    ],
)
def test_batches_that_cannot_be_made_are_refused_before_the_first_is_taken(count, size, error, message):
    with pytest.raises(error, match=message):
        minibatches(count, size)


# Parts.


def test_a_fifth_is_held_out_unless_said_otherwise_and_both_parts_keep_their_order():
    X, y, Xv, yv = split(*numbered(10), rng=0)
    assert (len(X), len(Xv)) == (8, 2)
    assert (X, Xv) == (sorted(X), sorted(Xv))
    assert ([10.0 * x for (x,) in X], [10.0 * x for (x,) in Xv]) == (y, yv)
    assert sorted(X + Xv) == numbered(10)[0]
    assert {tuple(split(*numbered(10), rng=seed)[3]) for seed in range(5)} != {tuple(yv)}, "drawn by the seed"


@pytest.mark.parametrize(("fraction", "held"), [(0.3, 2), (0.1, 0), (0.5, 2), (0.89, 4), (0.9, 4), (0.91, 5)])
def test_the_share_is_rounded_and_neither_part_may_be_empty(fraction, held):
    if 0 < held < 5:
        assert len(split(*numbered(5), fraction, rng=0)[3]) == held
    else:
        with pytest.raises(ValueError, match=f"fraction={fraction} of 5 examples holds out {held}: neither part may"):
            split(*numbered(5), fraction, rng=0)


@pytest.mark.parametrize(
    ("sizes", "fraction", "held"),
    [
        ([5, 3, 2], 0.5, [3, 1, 1]),  # 2.5, 1.5 and 1: the first of two equal remainders
        ([4, 3, 3], 0.3, [1, 1, 1]),  # 1.2, 0.9 and 0.9: the two largest remainders
        ([6, 2, 2], 0.2, [1, 1, 0]),  # 1.2, 0.4 and 0.4
        ([8, 2], 0.5, [4, 1]),
    ],
)
@pytest.mark.parametrize("one_hot", [False, True])
def test_each_class_is_held_out_in_its_share_by_the_largest_remainders(sizes, fraction, held, one_hot):
    labels = [k for k, size in enumerate(sizes) for _ in range(size)]
    y = [[float(k == label) for k in reversed(range(len(sizes)))] for label in labels] if one_hot else labels
    for seed in range(3):
        X, _, Xv, _ = split(list(range(len(y))), y, fraction, rng=seed, stratify=True)
        assert [Counter(labels[int(x)] for (x,) in Xv)[k] for k in range(len(sizes))] == held
        assert sorted(x for (x,) in X + Xv) == list(range(len(y)))


def test_of_two_equal_remainders_the_lower_class_has_the_first_wherever_it_stands():
    for y in ([0, 0, 0, 1, 1, 1], [1, 1, 1, 0, 0, 0]):
        assert sorted(split(y, y, 0.5, rng=0, stratify=True)[3]) == [0.0, 0.0, 1.0]


@pytest.mark.parametrize("fraction", [1.0, 1.5, -0.1, float("nan")])
def test_a_share_is_below_one(fraction):
    with pytest.raises(ValueError, match=f"^fraction must be finite, at least 0 and below 1, not {fraction}$"):
        split(*numbered(5), fraction, rng=0)


def test_what_is_held_out_of_a_class_is_drawn_too():
    drawn = {tuple(x for (x,) in split(list(range(8)), [0, 1] * 4, 0.5, rng=s, stratify=True)[2]) for s in range(20)}
    assert len(drawn) > 10


@pytest.mark.parametrize("kind", [np.array, list, tuple])
def test_parts_are_arrays_of_arrays_and_lists_of_all_else(kind):
    X, y = numbered(4)
    parts = split(kind(X), kind(y), 0.25, rng=0)
    assert {type(part) for part in parts} == {np.ndarray if kind is np.array else list}
    mixed = split(np.array(X), y, 0.25, rng=0)
    assert [type(part) for part in mixed] == [np.ndarray, list] * 2


def test_an_array_of_integers_stays_one():
    X = np.arange(6).reshape(3, 2)
    train, *_ = split(X, [0, 1, 2], 0.4, rng=0)
    assert train.dtype == X.dtype


# Folds.


@pytest.mark.parametrize("stratify", [False, True])
def test_every_example_is_held_out_once_and_learned_from_in_all_other_folds(stratify):
    X, y = list(range(13)), [0, 1] * 6 + [0]
    folds = list(k_fold(X, y, 3, rng=0, stratify=stratify))
    held = [[int(x) for (x,) in Xv] for _, _, Xv, _ in folds]
    learned = [[int(x) for (x,) in X] for X, *_ in folds]
    assert sorted(i for fold in held for i in fold) == X
    assert all(sorted(a + b) == X for a, b in zip(held, learned, strict=True))
    assert sorted(map(len, held)) == [4, 4, 5]
    assert all([float(y[i]) for i in fold] == yv for fold, (*_, yv) in zip(held, folds, strict=True))
    if stratify:
        assert all(sorted(Counter(yv).values()) in ([2, 2], [2, 3]) for *_, yv in folds)


def test_five_folds_unless_said_otherwise_and_as_many_as_examples_at_the_most():
    assert len(list(k_fold(*numbered(10), rng=0))) == 5
    assert sorted(yv for *_, yv in k_fold(*numbered(4), 4, rng=0)) == [[0.0], [10.0], [20.0], [30.0]]
    assert [yv for *_, yv in k_fold(*numbered(9), 3, rng=0)] != [yv for *_, yv in k_fold(*numbered(9), 3, rng=1)]


@pytest.mark.parametrize(
    ("y", "divide", "message"),
    [
        ([0, 0, 1], lambda X, y: split(X, y, 0.4, rng=0, stratify=True), "class 1 has 1 of the 2 examples that strat"),
        ([0, 1, 1], lambda X, y: split(X, y, 0.4, rng=0, stratify=True), "class 0 has 1 of the 2 examples"),
        ([1, 0], lambda X, y: split(X, y, 0.5, rng=0, stratify=True), "class 0 has 1 of the 2 examples"),
        ([0, 0, 0, 2.5, 2.5], lambda X, y: k_fold(X, y, 3, rng=0, stratify=True), "class 2.5 has 2 of the 3 examples"),
        ([[1, 0], [1, 0], [0, 1]], lambda X, y: split(X, y, rng=0, stratify=True), r"\[0.0, 1.0\] stand 1 times, .* 2"),
        ([0, 1], lambda X, y: k_fold(X, y, 1, rng=0), "folds must be at least 2, not 1"),
        ([0, 1], lambda X, y: k_fold(X, y, 3, rng=0), "folds is 3, and there are 2 examples: give at most 2"),
        ([0, 1], lambda X, y: k_fold(X, y, 2, rng=None), "k_fold needs randomness"),
        ([0, 1], lambda X, y: split(X, y, 0.5, rng=None), "split needs randomness"),
        ([0, 1], lambda X, y: split(X[:1], y, 0.5, rng=0), "X has 1 rows and y has 2"),
    ],
)
def test_what_cannot_be_divided_is_refused_with_the_numbers(y, divide, message):
    with pytest.raises(ValueError, match=f"^{message}|^the targets {message}"):
        divide(list(range(len(y))), y)


def test_two_of_each_class_are_enough_to_hold_one_out():
    *_, held = split([1, 2, 3, 4], [0, 0, 1, 1], 0.5, rng=0, stratify=True)
    assert held == [0.0, 1.0]
