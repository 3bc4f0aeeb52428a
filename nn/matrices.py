"""Weights as the textbook's matrices: to and from NumPy, and to and from the state_dict of a PyTorch model.

A layer that has a `matrices` method takes part: it says which of its Values stand where. PyTorch is never imported;
tensors are read and made by what they can do themselves.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from autodiff import Value
from nn.checks import kind, listed, shown
from nn.layers import Layer
from nn.module import Module, assign, require_module

Array = np.ndarray[Any, np.dtype[np.float64]]
Theta = tuple[list[Array], list[Array]]


def weights_and_biases(model: Module) -> Theta:
    """θ of the model's layers: ([W₁, …, W_L], [b₁, …, b_L]), W_k being (outputs, inputs) and b_k (outputs, 1).

    Copies: changing them changes no model. b_k is zeros for a layer without biases. Raises ValueError for a model
    without layers of neurons, or with other parameters than theirs.

    >>> from nn import MLP
    >>> weights, biases = weights_and_biases(MLP(2, [3, 1], rng=0))
    >>> [w.shape for w in weights], [b.shape for b in biases]
    ([(3, 2), (1, 3)], [(3, 1), (1, 1)])
    """
    weights: list[Array] = []
    biases: list[Array] = []
    for layer in _layers(model):
        matrices = {name: _numbers(values) for name, values in layer.matrices().items()}
        weights.append(matrices["weight"])
        biases.append(matrices.get("bias", np.zeros(len(layer.neurons))).reshape(-1, 1))
    return weights, biases


def set_weights_and_biases(model: Module, weights: Sequence[Any], biases: Sequence[Any] | None = None) -> None:
    """Give the model's layers the matrices that `weights_and_biases` would give back: all, or none with an error.

    ``biases`` : None leaves them as they are. Raises ValueError for another number or shape of matrices, biases that
    are not zero for a layer that has none, and numbers that are not finite.

    >>> from nn import MLP
    >>> model = MLP(2, [1], init="zeros")
    >>> set_weights_and_biases(model, [[[0.5, -1.0]]], [[0.25]])
    >>> model([2.0, 1.0]).data
    0.25
    """
    layers = _layers(model)
    new: list[tuple[Value, float]] = []
    for name, given in (("weights", weights), ("biases", biases)):
        if given is None:
            continue
        matrices = listed(name, given, "[W1, W2]")
        if len(matrices) != len(layers):
            raise ValueError(f"{model!r} has {len(layers)} layers, and {len(matrices)} matrices of {name} were given")
        for k, (layer, matrix) in enumerate(zip(layers, matrices, strict=True)):
            values = layer.matrices().get("weight" if name == "weights" else "bias")
            new += _assignments(f"{name}[{k}]", values, matrix, layer)
    assign([value for value, _ in new], [number for _, number in new])


def to_torch(model: Module) -> dict[str, Array]:
    """The parameters under the names that a ``torch.nn.Sequential`` of the same layers gives them: "0.weight", …

    Each `Layer` is a ``Linear`` followed, unless it is linear, by its activation as a module of its own; LayerNorm,
    Embedding, Dropout and Softmax are one module each. In PyTorch, with that model:

        reference.load_state_dict({name: torch.from_numpy(array) for name, array in to_torch(model).items()})

    Raises ValueError for a model with other parameters.

    >>> from nn import MLP
    >>> {name: array.shape for name, array in to_torch(MLP(2, [3, 1], rng=0)).items()}
    {'0.weight': (3, 2), '0.bias': (3,), '2.weight': (1, 3), '2.bias': (1,)}
    """
    return {name: _numbers(values) for name, values, _ in _torch_places(model, None)}


def from_torch(model: Module, state_dict: Mapping[str, Any], names: Sequence[str] | None = None) -> None:
    """Give the model the parameters of a PyTorch model's ``state_dict()``: all, or none with an error.

    ``names`` : what the PyTorch model calls its layers with parameters, in the order of ours, as ["fc1", "fc2"]; by
        default the places in a ``torch.nn.Sequential``, as `to_torch` writes them

    Raises ValueError for names that are missing or left over, and for another shape.

    >>> from nn import MLP
    >>> model, other = MLP(2, [3, 1], rng=0), MLP(2, [3, 1], rng=1)
    >>> from_torch(other, to_torch(model))
    >>> other.state_dict() == model.state_dict()
    True
    """
    if not isinstance(state_dict, Mapping):
        raise TypeError(f"state_dict is what a PyTorch model's state_dict() gives, not {kind(state_dict)}")
    places = list(_torch_places(model, names))
    left = sorted(state_dict.keys() - {name for name, _, _ in places})
    missing = [name for name, _, _ in places if name not in state_dict]
    if left or missing:
        problem = f"lacks {missing[0]!r}" if missing else f"has {left[0]!r} besides"
        raise ValueError(
            f"the state_dict {problem}: of a Sequential of the same layers the names are "
            f"{shown([name for name, _, _ in places])}; for others give names="
        )
    new = [pair for name, values, module in places for pair in _assignments(name, values, state_dict[name], module)]
    assign([value for value, _ in new], [number for _, number in new])


def _layers(model: Module) -> list[Layer]:
    found = [module for _, module in require_module("model", model).named_modules() if isinstance(module, Layer)]
    if not found:
        raise ValueError(f"{model!r} has no layers of neurons")
    for path, module, parameters in model.parts():
        if parameters and not isinstance(module, Layer):
            has = f"{path} of {model!r} is {module!r}, whose parameters" if path else f"{model!r} has parameters that"
            raise ValueError(f"{has} are no W and b of a layer of neurons: state_dict has every parameter")
    return found


def _torch_places(model: Module, names: Sequence[str] | None) -> Iterator[tuple[str, Any, Module]]:
    """(name in PyTorch, the Values there, the module that holds them)."""
    place = 0
    given = None if names is None else list(names)
    for _, module, parameters in require_module("model", model).parts():
        arrange = getattr(module, "matrices", None)
        if parameters and arrange is None:
            raise ValueError(f"{module!r} has parameters and no counterpart in PyTorch")
        if arrange is not None:
            if given is not None and not given:
                raise ValueError(f"names lists {len(names or ())}, and the model has more layers with parameters")
            prefix = str(place) if given is None else given.pop(0)
            for name, values in arrange().items():
                yield f"{prefix}.{name}", values, module
        place += 1 if getattr(module, "activation", "linear") == "linear" else 2
    if given:
        raise ValueError(f"names has {shown(given[0])} left over: give one for each layer with parameters")


def _numbers(values: Any) -> Array:
    if isinstance(values[0], Value):
        return np.array([value.data for value in values])
    return np.array([[value.data for value in row] for row in values])


def _assignments(name: str, values: Any, matrix: Any, module: Module) -> list[tuple[Value, float]]:
    """Each Value with its new number."""
    try:
        array = np.asarray(matrix.detach() if hasattr(matrix, "detach") else matrix, dtype=float)
    except (TypeError, ValueError):
        raise ValueError(f"{name} must be a matrix of numbers, with rows of one length, not {kind(matrix)}") from None
    if values is None:
        if array.any():
            raise ValueError(f"{name} is not zero, and {module!r} has no biases")
        return []
    shape = _numbers(values).shape
    if array.shape != shape and array.shape != (*shape, 1):
        raise ValueError(f"{name} has the shape {array.shape}, and {module!r} takes {shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} has a number that is not finite")
    flat = values if isinstance(values[0], Value) else [value for row in values for value in row]
    return list(zip(flat, array.ravel().tolist(), strict=True))
