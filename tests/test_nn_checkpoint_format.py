"""The file of a checkpoint: sealed, whole, of a known format; and every kind of model that it has to hold."""

import json
import os
import pickle
import random
import re
import subprocess
import sys
from pathlib import Path

import pytest
from checkpoints import changed_files, resealed

import nn
from autodiff import Value
from nn import (
    MLP,
    SGD,
    Adam,
    Callback,
    Checkpoint,
    CheckpointError,
    Dropout,
    EarlyStopping,
    Embedding,
    Layer,
    LayerNorm,
    Loss,
    Module,
    Sequential,
    Softmax,
    Standardize,
    fit,
    load,
    save,
)

ROOT = Path(__file__).parent.parent
X, Y = [[0.5, -1.0], [2.0, 0.25], [-0.75, 1.5], [0.1, 0.2]], [0.0, 1.0, 1.0, 0.0]


def run(path, model=None, **changes):
    model = model or MLP(2, [3, 1], rng=0)
    arguments = {
        "loss": "mse", "optimizer": Adam(model.parameters(), 0.01), "epochs": 3, "progress": False,
        "callbacks": [EarlyStopping(), Checkpoint(path)], **changes,
    }  # fmt: skip
    return fit(model, arguments.pop("X", X), arguments.pop("y", Y), **arguments)


# The seal.


def test_a_file_in_which_one_byte_or_digit_changed_is_refused_or_gives_exactly_what_was_written(tmp_path):
    """Ten thousand of them: `benchmarks/training_faults.py`."""
    seen = changed_files(400, tmp_path)
    assert seen["WRONG"] == 0
    assert seen["refused"] > 390


def test_a_changed_number_is_refused_with_what_to_do(tmp_path):
    path = tmp_path / "m.json"
    save(MLP(1, [1], rng=0), path)
    path.write_text(re.sub(r'"layers.0.neurons.0.bias": 0.0', '"layers.0.neurons.0.bias": 0.5', path.read_text()))
    with pytest.raises(
        CheckpointError, match="was changed after it was written.* load the model, assign them and save"
    ):
        load(path)
    save(MLP(1, [1], rng=0), path)
    model = load(path)
    model.layers[0].neurons[0].bias.data = 0.5  # load, assign, save
    save(model, path)
    assert load(path).layers[0].neurons[0].bias.data == 0.5


@pytest.mark.parametrize(
    "layout",
    [
        lambda c: json.dumps(c),
        lambda c: json.dumps(c, indent=4).replace("\n", "\r\n"),
        lambda c: json.dumps(c, sort_keys=True),
    ],
)
def test_another_layout_of_the_same_content_is_the_same_file(layout, tmp_path):
    path = tmp_path / "m.json"
    save(MLP(2, [3, 1], rng=0), path)
    path.write_text(layout(json.loads(path.read_text())))
    assert load(path).state_dict() == MLP(2, [3, 1], rng=0).state_dict()


# Format 1.


def of_format_1(path):
    """What version 0.1 wrote for MLP(2, [3, 1], "tanh", rng=0) after ``run``, without the history's seconds."""
    content = json.loads(path.read_text())
    run_state, training = content["training"]["run"], content["training"]
    old_training = {
        "epoch": training["epoch"], "step": training["step"], "examples": run_state["examples"],
        "batch_size": run_state["batch_size"], "base_lr": run_state["learning rate"],
        "optimizer": training["optimizer"], "random": training["random"], "callbacks": training["callbacks"],
        "history": training["history"],
    }  # fmt: skip
    for callback in old_training["callbacks"]:
        callback["state"].pop("settings", None)
    config = {"type": "MLP", "inputs": 2, "sizes": [3, 1], "activation": "tanh", "output": "linear", "fused": True}
    return {
        "format": "nn checkpoint", "version": 1, "model": config, "parameters": content["parameters"],
        "random": content["random"], "training": old_training,
    }  # fmt: skip


@pytest.fixture
def old(tmp_path):
    path = tmp_path / "old.json"
    run(path)
    content = of_format_1(path)
    path.write_text(json.dumps(content, indent=1))
    return path


def test_a_right_file_of_format_1_is_loaded_with_one_warning(old):
    with pytest.warns(UserWarning, match="is of format 1, which has no checksum") as caught:
        model = load(old)
    assert len(caught) == 1
    assert model.state_dict() == json.loads(old.read_text())["parameters"]
    assert repr(model) == "MLP(2 → 3 → 1, tanh, linear)"
    save(model, old)
    assert load(old).state_dict() == model.state_dict(), "saved again it is of format 2, and there is no warning"


def test_a_run_of_format_1_is_resumed_from_with_one_warning(old, tmp_path):
    straight = MLP(2, [3, 1], rng=0)
    run(tmp_path / "straight.json", straight, epochs=6)
    model = MLP(2, [3, 1], rng=7)
    with pytest.warns(UserWarning, match="of format 1") as caught:
        history = run(tmp_path / "new.json", model, epochs=6, resume=old)
    assert len(caught) == 1
    assert (len(history), model.state_dict()) == (6, straight.state_dict())


def test_a_file_that_version_0_1_wrote_gives_its_model_and_its_run(tmp_path):
    """`checkpoint_of_format_1.json` was written by it, after three epochs of this run; these are its six losses."""
    path = Path(__file__).with_name("checkpoint_of_format_1.json")
    with pytest.warns(UserWarning, match="format 1"):
        assert load(path).predict(X)[:2] == [0.04158347379781678, 0.5734056888868316]
    model = Sequential(Layer(2, 3, "tanh", rng=0), Dropout(0.3, rng=1), Layer(3, 1, rng=2))
    callbacks = [EarlyStopping(monitor="validation_r2", mode="max"), Checkpoint(tmp_path / "c.json")]
    settings = {"batch_size": 2, "rng": 0, "metrics": ["r2"], "validation": (X, Y), "callbacks": callbacks}
    with pytest.warns(UserWarning, match="format 1"):
        history = run(path, model, epochs=6, resume=path, compiled=False, **settings)
    assert history.loss == [
        0.5361366543060923, 0.32798666543639715, 0.688091150418093,
        0.07889977064528442, 0.7676723891795643, 0.06150117849775004,
    ]  # fmt: skip
    assert callbacks[0].best == max(history.validation_r2)


@pytest.mark.parametrize("key", ["checksum", "extra", "tied"])
def test_a_file_of_format_1_with_an_unknown_key_is_refused(key, old):
    old.write_text(json.dumps(json.loads(old.read_text()) | {key: "x"}))
    with pytest.raises(CheckpointError, match=f"a file of version 1 has no '{key}'"):
        load(old)


def test_a_file_of_format_2_that_says_it_is_of_format_1_is_refused(tmp_path):
    save(MLP(1, [1], rng=0), tmp_path / "m.json")
    text = (tmp_path / "m.json").read_text()
    (tmp_path / "m.json").write_text(text.replace('"version": 2', '"version": 1'))
    with pytest.raises(CheckpointError, match="a file of version 1 has no 'checksum'"):
        load(tmp_path / "m.json")


def test_a_part_of_its_own_in_a_file_of_format_1_needs_the_model(old):
    content = json.loads(old.read_text())
    content["model"]["activation"] = None
    old.write_text(json.dumps(content))
    with pytest.warns(UserWarning, match="format 1"), pytest.raises(CheckpointError, match=r"load\(path, into=model\)"):
        load(old)
    with pytest.warns(UserWarning, match="format 1"):
        assert load(old, into=MLP(2, [3, 1], abs, rng=5)).state_dict() == content["parameters"]


# What a model may be made of.


class Residual(Module):
    """A layer of one's own: one class, and nothing anywhere else."""

    def __init__(self, width, factor=1.0, inner=None):
        self.inputs = self.outputs = width
        self.factor = factor
        self.inner = inner or Layer(width, width, "tanh", rng=3)
        self.offset = Value(0.25)

    def forward(self, inputs):
        return [x + self.factor * y + self.offset for x, y in zip(inputs, self.inner.forward(inputs), strict=True)]

    def config(self):
        return {"width": self.inputs, "factor": self.factor, "inner": self.inner}


MODELS = [
    MLP(2, [3, 2], ["relu"], "sigmoid", rng=0),
    MLP(2, [4, 3, 1], ["relu", "tanh"], rng=0, bias=False),
    MLP(2, [3, 1], bias_init="normal", rng=0),
    Sequential(Layer(2, 4, rng=0), LayerNorm(4, eps=1e-3), Softmax()),
    Sequential(LayerNorm(2, bias=False), Layer(2, 1, rng=0)),
    Sequential(Standardize([1.0, -2.0], [0.1, 3.0]), Layer(2, 1, rng=0), Standardize([5.0], [2.0]).inverse()),
    Sequential(Residual(2, factor=0.5), Layer(2, 1, rng=1)),
    Sequential(Residual(2, inner=MLP(2, [3, 2], rng=8))),
]


@pytest.mark.parametrize("model", MODELS, ids=repr)
def test_every_layer_comes_back_as_it_was_from_its_own_config(model, tmp_path):
    for p in model.parameters():
        p.data += 0.125  # nothing that a constructor could have guessed
    save(model, tmp_path / "m.json")
    loaded = load(tmp_path / "m.json")
    assert type(loaded) is type(model)
    assert loaded.predict(X) == model.predict(X)
    assert nn.checkpoint.content_of(loaded) == nn.checkpoint.content_of(model)


def test_an_embedding_comes_back_as_it_was(tmp_path):
    model = Sequential(Embedding(5, 3, places=2, rng=0), Layer(6, 1, rng=1))
    save(model, tmp_path / "m.json")
    assert load(tmp_path / "m.json").predict([[0, 4], [2, 2]]) == model.predict([[0, 4], [2, 2]])


def test_the_reader_of_files_names_no_layer():
    sources = [Path(m.__file__).read_text() for m in (nn.checkpoint, nn.shapes, nn.resuming)]
    layers = ("MLP", "Layer", "Neuron", "Sequential", "Dropout", "LayerNorm", "Embedding", "Softmax", "Standardize")
    assert [(name, s[:40]) for name in layers for s in sources if re.search(rf"\b{name}\b", s)] == []


def test_a_module_that_has_no_config_or_only_an_inherited_one_needs_the_model(tmp_path):
    class Plain(Module):
        def __init__(self):
            self.factor = Value(2.0)

        def forward(self, inputs):
            return [self.factor * x for x in inputs]

    class Scaled(MLP):  # what MLP's config says of it would not be all
        def __init__(self, factor):
            super().__init__(2, [1], rng=0)
            self.scale = factor

    for model, other in ((Sequential(Plain()), Sequential(Plain())), (Scaled(3.0), Scaled(3.0))):
        save(model, tmp_path / "m.json")
        with pytest.raises(CheckpointError, match="parts of its own"):
            load(tmp_path / "m.json")
        model.parameters()[0].data = 5.0
        save(model, tmp_path / "m.json")
        assert load(tmp_path / "m.json", into=other).state_dict() == model.state_dict()


def test_a_class_that_is_not_there_when_the_file_is_loaded_is_named(tmp_path):
    save(Residual(2), tmp_path / "m.json")
    content = json.loads((tmp_path / "m.json").read_text())
    content["model"]["type"] = "elsewhere:Residual"
    (tmp_path / "m.json").write_text(resealed(content))
    with pytest.raises(CheckpointError, match="no module of the type 'elsewhere:Residual': define or import it first"):
        load(tmp_path / "m.json")


def test_a_layer_that_stands_twice_is_one_layer_again(tmp_path):
    a, shared = Layer(2, 3, "tanh", rng=0), Layer(3, 3, "tanh", rng=1)
    model = Sequential(a, shared, shared, Layer(3, 1, rng=2))
    save(model, tmp_path / "m.json")
    loaded = load(tmp_path / "m.json")
    assert loaded.layers[1] is loaded.layers[2]
    assert loaded.predict(X) == model.predict(X)
    assert len(loaded.parameters()) == len(model.parameters()) == 9 + 12 + 4


def test_tied_weights_are_one_value_again(tmp_path):
    model = Sequential(Layer(2, 2, rng=0), Layer(2, 2, rng=1))
    first, second = model.layers
    second.neurons[0].weights[1] = first.neurons[1].weights[0]
    second.neurons[1].bias = first.neurons[0].bias
    save(model, tmp_path / "m.json")
    loaded = load(tmp_path / "m.json")
    assert loaded.layers[1].neurons[0].weights[1] is loaded.layers[0].neurons[1].weights[0]
    assert loaded.layers[1].neurons[1].bias is loaded.layers[0].neurons[0].bias
    assert (len(loaded.parameters()), loaded.predict(X)) == (10, model.predict(X))
    untied = Sequential(Layer(2, 2, rng=0), Layer(2, 2, rng=1))
    with pytest.raises(CheckpointError, match="other parameters are tied in the file than in the model"):
        load(tmp_path / "m.json", into=untied)


def test_frozen_layers_and_what_outputs_mean_come_back(tmp_path):
    model = MLP(2, [3, 1], rng=0)
    fit(
        model,
        X,
        Y,
        loss="binary_cross_entropy_with_logits",
        optimizer=SGD(model.parameters()),
        epochs=1,
        progress=False,
    )
    model.layers[0].freeze()
    save(model, tmp_path / "m.json")
    loaded = load(tmp_path / "m.json")
    assert [layer.frozen for layer in loaded.layers] == [True, False]
    assert len(loaded.moving_parameters()) == 4
    assert loaded.predict_class(X) == model.predict_class(X)
    assert (loaded.trained_with, loaded.meaning) == (model.trained_with, model.meaning)


def test_two_dropouts_that_draw_from_one_generator_still_do(tmp_path):
    rng = random.Random(0)
    model = Sequential(Dropout(0.5, rng=rng), Layer(2, 2, rng=1), Dropout(0.5, rng=rng))
    model([1.0, 2.0])
    save(model, tmp_path / "m.json")
    loaded = load(tmp_path / "m.json")
    assert loaded.layers[0].rng is loaded.layers[2].rng
    assert [[y.data for y in loaded(x)] for x in X] == [[y.data for y in model(x)] for x in X]


def test_the_weights_of_a_copy_and_a_pickle_stand_still_where_the_originals_do():
    import copy

    model = MLP(2, [3, 1], rng=0)
    model.layers[0].freeze()
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert len(other.moving_parameters()) == 4
        other.unfreeze()
        assert (len(other.moving_parameters()), len(model.moving_parameters())) == (13, 4)


def test_a_pickle_goes_without_the_graph_of_the_last_example():
    model = MLP(2, [3, 1], rng=0)
    before = len(pickle.dumps(model))
    model(X[0])
    assert len(pickle.dumps(model)) == before


# Another run is refused.


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


def test_a_loss_of_ones_own_is_not_called_more_often_for_being_saved(tmp_path):
    calls = []

    def counted(prediction, target):
        calls.append(target)
        return (prediction - target) ** 2

    run(tmp_path / "c.json", loss=counted, epochs=20)
    assert len(calls) <= 20 * len(X) + 4, "a few calls describe it, once"


def test_the_same_data_as_an_array_or_as_lists_are_the_same_data(tmp_path):
    import numpy as np

    path = tmp_path / "c.json"
    run(path)
    assert len(run(path, MLP(2, [3, 1], rng=5), X=np.array(X), y=np.array(Y), resume=path, epochs=4)) == 4


# Kills.


@pytest.mark.skipif(not hasattr(os, "fork"), reason="not applicable: kill -9 needs Unix")
def test_200_kills_leave_a_whole_file_and_after_the_next_save_nothing_else(tmp_path):
    command = [sys.executable, str(ROOT / "tests" / "checkpoints.py"), "200", str(tmp_path / "m.json")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.stderr == ""
    found = json.loads(done.stdout)
    assert found["model 0"] + found["model 1"] == 200
    assert min(found["model 0"], found["model 1"], found["left a temporary file"]) > 0, "the kills came in the middle"
    assert found["still there after the next save"] == 0
