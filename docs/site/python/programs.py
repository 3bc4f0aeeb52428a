"""A program typed into the playground, run as a notebook would: what it printed, and what its last line shows.

A Value is shown as its step-through, with the program's own lines beside it; a picture, a step-through or a derivation
of `viz` as it shows itself in a notebook; anything else as its repr. The program sees the project and the standard
library, and runs in the worker of its page: an endless loop ends with the worker.
"""

from __future__ import annotations

import ast
import contextlib
import io
import linecache
import traceback
from typing import Any

import autodiff
from autodiff import Value
from expressions import MOST_BOXES
from viz import Stepper, step

NAME = "<playground>"
_LONGEST = 20_000  # characters of what is printed
_NOTHING = "It ran, and shows nothing: a Value in its last line is drawn, and print(…) writes here.\n"


def answer(text: str) -> dict[str, Any]:
    """What a program shows: ``page`` (a step-through), ``html`` (else), ``printed``; or an error with its line."""
    linecache.cache[NAME] = (len(text), None, text.splitlines(keepends=True), NAME)
    printed = io.StringIO()
    found: dict[str, Any] = {}
    try:
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
            found = _shown(_run(text))
    except SyntaxError as error:
        place = {"line": error.lineno or 0, "column": error.offset or 0} if error.filename == NAME else _place(error)
        found = {"error": {"message": f"{type(error).__name__}: {error.msg}", **place}}
    except Exception as error:  # whatever the program does wrong is told to its writer
        notes = getattr(error, "__notes__", ())
        message = "\n".join([f"{type(error).__name__}: {error}", *notes])
        found = {"error": {"message": message[:2000], **_place(error)}}
    return found | {"printed": printed.getvalue()[:_LONGEST] or ("" if found else _NOTHING)}


def _run(text: str) -> tuple[Any, dict[str, Any]]:
    """The value of the last line, where that is an expression, and the names."""
    tree = ast.parse(text, NAME)
    last = tree.body[-1] if tree.body else None
    tree.body = tree.body[:-1] if isinstance(last, ast.Expr) else tree.body
    names: dict[str, Any] = {"__name__": "__main__"}
    with autodiff.detect_anomaly():  # notes which line made which Value
        exec(compile(tree, NAME, "exec"), names)
        if not isinstance(last, ast.Expr):
            return None, names
        return eval(compile(ast.Expression(last.value), NAME, "eval"), names), names


def _shown(result: tuple[Any, dict[str, Any]]) -> dict[str, Any]:
    value, names = result
    if isinstance(value, Value):
        called = {name: thing for name, thing in names.items() if isinstance(thing, Value)}
        value = step(value, names=called, max_nodes=MOST_BOXES)
    if isinstance(value, Stepper):
        return {"page": value.part}
    if hasattr(value, "_repr_mimebundle_"):
        shown = value._repr_mimebundle_(include=["text/html", "image/svg+xml", "text/plain"])[0]
        for kind in ("text/html", "image/svg+xml"):
            if kind in shown:
                return {"html": shown[kind]}
    return {} if value is None else {"value": repr(value)[:_LONGEST]}


def _place(error: BaseException) -> dict[str, int]:
    """The last line of the program that was running."""
    lines = [frame.lineno or 0 for frame in traceback.extract_tb(error.__traceback__) if frame.filename == NAME]
    return {"line": lines[-1] if lines else 0, "column": 0}
