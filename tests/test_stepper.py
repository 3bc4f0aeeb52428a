"""step(y) without a browser: what the page holds is what the engine's step records say, and names are data in it."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import Any

import pytest
from graphs import multi_path, neuron, worked

from autodiff import DomainError, Value, backward_steps, dot, forward_steps, sqrt
from nn.layers import MLP
from viz import Stepper, step
from viz.cli import main
from viz.graph import render
from viz.step.lesson import Lesson
from viz.writing.names import names_of
from viz.writing.numbers import format_number

pytestmark = pytest.mark.once

NASTY = {
    "the end of a script": "</script><script>canary()</script>",
    "an image": '"><img src=x onerror=canary()>',
    "a comment": "<!-- <script>",
    "quotes": "a\"b'c`d${canary()}",
    "TeX": r"\input{x} $&%",
    "line separators": "a\u2028b\u2029c",
    "right to left": "\u202eevil\u202c",
    "emoji": "😀",
    "a surrogate and a zero": "\ud800\x00",
    "a placeholder": "\U000f0000\U000f0001",
}


def net() -> Value:
    model = MLP(2, [2, 1], rng=1)
    return (model([Value(1.0, "x1"), Value(-2.0, "x2")]) - 0.5) ** 2


GRAPHS = {"worked": worked, "multi-path": multi_path, "neuron": neuron, "net": net, "leaf": lambda: Value(3.0, "x")}


def data_in(page: str) -> dict[str, Any]:
    """The lesson that the page's script holds."""
    found = re.search(r"const lesson = (.*);\n", page)
    assert found
    lesson = json.loads(found[1])

    def told(thing: Any) -> Any:
        """A text that comes more than once stands in one place."""
        if isinstance(thing, dict):
            return lesson["texts"][thing["t"]] if set(thing) == {"t"} else {k: told(part) for k, part in thing.items()}
        return [told(part) for part in thing] if isinstance(thing, list) else thing

    return told(lesson)


def steps_in(page: str) -> list[dict[str, Any]]:
    """Those of the backward pass."""
    return data_in(page)["walks"][0]["steps"]


def still_picture(page: str) -> str:
    """The SVG of the image that stands in where no script runs."""
    found = re.search(r'<img [^>]*src="data:image/svg\+xml;base64,([^"]+)"', page)
    assert found
    return base64.b64decode(found[1]).decode()


@pytest.mark.parametrize("make", GRAPHS.values(), ids=GRAPHS)
def test_the_page_holds_the_numbers_from_which_all_others_follow_in_full(make: Any) -> None:
    y = make()
    page = data_in(step(y).html)
    assert page["data"] == [s.node.data for s in forward_steps(y)]
    assert page["partials"] == [list(s.node.partials) for s in forward_steps(y)]


@pytest.mark.parametrize("make", GRAPHS.values(), ids=GRAPHS)
def test_each_step_of_the_page_names_the_numbers_of_its_record(make: Any) -> None:
    y = make()
    steps = steps_in(step(y).html)
    given, *forward = [s for s in steps if s["phase"] == "forward"]
    assert set(given["shown"]) == {f"data-{s.index}" for s in forward_steps(y) if s.node.op is None}
    assert {s["result"] for s in forward} == {f"d{s.index}" for s in forward_steps(y) if s.node.op is not None}
    index = {s.node: s.index for s in forward_steps(y)}
    seed, *backward = [s for s in steps if s["phase"] == "backward"]
    assert seed["result"] == "seed"
    contributions = [(s, c) for s in backward_steps(y) for c in s.contributions]
    for shown, (record, c) in zip(backward, contributions, strict=True):
        i, arg = index[record.node], index[c.arg]
        assert (shown["from"], shown["row"]) == ([f"n{i}"], arg)
        assert f"e{i}-{c.operand}" in shown["playing"]
        assert shown["result"] == f"a{i}-{c.operand}"
        more = " + …" if c.remaining else ""
        assert shown["shown"] == [f"partial-{i}-{c.operand}", [f"grad-{arg}", f"t{i}-{c.operand}", more]]


def test_the_numbers_that_sentences_name_are_those_of_the_records() -> None:
    y = net()
    numbers = step(y)._lesson.chain.numbers  # pyright: ignore[reportPrivateUsage]
    index = {s.node: s.index for s in forward_steps(y)}
    for record in backward_steps(y):
        i = index[record.node]
        assert (numbers[f"d{i}"], numbers[f"g{i}"]) == (record.node.data, record.received)
        for c in record.contributions:
            found = [numbers[f"{kind}{i}-{c.operand}"] for kind in "pat"]
            assert found == [c.partial, c.amount, c.total]


@pytest.mark.parametrize("make", GRAPHS.values(), ids=GRAPHS)
def test_the_picture_that_stands_in_without_a_script_shows_every_final_number(make: Any) -> None:
    y = make()
    svg = still_picture(step(y).html)
    for i, record in enumerate(reversed(list(backward_steps(y)))):
        for key, number in (("data", record.node.data), ("grad", record.received)):
            assert re.search(rf'data-number="{key}-{i}">{re.escape(format_number(number))}<', svg)


def test_the_sentence_is_the_chain_rule_with_its_numbers() -> None:
    assert str(step(worked())).splitlines()[-2] == "df/dx = df/dq · ∂q/∂x = −4 · 1 = −4"


def test_a_value_used_more_than_once_has_its_total_so_far_and_what_is_to_come() -> None:
    stepper = step(multi_path())
    notes = [s["note"] for s in steps_in(stepper.html) if s["phase"] == "backward" and s["row"] == 0]
    text = [stepper._lesson.chain.text(note) for note in notes]  # pyright: ignore[reportPrivateUsage]
    assert "1 so far: 2 more contributions to come" in text[0]
    assert "4 so far: 1 more contribution to come" in text[1]
    assert "7: all 3 contributions are in" in text[2]
    assert "by a②: each of the 2 places of a counts" in text[2]


def test_the_gradients_are_those_of_this_pass_and_grad_stays_as_it_was() -> None:
    y = worked()
    y.backward()
    y.backward()
    before = [s.node.grad for s in forward_steps(y)]
    assert "grad-0" in step(y).svg
    assert re.search(r'data-number="grad-0">−4<', step(y).svg)
    assert [s.node.grad for s in forward_steps(y)] == before


def test_names_given_label_what_has_no_label() -> None:
    a = Value(2.0)
    assert str(step(a * a, names={"a": a})).startswith("a = 2\nv1 = a·a = 2·2 = 4")


def test_a_formula_too_long_to_read_is_told_in_words() -> None:
    y = dot([Value(float(i)) for i in range(20)], [1.5] * 20)
    assert "v21 = the dot product of 20 pairs = 285" in str(step(y))


def test_digits_change_what_is_shown_and_not_what_is_held() -> None:
    few, many = (step(neuron(), digits=digits) for digits in (2, 6))
    assert str(few) != str(many)
    assert few.svg != many.svg
    assert data_in(few.html)["data"] == data_in(many.html)["data"]
    assert [data_in(s.html)["digits"] for s in (few, many)] == [2, 6]


@pytest.mark.parametrize("name", NASTY.values(), ids=NASTY)
def test_no_name_can_end_the_script_or_become_markup(name: str, tmp_path: Path) -> None:
    x = Value(2.0, name)
    page = step(x * 3.0, names={name + "f": x}).save(tmp_path / "f.html").read_text(encoding="utf-8")
    assert page.count("<script>") == page.count("</script>") == 1
    assert page.count("<img") == 1, "the still picture"
    assert "<img" not in still_picture(page)
    assert "\u2028" not in page
    assert re.findall(r"<!--", page) == []
    lesson = data_in(page)
    assert "<script" not in lesson["names"][0]
    assert "<img" not in lesson["names"][0]


def test_a_notebook_gets_the_page_and_its_fallbacks() -> None:
    bundle, _ = step(worked())._repr_mimebundle_()
    assert bundle["text/html"].startswith("<div")
    assert bundle["image/svg+xml"].startswith("<svg")
    assert "df/dx" in bundle["text/plain"]


def test_without_graphviz_a_notebook_still_shows_the_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: Any) -> str:
        raise ImportError("pictures need pygraphviz")

    monkeypatch.setattr(render, "svg", missing)
    bundle, _ = step(worked())._repr_mimebundle_()
    assert list(bundle) == ["text/plain"]
    assert "pictures need pygraphviz" in bundle["text/plain"]


def test_the_piece_for_a_notebook_needs_no_network_and_no_id_of_the_page() -> None:
    html = step(worked()).html
    assert re.findall(r"(?:src|href)=(?!.data:image/svg)|url\(|@import|fetch\(|import\(", html) == []
    key = re.search(r'<div id="(stepper-[0-9a-f]+)"', html)
    assert key
    assert re.findall(r' id="([^"]+)"', html) == [key[1]]
    assert step(worked()).html != html, "two outputs have two ids"


def test_a_long_listing_is_cut() -> None:
    y = Value(1.0, "x")
    for _ in range(100):
        y = y + 1.0
    assert str(step(y)).splitlines()[-1] == "… 142 more steps"


def test_the_page_is_one_file_and_appears_whole(tmp_path: Path) -> None:
    file = tmp_path / "f.html"
    assert step(worked()).save(file) == file
    assert file.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert [p.name for p in tmp_path.iterdir()] == ["f.html"]


@pytest.mark.parametrize("name", ["f.svg", "f"])
def test_another_suffix_is_refused_before_anything_is_written(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match=r"a step-through is saved as \.html"):
        step(worked()).save(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_named_in_the_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=re.escape(str(tmp_path / "no" / "f.html"))):
        step(worked()).save(tmp_path / "no" / "f.html")


def test_a_page_for_a_small_network_is_small(tmp_path: Path) -> None:
    assert step(net()).save(tmp_path / "net.html").stat().st_size < 200 * 1024


def test_too_large_a_graph_says_how_to_step_through_a_part() -> None:
    y = Value(1.0, "x")
    for _ in range(10):
        y = y + 1.0
    with pytest.raises(ValueError, match=r"21 values and numbers, more than max_nodes=20, .* draw a part \(a Value"):
        step(y, max_nodes=20)
    assert isinstance(step(y, max_nodes=21), Stepper)


def test_what_is_no_value_is_refused() -> None:
    with pytest.raises(TypeError, match="step takes a Value, not int 3"):
        step(3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="digits must be a whole number"):
        step(worked(), digits=0)


def test_a_graph_out_of_date_and_one_without_a_gradient_are_refused_at_once() -> None:
    x = Value(1.0, "x")
    y = x * 2.0
    x.data = 5.0
    with pytest.raises(ValueError, match="out of date"):
        step(y)
    with pytest.raises(DomainError, match="not differentiable"):
        step(sqrt(Value(0.0, "z")) * 2.0)


def test_nothing_is_made_known_twice_or_before_its_time() -> None:
    y = net()
    order = [s.node for s in forward_steps(y)]
    lesson = Lesson(order, names_of(order), dict.fromkeys(order, "input"), 4)
    seen: set[str] = set()
    for one in lesson.steps:
        for key, *_ in one.shown:
            if not key.startswith("grad"):
                assert key not in seen
            if key.startswith("grad"):
                assert key.replace("grad", "data") in seen, "a gradient comes after its value"
            seen.add(key)
    assert {key for key in seen if key.startswith("data")} == {f"data-{i}" for i in range(len(lesson.order))}


def test_what_is_given_is_revealed_at_once_and_then_layer_by_layer() -> None:
    y = net()
    order = [s.node for s in forward_steps(y)]
    lesson = Lesson(order, names_of(order), dict.fromkeys(order, "input"), 4)
    forward = [[int(key.removeprefix("data-")) for key, *_ in s.shown if "data" in key] for s in lesson.steps]
    told = [[order[i] for i in shown] for shown in forward if shown]
    inner, outer = ["W1[1,1]", "W1[1,2]", "b1[1]", "x1", "x2", "W1[2,1]", "W1[2,2]", "b1[2]"], ["W2[1,1]", "W2[1,2]"]
    assert [node.label for node in told[0]] == [*inner, *outer, "b2[1]"]
    assert [line.split()[0] for line in str(step(y)).splitlines()[:11]] == [*inner, *outer, "b2[1]"]
    assert [walk.by for walk in lesson.walks if walk.mode == "forward"] == told[0]
    names = names_of(order).full
    assert [names[node] for step in told[1:] for node in step] == ["v1", "v2", "v3", "v4", "v5", "v6", "v7"]
    layer_of_weight = [node.args[0].label[:2] for step in told[1:] for node in step if node.op.name == "dot"]  # type: ignore[union-attr]
    assert layer_of_weight == ["W1", "W1", "W2"]


def test_a_collapsed_page_has_both_pictures() -> None:
    model = MLP(2, [2, 1], rng=1)
    y = (model([Value(1.0, "x1"), Value(-2.0, "x2")]) - 0.5) ** 2
    stepper = step(y, collapse=model)
    lesson = data_in(stepper.html)
    assert lesson["opened"].startswith("<svg")
    assert stepper.svg.count("value neuron") == 3
    assert lesson["opened"].count("value neuron") == 0
    assert lesson["nodes"][0]["kind"] == "a parameter"
    assert "opened" not in data_in(step(y).html)


def test_the_command_line_writes_the_page_beside_the_picture(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [tmp_path / "f.html", tmp_path / "f.svg"]
    out = [word for file in files for word in ("--out", str(file))]
    assert main(["q = x + y; f = q * z", "x=-2", "y=5", "z=-4", *out]) == 0
    printed = capsys.readouterr().out
    assert all(f"Wrote {file}" in printed for file in files)
    page = files[0].read_text(encoding="utf-8")
    assert steps_in(page)[7]["result"] == "a2-0"
    assert data_in(page)["data"] == [-2.0, 5.0, 3.0, -4.0, -12.0]
    assert files[1].read_text(encoding="utf-8").startswith("<svg")


def test_the_command_line_writes_no_page_of_what_is_too_large(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "f.html"
    assert main(["f = x + x + x + x", "x=1", "--max-nodes", "3", "--out", str(file)]) == 2
    assert "4 values and numbers, more than --max-nodes=3" in capsys.readouterr().err
    assert not file.exists()


def test_two_leaves_with_one_label_are_told_apart() -> None:
    a, b = Value(1.0, "a"), Value(2.0, "a")
    lines = repr(step(a * b)).splitlines()
    assert lines[:3] == ["a = 1", "a′ = 2", "v1 = a·a′ = 1·2 = 2"]
    assert lines[-1].startswith("dv1/da′ = ")


def test_what_is_no_number_of_nodes_is_refused() -> None:
    with pytest.raises(TypeError, match="max_nodes must be an integer, not str 'a'"):
        step(worked(), max_nodes="a")  # type: ignore[arg-type]
