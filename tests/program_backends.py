"""What tests of programs share: the backends that there are, the rows that run on all of them, and a small graph."""

from autodiff import CompileError, Value, log
from autodiff.op import OPS
from autodiff.ops import BUILT_IN
from autodiff.program.on_native import extension

ROWS = sorted(name for name in BUILT_IN if not OPS[name].defaults)  # not those that another test defined
BACKENDS = ["numpy", "native"]
try:  # the native one is there where it was built
    extension()
except CompileError:
    BACKENDS.remove("native")


def a_graph() -> tuple[Value, Value, Value]:
    x, y = Value(1.0, "x"), Value(2.0, "y")
    return x, y, log(x * y)
