"""The page whose numbers move: what it computes is what the engine computes, and what it says is what Python says.

Random graphs of every row are moved in the browser and built anew in Python. Sentences are compared letter for letter:
the templates are filled by Python with the numbers of the page. What is outside a domain is said, and undone.
"""

from __future__ import annotations

import math
import random
import re
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from chromium import violations
from graphs import worked
from pages import SIZES, go, last_step, moved, net, new_page, opened_browser, shown_in_page, xor  # noqa: F401

import autodiff as ad
from autodiff import Value, define_op, engine, log, relu, sqrt, topological_order
from autodiff.op import OPS, Domain
from autodiff.ops import BUILT_IN
from viz import step
from viz.step.lesson import Lesson
from viz.step.rows import rows_of
from viz.writing import templates
from viz.writing.numbers import format_number

pytestmark = [pytest.mark.browser, pytest.mark.once]

ASSETS = Path(__file__).parent.parent / "viz" / "step"
STEPS = """(host) => {
  const root = host.shadowRoot;
  const slider = root.querySelector(".slider");
  const read = (element) => {
    const numbers = [...element.querySelectorAll("data")].map((data) => Number(data.value));
    return [element.textContent.replaceAll("\\u00a0", " "), numbers];
  };
  const steps = [];
  for (let at = 0; at <= Number(slider.max); at++) {
    slider.value = at;
    slider.dispatchEvent(new Event("input"));
    steps.push({ sentence: read(root.querySelector(".sentence")), note: read(root.querySelector(".note")) });
  }
  const texts = [...root.querySelectorAll("[data-number]")].filter((text) => text.textContent);
  const shown = (text) => [text.dataset.number, [Number(text.dataset.value), text.textContent]];
  const known = Object.fromEntries(texts.map(shown));
  return { steps, known };
}"""


def random_graph(seed: int) -> tuple[list[float], Callable[[list[float]], Value]]:
    """Numbers, and a graph of about ten operations on them, by any rows of the table."""
    choice = random.Random(seed)
    start = [round(choice.uniform(-2.0, 2.0), 2) for _ in range(4)]
    plan: list[tuple[str, list[int], bool]] = []

    def build(numbers: list[float], plan: list[tuple[str, list[int], bool]]) -> list[Value]:
        nodes = [Value(x, f"x{i}") for i, x in enumerate(numbers)]
        for name, places, with_number in plan:
            nodes.append(applied(name, [nodes[i] for i in places], with_number))
        return nodes

    while len(plan) < 10:
        name = choice.choice(sorted(BUILT_IN))
        count = OPS[name].arity or 2 * len(OPS[name].vectors)
        there = len(start) + len(plan)
        places = [max(there - 1 - int(choice.expovariate(0.4)), 0) for _ in range(count)]
        trial = [*plan, (name, places, choice.random() < 0.3)]
        try:
            y = build(start, trial)[-1]
            y.backward()
        except (ValueError, ArithmeticError):
            continue
        if abs(y.data) < 1e4 and all(abs(leaf.grad) < 1e6 for leaf in topological_order(y)):
            plan = trial
    return start, lambda numbers: ad.sum(build(numbers, plan))


def applied(name: str, operands: list[Value], with_number: bool) -> Value:
    op = OPS[name]
    if op.n_ary:
        half = len(operands) // len(op.vectors)
        vectors: list[list[Any]] = [operands[k * half : (k + 1) * half] for k in range(len(op.vectors))]
        return engine.n_ary(op)(*vectors)
    if with_number and len(operands) > 1:
        return engine.apply(op, *operands[:-1], 0.75)
    return engine.apply(op, *operands)


def lesson_of(y: Value) -> Lesson:
    return step(y)._lesson  # pyright: ignore[reportPrivateUsage]


def by_page(lesson: Lesson, template: str, seen: list[float]) -> str:
    """What Python says, with the page's own numbers, which its text holds in full one after another."""
    slots = [key for kind, key in re.findall("([\ue000-\ue002])([^\ue003]*)\ue003", template) if kind != "\ue002"]
    numbers = {**lesson.chain.numbers, **dict(zip(slots, seen, strict=True))}
    filled = templates.fill(template, numbers, lesson.chain.digits, lesson.chain._row)  # pyright: ignore
    return lesson.chain.placeholders.text(filled)


class TestTheSameNumbers:
    @pytest.mark.parametrize("seed", range(6))
    def test_random_inputs_of_random_graphs_give_the_engines_numbers_and_pythons_sentences(
        self, show: Any, seed: int
    ) -> None:
        start, build = random_graph(seed)
        page = show(step(build(start)))
        choice = random.Random(100 + seed)
        agreed = 0
        for _ in range(3):
            numbers = [round(x + choice.uniform(-1.0, 1.0), 3) for x in start]
            for i, x in enumerate(numbers):
                moved(page, f"x{i}", x)
            try:
                lesson = lesson_of(build(numbers))
            except (ValueError, ArithmeticError):
                assert page.locator(".sentence .fault").count() == 1, numbers
                continue
            seen = page.locator("[id^=stepper-]").evaluate(STEPS)
            agreed += 1
            largest = max(abs(node.data) for node in lesson.order)
            steepest = max(abs(c.total) for s in lesson.backward for c in s.contributions)
            for s in lesson.backward:
                i = lesson.index[s.node]
                data, grad = (seen["known"][f"{what}-{i}"] for what in ("data", "grad"))
                assert data[0] == pytest.approx(s.node.data, rel=1e-12, abs=1e-12 * largest)
                assert grad[0] == pytest.approx(s.received, rel=1e-12, abs=1e-12 * max(steepest, 1.0))
                assert [data[1], grad[1]] == [format_number(data[0]), format_number(grad[0])]
            for one, told in zip(lesson.steps, seen["steps"], strict=True):
                text, inside = told["sentence"]
                assert text == by_page(lesson, str(one.said), inside)
                text, inside = told["note"]
                kink = lesson.chain.kink(lesson.order[one.kink]) if one.kink is not None else ""
                assert text == " ".join(filter(None, [by_page(lesson, one.note, inside), lesson.chain.text(kink)]))
        assert agreed, "some of the three points are within every domain"

    def test_the_numbers_as_recorded_are_there_again_to_the_bit(self, show: Any) -> None:
        page = show(step(net()))
        go(page, last_step(page))
        before = page.locator("[id^=stepper-]").evaluate(STEPS)
        moved(page, "x1", 0.3)
        assert page.locator("[id^=stepper-]").evaluate(STEPS) != before
        moved(page, "x1", 1.0)
        assert page.locator("[id^=stepper-]").evaluate(STEPS) == before
        moved(page, "W1[1,2]", 5.0)
        page.get_by_role("button", name="As recorded").click()
        assert page.locator("[id^=stepper-]").evaluate(STEPS) == before

    def test_paths_and_forward_mode_move_too(self, show: Any) -> None:
        page = show(step(worked()))
        moved(page, "z", 0.1)
        for mode, sentence in (("paths", "df/dx = 0.1"), ("forward", "df/dx = 0.1")):
            page.get_by_label("Show").select_option(mode)
            go(page, last_step(page))
            assert page.locator(".sentence").text_content().replace("\u00a0", " ") == sentence
        moved(page, "z", -2.0)
        assert page.locator(".sentence").text_content().replace("\u00a0", " ") == "df/dx = −2"

    def test_a_hundred_thousand_numbers_are_written_as_python_writes_them(self, page: Any) -> None:
        numbers = doubles(100_000)
        source = (ASSETS / "numbers.js").read_text(encoding="utf-8")
        page.goto("about:blank")
        page.evaluate(
            """([source, hex]) => {
              window.format = new Function("lesson", source + "; return format;")({ digits: 4 });
              const bytes = Uint8Array.from(hex.match(/../g), (two) => parseInt(two, 16));
              window.numbers = Array.from(new Float64Array(bytes.buffer));
            }""",
            [source, b"".join(struct.pack("<d", x) for x in numbers).hex()],
        )
        every = "numbers.map((x, i) => format(x, 1 + (i % 17))).join(' ')"  # 17 digits tell every float from the next
        written = page.evaluate(every).split(" ")
        for i, (x, found) in enumerate(zip(numbers, written, strict=True)):
            assert found == format_number(x, 1 + i % 17), (x, i)


def doubles(count: int) -> list[float]:
    """Of any bits; of everyday size; and ties, which lie between two decimals of so many digits."""
    choice = random.Random(5)
    found: list[float] = []
    while len(found) < count:
        (any_bits,) = struct.unpack("<d", choice.randbytes(8))
        ties = (2 * choice.randrange(10 ** choice.randrange(1, 9)) + 1) / 2 ** choice.randrange(1, 30)
        large_ties = (choice.randrange(10 ** choice.randrange(1, 16)) * 10 + 5) * 2.0 ** choice.randrange(40)
        found += [x for x in (any_bits, choice.uniform(-1e3, 1e3), ties, -large_ties) if math.isfinite(x)]
    return found[:count]


class TestRows:
    def test_every_domain_is_in_javascript_what_it_is_in_python(self, page: Any) -> None:
        page.goto("about:blank")
        ops = [op for op in OPS.values() if op.name in BUILT_IN and not op.n_ary]
        grid = [-3.0, -2.5, -1.0, -0.5, -0.0, 0.0, 1e-300, 0.5, 1.0, 1.5, 2.0, 6.0]
        asked, expected = [], []
        for op in ops:
            for x in ([a, b, b][: op.arity] for a in grid for b in grid):
                for what, predicate in (("contains", op.domain.contains), ("smooth", op.domain.smooth)):
                    if predicate is None or (what == "smooth" and not op.domain.contains(*x)):
                        continue
                    asked.append([op.name, what, x])
                    expected.append(predicate(*x))
        found = page.evaluate(
            f"(asked) => {{ const rows = {rows_of(ops).source};"
            "return asked.map(([name, what, x]) => Boolean((rows[name][what] ?? (() => true))(...x))) }",
            asked,
        )
        assert found == expected
        assert not all(expected)

    def test_a_page_holds_only_the_rows_that_it_needs(self) -> None:
        html = step(log(Value(2.0, "x"))).html
        assert "log_value" in html
        assert not re.search(r"tanh_value|erfc|exp_minus_square|mul_value", html)

    def test_an_operation_that_is_no_formula_leaves_the_page_as_recorded_and_says_which(self, show: Any) -> None:
        table = {1.0: 2.0}
        looked_up = define_op(
            "looked_up", lambda xp, x: x * xp.number(2.0) if not isinstance(x, object) else _by_table(xp, x, table),
            [lambda xp, out, x: 1.0 * xp.number(2.0)],
        )  # fmt: skip
        page = show(step(looked_up(Value(1.0, "x")) * 3.0))
        assert "The operation looked_up" in page.locator(".moving").text_content()
        assert "stand still" in page.locator(".moving").text_content()
        assert page.locator(".leaf").count() == 0
        go(page, last_step(page))
        assert page.locator(".sentence").text_content().replace("\u00a0", " ") == "dv2/dx = 6"

    def test_an_operation_that_python_and_javascript_read_otherwise_is_found_out(self, show: Any) -> None:
        average = define_op(
            "average", lambda xp, *x: xp.total(x) / float(len(x)), lambda xp, out, *x: [1.0 / len(x)] * len(x)
        )
        y = average(Value(1.0, "a"), Value(2.0, "b"), Value(6.0, "c"))
        page = show(step(y))
        assert "The operation average does not give in JavaScript" in page.locator(".moving").text_content()

    def test_names_of_operands_may_be_words_of_javascript(self, show: Any) -> None:
        scaled = define_op(
            "scaled",
            lambda xp, new, var: new**2.0 * var,
            [lambda xp, out, new, var: 2.0 * new * var, lambda xp, out, new, var: new**2.0],
            domain=Domain("new > 0 and var < 9", lambda new, var: new > 0 and var < 9),
        )
        page = show(step(scaled(Value(2.0, "a"), Value(3.0, "b"))))
        go(page, last_step(page))
        moved(page, "a", 5.0)
        assert page.locator("[data-number='data-2']").text_content() == "75"
        moved(page, "b", 9.0)
        assert "is not defined at a = 5, b = 9: its domain is a > 0 and b < 9" in fault(page)


def _by_table(xp: Any, x: Any, table: dict[float, float]) -> Any:
    """Python that reads its operand: right on floats and on symbols, and nothing that can be printed."""
    if hasattr(x, "function"):
        raise TypeError("no formula")
    return x * table[1.0]


def fault(page: Any) -> str:
    return page.locator(".sentence .fault").text_content().replace("\u00a0", " ")


class TestDomains:
    def test_an_error_is_said_at_its_node_and_undone_by_moving_back(self, show: Any) -> None:
        x, w = Value(2.0, "x"), Value(1.5, "w")
        page = show(step(log(x * w) * w))
        go(page, last_step(page))
        before = page.locator("[id^=stepper-]").evaluate(STEPS)
        moved(page, "x", -2.0)
        assert fault(page) == "log(v1) is not defined at v1 = −3: its domain is v1 > 0."
        assert page.locator(".value.failing").get_attribute("data-part") == "node-3"
        assert page.locator("[data-number='data-2']").text_content() == "−3", "what has a value shows it"
        assert page.locator("[data-number='data-3']").text_content() == ""
        for i in (0, 4):
            assert page.locator(f"[data-number='grad-{i}']").text_content() == ""
        assert "Move a number back" in page.locator(".note").text_content()
        moved(page, "x", 2.0)
        assert page.locator(".failing").count() == 0
        assert page.locator("[id^=stepper-]").evaluate(STEPS) == before

    def test_a_derivative_that_is_missing_and_one_that_overflows_are_told_apart(self, show: Any) -> None:
        x = Value(4.0, "x")
        page = show(step(sqrt(x) * 2.0))
        moved(page, "x", 0.0)
        assert fault(page) == "√x has no derivative by x at x = 0."
        assert page.locator("[data-part='node-1']").evaluate("(e) => e.classList.contains('failing')")
        page = show(step(ad.exp(Value(1.0, "x"))))
        moved(page, "x", 1000.0)
        assert fault(page) == "exp(x) overflows at x = 1000."

    def test_a_kink_is_said_just_there(self, show: Any) -> None:
        page = show(step(relu(Value(1.0, "x"))))
        go(page, 2)
        assert "kink" not in page.locator(".note").inner_text()
        moved(page, "x", 0.0)
        assert "relu(x) has a kink here: 0 is chosen at x = 0." in page.locator(".note").inner_text()

    @pytest.mark.parametrize("typed", ["x", "", "1e999", "0x10", "alert(1)"])
    def test_what_is_no_number_moves_nothing_and_is_marked(self, show: Any, typed: str) -> None:
        page = show(step(worked()))
        go(page, last_step(page))
        field = page.get_by_label("x", exact=True)
        field.fill(typed)
        field.press("Enter")
        assert field.get_attribute("aria-invalid") == "true"
        assert page.locator("[data-number='data-0']").text_content() == "−2"


class TestLooks:
    def test_the_widest_number_fits_its_box(self, show: Any) -> None:
        x, y = Value(1.0, "x"), Value(1.0, "y")
        page = show(step(x * y + x, digits=6))
        go(page, last_step(page))
        moved(page, "x", -1.234567e-300)
        moved(page, "y", -1.234567e-5)
        inside = page.locator(".picture svg").evaluate(
            """(svg) => [...svg.querySelectorAll(".value")].map((box) => {
              const edge = box.querySelector("polygon, path").getBBox();
              return [...box.querySelectorAll("text")].every((text) => {
                const b = text.getBBox();
                return b.x >= edge.x && b.x + b.width <= edge.x + edge.width;
              });
            })"""
        )
        assert all(inside)
        word, number = (page.locator(f"[data-number='{key}'], .word").nth(0) for key in ("data-0", "data-1"))
        assert word.bounding_box()["x"] <= number.bounding_box()["x"]

    def test_a_live_page_of_a_network_with_its_loss_is_small(self, tmp_path: Path) -> None:
        y, model, examples = xor()
        page = step(y, parameters=model, examples=examples).save(tmp_path / "net.html")
        assert page.stat().st_size < 200 * 1024

    @pytest.mark.parametrize("scheme", ["light", "dark"])
    @pytest.mark.parametrize("size", [SIZES["360 px"], SIZES["a laptop"]], ids=["360 px", "a laptop"])
    def test_axe_finds_nothing_in_the_panels(self, show: Any, scheme: str, size: tuple[int, int]) -> None:
        y, model, examples = xor()
        page = show(step(y, parameters=model, examples=examples), size)
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        for panel in ("descending", "checking"):
            page.locator(f".{panel} summary").click()
        page.get_by_role("button", name="100 steps").click()
        assert violations(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
        moved(page, "W2[1,1]", 1e300)
        assert page.locator(".fault").count() == 1
        assert violations(page) == []
        page.get_by_role("button", name="As recorded").click()
        page.get_by_role("checkbox", name="Predict").check()
        for _ in range(2):
            page.get_by_role("button", name="Next").click()
        page.get_by_role("button", name="Hint").click()
        assert violations(page) == []
        assert not page.locator(".checking").is_visible(), "it would tell what is asked"


class TestSeveral:
    def test_two_live_pages_on_one_page_move_apart(self, page: Any, tmp_path: Path) -> None:
        file = tmp_path / "two.html"
        body = step(worked()).html + step(worked()).html
        file.write_text(f"<!doctype html><meta charset=utf-8>{body}", encoding="utf-8")
        page.goto(file.as_uri())
        for button in page.get_by_role("button", name="Last").all():
            button.click()
        field = page.get_by_label("z", exact=True).nth(1)
        field.fill("7")
        field.press("Enter")
        shown = page.locator("[data-number='data-4']").all_text_contents()
        assert shown == ["−12", "21"]
        assert page.evaluate("location.hash") == "", "only a page of its own writes its address"


def test_a_label_that_looks_like_a_placeholder_of_a_number_stays_a_label(show: Any) -> None:
    y = Value(2.0, "\ue000d1\ue003") * Value(3.0, "<b>bold</b>")
    page = show(step(y))
    go(page, last_step(page))
    heads = page.locator(".known tbody th b").all_text_contents()
    assert heads == ["\ufffdd1\ufffd", "<b>bold</b>", "v1"]
    assert "\ue000d1\ue003 = 2" in str(step(y))


def test_the_script_takes_nothing_from_numbers_as_code() -> None:
    script = "".join(path.read_text(encoding="utf-8") for path in ASSETS.glob("*.js"))
    assert not re.search(r"\beval\b|new Function|setTimeout\(\s*[\"'`]|document\.write|import\(", script)
