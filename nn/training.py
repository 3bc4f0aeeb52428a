"""fit: the training loop.

An epoch goes through the examples in batches; a step averages their gradients, one example's graph after the
other, and moves the parameters. Garbage collection is paused meanwhile: graphs have no cycles, and are freed
as they go. What is measured is `evaluation`'s and `history`'s, what happens beside it `callbacks`', what is on
file `checkpoint`'s.
"""

# ruff: noqa: N803 (X is the field's name)
from __future__ import annotations

import math
import os
import random
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from autodiff import Value, zero_grad
from nn import checkpoint
from nn.callbacks import Callback, Checkpoint, EarlyStopping
from nn.checks import as_random, integer, named, number, positive
from nn.data import Target, as_examples, as_floats, check_batch_size, minibatches
from nn.evaluation import average, check_targets, measured, measured_by, paused_gc
from nn.history import History
from nn.losses import LOSSES, Loss
from nn.metrics import Metric, metrics_for
from nn.module import MINUS_INFINITY, Module
from nn.optim import Optimizer, clip_grad_norm, clip_grad_value
from nn.progress import progress_bar

Penalty = Callable[[Sequence[Value]], Any]


class TrainingError(ArithmeticError):
    """A step or a metric failed, most often at a number that is not finite. The last completed step's weights stay.

    ``epoch`` and ``batch`` count from 1, ``example`` is the row of X, None where the batch as a whole failed, as is
    ``batch`` where what is measured of the whole epoch failed; ``history`` holds the epochs before.
    """

    def __init__(self, message: str, epoch: int, batch: int | None, example: int | None, history: History) -> None:
        super().__init__(message)
        self.epoch, self.batch, self.example, self.history = epoch, batch, example, history


def fit(
    model: Module,
    X: Any,
    y: Any,
    *,
    loss: str | Loss = "mse",
    optimizer: Optimizer,
    epochs: int,
    batch_size: int | None = None,
    validation: tuple[Any, Any] | None = None,
    schedule: Callable[[int], float] | None = None,
    penalty: Penalty | None = None,
    metrics: Sequence[str | Metric] = (),
    callbacks: Sequence[Callback] = (),
    tolerance: float | None = None,
    clip_norm: float | None = None,
    clip_value: float | None = None,
    rng: int | random.Random | None = None,
    progress: bool = True,
    resume: str | os.PathLike[str] | None = None,
) -> History:
    """Train ``model`` on examples X with targets y; the History of the epochs.

    Parameters
    ----------
    X, y : rows of numbers, and one target for each (a number, a class index, or a row of numbers)
    loss : a name (`LOSSES`) or a function (prediction, target) → Value, averaged over each batch
    optimizer : holds parameters of the model
    epochs : how many times to go through X, in all (a resumed run counts those before)
    batch_size : examples in a step; None: all of them (gradient descent), 1: stochastic gradient descent. The
        order is drawn from ``rng`` anew in every epoch, and the last batch may be shorter
    validation : (Xv, yv), measured after every epoch with dropout off
    schedule : the factor on the optimiser's own rate, by epoch or by step (`schedules`); the rate is put
        back when fit ends
    penalty : L1, L2, ElasticNet, or a function of the list of weights
    metrics : names (`METRICS`) or functions (predictions, targets) → float
    callbacks : run in their order, `Checkpoint`s last
    tolerance : stop when no parameter moved by more than this in an epoch: (w)new ≈ (w)old
    clip_norm, clip_value : limit the gradients before each step (`clip_grad_norm`, `clip_grad_value`)
    rng : int seed or random.Random; needed for batches
    progress : a tqdm bar in Jupyter and in a terminal (off when piped)
    resume : the file of a `Checkpoint` to go on from, bit by bit as if never stopped, given the same arguments. An
        optimiser with another learning rate or setting is refused: to go on with that, `load` the model and fit anew

    Ctrl-C ends the run and gives the History so far (``stopped_by`` "interrupted"), the model having the weights of
    the last completed step. Raises `TrainingError` where a loss, a gradient, a step or a metric is not finite, or a
    schedule's later factor is no finite number of at least 0, `CheckpointError` for a file that does not fit,
    ValueError and TypeError for arguments that make no sense: then nothing changed.

    >>> from nn import MLP, SGD
    >>> model = MLP(1, [1], rng=0)
    >>> history = fit(model, [0, 1, 2], [1, 3, 5], optimizer=SGD(model.parameters(), 0.1), epochs=200)
    >>> round(model.predict([[10]])[0], 3), history.stopped_by
    (21.0, 'epochs')
    """
    training = Training(model, X, y, loss, optimizer, epochs, batch_size, validation, metrics, rng)
    training.schedule = schedule if schedule is None else _required_callable("schedule", schedule)
    training.penalty = penalty if penalty is None else _required_callable("penalty", penalty)
    training.callbacks = _ordered(callbacks)
    training.tolerance = None if tolerance is None else number("tolerance", tolerance)
    training.clip_norm = None if clip_norm is None else positive("clip_norm", clip_norm)
    training.clip_value = None if clip_value is None else positive("clip_value", clip_value)
    training.prepare_history()
    if resume is not None:
        training.resume(resume)
    return training.run(progress)


class Training:
    """One run of `fit`, as its callbacks see it.

    Attributes
    ----------
    model, optimizer, history : what is trained, by what, and what was measured
    epoch, step : how many are completed; epochs: how many there will be
    """

    schedule: Callable[[int], float] | None
    penalty: Penalty | None
    callbacks: list[Callback]
    tolerance: float | None
    clip_norm: float | None
    clip_value: float | None
    history: History

    def __init__(
        self,
        model: Module,
        X: Any,
        y: Any,
        loss: str | Loss,
        optimizer: Optimizer,
        epochs: int,
        batch_size: int | None,
        validation: tuple[Any, Any] | None,
        metrics: Sequence[str | Metric],
        rng: int | random.Random | None,
    ) -> None:
        if not isinstance(model, Module):
            raise TypeError(f"model must be a Module, not {type(model).__name__} {model!r:.60}")
        self.model = model
        self.parameters, self.weights = model.parameters(), model.weight_parameters()
        self.loss = named("loss", loss, LOSSES)
        self.optimizer = _fitting(optimizer, model)
        self.rows, self.targets = as_examples(X, y, model.inputs)
        self.metrics = metrics_for(metrics, self.loss)
        check_targets(model, self.loss, self.metrics, self.rows, self.targets)
        self.validation = None
        if validation is not None:
            self.validation = as_examples(*_pair(validation), model.inputs, "validation ")
            check_targets(model, self.loss, self.metrics, *self.validation, where="validation ")
        self.epochs = integer("epochs", epochs)
        self.batch_size = check_batch_size(batch_size, len(self.rows))
        self.rng = as_random(0 if self.batch_size == len(self.rows) and rng is None else rng, "shuffling into batches")
        self.step = 0
        self.base_lr = optimizer.lr

    def prepare_history(self) -> None:
        measured = ["loss", *self.metrics]
        columns = [*measured, *(["penalty"] if self.penalty else [])]
        if self.validation:
            columns += [f"validation_{name}" for name in measured]
        self.history = History([*columns, "learning_rate", "seconds"])

    @property
    def epoch(self) -> int:
        return len(self.history)  # one number, so that an interrupt cannot leave the two apart

    def stop(self, reason: str) -> None:
        """End the run after this epoch; the history's ``stopped_by`` will say why."""
        self.history.stopped_by = reason

    # The loop.

    def run(self, progress: bool) -> History:
        batches = math.ceil(len(self.rows) / self.batch_size)
        bar = progress_bar(progress, self.epochs * batches, self.epoch * batches)
        try:
            with self.model.mode(training=True):
                self._call("on_fit_start")
                while self.epoch < self.epochs and not self.history.stopped_by:
                    self._run_epoch(bar)
                    self._call("on_epoch_end")
                self.history.stopped_by = self.history.stopped_by or "epochs"
                self._call("on_fit_end")
        except KeyboardInterrupt:
            self.history.stopped_by = "interrupted"
        finally:
            self.optimizer.lr = self.base_lr
            bar.close()
        return self.history

    def _call(self, event: str) -> None:
        for callback in self.callbacks:
            getattr(callback, event)(self)

    def _run_epoch(self, bar: Any) -> None:
        started = time.perf_counter()
        before = [p.data for p in self.optimizer.parameters]
        seen = _Seen()
        with paused_gc():
            for number_of_batch, batch in enumerate(minibatches(len(self.rows), self.batch_size, self.rng), 1):
                self._set_rate(number_of_batch)
                self._run_step(batch, number_of_batch, seen)
                bar.update(1)
            row = self._measured(seen)
        row |= {"learning_rate": self.optimizer.lr, "seconds": time.perf_counter() - started}
        self.history.append(row)
        shown = {name: f"{row[name]:.4g}" for name in ("loss", "validation_loss", "learning_rate") if name in row}
        bar.set_postfix({"epoch": f"{self.epoch}/{self.epochs}", **shown})
        if self.tolerance is not None:
            moved = max(abs(p.data - old) for p, old in zip(self.optimizer.parameters, before, strict=True))
            if moved <= self.tolerance:
                self.stop("tolerance")

    def _measured(self, seen: _Seen) -> dict[str, float]:
        where = ""
        try:
            row = seen.averages(self.metrics, penalised=self.penalty is not None)
            if self.validation:
                where = "validation: "
                found = measured(self.model, *self.validation, self.loss, self.metrics)
                row |= {f"validation_{name}": x for name, x in found.items()}
        except (TypeError, ValueError, ArithmeticError) as error:
            message = f"epoch {self.epoch + 1}, {where}{error}"
            raise TrainingError(message, self.epoch + 1, None, None, self.history) from error
        return row

    def _set_rate(self, number_of_batch: int) -> None:
        if self.schedule is None:
            return
        t = self.step if getattr(self.schedule, "per", "epoch") == "step" else self.epoch
        try:
            self.optimizer.lr = self.base_lr * number(f"the schedule's factor at t = {t}", self.schedule(t))
        except (TypeError, ValueError, ArithmeticError) as error:
            if self.step == 0:  # an argument that makes no sense, and nothing changed yet
                raise
            raise self._failed(error, number_of_batch) from error

    def _run_step(self, batch: list[int], number_of_batch: int, seen: _Seen) -> None:
        """Average the gradients of the examples in ``batch`` (rows of X), add the penalty's, move the parameters."""
        example: int | None = None
        zero_grad(self.parameters)
        try:
            for example in batch:
                prediction = self.model(self.rows[example])
                loss = _required_value(self.loss(prediction, self.targets[example]))
                loss.backward(1.0 / len(batch))
                seen.losses.append(loss.data)
                if self.metrics:
                    seen.predictions.append(as_floats(prediction))
                    seen.targets.append(self.targets[example])
            example = None
            if self.penalty is not None:
                penalty = _required_value(self.penalty(self.weights))
                penalty.backward()
                seen.penalties.append(penalty.data)
        except (ValueError, ArithmeticError) as error:
            raise self._failed(error, number_of_batch, example) from error
        self._call("on_gradients")
        try:
            if self.clip_value is not None:
                clip_grad_value(self.parameters, self.clip_value)
            if self.clip_norm is not None:
                clip_grad_norm(self.parameters, self.clip_norm)
            self.optimizer.step()
        except (ValueError, ArithmeticError) as error:
            raise self._failed(error, number_of_batch) from error
        self.step += 1

    def _failed(self, error: Exception, number_of_batch: int, example: int | None = None) -> TrainingError:
        """The engine's error, with the place in the data added."""
        where = f"epoch {self.epoch + 1}, batch {number_of_batch}"
        where += f", example X[{example}]" if example is not None else ""
        message = f"{where}: {error}\n  the model keeps the weights of the last completed step ({self.step} steps)"
        return TrainingError(message, self.epoch + 1, number_of_batch, example, self.history)

    # Where it stands, for a checkpoint.

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a checkpoint that `fit` can resume from."""
        checkpoint.write(
            self.model,
            path,
            {
                "epoch": self.epoch,
                "step": self.step,
                "examples": len(self.rows),
                "batch_size": self.batch_size,
                "base_lr": self.base_lr,
                "optimizer": self.optimizer.state_dict(),
                "random": checkpoint.random_to_json(self.rng),
                "callbacks": [{"type": type(c).__name__, "state": c.state_dict()} for c in self.callbacks],
                "history": {"stopped_by": self.history.stopped_by, "columns": self.history.columns},
            },
        )

    def resume(self, path: str | os.PathLike[str]) -> None:
        """Go on from a checkpoint; CheckpointError, and everything as it was, where it does not fit."""
        content = checkpoint.read(path)
        state = content["training"]
        if state is None:
            raise checkpoint.CheckpointError(
                f"{path} holds a model and no training run: it was written by save(), not by a Checkpoint callback"
            )
        before, before_callbacks = self.optimizer.state_dict(), [c.state_dict() for c in self.callbacks]
        try:
            self._require_same_run(state)
            random_state = checkpoint.random_from_json(state["random"]).getstate()
            self.step = integer("step", state["step"], 0)
            self._resume_history(state["history"], integer("epoch", state["epoch"], 0))
            self.optimizer.load_state_dict(state["optimizer"])
            for callback, saved in zip(self.callbacks, state["callbacks"], strict=True):
                callback.load_state_dict(saved["state"])
                if isinstance(callback, EarlyStopping) and callback.best_weights:
                    self.model.checked_state(callback.best_weights)
            checkpoint.restore(self.model, content, path)
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            self.optimizer.load_state_dict(before)
            for callback, saved in zip(self.callbacks, before_callbacks, strict=True):
                callback.load_state_dict(saved)
            raise checkpoint.CheckpointError(f"{path} cannot be resumed from: {error}") from error
        self.rng.setstate(random_state)

    def _resume_history(self, saved: dict[str, Any], epochs: int) -> None:
        for name in self.history.columns:
            column = [number(name, x, at_least=MINUS_INFINITY) for x in saved["columns"][name]]
            if len(column) != epochs:
                raise ValueError(f"the history has {len(column)} numbers of {name}, for {epochs} epochs")
            self.history.columns[name] = column
        if not isinstance(saved["stopped_by"], str):
            raise TypeError(f"stopped_by must be a text, not {saved['stopped_by']!r}")
        self.history.stopped_by = saved["stopped_by"]

    def _require_same_run(self, state: dict[str, Any]) -> None:
        optimizer = self.optimizer.state_dict()
        given = {
            "examples": len(self.rows),
            "batch_size": self.batch_size,
            "callbacks": [type(c).__name__ for c in self.callbacks],
            "columns": list(self.history.columns),
            "optimizer": optimizer["type"],
            "learning rate": self.base_lr,
            "settings": {name: list(x) if isinstance(x, tuple) else x for name, x in optimizer["settings"].items()},
        }
        saved = {
            "examples": state["examples"],
            "batch_size": state["batch_size"],
            "callbacks": [c["type"] for c in state["callbacks"]],
            "columns": list(state["history"]["columns"]),
            "optimizer": state["optimizer"]["type"],
            "learning rate": state["base_lr"],
            "settings": state["optimizer"]["settings"],
        }
        for name, value in given.items():
            if saved[name] != value:
                raise ValueError(f"the run had {name} {saved[name]!r}, this one has {value!r}: give the same")


class _Seen:
    """What one epoch has seen so far."""

    def __init__(self) -> None:
        self.losses: list[float] = []
        self.predictions: list[Target] = []
        self.targets: list[Target] = []
        self.penalties: list[float] = []

    def averages(self, metrics: dict[str, Metric], penalised: bool) -> dict[str, float]:
        found = {"loss": average(self.losses)}
        found |= measured_by(metrics, self.predictions, self.targets)
        return found | ({"penalty": average(self.penalties)} if penalised else {})


def _fitting(optimizer: Any, model: Module) -> Optimizer:
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"optimizer must be an Optimizer, as in SGD(model.parameters(), lr=0.1), not {optimizer!r:.60}")
    ours = set(map(id, model.parameters()))
    if any(id(p) not in ours for p in optimizer.parameters):
        raise ValueError("the optimiser holds parameters that are not the model's: make it from model.parameters()")
    return optimizer


def _pair(validation: Any) -> tuple[Any, Any]:
    if not isinstance(validation, tuple | list) or len(validation) != 2:
        raise TypeError("validation must be a pair (Xv, yv)")
    return validation[0], validation[1]


def _ordered(callbacks: Sequence[Callback]) -> list[Callback]:
    if not isinstance(callbacks, Iterable):
        raise TypeError(f"callbacks must be a list, as in [EarlyStopping()], not {type(callbacks).__name__}")
    for callback in callbacks:
        if not isinstance(callback, Callback):
            raise TypeError(f"callbacks must be Callbacks, not {type(callback).__name__} {callback!r:.60}")
    return sorted(callbacks, key=lambda callback: isinstance(callback, Checkpoint))


def _required_callable(name: str, given: Any) -> Any:
    if not callable(given):
        raise TypeError(f"{name} must be a function or one of nn's own, not {type(given).__name__} {given!r}")
    return given


def _required_value(loss: Any) -> Value:
    if not isinstance(loss, Value):
        raise TypeError(
            f"a loss must return one Value made from the prediction, not {type(loss).__name__} {loss!r:.60}"
        )
    if loss.op is None:
        raise TypeError("the loss has no graph: it does not depend on the model, or fit runs inside no_grad()")
    return loss
