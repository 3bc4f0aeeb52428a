"""A picture says nothing that is not so: of gradients and their absence, of pairs and paths, and it has a legend."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from itertools import pairwise

import pytest

import autodiff as ad
from autodiff import Value, paths, topological_order, zero_grad
from nn import MLP
from viz import draw, step
from viz.graph.gradients import gradient_texts

pytestmark = pytest.mark.once

SVG = "{http://www.w3.org/2000/svg}"


def squares() -> tuple[Value, Value]:
    a = Value(3.0, "a")
    f = a * a + a * 2.0
    f.label = "f"
    return f, a


def loss() -> tuple[Value, MLP]:
    model = MLP(2, [2, 1], rng=1)
    error = (model([Value(1.0, "x1"), Value(-2.0, "x2")]) - 0.5) ** 2
    error.label = "L"
    return error, model


def words(svg: str, key: str = "graph") -> list[str]:
    (group,) = (g for g in ET.fromstring(svg).iter(f"{SVG}g") if g.get("id") == key)
    inside = group.iter(f"{SVG}text") if key != "graph" else group.findall(f"{SVG}text")
    return ["".join(text.itertext()).replace("\u00a0", " ").strip() for text in inside]


def shown(y: Value) -> list[str]:
    return list(gradient_texts(topological_order(y), 4).values())


class TestGradients:
    def test_before_a_backward_pass_there_is_none_and_the_picture_says_so(self) -> None:
        f, _ = squares()
        assert shown(f) == ["–"] * 4
        drawing = draw(f)
        assert words(drawing.svg, "node-0")[-1] == "–"
        assert "– not computed: call backward()" in words(drawing.svg)
        assert [line.split()[-2] for line in str(drawing).splitlines()[1:]] == ["–"] * 4

    def test_after_one_pass_they_are_numbers_and_after_two_a_leaf_is_marked(self) -> None:
        f, _ = squares()
        f.backward()
        assert shown(f) == ["8", "1", "1", "1"]
        f.backward()
        assert shown(f) == ["16 ∗", "1", "1", "1"]
        assert "∗ more than this pass: leaves add up over calls" in words(draw(f).svg)

    def test_what_another_output_left_in_a_leaf_is_marked(self) -> None:
        f, a = squares()
        (a * 5.0).backward()
        assert shown(f) == ["5 ∗", "–", "–", "–"]
        f.backward()
        assert shown(f)[0] == "13 ∗"

    def test_a_gradient_of_zero_is_a_number(self) -> None:
        x = Value(-1.0, "x")
        y = ad.relu(x)
        y.backward()
        assert shown(y) == ["0", "1"]

    def test_a_gradient_set_to_zero_afterwards_is_none(self) -> None:
        f, a = squares()
        f.backward()
        zero_grad([a])
        assert shown(f) == ["–", "1", "1", "1"]

    def test_a_seed_and_a_pass_from_further_on_are_no_accumulation(self) -> None:
        f, _ = squares()
        f.backward(-2.5)
        assert shown(f) == ["−20", "−2.5", "−2.5", "−2.5"]
        error, model = loss()
        (error * 3.0).backward()
        assert not any("∗" in text for text in shown(error))
        assert model.parameters()

    def test_rounding_is_no_accumulation(self) -> None:
        x = Value(0.1, "x")
        y = ad.sum([x * (0.1 * i - 1.0) * x for i in range(21)])  # which cancel
        y.backward()
        assert not any("∗" in text for text in shown(y))

    def test_without_a_finite_gradient_the_picture_is_drawn_all_the_same(self) -> None:
        y = ad.sqrt(Value(0.0, "x")) * 2.0
        assert shown(y) == ["–"] * 3
        y.grad = 1.0
        assert draw(y).svg


class TestDotProducts:
    def test_the_table_shows_which_weight_meets_which_input_and_what_the_one_is(self) -> None:
        error, model = loss()
        svg = draw(error, parameters=model).svg
        first = topological_order(error).index(next(n for n in topological_order(error) if n.op and n.op.name == "dot"))
        assert words(svg, f"op-{first}")[0] == "Σ"
        assert words(svg, f"op-{first}")[1:] == ["W1[1,1] · x1", "W1[1,2] · x2", "b1[1] · 1"]
        assert "Σ: sum of the products below it; · 1: times the number 1, as a bias is" in words(svg)

    def test_inputs_that_are_numbers_stand_beside_their_weights(self) -> None:
        model = MLP(2, [1], rng=1)
        y = model([2.0, -3.0])
        svg = draw(y).svg
        assert words(svg, f"op-{len(topological_order(y)) - 1}")[1:] == ["W1[1,1] · 2", "W1[1,2] · −3", "b1[1] · 1"]
        assert "number-" not in svg

    @pytest.mark.parametrize("direction", ["LR", "TB"])
    def test_each_edge_ends_at_its_pair(self, direction: str) -> None:
        error, _ = loss()
        order = topological_order(error)
        root = ET.fromstring(draw(error, direction=direction).svg)  # type: ignore[arg-type]
        for i, node in enumerate(order):
            if node.op is None or node.op.name != "dot":
                continue
            half = len(node.args) // 2
            ends: list[list[float]] = [[] for _ in range(half)]
            for j in range(len(node.args)):
                for group in root.iter(f"{SVG}g"):
                    if group.get("id") == f"edge-{i}-{j}":
                        path = group.find(f"{SVG}path")
                        assert path is not None
                        x, y = path.get("d", "").split()[-1].split(",")
                        ends[j % half].append(float(y if direction == "LR" else x))
            means = [sum(pair) / len(pair) for pair in ends]
            assert means == sorted(means)
            assert min(b - a for a, b in pairwise(means)) > 8.0


class TestLegend:
    def test_it_names_what_is_in_the_picture_and_nothing_else(self) -> None:
        f, a = squares()
        assert words(draw(f).svg)[:4] == ["input", "intermediate value", "output", "a number"]
        assert words(draw(f, parameters=[a]).svg)[0] == "parameter"
        assert "on an edge: local derivative, ∂result/∂operand" in words(draw(f).svg)
        assert "grad: total derivative, df/d(value)" in words(draw(f).svg)
        assert not any("edge" in line for line in words(draw(f, show="data").svg))
        assert not any("grad" in line for line in words(draw(f, show="data").svg))

    def test_the_parameters_of_a_collapsed_model_count_as_parameters(self) -> None:
        model = MLP(2, [2, 1], rng=1)
        y = model([Value(1.0, "x1"), Value(-2.0, "x2")])
        kinds = {row.split()[0]: row.split()[-1] for row in str(draw(y, collapse=model)).splitlines()[1:]}
        assert {kind for name, kind in kinds.items() if name[0] in "Wb"} == {"parameter"}
        assert kinds["x1"] == "input"

    def test_it_can_be_left_out(self) -> None:
        assert words(draw(squares()[0], legend=False).svg) == []

    def test_what_stands_in_a_neuron_and_at_its_lines_is_said(self) -> None:
        error, model = loss()
        said = words(draw(error, collapse=model).svg)
        assert any(line.startswith("a line into a neuron: its weight, wide where large; blue") for line in said)
        assert "in a neuron: h its activation, b its bias, δ: dL/d(what goes into its activation)" in said
        bare = words(draw(error, collapse=model, show=()).svg)
        assert "in a neuron: b its bias" in bare

    def test_every_colour_of_the_picture_is_in_its_legend(self) -> None:
        error, model = loss()
        svg = draw(error, parameters=model, collapse=None).svg
        boxes = re.findall(r'class="node (?:value \w+|number)">.*?fill="(#\w+)"', svg, re.DOTALL)
        graph = ET.fromstring(svg).find(f"{SVG}g")
        assert graph is not None
        below = {shape.get("fill") for shape in graph if shape.tag in (f"{SVG}polygon", f"{SVG}path")}
        assert set(boxes) <= below


class TestOnePath:
    @pytest.mark.parametrize("which", [0, 1, 2])
    def test_one_path_is_red_from_end_to_end_and_no_other_edge(self, which: int) -> None:
        f, a = squares()
        path = paths(f, a)[which]
        svg = draw(f, highlight=path).svg
        index = {node: i for i, node in enumerate(topological_order(f))}
        red = {
            key
            for key, body in re.findall(r'<g id="((?:edge|node|result)-[\d-]+)"(.*?)</g>', svg, re.DOTALL)
            if "#b91c1c" in body
        }
        edges = {f"edge-{index[node]}-{j}" for node, j in zip(path.nodes, path.operands, strict=False)}
        results = {f"result-{index[node]}" for node in path.nodes[:-1]}
        assert red == edges | results | {f"node-{index[node]}" for node in path.nodes}

    def test_the_caption_says_which_path_and_what_it_contributes(self) -> None:
        f, a = squares()
        assert "path f → v1 → a: ∂f/∂v1 · ∂v1/∂a② = 1 · 3 = 3" in words(draw(f, highlight=paths(f, a)[1]).svg)

    def test_a_path_of_another_graph_is_refused(self) -> None:
        f, a = squares()
        with pytest.raises(ValueError, match="begins at the output"):
            draw(a * 2.0, highlight=paths(f, a)[0])


class TestTooLarge:
    def test_draw_step_and_the_command_count_alike_and_advise_alike(self) -> None:
        model = MLP(2, [16, 16, 1], rng=0)
        y = model([Value(1.0, "x1"), Value(2.0, "x2")])
        messages = []
        for make in (draw, step):
            with pytest.raises(ValueError, match=r"more than max_nodes=100") as refused:
                make(y, max_nodes=100)
            messages.append(str(refused.value))
        assert messages[0] == messages[1]
        for advice in ("collapse=model", "explain(y, x)", "a part", "about", "a larger max_nodes"):
            assert advice in messages[0]

    def test_what_is_hidden_in_boxes_does_not_count(self) -> None:
        model = MLP(2, [16, 16, 1], rng=0)
        y = model([Value(1.0, "x1"), Value(2.0, "x2")])
        page = step(y, collapse=model, max_nodes=100).html
        assert '"opened"' not in page, "the picture with all operations would be too large"
