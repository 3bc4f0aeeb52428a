"""What stands beside the live page: the numerical check, gradient descent, and all of it by keys alone."""

from __future__ import annotations

import re
from typing import Any

import pytest
from graphs import worked
from pages import go, last_step, moved, new_page, opened_browser, shown_in_page, xor  # noqa: F401

import autodiff as ad
from autodiff import Value, log, topological_order
from viz import step
from viz.writing import templates

pytestmark = [pytest.mark.browser, pytest.mark.once]


class TestCheck:
    def test_the_difference_quotient_stands_beside_the_gradient(self, show: Any) -> None:
        page = show(step(worked()))
        page.locator(".checking summary").click()
        page.locator(".checking select").select_option(label="z")
        page.get_by_role("slider", name="ε").fill("-3")
        text = page.locator(".checked").inner_text()
        assert "(f(z + ε) − f(z − ε)) / 2ε" in text
        assert "gradient: 3" in text
        moved(page, "x", 0.5)
        assert "gradient: 5.5" in page.locator(".checked").inner_text()

    def test_the_error_grows_on_both_sides_of_the_best_step(self, show: Any) -> None:
        page = show(step(ad.exp(Value(1.0, "x"))))
        page.locator(".checking summary").click()
        off = {}
        for power in ("-1", "-5", "-12"):
            page.get_by_role("slider", name="ε").fill(power)
            found = re.search(r"off by (\S+?),", page.locator(".checked").inner_text())
            assert found
            off[power] = templates.number_in(found[1])
        assert off["-5"] < off["-1"] / 1e4
        assert off["-5"] < off["-12"] / 1e3

    def test_where_a_step_leaves_the_domain_it_says_so(self, show: Any) -> None:
        page = show(step(log(Value(0.05, "x"))))
        page.locator(".checking summary").click()
        page.get_by_role("slider", name="ε").fill("-1")
        assert "Not possible here" in page.locator(".checked").inner_text()


class TestDescent:
    def test_one_step_goes_against_the_gradient(self, show: Any) -> None:
        w, x = Value(2.0, "w"), Value(3.0, "x")
        page = show(step((w * x - 1.0) ** 2, parameters=[w]))
        page.locator(".descending summary").click()
        page.get_by_label("η").fill("0,01")
        page.get_by_role("button", name="1 step").click()
        assert page.get_by_label("w", exact=True).input_value() == "1.7"
        assert page.get_by_label("x", exact=True).input_value() == "3", "an input stays"
        assert page.locator(".descended").inner_text() == "Loss: 25, after 1 step 16.81."
        page.get_by_role("button", name="Reset").click()
        assert page.get_by_label("w", exact=True).input_value() == "2"

    def test_the_button_trains_xor_over_its_four_examples(self, show: Any) -> None:
        y, model, examples = xor()
        page = show(step(y, parameters=model, examples=examples))
        page.locator(".descending summary").click()
        page.get_by_label("η").fill("0.3")
        for _ in range(10):
            page.get_by_role("button", name="100 steps").click()
        said = page.locator(".descended").inner_text()
        found = re.fullmatch(r"Mean loss over 4 examples: (\S+), after 1000 steps (\S+)\.", said)
        assert found, said
        assert templates.number_in(found[2]) < 0.01 < templates.number_in(found[1])
        assert page.locator(".curve polyline").count() == 1
        go(page, last_step(page))
        loss = f"[data-number='data-{len(topological_order(y)) - 1}']"
        for k in range(4):
            page.locator(".example select").select_option(str(k))
            assert float(page.locator(loss).get_attribute("data-value")) < 0.01, f"example {k + 1}"

    def test_a_rate_that_is_too_large_stops_where_there_is_still_a_loss(self, show: Any) -> None:
        w = Value(1.5, "w")
        page = show(step(w**4, parameters=[w]))
        page.locator(".descending summary").click()
        page.get_by_label("η").fill("10")
        page.get_by_role("button", name="100 steps").click()
        assert "take a smaller η" in page.locator(".descended").inner_text()
        assert page.locator(".fault").count() == 0
        page.get_by_label("η").fill("-1")
        page.get_by_role("button", name="1 step").click()
        assert page.locator(".descended").inner_text() == "η is a number above 0, like 0.1."

    def test_without_parameters_there_is_no_descent(self, show: Any) -> None:
        assert not show(step(worked())).locator(".descending").is_visible()


class TestKeyboard:
    def test_numbers_are_moved_checked_and_descended_by_keys_alone(self, show: Any) -> None:
        w, x = Value(2.0, "w"), Value(3.0, "x")
        page = show(step((w * x - 1.0) ** 2, parameters=[w]))
        keys = page.keyboard

        def tab_to(name: str) -> None:
            for _ in range(60):
                keys.press("Tab")
                found = page.evaluate(
                    """() => { const e = document.activeElement.shadowRoot?.activeElement;
                    return e && (e.getAttribute("aria-label") || e.closest("label")?.innerText || e.innerText) }"""
                )
                if name == (found or "").strip():
                    return
            raise AssertionError(f"Tab does not reach {name}")

        keys.press("End")
        tab_to("x, slider")
        keys.press("ArrowLeft")
        assert page.get_by_label("x", exact=True).input_value() == "2.9"
        assert page.locator(".count").inner_text() == "Step 10 of 10", "an arrow on a slider is the slider's"
        tab_to("x")
        keys.press("Control+a")
        keys.type("1/4")
        keys.press("Enter")
        assert page.locator("[data-number='data-1']").text_content() == "0.25"
        tab_to("Gradient descent")
        keys.press("Enter")
        tab_to("1 step")
        keys.press(" ")
        assert page.locator(".descended").inner_text().startswith("Loss: 0.25")
        tab_to("Numerical check")
        keys.press("Enter")
        page.locator(".checked .whole").first.wait_for()
        assert "gradient" in page.locator(".checked").inner_text()
