"""`make mutants`: is every small fault in autodiff and nn found by a test?

    mutants.py                    every mutant; fails where the score falls below GOALS
    mutants.py --sample 60        a fixed sample; fails at any survivor that is not explained. What found each the
                                  last time (sample.txt) is tried first; the suite is measured where that finds it not
    mutants.py nn/ 5f2e           those of the files whose paths begin so, and the one of that name
    mutants.py nn/ --tests F ...  by these files of tests alone, which is soon done

What is changed is `mutations`' business, how the tests run `trials`'. A mutant that no test finds is a survivor, and
is printed. Those that nothing can tell from the program as it is are explained in docs/mutants.md, and do not count.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from mutations import Mutant, mutants_of
from reach import Hints
from trials import ROOT, copy_of_the_tree, measured, prepared, run_all, sources

GOALS = {"autodiff": 0.97, "nn": 0.95}
EXPLANATIONS = ROOT / "docs" / "mutants.md"
LOG = ROOT / "build" / "mutants.txt"
HINTS = Path(__file__).with_name("sample.txt")  # what found each of the sample; written anew where one is not found

Key = tuple[str, str, str, str]


def all_mutants() -> list[Mutant]:
    return [mutant for path, source in sources(ROOT) for mutant in mutants_of(path, source)]


def sample(mutants: Sequence[Mutant], count: int) -> list[Mutant]:
    """The same ones each time, of each file in proportion; what changes in one file leaves those of others."""
    files: dict[str, list[str]] = defaultdict(list)
    for mutant in mutants:
        files[mutant.path].append(mutant.id)
    place = {}
    for ids in map(sorted, files.values()):  # a name is a hash: its order has no meaning
        place |= {name: (i + int(ids[0], 16) / 16**8) / len(ids) for i, name in enumerate(ids)}
    return sorted(sorted(mutants, key=lambda m: place[m.id])[:count], key=lambda m: (m.path, m.start))


def explanations(page: str) -> dict[Key, str]:
    """Which mutants nothing can tell from the program, and why, as docs/mutants.md says."""
    reasons: dict[Key, str] = {}
    path = ""
    for line in page.splitlines():
        if heading := re.fullmatch(r"### (\S+\.py)", line):
            path = heading[1]
        elif item := re.fullmatch(r"\* (?:`([\w.]+)`|the module): (`+) ?(.+?) ?\2 → (`+) ?(.+?) ?\4: (.+)", line):
            reasons[path, item[1] or "", item[3], item[5]] = item[6]
        elif path and line.startswith("*"):
            raise ValueError(f"docs/mutants.md: an explanation has the form * `function`: `old` → `new`: why\n{line}")
    return reasons


def as_item(key: Key) -> str:
    """The mutant as docs/mutants.md names it."""
    _, function, old, new = key
    old, new = (f"`` {code} ``" if "`" in code else f"`{code}`" for code in (old, new))
    return f"* {f'`{function}`' if function else 'the module'}: {old} → {new}"


def hints(tree: Path) -> dict[str, str]:
    """Which test found each mutant of the sample the last time, where its file is still there.

    Where nothing could be imported, any test finds it.
    """
    found_by = dict(line.split(" ", 1) for line in HINTS.read_text("utf-8").splitlines())
    tests = [test for test in found_by.values() if (tree / test.partition("::")[0]).exists()]
    return {
        name: test if "::" in test else tests[0] for name, test in found_by.items() if test in tests or "::" not in test
    }


def report(mutants: Sequence[Mutant], found: Mapping[str, str], reasons: Mapping[Key, str]) -> dict[str, float]:
    """Print the survivors that are not explained; the score of each package."""
    survivors = [m for m in mutants if not found[m.id] and m.key not in reasons]
    for m in survivors:
        print(f"\n{m.path}:{m.line}  {m.function or 'the module'}  [{m.id}]\n  - {m.old}\n  + {m.new}")
    for m in mutants:
        if found[m.id] and m.key in reasons:
            print(f"\n{m.path}: explained, and yet found by {found[m.id]}:\n{as_item(m.key)}")
    print()
    counted = Counter(m.path.partition("/")[0] for m in mutants if m.key not in reasons)
    survived = Counter(m.path.partition("/")[0] for m in survivors)
    scores = {package: 1.0 - survived[package] / count for package, count in counted.items()}
    for package, score in scores.items():
        print(f"{package}: {counted[package] - survived[package]} of {counted[package]} mutants found, {score:.1%}")
    return scores


def main() -> bool:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sample", type=int, metavar="COUNT")
    parser.add_argument("only", nargs="*", help="files, packages or names of mutants")
    parser.add_argument("--tests", nargs="+", default=[], metavar="FILE")
    given = parser.parse_args()
    started = time.perf_counter()
    mutants, reasons = all_mutants(), explanations(EXPLANATIONS.read_text("utf-8"))
    stale = reasons.keys() - {m.key for m in mutants}
    for key in stale:
        print(f"docs/mutants.md explains what is no longer there: {key[0]}\n{as_item(key)}")
    if given.only:  # in the order in which they are asked for
        chosen = [m for only in given.only for m in mutants if m.path.startswith(only) or m.id.startswith(only)]
        mutants = list({m.id: m for m in chosen}.values())
    if given.sample:
        mutants = sample([m for m in mutants if m.key not in reasons], given.sample)
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    with tempfile.TemporaryDirectory() as scratch:
        trees = prepared(copy_of_the_tree(Path(scratch, "tree")))
        found: dict[str, str] = {}
        if given.sample:
            found |= run_all(mutants, trees, Hints(hints(trees[0])), LOG)
        if unknown := [m for m in mutants if not found.get(m.id)]:
            reach = measured(copy_of_the_tree(Path(scratch, "measured")), given.tests)
            print(f"{len(reach.seconds)} tests measured in {time.perf_counter() - started:.0f} s", flush=True)
            found |= run_all(unknown, trees, reach, LOG)
            if given.sample:
                HINTS.write_text("".join(f"{m.id} {found[m.id]}\n" for m in mutants if found[m.id]), "utf-8")
    scores = report(mutants, found, reasons)
    print(f"{time.perf_counter() - started:.0f} s; what found each: {LOG.relative_to(ROOT)}")
    # 60 mutants cannot measure 97 %: of a sample all must be found.
    goals = dict.fromkeys(scores, 1.0) if given.sample or given.only else GOALS
    return not stale and all(score >= goals[package] for package, score in scores.items())


if __name__ == "__main__":
    sys.exit(not main())
