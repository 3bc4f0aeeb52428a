"""The optional native engine, and the tape: built where a C compiler serves, left out with one line where none does.

Everything else about the project stands in pyproject.toml. AUTODIFF_ENGINE=python builds the reference engine alone.
"""

import importlib.util
import os
import sys
import sysconfig
import types
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.errors import BaseError, CCompilerError

HERE = Path(__file__).resolve().parent
NATIVE = Path("autodiff", "native")
# What is built, and what is included in it besides the rows.
EXTENSIONS = {"value": [*NATIVE.glob("*.pxi"), NATIVE / "blocks.h"], "tape": [*NATIVE.glob("tape*.h")]}
WITHOUT = {
    "autodiff.native.value": "the reference engine serves",
    "autodiff.native.tape": "programs run on NumPy alone",
}
# A fused multiply-add rounds once where Python rounds twice: without it the engines agree to the last bit. That libm
# should not set errno changes no result. Symbols for a debugger, which Python's own flags ask for, take a third of the
# compiler's time.
FLAGS = [] if sys.platform == "win32" else ["-O3", "-g0", "-ffp-contract=off", "-fno-math-errno"]


def rows_in_c() -> str:
    """The op table of this tree in C. Its files are loaded from here by their path, never through the package: what is
    installed, or was built here before, is of no account."""
    ours = {name: module for name, module in sys.modules.items() if name.partition(".")[0] == "autodiff"}
    for name in ours:
        del sys.modules[name]
    package = types.ModuleType("autodiff")
    package.__path__ = [str(HERE / "autodiff")]
    sys.modules["autodiff"] = package
    try:
        generate = importlib.import_module("autodiff.native.generate")
        return generate.header(importlib.import_module("autodiff.ops").OPS.values())
    finally:
        for name in [name for name in sys.modules if name.partition(".")[0] == "autodiff"]:
            del sys.modules[name]
        sys.modules.update(ours)


class BuildIfPossible(build_ext):
    """build_ext that says in one line why there is no native engine, or no tape, and goes on without it.

    The extensions are compiled side by side. What is shared is made before: the rows, and Cython's C, for Cython is not
    safe in threads. On Windows one follows the other, as the compiler is set up by the first that asks for it.
    """

    def build_extensions(self) -> None:
        self.failed: list[Extension] = []
        if sysconfig.get_config_var("Py_GIL_DISABLED"):
            for ext in self.extensions:
                print(f"autodiff: C extensions need the GIL, which this Python lacks: {WITHOUT[ext.name]}")
            return
        if self.extensions:
            (HERE / NATIVE / "rows.h").write_text(rows_in_c(), encoding="ascii")
        if sys.platform != "win32" and importlib.util.find_spec("Cython"):
            from Cython.Build import cythonize

            for ext in self.extensions:
                ext.sources = cythonize(ext, force=self.force, quiet=self.verbose == 0)[0].sources
            self.parallel = self.parallel or len(self.extensions)
        super().build_extensions()
        for ext in self.extensions:
            if ext in self.failed:
                print(f"autodiff: no C compiler that works: {WITHOUT[ext.name]}")

    def build_extension(self, ext: Extension) -> None:
        try:
            super().build_extension(ext)
        except (BaseError, CCompilerError, OSError):
            self.failed.append(ext)


wanted = os.environ.get("AUTODIFF_ENGINE") != "python"
rows = [
    Path("autodiff", f"{name}.py")
    for name in ("op", "ops", "symbols", "namespaces", "recording", "codegen", "native/generate")
]
native = [
    Extension(
        f"autodiff.native.{name}",
        [str(NATIVE / f"{name}.pyx")],
        depends=sorted(map(str, [*parts, *rows])),
        extra_compile_args=FLAGS,
        optional=True,
    )
    for name, parts in EXTENSIONS.items()
    if (NATIVE / f"{name}.pyx").exists()
]
setup(ext_modules=native if wanted else [], cmdclass={"build_ext": BuildIfPossible})
