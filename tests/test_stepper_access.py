"""The page for everyone: read in any colours and on paper, scanned by axe, and worked with the keyboard alone."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pages
import pytest
from chromium import violations
from graphs import worked
from pages import MODEL, SIZES, at_every_step, chosen, every_graph, five_paths, go, net

from autodiff import Value, detect_anomaly
from viz import step

pytestmark = [pytest.mark.browser, pytest.mark.once]
browser, page, show = pages.opened_browser, pages.new_page, pages.shown_in_page

CONTRAST = """(svg) => {
  const light = (colour) => {
    const parts = colour.match(/[\\d.]+/g).slice(0, 3).map((c) => c / 255);
    const [r, g, b] = parts.map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  return Math.min(...[...svg.querySelectorAll(".value")].flatMap((box) => {
    const paper = light(getComputedStyle(box.querySelector("polygon, path")).fill);
    return [...box.querySelectorAll("text")].filter((text) => text.textContent.trim()).map((text) => {
      const ink = light(getComputedStyle(text).fill);
      return (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05);
    });
  }));
}"""


class TestColours:
    @pytest.mark.parametrize("scheme", ["light", "dark"])
    @pytest.mark.parametrize("mode", ["backward", "paths", "forward"])
    def test_what_is_written_in_a_box_can_be_read_at_every_step(self, show: Any, scheme: str, mode: str) -> None:
        page = show(step(net(), parameters=MODEL))
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        chosen(page, mode)
        least = at_every_step(page, f"(root) => ({CONTRAST})(root.querySelector('.picture svg'))")
        assert len(least) >= 3
        assert min(least) >= 4.5, least


BACKGROUND = "(e) => getComputedStyle(e).backgroundColor"


@pytest.mark.parametrize(
    ("scheme", "body", "dark"),
    [
        ("light", "", False),
        ("dark", "", True),
        ("dark", "data-jp-theme-light=true", False),
        ("light", "data-jp-theme-light=false", True),
        ("light", "class=vscode-dark", True),
        ("dark", "class=vscode-light", False),
    ],
)
def test_dark_and_light_follow_the_notebook_or_else_the_system(
    page: Any, tmp_path: Path, scheme: str, body: str, dark: bool
) -> None:
    page.emulate_media(color_scheme=scheme)
    file = tmp_path / "f.html"
    file.write_text(f"<!doctype html><meta charset=utf-8><body {body}>{step(worked()).html}", encoding="utf-8")
    page.goto(file.as_uri())
    red = int(re.findall(r"\d+", page.locator(".stepper").evaluate(BACKGROUND))[0])
    assert (red < 80) == dark


def test_a_theme_changed_in_the_notebook_is_followed(page: Any) -> None:
    page.goto("about:blank")
    page.set_content(f"<body data-jp-theme-light='true'>{step(worked()).html}</body>")
    light = page.locator(".stepper").evaluate(BACKGROUND)
    page.evaluate("document.body.dataset.jpThemeLight = 'false'")
    assert page.locator(".stepper").evaluate(BACKGROUND) != light


class TestPaper:
    @every_graph
    def test_letters_can_be_read_and_no_box_is_cut(self, show: Any, page: Any, make: Any) -> None:
        show(step(make()), (690, 900))
        page.evaluate("dispatchEvent(new Event('beforeprint'))")
        page.emulate_media(media="print")
        strips = [
            [svg.bounding_box()["width"], *map(float, svg.get_attribute("viewBox").split())]
            for svg in page.locator(".picture > svg:visible").all()
        ]
        assert min(12.0 * shown / wide for shown, _, _, wide, _ in strips) >= 9.0, "px: 7 points"
        boxes = page.locator(".picture svg").first.evaluate(
            """(svg) => [...svg.querySelectorAll(".value")].map((box) => {
              const { x, width } = box.querySelector("polygon, path").getBBox();
              const shift = svg.querySelector("g").transform.baseVal.consolidate().matrix.e;
              return [x + shift, x + width + shift];
            })"""
        )
        if page.locator(".strip").count():
            for left, right in boxes:
                assert any(x <= left and right <= x + wide for _, x, _, wide, _ in strips)
        page.emulate_media(media="screen")
        page.evaluate("dispatchEvent(new Event('afterprint'))")
        assert page.locator(".strip").count() == 0
        assert page.locator(".picture > svg").is_visible()


class TestAccess:
    @pytest.mark.parametrize("scheme", ["light", "dark"])
    @pytest.mark.parametrize("size", [SIZES["360 px"], SIZES["a laptop"]], ids=["360 px", "a laptop"])
    def test_axe_finds_nothing_in_any_mode(self, show: Any, scheme: str, size: tuple[int, int]) -> None:
        with detect_anomaly():
            y = five_paths()
        page = show(step(y), size)
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        for mode in ("paths", "forward", "backward"):
            chosen(page, mode)
            go(page, 3)
            assert violations(page) == []
        page.locator("[data-part='node-1']").evaluate("(e) => e.dispatchEvent(new Event('click'))")
        assert violations(page) == []

    def test_axe_finds_nothing_where_it_is_embedded_and_a_label_is_blank(self, page: Any, tmp_path: Path) -> None:
        y = Value(2.0, " ") * Value(3.0, "b")
        file = tmp_path / "f.html"
        start = "<!doctype html><html lang=en><meta charset=utf-8><title>t</title><main><h1>A lesson</h1>"
        file.write_text(f"{start}{step(y).html}{step(worked()).html}</main>", encoding="utf-8")
        page.goto(file.as_uri())
        for slider in page.get_by_role("slider", name="Step").all():
            slider.fill("3")
        assert violations(page) == []

    def test_every_control_is_reached_by_tab(self, show: Any) -> None:
        page = show(step(five_paths()))
        wanted = {
            "First",
            "Back",
            "Next",
            "Last",
            "Play",
            "Smaller",
            "Larger",
            "Fit",
            "Show",
            "Step",
            "Speed",
            "Predict",
        }
        reached = set()
        for _ in range(40):
            page.keyboard.press("Tab")
            name = page.evaluate(
                """() => { const e = document.activeElement.shadowRoot?.activeElement;
                return e && (e.getAttribute("aria-label") || e.closest("label")?.innerText || e.innerText) }"""
            )
            reached |= set(re.findall(r"\w+", name or ""))
        assert wanted <= reached

    def test_the_keyboard_alone_does_everything(self, show: Any) -> None:
        page = show(step(five_paths()))
        keys, count = page.keyboard, page.locator(".count")

        def tab_to(name: str) -> None:
            """Press Tab until the control of that name has the focus."""
            for _ in range(40):
                found = page.evaluate(
                    """() => { const e = document.activeElement.shadowRoot?.activeElement;
                    return e && (e.getAttribute("aria-label") || e.closest("label")?.innerText || e.innerText) }"""
                )
                if name in (found or ""):
                    return
                keys.press("Tab")
            raise AssertionError(f"Tab does not reach {name}")

        for key, at in (("ArrowRight", 1), ("ArrowRight", 2), ("ArrowLeft", 1), ("End", 17), ("Home", 0)):
            keys.press(key)
            assert count.inner_text() == f"Step {at} of 17"
        tab_to("Show")
        keys.type("One path")  # as one chooses from a list
        assert count.inner_text() == "Step 0 of 6"
        tab_to("Next")
        keys.press("Enter")
        assert "Path 1 of 5" in page.locator(".note").inner_text()
        tab_to("Show")
        keys.type("Backward")
        wide = page.locator(".picture svg").bounding_box()["width"]
        tab_to("Larger")
        keys.press("Enter")
        assert page.locator(".picture svg").bounding_box()["width"] > 1.2 * wide
        keys.press("Shift+ArrowRight")
        assert page.locator(".picture").evaluate("(p) => p.scrollLeft") > 0
        tab_to("Fit")
        keys.press(" ")
        assert page.locator(".picture svg").bounding_box()["width"] < wide
        tab_to("Computation graph")
        keys.press("ArrowDown")
        keys.press("Enter")
        assert page.get_by_role("group", name="Story of x").is_visible()
        keys.press("Escape")
        assert not page.get_by_role("group", name="Story of x").is_visible()
        tab_to("Predict")
        keys.press(" ")
        tab_to("Next")
        for _ in range(2):
            keys.press("Enter")
        keys.type("9/4")  # x·x
        keys.press("Enter")
        assert page.locator(".verdict").inner_text() == "✓ Right: 2.25."
        tab_to("Predict")
        keys.press(" ")
        tab_to("Speed")
        keys.type("4")
        tab_to("Step")
        keys.press("ArrowRight")
        keys.press("p")
        page.wait_for_function(
            "document.querySelector('[id^=stepper-]').shadowRoot.querySelector('.slider').value >= 6"
        )
        keys.press("p")
        at = count.inner_text()
        page.wait_for_timeout(700)
        assert count.inner_text() == at
