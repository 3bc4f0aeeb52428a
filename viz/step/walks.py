"""One step of a walk through a graph, and the walks beside the backward pass: path by path, and forward mode.

A walk is what the page can step through: the backward pass is `lesson`'s own; here are the sum over all paths to one
leaf, and the tangents of one leaf, each with what it costs beside the backward pass.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from autodiff import Path, Value, count_paths, paths
from viz.derivation.chain import Chain, Equation
from viz.writing.names import by_level
from viz.writing.numbers import format_count

MOST_PATHS = 24  # that are walked one by one
_MOST_STEPS = 600  # of all these walks on one page; the last leaves have none
_LONGEST_WORD = 3  # characters of a name beside a tangent in a box


@dataclass(frozen=True)
class Step:
    """One step: what is said, what is lit in the picture, and which numbers become known.

    phase : "start", "forward", "backward" (the seed too), "path" or "end"
    said : an equation, or a sentence in words; like what follows a template
    note : what a reader should see besides
    locals : the local derivatives that are told besides: (node, operand)
    kink : the node of whose operation it is to be said that it has a kink where it has one
    hint : what helps a student who is asked to predict the result; "" where there is nothing to reckon
    row : the node of which the table's row is lit
    come_from, go_to, playing : parts of the picture, by their ids: where numbers come from, where they go, how
    carried : the numbers that travel: (key, the parts along which, in that order, 0 or 1: at first or then)
    shown : what the step makes known: (the place, as "data-3", "grad-3" or "partial-4-0"; the key of the number that
        then stands there; what stands behind it)
    """

    phase: str
    said: Equation | str
    note: str = ""
    locals: tuple[tuple[int, int], ...] = ()
    kink: int | None = None
    hint: str = ""
    row: int | None = None
    come_from: tuple[str, ...] = ()
    go_to: tuple[str, ...] = ()
    playing: tuple[str, ...] = ()
    carried: tuple[tuple[str, tuple[str, ...], int], ...] = ()
    shown: tuple[tuple[str, str, str], ...] = ()


def told(place: str, key: str = "", more: str = "") -> tuple[str, str, str]:
    """What a step makes known at a place of the picture and the table; by itself the number of that name."""
    what, _, which = place.partition("-")
    return place, key or what[0] + which, more


@dataclass(frozen=True)
class Walk:
    """What one can step through.

    mode : "backward", "paths" or "forward"
    by : the leaf by which is differentiated, None where it is all of them
    word, head : what stands in the boxes beside the second number, and above its column in the table
    steps : of a walk other than the backward pass, after the forward pass: values and local derivatives are known
    """

    mode: str
    by: Value | None
    word: str
    head: str
    steps: tuple[Step, ...]


def side_walks(chain: Chain, order: Sequence[Value]) -> list[Walk]:
    """Path by path and forward mode for each leaf, as many as one page should hold."""
    found: list[Walk] = []
    index = {node: i for i, node in enumerate(order)}
    leaves = [node for node in by_level(order) if node.op is None and node is not chain.y]
    dependent = {x: _dependent(order, x) for x in leaves}
    for x in leaves:
        walks = [_Paths(chain, order, index, dependent, x).walk(), _Forward(chain, order, index, dependent, x).walk()]
        found += walks
        if sum(len(walk.steps) for walk in found) > _MOST_STEPS:
            return found[:-2]
    return found


def _dependent(order: Sequence[Value], x: Value) -> dict[Value, list[int]]:
    """Each node that depends on x, with those of its operands that do."""
    found: dict[Value, list[int]] = {x: []}
    for node in order:
        operands = [i for i, arg in enumerate(node.args) if isinstance(arg, Value) and arg in found]
        if operands:
            found[node] = operands
    return found


class _Beside:
    """What the two walks share: the graph, the leaf x, and the work that each way of differentiating takes."""

    def __init__(
        self,
        chain: Chain,
        order: Sequence[Value],
        index: Mapping[Value, int],
        dependent: Mapping[Value, Mapping[Value, list[int]]],
        x: Value,
    ) -> None:
        self.chain, self.order, self.index, self.x, self.y = chain, order, index, x, chain.y
        self.below = dependent[x]
        self.leaves = len(dependent)
        self.edges = sum(len(node.parents) for node in order)
        self.passes = sum(len(operands) for below in dependent.values() for operands in below.values())

    def node(self, node: Value) -> str:
        return f"node-{self.index[node]}"

    def grad(self, node: Value, key: str, more: str = "") -> tuple[str, str, str]:
        return told(f"grad-{self.index[node]}", key, more)

    @property
    def all_gradients(self) -> str:
        work = f"the backward pass takes {_multiplications(self.edges)}"
        return work if self.leaves == 1 else f"{work} and gives the gradients of all {self.leaves} leaves"


class _Paths(_Beside):
    def walk(self) -> Walk:
        steps = self._each() if count_paths(self.y, self.x) <= MOST_PATHS else self._too_many()
        return Walk("paths", self.x, "grad", "gradient", tuple(steps))

    def _each(self) -> list[Step]:
        found, chain = paths(self.y, self.x), self.chain
        whole = chain.total(self.y, self.x)
        ends = f"from {chain.name(self.y)} down to {chain.name(self.x)}"
        begin = Step(
            "start",
            f"{whole} is the sum over the {_counted(len(found), 'path')} {ends}.",
            "Each path contributes the product of the local derivatives along it.",
            go_to=(self.node(self.x),),
            come_from=(self.node(self.y),),
        )
        steps, total = [begin], 0.0
        for i, path in enumerate(found):
            total += path.product
            so_far = chain.keep(f"s{self.index[self.x]}-{i}", total)
            steps.append(self._path(path, i, len(found), so_far))
        work = sum(len(path.operands) for path in found)
        products = [step.said.key for step in steps if isinstance(step.said, Equation)]
        end = Step(
            "end",
            chain.sum_of_paths(self.x, products, so_far),
            f"Path by path this took {_multiplications(work)}; {self.all_gradients}: it keeps what paths share.",
            row=self.index[self.x],
            go_to=(self.node(self.x),),
            shown=(self.grad(self.x, so_far),),
        )
        return [*steps, end]

    def _path(self, path: Path, i: int, count: int, total: str) -> Step:
        whole, edges = self.chain.total(self.y, self.x), list(zip(path.nodes, path.operands, strict=False))
        parts = [part for node, j in edges for part in (f"result-{self.index[node]}", f"edge-{self.index[node]}-{j}")]
        so_far = "" if i + 1 == count else f" {whole} {self.chain.told(total)} so far."
        equation = self.chain.path(path, f"w{self.index[self.x]}-{i}")
        return Step(
            "path",
            equation,
            f"Path {i + 1} of {count}: {' → '.join(map(self.chain.name, path.nodes))}.{so_far}",
            hint="Multiply the local derivatives along the path." if edges else "",
            row=self.index[self.x],
            come_from=(self.node(self.y),),
            go_to=(self.node(self.x),),
            playing=(*parts, *(f"op-{self.index[node]}" for node, _ in edges)),
            carried=((equation.key, tuple(parts), 0),),
            shown=(self.grad(self.x, total, "" if i + 1 == count else " + …"),),
        )

    def _too_many(self) -> list[Step]:
        ways = {self.x: (1, 0)}  # for each node the paths down to x, and their length together
        for node, operands in self.below.items():
            if operands:
                reached = [ways[node.args[i]] for i in operands]  # type: ignore[index]
                ways[node] = (sum(n for n, _ in reached), sum(n + length for n, length in reached))
        count, length = ways[self.y]
        chain = self.chain
        return [
            Step(
                "start",
                f"There are {format_count(count)} paths from {chain.name(self.y)} down to {chain.name(self.x)}.",
                f"Multiplied along one by one they would take {format_count(length)} multiplications; "
                f"{self.all_gradients}: it keeps what paths share.",
                go_to=(self.node(self.x),),
                come_from=(self.node(self.y),),
            )
        ]


class _Forward(_Beside):
    def walk(self) -> Walk:
        name = self.chain.text(self.chain.name(self.x))
        word = f"d/d{name}" if len(name) <= _LONGEST_WORD else "d/d…"
        return Walk("forward", self.x, word, f"d/d{self.chain.name(self.x)}", tuple(self._steps()))

    def _steps(self) -> list[Step]:
        chain, x = self.chain, self.x
        others = [node for node in self.order if node not in self.below]
        zero = ": it is 0 for what does not depend on it" if others else ""
        name = chain.name(x)
        begin = Step(
            "start",
            f"Forward mode takes the derivative by {name} along, from {name} up to {chain.name(self.y)}.",
            f"Each value gets its derivative by {name}{zero}.",
            go_to=(self.node(x),),
            shown=tuple(self.grad(node, chain.keep("zero", 0.0)) for node in others),
        )
        seed = Step(
            "forward",
            chain.seed(x),
            f"{name} changes as much as itself.",
            hint=f"By how much does {name} change when {name} changes by 1?",
            row=self.index[x],
            go_to=(self.node(x),),
            shown=(self.grad(x, "seed"),),
        )
        steps, tangents = [begin, seed], {x: 1.0}
        for node in by_level(self.order):
            if node is not x and node in self.below:
                steps.append(self._tangent(node, tangents))
        work = sum(map(len, self.below.values()))
        one = f"Forward mode took {_multiplications(work)} for {chain.total(self.y, x)} alone"
        every = f", and {self.passes} for all {self.leaves} leaves, one pass each" if self.leaves > 1 else ""
        said = f"{chain.total(self.y, x)} {chain.told(self._key(self.y))}"
        return [*steps, Step("end", said, f"{one}{every}; {self.all_gradients}.", go_to=(self.node(self.y),))]

    def _key(self, node: Value) -> str:
        return "seed" if node is self.x else f"x{self.index[self.x]}-{self.index[node]}"

    def _tangent(self, node: Value, tangents: dict[Value, float]) -> Step:
        i, operands, chain = self.index[node], self.below[node], self.chain
        amount = 0.0  # added as a page adds, not by a sum that is more exact
        for j in operands:
            amount += node.partials[j] * tangents[node.args[j]]  # type: ignore[index]
        tangents[node] = amount
        key = chain.keep(self._key(node), amount)
        terms = [(j, self._key(node.args[j])) for j in operands]  # type: ignore[arg-type]
        return Step(
            "forward",
            chain.tangent(node, self.x, terms, key),
            locals=tuple((i, j) for j in operands[:3]),
            hint="Add up, for each operand, its local derivative times the derivative that it brings.",
            row=i,
            come_from=tuple(dict.fromkeys(self.node(node.args[j]) for j in operands)),  # type: ignore[arg-type]
            go_to=(self.node(node),),
            playing=(f"op-{i}", f"result-{i}", *(f"edge-{i}-{j}" for j in operands)),
            carried=(*((tangent, (f"edge-{i}-{j}",), 0) for j, tangent in terms), (key, (f"result-{i}",), 1)),
            shown=(self.grad(node, key),),
        )


def _counted(count: int, noun: str) -> str:
    return f"one {noun}" if count == 1 else f"{count} {noun}s"


def _multiplications(count: int) -> str:
    return _counted(count, "multiplication")
