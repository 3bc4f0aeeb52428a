"""fit by Programs: the same trajectory as by scalars, to 1e-9 after 100 epochs, whatever the settings."""

# ruff: noqa: N803 (X is the field's name)

import functools
import math
import random
import sys

import pytest

import nn
from autodiff import CompileError, Value, tanh
from nn import (
    MLP,
    SGD,
    Adam,
    Dropout,
    EarlyStopping,
    Embedding,
    Layer,
    LayerNorm,
    Module,
    Sequential,
    Softmax,
    Standardize,
    fit,
)

pytest.importorskip("numpy")

rng = random.Random(0)
X = [[rng.uniform(-1.0, 1.0) for _ in range(3)] for _ in range(22)]
Y = [math.sin(2.0 * a) + b * c for a, b, c in X]
LABELS = [float(a > b) for a, b, _ in X]
CLASSES = [float(a > b) + float(b > c) for a, b, c in X]


def perceptron():
    return MLP(3, [5, 1], rng=1)


def trained(make, compiled, X=X, y=Y, optimizer=SGD, lr=0.05, epochs=100, **settings):
    """The model and the history of a run; what has a memory is made anew by functions in ``settings``."""
    model = make()
    made = {name: given() if name in ("callbacks", "rng") else given for name, given in settings.items()}
    made = {"batch_size": 5, "rng": 0, "progress": False, **made}
    return model, fit(
        model, X, y, optimizer=optimizer(model.parameters(), lr), epochs=epochs, compiled=compiled, **made
    )


def require_one_trajectory(make, **settings):
    """Compiled, and as scalars: parameters and history; the history of the compiled run."""
    (model, history), (expected, expected_history) = (trained(make, compiled, **settings) for compiled in (True, False))
    assert (history.engine, expected_history.engine) == ("compiled", "scalars")
    assert history.stopped_by == expected_history.stopped_by
    for name, column in expected_history.columns.items():
        if name != "seconds":
            assert history[name] == pytest.approx(column, rel=1e-9, abs=1e-13), name
    assert model.state_dict() == pytest.approx(expected.state_dict(), rel=1e-9, abs=1e-12)
    return history


OPTIMIZERS = {
    "SGD": SGD,
    "momentum": functools.partial(SGD, momentum=0.9),
    "Nesterov": functools.partial(SGD, momentum=0.9, nesterov=True),
    "weight decay": functools.partial(SGD, weight_decay=0.01),
    "RMSProp": nn.RMSProp,
    "AdaGrad": nn.AdaGrad,
    "Adam": Adam,
    "AdamW": nn.AdamW,
}


@pytest.mark.parametrize("optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_every_optimizer_takes_the_steps_that_it_takes_on_scalars(optimizer):
    require_one_trajectory(perceptron, optimizer=optimizer, lr=0.01)


SETTINGS = {
    "the whole of the examples": {"batch_size": None},
    "one by one": {"batch_size": 1, "epochs": 20},
    "with replacement": {"replacement": True},
    "clip_norm": {"clip_norm": 0.1},
    "clip_value": {"clip_value": 0.05},
    "a schedule by epoch": {"schedule": nn.CosineDecay(100)},
    "a schedule by step": {"schedule": nn.ExponentialDecay(0.99, per="step")},
    "L1": {"penalty": nn.L1(0.01)},
    "L2": {"penalty": nn.L2(0.1)},
    "an elastic net": {"penalty": nn.ElasticNet(0.01, 0.1)},
    "weights": {"sample_weight": [i % 3 for i in range(22)]},
    "weights of a sum": {"sample_weight": [i % 3 for i in range(22)], "loss": "sum_of_squared_errors", "lr": 0.01},
    "class weights": {"y": LABELS, "loss": "binary_cross_entropy_with_logits", "class_weight": "balanced"},
    "metrics": {"y": LABELS, "loss": "binary_cross_entropy_with_logits", "metrics": ["accuracy", "f1"]},
    "validation": {"validation": (X[:21], Y[:21]), "metrics": ["rmse"]},
    "best weights": {
        "validation": (X[:21], Y[21:0:-1]), "callbacks": lambda: [EarlyStopping(patience=3)], "lr": 0.5,
    },
    "a tolerance": {"tolerance": 2e-3},
}  # fmt: skip


@pytest.mark.once
@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_every_setting_of_fit_means_what_it_means_on_scalars(settings):
    history = require_one_trajectory(perceptron, **settings)
    if "callbacks" in settings:
        assert history.stopped_by == "early stopping"


def test_dropout_draws_the_masks_that_it_draws_on_scalars():
    def model():
        shared = random.Random(5)
        return Sequential(
            Layer(3, 6, "tanh", rng=1), Dropout(0.3, rng=shared), Layer(6, 5, "relu", rng=2), Dropout(0.5, rng=shared),
            Layer(5, 2, rng=3), Dropout(0.1, rng=7),
        )  # fmt: skip

    y = [[a, b] for a, b, _ in X]
    require_one_trajectory(model, y=y, sample_weight=[i % 3 for i in range(22)], optimizer=Adam, lr=0.01)
    after = [[m.rng.random() for m in trained(model, c, y=y, epochs=3)[0].layers[1::2]] for c in (True, False)]
    assert after[0] == after[1], "each generator was asked as often"


class Attention(Module):
    """One's own: features weighed by their likeness to a learned query; a parameter twice, and one that is unused."""

    def __init__(self):
        self.query = [Value(0.1 * (i + 1)) for i in range(3)]
        self.unused = Value(1.0)
        self.head = Layer(3, 2, rng=4)

    def forward(self, inputs):
        scores = nn.Softmax()([q * x for q, x in zip(self.query, inputs, strict=True)])
        return self.head.forward([tanh(s * x) + q for s, x, q in zip(scores, inputs, self.query, strict=True)])


class Noise(Module):
    """One's own that draws: normal noise on each input, in training."""

    def __init__(self):
        self.rng = random.Random(3)

    def draw(self, count):
        return [self.rng.gauss(0.0, 0.1) for _ in range(count)]

    def forward(self, inputs):
        return [x + e for x, e in zip(inputs, self.draw(len(inputs)), strict=True)] if self.training else inputs


TIED = Layer(3, 3, "tanh", rng=2)
LAYERS = {
    **{name: functools.partial(MLP, 3, [4, 2], name, rng=1) for name in nn.ACTIVATIONS},
    "single operations": lambda: MLP(3, [4, 2], fused=False, rng=1),
    "no biases": lambda: MLP(3, [4, 2], bias=False, rng=1),
    "an activation of one's own": lambda: MLP(3, [4, 2], lambda a: tanh(a) * a, rng=1),
    "Dropout": lambda: Sequential(Dropout(0.4, rng=0), Layer(3, 2, rng=1)),
    "LayerNorm": lambda: Sequential(Layer(3, 4, "tanh", rng=1), LayerNorm(4), Layer(4, 2, rng=2)),
    "Softmax": lambda: Sequential(Layer(3, 2, rng=1), Softmax()),
    "Standardize": lambda: Sequential(Standardize.of(X), Layer(3, 2, rng=1), nn.Unstandardize([1.0, 2.0], [3.0, 4.0])),
    "one layer twice": lambda: Sequential(TIED, TIED, Layer(3, 2, rng=1)),
    "attention": Attention,
    "noise": lambda: Sequential(Noise(), Layer(3, 2, rng=1)),
}  # fmt: skip


@pytest.mark.parametrize("make", LAYERS.values(), ids=LAYERS)
def test_every_layer_compiles(make):
    start = TIED.state_dict()

    def fresh():
        TIED.load_state_dict(start)
        return make()

    require_one_trajectory(fresh, y=[[abs(a), abs(b)] for a, b, _ in X], epochs=30)


def test_an_embedding_picks_by_one_hot_vectors_however_often_it_is_used():
    def model():
        words = Embedding(7, 3, places=2, rng=1)
        return Sequential(words, Layer(6, 4, "tanh", rng=2), Layer(4, 1, rng=3))

    pairs = [[float(i % 7), float(i * i % 7)] for i in range(22)]
    require_one_trajectory(model, X=pairs, optimizer=Adam, lr=0.05)
    compiled, _ = trained(model, True, X=pairs, epochs=1)
    assert compiled.predict(pairs, compiled=True) == pytest.approx(
        compiled.predict(pairs, compiled=False), rel=1e-12, abs=1e-15
    )


def test_rows_that_memory_does_not_hold_at_once_come_in_parts(monkeypatch):
    def model():
        return Sequential(Embedding(7, 3, places=2, rng=1), Dropout(0.2, rng=3), Layer(6, 1, rng=2))

    monkeypatch.setattr(nn.tracing, "ENTRIES", 60)
    pairs = [[float(i % 7), float(i * i % 7)] for i in range(22)]
    sample_weight = [i % 3 for i in range(22)]
    require_one_trajectory(model, X=pairs, sample_weight=sample_weight, batch_size=11, validation=(pairs[:21], Y[:21]))


def test_an_index_that_is_none_is_refused_as_on_scalars_with_its_example():
    model = Sequential(Embedding(3, 2, rng=0), Layer(2, 1, rng=1))
    rows = [[0.0], [1.0], [2.0], [1.5], [0.0]]
    with pytest.raises(nn.TrainingError, match=r"example X\[3\]: Embedding\(3, 2\) takes indices 0 … 2, not 1.5"):
        fit(model, rows, [0.0] * 5, optimizer=SGD(model.parameters()), epochs=1, compiled=True, progress=False)
    with pytest.raises(ValueError, match=r"takes indices 0 … 2, not 1.5"):
        model.predict(rows * 10)


def targets_of(name):
    """What a loss takes, a model for it, and whether several outputs make sense."""
    if name == "hinge":
        return [2.0 * t - 1.0 for t in LABELS], "linear", 1
    if name in ("cross_entropy", "negative_log_likelihood"):
        return CLASSES, "linear", 3
    if name.startswith("binary"):
        return [[t, 1.0 - t] for t in LABELS], "sigmoid" if name == "binary_cross_entropy" else "linear", 2
    return [[a, b] for a, b, _ in X], "linear", 2


@pytest.mark.once
@pytest.mark.parametrize("name", nn.LOSSES)
def test_every_loss_compiles(name):
    y, output, outputs = targets_of(name)

    def model():
        network = MLP(3, [4, outputs], "tanh", output, rng=1)
        return Sequential(network, Softmax()) if name == "negative_log_likelihood" else network

    require_one_trajectory(model, y=y, loss=name, lr=0.02)


OWN_LOSSES = {
    "a function": lambda prediction, target: (prediction - target) ** 4,
    "of ours": lambda prediction, target: nn.mse(prediction, target) + 0.1 * nn.mae(prediction, target),
    "with a setting": functools.partial(nn.huber, delta=0.5),
    "a Loss": nn.Loss(lambda prediction, target: abs(prediction - target) ** 1.5, meaning="value", reduction="sum"),
}


@pytest.mark.parametrize("loss", OWN_LOSSES.values(), ids=OWN_LOSSES)
def test_a_loss_of_ones_own_compiles(loss):
    require_one_trajectory(perceptron, loss=loss, lr=0.01)


def test_a_penalty_of_ones_own_compiles():
    def penalty(weights):
        return 0.01 * nn.L2(1.0)([w**2 for w in weights])

    require_one_trajectory(perceptron, penalty=penalty)


@pytest.mark.parametrize("optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_the_rules_of_optimizers_give_the_same_bits_on_lists_and_on_arrays(optimizer, monkeypatch):
    def steps():
        parameters = [Value(rng.uniform(-1.0, 1.0)) for rng in [random.Random(1)] for _ in range(50)]
        moving, draws = optimizer(parameters, 0.01), random.Random(2)
        for _ in range(10):
            for p in parameters:
                p.grad = draws.choice([0.0, draws.gauss(0.0, 1.0)])
            nn.clip_grad_norm(parameters, 3.0)
            nn.clip_grad_value(parameters, 0.5)
            moving.step()
        return [p.data for p in parameters], moving.state_dict()

    on_arrays = steps()
    monkeypatch.setitem(sys.modules, "numpy", None)
    assert steps() == on_arrays


def test_an_optimizer_of_ones_own_is_given_lists():
    class Sign(nn.Optimizer):
        settings = ()

        def update(self, data, grads):
            assert isinstance(data, list)
            assert isinstance(grads, list)
            return [x - self.lr * ((g > 0.0) - (g < 0.0)) for x, g in zip(data, grads, strict=True)], {}

    require_one_trajectory(perceptron, optimizer=Sign, lr=0.01, epochs=5)


def test_frozen_parameters_stand_still():
    def model():
        made = MLP(3, [4, 4, 1], rng=1)
        made.layers[1].freeze()
        return made

    require_one_trajectory(model, penalty=nn.L2(0.1), clip_norm=0.2, optimizer=Adam, lr=0.01)
    compiled, _ = trained(model, True, epochs=3)
    assert compiled.layers[1].state_dict() == model().layers[1].state_dict()


def test_gradients_of_a_step_are_those_of_scalars_and_a_callback_sees_and_changes_them():
    class Noted(nn.Callback):
        def __init__(self):
            self.grads = []

        def on_gradients(self, training):
            parameters = training.model.parameters()
            self.grads.append([p.grad for p in parameters])
            for p in parameters:
                p.grad *= 0.5
            parameters[0].data = 0.25

    noted = []
    require_one_trajectory(
        perceptron, callbacks=lambda: noted.append(Noted()) or noted[-1:], epochs=10, penalty=nn.L2(1.0)
    )
    compiled, scalars = noted
    assert len(compiled.grads) == 50
    for a, b in zip(compiled.grads, scalars.grads, strict=True):
        assert a == pytest.approx(b, rel=1e-9, abs=1e-13)


@pytest.mark.parametrize("first", [True, False], ids=["from compiled to scalars", "from scalars to compiled"])
def test_a_run_is_resumed_on_the_other_engine(tmp_path, first):
    def model():
        return Sequential(Layer(3, 5, "tanh", rng=1), Dropout(0.2, rng=2), Layer(5, 1, rng=3))

    def run(compiled, epochs, **more):
        return trained(model, compiled, epochs=epochs, optimizer=Adam, lr=0.01, penalty=nn.L2(0.01), **more)

    path = tmp_path / "run.json"
    run(first, 20, callbacks=lambda: [nn.Checkpoint(path)])
    resumed, history = run(not first, 40, callbacks=lambda: [nn.Checkpoint(path)], resume=path)
    expected, whole = run(False, 40)
    assert history.loss == pytest.approx(whole.loss, rel=1e-9, abs=0.0)
    assert resumed.state_dict() == pytest.approx(expected.state_dict(), rel=1e-9, abs=1e-12)
    assert history.engine == ("scalars" if first else "compiled")


def test_compiled_is_none_true_or_false():
    for wrong in ("yes", 1, 0.0):
        with pytest.raises(ValueError, match="compiled is None, True or False, not"):
            trained(perceptron, wrong, epochs=1)
        with pytest.raises(ValueError, match="compiled is None, True or False, not"):
            perceptron().predict(X, compiled=wrong)
    assert trained(perceptron, None, epochs=1)[1].engine == "compiled"
    with pytest.raises(CompileError, match="draws random numbers"):
        trained(lambda: Sequential(Undrawn(), Layer(3, 1, rng=0)), True, epochs=1)


class Undrawn(Module):
    def __init__(self):
        self.rng = random.Random(0)

    def forward(self, inputs):
        return [x + self.rng.random() for x in inputs]
