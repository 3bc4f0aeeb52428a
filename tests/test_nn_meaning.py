"""What outputs mean is said by the loss, and everything that needs it reads it there; nothing is guessed."""

import math
import random

import pytest

import nn
from autodiff import Value
from nn import MLP, SGD, Layer, Loss, Meaning, Sequential, Softmax, evaluate, fit
from nn.losses import LOSSES

LOGITS = "binary_cross_entropy_with_logits"
RNG = random.Random(0)
X = [[RNG.gauss(0, 1), RNG.gauss(0, 1)] for _ in range(60)]
Y = [float(a + 0.3 * b > 0.2) for a, b in X]


def trained(loss, outputs=1, y=Y, epochs=20, **settings):
    model = MLP(2, [4, outputs], rng=0, **settings)
    fit(model, X, y, loss=loss, optimizer=SGD(model.parameters(), 0.5), epochs=epochs, progress=False)
    return model


def share(claims):
    claims = list(claims)
    return sum(claims) / len(claims)


# A Meaning.


@pytest.mark.parametrize(
    ("meaning", "output", "expected"),
    [
        (Meaning("probability"), 0.4, 0),
        (Meaning("probability"), 0.6, 1),
        (Meaning("logit"), 0.4, 1),
        (Meaning("logit"), -0.1, 0),
        (Meaning("logit"), 0.0, 0),  # on the boundary: the lower label
        (Meaning("margin"), 0.1, 1),
        (Meaning("margin"), -0.1, -1),
        (Meaning("probability", threshold=0.3), 0.4, 1),
        (Meaning("logit", threshold=1.0), 0.4, 0),
        (Meaning("logit"), [3.0, -2.0, 5.0], [1, 0, 1]),
        (Meaning("logit", exclusive=True), [3.0, -2.0, 5.0], 2),
        (Meaning("probability", exclusive=True), [0.5, 0.5], 0),  # of equal ones the first
    ],
)
def test_a_meaning_tells_the_class_of_an_output(meaning, output, expected):
    assert meaning.class_of(output) == expected


@pytest.mark.parametrize(
    ("meaning", "target", "expected"),
    [
        (Meaning("logit"), 1.0, 1),
        (Meaning("margin"), -1.0, -1),
        (Meaning("logit"), [1.0, 0.0], [1, 0]),
        (Meaning("logit", exclusive=True), 2.0, 2),
        (Meaning("logit", exclusive=True), 0.0, 0),
        (Meaning("logit", exclusive=True), [0.0, 1.0], 1),
        (Meaning("logit", exclusive=True), [0.2, 0.5, 0.3], 1),
    ],
)
def test_a_meaning_tells_the_class_of_a_target(meaning, target, expected):
    assert str(meaning.class_of_target(target)) == str(expected), "a class is an int: 1, and not 1.0"


@pytest.mark.parametrize(
    ("meaning", "target"),
    [
        (Meaning("logit"), 0.5),
        (Meaning("logit"), -1.0),
        (Meaning("margin"), 0.0),
        (Meaning("logit", exclusive=True), 0.5),
        (Meaning("logit", exclusive=True), -1.0),
        (Meaning("logit", exclusive=True), [0.5, 0.5]),
        (Meaning("value"), 1.0),
    ],
)
def test_a_target_that_names_no_class_is_refused(meaning, target):
    with pytest.raises(ValueError, match="class|label"):
        meaning.class_of_target(target)


def test_values_stand_for_no_class():
    with pytest.raises(ValueError, match="^these outputs are values, and stand for no class"):
        Meaning("value").class_of(0.3)


def test_probabilities_are_the_sigmoid_or_the_softmax_of_logits_and_probabilities_themselves():
    assert Meaning("logit").probability_of(1.2) == pytest.approx(1 / (1 + math.exp(-1.2)), rel=1e-15, abs=0.0)
    assert Meaning("logit").probability_of([0.0, 1000.0]) == [0.5, 1.0]
    exclusive = Meaning("logit", exclusive=True).probability_of([1.0, 2.0])
    assert exclusive == pytest.approx([1 / (1 + math.e), math.e / (1 + math.e)], rel=1e-15, abs=0.0)
    assert Meaning("probability").probability_of(0.3) == 0.3
    for meaning in ("value", "margin"):
        with pytest.raises(ValueError, match=f"these outputs are {meaning}s, and have no probabilities"):
            Meaning(meaning).probability_of(0.3)


def test_classes_that_exclude_each_other_have_an_output_each():
    for means in (Meaning("logit", exclusive=True), Meaning("probability", exclusive=True)):
        with pytest.raises(ValueError, match="have an output each, and the model has one output"):
            means.class_of(0.7)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("score",), "'value', 'probability', 'logit', 'margin', not str 'score'"),
        (("margin", True), "have probabilities or logits, not margins"),
        (("value", False, 0.5), "a threshold parts two classes"),
        (("logit", True, 0.5), "a threshold parts two classes"),
        (("logit", False, math.nan), "threshold must be finite"),
    ],
)
def test_a_meaning_that_makes_no_sense_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Meaning(*arguments)


# Losses say it.


def test_every_loss_says_what_outputs_mean():
    found = {name: (loss.meaning.outputs, loss.meaning.exclusive) for name, loss in LOSSES.items()}
    assert found == {
        **dict.fromkeys(
            ["mse", "half_mse", "squared_error", "sum_of_squared_errors", "mae", "huber"], ("value", False)
        ),
        "hinge": ("margin", False),
        "binary_cross_entropy": ("probability", False),
        LOGITS: ("logit", False),
        "cross_entropy": ("logit", True),
        "negative_log_likelihood": ("probability", True),
    }


def test_accuracy_is_right_with_the_loss_and_without_it_and_for_a_loss_that_wraps_it():
    model = trained(LOGITS, epochs=2)
    right = share((model(x).data > 0.0) == (y == 1.0) for x, y in zip(X, Y, strict=True))
    at_one_half = share((model(x).data > 0.5) == (y == 1.0) for x, y in zip(X, Y, strict=True))
    assert right != at_one_half, "the example tells the two apart"

    def steeper(prediction, target):
        return 2.0 * nn.binary_cross_entropy_with_logits(prediction, target)

    assert evaluate(model, X, Y, LOGITS, ["accuracy"])["accuracy"] == right
    assert evaluate(model, X, Y, metrics=["accuracy"])["accuracy"] == right
    assert evaluate(model, X, Y, Loss(steeper, "logit"), ["accuracy"])["accuracy"] == right
    fresh = MLP(2, [1], rng=0)
    with pytest.raises(ValueError, match="accuracy needs to know .* steeper does not say: .*Loss"):
        evaluate(fresh, X, Y, steeper, ["accuracy"])
    history = fit(
        fresh, X, Y, loss=Loss(steeper, "logit"), optimizer=SGD(fresh.parameters(), 0.5), epochs=30,
        metrics=["accuracy"], progress=False, validation=(X[:20], Y[:20]),
    )  # fmt: skip
    assert history.validation_accuracy[-1] == share(
        (fresh(x).data > 0.0) == (y == 1.0) for x, y in zip(X[:20], Y[:20], strict=True)
    )


def test_without_a_loss_evaluate_measures_the_loss_that_the_model_was_trained_with():
    model = trained(LOGITS)
    assert evaluate(model, X, Y) == evaluate(model, X, Y, LOGITS)
    assert evaluate(MLP(2, [1], rng=0), X, Y) == evaluate(MLP(2, [1], rng=0), X, Y, "mse")
    own = trained(lambda p, t: (p - t) ** 2)
    with pytest.raises(ValueError, match="was trained with a loss of its own, <lambda>: give evaluate that loss"):
        evaluate(own, X, Y)


def test_accuracy_of_several_labels_counts_the_examples_with_every_label_right():
    meaning = Meaning("logit")
    outputs, targets = [[3.0, 2.0, 5.0], [3.0, -2.0, 5.0]], [[1.0, 1.0, 1.0], [1.0, 1.0, 1.0]]
    classes = [meaning.class_of(output) for output in outputs]
    assert nn.accuracy(classes, targets) == 0.5
    with pytest.raises(ValueError, match=r"accuracy compares classes, and classes\[0\] is \[3.0, 2.0, 5.0\]"):
        nn.accuracy(outputs, targets)


def test_several_labels_are_trained_predicted_and_measured():
    labels = [[float(a > 0), float(b > 0.5)] for a, b in X]
    model = trained(LOGITS, outputs=2, y=labels, epochs=300)
    classes = model.predict_class(X)
    assert classes == [[int(z > 0) for z in output] for output in model.predict(X)]
    found = evaluate(model, X, labels, metrics=["accuracy", "macro_f1"])
    assert found["accuracy"] == share(c == t for c, t in zip(classes, labels, strict=True)) > 0.9
    assert found["macro_f1"] > 0.9
    with pytest.raises(ValueError, match="f1 is that of class 1 against one other, and there are 2: use 'macro_f1'"):
        evaluate(model, X, labels, metrics=["f1"])


@pytest.mark.parametrize("loss", ["mse", "half_mse", "mae", "huber", "squared_error"])
def test_accuracy_of_values_is_refused_and_says_what_to_write(loss):
    model = trained(loss, epochs=1)
    with pytest.raises(ValueError, match=rf"\(by {loss}\): .*Loss\({loss}, meaning='probability'\)"):
        evaluate(model, X, Y, metrics=["accuracy"])


def test_a_loss_can_be_given_another_meaning():
    squared = Loss(nn.mse, meaning="probability")
    assert (squared.name, squared.meaning, nn.mse.meaning) == ("mse", Meaning("probability"), Meaning("value"))
    assert squared(0.7, 1.0) == nn.mse(0.7, 1.0)
    model = trained(squared, epochs=50)
    right = share((p > 0.5) == (y == 1.0) for p, y in zip(model.predict(X), Y, strict=True))
    assert evaluate(model, X, Y, squared, ["accuracy"])["accuracy"] == right > 0.8


def test_a_threshold_of_ones_own_is_obeyed_everywhere():
    cautious = Loss(nn.binary_cross_entropy_with_logits, Meaning("logit", threshold=2.0))
    model = trained(cautious)
    classes = [int(z > 2.0) for z in model.predict(X)]
    assert model.predict_class(X) == classes
    assert evaluate(model, X, Y, cautious, ["accuracy"])["accuracy"] == nn.accuracy(classes, Y)


# The model remembers it.


@pytest.mark.parametrize(
    ("loss", "outputs", "y"),
    [
        (LOGITS, 1, Y),
        ("hinge", 1, [2.0 * y - 1.0 for y in Y]),
        ("cross_entropy", 2, Y),
    ],
)
def test_a_trained_model_predicts_classes_and_a_fresh_one_asks(loss, outputs, y):
    model = trained(loss, outputs, y, epochs=60)
    assert share(c == t for c, t in zip(model.predict_class(X), y, strict=True)) > 0.9
    fresh = MLP(2, [4, outputs], rng=0)
    with pytest.raises(ValueError, match="predict_class needs to know what the outputs mean, .* was not trained"):
        fresh.predict_class(X)
    fresh.load_state_dict(model.state_dict())
    assert fresh.predict_class(X, model.meaning) == model.predict_class(X)


def test_probabilities_of_a_trained_model():
    model = trained(LOGITS)
    assert model.predict_proba(X) == [Meaning("logit").probability_of(z) for z in model.predict(X)]
    several = trained("cross_entropy", 2)
    assert all(sum(p) == pytest.approx(1.0, rel=1e-15, abs=0.0) for p in several.predict_proba(X))
    with pytest.raises(ValueError, match="these outputs are margins, and have no probabilities"):
        trained("hinge", y=[2.0 * y - 1.0 for y in Y], epochs=1).predict_proba(X)
    with pytest.raises(ValueError, match="was not trained with a loss that says it: write predict_class"):
        trained(lambda p, t: (p - t) ** 2, epochs=1).predict_class(X)


def test_a_word_or_a_meaning_is_taken_and_nothing_else():
    model = MLP(2, [1], init="zeros")
    assert model.predict_class(X[:1], "logit") == model.predict_class(X[:1], Meaning("logit")) == [0]
    with pytest.raises(TypeError, match="meaning must be a Meaning, or one of 'value', .* not int 3"):
        model.predict_class(X[:1], 3)


# Outputs and losses that do not go together.


@pytest.mark.parametrize(
    ("model", "loss", "message"),
    [
        (MLP(2, [1], output="sigmoid", rng=0), LOGITS, "use binary_cross_entropy$"),
        (Sequential(Layer(2, 3, rng=0), Softmax()), "cross_entropy", "use negative_log_likelihood$"),
        (Sequential(MLP(2, [1], output="sigmoid", rng=0)), LOGITS, "the outputs of Sequential.* are probabilities"),
        (Layer(2, 1, "sigmoid", rng=0), LOGITS, "takes logits"),
        (MLP(2, [1], rng=0), "cross_entropy", "needs an output for each class, and the model has one"),
        (MLP(2, [1], rng=0), "negative_log_likelihood", "or use binary_cross_entropy$"),
    ],
)
def test_a_loss_of_logits_refuses_probabilities_and_one_of_classes_a_single_output(model, loss, message):
    y = [0.0, 1.0]
    with pytest.raises(ValueError, match=message):
        fit(model, X[:2], y, loss=loss, optimizer=SGD(model.parameters()), epochs=1, progress=False)
    with pytest.raises(ValueError, match=message):
        evaluate(model, X[:2], y, loss)


def test_cross_entropy_of_one_output_is_never_zero_in_silence():
    with pytest.raises(ValueError, match="needs an output for each class"):
        nn.cross_entropy([Value(3.0)], 0)


@pytest.mark.parametrize("metric", ["rmse", "r2", "mae", "mse"])
def test_metrics_of_values_refuse_logits_and_margins(metric):
    model = MLP(2, [1], rng=0)
    with pytest.raises(ValueError, match=f"{metric} (compares|is of) values, and the outputs are logits"):
        evaluate(model, X, Y, LOGITS, [metric])
    with pytest.raises(ValueError, match="and the outputs are margins"):
        evaluate(model, X, [2.0 * y - 1.0 for y in Y], "hinge", [metric])
    assert evaluate(trained("binary_cross_entropy", epochs=1, output="sigmoid"), X, Y, metrics=[metric])[metric] < 1.0


def test_labels_that_count_from_one_are_warned_of_and_a_label_too_large_says_so():
    model = MLP(2, [3], rng=0)
    arguments = {"loss": "cross_entropy", "optimizer": SGD(model.parameters()), "epochs": 1, "progress": False}
    with pytest.warns(UserWarning, match="no example has class 0, .* classes 0 … 2: if y counts from 1, subtract 1"):
        fit(model, X[:2], [1, 2], **arguments)
    with pytest.raises(ValueError, match=r"y\[1\]: .* labels 0 … 2, not 3.0: the first class is 0, not 1"):
        fit(model, X[:2], [1, 3], **arguments)
    fit(model, X[:2], [0, 2], **arguments)
