"""Faults and bad input: each has a clear error or outcome, and the model is as it was."""

import math

import numpy as np
import pytest

import nn
from autodiff import DomainError, Value, detect_anomaly, log, no_grad
from nn import MLP, SGD, Adam, Callback, EarlyStopping, Optimizer, TrainingError, evaluate, fit

GOOD_X, GOOD_Y = [[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [0.0, 1.0, 2.0]
NAN, INF = math.nan, math.inf


def attempt(model=None, X=GOOD_X, y=GOOD_Y, **changes):  # noqa: N803
    model = model or MLP(2, [2, 1], rng=0)
    arguments = {"optimizer": None, "epochs": 3, "rng": 0, "progress": False, **changes}
    arguments["optimizer"] = arguments["optimizer"] or SGD(model.parameters(), 0.1)
    return fit(model, X, y, **arguments)


# Bad input.

LOGITS = "binary_cross_entropy_with_logits"
ROW_X, CLASSES = [[0.0, 1.0]] * 4, MLP(2, [3], rng=0)

BAD_VALUES = {
    "no data": ({"X": [], "y": []}, "X is empty"),
    "unequal lengths": ({"y": [1.0]}, "X has 3 rows and y has 1"),
    "wrong feature count": ({"X": [[1.0], [2.0], [3.0]]}, r"X\[0\] has 1 feature \(row 0\), the model takes 2"),
    "a ragged row": ({"X": [[1.0, 2.0], [1.0, 2.0], [1.0]]}, r"X\[2\] has 1 feature \(row 2\)"),
    "nan in X": ({"X": [[1.0, 2.0], [1.0, NAN], [1.0, 2.0]]}, r"X\[1\]\[1\] is nan \(row 1, column 1\)"),
    "infinity in X": ({"X": np.array([[1.0, 2.0], [1.0, 2.0], [INF, 2.0]])}, r"X\[2\]\[0\] is inf"),
    "nan in y": ({"y": [1.0, 2.0, NAN]}, r"y\[2\] is nan \(row 2\)"),
    "nan in a row of y": ({"y": [[1.0, 2.0], [1.0, 2.0], [1.0, NAN]]}, r"y\[2\]\[1\] is nan \(row 2, column 1\)"),
    "beyond all floats": ({"X": [[1.0, 2.0], [1.0, 10**400], [1.0, 2.0]]}, r"X\[1\]\[1\] is too large .*column 1"),
    "y beyond all floats": ({"y": [1.0, 2.0, -(10**5000)]}, r"y\[2\] is too large for a float \(row 2\)"),
    "ragged y": ({"y": [[1.0, 2.0], [1.0], [1.0, 2.0]]}, r"y\[1\] has 1"),
    "bad validation": ({"validation": ([[1.0]], [1.0])}, r"validation X\[0\] has 1 feature .* the model takes 2"),
    "nan in validation": ({"validation": ([[1.0, 2.0]], [NAN])}, r"validation y\[0\] is nan"),
    "label in validation": (
        {"model": CLASSES, "y": [0, 1, 2], "loss": "cross_entropy", "validation": (GOOD_X, [0, 1, 3])},
        r"^validation y\[2\]: .* labels 0 … 2, not 3",
    ),
    "label in validation for accuracy": (
        {"metrics": ["accuracy"], "loss": LOGITS, "y": [0, 1, 1], "validation": (GOOD_X, [0, 0.5, 1])},
        r"^validation y\[1\]: a label is 0 or 1 here, not 0.5",
    ),
    "two targets for one output": ({"y": [[1.0, 2.0]] * 3}, "the model has 1 output, and .* 2 numbers: give 1"),
    "label too large": ({"model": CLASSES, "y": [0, 1, 3], "loss": "cross_entropy"}, r"y\[2\]: .* labels 0 … 2, not 3"),
    "label negative": ({"model": CLASSES, "y": [0, -1, 2], "loss": "cross_entropy"}, r"y\[1\]: .* not -1"),
    "label not whole": ({"model": CLASSES, "y": [0, 0.5, 2], "loss": "cross_entropy"}, r"y\[1\]: .* not 0.5"),
    "not one-hot": ({"model": CLASSES, "y": [[1, 1, 0]] * 3, "loss": "cross_entropy"}, r"y\[0\]: .* sum to 1"),
    "one-hot too short": ({"model": CLASSES, "y": [[1, 0]] * 3, "loss": "cross_entropy"}, r"3 outputs, .* 2 numbers"),
    "hinge labels": ({"loss": "hinge", "y": [1, -1, 0]}, r"y\[2\]: hinge takes targets that are -1 or 1, not 0"),
    "probability": ({"loss": "binary_cross_entropy_with_logits", "y": [0, 1, 2]}, r"y\[2\]: .* in \[0, 1\], not 2"),
    "label for accuracy": ({"metrics": ["accuracy"], "loss": LOGITS, "y": [0, 1, 0.5]}, r"y\[2\]: a label is 0 or 1"),
    "accuracy of values": ({"metrics": ["accuracy"]}, r"needs classes, .* values \(by mse\): .*Loss\(mse, meaning="),
    "unknown loss": ({"loss": "rmse"}, "unknown loss 'rmse'; known are: mse, half_mse, squared_error"),
    "unknown metric": ({"metrics": ["auc"]}, "unknown metric 'auc'; known are: accuracy, precision, recall"),
    "batch size 0": ({"batch_size": 0}, "batch_size must be at least 1, not 0"),
    "batch too large": ({"batch_size": 4}, "batch_size is 4, and there are 3 examples"),
    "no epochs": ({"epochs": 0}, "epochs must be at least 1"),
    "no rng": ({"batch_size": 2, "rng": None}, "pass rng=0"),
    "negative tolerance": ({"tolerance": -1.0}, "tolerance must be finite, at least 0"),
    "negative norm": ({"clip_norm": -1.0}, "clip_norm must be"),
    "norm 0": ({"clip_norm": 0.0}, "clip_norm must be above 0"),
    "limit 0": ({"clip_value": 0}, "clip_value must be above 0"),
    "foreign parameters": ({"optimizer": SGD([Value(1.0)])}, "not the model's"),
    "monitor": ({"callbacks": [EarlyStopping(monitor="validation_loss")]}, "this run measures loss"),
    "negative rate": ({"schedule": lambda t: -1.0}, "the schedule's factor at t = 0 must be"),
}  # fmt: skip

BAD_TYPES = {
    "a string in X": ({"X": [[1.0, 2.0], ["a", 2.0], [1.0, 2.0]]}, r"X\[1\]\[0\] is str 'a' \(row 1, column 0\)"),
    "a number as text": ({"y": [1.0, "2.0", 3.0]}, r"y\[1\] is str '2.0' \(row 1\)"),
    "bytes in X": ({"X": [[1.0, 2.0], [1.0, b"1"], [1.0, 2.0]]}, r"X\[1\]\[1\] is bytes b'1' \(row 1, column 1\)"),
    "bytes in y": ({"y": np.array([b"1", b"2", b"3"])}, r"y\[0\] is bytes b'1' \(row 0\)"),
    "X is bytes": ({"X": b"123"}, "X must be a sequence with an entry for each example, not bytes"),
    "None in X": ({"X": [[1.0, None], [1.0, 2.0], [1.0, 2.0]]}, r"X\[0\]\[1\] is NoneType None"),
    "X is a number": ({"X": 3.0}, "X must be a sequence"),
    "X is a string": ({"X": "abc"}, "X must be a sequence"),
    "loss is a number": ({"loss": 3}, "loss must be a name"),
    "metrics is a string": ({"metrics": "mae"}, r"as in \['accuracy'\], not str 'mae'"),
    "batch size is a float": ({"batch_size": 1.5}, "batch_size must be an integer"),
    "optimizer is a name": ({"optimizer": "adam"}, r"as in SGD\(model.parameters\(\), lr=0.1\)"),
    "validation is one": ({"validation": [GOOD_X]}, r"a pair \(Xv, yv\)"),
    "callback is a function": ({"callbacks": [print]}, "callbacks must be Callbacks"),
    "callback is not in a list": ({"callbacks": EarlyStopping()}, r"as in \[EarlyStopping\(\)\], not EarlyStopping"),
    "metric is not in a list": ({"metrics": nn.mae}, "metrics must be a list"),
    "schedule gives a text": ({"schedule": lambda t: "a"}, "the schedule's factor at t = 0 must be a number, not str"),
    "schedule is a number": ({"schedule": 0.5}, "schedule must be a function"),
    "penalty is a number": ({"penalty": 0.5}, "penalty must be a function"),
    "loss gives a number": ({"loss": lambda p, t: 1.0}, "must return one Value"),
    "loss gives a constant": ({"loss": lambda p, t: Value(1.0)}, "does not depend on the model"),
    "model is no module": ({"model": abs}, "model must be a Module"),
}  # fmt: skip


@pytest.mark.parametrize("case", [*BAD_VALUES, *BAD_TYPES])
def test_bad_input_is_a_clear_error_and_changes_nothing(case):
    kind, (changes, message) = (ValueError, BAD_VALUES[case]) if case in BAD_VALUES else (TypeError, BAD_TYPES[case])
    changes = dict(changes)
    model = changes.pop("model", None) or MLP(2, [2, 1], rng=0)
    if model is abs:
        changes["optimizer"] = SGD([Value(1.0)])
    before = model.state_dict() if model is not abs else {}
    with pytest.raises(kind, match=message):
        attempt(model, **changes)
    assert model is abs or model.state_dict() == before


def test_predict_and_evaluate_check_their_data_too():
    model = MLP(2, [1], rng=0)
    with pytest.raises(ValueError, match=r"X\[1\] has 1 feature \(row 1\), the model takes 2"):
        model.predict([[1.0, 2.0], [1.0]])
    with pytest.raises(ValueError, match=r"X\[0\]\[0\] is nan"):
        model.predict([[NAN, 2.0]])
    with pytest.raises(ValueError, match="X has 1 rows and y has 2"):
        evaluate(model, [[1.0, 2.0]], [1.0, 2.0])
    with pytest.raises(ValueError, match="X is empty"):
        model.predict([])


def test_a_saturated_output_of_one_row_says_nothing_about_the_targets_of_others():
    model = MLP(1, [1], output="sigmoid", init="zeros")
    model.layers[0].neurons[0].weights[0].data = 1000.0
    X, y = [[1.0], [-1.0]], [1.0, 0.0]  # noqa: N806
    assert model.predict(X) == [1.0, 0.0], "the loss of the first prediction with the second target is infinite"
    assert evaluate(model, X, y, "binary_cross_entropy", ["accuracy"]) == {"loss": 0.0, "accuracy": 1.0}
    assert attempt(model, X, y, loss="binary_cross_entropy", validation=(X, y)).loss == [0.0] * 3


def test_a_column_of_targets_counts_as_numbers():
    model = MLP(2, [1], rng=0)
    assert evaluate(model, GOOD_X, np.array([[0.0], [1.0], [2.0]])) == evaluate(model, GOOD_X, GOOD_Y)


def test_training_inside_no_grad_says_so():
    model = MLP(2, [1], rng=0)
    with no_grad(), pytest.raises(TypeError, match=r"inside no_grad\(\)"):
        attempt(model)


OPTIMIZER_FAULTS = [
    (lambda p: SGD(p, -0.1), "learning rate must be finite, at least 0, not -0.1"),
    (lambda p: SGD(p, NAN), "learning rate"),
    (lambda p: SGD(p, 0.1, momentum=1.0), "momentum must be .* below 1"),
    (lambda p: SGD(p, 0.1, nesterov=True), "give momentum > 0"),
    (lambda p: SGD(p, 0.1, weight_decay=-1.0), "weight_decay"),
    (lambda p: Adam(p, betas=(0.9, 1.0)), "beta 2"),
    (lambda p: Adam(p, betas=(1.0, 0.9)), "beta 1"),
    (lambda p: Adam(p, betas=(0.9,)), "two numbers"),
    (lambda p: nn.RMSProp(p, alpha=1.0), "alpha"),
    (lambda p: nn.AdaGrad(p, eps=-1.0), "eps"),
    (lambda p: SGD([]), "pass model.parameters"),
    (lambda p: SGD([p[0], p[0]]), "twice"),
    (lambda p: nn.StepDecay(0), "every must be at least 1"),
    (lambda p: nn.ExponentialDecay(-0.5), "factor must be"),
    (lambda p: nn.Constant(per="day"), "per must be 'epoch' or 'step'"),
    (lambda p: nn.L1(-1.0), "strength"),
    (lambda p: nn.L2(-1.0), "strength"),
    (lambda p: nn.ElasticNet(0.0, -1.0), "l2"),
    (lambda p: nn.ElasticNet(-1.0, 0.0), "l1"),
    (lambda p: nn.Ridge(-1.0), "strength"),
    (lambda p: nn.clip_grad_norm(p, -1.0), "max_norm"),
    (lambda p: nn.clip_grad_value(p, -1.0), "limit"),
]


@pytest.mark.parametrize(("make", "message"), OPTIMIZER_FAULTS)
def test_settings_out_of_range_are_value_errors(make, message):
    with pytest.raises(ValueError, match=message):
        make([Value(1.0), Value(2.0)])


def test_an_optimizer_takes_values_only():
    with pytest.raises(TypeError, match="parameter 1 must be a Value, not float 2.0"):
        SGD([Value(1.0), 2.0])
    with pytest.raises(
        TypeError, match=r"^SGD takes parameters, not Value\(data=1.0, grad=0.0\): write SGD\(model.par"
    ):
        SGD(Value(1.0))
    optimizer = SGD([Value(1.0)])
    with pytest.raises(ValueError, match="learning rate"):
        optimizer.lr = -1.0
    assert optimizer.lr == 0.01


# Numbers that are not finite.


def test_a_loss_that_is_not_finite_names_epoch_batch_and_example_and_keeps_the_last_weights():
    steps = []

    class Spy(Callback):
        def on_gradients(self, training):
            steps.append(training.model.state_dict())

    def spiteful(prediction, target):
        return log(prediction * 0.0 + (2.5 - len(steps)) + target)

    model = MLP(2, [2, 1], rng=0)
    with pytest.raises(TrainingError) as caught:
        attempt(model, y=[0.0, 0.0, 0.0], loss=spiteful, batch_size=1, callbacks=[Spy()], epochs=5)
    error = caught.value
    assert (error.epoch, error.batch, len(steps)) == (2, 1, 3)
    assert str(error).startswith(f"epoch 2, batch 1, example X[{error.example}]: log is not defined at x = -0.5")
    assert error.example in range(3)
    assert isinstance(error.__cause__, DomainError)
    assert len(error.history) == 1
    assert model.state_dict() == steps[-1], "log's argument does not depend on the weights: no step moved them"
    assert all(map(math.isfinite, model.state_dict().values()))


def test_a_diverging_run_stops_with_finite_weights_and_the_place():
    model = MLP(2, [4, 1], "relu", init="he_normal", rng=0)
    with pytest.raises(TrainingError, match=r"epoch \d+, batch \d+(, example X\[\d\])?: .*overflow") as caught:
        attempt(model, optimizer=SGD(model.parameters(), 1e6), epochs=500, batch_size=1)
    assert all(map(math.isfinite, model.state_dict().values()))
    assert "keeps the weights of the last completed step" in str(caught.value)


def test_the_first_bad_example_of_a_batch_is_named():
    def sensitive(prediction, target):
        return log(target + prediction * 0.0)

    with pytest.raises(TrainingError, match=r"epoch 1, batch 1, example X\[1\]: log is not defined") as caught:
        attempt(y=[1.0, 0.0, -1.0], loss=sensitive)
    assert (caught.value.epoch, caught.value.batch, caught.value.example) == (1, 1, 1)


@pytest.mark.parametrize("bad", [NAN, INF, "good", None, 10**400])
@pytest.mark.parametrize("validation", [None, (GOOD_X[:2], GOOD_Y[:2])], ids=["training", "validation"])
def test_a_metric_that_gives_no_finite_number_is_named_with_its_epoch(bad, validation):
    rows = len(validation[0]) if validation else len(GOOD_X)
    seen = []

    def closeness(predictions, _):
        seen.extend(predictions if len(predictions) == rows else [])
        return bad if len(seen) > rows else 1.0

    model = MLP(2, [1], rng=0)
    where = ", validation" if validation else ""
    with pytest.raises(TrainingError, match=f"^epoch 2{where}: what the metric 'closeness' returns must be") as caught:
        attempt(model, metrics=[closeness], validation=validation)
    assert (caught.value.epoch, caught.value.batch, caught.value.example) == (2, None, None)
    assert len(caught.value.history) == 1
    with pytest.raises((TypeError, ValueError), match="the metric 'closeness'"):
        evaluate(model, GOOD_X[:rows], GOOD_Y[:rows], metrics=[closeness])


def test_a_gradient_that_is_not_finite_stops_the_run_and_leaves_the_weights():
    from autodiff import sqrt

    model = MLP(2, [1], init="zeros")
    with pytest.raises(TrainingError, match=r"example X\[0\]: sqrt is not differentiable at x = 0.0"):
        attempt(model, loss=lambda prediction, target: sqrt(prediction * prediction))
    assert set(model.state_dict().values()) == {0.0}


@pytest.mark.parametrize("factor", [lambda: -1.0, lambda: NAN, lambda: INF, lambda: "a", lambda: 1 / 0])
@pytest.mark.parametrize("per", ["epoch", "step"])
def test_a_schedule_that_goes_wrong_later_names_the_epoch_and_keeps_the_last_steps_weights(factor, per):
    def schedule(t):
        return factor() if t == (1 if per == "epoch" else 4) else 1.0

    schedule.per = per
    completed = MLP(2, [2, 1], rng=0)
    attempt(completed, epochs=1 if per == "epoch" else 4)
    model = MLP(2, [2, 1], rng=0)
    with pytest.raises(TrainingError, match=r"^epoch \d, batch 1: .*\n.*last completed step") as caught:
        attempt(model, epochs=9, schedule=schedule)
    epoch = 2 if per == "epoch" else 5
    assert (caught.value.epoch, caught.value.batch, len(caught.value.history)) == (epoch, 1, epoch - 1)
    assert model.state_dict() == completed.state_dict()


def test_under_detect_anomaly_the_node_and_its_line_are_named():
    def bad_loss(prediction, _):
        squeezed = prediction * 0.0
        squeezed.label = "squeezed"
        return log(squeezed)

    with detect_anomaly(), pytest.raises(TrainingError) as caught:
        attempt(loss=bad_loss)
    message = str(caught.value)
    assert "example X[0]: log is not defined at x = 0.0 (label 'squeezed')" in message
    assert "made at" in message
    assert "test_nn_faults.py" in message


def test_an_overflowing_step_is_not_taken():
    theta = Value(1e308)
    theta.grad = -1e308
    optimizer = SGD([theta], 10.0, momentum=0.5)
    with pytest.raises(OverflowError, match="lower the learning rate, or clip"):
        optimizer.step()
    assert (theta.data, optimizer.steps, optimizer.state) == (1e308, 0, {})
    adam = Adam([theta], 0.1)
    with pytest.raises(OverflowError):
        adam.step()  # the square of the gradient
    assert (theta.data, adam.state) == (1e308, {})


def test_one_number_that_overflows_is_enough_to_refuse_a_step():
    parameters = [Value(1.0), Value(1e308), Value(2.0)]
    for make, grads in (
        (SGD, [1.0, -1e308, 1.0]),  # a parameter
        (Adam, [1.0, 1e200, 1.0]),  # the square of a gradient, by which the step itself becomes 0
    ):
        for parameter, grad in zip(parameters, grads, strict=True):
            parameter.grad = grad
        optimizer = make(parameters, 10.0)
        with pytest.raises(OverflowError, match=f"the step of {make.__name__}.* overflows"):
            optimizer.step()
        assert ([p.data for p in parameters], optimizer.steps, optimizer.state) == ([1.0, 1e308, 2.0], 0, {})


def test_a_step_of_zero_by_zero_is_not_taken():
    theta = Value(1.0)
    theta.grad = 1e-200  # whose square is 0
    for make in (nn.RMSProp, nn.AdaGrad, Adam):
        optimizer = make([theta], 0.1, eps=0.0)
        with pytest.raises(OverflowError, match=rf"the step of {make.__name__}\(lr=0.1.* overflows"):
            optimizer.step()
        assert (theta.data, optimizer.steps, optimizer.state) == (1.0, 0, {})


@pytest.mark.parametrize(("slope", "rule"), [(400.0, lambda g: 10.0**g), (0.0, lambda g: 1.0 / g)])
def test_a_step_of_ones_own_that_is_not_finite_is_not_taken(slope, rule):
    class Mine(Optimizer):
        def update(self, data, grads):
            return [x - rule(g) for x, g in zip(data, grads, strict=True)], {}

    theta = Value(1.0)
    theta.grad = slope
    with pytest.raises(OverflowError, match=r"the step of Mine\(lr=0.1\) overflows: lower the learning rate"):
        Mine([theta], 0.1).step()
    assert theta.data == 1.0


def test_a_step_that_overflows_in_a_run_is_named_by_its_epoch_and_batch():
    model = MLP(2, [1], rng=0)
    before = model.state_dict()
    with pytest.raises(TrainingError, match=r"^epoch 1, batch 1: the step of SGD\(lr=1e\+308\) overflows") as caught:
        attempt(model, y=[100.0, 200.0, 300.0], optimizer=SGD(model.parameters(), 1e308))
    assert (caught.value.epoch, caught.value.batch, caught.value.example) == (1, 1, None)
    assert model.state_dict() == before


def test_the_state_of_another_optimizer_is_refused_and_changes_nothing():
    theta = [Value(1.0), Value(2.0)]
    adam = Adam(theta, 0.1)
    adam.step()
    before = adam.state_dict()
    for other, message in (
        (SGD(theta).state_dict(), "the state is that of SGD, and the optimizer is Adam"),
        (nn.AdamW(theta).state_dict(), "the state is that of AdamW, and the optimizer is Adam"),
        ({**before, "settings": {"eps": 1.0}}, "the state is that of Adam, and the optimizer is Adam"),
        ({**before, "state": {**before["state"], "means": [0.0]}}, "means of the state has 1 numbers for 2 parameters"),
    ):
        with pytest.raises(ValueError, match=message):
            adam.load_state_dict(other)
        assert adam.state_dict() == before


def test_a_step_without_gradient_moves_nothing_even_with_eps_0():
    for make in (nn.RMSProp, nn.AdaGrad, Adam):
        theta = Value(1.0)
        make([theta], 0.1, eps=0.0).step()
        assert theta.data == 1.0


def test_adaptive_optimizers_refuse_a_base_without_update():
    theta = Value(1.0)
    with pytest.raises(NotImplementedError, match="must define update"):
        Optimizer([theta], 0.1).step()


def test_binary_cross_entropy_at_its_ends_points_to_logits():
    assert nn.binary_cross_entropy(0.0, 0) == nn.binary_cross_entropy(1.0, 1) == 0.0
    for p, y in ((0.0, 1), (1.0, 0), (1.0, 0.5), (-0.1, 0), (1.1, 1)):
        with pytest.raises(ValueError, match="use binary_cross_entropy_with_logits"):
            nn.binary_cross_entropy(Value(p), y)


@pytest.mark.parametrize("z", [-1000.0, 1000.0])
@pytest.mark.parametrize("y", [0, 1])
def test_losses_on_logits_are_finite_at_plus_and_minus_1000(z, y):
    for loss, prediction in (
        (nn.binary_cross_entropy_with_logits, Value(z)),
        (nn.cross_entropy, [Value(z), Value(0.0)]),
    ):
        cost = loss(prediction, y)
        cost.backward()
        assert cost.data in (0.0, 1000.0)
