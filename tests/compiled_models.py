"""What the tests of compiled models share: examples, a network, what may be changed of it, models of one's own."""

import math
import random
import re

import nn
from autodiff import Value
from nn import Dropout, Layer, LayerNorm, Module, Sequential

rng = random.Random(0)
X = [[rng.uniform(-1.0, 1.0) for _ in range(3)] for _ in range(22)]
Y = [math.sin(2.0 * a) + b * c for a, b, c in X]
CLASSES = [float(a > b) + float(b > c) for a, b, c in X]


def network():
    return Sequential(Layer(3, 5, "tanh", rng=1), Dropout(0.2, rng=2), Layer(5, 1, rng=3))


def double_the_rate(model):
    model.layers[1].rate = 0.4


def take_relu(model):
    for neuron in model.layers[0].neurons:
        neuron.activation = "relu"


def put_a_layer_in_between(model):
    norm = LayerNorm(5)
    norm.freeze()
    model.layers.insert(1, norm)


def take_one_bias(model):
    model.layers[0].neurons[1].bias = None


def tie_two_weights(model):
    weights = model.layers[2].neurons[0].weights
    weights[1] = weights[0]


CHANGES = {
    "dropout's rate": double_the_rate,
    "an activation": take_relu,
    "the mode": lambda model: model.eval(),
    "the mode of one layer": lambda model: model.layers[1].eval(),
    "freezing": lambda model: model.layers[0].freeze(),
    "a layer more": put_a_layer_in_between,
    "a bias less": take_one_bias,
    "a tied weight": tie_two_weights,
}


# What cannot be compiled.


class Branch(Module):
    """One's own: two ways, by something that a test chooses."""

    def __init__(self, way):
        self.w, self._way = Value(0.5), way

    def forward(self, inputs):
        return [self.w * inputs[0] if self._way(self, inputs) else self.w * inputs[1]]


class Rounded(Module):
    def __init__(self):
        self.w = Value(0.5)

    def forward(self, inputs):
        return [self.w * math.exp(inputs[0])]


def likelihood(prediction, target):
    return nn.cross_entropy(prediction, int(target))


def rounded(message):
    return re.sub(r"(\.\d{9})\d+", r"\1", message)
