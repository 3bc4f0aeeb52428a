"""Examples: X and y against the model and the loss that they are for; what each counts."""

import re

import pytest

import nn
from nn import MLP, Loss, Meaning, Module, Sequential, Softmax
from nn.examples import Examples, count_outputs, require_fitting, warn_of_labels_from_one
from nn.losses import as_loss

LOGITS = "binary_cross_entropy_with_logits"


def examples(y, loss="mse", outputs=1, **settings):
    return Examples(MLP(1, [outputs], init="zeros"), as_loss(loss), [[float(i)] for i in range(len(y))], y, **settings)


def test_they_are_floats_with_a_weight_of_1_each_and_targets_as_the_loss_reads_them():
    found = examples([1, 0, 2], "cross_entropy", 3)
    assert found.rows.tolist() == [[0.0], [1.0], [2.0]]
    assert found.targets == [1.0, 0.0, 2.0]
    assert found.prepared == [[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    assert (found.weights, found.outputs, len(found)) == ([1.0] * 3, 3, 3)


@pytest.mark.parametrize(
    ("labels", "loss", "outputs", "expected"),
    [
        ([0, 1, 1, 1], LOGITS, 1, [2.0, 2 / 3, 2 / 3, 2 / 3]),
        ([-1, 1, 1, 1], "hinge", 1, [2.0, 2 / 3, 2 / 3, 2 / 3]),
        ([0, 2, 1, 2], "cross_entropy", 3, [4 / 3, 2 / 3, 4 / 3, 2 / 3]),
        ([[0, 1], [1, 0], [0, 1], [0, 1]], "cross_entropy", 2, [2 / 3, 2.0, 2 / 3, 2 / 3]),
    ],
)
def test_balanced_classes_weigh_the_same_and_their_mean_is_1(labels, loss, outputs, expected):
    weights = examples(labels, loss, outputs, class_weight="balanced").weights
    assert weights == pytest.approx(expected, rel=1e-15, abs=0.0)
    doubled = examples(labels, loss, outputs, class_weight="balanced", sample_weight=[2.0] * 4).weights
    assert doubled == [2.0 * w for w in weights]


def test_a_weight_by_class_may_be_0_and_one_for_a_class_that_is_not_there_is_no_matter():
    assert examples([0, 1, 0], LOGITS, class_weight={0: 0.0, 1: 2, 7: 3.0}).weights == [0.0, 2.0, 0.0]
    with pytest.raises(ValueError, match="^every validation example has weight 0: nothing is left$"):
        examples([0, 0], LOGITS, class_weight={0: 0.0}, where="validation ")


@pytest.mark.parametrize("class_weight", ["balanced", {0: 1.0, 1: 2.0}])
def test_of_several_labels_none_has_a_weight_by_class(class_weight):
    with pytest.raises(ValueError, match="class_weight is for one class an example; .* labels give sample_weight"):
        examples([[0, 1], [1, 1]], LOGITS, 2, class_weight=class_weight)


def test_the_first_class_without_a_weight_is_named():
    with pytest.raises(ValueError, match="class_weight has no weight for class 1: give one for each class in y"):
        examples([2, 1, 0], "cross_entropy", 3, class_weight={0: 1.0})


@pytest.mark.parametrize(
    ("y", "message"),
    [
        ([1.0, 5.0], "validation y[1]: with 3 outputs cross_entropy takes labels 0 … 2, not 5.0"),
        ([1.0], "validation X has 2 rows and validation y has 1: give one target for each row"),
        (["a", 1.0], "validation y[0] is str 'a' (row 0)"),
    ],
)
def test_where_they_come_from_stands_before_what_is_wrong(y, message):
    with pytest.raises((TypeError, ValueError), match=re.escape(message)):
        Examples(MLP(1, [3], init="zeros"), as_loss("cross_entropy"), [[0.0], [1.0]], y, where="validation ")


class Sized(Module):
    """A model that does not say how many outputs it has."""

    def __init__(self, outputs):
        self.count, self._runs = outputs, []

    def forward(self, inputs):
        self._runs.append(list(inputs))
        return [inputs[0]] * self.count


@pytest.mark.parametrize("outputs", [1, 2, 3])
def test_a_model_that_does_not_say_how_many_outputs_it_has_is_run_on_the_first_row(outputs):
    model, loss = Sized(outputs), as_loss("mse")
    found = Examples(model, loss, [[1.0], [2.0]], [[0.0] * outputs] * 2)
    assert found.outputs == outputs
    assert model._runs == [[1.0]]
    assert count_outputs(MLP(1, [4], init="zeros"), found.rows) == 4


SIGMOID, SOFTMAX = MLP(1, [1], output="sigmoid", rng=0), Sequential(MLP(1, [2], rng=0), Softmax())


@pytest.mark.parametrize(
    ("model", "loss", "instead"),
    [
        (SIGMOID, LOGITS, "binary_cross_entropy"),
        (SOFTMAX, "cross_entropy", "negative_log_likelihood"),
        (MLP(1, [2], output="sigmoid", rng=0), "cross_entropy", "negative_log_likelihood"),
    ],
)
def test_probabilities_are_no_logits(model, loss, instead):
    with pytest.raises(ValueError, match=rf"{loss} takes logits, .* \(which is stable\), or use {instead}$"):
        require_fitting(model, as_loss(loss))
    with pytest.raises(ValueError, match=rf"{loss} takes logits"):
        Examples(model, as_loss(loss), [[0.0]], [[0.0, 1.0] if model is not SIGMOID else 0.0])


@pytest.mark.parametrize("loss", ["mse", "binary_cross_entropy", "hinge", Loss(lambda p, t: p - t)])
def test_other_losses_take_probabilities(loss):
    require_fitting(SIGMOID, as_loss(loss))
    for logits in (MLP(1, [1], rng=0), Sized(1)):
        require_fitting(logits, as_loss(LOGITS))


@pytest.mark.parametrize(
    ("y", "loss", "outputs", "warns"),
    [
        ([1, 2], "cross_entropy", 3, True),
        ([1, 1], "cross_entropy", 2, True),
        ([1, 0], "cross_entropy", 3, False),
        ([[0, 1], [0, 1]], "cross_entropy", 2, False),
        ([1, 1], LOGITS, 1, False),
        ([1, 2], "mse", 1, False),
        ([1, 2], Loss(lambda p, t: p[0] - t), 3, False),
        ([1, 2], Loss(nn.cross_entropy, Meaning("logit", exclusive=True)), 3, True),
    ],
)
def test_classes_that_seem_to_count_from_1_are_warned_of(y, loss, outputs, warns, recwarn):
    found, loss = examples(y, loss, outputs), as_loss(loss)
    warn_of_labels_from_one(found, loss)
    last = outputs - 1
    expected = [f"no example has class 0, and there are outputs for classes 0 … {last}: if y counts from 1, subtract 1"]
    assert [str(warning.message) for warning in recwarn] == (expected if warns else [])
