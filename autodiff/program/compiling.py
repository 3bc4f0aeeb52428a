"""`compile`: from a graph, or from a function, to a `Program`; what is given is checked here."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from autodiff.engine import Value
from autodiff.errors import CompileError
from autodiff.floats import shorten
from autodiff.program.program import Program
from autodiff.program.trace import read
from autodiff.program.watching import watching
from autodiff.structure import flatten

Parameters = Iterable[Value] | Mapping[str, Value] | Iterable[tuple[str, Value]]


def compile_graph(output: Any, inputs: Sequence[Value], parameters: Parameters, lift: bool, dtype: str) -> Program:
    single = isinstance(output, Value)
    outputs = [output] if single else _values("output", output)
    if not outputs:
        raise CompileError("output is an empty list: there is nothing to compute")
    leaves, names = _values("inputs", inputs), _named(parameters)
    trace = read(outputs, leaves, [value for _, value in names])
    _check_leaves("inputs", [(x.label, x) for x in leaves])
    _check_leaves("parameters", names)
    _check_distinct([(x.label, x) for x in leaves] + names)
    _check_used(trace.uses(), [*[(x.label, x) for x in leaves], *names])
    return _program(trace, names, single, lift, dtype)


def compile_function(
    f: Callable[..., Any], arguments: Sequence[Any], parameters: Parameters, lift: bool, dtype: str
) -> Program:
    names = _named(parameters)
    _check_leaves("parameters", names)
    _check_distinct(names)
    flat, structure = flatten(tuple(arguments), "compile's example")
    if any(isinstance(x, Value) for x in flat):
        raise CompileError("the example arguments are numbers: compile makes Values of them")
    inputs = [Value(x, name) for x, name in zip(flat, _argument_names(f, arguments), strict=True)]
    with watching(inputs):
        output = f(*structure.rebuild(inputs))
    single = isinstance(output, Value | int | float)
    outputs = [x if isinstance(x, Value) else Value(x) for x in flatten(output, "the result of f")[0]]
    if not outputs:
        raise CompileError("f returns no number: there is nothing to compute")
    trace = read(outputs, inputs, [value for _, value in names])
    return _program(trace, names, single, lift, dtype)


def _argument_names(f: Callable[..., Any], arguments: Sequence[Any]) -> list[str]:
    """x[1], x[2], … of an argument x that holds several numbers, and y of one that is a number."""
    try:
        given = inspect.signature(f).bind(*arguments).arguments
    except (TypeError, ValueError):  # f cannot be asked, or takes other arguments: calling it says which
        given = {"x": tuple(arguments)}
    names: list[str] = []
    for name, argument in given.items():
        count = len(flatten(argument, name)[0])
        is_number = isinstance(argument, int | float)
        names += [name] if is_number else [f"{name}[{i}]" for i in range(1, count + 1)]
    return names


def _program(trace: Any, names: Sequence[tuple[str, Value]], single: bool, lift: bool, dtype: str) -> Program:
    if dtype not in ("float64", "float32"):
        raise ValueError(f"dtype is 'float64' or 'float32', not {dtype!r:.60}")
    if names:
        learned = trace.depends_on(range(trace.inputs, trace.leaves))
        if not any(learned[output] for output in trace.outputs):
            raise CompileError("the output does not depend on any of the parameters: there is nothing to learn")
    trace.labels.update({trace.inputs + i: name for i, (name, _) in enumerate(names) if name})
    return Program(trace, [value for _, value in names], single=single, together=lift, dtype=dtype)


def _values(what: str, given: Any) -> list[Value]:
    if not hasattr(given, "__iter__"):
        raise CompileError(f"{what} must be a list of Values, not {type(given).__name__} {shorten(given)}")
    values = list(given)
    for i, x in enumerate(values):
        if not isinstance(x, Value):
            raise CompileError(f"{what}[{i}] is {type(x).__name__} {shorten(x)}, not a Value")
    return values


def _named(parameters: Any) -> list[tuple[str, Value]]:
    """Each parameter with its name: given as (name, Value), or its label."""
    if isinstance(parameters, Mapping):
        parameters = parameters.items()  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
    if not hasattr(parameters, "__iter__"):
        raise CompileError(f"parameters must be a list of Values, not {type(parameters).__name__}")
    found: list[tuple[str, Value]] = []
    listed: list[Any] = list(parameters)
    for i, given in enumerate(listed):
        pair: Any = given if isinstance(given, tuple) else ("", given)  # pyright: ignore[reportUnknownVariableType]
        name, value = pair
        if not isinstance(value, Value):
            raise CompileError(f"parameters[{i}] is {type(value).__name__} {shorten(value)}, not a Value")
        path = "." in str(name)  # of a module's parameter, which its label calls shorter
        found.append(((value.label or str(name)) if path else (str(name) or value.label), value))
    return found


def _check_leaves(what: str, given: Sequence[tuple[str, Value]]) -> None:
    for i, (name, value) in enumerate(given):
        if value.op is not None:
            called = f" ({name!r})" if name else ""
            raise CompileError(
                f"{what}[{i}]{called} is no leaf but the result of {value.op.name}: only leaves can be given new data"
            )


def _check_distinct(given: Sequence[tuple[str, Value]]) -> None:
    seen: set[int] = set()
    for name, value in given:
        if id(value) in seen:
            raise CompileError(f"{name or repr(value)} is given twice among the inputs and parameters")
        seen.add(id(value))


def _check_used(uses: Sequence[int], given: Sequence[tuple[str, Value]]) -> None:
    for i, (name, value) in enumerate(given):
        if not uses[i]:
            raise CompileError(f"the output does not depend on {name or repr(value)}: it is not in the graph")
