"""Checkpoints: what is saved comes back bit by bit, a kill loses nothing, and resuming is never having stopped.

Equal bits of a run are a matter of scalars, so they train here; across both: test_nn_compiled.
"""

import errno
import json
import math
import os
import random
import sys
from pathlib import Path

import pytest
from checkpoints import resealed

import nn
from autodiff import exp
from nn import (
    MLP,
    SGD,
    AdaGrad,
    Adam,
    AdamW,
    Callback,
    Checkpoint,
    CheckpointError,
    Dropout,
    EarlyStopping,
    Layer,
    Neuron,
    RMSProp,
    Sequential,
    fit,
    load,
    save,
)

ROOT = Path(__file__).parent.parent
RNG = random.Random(0)
DATA = [[RNG.gauss(0, 1), RNG.gauss(0, 1)] for _ in range(11)]
TARGETS = [a * b for a, b in DATA]


def dropout_net(seed=0):
    return Sequential(Layer(2, 5, "tanh", rng=seed), Dropout(0.3, rng=seed + 1), Layer(5, 1, rng=seed + 2))


@pytest.mark.parametrize(
    "model",
    [
        MLP(2, [3, 2], "relu", "sigmoid", rng=0, fused=False),
        Layer(2, 3, "gelu", rng=1),
        Neuron(2, "tanh", rng=2),
        dropout_net(),
    ],
    ids=repr,
)
def test_a_saved_model_comes_back_bit_by_bit(model, tmp_path):
    save(model, tmp_path / "model.json")
    loaded = load(tmp_path / "model.json")
    assert type(loaded) is type(model)
    assert repr(loaded) == repr(model)
    assert loaded.state_dict() == model.state_dict()
    assert loaded.predict(DATA) == model.predict(DATA)


def test_every_float_survives(tmp_path):
    model = MLP(3, [1], init="zeros")
    numbers = [5e-324, -0.0, 0.1 + 0.2, sys.float_info.max]
    for p, x in zip(model.parameters(), numbers, strict=True):
        p.data = x
    save(model, tmp_path / "m.json")
    loaded = [p.data for p in load(tmp_path / "m.json").parameters()]
    assert loaded == numbers
    assert math.copysign(1.0, loaded[1]) == -1.0


def test_the_file_is_readable_versioned_json(tmp_path):
    save(MLP(2, [1], rng=0), tmp_path / "m.json")
    content = json.loads((tmp_path / "m.json").read_text())
    assert (content["format"], content["version"]) == ("nn checkpoint", 2)
    assert content["model"]["sizes"] == [1]
    assert list(content["parameters"])[-1] == "layers.0.neurons.0.bias"
    assert [path.name for path in tmp_path.iterdir()] == ["m.json"]


def test_a_function_of_autodiff_is_saved_by_its_name_and_ones_own_needs_the_model(tmp_path):
    from autodiff import tanh

    save(MLP(2, [3, 1], tanh, rng=0), tmp_path / "m.json")
    assert load(tmp_path / "m.json").activation == "tanh"
    own = MLP(2, [3, 1], lambda z: exp(-z * z), rng=0)
    save(own, tmp_path / "own.json")
    with pytest.raises(CheckpointError, match=r"load\(path, into=model\)"):
        load(tmp_path / "own.json")
    other = MLP(2, [3, 1], own.activation, rng=1)
    assert load(tmp_path / "own.json", into=other) is other
    assert other.predict(DATA) == own.predict(DATA)


def test_dropouts_random_state_is_part_of_the_model(tmp_path):
    model = dropout_net()
    model(DATA[0])
    model.layers[1].rng.gauss(0, 1)  # leaves a second normal number waiting
    save(model, tmp_path / "m.json")
    loaded = load(tmp_path / "m.json")
    assert [loaded(x).data for x in DATA] == [model(x).data for x in DATA]


def damaged(content, **changes):
    return resealed(content | changes)


def replaced(text, old, new):
    return resealed(json.loads(text.replace(old, new)))


DAMAGES = {
    "truncated": (lambda text, _: text[: len(text) // 2], "truncated"),
    "empty": (lambda *_: "", "truncated"),
    "binary": (lambda *_: "\x00\x01", "truncated"),
    "not ours": (lambda *_: '{"weights": [1]}', "not one of our checkpoints"),
    "a list": (lambda *_: "[1, 2]", "not one of our checkpoints"),
    "newer": (lambda _, content: damaged(content, version=3), "of version 3, and this is version 2"),
    "no parameters": (lambda _, content: damaged(content, parameters=None), "section 'parameters'"),
    "nan": (lambda text, _: text.replace(": 0.0", ": NaN"), "NaN"),
    "infinity": (lambda text, _: text.replace(": 0.0", ": 1e999"), "json is damaged: Out of range"),
    "a digit": (lambda text, _: text.replace(": 0.0", ": 0.1"), "was changed after it was written: .* assign"),
    "a key": (lambda text, _: text.replace('"version"', '"extra": 0, "version"'), "has no 'extra'"),
    "no checksum": (lambda text, _: text.replace('"checksum"', '"checksun"'), "has no 'checksun'"),
    "a string": (lambda text, _: replaced(text, ": 0.0", ': "0"'), "must be a number"),
    "too few": (lambda _, content: damaged(content, parameters={}), "lacks 6 of the 6 .* of another shape"),
    "unknown type": (lambda _, content: damaged(content, model={"type": "CNN"}), "no model that can be built"),
    "huge": (lambda _, content: damaged(content, model=content["model"] | {"inputs": 2**70}), "a model of 23611832414"),
    "too large": (
        lambda _, content: damaged(content, model=content["model"] | {"inputs": 5004}),
        "can be built: .*10008 parameters and more, where 10006 are",
    ),
    "too many inputs": (
        lambda _, content: damaged(content, model=content["model"] | {"inputs": 5003}),
        "lacks 10002 of the 10008",
    ),
    "bad sizes": (lambda _, content: damaged(content, model=content["model"] | {"sizes": 3}), "can be built"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_a_clear_error(damage, tmp_path):
    path = tmp_path / "m.json"
    save(MLP(2, [2], rng=0), path)
    spoil, message = DAMAGES[damage]
    text = path.read_text()
    path.write_text(spoil(text, json.loads(text)))
    with pytest.raises(CheckpointError, match=message):
        load(path)


@pytest.mark.parametrize(
    "other", [MLP(2, [4], rng=0), MLP(3, [2], rng=0), dropout_net(), MLP(2, [2, 2], rng=0)], ids=repr
)
def test_a_checkpoint_of_another_shape_changes_nothing(other, tmp_path):
    save(MLP(2, [2], rng=0), tmp_path / "m.json")
    before = other.state_dict()
    with pytest.raises(CheckpointError, match="does not fit"):
        load(tmp_path / "m.json", into=other)
    assert other.state_dict() == before


BELL = lambda z: exp(-z * z)  # noqa: E731 (an activation of one's own)


@pytest.mark.parametrize(
    ("saved", "other", "message"),
    [
        (
            Sequential(Layer(2, 1, rng=0)),
            MLP(2, [1], rng=1),
            "the network is Sequential in the file and MLP in the model",
        ),
        (MLP(2, [3, 1], "tanh", rng=0), MLP(2, [3, 1], "relu", rng=1), "activation is 'tanh' in the file and 'relu'"),
        (MLP(2, [3, 1], rng=0), MLP(2, [3, 1], output="sigmoid", rng=1), "output is 'linear' in .* and 'sigmoid'"),
        (dropout_net(), Sequential(Layer(2, 5, "relu", rng=0), *dropout_net().layers[1:]), "layers.0.activation"),
        (dropout_net(), Sequential(dropout_net().layers[0], Dropout(0.5, rng=0), Layer(5, 1, rng=0)), "layers.1.rate"),
        (
            MLP(2, [3, 1], rng=0),
            Sequential(Layer(2, 3, "relu", rng=0), Layer(3, 1, rng=0)),
            "the network is MLP in the file and Sequential in the",
        ),
        (MLP(2, [3, 1], BELL, rng=0), MLP(2, [3, 1], BELL, "sigmoid", rng=0), "output is 'linear'"),
        (MLP(2, [3, 1], "tanh", "sigmoid", rng=0), MLP(2, [3, 1], BELL, rng=0), "output is 'sigmoid'"),
    ],
    ids=str,
)
def test_a_checkpoint_of_the_same_shape_but_another_network_is_refused(saved, other, message, tmp_path):
    save(saved, tmp_path / "m.json")
    before = other.state_dict()
    with pytest.raises(CheckpointError, match=message):
        load(tmp_path / "m.json", into=other)
    assert other.state_dict() == before


def test_a_fused_network_goes_into_one_that_is_not(tmp_path):
    model, other = MLP(2, [3, 1], rng=0, fused=True), MLP(2, [3, 1], rng=1, fused=False)
    save(model, tmp_path / "m.json")
    assert load(tmp_path / "m.json", into=other).state_dict() == model.state_dict()


def test_what_is_no_model_is_a_type_error_and_no_file_is_written(tmp_path):
    with pytest.raises(TypeError, match="model must be a Module, not int 3"):
        save(3, tmp_path / "x.json")
    assert not list(tmp_path.iterdir())
    save(MLP(1, [1], rng=0), tmp_path / "c.json")
    with pytest.raises(TypeError, match="into must be a Module, not int 3"):
        load(tmp_path / "c.json", into=3)


def test_a_missing_file_and_a_folder_that_is_not_there_are_os_errors(tmp_path):
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "nothing.json")
    with pytest.raises(FileNotFoundError):
        save(MLP(2, [2], rng=0), tmp_path / "nowhere" / "m.json")


def test_a_write_that_fails_leaves_the_old_file_and_no_other(tmp_path, monkeypatch):
    path = tmp_path / "m.json"
    save(MLP(2, [2], rng=0), path)
    old = path.read_text()

    def full_disk(_):
        raise OSError(errno.ENOSPC, "no space left")

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(OSError, match=f"no space left: '{path}'"):
        save(MLP(2, [2], rng=1), path)
    assert path.read_text() == old
    assert list(tmp_path.iterdir()) == [path]


def test_saving_through_a_link_writes_the_file_it_points_to(tmp_path):
    target, link = tmp_path / "real.json", tmp_path / "link.json"
    save(MLP(2, [2], rng=0), target)
    link.symlink_to(target)
    save(MLP(2, [2], rng=1), link)
    assert link.is_symlink()
    assert load(target).state_dict() == MLP(2, [2], rng=1).state_dict()


# Resuming.


class CrashError(Exception):
    """What a crash raises."""


class Crash(Callback):
    """Crashes in the middle of an epoch, after ``steps`` steps."""

    def __init__(self, steps=None):
        self.steps = steps

    def on_gradients(self, training):
        if training.step == self.steps:
            raise CrashError


def run(path, optimizer, steps=None, resume=None, epochs=8, seed=0, model=None, **changes):
    model = model or dropout_net()
    arguments = {
        "epochs": epochs, "batch_size": 4, "validation": (DATA[:3], TARGETS[:3]), "metrics": ["mae"],
        "schedule": nn.Warmup(5, then=nn.CosineDecay(20, per="step"), per="step"), "penalty": nn.L2(1e-3),
        "callbacks": [Checkpoint(path), EarlyStopping(patience=3), Crash(steps)], "rng": seed, "progress": False,
        "compiled": False,
    }  # fmt: skip
    history = fit(model, DATA, TARGETS, optimizer=optimizer(model.parameters()), resume=resume, **(arguments | changes))
    return model, history


OPTIMIZERS = {
    "SGD": lambda p: SGD(p, 0.05, momentum=0.9, nesterov=True, weight_decay=1e-3),
    "RMSProp": lambda p: RMSProp(p, 0.01),
    "AdaGrad": lambda p: AdaGrad(p, 0.05),
    "Adam": lambda p: Adam(p, 0.01),
    "AdamW": lambda p: AdamW(p, 0.01),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_resumed_run_equals_one_that_never_stopped_bit_by_bit(name, tmp_path):
    optimizer = OPTIMIZERS[name]
    straight, expected = run(tmp_path / "straight.json", optimizer)
    with pytest.raises(CrashError):
        run(tmp_path / "crashed.json", optimizer, steps=10)  # three steps an epoch: in the fourth
    fresh = dropout_net(seed=50)  # other weights, other random states: all comes from the file
    model, history = run(
        tmp_path / "resumed.json", optimizer, resume=tmp_path / "crashed.json", model=fresh, rng=random.Random(99)
    )
    assert model.state_dict() == straight.state_dict()
    assert history.stopped_by == expected.stopped_by
    for column in history.columns.keys() - {"seconds"}:
        assert history[column] == expected[column], column
    files = [json.loads((tmp_path / f"{n}.json").read_text()) for n in ("straight", "resumed")]
    for file in files:
        del file["training"]["history"]["columns"]["seconds"], file["checksum"]
    assert files[0] == files[1]


def test_a_run_that_reached_its_epochs_goes_on_when_there_are_more(tmp_path):
    straight, _ = run(tmp_path / "a.json", OPTIMIZERS["Adam"], epochs=6, callbacks=[])
    run(tmp_path / "b.json", OPTIMIZERS["Adam"], epochs=4, callbacks=[Checkpoint(tmp_path / "b.json")])
    resumed, history = run(
        tmp_path / "b.json", OPTIMIZERS["Adam"], epochs=6, resume=tmp_path / "b.json",
        callbacks=[Checkpoint(tmp_path / "b.json")],
    )  # fmt: skip
    assert resumed.state_dict() == straight.state_dict()
    assert len(history) == 6


def test_resuming_a_run_that_was_stopped_early_does_not_train_on(tmp_path):
    callbacks = [EarlyStopping(patience=1, min_delta=1e9), Checkpoint(tmp_path / "c.json")]
    model, history = run(tmp_path, OPTIMIZERS["Adam"], callbacks=callbacks)
    assert history.stopped_by == "early stopping"
    again, same = run(
        tmp_path, OPTIMIZERS["Adam"], callbacks=callbacks, resume=tmp_path / "c.json", model=dropout_net(9)
    )
    assert (len(same), same.stopped_by) == (len(history), "early stopping")
    assert again.state_dict() == model.state_dict(), "the best weights are back"


def test_a_checkpoint_callback_writes_every_few_epochs_and_at_the_end(tmp_path):
    class Epochs(Callback):
        def __init__(self):
            self.seen = []

        def on_epoch_end(self, _):
            path = tmp_path / "c.json"
            self.seen.append(nn.checkpoint.read(path)["training"]["epoch"] if path.exists() else 0)

    spy = Epochs()
    run(tmp_path, OPTIMIZERS["SGD"], epochs=5, callbacks=[Checkpoint(tmp_path / "c.json", every=2), spy])
    assert spy.seen == [0, 0, 2, 2, 4], "it runs after the others"
    assert nn.checkpoint.read(tmp_path / "c.json")["training"]["epoch"] == 5
    assert load(tmp_path / "c.json").predict(DATA)


def other_activation():
    return Sequential(Layer(2, 5, "relu", rng=0), *dropout_net().layers[1:])


def other_optimizer(text):
    return replaced(text, '"optimizer": "Adam"', '"optimizer": "SGD"')


def other_state(text):
    content = json.loads(text)
    content["training"]["optimizer"]["state"]["means"].pop()
    return resealed(content)


def without(key):
    def spoil(text):
        content = json.loads(text)
        del content["training"][key]
        return resealed(content)

    return spoil


def having(value, *keys):
    """The file with another value at training.keys."""

    def spoil(text):
        content = json.loads(text)
        section = content["training"]
        for key in keys[:-1]:
            section = section[key]
        section[keys[-1]] = value
        return resealed(content)

    return spoil


def no_words(text):
    content = json.loads(text)
    content["training"]["random"]["words"] = "00"
    return resealed(content)


@pytest.mark.parametrize(
    ("changes", "spoil", "message"),
    [
        ({"batch_size": 5}, None, "batch_size 4, this one has 5"),
        ({"callbacks": []}, None, "callbacks"),
        ({"metrics": []}, None, "columns"),
        ({"model": MLP(2, [3, 1], rng=0)}, None, "numbers for|does not fit"),
        ({}, other_optimizer, "the run had optimizer 'SGD', this one has 'Adam'"),
        ({}, other_state, "means of the state has"),
        ({}, without("epoch"), "epoch"),
        ({}, without("optimizer"), "optimizer"),
        ({}, no_words, "random state is damaged"),
        ({"model": other_activation()}, None, "layers.0.activation is 'tanh' in the file and 'relu' in the model"),
        ({"optimizer": lambda p: SGD(p, 0.01)}, None, "the run had optimizer 'Adam', this one has 'SGD'"),
        ({"optimizer": lambda p: Adam(p, 0.3)}, None, "the run had learning rate 0.01, this one has 0.3"),
        ({"optimizer": lambda p: Adam(p, 0.01, betas=(0.8, 0.999))}, None, r"\[0.9, 0.999\].* has .*\[0.8, 0.999\]"),
        *[({}, having(x, key), key) for key in ("epoch", "step") for x in (None, "x", -1, 1.5)],
        *[({}, having(x, "run", "learning rate"), f"learning rate {x!r}") for x in (None, "x", -1)],
        *[({}, having(x, "optimizer", "lr"), "learning rate") for x in (None, "x", -1)],
        *[({}, having(x, "optimizer", "steps"), "steps of the state") for x in (None, "x", -1)],
        ({}, having(None, "optimizer", "state"), "cannot be resumed from"),
        ({}, having([0.5], "history", "columns", "loss"), "1 numbers of loss, for 2 epochs"),
        ({}, having(["a", "b"], "history", "columns", "loss"), "loss must be a number, not str 'a'"),
        ({}, having(10**400, "optimizer", "lr"), "learning rate must be finite"),
        ({}, having([], "callbacks", 0, "state"), "cannot be resumed from"),
    ],
)
def test_a_file_that_cannot_be_resumed_from_changes_nothing(changes, spoil, message, tmp_path):
    path = tmp_path / "c.json"
    run(path, OPTIMIZERS["Adam"], epochs=2)
    if spoil:
        path.write_text(spoil(path.read_text()))
    changes = dict(changes)
    model = changes.pop("model", None) or dropout_net(seed=20)
    before = model.state_dict()
    make = changes.pop("optimizer", OPTIMIZERS["Adam"])
    optimizers = []

    def spied(parameters):
        optimizers.append(make(parameters))
        return optimizers[0]

    with pytest.raises(CheckpointError, match=message):
        run(tmp_path / "d.json", spied, resume=path, model=model, **changes)
    assert model.state_dict() == before
    assert optimizers[0].state_dict() == make(model.parameters()).state_dict()


def test_a_saved_model_is_no_run_to_resume(tmp_path):
    save(dropout_net(), tmp_path / "m.json")
    with pytest.raises(CheckpointError, match=r"written by save\(\)"):
        run(tmp_path / "c.json", OPTIMIZERS["Adam"], resume=tmp_path / "m.json")
    with pytest.raises(FileNotFoundError):
        run(tmp_path / "c.json", OPTIMIZERS["Adam"], resume=tmp_path / "nothing.json")
