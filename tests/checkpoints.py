"""What the tests of checkpoints and their benchmark share: a run, files that were changed, saves that were killed."""

import hashlib
import json
import os
import random
import re
import signal
import sys
import time
import warnings
from collections import Counter

from nn import MLP, Adam, Checkpoint, CheckpointError, Dropout, EarlyStopping, Layer, Sequential, fit, load, save
from nn.checkpoint import content_of

X, Y = [[0.5, -1.0], [2.0, 0.25], [-0.75, 1.5], [0.1, 0.2]], [0.0, 1.0, 1.0, 0.0]


def run(path, model=None, **changes):
    model = model or MLP(2, [3, 1], rng=0)
    arguments = {
        "loss": "mse", "optimizer": Adam(model.parameters(), 0.01), "epochs": 3, "progress": False,
        "callbacks": [EarlyStopping(), Checkpoint(path)], **changes,
    }  # fmt: skip
    return fit(model, arguments.pop("X", X), arguments.pop("y", Y), **arguments)


def resealed(content):
    """The text of a file with this content and a checksum that fits it."""
    rest = {name: section for name, section in content.items() if name != "checksum"}
    text = json.dumps(rest, sort_keys=True)
    return json.dumps(content | {"checksum": hashlib.sha256(text.encode()).hexdigest()})


def rewrite(path, change):
    """Let ``change`` work on the content of the file, and seal it again."""
    content = json.loads(path.read_text())
    change(content)
    path.write_text(resealed(content))


def changed_files(count, folder, seed=0):
    """What came of changing one byte or digit of a checkpoint so many times: "refused", "right" or "WRONG"."""
    model = Sequential(Layer(2, 5, "tanh", rng=0), Dropout(0.2, rng=1), Layer(5, 1, rng=2))
    path, other = folder / "run.json", folder / "changed.json"
    fit(
        model, [[0.5, -1.0], [2.0, 0.25], [-0.75, 1.5]], [0.0, 1.0, 2.0], optimizer=Adam(model.parameters()), epochs=4,
        callbacks=[EarlyStopping(), Checkpoint(path)], progress=False,
    )  # fmt: skip
    text, original = path.read_bytes(), content_of(load(path))
    digits = [match.start() for match in re.finditer(rb"[0-9]", text)]
    rng, seen = random.Random(seed), Counter()
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # format 1 is loaded with a warning: then a change was not seen
        while seen.total() < count:
            of_a_digit = seen.total() % 2
            at = rng.choice(digits) if of_a_digit else rng.randrange(len(text))
            new = rng.choice(b"0123456789") if of_a_digit else rng.randrange(256)
            if new != text[at]:
                other.write_bytes(text[:at] + bytes([new]) + text[at + 1 :])
                try:
                    seen["right" if content_of(load(other)) == original else "WRONG"] += 1
                except CheckpointError:
                    seen["refused"] += 1
    return seen


def killed_saves(count, path):
    """What was found after killing so many processes that were saving two models to ``path`` in turns."""
    models = [MLP(2, [8, 1], rng=seed) for seed in (0, 1)]
    states = [model.state_dict() for model in models]
    started = time.perf_counter()
    for model in models * 5:
        save(model, path)
    one_save = (time.perf_counter() - started) / 10
    rng, seen = random.Random(0), Counter()

    def temporary_files():
        return sum(name != os.path.basename(path) for name in os.listdir(os.path.dirname(path)))

    for _ in range(count):
        begun, begins = os.pipe()
        parent, child = os.getpid(), os.fork()
        if child == 0:
            os.write(begins, b".")
            while os.getppid() == parent:  # which may be killed itself
                for model in models:
                    save(model, path)
            os._exit(1)
        os.read(begun, 1)  # a busy machine may let it wait for longer than saves take
        os.close(begun)
        os.close(begins)
        time.sleep(rng.uniform(0.5, 3.5) * one_save)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        seen[f"model {states.index(load(path).state_dict())}"] += 1
        seen["left a temporary file"] += temporary_files() > 0
        save(models[0], path)
        seen["still there after the next save"] += temporary_files() > 0
    return seen


if __name__ == "__main__":  # in a process of its own: it forks
    sys.stdout.write(json.dumps(killed_saves(int(sys.argv[1]), sys.argv[2])))
