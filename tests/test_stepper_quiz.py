"""Predicting as a quiz: answers graded by digits, sign and size, hints, the score, and the code that a teacher reads.

And what an address says of a page: its step, whether one predicts, its numbers; and a page in a frame of another.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from graphs import multi_path, worked
from pages import go, last_step, new_page, opened_browser, shown_in_page  # noqa: F401

from autodiff import Value
from viz import step

ASSETS = Path(__file__).parent.parent / "viz" / "step"

pytestmark = [pytest.mark.browser, pytest.mark.once]


def asked(show: Any, y: Value, at: int) -> Any:
    """The page with the question of step ``at`` open."""
    page = show(step(y, predict=True, start=at))
    assert page.locator(".sentence").text_content().endswith("= ?")
    return page


def answer(page: Any, text: str, key: str = "Enter") -> str:
    field = page.get_by_label("Your answer")
    field.fill(text)
    if key == "Enter":
        field.press("Enter")
    else:
        page.get_by_role("button", name=key).click()
    return page.locator(".verdict").inner_text()


RIGHT = [
    (2e-14, "2e-14"), (2e-14, "2×10⁻¹⁴"), (2e-14, "2*10^-14"), (2e-14, "0.00000000000002"), (3000.0, "3,000"),
    (3000.0, "3000"), (0.25, "0,25"), (1234567.0, "1,234,567"), (1 / 3, "1/3"), (1 / 3, "0.33"), (0.125, "0.13"),
    (-0.5, "−1/2"), (-1.2e30, "-1.2×10^(30)"), (0.0, "0"), (0.0, "-0"), (123.4, "123"), (-4.0, " - 4.0 "),
]  # fmt: skip
WRONG = [
    (2e-14, "-2e-14", "look at the sign"), (2e-14, "0", "it is not 0"), (2e-14, "9e-13", "Not quite"),
    (2e-14, "2e-13", "power of ten"), (0.0, "0.001", "it is 0"), (3000.0, "300", "power of ten"),
    (3000.0, "3,1", "Not quite"), (0.25, "0.3", "Not quite"), (4.0, "4.3", "two digits"), (4.0, "4;0", "no number"),
    (4.0, "1/0", "no number"), (4.0, "", "no number"), (0.125, "0.1", "Not quite"), (4.0, "4e999", "no number"),
]  # fmt: skip


class TestGrading:
    @pytest.fixture
    def graded(self, page: Any) -> Any:
        """What the page's script says of an answer, "" for a right one."""
        page.goto("about:blank")
        source = "".join((ASSETS / name).read_text(encoding="utf-8") for name in ("numbers.js", "quiz.js"))
        program = (
            f"(answers) => {{ const lesson = {{ digits: 4 }}; const walks = []; {source} return answers.map(ask) }}"
        )
        return lambda answers: page.evaluate(program.replace("(ask)", "(([x, typed]) => graded(typed, x))"), answers)

    def test_digits_sign_and_size_make_an_answer_right_however_it_is_written(self, graded: Any) -> None:
        assert dict(zip(RIGHT, graded(RIGHT), strict=True)) == dict.fromkeys(RIGHT, "")

    def test_a_wrong_answer_hears_in_what(self, graded: Any) -> None:
        for (x, typed, verdict), said in zip(WRONG, graded([[x, typed] for x, typed, _ in WRONG]), strict=True):
            assert verdict in said, (x, typed)


class TestQuiz:
    def test_an_answer_followed_by_next_counts(self, show: Any) -> None:
        page = asked(show, worked(), 2)
        assert answer(page, "3", "Next") == "✓ Right: 3."
        page.get_by_role("button", name="Next").click()
        assert answer(page, "12", "Next") == "✗ Not quite: look at the sign. The number is −12."
        assert page.locator(".tally").inner_text() == "1 of 7 right, 1 shown"

    def test_hints_come_in_two_stages(self, show: Any) -> None:
        page = asked(show, worked(), 7)
        hint, verdict = page.get_by_role("button", name="Hint"), page.locator(".verdict")
        hint.click()
        assert "by the local derivative" in verdict.inner_text()
        assert "−4" not in verdict.inner_text()
        hint.click()
        assert verdict.inner_text() == "−4 · 1 = ?"
        assert "Right" in answer(page, "-4")
        assert page.locator(".tally").inner_text() == "0 of 7 right, 1 with help"

    def test_where_there_is_nothing_to_multiply_the_second_hint_tells_the_size(self, show: Any) -> None:
        page = asked(show, -Value(250.0, "x"), 2)
        for _ in range(2):
            page.get_by_role("button", name="Hint").click()
        assert page.locator(".verdict").inner_text() == "It is negative, its size from 100 to 1000."

    def test_play_waits_and_says_why_and_goes_on_after_the_answer(self, show: Any) -> None:
        page = show(step(worked(), predict=True))
        page.locator(".speed").select_option("4")
        page.get_by_role("button", name="Play").click()
        page.locator(".question").wait_for()
        assert page.locator(".verdict").inner_text().startswith("Play waits for your answer")
        assert page.locator(".count").inner_text() == "Step 2 of 9"
        answer(page, "3")
        page.wait_for_function(
            "document.querySelector('[id^=stepper-]').shadowRoot.querySelector('.count').textContent === 'Step 3 of 9'"
        )
        page.locator(".question").wait_for()
        page.get_by_role("button", name="Pause").click()
        page.get_by_role("button", name="Play").click()
        assert page.locator(".verdict").inner_text().startswith("Play waits for your answer")

    def test_a_moved_number_is_asked_for_anew(self, show: Any) -> None:
        page = asked(show, worked(), 2)
        field = page.get_by_label("x", exact=True)
        field.fill("10")
        field.press("Enter")
        assert page.locator(".sentence").text_content() == "q = x + y = ?"
        assert "Right" in answer(page, "15")

    def test_the_code_says_what_the_page_says(self, show: Any) -> None:
        stepper = step(multi_path(), predict=True)
        page = show(stepper)
        page.get_by_label("Name").fill("Zoë K.")
        right = {2: "9", 3: "12", 4: "1", 5: "1", 6: "1", 7: "3", 8: "3"}
        for at, text in right.items():
            page.get_by_role("button", name="Next").click()
            if page.locator(".count").inner_text() == "Step 1 of 9":
                page.get_by_role("button", name="Next").click()
            if at == 5:
                page.get_by_role("button", name="Hint").click()
            if at == 7:
                answer(page, "-3")
                page.get_by_role("button", name="Next").click()
                continue
            if at == 8:
                continue  # left open
            assert "Right" in answer(page, text), at
        code = page.locator(".ticket").inner_text()
        result = stepper.result(code)
        assert str(result) == "Zoë K.: 4 of 7 right, 1 with help, 1 shown, 1 not asked"
        assert result.answers == {
            2: "right", 3: "right", 4: "right", 5: "helped", 6: "right", 7: "shown", 8: "open"
        }  # fmt: skip
        field = page.get_by_label("a", exact=True)
        field.fill("5")
        field.press("Enter")
        page.get_by_role("button", name="Next").click()
        assert stepper.result(page.locator(".ticket").inner_text()).moved


class TestAddress:
    def open(self, page: Any, file: Path, hash_: str) -> Any:
        page.goto("about:blank")
        page.goto(f"{file.as_uri()}#{hash_}")
        return page

    def test_it_opens_at_a_step_a_question_and_numbers(self, page: Any, tmp_path: Path) -> None:
        file = step(worked()).save(tmp_path / "f.html")
        self.open(page, file, "step=7")
        assert page.locator(".sentence").text_content().endswith("= −4 · 1 = −4")
        self.open(page, file, "step=7&predict")
        assert page.locator(".sentence").text_content().endswith("= ?")
        self.open(page, file, "step=7&z=0.5")
        assert page.locator(".sentence").text_content().endswith("= 0.5 · 1 = 0.5")
        self.open(page, file, "step=99")
        assert page.locator(".count").inner_text() == "Step 9 of 9"

    def test_it_keeps_what_was_moved_and_comes_back_to_it(self, page: Any, tmp_path: Path) -> None:
        file = step(worked()).save(tmp_path / "f.html")
        self.open(page, file, "")
        go(page, 7)
        field = page.get_by_label("z", exact=True)
        field.fill("-1/3")
        field.press("Enter")
        page.wait_for_function("location.hash.includes('z=')")
        assert page.evaluate("location.hash") == "#step=7&z=-0.3333333333333333"
        page.reload()
        assert page.locator(".count").inner_text() == "Step 7 of 9"
        assert page.locator("[data-number='data-3']").get_attribute("data-value") == "-0.3333333333333333"
        page.get_by_role("button", name="As recorded").click()
        page.wait_for_function("location.hash === '#step=7'")

    def test_it_holds_which_walk_is_shown(self, page: Any, tmp_path: Path) -> None:
        file = step(worked()).save(tmp_path / "f.html")
        self.open(page, file, "")
        page.get_by_label("Show").select_option("paths")
        page.locator(".by select").select_option(label="z")
        go(page, 1)
        page.wait_for_function("location.hash === '#step=1&show=paths&by=z'")
        page.reload()
        assert page.locator(".sentence").text_content() == "∂f/∂z = 3"
        assert page.locator(".by select").input_value() == "3"

    @pytest.mark.parametrize(
        "hash_",
        ["x=alert(1)", "x=<img src=x onerror=alert(1)>", "step=-1", "step=1e3", "x=NaN&y=Infinity",
         "__proto__=1&constructor=2", "%E0%A4%A", "step=7;x=3", "nobody=3", "x=alert(1)&y=5"],
    )  # fmt: skip
    def test_what_is_no_number_of_a_leaf_is_passed_over(self, page: Any, tmp_path: Path, hash_: str) -> None:
        file = step(worked()).save(tmp_path / "f.html")
        self.open(page, file, hash_)
        assert page.locator(".count").inner_text() == "Step 0 of 9"
        go(page, last_step(page))
        assert page.locator("[data-number='data-4']").text_content() == "−12"

    def test_leaves_called_like_a_word_of_the_address_are_told_apart(self, page: Any, tmp_path: Path) -> None:
        file = step(Value(2.0, "step") * Value(3.0, "a&b=c")).save(tmp_path / "f.html")
        self.open(page, file, "step=2&~step=5&a%26b%3Dc=7")
        assert page.locator(".count").inner_text() == "Step 2 of 6"
        assert page.locator("[data-number='data-2']").text_content() == "35"


class TestFrame:
    def test_in_a_frame_there_is_nothing_but_the_stepper_and_the_slide_turns_at_its_ends(
        self, page: Any, tmp_path: Path
    ) -> None:
        step(worked()).save(tmp_path / "f.html")
        (tmp_path / "slides.html").write_text(
            "<!doctype html><meta charset=utf-8><script>window.turned = [];"
            "addEventListener('message', (event) => turned.push(JSON.parse(event.data).method));</script>"
            "<iframe src='f.html#embed&step=8' style='width:960px;height:600px;border:0'></iframe>",
            encoding="utf-8",
        )
        page.set_viewport_size({"width": 1000, "height": 640})
        page.goto((tmp_path / "slides.html").as_uri())
        frame = page.frame_locator("iframe")
        assert not frame.locator("h1").is_visible()
        frame.locator(".next").focus()
        page.keyboard.press("ArrowRight")
        assert page.evaluate("turned") == []
        page.keyboard.press("ArrowRight")
        page.wait_for_function("turned.length === 1")
        page.keyboard.press("Home")
        page.keyboard.press("ArrowLeft")
        page.wait_for_function("turned.join() === 'next,prev'")
        box = frame.locator(".stepper").bounding_box()
        assert box["y"] + box["height"] <= 608 + 8


class TestCodes:
    def test_a_slip_of_the_pen_and_another_page_are_found_out(self) -> None:
        stepper = step(worked(), predict=True)
        for code in ("", "Ada", "Ada.0000-0000", "....", "0" * 8):
            with pytest.raises(ValueError, match="is no result code of this page"):
                stepper.result(code)
        with pytest.raises(TypeError, match="a result code is a str, not int 3"):
            stepper.result(3)  # type: ignore[arg-type]

    def test_letters_that_look_alike_are_read_and_one_that_is_wrong_is_not(self, show: Any) -> None:
        stepper = step(worked(), predict=True, start=2)
        page = show(stepper)
        answer(page, "3")
        code = page.locator(".ticket").inner_text()
        plain = stepper.result(code)
        assert plain.answers[2] == "right"
        spoken = code.replace("-", " ").lower().replace("0", "o").replace("1", "l")
        assert stepper.result(spoken) == plain
        letters = [k for k, c in enumerate(code) if c.isalnum()]
        wrong = 0
        for k in letters:
            other = "7" if code[k] != "7" else "8"
            with pytest.raises(ValueError, match="no result code"):
                stepper.result(code[:k] + other + code[k + 1 :])
            wrong += 1
        assert wrong == len(re.sub("-", "", code))
        with pytest.raises(ValueError, match="comes from another graph"):
            step(multi_path()).result(code)


class TestArguments:
    @pytest.mark.parametrize("start", [-1, 10, 2.0, True, "3"])
    def test_a_step_that_there_is_not_is_refused(self, start: Any) -> None:
        with pytest.raises(ValueError, match="start is a step from 0 to 9, not "):
            step(worked(), start=start)

    def test_examples_that_do_not_fit_are_refused(self) -> None:
        w, x = Value(1.0, "w"), Value(2.0, "x")
        y = w * x
        with pytest.raises(TypeError, match="examples maps leaves of the graph to their numbers"):
            step(y, examples=[1, 2])  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="numbers for leaves of this graph"):
            step(y, examples={y: [1.0]})
        with pytest.raises(ValueError, match="as many numbers for each leaf, one at least, not 1, 2"):
            step(y, examples={w: [1.0], x: [1.0, 2.0]})
        with pytest.raises(ValueError, match="one at least, not 0"):
            step(y, examples={x: []})
        with pytest.raises(ValueError, match="examples was given nan"):
            step(y, examples={x: [float("nan")]})
