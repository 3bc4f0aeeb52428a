"""Neurons, layers and networks: what they compute, what they hold, and how they are looked into."""

import copy
import math
import pickle
import random

import numpy as np
import pytest

import nn
from autodiff import Value, leaves, tanh
from nn import MLP, SGD, Dropout, Layer, Module, Neuron, Sequential, Softmax

X = [[0.5, -1.0], [2.0, 0.25], [-0.75, 1.5]]


def test_a_neuron_is_its_activation_of_bias_plus_weighted_inputs():
    neuron = Neuron(2, "tanh", rng=0)
    neuron.bias.data = 0.3
    w1, w2 = (w.data for w in neuron.weights)
    assert neuron([2.0, -1.0]).data == pytest.approx(math.tanh(0.3 + 2.0 * w1 - w2), rel=1e-15, abs=0.0)
    assert neuron.pre_activation.data == pytest.approx(0.3 + 2.0 * w1 - w2, rel=1e-15, abs=0.0)


def test_a_fused_neuron_is_one_node_and_an_unfused_one_single_operations():
    fused, single = (Neuron(3, rng=0, fused=f)([1.0, 2.0, 3.0]) for f in (True, False))
    assert fused.op.name == "dot"
    assert all(isinstance(p, Value) and p.op is None for p in fused.parents)
    assert {single.op.name, *(p.op.name for p in single.parents)} == {"add", "mul"}
    for made in (Neuron(2, rng=0), Layer(2, 1, rng=0), MLP(2, [1], rng=0)):
        assert made([1.0, 2.0]).op.name == "dot", "fused unless it is asked for"


def test_a_neuron_by_itself_starts_as_a_layer_of_one_does():
    assert [w.data for w in Neuron(3, rng=0).weights] == [w.data for w in Layer(3, 1, rng=0).neurons[0].weights]


@pytest.mark.parametrize("activation", [*nn.ACTIVATIONS, tanh, lambda z: z * z])
def test_fused_and_unfused_networks_give_the_same_outputs_and_gradients(activation):
    models = [MLP(2, [4, 3, 2], activation, rng=3, fused=fused) for fused in (True, False)]
    for model in models:
        nn.mse(model(X[0]), [1.0, -1.0]).backward()
    one, other = models
    assert one.predict(X)[1] == pytest.approx(other.predict(X)[1], rel=1e-12, abs=1e-15)
    assert [p.grad for p in one.parameters()] == pytest.approx(
        [p.grad for p in other.parameters()], rel=1e-12, abs=1e-15
    )


def test_the_same_seed_gives_the_same_weights_and_another_seed_others():
    assert MLP(2, [4, 1], rng=7).state_dict() == MLP(2, [4, 1], rng=random.Random(7)).state_dict()
    assert MLP(2, [4, 1], rng=7).state_dict() != MLP(2, [4, 1], rng=8).state_dict()


def test_randomness_is_never_implicit():
    with pytest.raises(ValueError, match="pass rng=0"):
        MLP(2, [1])
    with pytest.raises(ValueError, match="pass rng=0"):
        Dropout(0.5)
    assert MLP(2, [1], init="zeros").predict([[1.0, 2.0]]) == [0.0]


@pytest.mark.parametrize(
    ("init", "low", "high", "std"),
    [
        ("zeros", 0.0, 0.0, 0.0),
        (nn.all_equal(0.5), 0.5, 0.5, 0.0),
        ("uniform", -0.1, 0.1, 0.1 / math.sqrt(3)),
        ("normal", -math.inf, math.inf, 0.1),
        ("xavier_uniform", -math.sqrt(6 / 70), math.sqrt(6 / 70), math.sqrt(2 / 70)),
        ("xavier_normal", -math.inf, math.inf, math.sqrt(2 / 70)),
        ("he_uniform", -math.sqrt(6 / 40), math.sqrt(6 / 40), math.sqrt(2 / 40)),
        ("he_normal", -math.inf, math.inf, math.sqrt(2 / 40)),
    ],
)
def test_initial_weights_have_the_spread_of_their_formula_and_biases_are_zero(init, low, high, std):
    layer = Layer(40, 30, init=init, rng=0)
    weights = [w.data for neuron in layer.neurons for w in neuron.weights]
    assert all(low <= w <= high for w in weights)
    assert np.std(weights) == pytest.approx(std, rel=0.06, abs=0.0)
    assert all(neuron.bias.data == 0.0 for neuron in layer.neurons)


def test_parameters_have_paths_and_labels_and_are_counted_once():
    model = MLP(2, [3, 1], rng=0)
    named = dict(model.named_parameters())
    assert len(named) == 3 * 3 + 4
    assert named["layers.0.neurons.2.weights.1"] is model.layers[0].neurons[2].weights[1]
    assert named["layers.1.neurons.0.bias"].label == "b2[1]"
    assert named["layers.0.neurons.2.weights.1"].label == "W1[3,2]"
    shared = Layer(2, 2, rng=0)
    assert len(Sequential(shared, shared).parameters()) == 6


def test_a_forward_pass_leaves_parameters_as_they_are_even_though_it_is_remembered():
    model = MLP(2, [3, 1], rng=0)
    before = len(model.parameters())
    model(X[0])
    model.predict(X)
    assert len(model.parameters()) == before


def test_pre_activations_are_readable_after_a_forward_pass_and_not_before():
    model = MLP(2, [3, 1], "relu", rng=0)
    with pytest.raises(ValueError, match="run it on an example first"):
        _ = model.layers[0].pre_activations
    model(X[0])
    first = model.layers[0]
    assert [a.data for a in first.pre_activations] == [
        pytest.approx(sum(w.data * x for w, x in zip(n.weights, X[0], strict=True)) + n.bias.data)
        for n in first.neurons
    ]


def test_the_weight_parameters_are_all_but_the_biases():
    model = MLP(2, [3, 1], rng=0)
    assert len(model.weight_parameters()) == 2 * 3 + 3
    assert not {id(p) for p in model.weight_parameters()} & {
        id(n.bias) for layer in model.layers for n in layer.neurons
    }


class Row:
    """What a pandas row is to us: something with to_numpy."""

    def __init__(self, numbers):
        self.numbers = numbers

    def to_numpy(self):
        return np.array(self.numbers)


def test_inputs_may_be_lists_tuples_arrays_rows_and_values():
    model = MLP(2, [3, 2], rng=0)
    expected = [y.data for y in model([0.5, -1.0])]
    for x in ((0.5, -1.0), np.array([0.5, -1.0]), Row([0.5, -1.0]), [Value(0.5), np.float64(-1.0)], iter([0.5, -1.0])):
        assert [y.data for y in model(x)] == expected
    x = Value(0.5)
    nn.mse(model([x, -1.0]), [0.0, 0.0]).backward()
    assert x.grad != 0.0


def test_pandas_frames_and_rows_work():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"a": [0.5, 2.0], "b": [-1, 3]})
    model = MLP(2, [3, 1], rng=0)
    assert model.predict(frame) == model.predict([[0.5, -1.0], [2.0, 3.0]])
    assert model(frame.iloc[0]).data == model.predict(frame)[0]


def test_one_output_is_a_value_and_several_are_a_list():
    assert isinstance(MLP(2, [1], rng=0)([1.0, 2.0]), Value)
    assert [type(y) for y in MLP(2, [2], rng=0)([1.0, 2.0])] == [Value, Value]
    assert isinstance(MLP(1, [1], rng=0)(3.0), Value)


def test_predict_gives_the_floats_of_the_forward_pass_and_builds_no_graph():
    model = MLP(2, [3, 1], rng=0)
    assert model.predict(X) == [model(x).data for x in X]
    model.predict(X)
    assert model.layers[-1].pre_activations[0].parents == ()


def test_a_graph_is_gone_when_the_next_example_has_run():
    model = MLP(2, [3, 1], rng=0)
    first = model(X[0])
    assert len(leaves(first)) == 13
    deep = copy.deepcopy(model)
    assert deep.predict(X) == model.predict(X)
    assert pickle.loads(pickle.dumps(model)).predict(X) == model.predict(X)


def test_state_dicts_carry_parameters_over_bit_by_bit():
    one, other = MLP(2, [3, 1], rng=0), MLP(2, [3, 1], rng=1)
    other.load_state_dict(one.state_dict())
    assert other.state_dict() == one.state_dict()


def test_a_state_of_another_shape_changes_nothing():
    model = MLP(2, [3, 1], rng=0)
    before = model.state_dict()
    for state in (MLP(2, [4, 1], rng=1).state_dict(), {}, before | {"layers.0.neurons.0.bias": math.nan}):
        with pytest.raises(ValueError, match=r"another shape|finite"):
            model.load_state_dict(state)
        assert model.state_dict() == before


def test_train_and_eval_reach_every_module_and_predict_puts_the_mode_back():
    model = Sequential(Layer(2, 8, "relu", rng=0), Dropout(0.5, rng=1), Layer(8, 1, rng=2))
    model.predict(X)
    assert all(module.training for _, module in model.named_modules())
    model.layers[1].eval()
    model.predict(X)
    assert [layer.training for layer in model.layers] == [True, False, True]
    assert not any(module.training for _, module in model.eval().named_modules())


def test_dropout_keeps_the_expected_value_and_drops_at_its_rate():
    dropout = Dropout(0.25, rng=0)
    outputs = [x for _ in range(400) for x in dropout([1.0] * 10)]
    assert set(outputs) == {0.0, 1.0 / 0.75}
    assert sum(outputs) / len(outputs) == pytest.approx(1.0, abs=0.03)
    assert dropout.eval()([1.0, 2.0]) == [1.0, 2.0]
    assert Dropout(0.0, rng=0)([1.0, 2.0]) == [1.0, 2.0]


def test_no_gradient_passes_a_dropped_unit():
    dropout, xs = Dropout(0.5, rng=1), [Value(1.0), Value(1.0), Value(1.0)]
    outputs = dropout(xs)
    nn.half_mse(outputs, [5.0] * 3).backward()
    assert [x.grad != 0.0 for x in xs] == [y.data != 0.0 for y in outputs]


def test_repr_and_summary_show_shapes_and_counts():
    model = MLP(2, [16, 1], "relu", "sigmoid", rng=0)
    assert repr(model) == "MLP(2 → 16 → 1, relu, sigmoid)"
    assert repr(model.layers[0].neurons[0]) == "Neuron(2 → 1, relu)"
    assert model.summary().splitlines()[1].split() == ["layers.0", "Layer(2", "→", "16,", "relu)", "48", "parameters"]
    assert model.summary().splitlines()[-1].split() == ["total", "65", "parameters"]


class Cube:
    def __call__(self, z):
        return z * z * z


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda: Sequential(Dropout(0.5, rng=0)), "Sequential(?)"),
        (lambda: Sequential(Dropout(0.5, rng=0), Layer(2, 1, rng=0)), "Sequential(? → 1)"),
        (lambda: Neuron(1, lambda z: z, rng=0), "Neuron(1 → 1, <lambda>)"),
        (lambda: MLP(1, [2, 1], Cube(), rng=0), "MLP(1 → 2 → 1, custom, linear)"),
        (lambda: Layer(1, 2, Cube(), bias=False, rng=0), "Layer(1 → 2, custom, no bias)"),
        (lambda: MLP(1, [2, 1], (tanh,), rng=0), "MLP(1 → 2 → 1, tanh, linear)"),
    ],
)
def test_what_has_no_number_or_no_name_is_shown_as_such(make, expected):
    assert repr(make()) == expected


def test_a_layer_may_be_exchanged_afterwards():
    model = MLP(2, [2, 1], rng=0)
    model.layers[1] = Softmax()
    assert sum(model([1.0, 2.0])).data == pytest.approx(1.0)


def test_layers_of_one_seed_are_warned_of_where_they_are_put_together():
    with pytest.warns(UserWarning, match="layers 0 and 1 of Sequential start with the same weights") as warned:
        Sequential(Layer(1, 2, rng=0), Layer(2, 1, rng=0))
    assert warned[0].filename == __file__


class Residual(Module):
    def __init__(self):
        self.inner = MLP(2, [2], rng=0)
        self.scale = {"factor": Value(0.5)}

    def forward(self, inputs):
        return [x + self.scale["factor"] * y for x, y in zip(inputs, self.inner(inputs), strict=True)]


def test_a_module_of_ones_own_has_parameters_trains_and_predicts():
    model = Residual()
    assert "scale.factor" in model.state_dict()
    history = nn.fit(model, X, X, optimizer=SGD(model.parameters(), 0.05), epochs=20, progress=False)
    assert history.loss[-1] < history.loss[0]
    assert len(model.predict(X)) == 3


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: MLP(2, [], rng=0), "sizes is empty"),
        (lambda: MLP(0, [1], rng=0), "at least 1"),
        (lambda: MLP(2, [0], rng=0), "at least 1"),
        (lambda: MLP(2, [1], activation="swish2", rng=0), "unknown activation 'swish2'; known are: linear, relu"),
        (lambda: MLP(2, [1], init="he", rng=0), "unknown init 'he'; known are: zeros, uniform"),
        (lambda: Dropout(1.0, rng=0), "below 1"),
        (lambda: Dropout(-0.1, rng=0), "at least 0"),
        (lambda: Sequential(), "at least one layer"),
        (lambda: Sequential(Layer(2, 3, rng=0), Layer(4, 1, rng=0)), "takes 4 inputs and gets 3"),
        (lambda: Sequential(Layer(2, 3, rng=0), Dropout(0.1, rng=0), Layer(4, 1, rng=0)), "takes 4 inputs and gets 3"),
        (lambda: MLP(2, [1], rng=0)([1.0]), "MLP takes 2 inputs, and was given 1"),
    ],
)
def test_shapes_and_names_that_make_no_sense_are_value_errors(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: MLP(2, 16, rng=0), r"as in \[16, 16, 1\]"),
        (lambda: MLP(2, "16", rng=0), r"as in \[16, 16, 1\]"),
        (lambda: Sequential([Layer(2, 1, rng=0)], Softmax()), "takes layers one by one"),
        (lambda: MLP(2, [1.5], rng=0), "must be an integer"),
        (lambda: MLP(2, [1], activation=3, rng=0), "name .* or a function"),
        (lambda: MLP(2, [1], rng="0"), "int seed or a random.Random"),
        (lambda: MLP(2, [1], rng=0)("ab"), "a sequence of numbers, not str"),
        (lambda: MLP(2, [1], rng=0)([1.0, "b"]), "str"),
        (lambda: Sequential(Layer(2, 1, rng=0), abs), "must be a Module"),
    ],
)
def test_wrong_types_are_type_errors(make, message):
    with pytest.raises(TypeError, match=message):
        make()


def test_a_module_without_forward_says_what_is_missing():
    with pytest.raises(NotImplementedError, match="must define forward"):
        Module()([1.0])


def test_gradient_norms_are_the_norms_by_layer():
    model = MLP(2, [3, 1], rng=0)
    nn.mse(model(X[0]), 1.0).backward()
    norms = nn.gradient_norms(model)
    assert list(norms) == ["layers.0", "layers.1"]
    assert norms["layers.1"] == pytest.approx(math.sqrt(sum(p.grad**2 for p in model.layers[1].parameters())))


def test_gradcheck_agrees_on_a_whole_network_and_leaves_it_alone():
    model = Sequential(Layer(2, 3, "tanh", rng=0), Dropout(0.5, rng=1), Layer(3, 2, rng=2))
    before, identities = model.state_dict(), [id(p) for p in model.parameters()]
    report = nn.check_gradients(model, X[0], 1, "cross_entropy")
    assert len(report.checks) == 17
    assert report.ok
    assert (model.state_dict(), [id(p) for p in model.parameters()]) == (before, identities)
    chosen = nn.check_gradients(model, X[0], 1, "cross_entropy", parameters=["layers.0.neurons.1.bias"])
    assert [check.label for check in chosen.checks] == ["layers.0.neurons.1.bias"]


def test_gradcheck_finds_a_wrong_derivative():
    from autodiff import GradcheckError, define_op

    wrong = define_op("wrong_square", lambda xp, x: x * x, [lambda xp, out, x: 3.0 * x])
    with pytest.raises(GradcheckError, match="wrong"):
        nn.check_gradients(MLP(2, [2, 1], wrong, rng=0), X[0], 1.0)


def test_gradcheck_refuses_parameters_that_are_not_there():
    model = MLP(2, [1], rng=0)
    with pytest.raises(ValueError, match="no parameter 'w'"):
        nn.check_gradients(model, X[0], 1.0, parameters=["w"])
    with pytest.raises(ValueError, match="there are 3 parameters"):
        nn.check_gradients(model, X[0], 1.0, count=4, rng=0)


def test_every_public_name_is_there():
    for name in nn.__all__:
        assert getattr(nn, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = nn.nothing


def test_a_module_that_refers_to_its_parent_is_visited_once():
    class Child(Module):
        def __init__(self, parent):
            self.parent, self.weight = parent, Value(2.0)

        def forward(self, inputs):
            return [self.weight * x for x in inputs]

    class Parent(Module):
        def __init__(self):
            self.child, self.bias = Child(self), Value(1.0)

        def forward(self, inputs):
            return [y + self.bias for y in self.child.forward(inputs)]

    model = Parent()
    assert model.state_dict() == {"bias": 1.0, "child.weight": 2.0}
    assert [path for path, _ in model.named_modules()] == ["", "child"]
    assert model.predict([[3.0]]) == [7.0]


@pytest.mark.parametrize(
    ("init", "draws"),
    [
        (nn.init.uniform(-0.5, 0.25), lambda rng: rng.uniform(-0.5, 0.25)),
        (nn.init.normal(0.5, 2.0), lambda rng: rng.gauss(2.0, 0.5)),
        (nn.init.xavier_uniform(2.0), lambda rng: rng.uniform(-2.0 * math.sqrt(6 / 8), 2.0 * math.sqrt(6 / 8))),
        (nn.init.xavier_normal(2.0), lambda rng: rng.gauss(0.0, 2.0 * math.sqrt(2 / 8))),
        (nn.init.he_uniform(), lambda rng: rng.uniform(-math.sqrt(6 / 3), math.sqrt(6 / 3))),
        (nn.init.he_normal(), lambda rng: rng.gauss(0.0, math.sqrt(2 / 3))),
        (nn.init.fan_in_uniform(), lambda rng: rng.uniform(-1 / math.sqrt(3), 1 / math.sqrt(3))),
    ],
    ids=["uniform", "normal", "xavier_uniform", "xavier_normal", "he_uniform", "he_normal", "fan_in_uniform"],
)
def test_a_weight_is_one_draw_from_the_distribution_of_its_formula(init, draws):
    """Of a layer of 3 inputs and 5 outputs."""
    rng, same = random.Random(1), random.Random(1)
    for _ in range(3):
        assert init(3, 5, rng) == pytest.approx(draws(same), rel=1e-15, abs=0.0)
