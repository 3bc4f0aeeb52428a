"""The user's own lines, to stand beside the picture: the one that made a value is lit with it.

`autodiff.detect_anomaly` notes the line for every node made within it; the text is read where Python finds it, from a
file or from a notebook's cell.
"""

from __future__ import annotations

import linecache
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from autodiff import Value
from autodiff.modes import origin_of

_MOST_LINES = 60


@dataclass(frozen=True)
class Code:
    """Lines of code, and which of them made which value.

    name : where they are from
    first : the number of the first line
    lines : their text
    made : for each Value that one of them made, which, counted from 0
    back : for those whose gradient one of them passes on, which
    """

    name: str
    first: int
    lines: tuple[str, ...]
    made: Mapping[Value, int]
    back: Mapping[Value, int] = field(default_factory=dict)


def code_of(order: Sequence[Value]) -> Code | None:
    """The lines that made these Values, where they were noted; those of one file, the one that made most."""
    origins = {node: origin for node in order if (origin := origin_of(node)) is not None}
    if not origins:
        return None
    ((file, _),) = Counter(file for file, _ in origins.values()).most_common(1)
    at = {node: line for node, (where, line) in origins.items() if where == file}
    first, last = min(at.values()), max(at.values())
    text = linecache.getlines(file)[first - 1 : min(last, first + _MOST_LINES - 1)]
    if not text:  # typed into an interpreter that keeps no text
        return None
    margin = min((len(line) - len(line.lstrip()) for line in text if line.strip()), default=0)
    lines = tuple(line.rstrip("\n")[margin:] for line in text)
    name = "this cell" if "ipykernel" in file or file.startswith("<ipython") else Path(file).name
    return Code(name, first, lines, {node: line - first for node, line in at.items() if line - first < len(lines)})
