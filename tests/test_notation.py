"""One notation, one writer: ∂ is local and d total, a node has one name, "=" holds, digits are obeyed."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from typing import Any

import pytest
from graphs import multi_path, neuron, worked

from autodiff import Value, backward_steps, forward_steps, log, relu, sin, tanh, topological_order
from nn import MLP
from viz import draw, explain, step
from viz.cli import main
from viz.derivation.chain import Chain
from viz.derivation.formulas import rule
from viz.derivation.typeset import html_name, latex_name
from viz.writing.names import by_level, names_of
from viz.writing.numbers import format_number, number_in, relation

pytestmark = pytest.mark.once

SVG = "{http://www.w3.org/2000/svg}"


def review() -> tuple[Value, Value]:
    """f = x·x + sin(x)·x + x, where ∂f/∂x once meant three things."""
    x = Value(1.5, "x")
    f = x * x + sin(x) * x + x
    f.label = "f"
    return f, x


def net() -> Value:
    return (MLP(2, [2, 1], rng=1)([Value(1.0, "x1"), Value(-2.0, "x2")]) - 0.5) ** 2


GRAPHS = {"worked": worked, "multi-path": multi_path, "neuron": neuron, "review": lambda: review()[0], "net": net}
every_graph = pytest.mark.parametrize("make", GRAPHS.values(), ids=GRAPHS)


def chain_of(y: Value, digits: int = 4) -> Chain:
    order = topological_order(y)
    return Chain(order, names_of(order), digits)


def titles(y: Value) -> dict[str, str]:
    groups = ET.fromstring(draw(y).svg).iter(f"{SVG}g")
    return {g.get("id", ""): title.text or "" for g in groups if (title := g.find(f"{SVG}title")) is not None}


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(arguments) == 0
    return capsys.readouterr().out


class TestTwoDerivatives:
    def test_a_local_derivative_and_a_total_one_never_look_alike(self) -> None:
        f, x = review()
        lines = str(step(f)).splitlines()
        contributions = [line for line in lines if line.startswith("df/dx += ")]
        assert len(contributions) == 5
        assert contributions[0] == "df/dx += df/df · ∂f/∂x = 1 · 1 = 1"
        text = str(explain(f, x))
        assert "df/dx ≈ 3 + 0.1061 + 0.9975 + 1 ≈ 5.104" in re.sub(" +", " ", text)
        assert "∂f/∂x = 1\n" in re.sub(" +", " ", text)

    def test_what_stands_left_of_a_contribution_is_total_and_its_last_factor_local(self) -> None:
        for line in str(step(net())).splitlines():
            if " · ∂" in line:
                assert re.match(r"d(\S+)/d(\S+) \+?= d\1/d(\S+) · ∂\3/∂\2[①②]? [=≈] ", line), line

    def test_a_value_that_is_an_operand_twice_has_a_derivative_for_each_place(self) -> None:
        lines = str(step(multi_path())).splitlines()
        assert lines[-2:] == ["dv2/da += dv2/dv1 · ∂v1/∂a① = 1 · 3 = 3", "dv2/da += dv2/dv1 · ∂v1/∂a② = 1 · 3 = 3"]
        assert titles(multi_path())["edge-1-1"] == "∂v1/∂a② = a = 3"

    def test_one_contribution_is_an_equation_and_several_are_added(self) -> None:
        lines = [line for line in str(step(multi_path())).splitlines() if " · ∂" in line]
        assert ["+=" in line for line in lines] == [False, True, True, True]

    def test_the_page_says_which_sign_is_which(self, capsys: pytest.CaptureFixture[str]) -> None:
        said = "∂ is local, of one operation by one operand; d is total, along every path"
        assert said in printed(capsys, "f = x*2", "x=3")


class TestOneWriter:
    @every_graph
    def test_page_and_picture_write_the_same_equations(self, make: Any) -> None:
        y = make()
        chain, shown = chain_of(y), titles(y)
        lines = str(step(y)).splitlines()
        for i, record in enumerate(forward_steps(y)):
            equation = chain.text(chain.value(record.node))
            assert equation in lines
            assert shown[f"node-{i}"].startswith(f"{equation}, ")
            for j, arg in enumerate(record.node.args):
                if isinstance(arg, Value):
                    assert shown[f"edge-{i}-{j}"] == chain.text(chain.local_derivative(record.node, j))

    def test_page_and_command_line_write_the_same_equations(self, capsys: pytest.CaptureFixture[str]) -> None:
        text = printed(capsys, "q = x + y; f = q * z", "x=-2", "y=5", "z=-4")
        for line in str(step(worked())).splitlines():
            assert line in re.sub(" {2,}= ", " = ", text)


class TestOneName:
    @every_graph
    def test_a_node_has_one_name_in_picture_page_table_and_derivation(self, make: Any) -> None:
        y = make()
        order = topological_order(y)
        names = names_of(order).shown
        page = json.loads(re.search(r"const lesson = (.*);\n", step(y).html)[1])  # type: ignore[index]
        table = [line.split()[0] for line in str(draw(y)).splitlines()[1:]]
        assert table == [names[node] for node in by_level(order)]
        for i, node in enumerate(order):
            assert page["nodes"][i]["plain"] == names[node]
            assert names[node] in titles(y)[f"node-{i}"]
        for leaf in (node for node in order if node.op is None):
            derivation = str(explain(y, leaf))
            assert f"d{names[y]}/d{names[leaf]}" in derivation
            definitions = derivation.split("\n\n")[0].splitlines()[1:]
            found = {line.split()[0] for line in definitions}
            assert found <= set(names.values())
            for line in definitions:
                node = next(node for node in order if names[node] == line.split()[0])
                assert line.endswith(format_number(node.data))

    def test_nodes_without_a_name_are_numbered_level_by_level(self) -> None:
        a, b = Value(1.0, "a"), Value(2.0, "b")
        left, right = tanh(a * 2.0), tanh(b * 3.0)
        names = names_of(topological_order(left + right)).shown
        assert [names[n] for n in (left.parents[0], right.parents[0], left, right)] == ["v1", "v2", "v3", "v4"]

    @pytest.mark.parametrize(("typed", "index"), [("x1", "x_1"), ("v12", "v_12"), ("w11", "w_11")])
    def test_a_digit_and_an_index_do_not_look_alike(self, typed: str, index: str) -> None:
        assert html_name(typed) != html_name(index)
        assert latex_name(typed) != latex_name(index)
        assert "<sub>" not in html_name(typed)
        assert "<sub>" in html_name(index)
        assert draw(Value(1.0, typed)).source != draw(Value(1.0, index)).source

    def test_a_name_is_typeset_in_the_picture_as_in_the_sentence(self) -> None:
        picture = draw(Value(1.0, "w_11^2")).source
        assert re.search(r"w<sub><font[^>]*>11</font></sub><sup><font[^>]*>2</font></sup>", picture)
        assert html_name("w_11^2") == "<bdi><i>w</i><sub>11</sub><sup>2</sup></bdi>"

    @pytest.mark.parametrize("blank", ["", " ", "\u00a0", "\u200b", " \u2060 "])
    def test_a_label_in_which_nothing_can_be_seen_is_none(self, blank: str) -> None:
        x = Value(2.0, blank)
        y = x * 3.0
        assert str(step(y)).splitlines()[-1] == "dv2/dv1 = dv2/dv2 · ∂v2/∂v1 = 1 · 3 = 3"

    def test_a_derivation_cuts_a_long_name_as_the_picture_does(self) -> None:
        x = Value(2.0, "x" * 500)
        assert max(map(len, str(explain(x * x, x)).splitlines())) < 120

    def test_the_rows_own_operands_have_signs_that_no_user_has(self) -> None:
        x, y = Value(2.0, "y"), Value(3.0, "x")
        written = [rule(node.op, 2, 0) for node in (x * y, x - y, x**y) if node.op]
        assert written == ["∂(①·②)/∂① = ②", "∂(① − ②)/∂① = 1", "∂①^②/∂① = ②·①^(② − 1)"]

    def test_no_sentence_speaks_of_a_row_by_its_internal_name(self, capsys: pytest.CaptureFixture[str]) -> None:
        x, y = Value(2.0, "x"), Value(3.0, "y")
        f = -((x * y - x / y) ** 2.0) + x
        notes = [one.note for walk in step(f)._lesson.walks for one in walk.steps]  # pyright: ignore[reportPrivateUsage]
        assert sum(" is the local derivative of " in note for note in notes) == 10
        cli = printed(capsys, "f = -(x*y - x/y)**2", "x=2", "y=3")
        said = " ".join([*notes, str(step(f)), str(draw(f)), str(explain(f, x)), cli])
        assert {"add", "sub", "mul", "div", "neg", "pow"}.isdisjoint(re.findall(r"\w+", said))


class TestEqualityHolds:
    def test_a_rounded_result_is_no_equality(self) -> None:
        lines = str(step(tanh(Value(6.0, "x")) - 1.0)).splitlines()
        assert lines[1:3] == ["v1 = tanh(x) = tanh(6) ≈ 1", "v2 = v1 − 1 ≈ 1 − 1 ≈ −1.229×10⁻⁵"]
        a, b = Value(1e8, "a"), Value(1e8 - 1.5e-8, "b")
        assert str(step(a - b)).splitlines()[2] == "v1 = a − b = (1×10⁸) − (1×10⁸) ≈ 1.49×10⁻⁸"

    def test_the_rounding_of_floats_is_no_inequality(self) -> None:
        lines = str(step((Value(0.1, "a") + Value(0.2, "b")) * 10.0)).splitlines()
        assert lines[2:4] == ["v1 = a + b = 0.1 + 0.2 = 0.3", "v2 = v1·10 = 0.3·10 = 3"]

    def test_a_number_in_a_formula_counts_too(self) -> None:
        assert str(step(Value(3.0, "x") * (2.0 / 3.0))).splitlines()[1] == "v1 ≈ x·0.6667 = 3·0.6667 ≈ 2"

    @every_graph
    def test_wherever_equality_stands_between_numbers_it_holds(self, make: Any) -> None:
        """Sums and products of the numbers as they are printed give what is printed."""
        checked = 0
        for line in str(step(make())).splitlines():
            _, *sides = re.split(" ([=≈]) ", line)
            if len(sides) < 4 or not re.fullmatch(r"[−\d.×10⁰-⁹⁻()·+ ]+", sides[-3]):
                continue
            python = sides[-3].replace("−", "-").replace("·", "*")
            if "×" in python or sides[-2] != "=":
                continue
            assert relation(eval(python), number_in(sides[-1])) == "=", line
            checked += 1
        assert checked

    def test_what_says_the_same_twice_says_it_once(self) -> None:
        assert str(step(-Value(2.0, "x"))).splitlines()[1] == "v1 = −x = −2"

    @pytest.mark.parametrize("digits", [1, 3, 7])
    def test_every_number_has_the_digits_asked_for(self, digits: int, capsys: pytest.CaptureFixture[str]) -> None:
        text = printed(capsys, "f = e*x + 123456789*x/3", "x=0.7654321987", "--digits", str(digits))
        for number in re.findall(r"(?<![\w.])\d+(?:\.\d+)?", text.split("Gradient check")[0]):
            significant = number.replace(".", "").lstrip("0").rstrip("0")
            assert len(significant) <= max(digits, len(number.split(".")[0]) if float(number) < 1e6 else digits), number
        assert "123456789" not in text.split("Gradient check")[0]

    @pytest.mark.parametrize("x", [0.0, -4.0, 1 / 3, 1.2e-7, -2.5e30, 123456.7, 1e8, 5e-324])
    def test_a_number_that_is_written_can_be_read(self, x: float) -> None:
        assert number_in(format_number(x, 17)) == x


class TestSimpler:
    def test_numbers_and_equal_terms_are_collected(self) -> None:
        h = Value(0.3, "h")
        loss = 0.5 * (h - 1.0) ** 2
        other = Value(1.0, "k")
        loss.label, (q := h + h).label = "L", "q"
        text = re.sub(" +", " ", str(explain(loss * other + q, h, names={"L": loss})))
        assert "∂L/∂h = h − 1 = −0.7" in text
        assert "∂q/∂h = 2" in text

    def test_a_kink_says_what_was_chosen_there(self) -> None:
        x = Value(0.0, "w")
        lesson = json.loads(re.search(r"const lesson = (.*);\n", step(relu(x)).html)[1])  # type: ignore[index]
        assert lesson["nodes"][1]["kink"] == "relu(\U000f0000) has a kink here: 0 is chosen at \U000f0000 = 0."
        assert [one["kink"] for one in lesson["walks"][0]["steps"] if "kink" in one] == [1, 1], "both ways"
        kinks = [json.loads(re.search(r'"kinks":(\[.*?\])', step(y).html)[1]) for y in (relu(x), relu(Value(1.0, "w")))]  # type: ignore[index]
        assert kinks == [[1], []]
        assert '"kink":""' in step(Value(0.0, "w") ** 1.5).html

    def test_backward_records_are_what_is_written(self) -> None:
        y = log(Value(2.0, "x")) * 3.0
        amounts = [c.amount for s in backward_steps(y) for c in s.contributions]
        lines = [line for line in str(step(y)).splitlines() if " · ∂" in line]
        assert [line.split()[-1] for line in lines] == [format_number(a) for a in amounts]
