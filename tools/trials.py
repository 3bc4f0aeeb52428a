"""One fault against the tests that reach it: how `make mutants` finds out quickly which faults no test finds.

`measured` runs the suite once, and has `reach` note which test runs which line. `run_all` then writes one mutant at a
time into a copy of the tree and forks a process to run the tests that reach it, the fast ones first, until one fails.
What is forked has pytest imported and nothing that is mutated; or, where the mutant's line does not run at import, it
has collected all tests, and `imported` puts the fault into what is there. Only where there is `os.fork`: no Windows.
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
from multiprocessing import Pipe, connection, get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess as Process
from pathlib import Path
from py_compile import PycInvalidationMode
from typing import Any, NamedTuple, NoReturn

import pytest
from imported import CannotChangeError, Functions
from mutations import Mutant
from reach import PLUGIN, Probes, Reach
from tqdm import tqdm

ROOT = Path(__file__).parent.parent
PACKAGES = ("autodiff", "nn")
NEEDS_JAX = (
    "autodiff/program/on_jax.py",
    "autodiff/program/on_devices.py",
)  # which conformance tests have
WORKERS = 2
tqdm.monitor_interval = 0  # no thread of its own: a fork would not have it
NOTE, OUTPUT = ".current", ".output"
CANNOT_CHANGE = 77  # the exit code of a fork whose fault does not fit what is imported
FORK = get_context("fork")
MOST_MEMORY = 4 << 30  # bytes, of one process
TESTED = "not browser and not notebook and not conformance"  # conformance: what PyTorch finds does not count
NOT_OF_BEHAVIOUR = ("build", "contributing", "gradbench", "layers", "notebooks", "project", "readme", "time_limit")
# Assertions plain: of a file that it is given by name pytest rewrites all the code, and the probes would be lost.
OPTIONS = ["-q", "-m", TESTED, "-p", "no:cacheprovider", "--engine=python", "--assert=plain"]
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
    return [(name, text) for name, text in named if name not in NEEDS_JAX]


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


def measured(tree: Path, tests: Sequence[str] = ()) -> Reach:
    """Run the suite in ``tree``, or ``tests``, in a process of its own. Ends the program where a test fails."""
    probes = Probes(tree, [path for path, _ in sources(tree)])
    command = [sys.executable, "-m", "pytest", *OPTIONS, f"-n{WORKERS}", "-p", PLUGIN, *(tests or test_files(tree))]
    if subprocess.run(command, cwd=tree, env={**os.environ, "PYTHONPATH": str(tree)}, check=False).returncode:
        raise SystemExit("the suite must pass before its tests can be tested")
    return probes.reach()


@dataclass
class Chosen:
    """A pytest plugin: these tests, in this order, each within limits that a hang in C cannot outlast either."""

    seconds: dict[str, float]
    note: Path  # where it writes which test runs

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> None:
        place = {nodeid: i for i, nodeid in enumerate(self.seconds)}
        session.items[:] = sorted((i for i in session.items if i.nodeid in place), key=lambda i: place[i.nodeid])

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[Any]:
        limit_time(self.seconds[item.nodeid])
        self.note.write_text(item.nodeid, "utf-8")
        return (yield)


class Order(NamedTuple):
    """What a process that has collected all tests is asked for: run these on this fault, or on none."""

    tests: dict[str, float]
    fault: tuple[str, str, str] | None  # the file, and its text before and after


class Collected(Chosen):
    """A pytest plugin: for each order, a fork that goes on as if its tests alone had been collected."""

    def __init__(self, orders: Connection, note: Path) -> None:
        super().__init__({}, note)
        self.orders = orders

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> None:
        functions = Functions()
        gc.freeze()
        self.orders.send("ready")
        for tests, fault in iter(self.orders.recv, None):
            if pid := os.fork():
                self.orders.send((pid, os.waitpid(pid, 0)[1]))
                continue
            become_a_trial(self.note.parent)
            try:
                if fault:
                    functions.change(self.note.parent / fault[0], *fault[1:])
            except CannotChangeError:
                os._exit(CANNOT_CHANGE)
            self.seconds = tests
            return super().pytest_runtestloop(session)
        os._exit(0)


def limit_time(seconds: float) -> None:
    """End this process, by a signal that nothing catches, when it computes or waits far longer than it should.

    For a loop without end the time that it computes is soon up, however busy the machine.
    """
    signal.setitimer(signal.ITIMER_PROF, 10 + 2 * seconds)
    signal.alarm(int(120 + 10 * seconds))


def become_a_trial(tree: Path) -> None:
    os.setsid()  # what the tests start ends with them
    limit_time(10)  # of the collection
    resource.setrlimit(resource.RLIMIT_DATA, (MOST_MEMORY, MOST_MEMORY))
    (tree / NOTE).write_text("", "utf-8")
    os.truncate(tree / OUTPUT, 0)


def run_pytest(tree: Path, tests: Iterable[str], plugin: Chosen) -> NoReturn:
    """In this process, which was forked for it, with what it writes in ``tree``."""
    output = os.open(tree / OUTPUT, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(output, 1)
    os.dup2(output, 2)
    enter(tree)
    os.environ |= {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONDONTWRITEBYTECODE": "1", "HOME": str(tree)}
    sys.dont_write_bytecode = True
    options = ["-x", "-p", "_hypothesis_pytestplugin", "--hypothesis-profile=mutants"]
    files = dict.fromkeys(test.partition("::")[0] for test in tests)
    code = 1
    try:
        # The conftest always: without it the examples in a docstring do not know --engine.
        arguments = [*OPTIONS, *options, f"--basetemp={tree}/tmp", "tests/conftest.py", *files]
        code = int(pytest.main(arguments, plugins=[plugin]))
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def failure(tree: Path, code: int) -> str:
    """Which test failed, of those of a process that ended so; "" for none."""
    if code < 0:
        return (tree / NOTE).read_text("utf-8") or f"ended by {signal.Signals(-code).name}"
    if code in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
        return ""
    output = (tree / OUTPUT).read_text("utf-8", "replace")
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


class Worker:
    """One of those that try mutants, each in a tree of its own."""

    def __init__(self, tree: Path, reach: Reach) -> None:
        self.tree, self.reach = tree, reach
        self.running = 0
        self.collected: Connection | None = None
        self.by: dict[bool, list[str]] = {True: [], False: []}  # what has found mutants, in what is imported, and not

    def tried(self, mutant: Mutant) -> str:
        """What finds it, "" for nothing."""
        file = self.tree / mutant.path
        before = file.read_text("utf-8")
        after = mutant.applied_to(before)
        compile(after, mutant.path, "exec")  # what is no Python would count as found
        live = not self.reach.at_import(mutant)
        if live and not self.collected:
            self.collected = self.collect()
        file.write_text(after, "utf-8")
        found = ""
        try:
            for tests in self.reach.tests(mutant):
                if found := self.run(tests, live, (mutant.path, before, after)):
                    break
        finally:
            file.write_text(before, "utf-8")
        return found

    def unchanged(self) -> str:
        """What found a mutant must pass without one, run in the same way, or it has failed for another reason."""
        for live, names in self.by.items():
            tests = {name: self.reach.seconds[name] for name in dict.fromkeys(names) if name in self.reach.seconds}
            if tests and (failed := self.run(tests, live)):
                return f"{(self.tree / OUTPUT).read_text()}\nnothing is changed, and yet it fails: {failed}"
        return ""

    def run(self, tests: dict[str, float], live: bool, fault: tuple[str, str, str] | None = None) -> str:
        """Run them until one fails, on what is imported or anew; which that was, "" for none."""
        (self.tree / OUTPUT).touch()
        if live and self.collected:
            self.collected.send(Order(tests, fault))
            self.running, status = self.collected.recv()
        else:
            self.running = os.fork()
            if not self.running:
                become_a_trial(self.tree)
                run_pytest(self.tree, tests, Chosen(tests, self.tree / NOTE))
            status = os.waitpid(self.running, 0)[1]
        self.end()
        code = os.waitstatus_to_exitcode(status)
        if code == CANNOT_CHANGE:
            return self.run(tests, False, fault)
        failed = failure(self.tree, code)
        if fault and failed:
            self.by[live].append(failed)
        return failed

    def collect(self) -> Connection:
        ours, theirs = Pipe()
        if not os.fork():
            ours.close()
            run_pytest(self.tree, self.reach.seconds, Collected(theirs, self.tree / NOTE))
        theirs.close()
        ours.recv()  # it is ready, and nothing is changed before it is
        return ours

    def end(self) -> None:
        """What the tests of a trial left running."""
        with suppress(ProcessLookupError):
            if self.running:
                os.killpg(self.running, signal.SIGKILL)

    def work(self, mutants: Connection, inherited: Sequence[Connection]) -> None:
        """Try those that come, and say what found each; at last, whether that holds."""
        for of_the_parent in inherited:  # or it would never be known here that the parent has ended
            of_the_parent.close()
        try:
            for mutant in iter(mutants.recv, None):
                mutants.send(self.tried(mutant))
            mutants.send(self.unchanged())
        except EOFError:
            pass
        finally:
            self.end()


def run_all(mutants: Sequence[Mutant], trees: Sequence[Path], reach: Reach, log: Path) -> dict[str, str]:
    """What found each mutant, "" for nothing; each is written to ``log`` when it is known."""
    found: dict[str, str] = {}
    waiting = list(reversed(mutants))
    busy: dict[Connection, Mutant] = {}
    workers: dict[Connection, Process] = {}
    for tree in trees:
        ours, theirs = Pipe()
        workers[ours] = FORK.Process(target=Worker(tree, reach).work, args=(theirs, [*workers, ours]))
        workers[ours].start()
        theirs.close()
    log.parent.mkdir(exist_ok=True)
    try:
        with log.open("w") as lines, tqdm(total=len(mutants), disable=None, unit="mutant") as bar:
            while waiting or busy:
                for worker in workers.keys() - busy.keys():
                    if waiting:
                        busy[worker] = waiting.pop()
                        worker.send(busy[worker])
                for worker in connection.wait(list(busy)):
                    assert isinstance(worker, Connection)
                    mutant, by = busy.pop(worker), worker.recv()
                    found[mutant.id] = by
                    print(mutant.id, f"{mutant.path}:{mutant.line}", by or "SURVIVED", file=lines, flush=True)
                    bar.update()
        for worker in workers:
            worker.send(None)
        if failures := "\n".join(filter(None, [worker.recv() for worker in workers])):
            raise SystemExit(failures)
    finally:
        for worker, process in workers.items():
            worker.close()
            process.terminate()
            process.join()
    return found
