"""draw_training: a network over the epochs of its training, from `Snapshots`, with the gradient flow of its layers.

One picture, in which a slider goes from snapshot to snapshot. Every number is the engine's: at each snapshot the
example runs through the model with the weights of that time, and the loss backward.
"""

from __future__ import annotations

import json
import math
import os
import secrets
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from autodiff import Value, gradients, topological_order
from nn import LOSSES, Module
from nn.checks import named
from nn.data import as_inputs, as_targets
from nn.losses import Loss
from viz.graph import dot
from viz.graph.collapse import Box, neuron_boxes
from viz.graph.layout import MOST_BOXES, boxes, require_drawable
from viz.graph.network import MOST_NEURONS, is_wide
from viz.graph.output import Bundle, bundle, saved
from viz.networks.picture import inputs_of
from viz.plots.animate import Snapshots
from viz.step import picture
from viz.step.lesson import Lesson
from viz.writing.names import names_of
from viz.writing.numbers import check_digits, format_number

_PAGE = (
    '<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n<title>Training, epoch by epoch</title>\n{}\n</html>\n'
)
_SUFFIXES = (".html", ".htm")


class TrainingPicture:
    """A network over its epochs, made by `draw_training`. Jupyter shows it; ``save("f.html")`` writes a page.

    losses : the loss of the example at each snapshot
    flows : at each snapshot the size of the gradient of each layer's parameters, by the layer's name
    """

    def __init__(self, svg: str, snapshots: Sequence[Mapping[str, Any]], layers: Sequence[str]) -> None:
        self._svg, self._snapshots, self._layers = svg, snapshots, layers
        self.losses: list[float] = [one["value"] for one in snapshots]
        self.flows: list[dict[str, float]] = [dict(zip(layers, one["flow"], strict=True)) for one in snapshots]

    @property
    def html(self) -> str:
        tiny = math.ulp(0.0)  # of the largest, which nothing is divided by in vain
        told = {"snapshots": self._snapshots, "layers": self._layers, "largest": tiny, "most": tiny}
        data = json.dumps(told, ensure_ascii=False, allow_nan=False).replace("<", "\\u003c")
        template = files("viz.networks").joinpath("training.html").read_text(encoding="utf-8")
        key = f"learning-{secrets.token_hex(8)}"
        return template.replace("__KEY__", key).replace("__SVG__", self._svg, 1).replace("__DATA__", data, 1)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the picture to ``path`` as one self-contained page (.html or .htm), whole or not at all."""
        return saved(path, dict.fromkeys(_SUFFIXES, lambda: _PAGE.format(self.html)), "a training")

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Bundle:
        return bundle({"text/html": lambda: self.html}, repr(self), include, exclude)

    def __repr__(self) -> str:
        lines = [f"epoch {one['epoch']}: loss {one['loss']}" for one in self._snapshots]
        return "\n".join(lines if len(lines) <= 12 else [*lines[:6], "…", *lines[-5:]])


def draw_training(
    model: Module,
    snapshots: Snapshots,
    x: Any,
    target: Any,
    *,
    loss: str | Loss = "mse",
    max_nodes: int = MOST_BOXES,
    digits: int = 4,
) -> TrainingPicture:
    """The network of `draw_network` over the epochs that ``snapshots`` has kept, and the gradient flow of its layers.

    model : what was trained; it is afterwards as it was
    snapshots : those of ``nn.fit(…, callbacks=[snapshots])``
    x, target : one example, for the activations, the loss and the δ
    loss : as for `nn.fit`

    Raises ValueError without snapshots, for an example that does not fit, and for a layer of more than 20 neurons.

    >>> from nn import MLP, SGD, fit
    >>> model, snapshots = MLP(1, [2, 1], rng=0), Snapshots(every=2)
    >>> optimizer = SGD(model.parameters(), 0.1)
    >>> _ = fit(model, [0, 1], [1, 3], optimizer=optimizer, epochs=4, callbacks=[snapshots], progress=False)
    >>> len(draw_training(model, snapshots, [1.0], 3.0).losses)
    3
    """
    check_digits(digits)
    if not snapshots.states:
        raise ValueError("there are no snapshots: pass fit(callbacks=[snapshots]) first")
    function = named("loss", loss, LOSSES)
    before = model.state_dict()
    told: list[dict[str, Any]] = []
    try:
        for state, epoch in zip(snapshots.states, snapshots.epochs, strict=True):
            model.load_state_dict(state)
            told.append(snapshot(model, x, target, function, epoch, digits))
        order, neurons, hidden = _run(model, x, target, function)
    finally:
        model.load_state_dict(before)
    if is_wide(neurons):
        raise ValueError(f"draw_training draws layers of {MOST_NEURONS} neurons and inputs at most, one by one")
    boxed = {node for box in neurons for node in box.nodes} | hidden
    require_drawable(boxes(node for node in order if node not in boxed) + len(neurons), max_nodes, "loss")
    lesson = Lesson(order, names_of(order), dot.kinds(order, model.parameters()), digits)
    return TrainingPicture(picture.marked(lesson, neurons, hidden), told, list(_layers(neurons)))


def snapshot(model: Module, x: Any, target: Any, loss: Loss, epoch: int, digits: int = 4) -> dict[str, Any]:
    """What the page is told of the model as it is now: an event "snapshot" with it as detail adds it to the picture."""
    order, neurons, _ = _run(model, x, target, loss)
    return _told(order, neurons, epoch, digits)


def _run(model: Module, x: Any, target: Any, loss: Loss) -> tuple[list[Value], list[Box], set[Value]]:
    """The graph of the example's loss, what is drawn as one box each, and what is not drawn."""
    numbers = as_inputs(x, "draw_training", inputs_of(model))
    (wanted,) = as_targets([target])
    with model.mode(training=False):
        error = loss(model([Value(float(number), f"x{i}") for i, number in enumerate(numbers, 1)]), wanted)
    error.label = "loss"
    order = topological_order(error)
    return order, *neuron_boxes(order, model)


def _layers(neurons: Sequence[Box]) -> dict[str, list[Box]]:
    found: dict[str, list[Box]] = {}
    for box in neurons:
        found.setdefault(box.layer or box.title, []).append(box)
    return found


def _told(order: Sequence[Value], neurons: Sequence[Box], epoch: int, digits: int) -> dict[str, Any]:
    """What a page needs to know of one snapshot; nodes by their index in the order, which is the same in all."""
    index = {node: i for i, node in enumerate(order)}
    grads = dict(zip(order, gradients(order[-1], order), strict=True))
    texts = {f"data-{i}": format_number(node.data, digits) for node, i in index.items()}
    texts |= {f"grad-{i}": format_number(grads[node], digits) for node, i in index.items()}
    for node, i in index.items():
        partials = enumerate(node.partials)
        texts |= {f"partial-{i}-{j}": format_number(d, digits) for j, d in partials if math.isfinite(d)}
    flow = []
    for layer in _layers(neurons).values():
        held = [leaf for box in layer for leaf in (*(w.parameter for w in box.weights), box.bias) if leaf is not None]
        flow.append(math.hypot(*(grads[leaf] for leaf in dict.fromkeys(held))))
    return {
        "epoch": epoch,
        "loss": format_number(order[-1].data, digits),
        "value": order[-1].data,
        "texts": texts,
        "weights": {index[w.parameter]: w.parameter.data for box in neurons for w in box.weights},
        "activations": {index[box.output]: box.output.data for box in neurons},
        "flow": flow,
        "norms": [format_number(norm, 3) for norm in flow],
    }
