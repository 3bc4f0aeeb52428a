"""The weights of a neuron in a bunch: leaves that only one element uses stand before it, in rows.

In a layered layout they would all stand above each other, a strip of thousands. So `layered` gets one element for each
bunch, and its rows are filled afterwards; the lines of a row run behind its boxes. For overviews, where there are many.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from viz.graph.layered import APART, Layered, Layout, Line, Point

_FEWEST = 9  # leaves in a bunch
_SHAPE = 0.6  # height by width that all bunches together are to have, above each other
_BETWEEN = 4.0  # points between the boxes of a bunch


class Bunched:
    """What `layered.Layered` is, with the same arguments; leaves of an element that has many stand in rows."""

    def __init__(
        self, sizes: Sequence[Point], lines: Sequence[Line], keys: Mapping[int, int] | None = None, apart: float = APART
    ) -> None:
        self._sizes, self._lines = sizes, lines
        self._bunches = _bunches(lines)
        self._cell = tuple(max((sizes[i][k] for b in self._bunches for i in b), default=0.0) + _BETWEEN for k in (0, 1))
        self._rows = self._wanted_rows()
        bunch_of = {i: b for b, bunch in enumerate(self._bunches) for i in bunch}
        self._alone = [i for i in range(len(sizes)) if i not in bunch_of]
        unit = {i: k for k, i in enumerate(self._alone)} | {i: len(self._alone) + b for i, b in bunch_of.items()}
        self._line: list[int] = []  # for each line that of its unit
        found: list[Line] = []
        seen: dict[int, int] = {}
        for line in lines:
            if line.tail in bunch_of and bunch_of[line.tail] in seen:
                self._line.append(seen[bunch_of[line.tail]])
                continue
            if line.tail in bunch_of:
                seen[bunch_of[line.tail]] = len(found)
            self._line.append(len(found))
            found.append(replace(line, tail=unit[line.tail], head=unit[line.head]))
        self._unit = unit
        unit_sizes = [sizes[i] for i in self._alone] + [self._size(len(bunch)) for bunch in self._bunches]
        own = {unit[i]: key for i, key in (keys or {}).items() if i not in bunch_of}
        self._layered = Layered(unit_sizes, found, own, apart)

    def size(self) -> Point:
        """How long and how thick it is in one band."""
        return self._layered.size()

    def layout(self, wrap: float = 0.0, above: float = 0.0) -> Layout:
        """Where all stands; arguments as `layered.Layered.layout`'s."""
        units = self._layered.layout(wrap, above)
        middles = [units.middles[self._unit[i]] for i in range(len(self._sizes))]
        bands = [units.bands[self._unit[i]] for i in range(len(self._sizes))]
        ends: dict[int, float] = {}
        for bunch in self._bunches:
            along, across = units.middles[self._unit[bunch[0]]]
            wide, high = self._size(len(bunch))
            for k, i in enumerate(bunch):
                column, row = divmod(k, self._rows)
                middles[i] = (
                    along - wide / 2.0 + (column + 0.5) * self._cell[0],
                    across - high / 2.0 + (row + 0.5) * self._cell[1],
                )
                ends[i] = along + wide / 2.0
        routes: list[list[Point]] = []
        for line, which in zip(self._lines, self._line, strict=True):
            route = units.routes[which]
            if line.tail in ends:
                along, across = middles[line.tail]
                route = [(along + self._sizes[line.tail][0] / 2.0, across), (ends[line.tail], across), *route[2:]]
            routes.append(route)
        return Layout(middles, routes, bands)

    def _wanted_rows(self) -> int:
        if not self._bunches:
            return 1
        most = max(map(len, self._bunches))
        return max(1, round(math.sqrt(_SHAPE * most * self._cell[0] / (len(self._bunches) * self._cell[1]))))

    def _size(self, count: int) -> Point:
        return math.ceil(count / self._rows) * self._cell[0], min(count, self._rows) * self._cell[1]


def _bunches(lines: Sequence[Line]) -> list[list[int]]:
    """For each element with many leaves of its own these, in their order."""
    heads = {line.head for line in lines}
    uses = Counter(line.tail for line in lines)
    own: dict[int, list[int]] = {}
    for line in lines:
        if line.tail not in heads and uses[line.tail] == 1:
            own.setdefault(line.head, []).append(line.tail)
    return [bunch for bunch in own.values() if len(bunch) >= _FEWEST]
