"""What a step-through says: every step of the forward and the backward pass as a sentence with its numbers.

The numbers come from `forward_steps` and `backward_steps`, the equations from `derivation.chain`; nothing is computed
here. What is said is a template (`writing.templates`): the page puts the numbers in, and others when a person moves
them. How the sentences become a page is `stepper`'s.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from autodiff import BackwardStep, Contribution, Value, backward_steps, forward_steps
from autodiff.op import REALS
from viz.derivation.chain import NOTATION, Chain, Equation, at_kink
from viz.derivation.formulas import place, rule
from viz.step.walks import Step, Walk, side_walks, told
from viz.writing import templates
from viz.writing.names import Names, by_level
from viz.writing.text import plain

_NOTATION = f"From here on {NOTATION} (the lectures write ∂ for both)."
_LONGEST_RULE = 72  # characters; the story of a value leaves out a longer rule
_SHOWN_LEAVES = 6  # in one sentence; the table has all of them
_LONG = re.compile(r"^(n)ode-|^([eor])\w+-")
_WORDS = {
    "input": "an input",
    "parameter": "a parameter",
    "intermediate": "an intermediate value",
    "output": "the output",
}


class Lesson:
    """The steps through the graph of ``y``, and what is told of each node.

    order : the nodes in topological order
    names : as `writing.names.names_of` gives them
    kind : as `dot.kinds` gives it
    digits : significant digits of the numbers as shown

    Raises what `backward_steps` raises.
    """

    def __init__(self, order: list[Value], names: Names, kind: Mapping[Value, str], digits: int) -> None:
        self.order, self.names, self.kind = order, names, kind
        self.y = order[-1]
        self.index = {node: i for i, node in enumerate(order)}
        self.chain = Chain(order, names, digits)
        self.leaves = [node for node in by_level(order) if node.op is None]
        self.forward = list(forward_steps(self.y))
        self.backward = list(backward_steps(self.y))
        self.uses = Counter(c.arg for step in self.backward for c in step.contributions)
        self.inside: list[Walk] = []  # by neurons and by layers, as `inside` gives them
        self.steps = [self._start(), self._given(), *self._forward(), self._seed(), *self._contributions(), self._end()]

    @cached_property
    def walks(self) -> list[Walk]:
        """The backward pass, the same of a network at larger steps, then for each leaf its paths, and forward mode."""
        whole = Walk("backward", None, "grad", "gradient", tuple(self.steps))
        return [whole, *self.inside, *side_walks(self.chain, self.order)]

    @cached_property
    def gradients(self) -> dict[Value, float]:
        return {step.node: step.received for step in self.backward}

    # The steps.

    def _start(self) -> Step:
        note = "Next shows what is given; then forward to the output, and backward to every gradient."
        return Step("start", "Nothing is computed yet.", note)

    def _given(self) -> Step:
        equations = [str(self.chain.value(leaf)) for leaf in self.leaves]
        said = ", ".join(equations)
        if len(equations) > _SHOWN_LEAVES:
            said = f"{', '.join(equations[:_SHOWN_LEAVES])}, … {len(equations) - _SHOWN_LEAVES} more"
        return Step(
            "forward",
            said,
            "These values are given. All others are computed from them, level by level.",
            row=self.index[self.leaves[0]],
            go_to=tuple(f"node-{self.index[leaf]}" for leaf in self.leaves),
            shown=tuple(told(f"data-{self.index[leaf]}") for leaf in self.leaves),
        )

    def _forward(self) -> list[Step]:
        return [self._computed(node) for node in by_level(self.order) if node.op is not None]

    def _computed(self, node: Value) -> Step:
        assert node.op is not None
        i, chain = self.index[node], self.chain
        made_by = "A sum of products" if node.op.name == "dot" else f"The operation {chain.symbol(node)}"
        parents = [f"{chain.name(arg)} {chain.told(chain.data(arg))}" for arg in dict.fromkeys(node.parents)]
        return Step(
            "forward",
            chain.value(node),
            f"{made_by} makes {chain.name(node)}, {_WORDS[self.kind[node]]}.",
            kink=i,
            hint=f"Put in {_listed(parents)}.",
            row=i,
            come_from=tuple(f"node-{self.index[arg]}" for arg in dict.fromkeys(node.parents)),
            go_to=(f"node-{i}",),
            playing=self._parts_of(node),
            carried=(
                *((chain.operand(node, j), (f"edge-{i}-{j}",), 0) for j in range(len(node.args))),
                (chain.data(node), (f"result-{i}",), 1),
            ),
            shown=(told(f"data-{i}"),),
        )

    def _seed(self) -> Step:
        i, name = self.index[self.y], self.chain.name(self.y)
        return Step(
            "backward",
            self.chain.seed(),
            f"The backward pass starts at the output: {name} changes as much as itself. {_NOTATION}",
            hint=f"By how much does {name} change when {name} changes by 1?",
            row=i,
            go_to=(f"node-{i}",),
            shown=(told(f"grad-{i}", "seed"),),
        )

    def _contributions(self) -> list[Step]:
        return [self._contribution(step, c) for step in self.backward for c in step.contributions]

    def _contribution(self, step: BackwardStep, c: Contribution) -> Step:
        node, chain = step.node, self.chain
        i, arg = self.index[node], self.index[c.arg]
        equation = chain.contribution(step.received, node, c, self.uses[c.arg] > 1)
        total = chain.keep(f"t{i}-{c.operand}", c.total)
        local = chain.local_derivative(node, c.operand).symbols
        return Step(
            "backward",
            equation,
            " ".join(filter(None, [self._local_derivative(node, c.operand), self._running_total(c, total)])),
            kink=i,
            hint=f"Multiply {chain.total(self.y, node)}, which arrives, by the local derivative {local}.",
            row=arg,
            come_from=(f"node-{i}",),
            go_to=(f"node-{arg}",),
            playing=(f"op-{i}", f"result-{i}", f"edge-{i}-{c.operand}"),
            carried=((equation.key, (f"result-{i}", f"edge-{i}-{c.operand}"), 0),),
            shown=(told(f"partial-{i}-{c.operand}"), told(f"grad-{arg}", total, " + …" if c.remaining else "")),
        )

    def _local_derivative(self, node: Value, operand: int) -> str:
        arg = node.args[operand]
        assert isinstance(arg, Value)
        said = (
            f"{self.chain.local_derivative(node, operand)} is the local derivative of {self.chain.formula(node).text}"
        )
        places = [i for i, other in enumerate(node.args) if other is arg]
        if len(places) == 1:
            return f"{said}."
        which = place(places.index(operand))
        name = self.chain.name(arg)
        return f"{said} by {name}{which}: each of the {len(places)} places of {name} counts."

    def _running_total(self, c: Contribution, key: str) -> str:
        if self.uses[c.arg] == 1:
            return ""
        total = f"{self.chain.total(self.y, c.arg)} {self.chain.told(key)}"
        if not c.remaining:
            return f"{total}: all {self.uses[c.arg]} contributions are in."
        return f"{total} so far: {c.remaining} more {'contribution' if c.remaining == 1 else 'contributions'} to come."

    def _end(self) -> Step:
        leaves = [step for step in reversed(self.backward) if step.node.op is None]
        said = [f"{self.chain.total(self.y, leaf.node)} {self.gradient(leaf.node)}" for leaf in leaves]
        more = f", … {len(said) - _SHOWN_LEAVES} more" if len(said) > _SHOWN_LEAVES else ""
        edges = sum(len(step.contributions) for step in self.backward)
        work = f"one pass over {edges} edge{'s' if edges != 1 else ''}, one multiplication each"
        note = f"All gradients are known, after {work}. Choose a value in the picture for its whole story."
        return Step("end", ", ".join(said[:_SHOWN_LEAVES]) + more, note)

    def value(self, node: Value) -> str:
        return self.chain.told(self.chain.data(node))

    def gradient(self, node: Value) -> str:
        return self.chain.told(self.chain.keep(f"g{self.index[node]}", self.gradients[node]))

    def _parts_of(self, node: Value) -> tuple[str, ...]:
        """An operation with all edges that lead into it and out of it."""
        i = self.index[node]
        edges = [f"{what}-{i}-{j}" for j, arg in enumerate(node.args) for what in self._edge_parts(arg)]
        return (f"op-{i}", f"result-{i}", *edges)

    def _edge_parts(self, arg: Value | float) -> tuple[str, ...]:
        return ("edge",) if isinstance(arg, Value) else ("edge", "number")

    # What the page needs.

    def as_text(self) -> str:
        """The steps as lines, for where no page can be shown."""
        lines = [str(self.chain.value(leaf)) for leaf in self.leaves]
        lines += [str(step.said) for step in self.steps if isinstance(step.said, Equation)]
        return "\n".join(map(self.chain.text, lines))

    def as_data(self) -> dict[str, Any]:
        """Nodes and walks for the page's script, and of the numbers those from which all others follow.

        Sentences are templates: the script escapes them, writes fractions, and puts in ``names``, which are HTML, in
        their order, and the numbers. The text of a number is nowhere in it.
        """
        return {
            "digits": self.chain.digits,
            "levels": [self.index[node] for node in by_level(self.order)],
            "names": [self.chain.placeholders.html(self.chain.name(node)) for node in self.order],
            "nodes": [self._node(node) for node in self.order],
            "data": [node.data for node in self.order],
            "partials": [[x if math.isfinite(x) else None for x in node.partials] for node in self.order],
            "kinks": [i for i, node in enumerate(self.order) if at_kink(node)],
            "walks": [
                {
                    "mode": walk.mode,
                    "by": None if walk.by is None else self.index[walk.by],
                    "word": walk.word,
                    "head": walk.head,
                    "steps": [_as_data(step) for step in walk.steps],
                }
                for walk in self.walks
            ],
        }

    def _node(self, node: Value) -> dict[str, Any]:
        told: dict[str, Any] = {
            "name": self.chain.name(node),
            "plain": plain(self.names.full[node]),
            "kind": _WORDS[self.kind[node]],
            "data": self.chain.told(self.chain.data(node)),
            "grad": f"{self.chain.total(self.y, node)} {self.gradient(node)}",
        }
        if node.op is None:
            return told
        told |= {
            "op": node.op.name,
            "args": [self.index[arg] if isinstance(arg, Value) else [arg] for arg in node.args],
            "formula": self.chain.formula(node).text,
            "value": f"{self.chain.value(node).symbols} {self._result(self.chain.value(node))}",
            "overflows": self.chain.overflows(node),
            "operands": [self._operand(node, j) for j, arg in enumerate(node.args) if isinstance(arg, Value)],
        }
        if node.op.domain is not REALS:
            told |= {"undefined": self.chain.undefined(node), "kink": self.chain.kinked(node)}
        return told

    def _result(self, equation: Equation) -> str:
        return f"{equation.before_result} {templates.number(equation.key)}"

    def _operand(self, node: Value, j: int) -> dict[str, Any]:
        """An operand that is a Value: the local derivative by it, in names, and as the row has it."""
        assert node.op is not None
        equation, by = self.chain.local_derivative(node, j), rule(node.op, len(node.args), j)
        told: dict[str, Any] = {
            "operand": j,
            "local": f"{equation.symbols} {self._result(equation)}",
            "rule": by if len(by) <= _LONGEST_RULE else "",
            "steep": self.chain.steep(node, j),
        }
        if node.op.domain is not REALS:
            told["no_derivative"] = self.chain.no_derivative(node, j)
        return told


def _listed(parts: Sequence[str]) -> str:
    shown = parts[:_SHOWN_LEAVES]
    return ", ".join([*shown, "…"] if len(parts) > len(shown) else shown)


def _short(parts: Sequence[str]) -> list[str]:
    """Parts of the picture as n3, e3-1, o3, r3: they are most of a page."""
    return [_LONG.sub(lambda found: found[1] or found[2], part) for part in parts]


def _as_data(step: Step) -> dict[str, Any]:
    shown = [one[0] if one == told(one[0]) else one for one in step.shown]
    data: dict[str, Any] = {"phase": step.phase, "note": step.note, "shown": shown}
    if isinstance(step.said, Equation):
        equation = step.said
        data |= {"lead": equation.symbols, "result": equation.key, "sign": equation.before_result}
        if equation.numbers:
            data |= {"middle": equation.numbers, "before": equation.before_numbers}
    else:
        data["lead"] = step.said
    lit = {"from": _short(step.come_from), "to": _short(step.go_to), "playing": _short(step.playing)}
    carried = [(key, _short(along), stage) for key, along, stage in step.carried]
    optional = {"locals": step.locals, "hint": step.hint, "kink": step.kink, "row": step.row, "carried": carried, **lit}
    return data | {key: value for key, value in optional.items() if value or value == 0}
