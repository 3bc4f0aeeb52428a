"""The page as it is seen and handled: all in one view from a phone to a beamer, letters that can be read, the story
beside the picture, arrows that say which way, path by path, forward mode, and the lines of the user's code.

What the steps of the backward pass show, number for number, is `test_stepper_browser`'s; colours, paper and
the keyboard are `test_stepper_access`'s.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pages
import pytest
from graphs import multi_path, neuron, worked
from pages import SIZES, at_every_step, chosen, every_graph, every_size, five_paths, go, last_step, net

from autodiff import Value, detect_anomaly, gradients, paths, topological_order
from viz import step
from viz.writing.numbers import format_number

pytestmark = [pytest.mark.browser, pytest.mark.once]
browser, page, show = pages.opened_browser, pages.new_page, pages.shown_in_page

LETTERS = """(svg) => {
  const scale = svg.getBoundingClientRect().width / svg.viewBox.baseVal.width;
  return [...svg.querySelectorAll("text")].filter((text) => text.textContent.trim() && !text.dataset.small)
    .map((text) => scale * parseFloat(text.getAttribute("font-size")));
}"""

ONE_VIEW = """(root) => {
  const box = (name) => root.querySelector("." + name).getBoundingClientRect().toJSON();
  const boxes = Object.fromEntries(["picture", "saying", "controls"].map((name) => [name, box(name)]));
  return [boxes, box("sentence").bottom];
}"""


class TestOneView:
    @every_size
    @every_graph
    def test_picture_sentence_and_controls_are_seen_together_at_every_step(
        self, show: Any, make: Any, size: tuple[int, int]
    ) -> None:
        page = show(step(make()), size)
        for at, (boxes, end_of_sentence) in enumerate(at_every_step(page, ONE_VIEW)):
            for name, box in boxes.items():
                assert box["y"] >= 0, f"{name} at step {at}"
                assert box["bottom"] <= size[1], f"{name} at step {at}"
                assert box["x"] >= 0, f"{name} at step {at}"
                assert box["right"] <= size[0], f"{name} at step {at}"
            assert boxes["picture"]["height"] > 170
            assert end_of_sentence <= boxes["saying"]["bottom"], "the sentence itself needs no scrolling"
        assert page.evaluate("[scrollX, scrollY]") == [0, 0]
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0]

    @every_size
    @every_graph
    def test_letters_are_at_least_14_pixels(self, show: Any, make: Any, size: tuple[int, int]) -> None:
        page = show(step(make()), size)
        go(page, last_step(page))
        assert min(page.locator(".picture svg").evaluate(LETTERS)) >= 14.0
        sizes = page.locator(".stepper").evaluate(
            """(e) => [...e.querySelectorAll("p, td, th, button, label, select, h2, h3")]
              .filter((e) => e.checkVisibility() && e.textContent.trim())
              .map((e) => parseFloat(getComputedStyle(e).fontSize))"""
        )
        assert min(sizes) >= 12.7

    @every_graph
    def test_what_is_in_play_is_in_the_view(self, show: Any, make: Any) -> None:
        page = show(step(make()), SIZES["a phone"])
        for at in range(2, last_step(page)):
            go(page, at)
            pane, target = page.locator(".picture").bounding_box(), page.locator(".value.to").bounding_box()
            x, y = target["x"] + target["width"] / 2, target["y"] + target["height"] / 2
            assert pane["x"] < x < pane["x"] + pane["width"]
            assert pane["y"] < y < pane["y"] + pane["height"]

    def test_in_a_notebook_a_stepper_is_no_higher_than_the_window(self, page: Any, tmp_path: Path) -> None:
        page.set_viewport_size({"width": 1280, "height": 720})
        file = tmp_path / "f.html"
        text = f"<!doctype html><meta charset=utf-8><p>above<div style='width: 900px'>{step(net()).html}</div><p>below"
        file.write_text(text, encoding="utf-8")
        page.goto(file.as_uri())
        assert page.locator(".work").bounding_box()["height"] < 620
        assert page.locator(".stepper").bounding_box()["height"] < 660
        assert min(page.locator(".picture svg").evaluate(LETTERS)) >= 14.0

    @pytest.mark.parametrize("width", [360, 690, 1280])
    def test_no_number_wraps_away_from_its_fraction(self, show: Any, width: int) -> None:
        page = show(step(net()), (width, 720))
        go(page, last_step(page))
        lines = page.locator(".sentence").evaluate(
            """(sentence) => [...sentence.querySelectorAll(".d")].map((fraction) => {
              const number = fraction.nextElementSibling.getBoundingClientRect();
              const own = fraction.getBoundingClientRect();
              return Math.abs(number.top + number.bottom - own.top - own.bottom) / 2;
            })"""
        )
        assert len(lines) == 6
        assert max(lines) < 10


class TestSize:
    def test_fit_shows_the_whole_picture_and_again_the_readable_one(self, show: Any) -> None:
        page = show(step(net()))
        before = page.locator(".picture svg").bounding_box()["width"]
        page.get_by_role("button", name="Fit").click()
        pane, picture = page.locator(".picture").bounding_box(), page.locator(".picture svg").bounding_box()
        assert picture["width"] <= pane["width"] < before
        assert picture["height"] <= pane["height"]
        page.get_by_role("button", name="Fit").click()
        assert page.locator(".picture svg").bounding_box()["width"] == pytest.approx(before, abs=1.0)

    def test_larger_and_smaller_keep_the_middle_in_the_middle(self, show: Any) -> None:
        page = show(step(net()))
        middle = """(pane) => [(pane.scrollLeft + pane.clientWidth / 2) / pane.scrollWidth,
            (pane.scrollTop + pane.clientHeight / 2) / pane.scrollHeight]"""
        page.get_by_role("button", name="Larger").click()
        before = page.locator(".picture").evaluate(middle)
        page.get_by_role("button", name="Larger").click()
        assert page.locator(".picture").evaluate(middle) == pytest.approx(before, abs=0.03)
        width = page.locator(".picture svg").bounding_box()["width"]
        page.keyboard.press("-")
        assert page.locator(".picture svg").bounding_box()["width"] == pytest.approx(width / 1.25, rel=0.01, abs=0.0)
        page.keyboard.press("0")
        page.keyboard.press("+")
        assert page.locator(".picture svg").bounding_box()["width"] > 0

    def test_a_mouse_drags_the_picture_and_does_not_choose_a_value_by_that(self, show: Any) -> None:
        page = show(step(net()))
        pane = page.locator(".picture")
        before = pane.evaluate("(p) => p.scrollLeft")
        box = page.locator("[data-part='node-8']").bounding_box()  # v1, which is in the view
        page.mouse.move(box["x"] + 30, box["y"] + 20)
        page.mouse.down()
        page.mouse.move(box["x"] - 120, box["y"] + 20, steps=5)
        page.mouse.up()
        assert pane.evaluate("(p) => p.scrollLeft") == pytest.approx(before + 150, abs=2.0)
        assert not page.locator(".story").is_visible()

    def test_shift_and_an_arrow_move_the_picture_and_not_the_steps(self, show: Any) -> None:
        page = show(step(net()))
        page.keyboard.press("Shift+ArrowRight")
        assert page.locator(".picture").evaluate("(p) => p.scrollLeft") > 50
        assert page.get_by_role("slider", name="Step").input_value() == "0"


class TestStory:
    @every_size
    def test_choosing_a_value_moves_nothing_and_leaves_it_in_sight(self, show: Any, size: tuple[int, int]) -> None:
        page = show(step(net()), size)
        go(page, last_step(page))
        for node in range(3):
            page.locator(f"[data-part='node-{node}']").evaluate("(e) => e.dispatchEvent(new Event('click'))")
            assert page.evaluate("[scrollX, scrollY]") == [0, 0]
            story, box = page.locator(".story").bounding_box(), page.locator(".value.chosen").bounding_box()
            assert story["y"] >= 0
            assert story["y"] < size[1]
            beside = story["x"] >= box["x"] + box["width"] or story["y"] >= box["y"] + box["height"]
            assert beside, "the story does not cover the value it is about"
            page.keyboard.press("Escape")

    def test_arrows_go_from_value_to_value_and_tab_stops_once_at_the_picture(self, show: Any) -> None:
        page = show(step(worked()))
        assert page.locator(".value[tabindex='0']").count() == 1
        page.locator(".picture").focus()
        seen = []
        for _ in range(5):
            page.keyboard.press("ArrowDown")
            seen.append(page.evaluate("document.activeElement.shadowRoot.activeElement.dataset.part"))
        assert seen == ["node-0", "node-1", "node-3", "node-2", "node-4"], "level by level"
        page.keyboard.press("Enter")
        assert page.get_by_role("group", name="Story of f").is_visible()
        assert page.get_by_role("slider", name="Step").input_value() == "0"

    def test_on_a_phone_the_table_keeps_names_and_numbers_in_sight(self, show: Any) -> None:
        a, b = Value(0.123456789, "learning rate of the outer loop"), Value(-3.2e-7, "bias" * 20)
        page = show(step(a * b + a), SIZES["360 px"])
        go(page, last_step(page))
        for cell in page.locator(".known th:visible, .known td:visible").all():
            box = cell.bounding_box()
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= 360
        assert page.locator(".known").evaluate("(e) => e.scrollWidth <= e.clientWidth")


class TestControls:
    def test_next_and_play_differ_in_word_and_sign(self, show: Any) -> None:
        page = show(step(worked()))
        words = {
            name: page.get_by_role("button", name=name, exact=True).inner_text() for name in ("Back", "Next", "Play")
        }
        assert words == {"Back": "Back", "Next": "Next", "Play": "Play"}
        icons = [page.get_by_role("button", name=name).locator("path").get_attribute("d") for name in ("Next", "Play")]
        assert icons[0] != icons[1]

    def test_space_presses_the_button_that_has_the_focus_and_the_tips_say_what_is_so(self, show: Any) -> None:
        page = show(step(worked()))
        page.get_by_role("button", name="Next").click()
        page.keyboard.press(" ")
        assert page.get_by_role("slider", name="Step").input_value() == "2"
        tips = {b.get_attribute("aria-label"): b.get_attribute("title") for b in page.locator(".buttons button").all()}
        assert tips == {
            "First": "First (Home)", "Back": "Back (Left arrow)", "Next": "Next (Right arrow)", "Last": "Last (End)",
            "Play": "Play (P)",
        }  # fmt: skip


class TestDirection:
    def test_in_a_still_picture_arrowheads_point_to_where_the_gradient_goes(self, show: Any) -> None:
        page = show(step(worked()))
        go(page, 7)  # df/dx
        heads = page.evaluate(
            """() => {
          const root = document.querySelector("[id^=stepper-]").shadowRoot;
          return [...root.querySelectorAll(".edge.playing")].map((edge) => {
            const own = getComputedStyle(edge.querySelector("polygon")).display;
            const head = edge.querySelector(".head").getBoundingClientRect();
            return [edge.dataset.part, own, head.x + head.width / 2, head.y + head.height / 2];
          });
        }"""
        )
        assert [(part, display) for part, display, _, _ in heads] == [("edge-2-0", "none"), ("result-2", "none")]
        receiver, operation = (page.locator(f"[data-part='{part}']").bounding_box() for part in ("node-0", "op-2"))
        for (_, _, x, y), box in zip(heads, (receiver, operation), strict=True):
            across = max(box["x"] - x, x - box["x"] - box["width"], 0.0)
            down = max(box["y"] - y, y - box["y"] - box["height"], 0.0)
            assert math.hypot(across, down) < 25.0, "the head is at the end that receives"

    def test_forward_arrowheads_are_as_drawn(self, show: Any) -> None:
        page = show(step(worked()))
        go(page, 2)
        assert page.locator(".edge.playing").count() == 3
        assert page.locator(".edge.against").count() == 0

    def test_the_number_travels_from_the_result_to_the_operand(self, show: Any, page: Any) -> None:
        page.emulate_media(reduced_motion="no-preference")
        show(step(worked()))
        page.locator(".speed").select_option("0.5")
        go(page, 6)
        page.get_by_role("button", name="Next").click()
        chip = page.locator(".carried[visibility=visible]")
        chip.wait_for()
        assert chip.locator("text").text_content() == "−4"
        first = chip.bounding_box()["x"]
        for _ in range(20):  # it travels for three seconds; on a busy machine it may begin late
            page.wait_for_timeout(100)
            now = chip.bounding_box()["x"]
            if now < first - 10:
                break
        assert now < first - 10, "to the left, where x stands"
        chip.wait_for(state="detached")
        page.get_by_role("button", name="Last").click()
        assert page.locator(".carried").count() == 0, "no number travels where a step is jumped to"


class TestPathByPath:
    @pytest.mark.parametrize("make", [multi_path, five_paths, neuron], ids=["multi-path", "five paths", "neuron"])
    def test_each_path_has_its_product_and_the_sum_grows_to_the_gradient(self, show: Any, make: Any) -> None:
        y = make()
        order = topological_order(y)
        x = next(node for node in order if node.op is None)
        page = show(step(y))
        chosen(page, "paths", x.label)
        every = paths(y, x)
        assert last_step(page) == len(every) + 1
        total = 0.0
        index = {node: i for i, node in enumerate(order)}
        for at, path in enumerate(every, 1):
            go(page, at)
            total += path.product
            assert page.locator(".sentence").text_content().endswith(format_number(path.product))
            more = " + …" if at < len(every) else ""
            assert page.locator(f"[data-number='grad-{index[x]}']").text_content() == format_number(total) + more
            lit = page.locator(".edge.playing").evaluate_all("(all) => all.map((e) => e.dataset.part)")
            edges = {f"edge-{index[node]}-{j}" for node, j in zip(path.nodes, path.operands, strict=False)}
            assert {part for part in lit if part.startswith("edge")} == edges
        go(page, len(every) + 1)
        (gradient,) = gradients(y, [x])
        assert format_number(gradient) in page.locator(".sentence").text_content()
        assert "the backward pass takes" in page.locator(".note").inner_text()

    def test_what_it_costs_is_counted(self, show: Any) -> None:
        page = show(step(five_paths()))
        chosen(page, "paths")
        go(page, last_step(page))
        assert (
            "Path by path this took 14 multiplications; the backward pass takes 9" in page.locator(".note").inner_text()
        )

    def test_too_many_paths_are_counted_not_walked(self, show: Any) -> None:
        y = Value(1.0, "x")
        for _ in range(10):
            y = y + y
        page = show(step(y))
        chosen(page, "paths")
        assert last_step(page) == 0
        assert "1024 paths" in page.locator(".sentence").inner_text()
        assert "10240 multiplications; the backward pass takes 20 multiplications" in page.locator(".note").inner_text()


class TestForwardMode:
    @every_graph
    def test_every_tangent_is_the_derivative_by_the_chosen_leaf(self, show: Any, make: Any) -> None:
        y = make()
        order = topological_order(y)
        page = show(step(y))
        for x in [node for node in order if node.op is None][:4]:
            chosen(page, "forward", x.label)
            go(page, last_step(page))
            for i, node in enumerate(order):
                (expected,) = gradients(node, [x])
                text = page.locator(f"[data-number='grad-{i}']").text_content()
                assert text == format_number(expected), node
            assert page.locator(".known thead .head").text_content() == f"d/d{x.label}"

    def test_the_boxes_say_what_they_hold_and_the_backward_pass_comes_back(self, show: Any) -> None:
        page = show(step(worked()))
        chosen(page, "forward", "z")
        assert set(page.locator("svg .word").all_text_contents()) == {"data", "d/dz"}
        go(page, last_step(page))
        assert page.locator(".sentence").text_content() == "df/dz\u00a0=\u00a03"
        note = page.locator(".note").inner_text()
        assert "2 multiplications" not in note
        assert "Forward mode took one multiplication for" in note
        assert "and 5 for all 3 leaves, one pass each" in note
        assert "the backward pass takes 4 multiplications and gives the gradients of all 3 leaves" in note
        chosen(page, "backward")
        assert set(page.locator("svg .word").all_text_contents()) == {"data", "grad"}
        go(page, last_step(page))
        assert "df/dx\u00a0=\u00a0−4" in page.locator(".sentence").text_content()


class TestCode:
    def test_the_line_that_made_a_value_is_lit_with_it(self, show: Any) -> None:
        with detect_anomaly():
            x, y, z = Value(-2.0, "x"), Value(5.0, "y"), Value(-4.0, "z")
            q = x + y
            f = q * z
        page = show(step(f, names={"q": q, "f": f}))
        assert "Lines of test_stepper_layout.py" in page.locator(".code").inner_text()
        assert page.locator(".code .lit").count() == 0
        lit = []
        for at in (2, 3, 5, 7):
            go(page, at)
            lit.append(page.locator(".code .lit").inner_text())
        assert lit == ["q = x + y", "f = q * z", "f = q * z", "q = x + y"]

    def test_without_noted_lines_there_is_no_panel(self, show: Any) -> None:
        assert not show(step(worked())).locator(".code").is_visible()
