"""fit: the training loop.

An epoch goes through the examples in batches; a step takes the gradients of one (`batches`) and moves the parameters.
Garbage collection is paused meanwhile: graphs have no cycles, and are freed as they go. What is measured is `metrics`',
what happens beside it `callbacks`', what is on file `resuming`'s.
"""

# ruff: noqa: N803 (X is the field's name)
from __future__ import annotations

import math
import os
import random
import sys
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from autodiff import CompileError, Value
from nn import resuming
from nn.backends import Backend
from nn.batches import Seen
from nn.callbacks import Callback, EarlyStopping, History
from nn.checkpoint import generators
from nn.checks import as_random, instance, integer, kind, listed, nonnegative, positive, shown
from nn.examples import Examples, warn_of_labels_from_one
from nn.gradients import Gradients
from nn.interrupts import completed
from nn.losses import Loss, as_loss
from nn.metrics import Measures, Metric, paused_gc, require_classes
from nn.module import Module, require_module
from nn.optim import Optimizer, clip_grad_norm, clip_grad_value
from nn.sampling import check_batch_size, minibatches

Penalty = Callable[[list[Value]], Any]


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
    loss: str | Loss | Callable[[Any, Any], Any] = "mse",
    optimizer: Optimizer,
    epochs: int,
    batch_size: int | None = None,
    replacement: bool = False,
    validation: tuple[Any, Any] | None = None,
    sample_weight: Any = None,
    class_weight: Mapping[Any, float] | str | None = None,
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
    on_interrupt: str = "return",
    compiled: bool | None = None,
    backend: str = "auto",
    devices: Any = None,
) -> History:
    """Train ``model`` on examples X with targets y; the History of the epochs.

    Parameters
    ----------
    X, y : rows of numbers, and one target for each (a number, a class index, or a row of numbers): lists, arrays,
        frames
    loss : a name (`LOSSES`), a `Loss`, or a function (prediction, target) → Value; averaged over each batch, or added
        up where its reduction is "sum". It says what the outputs mean, and the model remembers it
    optimizer : holds parameters of the model
    epochs : how many times to go through X, in all (a resumed run counts those before)
    batch_size : examples in a step; None: all of them (gradient descent), 1: stochastic gradient descent. The
        order is drawn from ``rng`` anew in every epoch, and the last batch may be shorter
    replacement : True draws each batch from all examples, so that an epoch has some several times and some not at all
    validation : (Xv, yv), measured after every epoch with dropout off, without weights
    sample_weight : what each example counts: a batch's loss is Σ w·loss / Σ w. A batch of weights 0 makes no step
    class_weight : {class: weight}, or "balanced" for n / (classes · n of the class); multiplied with sample_weight
    schedule : the factor on the optimizer's own rate, by epoch or by step (`schedules`), or `Rates`; the rate is put
        back when fit ends
    penalty : L1, L2, Ridge, ElasticNet, or a function of the list of weights
    metrics : names (`METRICS`, or of losses) or functions (predictions, targets) → float
    callbacks : run in their order, `Checkpoint`s last
    tolerance : stop when no parameter moved by more than this in an epoch: (w)new ≈ (w)old
    clip_norm, clip_value : limit the gradients before each step (`clip_grad_norm`, `clip_grad_value`)
    rng : int seed or random.Random; needed for batches
    progress : a tqdm bar in Jupyter and in a terminal (off when piped)
    resume : the file of a `Checkpoint` to go on from, as if never stopped (with ``compiled=False`` bit by bit), given
        the same arguments. A run with other data, another loss, rate or setting is refused: to go on with that, `load`
        the model and fit anew
    on_interrupt : "return": Ctrl-C ends the run and gives the History so far (``stopped_by`` "interrupted"), the model
        having the weights of the last completed step, or those that `EarlyStopping` brings back; "raise":
        KeyboardInterrupt is let through after that
    compiled : None computes a batch's gradients by matrices, which it finds in the graph of one example
        (`autodiff.compile`), and by scalars, one example after the other, where it cannot; the history's ``engine``
        says why. True raises CompileError instead, False takes scalars. What is compiled adds up in another order, so
        that last digits differ from those of scalars, and trajectories by as much: equal bits are a matter of False
    backend : who runs what is compiled: "numpy"; "native", a tape in C, for batches of a few examples; "jax", which
        needs jax; "auto" is the tape for up to 16 examples of a model of up to 10,000 parameters, else NumPy. One that
        is named must serve: CompileError where the model cannot be compiled, or does not run on it
    devices : of JAX, among which each batch is divided: None for all, a number, or some of `jax.devices()`. Where
        `jax.distributed.initialize` has joined several processes each of them calls fit, with the same arguments;
        process 0 alone writes checkpoints and shows progress (docs/backends.md)

    Raises `TrainingError` where a loss, a gradient, a step or a metric is not finite, or a schedule's later factor is
    no finite number of at least 0, `CheckpointError` for a file that does not fit, ValueError and TypeError for
    arguments that make no sense: then nothing changed.

    >>> from nn import MLP, SGD
    >>> model = MLP(1, [1], rng=0)
    >>> history = fit(model, [0, 1, 2], [1, 3, 5], optimizer=SGD(model.parameters(), 0.1), epochs=200)
    >>> round(model.predict([[10]])[0], 3), history.stopped_by
    (21.0, 'epochs')
    """
    training = Training(
        model, X, y, loss=loss, optimizer=optimizer, epochs=epochs, batch_size=batch_size, replacement=replacement,
        validation=validation, sample_weight=sample_weight, class_weight=class_weight, schedule=schedule,
        penalty=penalty, metrics=metrics, callbacks=callbacks, tolerance=tolerance, clip_norm=clip_norm,
        clip_value=clip_value, rng=rng, on_interrupt=on_interrupt, compiled=compiled, backend=backend,
        devices=devices,
    )  # fmt: skip
    if resume is not None:
        resuming.resume(training, resume)
    return training.run(progress)


class Training:
    """One run of `fit`, as its callbacks see it. The arguments are those of `fit`, and all of them are checked here.

    Attributes
    ----------
    model, optimizer, history : what is trained, by what, and what was measured
    epoch, step : how many are completed; epochs: how many there will be
    parameters, generators : every parameter of the model, and what its modules draw from, by path
    """

    def __init__(
        self,
        model: Module,
        X: Any,
        y: Any,
        *,
        loss: str | Loss | Callable[[Any, Any], Any],
        optimizer: Optimizer,
        epochs: int,
        batch_size: int | None,
        replacement: bool,
        validation: tuple[Any, Any] | None,
        sample_weight: Any,
        class_weight: Mapping[Any, float] | str | None,
        schedule: Callable[[int], float] | None,
        penalty: Penalty | None,
        metrics: Sequence[str | Metric],
        callbacks: Sequence[Callback],
        tolerance: float | None,
        clip_norm: float | None,
        clip_value: float | None,
        rng: int | random.Random | None,
        on_interrupt: str,
        compiled: bool | None,
        backend: str,
        devices: Any,
    ) -> None:
        self.model = require_module("model", model)
        self.loss = as_loss(loss)
        self.optimizer = _fitting(optimizer, model)
        self.base_lr = optimizer.lr
        self.examples = Examples(model, self.loss, X, y, sample_weight=sample_weight, class_weight=class_weight)
        warn_of_labels_from_one(self.examples, self.loss)
        self.measures = Measures(self.loss, metrics, self.loss.meaning, self.examples.outputs)
        require_classes(self.measures, self.loss.meaning, self.examples)
        self.validation = None
        if validation is not None:
            self.validation = Examples(model, self.loss, *_pair(validation), where="validation ")
            require_classes(self.measures, self.loss.meaning, self.validation, "validation ")
        self.epochs = integer("epochs", epochs)
        self.batch_size = check_batch_size(batch_size, len(self.examples))
        self.replacement = bool(replacement)
        whole = self.batch_size == len(self.examples) and not replacement
        self.rng = as_random(0 if whole and rng is None else rng, "shuffling into batches")
        self.schedule = None if schedule is None else instance("schedule", schedule, "StepDecay(every=10)")
        self.penalty = None if penalty is None else instance("penalty", penalty, "L2(0.01)")
        self.callbacks = _ordered(callbacks)
        self.tolerance = None if tolerance is None else nonnegative("tolerance", tolerance)
        self.clip_norm = None if clip_norm is None else positive("clip_norm", clip_norm)
        self.clip_value = None if clip_value is None else positive("clip_value", clip_value)
        if on_interrupt not in ("return", "raise"):
            raise ValueError(f"on_interrupt is 'return' or 'raise', not {shown(on_interrupt)}")
        self.on_interrupt = on_interrupt
        self.step = 0
        self.history = self._empty_history()
        self.parameters, self._weights = model.parameters(), list[Value]()
        self.generators = generators(model)
        self.frozen_at_first = [path for path, module in model.named_modules() if module.frozen]
        self._described: dict[str, Any] | None = None
        self._started: list[Callback] = []
        self._standing: resuming.Standing | None = None  # at the last epoch's end; None while that is being told
        watched = any(getattr(c.on_gradients, "__func__", None) is not Callback.on_gradients for c in self.callbacks)
        keeps_predictions = bool(self.measures.metrics)
        self._backend = Backend(backend, devices)
        self._gradients = Gradients(
            compiled, self._backend, model, self.loss, self.examples, keeps_predictions, watched
        )

    def _empty_history(self) -> History:
        columns = [*self.measures.names, *(["penalty"] if self.penalty else [])]
        if self.validation:
            columns += [f"validation_{name}" for name in self.measures.names]
        return History([*columns, "learning_rate", "seconds"])

    @property
    def described(self) -> dict[str, Any]:
        """What makes it this run and no other, for checkpoints: written down once."""
        self._described = self._described or resuming.description(self)
        return self._described

    @property
    def epoch(self) -> int:
        return len(self.history)  # one number, so that an interrupt cannot leave the two apart

    def stop(self, reason: str) -> None:
        """End the run after this epoch; the history's ``stopped_by`` will say why."""
        self.history.stopped_by = reason

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a checkpoint that `fit` can resume from: of the last completed epoch. Of several processes one does."""
        if self._backend.writes:
            resuming.write(self, self._standing or resuming.standing(self), path)

    # The loop.

    def run(self, progress: bool) -> History:
        batches = math.ceil(len(self.examples) / self.batch_size)
        self._backend.require_alike(lambda: resuming.compared(self))
        bar = _progress_bar(progress and self._backend.writes, self.epochs * batches, self.epoch * batches)
        try:
            with self.model.mode(training=True):
                self._run(bar)
        finally:
            self.optimizer.lr = self.base_lr
            bar.close()
        return self.history

    def _run(self, bar: Any) -> None:
        try:
            for callback in self.callbacks:
                callback.on_fit_start(self)
                self._started.append(callback)
            self.model.trained_with, self.model.meaning = self.loss.name, self.loss.meaning
            self._standing = resuming.standing(self)
            while self.epoch < self.epochs and not self.history.stopped_by:
                self._run_epoch(bar)
            self._finish("epochs")
        except KeyboardInterrupt:
            self._finish("interrupted")
            if self.on_interrupt == "raise":
                raise
        except Exception as error:
            self._finish("error", error)
            raise

    def _finish(self, reason: str, error: Exception | None = None) -> None:
        """Tell the callbacks, whatever came: best weights are brought back, checkpoints written."""
        self.history.stopped_by = self.history.stopped_by or reason
        with completed():
            while self._started:
                self._end(self._started.pop(0), error)

    def _end(self, callback: Callback, error: Exception | None) -> None:
        try:
            callback.on_fit_end(self)
        except Exception as another:
            if error is None:
                raise
            error.add_note(f"{type(callback).__name__}.on_fit_end failed as well: {another}")

    def _run_epoch(self, bar: Any) -> None:
        started = time.perf_counter()
        before = [p.data for p in self.optimizer.parameters] if self.tolerance is not None else []
        seen = Seen()
        self._gradients.start_epoch()
        self._weights = self.model.weight_parameters() if self.penalty is not None else []
        batches = minibatches(len(self.examples), self.batch_size, self.rng, replacement=self.replacement)
        with paused_gc():
            for number_of_batch, batch in enumerate(batches, 1):
                if any(self.examples.weights[i] for i in batch):
                    self._set_rate(number_of_batch)
                    self._run_step(batch, number_of_batch, seen)
                bar.update(1)
            row = self._measured(seen)
        row |= {"learning_rate": self.optimizer.lr, "seconds": time.perf_counter() - started}
        with completed():
            self._end_epoch(row, before)
        beside = {name: f"{row[name]:.4g}" for name in ("loss", "validation_loss", "learning_rate") if name in row}
        bar.set_postfix({"epoch": f"{self.epoch}/{self.epochs}", **beside})

    def _end_epoch(self, row: dict[str, float], before: list[float]) -> None:
        self._standing = None
        self.history.append(row)
        if self.tolerance is not None:
            moved = max(abs(p.data - old) for p, old in zip(self.optimizer.parameters, before, strict=True))
            if moved <= self.tolerance:
                self.stop("tolerance")
        for callback in self.callbacks:
            if callback.runs_last and self._standing is None:
                self._standing = resuming.standing(self)
            callback.on_epoch_end(self)
        self._standing = self._standing or resuming.standing(self)

    def _measured(self, seen: Seen) -> dict[str, float]:
        where = ""
        try:
            if not seen.losses:
                raise ValueError("every example that was drawn has weight 0")
            row = self.measures.of(seen.losses, seen.weights, seen.predictions, seen.targets)
            if self.penalty is not None:
                row["penalty"] = math.fsum(seen.penalties) / len(seen.penalties)
            if self.validation:
                where = ", validation"
                found = self.measures.on(
                    self.model, self.validation, False if self._gradients.compiled is False else None
                )
                row |= {f"validation_{name}": x for name, x in found.items()}
        except (TypeError, ValueError, ArithmeticError) as error:
            raise self._failed(error, None, where=where) from error
        return row

    def _set_rate(self, number_of_batch: int) -> None:
        if self.schedule is None:
            return
        t = self.step if getattr(self.schedule, "per", "epoch") == "step" else self.epoch
        what = "rate" if getattr(self.schedule, "gives_rates", False) else "factor"
        try:
            given = nonnegative(f"the schedule's {what} at t = {t}", self.schedule(t))
            self.optimizer.lr = given if what == "rate" else self.base_lr * given
        except (TypeError, ValueError, ArithmeticError) as error:
            if self.step == 0:  # an argument that makes no sense, and nothing changed yet
                raise
            raise self._failed(error, number_of_batch) from error

    def _run_step(self, batch: list[int], number_of_batch: int, seen: Seen) -> None:
        """Average the gradients of the examples in ``batch`` (rows of X), add the penalty's, move the parameters."""
        try:
            self._gradients.backward(batch, seen)
            if self.penalty is not None:
                self._gradients.add_penalty(self.penalty, self._weights, seen)
            self.history.engine = self._gradients.engine
        except CompileError:
            raise
        except (ValueError, ArithmeticError) as error:
            raise self._failed(error, number_of_batch, seen.example) from error
        for callback in self.callbacks:
            callback.on_gradients(self)
        try:
            if self.clip_value is not None:
                clip_grad_value(self.parameters, self.clip_value)
            if self.clip_norm is not None:
                clip_grad_norm(self.parameters, self.clip_norm)
            self.optimizer.step()
        except (ValueError, ArithmeticError) as error:
            raise self._failed(error, number_of_batch, advise=False) from error  # the optimizer's message does
        self.step += 1

    def _failed(
        self, error: Exception, batch: int | None, example: int | None = None, where: str = "", advise: bool = True
    ) -> TrainingError:
        """The engine's error, with the place in the data added, and what to do about it."""
        place = f"epoch {self.epoch + 1}"
        place += f", batch {batch}" if batch is not None else ""
        place += f", example X[{example}]" if example is not None else where
        if advise and isinstance(error, OverflowError):
            more = "scale the inputs" if self.clip_norm else "give clip_norm=1.0"
            place += f": the run diverges, so lower the learning rate ({self.optimizer.lr:g}) or {more}"
        kept = f"the model keeps the weights of the last completed step ({self.step} steps)"
        for callback in self.callbacks:
            if isinstance(callback, EarlyStopping) and callback.best_weights:
                kept = f"the model has the best weights again, of epoch {callback.best_epoch}"
        message = f"{place}: {error}\n  {kept}"
        return TrainingError(message, self.epoch + 1, batch, example, self.history)


def _fitting(optimizer: Any, model: Module) -> Optimizer:
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"optimizer must be an Optimizer, as in SGD(model.parameters(), lr=0.1), not {kind(optimizer)}")
    ours = set(map(id, model.parameters()))
    if any(id(p) not in ours for p in optimizer.parameters):
        raise ValueError("the optimizer holds parameters that are not the model's: make it from model.parameters()")
    if not model.moving_parameters():
        raise ValueError("every parameter of the model is frozen: unfreeze() what is to learn")
    return optimizer


def _pair(validation: Any) -> tuple[Any, Any]:
    if not isinstance(validation, tuple | list) or len(validation) != 2:
        raise TypeError(
            f"validation must be a pair (Xv, yv), not {kind(validation)}: as in X, y, Xv, yv = split(X, y, 0.2, rng=0)"
        )
    return validation[0], validation[1]


def _ordered(callbacks: Sequence[Callback]) -> list[Callback]:
    given = listed("callbacks", callbacks, "[EarlyStopping()]")
    for callback in given:
        if isinstance(callback, type):
            raise TypeError(f"callbacks holds the class {callback.__name__}: write {callback.__name__}(…)")
        if not isinstance(callback, Callback):
            raise TypeError(f"callbacks must be Callbacks, not {kind(callback)}")
    return sorted(given, key=lambda callback: callback.runs_last)


def _progress_bar(wanted: bool, total: int, done: int) -> Any:
    """tqdm's bar over ``total`` batches, ``done`` of them done before: in Jupyter and in a terminal, off when piped."""
    if not wanted:
        return _NoBar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # in Jupyter without ipywidgets the bar is plain text, and that is all
            from tqdm.auto import tqdm
    except ImportError:  # a Python without tqdm (a browser's) trains without a bar
        return _NoBar()
    in_jupyter = type(sys.stdout).__module__.startswith("ipykernel")  # where stderr is no terminal, but is shown
    disable = False if in_jupyter else None  # None: on where stderr is a terminal
    return tqdm(total=total, initial=done, unit="batch", desc="training", disable=disable)


class _NoBar:
    def update(self, _: int) -> None: ...

    def set_postfix(self, _: dict[str, str]) -> None: ...

    def close(self) -> None: ...
