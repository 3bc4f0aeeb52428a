"""The training loop from outside: when it stops, its callbacks, rates, memory, and the progress bar."""

# ruff: noqa: N806, ARG002 (X is the field's name; a callback takes the run, used or not)
import gc
import math
import random
import re
import subprocess
import sys
import weakref
from pathlib import Path

import pytest

import nn
from nn import MLP, SGD, Adam, Callback, EarlyStopping, fit

LINE_X, LINE_Y = [[0.0], [1.0], [2.0], [3.0], [4.0]], [1.0, 3.0, 5.0, 7.0, 9.0]


def line(**arguments):
    model = arguments.pop("model", None) or MLP(1, [1], rng=0)
    optimizer = arguments.pop("optimizer", None) or SGD(model.parameters(), 0.05)
    settings = {"epochs": 5, "progress": False, **arguments}
    return model, fit(model, LINE_X, LINE_Y, optimizer=optimizer, **settings)


# When it stops.


def test_early_stopping_stops_and_brings_the_best_weights_back():
    class Remember(Callback):
        def __init__(self):
            self.states = []

        def on_epoch_end(self, training):
            self.states.append(training.model.state_dict())

    rng = random.Random(0)
    X, y = [[rng.gauss(0, 1)] for _ in range(12)], [rng.gauss(0, 1) for _ in range(12)]
    model, spy = MLP(1, [12, 1], rng=0), Remember()
    history = fit(
        model, X[:8], y[:8], optimizer=Adam(model.parameters(), 0.05), epochs=300, validation=(X[8:], y[8:]),
        callbacks=[EarlyStopping(patience=4), spy], progress=False,
    )  # fmt: skip
    best = min(range(len(history)), key=lambda i: history.validation_loss[i])
    assert history.stopped_by == "early stopping"
    assert len(history) == best + 1 + 4
    assert model.state_dict() == spy.states[best] != spy.states[-1]


def test_early_stopping_can_watch_another_number_and_keep_the_last_weights():
    stopping = EarlyStopping(patience=2, monitor="r2", mode="max", min_delta=10.0, restore_best=False)
    _, history = line(callbacks=[stopping], metrics=["r2"], epochs=20)
    assert (len(history), history.stopped_by) == (3, "early stopping")
    with pytest.raises(ValueError, match="cannot monitor 'accuracy'; this run measures loss"):
        line(callbacks=[EarlyStopping(monitor="accuracy")])
    with pytest.raises(ValueError, match="mode must be"):
        EarlyStopping(mode="lowest")


def test_training_stops_when_the_weights_no_longer_move():
    _, history = line(epochs=5000, tolerance=1e-6)
    assert history.stopped_by == "tolerance"
    assert 10 < len(history) < 5000
    assert line(epochs=3)[1].stopped_by == "epochs"


@pytest.mark.parametrize(
    ("X", "y", "settings", "expected"),
    [
        ([[1.0, 0.0]], [1.0], {"epochs": 4, "tolerance": 1e-3}, (4, "epochs")),  # the second weight stands still
        ([[1.0, 1.0]], [-9.0], {"epochs": 4, "tolerance": 1e-3}, (4, "epochs")),  # all of them fall
        ([[1.0, 1.0]], [0.0], {"epochs": 4, "tolerance": 0.0}, (1, "tolerance")),  # none moves
    ],
)
def test_weights_no_longer_move_when_none_of_them_moves_either_way(X, y, settings, expected):  # noqa: N803
    model = MLP(2, [1], init="zeros")
    history = fit(model, X, y, optimizer=SGD(model.parameters(), 0.01), progress=False, **settings)
    assert (len(history), history.stopped_by) == expected


def test_a_callback_may_stop_training_and_say_why():
    class Enough(Callback):
        def on_epoch_end(self, training):
            if training.epoch == 2:
                training.stop("enough")

    _, history = line(epochs=10, callbacks=[Enough()])
    assert (len(history), history.stopped_by) == (2, "enough")


def test_callbacks_run_in_order_at_their_moments():
    class Log(Callback):
        def __init__(self):
            self.events = []

        def on_fit_start(self, training):
            self.events.append("start")

        def on_gradients(self, training):
            self.events.append(f"step {training.step}")

        def on_epoch_end(self, training):
            self.events.append(f"epoch {training.epoch}, {len(training.history)} recorded")

        def on_fit_end(self, training):
            self.events.append("end")

    log = Log()
    line(epochs=1, batch_size=3, rng=0, callbacks=[log])
    assert log.events == ["start", "step 0", "step 1", "epoch 1, 1 recorded", "end"]


def test_callbacks_that_run_last_do_so_and_the_others_keep_their_order():
    told = []

    class Tell(Callback):
        def __init__(self, name, runs_last=False):
            self.name, self.runs_last = name, runs_last

        def on_epoch_end(self, training):
            told.append(self.name)

    line(epochs=1, callbacks=[Tell("late", runs_last=True), Tell("b"), Tell("later", runs_last=True), Tell("a")])
    assert told == ["b", "a", "late", "later"]


def test_what_one_of_several_callbacks_changes_between_two_steps_counts_from_the_next_step_on():
    class Bend(Callback):
        def on_gradients(self, training):
            if training.step == 1:
                training.model.layers[0].neurons[0].activation = "tanh"

    for others in ([], [EarlyStopping()]):
        runs = [line(batch_size=1, rng=0, callbacks=[*others, Bend()], compiled=c)[1] for c in (True, False)]
        assert runs[0].loss == pytest.approx(runs[1].loss, rel=1e-9, abs=0.0)


def test_what_is_saved_before_the_first_epoch_is_over_is_the_start(tmp_path):
    class Saves(Callback):
        def on_fit_start(self, training):
            training.save(tmp_path / "start.json")

        def on_gradients(self, training):
            if training.step == 1:
                training.save(tmp_path / "c.json")

    model = MLP(1, [1], rng=0)
    before = model.state_dict()
    line(model=model, batch_size=2, rng=0, epochs=1, callbacks=[Saves()])
    assert nn.load(tmp_path / "c.json").state_dict() == before != model.state_dict()
    assert nn.load(tmp_path / "start.json").state_dict() == before


# What it records.


def test_the_penalty_of_an_epoch_is_its_mean_over_the_steps():
    model = MLP(1, [1], init=nn.all_equal(2.0))
    optimizer = SGD(model.parameters(), 0.0)
    _, history = line(model=model, optimizer=optimizer, epochs=1, batch_size=2, rng=0, penalty=nn.L1(0.5))
    assert history.penalty == [1.0]
    assert 0.0 <= history.seconds[0] < 60.0


@pytest.mark.parametrize("compiled", [None, False])
def test_validation_is_by_scalars_where_training_is(compiled):
    calls = []

    def own(prediction, target):
        calls.append(target)
        return (prediction - target) ** 2

    rng = random.Random(0)
    X, y = [[rng.gauss(0, 1)] for _ in range(40)], [7.0] * 40
    model, history = line(loss=own, compiled=compiled, validation=(X, y), epochs=1)
    assert (calls.count(7.0) < 10) == (compiled is None)
    if compiled is False:
        assert history.validation_loss[0] == nn.evaluate(model, X, y, own, compiled=False)["loss"]


@pytest.mark.parametrize("error", [TypeError, ValueError, ZeroDivisionError])
def test_an_error_in_a_metric_says_in_which_epoch(error):
    def metric(predictions, targets):
        raise error("of the metric's own")

    with pytest.raises(nn.TrainingError, match="^epoch 1: of the metric's own") as caught:
        line(metrics=[metric])
    assert isinstance(caught.value.__cause__, error)


# Rates and gradients.


def test_a_schedule_multiplies_the_optimizers_rate_and_it_is_put_back():
    model = MLP(1, [1], rng=0)
    optimizer = SGD(model.parameters(), 0.04)
    _, history = line(model=model, optimizer=optimizer, epochs=4, schedule=nn.StepDecay(2, 0.5))
    assert history.learning_rate == [0.04, 0.04, 0.02, 0.02]
    assert optimizer.lr == 0.04
    per_step = nn.ExponentialDecay(0.5, per="step")
    _, history = line(model=model, optimizer=optimizer, epochs=2, batch_size=2, rng=0, schedule=per_step)
    assert history.learning_rate == [0.04 * 0.5**2, 0.04 * 0.5**5]
    _, history = line(model=model, optimizer=optimizer, epochs=2, schedule=lambda t: 1.0 / (1 + t))
    assert history.learning_rate == [0.04, 0.02]


def test_fit_clips_gradients_by_norm_and_by_value():
    for arguments, limit in (({"clip_norm": 0.5}, 0.5), ({"clip_value": 0.5}, math.sqrt(0.5))):
        model = MLP(1, [1], init="zeros")
        line(model=model, optimizer=SGD(model.parameters(), 1.0), epochs=1, **arguments)
        moved = math.hypot(*(p.data for p in model.parameters()))
        assert moved == pytest.approx(limit, rel=1e-5, abs=0.0)


# Memory, and the bar.


@pytest.mark.parametrize("enabled", [True, False])
def test_garbage_collection_is_paused_and_then_as_before(enabled):
    class Spy(Callback):
        def on_gradients(self, training):
            self.during = gc.isenabled()

    was = gc.isenabled()
    spy = Spy()
    try:
        (gc.enable if enabled else gc.disable)()
        line(callbacks=[spy])
        after = gc.isenabled()
        with pytest.raises(nn.TrainingError):
            line(optimizer=None, model=MLP(1, [1], lambda z: z, output=lambda z: 1.0 / (z - z), rng=0))
        after_error = gc.isenabled()
    finally:
        (gc.enable if was else gc.disable)()
    assert not spy.during
    assert after == after_error == enabled


def test_graphs_are_freed_as_training_goes_with_nothing_left_for_the_garbage_collector():
    losses = []

    def watched(prediction, target):
        loss = nn.mse(prediction, target)
        losses.append(weakref.ref(loss))
        return loss

    gc.disable()
    try:
        line(model=MLP(1, [4, 1], rng=0), epochs=3, loss=watched, compiled=False)
        assert len(losses) == 15
        assert [loss() for loss in losses] == [None] * 15
    finally:
        gc.enable()


TRAIN = """
from nn import MLP, SGD, fit
model = MLP(1, [1], rng=0)
history = fit(model, [[0.0], [1.0]], [1.0, 3.0], optimizer=SGD(model.parameters(), 0.1), epochs=30,
              validation=([[2.0]], [5.0]))
print(history.stopped_by)
"""


def environment():
    import os

    return {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent), "TERM": "xterm"}


def test_the_bar_is_off_when_piped():
    done = subprocess.run([sys.executable, "-c", TRAIN], env=environment(), capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("epochs\n", "")


@pytest.mark.skipif(sys.platform == "win32", reason="not applicable: pseudo-terminals are Unix's")
def test_the_bar_shows_loss_validation_loss_and_rate_in_a_terminal():
    import fcntl
    import os
    import pty
    import struct
    import termios

    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 200, 0, 0))
    with subprocess.Popen([sys.executable, "-c", TRAIN], env=environment(), stderr=slave, stdout=slave) as process:
        os.close(slave)
        shown = b""
        while True:
            try:
                chunk = os.read(master, 65536)
            except OSError:  # Linux says so when the other end is closed
                break
            if not chunk:
                break
            shown += chunk
        process.wait()
    os.close(master)
    last = shown.decode()
    assert re.search(r"training: 100%.*30/30.*epoch=30/30, loss=\S+, validation_loss=\S+, learning_rate=0.1", last)


def test_progress_false_shows_no_bar_anywhere(capsys):
    line(progress=False)
    assert capsys.readouterr() == ("", "")


def test_the_bar_is_on_in_jupyter_whose_stderr_is_no_terminal(monkeypatch):
    class JupyterOutput:
        __module__ = "ipykernel.iostream"

    JupyterOutput.__module__ = "ipykernel.iostream"
    asked = {}
    monkeypatch.setattr("tqdm.auto.tqdm", lambda **settings: asked.update(settings))
    monkeypatch.setattr(sys, "stdout", JupyterOutput())
    nn.training._progress_bar(wanted=True, total=10, done=0)
    assert asked["disable"] is False
    asked.clear()
    nn.training._progress_bar(wanted=False, total=10, done=0)
    assert asked == {}


def test_the_bar_counts_batches_from_where_a_resumed_run_starts(tmp_path, monkeypatch):
    bars = []

    class Bar:
        def __init__(self, **settings):
            self.settings, self.updates, self.closed = settings, [], False
            bars.append(self)

        def update(self, count):
            self.updates.append(count)

        def set_postfix(self, shown):
            self.shown = list(shown.items())

        def close(self):
            self.closed = True

    monkeypatch.setattr("tqdm.auto.tqdm", Bar)
    path = tmp_path / "c.json"
    for epochs, settings in ((2, {}), (3, {"resume": path})):
        _, history = line(
            batch_size=2, rng=0, epochs=epochs, progress=True, callbacks=[nn.Checkpoint(path)], **settings
        )
        assert bars[-1].shown == [
            ("epoch", f"{epochs}/{epochs}"), ("loss", f"{history.loss[-1]:.4g}"), ("learning_rate", "0.05")
        ]  # fmt: skip
    alike = {"unit": "batch", "desc": "training", "disable": None}
    assert [bar.settings for bar in bars] == [{"total": 6, "initial": 0, **alike}, {"total": 9, "initial": 6, **alike}]
    assert [bar.updates for bar in bars] == [[1] * 6, [1] * 3]
    assert all(bar.closed for bar in bars)


def test_training_works_without_tqdm(monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    assert line(progress=True)[1].stopped_by == "epochs"


def test_what_the_bar_warns_of_in_jupyter_is_not_passed_on(tmp_path, monkeypatch):
    """Without ipywidgets tqdm.auto warns when it is imported; the bar is plain text then."""
    (tmp_path / "tqdm").mkdir()
    (tmp_path / "tqdm" / "__init__.py").write_text("")
    (tmp_path / "tqdm" / "auto.py").write_text("import warnings\nfrom nn.training import _NoBar\n\n"
        "def tqdm(**options):\n    return _NoBar()\n\nwarnings.warn('IProgress not found')\n")  # fmt: skip
    monkeypatch.syspath_prepend(tmp_path)
    for name in [name for name in sys.modules if name.partition(".")[0] == "tqdm"]:
        monkeypatch.delitem(sys.modules, name)
    _, history = line(epochs=1, progress=True)
    assert len(history) == 1
