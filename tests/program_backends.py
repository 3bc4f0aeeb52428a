"""Which backends of a Program there are to test, and the rows that run on all of them."""

from autodiff import CompileError
from autodiff.op import OPS
from autodiff.ops import BUILT_IN
from autodiff.program.on_native import extension

ROWS = sorted(name for name in BUILT_IN if not OPS[name].defaults)  # not those that another test defined
BACKENDS = ["numpy", "native"]
try:  # the native one is there where it was built
    extension()
except CompileError:
    BACKENDS.remove("native")
