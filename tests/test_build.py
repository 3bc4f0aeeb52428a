"""The native engine is built from the tree's own table: a row added to ops.py is in C after the next build.

In a copy of the project, with a compiler at hand; where there is none, `.ci/run` sees to it that the install succeeds.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

pytestmark = pytest.mark.once

ROOT = Path(__file__).parent.parent
EXAMPLE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").split("## Adding an operation: one row")[1]
ROW, CLAIMS = re.findall(r"```python\n(.*?)```", EXAMPLE.split("\n## ")[0], re.DOTALL)


def copy_of_the_project(folder: Path, row: str = "") -> Path:
    """The project as git knows it, but for what was built; ``row`` is added to its table."""
    for package in ("autodiff", "nn", "viz"):
        ignored = shutil.ignore_patterns("__pycache__", "*.so", "*.pyd", "*.c", "rows.h")
        shutil.copytree(ROOT / package, folder / package, ignore=ignored)
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    table = folder / "autodiff" / "ops.py"
    rows, end_of_rows, rest = table.read_text(encoding="utf-8").rpartition("# fmt: on")
    table.write_text(rows + row + end_of_rows + rest, encoding="utf-8")
    return folder


def build(project: Path, **environment: str) -> str:
    ours = {name: text for name, text in os.environ.items() if name != "AUTODIFF_ENGINE"}  # of the engine under test
    done = subprocess.run(
        [sys.executable, "setup.py", "build_ext", "--inplace"],
        cwd=project, env={**ours, **environment}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout


def quick_compiler(folder: Path) -> str:
    """What is not optimised is built in a third of the time, and computes the same."""
    if shutil.which(os.environ.get("CC", "cc")) is None:
        pytest.skip("there is no C compiler")
    quick = folder / "cc"
    quick.write_text(f'#!/bin/sh\nexec {os.environ.get("CC", "cc")} "$@" -O0\n', encoding="utf-8")
    quick.chmod(0o755)
    return str(quick)


@pytest.fixture(scope="module")
def project_with_a_row_in_c(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built with another autodiff on the path and a native module of the wrong kind in place, which must not matter."""
    project = copy_of_the_project(tmp_path_factory.mktemp("project"), ROW)
    decoy = tmp_path_factory.mktemp("decoy")
    (decoy / "autodiff").mkdir()
    (decoy / "autodiff" / "__init__.py").write_text("raise ImportError('the wrong autodiff')", encoding="utf-8")
    old = project / "autodiff" / "native" / f"value{sysconfig.get_config_var('EXT_SUFFIX')}"
    old.write_bytes(b"not a module")
    os.utime(old, (0, 0))
    build(project, PYTHONPATH=str(decoy), CC=quick_compiler(decoy))
    return project


def run(project: Path, program: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(project), "AUTODIFF_ENGINE": "native"}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=project, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_row_that_was_added_is_in_c_after_a_build(project_with_a_row_in_c: Path) -> None:
    assert "softsign_value(double x)" in (project_with_a_row_in_c / "autodiff/native/rows.h").read_text()
    program = (
        "import sys, autodiff\nx, entered = autodiff.Value(-3.0), []\n"
        "sys.setprofile(lambda frame, event, _: event == 'call' and entered.append(frame))\n"
        "y, z = autodiff.softsign(x), x.softsign()\nsys.setprofile(None)\n"
        "print(y.data, y.partials, z.op, len(entered))"
    )
    assert run(project_with_a_row_in_c, program) == "-0.75 (0.0625,) Op(softsign) 0\n"


def test_the_worked_example_gives_what_it_claims_on_the_native_engine_too(project_with_a_row_in_c: Path) -> None:
    (project_with_a_row_in_c / "claims.txt").write_text(CLAIMS, encoding="utf-8")
    failed = "import doctest; print(doctest.testfile('claims.txt', module_relative=False, encoding='utf-8'))"
    assert "failed=0" in run(project_with_a_row_in_c, failed)


def test_a_native_module_older_than_the_table_serves_the_new_row_in_python(tmp_path: Path) -> None:
    built = [*(ROOT / "autodiff" / "native").glob("value*.so"), *(ROOT / "autodiff" / "native").glob("value*.pyd")]
    if not built:
        pytest.skip("not applicable: the native engine was not built")
    project = copy_of_the_project(tmp_path, ROW)
    shutil.copy(built[0], project / "autodiff" / "native")
    program = "import autodiff; print(autodiff.Value(-3.0).softsign(), autodiff.softsign(1.0), autodiff.engine.name)"
    assert run(project, program) == "Value(data=-0.75, grad=0.0) 0.5 native\n"


def test_a_build_whose_c_does_not_compile_says_so_in_one_line_each(tmp_path: Path) -> None:
    project = copy_of_the_project(tmp_path)
    for name in ("blocks.h", "tape.h"):
        (project / "autodiff" / "native" / name).write_text("#error broken", encoding="utf-8")
    lines = [line for line in build(project).splitlines() if line.startswith("autodiff:")]
    assert lines == [
        "autodiff: no C compiler that works: the reference engine serves",
        "autodiff: no C compiler that works: programs run on NumPy alone",
    ]


def test_a_build_without_cython_goes_on_with_the_reference_engine(tmp_path: Path) -> None:
    project = copy_of_the_project(tmp_path)
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['Cython'] = None\n", encoding="utf-8")
    printed = build(project, PYTHONPATH=str(tmp_path))
    assert "autodiff: no C compiler that works: the reference engine serves" in printed
    assert not list((project / "autodiff" / "native").glob("*.so"))


def test_a_tape_that_does_not_compile_leaves_the_engine_native(tmp_path: Path) -> None:
    project = copy_of_the_project(tmp_path)
    (project / "autodiff" / "native" / "tape.h").write_text("#error broken", encoding="utf-8")
    printed = build(project, CC=quick_compiler(tmp_path))
    lines = [line for line in printed.splitlines() if line.startswith("autodiff:")]
    assert lines == ["autodiff: no C compiler that works: programs run on NumPy alone"]
    program = (
        "from autodiff import compile, engine, tanh\n"
        "p = compile(lambda x: tanh(x), 1.0); print(engine.name, p([0.0], backend='auto'), p.stats.backend)"
    )
    assert run(project, program).startswith(
        "native [0.] numpy: the native backend is not at hand, for it was not built"
    )


def test_the_reference_engine_alone_can_be_asked_for(tmp_path: Path) -> None:
    project = copy_of_the_project(tmp_path)
    build(project, AUTODIFF_ENGINE="python")
    assert not list((project / "autodiff" / "native").glob("*.so"))
