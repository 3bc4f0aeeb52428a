"""The course: it runs from top to bottom, shows what it promises, reads anywhere, and its exercises judge rightly.

``course/NN.toml`` holds what notebook NN promises for the rows of the curriculum, and wrong answers with their hints.
How a notebook looks in JupyterLab and in exported HTML is `test_jupyter_browser`'s.
"""

from __future__ import annotations

import copy
import math
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.notebook, pytest.mark.once]
pytest.importorskip("nbclient", reason="nbclient is not installed (extra notebooks)")

import nbformat  # noqa: E402

import notebooks  # noqa: E402

COURSE = sorted(notebooks.FOLDER.glob("*.ipynb"))
EVERY = notebooks.notebooks()
every_lesson = pytest.mark.parametrize("path", COURSE, ids=lambda path: path.stem)
every_notebook = pytest.mark.parametrize("path", EVERY, ids=lambda path: f"{path.parent.name}/{path.stem}")
README = notebooks.FOLDER / "README.md"
CURRICULUM = range(1, 34)


def promises(path: Path) -> dict[str, list[dict[str, Any]]]:
    """What a notebook promises: ``row`` and ``wrong``."""
    file = Path(__file__).parent / "course" / f"{path.stem[:2]}.toml"
    return {"row": [], "wrong": []} | tomllib.loads(file.read_text(encoding="utf-8"))


def code_cells(path: Path, tag: str = "") -> list[Any]:
    cells = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    return [cell for cell in cells if not tag or tag in cell.metadata.get("tags", [])]


def lines_of(cell: Any) -> list[str]:
    return [line for line in notebooks.text_of(cell).splitlines() if line]


# It runs, and shows what it promises.


@every_notebook
def test_a_notebook_says_what_is_stored_and_what_it_promises_is_computed(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = ("HOME", "IPYTHONDIR", "JUPYTER_DATA_DIR", "JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR", "MPLCONFIGDIR")
    for variable in places:
        monkeypatch.setenv(variable, str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", notebooks.PYTHONPATH)
    notebook = nbformat.read(path, as_version=4)
    stored = {cell.id: (kinds(cell), notebooks.text_of(cell)) for cell in code_cells(path)}
    rows = promises(path)["row"] if path in COURSE else []
    faults: list[str] = []

    with notebooks.started(notebook, tmp_path) as client:
        for index, cell in enumerate(notebook.cells):
            mine = [row for row in rows if row["cell"] == cell.id]
            changed = [executed(client, index, with_the_change(row, cell)) for row in mine]
            client.execute_cell(cell, index)  # last: what comes after it sees what it should
            if cell.cell_type != "code":
                continue
            before, text = stored[cell.id]
            if kinds(cell) != before:
                faults.append(f"{cell.id}: it gives {kinds(cell)}, and {before} is stored")
            if "varies" not in cell.metadata.get("tags", []):
                line = notebooks.drift(text, notebooks.text_of(cell))
                faults += [f"{cell.id}: {line}"] if line else []
            for row, other in zip(mine, changed, strict=True):
                faults += not_computed(row, cell, other)

    assert faults == [], "make notebooks stores what a notebook says now"


def test_a_stored_picture_keeps_its_size() -> None:
    size = {"image/png": {"width": 300, "height": 200}}
    shown = nbformat.v4.new_output("display_data", {"image/png": ""}, metadata=size | {"from": "this run"})
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(outputs=[shown])])

    assert notebooks.normalised(notebook).cells[0].outputs[0].metadata == size


def test_a_stream_reads_the_same_however_it_was_flushed() -> None:
    whole, pieces = (
        nbformat.v4.new_code_cell(outputs=[nbformat.v4.new_output("stream", text=text) for text in texts])
        for texts in (["a\n  1 b\n"], ["a", "\n ", " 1 b\n"])
    )

    assert notebooks.text_of(whole) == notebooks.text_of(pieces) == "a\n  1 b"


def kinds(cell: Any) -> set[str]:
    """The kinds of a cell's outputs; not how many, which depends on when a stream is flushed."""
    return {output["output_type"] for output in cell.outputs}


def executed(client: Any, index: int, cell: Any) -> Any:
    client.execute_cell(cell, index)
    return cell


def with_the_change(row: dict[str, Any], cell: Any) -> Any:
    old, new = row["change"]
    assert old in cell.source, f"{cell.id}: there is no {old!r} to be changed"
    changed = copy.deepcopy(cell)
    changed.source = cell.source.replace(old, new)
    return changed


def not_computed(row: dict[str, Any], cell: Any, changed: Any) -> list[str]:
    """What speaks against the number of a row: it is not there, not right, or stays when an input of it is changed."""
    old, new = row["change"]
    where = f"row {row['row']}, {cell.id}"
    number, other = (promised(row, one) for one in (cell, changed))
    if number is None or not kept(row, number):
        return [f"{where}: {row['finds']} finds {number!r} in {notebooks.text_of(cell)!r}"]
    if other is not None and (number == other or ("below" in row and kept(row, other))):
        return [f"{where}: with {new} for {old} it is still {other}"]
    return []


def promised(row: dict[str, Any], cell: Any) -> str | None:
    found = re.search(row["finds"], notebooks.text_of(cell))
    return None if found is None else found[1]


def kept(row: dict[str, Any], number: str) -> bool:
    """Whether the number is what the row promises: ``equals`` a number or a word, or is ``below`` or ``above`` one."""
    if isinstance(row.get("equals"), str):
        return number == row["equals"]
    value = float(number.replace("−", "-"))
    if "equals" in row:
        return math.isclose(value, row["equals"], rel_tol=1e-9, abs_tol=row.get("within", 0.0))
    return abs(value) < row["below"] if "below" in row else value > row["above"]


def test_every_row_of_the_curriculum_names_its_cell_in_the_map() -> None:
    promised = {(row["row"], path.name, row["cell"]) for path in COURSE for row in promises(path)["row"]}
    named: set[tuple[int, str, str]] = set()
    for line in README.read_text(encoding="utf-8").splitlines():
        if found := re.match(r"\| (\d+) \|", line):
            places = re.findall(r"\]\((\w+\.ipynb)\)((?:,? `[\w-]+`)+)", line)
            named |= {(int(found[1]), file, cell) for file, cells in places for cell in re.findall("`(.+?)`", cells)}

    assert {row for row, _, _ in named} == set(CURRICULUM)
    assert named == promised


# What is stored.


@every_notebook
def test_a_notebook_is_stored_as_run_in_order_without_errors(path: Path) -> None:
    cells = code_cells(path)

    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    assert {kind for cell in cells for kind in kinds(cell)} <= {"stream", "display_data", "execute_result"}
    assert notebooks.normalised(notebook := nbformat.read(path, as_version=4)) == notebook
    assert path.read_text(encoding="utf-8") == nbformat.writes(notebook) + "\n"


@every_notebook
def test_stored_outputs_read_where_no_script_runs(path: Path) -> None:
    shown = [output["data"] for cell in code_cells(path) for output in cell["outputs"] if "data" in output]

    for data in shown:
        assert "text/plain" in data, "a text stands in where nothing else can be shown"
        assert "<script" not in data.get("text/html", ""), "a code host removes the script, and shows nothing"
        objects = re.search(r"<[\w.]+ object at 0x|<Figure|<IPython", data["text/plain"])
        assert objects is None or data.keys() - {"text/plain"}, "the text alone says nothing"


@every_notebook
def test_a_notebook_is_small_and_names_no_place_on_the_machine_that_ran_it(path: Path) -> None:
    text = path.read_text(encoding="utf-8")

    assert len(text.encode()) < 1_500_000
    assert re.search(r"""["' (](/(home|root|work|tmp|usr|opt|Users)/|[A-Z]:\\\\)""", text) is None


@every_lesson
def test_a_lesson_says_what_one_will_be_able_to_do_and_ends_with_a_summary_and_exercises(path: Path) -> None:
    texts = [cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "markdown"]
    headings = re.findall(r"^## (.+)$", "\n".join(texts), re.MULTILINE)

    assert texts[0].startswith("# ") and "will be able to" in texts[0]
    assert [heading for heading in headings if heading in ("Summary", "Exercises")] == ["Summary", "Exercises"]
    assert all("# " not in code_cell.source[:2] for code_cell in code_cells(path))


# The exercises.


def checks_of(cells: list[Any]) -> list[str]:
    return re.findall(r"^(check_\w+)\(", "\n".join(cell.source for cell in cells), re.MULTILINE)


def solutions(path: Path) -> Path:
    return path.parent / "solutions" / path.name


@every_lesson
def test_a_lesson_has_three_to_five_exercises_each_solved_and_each_with_a_wrong_answer_that_is_hinted_at(
    path: Path,
) -> None:
    exercises = checks_of(code_cells(path, "exercise"))

    assert 3 <= len(exercises) <= 5
    assert checks_of(code_cells(solutions(path), "exercise")) == exercises
    assert {wrong["exercise"] for wrong in promises(path)["wrong"]} == set(exercises)


@every_lesson
def test_an_unanswered_exercise_says_so(path: Path) -> None:
    for cell in code_cells(path, "exercise"):
        assert lines_of(cell)
        assert all(line.startswith("…") and line.endswith("not answered yet") for line in lines_of(cell))


@every_lesson
def test_the_solutions_are_accepted(path: Path) -> None:
    for cell in code_cells(solutions(path), "exercise"):
        judged = [line for line in lines_of(cell) if line[0] in "✓✗…"]
        assert judged
        assert all(line.startswith("✓") for line in judged)


WRONG = [(path, wrong) for path in COURSE for wrong in promises(path)["wrong"]]


@pytest.mark.parametrize(("path", "wrong"), WRONG, ids=[f"{path.stem[:2]}-{w['answer'][:60]}" for path, w in WRONG])
def test_an_exercise_says_what_is_wrong(path: Path, wrong: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    (source,) = [cell.source for cell in code_cells(path, "exercise") if f"\n{wrong['exercise']}(" in cell.source]
    call = source[source.index(f"\n{wrong['exercise']}(") :]
    (imported,) = [cell.source for cell in code_cells(path, "checks")]
    names: dict[str, Any] = {}
    exec(imported, names)
    capsys.readouterr()
    exec(f"{wrong['answer']}\n{call}", names)
    lines = capsys.readouterr().out.splitlines()

    assert any(line.startswith("✗") for line in lines)
    for line, expected in zip(lines, wrong["says"], strict=True):
        assert line.startswith("✓" if expected == "is right" else "✗")
        assert expected in line


def test_every_solution_belongs_to_a_lesson() -> None:
    assert [path.name for path in EVERY if path not in COURSE] == [path.name for path in COURSE]
