"""The second half of `make mutants`: is every fault of native_faults.toml, put into the C engine, found by a test?

For each the engine is built anew in a copy of the tree, and the tests run on it until one fails.

    native_faults.py            all of them
    native_faults.py slab       those with "slab" in their names
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from trials import ROOT, TESTED, WORKERS, copy_of_the_tree, test_files

FAULTS = Path(__file__).with_suffix(".toml")
LIMIT = 600.0  # seconds, for the tests on one fault
FIRST = ["tests/test_native.py", "tests/test_engines_agree.py", "tests/test_tape.py"]


def with_fault(text: str, fault: dict[str, str]) -> str:
    if text.count(fault["old"]) != 1:
        raise ValueError(f"native_faults.toml: {fault['name']}: its old text must occur once in {fault['file']}")
    return text.replace(fault["old"], fault["new"])


def build(tree: Path, tools: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(tools)}
    command = [sys.executable, "setup.py", "--quiet", "build_ext", "--inplace", "--force"]
    done = subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, check=False)
    if done.returncode or "no C compiler that works" in done.stdout:
        raise SystemExit(done.stdout + done.stderr)


def first_failure(tree: Path) -> str:
    """What fails in the tests on the native engine of ``tree``; "" for nothing."""
    files = [*FIRST, *(file for file in test_files(tree) if file not in FIRST)]
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "--engine=native",
               "-m", TESTED, *files]  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": str(tree)}
    try:
        done = subprocess.run(
            command, cwd=tree, env=environment, capture_output=True, text=True, check=False, timeout=LIMIT
        )
    except subprocess.TimeoutExpired:
        return "the time limit"
    if done.returncode == 0:
        return ""
    failed = [line.split()[1] for line in done.stdout.splitlines() if line.startswith(("FAILED ", "ERROR "))]
    return failed[0] if failed else f"exit code {done.returncode}"


def main(only: Sequence[str]) -> bool:
    faults = tomllib.loads(FAULTS.read_text("utf-8"))["fault"]
    chosen = [fault for fault in faults if not only or any(word in fault["name"] for word in only)]
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as scratch:
        tools = Path(scratch, "tools")  # what builds the engine
        needed = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["build-system"]["requires"]
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "--target", str(tools), *needed], check=True)

        def found(fault: dict[str, str]) -> str:
            tree = copy_of_the_tree(Path(scratch, f"tree{faults.index(fault)}"))
            source = tree / fault["file"]
            source.write_text(with_fault(source.read_text("utf-8"), fault), "utf-8")
            build(tree, tools)
            return first_failure(tree)

        unchanged = {"name": "nothing is changed", "file": "setup.py", "old": "import sys\n", "new": "import sys\n"}
        faults.append(unchanged)
        if failed := found(unchanged):
            raise SystemExit(f"nothing is changed, and yet it fails: {failed}")
        survived = 0
        with ThreadPoolExecutor(WORKERS) as pool:
            for fault, by in zip(chosen, pool.map(found, chosen), strict=True):
                survived += not by
                print(f"{fault['name']}: {f'found by {by}' if by else 'SURVIVED'}", flush=True)
    print(
        f"native engine: {len(chosen) - survived} of {len(chosen)} faults found, {time.perf_counter() - started:.0f} s"
    )
    return not survived


if __name__ == "__main__":
    sys.exit(not main(sys.argv[1:]))
