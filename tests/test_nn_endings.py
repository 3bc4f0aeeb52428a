"""However a run ends, by Ctrl-C or an error, the best weights come back and the checkpoint is written."""

# ruff: noqa: ARG002 (a callback takes the run, used or not)

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import nn
from nn import MLP, SGD, Adam, Callback, Checkpoint, EarlyStopping, TrainingError, fit, load
from nn.interrupts import completed

ROOT = Path(__file__).parent.parent
RNG = random.Random(0)
X = [[RNG.gauss(0, 1)] for _ in range(12)]
Y = [RNG.gauss(0, 1) for _ in range(12)]


class At(Callback):
    """Raises ``error`` in the step ``step``, and keeps the weights at the end of every epoch."""

    def __init__(self, step, error=KeyboardInterrupt):
        self.step, self.error = step, error
        self.states = [None]

    def on_gradients(self, training):
        if training.step == self.step:
            raise self.error

    def on_epoch_end(self, training):
        self.states.append(training.model.state_dict())


def overfitting(path, callbacks, model=None, **changes):
    """A run whose validation loss is best in one of its first epochs; four steps an epoch."""
    model = model or MLP(1, [12, 1], rng=0)
    arguments = {
        "optimizer": Adam(model.parameters(), 0.05), "epochs": 40, "batch_size": 2, "validation": (X[8:], Y[8:]),
        "callbacks": [EarlyStopping(patience=100), *([Checkpoint(path, every=7)] if path else []), *callbacks],
        "rng": 0, "progress": False, **changes,
    }  # fmt: skip
    return model, lambda: fit(model, X[:8], Y[:8], **arguments)


def best_of(history):
    return min(range(len(history)), key=lambda i: history.validation_loss[i]) + 1


def test_ctrl_c_brings_the_best_weights_back_and_writes_the_last_completed_epoch(tmp_path):
    spy = At(step=4 * 17 + 2)
    model, run = overfitting(tmp_path / "c.json", [spy])
    history = run()
    assert (history.stopped_by, len(history)) == ("interrupted", 17)
    assert best_of(history) < 17, "the example tells best from last"
    assert model.state_dict() == spy.states[best_of(history)] != spy.states[17]
    content = json.loads((tmp_path / "c.json").read_text())
    assert content["training"]["epoch"] == 17, "not 14, the last multiple of seven"
    assert load(tmp_path / "c.json").state_dict() == spy.states[17], "a run goes on from where it stood"


def test_an_error_in_training_brings_the_best_weights_back_and_writes_the_last_completed_epoch(tmp_path):
    spy = At(None)

    class Overflow(Callback):
        def on_gradients(self, training):
            if training.step == 4 * 17 + 2:
                training.optimizer.parameters[0].grad = 1e308

    model, run = overfitting(tmp_path / "c.json", [spy, Overflow()])
    with pytest.raises(
        TrainingError, match=r"(?s)the step of Adam\(lr=0.05.* overflows: lower the learning rate.*best weights"
    ) as caught:
        run()
    history = caught.value.history
    assert (history.stopped_by, len(history)) == ("error", 17)
    assert model.state_dict() == spy.states[best_of(history)] != spy.states[17]
    assert f"the model has the best weights again, of epoch {best_of(history)}" in str(caught.value)
    assert json.loads((tmp_path / "c.json").read_text())["training"]["epoch"] == 17


def test_an_error_in_a_callback_does_so_too(tmp_path):
    spy = At(step=4 * 17 + 2, error=ZeroDivisionError("a callback's own"))
    model, run = overfitting(tmp_path / "c.json", [spy])
    with pytest.raises(ZeroDivisionError, match="a callback's own"):
        run()
    assert model.state_dict() in spy.states
    assert model.state_dict() != spy.states[17]
    assert json.loads((tmp_path / "c.json").read_text())["training"]["epoch"] == 17


@pytest.mark.parametrize("error", [KeyboardInterrupt, ZeroDivisionError("bang")], ids=["Ctrl-C", "error"])
def test_a_run_that_ended_in_the_middle_of_an_epoch_goes_on_as_if_never_stopped(error, tmp_path):
    straight, run = overfitting(tmp_path / "straight.json", [At(None)])
    expected = run()
    _, run = overfitting(tmp_path / "c.json", [At(step=4 * 17 + 2, error=error)])
    if isinstance(error, Exception):
        with pytest.raises(ZeroDivisionError):
            run()
    else:
        run()
    resumed, run = overfitting(
        tmp_path / "d.json", [At(None)], model=MLP(1, [12, 1], rng=9), resume=tmp_path / "c.json"
    )
    history = run()
    assert history.loss == expected.loss
    assert resumed.state_dict() == straight.state_dict()


def test_a_run_interrupted_before_its_first_epoch_leaves_an_older_file_alone(tmp_path):
    path = tmp_path / "c.json"
    path.write_text("of another run")
    _, run = overfitting(path, [At(step=2)])
    assert run().stopped_by == "interrupted"
    assert path.read_text() == "of another run"


def test_a_keyboard_interrupt_is_let_through_when_asked_for(tmp_path):
    spy = At(step=4 * 17 + 2)
    model, run = overfitting(tmp_path / "c.json", [spy], on_interrupt="raise")
    with pytest.raises(KeyboardInterrupt):
        run()
    assert model.state_dict() in spy.states[1:17], "the best weights are back all the same"
    assert (tmp_path / "c.json").exists()
    with pytest.raises(ValueError, match="on_interrupt is 'return' or 'raise', not 'stop'"):
        overfitting(None, [], on_interrupt="stop")[1]()


def test_what_is_saved_in_the_middle_of_an_epoch_is_the_last_completed_one(tmp_path):
    class Saves(Callback):
        def on_gradients(self, training):
            if training.step == 4 * 3 + 2:
                training.save(tmp_path / "middle.json")

        def on_epoch_end(self, training):
            training.save(tmp_path / "end.json")

    spy = At(None)
    overfitting(None, [spy, Saves()], epochs=5)[1]()
    assert load(tmp_path / "middle.json").state_dict() == spy.states[3]
    assert json.loads((tmp_path / "middle.json").read_text())["training"]["step"] == 12
    assert load(tmp_path / "end.json").state_dict() == spy.states[5]


def test_a_callback_that_fails_at_the_end_does_not_hide_why_the_run_failed():
    class Fails(Callback):
        def on_fit_end(self, training):
            raise OSError("no space left")

    model, run = overfitting(None, [At(step=6, error=ZeroDivisionError("the first error")), Fails()])
    with pytest.raises(ZeroDivisionError, match="the first error") as caught:
        run()
    assert caught.value.__notes__ == ["Fails.on_fit_end failed as well: no space left"]
    model, run = overfitting(None, [Fails()])
    with pytest.raises(OSError, match="no space left"):
        run()


def test_every_callback_is_told_once_how_the_run_ended():
    class Told(Callback):
        def __init__(self):
            self.endings = []

        def on_fit_end(self, training):
            self.endings.append(training.history.stopped_by)

    for step, expected in ((None, "epochs"), (5, "interrupted")):
        told = Told()
        overfitting(None, [At(step), told], epochs=3)[1]()
        assert told.endings == [expected]
    refused = Told()
    with pytest.raises(ValueError, match="cannot monitor"):
        overfitting(None, [refused, EarlyStopping(monitor="accuracy")])[1]()
    assert refused.endings == ["error"], "it had started"


# Ctrl-C while something is being completed.

unix = pytest.mark.skipif(sys.platform == "win32", reason="not applicable: a process interrupts itself on Unix only")


@unix
def test_a_first_ctrl_c_waits_until_the_block_is_done_and_a_second_does_not():
    done = []
    with pytest.raises(KeyboardInterrupt), completed():
        signal.raise_signal(signal.SIGINT)
        done.append("after the first")
    with pytest.raises(KeyboardInterrupt), completed():
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        done.append("never")
    assert done == ["after the first"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_outside_the_main_thread_and_with_sigint_ignored_nothing_is_changed():
    seen = []

    def elsewhere():
        with completed():
            seen.append(signal.getsignal(signal.SIGINT))

    before = signal.getsignal(signal.SIGINT)
    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        elsewhere()
    finally:
        signal.signal(signal.SIGINT, before)
    assert seen == [before, signal.SIG_IGN]


@unix
def test_ctrl_c_while_an_epoch_is_being_told_lets_every_callback_hear_of_it(tmp_path):
    class Interrupts(Callback):
        def on_epoch_end(self, training):
            if training.epoch == 3:
                signal.raise_signal(signal.SIGINT)

    late = At(None)
    model = MLP(1, [12, 1], rng=0)
    callbacks = [Interrupts(), EarlyStopping(), late, Checkpoint(tmp_path / "c.json")]
    history = fit(
        model, X, Y, optimizer=SGD(model.parameters(), 0.1), epochs=9, callbacks=callbacks, progress=False
    )  # fmt: skip
    assert (history.stopped_by, len(history)) == ("interrupted", 3)
    assert len(late.states) == 4
    assert json.loads((tmp_path / "c.json").read_text())["training"]["epoch"] == 3


@unix
def test_ctrl_c_at_the_end_lets_a_callback_finish_what_it_does_then():
    done = []

    class Finishes(Callback):
        def on_fit_end(self, training):
            signal.raise_signal(signal.SIGINT)
            done.append(training.history.stopped_by)

    model = MLP(1, [1], rng=0)
    fit(model, X, Y, optimizer=SGD(model.parameters(), 0.1), epochs=1, callbacks=[Finishes()], progress=False)
    assert done == ["epochs"]


TRAINS = """
import signal, sys
from nn import MLP, Adam, Callback, Checkpoint, EarlyStopping, fit

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs start with SIGINT ignored

class Ready(Callback):
    def on_epoch_end(self, training):
        if training.epoch == 2:
            print("ready", flush=True)

X = [[0.1 * i, 1.0 - 0.02 * i * i] for i in range(24)]
y = [x[0] * x[1] for x in X]
model, stopping = MLP(2, [6, 1], rng=0), EarlyStopping(patience=10**6)
history = fit(model, X[::2], y[::2], validation=(X[1::2], y[1::2]), batch_size=3, rng=0, epochs=10**6,
              optimizer=Adam(model.parameters(), 0.1), callbacks=[Ready(), stopping, Checkpoint(sys.argv[1], every=5)])
best = min(range(len(history)), key=history.validation_loss.__getitem__) + 1
print(history.stopped_by, len(history), stopping.best_epoch == best, model.state_dict() == stopping.best_weights)
"""


def interrupt_a_training_process(path, wait):
    """One real Ctrl-C, ``wait`` seconds into a training process; what it printed, and what it wrote."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, "-c", TRAINS, str(path)],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        try:
            assert process.stdout.readline() == "ready\n"
            time.sleep(wait)
            process.send_signal(signal.SIGINT)
            output, errors = process.communicate(timeout=60)
        finally:
            process.kill()
    assert errors == ""
    return output.split(), json.loads(path.read_text())["training"]["epoch"]


@unix
@pytest.mark.parametrize("attempt", range(5))
def test_a_real_ctrl_c_restores_the_best_weights_and_writes_the_checkpoint(attempt, tmp_path):
    """Forty of them, at any moment: `benchmarks/training_faults.py`."""
    wait = random.Random(attempt).uniform(0.0, 0.2)
    (stopped_by, epochs, *claims), on_file = interrupt_a_training_process(tmp_path / "c.json", wait)
    assert (stopped_by, claims) == ("interrupted", ["True", "True"])
    assert int(epochs) == on_file
    assert nn.load(tmp_path / "c.json").predict([[0.5, 0.5]])
