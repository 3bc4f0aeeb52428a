"""The steps of a network taken together: neuron by neuron, or layer by layer, forward and backward.

Each is a run of the steps of `lesson`, which follow each other: what they make known comes at once, and what is said is
the neuron's, or the layer's, in the symbols of the books. Nothing is computed here but by `autodiff.compile`, whose
listing gives the layers as matrices.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import groupby

from autodiff import CompileError, Value, compile
from viz.graph.collapse import Box
from viz.graph.network import columns
from viz.step.code import Code
from viz.step.lesson import Lesson
from viz.step.walks import Step, Walk

_SHOWN = 6  # numbers in one sentence
_PRODUCT = re.compile(r"z(\d+)\[\d+\] = \S+\[(\d+)×(\d+)\] @ ")


def walks_of(lesson: Lesson, boxes: Sequence[Box]) -> list[Walk]:
    """The backward pass layer by layer and neuron by neuron; none without neurons."""
    if not boxes:
        return []
    alone = {box: (box,) for box in boxes}
    together = {box: tuple(layer) for layer in columns(boxes).values() for box in layer}
    ways = {"layer": together, "neuron": alone}
    return [Walk(mode, None, "grad", "gradient", tuple(_steps(lesson, group))) for mode, group in ways.items()]


def _steps(lesson: Lesson, group: dict[Box, tuple[Box, ...]]) -> list[Step]:
    owner = {lesson.index[node]: group[box] for box in group for node in box.nodes}

    def of(step: Step) -> tuple[Box, ...] | None:
        """The neurons whose operation a step is about: what is computed, or what passes its gradient on."""
        part = step.go_to if step.phase == "forward" and step.kink is not None else step.come_from
        return owner.get(int(part[0].removeprefix("node-"))) if part and step.kink is not None else None

    found: list[Step] = []
    for neurons, run in groupby(_forward_first(lesson.steps, of), key=lambda step: (step.phase, of(step))):
        steps = list(run)
        if neurons[1] is None:
            found += steps
        else:
            found.append(_together(lesson, neurons[1], steps))
    return found


def _forward_first(steps: Sequence[Step], of: Callable[[Step], tuple[Box, ...] | None]) -> list[Step]:
    """The steps with those of the forward pass that belong together side by side, where the last of them stood."""
    last = {(of(step)): i for i, step in enumerate(steps) if step.phase == "forward" and of(step)}
    place = {i: last.get(of(step), i) if step.phase == "forward" else i for i, step in enumerate(steps)}
    return [steps[i] for i in sorted(place, key=lambda i: (place[i], i))]


def _together(lesson: Lesson, neurons: tuple[Box, ...], steps: Sequence[Step]) -> Step:
    forward = steps[0].phase == "forward"
    said = _forward(lesson, neurons) if forward else _backward(lesson, neurons)

    def all_of(parts: Callable[[Step], tuple[str, ...]]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(part for step in steps for part in parts(step)))

    outputs = tuple(f"node-{lesson.index[box.output]}" for box in neurons)
    return Step(
        steps[0].phase,
        said,
        _note(neurons, forward),
        row=lesson.index[neurons[0].output if forward else neurons[0].pre],
        come_from=all_of(lambda step: step.come_from) if forward else outputs,
        go_to=outputs if forward else all_of(lambda step: step.go_to),
        playing=all_of(lambda step: step.playing),
        shown=tuple(one for step in steps for one in step.shown),
    )


def _forward(lesson: Lesson, neurons: Sequence[Box]) -> str:
    if len(neurons) == 1 and len(neurons[0].weights) <= _SHOWN:
        (box,) = neurons
        nodes = [box.pre] if box.output is box.pre else [box.pre, box.output]
        return ", ".join(str(lesson.chain.value(node)) for node in nodes)
    return _listed([f"{lesson.chain.name(box.output)} {lesson.value(box.output)}" for box in neurons])


def _backward(lesson: Lesson, neurons: Sequence[Box]) -> str:
    return _listed([f"δ = {lesson.chain.total(lesson.y, box.pre)} {lesson.gradient(box.pre)}" for box in neurons])


def _listed(parts: Sequence[str]) -> str:
    more = f", … {len(parts) - _SHOWN} more" if len(parts) > _SHOWN else ""
    return ", ".join(parts[:_SHOWN]) + more


def _note(neurons: Sequence[Box], forward: bool) -> str:
    box = neurons[0]
    one = len(neurons) == 1
    who = f"{box.layer}, {box.title}" if one and box.layer else box.layer or box.title
    activation = f"h = {box.activation}(a)" if box.activation != "linear" else "h = a"
    if forward:
        how = "a = Σ w·x + b" if one else f"a = W x + b, W is {len(neurons)} × {len(box.weights)}"
        return f"{who}: {how}, {activation}."
    passed = "dw = δ·x for each weight, db = δ" if one else "dW = δ xᵀ, db = δ"
    back = "w·δ to each input" if one else "Wᵀ δ to what is before"
    return f"{who}: δ is the derivative by a; from it {passed}; back goes {back}."


def matrices(y: Value, order: Sequence[Value], boxes: Sequence[Box], parameters: Sequence[Value]) -> Code | None:
    """The lines of ``autodiff.compile``, the one lit that computes a layer.

    None without NumPy, where the graph does not compile, or has other products than those of its layers, one after the
    other: then nothing says which line is whose.
    """
    here = set(order)
    known = [parameter for parameter in dict.fromkeys(parameters) if parameter in here and parameter.op is None]
    inputs = [node for node in order if node.op is None and node not in set(known)]
    try:
        program = compile(y, inputs=inputs, parameters=known)
    except (CompileError, ImportError):
        return None
    lines = tuple(line for line in (*str(program.forward).splitlines(), *str(program.backward).splitlines()) if line)
    layers = list(columns(boxes).values())
    products = [found for line in lines if (found := _PRODUCT.match(line))]
    if [(int(p[2]), int(p[3])) for p in products] != [(len(layer), len(layer[0].weights)) for layer in layers]:
        return None
    made: dict[Value, int] = {}
    back: dict[Value, int] = {}
    for product, layer in zip(products, layers, strict=True):
        number = product[1]
        for k, line in enumerate(lines):
            for box in layer:
                if line.startswith(f"z{number}["):
                    made |= dict.fromkeys(box.nodes, k)
                elif box.activation != "linear" and line.startswith((f"a{number} =", f"a{number}[")):
                    made[box.output] = k
                elif line.startswith(f"δ{number} "):
                    back |= dict.fromkeys(box.nodes, k)
    return Code("autodiff.compile", 1, lines, made, back)
