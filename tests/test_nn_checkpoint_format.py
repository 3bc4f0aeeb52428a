"""The file of a checkpoint: sealed, whole, and of a known format."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from checkpoints import X, Y, changed_files, run

from nn import (
    MLP,
    Checkpoint,
    CheckpointError,
    Dropout,
    EarlyStopping,
    Layer,
    Sequential,
    load,
    save,
)

ROOT = Path(__file__).parent.parent


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
    assert [warning.filename for warning in caught] == [__file__], "the line that loads it"
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


def test_a_layer_of_its_own_in_a_file_of_format_1_needs_the_model(old):
    layers = [{"type": "Layer", "inputs": 2, "outputs": 1}, None]
    content = json.loads(old.read_text()) | {"model": {"type": "Sequential", "layers": layers}}
    old.write_text(json.dumps(content))
    with pytest.warns(UserWarning, match="format 1"), pytest.raises(CheckpointError, match=r"load\(path, into=model\)"):
        load(old)


def test_in_a_file_of_format_1_the_model_alone_may_be_null(old):
    content = json.loads(old.read_text())
    for section in ("parameters", "random"):
        old.write_text(json.dumps(content | {section: None}))
        with pytest.raises(CheckpointError, match=f"its section '{section}' is missing or of the wrong kind"):
            load(old)
    old.write_text(json.dumps(content | {"model": None}))
    with pytest.warns(UserWarning, match="format 1"):
        assert load(old, into=MLP(2, [3, 1], rng=5)).state_dict() == content["parameters"]


# Kills.


@pytest.mark.once
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
