"""A model as a function of its parameters: what derivatives, surfaces and checks are taken of.

`functional_call` runs a model on other parameters than its own, `objective` gives its loss as a function of them. On
these `autodiff.grad`, `hessian`, `gradcheck` and the rest need one line each:

>>> from autodiff import grad, hessian
>>> from nn import MLP
>>> model, X, y = MLP(1, [1], init="zeros"), [[1.0], [2.0]], [1.0, 3.0]
>>> loss, theta = objective(model, X, y, "half_mse"), model.state_dict()
>>> grad(loss)(theta)                                                                # ∂L/∂θ
{'layers.0.neurons.0.weights.0': -3.5, 'layers.0.neurons.0.bias': -2.0}
>>> hessian(loss)(list(theta.values()))                                              # ∂²L/∂θ²
[[2.5, 1.5], [1.5, 1.0]]
>>> [list(grad(objective(model, [x], [t], "half_mse"))(theta).values()) for x, t in zip(X, y)]  # for each example
[[-1.0, -1.0], [-6.0, -3.0]]
"""

# ruff: noqa: N803 (X is the field's name)
from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import autodiff
from autodiff import GradcheckReport, Value, dot
from nn.checks import as_random, instance, integer, kind, listed, shown
from nn.data import as_inputs
from nn.examples import Examples
from nn.losses import Loss, as_loss
from nn.module import Module, require_module

Parameters = Mapping[str, Any] | Sequence[Any]
AnyLoss = str | Loss | Callable[[Any, Any], Any]


def functional_call(model: Module, parameters: Parameters, x: Any) -> Any:
    """What ``model(x)`` gives with ``parameters`` in the places of its own, which stay as they are.

    ``parameters`` : numbers and Values by the names of `Module.named_parameters`, some or all of them; or a sequence of
    all, in the order of `Module.parameters`. Raises ValueError for an unknown name or another number of them.

    >>> from nn import MLP
    >>> model = MLP(1, [1], init="zeros")
    >>> functional_call(model, [2.0, 1.0], 3.0).data, model(3.0).data
    (7.0, 0.0)
    """
    with require_module("model", model).exchanged(_by_identity(model, parameters)):
        return model(x)


def objective(
    model: Module, X: Any, y: Any, loss: AnyLoss = "mse", penalty: Callable[[Sequence[Value]], Any] | None = None
) -> Callable[[Parameters], Any]:
    """The function θ → mean loss over the examples (+ penalty) of a model at the parameters θ: a Value.

    X, y, loss, penalty : as for `fit`, checked once
    θ : as ``parameters`` of `functional_call`; ``model.state_dict()`` is where the model is now

    Dropout is off. Raises what `fit` raises for its data.
    """
    loss, penalty = as_loss(loss), None if penalty is None else instance("penalty", penalty, "L2(0.01)")
    examples = Examples(require_module("model", model), loss, X, y)
    shares = loss.shares(examples.weights)

    def cost(parameters: Parameters) -> Any:
        with model.exchanged(_by_identity(model, parameters)), model.mode(training=False):
            losses = [loss.of(model.outputs_for(examples.rows[i]), examples.prepared[i]) for i in range(len(examples))]
            total = losses[0] if shares == [1.0] else dot(losses, shares)
            return total if penalty is None else total + penalty(model.weight_parameters())

    return cost


def check_gradients(
    model: Module,
    x: Any,
    y: Any,
    loss: AnyLoss = "mse",
    *,
    parameters: Sequence[str] | None = None,
    count: int | None = None,
    rng: int | random.Random | None = None,
) -> GradcheckReport:
    """Perturb weights and compare (C(w + ε) − C(w − ε)) / 2ε with backpropagation: `autodiff.gradcheck`'s report.

    Parameters
    ----------
    x, y : one example and its target
    loss : as for `fit`
    parameters : the names of those to perturb, as `named_parameters` has them; by default all
    count, rng : only so many of them, drawn at random

    Dropout is off meanwhile; model and gradients stay as they are. Raises GradcheckError, with the table, where the
    two disagree, ValueError for an unknown name, or more parameters than there are.

    >>> from nn import MLP
    >>> report = check_gradients(MLP(2, [3, 1], rng=0), [0.5, -1.0], 1.0, count=4, rng=0)
    >>> report.ok, len(report.checks)
    (True, 4)
    """
    state = require_module("model", model).state_dict()
    names = list(state) if parameters is None else listed("parameters", parameters, "['layers.0.neurons.0.bias']")
    for name in names:
        _require_known(model, name, state)
    if count is not None:
        if integer("count", count) > len(names):
            raise ValueError(f"count is {count}, and there are {len(names)} parameters to choose from")
        names = as_random(rng, "choosing parameters").sample(names, count)
    of_all = objective(model, [as_inputs(x, "check_gradients", model.inputs)], [y], loss)

    def cost(*values: Any) -> Any:
        return of_all(dict(zip(names, values, strict=True)))

    return autodiff.gradcheck(cost, [Value(state[name], name) for name in names])


def gradient_norms(model: Module) -> dict[str, float]:
    """√(Σ ∂²) over the parameters of each layer, by the layer's path, as the last backward pass left them.

    >>> from nn import MLP
    >>> model = MLP(1, [1, 1], init="zeros")
    >>> model([1.0]).backward()
    >>> gradient_norms(model)
    {'layers.0': 0.0, 'layers.1': 1.0}
    """
    parts = require_module("model", model).parts()
    return {path: math.hypot(*(p.grad for p in parameters)) for path, _, parameters in parts if parameters}


def _by_identity(model: Module, parameters: Parameters) -> dict[int, Value]:
    """The new Value for each parameter's id."""
    known = dict(model.named_parameters())
    if isinstance(parameters, Mapping):
        for name in parameters:
            _require_known(model, name, known)
        given = {id(known[name]): new for name, new in parameters.items()}
    elif isinstance(parameters, str) or not hasattr(parameters, "__len__"):
        raise TypeError(f"parameters are numbers by name, or a sequence of them, not {kind(parameters)}")
    elif len(parameters) != len(known):
        raise ValueError(f"{len(parameters)} parameters were given, and {model!r} has {len(known)}")
    else:
        given = dict(zip(map(id, known.values()), parameters, strict=True))
    return {identity: new if isinstance(new, Value) else Value(new) for identity, new in given.items()}


def _require_known(model: Module, name: str, known: Mapping[str, Any]) -> None:
    if name not in known:
        some = ", ".join(list(known)[:5])
        raise ValueError(f"{model!r} has no parameter {shown(name)}; it has {some}{', …' if len(known) > 5 else ''}")
