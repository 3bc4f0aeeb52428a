"""The project as it is installed: what importing it costs, the names it promises, its versions and its licence."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path

import pytest

import autodiff
from autodiff.functions import FUNCTIONS
from autodiff.op import OPERATORS
from autodiff.ops import BUILT_IN

pytestmark = pytest.mark.once

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))

PUBLIC = """
    Value no_grad detect_anomaly zero_grad
    sum mean dot softmax logsumexp maximum minimum
    grad value_and_grad jacobian hessian hvp vjp jvp gradients stop_gradient
    topological_order leaves forward_steps backward_steps paths count_paths
    numerical_gradient gradcheck Op define_op DomainError GradcheckError
""".split()


def modules_after(statement: str) -> set[str]:
    """The top-level modules that a fresh Python imports for ``statement``.

    (Cython's own, which a compiled module makes within itself, are imported from nowhere: they have no spec.)
    """
    program = f"""
import json, sys
before = set(sys.modules)
{statement}
print(json.dumps([name for name in set(sys.modules) - before if getattr(sys.modules[name], "__spec__", None)]))
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    return {name.partition(".")[0] for name in json.loads(done.stdout)}


def test_importing_autodiff_imports_nothing_outside_the_standard_library() -> None:
    assert modules_after("import autodiff") - sys.stdlib_module_names == {"autodiff"}


def test_using_the_engine_imports_nothing_outside_the_standard_library() -> None:
    used = "from autodiff import *\nx = Value(2)\n(tanh(x) * 3).backward(); [*backward_steps(x * x)]; hessian(exp)(1)"
    assert modules_after(used) - sys.stdlib_module_names == {"autodiff"}


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_of_the_design_is_there_and_documented(name: str) -> None:
    assert name in autodiff.__all__
    assert getattr(autodiff, name).__doc__


@pytest.mark.parametrize("name", sorted(autodiff.__all__))
def test_every_exported_name_exists(name: str) -> None:
    assert hasattr(autodiff, name)


def test_every_row_without_an_operator_is_exported_as_a_function() -> None:
    assert BUILT_IN - set(OPERATORS) <= set(autodiff.__all__)
    assert all(getattr(autodiff, name) is function for name, function in FUNCTIONS.items())


def test_the_version_is_the_changelogs_newest() -> None:
    newest = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert newest is not None
    assert newest[1] == autodiff.__version__


@pytest.mark.parametrize("package", ["autodiff", "nn", "viz"])
def test_each_package_says_that_it_is_typed_and_what_it_is_for(package: str) -> None:
    assert (ROOT / package / "py.typed").exists()
    assert import_module(package).__doc__


def test_the_command_exists() -> None:
    module, _, function = PROJECT["project"]["scripts"]["autodiff"].partition(":")
    assert callable(getattr(import_module(module), function))


def sources() -> list[Path]:
    folders = ("autodiff", "nn", "viz", "benchmarks", "docs", "tools")
    found = (path for folder in folders for path in (ROOT / folder).rglob("*.py"))
    return sorted(path for path in found if "node_modules" not in path.parts)


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_every_file_opens_with_what_it_is_for_and_can_be_held_in_the_head(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert ast.get_docstring(ast.parse(text)), "a file opens with a paragraph: what it is for"
    assert text.count("\n") <= 450, "a file is some 300 lines long, never above 450"


def test_every_dependency_is_explained_in_contributing() -> None:
    contributing = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    extras = PROJECT["project"]["optional-dependencies"].values()
    needed = [
        *PROJECT["build-system"]["requires"],
        *PROJECT["project"]["dependencies"],
        *(d for e in extras for d in e),
    ]
    names = {re.split(r"[>=\[]", requirement)[0] for requirement in needed} - {"autodiff"}
    assert {name for name in names if f"`{name}`" not in contributing} == set()


def test_every_relative_tolerance_says_what_holds_beside_zero() -> None:
    """pytest.approx takes abs=1e-12 where none is given: with a rel alone, 0 passes for anything smaller than that."""

    def is_silent(call: ast.Call) -> bool:
        given = {keyword.arg for keyword in call.keywords}  # None stands for **options
        name = getattr(call.func, "attr", getattr(call.func, "id", ""))
        relative = "rel" in given or len(call.args) > 1
        return name == "approx" and relative and not given & {"abs", None} and len(call.args) < 3

    silent = [
        f"{path.name}, line {node.lineno}"
        for path in sorted(Path(__file__).parent.glob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and is_silent(node)
    ]
    assert silent == [], "give abs=0.0, or the error that is allowed where the number may be 0"
