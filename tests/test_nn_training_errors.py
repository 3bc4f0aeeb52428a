"""Errors of a training run, word for word: where it was, what happened, what to do, and which weights the model has."""

import math
import warnings

import pytest

import nn
from autodiff import Value
from nn import MLP, SGD, Callback, Checkpoint, EarlyStopping, Optimizer, TrainingError, fit

X, Y = [[0.0], [1.0], [2.0]], [0.0, 1.0, 2.0]


def attempt(**changes):
    model = MLP(1, [1], init="zeros")
    settings = {"optimizer": SGD(model.parameters(), 0.125), "epochs": 3, "progress": False, "compiled": False}
    settings |= {name: value(model) if name == "optimizer" else value for name, value in changes.items()}
    with pytest.raises(TrainingError) as caught:
        fit(model, X, Y, **settings)
    error = caught.value
    return str(error), (error.epoch, error.batch, error.example, len(error.history)), error.history.stopped_by


def failing(error, call):
    """A loss that raises ``error`` when it is called so often."""
    calls = []

    def loss(prediction, target):
        calls.append(target)
        if len(calls) == call:
            raise error
        return (prediction - target) ** 2

    return loss


KEPT = "\n  the model keeps the weights of the last completed step (%d steps)"
LOWER = "the run diverges, so lower the learning rate (0.125) or "


@pytest.mark.parametrize(
    ("error", "settings", "advice"),
    [
        (ValueError("odd"), {}, ""),
        (ZeroDivisionError("odd"), {}, ""),
        (OverflowError("odd"), {}, f": {LOWER}give clip_norm=1.0"),
        (OverflowError("odd"), {"clip_value": 1.0}, f": {LOWER}give clip_norm=1.0"),
        (OverflowError("odd"), {"clip_norm": 1.0}, f": {LOWER}scale the inputs"),
    ],
)
def test_an_error_in_a_loss_has_its_place_and_advice_where_the_run_diverges(error, settings, advice):
    message, place, stopped_by = attempt(loss=failing(error, 5), **settings)
    assert message == f"epoch 2, batch 1, example X[1]{advice}: odd{KEPT % 1}"
    assert (place, stopped_by) == ((2, 1, 1, 1), "error")


def test_with_early_stopping_the_best_weights_are_those_that_the_model_has():
    message, *_ = attempt(loss=failing(ValueError("odd"), 8), callbacks=[Callback(), EarlyStopping()])
    assert message == "epoch 3, batch 1, example X[1]: odd\n  the model has the best weights again, of epoch 2"
    message, *_ = attempt(loss=failing(ValueError("odd"), 8), callbacks=[EarlyStopping(restore_best=False)])
    assert message == f"epoch 3, batch 1, example X[1]: odd{KEPT % 2}"
    message, *_ = attempt(loss=failing(ValueError("odd"), 2), callbacks=[EarlyStopping()])
    assert message == f"epoch 1, batch 1, example X[1]: odd{KEPT % 0}", "there are no best ones yet"


class Fails(Optimizer):
    def __init__(self, parameters, error):
        super().__init__(parameters, 0.125)
        self.error = error

    def update(self, data, grads):  # noqa: ARG002 (an update takes both)
        raise self.error


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (OverflowError, "the step of Fails(lr=0.125) overflows: lower the learning rate, or clip the gradients"),
        (ValueError("odd"), "odd"),
    ],
)
def test_an_error_of_a_step_is_told_in_the_optimizers_words_and_of_no_example(error, says):
    message, place, _ = attempt(optimizer=lambda model: Fails(model.parameters(), error))
    assert message == f"epoch 1, batch 1: {says}{KEPT % 0}"
    assert place == (1, 1, None, 0)


@pytest.mark.parametrize("error", [TypeError("odd"), ValueError("odd"), ZeroDivisionError("odd")])
def test_an_error_of_a_metric_is_of_an_epoch_or_of_the_validation_data(error):
    def of_three(predictions, _):
        if len(predictions) == 3:
            raise error
        return 0.0

    def of_two(predictions, _):
        if len(predictions) == 2:
            raise error
        return 0.0

    message, place, _ = attempt(metrics=[of_three], validation=(X[:2], Y[:2]))
    assert (message, place) == (f"epoch 1: odd{KEPT % 1}", (1, None, None, 0))
    message, place, _ = attempt(metrics=[of_two], validation=(X[:2], Y[:2]))
    assert (message, place) == (f"epoch 1, validation: odd{KEPT % 1}", (1, None, None, 0))


def test_an_epoch_that_has_drawn_nothing_that_counts_says_so():
    message, *_ = attempt(sample_weight=[1e-9, 0.0, 0.0], replacement=True, batch_size=1, rng=0)
    assert message == f"epoch 2: every example that was drawn has weight 0{KEPT % 1}"


@pytest.mark.parametrize("per", ["step", "epoch"])
def test_a_schedule_that_goes_wrong_is_named_with_its_time(per):
    message, place, _ = attempt(schedule=nn.Rates([0.1, 0.1], per=per), loss=failing(ValueError("odd"), 4))
    assert message.startswith("epoch 2, batch 1, example X[0]: odd")

    class Wrong(nn.Schedule):
        def __call__(self, t):
            return 1.0 if t < 2 else -1.0

    message, place, _ = attempt(schedule=Wrong(per=per), batch_size=2, rng=0)
    at = (2, 1) if per == "step" else (3, 1)
    assert message.startswith(
        f"epoch {at[0]}, batch {at[1]}: the schedule's factor at t = 2 must be finite, at least 0, not -1.0\n"
    )
    assert place[:2] == at


def test_a_schedule_that_gives_no_rate_at_all_is_an_argument_that_makes_no_sense():
    model = MLP(1, [1], init="zeros")
    for schedule, what in ((nn.Rates(lambda k: -k), "rate"), (lambda t: math.inf, "factor")):
        with pytest.raises(ValueError, match=f"^the schedule's {what} at t = 0 must be finite, at least 0, not "):
            fit(model, X, Y, optimizer=SGD(model.parameters()), epochs=1, schedule=schedule, progress=False)


# Of several processes one writes.


@pytest.mark.parametrize("writes", [True, False])
def test_of_several_processes_one_writes_files_and_shows_progress_and_all_compare_themselves(
    writes, monkeypatch, tmp_path
):
    compared, bars = [], []

    class OneOfTwo(nn.training.Backend):
        def __init__(self, *arguments):
            super().__init__(*arguments)
            self.writes = writes

        def require_alike(self, parts):
            compared.append(list(parts()))

    monkeypatch.setattr(nn.training, "Backend", OneOfTwo)
    monkeypatch.setattr("tqdm.auto.tqdm", lambda **settings: bars.append(settings) or nn.training._NoBar())
    model = MLP(1, [1], init="zeros")
    path = tmp_path / "c.json"
    fit(model, X, Y, optimizer=SGD(model.parameters()), epochs=1, callbacks=[Checkpoint(path)])
    assert (path.exists(), len(bars)) == (writes, int(writes))
    fit(model, X, Y, optimizer=SGD(model.parameters()), epochs=1, progress=False)
    assert len(bars) == writes, "none where none is wanted"
    assert compared[:1] == [["examples or settings", "epochs behind it", "parameters", "random numbers"]]


# What is given for fit's arguments.


class Silent(Callback):
    pass


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"callbacks": [Silent]}, TypeError, r"callbacks holds the class Silent: write Silent\(…\)"),
        ({"callbacks": [3]}, TypeError, "callbacks must be Callbacks, not int 3"),
        ({"callbacks": 3}, TypeError, r"callbacks must be a list, as in \[EarlyStopping\(\)\], not int 3"),
        ({"validation": X}, TypeError, r"validation must be a pair \(Xv, yv\), not list"),
        ({"validation": (X, Y, Y)}, TypeError, r"validation must be a pair \(Xv, yv\), not tuple"),
        ({"validation": 3}, TypeError, r"validation must be a pair \(Xv, yv\), not int 3"),
        ({"on_interrupt": "stop"}, ValueError, "on_interrupt is 'return' or 'raise', not 'stop'"),
        ({"tolerance": -1}, ValueError, "tolerance must be finite, at least 0, not -1"),
        ({"clip_norm": 0}, ValueError, "clip_norm must be above 0"),
        ({"clip_value": 0}, ValueError, "clip_value must be above 0"),
        ({"schedule": nn.StepDecay}, TypeError, r"schedule is the class StepDecay: write StepDecay\(…\), as in StepD"),
        ({"penalty": nn.L2}, TypeError, r"penalty is the class L2: write L2\(…\), as in L2\(0.01\)"),
        ({"optimizer": SGD}, TypeError, r"optimizer must be an Optimizer, as in SGD\(model.parameters\(\), lr=0.1\)"),
        ({"epochs": 0}, ValueError, "epochs must be at least 1, not 0"),
        ({"batch_size": 2}, ValueError, "shuffling into batches needs randomness"),
        ({"validation": (X, [0.0, 1.0])}, ValueError, "validation X has 3 rows and validation y has 2"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_done(changes, error, message):
    model = MLP(1, [1], rng=0)
    before = model.state_dict()
    settings = {"optimizer": SGD(model.parameters()), "epochs": 1, "progress": False}
    with pytest.raises(error, match=f"^{message}"):
        fit(model, X, Y, **settings | changes)
    assert (model.state_dict(), model.trained_with, model.meaning) == (before, None, None)


def test_an_optimizer_of_one_parameter_more_than_the_models_is_refused():
    model = MLP(1, [1], rng=0)
    with pytest.raises(ValueError, match="the optimizer holds parameters that are not the model's: make it from model"):
        fit(model, X, Y, optimizer=SGD([*model.parameters(), Value(1.0)]), epochs=1, progress=False)


def test_a_bar_leaves_the_warnings_of_others_alone():
    before = list(warnings.filters)
    model = MLP(1, [1], rng=0)
    fit(model, X, Y, optimizer=SGD(model.parameters()), epochs=1, progress=True)
    assert warnings.filters == before


def test_validation_may_be_a_list_of_two():
    model = MLP(1, [1], rng=0)
    settings = {"optimizer": SGD(model.parameters(), 0.0), "epochs": 1, "progress": False}
    history = fit(model, X, Y, validation=[X, Y], **settings)
    assert history.validation_loss == pytest.approx(history.loss, rel=1e-12, abs=0.0)


def test_a_model_that_is_frozen_whole_has_nothing_to_learn():
    model = MLP(1, [1], rng=0)
    model.freeze()
    with pytest.raises(ValueError, match=r"every parameter of the model is frozen: unfreeze\(\) what is to learn"):
        fit(model, X, Y, optimizer=SGD(model.parameters()), epochs=1, progress=False)


# What is said of a loss.


@pytest.mark.parametrize(
    ("loss", "outputs", "message"),
    [
        (lambda p, t: p[3], 2, r"the loss <lambda> fails for 2 outputs and the target \[0.0, 0.5\]: list index"),
        (lambda p, t: p - t, 2, r"the loss <lambda> fails for 2 outputs and the target \[0.0, 0.5\]: unsupported"),
        (lambda p, t: p.logit, 1, r"the loss <lambda> fails for 1 outputs and the target 0.0: .*'logit'"),
        (lambda p, t: p[int(t)], 1, "the loss <lambda> fails for 1 outputs and the target 0.0: "),
        (lambda p, t: {}[t], 1, r"the loss <lambda> fails for 1 outputs and the target 0.0: 0.0 \(a target is a float"),
        (lambda p, t: 1.0, 1, "a loss must return one Value made from the prediction, not float 1.0"),
        (lambda p, t: [p], 1, "a loss must return one Value made from the prediction, not list"),
        (lambda p, t: Value(1.0), 1, r"the loss has no graph: it does not depend on the model, or fit runs in"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("compiled", [None, False])
def test_a_loss_that_is_none_is_a_type_error_in_words(loss, outputs, message, compiled):
    model = MLP(1, [outputs], rng=0)
    y = Y if outputs == 1 else [[t, t + 0.5] for t in Y]
    with pytest.raises(TypeError, match=f"^{message}"):
        fit(
            model, X, y, loss=loss, optimizer=SGD(model.parameters()), epochs=1, compiled=compiled, progress=False
        )  # fmt: skip


class Hides(nn.Module):
    inputs = 1

    def __init__(self, **hidden):
        self.w = Value(0.5)
        vars(self).update(hidden)

    def forward(self, inputs):
        held = [x for name, part in vars(self).items() if name[0] == "_" for x in part]
        return [self.w * inputs[0] + sum(x for x in held if isinstance(x, Value))]


@pytest.mark.parametrize(("name", "shown"), [("_bias", "bias"), ("__bias", "bias"), ("_own_bias", "own_bias")])
def test_a_value_that_is_hidden_from_the_parameters_is_named_with_what_to_call_it(name, shown):
    model = Hides(**{name: [Value(1.0)]})
    message = f"^Hides.{name} holds a Value that the loss depends on, .* is no parameter: call it {shown}$"
    with pytest.raises(TypeError, match=message):
        fit(model, X, Y, optimizer=SGD(model.parameters()), epochs=1, compiled=False, progress=False)


def test_what_is_hidden_and_has_no_say_in_the_loss_is_left_alone():
    class Keeps(Hides):
        def forward(self, inputs):
            return [self.w * inputs[0]]

    beside = Value(2.0)
    model = Keeps(_kept=[Value(1.0)])
    settings = {"optimizer": SGD(model.parameters()), "epochs": 1, "progress": False}
    fit(model, X, Y, loss=lambda p, t: beside * (p - t) ** 2, **settings)
    assert beside.data == 2.0
    model._kept = [model.w]  # a parameter by another name is one all the same
    fit(model, X, Y, **settings)


def test_the_numbers_of_a_batch_are_those_of_its_examples_in_their_order():
    seen = []

    def noted(predictions, targets):
        seen.append((predictions, targets))
        return 0.0

    weights = [2.0, 0.0, 1.0]
    model = MLP(1, [1], init=nn.all_equal(0.5))
    settings = {"optimizer": SGD(model.parameters(), 0.0), "epochs": 1, "compiled": False, "progress": False}
    history = fit(model, X, Y, sample_weight=weights, metrics=[noted], **settings)
    assert seen == [([0.0, 1.0], [0.0, 2.0])]
    assert {type(prediction) for prediction in seen[0][0]} == {float}
    assert history.loss == [pytest.approx((2.0 * 0.0 + 1.0 * 1.0) / 3.0, rel=1e-15, abs=0.0)]
