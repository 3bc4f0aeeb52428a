"""Ctrl-C, wherever it comes: what was completed stays, and nothing is half done."""

import functools
import gc
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from interrupts import interrupted_at

import autodiff.buffers
import nn
from autodiff import Value
from nn import MLP, SGD, Callback, fit


def attempt(model, **changes):
    arguments = {"optimizer": SGD(model.parameters(), 0.1), "epochs": 3, "rng": 0, "progress": False, **changes}
    return fit(model, [[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [0.0, 1.0, 2.0], **arguments)


class InterruptAt(Callback):
    """Ctrl-C in the middle of an epoch, the gradients of a step being half used."""

    def __init__(self, step, inside_the_update=False):
        self.step, self.inside = step, inside_the_update
        self.completed = {}

    def on_gradients(self, training):
        if training.step < self.step:
            return
        self.completed = training.model.state_dict()
        if not self.inside:
            raise KeyboardInterrupt
        optimizer = training.optimizer
        original = optimizer.update

        def interrupted(data, grads):
            original(data, grads)
            optimizer.update = original
            raise KeyboardInterrupt

        optimizer.update = interrupted


@pytest.mark.parametrize("inside", [False, True], ids=["before the update", "inside the update"])
def test_ctrl_c_returns_the_history_and_the_weights_of_the_last_completed_step(inside):
    model = MLP(2, [2, 1], rng=0)
    optimizer = SGD(model.parameters(), 0.1, momentum=0.9)
    interrupt = InterruptAt(4, inside)
    history = attempt(model, optimizer=optimizer, batch_size=1, callbacks=[interrupt], epochs=10)
    assert history.stopped_by == "interrupted"
    assert len(history) == 1, "three steps an epoch: the second was not completed"
    assert model.state_dict() == interrupt.completed
    assert optimizer.steps == 4
    assert "stopped_by='interrupted'" in repr(history)


def test_ctrl_c_in_a_graph_or_a_backward_pass_leaves_a_model_that_goes_on():
    model = MLP(2, [2, 1], rng=0)
    calls = []

    def interrupted(prediction, target):
        calls.append(target)
        if len(calls) == 5:
            raise KeyboardInterrupt
        return nn.mse(prediction, target)

    before_fifth = attempt(MLP(2, [2, 1], rng=0), epochs=1, compiled=False)
    history = attempt(model, loss=interrupted, epochs=10, compiled=False)
    assert history.stopped_by == "interrupted"
    assert history.loss == before_fifth.loss
    assert attempt(model, epochs=2).stopped_by == "epochs"


def test_an_interrupt_while_parameters_are_assigned_puts_the_old_numbers_back(monkeypatch):
    assign_all = autodiff.engine.set_data

    def half_of_them(parameters, numbers):
        monkeypatch.undo()
        assign_all(parameters[:1], numbers[:1])
        raise KeyboardInterrupt

    parameters = [Value(1.0), Value(2.0)]
    monkeypatch.setattr(autodiff.engine, "set_data", half_of_them)
    with pytest.raises(KeyboardInterrupt):
        nn.module.assign(parameters, [5.0, 6.0])
    assert [p.data for p in parameters] == [1.0, 2.0]


@pytest.mark.parametrize(
    ("kind", "files"),
    [("line", [nn.optim, nn.module, nn.vectors, autodiff.buffers]), ("opcode", [nn.optim])],
    ids=["line", "instruction"],
)
def test_an_interrupt_at_any_place_of_a_step_leaves_all_of_it_or_nothing(kind, files):
    files = {module.__file__ for module in files}
    outcomes = []
    while True:
        parameters = [Value(1.0), Value(2.0), Value(3.0)]
        optimizer = SGD(parameters, 0.5, momentum=0.5)
        for p in parameters:
            p.grad = 1.0
        was_interrupted = interrupted_at(len(outcomes), files, optimizer.step, kind)
        outcomes.append(([p.data for p in parameters], optimizer.steps, optimizer.state))
        if not was_interrupted:
            break
    nothing, whole = ([1.0, 2.0, 3.0], 0, {}), ([0.5, 1.5, 2.5], 1, {"velocity": [1.0, 1.0, 1.0]})
    assert outcomes[-1] == whole
    assert outcomes.count(nothing) > {"line": 20, "opcode": 100}[kind]
    assert outcomes.count(nothing) + outcomes.count(whole) == len(outcomes)
    assert kind == "opcode" or outcomes.count(whole) == 1, "a step is taken by its last line"


def test_an_interrupt_at_any_line_leaves_the_history_with_whole_epochs():
    for line in range(100):
        history = nn.History(["loss", "mae", "seconds"])
        epoch = {"loss": 1.0, "mae": 2.0, "seconds": 3.0}
        was_interrupted = interrupted_at(line, {nn.callbacks.__file__}, lambda h=history, e=epoch: h.append(e))
        assert list(history.columns.values()) == ([[], [], []] if was_interrupted else [[1.0], [2.0], [3.0]])
        if not was_interrupted:
            break
    assert not was_interrupted
    assert line > 3


class Kept(Callback):
    """Keeps the run to look at it."""

    training = None

    def on_fit_start(self, training):
        self.training = training


def test_an_interrupt_while_an_epoch_is_recorded_leaves_the_count_of_epochs_and_the_history_together():
    files = {nn.training.__file__, nn.callbacks.__file__}
    epochs = set()
    for line in range(1000):
        kept = Kept()
        action = functools.partial(attempt, MLP(2, [1], rng=0), epochs=2, callbacks=[kept])
        was_interrupted = interrupted_at(line, files, action)
        if kept.training is None:
            continue  # before the first epoch
        history = kept.training.history
        assert {kept.training.epoch} == set(map(len, history.columns.values()))
        epochs.add((kept.training.epoch, history.stopped_by))
        if not was_interrupted and history.stopped_by == "epochs":
            break
    assert epochs == {(0, "interrupted"), (1, "interrupted"), (2, "interrupted"), (2, "epochs")}


def test_an_interrupt_right_after_garbage_collection_was_paused_turns_it_on_again(monkeypatch):
    disable = gc.disable

    def interrupted():
        disable()
        raise KeyboardInterrupt

    monkeypatch.setattr(gc, "disable", interrupted)
    assert gc.isenabled()
    try:
        with pytest.raises(KeyboardInterrupt), nn.metrics.paused_gc():
            pass
        assert gc.isenabled()
    finally:
        gc.enable()


SIGNALLED = """
import signal
from nn import MLP, SGD, Callback, fit

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs start with SIGINT ignored

class Ready(Callback):
    def on_epoch_end(self, training):
        if training.epoch == 2:
            print("ready", flush=True)

model = MLP(2, [16, 16, 1], rng=0)
history = fit(model, [[0.1 * i, 1.0] for i in range(40)], [float(i) for i in range(40)], batch_size=4, rng=0,
              optimizer=SGD(model.parameters(), 1e-4), epochs=10**6, callbacks=[Ready()])
finite = all(abs(x) < 1e300 for x in model.state_dict().values())
print(history.stopped_by, len(history) >= 2, finite)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="not applicable: SIGINT is sent to another process by Unix only")
def test_a_real_sigint_is_an_interrupt_and_not_a_traceback():
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}
    with subprocess.Popen(
        [sys.executable, "-c", SIGNALLED], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGINT)
        try:
            output, errors = process.communicate(timeout=60)
        finally:
            process.kill()
    assert (output, errors) == ("interrupted True True\n", "")
