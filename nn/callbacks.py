"""Callbacks: what happens beside training. `training` calls them; each sees the run and may stop it."""

from __future__ import annotations

import math
import os
from typing import TYPE_CHECKING, Any

from nn.checks import integer, number

if TYPE_CHECKING:
    from nn.training import Training


class Callback:
    """The base: override what you need. ``training`` has model, optimizer, history, epoch, step and stop(reason).

    on_gradients runs in every step when the gradients are complete and the parameters have not moved. A callback
    with memory gives it as numbers, lists and dicts in `state_dict`, and a resumed run goes on with it.

    >>> class StopBelow(Callback):
    ...     def on_epoch_end(self, training):
    ...         if training.history.loss[-1] < 0.1:
    ...             training.stop("low loss")
    """

    def on_fit_start(self, training: Training) -> None:
        """Before the first epoch (of a resumed run too), everything being checked."""

    def on_gradients(self, training: Training) -> None:
        """In every step, between the backward passes and the update."""

    def on_epoch_end(self, training: Training) -> None:
        """After an epoch, its numbers being in the history."""

    def on_fit_end(self, training: Training) -> None:
        """At the end, unless an error or an interrupt made it."""

    def state_dict(self) -> dict[str, Any]:
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        pass


class EarlyStopping(Callback):
    """Stop when a number has not improved for ``patience`` epochs, and bring back the best weights.

    Parameters
    ----------
    patience : how many epochs without improvement are allowed
    monitor : a column of the history; by default validation_loss, or loss without validation data
    min_delta : an improvement is more than this
    mode : "min" where lower is better, "max" where higher is
    restore_best : False keeps the last weights

    Raises ValueError for settings out of range, and at the start of `fit` for a column that there is not.
    """

    def __init__(
        self,
        patience: int = 5,
        *,
        monitor: str | None = None,
        min_delta: float = 0.0,
        mode: str = "min",
        restore_best: bool = True,
    ) -> None:
        if mode not in ("min", "max"):
            raise ValueError(f"mode must be 'min' or 'max', not {mode!r}")
        self.patience = integer("patience", patience)
        self.monitor = monitor
        self.min_delta = number("min_delta", min_delta)
        self.sign = 1.0 if mode == "min" else -1.0
        self.restore_best = restore_best
        self._forget()

    def _forget(self) -> None:
        self.best: float | None = None
        self.best_epoch = 0
        self.best_weights: dict[str, float] = {}

    def on_fit_start(self, training: Training) -> None:
        if training.epoch == 0:  # the same object may serve in several runs
            self._forget()
        columns = training.history.columns
        self._column = self.monitor or ("validation_loss" if "validation_loss" in columns else "loss")
        if self._column not in columns:
            raise ValueError(f"EarlyStopping cannot monitor {self._column!r}; this run measures {', '.join(columns)}")

    def on_epoch_end(self, training: Training) -> None:
        now = self.sign * training.history[self._column][-1]
        if now < (math.inf if self.best is None else self.best - self.min_delta):
            self.best, self.best_epoch = now, training.epoch
            if self.restore_best:
                self.best_weights = training.model.state_dict()
        elif training.epoch - self.best_epoch >= self.patience:
            training.stop("early stopping")

    def on_fit_end(self, training: Training) -> None:
        if self.best_weights:
            training.model.load_state_dict(self.best_weights)

    def state_dict(self) -> dict[str, Any]:
        return {"best": self.best, "best_epoch": self.best_epoch, "best_weights": self.best_weights}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        best = None if state["best"] is None else number("best", state["best"], at_least=-math.inf)
        best_epoch, best_weights = integer("best_epoch", state["best_epoch"], 0), dict(state["best_weights"])
        self.best, self.best_epoch, self.best_weights = best, best_epoch, best_weights


class Checkpoint(Callback):
    """Write the model and the state of the run to ``path`` after every ``every`` epochs and after the last.

    `load` reads the model from it, and ``fit(resume=path)`` goes on as if never stopped. Runs after the other
    callbacks, so that the file holds their state of the same epoch. Raises OSError where it cannot be written.
    """

    def __init__(self, path: str | os.PathLike[str], every: int = 1) -> None:
        self.path = path
        self.every = integer("every", every)

    def on_epoch_end(self, training: Training) -> None:
        if training.epoch % self.every == 0 or training.epoch == training.epochs or training.history.stopped_by:
            training.save(self.path)
