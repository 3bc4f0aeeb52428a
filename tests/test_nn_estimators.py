"""The scikit-learn estimators: its whole contract, Pipeline, GridSearchCV, and what they keep."""

# ruff: noqa: N806 (X is the field's name)
import pickle
import unittest

import numpy as np
import pytest

import nn

sklearn = pytest.importorskip("sklearn")

from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris, load_wine, make_moons  # noqa: E402
from sklearn.model_selection import GridSearchCV, cross_val_score, train_test_split  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import StandardScaler  # noqa: E402
from sklearn.utils.estimator_checks import parametrize_with_checks  # noqa: E402

from nn.estimators import Classifier, Regressor  # noqa: E402

pytestmark = pytest.mark.once  # an estimator trains by fit, and that runs on both engines


@parametrize_with_checks([cls((3,), epochs=15, learning_rate=0.2) for cls in (Classifier, Regressor)])
@pytest.mark.filterwarnings("ignore")  # what the checks themselves do
def test_scikit_learns_contract_is_kept_whole(estimator, check):
    """With all arguments as they are by default it is kept too, which takes two minutes."""
    try:
        check(estimator)
    except unittest.SkipTest as reason:
        if "array_api" not in str(reason):
            raise
        pytest.skip(f"not applicable: these estimators promise nothing of the array API ({reason})")


@pytest.mark.parametrize(
    ("load", "estimator", "score"),
    [
        (load_iris, Classifier((8,), epochs=80, random_state=0), 0.93),
        (load_wine, Classifier((8,), epochs=60, random_state=0), 0.95),
        (load_breast_cancer, Classifier((4,), l2=0.01, epochs=30, learning_rate=0.05, random_state=0), 0.95),
        (load_diabetes, Regressor((4,), l2=0.01, epochs=60, random_state=0), 0.35),
    ],
)
def test_they_learn_what_is_held_out(load, estimator, score):
    X, y = load(return_X_y=True)
    X, Xv, y, yv = train_test_split(X, y, test_size=0.3, random_state=0)
    assert estimator.fit(X, y).score(Xv, yv) >= score


def test_they_are_at_home_in_a_pipeline_and_a_grid_search():
    X, y = make_moons(60, noise=0.1, random_state=0)
    pipeline = make_pipeline(StandardScaler(), Classifier(epochs=60, random_state=0))
    search = GridSearchCV(pipeline, {"classifier__hidden": [(2,), (8,)], "classifier__l2": [0.0, 1.0]}, cv=2)
    search.fit(X, y)
    assert search.best_params_["classifier__l2"] == 0.0
    assert search.best_score_ > 0.8
    assert cross_val_score(Regressor((3,), epochs=20, random_state=0), X, X[:, 0], cv=2).shape == (2,)


def test_labels_of_any_kind_come_back_and_probabilities_are_theirs():
    X, y = load_iris(return_X_y=True)
    names = np.array(["setosa", "versicolor", "virginica"])
    for labels in (names[y], np.where(y == 0, "a", "b")):
        model = Classifier((4,), epochs=40, random_state=0).fit(X, labels)
        proba = model.predict_proba(X)
        assert proba.shape == (150, len(model.classes_))
        assert proba.sum(axis=1) == pytest.approx(np.ones(150), rel=1e-12, abs=0.0)
        assert (model.classes_[proba.argmax(axis=1)] == model.predict(X)).all()
        scores = model.decision_function(X)
        found = scores.argmax(axis=1) if scores.ndim == 2 else (scores > 0).astype(int)
        assert (model.classes_[found] == model.predict(X)).all()


def test_the_network_that_is_kept_predicts_the_same_from_raw_inputs_and_is_saved(tmp_path):
    X, y = load_diabetes(return_X_y=True)
    model = Regressor((3,), epochs=10, random_state=0).fit(X, y)
    assert model.predict(X[:5]).tolist() == model.model_.predict(X[:5])
    nn.save(model.model_, tmp_path / "m.json")
    assert nn.load(tmp_path / "m.json").predict(X[:5]) == model.model_.predict(X[:5])
    assert pickle.loads(pickle.dumps(model)).predict(X).tolist() == model.predict(X).tolist()
    assert isinstance(model.history_, nn.History)
    assert model.n_iter_ == len(model.history_) == 10


def test_several_targets_are_learned_in_their_units():
    X = np.linspace(-1.0, 1.0, 50).reshape(-1, 1)
    Y = np.column_stack([1e4 * X[:, 0], 1e-3 * X[:, 0] ** 2])
    model = Regressor((12,), learning_rate=0.05, random_state=0).fit(X, Y)
    assert model.predict(X).shape == (50, 2)
    assert model.score(X, Y) > 0.97
    assert Regressor((2,), epochs=2, random_state=0).fit(X, Y[:, :1]).predict(X).shape == (50, 1)


def test_the_same_random_state_gives_the_same_numbers_and_none_gives_others():
    X, y = make_moons(30, noise=0.1, random_state=0)
    runs = [Classifier(epochs=5, random_state=s).fit(X, y).decision_function(X) for s in (3, 3, None, None)]
    assert (runs[0] == runs[1]).all()
    assert not (runs[2] == runs[3]).all()


def test_arguments_are_checked_when_fit_is_called():
    X, y = make_moons(10, random_state=0)
    for settings, error, message in (
        ({"optimizer": "adm"}, ValueError, "unknown optimizer 'adm'; known are: sgd, rmsprop, adagrad, adam, adamw"),
        ({"hidden": 5}, TypeError, r"hidden must be a list, as in \(16,\), not int 5"),
        ({"activation": "rleu"}, ValueError, "unknown activation 'rleu'"),
        ({"epochs": 0}, ValueError, "epochs must be at least 1"),
    ):
        with pytest.raises(error, match=message):
            Classifier(**settings).fit(X, y)
    with pytest.raises(ValueError, match="needs two classes, and y has one class only: 0"):
        Classifier().fit(X, np.zeros(10, dtype=int))


def test_they_are_imported_only_when_asked_for():
    assert nn.estimators.Classifier is Classifier


@pytest.mark.parametrize("estimator", [Classifier, Regressor])
def test_a_penalty_makes_the_weights_smaller(estimator):
    X, y = load_iris(return_X_y=True)
    sizes = []
    for l2 in (0.0, 0.5):
        model = estimator((3,), epochs=20, learning_rate=0.1, l2=l2, random_state=0).fit(X[::5], y[::5]).model_
        sizes.append(sum(w.data**2 for w in model.weight_parameters()))
    assert sizes[1] < 0.5 * sizes[0]
