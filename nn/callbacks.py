"""What happens beside training: the History that is kept of it, and callbacks, which see the run and may stop it.

`training` appends to the one and calls the others.
"""

from __future__ import annotations

import csv
import html
import io
import json
import math
import os
from collections.abc import Iterable
from typing import Any, Protocol

from autodiff.files import write_atomically
from nn.checks import finite, integer, nonnegative, shown
from nn.module import Module
from nn.optim import Optimizer

_SHOWN = 10  # epochs, in a picture of a history


class History:
    """Numbers by name, one for each completed epoch: ``history["loss"]``, ``history.loss``.

    Attributes
    ----------
    columns : every column by name. loss is the mean over the examples as they were trained on (each before its
        step, without the penalty; the sum for a loss that is one), as are the metrics; penalty (where there is one) its
        mean over the steps; validation_loss and validation_… those of the validation data after the epoch;
        learning_rate that of the last step; seconds the time the epoch took
    engine : what computed the gradients: "compiled" (by NumPy or the tape, as "auto" goes), "compiled, native",
        "compiled, jax on 4 cpu devices", or "scalars", after a colon the reason where `fit` was to compile
    stopped_by : "epochs", "early stopping", "tolerance", "interrupted", "error", or a callback's reason; "" while
        training

    >>> history = History(["loss", "seconds"])
    >>> history.append({"loss": 0.5, "seconds": 0.1})
    >>> history.loss, len(history)
    ([0.5], 1)
    >>> print(history)
    History(1 epoch, not finished)
    epoch  loss  seconds
        1   0.5      0.1
    """

    def __init__(self, columns: Iterable[str]) -> None:
        self.columns: dict[str, list[float]] = {name: [] for name in columns}
        self.stopped_by = self.engine = ""

    def append(self, epoch: dict[str, float]) -> None:
        """Add the numbers of one epoch, one for each column: all or none, an interrupt in between too."""
        epochs = min(map(len, self.columns.values()), default=0)
        try:
            for name, column in self.columns.items():
                column.append(epoch[name])
        except BaseException:
            for column in self.columns.values():
                del column[epochs:]
            raise

    def __getitem__(self, name: str) -> list[float]:
        if name not in self.columns:
            raise KeyError(f"the history has no {name!r}; it has {', '.join(self.columns)}")
        return self.columns[name]

    def __getattr__(self, name: str) -> list[float]:
        columns = vars(self).get("columns", {})  # a copy has none at first
        if name not in columns:
            raise AttributeError(f"the history has no {name!r}; it has {', '.join(columns)}")
        return columns[name]

    def __len__(self) -> int:
        return len(self["loss"])

    def to_csv(self, path: str | os.PathLike[str]) -> None:
        """One line for each epoch, numbers with all their digits."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["epoch", *self.columns])
        writer.writerows(self._rows())
        write_atomically(path, text.getvalue())

    def to_json(self, path: str | os.PathLike[str]) -> None:
        """An object with ``stopped_by`` and ``columns``."""
        write_atomically(path, json.dumps({"stopped_by": self.stopped_by, "columns": self.columns}, indent=1) + "\n")

    def to_pandas(self) -> Any:
        """A pandas DataFrame, a column for each and the epoch (from 1) as its index."""
        import pandas  # pyright: ignore[reportMissingImports, reportMissingModuleSource] (optional)

        return pandas.DataFrame(self.columns, index=pandas.RangeIndex(1, len(self) + 1, name="epoch"))

    def _rows(self) -> list[tuple[float, ...]]:
        return [(i, *row) for i, row in enumerate(zip(*self.columns.values(), strict=True), 1)]

    def _summary(self) -> str:
        outcome = f"stopped_by={self.stopped_by!r}" if self.stopped_by else "not finished"
        return f"{len(self)} epoch{'' if len(self) == 1 else 's'}, {outcome}"

    def __repr__(self) -> str:
        rows = self._rows()
        gap = [] if len(rows) <= _SHOWN else [["…"] + [""] * len(self.columns)]
        written = [[str(row[0]), *(f"{x:.4g}" for x in row[1:])] for row in rows]
        shown_rows = written if not gap else [*written[:3], *gap, *written[3 - _SHOWN :]]
        table = [["epoch", *self.columns], *shown_rows]
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        lines = ("  ".join(f"{cell:>{width}}" for cell, width in zip(row, widths, strict=True)) for row in table)
        return "\n".join([f"History({self._summary()})", *(line.rstrip() for line in lines)])

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{html.escape(name)}</th>" for name in ["epoch", *self.columns])
        rows = self._rows()[-_SHOWN:]
        cells = ["".join(f"<td>{x:.4g}</td>" for x in row) for row in rows]
        body = "".join(f"<tr>{row}</tr>" for row in cells)
        title = f"{self._summary()}; the last {len(rows)}:" if len(rows) < len(self) else self._summary()
        return f"<p>{html.escape(title)}</p><table><tr>{head}</tr>{body}</table>"


class Run(Protocol):
    """What a callback sees of a training run, and may do to it.

    ``epoch`` and ``step`` count what is completed; ``epochs`` is how many there will be.
    """

    model: Module
    optimizer: Optimizer
    history: History
    epochs: int
    step: int

    @property
    def epoch(self) -> int: ...

    def stop(self, reason: str) -> None:
        """End the run after this epoch; the history's ``stopped_by`` will say why."""

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a checkpoint that `fit` can resume from: of the last completed epoch."""


class Callback:
    """The base: override what you need. ``training`` has model, optimizer, history, epoch, step and stop(reason).

    on_gradients runs in every step when the gradients are complete and the parameters have not moved. A callback
    with memory gives it as numbers, lists and dicts in `state_dict`, and a resumed run goes on with it. Those with
    ``runs_last`` come after the others, in whatever order they were given.

    >>> class StopBelow(Callback):
    ...     def on_epoch_end(self, training):
    ...         if training.history.loss[-1] < 0.1:
    ...             training.stop("low loss")
    """

    runs_last = False

    def on_fit_start(self, training: Run) -> None:
        """Before the first epoch (of a resumed run too), everything being checked."""

    def on_gradients(self, training: Run) -> None:
        """In every step, between the backward passes and the update."""

    def on_epoch_end(self, training: Run) -> None:
        """After an epoch, its numbers being in the history. A first Ctrl-C waits until it has run."""

    def on_fit_end(self, training: Run) -> None:
        """At the end, however it came: ``training.history.stopped_by`` says so, "interrupted" and "error" too."""

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

    The best weights come back however the run ends: also by Ctrl-C, and where it fails. ``best_epoch`` is the epoch
    that they are of (0 before the first), ``best`` the number then.

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
            raise ValueError(f"mode must be 'min' or 'max', not {shown(mode)}")
        self.patience = integer("patience", patience)
        self.monitor = monitor
        self.min_delta = nonnegative("min_delta", min_delta)
        self.mode = mode
        self.restore_best = restore_best
        self._forget()

    def _forget(self) -> None:
        # One attribute, so that an interrupt cannot leave an epoch with the weights of another.
        self._best: tuple[float | None, int, dict[str, float]] = (None, 0, {})

    @property
    def best(self) -> float | None:
        return self._best[0]

    @property
    def best_epoch(self) -> int:
        return self._best[1]

    @property
    def best_weights(self) -> dict[str, float]:
        return self._best[2]

    def on_fit_start(self, training: Run) -> None:
        if training.epoch == 0:  # the same object may serve in several runs
            self._forget()
        columns = training.history.columns
        self._column = self.monitor or ("validation_loss" if "validation_loss" in columns else "loss")
        if self._column not in columns:
            raise ValueError(f"EarlyStopping cannot monitor {self._column!r}; this run measures {', '.join(columns)}")

    def on_epoch_end(self, training: Run) -> None:
        now, best = training.history[self._column][-1], self.best
        gain = math.inf if best is None else (best - now if self.mode == "min" else now - best)
        if gain > self.min_delta:
            self._best = (now, training.epoch, training.model.state_dict() if self.restore_best else {})
        elif training.epoch - self.best_epoch >= self.patience:
            training.stop("early stopping")

    def on_fit_end(self, training: Run) -> None:
        if self.best_weights:
            training.model.load_state_dict(self.best_weights)

    def state_dict(self) -> dict[str, Any]:
        best, best_epoch, best_weights = self._best
        settings = {"patience": self.patience, "monitor": self.monitor, "min_delta": self.min_delta, "mode": self.mode}
        return {"settings": settings, "best": best, "best_epoch": best_epoch, "best_weights": best_weights}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        ours = self.state_dict()["settings"]
        best = None if state["best"] is None else finite("best", state["best"])
        if "settings" not in state:  # of format 1, which wrote −best for "max"
            best = -best if best is not None and self.mode == "max" else best
        elif state["settings"] != ours:
            raise ValueError(f"the run had EarlyStopping with {state['settings']}, this one has {ours}: give the same")
        self._best = (best, integer("best_epoch", state["best_epoch"], 0), dict(state["best_weights"]))


class Checkpoint(Callback):
    """Write the model and the state of the run to ``path`` after every ``every`` epochs, and at the end of the run.

    However the run ends, by Ctrl-C or an error too, the last completed epoch is written. `load` reads the model from
    the file, and ``fit(resume=path)`` goes on as if never stopped. Runs after the other callbacks, so that the file
    holds their state of the same epoch. Raises OSError where it cannot be written.
    """

    runs_last = True

    def __init__(self, path: str | os.PathLike[str], every: int = 1) -> None:
        self.path = path
        self.every = integer("every", every)

    def on_fit_start(self, training: Run) -> None:
        self._written = training.epoch  # what a resumed run starts from is on file already

    def on_epoch_end(self, training: Run) -> None:
        if training.epoch % self.every == 0:
            self._write(training)

    def on_fit_end(self, training: Run) -> None:
        if self._written < training.epoch:
            self._write(training)

    def _write(self, training: Run) -> None:
        epoch = training.epoch
        training.save(self.path)
        self._written = epoch
