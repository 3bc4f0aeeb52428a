"""draw(y): every number in the picture is the engine's, labels are data, and files appear whole or not at all."""

from __future__ import annotations

import os
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import autodiff as ad
from autodiff import Value
from autodiff.functions import FUNCTIONS
from autodiff.op import REALS, Op
from autodiff.ops import OPS, SUM
from viz import Drawing, draw
from viz.graph import process
from viz.graph.dot import node_ids
from viz.writing.names import LONGEST_NAME, names_of, parts
from viz.writing.text import plain

SVG = "{http://www.w3.org/2000/svg}"

NASTY = {
    "record separators": "a|b{c}",
    "markup": "<script>alert(1)</script>",
    "an image": '"><img src=x onerror=alert(1)>',
    "bold": "<b>x</b>",
    "a whole label": "<x>",
    "quotes": "q\"uo'te",
    "Graphviz's escapes": r"\N \G \E \L \n \l",
    "a backslash at the end": "a\\",
    "entities": "&lt; &amp; &#65;",
    "the ends of comments": "--> */ ]]>",
    "newline": "two\nlines",
    "control characters": "\x00\x1b[31m\x7f\x85",
    "a surrogate": "\ud800",
    "a noncharacter": "\ufffe",
    "emoji": "😀 🚀",
    "right to left": "\u202eright to left\u202c עברית",
    "spaces": "  two  spaces ",
    "only a space": " ",
    "formats": "%s %d {0} $x$",
    "long": "x" * 10_000,
}


def lecture_graph() -> dict[str, Value]:
    x, y, z = Value(-2.0), Value(5.0), Value(-4.0)
    q = x + y
    f = q * z
    f.backward()
    return {"x": x, "y": y, "z": z, "q": q, "f": f}


def texts(drawing: Drawing, key: str) -> list[str]:
    """What is written inside the element with that id."""
    return ["".join(text.itertext()).replace("\u00a0", " ") for text in element(drawing, key).iter(f"{SVG}text")]


def element(drawing: Drawing, key: str) -> ET.Element:
    (found,) = (g for g in ET.fromstring(drawing.svg).iter(f"{SVG}g") if g.get("id") == key)
    return found


def title(drawing: Drawing, key: str) -> str:
    found = element(drawing, key).find(f"{SVG}title")
    assert found is not None
    return found.text or ""


def ids(drawing: Drawing) -> list[str]:
    return [g.get("id", "") for g in ET.fromstring(drawing.svg).iter(f"{SVG}g")]


class TestWhatIsDrawn:
    def test_the_lecture_graph_shows_its_values_gradients_and_local_derivatives(self) -> None:
        v = lecture_graph()
        drawing = draw(v["f"], names=v)
        boxes = {name: texts(drawing, key) for name, key in zip("xyqzf", node_ids(v["f"]).values(), strict=True)}
        assert boxes == {
            "x": ["x", "data", " −2", "grad", " −4"],
            "y": ["y", "data", " 5", "grad", " −4"],
            "q": ["q", "data", " 3", "grad", " −4"],
            "z": ["z", "data", " −4", "grad", " 3"],
            "f": ["f", "data", " −12", "grad", " 1"],
        }
        assert [texts(drawing, key) for key in ("op-2", "op-4")] == [["+"], ["×"]]
        assert [texts(drawing, f"edge-{e}") for e in ("2-0", "2-1", "4-0", "4-1")] == [["1"], ["1"], ["−4"], ["3"]]
        assert texts(drawing, "result-4") == []

    def test_an_operand_used_twice_has_two_edges(self) -> None:
        a = Value(3.0, "a")
        drawing = draw(a * a + a)
        assert [texts(drawing, key) for key in ("edge-1-0", "edge-1-1", "edge-2-1")] == [["3"], ["3"], ["1"]]

    def test_a_number_operand_is_a_small_box_of_its_own(self) -> None:
        drawing = draw(2.5 ** Value(2.0))
        assert texts(drawing, "number-1-0") == ["2.5"]
        assert element(drawing, "number-1-0").get("class") == "node number"
        assert texts(drawing, "edge-1-0") == []  # a number does not vary: there is no derivative to show

    def test_the_first_operand_of_a_difference_arrives_above_the_second(self) -> None:
        a, b = Value(1.0, "a"), Value(2.0, "b")
        for y in (a - b, b - a, 3.0 / a, a / 3.0):
            drawing = draw(y)
            i = node_ids(y)[y].removeprefix("node-")
            ends = []
            for j in (0, 1):
                path = element(drawing, f"edge-{i}-{j}").find(f"{SVG}path")
                assert path is not None
                ends.append(float(path.get("d", "").split()[-1].split(",")[1]))
            assert ends[0] < ends[1]

    def test_inputs_parameters_results_and_the_output_differ_by_class_colour_and_border(self) -> None:
        x, w = Value(1.0, "x"), Value(2.0, "w")
        y = ad.tanh(x * w)
        drawing = draw(y, parameters=[w])
        kinds = {"node-0": "input", "node-1": "parameter", "node-2": "intermediate", "node-3": "output"}
        looks = set()
        for key, kind in kinds.items():
            box = element(drawing, key)
            assert box.get("class") == f"node value {kind}"
            shapes = [child for child in box if child.tag in (f"{SVG}polygon", f"{SVG}path")]
            dashed = any(shape.get("stroke-dasharray") for shape in shapes)
            rounded = shapes[0].tag == f"{SVG}path"
            looks.add((len(shapes), dashed, rounded))
            assert kind in title(drawing, key)
        assert len(looks) == len({element(drawing, key)[1].get("fill") for key in kinds}) == 4

    def test_parameters_may_come_from_a_model(self) -> None:
        class Model:
            def __init__(self) -> None:
                self.w = Value(2.0)

            def parameters(self) -> list[Value]:
                return [self.w]

        model = Model()
        assert element(draw(model.w * Value(3.0), parameters=model), "node-0").get("class") == "node value parameter"
        assert element(draw(model.w * Value(3.0), parameters=model.w), "node-1").get("class") == "node value input"

    def test_every_operation_of_the_table_can_be_drawn(self) -> None:
        x = Value(0.5, "x")
        counts = {name: len(OPS[name].operands) - len(OPS[name].defaults) for name in FUNCTIONS}
        results = [f(*[x + 1.0 if name == "arccosh" else x] * counts[name]) for name, f in FUNCTIONS.items()]
        y = ad.logsumexp([*results, ad.dot([x, 2.0], [3.0, x]), -x, x - 1.0, x / 2.0, x**2])
        drawing = draw(y)
        drawn = "\n".join(ET.fromstring(drawing.svg).itertext())
        for node in ad.topological_order(y):
            assert node.op is None or node.op.symbol in drawn.replace("\u00a0", " ")

    def test_an_operation_of_ones_own_is_drawn_with_its_symbol_as_text(self) -> None:
        op = Op("own", "<b>\\N|", SUM.value, SUM.partials, REALS)
        assert texts(draw(ad.engine.apply(op, Value(1.0), 2.0)), "op-1") == ["<b>\\N|"]

    def test_a_derivative_that_does_not_exist_is_called_undefined(self) -> None:
        assert texts(draw(ad.sqrt(Value(0.0))), "edge-1-0") == ["undefined"]

    def test_a_leaf_alone_is_a_picture(self) -> None:
        drawing = draw(Value(2.0, "x"))
        assert ids(drawing) == ["graph", "node-0"]
        assert texts(drawing, "node-0") == ["x", "data", " 2", "grad", " –"]

    def test_tooltips_tell_the_formula_with_names_and_numbers(self) -> None:
        v = lecture_graph()
        drawing = draw(v["f"], names=v)
        assert ET.fromstring(drawing.svg).get("aria-label") == "Computation graph of f"
        assert title(drawing, "node-4") == "f = q·z = 3·(−4) = −12, grad 1 (output)"
        assert title(drawing, "op-4") == "f = q·z"
        assert title(drawing, "edge-4-0") == "∂f/∂q = z = −4"

    def test_ids_follow_the_topological_order(self) -> None:
        y = Value(1.0) * 2.0 + Value(3.0)
        assert list(node_ids(y)) == ad.topological_order(y)
        assert set(node_ids(y).values()) <= set(ids(draw(y)))

    def test_the_background_is_white_so_that_dark_pages_leave_it_readable(self) -> None:
        background = ET.fromstring(draw(Value(1.0)).svg).find(f"{SVG}g/{SVG}polygon")
        assert background is not None
        assert background.get("fill") == "white"


class TestOptions:
    def test_names_label_nodes_and_a_label_wins(self) -> None:
        x, y = Value(2.0), Value(3.0, "label of y")
        product = x * y
        hidden = x
        drawing = draw(product, names=locals())
        assert texts(drawing, "node-0")[0] == "x"
        assert texts(drawing, "node-1")[0] == "label of y"
        assert texts(drawing, "node-2")[0] == "product"
        assert hidden is x

    def test_names_of_jupyters_own_and_of_other_things_are_passed_over(self) -> None:
        x = Value(2.0)
        drawing = draw(x, names={"_": x, "_12": x, "number": 2.0, "text": "x", "mine": x})
        assert texts(drawing, "node-0")[0] == "mine"

    def test_a_node_without_a_name_has_its_number_in_the_graph(self) -> None:
        assert texts(draw(Value(2.0) * Value(3.0)), "node-2") == ["v3", "data", " 6", "grad", " –"]

    @pytest.mark.parametrize(
        ("show", "box", "edge"),
        [
            (("data",), ["x", "data", " 3"], []),
            ("grad", ["x", "grad", " 6"], []),
            (["partial"], ["x"], ["3"]),
            ((), ["x"], []),
        ],
    )
    def test_show_chooses_the_numbers(self, show: object, box: list[str], edge: list[str]) -> None:
        x = Value(3.0, "x")
        y = x * x
        y.backward()
        drawing = draw(y, show=show)  # type: ignore[arg-type]
        assert texts(drawing, "node-0") == box
        assert texts(drawing, "edge-1-0") == edge

    def test_an_unnamed_node_without_numbers_is_still_drawn(self) -> None:
        assert "node-0" in ids(draw(Value(1.0) * 2.0, show=()))

    def test_direction_is_left_to_right_or_top_down(self) -> None:
        def size(direction: str) -> tuple[float, float]:
            v = lecture_graph()
            root = ET.fromstring(draw(v["f"], direction=direction).svg)  # type: ignore[arg-type]
            return tuple(float(root.get(side, "").removesuffix("pt")) for side in ("width", "height"))  # type: ignore[return-value]

        (wide, low), (narrow, high) = size("LR"), size("TB")
        assert wide > low
        assert high > narrow

    def test_digits_sets_the_digits(self) -> None:
        assert texts(draw(Value(1 / 3), digits=7), "node-0") == ["v1", "data", " 0.3333333", "grad", " –"]

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"show": ("data", "gradient")}, "show takes 'data', 'grad', 'partial', not 'gradient'"),
            ({"direction": "RL"}, r'direction is "LR" .* not \'RL\''),
            ({"digits": 0}, "digits must be a whole number from 1 to 17, not 0"),
            ({"digits": 2.5}, "digits must be a whole number"),
        ],
    )
    def test_an_unknown_option_is_named(self, options: dict[str, object], message: str) -> None:
        with pytest.raises(ValueError, match=message):
            draw(Value(1.0), **options)  # type: ignore[arg-type]

    def test_what_is_no_graph_no_mapping_or_no_parameter_is_refused(self) -> None:
        with pytest.raises(TypeError, match=r"draw takes a Value, not float 3\.0"):
            draw(3.0)  # type: ignore[arg-type]
        with pytest.raises(TypeError, match=r"names=locals\(\), not list"):
            draw(Value(1.0), names=["x"])  # type: ignore[arg-type]
        with pytest.raises(TypeError, match=r"parameters takes Values, or what has parameters.*not int"):
            draw(Value(1.0), parameters=3)
        with pytest.raises(TypeError, match="max_nodes must be an integer, not str 'a'"):
            draw(Value(1.0), max_nodes="a")  # type: ignore[arg-type]
        with pytest.raises(TypeError, match=r"parameters takes Values, or what has parameters.*not float"):
            draw(Value(1.0), parameters=[1.0])

    def test_a_graph_that_is_too_large_says_how_large_and_what_to_draw(self) -> None:
        y = Value(1.0, "start")
        for _ in range(100_000):
            y = y + 1.0
        with pytest.raises(
            ValueError,
            match=r"200001 values and numbers, .* take about 8 minutes\. .*collapse=model.*explain.*for an overview",
        ):
            draw(y)
        small = Value(1.0) + 1.0
        with pytest.raises(ValueError, match="has 3 values"):
            draw(small, max_nodes=2)
        assert draw(small, max_nodes=3)

    def test_a_value_used_at_every_step_of_a_long_chain_does_not_keep_graphviz_busy_for_minutes(self) -> None:
        start, x = Value(1.0), Value(2.0)
        y = start
        for _ in range(130):
            y = y * x / 2.0
        drawing = draw(y)
        assert set(node_ids(y).values()) <= set(ids(drawing))
        assert texts(drawing, "edge-2-0") == ["2"]

    def test_a_large_picture_prints_nothing(self, capfd: pytest.CaptureFixture[str]) -> None:
        y = Value(1.0)
        for _ in range(350):
            y = y + 1.0
        assert len(ids(draw(y, max_nodes=1000))) > 1000
        assert capfd.readouterr() == ("", "")

    def test_a_graph_with_new_data_in_its_leaves_is_not_drawn_wrong(self) -> None:
        x = Value(2.0, "x")
        y = x * x
        x.data = 3.0
        with pytest.raises(ValueError, match="out of date"):
            draw(y)


class TestLabelsAreData:
    def test_two_values_with_one_label_or_one_beginning_are_told_apart(self) -> None:
        assert "a·a′" in str(draw(Value(1.0, "a") * Value(2.0, "a")))
        long = [Value(1.0, "x" * 50 + end) for end in "abc"]
        names = [line.split()[0] for line in str(draw(ad.sum(long))).splitlines()[1:]]
        assert len(set(names)) == 4
        assert all(name in draw(ad.sum(long)).svg for name in names[:3])

    @pytest.mark.parametrize("label", NASTY.values(), ids=NASTY)
    def test_a_label_is_drawn_as_it_is_typed(self, label: str, tmp_path: Path) -> None:
        x = Value(1.0, label)
        drawing = draw(x * 2.0)
        shown = plain(label, LONGEST_NAME).strip() or "v1"  # a label in which nothing can be seen is none
        assert texts(drawing, "node-0")[0].strip() == shown
        assert title(drawing, "node-0").startswith(plain(label) if label.strip() else "v1")
        assert {e.tag.removeprefix(SVG) for e in ET.fromstring(drawing.svg).iter()} <= {
            "svg", "g", "title", "text", "polygon", "polyline", "path", "ellipse"
        }  # fmt: skip
        for suffix, start in ((".svg", b"<svg"), (".png", b"\x89PNG"), (".pdf", b"%PDF"), (".dot", b"digraph")):
            assert drawing.save(tmp_path / f"nasty{suffix}").read_bytes().startswith(start)

    @given(st.text(st.characters(exclude_categories=[]), min_size=1, max_size=30))
    def test_any_text_is_a_label(self, label: str) -> None:
        drawn = Value(1.0, label)
        shown = names_of([drawn]).shown[drawn]
        expected = "".join(parts(shown) or shown).replace("\u00a0", " ")
        assert "".join(texts(draw(drawn), "node-0")[:-4]) == expected

    def test_a_very_long_label_is_shortened_in_the_picture_and_whole_in_the_tooltip(self) -> None:
        label = "y" * 10_000
        drawing = draw(Value(1.0, label))
        assert texts(drawing, "node-0")[0] == "y" * (LONGEST_NAME - 1) + "…"
        assert label in title(drawing, "node-0")

    def test_names_from_locals_are_data_too(self) -> None:
        x = Value(1.0)
        assert texts(draw(x, names={"<b>\\N": x}), "node-0")[0] == "<b>\\N"

    def test_a_label_is_not_read_as_part_of_a_formula(self) -> None:
        one, y = Value(2.0, "1"), Value(3.0, "y")
        drawing = draw(one * y)
        assert title(drawing, "op-2") == "v1 = 1·y"
        assert title(drawing, "edge-2-0") == "∂v1/∂1 = y = 3"


class TestSaving:
    def test_the_suffix_chooses_the_format(self, tmp_path: Path) -> None:
        drawing = draw(lecture_graph()["f"])
        assert drawing.save(tmp_path / "f.svg").read_text(encoding="utf-8") == drawing.svg
        assert drawing.save(str(tmp_path / "f.DOT")).read_text(encoding="utf-8") == drawing.source
        assert drawing.save(tmp_path / "f.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
        pdf = drawing.save(tmp_path / "f.pdf").read_bytes()
        assert pdf.startswith(b"%PDF")
        assert b"%%EOF" in pdf[-32:]

    @pytest.mark.parametrize(("name", "given"), [("f.gif", r"the suffix '\.gif'"), ("f", "no suffix")])
    def test_an_unknown_suffix_is_told_the_known_ones(self, name: str, given: str, tmp_path: Path) -> None:
        with pytest.raises(ValueError, match=rf"{given}; a drawing is saved as \.svg, \.png, \.pdf, \.dot"):
            draw(Value(1.0)).save(tmp_path / name)
        assert list(tmp_path.iterdir()) == []

    def test_a_file_is_written_whole_or_not_at_all(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        path = tmp_path / "f.svg"
        path.write_text("before")

        def fail(*_: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "replace", fail)
        with pytest.raises(OSError, match=re.escape(f"No space left on device: '{path}'")):
            draw(Value(1.0)).save(path)
        assert path.read_text() == "before"
        assert list(tmp_path.iterdir()) == [path]

    def test_a_missing_folder_is_named(self, tmp_path: Path) -> None:
        path = tmp_path / "missing" / "f.svg"
        with pytest.raises(FileNotFoundError, match=re.escape(str(path))):
            draw(Value(1.0)).save(path)

    def test_a_saved_file_may_be_read_by_whom_other_files_may(self, tmp_path: Path) -> None:
        other = tmp_path / "other"
        other.write_text("")
        assert draw(Value(1.0)).save(tmp_path / "f.svg").stat().st_mode == other.stat().st_mode

    def test_a_pipe_and_a_link_to_a_device_are_written_and_not_replaced(self, tmp_path: Path) -> None:
        pipe, link = tmp_path / "pipe.svg", tmp_path / "link.svg"
        os.mkfifo(pipe)
        link.symlink_to(os.devnull)
        reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
        draw(Value(1.0)).save(pipe)
        draw(Value(1.0)).save(link)
        assert os.read(reader, 4) == b"<svg"
        os.close(reader)
        assert pipe.is_fifo()
        assert link.resolve().is_char_device()

    def test_a_link_stays_a_link(self, tmp_path: Path) -> None:
        target, link = tmp_path / "target.svg", tmp_path / "link.svg"
        target.write_text("before")
        link.symlink_to(target)
        draw(Value(1.0)).save(link)
        assert link.is_symlink()
        assert target.read_text(encoding="utf-8").startswith("<svg")


class TestJupyter:
    def test_it_shows_itself_as_svg_with_a_table_as_text(self) -> None:
        drawing = draw(lecture_graph()["f"])
        data, _ = drawing._repr_mimebundle_(include=None, exclude=None)
        assert (data["image/svg+xml"], data["text/plain"]) == (drawing.svg, str(drawing))

    def test_without_the_renderer_the_table_remains(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def missing() -> None:
            raise ImportError("pictures need pygraphviz 2 or later")

        monkeypatch.setattr(process, "_pygraphviz", missing)
        bundle, _ = draw(Value(2.0, "x"))._repr_mimebundle_()
        assert set(bundle) == {"text/plain"}
        assert bundle["text/plain"].startswith("name")
        assert "need pygraphviz" in bundle["text/plain"]

    def test_the_table_names_what_has_no_name(self) -> None:
        v1 = Value(0.5, "v1")
        y = ad.exp(v1 * 3.0) ** 2
        y.backward()
        assert str(draw(y)).splitlines() == [
            "name  formula  data   grad   kind",
            "v1             0.5    120.5  input",
            "v2    v1·3     1.5    40.17  intermediate",
            "v3    exp(v2)  4.482  8.963  intermediate",
            "v4    v3²      20.09  1      output",
        ]
