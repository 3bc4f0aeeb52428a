"""Metrics: how good predictions are, in numbers that people read; and `evaluate`, which measures a model.

Each takes the predictions for many examples and their targets, in numbers; nothing is differentiated. Metrics of
classes take classes, as `Module.predict_class` gives them: in `fit` and `evaluate` the loss's `Meaning` makes them of
the outputs. A loss serves as a metric too: its mean over the examples, under its own name. A metric of one's own is any
function of the raw outputs and the targets; with `on_classes` before it, of classes.
"""

# ruff: noqa: N803 (X is the field's name)
from __future__ import annotations

import contextlib
import functools
import gc
import math
import numbers
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from autodiff import no_grad
from nn.checks import finite, listed, named, shown
from nn.data import Target, as_targets, flat, plain
from nn.examples import Examples
from nn.losses import LOSSES, Loss, as_loss
from nn.meaning import Class, Meaning, require_meaning
from nn.module import Module, require_module
from nn.tracing import as_targets_of, check_compiled, outputs_of

Metric = Callable[[Sequence[Any], Sequence[Any]], float]
F = TypeVar("F", bound=Callable[..., Any])

_TAKEN = ("loss", "penalty", "learning_rate", "seconds", "epoch")  # columns of a history


def on_classes(metric: F) -> F:
    """A metric that is given classes, of predictions and of targets: a decorator.

    >>> @on_classes
    ... def errors(classes, targets):
    ...     return sum(c != t for c, t in zip(classes, targets))
    >>> from nn import MLP
    >>> evaluate(MLP(1, [1], init="zeros"), [[1], [2]], [-1, 1], "hinge", [errors])
    {'loss': 1.0, 'errors': 1.0}
    """
    metric.reads = "classes"  # type: ignore[attr-defined]
    return metric


def _on_values(metric: F) -> F:
    metric.reads = "values"  # type: ignore[attr-defined]
    return metric


def _of_two_classes(metric: F) -> F:
    metric.of_two = True  # type: ignore[attr-defined]
    return on_classes(metric)


@on_classes
def accuracy(classes: Sequence[Class], targets: Sequence[Class]) -> float:
    """The share of examples in the right class; of several labels, with every one of them right.

    Raises ValueError for predictions that are no classes.

    >>> accuracy([0, 1, 0], [0, 1, 1]), accuracy([[1, 0], [1, 1]], [[1, 0], [0, 1]])
    (0.6666666666666666, 0.5)
    """
    pairs = _class_pairs("accuracy", classes, targets)
    return sum(c == t for c, t in pairs) / len(pairs)


@_of_two_classes
def precision(classes: Sequence[Class], targets: Sequence[Class], average: str = "binary") -> float:
    """Of those found to be in a class, the share that is: TP / (TP + FP); 0 where none was found to be.

    ``average`` : "binary": of class 1 against the other (labels 0 and 1, or −1 and 1); "macro": the mean over all
        classes that occur, or over all labels. Raises ValueError for classes that are not two with "binary".

    >>> precision([1, 1, 0, 1], [1, 0, 0, 1]), precision([0, 1, 2], [0, 1, 1], average="macro")
    (0.6666666666666666, 0.6666666666666666)
    """
    return _averaged("precision", classes, targets, average, lambda tp, fp, _: _ratio(tp, tp + fp))


@_of_two_classes
def recall(classes: Sequence[Class], targets: Sequence[Class], average: str = "binary") -> float:
    """Of those in a class, the share that was found to be: TP / (TP + FN); 0 where there are none.

    ``average`` and errors as for `precision`.

    >>> recall([1, 0, 0, 1], [1, 1, 0, 1])
    0.6666666666666666
    """
    return _averaged("recall", classes, targets, average, lambda tp, _, fn: _ratio(tp, tp + fn))


@_of_two_classes
def f1(classes: Sequence[Class], targets: Sequence[Class], average: str = "binary") -> float:
    """The harmonic mean of precision and recall: 2TP / (2TP + FP + FN); 0 where there is nothing to find or found.

    ``average`` and errors as for `precision`.

    >>> f1([1, 1, 0, 1], [1, 0, 0, 1])
    0.8
    """
    return _averaged("f1", classes, targets, average, lambda tp, fp, fn: _ratio(2 * tp, 2 * tp + fp + fn))


def confusion_matrix(
    classes: Sequence[Class], targets: Sequence[Class], labels: Sequence[int] | None = None
) -> list[list[int]]:
    """How many examples of each class (row) were found to be in each class (column).

    ``labels`` : the classes in their order; by default all that occur. Raises ValueError for several labels an example,
    or a class that is not among ``labels``.

    >>> confusion_matrix([0, 1, 1], [0, 0, 1])
    [[1, 1], [0, 1]]
    """
    pairs = _class_pairs("confusion_matrix", classes, targets)
    if any(isinstance(c, list) for c, _ in pairs):
        raise ValueError("a confusion matrix is of one class an example: take one label of each")
    order = sorted({c for pair in pairs for c in pair}) if labels is None else list(labels)  # type: ignore[type-var]
    place = {label: i for i, label in enumerate(order)}
    matrix = [[0] * len(order) for _ in order]
    for c, t in pairs:
        if c not in place or t not in place:
            raise ValueError(f"class {c if c not in place else t} is not among the labels {shown(order)}")
        matrix[place[t]][place[c]] += 1
    return matrix


@_on_values
def rmse(predictions: Sequence[Target], targets: Sequence[Target]) -> float:
    """The root of the mean squared error over all outputs: in the units of the targets.

    >>> rmse([1.0, 5.0], [1.0, 3.0])
    1.4142135623730951
    """
    errors = [(p - t) ** 2 for p, t in _pairs(predictions, targets)]
    return math.sqrt(math.fsum(errors) / len(errors))


@_on_values
def r2(predictions: Sequence[Target], targets: Sequence[Target]) -> float:
    """R² = 1 − Σ(y − ŷ)² / Σ(y − ȳ)²: 1 is perfect, 0 is as good as the mean ȳ; over all outputs together.

    Where all targets are equal the ratio has no meaning; it is then 1 for perfect predictions and else 0, as in
    scikit-learn.

    >>> r2([1.0, 2.0, 3.0], [1.0, 2.0, 3.0]), r2([2.0, 2.0, 2.0], [1.0, 2.0, 3.0])
    (1.0, 0.0)
    """
    pairs = _pairs(predictions, targets)
    mean = math.fsum(t for _, t in pairs) / len(pairs)
    spread, left = math.fsum((t - mean) ** 2 for _, t in pairs), math.fsum((t - p) ** 2 for p, t in pairs)
    if spread == 0.0:
        return 0.0 if left else 1.0
    return 1.0 - left / spread


METRICS: dict[str, Metric] = {
    "accuracy": accuracy,
    "precision": precision,
    "recall": recall,
    "f1": f1,
    "macro_precision": functools.partial(precision, average="macro"),
    "macro_recall": functools.partial(recall, average="macro"),
    "macro_f1": functools.partial(f1, average="macro"),
    "rmse": rmse,
    "r2": r2,
}


def _pairs(predictions: Sequence[Target], targets: Sequence[Target]) -> list[tuple[float, float]]:
    p, t = as_targets(predictions, "predictions"), as_targets(targets, "targets")
    (many, wide), (others, width) = ((len(rows), len(flat(rows[:1]))) for rows in (p, t))
    if (many, wide) != (others, width):
        raise ValueError(
            f"predictions are {many} × {wide} numbers, and targets {others} × {width}: a class index is no regression "
            f"target"
        )
    return list(zip(flat(p), flat(t), strict=True))


def _class_list(name: str, given: Any) -> list[Any]:
    entries = [plain(entry) for entry in listed(name, plain(given), "[0, 1, 1]")]
    return [list(entry) if isinstance(entry, tuple) else entry for entry in entries]


def _names_classes(entry: Any) -> bool:
    """Whether it is a whole number, or a list of labels, each 0 or 1, or −1 or 1."""
    if isinstance(entry, list):
        return all(label in (-1, 0, 1) for label in entry)
    return isinstance(entry, numbers.Real) and float(entry).is_integer()


def _class_pairs(metric: str, classes: Sequence[Class], targets: Sequence[Class]) -> list[tuple[Class, Class]]:
    classes, targets = _class_list("classes", classes), _class_list("targets", targets)
    for name, given in (("classes", classes), ("targets", targets)):
        for i, entry in enumerate(given):
            if not _names_classes(entry):
                raise ValueError(
                    f"{metric} compares classes, and {name}[{i}] is {shown(entry)}: give what predict_class gives"
                )
    if len(classes) != len(targets) or not len(classes):
        raise ValueError(f"{metric} needs one class for each target: {len(classes)} and {len(targets)} were given")
    for i, (c, t) in enumerate(zip(classes, targets, strict=True)):
        if isinstance(c, list) != isinstance(t, list) or (isinstance(c, list) and len(c) != len(t)):  # type: ignore[arg-type]
            raise ValueError(f"{metric}: classes[{i}] is {shown(c)}, and targets[{i}] is {shown(t)}")
    return list(zip(classes, targets, strict=True))


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def _averaged(
    metric: str,
    classes: Sequence[Class],
    targets: Sequence[Class],
    average: str,
    score: Callable[[int, int, int], float],
) -> float:
    pairs = _class_pairs(metric, classes, targets)
    if average not in ("binary", "macro"):
        raise ValueError(f"average is 'binary' or 'macro', not {shown(average)}")
    found: list[list[tuple[bool, bool]]]  # for each class: whether each example was found there, and whether it is
    if isinstance(pairs[0][0], list):
        columns = zip(*(zip(c, t, strict=True) for c, t in pairs), strict=True)  # type: ignore[arg-type]
        found = [[(c == 1, t == 1) for c, t in column] for column in columns]
        several = True
    else:
        labels = {label for pair in pairs for label in pair}  # type: ignore[reportUnhashable] (no lists)
        several = not (labels <= {0, 1} or labels <= {-1, 1})  # type: ignore[operator]
        of = [1] if average == "binary" else labels
        found = [[(c == label, t == label) for c, t in pairs] for label in of]
    if average == "binary" and several:
        raise ValueError(f"{metric} is that of class 1 against one other: with several classes take average='macro'")
    scores = [
        score(sum(p and t for p, t in one), sum(p and not t for p, t in one), sum(t and not p for p, t in one))
        for one in found
    ]
    return math.fsum(scores) / len(scores)


class Measures:
    """What is measured of predictions: the loss, and the metrics by name, which read the outputs as they are meant.

    Raises ValueError and TypeError for metrics that there are not, that have one name, or that cannot read the outputs.
    """

    def __init__(self, loss: Loss, metrics: Sequence[str | Metric], meaning: Meaning | None, outputs: int) -> None:
        self.loss = loss
        self.metrics: dict[str, Metric] = {}
        self.reads_classes = False
        for given in listed("metrics", metrics, "['accuracy']"):
            metric = named("metric", given, METRICS | LOSSES)
            name = given if isinstance(given, str) else getattr(metric, "name", None) or _name_of(metric)
            if name in self.metrics or name in _TAKEN or name.startswith("validation_"):
                raise ValueError(f"a metric is called {name!r}, as a column of the history is: give it another name")
            self.reads_classes |= _reads(metric) == "classes"
            self.metrics[name] = _bound(name, metric, meaning, outputs, loss)

    @property
    def names(self) -> list[str]:
        return ["loss", *self.metrics]

    def of(
        self, losses: list[float], weights: list[float], predictions: list[Target], targets: list[Target]
    ) -> dict[str, float]:
        """Every number by its name. Raises TypeError and ValueError, naming it, for what is no finite number."""
        found = {"loss": finite("the mean loss", self.loss.total(losses, weights))}
        for name, metric in self.metrics.items():
            try:
                found[name] = finite(f"what the metric {name!r} returns", metric(predictions, targets))
            except OverflowError as error:
                raise OverflowError(f"the metric {name!r} gives more than a float holds") from error
        return found

    def on(self, model: Module, examples: Examples, compiled: bool | None = None) -> dict[str, float]:
        """The numbers of a model on examples, dropout off. ``compiled``: as for `evaluate`."""
        with paused_gc():
            losses, predictions = self._run(model, examples, compiled)
        return self.of(losses, examples.weights, predictions, examples.targets)

    def _run(self, model: Module, examples: Examples, compiled: bool | None) -> tuple[list[float], list[Target]]:
        with model.mode(training=False), no_grad():
            found = outputs_of(model, examples.rows, compiled, self.loss, examples.prepared)
        if found is not None:
            return found[:, 0].tolist(), as_targets_of(found[:, 1:])
        predictions = model.predict(examples.rows, compiled=compiled)
        outputs = (p if isinstance(p, list) else [p] for p in predictions)
        return [float(self.loss.of(out, t)) for out, t in zip(outputs, examples.prepared, strict=True)], predictions


def _reads(metric: Any) -> str:
    return getattr(metric, "reads", None) or getattr(getattr(metric, "func", None), "reads", "outputs")


def _name_of(metric: Any) -> str:
    return getattr(metric, "__name__", None) or getattr(
        getattr(metric, "func", metric), "__name__", type(metric).__name__
    )


def _bound(name: str, metric: Any, meaning: Meaning | None, outputs: int, loss: Loss) -> Metric:
    """The metric as a function of raw outputs and targets."""
    if isinstance(metric, Loss):
        wants = metric.meaning
        if wants is not None and meaning is not None and not _readable(wants.outputs, meaning.outputs):
            raise ValueError(f"{name} is of {wants.outputs}s, and the outputs are {meaning.outputs}s (by {loss.name})")
        return functools.partial(_mean_loss, metric)
    if _reads(metric) == "values" and meaning is not None and not _readable("value", meaning.outputs):
        raise ValueError(f"{name} compares values, and the outputs are {meaning.outputs}s (by {loss.name})")
    if _reads(metric) != "classes":
        return metric
    means = require_meaning(meaning, name, loss.name)
    if not means.has_classes:
        raise ValueError(
            f"{name} needs classes, and the outputs are values (by {loss.name}): train with a loss of classes, as "
            f"cross_entropy, or say what they mean, as in Loss({loss.name}, meaning='probability')"
        )
    if outputs > (2 if means.exclusive else 1) and getattr(metric, "of_two", False):
        raise ValueError(f"{name} is that of class 1 against one other, and there are {outputs}: use 'macro_{name}'")
    return functools.partial(_on_classes_of, metric, means)


def _readable(wanted: str, given: str) -> bool:
    return wanted == given or (wanted == "value" and given == "probability")


def _mean_loss(loss: Loss, predictions: Sequence[Target], targets: Sequence[Target]) -> float:
    losses = [float(loss(p, t)) for p, t in zip(predictions, targets, strict=True)]
    return loss.total(losses, [1.0] * len(losses))


def _on_classes_of(metric: Metric, meaning: Meaning, predictions: Sequence[Target], targets: Sequence[Target]) -> float:
    return metric([meaning.class_of(p) for p in predictions], [meaning.class_of_target(t) for t in targets])


def evaluate(
    model: Module,
    X: Any,
    y: Any,
    loss: str | Loss | Callable[[Any, Any], Any] | None = None,
    metrics: Sequence[str | Metric] = (),
    *,
    sample_weight: Any = None,
    compiled: bool | None = None,
) -> dict[str, float]:
    """The mean loss over the examples, and the metrics, by name. Dropout is off, no graph is built.

    ``loss`` : as for `fit`; by default the one that `fit` trained the model with, and mse where it did not
    ``sample_weight`` : what each example counts in the loss; metrics count each one as much
    ``compiled`` : as for `Module.predict`

    Raises what `fit` raises for its data.

    >>> from nn import MLP
    >>> evaluate(MLP(1, [1], init="zeros"), [[1], [2]], [1, 2], metrics=["mae"])
    {'loss': 2.5, 'mae': 1.5}
    """
    require_module("model", model)
    if loss is None and model.trained_with not in (None, *LOSSES):
        raise ValueError(f"{model!r} was trained with a loss of its own, {model.trained_with}: give evaluate that loss")
    measured = as_loss(loss or model.trained_with or "mse")
    meaning = measured.meaning or model.meaning
    examples = Examples(model, measured, X, y, sample_weight=sample_weight)
    measures = Measures(measured, metrics, meaning, examples.outputs)
    require_classes(measures, meaning, examples)
    return measures.on(model, examples, check_compiled(compiled))


def require_classes(measures: Measures, meaning: Meaning | None, examples: Examples, where: str = "") -> None:
    """ValueError, naming the target, where a metric reads classes and a target names none."""
    if not measures.reads_classes or meaning is None:
        return
    for i, target in enumerate(examples.targets):
        try:
            meaning.class_of_target(target)
        except ValueError as error:
            raise ValueError(f"{where}y[{i}]: {error}") from error


@contextlib.contextmanager
def paused_gc() -> Iterator[None]:
    """No garbage collection meanwhile; as it was afterwards."""
    was_enabled = gc.isenabled()
    try:
        gc.disable()
        yield
    finally:
        if was_enabled:
            gc.enable()
