"""A test that hangs has a name, even where it hangs in C and lets nothing else of its process run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.once,
    pytest.mark.skipif(sys.platform == "win32", reason="not applicable: ctypes finds no sleep in Windows' own library"),
]

SETTINGS = Path(__file__).parent.parent / "pyproject.toml"
# PyDLL keeps the interpreter's lock while C runs, as the native engine does.
HANGS = "import ctypes\n\ndef test_that_hangs():\n    ctypes.PyDLL(None).sleep(100)\n\ndef test_after():\n    pass\n"


def run(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    (folder / "test_c.py").write_text(HANGS, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", f"-c={SETTINGS}", f"--rootdir={folder}", "-o", "faulthandler_timeout=1"]
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}  # which would take most of the time
    return subprocess.run(
        [*command, *options, "test_c.py"], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def test_it_is_shown_with_its_line(tmp_path: Path) -> None:
    done = run(tmp_path)
    assert done.returncode == 1
    assert "Timeout" in done.stderr
    assert 'test_c.py", line 4 in test_that_hangs' in done.stderr


def test_on_several_cores_the_other_tests_go_on(tmp_path: Path) -> None:
    done = run(tmp_path, "-p", "xdist", "-n1")
    assert "crashed while running 'test_c.py::test_that_hangs'" in done.stdout
    assert "1 failed, 1 passed" in done.stdout
