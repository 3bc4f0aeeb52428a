"""A checkpoint goes on with the run that wrote it: one with another loss, optimizer or data is refused."""

import random
import re

import pytest
from checkpoints import X, Y, rewrite, run

import nn
from nn import (
    MLP,
    Callback,
    Checkpoint,
    CheckpointError,
    Dropout,
    EarlyStopping,
    Layer,
    Loss,
    Sequential,
    load,
)


def quarter(prediction, target):
    return 0.25 * (prediction - target) ** 2


def third(prediction, target):
    return (prediction - target) ** 2 / 3.0


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        ({}, {"loss": "half_mse"}, "had loss mse, this one has half_mse: give"),
        ({"loss": quarter}, {"loss": third}, "had loss quarter, this one has third: give"),
        (
            {"loss": lambda p, t: (p - t) ** 2},
            {"loss": lambda p, t: 2.0 * (p - t) ** 2},
            "had another loss that is called <lambda>: give",
        ),
        ({}, {"loss": Loss(nn.mse, reduction="sum")}, "had another loss that is called mse: give"),
        (
            {"loss": "huber"},
            {"loss": Loss(__import__("functools").partial(nn.huber, delta=2.0))},
            "had loss huber, this one has huber(delta=2.0): give",
        ),
        ({}, {"schedule": nn.StepDecay(2)}, "had schedule None"),
        (
            {"schedule": nn.StepDecay(2)},
            {"schedule": nn.StepDecay(3)},
            "had schedule StepDecay(per='epoch', every=2, factor=0.1), this one has StepDecay(per='epoch', every=3, ",
        ),
        ({"schedule": lambda t: 1.0}, {"schedule": lambda t: 0.5}, "had another schedule that is called "),
        ({"penalty": nn.L2(0.1)}, {"penalty": nn.L2(0.2)}, "had penalty L2(strength=0.1), this one has L2("),
        ({"penalty": nn.L2(0.1)}, {"penalty": nn.L1(0.1)}, "had penalty L2(strength=0.1), this one has L1("),
        ({}, {"X": [[100.0 * a, 100.0 * b] for a, b in X]}, "had other examples (X, y or their weights)"),
        ({}, {"y": [0.0, 1.0, 1.0, 1.0]}, "had other examples"),
        ({}, {"sample_weight": [1.0, 1.0, 1.0, 2.0]}, "had other examples"),
        ({"validation": (X, Y)}, {"validation": (X[:3], Y[:3])}, "had other validation data"),
        ({}, {"clip_norm": 1.0}, "had clip_norm None, this one has 1.0"),
        ({}, {"clip_value": 1.0}, "had clip_value None"),
        ({"tolerance": 1e-9}, {}, "had tolerance 1e-09, this one has None"),
        ({"batch_size": 4}, {"batch_size": 4, "replacement": True}, "had replacement False"),
    ],
)
def test_a_run_with_another_loss_schedule_penalty_or_other_data_is_refused(first, second, message, tmp_path):
    path = tmp_path / "c.json"
    run(path, **{"rng": 0, **first})
    model = MLP(2, [3, 1], rng=5)
    before = model.state_dict()
    with pytest.raises(CheckpointError, match=re.escape(f"cannot be resumed from: the run {message}")):
        run(
            path,
            model,
            **{"rng": 0, "resume": path, **first, **{k: v for k, v in second.items() if v is not None}}
            | ({"tolerance": None} if first.get("tolerance") else {}),
        )
    assert model.state_dict() == before
    assert len(run(path, model, **{"rng": 0, "resume": path, "epochs": 4, **first})) == 4, "the same run goes on"


def test_a_run_with_numpys_true_for_replacement_is_on_file_as_one_with_pythons(tmp_path):
    import numpy as np

    path = tmp_path / "c.json"
    run(path, rng=0, replacement=np.True_)
    assert len(run(path, rng=0, replacement=True, resume=path, epochs=4)) == 4


def test_what_another_machine_rounds_otherwise_is_the_same_run(tmp_path):
    """The last digits of a logarithm or an exponential are the C library's."""
    path = tmp_path / "c.json"
    off = 1.0
    settings = {
        "rng": 0,
        "loss": lambda p, t: (p - t) ** 2 * off,
        "penalty": lambda ws: sum(w * w for w in ws) * off,
        "schedule": lambda t: 0.5**t * off,
    }
    run(path, **settings)
    off = 1.0 + 1e-15
    assert len(run(path, MLP(2, [3, 1], rng=5), **settings, resume=path, epochs=4)) == 4


def test_early_stopping_with_other_settings_and_other_frozen_layers_are_refused(tmp_path):
    path = tmp_path / "c.json"
    run(path)
    with pytest.raises(CheckpointError, match="the run had EarlyStopping with .*'patience': 5.* this one has .*: 7"):
        run(path, callbacks=[EarlyStopping(patience=7), Checkpoint(path)], resume=path)
    model = MLP(2, [3, 1], rng=0)
    model.layers[0].freeze()
    with pytest.raises(CheckpointError, match=r"had frozen \[\], this one has \['layers.0'"):
        run(path, model, resume=path)


def test_a_run_whose_callback_unfreezes_layers_on_the_way_goes_on_where_it_was(tmp_path):
    class Thaw(Callback):
        def on_epoch_end(self, training):
            if training.epoch == 2:
                training.model.unfreeze()

    def thawing(path, **changes):
        model = MLP(2, [3, 1], rng=0)
        model.layers[0].freeze()
        run(path, model, callbacks=[Thaw(), Checkpoint(path)], **changes)
        return model.state_dict()

    straight = thawing(tmp_path / "a.json", epochs=6)
    thawing(tmp_path / "b.json", epochs=4)
    assert thawing(tmp_path / "b.json", epochs=6, resume=tmp_path / "b.json") == straight


def test_a_rate_that_a_callback_has_lowered_stays_low_where_a_run_goes_on(tmp_path):
    class Lower(Callback):
        def on_epoch_end(self, training):
            if training.epoch == 2:
                training.optimizer.lr /= 2.0

    def lowering(path, **changes):
        return run(path, MLP(2, [3, 1], rng=0), callbacks=[Lower(), Checkpoint(path)], **changes)

    straight = lowering(tmp_path / "a.json", epochs=6)
    lowering(tmp_path / "b.json", epochs=4)
    resumed = lowering(tmp_path / "b.json", epochs=6, resume=tmp_path / "b.json")
    assert resumed.learning_rate == straight.learning_rate == [0.01] * 2 + [0.005] * 4
    assert resumed.loss == straight.loss


class CrashError(Exception):
    """What a crash raises."""


class SaveAndCrash(Callback):
    """Saves the run and raises, in the middle of an epoch."""

    def __init__(self, step, path):
        self.step, self.path = step, path

    def on_gradients(self, training):
        if training.step == self.step:
            training.save(self.path)
            raise CrashError


@pytest.mark.parametrize("step", [1, 5])
def test_two_dropouts_of_one_generator_go_on_from_the_last_epoch_that_was_completed(step, tmp_path):
    def model():
        one = random.Random(3)
        return Sequential(Layer(2, 4, "tanh", rng=0), Dropout(0.5, rng=one), Layer(4, 1, rng=1), Dropout(0.2, rng=one))

    path, settings = tmp_path / "c.json", {"epochs": 4, "batch_size": 2, "rng": 0, "compiled": False}
    straight = run(path, expected := model(), callbacks=[], **settings)
    with pytest.raises(CrashError):
        run(path, model(), callbacks=[SaveAndCrash(step, path)], **settings)
    first, second = load(path).layers[1::2]
    assert first.rng is second.rng
    rewrite(path, lambda content: content["training"].update(callbacks=[]))
    resumed = run(path, found := model(), callbacks=[], resume=path, **settings)
    assert (resumed.loss, found.state_dict()) == (straight.loss, expected.state_dict())


def test_what_a_file_that_does_not_fit_had_changed_of_the_callbacks_is_put_back(tmp_path):
    path = tmp_path / "c.json"
    run(path)
    rewrite(path, lambda content: content["parameters"].popitem())
    stopping = EarlyStopping(patience=5)
    before = stopping.state_dict()
    model = MLP(2, [3, 1], rng=5)
    with pytest.raises(CheckpointError, match="lacks 1 of the 13 parameters"):
        run(path, model, callbacks=[stopping, Checkpoint(path)], resume=path)
    assert stopping.state_dict() == before


def test_a_loss_of_ones_own_is_not_called_more_often_for_being_saved(tmp_path):
    calls = []

    def counted(prediction, target):
        calls.append(target)
        return (prediction - target) ** 2

    run(tmp_path / "c.json", loss=counted, epochs=20, compiled=False)
    assert len(calls) <= 20 * len(X) + 4, "a few calls describe it, once"


def test_the_same_data_as_an_array_or_as_lists_are_the_same_data(tmp_path):
    import numpy as np

    path = tmp_path / "c.json"
    run(path)
    assert len(run(path, MLP(2, [3, 1], rng=5), X=np.array(X), y=np.array(Y), resume=path, epochs=4)) == 4


def test_the_end_of_an_epoch_is_looked_at_once_however_many_checkpoints_are_written(tmp_path, monkeypatch):
    looked, standing = [], nn.resuming.standing
    monkeypatch.setattr(nn.resuming, "standing", lambda run: looked.append(run.epoch) or standing(run))
    run(tmp_path / "a.json", callbacks=[Checkpoint(tmp_path / "a.json"), Checkpoint(tmp_path / "b.json")])
    assert looked == [0, 1, 2, 3]
    assert (tmp_path / "a.json").read_text() == (tmp_path / "b.json").read_text()
