"""A compiled step beside its peers: forward and backward into the flat gradient, float64, one thread.

    python benchmarks/program.py

Networks: moons 2-16-16-1 on 100 examples, digits 64-32-10 with softmax on 64, 784-128-10 on 128; and two graphs that
are none: a transformer's step on one word, and 10^5 operations + − × ÷ tanh that each read two of the 2,000 before.
PyTorch (eager, without an optimiser), JAX (jit of value_and_grad) and HIPS autograd run the same networks written with
arrays, each where it is installed; all must agree about the loss. CPU time, medians of alternating rounds.
"""

# ruff: noqa: E402, N803, N806 (how many threads there are is said before NumPy is imported; X is the field's name)
from __future__ import annotations

import os

for library in ("OPENBLAS", "OMP", "MKL"):  # one thread: read when NumPy and PyTorch are imported
    os.environ[f"{library}_NUM_THREADS"] = "1"
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"

import random
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from timing import Case, alternate, machine, table
from transformer import WORD, Transformer, training_step

import nn
from autodiff import Value, compile, leaves, topological_order
from autodiff import sum as total

ROUNDS = 25
Rows = np.ndarray[Any, Any]

NETWORKS: dict[str, tuple[list[int], int]] = {
    "moons 2-16-16-1 × 100": ([2, 16, 16, 1], 100),
    "digits 64-32-10 × 64": ([64, 32, 10], 64),
    "784-128-10 × 128": ([784, 128, 10], 128),
}


def data(sizes: list[int], count: int) -> tuple[Rows, Rows]:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(count, sizes[0]))
    y = rng.normal(size=(count, 1)) if sizes[-1] == 1 else np.eye(sizes[-1])[rng.integers(0, sizes[-1], count)]
    return X, y


def ours(model: nn.MLP, X: Rows, y: Rows, **settings: Any) -> tuple[Any, Rows]:
    loss = nn.LOSSES["mse" if y.shape[1] == 1 else "cross_entropy"].formula
    program = compile(
        lambda x, t: loss(model.outputs_for(x), t), [0.0] * X.shape[1], [0.0] * y.shape[1],
        parameters=model.parameters(), **settings,
    )  # fmt: skip
    return program, np.concatenate([X, y], axis=1)


def scalars(model: nn.MLP, X: Rows, y: Rows) -> Case:
    loss = nn.LOSSES["mse" if y.shape[1] == 1 else "cross_entropy"]
    rows, targets = X.tolist(), y.tolist()

    def step() -> float:
        model.zero_grad()
        found = 0.0
        for row, target in zip(rows, targets, strict=True):
            one = loss.formula(model.outputs_for(row), target)
            one.backward(1.0 / len(rows))
            found += one.data / len(rows)
        return found

    return step


def matrices(model: nn.MLP) -> list[tuple[Rows, Rows]]:
    weights, biases = nn.weights_and_biases(model)
    return [(w, b[:, 0]) for w, b in zip(weights, biases, strict=True)]


def with_torch(model: nn.MLP, X: Rows, y: Rows) -> Case:
    import torch

    torch.set_num_threads(1)
    layers: list[Any] = []
    for w, b in matrices(model):
        linear = torch.nn.Linear(*w.shape[::-1], dtype=torch.float64)
        linear.load_state_dict({"weight": torch.tensor(w), "bias": torch.tensor(b)})
        layers += [linear, torch.nn.Tanh()]
    network = torch.nn.Sequential(*layers[:-1])
    x, target = torch.tensor(X), torch.tensor(y)
    loss = torch.nn.functional.mse_loss if y.shape[1] == 1 else torch.nn.functional.cross_entropy

    def step() -> float:
        network.zero_grad()
        found = loss(network(x), target)
        found.backward()
        return found.item()

    return step


def by_arrays(np_: Any, parameters: Any, X: Any, y: Any) -> Any:
    """The network as JAX and HIPS autograd have it written."""
    a = X
    for i, (w, b) in enumerate(parameters):
        z = a @ w.T + b
        a = np_.tanh(z) if i < len(parameters) - 1 else z
    if y.shape[1] == 1:
        return ((a - y) ** 2).mean()
    shifted = a - a.max(axis=1, keepdims=True)
    return (np_.log(np_.exp(shifted).sum(axis=1)) - (shifted * y).sum(axis=1)).mean()


def with_jax(model: nn.MLP, X: Rows, y: Rows) -> Case:
    import jax

    jax.config.update("jax_enable_x64", True)
    step = jax.jit(jax.value_and_grad(lambda parameters: by_arrays(jax.numpy, parameters, X, y)))
    parameters = matrices(model)

    def run() -> float:
        loss, gradients = step(parameters)
        jax.block_until_ready(gradients)
        return float(loss)

    return run


def with_autograd(model: nn.MLP, X: Rows, y: Rows) -> Case:
    import autograd
    import autograd.numpy

    step = autograd.value_and_grad(lambda parameters: by_arrays(autograd.numpy, parameters, X, y))
    parameters = matrices(model)
    return lambda: float(step(parameters)[0])


PEERS: dict[str, Callable[[nn.MLP, Rows, Rows], Case]] = {
    "PyTorch eager": with_torch,
    "JAX jit": with_jax,
    "HIPS autograd": with_autograd,
}


def networks() -> None:
    rows: list[list[Any]] = []
    for name, (sizes, count) in NETWORKS.items():
        model = nn.MLP(sizes[0], sizes[1:], rng=0)
        X, y = data(sizes, count)
        start = time.process_time()
        program, both = ours(model, X, y)
        compiling = time.process_time() - start
        theta, seeds = program.theta(), np.full(count, 1.0 / count)
        cases: dict[str, Case] = {
            "ours": lambda p=program, r=both, s=seeds, t=theta: float(p.pull_back(r, s, t)[0][:, 0] @ s)
        }
        for peer, prepare in PEERS.items():
            try:
                cases[peer] = prepare(model, X, y)
            except ImportError as error:
                print(f"{peer} is left out: {error}")
        if sizes[0] < 100:
            cases["native scalars"] = scalars(model, X, y)
        losses = [case() for case in cases.values()]
        if max(losses) - min(losses) > 1e-9:
            raise SystemExit(f"{name}: they disagree about the loss: {dict(zip(cases, losses, strict=True))}")
        seconds = alternate(cases, ROUNDS, runs=20 if sizes[0] < 100 else 5)
        mine = seconds["ours"]
        peers = [seconds.get(peer, float("nan")) / mine for peer in (*PEERS, "native scalars")]
        rows.append([name, mine * 1e6, *peers, compiling * 1e3])
    print("A step, and how many times as long it takes others:\n")
    print(table(["network", "ours, µs", *PEERS, "native scalars", "compiling, ms"], rows), end="\n\n")


def transformer() -> None:
    model = Transformer(Value)
    loss = model.loss(WORD)
    used = set(map(id, leaves(loss)))
    nodes = sum(node.op is not None for node in topological_order(loss))
    start = time.process_time()
    program = compile(loss, parameters=[p for p in model.parameters if id(p) in used])
    compiling = time.process_time() - start
    seconds = alternate(
        {"ours": program.value_and_grad, "scalars": lambda: model.loss(WORD).backward(),
         "training": lambda: training_step(model)}, ROUNDS
    )  # fmt: skip
    print(
        f"transformer, one word, {nodes:,} nodes in {program.stats.instructions} instructions: "
        f"{seconds['ours'] * 1e3:.2f} ms a step; scalars {seconds['scalars'] / seconds['ours']:.1f} times as long; "
        f"compiled in {compiling * 1e3:.0f} ms\n"
    )


def irregular(nodes: int = 100_000, width: int = 2000) -> None:
    """Operations on two of those that a window of ``width`` before holds."""
    rng = random.Random(0)
    x = [Value(rng.uniform(-1.0, 1.0)) for _ in range(100)]
    w = [Value(rng.uniform(-1.0, 1.0)) for _ in range(100)]
    pool = [a * b for a, b in zip(x, w, strict=True)] * (width // 100)
    while len(pool) < nodes + width:
        window = pool[-width:]
        for _ in range(width):
            a, b = rng.choice(window), rng.choice(window)
            kind = rng.randrange(5)
            pool.append((a + b, a - b, a * b, a / 2.0, a.tanh())[kind])
    loss = total(pool[-width:])
    inside = set(map(id, leaves(loss)))
    count = sum(node.op is not None for node in topological_order(loss))
    start = time.process_time()
    program = compile(loss, inputs=[v for v in x if id(v) in inside], parameters=[v for v in w if id(v) in inside])
    compiling = time.process_time() - start
    X = np.random.default_rng(0).uniform(-1.0, 1.0, (256, program.inputs))
    seconds = alternate({"ours": lambda: program.value_and_grad(X)}, 5)["ours"]
    print(
        f"irregular graph, {count:,} nodes, 256 examples: {seconds / count / 256 * 1e9:.1f} ns a node and example in "
        f"{program.stats.instructions} instructions; compiled at {compiling / count * 1e6:.1f} µs a node\n"
    )


def growth() -> None:
    """How a step grows with the examples and with the width, and what memory it takes."""
    model = nn.MLP(64, [32, 10], rng=0)
    X, y = data([64, 32, 10], 16384)
    program, both = ours(model, X, y)
    theta = program.theta()
    counts = [1, 16, 64, 256, 1024, 4096, 16384]
    cases = {str(n): lambda n=n: program.pull_back(both[:n], np.full(n, 1.0 / n), theta) for n in counts}
    seconds = alternate(cases, 5, runs=5)
    print(f"digits 64-32-10 by batch size, {program.stats.bytes_per_example:,} bytes an example:\n")
    rows = [[n, seconds[str(n)] * 1e6, seconds[str(n)] / n * 1e9] for n in counts]
    print(table(["examples", "µs a step", "ns an example"], rows), end="\n\n")
    rows = []
    for width in (16, 64, 256, 1024):
        X, y = data([64, width, 10], 64)
        program, both = ours(nn.MLP(64, [width, 10], rng=0), X, y)
        theta, seeds = program.theta(), np.full(64, 1.0 / 64)
        step = alternate({"": lambda p=program, r=both, t=theta, s=seeds: p.pull_back(r, s, t)}, 5, runs=5)[""]
        rows.append([width, len(theta), step * 1e6, step / len(theta) / 64 * 1e9, program.stats.bytes_per_example])
    print("64 × width × 10 on 64 examples:\n")
    print(
        table(["width", "parameters", "µs a step", "ns a parameter and example", "bytes an example"], rows), end="\n\n"
    )


def threads() -> None:
    """The widest network with one thread of BLAS and with all: wall time, for threads add up in CPU time."""
    from threadpoolctl import threadpool_limits

    (sizes, count), examples = NETWORKS["784-128-10 × 128"], 1024
    X, y = data(sizes, examples)
    program, both = ours(nn.MLP(sizes[0], sizes[1:], rng=0), X, y)
    theta = program.theta()
    found: dict[int, list[float]] = {1: [], os.cpu_count() or 1: []}
    for n in (count, examples):
        for limit, seconds in found.items():
            measured: list[float] = []
            with threadpool_limits(limit):
                for _ in range(ROUNDS):
                    start = time.perf_counter()
                    program.pull_back(both[:n], np.full(n, 1.0 / n), theta)
                    measured.append(time.perf_counter() - start)
            seconds.append(statistics.median(measured))
    rows = [[limit, *[x * 1e3 for x in seconds]] for limit, seconds in found.items()]
    print("784-128-10, wall time by threads of BLAS:\n")
    print(table(["threads", f"{count} examples, ms", f"{examples} examples, ms"], rows))


def main() -> None:
    print(machine(), end="\n\n")
    networks()
    transformer()
    irregular()
    growth()
    threads()


if __name__ == "__main__":
    main()
