"""Where the numbers of lines stand: beside their own line, crossed by none, covering no other number; or not at all.

Lines are straight, from one column to the next.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

Point = tuple[float, float]
Segment = tuple[Point, Point]

_SHARES = (0.5, 0.4, 0.6, 0.3, 0.7, 0.22, 0.78, 0.15, 0.85)  # of the way along a line
_CLEAR = 1.5  # points between a number and any line
_PLAIN = 8.0  # points nearer to its own line than to the next: there is no doubt whose number it is
_DOUBTFUL = 3.0
_MOST = 80  # lines; among more there is never room


def beside(lines: Sequence[Segment], sizes: Sequence[Point]) -> list[Point] | None:
    """The middle of each line's number, whose width and height are given; None where not all of them have room.

    >>> beside([((0.0, 0.0), (100.0, 0.0))], [(30.0, 10.0)])
    [(50.0, 6.5)]
    """
    if len(lines) > _MOST:
        return None
    free = [
        [at for at in _candidates(*one) if not any(crosses(other, at, _half(one[1])) for other in lines)]
        for one in zip(lines, sizes, strict=True)
    ]
    found: dict[int, Point] = {}
    for i in sorted(range(len(lines)), key=lambda i: len(free[i])):  # who has the fewest places chooses first
        others = [line for j, line in enumerate(lines) if j != i] + [_level(at, sizes[j]) for j, at in found.items()]
        apart = [at for at in free[i] if not any(_overlap(at, sizes[i], found[j], sizes[j]) for j in found)]
        best = max(apart, key=lambda at: _plainness(at, lines[i], others), default=None)
        if best is None or _plainness(best, lines[i], others) < _DOUBTFUL:
            return None
        found[i] = best
    return [found[i] for i in range(len(lines))]


def _candidates(line: Segment, size: Point) -> list[Point]:
    (x, y), (u, v) = line
    slope = abs((v - y) / (u - x)) if u != x else 0.0
    off = size[1] / 2.0 + slope * size[0] / 2.0 + _CLEAR
    points = [(x + share * (u - x), y + share * (v - y)) for share in _SHARES]
    inside = [(a, b) for a, b in points if min(x, u) + size[0] / 2.0 <= a <= max(x, u) - size[0] / 2.0]
    return [(a, b + side * off) for a, b in inside for side in (1.0, -1.0)]


def _half(size: Point) -> Point:
    return size[0] / 2.0 + _CLEAR / 2.0, size[1] / 2.0 + _CLEAR / 2.0


def _overlap(at: Point, size: Point, other: Point, other_size: Point) -> bool:
    return all(abs(a - b) < (m + n) / 2.0 for a, b, m, n in zip(at, other, size, other_size, strict=True))


def _level(middle: Point, size: Point) -> Segment:
    """A number as the line that passes through it."""
    return (middle[0] - size[0] / 2.0, middle[1]), (middle[0] + size[0] / 2.0, middle[1])


def _plainness(at: Point, own: Segment, others: Sequence[Segment]) -> float:
    """How much nearer a number is to its own line than to any other; more than enough is no better."""
    return min([_PLAIN, *(_above(other, at) - _above(own, at) for other in others)])


def _above(line: Segment, at: Point) -> float:
    """How far above or below a point a line passes; inf where it ends before or begins after it."""
    (x, y), (u, v) = sorted(line)
    return abs(y + (at[0] - x) / (u - x) * (v - y) - at[1]) if x <= at[0] <= u and x < u else math.inf


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
