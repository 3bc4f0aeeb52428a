"""The page of operations: every row with its formulas, its domain, its curve and the digits that it keeps.

All of it is read: formulas and domains from the op table, curves from the rows' own numbers, digits from the measured
table in docs/accuracy.md.
"""

from __future__ import annotations

import math
import re
from pathlib import Path

from autodiff import DomainError, Value
from autodiff.functions import call
from autodiff.op import Op
from autodiff.ops import BUILT_IN, OPS
from autodiff.table import row

_WIDTH, _HEIGHT, _REACH = 220, 120, 3.0
_HEAD = """\
# Operations

Every operation is one row of one table (`autodiff/ops.py`): a value and one local derivative for each operand, from
which everything else follows. Blue: the value; orange, dashed: the derivative, from −3 to 3. The worst errors are
measured ([accuracy](accuracy.md) says how); what a node costs stands under [speed](speed.md).

"""


def page(accuracy: Path) -> str:
    digits = _digits(accuracy.read_text(encoding="utf-8"))
    return _HEAD + "\n".join(_section(op, digits) for op in OPS.values() if op.name in BUILT_IN)


def _section(op: Op, digits: dict[str, str]) -> str:
    symbol, derivatives, domain = (cell.replace("|", "\\|").replace("*", "\\*") for cell in row(op))
    facts = [f"* symbol: {symbol}", f"* local derivatives: {derivatives}", f"* domain: {domain}"]
    facts += [f"* worst error: {digits[op.name]}"] if op.name in digits else []
    picture = f"\n{_curve(op)}\n" if op.arity == 1 else ""
    return f"## {op.name}\n\n{op.doc}\n{picture}\n" + "\n".join(facts) + "\n"


def _curve(op: Op) -> str:
    """Value and derivative of a function of one operand, as a small SVG; gaps where it is not defined."""
    xs = [_REACH * (i / 60.0 - 1.0) for i in range(121)]
    lines = {"value": [], "derivative": []}
    for x in xs:
        at = Value(x)
        try:
            y = call(op, (at,))
            lines["value"].append(y.data)
            lines["derivative"].append(y.partials[0])
        except (DomainError, ArithmeticError):
            lines["value"].append(math.nan)
            lines["derivative"].append(math.nan)
    drawn = "".join(f'<path class="{name}" d="{_path(xs, ys)}"/>' for name, ys in lines.items())
    axes = f'<path class="axes" d="M0 {_HEIGHT / 2}H{_WIDTH}M{_WIDTH / 2} 0V{_HEIGHT}"/>'
    said = f"{op.name} and its derivative from −3 to 3"
    return f'<svg class="row-curve" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{said}">{axes}{drawn}</svg>'


def _path(xs: list[float], ys: list[float]) -> str:
    parts, down = [], False
    for x, y in zip(xs, ys, strict=True):
        if not math.isfinite(y) or abs(y) > 2.0 * _REACH:
            down = False
            continue
        across, below = (x + _REACH) / (2.0 * _REACH) * _WIDTH, _HEIGHT / 2.0 - y / _REACH * _HEIGHT / 2.0
        parts.append(f"{'L' if down else 'M'}{across:.1f} {below:.1f}")
        down = True
    return "".join(parts)


def _digits(accuracy: str) -> dict[str, str]:
    """Of each row what the measured table says, by its name."""
    found: dict[str, str] = {}
    for line in accuracy.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        name = re.fullmatch(r"`(\w+)`", cells[0])
        if name and len(cells) == 4:
            value, partials, higher = cells[1:]
            more = "" if higher == "–" else f"; derivatives of orders 2 to 4: {higher}"
            found[name[1]] = f"value {value}, local derivatives {partials} units in the last place{more}"
    return found
