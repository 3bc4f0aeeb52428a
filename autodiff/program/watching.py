"""What a trace cannot see: a function that asks for the value of what depends on its arguments."""

from __future__ import annotations

from collections.abc import Sequence

from autodiff import engine
from autodiff.engine import Value
from autodiff.errors import CompileError
from autodiff.modes import WatchingReads

_INSTEAD = "use maximum, minimum, relu, abs or where(condition, a, b), which are recorded"


def watching(inputs: Sequence[Value]) -> WatchingReads:
    """CompileError for a comparison, ``if``, float() or the like of what depends on these; a warning for .data."""
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

    return WatchingReads(reader)
