"""Where the elements of a graph stand, reckoned here: for graphs on which Graphviz takes minutes.

The layered layout of Sugiyama, Tagawa and Toda (1981): every element has a rank; a line that passes ranks gets a lane
in each of them, shared by all lines of its tail; the order within a rank comes from sweeps that put each element at the
mean of its neighbours, and the order with the fewest crossings is kept; then each rank is pulled towards its neighbours
as far as the order lets it, which is a least-squares fit (isotonic regression, by pooling adjacent violators). A line
passes a rank in its own lane and bends only between ranks, so that it crosses no box. Everything follows from the order
in which elements and lines are given: equal graphs come out equal.

Coordinates: ``along`` runs from the inputs to the output, ``across`` at a right angle; which is x is the caller's.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

GAP, APART, LANE = 26.0, 12.0, 5.0  # points between ranks, between elements of a rank, beside a lane
_GUTTER = 30.0  # between the bands of a wrapped graph
_SWEEPS, _FEWEST = 10, 3  # to and fro over a graph, and over one with many vertices
_MANY = 20_000
_LANES = 4  # lanes for each element that are laid out; the longest lines beyond that run straight, over what is there
_STRAIGHT = (1.0, 3.0, 9.0)  # the pull of a piece of a line of which none, one or both ends are lanes
_HOMING = 0.1  # and that towards the middle, without which a long chain drifts to one side

Point = tuple[float, float]


@dataclass(frozen=True)
class Line:
    """From one element to another, both by their number.

    at : where on the head's side it ends, across, from its middle
    free : whether it may change its end with other such lines into the same head, which saves crossings
    label : how far along it is horizontal before its end, because its label stands there
    gap : how wide the gap before its head's rank is at least
    """

    tail: int
    head: int
    at: float = 0.0
    free: bool = False
    label: float = 0.0
    gap: float = 0.0


@dataclass
class Layout:
    """middles, bands : of each element; routes : of each line the points that it runs through

    A route begins at its tail's side and ends at its head's: from each odd point to the next even one it bends.
    """

    middles: list[Point]
    routes: list[list[Point]]
    bands: list[int]


class Layered:
    """Elements of these sizes (along, across), and the lines between them.

    keys : those of a rank that have one stay in its order
    apart : how far the elements of a rank are apart

    Raises ValueError where lines form a cycle.
    """

    def __init__(
        self, sizes: Sequence[Point], lines: Sequence[Line], keys: Mapping[int, int] | None = None, apart: float = APART
    ) -> None:
        self._graph = _Ranked(sizes, list(lines), keys or {}, apart)
        self._graph.order()
        self._graph.settle()

    def size(self) -> Point:
        """How long and how thick it is in one band."""
        graph = self._graph
        places = [(graph.across[v], graph.thickness(v) / 2.0) for v in range(len(graph.rank))]
        return _along(graph)[1][-1], max(y + half for y, half in places) - min(y - half for y, half in places)

    def layout(self, wrap: float = 0.0, above: float = 0.0) -> Layout:
        """Where all stands.

        wrap : the longest that a band of ranks may be, 0 for one band; above : the room that a band needs besides
        """
        return _placed(self._graph, wrap, above)


def passed(count: int, lines: Sequence[Line]) -> int:
    """How many ranks the lines pass, all together. Raises ValueError where lines form a cycle."""
    rank = _ranks(count, lines)
    return sum(rank[line.head] - rank[line.tail] - 1 for line in lines)


@dataclass
class _Ranked:
    """The elements and the lanes, as vertices: rank, neighbours in the ranks before and after, place across."""

    sizes: Sequence[Point]
    lines: list[Line]
    keys: Mapping[int, int]
    apart: float
    rank: list[int] = field(init=False)
    ranks: list[list[int]] = field(init=False)
    before: list[list[tuple[int, float]]] = field(init=False)  # with where the piece ends, from the middle
    after: list[list[tuple[int, float]]] = field(init=False)
    across: list[float] = field(init=False)
    lanes: dict[tuple[int, int], int] = field(init=False)  # of a tail, in a rank

    def __post_init__(self) -> None:
        self.rank = _ranks(len(self.sizes), self.lines)
        self._add_lanes()
        self._join()
        self.ranks = self._first_order()

    def _join(self) -> None:
        count = len(self.rank)
        self.before, self.after = [[] for _ in range(count)], [[] for _ in range(count)]
        seen: set[tuple[int, int]] = set()
        for line in self.lines:
            stops = [line.tail, *self.stops(line), line.head]
            for a, b in pairwise(stops):
                if (a, b) in seen and b != line.head:
                    continue
                seen.add((a, b))
                at = line.at if b == line.head else 0.0
                self.before[b].append((a, at))
                self.after[a].append((b, at))

    def _add_lanes(self) -> None:
        last: dict[int, int] = {}
        for line in self.lines:
            last[line.tail] = max(last.get(line.tail, 0), self.rank[line.head])
        left = _LANES * len(self.sizes)
        self.lanes = {}
        for tail, to in sorted(last.items(), key=lambda one: one[1] - self.rank[one[0]]):
            passed = range(self.rank[tail] + 1, to)
            left -= len(passed)
            if left < 0:
                break
            for rank in passed:
                self.lanes[tail, rank] = len(self.rank)
                self.rank.append(rank)

    def stops(self, line: Line) -> list[int]:
        """The lanes that a line runs through; none where it runs straight."""
        passed = range(self.rank[line.tail] + 1, self.rank[line.head])
        return [self.lanes[line.tail, rank] for rank in passed if (line.tail, rank) in self.lanes]

    def thickness(self, vertex: int) -> float:
        return self.sizes[vertex][1] + self.apart if vertex < len(self.sizes) else 2.0 * LANE

    def _first_order(self) -> list[list[int]]:
        """Depth first from the outputs, the operands of each in their order: trees come out without a crossing."""
        ranks: list[list[int]] = [[] for _ in range(max(self.rank) + 1)]
        seen = [False] * len(self.rank)
        for output in reversed([v for v in range(len(self.rank)) if not self.after[v]]):
            waiting = [output]
            while waiting:
                vertex = waiting.pop()
                if not seen[vertex]:
                    seen[vertex] = True
                    ranks[self.rank[vertex]].append(vertex)
                    waiting += [a for a, _ in sorted(self.before[vertex], key=lambda one: -one[1])]
        for rank in ranks:
            self._keep_keys(rank)
        return ranks

    def _keep_keys(self, rank: list[int]) -> None:
        places = [i for i, vertex in enumerate(rank) if vertex in self.keys]
        keyed = sorted((rank[i] for i in places), key=self.keys.__getitem__)
        for i, vertex in zip(places, keyed, strict=True):
            rank[i] = vertex

    def _sweeps(self) -> int:
        return max(_FEWEST, min(_SWEEPS, _MANY * _FEWEST // len(self.rank)))

    def order(self) -> None:
        """Sweeps to and fro, each rank sorted by the mean place of its neighbours; the best order of all is kept."""
        best, fewest = [list(rank) for rank in self.ranks], self._crossings()
        for sweep in range(self._sweeps()):
            if not fewest:
                break
            forward = sweep % 2 == 0
            beside = self.before if forward else self.after
            for rank in self.ranks if forward else reversed(self.ranks):
                self._sort(rank, beside)
            crossings = self._crossings()
            if crossings < fewest:
                best, fewest = [list(rank) for rank in self.ranks], crossings
        self.ranks = best
        self._untangle()

    def _untangle(self) -> None:
        """Lines that may end anywhere at their head do so in the order in which they come."""
        self._place = []
        place = self._places()
        free: dict[int, list[int]] = {}
        for i, line in enumerate(self.lines):
            if line.free:
                free.setdefault(line.head, []).append(i)
        for own in free.values():
            ends = sorted(self.lines[i].at for i in own)
            comes = {i: place[[self.lines[i].tail, *self.stops(self.lines[i])][-1]] for i in own}
            for i, at in zip(sorted(own, key=comes.__getitem__), ends, strict=True):
                self.lines[i] = replace(self.lines[i], at=at)
        self._join()

    def _sort(self, rank: list[int], beside: list[list[tuple[int, float]]]) -> None:
        place = self._places()
        mean = {v: sum(place[a] for a, _ in beside[v]) / len(beside[v]) if beside[v] else place[v] for v in rank}
        rank.sort(key=mean.__getitem__)
        self._keep_keys(rank)
        self._renew(rank)

    _place: list[float] = field(default_factory=list, init=False)

    def _places(self) -> list[float]:
        """The place of each vertex in its rank, from 0 to 1, so that ranks of different lengths compare."""
        if not self._place:
            self._place = [0.0] * len(self.rank)
            for rank in self.ranks:
                self._renew(rank)
        return self._place

    def _renew(self, rank: list[int]) -> None:
        for i, vertex in enumerate(rank):
            self._place[vertex] = (i + 0.5) / len(rank)

    def _crossings(self) -> int:
        place = self._places()
        total = 0
        for rank in self.ranks[:-1]:
            ends: list[tuple[float, float]] = []
            for vertex in rank:
                for other, at in sorted((place[b], at) for b, at in self.after[vertex]):
                    total += len(ends) - bisect_right(ends, (other, at))
                for b, at in self.after[vertex]:
                    insort(ends, (place[b], at))
        return total

    def settle(self) -> None:
        """Places across: packed at first, then each rank pulled towards its neighbours, to and fro."""
        self.across = [0.0] * len(self.rank)
        for rank in self.ranks:
            self._fit(rank, [0.0] * len(rank), [1.0] * len(rank))
        for pull in range(self._sweeps()):
            forward = pull % 2 == 0
            for rank in self.ranks if forward else reversed(self.ranks):
                wanted, weights = [], []
                for vertex in rank:
                    pulls = [(self.across[a] - at, a) for a, at in self.before[vertex]] if forward else []
                    if not forward or (pull > 1 and not pulls):
                        pulls += [(self.across[b] + at, b) for b, at in self.after[vertex]]
                    sizes = [_STRAIGHT[(a >= len(self.sizes)) + (vertex >= len(self.sizes))] for _, a in pulls]
                    total = sum(sizes) + _HOMING
                    weights.append(total)
                    wanted.append(sum(w * size for (w, _), size in zip(pulls, sizes, strict=True)) / total)
                self._fit(rank, wanted, weights)

    def _fit(self, rank: Sequence[int], wanted: Sequence[float], weights: Sequence[float]) -> None:
        """The places nearest to those wanted at which nothing overlaps: least squares, by pooling what would."""
        offsets = [0.0]
        for a, b in pairwise(rank):
            offsets.append(offsets[-1] + (self.thickness(a) + self.thickness(b)) / 2.0)
        pools: list[tuple[float, float, int]] = []  # mean, weight, how many
        for want, weight, offset in zip(wanted, weights, offsets, strict=True):
            pool = (want - offset, weight, 1)
            while pools and pools[-1][0] >= pool[0]:
                mean, other, count = pools.pop()
                together = other + pool[1]
                pool = ((mean * other + pool[0] * pool[1]) / together, together, count + pool[2])
            pools.append(pool)
        means = [mean for mean, _, count in pools for _ in range(count)]
        for vertex, mean, offset in zip(rank, means, offsets, strict=True):
            self.across[vertex] = mean + offset


def _ranks(count: int, lines: Iterable[Line]) -> list[int]:
    """Of each element the longest way to it; what nothing leads to stands just before its first use."""
    after: list[list[int]] = [[] for _ in range(count)]
    waiting = [0] * count
    for line in lines:
        after[line.tail].append(line.head)
        waiting[line.head] += 1
    rank = [0] * count
    sources = [i for i in range(count) if not waiting[i]]
    ready = list(sources)
    for element in ready:  # grows
        for head in after[element]:
            rank[head] = max(rank[head], rank[element] + 1)
            waiting[head] -= 1
            if not waiting[head]:
                ready.append(head)
    if len(ready) < count:
        raise ValueError("a layered layout needs a graph without cycles")
    for element in sources:
        if after[element]:
            rank[element] = min(rank[head] for head in after[element]) - 1
    return rank


def _placed(graph: _Ranked, wrap: float, above: float) -> Layout:
    starts, ends, rooms = _along(graph)
    bands = _bands(graph, starts, ends, wrap)
    band_of = [band for band, ranks in enumerate(bands) for _ in ranks]
    shifts, gutters = _shifts(graph, bands, above)
    origin = [starts[ranks[0]] for ranks in bands]

    def at(along: float, across: float, rank: int) -> Point:
        band = band_of[rank]
        return along - origin[band], across + shifts[band]

    middles = [
        at((starts[rank] + ends[rank]) / 2.0, graph.across[i], rank)
        for i, rank in enumerate(graph.rank[: len(graph.sizes)])
    ]
    routes = []
    used = [0] * len(bands)  # how many lines run in the gutter after each band
    for line in graph.lines:
        tail, head = middles[line.tail], middles[line.head]
        route = [(tail[0] + graph.sizes[line.tail][0] / 2.0, tail[1])]
        rank = graph.rank[line.tail]
        route.append((at(ends[rank], 0.0, rank)[0], tail[1]))
        for lane in graph.stops(line):
            before, rank = rank, graph.rank[lane]
            across = graph.across[lane]
            _turn(route, band_of[before], band_of[rank], gutters, used)
            route += [at(starts[rank], across, rank), at(ends[rank], across, rank)]
        before, rank = rank, graph.rank[line.head]
        _turn(route, band_of[before], band_of[rank], gutters, used)
        end = head[1] + line.at
        begin = at(starts[rank], 0.0, rank)[0] - rooms[rank]
        route += [(begin, end), (head[0] - graph.sizes[line.head][0] / 2.0, end)]
        routes.append(route)
    return Layout(middles, routes, [band_of[rank] for rank in graph.rank[: len(graph.sizes)]])


def _along(graph: _Ranked) -> tuple[list[float], list[float], list[float]]:
    """Where each rank begins and ends, and the room before it in which lines are horizontal."""
    widths = [max((graph.sizes[v][0] for v in rank if v < len(graph.sizes)), default=0.0) for rank in graph.ranks]
    rooms, gaps = [0.0] * len(graph.ranks), [0.0] * len(graph.ranks)
    for line in graph.lines:
        rank = graph.rank[line.head]
        rooms[rank], gaps[rank] = max(rooms[rank], line.label), max(gaps[rank], line.gap)
    starts, ends, here = [], [], 0.0
    for i, (rank, width, room) in enumerate(zip(graph.ranks, widths, rooms, strict=True)):
        many = GAP + room + 1.2 * len(rank) ** 0.5 * LANE  # many lines need room to bend
        here += max(many, gaps[i]) if i else 0.0
        starts.append(here)
        here += width
        ends.append(here)
    return starts, ends, rooms


def _bands(graph: _Ranked, starts: list[float], ends: list[float], wrap: float) -> list[range]:
    """Runs of ranks of which each is no longer than ``wrap``; cut where few lines pass."""
    count = len(graph.ranks)
    if not wrap or ends[-1] <= wrap:
        return [range(count)]
    passing = [0] * count  # how many vertices have a piece from the rank before
    for i, rank in enumerate(graph.ranks[1:], 1):
        passing[i] = len({a for vertex in rank for a, _ in graph.before[vertex]})
    bands, first = [], 0
    while first < count:
        fitting = next((i for i in range(first + 1, count) if ends[i] - starts[first] > wrap), count)
        late = range(first + max(1, (fitting - first) * 2 // 3), fitting + 1)  # not sooner than two thirds
        cut = count if fitting == count else min(reversed(late), key=lambda i: passing[i])
        bands.append(range(first, cut))
        first = cut
    return bands


def _shifts(graph: _Ranked, bands: list[range], above: float) -> tuple[list[float], list[float]]:
    """How far each band is moved across, and where the gutter after it begins."""
    shifts, gutters, here = [], [], 0.0
    for ranks in bands:
        inside = [(graph.across[v], graph.thickness(v) / 2.0) for rank in ranks for v in graph.ranks[rank]]
        top, bottom = min(y - half for y, half in inside), max(y + half for y, half in inside)
        shifts.append(here - top)
        here += bottom - top
        gutters.append(here)
        here += _GUTTER + above
    return shifts, gutters


def _turn(route: list[Point], before: int, band: int, gutters: list[float], used: list[int]) -> None:
    """From the end of one band to the beginning of another, through the gutter between them."""
    if before == band:
        return
    place = gutters[before] + 6.0 + 4.0 * (used[before] % 5)
    used[before] += 1
    route += [(route[-1][0] + GAP, place), (-GAP, place)]
