"""Layers beyond the plain one: biases, activations by layer, blocks between layers, freezing, what a model shows."""

import math
import random

import numpy as np
import pytest

import nn
from autodiff import Value, gradcheck, gradients
from nn import (
    MLP,
    SGD,
    Adam,
    AdamW,
    Dropout,
    Embedding,
    Layer,
    LayerNorm,
    Module,
    Neuron,
    Sequential,
    Softmax,
    Standardize,
    evaluate,
    fit,
)
from nn.matrices import to_torch

X = [[0.5, -1.0], [2.0, 0.25], [-0.75, 1.5]]


# Biases.


@pytest.mark.parametrize("fused", [True, False])
def test_without_biases_a_network_is_its_weights_alone(fused):
    model = MLP(4, [3, 2, 1], "sigmoid", bias=False, rng=0, fused=fused)
    assert len(model.parameters()) == 12 + 6 + 2, "the lectures' network 4-3-2-1 with 20 weights"
    assert not any("bias" in name for name in model.state_dict())
    values = [0.3, -1.0, 2.0, 0.1]
    for layer in model.layers:
        sums = [sum(w.data * v for w, v in zip(n.weights, values, strict=True)) for n in layer.neurons]
        values = sums if layer.activation == "linear" else [1.0 / (1.0 + math.exp(-a)) for a in sums]
    assert model([0.3, -1.0, 2.0, 0.1]).data == pytest.approx(values[0], rel=1e-14, abs=0.0)
    assert repr(model) == "MLP(4 → 3 → 2 → 1, sigmoid, linear, no biases)"
    assert repr(Layer(2, 3, bias=False, rng=0)) == "Layer(2 → 3, linear, no bias)"


def test_biases_start_where_they_are_told_to():
    assert {n.bias.data for n in Layer(2, 5, rng=0).neurons} == {0.0}
    assert {n.bias.data for n in Layer(2, 5, bias_init=nn.all_equal(0.1), rng=0).neurons} == {0.1}
    drawn = [n.bias.data for n in Layer(4, 200, bias_init="fan_in_uniform", rng=0).neurons]
    assert all(-0.5 <= b <= 0.5 for b in drawn)
    assert np.std(drawn) == pytest.approx(0.5 / math.sqrt(3), rel=0.1, abs=0.0)
    weights = [[w.data for w in n.weights] for n in Layer(2, 5, rng=0).neurons]
    assert [[w.data for w in n.weights] for n in Layer(2, 5, bias_init="zeros", rng=0).neurons] == weights


def r2_of_a_parabola(**biases):
    xs = [[i / 10] for i in range(-10, 11)]
    ys = [x[0] ** 2 for x in xs]
    model = MLP(1, [8, 1], "tanh", **biases, rng=0)
    fit(model, xs, ys, optimizer=Adam(model.parameters(), 0.05), epochs=300, progress=False)
    return evaluate(model, xs, ys, metrics=["r2"])["r2"]


def test_a_parabola_can_be_learned_with_biases_only():
    """A network of tanh without biases is odd, ŷ(−x) = −ŷ(x), and x² is even."""
    assert r2_of_a_parabola(bias=False) < 0.0
    assert r2_of_a_parabola(bias_init="uniform") > 0.95
    assert r2_of_a_parabola() > 0.95, "from 0 biases learn to move"


def test_every_hidden_layer_may_have_an_activation_of_its_own():
    model = MLP(2, [4, 3, 2], ["relu", "tanh"], "sigmoid", rng=0)
    assert [layer.activation for layer in model.layers] == ["relu", "tanh", "sigmoid"]
    assert repr(model) == "MLP(2 → 4 → 3 → 2, relu, tanh, sigmoid)"
    assert MLP(2, [4, 3, 2], ["relu", "relu"], rng=0).state_dict() == MLP(2, [4, 3, 2], "relu", rng=0).state_dict()
    with pytest.raises(ValueError, match="activation lists 1, and there are 2 hidden layers: give one for each"):
        MLP(2, [4, 3, 2], ["relu"], rng=0)
    with pytest.raises(ValueError, match="unknown activation 'rleu'"):
        MLP(2, [4, 3, 2], ["relu", "rleu"], rng=0)


# What stands between.


def test_layer_norm_gives_mean_zero_and_variance_one_times_gain_plus_bias():
    norm = LayerNorm(4, eps=1e-12)
    outputs = [y.data for y in norm([1.0, 2.0, 4.0, 9.0])]
    assert np.mean(outputs) == pytest.approx(0.0, abs=1e-15)
    assert np.std(outputs) == pytest.approx(1.0, rel=1e-12, abs=0.0)
    for gain, bias in zip(norm.gain, norm.bias, strict=True):
        gain.data, bias.data = 3.0, -1.0
    assert [y.data for y in norm([1.0, 2.0, 4.0, 9.0])] == pytest.approx(
        [3.0 * y - 1.0 for y in outputs], rel=1e-14, abs=0.0
    )


def test_layer_norm_keeps_its_root_above_0_by_the_eps_of_pytorch_unless_another_is_given():
    for norm, eps in ((LayerNorm(2), 1e-5), (LayerNorm(2, eps=3.0), 3.0)):
        y = 1.0 / math.sqrt(1.0 + eps)
        assert [out.data for out in norm([1.0, 3.0])] == pytest.approx([-y, y], rel=1e-15, abs=0.0)


def test_layer_norm_without_bias_has_its_gain_alone():
    norm = LayerNorm(3, bias=False)
    assert norm.parameters() == norm.gain
    assert list(to_torch(norm)) == ["0.weight"]
    assert repr(norm) == "LayerNorm(3, no bias)"


def test_layer_norm_passes_gradcheck_in_its_inputs_and_its_parameters():
    norm = LayerNorm(3)

    def cost(*values):
        xs, gains, biases = values[:3], values[3:6], values[6:]
        norm.gain, norm.bias = list(gains), list(biases)
        return sum((k + 1.0) * y * y for k, y in enumerate(norm.forward(list(xs))))

    assert gradcheck(cost, [0.3, -1.0, 2.0, 1.0, 0.5, -2.0, 0.1, 0.2, 0.3]).ok


def test_penalties_leave_the_gain_and_bias_of_layer_norm_alone():
    model = Sequential(Layer(2, 3, rng=0), LayerNorm(3), Layer(3, 1, rng=1))
    assert len(model.parameters()) == 9 + 6 + 4
    assert len(model.weight_parameters()) == 6 + 3


def test_an_embedding_gives_the_vectors_of_its_indices_and_only_they_learn():
    embedding = Embedding(5, 3, places=2, rng=0)
    outputs = embedding([4, 0])
    assert [y.data for y in outputs] == [v.data for k in (4, 0) for v in embedding.vectors[k]]
    nn.mse(outputs, [1.0] * 6).backward()
    assert [any(v.grad for v in vector) for vector in embedding.vectors] == [True, False, False, False, True]
    assert (embedding.inputs, embedding.outputs) == (2, 6)


@pytest.mark.parametrize("index", range(4))
def test_an_index_that_is_part_of_a_graph_picks_the_same_vector(index):
    embedding = Embedding(4, 2, rng=0)
    picked, plain = embedding.forward([Value(float(index))]), embedding.forward([float(index)])
    assert [y.data for y in picked] == [y.data for y in plain]
    flat = [v for vector in embedding.vectors for v in vector]
    assert gradients(picked[0] * 2.0 + picked[1], flat) == gradients(plain[0] * 2.0 + plain[1], flat)


def test_an_index_of_a_graph_between_two_gives_a_mixture_of_their_vectors():
    embedding = Embedding(3, 2, rng=0)
    mixed = [0.75 * a.data + 0.25 * b.data for a, b in zip(*embedding.vectors[1:], strict=True)]
    assert [y.data for y in embedding.forward([Value(1.25)])] == pytest.approx(mixed, rel=1e-15, abs=0.0)


def test_the_vectors_of_an_embedding_are_drawn_one_after_another_from_the_standard_normal():
    rng = random.Random(3)
    assert [v.data for v in Embedding(4, 2, rng=3).parameters()] == [rng.gauss(0.0, 1.0) for _ in range(8)]
    assert repr(Embedding(4, 2, rng=3)) == "Embedding(4, 2)"


@pytest.mark.parametrize("index", [-1, 4, 0.5])
def test_what_is_no_index_of_an_embedding_is_refused(index):
    with pytest.raises(ValueError, match=rf"Embedding\(4, 2\) takes indices 0 … 3, not {index}"):
        Embedding(4, 2, rng=0)([index])


def test_embedded_letters_learn_which_of_them_are_vowels():
    letters = list(range(26))
    vowels = [float(chr(97 + k) in "aeiou") for k in letters]
    model = Sequential(Embedding(26, 3, rng=0), Layer(3, 1, rng=1))
    fit(
        model, letters, vowels, loss="binary_cross_entropy_with_logits", optimizer=Adam(model.parameters(), 0.1),
        epochs=60, progress=False,
    )  # fmt: skip
    assert evaluate(model, letters, vowels, metrics=["accuracy"])["accuracy"] == 1.0


def test_softmax_and_log_likelihood_are_cross_entropy_of_the_logits():
    """Row 11: −e(ℓ)/ŷ_ℓ at the output, −(e(ℓ) − ŷ) before the softmax."""
    logits = [Value(0.3), Value(-1.0), Value(2.0)]
    probabilities = Softmax().forward(logits)
    loss = nn.negative_log_likelihood(probabilities, 1)
    loss.backward()
    assert loss.data == pytest.approx(nn.cross_entropy([z.data for z in logits], 1), rel=1e-15, abs=0.0)
    assert [p.grad for p in probabilities] == pytest.approx(
        [0.0, -1.0 / probabilities[1].data, 0.0], rel=1e-15, abs=0.0
    )
    expected = [p.data - float(k == 1) for k, p in enumerate(probabilities)]
    assert [z.grad for z in logits] == pytest.approx(expected, rel=1e-13, abs=0.0)


def test_dropout_masks_are_drawn_from_its_own_generator_in_the_order_of_the_inputs():
    dropout, rng = Dropout(0.4, rng=7), random.Random(7)
    expected = [0.0 if rng.random() < 0.4 else 1.0 / 0.6 for _ in range(12)]
    assert dropout.draw(5) + dropout([1.0] * 7) == expected


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Standardize([0.0], [0.0]), r"scale\[0\] must be above 0"),
        (lambda: Standardize([0.0], [-1.0]), r"scale\[0\] must be finite, at least 0"),
        (lambda: Standardize([0.0, 1.0], [1.0]), "2 means and 1 scales"),
        (lambda: Standardize([], []), "0 means"),
        (lambda: LayerNorm(1), "features must be at least 2"),
        (lambda: LayerNorm(3, eps=0.0), "eps must be above 0"),
        (lambda: Embedding(0, 2, rng=0), "count must be at least 1"),
        (lambda: Embedding(3, 2), "pass rng=0"),
    ],
)
def test_settings_that_make_no_sense_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


# Frozen parameters stand still.


def frozen_net(**settings):
    model = MLP(2, [3, 1], rng=0, **settings)
    model.layers[0].freeze()
    return model


@pytest.mark.parametrize(
    "make",
    [
        lambda p: SGD(p, 0.1, momentum=0.9, weight_decay=0.1),
        lambda p: Adam(p, 0.1, weight_decay=0.1),
        lambda p: AdamW(p, 0.1),
        lambda p: nn.RMSProp(p, 0.1),
        lambda p: nn.AdaGrad(p, 0.1),
    ],
)
def test_no_optimizer_moves_what_is_frozen_and_it_moves_again_when_it_is_not(make):
    model = MLP(2, [3, 1], rng=0)
    optimizer = make(model.parameters())
    arguments = {"optimizer": optimizer, "epochs": 3, "progress": False}
    fit(model, X, [0.0, 1.0, 2.0], **arguments)  # momentum and moments are there
    before, moments = model.layers[0].state_dict(), {k: v[:6] for k, v in optimizer.state_dict()["state"].items()}
    other = model.layers[1].state_dict()
    model.layers[0].freeze()
    fit(model, X, [0.0, 1.0, 2.0], **arguments)
    assert model.layers[0].state_dict() == before
    assert model.layers[1].state_dict() != other
    assert {k: v[:6] for k, v in optimizer.state_dict()["state"].items()} == moments, "nor is their past forgotten"
    model.unfreeze()
    fit(model, X, [0.0, 1.0, 2.0], **arguments)
    assert model.layers[0].state_dict() != before


def test_penalties_and_clipping_do_not_count_what_is_frozen():
    model = frozen_net()
    assert len(model.weight_parameters()) == 3
    for p in model.parameters():
        p.grad = 2.0
    assert nn.clip_grad_norm(model.parameters(), 1.0) == 4.0, "of four gradients, not of thirteen"
    assert model.layers[0].neurons[0].bias.grad == 2.0
    history = fit(
        model, X, [0.0, 1.0, 2.0], optimizer=SGD(model.parameters(), 0.1), epochs=1, penalty=nn.L2(2.0), progress=False
    )
    start = MLP(2, [3, 1], rng=0).layers[1].neurons[0].weights
    assert history.penalty == [pytest.approx(sum(w.data**2 for w in start), rel=1e-14, abs=0.0)]


def test_a_frozen_network_steps_as_if_it_had_only_its_other_layers():
    """Clipping by norm in one step was wrong by 1.2e-3 when frozen gradients counted."""
    runs = []
    for parameters in (lambda m: m.parameters(), lambda m: m.layers[1].parameters()):
        model = frozen_net()
        optimizer = SGD(parameters(model), 0.1)
        fit(model, X, [0.0, 1.0, 2.0], optimizer=optimizer, epochs=5, clip_norm=0.05, progress=False)
        runs.append(model.state_dict())
    assert runs[0] == runs[1]


def test_summary_and_errors_speak_of_what_is_frozen():
    model = frozen_net()
    assert model.summary().splitlines()[1].endswith("9 parameters, frozen")
    model.layers[0].neurons[1].unfreeze()
    assert model.summary().splitlines()[1].endswith("9 parameters, 6 frozen")
    with pytest.raises(ValueError, match=r"every parameter of the model is frozen: unfreeze\(\)"):
        fit(model.freeze(), X, [0.0, 1.0, 2.0], optimizer=SGD(model.parameters()), epochs=1)


def test_a_tied_weight_that_is_frozen_in_one_place_stands_still_in_the_other():
    a, b = Layer(1, 1, rng=0), Layer(1, 1, rng=1)
    b.neurons[0].weights = a.neurons[0].weights
    model = Sequential(a, b)
    a.freeze()
    assert model.moving_parameters() == [b.neurons[0].bias]


# What a model holds, and shows.


class Scale(Module):
    def __init__(self, factor):
        self.factor = Value(factor)

    def forward(self, inputs):
        return [self.factor * x for x in inputs]


class Residual(Module):
    def __init__(self):
        self.inner, self.strength = MLP(2, [3, 2], rng=0), Value(0.5)

    def forward(self, inputs):
        return [x + self.strength * y for x, y in zip(inputs, self.inner.forward(inputs), strict=True)]


@pytest.mark.parametrize(
    ("model", "counts"),
    [
        (Sequential(Layer(2, 8, rng=0), Scale(1.0), Layer(8, 1, rng=1)), [24, 1, 9]),
        (Sequential(Residual(), Layer(2, 1, rng=1)), [1, 9, 8, 3]),
        (Sequential(*[Layer(2, 2, rng=0)] * 2), [6]),
        (Scale(2.0), [1]),
        (Neuron(2, rng=0), [3]),
    ],
    ids=repr,
)
def test_a_summary_hides_no_module_and_its_lines_add_up(model, counts):
    lines = model.summary().splitlines()[1:]
    found = [int(line.split(" parameters")[0].split()[-1]) for line in lines]
    assert found == [*counts, sum(counts)]
    assert sum(found[:-1]) == len(model.parameters())


def test_gradient_norms_leave_no_parameter_out():
    model = Sequential(Layer(2, 2, rng=0), Scale(1.5), Layer(2, 1, rng=1))
    nn.mse(model(X[0]), 3.0).backward()
    norms = nn.gradient_norms(model)
    assert list(norms) == ["layers.0", "layers.1", "layers.2"]
    assert norms["layers.1"] == abs(model.layers[1].factor.grad) > 0.0


def test_a_neuron_has_one_output_and_neighbours_that_do_not_fit_are_refused():
    assert Neuron(2, rng=0).outputs == 1
    with pytest.raises(ValueError, match=r"layer 1 of Sequential, Layer\(3 → 1, linear\), takes 3 inputs and gets 1"):
        Sequential(Neuron(2, rng=0), Layer(3, 1, rng=1))
    assert Sequential(Neuron(2, rng=0), Layer(1, 1, rng=1)).outputs == 1


def test_two_layers_from_one_seed_are_warned_of():
    with pytest.warns(UserWarning, match="layers 0 and 1 of Sequential start with the same weights: give each a seed"):
        Sequential(Layer(3, 3, rng=0), Layer(3, 3, rng=0))
    rng = random.Random(0)
    shared = Layer(3, 3, rng=0)
    Sequential(Layer(3, 3, rng=rng), Layer(3, 3, rng=rng))
    Sequential(Layer(3, 3, init="zeros"), Layer(3, 3, init="zeros"))
    Sequential(shared, shared)


def test_biases_are_what_a_module_says_they_are():
    class Affine(Module):
        bias_names = ("offset",)

        def __init__(self):
            self.slope, self.offset = Value(2.0), Value(1.0)
            self.bias = Layer(1, 1, rng=0)  # a module of that name is no bias

    model = Affine()
    assert [w.label or w.data for w in model.weight_parameters()] == [2.0, "w1"]


def test_parameters_in_tuples_dicts_and_arrays_are_found_and_those_in_sets_are_refused():
    class Holder(Module):
        def __init__(self, held):
            self.held = held

    values = [Value(float(i)) for i in range(4)]
    array = np.array(values, dtype=object).reshape(2, 2)
    names = [name for name, _ in Holder({"a": (values[0], [values[1]]), "b": array}).named_parameters()]
    assert names == ["held.a.0", "held.a.1.0", "held.b.1.0", "held.b.1.1"], "two of the array's are known already"
    with pytest.raises(TypeError, match="the attribute 'held' is a set, which has no order"):
        Holder(set(values)).parameters()


@pytest.mark.parametrize("hide", [lambda v: v, lambda v: [v], lambda v: {"w": v}, lambda v: Scale(v.data)])
def test_a_parameter_in_a_private_attribute_is_never_missed_in_silence(hide):
    class Hides(Module):
        def __init__(self):
            self._weight = hide(Value(0.5))
            self.bias = Value(0.0)

        def forward(self, inputs):
            held = self._weight
            value = held.factor if isinstance(held, Scale) else held["w"] if isinstance(held, dict) else held
            return [(value[0] if isinstance(value, list) else value) * inputs[0] + self.bias]

    model = Hides()
    with pytest.raises(TypeError, match="Hides._weight holds a Value that the loss depends on, .* call it weight"):
        fit(model, [1.0, 2.0], [1.0, 2.0], optimizer=SGD(model.parameters(), 0.1), epochs=1, progress=False)
    assert model.state_dict() == {"bias": 0.0}


def test_the_parameters_that_move_are_a_list_of_its_own():
    parameters = Layer(2, 1, rng=0).parameters()
    moving = nn.freezing.moving(parameters)
    moving.clear()
    assert len(parameters) == len(nn.freezing.moving(iter(parameters))) == 3


def test_dropout_of_rate_zero_draws_no_number():
    dropout = Dropout(0.0, rng=1)
    dropout.training = True
    before = dropout.rng.getstate()
    assert dropout.forward([1.0, 2.0]) == [1.0, 2.0] and dropout.rng.getstate() == before


class Quarter(random.Random):
    def random(self):
        return 0.25


def test_a_draw_of_just_the_rate_drops_nothing():
    """random() is in [0, 1): below the rate it is with a probability of just the rate."""
    assert Dropout(0.25, rng=Quarter()).draw(1) == [1.0 / 0.75]
    assert Dropout(0.5, rng=Quarter()).draw(1) == [0.0]


def test_dropout_that_is_off_gives_a_list_of_its_own():
    given = [1.0, 2.0]
    outputs = Dropout(0.5, rng=0).eval().forward(given)
    assert outputs == given and outputs is not given
