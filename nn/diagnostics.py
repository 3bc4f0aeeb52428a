"""Looking into training: how large gradients are layer by layer, and whether they are right."""

from __future__ import annotations

import contextlib
import math
import random
from collections.abc import Iterator, Sequence
from typing import Any

import autodiff
from autodiff import GradcheckReport, Value
from nn.checks import as_random, integer, named
from nn.data import as_inputs, as_targets
from nn.losses import LOSSES, Loss
from nn.module import Module


def gradient_norms(model: Module) -> dict[str, float]:
    """√(Σ ∂²) over the parameters of each layer, by the layer's path, as the last backward pass left them.

    >>> from nn import MLP
    >>> model = MLP(1, [1, 1], init="zeros")
    >>> model([1.0]).backward()
    >>> gradient_norms(model)
    {'layers.0': 0.0, 'layers.1': 1.0}
    """
    layers = [(path, module) for path, module in model.named_modules() if module.is_layer and module.parameters()]
    return {path: math.hypot(*(p.grad for p in layer.parameters())) for path, layer in layers or [("", model)]}


def gradcheck(
    model: Module,
    x: Any,
    y: Any,
    loss: str | Loss = "mse",
    *,
    parameters: Sequence[str] | None = None,
    count: int | None = None,
    rng: int | random.Random | None = None,
) -> GradcheckReport:
    """Perturb weights and compare (C(w + ε) − C(w − ε)) / 2ε with backpropagation; autodiff's report.

    Parameters
    ----------
    x, y : one example and its target
    loss : a name (`LOSSES`) or a function (prediction, target) → Value
    parameters : the names of those to perturb, as `named_parameters` has them; by default all
    count, rng : only so many of them, drawn at random

    Dropout is off meanwhile; model and gradients stay as they are. Raises GradcheckError, with the table, where the
    two disagree, ValueError for an unknown name, or more parameters than there are.

    >>> from nn import MLP
    >>> report = gradcheck(MLP(2, [3, 1], rng=0), [0.5, -1.0], 1.0, count=4, rng=0)
    >>> report.ok, len(report.checks)
    (True, 4)
    """
    loss = named("loss", loss, LOSSES)
    known = dict(model.named_parameters())
    names = list(known) if parameters is None else list(parameters)
    for name in names:
        if name not in known:
            raise ValueError(f"the model has no parameter {name!r}; it has {', '.join(list(known)[:5])}, …")
    if count is not None:
        if integer("count", count) > len(names):
            raise ValueError(f"count is {count}, and there are {len(names)} parameters to choose from")
        names = as_random(rng, "choosing parameters").sample(names, count)
    inputs = as_inputs(x, "gradcheck", model.inputs)
    (target,) = as_targets([y])

    def cost(*values: Any) -> Any:
        with _replaced(model, dict(zip(map(id, [known[name] for name in names]), values, strict=True))):
            return loss(model(inputs), target)

    with model.mode(training=False):
        return autodiff.gradcheck(cost, [Value(known[name].data, name) for name in names])


@contextlib.contextmanager
def _replaced(model: Module, new: dict[int, Value]) -> Iterator[None]:
    """Other Values in the places of parameters (by their ids), wherever they are held; as it was afterwards."""
    places: list[tuple[Any, Any, Value]] = []
    for _, module in model.named_modules():
        for name, held in module._held():
            if isinstance(held, Value) and id(held) in new:
                container, key = _place(module, name)
                places.append((container, key, held))
    try:
        for container, key, held in places:
            _put(container, key, new[id(held)])
        yield
    finally:
        for container, key, held in places:
            _put(container, key, held)


def _place(module: Module, name: str) -> tuple[Any, Any]:
    """The container that holds ``name`` ("weights.1"), and its key there."""
    container: Any = vars(module)
    *path, last = name.split(".")
    for part in path:
        container = container[int(part)] if isinstance(container, list | tuple) else container[part]
    return container, int(last) if isinstance(container, list | tuple) else last


def _put(container: Any, key: Any, value: Value) -> None:
    if isinstance(container, tuple):
        raise TypeError("gradcheck cannot perturb parameters held in a tuple: keep them in a list")
    container[key] = value
