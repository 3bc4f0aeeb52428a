"""The ``autodiff`` command: an expression's forward and backward pass and gradient check, as text, JSON or a picture.

With --out f.html it writes the step-through page. It only shows: the expression is read by `expression`, every
number comes from the engine's step records.
"""

from __future__ import annotations

import argparse
import inspect
import json
import os
import sys
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, cast

import autodiff
from autodiff import (
    BackwardStep,
    Contribution,
    DomainError,
    GradcheckError,
    Value,
    backward_steps,
    forward_steps,
    leaves,
    topological_order,
)
from autodiff.gradcheck import GradcheckReport, gradcheck
from viz import stepper
from viz.drawing import SUFFIXES, draw
from viz.expression import Expression, ExpressionError
from viz.names import bracketed, names_of, partials_written, with_numbered, written
from viz.numbers import format_number
from viz.text import ascii_only, plain

_SUFFIXES = (*SUFFIXES, *stepper.PAGE_SUFFIXES)
RIGHT, MATHEMATICAL_ERROR, WRONG_USAGE = 0, 1, 2

_EXAMPLES = """\
examples:
  autodiff "q = x + y; f = q * z" x=-2 y=5 z=-4
  autodiff "f = log(sum([exp(a), exp(b)]))" a=1 b=2 --out graph.svg
  autodiff "n = w*x + b; y = sigmoid(n)" w=0.5 x=2 b=-1 --json
  autodiff "q = x + y; f = q * z" x=-2 y=5 z=-4 --out steps.html

An expression has numbers, names, + - * / **, brackets, pi, e, sum, mean, dot and logsumexp of lists ([a, b]),
and the functions:
{functions}

exit codes: 0 right, 1 mathematical error (as log of a negative number), 2 wrong usage
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with ``arguments`` (the process's own when not given); returns the exit code.

    What is wrong is told on standard error.
    """
    try:
        options = _parser().parse_intermixed_args(arguments)
        expression = Expression(options.expression)
        inputs = _inputs(options.inputs)
        return _run(expression, inputs, options)
    except SystemExit as stop:  # argparse: --help, --version, or wrong usage, already told
        return int(stop.code or 0)
    except (DomainError, ArithmeticError) as error:
        return _fail(error, MATHEMATICAL_ERROR)
    except (ExpressionError, ValueError, ImportError) as error:
        return _fail(error, WRONG_USAGE)
    except BrokenPipeError:  # the reader (head, less) has seen enough; Python would complain at its exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return RIGHT
    except OSError as error:
        return _fail(f"cannot write {error.filename}: {error.strerror}", WRONG_USAGE)


def _run(expression: Expression, inputs: Mapping[str, float], options: argparse.Namespace) -> int:
    y = expression.evaluate(inputs)[expression.result]
    y.backward()
    result = _Result(y, options.digits)
    check = _check(expression, inputs)
    makers = [stepper.step if path.suffix.lower() in stepper.PAGE_SUFFIXES else draw for path in options.out]
    pictures = [make(y, max_nodes=options.max_nodes, digits=options.digits) for make in makers]
    files = [str(picture.save(path)) for picture, path in zip(pictures, options.out, strict=True)]
    if options.json:
        _print(json.dumps(_as_json(expression, result, check, files), indent=2, allow_nan=False))
    else:
        _print(_as_text(result, check, files))
    if check.report is not None and not check.report.ok:
        return _fail("the gradient check failed: see its table", MATHEMATICAL_ERROR)
    return RIGHT


class _Result:
    """A computed graph with all that is told about it."""

    def __init__(self, y: Value, digits: int) -> None:
        self.y = y
        order = topological_order(y)
        self.names = with_numbered(order, names_of(order))
        self.forward = list(forward_steps(y))
        self.backward = list(backward_steps(y))
        self.leaves = leaves(y)
        self.digits = digits

    def number(self, x: float) -> str:
        return format_number(x, self.digits)

    def factor(self, x: float) -> str:
        """A number as an operand: in brackets where it has a sign or is a product itself."""
        return bracketed(self.number(x))

    def derivative(self, x: Value) -> str:
        return f"∂{self.names[self.y]}/∂{self.names[x]}"


@dataclass(frozen=True)
class _Check:
    """gradcheck's report, or why there is none."""

    report: GradcheckReport | None
    note: str


def _check(expression: Expression, inputs: Mapping[str, float]) -> _Check:
    if not inputs:
        return _Check(None, "there is no input to check")

    def f(*xs: Any) -> Value:
        return expression.evaluate(dict(zip(expression.inputs, xs, strict=True)))[expression.result]

    f.__name__ = expression.result
    parameters = [inspect.Parameter(name, inspect.Parameter.POSITIONAL_ONLY) for name in expression.inputs]
    f.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined] (the report names inputs by it)
    try:
        return _Check(gradcheck(f, [inputs[name] for name in expression.inputs]), "")
    except GradcheckError as error:
        return _Check(cast(GradcheckReport, error.report), "")
    except (DomainError, ArithmeticError) as error:  # beside the inputs: the gradient itself was found
        return _Check(None, f"not possible here: {error}")


def _as_text(result: _Result, check: _Check, files: Sequence[str]) -> str:
    sections = [
        _forward_text(result),
        _backward_text(result),
        _gradient_text(result),
        f"Gradient check\n{_indented(str(check.report or check.note))}",
    ]
    if files:
        sections.append("\n".join(f"Wrote {plain(file)}" for file in files))
    return "\n\n".join(sections)


def _forward_text(result: _Result) -> str:
    lines: list[tuple[str, str]] = []
    for step in result.forward:
        node = step.node
        shown = result.number(node.data)
        if node.op is not None:
            numbers = written(node, {a: result.factor(a.data) for a in node.parents})
            shown = f"{written(node, result.names)} = {numbers} = {shown}"
        lines.append((result.names[node], f"= {shown}"))
    return f"Forward pass\n{_columns(lines)}"


def _backward_text(result: _Result) -> str:
    seed = result.derivative(result.y)
    lines = [("", f"{seed} = 1", "")]
    for step in result.backward:
        formulas = partials_written(step.node, result.names)
        for i, c in enumerate(step.contributions):
            node = f"{result.names[step.node]} = {written(step.node, result.names)}"
            lines.append((node if i == 0 else "", *_contribution_text(result, step, c, formulas[c.operand])))
    return f"Backward pass: a result sends its own derivative times the local one to each operand\n{_columns(lines)}"


def _contribution_text(
    result: _Result, step: BackwardStep, contribution: Contribution, formula: str
) -> tuple[str, str]:
    """``∂f/∂x += ∂f/∂q · ∂q/∂x = …``, and where x is used more than once, the total so far."""
    received, arg = result.derivative(step.node), contribution.arg
    several = contribution.remaining > 0 or contribution.total != contribution.amount
    equation = (
        f"{result.derivative(arg)} {'+=' if several else '='} {received} · {formula} = "
        f"{result.number(step.received)} · {result.factor(contribution.partial)} = {result.number(contribution.amount)}"
    )
    if not several:
        return equation, ""
    left = f", {contribution.remaining} to come" if contribution.remaining else ""
    return equation, f"total {result.number(contribution.total)}{left}"


def _gradient_text(result: _Result) -> str:
    lines = [(result.derivative(leaf), f"= {result.number(leaf.grad)}") for leaf in result.leaves]
    return f"Gradient\n{_columns(lines)}"


def _columns(rows: Sequence[tuple[str, ...]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())


def _as_json(expression: Expression, result: _Result, check: _Check, files: Sequence[str]) -> dict[str, Any]:
    """Every number at full precision; ``args`` hold names for values and numbers for numbers."""
    names = result.names
    forward = [
        {
            "name": names[step.node],
            "op": step.node.op.name if step.node.op else None,
            "args": [names[a] if isinstance(a, Value) else a for a in step.node.args],
            "formula": written(step.node, names),
            "data": step.node.data,
        }
        for step in result.forward
    ]
    written_partials = {step.node: partials_written(step.node, names) for step in result.backward}
    backward = [
        {
            "name": names[step.node],
            "received": step.received,
            "contributions": [
                {
                    "to": names[c.arg],
                    "operand": c.operand,
                    "formula": written_partials[step.node][c.operand],
                    "partial": c.partial,
                    "amount": c.amount,
                    "total": c.total,
                    "remaining": c.remaining,
                }
                for c in step.contributions
            ],
        }
        for step in result.backward
    ]
    return {
        "expression": expression.text,
        "result": expression.result,
        "data": result.y.data,
        "gradient": {names[leaf]: leaf.grad for leaf in result.leaves},
        "forward": forward,
        "backward": backward,
        "gradcheck": _check_as_json(check),
        "files": list(files),
    }


def _check_as_json(check: _Check) -> dict[str, Any]:
    if check.report is None:
        return {"ok": None, "note": check.note, "inputs": [], "taylor_order": None}
    inputs = [
        {"name": c.label, "reverse": c.reverse, "numerical": c.numerical, "verdict": c.verdict}
        for c in check.report.checks
    ]
    return {"ok": check.report.ok, "note": "", "inputs": inputs, "taylor_order": check.report.taylor_order}


def _inputs(given: Sequence[str]) -> dict[str, float]:
    """``x=-2`` as {"x": -2.0}; ValueError for another form, a name given twice, or what is no finite number."""
    found: dict[str, float] = {}
    for text in given:
        name, equals, number = text.partition("=")
        name = name.strip()
        if not equals or not name.isidentifier():
            raise ValueError(f"{plain(text)!r} is no input: write name=number, as x=-2")
        if name in found:
            raise ValueError(f"{name} is given twice")
        try:
            found[name] = float(Value(float(number)))
        except ValueError:
            raise ValueError(f"{name}={plain(number)}: this is no finite number") from None
    return found


class _Parser(argparse.ArgumentParser):
    """argparse, with its messages in letters that the terminal has."""

    def error(self, message: str) -> NoReturn:
        raise ValueError(f"{message} (autodiff --help shows examples)")

    def _print_message(self, message: str, file: Any = None) -> None:
        if message:
            _print(message.rstrip("\n"), file)


def _parser() -> argparse.ArgumentParser:
    functions = ", ".join(sorted(autodiff.functions.FUNCTIONS))
    parser = _Parser(
        prog="autodiff",
        description="Compute an expression forward, its gradient backward, and check the gradient numerically.",
        epilog=_EXAMPLES.format(functions=_wrapped(functions)),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("expression", help='statements "name = expression", separated by semicolons')
    parser.add_argument("inputs", nargs="*", default=[], metavar="name=number", help="a value for each input, as x=-2")
    parser.add_argument(
        "--out", action="append", default=[], type=_picture, metavar="FILE",
        help=f"write the picture ({', '.join(SUFFIXES)}) or the step-through page (.html); may be given several times",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print everything as JSON, at full precision")
    parser.add_argument("--digits", type=int, default=4, help="significant digits of the text and the picture (4)")
    parser.add_argument("--max-nodes", type=int, default=400, help="the largest picture that is drawn (400)")
    parser.add_argument("--version", action="version", version=f"autodiff {autodiff.__version__}")
    return parser


def _picture(text: str) -> Path:
    path = Path(text)
    if path.suffix.lower() not in _SUFFIXES:
        raise argparse.ArgumentTypeError(
            f"{plain(text)!r} is no picture or page: its suffix must be {', '.join(_SUFFIXES)}"
        )
    return path


def _wrapped(text: str) -> str:
    return textwrap.fill(text, 100, initial_indent="  ", subsequent_indent="  ")


def _fail(error: object, code: int) -> int:
    _print(f"autodiff: {error}", sys.stderr)
    return code


def _print(text: str, file: Any = None) -> None:
    """Print, where need be with the mathematics spelled out in the letters that the stream has."""
    stream = file or sys.stdout
    try:
        text.encode(getattr(stream, "encoding", None) or "ascii")
    except UnicodeEncodeError:
        text = ascii_only(text)
    print(text, file=stream, flush=True)
