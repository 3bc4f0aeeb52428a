"""draw_network: a model as `draw(loss, collapse=model)` shows it, from an example, a target and the name of a loss."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from autodiff import Value, gradients, topological_order
from autodiff import sum as total
from nn import LOSSES, Module
from nn.checks import named
from nn.data import as_inputs, as_targets
from nn.losses import Loss
from viz.graph.drawing import Drawing, drawn
from viz.graph.layout import MOST_BOXES
from viz.writing.numbers import format_number

_NO_NUMBERS: tuple[str, ...] = ()


def draw_network(
    model: Module,
    x: Any = None,
    target: Any = None,
    *,
    loss: str | Loss = "mse",
    max_nodes: int = MOST_BOXES,
    digits: int = 4,
) -> Drawing:
    """A model as columns of neurons, a line for each weight: wide where it is large, dashed and red where negative.

    model : a model of this package: a Neuron, a Layer, an MLP, or what is made of them (dropout is off)
    x : one example; every neuron then shows its activation h
    target : the example's target; the loss is then drawn too, and every neuron shows its δ = dloss/da, a being its
        pre-activation
    loss : for the δ, as for `nn.fit`
    max_nodes, digits : as for `draw`

    It is the picture that ``draw(loss, collapse=model)`` gives; where a layer has more than 20 neurons each layer is
    one block. The model's gradients stay as they were. Raises TypeError for what is no model, ValueError for an example
    or a target that does not fit, or a target without an example.

    >>> from nn import MLP
    >>> picture = draw_network(MLP(2, [3, 1], rng=0), x=[1.0, -1.0], target=0.0)
    >>> print(" ".join(str(picture).splitlines()[-1].split()))
    loss v8·v8 0.002192 1 output
    """
    if not isinstance(model, Module):
        raise TypeError(f"draw_network draws a model, not {type(model).__name__} {model!r:.60}")
    if target is not None and x is None:
        raise ValueError("δ needs an example: give x as well as target")
    function = named("loss", loss, LOSSES)
    count = inputs_of(model)
    numbers = [0.0] * count if x is None else as_inputs(x, "draw_network", count)
    inputs = [Value(float(number), f"x{i}") for i, number in enumerate(numbers, 1)]
    with model.mode(training=False):
        prediction: Any = model(inputs)
    said = f"{model!r}: {len(model.parameters())} parameters"
    options: dict[str, Any] = {"collapse": model, "max_nodes": max_nodes, "digits": digits}
    if target is not None:
        (wanted,) = as_targets([target])
        error = function(prediction, wanted)
        error.label = "loss"
        said += f", loss {format_number(error.data, digits)}"
        return _with_gradients(error, said, options)
    outputs = prediction if isinstance(prediction, Sequence) else [prediction]
    show = _NO_NUMBERS if x is None else ("data",)
    if len(outputs) == 1:
        return drawn(outputs[0], show=show, caption=said, **options)
    return drawn(total(outputs), show=show, caption=said, bare=True, **options)


def _with_gradients(error: Value, said: str, options: dict[str, Any]) -> Drawing:
    """The picture with the gradients of this loss alone; what was in the nodes is put back."""
    order = topological_order(error)
    before = [node.grad for node in order]
    for node, gradient in zip(order, gradients(error, order), strict=True):
        node.grad = gradient
    try:
        return drawn(error, caption=said, **options)
    finally:
        for node, gradient in zip(order, before, strict=True):
            node.grad = gradient


def inputs_of(model: Module) -> int:
    """How many numbers the model takes: what its first module that says so takes."""
    for _, module in model.named_modules():
        count = getattr(module, "inputs", None)
        if isinstance(count, int):
            return count
    raise TypeError(f"draw_network draws what has a Neuron or a Layer first, and {model!r:.60} has none")
