"""The tape in C beside the native scalar engine and NumPy's Program: float64, one thread but where two are measured.

    python benchmarks/tape.py

A transformer's step on one word (`transformer`), where a step is what a script does with either: loss, backward, the
parameters moved; networks by the number of examples, forward and backward into the flat gradient; a long chain of
operations that lifting cannot group; the tape's memory; two threads with a copy of the program each. CPU time, medians
of alternating rounds; wall time where there are threads.
"""

# ruff: noqa: E402, N806 (how many threads there are is said before NumPy is imported; X is the field's name)
from __future__ import annotations

import os

for library in ("OPENBLAS", "OMP", "MKL"):  # one thread: read when NumPy is imported
    os.environ[f"{library}_NUM_THREADS"] = "1"

import copy
import statistics
import threading
import time
from typing import Any

import numpy as np
from program import data, ours
from timing import Case, alternate, machine, table
from transformer import RATE, WORD, Transformer, training_step

import nn
from autodiff import Value, compile, engine, leaves, tanh, topological_order
from autodiff.program import on_native
from autodiff.program.program import Program

ROUNDS = 25
COUNTS = (1, 4, 16, 64, 256, 4096, 65536)


def moved(program: Program, backend: str) -> float:
    """A step of gradient descent on a program without inputs."""
    loss, gradient = program.value_and_grad(backend=backend, write=False)
    engine.set_data(program.parameters, program.theta() - RATE * gradient)
    return loss


def transformer() -> None:
    model = Transformer(Value)
    loss = model.loss(WORD)
    used = set(map(id, leaves(loss)))
    nodes = sum(node.op is not None for node in topological_order(loss))
    learned = [p for p in model.parameters if id(p) in used]
    start = time.process_time()
    lifted = compile(loss, parameters=learned)
    compiling = time.process_time() - start
    flat = compile(loss, parameters=learned, lift=False)
    expected = model.loss(WORD).data
    cases: dict[str, Case] = {
        "native scalars, a training step": lambda: training_step(model),
        "native scalars, loss and backward": lambda: model.loss(WORD).backward(),
        "NumPy, lifted": lambda: moved(lifted, "numpy"),
        "the tape, lifted": lambda: moved(lifted, "native"),
        "the tape, lift=False": lambda: moved(flat, "native"),
    }
    found = [program.value_and_grad(backend="native", write=False)[0] for program in (lifted, flat)]
    if max(abs(x - expected) for x in found) > 1e-12 or found[1] != expected:
        raise SystemExit(f"the tape disagrees with the scalar engine about the loss: {found}, {expected}")
    seconds = alternate(cases, ROUNDS)
    rows = [[name, s * 1e3, *(seconds[scalars] / s for scalars in list(cases)[:2])] for name, s in seconds.items()]
    print(f"A transformer's step, one word, {nodes:,} nodes (lifting compiles them in {compiling * 1e3:.0f} ms):\n")
    print(table(["who", "ms a step", "times a training step", "times loss and backward"], rows), end="\n\n")
    print(table(*memory({"lifted": lifted, "lift=False": flat})), end="\n\n")


def memory(programs: dict[str, Program]) -> tuple[list[str], list[list[Any]]]:
    """What a runner for one example holds, beside 16 bytes a node and example, 16 a node and 8 an operand."""
    rows: list[list[Any]] = []
    for name, program in programs.items():
        plan, runner = program.plan, on_native.Runner(program.plan, 1)
        nodes = plan.rows + len(plan.column)
        operands = sum(getattr(x, "index", np.zeros(1)).size for i in plan.instructions for x in i.operands if x)
        held = sum(array.nbytes for array in runner.arrays)
        held += runner.tape.steps.nbytes + runner.tape.operands.nbytes
        rows.append([name, nodes, operands, held, 32 * nodes + 8 * operands])
    return ["memory", "nodes, leaves too", "operands", "bytes", "allowed"], rows


def networks() -> None:
    for name, sizes in {"moons 2-16-16-1": [2, 16, 16, 1], "digits 64-32-10": [64, 32, 10]}.items():
        X, y = data(sizes, COUNTS[-1])
        program, both = ours(nn.MLP(sizes[0], sizes[1:], rng=0), X, y)
        theta = program.theta()
        rows: list[list[Any]] = []
        for n in COUNTS:
            seeds, few = np.full(n, 1.0 / n), both[:n]
            cases: dict[str, Case] = {
                backend: lambda b=backend, p=program, f=few, s=seeds, t=theta: p.pull_back(f, s, t, backend=b)
                for backend in ("numpy", "native")
            }
            seconds = alternate(cases, 9, runs=max(1, 200 // n))
            steps = [1.0 / seconds[backend] for backend in cases]
            rows.append([f"{n:,}", *steps, seconds["numpy"] / seconds["native"]])
        print(f"{name}, steps per second:\n")
        print(table(["examples", "NumPy", "the tape", "times NumPy"], rows), end="\n\n")


def one_example() -> None:
    """Moons again, on one example: the step alone, and with all that `value_and_grad` does around it."""
    X, y = data([2, 16, 16, 1], 1)
    program, both = ours(nn.MLP(2, [16, 16, 1], rng=0), X, y)
    theta, one = program.theta(), np.ones(1)
    step = {b: lambda b=b: program.pull_back(both, one, theta, backend=b) for b in ("numpy", "native")}
    whole = {b: lambda b=b: program.value_and_grad(both, backend=b) for b in ("numpy", "native")}
    rows: list[list[Any]] = []
    for name, cases in {"pull_back": step, "value_and_grad": whole}.items():
        seconds = alternate(cases, ROUNDS, runs=200)
        rows.append([name, *(seconds[b] * 1e6 for b in cases), seconds["numpy"] / seconds["native"]])
    print("moons 2-16-16-1, 1 example, µs a step:\n")
    print(table(["what", "NumPy", "the tape", "times NumPy"], rows), end="\n\n")


def chain(count: int = 100_000) -> None:
    w, x = Value(0.5), Value(0.1)
    y: Value = x
    for i in range(count // 2):
        y = tanh(y) + w if i % 2 else y * w
    program = compile(y, inputs=[x], parameters=[w], lift=False)
    theta = program.theta()
    seconds = {}
    for n in (1, 64):
        rows, seeds = np.full((n, 1), 0.1), np.full(n, 1.0 / n)
        seconds[n] = alternate({"": lambda r=rows, s=seeds: program.pull_back(r, s, theta, backend="native")}, 9)[""]
    nodes = program.stats.nodes
    each = ", ".join(f"{s / nodes / n * 1e9:.1f} for {n}" for n, s in seconds.items())
    print(f"a chain of {nodes:,} nodes × + tanh, ns a node and example: {each}\n")


def threads() -> None:
    """Two shards one after the other, and at once."""
    X, y = data([2, 16, 16, 1], 4000)
    program, both = ours(nn.MLP(2, [16, 16, 1], rng=0), X, y)
    theta, seeds = program.theta(), np.full(2000, 1.0 / 4000)
    shards = [(copy.copy(program), both[:2000]), (copy.copy(program), both[2000:])]

    def run(program: Program, rows: Any) -> None:
        for _ in range(40):
            program.pull_back(rows, seeds, theta, backend="native")

    ratios: list[float] = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        for shard in shards:
            run(*shard)
        after = time.perf_counter()
        together = [threading.Thread(target=run, args=shard) for shard in shards]
        for thread in together:
            thread.start()
        for thread in together:
            thread.join()
        ratios.append((after - start) / (time.perf_counter() - after))
    best, median = max(ratios), statistics.median(ratios)
    print(f"two threads on two shards: {median:.2f} times as fast as one (median of {ROUNDS}; at best {best:.2f})")


def main() -> None:
    print(machine(), end="\n\n")
    transformer()
    one_example()
    networks()
    chain()
    threads()


if __name__ == "__main__":
    main()
