"""The training room in a browser: a network learns while the page goes on answering; an example comes out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import sites
from sites import PATIENCE, ready, watched

pytestmark = [pytest.mark.browser, pytest.mark.once]
site, browser = sites.served_site, sites.opened_browser

COLOURS = """() => {
  const canvas = document.querySelector("#boundary");
  const context = new OffscreenCanvas(canvas.width, canvas.height).getContext("2d", { willReadFrequently: true });
  context.drawImage(canvas, 0, 0);
  const all = context.getImageData(0, 0, canvas.width, canvas.height).data;
  return new Set(Array.from({ length: all.length / 400 }, (_, i) => all.slice(400 * i, 400 * i + 3).join())).size;
}"""


@pytest.fixture(name="page", scope="module")
def opened_room(browser: Any, site: Any) -> Iterator[Any]:
    with watched(browser, site) as page:
        page.set_viewport_size({"width": 1280, "height": 720})
        page.goto(f"{site.address}train/")
        ready(page)
        yield page


@pytest.fixture(name="room")
def begun_anew(page: Any) -> Any:
    choose(page, "data", "moons")
    page.locator("#anew").click()
    page.wait_for_function("document.querySelector('#told').textContent.startsWith('epoch 0, ')", timeout=PATIENCE)
    return page


def choose(page: Any, name: str, option: str) -> None:
    page.locator(f"#settings [name={name}]").select_option(option)
    page.locator("#train:not([disabled]), #error:not([hidden])").first.wait_for(timeout=PATIENCE)


def epoch(page: Any) -> int:
    return int(page.locator("#told").inner_text().split()[1].strip(","))


def trained(page: Any, epochs: int) -> None:
    page.locator("#train").click()
    condition = "(n) => Number(document.querySelector('#told').textContent.match(/\\d+/)[0]) >= n"
    page.wait_for_function(condition, arg=epochs, timeout=PATIENCE)
    page.get_by_role("button", name="Pause").first.click()


def test_twenty_epochs_lower_the_loss_and_draw_the_boundary_without_matplotlib_or_numpy(room: Any) -> None:
    before = room.evaluate(COLOURS)
    loss = "Number(document.querySelector('#told').textContent.match(/loss ([\\d.e-]+)/)[1])"
    room.locator("#once").click()
    room.wait_for_function("document.querySelector('#told').textContent.startsWith('epoch 1,')", timeout=PATIENCE)
    first = room.evaluate(loss)
    trained(room, 20)
    assert room.evaluate(loss) < first
    assert room.evaluate(COLOURS) > 20
    assert before > 0
    snapshots = int(room.locator("#network [type=range]").get_attribute("max"))
    assert snapshots >= 2
    room.locator("#network [type=range]").fill("0")
    assert "epoch 0" in room.locator("#network output").inner_text()


def test_the_page_answers_while_the_network_trains(room: Any) -> None:
    room.evaluate("""() => {
      globalThis.longest = 0;
      let last = performance.now();
      globalThis.beat = setInterval(() => {
        longest = Math.max(longest, performance.now() - last);
        last = performance.now();
      }, 10);
    }""")
    trained(room, 10)
    waited = room.evaluate("(clearInterval(beat), longest)")
    assert waited < 2000  # an epoch's training alone would be no reason to wait; drawing is short


def test_one_example_is_taken_out_and_stepped_through_weight_by_weight(room: Any) -> None:
    trained(room, 5)
    room.locator("#which").fill("3")
    room.locator("#take").click()
    room.get_by_role("heading", name="Example 3, with the weights of epoch").wait_for(timeout=PATIENCE)
    page = room.locator("#example .stepper")
    page.wait_for()
    assert "L" in page.get_attribute("aria-label")
    page.get_by_role("button", name="Open neurons").click()
    page.get_by_role("button", name="Last").click()
    assert page.locator(".picture .value.parameter, .picture .parameter").count() >= 12


def test_points_of_ones_own_are_clicked_and_learnt(room: Any) -> None:
    choose(room, "data", "clicked")
    canvas = room.locator("#boundary")
    box = canvas.bounding_box()
    canvas.click(position={"x": box["width"] * 0.25, "y": box["height"] * 0.5})
    room.get_by_text("training needs points of both classes").wait_for(timeout=PATIENCE)
    room.locator("#colour").select_option("0")
    canvas.click(position={"x": box["width"] * 0.75, "y": box["height"] * 0.5})
    room.locator("#train:not([disabled])").wait_for(timeout=PATIENCE)
    trained(room, 30)
    assert "2 of 2 right" in room.locator("#told").inner_text()


@pytest.mark.parametrize(
    ("name", "given", "said"),
    [
        ("layers", "9", "from 1 to 8"),
        ("rate", "fast", "above 0"),
        ("batch", "0", "1 example or more"),
        ("seed", "x", "0, 1, 2"),
    ],
)
def test_a_setting_that_makes_no_sense_is_answered(room: Any, name: str, given: str, said: str) -> None:
    field = room.locator(f"#settings [name={name}]")
    before = field.input_value()
    field.fill(given)
    field.press("Tab")
    assert said in room.locator("#error").inner_text()
    assert room.locator("#train").is_disabled()
    field.fill(before)
    field.press("Tab")
    room.locator("#train:not([disabled])").wait_for(timeout=PATIENCE)
