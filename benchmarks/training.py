"""One epoch of moons: `nn.fit` against micrograd's own MLP and loss, and against its own graph work alone.

100 examples, MLP 2-16-16-1 with relu, hinge loss and L2 penalty, one full-batch step, the same starting weights: the
first losses have to agree before anything is timed. Rounds alternate, in one process for each engine; the best
round counts, in processor time. "beside the graph" is what fit takes beyond building the same graphs and running
backward on them.
"""

# ruff: noqa: N803, N806 (X is the field's name)
from __future__ import annotations

import gc
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

ROUNDS = 15
STRENGTH = 1e-4  # micrograd's demo penalises with 1e-4 Σp², over all parameters


def moons() -> tuple[list[list[float]], list[float]]:
    from sklearn.datasets import make_moons

    X, y = make_moons(100, noise=0.1, random_state=0)
    return X.tolist(), [2.0 * label - 1.0 for label in y.tolist()]


def micrograd_epoch(X: list[list[float]], y: list[float]) -> tuple[Callable[[], float], list[float]]:
    """The training step of micrograd's demo; and the starting parameters of its network."""
    from micrograd.engine import Value
    from micrograd.nn import MLP

    random.seed(0)
    model = MLP(2, [16, 16, 1])
    start = [p.data for p in model.parameters()]

    def epoch() -> float:
        for p, x in zip(model.parameters(), start, strict=True):
            p.data = x
        inputs = [list(map(Value, x)) for x in X]
        losses = [(1 + -yi * model(x)).relu() for x, yi in zip(inputs, y, strict=True)]
        data_loss = sum(losses) * (1.0 / len(losses))
        total = data_loss + STRENGTH * sum(p * p for p in model.parameters())
        model.zero_grad()
        total.backward()
        for p in model.parameters():
            p.data -= 0.01 * p.grad
        return data_loss.data

    return epoch, start


def our_epochs(
    X: list[list[float]], y: list[float], start: list[float]
) -> tuple[Callable[[], float], Callable[[], float], Callable[[], float]]:
    """A full-batch epoch, giving its loss; and giving their seconds, one in batches of 16, and the graph work alone."""
    from nn import L2, MLP, SGD, Callback, Training, fit, hinge

    def model() -> Any:
        made = MLP(2, [16, 16, 1], "relu", init="zeros")
        for p, x in zip(made.parameters(), start, strict=True):
            p.data = x
        return made

    class Clock(Callback):
        """Times the epoch without the checks that fit makes once."""

        def on_fit_start(self, _: Training) -> None:
            self.started = time.process_time()

        def on_epoch_end(self, _: Training) -> None:
            self.seconds = time.process_time() - self.started

    def fitted(batch_size: int | None) -> tuple[float, float]:
        timed, clock = model(), Clock()
        history = fit(
            timed, X, y, loss="hinge", optimizer=SGD(timed.parameters(), 0.01), epochs=1, batch_size=batch_size,
            penalty=L2(2.0 * STRENGTH) if batch_size is None else None, callbacks=[clock], rng=0, progress=False,
            compiled=False,
        )  # fmt: skip
        return history.loss[0], clock.seconds

    def graphs() -> float:
        timed = model()
        gc.disable()
        started = time.process_time()
        for x, yi in zip(X, y, strict=True):
            loss = hinge(timed(x), yi)
            loss.backward(1.0 / 16)
        gc.enable()
        return time.process_time() - started

    return (lambda: fitted(None)[0]), (lambda: fitted(16)[1]), graphs


def seconds(run: Callable[[], float]) -> float:
    started = time.process_time()
    run()
    return time.process_time() - started


def best(*runs: Callable[[], float], rounds: int = ROUNDS) -> list[float]:
    """The least that each gave, rounds alternating."""
    return [min(column) for column in zip(*([run() for run in runs] for _ in range(rounds)), strict=True)]


def measure() -> dict[str, Any]:
    from autodiff import engine

    X, y = moons()
    theirs, start = micrograd_epoch(X, y)
    full, batches, graphs = our_epochs(X, y, start)
    if abs(theirs() - full()) > 1e-12:
        raise SystemExit(f"the losses differ: {theirs()} and {full()}")
    micrograd, full_batch = best(lambda: seconds(theirs), lambda: seconds(full))
    in_batches, graph_only = best(batches, graphs, rounds=4 * ROUNDS)
    return {
        "engine": engine.name,
        "micrograd": micrograd,
        "fit": full_batch,
        "batches": in_batches,
        "graphs": graph_only,
    }


def main() -> None:
    print("one epoch of moons: 100 examples, MLP 2-16-16-1, relu, hinge loss")
    print(f"{'engine':8} {'micrograd':>11} {'fit':>9} {'ratio':>7} {'fit, batches of 16':>19} {'beside the graph':>17}")
    for name in ("python", "native"):
        environment = {**os.environ, "AUTODIFF_ENGINE": name}
        command = [sys.executable, __file__, "--measure"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            print(f"{name:8} not measured: {done.stderr.strip().splitlines()[-1]}")
            continue
        t = json.loads(done.stdout)
        print(
            f"{t['engine']:8} {t['micrograd'] * 1e3:8.1f} ms {t['fit'] * 1e3:6.1f} ms {t['micrograd'] / t['fit']:6.1f}x"
            f" {t['batches'] * 1e3:16.1f} ms {t['batches'] / t['graphs'] - 1:16.0%}"
        )


if __name__ == "__main__":
    if "--measure" in sys.argv:
        print(json.dumps(measure()))
    else:
        main()
