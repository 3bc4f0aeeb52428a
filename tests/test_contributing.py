"""CONTRIBUTING.md's worked example does what it says: one row makes an operation. And its pages are true.

The row is added to a copy of the project, on which a fresh Python runs the claims; so nothing needs removing.
"""

from __future__ import annotations

import doctest
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
EXAMPLE = TEXT.split("## Adding an operation: one row")[1].split("\n## ")[0]
ROW, CLAIMS = re.findall(r"```python\n(.*?)```", EXAMPLE, re.DOTALL)


@pytest.fixture(scope="module")
def project_with_the_row(tmp_path_factory: pytest.TempPathFactory) -> Path:
    copy = tmp_path_factory.mktemp("project")
    for package in ("autodiff", "nn", "viz", "tests"):
        shutil.copytree(ROOT / package, copy / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", copy)
    table = copy / "autodiff" / "ops.py"
    rows, end_of_rows, rest = table.read_text(encoding="utf-8").rpartition("# fmt: on")
    table.write_text(rows + ROW + end_of_rows + rest, encoding="utf-8")
    return copy


def run(project: Path, *command: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(project), "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(
        [sys.executable, *command], cwd=project, env=environment, capture_output=True, encoding="utf-8", check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_row_is_not_in_the_table_already() -> None:
    assert "softsign" not in (ROOT / "autodiff" / "ops.py").read_text(encoding="utf-8")


def test_the_worked_example_gives_what_it_claims(project_with_the_row: Path) -> None:
    claims = doctest.DocTestParser().get_examples(CLAIMS)
    assert len(claims) >= 4
    (project_with_the_row / "claims.txt").write_text(CLAIMS, encoding="utf-8")
    run(project_with_the_row, "-m", "doctest", "claims.txt")


@pytest.mark.once
@pytest.mark.parametrize("x", [-3.0, -0.25, 0.5, 20.0])
def test_the_row_is_right_to_second_order_on_every_namespace(project_with_the_row: Path, x: float) -> None:
    program = f"from autodiff.testing import assert_op; assert_op('softsign', {x}, mirror=lambda x: x / (1 + abs(x)))"
    run(project_with_the_row, "-c", program)


def test_the_row_is_drawn_by_its_name(project_with_the_row: Path) -> None:
    program = (
        "from autodiff import Value, softsign; from viz import draw; print(draw(softsign(Value(1.0, 'x'))).source)"
    )
    assert "softsign" in run(project_with_the_row, "-c", program)


def test_the_command_line_knows_the_row(project_with_the_row: Path) -> None:
    program = "import sys; from viz.cli import main; sys.exit(main(['f = softsign(x)', 'x=1']))"
    assert "softsign(x)" in run(project_with_the_row, "-c", program)


@pytest.mark.once
def test_every_file_of_the_engine_is_on_the_page() -> None:
    files = {path.name for pattern in ("*.py", "*.pyx") for path in (ROOT / "autodiff").glob(pattern)}
    assert {name for name in files - {"__init__.py"} if f"`{name}`" not in TEXT} == set()


@pytest.mark.once
def test_every_make_target_on_the_page_exists() -> None:
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = set(re.findall(r"`make (\w+)`", TEXT))
    assert named
    assert named <= targets
