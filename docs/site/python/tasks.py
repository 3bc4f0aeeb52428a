"""What the site's pages ask of Python: a task and its request come as JSON, and so does the answer.

An answer to what a person typed is either what was asked for, or ``{"error": …}`` in the project's own words. Nothing
is computed here: expressions are `viz.cli`'s, programs are run in `programs`, training is `room`'s.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import expressions
import programs
import room

TASKS: dict[str, Callable[..., dict[str, Any]]] = {
    "expression": expressions.answer,
    "check": expressions.check,
    "export": expressions.export,
    "program": programs.answer,
    "room.open": room.opened,
    "room.train": room.trained,
    "room.example": room.example,
}


def run(task: str, request: str) -> str:
    return json.dumps(TASKS[task](**json.loads(request)), allow_nan=False)
