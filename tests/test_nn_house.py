"""How nn is built: no circle of imports, no library that was not asked for, names that do not confuse."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

import autodiff
import nn

pytestmark = pytest.mark.once

ROOT = Path(__file__).parent.parent
FILES = {".".join(p.relative_to(ROOT).with_suffix("").parts): p for p in (ROOT / "nn").rglob("*.py")}


def imported_by(path: Path) -> set[str]:
    """The files of nn that a file imports, at its top or within a function, for its types too."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return found & FILES.keys()


def test_no_file_imports_itself_by_way_of_others() -> None:
    arrows = {name: imported_by(path) for name, path in FILES.items() if not name.endswith("__init__")}
    while arrows:
        lowest = {name for name, others in arrows.items() if not others & arrows.keys()}
        assert lowest, f"a circle among {sorted(arrows)}"
        arrows = {name: others for name, others in arrows.items() if name not in lowest}


def test_importing_and_using_nn_imports_nothing_outside_the_standard_library(tmp_path: Path) -> None:
    program = """
import json, sys
before = set(sys.modules)
import nn
model = nn.MLP(2, [3, 1], rng=0)
nn.fit(model, [[0, 1]], [1], optimizer=nn.Adam(model.parameters()), epochs=2, progress=False, compiled=False)
nn.save(model, sys.argv[1]); nn.load(sys.argv[1]); nn.evaluate(model, [[0, 1]], [1], metrics=["r2"])
print(json.dumps([name for name in set(sys.modules) - before if getattr(sys.modules[name], "__spec__", None)]))
"""
    command = [sys.executable, "-c", program, str(tmp_path / "m.json")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    modules = {name.partition(".")[0] for name in json.loads(done.stdout)}
    assert modules - sys.stdlib_module_names == {"autodiff", "nn"}


def test_no_two_public_names_differ_in_capitals_alone_and_none_is_autodiffs() -> None:
    names = [name.lower() for name in nn.__all__]
    assert sorted(name for name in set(names) if names.count(name) > 1) == []
    assert sorted(set(nn.__all__) & set(autodiff.__all__)) == []
    assert sorted(set(nn.METRICS) & set(nn.LOSSES)) == [], "a loss as a metric is the loss"


def test_every_file_is_on_the_page_that_explains_the_architecture() -> None:
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    named = {path.name for path in (ROOT / "nn").glob("*.py")} - {"__init__.py"}
    assert {name for name in named if f"`{name}`" not in page} == set()


def test_every_public_name_is_documented() -> None:
    for name in nn.__all__:
        assert getattr(nn, name).__doc__, name


def test_for_a_name_that_it_does_not_have_nn_imports_nothing(monkeypatch):
    monkeypatch.setattr(nn, "import_module", lambda name: pytest.fail(f"{name} was imported"))
    with pytest.raises(AttributeError, match=r"^module 'nn' has no attribute 'Linaer'$"):
        nn.Linaer  # noqa: B018
