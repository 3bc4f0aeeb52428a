"""The training loop: what it learns, how it divides the data, and what it records."""

# ruff: noqa: N806 (X is the field's name)
import csv
import io
import json
import random
import re
import runpy
from itertools import chain
from pathlib import Path

import pytest

import nn
from nn import MLP, SGD, Callback, Dropout, History, Layer, Sequential, evaluate, fit, minibatches

XOR_X, XOR_Y = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [0.0, 1.0, 1.0, 0.0]
LINE_X, LINE_Y = [[0.0], [1.0], [2.0], [3.0], [4.0]], [1.0, 3.0, 5.0, 7.0, 9.0]


def line(**arguments):
    model = arguments.pop("model", None) or MLP(1, [1], rng=0)
    optimizer = arguments.pop("optimizer", None) or SGD(model.parameters(), 0.05)
    settings = {"epochs": 5, "progress": False, **arguments}
    return model, fit(model, LINE_X, LINE_Y, optimizer=optimizer, **settings)


# What it learns.


@pytest.mark.parametrize("init", ["zeros", nn.all_equal(0.5)])
def test_equal_initial_weights_lock_the_hidden_units_together_to_the_last_bit(init):
    model = MLP(2, [4, 1], "tanh", init=init)
    for _ in range(100):
        fit(model, XOR_X, XOR_Y, optimizer=SGD(model.parameters(), 0.5), epochs=1, progress=False, compiled=False)
        units = {(n.bias.data, *(w.data for w in n.weights)) for n in model.layers[0].neurons}
        assert len(units) == 1
    found = evaluate(model, XOR_X, XOR_Y, nn.Loss(nn.mse, meaning="probability"), ["accuracy"])
    assert found["accuracy"] < 1.0


def test_small_normal_weights_solve_xor_from_nine_of_ten_seeds():
    solved = 0
    for seed in range(10):
        model = MLP(2, [4, 1], "tanh", init=nn.normal(0.5), rng=seed)
        fit(
            model, XOR_X, XOR_Y, loss="binary_cross_entropy_with_logits", epochs=300, progress=False,
            optimizer=SGD(model.parameters(), 0.5, momentum=0.9),
        )  # fmt: skip
        found = evaluate(model, XOR_X, XOR_Y, "binary_cross_entropy_with_logits", ["accuracy"])
        solved += found["accuracy"] == 1.0
    assert solved >= 9


@pytest.mark.once  # both engines take the same steps, to the last bit
def test_the_demo_reaches_95_percent_on_iris_98_on_moons_97_on_digits_and_saves_the_weights(tmp_path, capsys):
    demo = runpy.run_path(str(Path(__file__).parent.parent / "docs" / "examples" / "demo.py"))
    demo["main"](str(tmp_path / "demo"))
    printed = capsys.readouterr().out
    found = re.findall(r"accuracy ([\d.]+)% on what was held out", printed)
    iris, moons, digits = map(float, found)
    assert iris >= 95.0
    assert moons >= 98.0
    assert digits >= 97.0
    assert repr(nn.load(tmp_path / "demo" / "iris.json")) == "MLP(4 → 8 → 3, tanh, linear)"
    assert len(nn.load(tmp_path / "demo" / "moons.json").predict([[0.0, 0.0]])) == 1


def first_and_last_norms(activation, init):
    rng = random.Random(0)
    model = MLP(8, [8] * 9 + [1], activation, init=init, rng=1)
    for _ in range(10):
        nn.half_mse(model([rng.gauss(0, 1) for _ in range(8)]), 1.0).backward()
    norms = list(nn.gradient_norms(model).values())
    assert len(norms) == 10
    return norms[0], norms[-1]


def test_gradients_vanish_through_ten_sigmoid_layers_and_not_through_relu_with_he():
    first, last = first_and_last_norms("sigmoid", "xavier_uniform")
    assert 0.0 < first < last / 1e4
    first, last = first_and_last_norms("relu", "he_normal")
    assert last / 10 < first < last * 10


def test_large_weights_make_gradients_explode():
    first, last = first_and_last_norms("relu", nn.normal(2.0))
    assert first > 10 * last or last > 1e4


def test_l1_leaves_more_weights_near_zero_than_no_penalty():
    rng = random.Random(0)
    X = [[rng.gauss(0, 1) for _ in range(6)] for _ in range(60)]
    y = [2.0 * x[0] - x[1] for x in X]
    near_zero = []
    for penalty in (None, nn.L1(0.1)):
        model = MLP(6, [1], rng=1)
        fit(
            model,
            X,
            y,
            loss="half_mse",
            optimizer=SGD(model.parameters(), 0.05),
            epochs=150,
            penalty=penalty,
            progress=False,
        )
        near_zero.append(sum(abs(w.data) < 1e-2 for w in model.layers[0].neurons[0].weights[2:]))
        assert abs(model.layers[0].neurons[0].weights[0].data) > 1.0
    assert near_zero[1] == 4
    model = MLP(6, [1], rng=1)
    fit(
        model,
        X,
        [y + 0.5 for y in y],
        optimizer=SGD(model.parameters(), 0.05),
        epochs=100,
        penalty=nn.L2(5.0),
        progress=False,
    )
    assert abs(model.layers[0].neurons[0].weights[0].data) < 1.0
    assert model.layers[0].neurons[0].bias.data == pytest.approx(0.5, abs=0.25), "biases are not penalised"


def test_penalties_are_their_formulas_and_act_on_weights_only():
    model = MLP(2, [2, 1], rng=0)
    for p in model.parameters():
        p.data = -2.0
    weights = model.weight_parameters()
    for penalty, value, gradient in (
        (nn.L1(0.5), 0.5 * 12.0, -0.5),
        (nn.L2(0.5), 0.25 * 24.0, -1.0),
        (nn.ElasticNet(0.5, 0.5), 6.0 + 6.0, -1.5),
    ):
        model.zero_grad()
        cost = penalty(weights)
        cost.backward()
        assert cost.data == pytest.approx(value)
        assert [w.grad for w in weights] == pytest.approx([gradient] * 6)
        assert all(n.bias.grad == 0.0 for layer in model.layers for n in layer.neurons)


# How it goes through the data.


def test_minibatches_cover_everything_once_in_a_new_order_each_time():
    rng = random.Random(0)
    first, second = list(minibatches(10, 4, rng)), list(minibatches(10, 4, rng))
    assert [len(batch) for batch in first] == [4, 4, 2]
    assert sorted(chain(*first)) == sorted(chain(*second)) == list(range(10))
    assert first != second
    assert list(minibatches(3)) == [[0, 1, 2]]


def test_a_step_averages_the_gradients_of_its_batch_the_short_one_too():
    class Gradients(Callback):
        def __init__(self):
            self.seen = []

        def on_gradients(self, training):
            self.seen.append([p.grad for p in training.model.parameters()])

    spy = Gradients()
    line(batch_size=2, rng=0, epochs=1, callbacks=[spy], optimizer=None)
    model = MLP(1, [1], rng=0)
    optimizer = SGD(model.parameters(), 0.05)
    for batch, grads in zip(minibatches(5, 2, rng=0), spy.seen, strict=True):
        model.zero_grad()
        losses = [nn.mse(model(LINE_X[i]), LINE_Y[i]) for i in batch]
        (sum(losses[1:], losses[0]) / len(batch)).backward()
        assert grads == pytest.approx([p.grad for p in model.parameters()], rel=1e-12, abs=0.0)
        optimizer.step()


def test_the_mini_batch_gradient_is_an_unbiased_estimate_of_the_full_one():
    """Row 17: its mean over all batches of an epoch is the full gradient, where batches are equal."""
    model = MLP(1, [2, 1], rng=0)

    def gradient(rows):
        model.zero_grad()
        for i in rows:
            nn.mse(model(LINE_X[i]), LINE_Y[i]).backward(1.0 / len(rows))
        return [p.grad for p in model.parameters()]

    batches = [gradient(batch) for batch in minibatches(4, 2, rng=0)]
    assert [sum(column) / 2 for column in zip(*batches, strict=True)] == pytest.approx(
        gradient(range(4)), rel=1e-12, abs=0.0
    )


@pytest.mark.parametrize("batch_size", [None, 1, 2, 5])
def test_full_batch_stochastic_and_mini_batch_all_fit_the_line(batch_size):
    model, history = line(batch_size=batch_size, rng=0, epochs=300)
    assert model.predict([[10.0]])[0] == pytest.approx(21.0, abs=0.1)
    assert len(history) == 300


def test_one_batch_of_everything_needs_no_rng_unless_it_is_drawn_with_replacement():
    assert line(rng=None)[1].loss == line(rng=5)[1].loss == line(rng=None, batch_size=5)[1].loss
    with pytest.raises(ValueError, match="shuffling into batches needs randomness: pass rng=0"):
        line(rng=None, replacement=True)
    with pytest.raises(TypeError, match="rng must be an int seed or a random.Random, not str '5'"):
        line(rng="5")


def test_the_same_seed_gives_the_same_run_bit_by_bit():
    runs = [line(batch_size=2, rng=3, epochs=4, compiled=False) for _ in range(2)]
    assert runs[0][0].state_dict() == runs[1][0].state_dict()
    assert runs[0][1].loss == runs[1][1].loss
    assert line(batch_size=2, rng=4, epochs=4)[1].loss != runs[0][1].loss


def test_the_recorded_loss_is_the_mean_over_examples_before_each_step():
    model = MLP(1, [1], rng=0)
    before = evaluate(model, LINE_X, LINE_Y)["loss"]
    _, history = line(model=model, epochs=2)
    assert history.loss[0] == pytest.approx(before, rel=1e-15, abs=0.0)
    assert history.loss[1] < history.loss[0]


def test_split_keeps_rows_and_targets_together():
    X, y = [[i] for i in range(10)], [10 * i for i in range(10)]
    train_x, train_y, held_x, held_y = nn.split(X, y, 0.3, rng=0)
    assert (len(train_x), len(held_x)) == (7, 3)
    assert sorted(x[0] for x in train_x + held_x) == list(range(10))
    assert all(10 * x[0] == t for x, t in zip(train_x + held_x, train_y + held_y, strict=True))
    with pytest.raises(ValueError, match="neither part may be empty"):
        nn.split(X, y, 0.01, rng=0)


# What it measures.


def test_validation_and_metrics_are_recorded_under_their_names():
    def largest(predictions, targets):
        return max(abs(p - t) for p, t in zip(predictions, targets, strict=True))

    model, history = line(validation=(LINE_X[:2], LINE_Y[:2]), metrics=["mae", "r2", largest], penalty=nn.L2(0.1))
    assert list(history.columns) == [
        "loss", "mae", "r2", "largest", "penalty",
        "validation_loss", "validation_mae", "validation_r2", "validation_largest", "learning_rate", "seconds",
    ]  # fmt: skip
    assert all(len(column) == 5 for column in history.columns.values())
    found = evaluate(model, LINE_X[:2], LINE_Y[:2], metrics=["mae"])
    assert history.validation_loss[-1] == found["loss"]
    assert history["validation_mae"][-1] == found["mae"]


def test_dropout_is_on_in_training_and_off_in_validation():
    class Modes(Dropout):
        def __init__(self):
            super().__init__(0.5, rng=0)
            self.seen = []

        def forward(self, inputs):
            self.seen.append(self.training)
            return super().forward(inputs)

    spy = Modes()
    model = Sequential(Layer(1, 3, rng=0), spy, Layer(3, 1, rng=1)).eval()
    line(model=model, epochs=1, validation=(LINE_X[:2], LINE_Y[:2]))
    assert spy.seen[-7:] == [True] * 5 + [False] * 2
    assert not spy.training, "the mode is put back"


def test_history_is_exported_with_all_its_digits(tmp_path):
    _, history = line(validation=(LINE_X, LINE_Y))
    history.to_csv(tmp_path / "h.csv")
    history.to_json(tmp_path / "h.json")
    rows = list(csv.DictReader(io.StringIO((tmp_path / "h.csv").read_text())))
    assert [float(row["loss"]) for row in rows] == history.loss
    assert [row["epoch"] for row in rows] == ["1", "2", "3", "4", "5"]
    assert json.loads((tmp_path / "h.json").read_text()) == {"stopped_by": "epochs", "columns": history.columns}
    assert "5 epochs, stopped_by='epochs'" in repr(history)
    assert history._repr_html_().count("<tr>") == 6
    with pytest.raises(KeyError, match="it has loss, validation_loss"):
        history["acuracy"]


def test_history_escapes_what_callbacks_say():
    history = History(["loss"])
    history.stopped_by = "<script>"
    assert "<script>" not in history._repr_html_()
