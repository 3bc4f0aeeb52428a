"""Training runs that every backend repeats: one process, several devices, several processes.

Where each writes what it found: ``python backend_runs.py '{"backend": "jax"}' out.json [process processes port]``.
"""

# ruff: noqa: N803, N806 (X is the field's name)
from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any
from unittest import mock

import nn
from autodiff import Value, log
from nn.batches import ScalarGradients

Found = dict[str, Any]
IN_TIME = 90  # seconds; a process that hangs is killed then


def moons(**backend: Any) -> Found:
    """Dropout, weights of 0 among the examples, a penalty; no number of devices divides the batches."""
    from sklearn.datasets import make_moons

    X, y = make_moons(132, noise=0.1, random_state=0)
    model = nn.Sequential(nn.Layer(2, 8, "tanh", rng=0), nn.Dropout(0.1, rng=1), nn.Layer(8, 1, rng=2))
    return _trained(
        model, X, y, loss="binary_cross_entropy_with_logits", batch_size=33, epochs=5, penalty=nn.L2(1e-3),
        sample_weight=[i % 5 for i in range(132)], metrics=["accuracy"], **backend,
    )  # fmt: skip


def digits(**backend: Any) -> Found:
    """With validation, on all examples at once, which are an odd number."""
    from sklearn.datasets import load_digits

    X, y = load_digits(return_X_y=True)
    model = nn.MLP(64, [16, 10], activation="tanh", rng=0)
    validation = (X[301:400] / 16.0, y[301:400])
    return _trained(model, X[:301] / 16.0, y[:301], loss="cross_entropy", epochs=5, validation=validation, **backend)


def sums(**backend: Any) -> Found:
    """A loss that is added up, of batches of 6."""
    X = [[0.1 * i, 0.01 * i * i] for i in range(24)]
    return _trained(
        nn.MLP(2, [4, 2], rng=0), X, X, loss=nn.Loss(nn.LOSSES["mse"], reduction="sum"), batch_size=6, epochs=4,
        **backend,
    )  # fmt: skip


def _trained(model: nn.Module, X: Any, y: Any, scalars: bool = False, **settings: Any) -> Found:
    """``scalars`` : whether they may compute a batch, as they do where the backend fails."""
    with nullcontext() if scalars else mock.patch.object(ScalarGradients, "backward", side_effect=AssertionError):
        history = nn.fit(model, X, y, optimizer=nn.Adam(model.parameters(), 0.01), rng=0, progress=False, **settings)
    columns = {name: column for name, column in history.columns.items() if name != "seconds"}
    return {"engine": history.engine, "history": columns, "parameters": list(model.state_dict().values())}


class Logarithm(nn.Module):
    """log(w x), which is nan for a negative x."""

    def __init__(self) -> None:
        self.w = Value(1.0)

    def forward(self, inputs: Any) -> Any:
        return [log(self.w * inputs[0])]


def undefined(**backend: Any) -> Found:
    """Row 37 of X has no value: it is in the last shard of a batch in order."""
    X = [[1.0 + 0.1 * i] for i in range(40)]
    X[37] = [-1.0]
    return _refused(lambda: _trained(Logarithm(), X, [0.0] * 40, scalars=True, epochs=1, **backend))


def other_data(**backend: Any) -> Found:
    """Each process has examples of its own, which is wrong."""
    import jax

    X = [[float(i + jax.process_index())] for i in range(10)]
    return _refused(lambda: _trained(nn.MLP(1, [1], rng=0), X, X, epochs=1, **backend))


def other_seed(**backend: Any) -> Found:
    """Each process draws an initial model of its own, which is wrong."""
    import jax

    X = [[float(i)] for i in range(10)]
    return _refused(lambda: _trained(nn.MLP(1, [1], rng=jax.process_index()), X, X, epochs=1, **backend))


def one_process_only(**backend: Any) -> Found:
    """Of the processes one has none of the devices, which is wrong."""
    return _refused(lambda: _trained(nn.MLP(1, [1], rng=0), [[1.0]], [1.0], epochs=1, **backend | {"devices": 1}))


def _refused(run: Callable[[], Any]) -> Found:
    try:
        run()
    except (ValueError, ArithmeticError) as error:
        return {"error": type(error).__name__, "says": str(error), "example": getattr(error, "example", None)}
    return {"error": None}


RUNS: dict[str, Callable[..., Found]] = {"moons": moons, "digits": digits, "sums": sums, "undefined": undefined}
MISUSES: dict[str, Callable[..., Found]] = {
    "other data": other_data, "other seed": other_seed, "one process only": one_process_only,
}  # fmt: skip


# In processes of their own.


def in_processes(folder: Path, backend: dict[str, Any], *, devices: int = 1, processes: int = 1) -> list[Found]:
    """What each process found, by the names of the runs. Those that hang, or outlive a failure of ours, are killed."""
    command = [sys.executable, __file__, json.dumps(backend)]
    outs = [folder / f"{i}.json" for i in range(processes)]
    joined(lambda port: [[*command, str(out), str(i), str(processes), port] for i, out in enumerate(outs)], devices)
    return [json.loads(out.read_text()) for out in outs]


def joined(commands: Callable[[str], Sequence[Sequence[str]]], devices: int = 1) -> list[str]:
    """What processes say that meet at a port, all of which must end well. Where the port is taken, at another."""
    for _ in range(3):
        running = start(commands(free_port()), devices)
        said = [ended(process)[1] for process in running]
        codes = [process.returncode for process in running]
        if not any(codes):
            return said
        if not any("Failed to add port" in text for text in said):
            break
    raise AssertionError(f"they end with {codes}:\n" + "\n".join(said))


def start(commands: Sequence[Sequence[str]], devices: int = 1) -> list[subprocess.Popen[str]]:
    """Processes that see so many devices, all of them this machine's processor."""
    flags = f"--xla_force_host_platform_device_count={devices}"
    environment = {**os.environ, "XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"}
    return [
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for command in commands
    ]


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    """How a process ends, and what it said; it is killed where it does not in time."""
    try:
        said = process.communicate(timeout=IN_TIME)[0]
    except subprocess.TimeoutExpired:
        process.kill()
        said = process.communicate()[0] + "\nkilled: it did not end in time"
    return process.returncode, said


def free_port() -> str:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return str(server.getsockname()[1])


def main(backend: str, out: str, process: str, processes: str, port: str) -> None:
    runs = RUNS
    if int(processes) > 1:
        import jax

        jax.distributed.initialize(f"127.0.0.1:{port}", int(processes), int(process), heartbeat_timeout_seconds=20,
                                   shutdown_timeout_seconds=20)  # fmt: skip
        runs = {**RUNS, **MISUSES}
    found = {name: run(**json.loads(backend)) for name, run in runs.items()}
    Path(out).write_text(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
