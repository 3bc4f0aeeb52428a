"""`make mutants` makes the faults it should, finds those that a test finds, and its lists fit the code."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from collections import Counter
from pathlib import Path

import pytest
from mutations import Mutant, mutants_of

if sys.platform == "win32":
    pytest.skip("not applicable: make mutants forks", allow_module_level=True)

from mutants import EXPLANATIONS, all_mutants, as_item, explanations, report, sample
from native_faults import FAULTS, with_fault
from reach import PLUGIN, Probes, Reach
from trials import ROOT

pytestmark = pytest.mark.once


@pytest.fixture(scope="module", name="mutants")
def every_mutant() -> list[Mutant]:
    return all_mutants()


def faults(source: str) -> set[str]:
    """What becomes of one line."""
    return {mutant.new for mutant in mutants_of("a.py", source)}


@pytest.mark.parametrize(
    ("line", "changed"),
    [
        ("y = a < b", {"y = a <= b", "y = a >= b"}),
        ("y = a is not b", {"y = a is b"}),
        ("y = (a) + b  # + c", {"y = (a) - b # + c"}),
        ("y = -(a * b)", {"y = (a * b)", "y = -(a / b)"}),
        ("y = a and b", {"y = a", "y = b"}),
        ("y = a if b else c", {"y = a", "y = c"}),
        ("y = [a for a in b if c]", {"y = [a for a in b if True]"}),
        ("y = any(a)", {"y = all(a)"}),
        ("y = abs(a)", {"y = a"}),
        ("y = a.copy()", {"y = a"}),
        ("y = 2", {"y = 3"}),
        ("y = 1e-9", {"y = 1e-08"}),
        ("y = True", {"y = False"}),
        ("y = a['b']", {"y = a['XXb']"}),
        ("y = lambda a: a", {"y = lambda a: None"}),
        ("y += a", {"y -= a"}),
        ("y.a = b", {"pass"}),
        ("y = a(y)", {"pass"}),
        ("a()", {"pass"}),
        ("raise a", {"pass"}),
        ("del y[a]", {"pass"}),
    ],
)
def test_every_rule_makes_its_faults(line: str, changed: set[str]) -> None:
    assert faults(line) == changed


@pytest.mark.parametrize(
    ("source", "changed"),
    [
        ("if a < b:\n    c()\n", {"if True:", "if False:", "if a <= b:"}),
        ("if a:\n    c()\nelse:\n    d()", {"if True:", "if False:", "pass"}),
        ("while a == b:\n    break", {"while False:", "continue"}),
        ("with a:\n    b()", {'with __import__("contextlib").nullcontext():', "pass"}),
        ("try:\n    a()\nexcept BaseException:\n    pass", {"pass", "except ():", "except Exception:"}),
        ("try:\n    a()\nexcept (A, B):\n    pass", {"pass", "except (A, ):", "except (B, ):"}),
        ("def f(a=1):\n    return a", {"def f(a=2):", "return None"}),
        ("def f():\n    if a:\n        return\n    b()", {"if True:", "if False:", "pass"}),
    ],
)
def test_every_rule_of_statements_makes_its_faults(source: str, changed: set[str]) -> None:
    assert faults(source) == changed


@pytest.mark.parametrize(
    "source",
    [
        '"""A docstring: 1 < 2."""',
        "a: Literal[1]",
        "def f(a: int) -> Literal[2]: ...",
        "assert a < b",
        "__all__ = ['a']",
        "__slots__ = ('a',)",
        "if TYPE_CHECKING:\n    b = 1",
        "y = f'{a + 1}'",
        "y = 'a sentence'",
        "y = f('place')",
        "y = zip(a, b, strict=True)",
        "y = cast('A', a)",
        "import a",
    ],
)
def test_what_says_nothing_about_behaviour_is_left_alone(source: str) -> None:
    assert faults(source) == set()


def test_every_mutant_of_the_project_has_a_name_of_its_own_and_is_python(mutants: list[Mutant]) -> None:
    assert len({mutant.id for mutant in mutants}) == len(mutants) > 3000
    for mutant in sample(mutants, 100):
        source = (ROOT / mutant.path).read_text(encoding="utf-8")
        assert compile(mutant.applied_to(source), mutant.path, "exec") != compile(source, mutant.path, "exec")


def test_a_mutant_keeps_its_name_when_lines_move() -> None:
    source = "def f(a):\n    return a < 1\n"
    moved = "import b\n\n\n" + source
    assert [m.id for m in mutants_of("a.py", source)] == [m.id for m in mutants_of("a.py", moved)]


def test_the_sample_is_of_every_large_file_and_does_not_change_with_another_file(mutants: list[Mutant]) -> None:
    chosen = sample(mutants, 200)
    counts = Counter(m.path for m in mutants)
    assert {path for path, count in counts.items() if count > 40} <= {m.path for m in chosen}
    of_autodiff = [m for m in mutants if m.path.startswith("autodiff/")]
    both = {m.id for m in chosen if m.path.startswith("autodiff/")}, {m.id for m in sample(of_autodiff, 110)}
    assert len(both[0] & both[1]) > 90


def test_every_explanation_is_of_a_mutant_that_is_there(mutants: list[Mutant]) -> None:
    reasons = explanations(EXPLANATIONS.read_text(encoding="utf-8"))
    assert reasons
    assert sorted(map(as_item, reasons.keys() - {mutant.key for mutant in mutants})) == []


def test_an_explanation_is_read_as_it_is_written() -> None:
    keys = [mutant.key for mutant in mutants_of("nn/a.py", "y = 1\ndef f():\n    return a['`'] < 1\n")]
    page = "### nn/a.py\n\n" + "".join(f"{as_item(key)}: because\n" for key in keys)
    assert explanations(page) == dict.fromkeys(keys, "because")
    with pytest.raises(ValueError, match="has the form"):
        explanations("### nn/a.py\n* f: `a` → `b`")


def test_every_fault_of_the_native_engine_fits_its_source() -> None:
    for fault in tomllib.loads(FAULTS.read_text(encoding="utf-8"))["fault"]:
        source = (ROOT / fault["file"]).read_text(encoding="utf-8")
        assert with_fault(source, fault) != source


TOY = {
    "toy.py": "def largest(a, b):\n    return a if a > b else b\n\ndef unseen(a):\n    return a + 1\n",
    "tests/test_toy.py": """
from toy import largest

def test_largest():
    assert (largest(1, 2), largest(2, 1)) == (2, 2)
""",
    "tests/conftest.py": """
import hypothesis

hypothesis.settings.register_profile("mutants", hypothesis.settings())

def pytest_addoption(parser):
    parser.addoption("--engine")
""",
    "try_it.py": """
import json
from pathlib import Path
from mutations import mutants_of
from reach import Reach
from trials import run_all

mutants = mutants_of("toy.py", Path("toy.py").read_text())
test = "tests/test_toy.py::test_largest"
found = run_all(mutants, [Path.cwd()], Reach({test: 0.0}, {("toy.py", 2): {test}}), Path("log.txt"))
print(json.dumps({mutant.new: found[mutant.id] for mutant in mutants}))
""",
}


def test_a_fault_that_no_test_finds_survives_and_one_that_a_test_finds_does_not(tmp_path: Path) -> None:
    """On a package of two functions: `>=` in place of `>` gives the same, and what no test reaches survives."""
    (tmp_path / "tests").mkdir()
    for name, text in TOY.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "tools")}
    command = [sys.executable, "try_it.py"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == {
        "return a": "tests/test_toy.py::test_largest",
        "return b": "tests/test_toy.py::test_largest",
        "return a if a >= b else b": "",
        "return a - 1": "",
        "return a + 2": "",
    }
    assert (tmp_path / "toy.py").read_text(encoding="utf-8") == TOY["toy.py"]


@pytest.mark.parametrize("workers", [[], ["-n1"]], ids=["by itself", "in a worker"])
def test_the_reach_of_a_test_is_every_line_that_it_or_a_fixture_or_a_subprocess_of_it_runs(
    tmp_path: Path, workers: list[str]
) -> None:
    (tmp_path / "toy.py").write_text(
        '"""A docstring stays first."""\n'
        "from __future__ import annotations\n"
        "def largest(a, b):\n"
        "    if a > b:\n"
        "        return a\n"
        "    return b\n"
        "row = dict(\n"
        "    half=lambda a: a / 2,\n"
        "    twice=lambda a: a + a,\n"
        ")\n"
    )
    (tmp_path / "test_toy.py").write_text(
        "import subprocess, sys\n"
        "import pytest\n"
        "from toy import largest, row\n"
        "@pytest.fixture(scope='module')\n"
        "def two():\n    return row['twice'](1)\n"
        "def test_here():\n    assert largest(1, 2) == 2\n"
        "def test_lambda():\n    assert row['half'](2) == 1\n"
        "def test_below():\n    subprocess.run([sys.executable, '-c', 'import toy; toy.largest(2, 1)'], check=True)\n"
        "def test_fixture(two):\n    assert two > 1\n"
        "def test_again(two):\n    assert two < 3\n"
    )
    probes = Probes(tmp_path, ["toy.py"])
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    for name in [name for name in environment if name.startswith("PYTEST_")]:
        del environment[name]  # the process below is no subprocess of a test in this suite
    command = [sys.executable, "-m", "pytest", "-q", "--assert=plain", "-p", PLUGIN, *workers, "toy.py", "test_toy.py"]
    subprocess.run(command, cwd=tmp_path, env=environment, check=True, stdout=subprocess.DEVNULL)
    reach = probes.reach()
    names = ("here", "lambda", "below", "fixture", "again")
    here, of_lambda, below, *of_fixture = (f"test_toy.py::test_{name}" for name in names)
    imports = {"", below}  # what runs before the first test has no name; the process below imports the module again
    assert [reach.lines.get(("toy.py", line), set()) for line in (4, 5, 6, 8, 9)] == [
        {here, below}, {below}, {here}, {of_lambda} | imports, {*of_fixture} | imports
    ]  # fmt: skip
    assert reach.seconds.keys() == {here, of_lambda, below, *of_fixture}
    assert sorted(path.name for path in tmp_path.glob("*.py")) == ["test_toy.py", "toy.py"]


def test_a_fault_is_put_into_functions_that_are_there_also_where_the_conftest_has_frozen_them(tmp_path: Path) -> None:
    program = """
import gc
from pathlib import Path
from imported import CannotChangeError, Functions
import toy

gc.freeze()
functions = Functions()
before = Path(toy.__file__).read_text()
functions.change(Path(toy.__file__), before, before.replace("1", "2"))
print(toy.f())
try:
    functions.change(Path("elsewhere.py"), "", "")
except CannotChangeError as error:
    print(error)
"""
    (tmp_path / "toy.py").write_text("def f():\n    return 1\n")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT / "tools")])}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, check=True, capture_output=True, encoding="utf-8"
    )
    assert done.stdout.splitlines() == ["2", "no function of it is there"]


def test_the_tests_that_are_most_about_a_line_are_asked_first_and_an_import_concerns_them_all() -> None:
    (row, in_body) = mutants_of("a.py", "ROW = 1\ndef f(x):\n    return -x\n")
    seconds = {f"tests/test_{file}.py::test_{i}": 0.01 for file in "abcdef" for i in range(3)}
    seconds["tests/test_f.py::test_2"] = 2.0
    reached = {f"tests/test_{file}.py::test_0" for file in "abcde"} | {
        "tests/test_f.py::test_1",
        "tests/test_f.py::test_2",
    }
    reach = Reach(seconds, {("a.py", 1): {""}, ("a.py", 3): reached})
    first, rest = map(list, reach.tests(in_body))
    assert first == [f"tests/test_{file}.py::test_{0 if file < 'f' else 1}" for file in "abcf"]
    assert rest == ["tests/test_d.py::test_0", "tests/test_e.py::test_0", "tests/test_f.py::test_2"]
    assert {test for stage in reach.tests(row) for test in stage} == seconds.keys()


def test_where_hundreds_of_tests_reach_a_line_the_quick_are_asked_and_a_few_cases_of_the_others() -> None:
    (mutant,) = mutants_of("a.py", "def f(x):\n    return -x\n")
    takes = {"quick": 0.01, "slow": 0.1, "long": 1.0}
    seconds = {f"test_a.py::test_{name}[{i}]": time for name, time in takes.items() for i in range(200)}
    (asked,) = Reach(seconds, {("a.py", 2): set(seconds)}).tests(mutant)
    assert Counter(test.partition("[")[0] for test in asked) == {
        "test_a.py::test_quick": 200,
        "test_a.py::test_slow": 3,
    }


def test_the_score_counts_what_is_found_of_what_is_not_explained(capsys: pytest.CaptureFixture[str]) -> None:
    mutants = mutants_of("nn/toy.py", TOY["toy.py"])
    found = {m.id: "" if "largest" in m.function else "tests/test_toy.py" for m in mutants}
    explained = {m.key: "equal arguments" for m in mutants if ">=" in m.new}
    assert report(mutants, found, explained) == {"nn": 0.5}
    printed = capsys.readouterr().out
    assert "nn/toy.py:2  largest" in printed and "+ return b\n" in printed
    assert ">=" not in printed
    assert "nn: 2 of 4 mutants found, 50.0%" in printed
