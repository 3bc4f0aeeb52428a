"""What is shown shows wherever it is put: in notebooks that nobody trusts, LaTeX, terminals of any script.

What JupyterLab makes of it is `test_jupyter_browser`'s.
"""

from __future__ import annotations

import base64
import gc
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from graphs import multi_path, worked

import autodiff as ad
from autodiff import Value, detect_anomaly, topological_order
from autodiff.modes import origin_of
from nn import MLP
from viz import draw, explain, step
from viz.cli import main
from viz.step.code import code_of
from viz.writing.text import columns

pytestmark = pytest.mark.once

ROOT = Path(__file__).parent.parent
STARTS = {"image/png": b"\x89PNG", "application/pdf": b"%PDF"}


def bundle(shown: Any, **asked: Any) -> dict[str, str]:
    return shown._repr_mimebundle_(**asked)[0]


class TestNotebooks:
    @pytest.mark.parametrize("make", [draw, step])
    def test_every_format_is_there_for_who_can_show_no_other(self, make: Any) -> None:
        shown = make(worked())
        data, metadata = shown._repr_mimebundle_()
        kinds = ["image/svg+xml", "image/png", "application/pdf", "text/plain"]
        assert list(data) == (["text/html"] if make is step else []) + kinds
        for kind, start in STARTS.items():
            assert base64.b64decode(data[kind]).startswith(start)
        png = base64.b64decode(data["image/png"])
        assert metadata["image/png"]["width"] == int.from_bytes(png[16:20], "big") // 2

    def test_what_is_not_asked_for_is_not_made(self) -> None:
        assert list(bundle(draw(worked()), include={"image/png"})) == ["image/png"]
        assert list(bundle(step(worked()), include=["text/plain"])) == ["text/plain"]
        without = {"image/png", "application/pdf", "text/html"}
        assert list(bundle(step(worked()), exclude=without)) == ["image/svg+xml", "text/plain"]

    def test_a_bitmap_in_a_notebook_is_never_huge(self) -> None:
        y = Value(0.5)
        for i in range(60):
            y = y * Value(1.0 + i)
        png = base64.b64decode(bundle(draw(y), include={"image/png"})["image/png"])
        width, height = (int.from_bytes(png[i : i + 4], "big") for i in (16, 20))
        assert 3e6 < width * height < 4.1e6
        assert len(png) < 1_500_000

    def test_the_still_picture_of_a_page_is_an_image_and_holds_no_script(self) -> None:
        outside = step(worked()).html.split("<script>")[0]
        assert outside.count("<img ") == 1
        assert 'alt="Computation graph of f, with values and gradients"' in outside
        assert not re.search(r"<svg|<style|<g |<text", outside)
        said = re.sub(r"<[^>]+>", "", outside).strip()
        assert said.startswith("A still picture of the end: to step through it, let its script run")
        assert len(said) < 120

    @pytest.mark.notebook
    def test_a_notebook_with_pictures_pages_and_derivations_becomes_latex(self, tmp_path: Path) -> None:
        nbformat = pytest.importorskip("nbformat", reason="nbformat is not installed (extra notebooks)")
        pytest.importorskip("nbconvert", reason="nbconvert is not installed (extra notebooks)")
        f = worked()
        x = next(node for node in topological_order(f) if node.label == "x")
        outputs = [
            nbformat.v4.new_output("execute_result", data=bundle(shown), execution_count=1)
            for shown in (draw(f), step(f))
        ]
        latex = {"text/latex": explain(f, x)._repr_latex_(), "text/plain": str(explain(f, x))}
        outputs.append(nbformat.v4.new_output("execute_result", data=latex, execution_count=1))
        cells = [nbformat.v4.new_code_cell("1", outputs=[output], execution_count=1) for output in outputs]
        nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "lesson.ipynb")
        environment = {**os.environ, "HOME": str(tmp_path), "JUPYTER_CONFIG_DIR": str(tmp_path), "PATH": "/nonexistent"}
        command = [sys.executable, "-m", "nbconvert", "--to", "latex", str(tmp_path / "lesson.ipynb")]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        made = (tmp_path / "lesson.tex").read_text(encoding="utf-8")
        assert made.count(r"\adjustimage") + made.count(r"\includegraphics{") >= 2
        assert r"\frac{\mathrm{d} {f}}{\mathrm{d} {x}}" in made


class TestLatex:
    def test_tikz_places_every_box_and_edge_of_the_picture(self) -> None:
        f = worked()
        f.backward()
        written = draw(f).tikz
        assert written.count(r"\node[input") == 3
        assert written.count(r"\node[between") == written.count(r"\node[output") == 1
        assert written.count(r"\node[operation") == 2
        assert written.count(r"\draw[edge, ->]") == 6
        assert r"\multicolumn{2}{c}{${f}$} \\ data & $-12$ \\ grad & $1$" in written
        assert written.count(r"\node[partial]") == 4
        assert written.startswith("% \\usepackage{tikz}")
        assert written.endswith("\\end{tikzpicture}\n")

    def test_its_arrows_end_at_the_boxes_they_lead_to(self) -> None:
        written = draw(worked()).tikz
        middles = {
            (float(x), float(y)): (float(w), float(h))
            for w, h, x, y in re.findall(
                r"\\node\[\w+, minimum width=([\d.]+)bp, minimum height=([\d.]+)bp\] at \(([\d.]+),([\d.]+)\)", written
            )
        }
        for x, y in re.findall(r"-- \(([\d.]+),([\d.]+)\);", written):
            assert any(
                abs(float(x) - mx) <= w / 2 + 4.0 and abs(float(y) - my) <= h / 2 + 4.0
                for (mx, my), (w, h) in middles.items()
            )

    def test_dot_products_collapsed_neurons_and_other_directions_are_written_too(self) -> None:
        model = MLP(2, [2, 1], activation="sigmoid", rng=1)
        y = (model([Value(1.0, "x_1"), 2.0]) - 0.5) ** 2
        assert r"$\Sigma$ \\ $\mathrm{W1[1,1]} \cdot {x_{1}}$" in draw(y).tikz
        assert r"\quad" in draw(y, direction="TB").tikz
        assert r"$\sigma$" in draw(y).tikz
        collapsed = draw(y, collapse=model).tikz
        assert collapsed.count(r"\node[neuron") == 3
        assert collapsed.count(r"$\delta$") == 3

    @pytest.mark.parametrize("label", ["a & b", "100 %", r"\input{x}", "$x$", "x_1^2", "#{}~^_", "two\nlines", "😀"])
    def test_a_label_is_data_in_it(self, label: str) -> None:
        written = draw(Value(1.0, label) * 2.0).tikz
        bare = re.sub(r"\\[^A-Za-z]", "", written)
        assert bare.count("{") == bare.count("}")
        assert bare.count("$") % 2 == 0
        assert "input{" not in bare
        for line in written.splitlines():
            if line.startswith(r"\node[input"):
                assert len(re.findall(r"(?<!\\)&", line)) == 2, "one between word and number, in each of two rows"

    def test_the_command_line_saves_it(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["f = x*y", "x=2", "y=3", "--out", str(tmp_path / "f.tex")]) == 0
        assert "Wrote" in capsys.readouterr().out
        assert (tmp_path / "f.tex").read_text(encoding="utf-8").startswith("% ")


class TestTerminals:
    def test_columns_are_in_line_for_characters_of_any_width(self) -> None:
        lines = columns([["学習率", "1"], ["😀", "2"], ["e\u0301", "3"], ["abc", "4"]])
        assert lines == ["学習率  1", "😀      2", "e\u0301       3", "abc     4"]

    def test_listings_of_a_graph_are_in_line_too(self, capsys: pytest.CaptureFixture[str]) -> None:
        a, b = Value(2.0, "学習率"), Value(3.0, "ab")
        table = str(draw(a * b)).splitlines()
        first, second = (line.index("–") for line in table[1:3])
        assert first == second - 3, "three characters of two columns each"
        assert "学習率 = 2" in str(explain(a * b, a))
        assert main(["f = 学習率 * ab", "学習率=2", "ab=3"]) == 0
        assert "  学習率  = 2\n  ab      = 3" in capsys.readouterr().out


class TestLines:
    def test_the_line_that_made_a_node_is_known_after_the_mode_and_forgotten_with_the_node(self) -> None:
        with detect_anomaly():
            x = Value(2.0, "x")
            y = x * 3.0
        z = y * 2.0
        origin = origin_of(y)
        assert origin is not None
        file, line = origin
        assert Path(file).name == "test_everywhere.py"
        assert Path(file).read_text(encoding="utf-8").splitlines()[line - 1].strip() == "y = x * 3.0"
        assert origin_of(z) is None
        before = len(ad.modes._noted)
        del y, z
        gc.collect()
        assert len(ad.modes._noted) == before - 1

    def test_the_lines_shown_are_those_from_the_first_to_the_last_that_made_something(self) -> None:
        with detect_anomaly():
            a = Value(3.0, "a")
            square = a * a
            # nothing is made here
            f = square + a
        code = code_of(topological_order(f))
        assert code is not None
        assert code.lines == ("square = a * a", "# nothing is made here", "f = square + a")
        assert {node: code.lines[line] for node, line in code.made.items()} == {square: code.lines[0], f: code.lines[2]}

    def test_a_graph_made_outside_has_none(self) -> None:
        assert code_of(topological_order(multi_path())) is None
        assert '"code":null' in step(multi_path()).html

    def test_lines_are_data_in_the_page(self) -> None:
        with detect_anomaly():
            x = Value(2.0, "</script><script>canary()</script>")
            y = x * 3.0  # </script><script>canary()</script>
        page = step(y).html
        assert page.count("</script>") == 1
        lesson = json.loads(re.search(r"const lesson = (.*);\n", page)[1])  # type: ignore[index]
        assert lesson["code"]["lines"] == ["y = x * 3.0  # </script><script>canary()</script>"]
        assert lesson["code"]["made"] == {"1": 0}
