"""What a checkpoint says of its run: files of earlier versions go on as long as it is written in the same way."""

import functools
import hashlib
import json
import struct
import sys
from typing import Any

import numpy as np
import pytest
from checkpoints import X, Y, run

import nn
from autodiff import Value, log
from nn import MLP, Callback, CheckpointError, Dropout, Layer, Sequential
from nn.resuming import compared


def described(path, **settings) -> Any:
    run(path, epochs=1, **settings)
    return json.loads(path.read_text())["training"]["run"]


def digest(rows, targets, weights, outputs=1, order="<"):
    numbers = [*(x for row in rows for x in row), *targets, *weights]
    packed = str((len(rows), len(rows[0]), outputs)).encode() + struct.pack(f"{order}{len(numbers)}d", *numbers)
    return hashlib.sha256(packed).hexdigest()


def third(prediction, target):
    return (prediction - target) ** 2 / 3.0


def test_a_run_is_described_by_its_settings_its_data_and_by_what_its_functions_give(tmp_path):
    weights = [1.0, 2.0, 3.0, 4.0]
    found = described(
        tmp_path / "c.json", loss=third, penalty=nn.L2(0.1), schedule=nn.StepDecay(2), clip_norm=2.0, batch_size=3,
        sample_weight=weights, rng=0, validation=(X[:2], Y[:2]), metrics=["mae"], tolerance=1e-9,
    )  # fmt: skip
    measured = ["loss", "mae"]
    assert found == {
        "examples": 4,
        "data": digest(X, Y, weights),
        "validation": digest(X[:2], Y[:2], [1.0, 1.0]),
        "batch_size": 3,
        "replacement": False,
        "columns": [*measured, "penalty", *(f"validation_{name}" for name in measured), "learning_rate", "seconds"],
        "optimizer": "Adam",
        "learning rate": 0.01,
        "settings": {"betas": [0.9, 0.999], "eps": 1e-08, "weight_decay": 0.0},
        "loss": ["third", "mean", 0.0833333333, 0.0833333333],
        "penalty": ["L2(strength=0.1)", 0.2125],
        "schedule": ["StepDecay(per='epoch', every=2, factor=0.1)", 1.0, 1.0, 0.1, 1e-05, 1e-50],
        "tolerance": 1e-09,
        "clip_norm": 2.0,
        "clip_value": None,
        "frozen": [],
    }


def test_a_loss_is_told_by_what_it_gives_for_the_first_and_the_last_target_in_nine_digits(tmp_path):
    targets = [[0.0, 1.0], [3.0, 3.0], [1.0, 0.0], [2.0, 1.0]]

    def own(outputs, target):
        return 10.0 * outputs[0] + outputs[1] + target[0] + 1e-12

    found = described(tmp_path / "c.json", model=MLP(2, [2], rng=0), y=targets, loss=own)
    outputs = 10.0 / 3.0 + 2.0 / 3.0
    assert found["loss"] == ["own", "mean", outputs, outputs + 2.0]
    assert found["data"] == digest(X, [x for row in targets for x in row], [1.0] * 4, outputs=2)


def halved(weights):
    return 0.5 * weights[0]


class Decay:
    def __call__(self, weights):
        return weights[0] * weights[0] + 3.0 * weights[1]


@pytest.mark.parametrize(
    ("settings", "name", "expected"),
    [
        ({"penalty": Decay()}, "penalty", ["Decay", 0.25 - 6.0]),
        ({"penalty": functools.partial(lambda factor, ws: factor * ws[1], 2.0)}, "penalty", ["partial", -4.0]),
        ({"penalty": halved}, "penalty", ["halved", 0.25]),
        ({"loss": lambda p, t: Value(2.0) * (p - t) ** 2}, "loss", ["<lambda>", "mean", 0.5, 0.5]),
        ({"penalty": nn.L1(0.5)}, "penalty", ["L1(strength=0.5)", 1.25]),
        ({"schedule": nn.Rates(lambda k: 1.0 / k)}, "schedule",
         ["Rates", 1.0, 0.5, 0.333333333, 0.0909090909, 0.00990099010]),
        ({"schedule": nn.Rates([0.5, 0.25])}, "schedule", ["Rates(per='step', rates=[0.5, 0.25])", 0.5, *[0.25] * 4]),
        ({}, "schedule", None),
        ({}, "validation", None),
    ],
)  # fmt: skip
def test_a_function_is_described_by_its_name_or_its_settings_and_its_numbers(settings, name, expected, tmp_path):
    assert described(tmp_path / "c.json", **settings)[name] == expected


@pytest.mark.parametrize("error", [TypeError, ValueError, OverflowError, IndexError, AttributeError])
def test_a_function_that_cannot_be_asked_is_described_by_its_name_alone(error, tmp_path):
    def of_six(weights):
        if len(weights) < 6:
            raise error
        return weights[0] ** 2

    assert described(tmp_path / "c.json", penalty=of_six)["penalty"][1:] == [None]
    assert described(tmp_path / "c.json", penalty=lambda ws: ws[0] ** 2)["penalty"][1:] == [0.25]


def test_losses_of_probabilities_of_one_name_are_told_apart(tmp_path):
    path, model = tmp_path / "c.json", MLP(2, [2], output="sigmoid", rng=0)
    targets = [[0.0, 1.0]] * 4

    def of(factor):
        def likelihood(outputs, target):
            return -factor * sum(log(p) + log(1.0 - p) for p in outputs)

        return likelihood

    run(path, model, y=targets, loss=of(1.0))
    with pytest.raises(CheckpointError, match="had another loss that is called likelihood: give the same"):
        run(path, model, y=targets, loss=of(2.0), resume=path)


def test_data_have_one_fingerprint_on_every_machine_and_as_lists_and_arrays(tmp_path, monkeypatch):
    as_lists = described(tmp_path / "a.json")["data"]
    assert described(tmp_path / "b.json", X=np.array(X), y=np.array(Y))["data"] == as_lists == digest(X, Y, [1.0] * 4)
    other = "big" if sys.byteorder == "little" else "little"
    monkeypatch.setattr(sys, "byteorder", other)
    turned = described(tmp_path / "c.json")["data"]
    assert turned == digest(X, Y, [1.0] * 4, order=">"), "this machine's own numbers, turned"


class Compares(Callback):
    def on_gradients(self, training: Any):
        self.found = json.loads(json.dumps(compared(training)))


def test_processes_that_train_together_compare_settings_place_parameters_and_random_numbers():
    def net(seed=0, drop=1):
        return Sequential(Layer(2, 3, rng=seed), Dropout(0.5, rng=drop), Layer(3, 1, rng=2))

    def found(model=None, **settings):
        compares = Compares()
        run(None, model or net(), callbacks=[compares], **{"rng": 0, "batch_size": 2, "epochs": 1, **settings})
        return compares.found

    first = found()
    assert list(first) == ["examples or settings", "epochs behind it", "parameters", "random numbers"]
    assert found() == first
    for part, settings in (
        ("examples or settings", {"clip_value": 1e9}),
        ("epochs behind it", {"epochs": 2}),
        ("parameters", {"model": net(seed=5)}),
        ("random numbers", {"model": net(drop=5)}),
        ("random numbers", {"rng": 3}),
    ):
        assert found(**settings)[part] != first[part]
