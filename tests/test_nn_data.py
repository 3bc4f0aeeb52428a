"""Data as arrays, frames and lists: checked once, named where they fail, divided with their kind kept."""

# ruff: noqa: E501, N806 (a table is easier to read in long lines; X is the field's name)
import math
import random
from collections import Counter
from decimal import Decimal

import numpy as np
import pytest

import nn
from autodiff import Value
from nn import MLP, SGD, evaluate, fit, k_fold, minibatches, split
from nn.data import Rows, as_examples, as_rows, as_targets

pandas = pytest.importorskip("pandas", reason="pandas is not installed (extra test)")

MODEL = MLP(2, [1], rng=0)
NAN = math.nan


# Arrays.


def test_an_array_of_floats_is_checked_and_not_copied():
    table = np.random.default_rng(0).normal(size=(50, 3))
    rows = as_rows(table)
    assert rows.table is table
    assert (len(rows), rows.width) == (50, 3)
    assert rows[7] == table[7].tolist()
    assert all(type(x) is float for x in rows[7])


@pytest.mark.parametrize("dtype", [np.float32, np.int64, np.uint8, bool, np.float16])
def test_arrays_of_other_numbers_are_read_as_floats(dtype):
    table = np.array([[1, 0], [0, 1]], dtype=dtype)
    assert as_rows(table).tolist() == [[1.0, 0.0], [0.0, 1.0]]
    assert as_targets(table[:, 0]) == [1.0, 0.0]


def test_checked_rows_are_not_checked_again():
    rows = as_rows([[1.0, 2.0]])
    assert as_rows(rows, "X", 2) is rows
    with pytest.raises(ValueError, match=r"X\[0\] has 2 features \(row 0\), the model takes 3"):
        as_rows(rows, "X", 3)
    assert isinstance(rows[:1], Rows)


@pytest.mark.parametrize(
    "kind",
    [list, np.array, pandas.DataFrame, lambda t: [np.array(r) for r in t], lambda t: np.array(t, dtype=object), tuple],
)
def test_every_kind_of_table_gives_the_same_predictions_and_the_same_training(kind):
    table, y = [[0.5, -1.0], [2.0, 0.25], [-0.75, 1.5]], [1.0, 2.0, 3.0]
    model, reference = MLP(2, [3, 1], rng=0), MLP(2, [3, 1], rng=0)
    assert model.predict(kind(table)) == reference.predict(table)
    arguments = {"epochs": 3, "batch_size": 2, "rng": 0, "progress": False}
    history = fit(model, kind(table), y, optimizer=SGD(model.parameters(), 0.1), **arguments)
    expected = fit(reference, table, y, optimizer=SGD(reference.parameters(), 0.1), **arguments)
    assert history.loss == expected.loss
    assert evaluate(model, kind(table), np.array(y)) == evaluate(reference, table, pandas.Series(y))


@pytest.mark.parametrize(
    ("table", "error", "message"),
    [
        (np.array([[1.0, 2.0], [1.0, NAN]]), ValueError, r"X\[1\]\[1\] is nan \(row 1, column 1\)"),
        (np.array([[1.0, -math.inf]]), ValueError, r"X\[0\]\[1\] is -inf \(row 0, column 1\)"),
        (np.array([[1.0, 2.0, 3.0]]), ValueError, r"X\[0\] has 3 features \(row 0\), the model takes 2"),
        (np.zeros((2, 3, 4)), TypeError, "X has 3 dimensions: give a table, one row of numbers for each example"),
        (np.zeros((0, 2)), ValueError, "X is empty: give at least one example, with at least one number"),
        (np.zeros((2, 0)), ValueError, "X is empty: give at least one example, with at least one number"),
        (np.array([["a", "b"]]), TypeError, r"X\[0\]\[0\] is str 'a' \(row 0, column 0\)"),
        (np.array([[1.0, 2j]]), TypeError, r"X\[0\]\[0\] is complex"),
        (pandas.DataFrame({"age": [1.0, NAN], "b": [1.0, 2.0]}), ValueError, r"X\[1\]\[0\] is nan \(row 1, column 0, 'age'\)"),
        (pandas.DataFrame({"a": [1, 2], "sex": ["m", "f"]}), TypeError, r"X\[0\]\[1\] is str 'm' \(row 0, column 1, 'sex'\)"),
        (
            pandas.DataFrame({"age": pandas.array([1, None], dtype="Int64"), "b": [1.0, 2.0]}),
            TypeError,
            r"X\[1\]\[0\] is NAType <NA> \(row 1, column 0, 'age'\)",
        ),
        ([1.0, 2.0], ValueError, r"X holds a row for each example, and X\[0\] is a number where the model takes 2: .* \[\[…\]\]"),
        ([[1.0, 2.0], []], ValueError, r"X\[1\] is empty \(row 1\)"),
        ([[1.0, [2.0]]], TypeError, r"X\[0\]\[1\] is list \[2.0\]"),
        ([[1e308, 1e308]], None, ""),  # whose sum is no float, and which are
    ],
)  # fmt: skip
def test_a_table_that_is_none_names_the_row_and_the_column(table, error, message):
    if error is None:
        assert as_rows(table).tolist() == table
        return
    with pytest.raises(error, match=message):
        MODEL.predict(table)


def test_a_sparse_matrix_is_refused_with_what_to_write():
    scipy_sparse = pytest.importorskip("scipy.sparse")
    with pytest.raises(TypeError, match=r"X is a sparse csr_matrix: write X.toarray\(\)"):
        MODEL.predict(scipy_sparse.csr_matrix([[1.0, 2.0]]))


def test_classes_that_are_texts_are_to_be_numbered():
    with pytest.raises(TypeError, match=r"y\[1\] is str 'dog' \(row 1\): number the classes, 0, 1, 2, …"):
        as_targets([0, "dog"])


def test_one_example_is_told_from_rows_and_its_bad_inputs_have_a_place():
    for x in ([[1.0, 2.0]], np.array([[1.0, 2.0], [3.0, 4.0]])):
        with pytest.raises(ValueError, match=r"MLP takes one example, and was given rows: predict\(X\) takes rows"):
            MODEL(x)
    with pytest.raises(ValueError, match="input 1 of MLP is nan"):
        MODEL([1.0, NAN])
    with pytest.raises(TypeError, match="input 0 of MLP is str 'a'"):
        MODEL(["a", 1.0])


def test_a_frame_of_numbers_is_checked_as_the_one_array_that_it_holds():
    rows = as_rows(pandas.DataFrame({"a": [1, 2], "b": [3.5, 4.0]}))
    assert isinstance(rows.table, np.ndarray)
    assert rows.tolist() == [[1.0, 3.5], [2.0, 4.0]]
    column = np.array([1.0, 2.0])
    assert np.shares_memory(as_rows(column).table, column)


def test_a_row_that_is_handed_out_is_a_list_of_its_own():
    for rows in (as_rows([(1.0, 2.0)]), as_rows(np.array([[1.0, 2.0]]))):
        rows[0].append(3.0)
        assert rows.tolist() == [[1.0, 2.0]]


def test_lists_are_read_where_numpy_is_not_loaded(monkeypatch):
    monkeypatch.delitem(__import__("sys").modules, "numpy")
    assert as_rows([[1, 2], (3.0, 4.0)]).tolist() == [[1.0, 2.0], [3.0, 4.0]]


@pytest.mark.parametrize(
    ("targets", "expected"),
    [
        ([[1.0], [2.0]], [1.0, 2.0]),
        ([1, [2]], [1.0, 2.0]),
        (np.array([[1], [2]]), [1.0, 2.0]),
        (np.array([[1, 0], [0, 1]]), [[1.0, 0.0], [0.0, 1.0]]),
        (pandas.DataFrame({"a": [1, 0], "b": [0, 1]}), [[1.0, 0.0], [0.0, 1.0]]),
        ((pandas.Series([1, 0]), np.array([0, 1])), [[1.0, 0.0], [0.0, 1.0]]),
        (iter([1, 2]), [1.0, 2.0]),
        (range(3), [0.0, 1.0, 2.0]),
    ],
)
def test_a_column_of_targets_counts_as_numbers_and_rows_stay_rows(targets, expected):
    found = as_targets(targets)
    assert found == expected
    assert {type(entry) for entry in found} == {type(expected[0])}


@pytest.mark.parametrize(
    ("read", "given", "error", "message"),
    [
        (as_rows, [[1.0, 2.0], [3.0]], ValueError, r"X\[1\] has 1 feature \(row 1\), X\[0\] has 2$"),
        (as_rows, [[1.0], [3.0, 4.0]], ValueError, r"X\[1\] has 2 features \(row 1\), X\[0\] has 1$"),
        *[(as_rows, x, ValueError, "X is empty: give at least one example$") for x in ([], (), iter([]))],
        (as_rows, [[1.0, NAN]], ValueError, r"X\[0\]\[1\] is nan \(row 0, column 1\): only finite"),
        (as_rows, [[1, 10**400]], ValueError, r"X\[0\]\[1\] is too large for a float \(row 0, column 1\)"),
        (as_rows, [["1.5"]], TypeError, r"X\[0\]\[0\] is str '1.5' \(row 0, column 0\): only numbers"),
        (as_rows, [[Decimal("sNaN")]], TypeError, r"X\[0\]\[0\] is Decimal\('sNaN'\) \(row 0, column 0\)"),
        (as_rows, np.array(3.0), TypeError, "X must be a sequence with an entry for each example, not float 3.0"),
        *[
            (as_rows, x, TypeError, "X must be a sequence with an entry for each example, not ")
            for x in (3.0, None, "ab", b"ab", {"a": 1}, Value(2.0))
        ],
        (as_targets, [], ValueError, "y is empty: give at least one example$"),
        (as_targets, pandas.DataFrame(np.zeros((0, 2))), ValueError, "y is empty: .* with at least one number"),
        (as_targets, np.zeros((2, 1, 1)), TypeError, "y has 3 dimensions"),
        (as_targets, np.array([1.0, NAN]), ValueError, r"y\[1\] is nan \(row 1\): only finite"),
        (as_targets, [[1.0, 0.0], 1.0], ValueError, r"y\[1\] has 1 feature \(row 1\), y\[0\] has 2"),
        (as_targets, [0, None], TypeError, r"y\[1\] is NoneType None \(row 1\): only numbers"),
        (as_targets, [0, "1"], TypeError, r"y\[1\] is str '1' \(row 1\): only numbers"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_name_and_place(read, given, error, message):
    with pytest.raises(error, match=f"^{message}"):
        read(given)


@pytest.mark.parametrize(
    ("columns", "place"),
    [
        (["age", "height"], r"\(row 0, column 1, 'height'\)"),
        ([0, "height"], r"\(row 0, column 1, 'height'\)"),
        (["age", 1], r"\(row 0, column 1\)"),
        ([("a", "x"), ("a", "y")], r"\(row 0, column 1\)"),
    ],
)
def test_a_column_of_a_frame_is_named_where_its_name_is_a_text(columns, place):
    for second in (NAN, "x"):
        with pytest.raises((TypeError, ValueError), match=place):
            as_rows(pandas.DataFrame([[1.0, second]], columns=columns))


@pytest.mark.parametrize("kind", [list, np.array, pandas.Series])
def test_one_example_in_the_place_of_a_table_is_told_how_to_write_it(kind):
    with pytest.raises(
        ValueError, match=r"X\[0\] is a number where the model takes 2: for one example write \[\[…\]\]"
    ):
        MODEL.predict(kind([1.0, 2.0]))


def test_examples_and_targets_go_together():
    assert as_examples(np.array([[1, 2]]), [3], 2) == ([[1.0, 2.0]], [3.0])
    with pytest.raises(ValueError, match="validation X has 2 rows and validation y has 1: give one target for each"):
        as_examples([1, 2], [3], None, "validation ")


def test_one_example_is_numbers_and_values_and_stays_as_it_was_given():
    given, of_one = [1, Value(2.0)], MLP(1, [1], rng=0)
    expected = MODEL([1.0, 2.0]).data
    assert [MODEL(x).data for x in (given, tuple(given), iter(given), np.array([1, 2]))] == [expected] * 4
    assert type(given[0]) is int
    assert of_one(3).data == of_one(Value(3.0)).data == of_one([3.0]).data
    x = Value(3.0)
    of_one(x).backward()
    assert x.grad == of_one.parameters()[0].data


@pytest.mark.parametrize(
    ("x", "error", "message"),
    [
        ("ab", TypeError, "MLP takes one example, a sequence of numbers, not str 'ab'"),
        ({"a": 1}, TypeError, "MLP takes one example, a sequence of numbers, not dict"),
        ([1.0], ValueError, "MLP takes 2 inputs, and was given 1$"),
        ([1.0, [2.0]], ValueError, "MLP takes one example, and was given rows"),
    ],
)
def test_what_is_not_one_example_is_refused(x, error, message):
    with pytest.raises(error, match=message):
        MODEL(x)


# Divided.


def classes(y):
    return Counter(float(t) for t in y)


@pytest.mark.parametrize("kind", ["lists", "arrays", "frames"])
def test_what_is_divided_keeps_its_kind_and_its_pairs(kind):
    X, y = [[float(i), -float(i)] for i in range(20)], [10.0 * i for i in range(20)]
    if kind != "lists":
        X, y = np.array(X), np.array(y)
    if kind == "frames":
        X, y = pandas.DataFrame(X, columns=["a", "b"]), pandas.Series(y)
    for parts in (split(X, y, 0.3, rng=0), *k_fold(X, y, 4, rng=0)):
        assert [type(part) for part in parts] == [type(X), type(y)] * 2
        train, held = np.array(parts[0])[:, 0].tolist(), np.array(parts[2])[:, 0].tolist()
        assert sorted(train + held) == list(map(float, range(20)))
        assert [10.0 * x for x in train + held] == [*np.array(parts[1]), *np.array(parts[3])]


def test_a_seed_divides_as_it_always_did():
    X, y = list(range(10)), list(range(10))
    order = list(range(10))
    random.Random(3).shuffle(order)
    assert split(X, y, 0.3, rng=3)[3] == sorted(map(float, order[:3]))


@pytest.mark.parametrize("seed", range(5))
def test_stratified_parts_have_every_class_in_proportion(seed):
    y = [0] * 50 + [1] * 25 + [2] * 6
    random.Random(seed).shuffle(y)
    X = list(range(len(y)))
    _, train, _, held = split(X, y, 0.2, rng=seed, stratify=True)
    assert (classes(held), len(train)) == ({0: 10, 1: 5, 2: 1}, 65)
    held_out = []
    for train_x, _, held_x, held_y in k_fold(X, y, 3, rng=seed, stratify=True):
        assert set(classes(held_y)) == {0, 1, 2}
        assert abs(classes(held_y)[0] - 50 / 3) < 1
        assert abs(classes(held_y)[1] - 25 / 3) < 1
        assert classes(held_y)[2] == 2
        assert len(train_x) + len(held_x) == len(y)
        held_out += [x[0] for x in held_x]
    assert sorted(held_out) == list(map(float, X)), "each example is held out once"


def test_folds_differ_by_one_example_at_the_most():
    assert sorted(len(held) for *_, held in k_fold(range(11), range(11), 4, rng=0)) == [2, 3, 3, 3]
    one_hot = [[1, 0], [0, 1]] * 4
    assert len(list(k_fold(range(8), one_hot, 4, rng=0, stratify=True))) == 4


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda: k_fold([1, 2], [1, 2], 3, rng=0), "folds is 3, and there are 2 examples: give at most 2"),
        (lambda: k_fold([1, 2], [1, 2], 1, rng=0), "folds must be at least 2"),
        (lambda: split([1, 2, 3], [0, 0, 1], 0.4, rng=0, stratify=True), "class 1 has 1 of the 2 examples"),
        (lambda: k_fold([1, 2, 3, 4], [0, 0, 0, 1], 2, rng=0, stratify=True), "class 1 has 1 of the 2 examples"),
        (lambda: split([1, 2, 3], [[1, 0], [1, 0], [0, 1]], rng=0, stratify=True), r"\[0.0, 1.0\] stand 1 times"),
        (lambda: split([1], [1, 2], rng=0), "X has 1 rows and y has 2"),
        (lambda: minibatches(5, 2, replacement=True), "pass rng=0"),
        (lambda: minibatches(5, replacement=True), "pass rng=0"),
    ],
)
def test_what_cannot_be_divided_is_refused(act, message):
    with pytest.raises(ValueError, match=message):
        act()


# With replacement.


def test_batches_with_replacement_are_drawn_uniformly_from_all_examples():
    drawn = [i for seed in range(400) for batch in minibatches(10, 3, seed, replacement=True) for i in batch]
    assert len(drawn) == 4000
    counts = Counter(drawn)
    assert all(abs(counts[i] - 400) < 5 * math.sqrt(400 * 0.9) for i in range(10))
    assert [len(b) for b in minibatches(10, 3, 0, replacement=True)] == [3, 3, 3, 1]
    assert any(len(set(batch)) < 5 for seed in range(20) for batch in minibatches(5, 5, seed, replacement=True))
    assert [len(b) for b in minibatches(6, None, 0, replacement=True)] == [6]


def test_the_estimate_of_batches_with_replacement_is_unbiased_and_spreads_more():
    """Rows 17 and 28: without replacement a batch of K of n has (n − K)/(n − 1) times the variance."""
    values = [1.0, 2.0, 4.0, 9.0, -3.0, 0.5]
    mean, variance = np.mean(values), np.var(values)

    def estimates(replacement):
        batches = (next(minibatches(6, 3, seed, replacement=replacement)) for seed in range(6000))
        return np.array([np.mean([values[i] for i in batch]) for batch in batches])

    with_it, without = estimates(True), estimates(False)
    assert with_it.mean() == pytest.approx(mean, abs=0.1)
    assert without.mean() == pytest.approx(mean, abs=0.1)
    assert with_it.var() == pytest.approx(variance / 3, rel=0.08, abs=0.0)
    assert without.var() == pytest.approx(variance / 3 * (6 - 3) / (6 - 1), rel=0.08, abs=0.0)


def test_fit_draws_with_replacement_when_asked_to():
    model = MLP(1, [1], init="zeros")
    optimizer = SGD(model.parameters(), 0.0)
    history = fit(
        model, [0, 0, 0, 0], [0, 1, 2, 3], optimizer=optimizer, epochs=3, batch_size=2, replacement=True, rng=5,
        progress=False,
    )  # fmt: skip
    rng = random.Random(5)
    drawn = [[i for batch in minibatches(4, 2, rng, replacement=True) for i in batch] for _ in range(3)]
    assert history.loss == [float(np.mean([i * i for i in epoch])) for epoch in drawn]
    with pytest.raises(ValueError, match="pass rng=0"):
        fit(model, [0, 0], [0, 1], optimizer=optimizer, epochs=1, replacement=True)


def test_a_standardised_table_is_what_a_model_gets():
    table = np.random.default_rng(0).normal(5.0, 2.0, size=(30, 2))
    standardize = nn.Standardize.of(table)
    inner = MLP(2, [3, 1], rng=0)
    assert nn.Sequential(standardize, inner).predict(table) == inner.predict(standardize.transform(table))
