"""A row as a program of its own: the C and the JavaScript that `codegen` writes of it, run by cc and by node."""

from __future__ import annotations

import atexit
import ctypes
import functools
import json
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from autodiff.codegen import JAVASCRIPT, C, Dialect, row_source
from autodiff.op import Op

Run = Callable[[Sequence[float]], tuple[float, list[float]]]  # operands → value and partials
_UNWRITABLE = (TypeError, ValueError, ArithmeticError, LookupError, AttributeError)

_C_CALL = """
double call(ptrdiff_t n, const double *x, double *d) {{
    double out = {value};
    {partials}
    return out;
}}
"""
_NODE = """
const made = new Map();
require("readline").createInterface({ input: process.stdin }).on("line", (line) => {
  const { source, x } = JSON.parse(line);
  if (!made.has(source)) made.set(source, new Function(source)());
  console.log(made.get(source)(x).map(String).join(" "));
});
"""


def written(op: Op, dialect: Dialect) -> str:
    """The row's source text, "" for a user's row whose rules are no plain formulas."""
    try:
        return f"{dialect.prelude.strip()}\n\n{row_source(op, dialect)}\n"
    except _UNWRITABLE:
        return ""


def in_c(op: Op) -> Run | None:
    """The row compiled by cc; None where there is no cc, or the row cannot be written."""
    compiler, source = shutil.which("cc"), written(op, C)
    if compiler is None or not source:
        return None
    if op.n_ary:
        value, partials = f"{op.name}_value(n, x)", f"{op.name}_partials(n, out, x, d);"
    else:
        x = ", ".join(f"x[{i}]" for i in range(len(op.operands)))
        value = f"{op.name}_value({x})"
        partials = " ".join(f"d[{i}] = {op.name}_partial_{i}(out, {x});" for i in range(len(op.operands)))
    call = _compiled(compiler, "#include <stddef.h>\n" + source + _C_CALL.format(value=value, partials=partials))

    def run(x: Sequence[float]) -> tuple[float, list[float]]:
        numbers = (ctypes.c_double * len(x))(*x)
        found = (ctypes.c_double * len(x))()
        return call(len(x) // len(op.vectors), numbers, found), list(found)

    return run


@functools.lru_cache(maxsize=256)
def _compiled(compiler: str, source: str) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "row.c").write_text(source, "utf-8")
        library = str(Path(folder, "row.so"))
        options = ["-O1", "-ffp-contract=off", "-fPIC", "-shared", "-o", library]
        subprocess.run([compiler, *options, str(Path(folder, "row.c")), "-lm"], check=True)
        call = ctypes.CDLL(library).call
    call.restype = ctypes.c_double
    call.argtypes = [ctypes.c_ssize_t, ctypes.POINTER(ctypes.c_double), ctypes.POINTER(ctypes.c_double)]
    return call


def in_javascript(op: Op) -> Run | None:
    """The row run by node; None where there is no node, or the row cannot be written."""
    node, source = shutil.which("node"), written(op, JAVASCRIPT)
    if node is None or not source:
        return None
    if op.n_ary:
        body = f"const n = x.length / {len(op.vectors)}, out = {op.name}_value(n, x), d = [];\n"
        body += f"{op.name}_partials(n, out, x, d);"
    else:
        partials = ", ".join(f"{op.name}_partial_{i}(out, ...x)" for i in range(len(op.operands)))
        body = f"const out = {op.name}_value(...x), d = [{partials}];"
    source += f"return (x) => {{\n{body}\nreturn [out, ...d];\n}};"

    def run(x: Sequence[float]) -> tuple[float, list[float]]:
        out, *d = map(float, _answer(node, json.dumps({"source": source, "x": list(x)})).split())
        return out, d

    return run


@functools.cache
def _process(node: str) -> subprocess.Popen[str]:
    """One for all rows: it takes longer to start than to answer."""
    process = subprocess.Popen([node, "-e", _NODE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    atexit.register(process.communicate)  # its input ends, and so does it
    return process


def _answer(node: str, question: str) -> str:
    process = _process(node)
    assert process.stdin is not None and process.stdout is not None
    process.stdin.write(question + "\n")
    process.stdin.flush()
    answer = process.stdout.readline()
    if not answer:
        raise RuntimeError(f"node ended with exit code {process.wait()}")
    return answer
