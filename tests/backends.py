"""Which backends of a Program there are to test: the native one where it was built."""

from autodiff import CompileError
from autodiff.program.on_native import extension

BACKENDS = ["numpy", "native"]
try:
    extension()
except CompileError:
    BACKENDS.remove("native")
