"""predict and evaluate by Programs: the numbers of scalars, whatever changes, with nothing left behind."""

import copy
import gc
import pickle
import threading
import weakref

import pytest
from compiled_models import CHANGES, CLASSES, Branch, Rounded, X, Y, likelihood, network, rounded

import nn
from autodiff import CompileError, log, no_grad
from nn import MLP, SGD, Layer, Module, Sequential, fit

pytest.importorskip("numpy")


def test_predictions_of_many_rows_are_those_of_scalars():
    for make in (network, lambda: MLP(3, [4, 2], rng=0), lambda: Sequential(Layer(3, 2, rng=1), nn.Softmax())):
        model = make()
        compiled, scalars = model.predict(X, compiled=True), model.predict(X, compiled=False)
        assert [type(y) for y in compiled] == [type(y) for y in scalars]
        assert compiled == pytest.approx(scalars, rel=1e-12, abs=1e-15) if isinstance(compiled[0], float) else all(
            a == pytest.approx(b, rel=1e-12, abs=1e-15) for a, b in zip(compiled, scalars, strict=True)
        )  # fmt: skip


def test_few_rows_are_not_worth_compiling():
    model = network()
    model.predict(X[:20])
    assert "_compiled" not in vars(model)
    model.predict(X[:20], compiled=True)
    assert "_compiled" in vars(model)


def test_a_prediction_knows_what_changed():
    model = network()
    before = model.predict(X)
    for p in model.parameters():
        p.data *= 2.0
    assert model.predict(X) == pytest.approx(model.predict(X, compiled=False), rel=1e-12, abs=1e-15)
    assert model.predict(X) != before
    for change in CHANGES.values():
        model = network()
        model.predict(X)
        change(model)
        assert model.predict(X) == pytest.approx(model.predict(X, compiled=False), rel=1e-12, abs=1e-15)


def test_a_model_that_cannot_be_compiled_predicts_on_scalars():
    for make in (
        lambda: Branch(lambda self, x: x[0] > 0.0),
        Rounded,
        lambda: Branch(lambda self, x: isinstance(x[0], float)),
    ):
        model = make()
        assert model.predict(X) == model.predict(X, compiled=False)
        with pytest.raises(CompileError):
            model.predict(X, compiled=True)


def test_an_error_of_a_prediction_is_that_of_scalars():
    class Log(Module):
        def forward(self, inputs):
            return [log(inputs[0] + 0.5)]

    for compiled in (None, True, False):
        with pytest.raises(ValueError, match=r"^log is not defined at x = -0\.\d+: its domain is x > 0$"):
            Log().predict(X, compiled=compiled)


def test_what_was_compiled_is_not_copied_nor_pickled_nor_saved(tmp_path):
    for model in (network(), nn.Neuron(3, rng=0)):
        model.predict(X)
        assert "_compiled" in vars(model)
        for other in (copy.copy(model), copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
            assert "_compiled" not in vars(other)
            assert other.predict(X) == model.predict(X)
    model = network()
    model.predict(X)
    nn.save(model, tmp_path / "model.json")
    assert nn.load(tmp_path / "model.json").predict(X) == model.predict(X)


def test_a_model_that_predicted_goes_without_the_garbage_collector():
    gc.collect()
    gc.disable()
    try:
        model = network()
        model.predict(X)
        fit(model, X, Y, optimizer=SGD(model.parameters()), epochs=1, progress=False, compiled=True)
        gone = weakref.ref(model)
        del model
        assert gone() is None
        branch = Branch(lambda self, x: x[0] > 0.0)
        branch.predict(X)
        gone = weakref.ref(branch)
        del branch
        assert gone() is None, "the error that it cannot be compiled holds no frame"
    finally:
        gc.enable()


def test_threads_predict_with_one_model():
    model = MLP(3, [64, 64, 1], rng=0)
    rows = X * 200
    expected = model.predict(rows)
    found = []
    threads = [threading.Thread(target=lambda: found.append(model.predict(rows))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert all(one == pytest.approx(expected, rel=1e-12, abs=1e-15) for one in found)


def test_predicting_within_no_grad_and_in_the_middle_of_a_run_leaves_modes_alone():
    model = network()
    with no_grad():
        assert model.predict(X) == pytest.approx(model.predict(X, compiled=False), rel=1e-12, abs=1e-15)
    assert model.training
    assert all(module.training for _, module in model.named_modules())


@pytest.mark.parametrize("loss", ["mse", "huber", likelihood])
def test_evaluate_measures_what_it_measures_on_scalars(loss):
    y, outputs = (CLASSES, 3) if loss is likelihood else (Y, 1)
    model = MLP(3, [4, outputs], rng=0)
    weights = [i % 3 for i in range(22)]
    metrics = ["rmse", "mae"] if loss != likelihood else []
    found, expected = (
        nn.evaluate(model, X, y, loss, metrics, sample_weight=weights, compiled=c) for c in (None, False)
    )
    assert found == pytest.approx(expected, rel=1e-12, abs=0.0)


def test_evaluate_refuses_an_output_outside_the_domain_of_the_loss_as_on_scalars():
    low, high = MLP(3, [1], rng=0), MLP(3, [1], bias_init=nn.all_equal(5.0), rng=0)
    for model, y in ((low, [float(t > 0.0) for t in Y]), (high, [1.0] * 22)):
        messages = []
        for compiled in (None, False):
            with pytest.raises(ValueError, match="binary_cross_entropy is not finite for probability") as caught:
                nn.evaluate(model, X, y, "binary_cross_entropy", compiled=compiled)
            messages.append(rounded(str(caught.value)))
        assert messages[0] == messages[1]
