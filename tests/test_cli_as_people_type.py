"""The command as people type: their own notation is read, the rest is refused in a sentence that says what to write."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from viz.cli import main
from viz.graph import layout
from viz.writing.text import ascii_only

pytestmark = pytest.mark.once


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    code = main(arguments)
    captured = capsys.readouterr()
    assert (code, captured.err) == (0, "")
    return captured.out


def section(text: str, title: str) -> list[str]:
    return text.split(title)[1].split("\n\n")[0].strip("\n").splitlines()


class TestWhatIsRead:
    @pytest.mark.parametrize("text", ["f = x·y", "f = x × y", "x*y", "x ⋅ y"])
    def test_a_product_has_any_of_its_signs(self, text: str, capsys: pytest.CaptureFixture[str]) -> None:
        assert "  f  = x·y = 2·3 = 6" in printed(capsys, text, "x=2", "y=3")

    def test_a_formula_that_was_printed_is_read_again(self, capsys: pytest.CaptureFixture[str]) -> None:
        first = printed(capsys, "f = sqrt(x)*sigmoid(x)**2 - abs(x)*1.2e-7", "x=4", "--json")
        steps = {step["name"]: step["formula"] for step in json.loads(first)["forward"]}
        again = "; ".join(f"{name} = {formula}" for name, formula in steps.items() if formula)
        assert {"√", "σ", "²", "·", "×", "⁻"} <= set(again)
        assert json.loads(printed(capsys, again, "x=4", "--json"))["gradient"] == json.loads(first)["gradient"]

    def test_what_a_terminal_without_mathematics_shows_is_read_again_too(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        first = json.loads(printed(capsys, "f = √x²·σ(x) − 2×10⁻³·√(x + 1)", "x=4", "--json"))
        formulas = [f"{step['name']} = {ascii_only(step['formula'])}" for step in first["forward"] if step["formula"]]
        assert json.loads(printed(capsys, "; ".join(formulas), "x=4", "--json"))["data"] == first["data"]

    @pytest.mark.parametrize(("given", "shown"), [("1/3", "≈ 0.3333"), ("pi", "≈ 3.142"), ("π/2", "≈ 1.571")])
    def test_an_input_may_be_a_fraction_or_a_constant(
        self, given: str, shown: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert f"  x  {shown}\n" in printed(capsys, "f = 2*x", f"x={given}")

    def test_an_expression_may_begin_with_a_minus_sign(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert "df/dx  = −1" in printed(capsys, "-x", "x=2")
        assert "df/dx  = −1" in printed(capsys, "--digits", "3", "-x", "x=2")

    def test_a_sum_of_three_thousand_terms_is_computed(self, capsys: pytest.CaptureFixture[str]) -> None:
        found = json.loads(printed(capsys, "+".join(["x"] * 3000), "x=2", "--json"))
        assert (found["data"], found["gradient"]) == (6000.0, {"x": 3000.0})


class TestWhatIsRefused:
    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (("f = sin", "x=1"), "sin is a function: give it an operand, as sin(x)\n  f = sin\n      ^\n"),
            (("f(x) = x**2", "x=1"), "write f = …, without (x): the inputs are found by themselves\n"),
            (("f = 2x", "x=1"), "write 2*x: a product needs its sign\n  f = 2x\n      ^\n"),
            (("f = ln(x)", "x=1"), "there is no function ln: write log\n  f = ln(x)\n      ^\n"),
            (("f = sin x", "x=1"), "write sin(x): the operand of a function stands in brackets\n"),
            (("f = x*2", "x=1,5"), "x=1,5: write 1.5, with a point\n"),
            (("f = x*2", "x=one"), "x=one: this is no number: write one, as -2, 0.5, 1/3 or pi\n"),
        ],
    )
    def test_it_is_refused_in_one_sentence_that_says_what_to_write(
        self, arguments: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(arguments) == 2
        assert capsys.readouterr().err.startswith(f"autodiff: {message}")

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (("f = 1/x", "x=0"), "1/x is not defined at x = 0: its domain is x ≠ 0\n  in f = 1/x\n"),
            (("f = y**x", "y=-2", "x=0.5"), "y**x is not defined at y = −2 and x = 0.5: its domain is y > 0, or y = 0 "
             "with x ≥ 0, or y < 0 with x an integer\n  in f = y**x\n"),
            (("q = y - 1; f = sqrt(q)", "y=1"), "√q has no derivative by q at q = 0\n  in q = y - 1; f = sqrt(q)\n"),
            (("f = 1/y", "y=1e-300"), "the derivative of 1/y by y overflows at y = 1×10⁻³⁰⁰\n  in f = 1/y\n"),
        ],
    )  # fmt: skip
    def test_a_mathematical_error_has_the_users_names_and_no_others(
        self, arguments: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(arguments) == 1
        assert capsys.readouterr().err == f"autodiff: {message}"


class TestADerivativeThatDoesNotExist:
    def test_a_negative_base_has_one_and_its_exponent_none(self, capsys: pytest.CaptureFixture[str]) -> None:
        text = printed(capsys, "x**y", "x=-2", "y=2")
        assert section(text, "Gradient\n") == [
            "  df/dx  = −4",
            "  df/dy  – (−2)^y has no derivative by y at y = 2",
        ]
        assert "  y  = 2 (held: no derivative by it)" in text
        assert "gradcheck of f: 1 ok" in text
        found = json.loads(printed(capsys, "x**y", "x=-2", "y=2", "--json"))
        assert found["gradient"] == {"x": -4.0, "y": None}
        assert list(found["held"]) == ["y"]

    def test_only_the_input_that_has_none_is_held(self, capsys: pytest.CaptureFixture[str]) -> None:
        text = printed(capsys, "f = sqrt(x) * y + z**2", "x=0", "y=3", "z=2")
        assert section(text, "Gradient\n") == [
            "  df/dy  = 0",
            "  df/dz  = 4",
            "  df/dx  – √x has no derivative by x at x = 0",
        ]


class TestDigits:
    def test_every_number_has_the_digits_that_were_asked_for(self, capsys: pytest.CaptureFixture[str]) -> None:
        for digits in (3, 6):
            text = printed(capsys, "f = e*x/3", "x=1", "--digits", str(digits))
            significant = [len(n.replace(".", "").lstrip("0")) for n in re.findall(r"\d*\.\d+", text)]
            assert len(significant) > 10
            assert max(significant) == digits

    def test_a_large_number_looks_alike_everywhere(self, capsys: pytest.CaptureFixture[str]) -> None:
        text = printed(capsys, "f = 1e8*x", "x=1")
        assert "100000000" not in text
        assert [line.split()[:3] for line in text.splitlines() if line.endswith("  ok")] == [["x", "1×10⁸", "1×10⁸"]]

    def test_no_number_is_said_twice(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert section(printed(capsys, "f = -x", "x=2"), "Forward pass\n") == ["  x  = 2", "  f  = −x = −2"]


class TestAKink:
    def test_what_was_chosen_and_what_the_check_found_are_explained(self, capsys: pytest.CaptureFixture[str]) -> None:
        text = printed(capsys, "f = relu(x)", "x=0")
        assert section(text, "Not differentiable here\n") == ["  relu(x) has a kink here: 0 is chosen at x = 0."]
        assert "kink: the slopes left and right of it differ; the numerical derivative lies between them" in text
        assert json.loads(printed(capsys, "f = relu(x)", "x=0", "--json"))["kinks"] == [
            "relu(x) has a kink here: 0 is chosen at x = 0."
        ]
        assert "kink" not in printed(capsys, "f = relu(x)", "x=1")

    def test_an_undecided_check_is_explained_and_no_error(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert "undecided: the function changes all it can" in printed(capsys, "f = sin(x)", "x=1e22")


class TestALongDrawing:
    def test_it_is_announced_with_its_time(
        self, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        arguments = ("f = x*2", "x=1", "--out", str(tmp_path / "f.svg"))
        assert main(arguments) == 0
        assert capsys.readouterr().err == ""
        monkeypatch.setattr(layout, "_LONG_WAIT", 1e-9)
        assert main(arguments) == 0
        assert capsys.readouterr().err == "autodiff: drawing 3 values and numbers takes about 1 s …\n"

    def test_the_page_shows_the_statements_beside_the_picture(self, tmp_path: Path) -> None:
        path = tmp_path / "f.html"
        assert main(["q = x + y; f = q*z", "x=-2", "y=5", "z=-4", "--out", str(path)]) == 0
        page = path.read_text(encoding="utf-8")
        assert '"lines":["q = x + y","f = q*z"]' in page
