"""Who runs a Program: NumPy, or JAX on 1, 2 and 4 devices, by the size of the batch; and JAX beside JAX by hand.

    python benchmarks/backends.py

A step is what `fit` takes of a backend: parameters read, a batch forwards and backwards in float64, gradients written.
NumPy has one thread, JAX all cores. On a processor JAX's devices are parts of it, so 4 on 2 cores gain nothing over 2,
and what is measured there is what dividing costs. Then 2-16-16-1 on 100 examples and 784-128-10 on 128, on one thread
where JAX has a processor, against the same networks written with JAX's arrays: on arrays that lie on the device, then
from NumPy's and back. Wall time, medians; each part is a process of its own, for JAX counts its devices once.
"""

# ruff: noqa: N803, N806 (X is the field's name)
from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from timing import Case, machine, table

import nn
from autodiff import compile, engine

NETWORKS = {"moons 2-16-16-1": [2, 16, 16, 1], "784-128-10": [784, 128, 10]}
SIZES = (1, 16, 256, 4096, 65_536)
DEVICES = (1, 2, 4)
BESIDE = {"moons 2-16-16-1": 100, "784-128-10": 128}
ENOUGH = 0.3  # seconds for a figure, or three runs
ROUNDS, ROUNDS_BESIDE = 3, 60
ONE_THREAD = {
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
    **{f"{library}_NUM_THREADS": "1" for library in ("OPENBLAS", "OMP", "MKL")},
}
Array = np.ndarray[Any, Any]
Column = tuple[tuple[Any, ...], dict[str, str]]  # the arguments of `steps`, and the environment that it wants


def examples(sizes: list[int], count: int) -> tuple[Array, Array]:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(count, sizes[0]))
    y = rng.normal(size=(count, 1)) if sizes[-1] == 1 else np.eye(sizes[-1])[rng.integers(0, sizes[-1], count)]
    return X, y


def compiled(sizes: list[int]) -> tuple[Any, nn.MLP]:
    model = nn.MLP(sizes[0], sizes[1:], rng=0)
    loss = nn.LOSSES["mse" if sizes[-1] == 1 else "cross_entropy"].formula
    given = [0.0] * sizes[0], [0.0] * sizes[-1]
    return compile(lambda x, t: loss(model.outputs_for(x), t), *given, parameters=model.parameters()), model


# Steps by the size of the batch.


def steps(backend: str, count: int) -> dict[str, dict[int, float]]:
    """Steps a second of each network, by the examples in a batch."""
    arguments: dict[str, Any] = {"backend": backend}
    if backend == "jax":
        from autodiff.program.on_devices import chosen

        arguments["devices"] = chosen(count)
    found: dict[str, dict[int, float]] = {}
    for name, sizes in NETWORKS.items():
        program, _ = compiled(sizes)
        rows = np.concatenate(examples(sizes, SIZES[-1]), axis=1)
        found[name] = {}
        for size in SIZES:
            found[name][size] = 1.0 / median(step_of(program, rows[:size], arguments))
    return found


def step_of(program: Any, rows: Array, arguments: dict[str, Any]) -> Case:
    seeds = np.full(len(rows), 1.0 / len(rows))

    def step() -> None:
        _, gradient = program.pull_back(rows, seeds, program.theta(), **arguments)
        engine.set_grad(program.parameters, gradient)

    return step


def median(case: Case) -> float:
    case()  # the first run pays for compiling
    found: list[float] = []
    while len(found) < 3 or sum(found) < ENOUGH:
        start = time.perf_counter()
        case()
        found.append(time.perf_counter() - start)
    return statistics.median(found)


# Beside JAX by hand.


def beside() -> dict[str, dict[str, float]]:
    """Seconds of ours and of the same by hand, and what compiling takes."""
    import jax

    jax.config.update("jax_enable_x64", True)
    found: dict[str, dict[str, float]] = {}
    for name, count in BESIDE.items():
        program, model = compiled(NETWORKS[name])
        X, y = examples(NETWORKS[name], count)
        cases = written_by_hand(model, X, y) | ours(program, np.concatenate([X, y], axis=1))
        losses = [float(case()) for case in cases.values()]
        if max(losses) - min(losses) > 1e-9:
            raise SystemExit(f"{name}: they disagree about the loss: {dict(zip(cases, losses, strict=True))}")
        found[name] = ratios(cases)
    return found


def ratios(cases: dict[str, Case]) -> dict[str, float]:
    """Medians over alternating rounds: the seconds by hand, and how many times as long ours takes in the same round."""
    seconds: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(ROUNDS_BESIDE):
        for name, case in cases.items():
            start = time.perf_counter()
            for _ in range(10):
                case()
            seconds[name].append((time.perf_counter() - start) / 10)
    found: dict[str, float] = {}
    for where in ("on the device", "from NumPy and back"):
        hand, mine = seconds[f"hand {where}"], seconds[f"ours {where}"]
        found[f"hand {where}"] = statistics.median(hand)
        found[f"ratio {where}"] = statistics.median(m / h for m, h in zip(mine, hand, strict=True))
    return found


def written_by_hand(model: nn.MLP, X: Array, y: Array) -> dict[str, Case]:
    import jax
    import jax.numpy as jnp

    def loss(parameters: Any, X: Any, y: Any) -> Any:
        a = X
        for i, (w, b) in enumerate(parameters):
            z = a @ w.T + b
            a = jnp.tanh(z) if i < len(parameters) - 1 else z
        if y.shape[1] == 1:
            return ((a - y) ** 2).mean()
        return (jax.nn.logsumexp(a, axis=1) - (a * y).sum(axis=1)).mean()

    weights, biases = nn.weights_and_biases(model)
    numbers = [(w, b[:, 0]) for w, b in zip(weights, biases, strict=True)], X, y
    step = jax.jit(jax.value_and_grad(loss))
    there = jax.device_put(numbers)
    return {
        "hand on the device": lambda: jax.block_until_ready(step(*there))[0],
        "hand from NumPy and back": lambda: jax.device_get(step(*numbers))[0],
    }


def ours(program: Any, rows: Array) -> dict[str, Case]:
    import jax

    f = program.to_jax()
    step = jax.jit(jax.value_and_grad(lambda theta, X: f(theta, X).mean()))
    theta, seeds = program.theta(), np.full(len(rows), 1.0 / len(rows))
    there = jax.device_put((theta, rows))
    return {
        "ours on the device": lambda: jax.block_until_ready(step(*there))[0],
        "ours from NumPy and back": lambda: program.pull_back(rows, seeds, theta, backend="jax")[0][:, 0] @ seeds,
    }


# Processes.


def there() -> dict[str, Any]:
    """JAX's devices, where nobody has divided the processor."""
    import jax

    devices = jax.devices()
    kind = {"platform": devices[0].platform, "kind": devices[0].device_kind, "count": len(devices)}
    return {**kind, "version": jax.__version__}


PARTS: dict[str, Callable[..., Any]] = {"there": there, "steps": steps, "beside": beside}


def part(name: str, *arguments: Any, **environment: str) -> Any:
    """What a part of this finds, in a process of its own; SystemExit with what it says where it fails."""
    command = [sys.executable, __file__, name, json.dumps(arguments)]
    run = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, check=False)
    if run.returncode:
        raise SystemExit(f"{name}{arguments} fails:\n{run.stderr}")
    return json.loads(run.stdout.splitlines()[-1])


def main() -> None:
    print(machine(), end="\n\n")
    columns: dict[str, Column] = {"NumPy": (("numpy", 0), ONE_THREAD)}
    try:
        import jax  # noqa: F401
    except ImportError as error:
        print(f"JAX is left out, and what is measured beside it: {error}\n")
        show(columns)
        return
    found = part("there")
    on_processor = found["platform"] == "cpu"
    print(f"JAX {found['version']} uses {found['count']} × {found['kind']} ({found['platform']}).", end="\n\n")
    for count in DEVICES:
        if not on_processor and count > found["count"]:
            print(f"{count} devices are left out: there are {found['count']}.\n")
            continue
        divided = {"XLA_FLAGS": f"--xla_force_host_platform_device_count={count}"} if on_processor else {}
        columns[f"JAX, {count} device{'s' if count > 1 else ''}"] = ("jax", count), divided
    show(columns)
    print("The same network in JAX by hand, and how many times as long ours takes:\n")
    rows: list[list[Any]] = []
    for name, by in part("beside", **(ONE_THREAD if on_processor else {})).items():
        for where in ("on the device", "from NumPy and back"):
            rows.append([f"{name} × {BESIDE[name]}, {where}", by[f"hand {where}"] * 1e6, by[f"ratio {where}"]])
    print(table(["network", "by hand, µs a step", "ours, times as long"], rows))


def show(columns: dict[str, Column]) -> None:
    """Measure them in alternating rounds, and print the medians."""
    found: dict[str, list[Any]] = {label: [] for label in columns}
    for _ in range(ROUNDS):
        for label, (arguments, environment) in columns.items():
            found[label].append(part("steps", *arguments, **environment))
    for name in NETWORKS:
        print(f"{name}, steps a second by the examples in a batch:\n")
        rows: list[list[Any]] = []
        for size in SIZES:
            measured = [[by[name][str(size)] for by in rounds] for rounds in found.values()]
            rows.append([f"{size:,}", *map(statistics.median, measured)])
        print(table(["examples", *columns], rows), end="\n\n")


if __name__ == "__main__":
    if sys.argv[1:]:
        print(json.dumps(PARTS[sys.argv[1]](*json.loads(sys.argv[2]))))
    else:
        main()
