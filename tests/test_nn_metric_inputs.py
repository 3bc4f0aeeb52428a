"""What metrics are given: predictions and targets of every kind, and what is said of those that do not fit."""

import functools
import math
from decimal import Decimal

import numpy as np
import pytest

import nn

pandas = pytest.importorskip("pandas", reason="pandas is not installed (extra test)")


@pytest.mark.parametrize("kind", [list, tuple, np.array, pandas.DataFrame, lambda rows: [tuple(row) for row in rows]])
def test_rows_of_every_kind_give_the_same_numbers(kind):
    predictions, targets = [[1.0, 5.0], [2.0, 2.0]], [[1.0, 3.0], [2.0, 4.0]]
    assert nn.rmse(kind(predictions), kind(targets)) == math.sqrt(2.0)
    assert nn.r2(kind(predictions), kind(targets)) == 1.0 - 8.0 / 5.0
    labels, right = [[1, 0], [1, 1]], [[1, 0], [0, 1]]
    assert nn.accuracy(kind(labels), kind(right)) == 0.5
    assert nn.f1(kind(labels), kind(right), "macro") == pytest.approx((2 / 3 + 1.0) / 2, rel=1e-15, abs=0.0)


def test_a_column_of_predictions_counts_as_numbers():
    assert nn.rmse([[1.0], [5.0]], [1.0, 3.0]) == math.sqrt(2.0)


@pytest.mark.parametrize("metric", [nn.rmse, nn.r2])
@pytest.mark.parametrize(
    ("predictions", "targets", "error", "message"),
    [
        ([], [], ValueError, "predictions is empty: give at least one example"),
        (1.0, [1.0], TypeError, "predictions must be a sequence with an entry for each example, not float 1.0"),
        ([1.0, None], [1.0, 2.0], TypeError, r"predictions\[1\] is NoneType None"),
        ([1.0], [math.nan], ValueError, r"targets\[0\] is nan"),
        ([1.0, 2.0], [1.0], ValueError, "predictions are 2 × 1 numbers, and targets 1 × 1: a class index is no"),
        ([[1.0, 2.0]], [1.0], ValueError, "predictions are 1 × 2 numbers, and targets 1 × 1: a class index is no"),
        ([[1.0, 2.0]] * 2, [1.0] * 4, ValueError, "predictions are 2 × 2 numbers, and targets 4 × 1: a class index is"),
    ],
)
def test_values_that_do_not_fit_are_refused_with_what_they_are(metric, predictions, targets, error, message):
    with pytest.raises(error, match=f"^{message}"):
        metric(predictions, targets)


@pytest.mark.parametrize("wrong", ["a", None, math.nan, math.inf, 0.5, Decimal(1), [1, "a"], (1, 0.5)])
def test_what_is_no_class_is_named_with_its_place(wrong):
    for metric in (nn.accuracy, nn.recall, nn.confusion_matrix):
        with pytest.raises(ValueError, match=rf"{metric.__name__} compares classes, and targets\[1\] is "):
            metric([0, 1], [0, wrong])


def test_one_class_in_the_place_of_a_list_is_refused():
    with pytest.raises(TypeError, match=r"classes must be a list, as in \[0, 1, 1\], not int 1"):
        nn.accuracy(1, [1])  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"targets must be a list, as in \[0, 1, 1\], not int 1"):
        nn.accuracy([1], 1)  # type: ignore[arg-type]


def test_classes_of_a_confusion_matrix_are_in_their_order_and_each_must_be_among_the_labels():
    assert nn.confusion_matrix([8, 1, 1], [1, 1, -1]) == [[0, 1, 0], [0, 1, 1], [0, 0, 0]]
    for classes, targets, missing in (([0], [1], 1), ([2], [0], 2)):
        with pytest.raises(ValueError, match=rf"^class {missing} is not among the labels \[0\]$"):
            nn.confusion_matrix(classes, targets, labels=[0])


def test_a_metric_is_called_as_its_partial_is_called():
    def worst(predictions, targets, factor):
        return factor * max(abs(p - t) for p, t in zip(predictions, targets, strict=True))

    plain, named = functools.partial(worst, factor=2.0), functools.partial(worst, factor=3.0)
    named.__name__ = "three_times_worst"  # type: ignore[attr-defined]
    found = nn.evaluate(nn.MLP(1, [1], init="zeros"), [[1.0], [2.0]], [1.0, -2.0], metrics=[plain, named])
    assert found == {"loss": 2.5, "worst": 4.0, "three_times_worst": 6.0}


def test_evaluate_names_a_target_that_is_no_class_and_what_is_no_model():
    model = nn.MLP(1, [1], rng=0)
    with pytest.raises(ValueError, match=r"^y\[1\]: a label is 0 or 1 here, not 0.5"):
        nn.evaluate(model, [[1.0], [2.0]], [0.0, 0.5], "binary_cross_entropy_with_logits", ["accuracy"])
    loss = nn.Loss(nn.mse, meaning="probability")
    assert nn.evaluate(model, [[1.0]], [0.5], loss, ["rmse"])["rmse"] > 0.0, "no metric reads classes"
    with pytest.raises(TypeError, match="model must be a Module, not int 3"):
        nn.evaluate(3, [[1.0]], [1.0])  # type: ignore[arg-type]
