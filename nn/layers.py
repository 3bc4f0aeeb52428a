"""Neuron, Layer, Sequential, MLP and Dropout: what turns inputs into outputs.

A neuron computes a = b + Σᵢ wᵢxᵢ (its pre-activation) and h = g(a). Everything else here is lists of neurons.
Parameters and modes are `module`'s, starting values `init`'s, files `checkpoint`'s.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

from autodiff import FUNCTIONS, Value, dot
from nn.checks import as_random, integer, named, number
from nn.init import INITIALISERS, Initialiser
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
    init : a name (`INITIALISERS`) or a function (inputs, outputs, rng) → weight; the bias starts at 0
    rng : int seed or random.Random for the weights, which only "zeros" and constants do without
    fused : False builds single multiplications and additions, for lessons
    outputs : how many neurons its layer has, for initialisers that ask

    Raises ValueError for an unknown name or a count below 1, TypeError for a wrong type.

    >>> neuron = Neuron(2, "tanh", rng=0)
    >>> neuron.weights[0].data, neuron.weights[1].data = 0.5, -1.0
    >>> neuron([2.0, 1.0])
    Value(data=0.0, grad=0.0)
    """

    def __init__(
        self,
        inputs: int,
        activation: Activation = "linear",
        *,
        init: str | Initialiser = "xavier_uniform",
        rng: int | random.Random | None = None,
        fused: bool = True,
        outputs: int = 1,
    ) -> None:
        self.inputs = integer("inputs", inputs)
        named("activation", activation, ACTIVATIONS)
        draw = named("init", init, INITIALISERS)
        generator = None if rng is None else as_random(rng, "init")
        self.weights = [Value(draw(self.inputs, outputs, generator), f"w{i + 1}") for i in range(self.inputs)]
        self.bias = Value(0.0, "b")
        self.activation = _name_if_known(activation)
        self.fused = fused
        self._pre_activation: Value | None = None

    @property
    def pre_activation(self) -> Value:
        """a = b + Σᵢ wᵢxᵢ of the last forward pass. Raises ValueError before the first."""
        if self._pre_activation is None:
            raise ValueError(f"{self!r} has no pre-activation yet: run it on an example first")
        return self._pre_activation

    def forward(self, inputs: Sequence[Any]) -> list[Any]:
        if self.fused:
            a = dot((*self.weights, self.bias), (*inputs, 1.0))
        else:
            a = self.bias
            for w, x in zip(self.weights, inputs, strict=True):
                a = a + w * x
        self._pre_activation = a
        activate = ACTIVATIONS[self.activation] if isinstance(self.activation, str) else self.activation
        return [activate(a)]

    def config(self) -> dict[str, Any]:
        """The arguments that make a neuron of this shape, for a checkpoint."""
        return {"inputs": self.inputs, "activation": self.activation, "fused": self.fused}

    def __repr__(self) -> str:
        return f"Neuron({self.inputs} → 1, {_activation_name(self.activation)})"


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
        rng: int | random.Random | None = None,
        fused: bool = True,
    ) -> None:
        outputs = integer("outputs", outputs)
        generator = None if rng is None else as_random(rng, "init")
        self.neurons = [
            Neuron(inputs, activation, init=init, rng=generator, fused=fused, outputs=outputs) for _ in range(outputs)
        ]
        self.inputs = self.neurons[0].inputs
        self.outputs = outputs
        self.activation = _name_if_known(activation)
        self.fused = fused

    @property
    def pre_activations(self) -> list[Value]:
        """The pre-activations of the last forward pass, one for each neuron. Raises ValueError before the first."""
        return [neuron.pre_activation for neuron in self.neurons]

    def forward(self, inputs: Sequence[Any]) -> list[Any]:
        return [neuron.forward(inputs)[0] for neuron in self.neurons]

    def config(self) -> dict[str, Any]:
        """The arguments that make a layer of this shape, for a checkpoint."""
        return {"inputs": self.inputs, "outputs": self.outputs, "activation": self.activation, "fused": self.fused}

    def __repr__(self) -> str:
        return f"Layer({self.inputs} → {self.outputs}, {_activation_name(self.activation)})"


class Dropout(Module):
    """In training, each number is 0 with probability ``rate`` and otherwise divided by 1 − rate; else unchanged.

    So the expected output is the input, and nothing needs rescaling afterwards (inverted dropout; Srivastava
    et al., 2014). ``rng``: int seed or random.Random. Raises ValueError for a rate outside [0, 1).

    >>> dropout = Dropout(0.5, rng=1)
    >>> dropout([1.0, 2.0, 3.0]), dropout.eval()([1.0, 2.0, 3.0])
    ([0.0, 4.0, 6.0], [1.0, 2.0, 3.0])
    """

    is_layer = True

    def __init__(self, rate: float, *, rng: int | random.Random | None = None) -> None:
        self.rate = number("rate", rate, below=1.0)
        self.rng = as_random(rng, "dropout")

    def forward(self, inputs: Sequence[Any]) -> list[Any]:
        if not self.training or self.rate == 0.0:
            return list(inputs)
        kept = 1.0 / (1.0 - self.rate)
        return [x * (0.0 if self.rng.random() < self.rate else kept) for x in inputs]

    def config(self) -> dict[str, Any]:
        return {"rate": self.rate}

    def __repr__(self) -> str:
        return f"Dropout({self.rate})"


class Sequential(Module):
    """Modules one after another, each on the outputs of the one before.

    Raises TypeError for what is no Module, ValueError for none, or where the counts of neighbours do not fit.

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
        width: int | None = None
        for i, layer in enumerate(layers):
            if not isinstance(layer, Module):
                raise TypeError(f"layer {i} of Sequential must be a Module, not {type(layer).__name__} {layer!r:.60}")
            if width is not None and layer.inputs not in (None, width):
                raise ValueError(f"layer {i} of Sequential, {layer!r}, takes {layer.inputs} inputs and gets {width}")
            width = width if layer.outputs is None else layer.outputs
        self.layers = list(layers)
        self.inputs = layers[0].inputs
        self.outputs = width

    def forward(self, inputs: Sequence[Any]) -> list[Any]:
        outputs = list(inputs)
        for layer in self.layers:
            outputs = layer.forward(outputs)
        return outputs

    def __repr__(self) -> str:
        counts = [self.inputs, *(layer.outputs for layer in self.layers if layer.outputs is not None)]
        return f"{type(self).__name__}({' → '.join('?' if n is None else str(n) for n in counts)})"


class MLP(Sequential):
    """A multilayer perceptron: fully connected layers, the last with its own activation.

    Parameters
    ----------
    inputs : how many numbers one example has
    sizes : how many neurons each layer has, the last being the outputs
    activation, output : of the hidden layers and of the last: names (`ACTIVATIONS`) or functions of a Value
    init, rng, fused : as for `Neuron`; same seed, same weights, on every engine

    Parameters are labelled "W1[2,3]" (layer 1, neuron 2, input 3) and "b1[2]", for pictures and messages.
    Raises ValueError for an unknown name, no layers or a count below 1, TypeError for a wrong type.

    >>> model = MLP(2, [16, 16, 1], activation="tanh", rng=0)
    >>> model, len(model.parameters())
    (MLP(2 → 16 → 16 → 1, tanh, linear), 337)
    >>> model.predict([[0.0, 0.0]])
    [0.0]
    """

    def __init__(
        self,
        inputs: int,
        sizes: Sequence[int],
        activation: Activation = "tanh",
        output: Activation = "linear",
        *,
        init: str | Initialiser = "xavier_uniform",
        rng: int | random.Random | None = None,
        fused: bool = True,
    ) -> None:
        if isinstance(sizes, str) or not isinstance(sizes, Sequence):
            raise TypeError(f"sizes must list the neurons of each layer, as in [16, 16, 1], not {sizes!r}")
        if not sizes:
            raise ValueError("MLP needs at least one layer: sizes is empty")
        named("activation", activation, ACTIVATIONS)  # without hidden layers nobody else looks at it
        generator = None if rng is None else as_random(rng, "init")
        widths = [inputs, *sizes]
        activations = [activation] * (len(sizes) - 1) + [output]
        super().__init__(
            *(
                Layer(before, after, g, init=init, rng=generator, fused=fused)
                for before, after, g in zip(widths, sizes, activations, strict=False)
            )
        )
        self.sizes, self.fused = list(sizes), fused
        self.activation, self.output = _name_if_known(activation), _name_if_known(output)
        for number_of_layer, layer in enumerate(self.layers, 1):
            for i, neuron in enumerate(layer.neurons, 1):  # type: ignore[attr-defined] (they are Layers)
                neuron.bias.label = f"b{number_of_layer}[{i}]"
                for j, weight in enumerate(neuron.weights, 1):
                    weight.label = f"W{number_of_layer}[{i},{j}]"

    def config(self) -> dict[str, Any]:
        """The arguments that make a network of this shape, for a checkpoint."""
        return {
            "inputs": self.inputs,
            "sizes": self.sizes,
            "activation": self.activation,
            "output": self.output,
            "fused": self.fused,
        }

    def __repr__(self) -> str:
        return f"{super().__repr__()[:-1]}, {_activation_name(self.activation)}, {_activation_name(self.output)})"


def _name_if_known(activation: Activation) -> Activation:
    """autodiff's own functions by their names, so that files can hold them."""
    return next((name for name in ACTIVATIONS if activation is FUNCTIONS.get(name)), activation)


def _activation_name(activation: Activation) -> str:
    return activation if isinstance(activation, str) else getattr(activation, "__name__", "custom")
