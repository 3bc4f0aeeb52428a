"""Run the course's notebooks, and store them as a code host shows them: `make notebooks`.

A stored notebook has its texts and still pictures; of a stepper the picture, not the page, whose script no code host
runs. What changes from run to run without meaning anything (who ran it, when, with which patch of Python) is left out.
A cell tagged ``varies`` shows a time or the like: its text is not compared.
"""

from __future__ import annotations

import math
import os
import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

FOLDER = Path(__file__).parent.parent / "notebooks"
PYTHONPATH = os.pathsep.join([str(FOLDER.parent), str(FOLDER), os.environ.get("PYTHONPATH", "")])
PATIENCE = 120  # seconds for one cell
_NUMBER = re.compile(r"[-+−]?\d+(?:\.\d+)?(?:e[-+]?\d+)?")


def notebooks() -> list[Path]:
    """The course and its solutions, in order."""
    return [*sorted(FOLDER.glob("*.ipynb")), *sorted(FOLDER.glob("solutions/*.ipynb"))]


@contextmanager
def started(notebook: Any, folder: Path) -> Iterator[NotebookClient]:
    """What runs the cells of ``notebook`` in ``folder``, by ``execute_cell(cell, index)``."""
    quiet = ["--log-level=ERROR"]
    client = NotebookClient(
        notebook, timeout=PATIENCE, extra_arguments=quiet, resources={"metadata": {"path": str(folder)}}
    )
    with client.setup_kernel():
        yield client


def normalised(notebook: Any) -> Any:
    """The same notebook, as it is stored."""
    notebook.metadata = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    count = 0
    for cell in notebook.cells:
        cell.metadata = {key: cell.metadata[key] for key in ("tags",) if key in cell.metadata}
        if cell.cell_type != "code":
            continue
        count += 1
        cell.execution_count = count
        cell.outputs = list(_stored(cell.outputs, count))
    return notebook


def _stored(outputs: list[Any], count: int) -> Iterator[Any]:
    written = None
    for output in outputs:
        if output.output_type == "stream" and written is not None and written.name == output.name:
            written.text += output.text
            continue
        written = output if output.output_type == "stream" else None
        if "execution_count" in output:
            output.execution_count = count
        if "data" in output:
            output.data.pop("application/pdf", None)  # for LaTeX, which makes it anew
            output.metadata = {kind: size for kind, size in output.metadata.items() if kind in output.data}
            if "<script" in output.data.get("text/html", ""):
                del output.data["text/html"]
        yield output


def text_of(cell: Any) -> str:
    """What a code cell says in words and numbers, without its pictures; a stream as one, however it was flushed."""
    texts: list[str] = []
    stream = None
    for output in cell.outputs:
        if output.output_type == "stream" and output.name == stream:
            texts[-1] += output.text
        else:
            texts.append(output.get("text") or output.get("data", {}).get("text/plain", ""))
        stream = output.get("name")
    return "\n".join(text.strip() for text in texts)


def drift(stored: str, found: str) -> str | None:
    """The first line in which two outputs differ, numbers by more than 1e-6 of them and 1e-9; None where none does."""
    for before, after in zip(lines := stored.splitlines(), others := found.splitlines(), strict=False):
        words = _NUMBER.split(before) == _NUMBER.split(after)
        if not words or not all(map(_near, _NUMBER.findall(before), _NUMBER.findall(after))):
            return f"{before!r} is {after!r}"
    return None if len(lines) == len(others) else f"{len(lines)} lines are {len(others)}"


def _near(before: str, after: str) -> bool:
    first, second = (float(number.replace("−", "-")) for number in (before, after))
    return math.isclose(first, second, rel_tol=1e-6, abs_tol=1e-9)


def main(names: list[str]) -> None:
    """Run and store the notebooks whose path holds one of ``names``, or all."""
    os.environ["PYTHONPATH"] = PYTHONPATH
    for path in notebooks():
        if names and not any(name in str(path.relative_to(FOLDER)) for name in names):
            continue
        began = time.perf_counter()
        notebook = nbformat.read(path, as_version=4)
        with started(notebook, path.parent) as client:
            for index, cell in enumerate(notebook.cells):
                client.execute_cell(cell, index)  # raises CellExecutionError, with the cell and its traceback
        text = nbformat.writes(normalised(notebook)) + "\n"
        new = path.with_suffix(".new")
        new.write_text(text, encoding="utf-8")
        new.replace(path)
        print(f"{path.relative_to(FOLDER)}: {time.perf_counter() - began:.1f} s, {len(text.encode()) / 1e6:.2f} MB")


if __name__ == "__main__":
    main(sys.argv[1:])
