"""The op table as a Markdown table, for the README: ``python -m autodiff.table`` prints it."""

from __future__ import annotations

from autodiff.op import Op
from autodiff.ops import BUILT_IN, OPS


def markdown() -> str:
    """One line per built-in row: symbol, function, local derivatives, domain and the choice made at a kink.

    >>> from autodiff.table import markdown
    >>> print(next(line for line in markdown().splitlines() if "tanh" in line))
    | `tanh` | tanh | 1 − tanh(x)² | all reals |
    """
    lines = [
        "| operation | symbol | local derivatives | domain; where not differentiable |",
        "| --- | --- | --- | --- |",
    ]
    for op in (op for op in OPS.values() if op.name in BUILT_IN):
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in (f"`{op.name}`", *row(op))) + " |")
    return "\n".join(lines)


def row(op: Op) -> tuple[str, str, str]:
    """How an operation is drawn, its local derivatives, and its domain with where it is not differentiable."""
    names = op.operand_names(2 * len(op.vectors))
    derivatives = "; ".join(
        formula if len(op.formula) == 1 else f"∂/∂{name}: {formula}"
        for name, formula in zip(names, op.formula, strict=False)
    )
    return op.symbol, derivatives, op.domain.text + (f"; {op.domain.smooth_text}" if op.domain.smooth_text else "")


if __name__ == "__main__":
    print(markdown())
