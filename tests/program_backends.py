"""What tests of programs share: the backends that there are, the rows that run on all of them, a small graph, and what
memory a run holds."""

import tracemalloc
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

from autodiff import Value, log
from autodiff.op import OPS
from autodiff.ops import BUILT_IN

ROWS = sorted(name for name in BUILT_IN if not OPS[name].defaults)  # not those that another test defined
BACKENDS = ["numpy"] + ["native"] * bool(find_spec("autodiff.native.tape"))  # which is there where it was built


def a_graph() -> tuple[Value, Value, Value]:
    x, y = Value(1.0, "x"), Value(2.0, "y")
    return x, y, log(x * y)


def retained(run: Callable[[], Any]) -> int:
    """How many bytes are held after it."""
    tracemalloc.start()
    try:
        run()
        return tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
