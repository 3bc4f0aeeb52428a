"""What scikit-learn's interface does with its arguments: the network is the one that `fit` trains by hand."""

import random
from typing import Any

import numpy as np
import pytest

import nn
from nn import MLP, SGD, EarlyStopping, Standardize, fit

sklearn = pytest.importorskip("sklearn")

from sklearn.utils import check_random_state  # noqa: E402

from nn.estimators import OPTIMIZERS, Classifier, Regressor  # noqa: E402

pytestmark = pytest.mark.once  # an estimator trains by fit, and that runs on both engines

RNG = np.random.default_rng(0)
X = RNG.normal(3.0, 2.0, size=(24, 2))
TWO = np.where(X[:, 0] > 3.0, "yes", "no")
THREE = np.digitize(X[:, 1], [2.0, 4.0])
WEIGHTS = RNG.uniform(0.5, 2.0, size=24)


def by_hand(targets, weights, loss, outputs, *, seed=6, rate=0.05, patience=1):
    """The run of ``SETTINGS``, written with nn alone."""
    rng = random.Random(int(check_random_state(seed).randint(2**31 - 1)))
    standardize = Standardize.of(X, weights)
    network = MLP(2, [3, outputs], "relu", rng=rng)
    history = fit(
        network, standardize.transform(X), targets, loss=loss, sample_weight=weights,
        optimizer=SGD(network.parameters(), rate), epochs=6, batch_size=7, penalty=nn.L2(0.03), rng=rng,
        callbacks=[EarlyStopping(patience, monitor="loss", min_delta=0.01, restore_best=False)], progress=False,
    )  # fmt: skip
    return standardize, network, history


SETTINGS: dict[str, Any] = {
    "hidden": (3,), "activation": "relu", "optimizer": "sgd", "learning_rate": 0.05, "epochs": 6, "batch_size": 7,
    "l2": 0.03, "tolerance": 0.01, "patience": 1, "random_state": 6,
}  # fmt: skip


def test_a_classifier_of_two_classes_is_a_logit_trained_by_fit():
    model = Classifier(**SETTINGS).fit(X, TWO, WEIGHTS)
    standardize, network, history = by_hand((TWO == "yes").astype(int), WEIGHTS, "binary_cross_entropy_with_logits", 1)
    logits: Any = network.predict(standardize.transform(X))
    assert model.history_.loss == history.loss
    assert model.n_iter_ == len(history)
    assert model.decision_function(X).tolist() == pytest.approx(logits, rel=1e-12, abs=1e-15)
    probabilities = [1.0 / (1.0 + np.exp(-z)) for z in logits]
    assert model.predict_proba(X)[:, 1] == pytest.approx(probabilities, rel=1e-12, abs=0.0)
    assert model.predict_proba(X).sum(axis=1) == pytest.approx(np.ones(24), rel=1e-15, abs=0.0)
    assert model.predict(X).tolist() == ["yes" if z > 0 else "no" for z in logits]
    assert model.model_.trained_with == network.trained_with == "binary_cross_entropy_with_logits"
    assert model.model_.predict_class(X) == [int(z > 0) for z in logits]


def test_a_classifier_of_three_classes_is_a_softmax_and_its_classes_have_weights():
    by_class = {0: 1.0, 1: 3.0, 2: 0.5}
    model = Classifier(**SETTINGS, class_weight=by_class).fit(X, THREE, WEIGHTS)
    weights = WEIGHTS * np.array([by_class[c] for c in THREE])
    standardize, network, history = by_hand(THREE, weights, "cross_entropy", 3)
    assert model.history_.loss == history.loss
    outputs = np.array(network.predict(standardize.transform(X)))
    assert model.decision_function(X) == pytest.approx(outputs, rel=1e-12, abs=1e-15)
    shares = np.exp(outputs) / np.exp(outputs).sum(axis=1, keepdims=True)
    assert model.predict_proba(X) == pytest.approx(shares, rel=1e-12, abs=0.0)
    assert model.predict(X).tolist() == outputs.argmax(axis=1).tolist()


@pytest.mark.parametrize("width", [None, 1, 2])
def test_a_regressor_learns_standardised_targets_and_predicts_in_their_units(width):
    y = 100.0 + 5.0 * X[:, 0] if width is None else 100.0 + 5.0 * X[:, :width]
    model = Regressor(**SETTINGS).fit(X, y, WEIGHTS)
    scale = Standardize.of(y, WEIGHTS)
    standardize, network, history = by_hand(scale.transform(y), WEIGHTS, "mse", width or 1)
    assert model.history_.loss == history.loss
    outputs = np.array(network.predict(standardize.transform(X))).reshape(24, -1)
    expected = scale.inverse().transform(outputs).reshape(y.shape)
    assert model.predict(X) == pytest.approx(expected, rel=1e-12, abs=0.0)
    assert model.predict(X).shape == y.shape


def test_the_weights_are_those_of_the_last_epoch_even_where_an_earlier_one_was_better():
    model = Regressor(**SETTINGS).set_params(learning_rate=0.4, patience=5).fit(X, X[:, 0], WEIGHTS)
    scale = Standardize.of(X[:, 0], WEIGHTS)
    standardize, network, history = by_hand(scale.transform(X[:, 0]), WEIGHTS, "mse", 1, rate=0.4, patience=5)
    assert history.loss[-1] > min(history.loss), "the example tells best from last"
    expected = scale.inverse().transform(network.predict(standardize.transform(X)))
    assert model.predict(X) == pytest.approx(np.array(expected), rel=1e-9, abs=0.0)


def test_without_a_strength_there_is_no_penalty_and_never_a_bar(monkeypatch):
    bars = []
    monkeypatch.setattr("tqdm.auto.tqdm", lambda **settings: bars.append(settings))
    history = Regressor(epochs=1, random_state=0).fit(X, X[:, 0]).history_
    assert list(history.columns) == ["loss", "learning_rate", "seconds"]
    assert bars == []


def test_each_argument_has_the_default_that_is_written():
    shared = {
        "hidden": (16,), "activation": "tanh", "optimizer": "adam", "learning_rate": 0.02, "epochs": 200,
        "batch_size": None, "l2": 0.0, "tolerance": 1e-5, "patience": 10, "random_state": None,
    }  # fmt: skip
    assert Regressor().get_params() == shared
    assert Classifier().get_params() == shared | {"class_weight": None}


def test_an_optimizer_is_a_name_or_a_function():
    kinds = {"sgd": nn.SGD, "rmsprop": nn.RMSProp, "adagrad": nn.AdaGrad, "adam": nn.Adam, "adamw": nn.AdamW}
    assert kinds == OPTIMIZERS
    by_name = Regressor(**SETTINGS).fit(X, X[:, 0])
    by_function = Regressor(**SETTINGS).set_params(optimizer=lambda p, lr: SGD(p, lr)).fit(X, X[:, 0])
    assert by_function.predict(X).tolist() == by_name.predict(X).tolist()


def test_lists_and_whole_numbers_are_read_as_arrays_of_floats():
    whole = np.round(X).astype(int)
    for estimator, y in ((Classifier, TWO), (Regressor, whole[:, 0])):
        of_lists = estimator(**SETTINGS).fit(whole.tolist(), y.tolist())
        assert of_lists.predict(whole.tolist()).tolist() == estimator(**SETTINGS).fit(whole, y).predict(whole).tolist()


def test_ctrl_c_is_let_through(monkeypatch):
    class Interrupting(SGD):
        def step(self):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Regressor(optimizer=Interrupting, epochs=1).fit(X, X[:, 0])


def test_labels_that_are_measurements_are_no_classes_and_a_regressor_takes_several_targets():
    with pytest.raises(ValueError, match="Unknown label type"):
        Classifier(epochs=1).fit(X, X[:, 0])
    assert Regressor().__sklearn_tags__().target_tags.multi_output
    assert not Classifier().__sklearn_tags__().target_tags.multi_output
    with pytest.raises(ValueError, match="could not convert|numeric"):
        Regressor(epochs=1).fit(X, TWO)


@pytest.mark.parametrize("estimator", [Classifier(), Regressor()])
def test_before_fit_there_is_nothing_to_predict_with(estimator):
    with pytest.raises(sklearn.exceptions.NotFittedError):
        estimator.predict(X)


def test_the_columns_of_later_data_must_be_those_of_the_first():
    model = Regressor(epochs=1, random_state=0).fit(X, X[:, 0])
    with pytest.raises(ValueError, match="X has 1 features, but Regressor is expecting 2"):
        model.predict(X[:, :1])
