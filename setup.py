"""The optional native engine: built where a C compiler serves, left out with one line where none does.

Everything else about the project stands in pyproject.toml.
"""

import sys
import sysconfig
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.errors import BaseError, CCompilerError

SOURCE = Path("autodiff", "_native.pyx")
# A fused multiply-add rounds once where Python rounds twice: without it the engines agree to the last bit.
FLAGS = [] if sys.platform == "win32" else ["-O3", "-ffp-contract=off"]


class BuildIfPossible(build_ext):
    """build_ext that says in one line why there is no native engine, and goes on without it."""

    def build_extension(self, ext: Extension) -> None:
        if sysconfig.get_config_var("Py_GIL_DISABLED"):
            print("autodiff: the native engine needs the GIL, which this Python lacks: the reference engine serves")
            return
        try:
            super().build_extension(ext)
        except (BaseError, CCompilerError, OSError):
            print("autodiff: no C compiler that works: the reference engine serves")


PARTS = sorted(str(part) for suffix in ("pxi", "h") for part in Path("autodiff").glob(f"*.{suffix}"))
native = Extension("autodiff._native", [str(SOURCE)], depends=PARTS, extra_compile_args=FLAGS, optional=True)
setup(ext_modules=[native] if SOURCE.exists() else [], cmdclass={"build_ext": BuildIfPossible})
