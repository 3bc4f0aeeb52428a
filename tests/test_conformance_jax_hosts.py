"""docs/examples/hosts.py, its two processes on this machine: one is killed, the other ends, and the run goes on."""

from __future__ import annotations

import importlib.util
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from subprocess import Popen
from typing import Any

import pytest
from backend_runs import IN_TIME, ended, free_port, joined, start

import nn
from nn import checkpoint

pytest.importorskip("jax", reason="JAX is not installed: pip install jax to compare with it")
pytestmark = [pytest.mark.conformance, pytest.mark.once]

SCRIPT = Path(__file__).parent.parent / "docs" / "examples" / "hosts.py"
HEARTBEAT = 5  # seconds
SLACK = 20  # seconds that a busy machine may take beside


def command(process: int, port: str, path: Path, epochs: int) -> list[str]:
    options = {"process": process, "of": 2, "coordinator": f"127.0.0.1:{port}", "checkpoint": path, "epochs": epochs,
               "heartbeat": HEARTBEAT}  # fmt: skip
    return [sys.executable, str(SCRIPT), *(f"--{name}={value}" for name, value in options.items())]


@contextmanager
def training(paths: list[Path]) -> Generator[list[Popen[str]]]:
    """Two processes that train for long; process 0 has written two epochs or more. None is left."""
    processes: list[Popen[str]] = []
    try:
        for _ in range(3):  # where another takes the port they end at once
            port = free_port()
            processes = start([command(i, port, path, epochs=100_000) for i, path in enumerate(paths)])
            if two_epochs(paths[0], processes):
                break
            end(processes)
        yield processes
    finally:
        end(processes)


def two_epochs(path: Path, processes: list[Popen[str]]) -> bool:
    """Whether they come so far."""
    deadline = time.monotonic() + IN_TIME
    while epochs_in(path) < 2 and all(p.poll() is None for p in processes):
        assert time.monotonic() < deadline, "they do not train"
        time.sleep(0.1)
    return all(p.poll() is None for p in processes)


def end(processes: list[Popen[str]]) -> None:
    for process in processes:
        process.kill()
        ended(process)


def epochs_in(path: Path) -> int:
    return checkpoint.read(path)["training"]["epoch"] if path.exists() else 0


def killed(processes: list[Popen[str]], which: int) -> str:
    """What the other says, which must end with an error, and in time."""
    processes[which].kill()
    started = time.monotonic()
    code, said = ended(processes[1 - which])
    assert code != 0 and time.monotonic() - started < HEARTBEAT + SLACK
    return said


def by_numpy(path: Path, epochs: int, monkeypatch: pytest.MonkeyPatch) -> nn.History:
    """The example's run in one process, without JAX."""
    spec = importlib.util.spec_from_file_location("hosts", SCRIPT)
    assert spec is not None and spec.loader is not None
    hosts: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(hosts)
    monkeypatch.setattr(hosts, "fit", lambda *args, **settings: nn.fit(*args, **{**settings, "backend": "numpy"}))
    return hosts.train(path, epochs)


def test_when_a_process_dies_the_other_ends_and_all_resume_where_the_last_epoch_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, another = tmp_path / "run.json", tmp_path / "another.json"
    with training([path, another]) as processes:
        said = killed(processes, which=1)
    assert "another process ended, or cannot be reached: start all of them again, with resume=" in said
    assert not another.exists(), "process 0 alone writes"
    nn.load(path)
    done = epochs_in(path)
    said_by = joined(lambda port: [command(i, port, path, done + 2) for i in range(2)])
    assert f"History({done + 2} epochs" in said_by[0] and "jax on 2 cpu devices of 2 processes" in said_by[0]
    assert "History" not in said_by[1]
    history = by_numpy(tmp_path / "numpy.json", done + 2, monkeypatch)
    columns = checkpoint.read(path)["training"]["history"]["columns"]
    for name in ("loss", "accuracy"):
        assert columns[name] == pytest.approx(history[name], rel=1e-9, abs=0.0)


def test_when_process_0_dies_which_all_others_listen_to_they_end_and_its_checkpoint_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    with training([path, path]) as processes:
        killed(processes, which=0)
    nn.load(path)
    assert epochs_in(path) >= 2
