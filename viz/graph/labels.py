"""Where the numbers of lines stand: beside their own line, crossed by none, covering no other number; or not at all.

Lines are straight, from one column to the next.
"""

from __future__ import annotations

from collections.abc import Sequence

Point = tuple[float, float]
Segment = tuple[Point, Point]

_SHARES = (0.5, 0.4, 0.6, 0.3, 0.7, 0.22, 0.78, 0.15, 0.85)  # of the way along a line
_CLEAR = 1.5  # points between a number and any line
_MOST = 80  # lines; among more there is never room


def beside(lines: Sequence[Segment], sizes: Sequence[Point]) -> list[Point] | None:
    """The middle of each line's number, whose width and height are given; None where not all of them have room.

    >>> beside([((0.0, 0.0), (100.0, 0.0))], [(30.0, 10.0)])
    [(50.0, 6.5)]
    """
    if len(lines) > _MOST:
        return None
    found: list[Point] = []
    for line, size in zip(lines, sizes, strict=True):
        free = next((at for at in _candidates(line, size) if _is_free(at, size, lines, found, sizes)), None)
        if free is None:
            return None
        found.append(free)
    return found


def _candidates(line: Segment, size: Point) -> list[Point]:
    (x, y), (u, v) = line
    slope = abs((v - y) / (u - x)) if u != x else 0.0
    off = size[1] / 2.0 + slope * size[0] / 2.0 + _CLEAR
    points = [(x + share * (u - x), y + share * (v - y)) for share in _SHARES]
    inside = [(a, b) for a, b in points if min(x, u) + size[0] / 2.0 <= a <= max(x, u) - size[0] / 2.0]
    return [(a, b + side * off) for a, b in inside for side in (1.0, -1.0)]


def _is_free(at: Point, size: Point, lines: Sequence[Segment], found: Sequence[Point], sizes: Sequence[Point]) -> bool:
    (x, y), (wide, high) = at, size
    for (u, v), (other_wide, other_high) in zip(found, sizes, strict=False):
        if abs(x - u) < (wide + other_wide) / 2.0 and abs(y - v) < (high + other_high) / 2.0:
            return False
    half = (wide / 2.0 + _CLEAR / 2.0, high / 2.0 + _CLEAR / 2.0)
    return not any(crosses(line, at, half) for line in lines)


def crosses(line: Segment, middle: Point, half: Point) -> bool:
    """Whether a straight line passes through a rectangle, given by its middle and half its size (Liang and Barsky)."""
    (x, y), (u, v) = line
    first, last = 0.0, 1.0
    for start, step, centre, side in ((x, u - x, middle[0], half[0]), (y, v - y, middle[1], half[1])):
        low, high = centre - side - start, centre + side - start
        if step == 0.0:
            if low > 0.0 or high < 0.0:
                return False
            continue
        ends = sorted((low / step, high / step))
        first, last = max(first, ends[0]), min(last, ends[1])
    return first <= last
