"""A model as a Program (`autodiff.compile`): its outputs, or a loss of them, for many examples at once.

The model is run once on Values in the place of an example, and the graph that it builds is compiled. What an example
has beside its numbers comes in rows too: its target, what modules draw for it (`Dropout.draw`), a one-hot vector for an
index that picks from an `Embedding`. Whatever a graph cannot show is a CompileError here, and a reason to stay with
scalars: a number read off a Value (float(), a comparison), numbers drawn without ``draw``, a model that changes itself.
NumPy is imported when something is compiled.
"""

from __future__ import annotations

import contextlib
import functools
import math
import os
import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from autodiff import CompileError, Value
from autodiff.modes import recorded
from autodiff.program.watching import tracing
from nn.checks import kind, shown
from nn.fingerprint import fingerprint

FEW = 20  # rows that are not worth compiling for
ENTRIES = 1 << 22  # of the rows that are made at once


class Traced:
    """A Program of a model's outputs, before which stands the loss where there is one; and how its rows are made.

    ``program(traced.rows(table))``; ``table`` has the inputs of each example and its target's numbers. Gradients are
    for the model's parameters and any other ``parameters``. Raises CompileError.
    """

    def __init__(
        self, model: Any, row: Sequence[float], loss: Any = None, prepared: Any = None, parameters: Any = ()
    ) -> None:
        program = _required_program()
        modules = [module for _, module in model.named_modules()]
        inputs, target = [Value(x) for x in row], _as_values(prepared)
        sides = _Sides(inputs)
        before = fingerprint(model)
        outputs, cost = _run_watched(model, modules, sides, inputs, loss, target)
        if fingerprint(model) != before:
            raise CompileError(f"{type(model).__name__}.forward changes the model's attributes")
        targets = target if isinstance(target, list) else [] if target is None else [target]
        values = [y if isinstance(y, Value) else Value(y) for y in (*([] if loss is None else [cost]), *outputs)]
        learned = list({id(p): p for p in (*parameters, *model.parameters())}.values())
        self.program = program(values, [*inputs, *targets, *sides.drawn, *sides.chosen], learned)
        self.draws, self.picks = sides.draws, sides.picks

    def rows(self, table: Any) -> Any:
        """The Program's rows; what is drawn is drawn now. ValueError where an index picks nothing."""
        import numpy as np

        parts = [table]
        if self.draws:
            drawn = [number for _ in range(len(table)) for draw, count in self.draws for number in draw(count)]
            parts.append(np.array(drawn, dtype=float).reshape(len(table), -1))
        for column, count in self.picks:
            one_hot = table[:, column, None] == np.arange(count)
            if not one_hot.any(axis=1).all():
                raise ValueError(f"column {column} of X has a number that is no index 0 … {count - 1}")
            parts.append(one_hot)
        return table if len(parts) == 1 else np.concatenate(parts, axis=1)

    def run(self, table: Any) -> Any:
        """The Program's outputs for all rows, made a part at a time."""
        import numpy as np

        found = [self.program(self.rows(table[part])) for part in self.parts(len(table))]
        return found[0] if len(found) == 1 else np.concatenate(found)

    def parts(self, count: int) -> list[slice]:
        """So many rows in parts, each of so many rows at once as memory allows."""
        size = max(1, ENTRIES // self.program.inputs)
        return [slice(i, i + size) for i in range(0, count, size)]


class _Sides:
    """What an example brings beside its numbers, noted while a model runs."""

    def __init__(self, inputs: Sequence[Value]) -> None:
        self.columns = {id(x): j for j, x in enumerate(inputs)}
        self.draws: list[tuple[Callable[[int], list[float]], int]] = []
        self.drawn: list[Value] = []
        self.picks: list[tuple[int, int]] = []
        self.chosen: list[Value] = []
        self._known: dict[tuple[int, int], list[Value]] = {}

    def draw(self, original: Any, count: int) -> list[Any]:
        states = states_of(generators([original.__self__]))
        values = [Value(x) for x in original(count)]
        restore(states)
        self.draws.append((original, len(values)))
        self.drawn += values
        return values

    def one_hot(self, original: Any, x: Any) -> list[Any]:
        column = self.columns.get(id(x))
        if column is None:
            return original(x)
        count = original.__self__.count
        if (column, count) not in self._known:
            self._known[column, count] = values = [Value(k == 0) for k in range(count)]
            self.picks.append((column, count))
            self.chosen += values
        return self._known[column, count]

    @contextlib.contextmanager
    def noted(self, modules: Sequence[Any]) -> Iterator[None]:
        """In the place of the modules' methods of these names."""
        replaced = [
            (module, name, functools.partial(note, getattr(module, name)))
            for name, note in (("draw", self.draw), ("one_hot", self.one_hot))
            for module in modules
            if hasattr(type(module), name) and name not in vars(module)
        ]
        try:
            for module, name, note in replaced:
                vars(module)[name] = note
            yield
        finally:
            for module, name, _ in replaced:
                vars(module).pop(name, None)


def _required_program() -> Callable[[Sequence[Value], Sequence[Value], Sequence[Value]], Any]:
    """What makes a Program of outputs, inputs and parameters; CompileError without NumPy."""
    try:
        from autodiff.program.program import Program
        from autodiff.program.trace import read
    except ImportError as error:
        raise CompileError(f"NumPy cannot be imported ({error})") from error
    return lambda outputs, inputs, parameters: Program(read(outputs, inputs, parameters), parameters, single=False)


def traced_function(function: Callable[[list[Value]], Any], values: list[Value]) -> Any:
    """A Program of a function of Values alone, as a penalty is. Raises CompileError."""
    program = _required_program()
    result = _unread(lambda: function(values))
    if not isinstance(result, Value):
        raise CompileError(f"it gives {kind(result)}, not a Value")
    return program([result], [], values)


def _as_values(target: Any) -> Any:
    if isinstance(target, list):
        return [Value(t) for t in target]
    return None if target is None else Value(target)


@recorded
def _run_watched(
    model: Any, modules: Sequence[Any], sides: _Sides, inputs: list[Value], loss: Any, target: Any
) -> tuple[list[Any], Any]:
    """The outputs and the loss, with no number read off a Value and none drawn but by ``draw``."""
    before = states_of(generators(modules))

    def run() -> tuple[list[Any], Any]:
        outputs = model.outputs_for(list(inputs))
        return outputs, None if loss is None else loss.traced(outputs, target)

    try:
        with sides.noted(modules):
            outputs, cost = _unread(run)
        if any(generator.getstate() != state for generator, state in before):
            raise CompileError("forward draws random numbers: let it take them from a method draw(count), as Dropout")
    finally:
        restore(before)
    if loss is not None and not isinstance(cost, Value):
        raise CompileError(f"the loss {loss.name} gives {kind(cost)}, not a Value")
    return outputs, cost


def _unread(run: Callable[[], Any]) -> Any:
    def refuse(_: Value, how: str, place: tuple[str, int]) -> str:
        raise CompileError(
            f"{how} of a Value at {os.path.basename(place[0])}, line {place[1]}: the graph may be another for other "
            f"numbers"
        )

    try:
        with tracing(refuse, of_nn=True):
            return run()
    except CompileError:
        raise
    except Exception as error:
        raise CompileError(f"it does not run on Values ({type(error).__name__}: {error})") from error


# What is random.

States = list[tuple[Any, Any]]


def generators(modules: Sequence[Any]) -> list[Any]:
    """What these modules may draw from, each once; Python's own among them."""
    found = [held for module in modules for held in vars(module).values() if isinstance(held, random.Random)]
    return [random, *{id(generator): generator for generator in found}.values()]


def states_of(generators: Sequence[Any]) -> States:
    return [(generator, generator.getstate()) for generator in generators]


def restore(states: States) -> None:
    for generator, state in states:
        generator.setstate(state)


# Predictions.


def check_compiled(compiled: Any) -> bool | None:
    if compiled is not None and not isinstance(compiled, bool):
        raise ValueError(f"compiled is None, True or False, not {shown(compiled)}")
    return compiled


def outputs_of(model: Any, rows: Any, compiled: bool | None, loss: Any = None, prepared: Sequence[Any] = ()) -> Any:
    """The outputs (N, k) of a model for ``rows`` (`Rows`), before them the losses where one is given, as an array.

    None where scalars are to say it: by ``compiled``, for a few rows, where it cannot be compiled, and where a number
    is not finite. With ``compiled`` True CompileError where it cannot be compiled.
    """
    if check_compiled(compiled) is False or (compiled is None and len(rows) <= FEW):
        return None
    try:
        return _by_program(model, rows, loss, prepared)
    except CompileError:
        if compiled:
            raise
    except (ValueError, ArithmeticError):
        pass
    return None


def as_targets_of(outputs: Any) -> list[Any]:
    """An array of outputs as `Module.predict` gives them: floats, or lists of them where there are several."""
    return (outputs[:, 0] if outputs.shape[1] == 1 else outputs).tolist()


def _by_program(model: Any, rows: Any, loss: Any, prepared: Sequence[Any]) -> Any:
    last, target = rows[-1], prepared[-1] if prepared else None
    key = fingerprint(model), fingerprint(loss)
    traced = kept(model, "outputs" if loss is None else "loss", key, lambda: Traced(model, last, loss, target))
    import numpy as np

    table = np.asarray(rows.table, dtype=float)
    if loss is not None:
        table = np.concatenate([table, np.array(prepared, dtype=float).reshape(len(table), -1)], axis=1)
    found = _run(traced, table)
    outputs = model.outputs_for(rows[0])
    expected = [float(y) for y in outputs]
    require_equal(found[0, len(found[0]) - len(expected) :].tolist(), expected)
    if loss is not None:
        require_equal(found[0, :1].tolist(), [float(loss.of(outputs, prepared[0]))], scale=max(map(abs, expected)))
        loss.require_domain(found[:, 1:])
    return found


def kept(model: Any, which: str, key: Any, trace: Callable[[], Traced]) -> Traced:
    """What was compiled before, which the model keeps as long as the key is the same. Raises CompileError as then."""
    known = vars(model).setdefault("_compiled", {})
    if which not in known or known[which][0] != key:
        try:
            found: Traced | CompileError = trace()
        except CompileError as error:
            found = CompileError(str(error))  # without the frames that hold the model
        known[which] = key, found
    found = known[which][1]
    if isinstance(found, CompileError):
        raise CompileError(str(found))
    return found


def _run(traced: Traced, table: Any) -> Any:
    import copy

    try:
        return traced.run(table)
    except RuntimeError:  # it is running already, in another thread
        mine = copy.copy(traced)
        mine.program = copy.copy(traced.program)
        return mine.run(table)


def require_equal(found: Sequence[float], expected: Sequence[float], scale: float = 0.0) -> None:
    """CompileError where numbers of the Program differ from the scalars' by more than rounding."""
    scale = max(scale, *map(abs, expected))
    for a, b in zip(found, expected, strict=True):
        if not math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-12 * max(scale, 1e-3)):
            raise CompileError(
                f"scalars give {b:.10g} where the compiled model gives {a:.10g}: something that it depends on is no "
                f"part of its graph"
            )
