"""One training run on several machines: this script on each of them, joined by JAX.

    python docs/examples/hosts.py --process 0 --of 2 --coordinator 192.168.0.1:8476    on the first, whose address it is
    python docs/examples/hosts.py --process 1 --of 2 --coordinator 192.168.0.1:8476    on the second

On one machine it does as well, in two terminals with 127.0.0.1:8476. Each process has all examples and the same seeds,
and computes its part of every batch. Process 0 writes the checkpoint, which all must be able to read. When a process
dies the others end with an error, within the heartbeat timeout at the latest; start all of them again, and the run goes
on from its last epoch.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import jax  # pyright: ignore[reportMissingImports] (an extra)
from sklearn.datasets import load_digits  # pyright: ignore[reportMissingImports] (it has no types)

from nn import MLP, Adam, Checkpoint, History, fit


def train(checkpoint: Path, epochs: int) -> History:
    """Handwritten digits, 64-32-10, on all devices of all processes."""
    pixels, digits = load_digits(return_X_y=True)
    model = MLP(64, [32, 10], activation="tanh", rng=0)
    return fit(
        model, pixels / 16.0, digits, loss="cross_entropy", optimizer=Adam(model.parameters(), 0.001), epochs=epochs,
        batch_size=64, metrics=["accuracy"], rng=0, backend="jax", callbacks=[Checkpoint(checkpoint)],
        resume=checkpoint if checkpoint.exists() else None,
    )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--process", type=int, required=True, help="which one this is, from 0")
    parser.add_argument("--of", type=int, required=True, help="how many processes there are")
    parser.add_argument("--coordinator", required=True, metavar="HOST:PORT", help="where process 0 is to be found")
    parser.add_argument("--checkpoint", type=Path, default=Path("digits.json"))
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--heartbeat", type=int, default=10, help="seconds after which a silent process is dead")
    given = parser.parse_args()
    jax.distributed.initialize(
        given.coordinator, given.of, given.process, heartbeat_timeout_seconds=given.heartbeat,
        shutdown_timeout_seconds=given.heartbeat,
    )  # fmt: skip
    history = train(given.checkpoint, given.epochs)
    if given.process == 0:
        print(history)
        print(history.engine)


if __name__ == "__main__":
    main()
