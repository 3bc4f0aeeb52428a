"""A network over the epochs of its training: each number is that of its epoch, and the model is as it was."""

from __future__ import annotations

import math
from typing import Any

import pytest
from pages import new_page, opened_browser  # noqa: F401 (fixtures)

from nn import MLP, SGD, fit, mse
from viz import Snapshots, TrainingPicture, draw_training
from viz.writing.numbers import format_number

pytestmark = pytest.mark.once

X, Y = [[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0]


def trained() -> tuple[MLP, Snapshots, TrainingPicture]:
    model, snapshots = MLP(2, [3, 1], rng=1), Snapshots(every=10)
    fit(model, X, Y, optimizer=SGD(model.parameters(), 0.2), epochs=30, callbacks=[snapshots], progress=False)
    return model, snapshots, draw_training(model, snapshots, [0.0, 1.0], 1.0)


def at(model: MLP, state: dict[str, float]) -> tuple[float, list[float]]:
    """The loss of the example with these weights, and the size of each layer's gradient."""
    model.load_state_dict(state)
    model.zero_grad()
    loss = mse(model([0.0, 1.0]), 1.0)
    loss.backward()
    layers: Any = model.layers
    return loss.data, [math.hypot(*(p.grad for p in layer.parameters())) for layer in layers]


def test_losses_and_gradient_flow_are_those_of_each_snapshot() -> None:
    model, snapshots, picture = trained()
    assert len(picture.losses) == len(snapshots.states) == 4
    for state, loss, flow in zip(snapshots.states, picture.losses, picture.flows, strict=True):
        expected, sizes = at(model, state)
        assert loss == pytest.approx(expected, rel=1e-12, abs=0.0)
        assert list(flow) == ["layer 1", "layer 2"]
        assert list(flow.values()) == pytest.approx(sizes, rel=1e-12, abs=0.0)


def test_the_model_is_as_it_was() -> None:
    model, snapshots, _ = trained()
    before = [(p.data, p.grad) for p in model.parameters()]
    draw_training(model, snapshots, [1.0, 1.0], 0.0)
    assert [(p.data, p.grad) for p in model.parameters()] == before


def test_what_cannot_be_shown_is_said() -> None:
    model, snapshots, _ = trained()
    with pytest.raises(ValueError, match="there are no snapshots"):
        draw_training(model, Snapshots(), [1.0, 1.0], 0.0)
    with pytest.raises(ValueError, match="takes 2 inputs"):
        draw_training(model, snapshots, [1.0], 0.0)
    wide, few = MLP(1, [30, 1], rng=0), Snapshots()
    fit(wide, [0, 1], [0, 1], optimizer=SGD(wide.parameters(), 0.1), epochs=1, callbacks=[few], progress=False)
    with pytest.raises(ValueError, match="20 neurons"):
        draw_training(wide, few, [1.0], 0.0)


@pytest.mark.browser
def test_the_page_shows_each_epoch_and_plays_to_the_end(page: Any, tmp_path: Any) -> None:
    model, snapshots, picture = trained()
    page.goto(picture.save(tmp_path / "f.html").as_uri())
    for k, state in enumerate(snapshots.states):
        page.get_by_label("Snapshot").fill(str(k))
        model.load_state_dict(state)
        assert page.locator("output").inner_text() == f"epoch {10 * k}, loss {format_number(picture.losses[k])}"
        positive = sum(weight.data > 0.0 for weight in model.weight_parameters())
        assert page.locator(".weight.positive").count() == positive
        assert page.locator(".weight.negative").count() == len(model.weight_parameters()) - positive
        neuron = page.locator(".neuron").last.text_content()
        layers: Any = model.layers
        model([0.0, 1.0])
        assert format_number(layers[1].neurons[0].pre_activation.data) in neuron
    page.get_by_label("Snapshot").fill("0")
    page.get_by_role("button", name="Play").click()
    page.wait_for_timeout(1200)
    assert page.locator("output").inner_text().startswith("epoch 30,")
