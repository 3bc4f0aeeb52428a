"""Writes rows.h, what the native engine and the tape are built from: every row of the op table in C, in a table.

setup.py runs it. The functions are `autodiff.codegen`'s; added here is what calls them from Python.
"""

from __future__ import annotations

from collections.abc import Iterable

from autodiff.codegen import C, source
from autodiff.op import Op

_TABLE = """
/* A row: its functions by the number of its operands. Of three and more they take an array. Those with a d give the
   value, and write all local derivatives into d. */
typedef struct Row {
    const char *name;
    ptrdiff_t operands; /* how many; 0 for an n-ary row, */
    ptrdiff_t vectors;  /* which has so many vectors of them */
    ptrdiff_t defaults; /* operands at the end that may be left out */
    double (*of_one)(double x);
    double (*with_one)(double x, double *d);
    double (*of_two)(double x, double y);
    double (*with_two)(double x, double y, double *d);
    double (*in_x)(double out, double x, double y); /* one local derivative, where the other operand is a number */
    double (*in_y)(double out, double x, double y);
    double (*of_many)(const double *x);
    double (*with_many)(const double *x, double *d);
    double (*of_vectors)(ptrdiff_t n, const double *x);
    void (*in_vectors)(ptrdiff_t n, double out, const double *x, double *d);
} Row;
"""


def header(ops: Iterable[Op]) -> str:
    """The text of rows.h for the rows ``ops``."""
    rows = list(ops)
    parts = ["/* Written by autodiff/native/generate.py from the op table. */", source(rows, C), _TABLE]
    parts += [_with_derivatives(op) for op in rows if not op.n_ary]
    parts.append("static const Row rows[] = {\n" + "\n".join(_entry(op) for op in rows) + "\n};")
    parts.append("enum {" + ", ".join([*(f"ROW_{op.name}" for op in rows), "ROW_COUNT"]) + "};")
    parts.append("#define EACH_ROW_BY_ARITY(ONE, TWO, MANY, VECTORS)" + "".join(map(_by_arity, rows)))
    parts.append("#define EACH_ROW_OF_FIXED_ARITY(X)" + "".join(map(_entry_of, rows)) + "\n")
    return "\n\n".join(parts)


def _entry(op: Op) -> str:
    n, name = len(op.operands), op.name
    fields = {"name": f'"{name}"', "operands": n, "vectors": len(op.vectors), "defaults": len(op.defaults)}
    if op.n_ary:
        fields |= {"of_vectors": f"{name}_value", "in_vectors": f"{name}_partials"}
    elif n <= 2:
        size = ("one", "two")[n - 1]
        fields |= {f"of_{size}": f"{name}_value", f"with_{size}": f"{name}_with"}
        if n == 2:
            fields |= {"in_x": f"{name}_partial_0", "in_y": f"{name}_partial_1"}
    else:
        fields |= {"of_many": f"{name}_of_many", "with_many": f"{name}_with"}
    return f"    {{{', '.join(f'.{field} = {value}' for field, value in fields.items())}}},"


def _with_derivatives(op: Op) -> str:
    """NAME_with: the value, and every local derivative into d (the compiler sees what they have in common)."""
    many = len(op.operands) > 2
    x = [f"x[{i}]" for i in range(len(op.operands))] if many else op.operands
    taken = "const double *x" if many else ", ".join(f"double {name}" for name in x)
    given = ", ".join(x)
    lines = [
        f"static double {op.name}_with({taken}, double *d) {{",
        f"    const double out = {op.name}_value({given});",
    ]
    lines += [f"    d[{i}] = {op.name}_partial_{i}(out, {given});" for i in range(len(x))]
    lines += ["    return out;", "}"]
    if many:
        lines.append(f"static double {op.name}_of_many(const double *x) {{ return {op.name}_value({given}); }}")
    return "\n".join(lines)


def _by_arity(op: Op) -> str:
    kind = "VECTORS" if op.n_ary else ("ONE", "TWO", "MANY")[min(len(op.operands), 3) - 1]
    return f" \\\n    {kind}({op.name})"


def _entry_of(op: Op) -> str:
    if op.n_ary:
        return ""
    return f' \\\n    X({op.name}, "{_documented(op, op.operands[0])}", "{_documented(op, "$self")}")'


def _documented(op: Op, first: str) -> str:
    """The documentation, after the signature as inspect reads it; the first operand of a method is $self."""
    listed = str(op.signature).replace(f"({op.operands[0]}", f"({first}", 1)
    return _quoted(f"{op.name}{listed}\n--\n\n{op.documentation}")


def _quoted(text: str) -> str:
    """As in a C string: ASCII alone, whatever the compiler takes its source to be."""
    plain = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return "".join(c if c.isascii() else "".join(f"\\{byte:03o}" for byte in c.encode()) for c in plain)
