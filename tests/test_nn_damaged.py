"""Checkpoints that are damaged inside: each is a CheckpointError, before anything changes."""

import contextlib
import json

import pytest
from checkpoints import resealed

from nn import (
    MLP,
    Adam,
    Checkpoint,
    CheckpointError,
    Dropout,
    EarlyStopping,
    Layer,
    Module,
    Sequential,
    fit,
    load,
    save,
)

X, Y = [[0.0], [1.0], [2.0]], [0.0, 1.0, 2.0]


def run(model, path, **changes):
    optimizer = Adam(model.parameters(), 0.01)
    callbacks = [EarlyStopping(), Checkpoint(path)]
    return fit(model, X, Y, optimizer=optimizer, epochs=2, callbacks=callbacks, progress=False, rng=0, **changes)


@contextlib.contextmanager
def damaged(path):
    """What the file holds, written back as it is changed here, with a checksum that fits."""
    content = json.loads(path.read_text())
    yield content
    path.write_text(resealed(content))


@contextlib.contextmanager
def damaged_run(path):
    """The training section of the checkpoint of a run, to be changed."""
    run(MLP(1, [1], rng=0), path)
    with damaged(path) as content:
        yield content["training"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"best_weights": {"q": 1.0}}, "the state lacks"),
        ({"best_weights": "q"}, "cannot be resumed from"),
        ({"best": "x"}, "best must be a number, not str 'x'"),
        ({"best_epoch": -1}, "best_epoch must be at least 0"),
        ({"best_epoch": None}, "best_epoch must be an integer"),
    ],
    ids=str,
)
def test_a_damaged_state_of_early_stopping_is_refused_and_changes_nothing(change, message, tmp_path):
    with damaged_run(tmp_path / "c.json") as training:
        training["callbacks"][0]["state"] |= change
    model = MLP(1, [1], rng=1)
    before = model.state_dict()
    with pytest.raises(CheckpointError, match=message):
        run(model, tmp_path / "d.json", resume=tmp_path / "c.json")
    assert model.state_dict() == before


def test_a_best_weight_that_is_no_number_is_refused(tmp_path):
    with damaged_run(tmp_path / "c.json") as training:
        weights = training["callbacks"][0]["state"]["best_weights"]
        name = next(iter(weights))
        weights[name] = "x"
    with pytest.raises(CheckpointError, match=f"{name} must be a number, not str 'x'"):
        run(MLP(1, [1], rng=1), tmp_path / "d.json", resume=tmp_path / "c.json")


@pytest.mark.parametrize("spare", ["x", True, []])
def test_a_normal_number_kept_for_later_that_is_no_number_is_refused(spare, tmp_path):
    with damaged_run(tmp_path / "c.json") as training:
        training["random"]["spare"] = spare
    with pytest.raises(CheckpointError, match="the random state is damaged: .*spare must be a number"):
        run(MLP(1, [1], rng=1), tmp_path / "d.json", resume=tmp_path / "c.json")


@pytest.mark.parametrize("reason", [None, 3, ["epochs"]])
def test_a_reason_to_stop_that_is_no_text_is_refused(reason, tmp_path):
    with damaged_run(tmp_path / "c.json") as training:
        training["history"]["stopped_by"] = reason
    with pytest.raises(CheckpointError, match="stopped_by must be a text, not "):
        run(MLP(1, [1], rng=1), tmp_path / "d.json", resume=tmp_path / "c.json")


NAMES = {"left out": [], "another name": ["layers.7"], "one too many": ["layers.1", "layers.7"]}


@pytest.mark.parametrize("change", NAMES)
def test_the_random_states_of_other_dropout_layers_are_refused_and_change_nothing(change, tmp_path):
    path = tmp_path / "m.json"
    save(Sequential(Layer(1, 2, rng=0), Dropout(0.5, rng=1), Layer(2, 1, rng=2)), path)
    with damaged(path) as content:
        state = content["random"].pop("layers.1")
        content["random"] |= dict.fromkeys(NAMES[change], state)
    model = Sequential(Layer(1, 2, rng=3), Dropout(0.5, rng=4), Layer(2, 1, rng=5))
    before, rng_before = model.state_dict(), model.layers[1].rng.getstate()
    with pytest.raises(CheckpointError, match=r"its dropout layers are \[.*\], the model's \['layers.1'\]"):
        load(path, into=model)
    assert model.state_dict() == before and model.layers[1].rng.getstate() == rng_before


class Mine(Module):
    """A module of one's own, with or without dropout: its parameters are the same."""

    inputs = 1

    def __init__(self, dropout):
        super().__init__()
        self.layer = Layer(1, 1, init="zeros")
        if dropout:
            self.dropout = Dropout(0.5, rng=0)

    def forward(self, x):
        return self.layer(x)


def test_a_module_of_ones_own_with_another_dropout_layer_is_refused(tmp_path):
    path = tmp_path / "m.json"
    for saved, into in ((True, False), (False, True)):
        save(Mine(dropout=saved), path)
        with pytest.raises(CheckpointError, match="its dropout layers are"):
            load(path, into=Mine(dropout=into))
        load(path, into=Mine(dropout=saved))


@pytest.mark.parametrize(
    ("version", "message"),
    [
        (3, "install a newer one"),
        *[(v, rf"is damaged: its version is {v!r}, which") for v in (0, -1, "2", None, 1.5, True)],
    ],
)
def test_only_a_larger_version_asks_for_a_newer_one(version, message, tmp_path):
    path = tmp_path / "m.json"
    save(MLP(1, [1], rng=0), path)
    with damaged(path) as content:
        content["version"] = version
    with pytest.raises(CheckpointError, match=message) as caught:
        load(path)
    assert ("newer" in str(caught.value)) == (version == 3)
