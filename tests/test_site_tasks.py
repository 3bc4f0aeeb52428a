"""What the site asks of Python, asked here without a browser: expressions, programs, and the training room."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

import room
import tasks
from expressions import MOST_BOXES

pytestmark = pytest.mark.once


def ask(task: str, **request: Any) -> dict[str, Any]:
    return json.loads(tasks.run(task, json.dumps(request)))


def expression(text: str, **numbers: str) -> dict[str, Any]:
    return ask("expression", text=text, numbers=numbers)


class TestExpressions:
    def test_the_answer_is_the_live_page_with_its_inputs_and_its_gradient_check(self) -> None:
        told = expression("q = x + y; f = q * z", x="-2", y="5", z="-4")
        assert told["inputs"] == {"x": "-2", "y": "5", "z": "-4"}
        assert told["values"] == {"x": -2.0, "y": 5.0, "z": -4.0}
        assert told["page"].startswith('<div id="stepper-')
        assert [row[:2] + row[3:] for row in told["check"]["rows"]] == [
            ["x", "−4", "ok"], ["y", "−4", "ok"], ["z", "3", "ok"],
        ]  # fmt: skip

    def test_an_input_without_a_number_gets_one_and_one_that_is_not_used_is_passed_over(self) -> None:
        told = expression("f = a * b", a="1/3", gone="7")
        assert told["inputs"] == {"a": "1/3", "b": "3"}
        assert told["values"]["a"] == 1 / 3

    @pytest.mark.parametrize(
        ("text", "message", "column"),
        [
            ("f = x + foo(x)", "there is no function foo", 9),
            ("__import__('os').system('ls')", "only real numbers are allowed", 12),
            ("f = x.__class__", "attributes (a.b) are not allowed", 6),
            ("<img src=x onerror=alert(1)>", "assign to one name: name = expression", 1),
            ("", "there is nothing to compute", 0),
        ],
    )
    def test_what_is_no_expression_is_answered_at_its_place(self, text: str, message: str, column: int) -> None:
        error = expression(text)["error"]
        assert message in error["message"]
        assert error["column"] == column or not column

    def test_a_value_that_there_is_not_is_told_and_the_fields_stay(self) -> None:
        told = expression("f = log(x - y)", x="1", y="2")
        assert told["error"]["message"].startswith("log(x - y) is not defined at x - y = −1")
        assert told["inputs"] == {"x": "1", "y": "2"}

    @pytest.mark.parametrize("number", ["alert(1)", "1e999", "nan", "[1]", "1;2"])
    def test_a_number_that_is_none_is_refused_by_name(self, number: str) -> None:
        assert expression("f = x * x", x=number)["error"]["message"].startswith("x = ")

    def test_a_graph_that_is_too_large_is_refused_before_anything_is_drawn(self) -> None:
        error = expression("f = " + " + ".join(["x * x"] * MOST_BOXES), x="1")["error"]
        assert f"max_nodes={MOST_BOXES}" in error["message"]

    def test_numbers_that_were_moved_are_checked_again(self) -> None:
        told = ask("check", text="f = x ** 2", numbers={"x": "3"})
        assert told["check"]["rows"] == [["x", "6", "6", "ok"]]
        assert ask("check", text="f = log(x)", numbers={"x": "-3"}) == {"check": None}

    @pytest.mark.parametrize(
        ("suffix", "begins"), [(".html", "<!doctype html>"), (".svg", "<svg "), (".py", "import autodiff")]
    )
    def test_what_is_shown_can_be_saved(self, suffix: str, begins: str) -> None:
        file = ask("export", text="f = x * x", numbers={"x": "3"}, suffix=suffix)
        assert file["name"] == f"f{suffix}"
        assert file["text"].startswith(begins)


class TestPrograms:
    def test_the_last_line_is_shown_as_a_step_through_with_the_lines_beside_it(self) -> None:
        told = ask("program", text="from autodiff import Value\nx = Value(3.0)\ny = x * x\nprint('made')\ny")
        assert told["printed"] == "made\n"
        assert '"name":"<playground>"' in told["page"].replace("\\u003c", "<").replace("\\u003e", ">")

    @pytest.mark.parametrize("text", ["", "x = 1", "None"])
    def test_a_program_that_shows_nothing_says_so(self, text: str) -> None:
        assert ask("program", text=text)["printed"].startswith("It ran, and shows nothing")

    def test_what_shows_itself_in_a_notebook_shows_itself_here(self) -> None:
        code = "from autodiff import Value\nfrom viz import draw\nx = Value(3.0, 'x')\ny = x * x\ny.backward()\n"
        assert "<svg" in ask("program", text=code + "draw(y)")["html"]

    @pytest.mark.parametrize(
        ("text", "message", "line"),
        [
            ("x = 1\nx.nothing", "AttributeError: 'int' object has no attribute 'nothing'", 2),
            ("x = (1\n", "SyntaxError: '(' was never closed", 1),
            ("import os\n\n\n1/0", "ZeroDivisionError", 4),
            ("from autodiff import Value, log\nlog(Value(-1.0, 'z'))", "log is not defined at x = -1.0 (label 'z')", 2),
        ],
    )
    def test_an_error_names_its_line(self, text: str, message: str, line: int) -> None:
        error = ask("program", text=text)["error"]
        assert message in error["message"]
        assert error["line"] == line

    def test_a_label_is_a_text_wherever_it_is_shown(self) -> None:
        code = "from autodiff import Value\nx = Value(3.0, '<img src=x onerror=alert(1)>')\nx * x"
        assert "<img src=x" not in ask("program", text=code)["page"]


SETTINGS: dict[str, Any] = {
    "layers": [6], "activation": "tanh", "loss": "binary_cross_entropy_with_logits", "optimizer": "Adam",
    "rate": 0.05, "batch": 4, "seed": 0,
}  # fmt: skip
XOR = [[1, 1, 0], [-1, -1, 0], [1, -1, 1], [-1, 1, 1]]


class TestRoom:
    @pytest.mark.parametrize("loss", ["binary_cross_entropy_with_logits", "mse", "hinge", "binary_cross_entropy"])
    def test_a_network_learns_xor_and_the_picture_says_so(self, loss: str) -> None:
        opened = ask("room.open", points=XOR, **{**SETTINGS, "loss": loss})
        assert opened["parameters"] == 25
        assert len(opened["shares"]) == opened["side"] ** 2
        for _ in range(200):
            told = ask("room.train", seconds=0)
        assert told["epoch"] == 200
        assert told["right"] == 4
        assert told["losses"][0] < 0.5
        corner = told["shares"][0]  # above on the left: x1 < 0 < x2
        assert corner > 0.5

    @pytest.mark.parametrize("optimizer", ["SGD", "SGD with momentum", "RMSProp", "AdaGrad", "Adam"])
    def test_every_optimizer_of_the_page_lowers_the_loss(self, optimizer: str) -> None:
        ask("room.open", points=XOR, **{**SETTINGS, "optimizer": optimizer})
        losses = [ask("room.train", seconds=0)["losses"][0] for _ in range(30)]
        assert losses[-1] < losses[0]

    def test_one_example_taken_out_is_the_loss_with_the_weights_of_now(self) -> None:
        ask("room.open", points=XOR, **SETTINGS)
        ask("room.train", seconds=0)
        told = ask("room.example", index=2)
        assert told["epoch"] == 1
        assert '"opened":"<svg' in told["page"].replace("\\u003c", "<")  # scalar by scalar, weight by weight

    def test_points_of_one_class_alone_are_refused(self) -> None:
        error = ask("room.open", points=[[0, 0, 1]], **SETTINGS)["error"]
        assert "both classes" in error["message"]

    def test_a_rate_that_makes_the_loss_overflow_is_told(self) -> None:
        ask(
            "room.open",
            points=XOR,
            **{**SETTINGS, "loss": "mse", "activation": "relu", "optimizer": "SGD", "rate": 10.0},
        )
        told = [ask("room.train", seconds=0) for _ in range(60)][-1]
        assert "error" in told
        assert room._room is not None
        assert all(map(math.isfinite, (p.data for p in room._room.model.parameters())))
