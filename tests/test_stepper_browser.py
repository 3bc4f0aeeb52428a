"""The step-through page in a real browser: every visible number at every step, keys, predictions, names as data.

What the page must show is derived here from the engine's step records alone. No page may write to the console,
throw, or ask for anything from a network.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from chromium import violations
from graphs import multi_path, neuron, worked
from pages import MODEL, net, new_page, opened_browser, shown_in_page, watched  # noqa: F401 (some are fixtures)

from autodiff import Value, backward_steps, forward_steps
from viz import step
from viz.cli import main
from viz.writing.numbers import format_number

pytestmark = [pytest.mark.browser, pytest.mark.once]


GRAPHS = {"worked": worked, "multi-path": multi_path, "neuron": neuron, "net": net}


def states(y: Value) -> list[dict[str, tuple[float, str]]]:
    """For each step all numbers that are then known: {"data-0": (number, text), …}."""
    known: dict[str, tuple[float, str]] = {}
    shown = [dict(known)]
    records = list(forward_steps(y))
    index = {record.node: record.index for record in records}
    for level in levels([record.node for record in records]):
        for node in level:
            known[f"data-{index[node]}"] = (node.data, format_number(node.data))
            if node.op is not None:  # what is given appears at once
                shown.append(dict(known))
        if level[0].op is None:
            shown.append(dict(known))
    known[f"grad-{index[y]}"] = (1.0, "1")
    shown.append(dict(known))
    for record in backward_steps(y):
        for c in record.contributions:
            known[f"partial-{index[record.node]}-{c.operand}"] = (c.partial, format_number(c.partial))
            more = " + …" if c.remaining else ""
            known[f"grad-{index[c.arg]}"] = (c.total, format_number(c.total) + more)
            shown.append(dict(known))
    return [*shown, dict(known)]


def levels(order: list[Value]) -> list[list[Value]]:
    """The leaves, then what can be computed from them alone, and so on."""
    found: list[list[Value]] = []
    known: set[Value] = set()
    while len(known) < len(order):
        found.append([node for node in order if node not in known and known.issuperset(node.parents)])
        known.update(found[-1])
    return found


READ = """
(host) => {
  const root = host.shadowRoot;
  const texts = [...root.querySelectorAll("[data-number]")].filter((text) => text.textContent);
  const cells = [...root.querySelectorAll("tbody tr")].flatMap((row) =>
    row.hidden ? [] : ["data", "grad"].map((key) => [`${key}-${row.dataset.node}`, row.querySelector(`.${key} data`)])
  );
  const full = (element, value) => [value === undefined ? null : Number(value), element.textContent];
  return {
    picture: Object.fromEntries(texts.map((text) => [text.dataset.number, full(text, text.dataset.value)])),
    table: Object.fromEntries(cells.filter(([, data]) => data).map(([key, data]) => [key, full(data, data.value)])),
    sentence: root.querySelector(".sentence").textContent,
    count: root.querySelector(".count").textContent,
  };
}
"""


def read(page: Any, which: int = 0) -> dict[str, Any]:
    return page.locator("[id^=stepper-]").nth(which).evaluate(READ)


def check(page: Any, y: Value, expected: dict[str, tuple[float, str]], at: int) -> None:
    seen = read(page)
    wanted = {key: list(number) for key, number in expected.items()}
    assert seen["picture"] == wanted, f"at step {at}"
    assert seen["table"] == {key: number for key, number in wanted.items() if not key.startswith("partial")}
    assert seen["count"] == f"Step {at} of {len(states(y)) - 1}"


@pytest.mark.parametrize("make", GRAPHS.values(), ids=GRAPHS)
def test_buttons_walk_forward_and_back_and_every_step_shows_the_numbers_known_then(show: Any, make: Any) -> None:
    y = make()
    page, expected = show(step(y)), states(y)
    for at, known in enumerate(expected):
        check(page, y, known, at)
        if at < len(expected) - 1:
            page.get_by_role("button", name="Next").click()
    for at, known in reversed([*enumerate(expected)][:-1]):
        page.get_by_role("button", name="Back").click()
        check(page, y, known, at)


@pytest.mark.parametrize("make", GRAPHS.values(), ids=GRAPHS)
def test_keys_alone_walk_through_a_saved_page_as_soon_as_it_is_open(show: Any, make: Any) -> None:
    y = make()
    page, expected = show(step(y)), states(y)
    for at, known in enumerate(expected[1:], 1):
        page.keyboard.press("ArrowRight")
        check(page, y, known, at)
    page.get_by_role("button", name="First").press("Enter")  # First is idle now, and must not lose the focus
    check(page, y, expected[0], 0)
    page.keyboard.press("End")
    check(page, y, expected[-1], len(expected) - 1)
    page.keyboard.press("ArrowLeft")
    check(page, y, expected[-2], len(expected) - 2)


def test_first_last_and_the_slider_go_where_they_say(show: Any) -> None:
    y = worked()
    page, expected = show(step(y)), states(y)
    page.get_by_role("button", name="Last").click()
    check(page, y, expected[-1], len(expected) - 1)
    page.get_by_role("button", name="First").click()
    check(page, y, expected[0], 0)
    page.get_by_role("slider", name="Step").fill("7")
    check(page, y, expected[7], 7)
    page.get_by_role("slider", name="Step").press("ArrowRight")
    check(page, y, expected[8], 8)


@pytest.mark.parametrize("make", GRAPHS.values(), ids=GRAPHS)
def test_each_backward_step_is_the_chain_rule_in_one_sentence(show: Any, make: Any) -> None:
    y = make()
    lines = [line for line in str(step(y)).splitlines() if " · ∂" in line]
    page = show(step(y))
    first = len(states(y)) - 1 - len(lines)
    for i, line in enumerate(lines):
        page.get_by_role("slider", name="Step").fill(str(first + i))
        assert read(page)["sentence"] == line


def test_the_worked_example_says_what_the_lecture_says(show: Any) -> None:
    page = show(step(worked()))
    page.get_by_role("slider", name="Step").fill("7")
    assert read(page)["sentence"] == "df/dx = df/dq · ∂q/∂x = −4 · 1 = −4"
    live = page.locator(".saying [aria-live]")
    assert live.get_attribute("aria-live") == "polite"
    assert "← Backward" in live.inner_text()


def test_the_nodes_and_edges_in_play_are_marked_by_more_than_colour(show: Any) -> None:
    page = show(step(worked()))
    page.get_by_role("slider", name="Step").fill("7")
    marked = page.locator(".picture svg").evaluate(
        "(svg) => [...svg.querySelectorAll('.from, .to, .playing')].map((e) => e.dataset.part).sort()"
    )
    assert marked == sorted(["node-0", "node-2", "op-2", "edge-2-0", "result-2"])
    width = "(e) => parseFloat(getComputedStyle(e.querySelector('path, polygon')).strokeWidth)"
    parts = {
        part: page.locator(f"[data-part='{part}']").evaluate(width)
        for part in ("node-0", "node-1", "edge-2-0", "edge-2-1")
    }
    assert parts["node-0"] > 1.5 * parts["node-1"]
    assert parts["edge-2-0"] > 1.5 * parts["edge-2-1"]


def test_play_steps_by_itself_and_p_stops_it(show: Any) -> None:
    page = show(step(net()))
    page.get_by_label("Speed").select_option("4")
    page.get_by_role("button", name="Play").click()
    page.wait_for_function("document.querySelector('[id^=stepper-]').shadowRoot.querySelector('.slider').value >= 3")
    page.keyboard.press("p")
    at = read(page)["count"]
    page.wait_for_timeout(900)
    assert read(page)["count"] == at
    assert page.get_by_role("button", name="Play").is_visible(), "Pause is Play again"


def test_a_click_tells_the_whole_story_of_a_value_as_far_as_it_is_known(show: Any) -> None:
    page = show(step(multi_path()))
    page.locator("[data-part='node-0']").click()
    story = page.get_by_role("group", name="Story of a")
    assert "still to come" in story.inner_text()
    assert "7" not in story.inner_text()
    page.get_by_role("button", name="Last").click()
    text = story.text_content()
    assert text.count("+=") == 3
    assert "sum: dv2/da = 7" in text.replace("\u00a0", " ")
    page.locator("[data-part='node-1']").click()
    text = page.get_by_role("group", name="Story of v1").text_content().replace("\u00a0", " ")
    assert "v1 = a·a = 9" in text
    assert "rule: ∂(①·②)/∂① = ②" in text
    assert "∂v1/∂a① = a = 3" in text, "a stands twice in a·a"
    assert "∂v1/∂a② = a = 3" in text


def test_the_keyboard_alone_opens_and_closes_a_story(show: Any) -> None:
    page = show(step(worked()))
    page.locator("[data-part='node-2']").focus()
    page.keyboard.press("Enter")
    assert page.get_by_role("group", name="Story of q").is_visible()
    page.keyboard.press("ArrowRight")
    assert read(page)["count"].startswith("Step 1 ")
    page.keyboard.press("Escape")
    assert not page.get_by_role("group", name="Story of q").is_visible()
    assert page.evaluate("document.activeElement.shadowRoot.activeElement.dataset.part") == "node-2"


def predicting(show: Any, y: Value, at: int) -> Any:
    """The page in predict mode, with the question of step ``at`` open."""
    page = show(step(y))
    page.get_by_role("slider", name="Step").fill(str(at - 1))
    page.get_by_role("checkbox", name="Predict").check()
    page.get_by_role("button", name="Next").click()
    return page


def answered(page: Any, answer: str) -> str:
    page.get_by_label("Your answer").fill(answer)
    page.get_by_label("Your answer").press("Enter")
    return page.locator(".verdict").inner_text()


def test_a_question_hides_the_number_everywhere_until_it_is_answered(show: Any) -> None:
    y = worked()
    page, before = predicting(show, y, 7), states(y)[6]
    seen = read(page)
    assert seen["sentence"] == "df/dx = df/dq · ∂q/∂x = ?"
    assert seen["picture"] == {key: list(number) for key, number in before.items()} | {"grad-0": [None, "?"]}
    assert "Right" in answered(page, "-4")
    assert read(page)["sentence"].endswith("= −4 · 1 = −4")
    check(page, y, states(y)[7], 7)
    page.keyboard.press("Enter")  # Next has the focus
    assert read(page)["sentence"] == "df/dy = df/dq · ∂q/∂y = ?"


@pytest.mark.parametrize("answer", ["-4", "−4", "-8/2", " - 4.0 ", "-4,02", "-4e0", "-0.4×10^1", "-0.4*10¹"])
def test_numbers_fractions_and_what_is_near_enough_are_right(show: Any, answer: str) -> None:
    assert answered(predicting(show, worked(), 7), answer) == "✓ Right: −4."


def test_a_third_is_a_right_answer_to_a_third(show: Any) -> None:
    x, y = Value(1.0, "x"), Value(-3.0, "y")
    assert answered(predicting(show, x / y, 2), "-1/3") == "✓ Right: −0.3333."


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [("4", "look at the sign"), ("-4.1", "Not quite"), ("1/0", "no number"), ("four", "no number"), ("", "no number")],
)
def test_a_wrong_answer_is_told_and_the_number_stays_hidden(show: Any, answer: str, verdict: str) -> None:
    page = predicting(show, worked(), 7)
    assert verdict in answered(page, answer)
    assert read(page)["sentence"].endswith("= ?")
    page.get_by_role("button", name="Next").click()
    assert read(page)["sentence"].endswith("= −4")
    assert page.locator(".verdict").inner_text() == "The number is −4."
    assert read(page)["count"] == "Step 7 of 9"


def test_two_steppers_on_one_page_leave_each_other_and_the_page_alone(page: Any, tmp_path: Path) -> None:
    file = tmp_path / "two.html"
    style = "p, button { color: rgb(1, 2, 3) !important; display: block !important; font-size: 99px !important }"
    body = f"<button id=own>own</button>{step(worked()).html}{step(multi_path()).html}"
    file.write_text(f"<!doctype html><meta charset=utf-8><style>{style}</style>{body}", encoding="utf-8")
    page.goto(file.as_uri())
    page.locator(".next").nth(1).click()
    page.keyboard.press("ArrowRight")
    assert [read(page, i)["count"] for i in (0, 1)] == ["Step 0 of 9", "Step 2 of 9"]
    colour = "(e) => [getComputedStyle(e).color, getComputedStyle(e).fontSize]"
    assert page.locator("#own").evaluate(colour) == ["rgb(1, 2, 3)", "99px"]
    inside = page.locator(".next").first.evaluate(colour)
    assert inside[0] != "rgb(1, 2, 3)"
    assert inside[1] == "16px"


def test_a_notebooks_way_of_showing_it_works_even_twice(page: Any) -> None:
    """JupyterLab and VS Code set innerHTML and then make the script elements again; a view may be doubled."""
    page.goto("about:blank")
    page.set_content("<body data-jp-theme-light='true'><div class=out></div><div class=out></div></body>")
    page.evaluate(
        """(html) => document.querySelectorAll(".out").forEach((out) => {
          out.innerHTML = html;
          out.querySelectorAll("script").forEach((old) => {
            const script = document.createElement("script");
            script.textContent = old.textContent;
            old.replaceWith(script);
          });
        })""",
        step(worked()).html,
    )
    page.locator(".next").nth(1).click()
    assert [read(page, i)["count"] for i in (0, 1)] == ["Step 0 of 9", "Step 1 of 9"]


@pytest.mark.parametrize("make", GRAPHS.values(), ids=GRAPHS)
@pytest.mark.parametrize("width", [400, 640], ids=["a phone", "200 %"])
def test_nothing_runs_over_the_side_of_the_page(show: Any, make: Any, width: int) -> None:
    page = show(step(make()))
    page.set_viewport_size({"width": width, "height": 800})
    for name in ("Last", "Back", "First"):
        page.get_by_role("button", name=name).click()
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        sizes = page.locator(".picture svg text").evaluate_all(
            "(all) => all.map((t) => t.getBoundingClientRect().height)"
        )
        assert min(size for size in sizes if size) > 11, "letters stay readable, the picture scrolls in its box"


def test_the_element_in_play_is_scrolled_into_view_on_a_phone(show: Any) -> None:
    page = show(step(net()))
    page.set_viewport_size({"width": 400, "height": 800})
    page.keyboard.press("ArrowRight")  # all that is given, at once
    for _ in range(len(states(net())) - 3):
        page.keyboard.press("ArrowRight")
        box, target = page.locator(".picture").bounding_box(), page.locator(".value.to").bounding_box()
        middle = target["x"] + target["width"] / 2
        assert box["x"] < middle < box["x"] + box["width"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_to_object_to(show: Any, scheme: str) -> None:
    y = net()
    page = show(step(y, collapse=MODEL))
    page.emulate_media(color_scheme=scheme)
    assert violations(page) == []
    page.get_by_role("slider", name="Step").fill("20")
    page.get_by_role("button", name="Open neurons").click()
    page.locator("[data-part='node-8']").click()
    assert violations(page) == []
    page.get_by_role("checkbox", name="Predict").check()
    for _ in range(3):
        page.get_by_role("button", name="Next").click()
    answered(page, "123")
    assert violations(page) == []


def test_neurons_open_and_close_and_show_the_same_numbers(show: Any) -> None:
    y = net()
    page, expected = show(step(y, collapse=MODEL)), states(y)
    for at, known in enumerate(expected):
        collapsed = read(page)["picture"]
        assert collapsed == {key: list(known[key]) for key in collapsed}
        page.get_by_role("button", name="Open neurons").click()
        check(page, y, known, at)
        page.get_by_role("button", name="Open neurons").click()
        page.keyboard.press("ArrowRight")
    assert len(collapsed) == 2 * 7 + 9 + 2, "inputs, neurons, the error, its square; weights and biases; two partials"


def test_paper_shows_the_end_state_in_light_and_the_screen_comes_back(show: Any, page: Any) -> None:
    y = worked()
    page.emulate_media(color_scheme="dark")
    show(step(y))
    page.keyboard.press("ArrowRight")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print")
    check(page, y, states(y)[-1], len(states(y)) - 1)
    assert not page.get_by_role("button", name="Next").is_visible()
    assert page.locator(".stepper").get_attribute("data-theme") == "light"
    page.emulate_media(media="screen")
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    check(page, y, states(y)[1], 1)
    assert page.locator(".stepper").get_attribute("data-theme") == "dark"
    assert page.pdf().startswith(b"%PDF")


def test_three_hundred_nodes_walk_to_the_end(show: Any) -> None:
    y = Value(0.5, "x")
    for i in range(149):
        y = y * Value(1.0 + i / 1000, f"w{i}")
    page, expected = show(step(y)), states(y)
    page.get_by_role("button", name="Last").click()
    check(page, y, expected[-1], len(expected) - 1)
    page.get_by_role("slider", name="Step").fill("350")
    check(page, y, expected[350], 350)


NASTY = [
    "</script><script>canary()</script>",
    '"><img src=x onerror=canary()>',
    "<svg onload=canary()>",
    "'+canary()+'${canary()}`",
    "javascript:canary()",
    r"\input{x} $a$ & %",
    "\u202eevil\u202c",
    "🚀<b>x</b>",
]


@pytest.fixture(name="tab")
def own_tab(browser: Any) -> Iterator[Any]:
    """A tab of its own, for what stays with a tab: a script that comes before those of every page."""
    with closing(browser.new_page()) as tab, watched(tab):
        yield tab


@pytest.mark.parametrize("name", NASTY)
def test_a_name_is_shown_as_typed_and_nothing_in_it_runs(tab: Any, tmp_path: Path, name: str) -> None:
    tab.add_init_script("window.touched = false; window.canary = () => { window.touched = true }")
    a, b = Value(2.0, name), Value(3.0)
    y = a * b
    y.label = name + "y"
    tab.goto(step(y, names={name + "b": b}).save(tmp_path / "f.html").as_uri())
    tab.get_by_role("button", name="Last").click()
    for i in range(3):
        tab.locator(f"[data-part='node-{i}']").click()
    assert tab.evaluate("window.touched") is False
    assert tab.locator(".stepper img, .stepper script, .stepper svg svg").count() == 0
    shown = tab.locator(".stepper .known tbody th b").first.inner_text()
    visible = re.sub(r"[\u2066-\u2069]", "", shown)
    assert visible == name if len(name) <= 24 else visible == name[:23] + "…"
    assert tab.title().startswith(name[:20]) or "\u202e" in name


def test_an_expression_of_the_command_line_is_data_too(page: Any, tmp_path: Path, capsys: Any) -> None:
    file = tmp_path / "f.html"
    assert main(["f = x * 2", "x=3", "--out", str(file)]) == 0
    assert f"Wrote {file}" in capsys.readouterr().out
    page.goto(file.as_uri())
    page.get_by_role("button", name="Last").click()
    assert read(page)["sentence"] == "df/dx\u00a0=\u00a02"
    assert main(["f = x * 2; </script><script>canary()</script>", "x=3", "--out", str(tmp_path / "g.html")]) == 2
    assert not (tmp_path / "g.html").exists()
