"""A network as it is drawn: columns in order, every number what it is said to be, no line through a number or a box."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from autodiff import Value, gradients, tanh
from nn import MLP, Dropout, Layer, Module, Neuron, Sequential, mse
from viz import Drawing, draw, draw_network
from viz.graph import render
from viz.graph.labels import crosses
from viz.writing.numbers import format_number

pytestmark = pytest.mark.once

GAP = "\u00a0"


def lossy(model: MLP, floats: bool = False) -> Value:
    layers: Any = model.layers
    numbers = [0.3 * i - 0.4 for i in range(layers[0].inputs)]
    outputs: Any = model(numbers if floats else [Value(x, f"x{i}") for i, x in enumerate(numbers, 1)])
    loss = mse(outputs, [0.5] * len(outputs) if isinstance(outputs, list) else 0.5)
    loss.label = "L"
    loss.backward()
    return loss


def parts(drawing: Drawing, css: str) -> dict[str, list[str]]:
    """By the id of each element of a class the texts in it."""
    found = re.findall(rf'<g id="([^"]*)" class="[^"]*\b{css}\b[^"]*">(.*?)</g>', drawing.svg, re.DOTALL)
    return {
        key: [text.replace(GAP, " ").strip() for text in re.findall(r">([^<>\n]+)</text>", body)] for key, body in found
    }


def titles(drawing: Drawing, css: str) -> list[str]:
    found = re.findall(rf'class="[^"]*\b{css}\b[^"]*">\s*<title>([^<]*)</title>', drawing.svg)
    return [title.replace(GAP, " ") for title in found]


def neurons(drawing: Drawing) -> list[list[tuple[str, float, float]]]:
    """The neurons' ids with their places, column by column, each from the top down."""
    places = render.places(drawing.source).boxes
    columns: dict[int, list[tuple[str, float, float]]] = {}
    for key in parts(drawing, "neuron"):
        x, y, _, _ = places[key]
        columns.setdefault(round(x), []).append((key, x, y))
    return [sorted(columns[x], key=lambda one: -one[2]) for x in sorted(columns)]


@pytest.mark.parametrize("sizes", [(2, 2, 1), (2, 8, 8, 1), (2, 16, 16, 1), (4, 8, 3)], ids=str)
def test_layers_are_columns_and_neurons_stand_in_their_order(sizes: tuple[int, ...]) -> None:
    model = MLP(sizes[0], list(sizes[1:]), rng=0)
    drawing = draw(lossy(model), collapse=model)
    columns = neurons(drawing)
    assert [len(column) for column in columns] == list(sizes[1:])
    text = parts(drawing, "neuron")
    layers: Any = model.layers
    for column, layer in zip(columns, layers, strict=True):
        for (key, _, _), neuron in zip(column, layer.neurons, strict=True):
            activation = format_number(
                tanh(neuron.pre_activation.data) if layer.activation == "tanh" else neuron.pre_activation.data
            )
            assert activation in text[key]
            assert format_number(neuron.pre_activation.grad) in text[key]


def test_two_sixteen_sixteen_one_fits_a_screen_with_letters_that_can_be_read() -> None:
    model = MLP(2, [16, 16, 1], rng=0)
    drawing = draw(lossy(model), collapse=model)
    left, bottom, right, top = render.places(drawing.source).box
    scale = min(1280.0 / (right - left), 720.0 / (top - bottom))
    assert 12.0 * scale >= 10.0, "pixels of the letters"


@pytest.mark.parametrize("sizes", [(2, 2, 1), (2, 3, 1), (2, 8, 8, 1), (2, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 1)], ids=str)
def test_no_line_of_a_weight_crosses_a_number_and_no_numbers_overlap(sizes: tuple[int, ...]) -> None:
    model = MLP(sizes[0], list(sizes[1:]), rng=0)
    places = render.places(draw(lossy(model), collapse=model).source)
    lines = {key: (curve[0], curve[-1]) for key, curve in places.lines.items() if key.startswith("into-")}
    labels = {key: at for key, at in places.labels.items() if key.startswith("into-")}
    for at in labels.values():
        assert not any(crosses(line, at, (14.0, 4.5)) for line in lines.values())
    spots = sorted(labels.values())
    assert not any(abs(x - u) < 28.0 and abs(y - v) < 9.0 for i, (x, y) in enumerate(spots) for u, v in spots[:i])
    for x, y, wide, high in places.boxes.values():
        assert not any(abs(x - u) < wide / 2 + 10 and abs(y - v) < high / 2 + 4 for u, v in labels.values())


@pytest.mark.parametrize("sizes", [(2, 2, 1), (2, 3, 1), (2, 4, 1), (3, 2, 1)], ids=str)
def test_the_number_of_a_weight_is_plainly_nearer_to_its_own_line_than_to_any_other(sizes: tuple[int, ...]) -> None:
    model = MLP(sizes[0], list(sizes[1:]), rng=0)
    places = render.places(draw(lossy(model), collapse=model).source)
    lines = {key: sorted((curve[0], curve[-1])) for key, curve in places.lines.items() if key.startswith("into-")}
    labels = {key: at for key, at in places.labels.items() if key.startswith("into-")}
    assert labels

    def above(key: str, x: float, y: float) -> float:
        (x0, y0), (x1, y1) = lines[key]
        return abs(y0 + (x - x0) / (x1 - x0) * (y1 - y0) - y) if x0 <= x <= x1 else math.inf

    for key, at in labels.items():
        assert above(key, *at) + 2.0 < min(above(other, *at) for other in lines if other != key)


def test_a_small_network_has_the_number_of_every_weight_at_its_line() -> None:
    model = MLP(2, [2, 1], rng=0)
    shown = [text for [text] in parts(draw(lossy(model), collapse=model), "weight").values()]
    assert sorted(shown) == sorted(format_number(w.data, 3) for w in model.weight_parameters())


def test_where_there_is_no_room_the_number_of_a_weight_is_in_its_tooltip() -> None:
    model = MLP(2, [8, 8, 1], rng=0)
    drawing = draw(lossy(model), collapse=model)
    layers: Any = model.layers
    weight = layers[1].neurons[3].weights[5]
    assert f"{weight.label} = {format_number(weight.data)}, grad {format_number(weight.grad)} (weight)" in titles(
        drawing, "weight"
    )
    assert len(titles(drawing, "weight")) == 2 * 8 + 8 * 8 + 8
    assert not any(text for key, text in parts(drawing, "weight").items() if len(text) and key == "into-0-0")


def test_the_sign_of_a_weight_is_colour_and_dash_and_its_size_is_width() -> None:
    neuron = Neuron(3, init="zeros")
    for weight, number in zip(neuron.weights, (2.0, -1.0, 0.0), strict=True):
        weight.data = number
    found = re.findall(
        r'class="edge operand weight.*?<path ([^>]*)/>', draw_network(neuron, [1.0, 1.0, 1.0]).svg, re.DOTALL
    )
    looks = sorted((float(re.findall(r'stroke-width="([\d.]+)"', look)[0]), look) for look in found)
    assert "#94a3b8" in looks[0][1]
    assert "#c2410c" in looks[1][1]
    assert "stroke-dasharray" in looks[1][1]
    assert "#1d4ed8" in looks[2][1]
    assert "stroke-dasharray" not in looks[2][1]


def test_inputs_that_are_numbers_are_drawn_too() -> None:
    model = MLP(3, [2, 1], rng=0)
    drawing = draw(lossy(model, floats=True), collapse=model)
    boxes = [text for text in parts(drawing, "number").values() if text[0].startswith("x")]
    assert boxes == [["x1", "−0.4"], ["x2", "−0.1"], ["x3", "0.2"]]


def test_equal_networks_give_equal_pictures() -> None:
    svgs = set()
    for _ in range(2):
        model = MLP(2, [5, 3, 1], rng=4)
        svgs.add(draw(lossy(model), collapse=model).svg)
    assert len(svgs) == 1


def test_a_wide_network_is_a_block_for_each_layer() -> None:
    model = MLP(64, [32, 10], rng=0)
    drawing = draw_network(model, [0.01 * i for i in range(64)], 3, loss="cross_entropy")
    blocks = parts(drawing, "block")
    assert [text[0] for text in blocks.values()] == [
        "64 inputs",
        "layer 1: 32 neurons, tanh",
        "layer 2: 10 neurons, linear",
    ]
    assert parts(drawing, "neuron") == {}
    assert {"32 × 64 weights", "10 × 32 weights"} <= {
        text for texts in parts(drawing, "operand").values() for text in texts
    }


def test_draw_network_is_the_picture_of_draw() -> None:
    model = MLP(2, [3, 1], rng=0)
    loss = mse(model([Value(1.0, "x1"), Value(-0.5, "x2")]), 0.0)
    loss.label = "loss"
    loss.backward()
    said = f"{model!r}: 13 parameters, loss {format_number(loss.data)}"
    without: Callable[[Drawing], str] = lambda drawing: re.sub(r"<tr><td [^\n]*", "", drawing.source)  # noqa: E731
    theirs = draw_network(model, [1.0, -0.5], 0.0)
    assert without(theirs) == without(draw(loss, collapse=model))
    assert said.replace(" ", GAP) in theirs.svg


def test_the_deltas_are_the_derivatives_by_the_pre_activations() -> None:
    model = MLP(2, [3, 1], activation="tanh", output="sigmoid", rng=0)
    drawing = draw_network(model, [1.0, -0.5], 0.0)
    layers: Any = model.layers
    sums = [neuron.pre_activation for layer in layers for neuron in layer.neurons]
    prediction = sums[-1].sigmoid()
    deltas = gradients(mse(model([1.0, -0.5]), 0.0), [n.pre_activation for layer in layers for n in layer.neurons])
    shown = [text for column in neurons(drawing) for text in (parts(drawing, "neuron")[key] for key, _, _ in column)]
    for text, delta in zip(shown, deltas, strict=True):
        assert format_number(delta) in text
    assert format_number(prediction.data) in shown[-1]


def test_without_a_target_there_is_no_delta_and_without_an_example_no_number() -> None:
    model = MLP(2, [2, 2], rng=0)
    assert all("h" in text and "δ" not in text for text in parts(draw_network(model, [1.0, 2.0]), "neuron").values())
    assert all("h" not in text and "b" in text for text in parts(draw_network(model), "neuron").values())
    assert len(parts(draw_network(model), "value")) == 6, "two inputs, two layers, and nothing that holds them together"


def test_drawing_changes_neither_gradients_nor_weights_nor_mode() -> None:
    model = Sequential(Layer(2, 3, rng=0), Dropout(0.5, rng=1), Layer(3, 1, rng=2))
    mse(model([1.0, 2.0]), 0.0).backward()
    before = [(p.data, p.grad) for p in model.parameters()]
    draw_network(model, [1.0, 2.0], 1.0)
    assert [(p.data, p.grad) for p in model.parameters()] == before
    assert model.layers[1].training


def test_a_recurrent_layer_has_a_column_for_each_use() -> None:
    layer = Layer(3, 2, "tanh", rng=0)
    state: list[Any] = [Value(0.0, "h1"), Value(0.0, "h2")]
    for t in range(3):
        state = layer.forward([*state, Value(0.5, f"x_{t}")])
    y = state[0] + state[1]
    columns = neurons(draw(y, collapse=layer))
    assert [len(column) for column in columns] == [2, 2, 2]
    assert all(a[0][1] < b[0][1] for a, b in pairwise(columns))


class _Scaled(Module):
    def __init__(self) -> None:
        self.factor = Value(3.0, "k")

    def forward(self, inputs: list[Any]) -> list[Any]:
        return [self.factor * x for x in inputs]


def test_errors_say_what_cannot_be_drawn() -> None:
    model = MLP(2, [2, 1], rng=0)
    with pytest.raises(TypeError, match="what has a Neuron or a Layer first, and _Scaled"):
        draw_network(_Scaled())
    with pytest.raises(TypeError, match="draws a model, not int"):
        draw_network(3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="takes 2 inputs, and was given 3"):
        draw_network(model, [1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match="give x as well"):
        draw_network(model, target=1.0)
    with pytest.raises(ValueError, match="unknown loss"):
        draw_network(model, [1.0, 2.0], 1.0, loss="no loss")
