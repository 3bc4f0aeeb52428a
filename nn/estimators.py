"""Classifier and Regressor: multilayer perceptrons with scikit-learn's interface, for Pipeline and GridSearchCV.

Needs scikit-learn, and is imported where it is asked for (``from nn.estimators import Classifier``). Arguments are kept
as they were given, `fit` makes ``model_`` of them, and randomness comes from ``random_state``, as scikit-learn's users
expect. What is trained is an `nn.MLP` between two layers that standardise and that are saved with it.
"""

# ruff: noqa: N803, N806 (X is the field's name)
from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin  # pyright: ignore[reportMissingImports]
from sklearn.utils import check_random_state, compute_sample_weight  # pyright: ignore[reportMissingImports]
from sklearn.utils.multiclass import check_classification_targets  # pyright: ignore[reportMissingImports]
from sklearn.utils.validation import (  # pyright: ignore[reportMissingImports]
    _check_sample_weight,
    check_is_fitted,
    validate_data,
)

from nn.blocks import Standardize
from nn.callbacks import EarlyStopping
from nn.checks import listed, named
from nn.layers import MLP, Activation, Sequential
from nn.meaning import Meaning
from nn.optim import SGD, AdaGrad, Adam, AdamW, RMSProp
from nn.penalties import L2
from nn.training import fit

OPTIMIZERS: dict[str, Callable[..., Any]] = {
    "sgd": SGD, "rmsprop": RMSProp, "adagrad": AdaGrad, "adam": Adam, "adamw": AdamW,
}  # fmt: skip


class _Perceptron(BaseEstimator):
    """What both share: the arguments, and the fitting of a network."""

    def __init__(
        self,
        hidden: Sequence[int] = (16,),
        activation: Activation | Sequence[Activation] = "tanh",
        *,
        optimizer: str | Callable[..., Any] = "adam",
        learning_rate: float = 0.02,
        epochs: int = 200,
        batch_size: int | None = None,
        l2: float = 0.0,
        tolerance: float = 1e-5,
        patience: int = 10,
        random_state: Any = None,
    ) -> None:
        self.hidden = hidden
        self.activation = activation
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.epochs = epochs
        self.batch_size = batch_size
        self.l2 = l2
        self.tolerance = tolerance
        self.patience = patience
        self.random_state = random_state

    def _train(self, X: Any, targets: Any, weights: Any, loss: str, outputs: int, last: Standardize | None) -> None:
        make = named("optimizer", self.optimizer, OPTIMIZERS)
        rng = random.Random(check_random_state(self.random_state).randint(2**31 - 1))
        standardize = Standardize.of(X, weights)
        hidden = listed("hidden", self.hidden, "(16,)")
        network = MLP(X.shape[1], [*hidden, outputs], self.activation, rng=rng)
        self.history_ = fit(
            network, standardize.transform(X), targets, loss=loss, sample_weight=weights,
            optimizer=make(network.parameters(), self.learning_rate), epochs=self.epochs, batch_size=self.batch_size,
            penalty=L2(self.l2) if self.l2 else None, rng=rng, progress=False, on_interrupt="raise",
            callbacks=[EarlyStopping(self.patience, monitor="loss", min_delta=self.tolerance, restore_best=False)],
        )  # fmt: skip
        self.model_ = Sequential(standardize, network, *([] if last is None else [last.inverse()]))
        self.model_.trained_with, self.model_.meaning = network.trained_with, network.meaning
        self.n_iter_ = len(self.history_)

    def _outputs(self, X: Any) -> Any:
        check_is_fitted(self)
        return np.array(self.model_.predict(validate_data(self, X, dtype=np.float64, reset=False)))


class Classifier(ClassifierMixin, _Perceptron):
    """A multilayer perceptron that finds the class: two by a logit, more by a softmax, trained with cross-entropy.

    Parameters
    ----------
    hidden : how many neurons each hidden layer has; () for logistic regression
    activation : of the hidden layers, as for `nn.MLP`
    optimizer : "sgd", "rmsprop", "adagrad", "adam", "adamw", or a function (parameters, rate) → Optimizer
    learning_rate, epochs : its rate, and how many times to go through the data at the most
    batch_size : examples in a step; None: all of them
    l2 : the strength of an `nn.L2` penalty
    tolerance, patience : training ends when the loss has not fallen by more than ``tolerance`` for ``patience`` epochs
    class_weight : {class: weight} or "balanced", as everywhere in scikit-learn
    random_state : int, RandomState or None, as there

    Attributes
    ----------
    classes_, model_ : the classes in order, and the network, which `nn.save` writes with its standardisation
    history_, n_iter_ : the `nn.History`, and how many epochs it has

    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> Classifier((8,), epochs=60, random_state=0).fit(X, y).score(X, y) > 0.95
    True
    """

    def __init__(
        self,
        hidden: Sequence[int] = (16,),
        activation: Activation | Sequence[Activation] = "tanh",
        *,
        optimizer: str | Callable[..., Any] = "adam",
        learning_rate: float = 0.02,
        epochs: int = 200,
        batch_size: int | None = None,
        l2: float = 0.0,
        tolerance: float = 1e-5,
        patience: int = 10,
        class_weight: Mapping[Any, float] | str | None = None,
        random_state: Any = None,
    ) -> None:
        super().__init__(
            hidden, activation, optimizer=optimizer, learning_rate=learning_rate, epochs=epochs, batch_size=batch_size,
            l2=l2, tolerance=tolerance, patience=patience, random_state=random_state,
        )  # fmt: skip
        self.class_weight = class_weight

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train on X (n, features) and labels y (n,), each example counting ``sample_weight``."""
        X, y = validate_data(self, X, y, dtype=np.float64)
        check_classification_targets(y)
        self.classes_, indices = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"a classifier needs two classes, and y has one class only: {self.classes_[0]}")
        weights = _check_sample_weight(sample_weight, X)
        if self.class_weight is not None:
            weights = weights * compute_sample_weight(self.class_weight, y)
        if len(self.classes_) == 2:
            self._train(X, indices, weights, "binary_cross_entropy_with_logits", 1, None)
        else:
            self._train(X, indices, weights, "cross_entropy", len(self.classes_), None)
        return self

    def decision_function(self, X: Any) -> Any:
        """The logits: (n,) for two classes, above 0 for the second, else (n, classes)."""
        return self._outputs(X)

    def predict_proba(self, X: Any) -> Any:
        """The probability of each class: (n, classes)."""
        outputs = self._outputs(X)
        meaning: Meaning = self.model_.meaning  # type: ignore[assignment] (`fit` has set it)
        found = np.array([meaning.probability_of(output) for output in outputs.tolist()])
        return np.stack([1.0 - found, found], axis=1) if found.ndim == 1 else found

    def predict(self, X: Any) -> Any:
        """The class of each row: (n,)."""
        outputs = self._outputs(X)
        meaning: Meaning = self.model_.meaning  # type: ignore[assignment] (`fit` has set it)
        return self.classes_[[meaning.class_of(output) for output in outputs.tolist()]]


class Regressor(RegressorMixin, _Perceptron):
    """A multilayer perceptron for one or several quantities, trained with the mean squared error.

    Parameters as for `Classifier`, without class_weight. Targets are standardised in training; predictions are in
    their units.

    Attributes
    ----------
    model_ : the network, which `nn.save` writes with its standardisation of inputs and targets
    history_, n_iter_ : the `nn.History` (of standardised targets), and how many epochs it has

    >>> import numpy as np
    >>> X = np.linspace(-1.0, 1.0, 40).reshape(-1, 1)
    >>> y = 100.0 * X[:, 0] ** 2
    >>> Regressor((8,), learning_rate=0.05, random_state=0).fit(X, y).score(X, y) > 0.95
    True
    """

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train on X (n, features) and targets y, (n,) or (n, outputs), each example counting ``sample_weight``."""
        X, y = validate_data(self, X, y, dtype=np.float64, multi_output=True, y_numeric=True)
        y = y.astype(np.float64)
        weights = _check_sample_weight(sample_weight, X)
        self._one_column = y.ndim == 1
        targets = Standardize.of(y, weights)
        self._train(X, targets.transform(y), weights, "mse", 1 if y.ndim == 1 else y.shape[1], targets)
        return self

    def predict(self, X: Any) -> Any:
        """ŷ for each row: (n,), or (n, outputs) as y was."""
        outputs = self._outputs(X)
        return outputs if self._one_column else outputs.reshape(len(outputs), -1)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
