"""Rendering needs no program, no font and no settings of the machine, and writes nothing that it was not asked to."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from viz.graph import look, process, render

pytestmark = pytest.mark.once
ROOT = Path(__file__).parent.parent
SOURCE = f'digraph {{ a [id=first, label="x₁ ∂ Σ", fontname="{look.FONT}"]; a -> b [id=line] }}'

MACHINES = {
    "no home": {"HOME": "/nonexistent"},
    "no home variable": {},
    "broken settings directory": {"FONTCONFIG_PATH": "/nonexistent"},
    "broken settings file": {"FONTCONFIG_FILE": "/nonexistent/fonts.conf"},
    "broken root": {"FONTCONFIG_SYSROOT": "/nonexistent"},
}


def run(code: str, environment: dict[str, str]) -> subprocess.CompletedProcess[bytes]:
    """A fresh interpreter with that environment and no other; an empty PATH."""
    settings = {"PATH": "", "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8", **environment}
    if "SYSTEMROOT" in os.environ:
        settings["SYSTEMROOT"] = os.environ["SYSTEMROOT"]
    return subprocess.run([sys.executable, "-c", code], env=settings, capture_output=True, check=False)


@pytest.mark.parametrize("environment", MACHINES.values(), ids=MACHINES)
def test_pictures_come_out_without_programs_settings_or_a_word_on_stderr(environment: dict[str, str]) -> None:
    done = run(
        f"import sys; from viz.graph import render; s = {SOURCE!r}\n"
        "assert render.png(s).startswith(b'\\x89PNG') and render.pdf(s).startswith(b'%PDF')\n"
        "sys.stdout.buffer.write(render.svg(s).encode())",
        environment,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.decode() == render.svg(SOURCE)


def test_pictures_are_the_same_without_the_machines_fonts() -> None:
    draw = f"sys.stdout.buffer.write(render.png({SOURCE!r}))"
    with_fonts = run(f"import sys; from viz.graph import render; {draw}", {})
    no_fonts = {"XDG_DATA_HOME": "/nonexistent", "WINDIR": "/nonexistent"}
    without = run(f"import sys; from viz.graph import process, render; process._MACHINE_FONTS = (); {draw}", no_fonts)
    assert with_fonts.returncode == without.returncode == 0, without.stderr
    assert with_fonts.stdout == without.stdout


def test_settings_of_the_machine_that_know_no_font_are_not_asked(tmp_path: Path) -> None:
    settings = tmp_path / "fonts.conf"
    settings.write_text("<fontconfig><dir>/nonexistent</dir></fontconfig>")
    done = run(
        f"import sys; from viz.graph import render; sys.stdout.buffer.write(render.svg({SOURCE!r}).encode())",
        {"FONTCONFIG_FILE": str(settings), "FONTCONFIG_PATH": str(tmp_path)},
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.decode() == render.svg(SOURCE)


def test_text_is_measured_in_dejavu() -> None:
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextPath

    text = "imW∂" * 10
    svg = render.svg(f'digraph {{ a [label="{text}", fontname="{look.FONT}", fontsize=10, shape=box, margin=0] }}')
    drawn = float(ET.fromstring(svg).get("viewBox", "").split()[2]) - 8.0  # Graphviz leaves 4 points on either side
    expected = TextPath((0, 0), text, size=10, prop=FontProperties(family="DejaVu Sans")).get_extents().width
    assert drawn == pytest.approx(expected, rel=0.02, abs=0.0)


def test_a_dot_program_on_the_path_is_not_used(tmp_path: Path) -> None:
    program, trace = tmp_path / "dot", tmp_path / "called"
    program.write_text(f"#!/bin/sh\necho called > {trace}\n")
    program.chmod(0o755)
    done = run(f"from viz.graph import render; render.svg({SOURCE!r})", {"PATH": f"{tmp_path}:/usr/bin:/bin"})
    assert done.returncode == 0
    assert not trace.exists()


def test_the_environment_is_left_as_it_was() -> None:
    done = run(
        f"import os; from viz.graph import render; before = dict(os.environ); render.svg({SOURCE!r})\n"
        "assert dict(os.environ) == before",
        {"FONTCONFIG_FILE": "mine"},
    )
    assert (done.returncode, done.stderr) == (0, b"")


def test_what_others_write_to_stderr_while_fonts_are_read_is_kept() -> None:
    done = run(
        "import os, sys; from viz.graph import process\n"
        "sys.stderr.write('before ')\n"
        "with process._without_fontconfig_warnings():\n"
        "    os.write(2, b'Fontconfig warning: old\\nsomething else\\n')\n"
        "os.write(2, b'after')",
        {},
    )
    assert done.stderr == b"before something else\nafter"


def test_reading_the_fonts_leaves_no_file_open() -> None:
    def next_descriptor() -> int:
        descriptor = os.dup(0)
        os.close(descriptor)
        return descriptor

    before = next_descriptor()
    with process._without_fontconfig_warnings():
        pass
    assert next_descriptor() == before


def test_a_closed_stderr_does_no_harm() -> None:
    done = run(f"import os; os.close(2); from viz.graph import render; print(len(render.png({SOURCE!r})))", {})
    assert done.returncode == 0
    assert int(done.stdout) > 1000


def test_a_bitmap_is_as_large_as_cairo_can_draw_and_no_larger(capfd: pytest.CaptureFixture[str]) -> None:
    chain = " -> ".join(f"n{i}" for i in range(300))
    picture = render.png(f"digraph {{ rankdir=LR ranksep=1 {chain} }}")
    width = int.from_bytes(picture[16:20], "big")
    assert 30_000 < width <= 32_767
    assert capfd.readouterr() == ("", "")


def test_a_small_bitmap_has_192_dots_per_inch() -> None:
    svg = ET.fromstring(render.svg(SOURCE))
    points = float(svg.get("width", "").removesuffix("pt"))
    assert int.from_bytes(render.png(SOURCE)[16:20], "big") == pytest.approx(points / 72 * 192, abs=3)


def test_titles_are_text_and_elements_without_one_have_none() -> None:
    title = "</title><script>alert(1)</script> & more"
    picture = render.svg(SOURCE, {"first": title})
    titles = [t.text for t in ET.fromstring(picture).iter(f"{{{render._SVG}}}title")]
    assert titles == [title]
    assert "<script" not in picture


def test_threads_may_render_at_the_same_time() -> None:
    expected = render.svg(SOURCE)
    found: list[str] = []
    threads = [threading.Thread(target=lambda: found.extend(render.svg(SOURCE) for _ in range(5))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 40


@pytest.mark.parametrize("source", ["digraph {", "nothing of the kind"])
def test_what_is_no_dot_graph_is_refused(source: str) -> None:
    with pytest.raises(ValueError, match="no DOT graph"):
        render.svg(source)


def test_without_pygraphviz_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pygraphviz", None)
    with pytest.raises(ImportError, match="pip install 'pygraphviz>=2'"):
        render.svg(SOURCE)


def test_without_the_fonts_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(process, "_fonts_ready", False)
    with pytest.raises(ImportError, match="pip install matplotlib"):
        render.svg(SOURCE)
