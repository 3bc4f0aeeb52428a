"""docs/backends.md: from one machine to four devices to two hosts, by few lines, each of which does what it says."""

from __future__ import annotations

import difflib
import re
import sys
from pathlib import Path

import pytest
from backend_runs import joined

pytest.importorskip("jax", reason="JAX is not installed: pip install jax to compare with it")
pytestmark = [pytest.mark.conformance, pytest.mark.once]

PAGE = (Path(__file__).parent.parent / "docs" / "backends.md").read_text(encoding="utf-8")
ONE, FOUR, HOSTS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize(("before", "after"), [(ONE, FOUR), (FOUR, HOSTS)])
def test_from_each_to_the_next_at_most_three_lines_change(before: str, after: str) -> None:
    lines = [line for line in difflib.ndiff(before.splitlines(), after.splitlines()) if line[0] in "+-"]
    added, removed = ([line for line in lines if line[0] == sign and line[2:].strip()] for sign in "+-")
    assert 1 <= len(added) <= 3 and len(removed) <= len(added)


def test_all_three_run_and_end_with_the_same_loss(tmp_path: Path) -> None:
    def command(place: str, code: str, *arguments: str) -> list[str]:
        (tmp_path / place).mkdir(exist_ok=True)
        script = tmp_path / place / "train.py"
        script.write_text(code.replace('"digits.json"', repr(str(tmp_path / place / "digits.json"))))
        return [sys.executable, str(script), *arguments]

    said = [
        *joined(lambda _: [command("one", ONE)]),
        *joined(lambda _: [command("four", FOUR)], devices=4),
        *joined(lambda port: [command("hosts", HOSTS.replace("192.168.0.1:8476", f"127.0.0.1:{port}"), str(i))
                              for i in range(2)]),
    ]  # fmt: skip
    last = [re.fullmatch(r"(compiled.*?) ([\d.]+)", text.splitlines()[-1]) for text in said]
    engines, losses = zip(*[(found[1], float(found[2])) for found in last if found], strict=True)
    two = "compiled, jax on 2 cpu devices of 2 processes"
    assert engines == ("compiled", "compiled, jax on 4 cpu devices", two, two)
    assert losses == pytest.approx([losses[0]] * 4, rel=1e-9, abs=0.0)
    assert all(f"`{engine}`" in PAGE.replace("\n", " ") for engine in engines)
    assert sorted(path.parent.name for path in tmp_path.glob("*/digits.json")) == ["four", "hosts", "one"]
