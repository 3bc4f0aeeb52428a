"""Metrics against scikit-learn's, weights of examples and classes, schedules by rates, and the history of a run."""

import functools
import gc
import math
import random

import numpy as np
import pytest

import nn
from nn import MLP, SGD, Callback, History, confusion_matrix, evaluate, fit

sklearn_metrics = pytest.importorskip("sklearn.metrics")
RNG = random.Random(0)
X = [[RNG.gauss(0, 1), RNG.gauss(0, 1)] for _ in range(40)]
LOGITS = "binary_cross_entropy_with_logits"


def draws(kind, count=50):
    rng = random.Random(kind)
    if kind == "binary":
        return [[rng.randrange(2) for _ in range(count)] for _ in range(2)]
    if kind == "classes":
        return [[rng.randrange(4) for _ in range(count)] for _ in range(2)]
    return [[[rng.randrange(2) for _ in range(3)] for _ in range(count)] for _ in range(2)]


# Against scikit-learn.


@pytest.mark.parametrize("kind", ["binary", "classes", "labels"])
@pytest.mark.parametrize("name", ["precision", "recall", "f1"])
def test_precision_recall_and_f1_equal_scikit_learns(name, kind):
    classes, targets = draws(kind)
    theirs = getattr(sklearn_metrics, f"{name}_score")
    ours = nn.METRICS[f"macro_{name}"]
    expected = theirs(np.array(targets), np.array(classes), average="macro")
    assert ours(classes, targets) == pytest.approx(expected, rel=1e-13, abs=0.0)
    if kind == "binary":
        expected = theirs(targets, classes)
        assert nn.METRICS[name](classes, targets) == pytest.approx(expected, rel=1e-13, abs=0.0)
    else:
        with pytest.raises(ValueError, match=f"{name} is that of class 1 against one other: with several classes"):
            nn.METRICS[name](classes, targets)


@pytest.mark.parametrize("kind", ["binary", "classes", "labels"])
def test_accuracy_equals_scikit_learns(kind):
    classes, targets = draws(kind)
    expected = sklearn_metrics.accuracy_score(np.array(targets), np.array(classes))
    assert nn.accuracy(classes, targets) == pytest.approx(expected, rel=1e-15, abs=0.0)


def test_labels_of_minus_one_and_one_count_as_two_classes():
    classes, targets = [[2 * c - 1 for c in drawn] for drawn in draws("binary")]
    assert nn.f1(classes, targets) == pytest.approx(sklearn_metrics.f1_score(targets, classes), rel=1e-13, abs=0.0)


def test_several_labels_may_be_those_of_margins_too():
    assert nn.accuracy([[1, -1], [1, 1]], [[1, -1], [-1, 1]]) == 0.5


def test_one_example_is_enough_for_a_metric_of_classes():
    assert nn.f1([1], [1]) == nn.precision([[1, 1]], [[1, 1]], average="macro") == nn.accuracy([2], [2]) == 1.0


@pytest.mark.parametrize("name", ["precision", "recall", "f1"])
def test_where_there_is_nothing_to_find_the_score_is_zero(name):
    assert nn.METRICS[name]([0, 0], [0, 0]) == 0.0
    assert nn.METRICS[name]([1, 1], [0, 0]) == nn.METRICS[name]([0, 0], [1, 1]) == 0.0


def test_a_confusion_matrix_has_a_row_for_each_class_and_a_column_for_what_was_found():
    classes, targets = draws("classes")
    assert confusion_matrix(classes, targets) == sklearn_metrics.confusion_matrix(targets, classes).tolist()
    assert confusion_matrix([1], [1], labels=[0, 1]) == [[0, 0], [0, 1]]
    with pytest.raises(ValueError, match=r"class 2 is not among the labels \[0, 1\]"):
        confusion_matrix([2], [1], labels=[0, 1])
    for several in ([[1, 0]], [0, [1, 0]]):
        with pytest.raises(ValueError, match="of one class an example"):
            confusion_matrix(several, several)


def test_rmse_and_r2_and_the_losses_as_metrics_equal_scikit_learns():
    y, p = [RNG.gauss(0, 1) for _ in range(20)], [RNG.gauss(0, 1) for _ in range(20)]
    assert nn.rmse(p, y) == pytest.approx(sklearn_metrics.root_mean_squared_error(y, p), rel=1e-13, abs=0.0)
    assert nn.r2(p, y) == pytest.approx(sklearn_metrics.r2_score(y, p), rel=1e-12, abs=0.0)
    assert nn.r2([1.0, 1.0], [1.0, 1.0]) == 1.0
    assert nn.r2([0.0, 0.0, 1.0, 0.5], [0.0, 0.0, 1.0, 1.0]) == 0.75, "the targets' own spread is 1"
    assert nn.r2([1.0, 2.0], [1.0, 1.0]) == sklearn_metrics.r2_score([1.0, 1.0], [1.0, 2.0]) == 0.0
    with pytest.raises(ValueError, match="a class index is no regression target"):
        nn.rmse([[1.0, 2.0]], [1.0])
    model = MLP(2, [2], rng=0)
    targets = [[a, b * b] for a, b in X]
    found = evaluate(model, X, targets, metrics=["mae", "mse", nn.huber])
    predictions = model.predict(X)
    assert list(found) == ["loss", "mae", "mse", "huber"]
    assert found["mae"] == pytest.approx(sklearn_metrics.mean_absolute_error(targets, predictions), rel=1e-13, abs=0.0)
    assert found["mse"] == found["loss"]


def test_metrics_take_arrays_and_give_floats():
    classes, targets = draws("labels")
    pandas = pytest.importorskip("pandas", reason="pandas is not installed (extra test)")
    assert nn.accuracy(np.array(classes), np.array(targets)) == nn.accuracy(classes, targets)
    of_series = nn.accuracy(np.array([1, 0]), pandas.Series([1, 1], index=[7, 3]))
    assert (of_series, type(of_series)) == (0.5, float)
    assert confusion_matrix(np.array([1, 0]), pandas.Series([1, 1])) == [[0, 0], [1, 1]]
    assert nn.rmse(np.array([[1.0, 2.0]]), np.array([[1.0, 4.0]])) == pytest.approx(2**0.5, rel=1e-15, abs=0.0)


@pytest.mark.parametrize(
    ("classes", "targets", "message"),
    [
        ([0.2, 0.9], [0, 1], r"accuracy compares classes, and classes\[0\] is 0.2: give what predict_class gives"),
        ([0, 1], [0, 0.5], r"targets\[1\] is 0.5"),
        ([0, 1], [0], "accuracy needs one class for each target: 2 and 1 were given"),
        ([], [], "0 and 0 were given"),
        ([[1, 0]], [1], r"classes\[0\] is \[1, 0\], and targets\[0\] is 1"),
        ([[1, 0]], [[1, 0, 1]], r"and targets\[0\] is \[1, 0, 1\]"),
        ([[1, 0], [2, 0]], [[1, 0]] * 2, r"classes\[1\] is \[2, 0\]: give what predict_class gives"),
    ],
)
def test_what_are_no_classes_is_refused(classes, targets, message):
    with pytest.raises(ValueError, match=message):
        nn.accuracy(classes, targets)
    with pytest.raises(ValueError, match="average is 'binary' or 'macro', not 'micro'"):
        nn.f1([1], [1], "micro")


def test_metrics_of_ones_own_read_outputs_or_classes():
    def largest_output(predictions, targets):
        return max(predictions)

    @nn.on_classes
    def share_of_ones(classes, targets):
        return sum(classes) / len(classes)

    model = MLP(2, [1], rng=0)
    y = [float(a > 0) for a, _ in X]
    found = evaluate(model, X, y, LOGITS, [largest_output, share_of_ones])
    outputs = model.predict(X)
    assert found["largest_output"] == max(outputs)
    assert found["share_of_ones"] == sum(z > 0 for z in outputs) / len(outputs)


def test_a_metric_is_called_as_its_function_or_its_class_is():
    class Bias:
        def __call__(self, predictions, targets):
            return sum(predictions) - sum(targets)

    def worst(predictions, targets, more=0.0):
        return more + max(abs(p - t) for p, t in zip(predictions, targets, strict=True))

    metrics = [Bias(), functools.partial(worst, more=1.0), nn.Loss(nn.mae, name="gap"), "r2"]
    found = evaluate(MLP(2, [1], init="zeros"), X[:2], [1.0, 3.0], metrics=metrics)
    assert found == {"loss": 5.0, "Bias": -4.0, "worst": 4.0, "gap": 2.0, "r2": -4.0}
    labels = evaluate(MLP(2, [2], init="zeros"), X[:2], [0, 1], "cross_entropy", ["macro_recall", "recall"])
    assert labels == {"loss": pytest.approx(math.log(2.0)), "macro_recall": 0.5, "recall": 0.0}


def test_a_loss_that_says_nothing_of_the_outputs_takes_every_metric_of_values():
    def own(prediction, target):
        return (prediction - target) ** 2

    model = MLP(2, [1], init="zeros")
    found = evaluate(model, X[:2], [2.0, -2.0], own, ["mae", "rmse"])
    assert found == {"loss": 4.0, "mae": 2.0, "rmse": 2.0}
    found = evaluate(model, X[:2], [2.0, -2.0], metrics=[nn.Loss(own), nn.Loss(nn.mae, reduction="sum")])
    assert found == {"loss": 4.0, "own": 4.0, "mae": 4.0}


def test_a_metric_of_logits_does_not_read_probabilities():
    model = MLP(2, [1], output="sigmoid", init="zeros")
    with pytest.raises(ValueError, match=f"{LOGITS} is of logits, and the outputs are probabilitys"):
        evaluate(model, X[:2], [0.0, 1.0], "binary_cross_entropy", [LOGITS])


@pytest.mark.parametrize(("loss", "outputs"), [(LOGITS, 2), ("cross_entropy", 3)])
def test_what_is_of_two_classes_refuses_more(loss, outputs):
    model, y = MLP(2, [outputs], init="zeros"), [[1.0, 0.0]] if loss == LOGITS else [2]
    assert evaluate(model, X[:1], y, loss, ["accuracy", "macro_f1"])["accuracy"] == 0.0
    with pytest.raises(ValueError, match=f"f1 is that of class 1 against one other, and there are {outputs}: use 'mac"):
        evaluate(model, X[:1], y, loss, ["f1"])


def test_a_metric_beyond_all_floats_is_named():
    with pytest.raises(OverflowError, match="the metric 'rmse' gives more than a float holds"):
        evaluate(MLP(2, [1], init="zeros"), X[:1], [1e200], "mae", ["rmse"])


def test_what_the_model_was_trained_for_is_known_where_a_loss_of_ones_own_says_nothing():
    model = MLP(2, [1], init="zeros")
    model.meaning = nn.Meaning("logit")
    model.trained_with = "mine"
    found = evaluate(model, X[:2], [0.0, 1.0], lambda p, t: (p - t) ** 2, ["accuracy"])
    assert found == {"loss": 0.5, "accuracy": 0.5}


@pytest.mark.parametrize("compiled", [True, False])
def test_evaluate_has_dropout_off_builds_no_graph_and_lets_no_garbage_be_collected(compiled):
    collecting = []

    def closeness(prediction, target):
        collecting.append(gc.isenabled())
        return (prediction - target) ** 2

    model = nn.Sequential(nn.Layer(2, 4, rng=0), nn.Dropout(0.5, rng=1), nn.Layer(4, 1, rng=2))
    expected = nn.mse(model.eval().predict(X), [0.0] * 40)
    found = evaluate(model.train(), X, [0.0] * 40, closeness, compiled=compiled)
    assert found["loss"] == pytest.approx(expected, rel=1e-12, abs=0.0)
    assert not any(collecting)
    assert gc.isenabled()
    assert len(collecting) == 40 if not compiled else len(collecting) < 5, "compiled, it is called to be looked at"
    assert model.layers[-1].pre_activations[0].parents == ()


@pytest.mark.parametrize("name", ["loss", "penalty", "seconds", "learning_rate", "epoch", "validation_loss"])
def test_a_metric_never_overwrites_a_column_of_the_history(name):
    def metric(predictions, targets):
        return 7.0

    metric.__name__ = name
    model = MLP(2, [1], rng=0)
    with pytest.raises(ValueError, match=f"a metric is called '{name}', as a column of the history is"):
        fit(model, X, [0.0] * 40, optimizer=SGD(model.parameters()), epochs=1, metrics=[metric])
    with pytest.raises(ValueError, match="a metric is called 'r2'"):
        evaluate(model, X, [0.0] * 40, metrics=["r2", "r2"])


# Weights.


def trained(y, loss=LOGITS, outputs=1, x=X, epochs=8, **settings):
    model = MLP(2, [3, outputs], rng=0)
    optimizer = SGD(model.parameters(), 0.3, momentum=0.5)
    history = fit(model, x, y, loss=loss, optimizer=optimizer, epochs=epochs, progress=False, **settings)
    return model, history


def test_an_example_of_weight_two_counts_as_if_it_stood_twice_and_one_of_weight_zero_not_at_all():
    y = [float(a * b > 0) for a, b in X]
    weights = [RNG.choice([0, 1, 2]) for _ in X]
    repeated = [i for i, w in enumerate(weights) for _ in range(w)]
    weighted, history = trained(y, sample_weight=weights)
    stood, expected = trained([y[i] for i in repeated], x=[X[i] for i in repeated])
    assert history.loss == pytest.approx(expected.loss, rel=1e-12, abs=0.0)
    assert list(weighted.state_dict().values()) == pytest.approx(list(stood.state_dict().values()), rel=1e-9, abs=1e-12)


def test_weights_are_normalised_in_every_batch_and_in_the_loss():
    y = [float(a * b > 0) for a, b in X]
    weights = [RNG.uniform(0.5, 2.0) for _ in X]
    runs = [trained(y, sample_weight=[c * w for w in weights], batch_size=7, rng=3)[1].loss for c in (1.0, 1000.0)]
    assert runs[0] == pytest.approx(runs[1], rel=1e-12, abs=0.0)
    model = MLP(2, [1], rng=0)
    losses = [nn.mse(p, t) for p, t in zip(model.predict(X), y, strict=True)]
    found = evaluate(model, X, y, sample_weight=weights)["loss"]
    assert found == pytest.approx(np.average(losses, weights=weights), rel=1e-13, abs=0.0)


def test_a_batch_of_weight_zero_makes_no_step():
    class Steps(Callback):
        def on_fit_end(self, training):
            self.steps = training.step

    y, steps = [0.0] * 40, Steps()
    trained(y, sample_weight=[1.0] * 10 + [0.0] * 30, batch_size=1, rng=0, epochs=2, callbacks=[steps])
    assert steps.steps == 20


def test_class_weights_multiply_the_weights_of_the_examples_of_a_class():
    y = [float(a > 1.0) for a, _ in X]
    by_class, _ = trained(y, class_weight={0: 1.0, 1: 5.0}, sample_weight=[2.0] * 40)
    by_hand, _ = trained(y, sample_weight=[2.0 * (5.0 if t else 1.0) for t in y])
    assert by_class.state_dict() == by_hand.state_dict()
    from sklearn.utils import compute_sample_weight

    for labels, loss, outputs in ((y, LOGITS, 1), ([int(a > 0) + int(a > 1) for a, _ in X], "cross_entropy", 3)):
        balanced, _ = trained(labels, loss, outputs, class_weight="balanced")
        theirs, _ = trained(labels, loss, outputs, sample_weight=compute_sample_weight("balanced", labels))
        found, expected = balanced.state_dict(), theirs.state_dict()
        assert list(found.values()) == pytest.approx(list(expected.values()), rel=1e-12, abs=1e-15)


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"sample_weight": [1.0] * 39}, ValueError, "sample_weight has 39 numbers, and X has 40 rows"),
        ({"sample_weight": [-1.0] * 40}, ValueError, r"sample_weight\[0\] must be finite, at least 0, not -1.0"),
        ({"sample_weight": [0.0] * 40}, ValueError, "every example has weight 0"),
        ({"class_weight": {0: 1.0}}, ValueError, "class_weight has no weight for class 1"),
        ({"class_weight": {0: 1.0, 1: -1.0}}, ValueError, r"class_weight\[1\] must be finite, at least 0"),
        ({"class_weight": "even"}, TypeError, "class_weight must be 'balanced' or a dict"),
        ({"class_weight": "balanced", "loss": "mse"}, ValueError, "stand for no class"),
        ({"class_weight": "balanced", "loss": lambda p, t: p * p}, ValueError, "class_weight needs to know what"),
        ({"class_weight": "balanced", "outputs": 2, "y": [[0, 1]] * 40}, ValueError, "give sample_weight"),
    ],
)  # fmt: skip
def test_weights_that_make_no_sense_are_refused(settings, error, message):
    y = settings.pop("y", None) or [float(a > 0) for a, _ in X]
    with pytest.raises(error, match=message):
        trained(y, **settings)


# Rates.


def test_rates_are_the_lectures_epsilon_k_one_for_each_step_from_one():
    seen = []

    class Spy(Callback):
        def on_gradients(self, training):
            seen.append(training.optimizer.lr)

    model = MLP(2, [1], rng=0)
    optimizer = SGD(model.parameters(), 123.0)
    arguments = {"epochs": 2, "batch_size": 10, "rng": 0, "progress": False, "callbacks": [Spy()]}
    fit(model, X, [0.0] * 40, optimizer=optimizer, schedule=nn.Rates(lambda k: 0.1 / k), **arguments)
    assert seen == [0.1 / k for k in range(1, 9)]
    assert optimizer.lr == 123.0
    seen.clear()
    fit(model, X, [0.0] * 40, optimizer=optimizer, schedule=nn.Rates([0.3, 0.2], per="epoch"), **arguments)
    assert seen == [0.3] * 4 + [0.2] * 4
    with pytest.raises(ValueError, match="the schedule's rate at t = 0 must be finite, at least 0, not -1.0"):
        fit(model, X, [0.0] * 40, optimizer=optimizer, schedule=nn.Rates(lambda k: -1.0), **arguments)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: nn.Rates([]), ValueError, "rates is empty"),
        (lambda: nn.Rates([0.1, -0.1]), ValueError, r"rates\[1\] must be finite, at least 0"),
        (lambda: nn.Rates(0.1), TypeError, r"rates must be a list, as in \[0.1, 0.05, 0.01\], not float 0.1"),
        (lambda: nn.Warmup(3, then=nn.Rates([0.1])), ValueError, "then must give factors"),
        (
            lambda: nn.Warmup(3, then=nn.CosineDecay),
            TypeError,
            r"then is the class CosineDecay: write CosineDecay\(…\)",
        ),
        (lambda: nn.CosineDecay(0), ValueError, "over must be at least 1"),
        (lambda: nn.LinearDecay(5, -0.1), ValueError, "end must be"),
        (lambda: nn.InverseTimeDecay(-0.1), ValueError, "rate must be"),
        (lambda: nn.StepDecay(2.5), TypeError, "every must be an integer, not float 2.5"),
    ],
)
def test_schedules_that_make_no_sense_are_refused(make, error, message):
    with pytest.raises(error, match=message):
        make()


# The history.


def recorded(epochs):
    history = History(["loss", "accuracy", "learning_rate"])
    for i in range(epochs):
        history.append({"loss": 1.0 / (i + 1), "accuracy": 0.5, "learning_rate": 0.1})
    return history


def test_every_column_is_an_attribute_and_what_is_missing_is_named():
    history = recorded(2)
    assert (history.accuracy, history.loss) == ([0.5, 0.5], [1.0, 0.5])
    with pytest.raises(AttributeError, match="the history has no 'acuracy'; it has loss, accuracy, learning_rate"):
        _ = history.acuracy
    import copy
    import pickle

    for other in (copy.deepcopy(history), pickle.loads(pickle.dumps(history))):
        assert other.columns == history.columns


def test_a_history_prints_as_a_table_of_its_first_and_last_epochs():
    lines = repr(recorded(30)).splitlines()
    assert lines[0] == "History(30 epochs, not finished)"
    assert lines[1].split() == ["epoch", "loss", "accuracy", "learning_rate"]
    assert [line.split()[0] for line in lines[2:]] == ["1", "2", "3", "…", *map(str, range(24, 31))]
    assert lines[-1].split() == ["30", "0.03333", "0.5", "0.1"]
    assert all(len(line) < 60 for line in lines)
    assert repr(History(["loss"])) == "History(0 epochs, not finished)\nepoch  loss"


def test_a_history_becomes_a_pandas_frame():
    pytest.importorskip("pandas", reason="pandas is not installed (extra test)")
    frame = recorded(3).to_pandas()
    assert frame.index.tolist() == [1, 2, 3]
    assert frame.index.name == "epoch"
    assert frame["loss"].tolist() == [1.0, 0.5, 1.0 / 3.0]


def test_a_table_in_a_notebook_has_the_last_ten_epochs():
    assert recorded(30)._repr_html_().count("<tr>") == 11
    assert math.isclose(recorded(1).loss[0], 1.0)


def test_what_a_metric_reads_is_known_through_functools_partial():
    def reading_classes(predictions, targets, more=0.0):
        return more + sum(map(len, [predictions]))

    reading_classes.reads = "classes"
    from nn.metrics import _reads

    assert [_reads(f) for f in (reading_classes, functools.partial(reading_classes, more=1.0), len)] == [
        "classes", "classes", "outputs"
    ]  # fmt: skip


def test_labels_of_a_confusion_matrix_may_come_from_anything_that_gives_them_one_by_one():
    assert confusion_matrix([1, 0], [1, 1], labels=iter([1, 0])) == [[1, 1], [0, 0]]
