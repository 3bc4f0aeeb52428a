"""One fault against the tests that reach it: how `make mutants` finds out quickly which faults no test finds.

`measured` runs the suite once, and has `reach` note which test runs which line. `run_all` then writes one mutant at a
time into a copy of the tree and forks a process, which has pytest imported already and nothing that is mutated, to run
the tests that reach it, the fast ones first, until one fails. Only where there is `os.fork`: not on Windows.
"""

from __future__ import annotations

import compileall
import gc
import importlib
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import traceback
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from py_compile import PycInvalidationMode
from typing import Any, NamedTuple

import pytest
from mutations import Mutant
from reach import PLUGIN, Probes, Reach
from tqdm import tqdm

ROOT = Path(__file__).parent.parent
PACKAGES = ("autodiff", "nn")
NOT_YET = "autodiff/program/"  # what compiles graphs is tested by its numbers; its faults were not put in so far
WORKERS = 2
tqdm.monitor_interval = 0  # no thread of its own: a fork would not have it
NOTE = ".current"
MOST_MEMORY = 4 << 30  # bytes, of one process
TESTED = "not browser and not notebook and not conformance"  # conformance: what PyTorch finds does not count
NOT_OF_BEHAVIOUR = ("build", "contributing", "gradbench", "layers", "notebooks", "project", "readme", "time_limit")
OPTIONS = ["-q", "-m", TESTED, "-p", "no:cacheprovider", "--engine=python"]
# Imported before a process is forked: what tests need and is not mutated.
SHARED = ("_hypothesis_pytestplugin", "_pytest.doctest", "hypothesis.strategies", "mpmath", "numpy", "pandas",
          "sklearn.datasets", "sklearn.utils.estimator_checks")  # fmt: skip


def copy_of_the_tree(tree: Path) -> Path:
    """What git knows or would take in, and the native engine where it is built."""
    command = ["git", "ls-files", "-co", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, encoding="utf-8", check=True).stdout.split("\0")
    built = [path.relative_to(ROOT).as_posix() for path in (ROOT / "autodiff").rglob("*.so")]
    for name in (*filter(None, listed), *built):
        if (ROOT / name).exists():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, tree / name)
    return tree


def sources(tree: Path) -> list[tuple[str, str]]:
    """Each file that is mutated, and its text."""
    files = [path for package in PACKAGES for path in sorted((tree / package).rglob("*.py"))]
    named = [(path.relative_to(tree).as_posix(), path.read_text("utf-8")) for path in files]
    return [(name, text) for name, text in named if not name.startswith(NOT_YET)]


def test_files(tree: Path) -> list[str]:
    """The tests of behaviour, as in the Makefile: those that do not import viz; nor those of builds and pages."""
    left_out = re.compile(r"^ *(from|import) (viz|mutants)\b", re.MULTILINE)
    tests = sorted(
        path
        for path in (tree / "tests").glob("test_*.py")
        if path.stem.removeprefix("test_") not in NOT_OF_BEHAVIOUR
        and not path.stem.startswith(("test_conformance", "test_site"))
        and not left_out.search(path.read_text("utf-8"))
    )
    return [*PACKAGES, *(f"tests/{path.name}" for path in tests)]


def enter(tree: Path) -> None:
    """Work there from now on, this process and those it starts."""
    os.chdir(tree)
    os.environ["PYTHONPATH"] = str(tree)
    sys.path.insert(0, str(tree))


def exit_with_pytest(options: Sequence[str], plugin: object) -> None:
    """Run pytest and end this process, which was forked for it."""
    code = 1
    try:
        code = int(pytest.main([*OPTIONS, *options], plugins=[plugin]))
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def measured(tree: Path) -> Reach:
    """Run the suite in ``tree``, in a process of its own. Ends the program where a test fails."""
    probes = Probes(tree, [path for path, _ in sources(tree)])
    command = [sys.executable, "-m", "pytest", *OPTIONS, f"-n{WORKERS}", "-p", PLUGIN, *test_files(tree)]
    if subprocess.run(command, cwd=tree, env={**os.environ, "PYTHONPATH": str(tree)}, check=False).returncode:
        raise SystemExit("the suite must pass before its tests can be tested")
    return probes.reach()


@dataclass
class Chosen:
    """A pytest plugin: these tests, in this order, each within limits that a hang in C cannot outlast either."""

    seconds: dict[str, float]
    note: Path  # where it writes which test runs

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        place = {nodeid: i for i, nodeid in enumerate(self.seconds)}
        items[:] = sorted((item for item in items if item.nodeid in place), key=lambda item: place[item.nodeid])

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[Any]:
        limit_time(self.seconds[item.nodeid])
        self.note.write_text(item.nodeid, "utf-8")
        return (yield)


def limit_time(seconds: float) -> None:
    """End this process, by a signal that nothing catches, when it computes or waits far longer than it should.

    For a loop without end the time that it computes is soon up, however busy the machine.
    """
    signal.setitimer(signal.ITIMER_PROF, 10 + 2 * seconds)
    signal.alarm(int(120 + 10 * seconds))


def start(tree: Path, tests: dict[str, float]) -> int:
    """Fork a process that runs these tests in ``tree`` until one fails; its number."""
    (tree / NOTE).write_text("", "utf-8")
    pid = os.fork()
    if pid == 0:
        os.setsid()  # what the tests start ends with them
        limit_time(10)  # of the collection
        resource.setrlimit(resource.RLIMIT_DATA, (MOST_MEMORY, MOST_MEMORY))
        output = os.open(tree / ".output", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(output, 1)
        os.dup2(output, 2)
        enter(tree)
        os.environ |= {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONDONTWRITEBYTECODE": "1", "HOME": str(tree)}
        sys.dont_write_bytecode = True
        options = ["-x", "--assert=plain", "-p", "_hypothesis_pytestplugin", "--hypothesis-profile=mutants"]
        files = dict.fromkeys(test.partition("::")[0] for test in tests)
        # The conftest always: without it the examples in a docstring do not know --engine.
        exit_with_pytest([*options, f"--basetemp={tree}/tmp", "tests/conftest.py", *files], Chosen(tests, tree / NOTE))
    return pid


def end(pid: int, status: int, tree: Path) -> str:
    """End what the tests of a process that has ended left running, and say what failed; "" for nothing."""
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
    code = os.waitstatus_to_exitcode(status)
    if code < 0:
        return (tree / NOTE).read_text("utf-8") or f"ended by {signal.Signals(-code).name}"
    if code in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
        return ""
    output = (tree / ".output").read_text("utf-8", "replace")
    failed = re.search(r"^(?:FAILED|ERROR) (.+?)(?: - .*)?$", output, re.MULTILINE)
    return failed[1] if failed else f"pytest's exit code {code}"


def prepared(tree: Path) -> list[Path]:
    """A tree for each worker, made from this one; and this process is ready to be forked."""
    for package in (*PACKAGES, "tests"):  # by content: a mutant may have the size and the second of what it changes
        mode = PycInvalidationMode.CHECKED_HASH
        compileall.compile_dir(tree / package, quiet=1, force=True, invalidation_mode=mode)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # tests interrupt; a job in the background ignores it
    for module in SHARED:
        importlib.import_module(module)
    gc.freeze()  # the collector of a fork would look at all of it, and so copy it
    return [tree, *(shutil.copytree(tree, tree.with_name(f"{tree.name}-{i}")) for i in range(1, WORKERS))]


def check_unchanged(trees: Sequence[Path], reach: Reach, found: Iterable[str]) -> None:
    """What found a mutant must pass without one, run in the same way, or it has failed for another reason."""
    named = [test for test in dict.fromkeys(found) if test in reach.seconds]
    running: dict[int, Path] = {}
    for i, tree in enumerate(trees):
        if tests := {test: reach.seconds[test] for test in named[i :: len(trees)]}:
            running[start(tree, tests)] = tree
    for pid, tree in running.items():
        if failed := end(*os.waitpid(pid, 0), tree):
            raise SystemExit(f"{(tree / '.output').read_text()}\nnothing is changed, and yet it fails: {failed}")


class Trial(NamedTuple):
    """A mutant in a tree, and the tests that are still to be run."""

    tree: Path
    mutant: Mutant
    stages: list[dict[str, float]]


def run_all(mutants: Sequence[Mutant], trees: Sequence[Path], reach: Reach, log: Path) -> dict[str, str]:
    """What found each mutant, "" for nothing; each is written to ``log`` when it is known."""
    found: dict[str, str] = {}
    originals = {path: (trees[0] / path).read_text("utf-8") for path in {mutant.path for mutant in mutants}}
    free, running, waiting = list(trees), dict[int, Trial](), list(reversed(mutants))
    log.parent.mkdir(exist_ok=True)
    with log.open("w") as lines, tqdm(total=len(mutants), disable=None, unit="mutant") as bar:

        def settle(mutant: Mutant, by: str) -> None:
            found[mutant.id] = by
            print(mutant.id, f"{mutant.path}:{mutant.line}", by or "SURVIVED", file=lines, flush=True)
            bar.update()

        def run(trial: Trial) -> None:
            running[start(trial.tree, trial.stages[0])] = trial._replace(stages=trial.stages[1:])

        try:
            while waiting or running:
                if waiting and free:
                    mutant = waiting.pop()
                    changed = mutant.applied_to(originals[mutant.path])
                    compile(changed, mutant.path, "exec")  # what is no Python would count as found
                    if stages := reach.tests(mutant):
                        tree = free.pop()
                        (tree / mutant.path).write_text(changed, "utf-8")
                        run(Trial(tree, mutant, stages))
                    else:
                        settle(mutant, "")
                else:
                    pid, status = os.wait()
                    trial = running.pop(pid)
                    by = end(pid, status, trial.tree)
                    if trial.stages and not by:
                        run(trial)
                        continue
                    settle(trial.mutant, by)
                    (trial.tree / trial.mutant.path).write_text(originals[trial.mutant.path], "utf-8")
                    free.append(trial.tree)
        finally:
            for pid in running:
                os.killpg(pid, signal.SIGKILL)
    return found
