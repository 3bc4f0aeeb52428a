"""`make stress`: the engine at sizes that no test has the time for, each with what it took.

    stress.py                 everything, with the engine that serves (AUTODIFF_ENGINE=python|native decides otherwise)
    stress.py long uses       these only
    stress.py --share 0.01    a hundredth of every size

Each runs in a process of its own, and fails where a number is wrong, memory grows, or the process ends. What they took
on one machine stands in docs/stress.md.
"""

from __future__ import annotations

import argparse
import gc
import importlib.util
import math
import multiprocessing
import os
import resource
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent / "benchmarks"))

from timing import resident_bytes

from autodiff import Value, compile, engine, no_grad, tanh, topological_order
from autodiff import sum as total

NATIVE = engine.name == "native"


def require(holds: bool, what: str) -> None:
    if not holds:
        raise AssertionError(what)


def long(share: float) -> str:
    """One chain of 10^7 nodes (10^6 on the reference engine)."""
    count = int((10_000_000 if NATIVE else 1_000_000) * share)
    x = y = Value(1.0)
    for _ in range(count):
        y = y + x
    y.backward()
    require(y.data == count + 1.0 and x.grad == count + 1.0, f"{y}, {x}")
    require(len(topological_order(y)) == count + 1, "nodes are missing")
    return f"{count:,} nodes in one chain"


def uses(share: float) -> str:
    """One node that is used 10^6 times, and one sum of as many operands."""
    count = int(1_000_000 * share)
    x = Value(0.5)
    y = total([x * float(i % 7) for i in range(count)])
    y.backward()
    require(x.grad == sum(float(i % 7) for i in range(count)), str(x))
    return f"one node used {count:,} times, in one sum of as many operands"


def operands(share: float) -> str:
    """Sums of 10^5 operands, a hundred of them on the same leaves."""
    count = int(100_000 * share)
    xs = [Value(1.0 / (i + 1.0)) for i in range(count)]
    y = total([total(xs) for _ in range(100)])
    y.backward()
    require(all(x.grad == 100.0 for x in xs), "a gradient is wrong")
    return f"a hundred sums of {count:,} operands"


def threads(share: float) -> str:
    """64 threads, each with its own graphs; no_grad in every second."""
    rounds, wrong = max(1, int(200 * share)), list[str]()

    def work(seed: int) -> None:
        for i in range(rounds):
            x = Value(0.1 * seed + 0.001 * i)
            if seed % 2:
                with no_grad():
                    (x * x).backward()
            y = x
            for _ in range(200):
                y = tanh(y * 0.5 + x)
            y.backward()
            derivative, z = 1.0, x.data
            for _ in range(200):
                z = math.tanh(z * 0.5 + x.data)
                derivative = (derivative * 0.5 + 1.0) * (1.0 - z * z)
            if not math.isclose(x.grad, derivative, rel_tol=1e-9):
                wrong.append(f"thread {seed}: {x.grad}, and should be {derivative}")

    every = [threading.Thread(target=work, args=(seed,)) for seed in range(64)]
    for thread in every:
        thread.start()
    for thread in every:
        thread.join()
    require(not wrong, "; ".join(wrong[:3]))
    return f"64 threads, {rounds} graphs of 600 nodes in each"


def steps(share: float) -> str:
    """Memory over 100,000 training steps, by scalars and compiled: flat after the first tenth."""
    from nn import MLP, SGD

    count, told = int(100_000 * share), list[str]()
    for compiled in (False, True):
        model = MLP(2, [4, 1], rng=0)
        optimizer = SGD(model.parameters(), 0.01)
        program = compile(lambda x, m=model: m(x) ** 2, [0.1, 0.2], parameters=model.parameters())
        before = 0
        for i in range(count):
            if compiled:
                program.value_and_grad([[0.5, -0.25]])
            else:
                model.zero_grad()
                (model([0.5, -0.25]) ** 2).backward()
            optimizer.step()
            if i == count // 10:
                gc.collect()
                before = resident_bytes()
        gc.collect()
        grown = resident_bytes() - before
        require(grown < 2_000_000, f"{'compiled' if compiled else 'scalar'} steps leave {grown:,} bytes")
        told.append(f"{grown / 1000:,.0f} kB {'compiled' if compiled else 'by scalars'}")
    return f"{count:,} training steps grow by {' and '.join(told)}"


def expressions(share: float) -> str:
    """10^5 random expressions: values and gradients, on Values and compiled, against 50 digits."""
    from hypothesis import HealthCheck, Phase, given, settings
    from hypothesis import strategies as st

    from autodiff import value_and_grad
    from autodiff.namespaces import fifty_digits
    from autodiff.testing import Expression
    from autodiff.testing import expressions as drawn

    count = max(1, int(100_000 * share))
    mp = fifty_digits()
    backends = ["numpy", "native"] if importlib.util.find_spec("autodiff.native.tape") else ["numpy"]

    def everywhere(f: Expression, x: float, y: float) -> Iterator[tuple[str, float, Sequence[float]]]:
        yield "Values", *value_and_grad(f, (0, 1))(x, y)
        leaves = Value(x), Value(y)
        out = f(*leaves)
        here = set(topological_order(out))
        used = [leaf for leaf in leaves if leaf in here]
        program = compile(out, parameters=used)
        for backend in backends:
            found, slopes = program.value_and_grad(backend=backend)
            by_leaf = dict(zip(used, slopes.tolist(), strict=True))
            yield f"a Program, {backend}", float(found), [by_leaf.get(leaf, 0.0) for leaf in leaves]

    @settings(max_examples=count, deadline=None, database=None, phases=[Phase.generate],
              suppress_health_check=[HealthCheck.too_slow])  # fmt: skip
    @given(drawn(2), st.floats(-2.0, 2.0), st.floats(-2.0, 2.0))
    def check(f: Expression, x: float, y: float) -> None:
        import mpmath

        with mpmath.workdps(50):
            point = (mp.number(x), mp.number(y))
            value = f(*point)
            step = mpmath.mpf(10) ** -20
            slopes = [
                (f(point[0] + step, point[1]) - f(point[0] - step, point[1])) / (2 * step),
                (f(point[0], point[1] + step) - f(point[0], point[1] - step)) / (2 * step),
            ]
            for place, found, gradient in everywhere(f, x, y):
                for a, b, what in zip((found, *gradient), (value, *slopes), ("value", "∂/∂x", "∂/∂y"), strict=True):
                    right = abs(a - b) <= 1e-9 * max(1.0, abs(b))
                    require(right, f"{f} at {x}, {y}: {what} is {a} by {place}, and should be {float(b)}")

    check()
    return f"{count:,} random expressions against 50 digits, on Values and compiled for {' and '.join(backends)}"


def _child(queue: Any) -> None:
    x = Value(3.0)
    (x * x).backward()
    queue.put(x.grad)


def processes(share: float) -> str:
    """fork and spawn, with graphs in the parent."""
    count = max(1, int(50 * share))
    held = Value(2.0) * Value(3.0)
    for method in ("fork", "spawn"):
        context: Any = multiprocessing.get_context(method)
        for _ in range(count if method == "fork" else max(1, count // 10)):
            queue = context.Queue()
            child = context.Process(target=_child, args=(queue,))
            child.start()
            require(queue.get(timeout=60) == 6.0, f"{method}: the child's gradient is wrong")
            child.join()
            require(child.exitcode == 0, f"{method}: exit code {child.exitcode}")
    held.backward()
    return f"{count} children by fork, {max(1, count // 10)} by spawn"


ALL: dict[str, Callable[[float], str]] = {
    f.__name__: f for f in (long, uses, operands, threads, steps, expressions, processes)
}


def _run(name: str, share: float) -> None:
    warnings.simplefilter("ignore")
    started = time.perf_counter()
    told = ALL[name](share)
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    print(f"| {told} | {time.perf_counter() - started:.1f} s | {most / 1e6:,.0f} MB |", flush=True)


def main() -> bool:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("only", nargs="*", choices=[*ALL, []])
    parser.add_argument("--share", type=float, default=1.0)
    given = parser.parse_args()
    print(f"The {engine.name} engine:\n\n| what | time | memory at most |\n| --- | ---: | ---: |", flush=True)
    context = multiprocessing.get_context("spawn")
    failed: list[str] = []
    for name in given.only or ALL:
        process = context.Process(target=_run, args=(name, given.share))
        process.start()
        process.join()
        if process.exitcode:
            failed.append(name)
    print(f"\nfailed: {', '.join(failed)}" if failed else "")
    return not failed


if __name__ == "__main__":
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    sys.exit(not main())
