"""What a trace cannot see: a function that asks for the value of what depends on its arguments."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Sequence

from autodiff import engine
from autodiff.engine import Value
from autodiff.errors import CompileError
from autodiff.modes import Reader, WatchingReads, here

_INSTEAD = "use maximum, minimum, relu, abs or where(condition, a, b), which are recorded"


@contextlib.contextmanager
def tracing(reader: Reader, of_nn: bool = False) -> Generator[None, None, None]:
    """While a function is run for its graph: ``reader`` is asked of what it reads (`WatchingReads`), and functions of
    ours record nothing that another example would have otherwise."""
    before, here.compiling = here.compiling, True
    try:
        with WatchingReads(reader, everything=True, of_nn=of_nn):
            yield
    finally:
        here.compiling = before


def watching(inputs: Sequence[Value]) -> contextlib.AbstractContextManager[None]:
    """`tracing` with a CompileError for a comparison or float() of what depends on these, and a warning for .data."""
    fresh = set(inputs)

    def reader(node: Value, how: str, place: tuple[str, int]) -> str:
        if fresh.isdisjoint(engine.order([node])[0]):
            return ""
        where = f"{place[0]}, line {place[1]}"
        if how == ".data":
            return (
                f".data of a Value that depends on the inputs is a number to the compiled program, the same for every "
                f"example: {_INSTEAD}"
            )
        if how == "stop_gradient()":
            raise CompileError(f"stop_gradient() makes a constant of what depends on the inputs, at {where}: compile "
                               f"needs it as an operation; leave it to the scalar engine")  # fmt: skip
        raise CompileError(
            f"{how} of a Value that depends on the inputs, at {where}: another example might take another way, and the "
            f"compiled program could not; {_INSTEAD}"
        )

    return tracing(reader)
