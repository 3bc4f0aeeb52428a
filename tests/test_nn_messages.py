"""What a user reads who slipped: one sentence that says what was given, what is wanted, and what to write."""

# ruff: noqa: E501 (a table is easier to read in long lines)
import math
import warnings

import numpy as np
import pytest

import nn
from autodiff import Value
from nn import (
    L2,
    MLP,
    SGD,
    Adam,
    EarlyStopping,
    Layer,
    Module,
    Neuron,
    Sequential,
    StepDecay,
    TrainingError,
    evaluate,
    fit,
    functional_call,
)
from nn.matrices import from_torch, set_weights_and_biases

X, Y = [[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [0.0, 1.0, 2.0]


def net(*sizes, **settings):
    return MLP(2, list(sizes) or [2, 1], rng=0, **settings)


def training(model=None, x=X, y=Y, **changes):
    model = model or net()
    arguments = {"optimizer": None, "epochs": 3, "rng": 0, "progress": False, **changes}
    arguments["optimizer"] = arguments["optimizer"] or SGD(model.parameters(), 0.1)
    return fit(model, x, y, **arguments)


SLIPS = {
    "a penalty that was not made": (lambda: training(penalty=L2), "penalty is the class L2: write L2(…), as in L2(0.01)"),
    "a schedule that was not made": (lambda: training(schedule=StepDecay), "schedule is the class StepDecay: write StepDecay(…), as in StepDecay(every=10)"),
    "a callback that was not made": (lambda: training(callbacks=[EarlyStopping]), "callbacks holds the class EarlyStopping: write EarlyStopping(…)"),
    "a callback without its list": (lambda: training(callbacks=EarlyStopping()), "callbacks must be a list, as in [EarlyStopping()], not EarlyStopping"),
    "an initialiser that was not called": (lambda: net(init=nn.he_normal), "init is the function he_normal: call it, init=he_normal()"),
    "one that takes a number": (lambda: net(bias_init=nn.all_equal), "bias_init is the function all_equal: call it, bias_init=all_equal(0.5)"),
    "a model for its parameters": (lambda: Adam(net()), "Adam takes parameters, not MLP(2 → 2 → 1, tanh, linear): write Adam(model.parameters(), …)"),
    "one beta": (lambda: Adam(net().parameters(), betas=0.9), "betas must be two numbers, as in (0.9, 0.999), not 0.9"),
    "an optimizer that was not made": (lambda: training(optimizer=SGD), "optimizer must be an Optimizer, as in SGD(model.parameters(), lr=0.1), not the class SGD"),
    "layers in a list": (lambda: Sequential([Layer(2, 1, rng=0)]), "Sequential takes layers one by one: write Sequential(a, b) or Sequential(*layers)"),
    "softmax for an output": (lambda: net(3, output="softmax"), "output='softmax' is no function of one number: leave it linear and train with cross_entropy, which takes logits (predict_proba gives the softmax), or append a Softmax()"),
    "squares of class indices": (lambda: training(net(3), y=[0, 1, 2]), "y[0]: mse: the model has 3 outputs, and the target is 1 number: give 3 numbers for each example; for class indices use cross_entropy"),
    "cross-entropy of one output": (lambda: training(y=[0, 0, 0], loss="cross_entropy"), "y[0]: cross_entropy needs an output for each class, and the model has one: give its last layer as many outputs as there are classes, or use binary_cross_entropy_with_logits"),
    "labels from 1": (lambda: training(net(3), y=[1, 2, 3], loss="cross_entropy"), "y[2]: with 3 outputs cross_entropy takes labels 0 … 2, not 3.0: the first class is 0, not 1"),
    "a target as an index": (lambda: training(net(3), y=[0, 1, 2], loss=lambda p, t: p[t]), "the loss <lambda> fails for 3 outputs and the target 0.0: list indices must be integers or slices, not float (a target is a float, or a list of them: index with int(target))"),
    "one example for many": (lambda: net().predict([1.0, 2.0]), "X holds a row for each example, and X[0] is a number where the model takes 2: for one example write [[…]], with 2 numbers in the inner brackets"),
    "many examples for one": (lambda: net()([[1.0, 2.0]]), "MLP takes one example, and was given rows: predict(X) takes rows"),
    "nan in an example": (lambda: net()([math.nan, 1.0]), "input 0 of MLP is nan (one example): only finite numbers are accepted"),
    "a layer of none": (lambda: net(0, 1), "sizes[0] must be at least 1, not 0"),
    "a state of another shape": (lambda: net(3, 1).load_state_dict(net(2, 1).state_dict()), "the state lacks 4 of the 13 parameters of MLP(2 → 3 → 1, tanh, linear) (layers.0.neurons.2.bias, layers.0.neurons.2.weights.0, layers.0.neurons.2.weights.1, …): it is of another shape"),
    "a larger state": (lambda: net(2, 1).load_state_dict(net(3, 1).state_dict()), "the state has 4 numbers for which MLP(2 → 2 → 1, tanh, linear) has no parameter (layers.0.neurons.2.bias, layers.0.neurons.2.weights.0, layers.0.neurons.2.weights.1, …): it is of another shape"),
    "a column that is not measured": (lambda: training().accuracy, "the history has no 'accuracy'; it has loss, learning_rate, seconds"),
    "logits of a sigmoid": (lambda: training(net(output="sigmoid"), y=[0, 1, 1], loss="binary_cross_entropy_with_logits"), "binary_cross_entropy_with_logits takes logits, and the outputs of MLP(2 → 2 → 1, tanh, sigmoid) are probabilities: make its last layer linear (which is stable), or use binary_cross_entropy"),
    "a neuron before a wide layer": (lambda: Sequential(Neuron(2, rng=0), Layer(3, 1, rng=1)), "layer 1 of Sequential, Layer(3 → 1, linear), takes 3 inputs and gets 1"),
    "accuracy of values": (lambda: training(metrics=["accuracy"]), "accuracy needs classes, and the outputs are values (by mse): train with a loss of classes, as cross_entropy, or say what they mean, as in Loss(mse, meaning='probability')"),
    "a loss that says nothing": (lambda: training(y=[0, 1, 1], loss=lambda p, t: (p - t) ** 2, metrics=["accuracy"]), "accuracy needs to know what the outputs mean, and <lambda> does not say: declare it, as in Loss(<lambda>, meaning='logit')"),
    "classes of a fresh model": (lambda: net().predict_class(X), "predict_class needs to know what the outputs mean, and MLP(2 → 2 → 1, tanh, linear) was not trained with a loss that says it: write predict_class(X, 'logit') or give a Meaning"),
    "labels that are texts": (lambda: training(y=["cat", "dog", "cat"]), "y[0] is str 'cat' (row 0): number the classes, 0, 1, 2, …"),
    "nothing at all": (lambda: training(x=[], y=[]), "X is empty: give at least one example"),
    "an array of nothing": (lambda: net().predict(np.zeros((0, 2))), "X is empty: give at least one example, with at least one number"),
    "everything frozen": (lambda: training(net().freeze()), "every parameter of the model is frozen: unfreeze() what is to learn"),
    "an unknown parameter": (lambda: functional_call(net(), {"w": 1.0}, [1.0, 2.0]), "MLP(2 → 2 → 1, tanh, linear) has no parameter 'w'; it has layers.0.neurons.0.weights.0, layers.0.neurons.0.weights.1, layers.0.neurons.0.bias, layers.0.neurons.1.weights.0, layers.0.neurons.1.weights.1, …"),
    "a loss that gives a number": (lambda: training(loss=lambda p, t: 1.0), "a loss must return one Value made from the prediction, not float 1.0"),
    "a class for a loss": (lambda: training(loss=nn.Loss), "a loss is a function (prediction, target) → Value, not the class Loss"),
    "a metric outside its list": (lambda: training(metrics="mae"), "metrics must be a list, as in ['accuracy'], not str 'mae'"),
    "a share for validation data": (lambda: training(validation=0.2), "validation must be a pair (Xv, yv), not float 0.2: as in X, y, Xv, yv = split(X, y, 0.2, rng=0)"),
    "a batch too large": (lambda: training(batch_size=10), "batch_size is 10, and there are 3 examples: give at most 3"),
    "a seed that is a text": (lambda: training(rng="0"), "rng must be an int seed or a random.Random, not str '0'"),
    "a model that is none": (lambda: fit("model", X, Y, optimizer=SGD(net().parameters()), epochs=1), "model must be a Module, not str 'model'"),
    "a state in a list": (lambda: net().load_state_dict([1.0]), "a state is numbers by name, as state_dict() gives it, not list [1.0]"),
    "matrices outside their list": (lambda: set_weights_and_biases(net(1), 3.0), "weights must be a list, as in [W1, W2], not float 3.0"),
    "a matrix of texts": (lambda: set_weights_and_biases(net(1), [[["a", 1.0]]]), "weights[0] must be a matrix of numbers, with rows of one length, not list [['a', 1.0]]"),
    "a matrix of dicts": (lambda: set_weights_and_biases(net(1), [[[{}, 1.0]]]), "weights[0] must be a matrix of numbers, with rows of one length, not list [[{}, 1.0]]"),
    "rows of two lengths": (lambda: set_weights_and_biases(net(2), [[[1.0], [1.0, 2.0]]]), "weights[0] must be a matrix of numbers, with rows of one length, not list [[1.0], [1.0, 2.0]]"),
    "a list for PyTorch's state": (lambda: from_torch(net(1), [1.0]), "state_dict is what a PyTorch model's state_dict() gives, not list [1.0]"),
    "a function for a model": (lambda: functional_call(math.exp, [1.0], [1.0]), "model must be a Module, not builtin_function_or_method <built-in function exp>"),
    "norms of no model": (lambda: nn.gradient_norms([1.0]), "model must be a Module, not list [1.0]"),
    "a number for a penalty": (lambda: nn.objective(net(), X, Y, penalty=0.1), "penalty must be a function or one of nn's own, as in L2(0.01), not float 0.1"),
    "one name outside its list": (lambda: nn.check_gradients(net(), X[0], 1.0, parameters="layers"), "parameters must be a list, as in ['layers.0.neurons.0.bias'], not str 'layers'"),
    "an index that is nan": (lambda: nn.Embedding(2, 1, rng=0).forward([math.nan]), "Embedding(2, 1) takes indices 0 … 1, not nan"),
    "a class that is nan": (lambda: nn.Meaning("logit", exclusive=True).class_of_target(math.nan), "a class is an index 0, 1, 2, …, not nan"),
    "a class that is infinite": (lambda: nn.Meaning("logit", exclusive=True).class_of_target(math.inf), "a class is an index 0, 1, 2, …, not inf"),
    "a huge number": (lambda: training(epochs=-(10**5000)), "epochs must be at least 1, not an integer of 16610 bits"),
    "a long list for a number": (lambda: training(clip_norm=list(range(10**5))), "clip_norm must be a number, not list [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16,  …"),
}  # fmt: skip


@pytest.mark.parametrize("slip", SLIPS)
def test_a_slip_is_answered_in_one_sentence(slip):
    act, message = SLIPS[slip]
    with warnings.catch_warnings(), pytest.raises((ValueError, TypeError, AttributeError)) as caught:
        warnings.simplefilter("error")
        act()
    assert str(caught.value) == message
    assert len(message) < 300
    assert "\n" not in message


def test_a_run_that_diverges_says_to_lower_the_rate():
    model = MLP(2, [4, 1], "relu", init="he_normal", rng=0)
    with pytest.raises(
        TrainingError, match=r"the run diverges, so lower the learning rate \(1e\+06\) or give clip_norm=1.0: "
    ):
        training(model, optimizer=SGD(model.parameters(), 1e6), epochs=500, batch_size=1)
    model = MLP(1, [1], init="zeros")
    with pytest.raises(TrainingError, match=r"so lower the learning rate \(10\) or scale the inputs: "):
        fit(model, [1e200], [1e200], optimizer=SGD(model.parameters(), 10.0), epochs=9, clip_norm=1.0, progress=False)


def test_a_run_that_diverges_where_it_is_measured_says_to_lower_the_rate_too():
    too_large = {
        "the losses of 4 examples add up to more than a float holds": ([0.0, 0.0, 0.0, 0.0], {}),
        "the metric 'rmse' gives more than a float holds": ([0.0], {"loss": "mae", "metrics": ["rmse"]}),
    }
    for message, (xs, settings) in too_large.items():
        model = MLP(1, [1], init="zeros")
        model.layers[0].neurons[0].bias.data = 1e154 if len(xs) > 1 else 1e200
        before = model.state_dict()
        with pytest.raises(TrainingError) as caught:
            fit(
                model,
                xs,
                [0.0] * len(xs),
                optimizer=SGD(model.parameters(), 1e-320),
                epochs=9,
                progress=False,
                **settings,
            )
        place = "epoch 1: the run diverges, so lower the learning rate (9.99989e-321) or give clip_norm=1.0: "
        assert str(caught.value).startswith(place + message + "\n  the model keeps the weights")
        assert (caught.value.epoch, caught.value.batch, model.state_dict() == before) == (1, None, True)


def test_a_module_whose_forward_gives_no_list_says_so():
    class One(Module):
        def __init__(self):
            self.weight = Value(1.0)

        def forward(self, inputs):
            return self.weight * inputs[0]

    for act in (lambda: One()([1.0]), lambda: One().predict([[1.0]]), lambda: evaluate(One(), [1.0], [1.0])):
        with pytest.raises(
            TypeError, match=r"One.forward must return a list of outputs, not Value\(data=1.0, grad=0.0\)"
        ):
            act()


def test_a_model_of_ones_own_that_is_iterable_is_no_list_of_parameters():
    class Layers(Module):
        def __iter__(self):
            return iter([Layer(1, 1, rng=0)])

    with pytest.raises(
        TypeError, match=r"^SGD takes parameters, not Layers\(\): write SGD\(model.parameters\(\), …\)$"
    ):
        SGD(Layers())


def test_messages_and_names_speak_of_optimizers_with_a_z():
    from pathlib import Path

    texts = {path.name: path.read_text(encoding="utf-8").lower() for path in Path(nn.__file__).parent.rglob("*.py")}
    assert [name for name, text in texts.items() if "optimis" in text] == []


@pytest.mark.parametrize("bad", [math.inf, -math.inf, math.nan, 10**400])
def test_a_number_without_limits_must_be_finite_all_the_same(bad):
    with pytest.raises(ValueError, match=r"^x must be finite, not "):
        nn.checks.finite("x", bad)


@pytest.mark.parametrize(
    "loss",
    [
        lambda outputs, target: outputs[target],
        lambda outputs, target: outputs[7],
        lambda outputs, target: outputs[0] - target.value,
    ],
    ids=["TypeError", "LookupError", "AttributeError"],
)
def test_a_loss_of_ones_own_that_slips_is_told_what_a_target_is(loss):
    model = MLP(2, [2], rng=0)
    with pytest.raises(TypeError, match=r"fails for 2 outputs and the target .*: .* \(a target is a float"):
        fit(model, X, Y, loss=loss, optimizer=SGD(model.parameters(), 0.1), epochs=1, progress=False)
