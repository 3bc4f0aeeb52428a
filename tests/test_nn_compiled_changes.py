"""fit by Programs: what is traced anew, what is left to scalars and why, and what an error says."""

import random
import subprocess
import sys
from pathlib import Path

import pytest
from compiled_models import CHANGES, CLASSES, Branch, Rounded, X, Y, likelihood, network, rounded, take_relu

import nn.compiled
from autodiff import CompileError, Value, log, no_grad
from nn import MLP, SGD, Callback, Dropout, Layer, Module, Sequential, TrainingError, fit
from nn.fingerprint import fingerprint

pytest.importorskip("numpy")


def trained(model, compiled, y=Y, **settings):
    settings = {"batch_size": 5, "rng": 0, "progress": False, "epochs": 6, **settings}
    return fit(model, X, y, optimizer=SGD(model.parameters(), 0.05), compiled=compiled, **settings)


class At(Callback):
    """Does something to the model, once."""

    def __init__(self, change, epoch=2):
        self.change, self.at = change, epoch

    def on_epoch_end(self, training):
        if training.epoch == self.at:
            self.change(training.model)


class AtStep(Callback):
    def __init__(self, change, step=8):
        self.change, self.at = change, step

    def on_gradients(self, training):
        if training.step == self.at:
            self.change(training.model)


@pytest.fixture
def traces(monkeypatch):
    """The models that were traced with a loss."""
    found = []

    class Noted(nn.tracing.Traced):
        def __init__(self, *args):
            found.append(args[0])
            super().__init__(*args)

    monkeypatch.setattr(nn.compiled, "Traced", Noted)
    return found


@pytest.mark.parametrize("when", [At, AtStep])
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_what_a_callback_changes_is_traced_anew(change, when, traces):
    models = network(), network()
    history, expected = (
        trained(m, c, callbacks=[when(change)], penalty=nn.L2(0.1), clip_norm=1.0)
        for m, c in zip(models, (True, False), strict=True)
    )
    assert history.loss == pytest.approx(expected.loss, rel=1e-9, abs=0.0)
    assert models[0].state_dict() == pytest.approx(models[1].state_dict(), rel=1e-9, abs=1e-12)
    assert len(traces) == 2, "at first, and after the change"


def test_what_does_not_change_is_traced_once(traces):
    trained(network(), True, callbacks=[At(lambda model: None), AtStep(lambda model: None)], epochs=20)
    assert len(traces) == 1


def test_fitting_the_same_model_again_compiles_nothing(traces):
    model = network()
    for _ in range(3):
        trained(model, True)
    assert len(traces) == 1
    take_relu(model)
    trained(model, True)
    trained(model, True, loss="mae")
    assert len(traces) == 3


def test_a_setting_of_the_loss_that_changes_is_traced_anew(traces):
    class Even:
        def __init__(self):
            self.power = 2

        def __call__(self, prediction, target):
            return (prediction - target) ** self.power

    found = []
    for compiled in (True, False):
        formula = Even()
        change = At(lambda _, formula=formula: setattr(formula, "power", 4))
        found.append(trained(network(), compiled, loss=formula, callbacks=[change]).loss)
    assert found[0] == pytest.approx(found[1], rel=1e-9, abs=0.0)
    assert len(traces) == 2


def test_a_penalty_that_changes_is_compiled_anew():
    class Decay:
        strength = 0.0

        def __init__(self):
            self.strength = 0.1

        def __call__(self, weights):
            return nn.L2(self.strength)(weights)

    found = []
    for compiled in (True, False):
        penalty = Decay()
        change = At(lambda _, penalty=penalty: setattr(penalty, "strength", 1.0))
        found.append(trained(network(), compiled, penalty=penalty, callbacks=[change]))
    assert found[0].engine == "compiled"
    for name in ("loss", "penalty"):
        assert found[0][name] == pytest.approx(found[1][name], rel=1e-9, abs=0.0)


def test_a_fingerprint_sees_classes_settings_and_which_values_but_not_their_numbers():
    model = network().train()
    before = fingerprint(model)
    for p in model.parameters():
        p.data += 1.0
    model([0.0, 0.0, 0.0])
    model.predict(X)
    assert fingerprint(model) == before
    model.layers[0].neurons[0].weights[1] = Value(model.layers[0].neurons[0].weights[1].data)
    assert fingerprint(model) != before
    for change in CHANGES.values():
        model = network()
        before = fingerprint(model)
        change(model)
        assert fingerprint(model) != before


def test_a_fingerprint_goes_through_what_refers_to_itself():
    model = network()
    model.me, model.all = model, [model, {"a": model.layers}]
    assert fingerprint(model) == fingerprint(model)
    before = fingerprint(model)
    model.all[1]["a"] = model.layers[:2]
    assert fingerprint(model) != before


def test_a_fingerprint_reads_arrays_and_functions():
    np = pytest.importorskip("numpy")
    model = network()
    model.mask, model.names, model.gain = np.ones(3), {"x": [1.0]}, lambda x: x
    model.hidden = np.array([Value(1.0), 2.0], dtype=object)
    seen = [fingerprint(model)]
    assert fingerprint(model) == seen[0]
    for change in (
        lambda: model.mask.__setitem__(1, 0.0),
        lambda: model.names["x"].append(2.0),
        lambda: setattr(model, "gain", lambda x: 2 * x),
        lambda: model.hidden.__setitem__(0, Value(1.0)),
    ):
        change()
        assert all(fingerprint(model) != before for before in seen)
        seen.append(fingerprint(model))


# What cannot be compiled.


class Counting(Module):
    def __init__(self):
        self.w, self.calls = Value(0.5), 0

    def forward(self, inputs):
        self.calls += 1
        return [self.w * inputs[0]]


class Detached(Module):
    def __init__(self):
        self.w, self.v = Value(0.5), Value(1.0)

    def forward(self, inputs):
        with no_grad():
            gate = self.v * inputs[1]
        return [self.w * inputs[0] * gate]


class GlobalNoise(Module):
    def __init__(self):
        self.w = Value(0.5)

    def forward(self, inputs):
        return [self.w * inputs[0] * random.random()]


def likelihood_of_ours(prediction, target):
    return nn.cross_entropy(prediction, target)


CANNOT = {
    "if": (lambda: Branch(lambda self, x: x[0] > 0.0), {}, "a comparison of a Value at test_nn_compiled_changes.py"),
    "if of a parameter": (lambda: Branch(lambda self, x: self.w > 0.4), {}, "a comparison of a Value at"),
    "data": (lambda: Branch(lambda self, x: self.w.data > 0.4), {}, ".data of a Value at"),
    "float()": (Rounded, {}, "float() of a Value at"),
    "a type": (lambda: Branch(lambda self, x: isinstance(x[0], float)), {}, "scalars give"),
    "no_grad": (Detached, {}, "scalars give"),
    "noise": (GlobalNoise, {}, "forward draws random numbers"),
    "a count": (Counting, {}, "Counting.forward changes the model's attributes"),
    "an index": (lambda: MLP(3, [3], rng=0), {"loss": likelihood, "y": CLASSES}, "int() of a Value at"),
    "an index of ours": (
        lambda: MLP(3, [3], rng=0), {"loss": likelihood_of_ours, "y": CLASSES}, "int() of a Value at losses.py",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("make", "settings", "reason"), CANNOT.values(), ids=CANNOT)
def test_what_cannot_be_compiled_goes_on_scalars_and_says_why(make, settings, reason):
    model, expected = make(), make()
    random.seed(1)
    history = trained(model, None, **settings)
    random.seed(1)
    by_scalars = trained(expected, False, **settings)
    assert history.engine.startswith(f"scalars: {reason}")
    assert history.loss == by_scalars.loss
    assert model.state_dict() == expected.state_dict()
    with pytest.raises(CompileError) as caught:
        trained(make(), True, **settings)
    assert str(caught.value).startswith(reason)


def test_what_is_a_constant_to_the_trace_is_found_where_every_epoch_starts_with_the_same_example():
    assert trained(Detached(), None, batch_size=None).engine.startswith("scalars: scalars give")


def test_a_branch_that_opens_later_is_found_at_the_start_of_its_epoch():
    """What decides is no attribute, and the graph of the first epoch was another."""
    found = []
    for compiled in (None, False):
        open_now = []
        model = Branch(lambda self, x, open_now=open_now: bool(open_now))
        found.append(trained(model, compiled, callbacks=[At(lambda _, gate=open_now: gate.append(1), 3)]))
    assert found[0].engine.startswith("scalars: scalars give")
    assert found[0].loss == pytest.approx(found[1].loss, rel=1e-9, abs=0.0)


def test_a_penalty_that_cannot_be_compiled_goes_on_scalars_alone():
    def penalty(weights):
        return nn.sum_of_squares(weights) if False else weights[0] * weights[0] * float(weights[1].data > 0.0)

    models = network(), network()
    history, expected = (trained(m, c, penalty=penalty) for m, c in zip(models, (None, False), strict=True))
    assert history.engine.startswith("compiled, the penalty on scalars: .data of a Value at")
    assert history.penalty == pytest.approx(expected.penalty, rel=1e-9, abs=0.0)
    with pytest.raises(CompileError, match=r"^the penalty: \.data of a Value"):
        trained(network(), True, penalty=penalty)


def test_without_numpy_scalars_train_and_predict(tmp_path):
    program = """
import sys
sys.modules["numpy"] = None
import nn
model = nn.MLP(1, [2, 1], rng=0)
X, y = [[i / 30] for i in range(30)], [i / 15 for i in range(30)]
history = nn.fit(model, X, y, optimizer=nn.Adam(model.parameters(), 0.01), epochs=3, clip_value=0.5, clip_norm=1.0)
assert len(model.predict(X)) == 30
print(history.engine)
try:
    nn.fit(model, X, y, optimizer=nn.SGD(model.parameters()), epochs=1, compiled=True)
except nn.training.CompileError as error:
    print(error)
try:
    model.predict(X, compiled=True)
except nn.training.CompileError as error:
    print(error)
"""
    root = Path(__file__).parent.parent
    done = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    first, second, third = done.stdout.splitlines()
    assert first.startswith("scalars: NumPy cannot be imported")
    assert second.startswith("NumPy cannot be imported")
    assert third.startswith("NumPy cannot be imported")


# What an error says.


def error_of(compiled, make=network, **settings):
    model = make()
    with pytest.raises((TrainingError, TypeError)) as caught:
        trained(model, compiled, **settings)
    error = caught.value
    place = (error.epoch, error.batch, error.example) if isinstance(error, TrainingError) else None
    states = [m.rng.random() for _, m in model.named_modules() if isinstance(m, Dropout)]
    return type(error), str(error), place, states, model.state_dict()


class Hidden(Module):
    def __init__(self):
        self.w, self._v = Value(0.5), Value(1.0)

    def forward(self, inputs):
        return [self.w * self._v * inputs[0]]


OF_LOGS = nn.Loss(lambda prediction, target: log(prediction + 0.6) * target)
FAILURES = {
    "a diverging run": {"epochs": 60, "optimizer_lr": 1e3},
    "the domain of a loss": {"loss": "binary_cross_entropy", "y": [float(y > 0.0) for y in Y]},
    "a probability above 1 whose logarithm there is": {
        "make": lambda: Sequential(Layer(3, 1, bias_init=nn.all_equal(5.0), rng=0)),
        "loss": "binary_cross_entropy",
        "y": [1.0] * 22,
    },
    "the domain of an operation": {"loss": OF_LOGS, "epochs": 60},
    "a loss that fails": {"loss": lambda prediction, target: prediction[3]},
    "a loss of no Value": {"loss": lambda prediction, target: 1.0},
    "a hidden Value": {"make": Hidden},
}


@pytest.mark.parametrize("settings", FAILURES.values(), ids=FAILURES)
def test_an_error_is_that_of_scalars_with_its_epoch_batch_and_example(settings, monkeypatch):
    settings = dict(settings)
    rate = settings.pop("optimizer_lr", 0.05)
    monkeypatch.setattr(sys.modules[__name__], "SGD", lambda parameters, _: nn.SGD(parameters, rate))
    kind, message, place, states, weights = error_of(None, **settings)
    expected = error_of(False, **settings)
    assert (kind, place, states) == (expected[0], *expected[2:4])
    assert rounded(message) == rounded(expected[1])
    assert weights == pytest.approx(expected[4], rel=1e-6, abs=1e-9)


def test_examples_within_the_domain_of_a_loss_are_not_computed_on_scalars_once_more():
    examples = []

    class Noted(MLP):
        def forward(self, inputs):
            examples.append(inputs)
            return super().forward(inputs)

    model, labels = Noted(3, [1], output="sigmoid", rng=0), [float(y > 0.0) for y in Y]
    nn.evaluate(model, X, labels, "binary_cross_entropy")
    assert len(examples) == 2 < len(X), "it is traced, and looked at once"
    assert trained(model, True, y=labels, loss="binary_cross_entropy").engine == "compiled"
    assert len(examples) < len(X)


@pytest.mark.parametrize(("outside", "label"), [(2.0, 1.0), (-1.0, 0.0)])
def test_a_probability_outside_0_to_1_is_refused_in_whatever_row_it_stands(outside, label):
    """−log p, or −log(1 − p), is a number there, so that only the loss's domain says it."""
    rows, y = [*[[0.5]] * 21, [outside]], [label] * 22
    model = MLP(1, [1], init="zeros")
    model.layers[0].neurons[0].weights[0].data = 1.0
    for compiled in (None, False):
        optimizer = nn.SGD(model.parameters(), 1e-9)
        with pytest.raises(TrainingError, match=r"example X\[21\]: binary_cross_entropy is not finite"):
            fit(
                model, rows, y, loss="binary_cross_entropy", optimizer=optimizer, epochs=1, compiled=compiled,
                progress=False,
            )  # fmt: skip
        with pytest.raises(ValueError, match=f"binary_cross_entropy is not finite for probability {outside}"):
            nn.evaluate(model, rows, y, "binary_cross_entropy", compiled=compiled)


def test_ctrl_c_in_a_step_leaves_the_weights_of_the_last_completed_one(monkeypatch):
    model = network()
    completed = []

    class Interrupted(nn.tracing.Traced):
        def rows(self, table):
            completed.append(model.state_dict())
            if len(completed) == 4:
                raise KeyboardInterrupt
            return super().rows(table)

    monkeypatch.setattr(nn.compiled, "Traced", Interrupted)
    history = trained(model, True)
    assert history.stopped_by == "interrupted"
    assert model.state_dict() == completed[-1] != completed[-2]
    monkeypatch.undo()
    del vars(model)["_compiled"]
    assert trained(model, True, epochs=2).stopped_by == "epochs"


def test_an_attribute_that_is_given_an_equal_number_again_changes_no_fingerprint():
    dropout = nn.Dropout(0.25, rng=0)
    before = fingerprint(dropout)
    dropout.rate = float("0.25")  # another object
    assert fingerprint(dropout) == before
    dropout.rate = 0.5
    assert fingerprint(dropout) != before
