"""An expression of the command's language as the Python that computes the same: to go on with outside of it."""

from __future__ import annotations

from collections.abc import Mapping

from viz.cli.expression import Expression
from viz.cli.reader import BINARY, UNARY, Node

_SIGNS = {row: (sign, binds) for sign, (row, binds) in BINARY.items()}
_WHOLE = 5  # how tightly what needs no brackets binds
_CONSTANTS = {"pi": "math.pi", "π": "math.pi", "e": "math.e"}


def as_python(expression: Expression, inputs: Mapping[str, float]) -> str:
    """A program that builds the graph with these inputs, runs backward and saves the step-through.

    >>> print(as_python(Expression("f = σ(w·x) + x²"), {"w": 0.5, "x": 2.0}))
    import autodiff
    import viz
    <BLANKLINE>
    w = autodiff.Value(0.5, "w")
    x = autodiff.Value(2.0, "x")
    f = autodiff.sigmoid(w * x) + x ** 2
    f.label = "f"
    f.backward()
    print(w.grad, x.grad)
    viz.step(f).save("f.html")
    <BLANKLINE>
    """
    names = {statement.name for statement in expression.statements} | set(expression.inputs)
    lines = [f'{name} = autodiff.Value({inputs[name]!r}, "{name}")' for name in expression.inputs]
    for statement in expression.statements:
        text, _ = statement.expression.folded(lambda node, parts: _joined(expression, node, parts, names))
        lines.append(f"{statement.name} = {text}")
        lines.append(f'{statement.name}.label = "{statement.name}"')
    y = expression.result
    lines.append(f"{y}.backward()")
    lines.append(f"print({', '.join(f'{name}.grad' for name in expression.inputs)})")
    lines.append(f'viz.step({y}).save("{y}.html")')
    body = "\n".join(lines)
    math = "import math\n\n" if "math." in body else ""
    return f"{math}import autodiff\nimport viz\n\n{body}\n"


def _joined(expression: Expression, node: Node, parts: list[tuple[str, int]], names: set[str]) -> tuple[str, int]:
    """The text of a node whose parts are written, and how tightly it binds."""
    texts = [text for text, _ in parts]
    if node.kind == "number":
        return node.text, _WHOLE
    if node.kind == "name":
        return (node.text if node.text in names else _CONSTANTS[node.text]), _WHOLE
    if node.kind == "list":
        return f"[{', '.join(texts)}]", _WHOLE
    name = expression.function(node) if node.kind == "call" else node.text
    if name == "neg":
        return f"-{_bracketed(parts[0], UNARY)}", UNARY
    if name in _SIGNS and node.kind == "operation":
        sign, binds = _SIGNS[name]
        left, right = (binds + 1, UNARY) if name == "pow" else (binds, binds + 1)
        return f"{_bracketed(parts[0], left)} {sign} {_bracketed(parts[1], right)}", binds
    of_several = name in ("sum", "mean", "logsumexp") and not (node.parts and node.parts[0].kind == "list")
    operands = ", ".join(texts)
    return f"autodiff.{name}({f'[{operands}]' if of_several else operands})", _WHOLE


def _bracketed(part: tuple[str, int], binds: int) -> str:
    text, own = part
    return text if own >= binds else f"({text})"
