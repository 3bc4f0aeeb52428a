"""Where a training run stands, for a checkpoint, and how a run goes on from there: as if it had never stopped.

Beside the state (optimizer, random generators, callbacks, history) a file describes the run: its data by a fingerprint,
functions by their names and settings, and by what they give where a name says nothing. Another run is refused. The file
itself is `checkpoint`'s.
"""

from __future__ import annotations

import copy
import hashlib
import os
import random
import sys
from array import array
from collections.abc import Callable
from dataclasses import dataclass, is_dataclass
from itertools import chain
from typing import Any, Protocol

from autodiff import Value
from nn import checkpoint
from nn.callbacks import Callback, History
from nn.checkpoint import CheckpointError
from nn.checks import finite, integer, shown
from nn.data import flat
from nn.examples import Examples
from nn.losses import Loss
from nn.module import Module
from nn.optim import Optimizer


class Run(Protocol):
    """What is read of a run (`training.Training`)."""

    model: Module
    parameters: list[Value]
    generators: dict[str, random.Random]
    optimizer: Optimizer
    loss: Loss
    examples: Examples
    validation: Examples | None
    batch_size: int
    replacement: bool
    schedule: Callable[[int], float] | None
    penalty: Callable[[list[Value]], Any] | None
    tolerance: float | None
    clip_norm: float | None
    clip_value: float | None
    callbacks: list[Callback]
    history: History
    base_lr: float
    rng: random.Random
    step: int
    frozen_at_first: list[str]

    @property
    def epoch(self) -> int: ...

    @property
    def described(self) -> dict[str, Any]: ...


@dataclass(frozen=True)
class Standing:
    """A run at the end of an epoch: all that must not move while the next one goes on."""

    epoch: int
    step: int
    parameters: list[float]
    optimizer: dict[str, Any]
    random: tuple[Any, ...]
    generators: dict[str, tuple[Any, ...]]
    callbacks: list[dict[str, Any]]
    stopped_by: str


def standing(run: Run) -> Standing:
    """Where the run stands now."""
    return Standing(
        run.epoch,
        run.step,
        [parameter.data for parameter in run.parameters],
        run.optimizer.state_dict(),
        run.rng.getstate(),
        {name: rng.getstate() for name, rng in run.generators.items()},
        [{"type": type(c).__name__, "state": copy.deepcopy(c.state_dict())} for c in run.callbacks],
        run.history.stopped_by,
    )


def write(run: Run, at: Standing, path: str | os.PathLike[str]) -> None:
    """Write a checkpoint of the run as it stood then."""
    content = checkpoint.content_of(run.model)
    content["parameters"] = dict(zip(content["parameters"], at.parameters, strict=True))
    for name, state in content["random"].items():
        if not isinstance(state, str):
            content["random"][name] = checkpoint.state_to_json(at.generators[name])
    content["training"] = {
        "run": run.described,
        "epoch": at.epoch,
        "step": at.step,
        "optimizer": at.optimizer,
        "random": checkpoint.state_to_json(at.random),
        "callbacks": at.callbacks,
        "history": {
            "stopped_by": at.stopped_by,
            "columns": {name: column[: at.epoch] for name, column in run.history.columns.items()},
        },
    }
    checkpoint.write(content, path)


def resume(run: Run, path: str | os.PathLike[str]) -> None:
    """Bring the run to where the file stands. CheckpointError where it does not fit: what the user has is as it was."""
    content = checkpoint.read(path)
    state = content["training"]
    if state is None:
        raise CheckpointError(
            f"{path} holds a model and no training run: it was written by save(), not by a Checkpoint callback"
        )
    before, before_callbacks = run.optimizer.state_dict(), [c.state_dict() for c in run.callbacks]
    try:
        _require_same(_described_in(state, content["version"]), run.described)
        types = [c["type"] for c in state["callbacks"]]
        if types != [type(c).__name__ for c in run.callbacks]:
            raise ValueError(f"the run had callbacks {types}, this one has others: give the same, in that order")
        generator = checkpoint.random_from_json(state["random"]).getstate()
        run.step = integer("step", state["step"], 0)
        _load_history(run.history, state["history"], integer("epoch", state["epoch"], 0))
        run.optimizer.load_state_dict(state["optimizer"])
        for callback, saved in zip(run.callbacks, state["callbacks"], strict=True):
            callback.load_state_dict(saved["state"])
            run.model.checked_state(getattr(callback, "best_weights", None) or run.model.state_dict())
        checkpoint.restore(run.model, content, path)
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        run.optimizer.load_state_dict(before)
        for callback, saved in zip(run.callbacks, before_callbacks, strict=True):
            callback.load_state_dict(saved)
        raise CheckpointError(f"{path} cannot be resumed from: {error}") from error
    run.rng.setstate(generator)


def _load_history(history: History, saved: dict[str, Any], epochs: int) -> None:
    for name in history.columns:
        column = [finite(name, x) for x in saved["columns"][name]]
        if len(column) != epochs:
            raise ValueError(f"the history has {len(column)} numbers of {name}, for {epochs} epochs")
        history.columns[name] = column
    if not isinstance(saved["stopped_by"], str):
        raise TypeError(f"stopped_by must be a text, not {shown(saved['stopped_by'])}")
    history.stopped_by = saved["stopped_by"]


# What makes it this run and no other.


def compared(run: Run) -> dict[str, Any]:
    """What processes that train together must have alike, by what it is called."""
    at = standing(run)
    return {
        "examples or settings": run.described,
        "epochs behind it": [at.epoch, at.step, at.optimizer],
        "parameters": at.parameters,
        "random numbers": [at.random, at.generators],
    }


def description(run: Run) -> dict[str, Any]:
    """The run in names and numbers, as JSON has them."""
    optimizer = run.optimizer.state_dict()
    outputs = [(k + 1.0) / (run.examples.outputs + 1.0) for k in range(run.examples.outputs)]
    ends = (run.examples.prepared[0], run.examples.prepared[-1])
    penalty, schedule = run.penalty, run.schedule
    return {
        "examples": len(run.examples),
        "data": fingerprint(run.examples),
        "validation": None if run.validation is None else fingerprint(run.validation),
        "batch_size": run.batch_size,
        "replacement": run.replacement,
        "columns": list(run.history.columns),
        "optimizer": optimizer["type"],
        "learning rate": run.base_lr,
        "settings": {name: list(x) if isinstance(x, tuple) else x for name, x in optimizer["settings"].items()},
        "loss": [run.loss.name, run.loss.reduction, *_given(lambda: [float(run.loss.of(outputs, t)) for t in ends])],
        "penalty": _function(penalty, lambda: [float(penalty([Value(0.5), Value(-2.0)]))]),  # type: ignore[misc]
        "schedule": _function(schedule, lambda: [schedule(t) for t in (0, 1, 2, 10, 100)]),  # type: ignore[misc]
        "tolerance": run.tolerance,
        "clip_norm": run.clip_norm,
        "clip_value": run.clip_value,
        "frozen": run.frozen_at_first,
    }


def _function(function: Any, numbers: Callable[[], list[float]]) -> list[Any] | None:
    """A function by its name, or with its settings, and by what it gives."""
    if function is None:
        return None
    name = repr(function) if is_dataclass(function) else getattr(function, "__qualname__", type(function).__qualname__)
    return [type(function).__name__ if "0x" in name else name, *_given(numbers)]


def _given(numbers: Callable[[], list[float]]) -> list[float | None]:
    """What a function gives for some arguments, in digits that every machine finds; None where they are none for it."""
    try:
        return [float(f"{finite('it', x):.9g}") for x in numbers()]
    except (TypeError, ValueError, ArithmeticError, LookupError, AttributeError):
        return [None]


def fingerprint(examples: Examples) -> str:
    """SHA-256 of the numbers of X, y and the weights."""
    digest = hashlib.sha256(str((len(examples), examples.rows.width, examples.outputs)).encode())
    table = examples.rows.table
    parts = [array("d", chain.from_iterable(table)) if isinstance(table, list) else array("d", table.tobytes())]
    for numbers in (*parts, array("d", flat(examples.targets)), array("d", examples.weights)):
        if sys.byteorder == "big":
            numbers.byteswap()
        digest.update(numbers.tobytes())
    return digest.hexdigest()


def _described_in(state: dict[str, Any], version: int) -> dict[str, Any]:
    if version > 1:
        return state["run"]
    optimizer = state["optimizer"]
    return {
        "examples": state["examples"],
        "batch_size": state["batch_size"],
        "columns": list(state["history"]["columns"]),
        "optimizer": optimizer["type"],
        "learning rate": state["base_lr"],
        "settings": optimizer["settings"],
    }


_IN_WORDS = {
    "data": "other examples (X, y or their weights)",
    "validation": "other validation data",
}


def _require_same(saved: dict[str, Any], ours: dict[str, Any]) -> None:
    for name, value in saved.items():
        if ours[name] != value:
            if name in _IN_WORDS:
                raise ValueError(f"the run had {_IN_WORDS[name]}: give the same")
            then, now = _told(name, value), _told(name, ours[name])
            if then == now:
                raise ValueError(f"the run had another {name} that is called {then}: give the same")
            raise ValueError(f"the run had {name} {then}, this one has {now}: give the same")


def _told(name: str, given: Any) -> str:
    """As a message says it: a function by its name alone, which stands first."""
    return given[0] if given and name in ("loss", "penalty", "schedule") else shown(given)
