"""An epoch of scikit-learn's digits: `nn.fit`, compiled and on scalars, beside PyTorch's eager loop and MLPClassifier.

1,797 examples, 64-32-10 with tanh, cross-entropy, batches of 32 in a new order each epoch, Adam, float64, one thread.
Rounds alternate; what is timed is CPU time; the median epoch counts. The first epoch of `fit`, which traces and
compiles, has a column of its own. Then `predict` on all rows, an array, after the first call.
"""

# ruff: noqa: N803, N806 (X is the field's name)
from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import statistics
import time
import warnings
from collections.abc import Callable
from typing import Any

from timing import cpu_seconds, machine, table

ROUNDS, EPOCHS = 9, 4
Run = Callable[[int], list[float]]  # so many epochs more: the seconds of each


def digits() -> tuple[Any, Any]:
    from sklearn.datasets import load_digits

    X, y = load_digits(return_X_y=True)
    return X / 16.0, y


def ours(X: Any, y: Any, compiled: bool) -> tuple[Run, Any]:
    """A run is a fit of its own, the first epoch being the one that compiles; and the model."""
    from nn import MLP, Adam, Callback, fit

    model = MLP(64, [32, 10], "tanh", rng=0)

    class Clock(Callback):
        def on_fit_start(self, training: Any) -> None:  # noqa: ARG002
            self.seconds: list[float] = []
            self.started = time.process_time()

        def on_epoch_end(self, training: Any) -> None:  # noqa: ARG002
            self.seconds.append(time.process_time() - self.started)
            self.started = time.process_time()

    def run(epochs: int) -> list[float]:
        clock = Clock()
        fit(
            model, X, y, loss="cross_entropy", optimizer=Adam(model.parameters(), 0.001), epochs=epochs, batch_size=32,
            callbacks=[clock], rng=0, progress=False, compiled=compiled,
        )  # fmt: skip
        return clock.seconds

    return run, model


def pytorch(X: Any, y: Any) -> Run:
    import torch

    torch.set_num_threads(1)
    net = torch.nn.Sequential(torch.nn.Linear(64, 32), torch.nn.Tanh(), torch.nn.Linear(32, 10)).double()
    optimizer = torch.optim.Adam(net.parameters(), 0.001)
    inputs, targets = torch.from_numpy(X), torch.from_numpy(y)

    def epoch() -> None:
        order = torch.randperm(len(inputs))
        for start in range(0, len(inputs), 32):
            batch = order[start : start + 32]
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(net(inputs[batch]), targets[batch]).backward()
            optimizer.step()

    return lambda epochs: [cpu_seconds(epoch) for _ in range(epochs)]


def scikit_learn(X: Any, y: Any) -> Run:
    from sklearn.neural_network import MLPClassifier

    classifier = MLPClassifier((32,), activation="tanh", alpha=0.0, batch_size=32, random_state=0)
    return lambda epochs: [cpu_seconds(lambda: classifier.partial_fit(X, y, classes=range(10))) for _ in range(epochs)]


def measure() -> tuple[dict[str, list[float]], list[float], list[float]]:
    """The seconds of epochs by who trained; those of first epochs, compiling; those of predictions."""
    X, y = digits()
    compiled, model = ours(X, y, compiled=True)
    scalars, _ = ours(X, y, compiled=False)
    peers = {"PyTorch, eager": pytorch(X, y), "scikit-learn, partial_fit": scikit_learn(X, y)}
    for run in (compiled, scalars, *peers.values()):
        run(1)  # pays for imports and for memory
    model.predict(X)
    seconds: dict[str, list[float]] = {"fit, compiled": [], **{name: [] for name in peers}, "fit, scalars": []}
    first: list[float] = []
    predictions: list[float] = []
    for _ in range(ROUNDS):
        found = compiled(1 + EPOCHS)
        first.append(found[0])
        seconds["fit, compiled"] += found[1:]
        for name, run in peers.items():
            seconds[name] += run(EPOCHS)
        seconds["fit, scalars"] += scalars(1)
        predictions += [cpu_seconds(lambda: model.predict(X)) for _ in range(EPOCHS)]
    return seconds, first, predictions


def main() -> None:
    warnings.simplefilter("ignore")
    try:
        seconds, first, predictions = measure()
    except ImportError as error:
        print(f"An epoch of digits: not measured, for {error}.")
        return
    print(f"An epoch of scikit-learn's digits, 64-32-10, batches of 32, Adam, one thread ({machine()}).\n")
    medians = {name: statistics.median(found) for name, found in seconds.items()}
    reference = medians["PyTorch, eager"]
    rows = [[name, 1e3 * found, reference / found] for name, found in medians.items()]
    print(table(["trained by", "ms an epoch", "times as fast as PyTorch"], rows))
    print(
        f"\nThe first epoch, which compiles: {1e3 * statistics.median(first):.1f} ms. predict on 1,797 rows: "
        f"{1e3 * statistics.median(predictions):.2f} ms."
    )


if __name__ == "__main__":
    main()
