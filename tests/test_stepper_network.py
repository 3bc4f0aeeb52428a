"""The step-through of a network: by layers, neurons, scalars; a neuron opens and closes; descent moves its lines."""

from __future__ import annotations

from typing import Any

import pytest
from pages import go, last_step, moved, new_page, opened_browser, shown_in_page, xor  # noqa: F401 (some are fixtures)

from autodiff import Value, dot, topological_order
from nn import MLP, Layer
from viz import step
from viz.graph.collapse import neuron_boxes
from viz.step.inside import matrices
from viz.step.lesson import Lesson
from viz.writing.numbers import format_number

pytestmark = [pytest.mark.once]


def network(*sizes: int) -> tuple[Value, MLP]:
    model = MLP(sizes[0], list(sizes[1:]), rng=0)
    outputs: Any = model([Value(0.3 * i - 0.4, f"x{i + 1}") for i in range(sizes[0])])
    loss = (outputs - 0.5) ** 2
    loss.label = "L"
    return loss, model


def lesson_of(loss: Value, model: MLP) -> Lesson:
    return step(loss, collapse=model)._lesson


@pytest.mark.parametrize(("mode", "forward"), [("layer", 2), ("neuron", 4)])
def test_larger_steps_make_known_all_that_single_steps_do_each_once_and_in_an_order_that_can_be(
    mode: str, forward: int
) -> None:
    loss, model = network(2, 3, 1)
    lesson = lesson_of(loss, model)
    (walk,) = [walk for walk in lesson.walks if walk.mode == mode]
    single = sorted(one for one_step in lesson.steps for one in one_step.shown)
    assert sorted(one for one_step in walk.steps for one in one_step.shown) == single
    together = [one for one in walk.steps if one.phase == "forward" and "a = " in one.note]
    assert len(together) == forward
    known: set[str] = set()
    for one in walk.steps:
        here = {place for place, _, _ in one.shown if place.startswith("data")}
        for place in here:
            node = lesson.order[int(place.removeprefix("data-"))]
            assert {f"data-{lesson.index[arg]}" for arg in node.parents} <= known | here
        known |= here
    assert len(known) == len(topological_order(loss))


def test_totals_grow_in_the_order_in_which_they_are_shown() -> None:
    loss, model = network(2, 3, 3, 1)
    lesson = lesson_of(loss, model)
    for walk in lesson.walks[1:3]:
        last = {place: key for one in walk.steps for place, key, _ in one.shown if place.startswith("grad")}
        for node, i in lesson.index.items():
            assert lesson.chain.numbers[last[f"grad-{i}"]] == pytest.approx(lesson.gradients[node], rel=1e-12, abs=0.0)


def test_the_matrices_of_the_layers_stand_beside_and_the_line_of_a_layer_is_known() -> None:
    loss, model = network(2, 3, 1)
    code = step(loss, collapse=model)._code
    assert code is not None
    assert code.lines[0] == "z1[3] = W1[3×2] @ x[2] + b1[3]"
    assert "δ1 = W2ᵀ δ2 ⊙ (1 − a1²)" in code.lines
    layers: Any = model.layers
    hidden = layers[0].neurons[1].pre_activation
    assert code.lines[code.made[hidden]].startswith("z1")
    assert code.lines[code.back[hidden]].startswith("δ1")


def test_without_neurons_there_are_no_larger_steps() -> None:
    x = Value(2.0, "x")
    assert {walk.mode for walk in step(x * x)._lesson.walks} == {"backward", "paths", "forward"}


def test_no_line_is_lit_where_another_product_stands_between_those_of_the_layers() -> None:
    own = [Value(0.1 * i + 0.2, f"U[{i // 3 + 1},{i % 3 + 1}]") for i in range(6)]
    xs = [Value(0.5 * i, f"x{i}") for i in range(3)]
    model = MLP(2, [3, 1], rng=0)
    loss = (model([dot(own[:3], xs), dot(own[3:], xs)]) - 0.5) ** 2
    boxes, _ = neuron_boxes(topological_order(loss), model)
    assert matrices(loss, topological_order(loss), boxes, [*own, *model.parameters()]) is None


def test_a_layer_that_is_used_again_has_a_line_for_each_use() -> None:
    model = Layer(2, 2, activation="tanh", rng=0)
    outputs = model.outputs_for(model.outputs_for([Value(0.3, "x1"), Value(-0.4, "x2")]))
    loss = outputs[0] * outputs[1]
    order = topological_order(loss)
    boxes, _ = neuron_boxes(order, model)
    code = matrices(loss, order, boxes, model.parameters())
    assert code is not None
    lit = {box.use: code.lines[code.made[box.pre]] for box in boxes}
    assert lit[0].startswith("z1[2] = ") and lit[1].startswith("z2[2] = ")


@pytest.mark.browser
def test_layer_by_layer_shows_deltas_and_lights_the_line_of_the_matrices(show: Any) -> None:
    loss, model = network(2, 2, 1)
    page = show(step(loss, collapse=model))
    loss.backward()
    page.get_by_label("Show").select_option("layer")
    assert not page.locator(".by").is_visible()
    assert last_step(page) < 12
    layers: Any = model.layers
    deltas = [format_number(neuron.pre_activation.grad) for neuron in layers[0].neurons]
    for at in range(last_step(page)):
        go(page, at)
        said = page.locator(".sentence").inner_text()
        if "δ" in said and all(delta in said for delta in deltas):
            break
    else:
        pytest.fail("no step says the δ of layer 1")
    assert page.locator(".code .lit").inner_text().startswith("δ1")
    assert "layer 1" in page.locator(".note").inner_text()


@pytest.mark.browser
def test_a_neuron_opens_to_its_scalars_and_closes_again(show: Any) -> None:
    loss, model = network(2, 2, 1)
    page = show(step(loss, collapse=model))
    page.get_by_label("Show").select_option("layer")
    go(page, last_step(page))
    page.locator(".neuron").first.click()
    page.get_by_role("button", name="Step through its scalars").click()
    assert page.get_by_label("Show").input_value() == "backward"
    assert page.locator(".picture .neuron").count() == 0
    assert page.locator(".sentence").inner_text().startswith("v1")
    page.get_by_role("button", name="Back to the network").click()
    assert page.locator(".picture .neuron").count() == 3
    page.locator(".neuron").first.click(force=True)


@pytest.mark.browser
def test_descent_moves_the_lines_and_numbers_of_the_weights(show: Any) -> None:
    loss, model, examples = xor()
    page = show(step(loss, collapse=model, examples=examples))
    go(page, last_step(page))
    widths = "lines => lines.map(line => line.style.getPropertyValue('--width'))"
    numbers = "lines => lines.map(line => line.querySelector('text').textContent)"
    before = [page.locator(".weight").evaluate_all(what) for what in (widths, numbers)]
    page.locator(".descending summary").click()
    page.get_by_role("button", name="100 steps").click()
    after = [page.locator(".weight").evaluate_all(what) for what in (widths, numbers)]
    assert all(old != new for old, new in zip(before, after, strict=True))
    assert all(len(numbers) == 6 for numbers in after)


@pytest.mark.browser
def test_a_weight_that_changes_its_sign_changes_its_look(show: Any) -> None:
    loss, model = network(2, 1)
    page = show(step(loss, collapse=model))
    go(page, last_step(page))
    weight = model.weight_parameters()[0]
    assert page.locator(".weight.positive").count() == sum(w.data > 0 for w in model.weight_parameters())
    moved(page, weight.label, -2.0)
    assert page.locator(".weight.negative").count() == 1 + sum(w.data < 0 for w in model.weight_parameters()[1:])
