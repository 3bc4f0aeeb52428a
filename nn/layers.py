"""Neuron, Layer, Sequential and MLP: what is made of neurons, and modules one after another.

A neuron computes a = b + Σᵢ wᵢxᵢ (its pre-activation) and h = g(a). Everything else here is lists of neurons. What
stands between layers (dropout, softmax, …) is in `blocks`; parameters and modes are `module`'s, starting values are
`init`'s.
"""

from __future__ import annotations

import random
import warnings
from collections.abc import Callable, Sequence
from itertools import combinations, pairwise
from typing import Any

from autodiff import FUNCTIONS, Value, dot
from nn.checks import as_random, integer, kind, named
from nn.init import Initialiser, as_initialiser
from nn.module import Module

Activation = str | Callable[[Any], Any]


def _identity(a: Any) -> Any:
    return a


ACTIVATIONS: dict[str, Callable[[Any], Any]] = {
    "linear": _identity,
    **{
        name: getattr(Value, name)  # the method: a pre-activation is always a Value
        for name in ("relu", "leaky_relu", "elu", "gelu", "silu", "softplus", "sigmoid", "tanh", "sin")
    },
}


class Neuron(Module):
    """g(b + Σᵢ wᵢxᵢ): one ``dot`` and one activation.

    Parameters
    ----------
    inputs : how many numbers it takes
    activation : a name (`ACTIVATIONS`) or a function of a Value
    init : a name (`INITIALISERS`) or a function (inputs, outputs, rng) → weight
    bias : False leaves b out
    bias_init : where the bias starts, as ``init``
    rng : int seed or random.Random for what starts at random
    fused : False builds single multiplications and additions, for lessons
    fan_out : how many neurons its layer has, for initialisers that ask

    Raises ValueError for an unknown name or a count below 1, TypeError for a wrong type.

    >>> neuron = Neuron(2, "tanh", rng=0)
    >>> neuron.weights[0].data, neuron.weights[1].data = 0.5, -1.0
    >>> neuron([2.0, 1.0])
    Value(data=0.0, grad=0.0)
    """

    outputs = 1

    def __init__(
        self,
        inputs: int,
        activation: Activation = "linear",
        *,
        init: str | Initialiser = "xavier_uniform",
        bias: bool = True,
        bias_init: str | Initialiser = "zeros",
        rng: int | random.Random | None = None,
        fused: bool = True,
        fan_out: int = 1,
    ) -> None:
        self.inputs = integer("inputs", inputs)
        _require_activation("activation", activation)
        draw, draw_bias = as_initialiser("init", init), as_initialiser("bias_init", bias_init)
        generator = None if rng is None else as_random(rng, "init")
        self.weights = [Value(draw(self.inputs, fan_out, generator), f"w{i + 1}") for i in range(self.inputs)]
        self.bias = Value(draw_bias(self.inputs, fan_out, generator), "b") if bias else None
        self.activation = _name_if_known(activation)
        self.fused = fused
        self._pre_activation: Value | None = None

    @property
    def pre_activation(self) -> Value:
        """a = b + Σᵢ wᵢxᵢ of the last forward pass. Raises ValueError before the first."""
        if self._pre_activation is None:
            raise ValueError(f"{self!r} has no pre-activation yet: run it on an example first")
        return self._pre_activation

    @property
    def makes_probabilities(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride] (it depends)
        return self.activation == "sigmoid"

    def forward(self, inputs: Sequence[Any]) -> list[Any]:
        if not self.fused:
            a = self._single_operations(inputs)
        elif self.bias is None:
            a = dot(self.weights, inputs)
        else:
            a = dot((*self.weights, self.bias), (*inputs, 1.0))
        self._pre_activation = a
        activate = ACTIVATIONS[self.activation] if isinstance(self.activation, str) else self.activation
        return [activate(a)]

    def _single_operations(self, inputs: Sequence[Any]) -> Any:
        a = self.bias
        for w, x in zip(self.weights, inputs, strict=True):
            a = w * x if a is None else a + w * x
        return a

    def __getstate__(self) -> dict[str, Any]:  # a copy or a pickle goes without the last example's graph
        return super().__getstate__() | {"_pre_activation": None}

    def config(self) -> dict[str, Any]:
        bias = self.bias is not None
        return {"inputs": self.inputs, "activation": self.activation, "bias": bias, "fused": self.fused}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Neuron:
        return cls(**config, init="zeros")

    @classmethod
    def parameter_count(cls, config: dict[str, Any]) -> int:
        return integer("inputs", config.get("inputs"))

    def __repr__(self) -> str:
        return f"Neuron({self.inputs} → 1, {_described(self)})"


class Layer(Module):
    """``outputs`` neurons on the same inputs. Parameters and errors as for `Neuron`.

    >>> Layer(3, 2, "relu", init="he_normal", rng=0)
    Layer(3 → 2, relu)
    """

    is_layer = True

    def __init__(
        self,
        inputs: int,
        outputs: int,
        activation: Activation = "linear",
        *,
        init: str | Initialiser = "xavier_uniform",
        bias: bool = True,
        bias_init: str | Initialiser = "zeros",
        rng: int | random.Random | None = None,
        fused: bool = True,
    ) -> None:
        count = integer("outputs", outputs)
        generator = None if rng is None else as_random(rng, "init")
        settings: dict[str, Any] = {"init": init, "bias": bias, "bias_init": bias_init, "fused": fused}
        self.neurons = [Neuron(inputs, activation, **settings, rng=generator, fan_out=count) for _ in range(count)]
        self.inputs, self.outputs = self.neurons[0].inputs, count

    @property
    def activation(self) -> Activation:
        """What its neurons have, as its bias and whether they are fused."""
        return self.neurons[0].activation

    @property
    def makes_probabilities(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride] (it depends)
        return self.neurons[0].makes_probabilities

    @property
    def pre_activations(self) -> list[Value]:
        """The pre-activations of the last forward pass, one for each neuron. Raises ValueError before the first."""
        return [neuron.pre_activation for neuron in self.neurons]

    def forward(self, inputs: Sequence[Any]) -> list[Any]:
        return [neuron.forward(inputs)[0] for neuron in self.neurons]

    def matrices(self) -> dict[str, Any]:
        """Its parameters as the textbook arranges them: W, a row for each neuron, and b; `matrices` reads it."""
        biases = [neuron.bias for neuron in self.neurons if neuron.bias is not None]
        return {"weight": [neuron.weights for neuron in self.neurons], **({"bias": biases} if biases else {})}

    def config(self) -> dict[str, Any]:
        return self.neurons[0].config() | {"inputs": self.inputs, "outputs": self.outputs}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Layer:
        return cls(**config, init="zeros")

    @classmethod
    def parameter_count(cls, config: dict[str, Any]) -> int:
        return integer("inputs", config.get("inputs")) * integer("outputs", config.get("outputs"))

    def __repr__(self) -> str:
        return f"Layer({self.inputs} → {self.outputs}, {_described(self.neurons[0])})"


class Sequential(Module):
    """Modules one after another, each on the outputs of the one before.

    Raises TypeError for what is no Module, ValueError for none, or where the counts of neighbours do not fit. Warns
    where two layers start with the same random weights: they were given the same seed.

    >>> from nn import Dropout
    >>> model = Sequential(Layer(2, 8, "tanh", rng=0), Dropout(0.2, rng=1), Layer(8, 1, rng=2))
    >>> print(model.summary())
    Sequential(2 → 8 → 1)
    layers.0  Layer(2 → 8, tanh)        24 parameters
    layers.1  Dropout(0.2)               0 parameters
    layers.2  Layer(8 → 1, linear)       9 parameters
    total                               33 parameters
    """

    def __init__(self, *layers: Module) -> None:
        if not layers:
            raise ValueError("Sequential needs at least one layer")
        if isinstance(layers[0], list | tuple):
            raise TypeError("Sequential takes layers one by one: write Sequential(a, b) or Sequential(*layers)")
        width: int | None = None
        for i, layer in enumerate(layers):
            if not isinstance(layer, Module):
                raise TypeError(f"layer {i} of Sequential must be a Module, not {kind(layer)}")
            if width is not None and layer.inputs not in (None, width):
                raise ValueError(f"layer {i} of Sequential, {layer!r}, takes {layer.inputs} inputs and gets {width}")
            width = width if layer.outputs is None else layer.outputs
        self.layers = list(layers)
        self.inputs = layers[0].inputs
        self.outputs = width
        _warn_of_twins(layers)

    @property
    def makes_probabilities(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride] (it depends)
        return self.layers[-1].makes_probabilities

    def forward(self, inputs: Sequence[Any]) -> list[Any]:
        outputs = list(inputs)
        for layer in self.layers:
            outputs = layer.outputs_for(outputs)
        return outputs

    def config(self) -> dict[str, Any]:
        return {"layers": self.layers}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Sequential:
        return cls(*config["layers"])

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._widths()})"

    def _widths(self) -> str:
        counts = [self.inputs, *(layer.outputs for layer in self.layers if layer.outputs is not None)]
        return " → ".join("?" if n is None else str(n) for n in counts)


class MLP(Sequential):
    """A multilayer perceptron: fully connected layers, the last with its own activation.

    Parameters
    ----------
    inputs : how many numbers one example has
    sizes : how many neurons each layer has, the last being the outputs
    activation : of the hidden layers: a name (`ACTIVATIONS`) or a function of a Value, or a list with one for each
    output : of the last layer
    init, bias, bias_init, rng, fused : as for `Neuron`; same seed, same weights, on every engine

    Parameters are labelled "W1[2,3]" (layer 1, neuron 2, input 3) and "b1[2]", for pictures and messages.
    Raises ValueError for an unknown name, no layers or a count below 1, TypeError for a wrong type.

    >>> model = MLP(2, [16, 16, 1], activation="tanh", rng=0)
    >>> model, len(model.parameters())
    (MLP(2 → 16 → 16 → 1, tanh, linear), 337)
    >>> model.predict([[0.0, 0.0]])
    [0.0]
    >>> MLP(4, [3, 2, 1], activation=["relu", "tanh"], bias=False, rng=0)
    MLP(4 → 3 → 2 → 1, relu, tanh, linear, no biases)
    """

    def __init__(
        self,
        inputs: int,
        sizes: Sequence[int],
        activation: Activation | Sequence[Activation] = "tanh",
        output: Activation = "linear",
        *,
        init: str | Initialiser = "xavier_uniform",
        bias: bool = True,
        bias_init: str | Initialiser = "zeros",
        rng: int | random.Random | None = None,
        fused: bool = True,
    ) -> None:
        sizes = _checked_sizes(sizes)
        activations = [*_for_each_hidden(activation, len(sizes) - 1), output]
        _require_activation("output", output)
        generator = None if rng is None else as_random(rng, "init")
        settings: dict[str, Any] = {"init": init, "bias": bias, "bias_init": bias_init, "fused": fused}
        widths = [integer("inputs", inputs), *sizes]
        super().__init__(
            *(
                Layer(before, after, g, **settings, rng=generator)
                for before, after, g in zip(widths, sizes, activations, strict=False)
            )
        )
        for number_of_layer, layer in enumerate(self.layers, 1):
            for i, neuron in enumerate(layer.neurons, 1):  # type: ignore[attr-defined] (they are Layers)
                if neuron.bias is not None:
                    neuron.bias.label = f"b{number_of_layer}[{i}]"
                for j, weight in enumerate(neuron.weights, 1):
                    weight.label = f"W{number_of_layer}[{i},{j}]"

    @property
    def sizes(self) -> list[int]:
        """How many neurons each layer has."""
        return [layer.outputs for layer in self.layers if layer.outputs is not None]

    @property
    def activation(self) -> Activation | list[Activation]:
        """Of the hidden layers: one for all, or a list where they differ (or there are none)."""
        hidden = [layer.config()["activation"] for layer in self.layers[:-1]]
        return hidden[0] if hidden and hidden.count(hidden[0]) == len(hidden) else hidden

    @property
    def output(self) -> Activation:
        """Of the last layer."""
        return self.layers[-1].config()["activation"]

    def config(self) -> dict[str, Any]:
        first = self.layers[0].config()
        own = {"inputs": self.inputs, "sizes": self.sizes, "activation": self.activation, "output": self.output}
        return own | {"bias": first["bias"], "fused": first["fused"]}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> MLP:
        return cls(**config, init="zeros")

    @classmethod
    def parameter_count(cls, config: dict[str, Any]) -> int:
        widths = [integer("inputs", config.get("inputs")), *_checked_sizes(config.get("sizes"))]
        return sum(a * b for a, b in pairwise(widths))

    def __repr__(self) -> str:
        hidden = self.activation
        names = [*(hidden if isinstance(hidden, list) else [hidden]), self.output]
        biases = "" if self.config()["bias"] else ", no biases"
        return f"{type(self).__name__}({self._widths()}, {', '.join(map(_activation_name, names))}{biases})"


def _checked_sizes(sizes: Any) -> list[int]:
    if isinstance(sizes, str) or not isinstance(sizes, Sequence):
        raise TypeError(f"sizes must list the neurons of each layer, as in [16, 16, 1], not {kind(sizes)}")
    if not sizes:
        raise ValueError("MLP needs at least one layer: sizes is empty")
    return [integer(f"sizes[{i}]", size) for i, size in enumerate(sizes)]


def _for_each_hidden(activation: Any, hidden: int) -> Sequence[Activation]:
    if isinstance(activation, str) or not isinstance(activation, Sequence):
        _require_activation("activation", activation)  # without hidden layers nobody else looks at it
        return [activation] * hidden
    if len(activation) != hidden:
        raise ValueError(f"activation lists {len(activation)}, and there are {hidden} hidden layers: give one for each")
    return activation


def _require_activation(argument: str, activation: Any) -> None:
    if activation == "softmax":
        raise ValueError(
            f"{argument}='softmax' is no function of one number: leave it linear and train with cross_entropy, which "
            f"takes logits (predict_proba gives the softmax), or append a Softmax()"
        )
    named(argument, activation, ACTIVATIONS)


def _warn_of_twins(layers: Sequence[Module]) -> None:
    """Two layers from one seed learn the same at first: meant by nobody, and seen by nobody."""
    weights = [
        (i, [w.data for neuron in layer.neurons for w in neuron.weights])
        for i, layer in enumerate(dict.fromkeys(layers))
        if isinstance(layer, Layer)
    ]
    for (i, these), (j, those) in combinations(weights, 2):
        if these == those and len(set(these)) > 1:
            warnings.warn(
                f"layers {i} and {j} of Sequential start with the same weights: give each a seed of its own, or all "
                f"of them one random.Random",
                stacklevel=3,
            )


def _name_if_known(activation: Activation) -> Activation:
    """autodiff's own functions by their names, so that files can hold them."""
    return next((name for name in ACTIVATIONS if activation is FUNCTIONS.get(name)), activation)


def _activation_name(activation: Activation) -> str:
    return activation if isinstance(activation, str) else getattr(activation, "__name__", "custom")


def _described(neuron: Neuron) -> str:
    return _activation_name(neuron.activation) + ("" if neuron.bias is not None else ", no bias")
