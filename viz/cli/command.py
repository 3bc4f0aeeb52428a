"""The ``autodiff`` command: an expression's forward and backward pass and gradient check, as text, JSON or a picture.

With --out f.html it writes the step-through page. It only shows: the expression is read by `expression`, every
number comes from the engine's step records.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

import autodiff
from autodiff import DomainError
from autodiff.checks import integer
from viz.cli.computed import Computed
from viz.cli.expression import Expression, constant
from viz.cli.reader import ExpressionError
from viz.cli.report import as_json, as_text
from viz.graph.drawing import SUFFIXES, Drawing, draw
from viz.graph.layout import MOST_BOXES, boxes, require_drawable
from viz.step import stepper
from viz.step.code import Code
from viz.writing.numbers import check_digits
from viz.writing.text import ascii_only, can_show, plain

_PICTURES = tuple(suffix for suffix in SUFFIXES if suffix not in stepper.PAGE_SUFFIXES)
_SUFFIXES = (*_PICTURES, *stepper.PAGE_SUFFIXES)
RIGHT, MATHEMATICAL_ERROR, WRONG_USAGE = 0, 1, 2

_EXAMPLES = """\
examples:
  autodiff "q = x + y; f = q * z" x=-2 y=5 z=-4
  autodiff "f = log(sum([exp(a), exp(b)]))" a=1 b=2 --out graph.svg
  autodiff "n = w*x + b; y = sigmoid(n)" w=0.5 x=2 b=-1 --json
  autodiff "q = x + y; f = q * z" x=-2 y=5 z=-4 --out steps.html

An expression has numbers, names, + - * / ** (or · × ÷ ^ ²), brackets, |x|, √x, pi, e, sum, mean, dot and
logsumexp of lists ([a, b]), and the functions:
{functions}

The last statement may go without a name: autodiff "x² + 1" x=1/3. Inputs may be 2, -0.5, 1/3, pi, 2e-3.

exit codes: 0 right, 1 mathematical error (as log of a negative number), 2 wrong usage
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with ``arguments`` (the process's own when not given); returns the exit code.

    What is wrong is told on standard error.
    """
    try:
        options = _parser().parse_intermixed_args(_told_apart(sys.argv[1:] if arguments is None else arguments))
        expression = Expression(options.expression)
        inputs = _inputs(options.inputs)
        return _run(expression, inputs, options)
    except SystemExit as stop:  # argparse: --help, --version, or wrong usage, already told
        return int(stop.code or 0)
    except (DomainError, ArithmeticError) as error:
        return _fail("\n  ".join([str(error), *getattr(error, "__notes__", ())]), MATHEMATICAL_ERROR)
    except (ExpressionError, ValueError, ImportError) as error:
        return _fail(error, WRONG_USAGE)
    except BrokenPipeError:  # the reader (head, less) has seen enough
        _close_output()
        return RIGHT
    except OSError as error:
        if error.filename is None:
            _close_output()
        where = "to standard output" if error.filename is None else plain(str(error.filename))
        return _fail(f"cannot write {where}: {error.strerror}", WRONG_USAGE)


def _told_apart(arguments: Sequence[str]) -> list[str]:
    """The arguments with a blank before an expression that begins with a minus sign: argparse would see an option."""
    is_ours = [a.startswith("-") and not a.startswith("--") and a not in ("-", "-h") for a in arguments]
    is_value = [False, *(a.startswith("--") and "=" not in a for a in arguments)]
    return [f" {a}" if ours and not v else a for a, ours, v in zip(arguments, is_ours, is_value, strict=False)]


def _run(expression: Expression, inputs: Mapping[str, float], options: argparse.Namespace) -> int:
    check_digits(options.digits)
    integer("--max-nodes", options.max_nodes)
    computed = Computed(expression, inputs, options.digits)
    files, problem = _save(computed, options)
    if options.json:
        _print(json.dumps(as_json(computed, files), indent=2, allow_nan=False))
    else:
        text = as_text(computed, files)
        if not can_show(text, sys.stdout):  # spelled out cell by cell, so that the columns stay in line
            computed.spelled = ascii_only
            text = as_text(computed, files)
        _print(text)
    if problem is not None:  # after the results: they are right all the same
        raise problem
    if computed.check.report is not None and not computed.check.report.ok:
        return _fail("the gradient check failed: see its table", MATHEMATICAL_ERROR)
    return RIGHT


def _save(computed: Computed, options: argparse.Namespace) -> tuple[list[str], Exception | None]:
    """Write the pictures: returns the files written, and what kept the next one from being written."""
    files: list[str] = []
    try:
        pictures = [_made(computed, path.suffix.lower() in stepper.PAGE_SUFFIXES, options) for path in options.out]
        for picture, path in zip(pictures, options.out, strict=True):
            files.append(str(picture.save(path)))
    except (ValueError, ImportError, OSError) as error:
        return files, error
    return files, None


def _made(computed: Computed, is_page: bool, options: argparse.Namespace) -> stepper.Stepper | Drawing:
    require_drawable(boxes(computed.order), options.max_nodes, computed.y.label, "--max-nodes")
    if not is_page:
        return draw(computed.y, max_nodes=options.max_nodes, digits=options.digits)
    lines, made = computed.expression.lines(computed.values)
    code = Code("the expression", 1, tuple(lines), made)
    return stepper.step(computed.y, max_nodes=options.max_nodes, digits=options.digits, code=code)


def _inputs(given: Sequence[str]) -> dict[str, float]:
    """``x=-2`` as {"x": -2.0}; ValueError for another form, a name given twice, or what is no number."""
    found: dict[str, float] = {}
    for text in given:
        name, equals, number = text.partition("=")
        name = name.strip()
        if not equals or not name.isidentifier():
            raise ValueError(f"{plain(text)!r} is no input: write name=number, as x=-2")
        if name in found:
            raise ValueError(f"{name} is given twice")
        try:
            found[name] = constant(number)
        except ValueError as error:
            raise ValueError(f"{name}={plain(number)}: {error}") from None
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
        help=f"write the picture ({', '.join(_PICTURES)}) or the step-through page (.html); may be given several times",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print everything as JSON, at full precision")
    parser.add_argument("--digits", type=int, default=4, help="significant digits of the text and the picture (4)")
    parser.add_argument(
        "--max-nodes", type=int, default=MOST_BOXES, help=f"the largest picture that is drawn ({MOST_BOXES})"
    )
    parser.add_argument("--version", action="version", version=f"autodiff {autodiff.__version__}")
    return parser


def _picture(text: str) -> Path:
    path = Path(text)
    if path.suffix.lower() not in _SUFFIXES:
        raise argparse.ArgumentTypeError(
            f"{plain(text)!r} is no picture or page: its suffix must be {', '.join(_SUFFIXES)}"
        )
    # Asked before anything is computed or written, so that of several files not only the first is written.
    if path.is_dir():
        raise argparse.ArgumentTypeError(f"cannot write {plain(text)}: it is a directory")
    if not path.parent.is_dir():
        raise argparse.ArgumentTypeError(f"cannot write {plain(text)}: there is no directory {plain(str(path.parent))}")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise argparse.ArgumentTypeError(f"cannot write {plain(text)}: permission denied")
    return path


def _wrapped(text: str) -> str:
    return textwrap.fill(text, 100, initial_indent="  ", subsequent_indent="  ")


def _fail(error: object, code: int) -> int:
    _print(f"autodiff: {error}", sys.stderr)
    return code


def _print(text: str, file: Any = None) -> None:
    """Print, where need be with the mathematics spelled out in the letters that the stream has."""
    stream = file or sys.stdout
    print(text if can_show(text, stream) else ascii_only(text), file=stream, flush=True)


def _close_output() -> None:
    """Standard output takes no more: what is left in it goes nowhere, or Python would complain at its exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
