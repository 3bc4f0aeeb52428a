"""The notebooks: they run from top to bottom, what is stored of them reads anywhere, and their exercises judge rightly.

How they look in JupyterLab and in exported HTML is `test_jupyter_browser`'s.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.notebook, pytest.mark.once]

ROOT = Path(__file__).parent.parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
every_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)

ANSWERS = {
    "check_square": {
        "right": "df_da, df_db, df_dc = -24, 16, 8",
        "wrong": {
            "df_da, df_db, df_dc = 24, 2, 4": ["the sign is not", "2(ab + c), is missing", "factor of 2"],
            "df_da, df_db, df_dc = 16, -24, 1": [
                "passes on the other factor",
                "that is ∂f/∂a",
                "2(ab + c), is missing",
            ],
            "df_da, df_db, df_dc = 'x', 16, 7.5": ["a number is wanted, not 'x'", "is right", "follow the edges"],
        },
    },
    "check_paths": {
        "right": "number_of_paths, dh_dx = 5, 20",
        "wrong": {"number_of_paths, dh_dx = 3, 16": ["two operands", "+ u, is missing"]},
    },
    "check_slope": {
        "right": "slope = lambda f, x, e: (f(x + e) - f(x - e)) / (2 * e)",
        "wrong": {
            "slope = lambda f, x, e: (f(x + e) - f(x)) / e": ["shrinks as ε", "shrinks as ε"],
            "slope = lambda f, x, e: (f(x + e) - f(x - e)) / e": ["factor of 2", "factor of 2"],
        },
    },
    "check_swish": {
        "right": "swish_slope = lambda x: sigmoid(x) * (1 + x * (1 - sigmoid(x)))",
        "wrong": {
            "swish_slope = lambda x: sigmoid(x)": ["is right", "product rule", "product rule"],
            "swish_slope = lambda x: x * sigmoid(x) * (1 - sigmoid(x))": ["follow the edges"] * 3,
        },
    },
    "check_neuron": {
        "right": "delta, dw1, dw2, db = -1, -1, -2, -1",
        "wrong": {"delta, dw1, dw2, db = 1, -1, -1, 0": ["the sign is not", "is right", "multiplied by x₂", "not yet"]},
    },
}


def stored(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8"))


def code_cells(path: Path) -> list[dict[str, Any]]:
    return [cell for cell in stored(path)["cells"] if cell["cell_type"] == "code"]


def test_the_notebook_on_computation_graphs_is_there() -> None:
    assert "computation_graphs" in [path.stem for path in NOTEBOOKS]


@every_notebook
def test_a_notebook_runs_from_top_to_bottom_and_gives_an_output_where_one_is_stored(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nbclient = pytest.importorskip("nbclient", reason="nbclient is not installed (extra notebooks)")
    nbformat = pytest.importorskip("nbformat", reason="nbformat is not installed (extra notebooks)")
    for variable in (
        "HOME",
        "IPYTHONDIR",
        "JUPYTER_DATA_DIR",
        "JUPYTER_CONFIG_DIR",
        "JUPYTER_RUNTIME_DIR",
        "MPLCONFIGDIR",
    ):
        monkeypatch.setenv(variable, str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]))
    notebook = nbformat.read(path, as_version=4)
    before = kinds_of_outputs(notebook.cells)

    client = nbclient.NotebookClient(notebook, timeout=60, resources={"metadata": {"path": str(tmp_path)}})
    client.execute()  # raises CellExecutionError, with the cell and its traceback, where one fails

    assert kinds_of_outputs(notebook.cells) == before, "run the notebook again, and store it with its outputs"


def kinds_of_outputs(cells: list[Any]) -> list[set[str]]:
    """For each code cell the kinds of its outputs; not how many, which depends on when a stream is flushed."""
    return [{output["output_type"] for output in cell["outputs"]} for cell in cells if cell["cell_type"] == "code"]


@every_notebook
def test_a_notebook_is_stored_as_run_in_order_without_errors(path: Path) -> None:
    cells = code_cells(path)

    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    kinds = {output["output_type"] for cell in cells for output in cell["outputs"]}
    assert kinds <= {"stream", "display_data", "execute_result"}
    assert stored(path)["metadata"]["kernelspec"]["name"] == "python3"


@every_notebook
def test_stored_outputs_read_where_no_script_runs(path: Path) -> None:
    shown = [output["data"] for cell in code_cells(path) for output in cell["outputs"] if "data" in output]

    assert shown
    for data in shown:
        assert "text/plain" in data, "a text stands in where nothing else can be shown"
        assert "<script" not in "".join(data.get("text/html", [])), "a code host removes the script, and shows nothing"
        objects = re.search(r"<[\w.]+ object at 0x|<Figure|<IPython", "".join(data["text/plain"]))
        assert objects is None or data.keys() - {"text/plain"}, "the text alone says nothing"


@every_notebook
def test_a_notebook_is_small_and_names_no_place_on_the_machine_that_ran_it(path: Path) -> None:
    text = path.read_text(encoding="utf-8")

    assert len(text.encode()) < 1_000_000
    assert re.search(r"""["' (](/(home|root|work|tmp|usr|opt|Users)/|[A-Z]:\\\\)""", text) is None


def exercise(check: str) -> tuple[dict[str, Any], str]:
    """What the exercise that ``check`` judges has to go by, and its cell."""
    cells = code_cells(ROOT / "notebooks" / "computation_graphs.ipynb")
    tagged = {tag: [c for c in cells if tag in c["metadata"].get("tags", [])] for tag in ("checks", "exercise")}
    names: dict[str, Any] = {}
    exec("from autodiff import Value, count_paths, grad, sigmoid, tanh", names)
    exec("".join(tagged["checks"][0]["source"]), names)
    (source,) = [source for c in tagged["exercise"] if f"{check}(" in (source := "".join(c["source"]))]
    return names, source


def judged(check: str, answer: str, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """The lines that the exercise's cell prints with ``answer`` in the place of the blank one."""
    names, source = exercise(check)
    call = source[source.index(f"{check}(") :]
    assert "None" in source.removesuffix(call)
    capsys.readouterr()
    exec(f"{answer}\n{call}", names)
    return capsys.readouterr().out.splitlines()


def test_every_exercise_has_answers_to_be_judged_here() -> None:
    cells = code_cells(ROOT / "notebooks" / "computation_graphs.ipynb")
    exercises = ["".join(c["source"]) for c in cells if "exercise" in c["metadata"].get("tags", [])]

    assert sorted(re.findall(r"^(check_\w+)\(", "\n".join(exercises), re.MULTILINE)) == sorted(ANSWERS)


@pytest.mark.parametrize("check", ANSWERS)
def test_an_unanswered_exercise_says_so(check: str, capsys: pytest.CaptureFixture[str]) -> None:
    names, source = exercise(check)
    exec(source, names)
    lines = capsys.readouterr().out.splitlines()

    assert lines
    assert all(line.startswith("…") and line.endswith("not answered yet") for line in lines)


@pytest.mark.parametrize("check", ANSWERS)
def test_an_exercise_accepts_the_right_answer(check: str, capsys: pytest.CaptureFixture[str]) -> None:
    lines = judged(check, ANSWERS[check]["right"], capsys)

    assert lines
    assert all(line.startswith("✓") and line.endswith("is right") for line in lines)


WRONG = [(check, answer) for check, answers in ANSWERS.items() for answer in answers["wrong"]]


@pytest.mark.parametrize(("check", "answer"), WRONG)
def test_an_exercise_says_what_is_wrong(check: str, answer: str, capsys: pytest.CaptureFixture[str]) -> None:
    lines = judged(check, answer, capsys)

    for line, expected in zip(lines, ANSWERS[check]["wrong"][answer], strict=True):
        assert line.startswith("✓" if expected == "is right" else "✗")
        assert expected in line
