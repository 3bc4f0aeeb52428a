"""How large a picture is, how long it takes, and when it is too large: one count, one limit, one message, one wait.

Where things stand is decided in `placing`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from autodiff import Value
from autodiff.checks import integer
from viz.writing.text import ascii_only, can_show

MOST_BOXES = 1000  # of a picture, unless its maker is given another limit
MOST_IN_FULL = 2000  # that are drawn with operations and gradients; of more there is an overview

_SECONDS = 2.5e-3  # for a box; measured on graphs of 300 to 10,000 (benchmarks/layout.py)
_LONG_WAIT = 2.0  # seconds, from which on one is told


def boxes(nodes: Iterable[Value]) -> int:
    """How many boxes a picture of these nodes has: one for each Value, one for each operand that is a number."""
    return sum(1 + _numbers(node) for node in nodes)


def _numbers(node: Value) -> int:
    if node.op is not None and node.op.name == "dot":
        return 0  # they stand in its table
    return sum(isinstance(arg, float) for arg in node.args)


def expected_seconds(count: int) -> float:
    """How long a picture of so many boxes takes, to within a factor of three or so."""
    return _SECONDS * count


def require_drawable(count: int, most: int, output: str, option: str = "max_nodes") -> None:
    """ValueError where a picture has more than ``most`` boxes; it says what to do instead. TypeError for no integer.

    output : what the output is called; option : how the caller's user says ``most``
    """
    integer(option, most)
    if count <= most:
        return
    too_large = (
        f"the graph has {count} values and numbers, more than {option}={most}, and a picture of it would take "
        f"{duration(expected_seconds(count))}"
    )
    larger = f"give a larger {option}" + (" for an overview" if count > MOST_IN_FULL else "")
    if option.startswith("-"):  # on the command line
        raise ValueError(f"{too_large}: {larger}")
    raise ValueError(
        f"{too_large}. Show it as a network (collapse=model), derive one gradient in words (explain(y, x)), draw "
        f"a part (a Value that {output} is computed from), or {larger}"
    )


def duration(seconds: float) -> str:
    """
    >>> duration(3.4), duration(250.0), duration(1e6)
    ('about 3 s', 'about 4 minutes', 'hours')
    """
    if seconds < 90.0:
        return f"about {max(seconds, 1.0):.0f} s"
    return f"about {seconds / 60.0:.0f} minutes" if seconds < 5400.0 else "hours"


@contextmanager
def waiting(count: int) -> Iterator[None]:
    """A line on stderr while a picture of so many boxes is made, where that takes a while; on a terminal it goes."""
    seconds = expected_seconds(count)
    if seconds < _LONG_WAIT or sys.stderr is None:
        yield
        return
    line = f"autodiff: drawing {count} values and numbers takes {duration(seconds)} …"
    if not can_show(line, sys.stderr):
        line = ascii_only(line)
    gone = sys.stderr.isatty()
    sys.stderr.write(line if gone else f"{line}\n")
    sys.stderr.flush()
    try:
        yield
    finally:
        if gone:
            sys.stderr.write(f"\r{' ' * len(line)}\r")
