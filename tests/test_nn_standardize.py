"""Standardize and its inverse: what they measure, how they map, and that a model keeps them."""

import random

import numpy as np
import pytest

import nn
from nn import SGD, Layer, Sequential, Standardize, fit


@pytest.mark.parametrize("kind", [list, np.array])
def test_standardize_measures_the_columns_and_maps_them_there_and_back(kind):
    rng = random.Random(0)
    rows = [[rng.gauss(5, 2), rng.uniform(-1, 0), 3.0] for _ in range(50)]
    standardize = Standardize.of(kind(rows))
    assert standardize.mean == pytest.approx(np.mean(rows, axis=0), rel=1e-14, abs=0.0)
    assert standardize.scale[:2] == pytest.approx(np.std(rows, axis=0)[:2], rel=1e-14, abs=0.0)
    assert standardize.scale[2] == 1.0, "a column of equals is moved and not divided by 0"
    mapped = standardize.transform(kind(rows))
    assert type(mapped) is type(kind(rows))
    assert np.mean(mapped, axis=0) == pytest.approx([0.0] * 3, abs=1e-14)
    assert np.std(mapped, axis=0)[:2] == pytest.approx([1.0, 1.0], rel=1e-13, abs=0.0)
    assert np.array(standardize.inverse().transform(mapped)) == pytest.approx(np.array(rows), rel=1e-13, abs=0.0)
    assert np.array([standardize(row) for row in rows]) == pytest.approx(np.array(mapped), rel=0.0, abs=0.0)


def test_standardize_takes_a_column_of_targets_and_gives_numbers_back():
    standardize = Standardize.of([1.0, 3.0])
    assert standardize.transform([1.0, 3.0, 5.0]) == [-1.0, 1.0, 3.0]
    assert list(standardize.transform(np.array([1.0, 5.0]))) == [-1.0, 3.0]
    assert standardize.inverse()([3.0]) == 5.0


def test_standardize_counts_examples_by_their_weights():
    assert Standardize.of([[0.0], [1.0], [9.0]], [3.0, 1.0, 0.0]).mean == [0.25]
    repeated, weighted = Standardize.of([1.0, 1.0, 4.0]), Standardize.of([1.0, 4.0, 7.0], [2, 1, 0])
    assert (repeated.mean, repeated.scale) == (weighted.mean, weighted.scale)
    with pytest.raises(ValueError, match="every example has weight 0"):
        Standardize.of([1.0], [0.0])


def test_targets_are_learned_standardised_and_predicted_in_their_own_units(tmp_path):
    xs = [[float(i)] for i in range(20)]
    ys = [1000.0 + 50.0 * x[0] for x in xs]
    scale_x, scale_y = Standardize.of(xs), Standardize.of(ys)
    inner = Sequential(scale_x, Layer(1, 1, rng=0))
    fit(inner, xs, scale_y.transform(ys), optimizer=SGD(inner.parameters(), 0.3), epochs=60, progress=False)
    model = Sequential(inner, scale_y.inverse())
    assert model.predict([[30.0]])[0] == pytest.approx(2500.0, rel=1e-9, abs=0.0)
    nn.save(model, tmp_path / "m.json")
    assert nn.load(tmp_path / "m.json").predict([[30.0]]) == model.predict([[30.0]])


def test_a_column_whose_variance_is_below_all_floats_is_divided_by_one():
    standardize = Standardize.of([[1e-200, 1.0], [2e-200, 3.0]])
    assert standardize.scale == [1.0, 1.0] and standardize([2e-200, 3.0]) == [pytest.approx(5e-201, abs=0.0), 1.0]


def test_the_scale_is_the_standard_deviation_of_the_n_and_1_where_all_that_count_are_equal():
    assert Standardize.of([0.0, 4.0]).scale == [2.0]
    assert Standardize.of([0.1] * 3).scale == [1.0], "though rounding gives their mean another last digit"
    assert Standardize.of([0.1, 0.1, 0.1, 5.0], [1, 1, 1, 0]).scale == [1.0]


def test_one_row_stays_a_row_and_one_target_a_number():
    standardize = Standardize([1.0], [2.0])
    assert standardize.transform([[3.0]]) == [[1.0]]
    assert standardize.transform([3.0]) == [1.0]
    assert repr(standardize.inverse()) == "Unstandardize(1)"


def test_it_takes_and_gives_as_many_numbers_as_it_measured():
    with pytest.raises(ValueError, match=r"Layer\(2 → 1, linear\), takes 2 inputs and gets 3"):
        Sequential(Standardize([0.0] * 3, [1.0] * 3), Layer(2, 1, rng=0))


def test_rows_that_come_one_by_one_are_mapped_as_those_of_a_list():
    standardize, rows = Standardize([1.0], [2.0]), [[3.0], [5.0]]
    assert standardize.transform(iter(rows)) == standardize.transform(rows) == [[1.0], [2.0]]
    assert standardize.transform(dict(enumerate([3.0, 5.0])).values()) == [1.0, 2.0]
    for wrong in ({0: 3.0}, 3.0):
        with pytest.raises(TypeError, match="X must be a sequence with an entry for each example, not"):
            standardize.transform(wrong)
