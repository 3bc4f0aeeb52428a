"""The README's pictures of the step-through page are there, and can be taken anew: TAKE_PICTURES=1 pytest this file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from graphs import worked
from pages import MODEL, five_paths, net, new_page, opened_browser, shown_in_page, xor  # noqa: F401 (some are fixtures)

from autodiff import Value
from nn import MLP
from viz import Stepper, step

pytestmark = [pytest.mark.browser, pytest.mark.once]

PICTURES = Path(__file__).parent.parent / "notebooks" / "pictures"


def middle_of_the_backward_pass(page: Any) -> None:
    page.get_by_role("slider", name="Step").fill("7")


def third_path(page: Any) -> None:
    page.get_by_role("button", name="Fit").click()
    page.get_by_label("Show").select_option("paths")
    page.get_by_role("slider", name="Step").fill("3")


def gradient_of_a_weight(page: Any) -> None:
    page.get_by_role("slider", name="Step").fill("19")


def trained(page: Any) -> None:
    page.get_by_role("button", name="Last").click()
    page.get_by_role("button", name="Fit").click()
    page.locator(".moving summary").click()
    page.locator(".descending summary").click()
    page.get_by_label("η").fill("0.2")
    for _ in range(3):
        page.get_by_role("button", name="100 steps").click()


def deltas_of_a_layer(page: Any) -> None:
    page.get_by_label("Show").select_option("layer")
    page.get_by_role("slider", name="Step").fill("11")
    page.get_by_role("button", name="Fit").click()


def layers() -> Stepper:
    model = MLP(2, [8, 8, 1], rng=0)
    loss = (model([Value(1.0, "x1"), Value(-2.0, "x2")]) - 0.5) ** 2
    loss.label = "L"
    return step(loss, collapse=model)


def live() -> Stepper:
    loss, model, examples = xor()
    return step(loss, parameters=model, examples=examples)


def network() -> Value:
    loss = net()
    loss.label = "L"
    return loss


README_PICTURES = {
    "stepper": (lambda: step(worked()), middle_of_the_backward_pass, (1180, 640)),
    "paths": (lambda: step(five_paths()), third_path, (1180, 640)),
    "live": (live, trained, (1280, 720)),
    "network": (lambda: step(network(), collapse=MODEL), gradient_of_a_weight, (1280, 720)),
    "layers": (layers, deltas_of_a_layer, (1400, 780)),
}


@pytest.mark.parametrize(("make", "prepare", "size"), README_PICTURES.values(), ids=README_PICTURES)
def test_the_readme_has_pictures_of_this_page(
    show: Any, tmp_path: Path, request: Any, make: Any, prepare: Any, size: tuple[int, int]
) -> None:
    """Taken anew where TAKE_PICTURES is set; the committed ones must be there in any case."""
    name = request.node.callspec.id
    page = show(make())
    page.set_viewport_size({"width": size[0], "height": size[1]})
    prepare(page)
    page.get_by_role("button", name="Next").focus()
    page.wait_for_timeout(300)  # the transitions
    picture = page.locator(".stepper").screenshot(path=tmp_path / "picture.png")
    committed = PICTURES / f"{name}.png"
    if os.environ.get("TAKE_PICTURES"):
        PICTURES.mkdir(exist_ok=True)
        committed.write_bytes(picture)
    assert len(picture) < 200_000
    assert committed.exists(), "take it with TAKE_PICTURES=1"
    assert committed.stat().st_size < 200_000
