"""Which test runs which line: what `make mutants` asks of the suite before it puts any fault in.

The suite runs once on bytecode in which every statement, and the body of every lambda, first adds its number to a set.
That takes a quarter more time than the suite by itself; coverage.py, with a context for each test, takes three times as
much. The sources stay as they are: what reads them (a traceback, an example) sees no difference.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import json
import marshal
import types
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mutations import Mutant

PLUGIN = "note_the_reach"  # a module of the tree: pytest's worker processes load a plugin by its name
NOTES = ".reach"
# Where more than MANY tests reach a line, all are asked that are QUICK (seconds), of the others no more than CASES of
# each, and none that takes LONG: the whole suite takes minutes, and what runs everywhere is soon found out.
MANY = 300
CASES = 3
QUICK = 0.03
LONG = 0.3
FIRST = 4  # files: to collect them all takes seconds
# Python imports this by itself. What a test's subprocesses reach, the test reaches: pytest tells them its name.
SITE = """
import atexit, json, os, sys

def write():
    os.makedirs(notes, exist_ok=True)
    with open(os.path.join(notes, f"{os.getpid()}.json"), "w") as file:
        json.dump({test: [0.0, sorted(sys.reached)]}, file)

notes = os.path.join(os.path.dirname(os.path.abspath(__file__)), %r)
test = os.environ.get("PYTEST_CURRENT_TEST", "").rpartition(" (")[0]
sys.reached = set()
if test:
    atexit.register(write)
"""
PLUGIN_SOURCE = """
import json, os, sys, time
from pathlib import Path

import pytest

notes = {}
fixtures = {}  # what those reach that several tests share: each of these reaches it
sys.reached = getattr(sys, "reached", set())

@pytest.hookimpl(tryfirst=True)  # a worker's own loop comes instead of what comes later
def pytest_runtestloop():
    notes[""] = 0.0, sorted(sys.reached)

@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(fixturedef, request):
    before = sorted(sys.reached)
    sys.reached.clear()
    result = yield
    if fixturedef.scope != "function":
        fixtures.setdefault(fixturedef.argname, set()).update(sys.reached)
    sys.reached.update(before)
    return result

@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item):
    sys.reached.clear()
    started = time.perf_counter()
    result = yield
    shared = (fixtures.get(name, ()) for name in getattr(item, "fixturenames", ()))
    notes[item.nodeid] = time.perf_counter() - started, sorted(sys.reached.union(*shared))
    return result

def pytest_unconfigure():
    if notes:
        folder = Path(__file__).with_name(%r)
        folder.mkdir(exist_ok=True)
        (folder / f"{os.getpid()}.json").write_text(json.dumps(notes))
"""


@dataclass
class Reach:
    """Of the whole suite: how many seconds each test takes, and which tests run each line of each file.

    The test "" is what runs before the first test: the imports.
    """

    seconds: dict[str, float] = field(default_factory=dict)
    lines: Mapping[tuple[str, int], set[str]] = field(default_factory=dict)

    def tests(self, mutant: Mutant) -> list[dict[str, float]]:
        """Those that may find it, and their seconds: first the few files that are most about it, then all others."""
        touching = self._reaching(mutant)
        all_of_it = self._in_order(touching)
        if self.at_import(mutant):  # any test may see that
            of_file = set().union(*(tests for (path, _), tests in self.lines.items() if path == mutant.path))
            all_of_it |= self._in_order(of_file - touching)
            all_of_it |= self._in_order(self.seconds.keys() - of_file - touching)
        about_it = set(self._files(touching)[:FIRST])
        first = {test: seconds for test, seconds in all_of_it.items() if _file(test) in about_it and seconds < LONG}
        rest = {test: seconds for test, seconds in all_of_it.items() if test not in first}
        return [stage for stage in (first, rest) if stage]

    def at_import(self, mutant: Mutant) -> bool:
        """Does it act when modules are imported?"""
        return not mutant.in_body or "" in self._reaching(mutant)

    def _reaching(self, mutant: Mutant) -> set[str]:
        return self._touching(mutant, mutant.line, mutant.last_line) or self._touching(mutant, *mutant.statement)

    def _touching(self, mutant: Mutant, first: int, last: int) -> set[str]:
        return set().union(*(self.lines.get((mutant.path, line), ()) for line in range(first, last + 1)))

    def _files(self, tests: Iterable[str]) -> list[str]:
        """Those in which the largest share of all tests is one of these come first."""
        of_all, of_these = Counter(map(_file, self.seconds)), Counter(map(_file, set(tests) & self.seconds.keys()))
        return sorted(of_these, key=lambda file: (-of_these[file] / of_all[file], -of_these[file], file))

    def _in_order(self, tests: Iterable[str]) -> dict[str, float]:
        """File by file, so that fixtures are made once; but what takes long comes after all that does not."""
        known = set(tests) & self.seconds.keys()
        if len(known) > MANY:
            known = self._few(known)

        def rank(test: str) -> tuple[bool, bool, str, str]:
            return self.seconds[test] > QUICK, self.seconds[test] > LONG, _file(test), test

        return {test: self.seconds[test] for test in sorted(known, key=rank)}

    def _few(self, tests: Iterable[str]) -> set[str]:
        """Those that are quick; of the others some cases of each, always the same ones; none that takes long."""
        few: set[str] = set()
        cases: Counter[str] = Counter()
        for test in sorted(tests, key=lambda test: hashlib.sha256(test.encode()).digest()):
            name = test.partition("[")[0]
            if self.seconds[test] < QUICK or (self.seconds[test] < LONG and cases[name] < CASES):
                few.add(test)
                cases[name] += 1
        return few


class Hints(Reach):
    """In place of what was measured: which test found each mutant the last time, {name of the mutant: test}."""

    def __init__(self, found_by: Mapping[str, str]) -> None:
        super().__init__(dict.fromkeys(found_by.values(), 2.0))
        self.found_by = found_by

    def at_import(self, mutant: Mutant) -> bool:  # noqa: ARG002 - not measured, so perhaps each
        return True

    def tests(self, mutant: Mutant) -> list[dict[str, float]]:
        test = self.found_by.get(mutant.id)
        return [{test: self.seconds[test]}] if test else []


def _file(test: str) -> str:
    return test.partition("::")[0]


class Probes:
    """Bytecode that notes what runs, in place of that of every file given, in the tree where they are."""

    def __init__(self, tree: Path, paths: Iterable[str]) -> None:
        self.tree = tree
        self.places: list[tuple[str, int, int]] = []  # of each probe: the lines that run when it is met
        for path in paths:
            source = (tree / path).read_bytes()
            module = _Probed(path, self.places).visit(ast.parse(source))
            _write_bytecode(tree / path, source, compile(ast.fix_missing_locations(module), str(tree / path), "exec"))
        (tree / "sitecustomize.py").write_text(SITE % NOTES, "utf-8")
        (tree / f"{PLUGIN}.py").write_text(PLUGIN_SOURCE % NOTES, "utf-8")

    def reach(self) -> Reach:
        """What the tests have run, since; the probes are gone then."""
        seconds: dict[str, float] = {}
        lines: dict[tuple[str, int], set[str]] = defaultdict(set)
        for file in (self.tree / NOTES).glob("*.json"):
            for test, (duration, probes) in json.loads(file.read_text("utf-8")).items():
                if test:
                    seconds[test] = seconds.get(test, 0.0) + duration
                for probe in probes:
                    path, first, last = self.places[probe]
                    for line in range(first, last + 1):
                        lines[path, line].add(test)
        for name in ("sitecustomize.py", f"{PLUGIN}.py"):
            (self.tree / name).unlink()
        return Reach(seconds, lines)


class _Probed(ast.NodeTransformer):
    def __init__(self, path: str, places: list[tuple[str, int, int]]) -> None:
        self.path, self.places = path, places

    def probe(self, first: int, last: int, at: ast.AST) -> ast.expr:
        self.places.append((self.path, first, last))
        call = ast.parse(f"_reached({len(self.places) - 1})", mode="eval").body
        for node in ast.walk(call):
            ast.copy_location(node, at)
        return call

    def generic_visit(self, node: ast.AST) -> ast.AST:
        super().generic_visit(node)
        for name in ("body", "orelse", "finalbody"):
            statements = getattr(node, name, None)
            if isinstance(statements, list):
                setattr(node, name, [new for old in statements for new in self.with_probe(old)])
        if isinstance(node, ast.Module):
            first = next((i for i, s in enumerate(node.body) if not _stays_first(s)), len(node.body))
            node.body[first:first] = ast.parse("_reached = getattr(__import__('sys'), 'reached', set()).add").body
        return node

    def with_probe(self, statement: ast.stmt) -> list[ast.stmt]:
        if _stays_first(statement):
            return [statement]
        body = getattr(statement, "body", None)
        last = body[0].lineno - 1 if body else statement.end_lineno or 0
        probe = ast.Expr(self.probe(statement.lineno, max(last, statement.lineno), statement))
        return [ast.copy_location(probe, statement), statement]

    def visit_Lambda(self, node: ast.Lambda) -> ast.Lambda:
        self.generic_visit(node)
        probe = self.probe(node.body.lineno, node.body.end_lineno or 0, node.body)
        node.body = ast.copy_location(ast.BoolOp(ast.Or(), [probe, node.body]), node.body)  # None or what it was
        return node


def _stays_first(statement: ast.stmt) -> bool:
    """A docstring, or an import from __future__."""
    if isinstance(statement, ast.Expr):
        return isinstance(statement.value, ast.Constant)
    return isinstance(statement, ast.ImportFrom) and statement.module == "__future__"


def _write_bytecode(path: Path, source: bytes, code: types.CodeType) -> None:
    """Python takes it for the file's without a look at the source (PEP 552: a hash that is not to be checked)."""
    header = importlib.util.MAGIC_NUMBER + (1).to_bytes(4, "little") + importlib.util.source_hash(source)
    target = Path(importlib.util.cache_from_source(str(path)))
    target.parent.mkdir(exist_ok=True)
    target.write_bytes(header + marshal.dumps(code))
