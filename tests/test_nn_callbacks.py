"""A history and the callbacks by themselves: what they keep, when they act, and what they have on file."""

# ruff: noqa: ARG002 (a callback takes the run, used or not)

import json
from types import SimpleNamespace

import pytest

from nn import MLP, SGD, Callback, Checkpoint, EarlyStopping, History, fit


class Interrupting(dict):
    def __getitem__(self, name):
        if name == "seconds":
            raise KeyboardInterrupt
        return super().__getitem__(name)


@pytest.mark.parametrize("epoch", [{"loss": 0.5}, Interrupting(loss=0.5)], ids=["a number is missing", "Ctrl-C"])
def test_an_epoch_is_recorded_as_a_whole_or_not_at_all(epoch):
    history = History(["loss", "seconds"])
    history.append({"loss": 1.0, "seconds": 0.1})
    with pytest.raises((KeyError, KeyboardInterrupt)):
        history.append(epoch)
    assert history.columns == {"loss": [1.0], "seconds": [0.1]}


def test_a_table_in_a_notebook_says_how_many_epochs_it_leaves_out():
    history = History(["loss"])
    for i in range(10):
        history.append({"loss": float(i)})
    assert "<p>10 epochs, not finished</p>" in history._repr_html_()
    assert "<th>epoch</th><th>loss</th>" in history._repr_html_()
    assert "…" not in repr(history)
    history.append({"loss": 10.0})
    assert "<p>11 epochs, not finished; the last 10:</p>" in history._repr_html_()
    assert [line.split() for line in repr(history).splitlines()[4:8]] == [["3", "2"], ["…"], ["5", "4"], ["6", "5"]]


def test_a_history_on_file_has_an_entry_on_each_line(tmp_path):
    history = History(["loss"])
    history.append({"loss": 0.1})
    history.to_json(tmp_path / "h.json")
    text = (tmp_path / "h.json").read_text()
    assert text == '{\n "stopped_by": "",\n "columns": {\n  "loss": [\n   0.1\n  ]\n }\n}\n'
    assert json.loads(text) == {"stopped_by": "", "columns": {"loss": [0.1]}}


def scripted(numbers, stopping):
    """How many epochs a run makes that measures these numbers, one after each epoch, and which was the best."""
    left = iter(numbers)

    def script(predictions, targets):
        return next(left)

    model = MLP(1, [1], init="zeros")
    history = fit(
        model, [[1.0]], [1.0], optimizer=SGD(model.parameters()), epochs=len(numbers), metrics=[script],
        callbacks=[stopping], progress=False,
    )  # fmt: skip
    return len(history), stopping.best_epoch, stopping.best


@pytest.mark.parametrize(
    ("settings", "numbers", "expected"),
    [
        ({}, [5, 4.9, *[4.9] * 8], (7, 2, 4.9)),
        ({"patience": 1}, [5, 6, 4], (2, 1, 5.0)),
        ({"patience": 2, "min_delta": 1.0}, [5, 4, 4, 4], (3, 1, 5.0)),
        ({"patience": 2, "min_delta": 1.0}, [5, 4, 3.5, 3.5, 3.5], (5, 3, 3.5)),
        ({"patience": 2, "mode": "max"}, [1, 2, 1, 1, 3], (4, 2, 2.0)),
    ],
)
def test_a_run_stops_that_many_epochs_after_the_last_improvement(settings, numbers, expected):
    assert scripted(numbers, EarlyStopping(monitor="script", **settings)) == expected


def test_early_stopping_starts_anew_in_every_run():
    stopping = EarlyStopping(2, monitor="script")
    assert (stopping.best, stopping.best_epoch, stopping.best_weights) == (None, 0, {})
    assert scripted([2, 1, 3, 3, 3], stopping) == (4, 2, 1.0)
    assert scripted([9, 8, 9, 9, 9], stopping) == (4, 2, 8.0)


@pytest.mark.parametrize(("validation", "column"), [(None, "loss"), (([[1.0]], [3.0]), "validation_loss")])
def test_early_stopping_watches_the_validation_loss_where_there_is_one(validation, column):
    model, stopping = MLP(1, [1], init="zeros"), EarlyStopping()
    optimizer = SGD(model.parameters(), 0.1)
    history = fit(
        model, [[1.0]], [1.0], optimizer=optimizer, epochs=3, validation=validation, callbacks=[stopping],
        progress=False,
    )  # fmt: skip
    assert stopping.best == min(history[column])
    with pytest.raises(KeyError, match="the history has no 'los'; it has loss,"):
        history["los"]
    with pytest.raises(ValueError, match="mode must be 'min' or 'max', not 'lowest'"):
        EarlyStopping(mode="lowest")


def test_in_a_resumed_run_early_stopping_goes_on_with_the_best_so_far_and_keeps_weights_only_to_restore_them():
    stopping = EarlyStopping(2, monitor="script", restore_best=False)
    assert scripted([2, 1, 3, 3, 3], stopping) == (4, 2, 1.0)
    assert stopping.best_weights == {}
    stopping.on_fit_start(SimpleNamespace(epoch=4, history=SimpleNamespace(columns={"script": []})))
    assert (stopping.best_epoch, stopping.best) == (2, 1.0)


def test_a_checkpoint_that_is_given_first_has_the_others_at_the_end_of_the_same_epoch(tmp_path):
    class Counts(Callback):
        count = 0

        def on_epoch_end(self, training):
            self.count += 1

        def state_dict(self):
            return {"count": self.count}

    model = MLP(1, [1], init="zeros")
    callbacks = [Checkpoint(tmp_path / "c.json"), Counts()]
    optimizer = SGD(model.parameters(), 0.1)
    fit(model, [[1.0]], [1.0], optimizer=optimizer, epochs=3, callbacks=callbacks, progress=False)
    saved = json.loads((tmp_path / "c.json").read_text())["training"]
    assert saved["callbacks"][0] == {"type": "Counts", "state": {"count": saved["epoch"]}}


def test_what_early_stopping_has_on_file_is_its_settings_and_the_best():
    state = EarlyStopping(3, monitor="r2", min_delta=0.5, mode="max").state_dict()
    assert state == {
        "settings": {"patience": 3, "monitor": "r2", "min_delta": 0.5, "mode": "max"},
        "best": None, "best_epoch": 0, "best_weights": {},
    }  # fmt: skip
    other = EarlyStopping(3, monitor="r2", min_delta=0.5, mode="max")
    other.load_state_dict(state | {"best": 0.25, "best_epoch": 2, "best_weights": {"w": 1.0}})
    assert (other.best, other.best_epoch, other.best_weights) == (0.25, 2, {"w": 1.0})
    other.load_state_dict(state)
    assert (other.best, other.best_epoch, other.best_weights) == (None, 0, {})
    with pytest.raises(TypeError):
        other.load_state_dict(state | {"best_weights": 3})
    assert Callback().state_dict() == {}


@pytest.mark.parametrize(("mode", "best", "expected"), [("max", -3.0, 3.0), ("min", 3.0, 3.0), ("max", None, None)])
def test_a_file_of_format_1_has_the_best_with_its_sign_changed_where_more_is_better(mode, best, expected):
    stopping = EarlyStopping(mode=mode)
    stopping.load_state_dict({"best": best, "best_epoch": 0 if best is None else 2, "best_weights": {}})
    assert stopping.best == expected


@pytest.mark.parametrize(
    ("every", "first", "last", "written"),
    [({}, 0, 3, [1, 2, 3]), ({"every": 2}, 0, 5, [2, 4, 5]), ({"every": 2}, 0, 4, [2, 4]),
     ({"every": 3}, 3, 3, []), ({"every": 3}, 3, 4, [4]), ({}, 0, 0, [])],
)  # fmt: skip
def test_a_checkpoint_is_written_so_often_and_at_the_end_and_no_epoch_twice(every, first, last, written):
    found = []
    run = SimpleNamespace(epoch=first, save=lambda path: found.append(run.epoch))
    checkpoint = Checkpoint("c.json", **every)
    checkpoint.on_fit_start(run)
    for run.epoch in range(first + 1, last + 1):
        checkpoint.on_epoch_end(run)
    checkpoint.on_fit_end(run)
    assert found == written
