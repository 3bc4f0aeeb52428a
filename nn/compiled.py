"""The gradients of a batch by a Program (`tracing`), where `batches` takes one example's graph after the other.

What a Program refuses is done again by scalars, so that an error names its example. At the start of an epoch, and where
a callback may have changed the model, the fingerprint decides whether the model is traced anew; and one example is run
on scalars too, for what a trace cannot see: CompileError where they differ.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from autodiff import CompileError, Value, engine, no_grad
from nn.backends import Backend
from nn.batches import ScalarGradients, Seen
from nn.examples import Examples
from nn.fingerprint import fingerprint
from nn.losses import Loss
from nn.module import Module
from nn.tracing import (
    States,
    Traced,
    as_targets_of,
    generators,
    kept,
    require_equal,
    restore,
    states_of,
    traced_function,
)


class CompiledGradients:
    """Gradients by Programs.

    Parameters
    ----------
    watched : whether a callback may change the model between two steps of an epoch
    required : a penalty that cannot be compiled is a CompileError; else it is left to scalars
    backend : who runs the Program of a batch. That of a penalty, and the one example of each epoch, are NumPy's
    """

    def __init__(
        self,
        scalars: ScalarGradients,
        model: Module,
        loss: Loss,
        examples: Examples,
        watched: bool,
        *,
        required: bool,
        backend: Backend,
    ) -> None:
        self._scalars, self._model, self._loss, self._examples = scalars, model, loss, examples
        self._watched, self._required, self._backend = watched, required, backend
        self._looks: bool  # whether the model is to be looked at: where an epoch starts
        self._table: Any = None
        self._key: Any = None
        self._traced: Traced
        self._generators: list[Any]
        self._penalty: _CompiledPenalty | None = None

    def start_epoch(self) -> None:
        self._looks = True

    @property
    def penalty_on_scalars(self) -> str:
        """Why the penalty is not compiled."""
        return self._penalty.reason if self._penalty is not None else ""

    def backward(self, batch: list[int], seen: Seen) -> None:
        """As `ScalarGradients.backward`. CompileError, with nothing done, where it cannot be compiled."""
        counted = [i for i in batch if self._examples.weights[i]]
        self._look(counted[0], seen)
        weights = [self._examples.weights[i] for i in counted]
        states = states_of(self._drawing())
        try:
            outputs, gradient = self._run(counted, self._loss.shares(weights), len(batch))
        except CompileError:  # a backend that cannot serve
            raise
        except (ValueError, ArithmeticError):
            restore(states)
            self._scalars.backward(batch, seen)
            return
        engine.set_grad(self._traced.program.parameters, gradient)
        seen.weights += weights
        seen.losses += outputs[:, 0].tolist()
        if self._scalars.keeps_predictions:
            seen.predictions += as_targets_of(outputs[:, 1:])
            seen.targets += [self._examples.targets[i] for i in counted]

    def _run(self, counted: list[int], shares: list[float], size: int) -> tuple[Any, Any]:
        """The outputs of the examples, and their gradient, in batches of one ``size``, whose buffers are there."""
        program, table = self._traced.program, self._table[counted]
        theta, seeds = program.theta(), np.array(shares)
        outputs: list[Any] = []
        gradient = np.zeros(len(theta))
        for part in self._traced.parts(len(table)):
            rows, of = self._traced.rows(table[part]), seeds[part]
            count, missing = len(rows), min(size, part.stop - part.start) - len(rows)
            if missing:  # the first once more, and it does not count
                rows, of = np.concatenate([rows, rows[[0] * missing]]), np.concatenate([of, np.zeros(missing)])
            found, theirs = self._backend.pull_back(program, rows, of, theta)
            outputs.append(found[:count])
            gradient += theirs
        found = outputs[0] if len(outputs) == 1 else np.concatenate(outputs)
        self._loss.require_domain(found[:, 1:])
        return found, gradient

    def _drawing(self) -> list[Any]:
        return self._generators if self._traced.draws else []

    # Whether it is still the same model.

    def _look(self, example: int, seen: Seen) -> None:
        if not self._looks and not self._watched:
            return
        key = fingerprint(self._model), fingerprint(self._loss)
        changed = key != self._key
        if not changed and not self._looks:
            return
        if changed:
            self._generators = generators([module for _, module in self._model.named_modules()])
        states = states_of(self._generators)
        seen.example = example
        expected, cost = self._scalars.run(example)
        seen.example = None
        restore(states)
        if changed:
            self._trace(key)
        self._compare(example, [float(y) for y in expected], cost.data, states)
        self._key, self._looks = key, False

    def _trace(self, key: Any) -> None:
        examples = self._examples
        last = len(examples) - 1  # another than the first of an epoch: what is taken for a constant is found
        row, target, parameters = examples.rows[last], examples.prepared[last], self._scalars.parameters
        key = *key, [id(parameter) for parameter in parameters]
        trace = functools.partial(Traced, self._model, row, self._loss, target, parameters)
        self._traced = kept(self._model, "training", key, trace)
        if self._table is None:
            targets = np.array(examples.prepared, dtype=float).reshape(len(examples), -1)
            self._table = np.concatenate([np.asarray(examples.rows.table, dtype=float), targets], axis=1)

    def _compare(self, example: int, outputs: list[float], cost: float, states: States) -> None:
        program = self._traced.program
        try:
            found = program(self._traced.rows(self._table[[example]]))[0].tolist()
        except (ValueError, ArithmeticError) as error:
            raise CompileError(f"it fails where scalars do not: {error}") from error
        finally:
            restore(states)
        require_equal(found[1:], outputs)
        require_equal(found[:1], [cost], scale=max(map(abs, outputs)))

    # The penalty.

    def add_penalty(self, penalty: Callable[[list[Value]], Any], weights: list[Value], seen: Seen) -> None:
        """Add the penalty's gradients; by scalars where it cannot be compiled, or where that is an error."""
        if self._penalty is None or self._watched or weights is not self._penalty.weights:
            key = fingerprint(penalty), [id(weight) for weight in weights]
            if self._penalty is None or self._penalty.key != key:
                self._penalty = _CompiledPenalty(penalty, weights, key)
            self._penalty.compare(penalty, weights)
            if self._required and self._penalty.reason:
                raise CompileError(f"the penalty: {self._penalty.reason}")
        try:
            if self._penalty.program is not None:
                self._penalty.add(seen)
                return
        except (ValueError, ArithmeticError):
            pass
        self._scalars.add_penalty(penalty, weights, seen)


class _CompiledPenalty:
    """The Program of a penalty on these weights; None where ``reason`` says why."""

    def __init__(self, penalty: Callable[[list[Value]], Any], weights: list[Value], key: Any) -> None:
        self.key, self.reason = key, ""
        self.program: Any = None
        try:
            self.program = traced_function(penalty, weights)
        except CompileError as error:
            self.reason = str(error)

    def compare(self, penalty: Callable[[list[Value]], Any], weights: list[Value]) -> None:
        """Once an epoch with scalars."""
        self.weights = weights
        if self.program is None:
            return
        try:
            with no_grad():
                require_equal(self.program(None)[0].tolist(), [float(penalty(weights))])
        except (ValueError, ArithmeticError) as error:
            self.program, self.reason = None, str(error)

    def add(self, seen: Seen) -> None:
        parameters = self.program.parameters
        cost, gradient = self.program.pull_back(np.zeros((1, 0)), np.ones(1), self.program.theta())
        before = np.empty(len(parameters))
        engine.get_grad(parameters, before)
        engine.set_grad(parameters, before + gradient)
        seen.penalties.append(cost[0, 0])
