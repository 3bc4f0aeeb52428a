"""Graphviz in this process: pygraphviz's wheel carries it, so no program is run; and the fonts that it finds.

Text is set in DejaVu Sans, which matplotlib's wheel carries, so a picture comes out the same where no font is
installed; only characters that DejaVu lacks are looked for among the machine's fonts. Nothing is printed.
"""

from __future__ import annotations

import importlib.util
import os
import sys
import tempfile
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from pathlib import Path
from typing import Any

from viz.graph.look import FONT

_MACHINE_FONTS = ("/usr/share/fonts", "/usr/local/share/fonts", "/System/Library/Fonts", "/Library/Fonts")

_lock = threading.Lock()  # Graphviz keeps its state in globals
_fonts_ready = False


@contextmanager
def opened(source: str) -> Iterator[Any]:
    """A DOT graph as pygraphviz's AGraph; one at a time. Raises ImportError and ValueError as `render.svg`."""
    pygraphviz = _pygraphviz()
    with _lock:
        _prepare_fonts(pygraphviz)
        try:
            graph = pygraphviz.AGraph(string=source)
        except Exception as error:  # pygraphviz raises its own kinds, depending on what is wrong
            raise ValueError(f"this is no DOT graph: {source[:200]!r}") from error
        graph.number_of_nodes = lambda: 0  # of more than 1000 pygraphviz writes a warning to stderr
        try:
            yield graph
        finally:
            graph.close()


def _pygraphviz() -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # SWIG's types make Python 3.12 and later warn
            import pygraphviz
    except ImportError as error:
        raise ImportError(f"pictures need pygraphviz 2 or later: pip install 'pygraphviz>=2' ({error})") from error
    return pygraphviz


def _prepare_fonts(pygraphviz: Any) -> None:
    """Have fontconfig, which reads its configuration once, at the first layout, read ours."""
    global _fonts_ready
    if _fonts_ready:
        return
    directory = _dejavu()
    before = {name: os.environ.get(name) for name in ("FONTCONFIG_FILE", "FONTCONFIG_PATH", "FONTCONFIG_SYSROOT")}
    with tempfile.TemporaryDirectory(prefix="fonts-", ignore_cleanup_errors=True) as folder:
        file = Path(folder, "fonts.conf")
        file.write_text(_configuration(directory, folder), encoding="utf-8")
        os.environ["FONTCONFIG_FILE"] = str(file)
        os.environ["FONTCONFIG_PATH"] = folder
        os.environ.pop("FONTCONFIG_SYSROOT", None)
        try:
            with _without_fontconfig_warnings():
                graph = pygraphviz.AGraph(string=f'digraph {{ a [fontname="{FONT}", label="a"] }}')
                graph.draw(format="png", prog="dot")
                graph.close()
        finally:
            for name, value in before.items():
                os.environ.pop(name, None)
                if value is not None:
                    os.environ[name] = value
    _fonts_ready = True


def _dejavu() -> Path:
    matplotlib = importlib.util.find_spec("matplotlib")
    if matplotlib is None or matplotlib.origin is None:
        raise ImportError("pictures need the fonts that come with matplotlib: pip install matplotlib")
    return Path(matplotlib.origin).parent / "mpl-data" / "fonts" / "ttf"


def _configuration(fonts: Path, temporary: str) -> str:
    machine = [*_MACHINE_FONTS, str(Path(os.environ.get("WINDIR", r"C:\Windows"), "Fonts"))]
    directories = [str(fonts), *(folder for folder in machine if os.path.isdir(folder))]
    listed = "".join(f"<dir>{escape(folder)}</dir>" for folder in directories)
    return (
        f'<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "urn:fontconfig:fonts.dtd"><fontconfig>{listed}'
        f'<dir prefix="xdg">fonts</dir><cachedir prefix="xdg">fontconfig</cachedir>'
        f"<cachedir>{escape(temporary)}</cachedir><config><rescan><int>0</int></rescan></config></fontconfig>"
    )


@contextmanager
def _without_fontconfig_warnings() -> Iterator[None]:
    """Fontconfig writes to file descriptor 2 when the machine's own settings are newer than it; others' lines pass."""
    try:
        kept = os.dup(2)
    except OSError:  # a program without a terminal may have closed it
        yield
        return
    if sys.stderr is not None:
        sys.stderr.flush()
    with tempfile.TemporaryFile() as caught:
        os.dup2(caught.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            caught.seek(0)
            for line in caught:
                if not line.startswith(b"Fontconfig"):
                    os.write(2, line)
