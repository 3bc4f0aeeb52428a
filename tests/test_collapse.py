"""draw(y, collapse=model), heat and highlight: which operations make a neuron, and what the picture then says."""

from __future__ import annotations

import re
from typing import Any

import pytest

from autodiff import Value, topological_order
from autodiff import sum as total
from nn.layers import MLP, Layer, Neuron
from nn.module import Module
from viz import draw
from viz.graph.collapse import neuron_boxes

pytestmark = pytest.mark.once


def inputs() -> list[Value]:
    return [Value(1.0, "x1"), Value(-2.0, "x2")]


def boxes_of(y: Value, model: Any) -> list[tuple[str, str, list[str]]]:
    boxes, _ = neuron_boxes(topological_order(y), model)
    return sorted((box.layer, box.title, sorted({n.op.name for n in box.nodes if n.op})) for box in boxes)


@pytest.mark.parametrize("fused", [True, False])
def test_every_neuron_is_one_box_with_its_activation_and_without_the_loss(fused: bool) -> None:
    model = MLP(2, [2, 1], rng=1, fused=fused)
    affine = ["dot"] if fused else ["add", "mul"]
    assert boxes_of((model(inputs()) - 0.5) ** 2, model) == [
        ("layer 1", "neuron 1", [*affine, "tanh"]),
        ("layer 1", "neuron 2", [*affine, "tanh"]),
        ("layer 2", "neuron 1", affine),
    ]


@pytest.mark.parametrize("fused", [True, False])
def test_linear_neurons_that_follow_each_other_stay_apart(fused: bool) -> None:
    model = MLP(2, [2, 2, 1], activation="linear", rng=1, fused=fused)
    assert len(boxes_of(model(inputs()), model)) == 5


def test_an_activation_after_a_linear_neuron_belongs_to_the_loss() -> None:
    neuron = Neuron(2, rng=0)
    assert boxes_of(neuron(inputs()).softplus(), neuron) == [("", "model", ["dot"])]


@pytest.mark.parametrize("fused", [True, False])
def test_each_example_of_a_batch_has_boxes_of_its_own(fused: bool) -> None:
    model = MLP(2, [2, 1], rng=1, fused=fused)
    assert len(boxes_of(total([model(inputs()), model([0.5, 0.25])]), model)) == 6


@pytest.mark.parametrize("fused", [True, False])
def test_a_penalty_on_the_weights_is_no_neuron_and_keeps_the_weights_in_the_picture(fused: bool) -> None:
    model = MLP(2, [2, 1], rng=1, fused=fused)
    y = model(inputs()) + 0.1 * total([w * w for w in model.parameters()])
    assert len(boxes_of(y, model)) == 3
    assert neuron_boxes(topological_order(y), model)[1] == set()


def test_a_pre_activation_used_elsewhere_is_not_hidden() -> None:
    model = Layer(2, 1, "tanh", rng=1)
    h = model(inputs())
    y = h + model.neurons[0].pre_activation
    hidden = {node for box in neuron_boxes(topological_order(y), model)[0] for node in box.nodes}
    assert h not in hidden
    assert model.neurons[0].pre_activation in hidden, "the affine part alone is a box"


def test_any_model_with_named_parameters_collapses() -> None:
    class Scale(Module):
        def __init__(self) -> None:
            self.factor = Value(3.0, "k")

        def forward(self, inputs: list[Any]) -> list[Any]:
            return [self.factor * x for x in inputs]

    model = Scale()
    assert boxes_of(model([Value(2.0, "x")]) + 1.0, model) == [("", "model", ["mul"])]


@pytest.mark.parametrize("fused", [True, False])
def test_a_box_knows_its_weights_with_their_inputs_its_bias_and_its_pre_activation(fused: bool) -> None:
    model = MLP(3, [4, 2], activation="sigmoid", rng=3, fused=fused)
    xs = [Value(0.5, "x1"), -1.0, Value(2.0, "x3")]
    y = total(model(xs))
    boxes, _ = neuron_boxes(topological_order(y), model)
    layers: Any = model.layers
    for box in boxes:
        neuron = layers[0 if box.layer == "layer 1" else 1].neurons[box.number]
        assert [weight.parameter for weight in box.weights] == neuron.weights
        assert box.bias is neuron.bias
        assert box.pre is neuron.pre_activation
        assert box.others == ()
        if box.layer == "layer 1":
            assert [weight.input for weight in box.weights] == xs
        for weight in box.weights:
            assert [node.args[i] for node, i in weight.places] == [weight.parameter, weight.input]


def test_the_collapsed_picture_has_boxes_in_layers_and_neither_parameters_nor_inner_operations() -> None:
    model = MLP(2, [3, 2, 1], rng=1)
    y = (model(inputs()) - 0.5) ** 2
    y.backward()
    svg = draw(y, collapse=model).svg
    assert len(re.findall(r'class="node value neuron', svg)) == 6
    assert [f"layer {i}" in svg for i in (1, 2, 3, 4)] == [True, True, True, False]
    assert not re.search(r">W1", re.sub(r"<title>.*?</title>", "", svg))
    assert len(re.findall(r'class="node op"', svg)) == 2, "the loss's own"
    full = draw(y).svg
    assert "neuron" not in full
    assert "W1[1,1]" in full


def test_a_network_too_large_to_draw_in_full_can_be_drawn_collapsed() -> None:
    model = MLP(2, [16, 16, 1], rng=0)
    y = model(inputs())
    with pytest.raises(ValueError, match="more than max_nodes=50"):
        draw(y, max_nodes=50)
    assert draw(y, collapse=model, max_nodes=50).source.count("neuron ") >= 33


def test_what_is_no_model_or_another_model_is_refused() -> None:
    y = MLP(2, [1], rng=0)(inputs())
    with pytest.raises(TypeError, match="collapse takes a model with named_parameters"):
        draw(y, collapse=3)
    with pytest.raises(ValueError, match="no parameter is in this graph"):
        draw(y, collapse=MLP(2, [1], rng=0))


def multi_path() -> tuple[Value, Value]:
    a = Value(3.0, "a")
    f = a * a + a * 2.0
    f.label = "f"
    f.backward()
    return f, a


def fills(svg: str) -> dict[str, str]:
    return dict(re.findall(r'id="(node-\d+)".*?fill="(#[0-9a-f]{6})"', svg, re.DOTALL))


@pytest.mark.parametrize("heat", ["data", "grad"])
def test_heat_colours_the_largest_most_and_says_the_scale(heat: str) -> None:
    f, a = multi_path()
    drawing = draw(f, heat=heat)
    largest = {"data": 15, "grad": 8}[heat]
    assert f"|{heat}|, from 0 (white, thin) to {largest} (orange, wide)" in drawing.svg.replace("\u00a0", " ")
    order = topological_order(f)
    sizes = {f"node-{i}": abs(getattr(node, heat)) for i, node in enumerate(order)}
    colours = fills(drawing.svg)
    hottest = max(sizes, key=sizes.__getitem__)
    assert colours[hottest] == "#fdba74"
    by_size = sorted(sizes, key=sizes.__getitem__)
    assert [int(colours[key][5:], 16) for key in by_size] == sorted(
        (int(c[5:], 16) for c in colours.values()), reverse=True
    )


def test_heat_before_a_backward_pass_is_white() -> None:
    a = Value(3.0, "a")
    assert set(fills(draw(a * a, heat="grad").svg).values()) == {"#ffffff"}


def test_highlight_marks_every_edge_of_every_path_and_counts_them() -> None:
    f, a = multi_path()
    b = Value(1.0, "b")
    y = f * b
    svg = draw(y, highlight=a).svg
    assert "3 paths from v3 to a" in svg.replace("\u00a0", " ")
    wide = set(
        re.findall(
            r'id="((?:edge|result|node)-[\d-]+)"[^>]*>(?:\s*<title>[^<]*</title>)?\s*<\w+ [^>]*stroke="#b91c1c"', svg
        )
    )
    index = {node: i for i, node in enumerate(topological_order(y))}
    assert f"node-{index[a]}" in wide
    assert f"node-{index[b]}" not in wide
    assert f"edge-{index[y]}-0" in wide
    assert f"edge-{index[y]}-1" not in wide


def test_a_highlighted_value_without_a_path_is_counted_as_none() -> None:
    f, _ = multi_path()
    drawing = draw(f, highlight=Value(1.0, "other"))
    assert "0 paths from f to other" in drawing.svg.replace("\u00a0", " ")
    assert "#b91c1c" not in drawing.svg


def test_a_thousand_doublings_are_counted_not_listed() -> None:
    x = y = Value(1e-300, "x")
    for _ in range(60):
        y = y + y
    assert "about 10¹⁸ paths" in draw(y, highlight=x).svg.replace("\u00a0", " ")


def test_a_wrong_heat_or_highlight_is_refused() -> None:
    f, _ = multi_path()
    with pytest.raises(ValueError, match='heat is "data" or "grad"'):
        draw(f, heat="size")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="highlight takes a Value"):
        draw(f, highlight="a")  # type: ignore[arg-type]
