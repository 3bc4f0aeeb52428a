"""`Recorded`: an operand that notes what is done with it, so that a rule which runs on it can be written down.

As source text by `codegen`, as NumPy's functions by `program.expressions`. Operators are noted under NumPy's names.
"""

from __future__ import annotations

from typing import Any


class Recorded:
    """Who records derives from it and says in `noted` what an operation gives."""

    __slots__ = ()
    __hash__ = object.__hash__

    def noted(self, function: str, *args: Any) -> Any:
        """The result of a function of NumPy on operands, of which this is one."""
        raise NotImplementedError

    def __add__(self, other: Any) -> Any:
        return self.noted("add", self, other)

    def __radd__(self, other: Any) -> Any:
        return self.noted("add", other, self)

    def __sub__(self, other: Any) -> Any:
        return self.noted("subtract", self, other)

    def __rsub__(self, other: Any) -> Any:
        return self.noted("subtract", other, self)

    def __mul__(self, other: Any) -> Any:
        return self.noted("multiply", self, other)

    def __rmul__(self, other: Any) -> Any:
        return self.noted("multiply", other, self)

    def __truediv__(self, other: Any) -> Any:
        return self.noted("divide", self, other)

    def __rtruediv__(self, other: Any) -> Any:
        return self.noted("divide", other, self)

    def __mod__(self, other: Any) -> Any:
        return self.noted("remainder", self, other)

    def __rmod__(self, other: Any) -> Any:
        return self.noted("remainder", other, self)

    def __pow__(self, other: Any) -> Any:
        return self.noted("power", self, other)

    def __rpow__(self, other: Any) -> Any:
        return self.noted("power", other, self)

    def __neg__(self) -> Any:
        return self.noted("negative", self)

    def __abs__(self) -> Any:
        return self.noted("absolute", self)

    def __floor__(self) -> Any:
        return self.noted("floor", self)

    def __eq__(self, other: object) -> Any:
        return self.noted("equal", self, other)

    def __ne__(self, other: object) -> Any:
        return self.noted("not_equal", self, other)

    def __lt__(self, other: Any) -> Any:
        return self.noted("less", self, other)

    def __le__(self, other: Any) -> Any:
        return self.noted("less_equal", self, other)

    def __gt__(self, other: Any) -> Any:
        return self.noted("greater", self, other)

    def __ge__(self, other: Any) -> Any:
        return self.noted("greater_equal", self, other)

    def __and__(self, other: Any) -> Any:
        return self.noted("logical_and", self, other)
