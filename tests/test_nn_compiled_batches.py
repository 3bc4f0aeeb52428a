"""How compiled training goes through its batches: in how many calls, of which rows, and what it asks of the model."""

# ruff: noqa: ARG002 (a callback takes the run, used or not)

import random

import numpy as np
import pytest

import nn
from autodiff import CompileError, Value, detect_anomaly, exp, log, no_grad
from nn import MLP, SGD, Callback, Dropout, Layer, Sequential, fit

rng = random.Random(0)
X = [[rng.uniform(-1.0, 1.0) for _ in range(2)] for _ in range(8)]
Y = [a + 2.0 * b for a, b in X]
WEIGHTS = [1.0, 2.0, 0.0, 1.0, 0.5, 1.0, 0.0, 3.0]


class Noted(MLP):
    """Counts how often it runs on numbers and Values, one example at a time."""

    calls = 0

    def forward(self, inputs):
        type(self).calls += 1
        return super().forward(inputs)


class Watches(Callback):
    """May change the model between two steps, and does where it is told to."""

    def __init__(self, change=None):
        self.change = change

    def on_gradients(self, training):
        if self.change:
            self.change(training)


def trained(model=None, *, y=Y, compiled=None, **settings):
    model = model or MLP(2, [3, 1], rng=0)
    optimizer = SGD(model.parameters(), settings.pop("lr", 0.05))
    made = {"epochs": 3, "batch_size": 3, "rng": 0, "progress": False, **settings}
    return fit(model, X, y, optimizer=optimizer, compiled=compiled, **made)


@pytest.fixture
def calls():
    Noted.calls = 0
    return lambda: Noted.calls


@pytest.mark.parametrize(
    ("callbacks", "expected"),
    [([], 1 + 3), ([Watches()], 1 + 3), ([Callback()], 1 + 3)],
    ids=["alone", "watched", "with a callback that does not watch"],
)
def test_a_model_is_traced_once_and_run_on_one_example_of_each_epoch(callbacks, expected, calls):
    trained(Noted(2, [3, 1], rng=0), callbacks=callbacks)
    assert calls() == expected


def test_what_a_callback_changes_in_the_middle_of_an_epoch_is_traced_at_once(calls):
    def bend(training):
        if training.step == 4:
            training.model.layers[0].neurons[0].activation = "relu"

    models = Noted(2, [3, 1], rng=0), Noted(2, [3, 1], rng=0)
    history = trained(models[0], callbacks=[Watches(bend)])
    assert calls() == (1 + 3) + 2, "once more to trace it, and on one example"
    expected = trained(models[1], callbacks=[Watches(bend)], compiled=False)
    assert history.loss == pytest.approx(expected.loss, rel=1e-12, abs=0.0)


@pytest.mark.parametrize(("callbacks", "expected"), [([], 1 + 3), ([Watches()], 1 + 9)], ids=["alone", "watched"])
def test_a_penalty_is_traced_once_and_compared_in_every_epoch_or_where_it_may_change_in_every_step(callbacks, expected):
    asked = []

    def penalty(weights):
        asked.append(weights)
        return 0.1 * nn.L2(1.0)(weights)

    history = trained(penalty=penalty, callbacks=callbacks)
    assert history.engine == "compiled"
    assert len(asked) == expected


def test_a_penalty_that_changes_numbers_of_its_own_is_found_out_in_the_next_epoch():
    strength = [0.5]

    def penalty(weights):
        return strength[0] * nn.L2(1.0)(weights)

    class Weaken(Callback):
        def on_epoch_end(self, training):
            strength[0] = 0.1

    found = []
    for compiled in (None, False):
        strength[0] = 0.5
        found.append(trained(penalty=penalty, callbacks=[Weaken()], compiled=compiled))
    assert found[0].penalty == pytest.approx(found[1].penalty, rel=1e-12, abs=0.0)
    assert found[0].engine.startswith("compiled, the penalty on scalars: scalars give ")
    strength[0] = 0.5
    with pytest.raises(CompileError, match="^the penalty: scalars give "):
        trained(penalty=penalty, callbacks=[Weaken()], compiled=True)


def test_examples_of_weight_zero_leave_a_batch_its_size_and_what_stands_for_them_does_not_count(monkeypatch):
    rows, seeds = [], []

    class Noting(nn.training.Backend):
        def pull_back(self, program, given, of, theta):
            rows.append(len(given))
            seeds.append(np.array(of))
            return super().pull_back(program, given, of, theta)

    monkeypatch.setattr(nn.training, "Backend", Noting)
    settings = {"sample_weight": WEIGHTS, "metrics": ["mae"], "epochs": 2}
    models = MLP(2, [3, 1], rng=0), MLP(2, [3, 1], rng=0)
    history = trained(models[0], **settings)
    assert rows == [3, 3, 2] * 2
    assert sum(int((of == 0.0).sum()) for of in seeds) == 2 * WEIGHTS.count(0.0)
    assert all(of.sum() == pytest.approx(1.0, rel=1e-15, abs=0.0) for of in seeds)
    expected = trained(models[1], compiled=False, **settings)
    assert history.loss == pytest.approx(expected.loss, rel=1e-12, abs=0.0)
    assert history.mae == pytest.approx(expected.mae, rel=1e-12, abs=0.0)
    assert models[0].state_dict() == pytest.approx(models[1].state_dict(), rel=1e-12, abs=1e-15)


@pytest.mark.parametrize("outputs", [1, 2])
def test_metrics_are_given_the_predictions_of_the_examples_that_count_with_their_targets(outputs):
    targets = Y if outputs == 1 else [[y, -y] for y in Y]
    seen = []

    def noted(predictions, given):
        seen.append((predictions, given))
        return 0.0

    for compiled in (True, False):
        model = MLP(2, [outputs], rng=0)
        trained(model, y=targets, compiled=compiled, sample_weight=WEIGHTS, metrics=[noted], epochs=1)
    (predictions, given), (expected, expected_targets) = seen
    assert given == expected_targets
    assert np.array(predictions) == pytest.approx(np.array(expected), rel=1e-12, abs=1e-15)
    assert [type(p) for p in predictions] == [float if outputs == 1 else list] * 6


def test_dropout_that_is_off_draws_nothing():
    def model():
        return Sequential(Layer(2, 4, rng=0), Dropout(0.5, rng=7), Layer(4, 1, rng=1))

    class Off(Callback):
        def on_gradients(self, training):
            training.model.layers[1].eval()

    found = []
    for compiled in (None, False):
        model_of_it = model()
        history = trained(model_of_it, callbacks=[Off()], compiled=compiled)
        found.append((history.loss, model_of_it.layers[1].rng.getstate()))
    assert found[0][0] == pytest.approx(found[1][0], rel=1e-12, abs=0.0)
    assert found[0][1] == found[1][1]


def test_a_batch_that_a_program_refuses_is_done_by_scalars_which_draw_what_they_would_have_drawn(monkeypatch):
    def model():
        return Sequential(Layer(2, 4, rng=0), Dropout(0.5, rng=7), Layer(4, 1, rng=1))

    class Refusing(nn.training.Backend):
        batches = 0

        def pull_back(self, *arguments):
            type(self).batches += 1
            if self.batches in (2, 3):
                raise (ValueError, OverflowError)[self.batches - 2]
            return super().pull_back(*arguments)

    expected = trained(of_scalars := model(), compiled=False)
    monkeypatch.setattr(nn.training, "Backend", Refusing)
    history = trained(refused := model())
    assert history.engine == "compiled"
    assert history.loss == pytest.approx(expected.loss, rel=1e-12, abs=0.0)
    assert refused.state_dict() == pytest.approx(of_scalars.state_dict(), rel=1e-10, abs=1e-13)
    assert refused.layers[1].rng.getstate() == of_scalars.layers[1].rng.getstate()


def test_a_backend_that_cannot_serve_is_no_failure_of_a_batch(monkeypatch):
    class Gone(nn.training.Backend):
        def pull_back(self, *_):
            raise CompileError("gone")

    monkeypatch.setattr(nn.training, "Backend", Gone)
    assert trained().engine == "scalars: gone"
    with pytest.raises(CompileError, match="^gone$"):
        trained(compiled=True)


def test_the_gradients_of_a_penalty_are_added_to_those_of_the_batch_and_none_is_lost():
    class Grads(Callback):
        def __init__(self):
            self.seen = []

        def on_gradients(self, training):
            self.seen.append([p.grad for p in training.model.parameters()])

    def gradients(**settings):
        grads = Grads()
        trained(lr=0.0, epochs=1, batch_size=None, callbacks=[grads], **settings)
        return np.array(grads.seen[0])

    both = gradients(penalty=nn.L2(2.0))
    model = MLP(2, [3, 1], rng=0)
    of_weights = {id(w) for w in model.weight_parameters()}
    of_penalty = [2.0 * p.data if id(p) in of_weights else 0.0 for p in model.parameters()]
    assert both - gradients() == pytest.approx(np.array(of_penalty), rel=1e-12, abs=1e-15)


def test_a_penalty_that_fails_for_some_numbers_fails_as_on_scalars():
    def penalty(weights):
        return (weights[0] - 10.0) ** 0.5

    with pytest.raises(nn.TrainingError, match="^epoch 1, batch 1: "):
        trained(penalty=penalty)


@pytest.mark.parametrize("batch_size", [3, None])
@pytest.mark.parametrize("start", [-0.5, 1.0], ids=["in a later step", "in the first"])
@pytest.mark.parametrize("function", [lambda w: log(0.1 - w), lambda w: exp(2000.0 * w)])
def test_a_penalty_that_is_not_finite_is_told_as_on_scalars(start, function, batch_size):
    def penalty(weights):
        return 0.0 * function(weights[0])

    messages = []
    for compiled in (None, False):
        model = MLP(2, [1], init=nn.all_equal(start))
        with pytest.raises(nn.TrainingError, match="^epoch [12], batch [123]: ") as caught, detect_anomaly():
            settings = {"penalty": penalty, "lr": 1.0, "batch_size": batch_size}
            trained(model, y=[10.0 * a for a, _ in X], compiled=compiled, **settings)
        messages.append(str(caught.value))
    assert messages[0] == messages[1]
    assert "made at" in messages[0]


@pytest.mark.parametrize(("counting", "rows"), [(3, [2, 2]), (4, [2, 2]), (5, [2, 2, 2]), (8, [2, 2, 2, 2])])
def test_a_batch_that_memory_does_not_hold_comes_in_parts_of_one_size(counting, rows, monkeypatch):
    asked = []

    class Noting(nn.training.Backend):
        def pull_back(self, program, given, of, theta):
            asked.append(len(given))
            return super().pull_back(program, given, of, theta)

    settings = {"sample_weight": [1.0] * counting + [0.0] * (8 - counting), "batch_size": None, "metrics": ["mae"]}
    expected = trained(compiled=False, **settings)
    monkeypatch.setattr(nn.training, "Backend", Noting)
    monkeypatch.setattr(nn.tracing, "ENTRIES", 2 * 3)  # two rows of two inputs and a target
    history = trained(epochs=1, **settings)
    assert asked == rows
    assert [history.loss[0], history.mae[0]] == pytest.approx([expected.loss[0], expected.mae[0]], rel=1e-12, abs=0.0)


class Gated(nn.Module):
    """A number that no graph shows: what it does with it, a trace takes for a constant."""

    inputs = 2

    def __init__(self, combine):
        self.w, self.combine = Value(1.0), combine

    def forward(self, inputs):
        with no_grad():
            gate = inputs[1] * 1.0
        return self.combine(self.w * inputs[0], gate)


@pytest.mark.parametrize(
    ("combine", "rows", "message"),
    [
        (lambda x, gate: [x * gate], [[1.0, 5.0], [2.0, 3.0]], "scalars give 5 where the compiled model gives 3"),
        (lambda x, gate: [log(x + gate)], [[1.0, 5.0], [10.0, -5.0]], "it fails where scalars do not: .*log is not d"),
        (lambda x, gate: [exp(x * gate)], [[100.0, 1.0], [1.0, 100.0]], "it fails where scalars do not: .*overflow"),
    ],
)
def test_what_a_trace_takes_for_a_constant_is_found_out_with_two_examples_too(combine, rows, message):
    model = Gated(combine)
    settings = {"optimizer": SGD(model.parameters(), 1e-300), "epochs": 1, "progress": False}
    assert fit(model, rows, [0.0, 0.0], **settings).engine.startswith("scalars: ")
    with pytest.raises(CompileError, match=f"^{message}"):
        fit(model, rows, [0.0, 0.0], compiled=True, **settings)


def test_outputs_and_the_loss_are_each_compared_with_scalars():
    def of_the_first(outputs, target):
        return (outputs[0] - target[0]) ** 2

    def doubled_on_floats(prediction, target):
        return (prediction - target) ** 2 * (2.0 if isinstance(target, float) else 1.0)

    y = [[a, b] for a, b in X]
    history = trained(Gated(lambda x, gate: [x, gate]), y=y, loss=of_the_first, metrics=["rmse"])
    assert history.engine.startswith("scalars: scalars give ")
    assert trained(loss=doubled_on_floats).engine.startswith("scalars: scalars give ")


def test_an_error_in_the_first_example_of_an_epoch_names_it():
    def of_logarithms(prediction, target):
        return log(target) * prediction

    with pytest.raises(nn.TrainingError, match=r"^epoch 1, batch 1, example X\[0\]: log is not defined") as caught:
        trained(y=[-1.0, *[1.0] * 7], batch_size=None, loss=of_logarithms)
    assert caught.value.example == 0


def test_a_value_beside_the_model_in_a_loss_is_told_apart_when_it_is_another():
    class Scaled:
        def __init__(self):
            self.factor = Value(1.0)

        def __call__(self, prediction, target):
            return self.factor * (prediction - target) ** 2

    loss = Scaled()

    class Replace(Callback):
        def on_epoch_end(self, training):
            loss.factor = Value(3.0)

    found = []
    for compiled in (None, False):
        loss.factor = Value(1.0)
        found.append(trained(loss=loss, callbacks=[Replace()], compiled=compiled, lr=0.01).loss)
    assert found[0] == pytest.approx(found[1], rel=1e-12, abs=0.0)


def test_a_value_that_was_replaced_is_left_alone_by_the_next_run():
    model = MLP(2, [1], rng=0)
    weights = model.layers[0].neurons[0].weights
    old = weights[0]

    def replace(training):
        if training.step == 1:
            weights[0] = Value(old.data)

    trained(model, callbacks=[Watches(replace)])
    old.grad = 5.0
    assert trained(model).engine == "compiled"
    assert old.grad == 5.0


def test_a_penalty_whose_setting_changes_in_the_middle_of_an_epoch_is_compiled_anew():
    class Decay:
        strength = 0.5

        def __call__(self, weights):
            return self.strength * nn.L2(1.0)(weights)

    found = []
    for compiled in (None, False):
        penalty = Decay()

        def weaken(training, penalty=penalty):
            penalty.strength = 0.5 if training.step < 4 else 0.125

        found.append(trained(penalty=penalty, callbacks=[Watches(weaken)], compiled=compiled))
    assert found[0].engine == "compiled"
    assert found[0].penalty == pytest.approx(found[1].penalty, rel=1e-12, abs=0.0)
    assert found[0].loss == pytest.approx(found[1].loss, rel=1e-12, abs=0.0)


def test_a_penalty_that_cannot_be_traced_says_why():
    history = trained(penalty=lambda weights: weights[0] * weights[0] * float(weights[1].data > 0.0))
    assert history.engine.startswith(
        "compiled, the penalty on scalars: .data of a Value at test_nn_compiled_batches.py"
    )


@pytest.mark.parametrize("outputs", [1, 2])
def test_a_probability_above_one_is_refused_though_its_logarithm_is_a_number(outputs):
    model = MLP(1, [outputs], init=nn.all_equal(0.25))
    model.layers[0].neurons[0].weights[0].data = 1.0
    settings = {"optimizer": SGD(model.parameters(), 1e-9), "epochs": 1, "progress": False}
    with pytest.raises(nn.TrainingError, match=r"example X\[1\]: binary_cross_entropy is not finite for probability 2"):
        fit(model, [[0.5], [2.0]], [[1.0] * outputs] * 2, loss="binary_cross_entropy", **settings)


def test_what_rounding_leaves_of_a_small_loss_of_large_outputs_is_no_difference():
    draws = random.Random(5)
    rows = [[draws.gauss(0.0, 1.0) for _ in range(60)] for _ in range(12)]
    model = MLP(60, [2], rng=0)
    large, small = model.layers[0].neurons
    for w, v in zip(large.weights, small.weights, strict=True):
        w.data, v.data = 1e8 * w.data, 1e-9 * v.data
    y = model.predict(rows, compiled=False)
    settings = {"optimizer": SGD(model.parameters(), 0.0), "batch_size": 1, "rng": 0, "progress": False}
    loss = nn.Loss(lambda outputs, target: outputs[0] - target[0], name="difference")
    assert fit(model, rows, y, loss=loss, epochs=20, **settings).engine == "compiled"
