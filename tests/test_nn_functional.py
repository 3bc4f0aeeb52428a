"""A model as a function of its parameters, its weights as matrices, and the same weights in PyTorch's words."""

# ruff: noqa: ARG002 (a module takes inputs, used or not)
import math
import random

import numpy as np
import pytest

import nn
from autodiff import Value, grad, gradcheck, hessian, value_and_grad
from nn import MLP, Dropout, Embedding, Layer, LayerNorm, Module, Sequential, functional_call, objective
from nn.matrices import from_torch, set_weights_and_biases, to_torch, weights_and_biases

RNG = random.Random(0)
X = [[RNG.gauss(0, 1), RNG.gauss(0, 1)] for _ in range(5)]
Y = [a * b for a, b in X]


def test_a_functional_call_uses_other_parameters_and_leaves_the_model_alone():
    model, other = MLP(2, [3, 1], rng=0), MLP(2, [3, 1], rng=1)
    before, identities = model.state_dict(), list(map(id, model.parameters()))
    assert functional_call(model, other.state_dict(), X[0]).data == other(X[0]).data
    assert functional_call(model, list(other.state_dict().values()), X[0]).data == other(X[0]).data
    one = {"layers.1.neurons.0.bias": 5.0}
    assert functional_call(model, one, X[0]).data == pytest.approx(model(X[0]).data + 5.0, rel=1e-15, abs=0.0)
    assert (model.state_dict(), list(map(id, model.parameters()))) == (before, identities)


def test_a_functional_call_that_fails_leaves_the_model_alone_too():
    model = MLP(2, [3, 1], rng=0)
    identities = list(map(id, model.parameters()))
    with pytest.raises(ValueError, match="takes 2 inputs"):
        functional_call(model, model.state_dict(), [1.0])
    assert list(map(id, model.parameters())) == identities


def test_parameters_are_exchanged_wherever_they_are_held():
    class Holder(Module):
        def __init__(self):
            values = [Value(float(i)) for i in range(5)]
            self.pair, self.named = (values[0], [values[1]]), {"a": values[2]}
            self.array = np.array(values[3:], dtype=object)
            self.again = values[0]

        def forward(self, inputs):
            a, (b,) = self.pair
            return [
                a + 10.0 * b + 100.0 * self.named["a"] + 1000.0 * self.array[0] + 1e4 * self.array[1] + 1e5 * self.again
            ]

    model = Holder()
    assert model(0.0).data == 43210.0
    assert functional_call(model, [5.0, 4.0, 3.0, 2.0, 1.0], 0.0).data == 512345.0
    assert model(0.0).data == 43210.0
    assert [type(held) for held in (model.pair, model.named, model.array)] == [tuple, dict, np.ndarray]


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"layers.9": 1.0}, ValueError, r"has no parameter 'layers.9'; it has layers.0.neurons.0.weights.0, .*, …"),
        ([1.0], ValueError, r"1 parameters were given, and MLP\(2 → 3 → 1, tanh, linear\) has 13"),
        (3.0, TypeError, "parameters are numbers by name, or a sequence of them, not float 3.0"),
    ],
)
def test_parameters_that_are_not_the_models_are_refused(parameters, error, message):
    with pytest.raises(error, match=message):
        functional_call(MLP(2, [3, 1], rng=0), parameters, X[0])


def test_the_gradient_of_the_objective_is_what_backward_leaves_in_the_parameters():
    model = MLP(2, [3, 1], rng=0)
    loss, gradient = value_and_grad(objective(model, X, Y))(model.state_dict())
    for x, y in zip(X, Y, strict=True):
        nn.mse(model(x), y).backward(1.0 / len(X))
    assert loss == pytest.approx(nn.evaluate(model, X, Y)["loss"], rel=1e-14, abs=0.0)
    found = {name: p.grad for name, p in model.named_parameters()}
    assert gradient == pytest.approx(found, rel=1e-12, abs=1e-15)


def test_gradients_of_single_examples_average_to_the_whole_and_spread_as_one_over_root_k():
    """Row 17, without writing the network again."""
    model, loss = MLP(2, [3, 1], rng=0), "half_mse"
    theta = list(model.state_dict().values())
    each = [grad(objective(model, [x], [y], loss))(theta) for x, y in zip(X, Y, strict=True)]
    whole = grad(objective(model, X, Y, loss))(theta)
    assert np.mean(each, axis=0) == pytest.approx(np.array(whole), rel=1e-12, abs=1e-15)


def test_the_hessian_of_a_network_and_its_eigenvalues_at_a_saddle():
    """Row 20: at zero weights ŷ = w₂·tanh(w₁x) has a saddle, its Hessian of the loss being [[0, −xy], [−xy, 0]]."""
    model = MLP(1, [1, 1], "tanh", bias=False, init="zeros")
    found = np.array(hessian(objective(model, [[1.5]], [2.0], "half_mse"))([0.0, 0.0]))
    assert found == pytest.approx(np.array([[0.0, -3.0], [-3.0, 0.0]]), rel=1e-12, abs=1e-12)
    assert np.linalg.eigvalsh(found) == pytest.approx([-3.0, 3.0], rel=1e-12, abs=0.0)


def test_a_whole_network_with_its_penalty_passes_gradcheck():
    """Row 6."""
    model = Sequential(Layer(2, 3, "tanh", rng=0), LayerNorm(3), Dropout(0.5, rng=1), Layer(3, 2, rng=2))
    cost = objective(model, X[:2], [0, 1], "cross_entropy", penalty=nn.L2(0.3))
    assert gradcheck(cost, (list(model.state_dict().values()),)).ok
    without = objective(model, X[:2], [0, 1], "cross_entropy")
    theta = model.state_dict()
    assert (cost(theta) - without(theta)).data == pytest.approx(
        nn.L2(0.3)(model.weight_parameters()).data, rel=1e-12, abs=0.0
    )


def test_a_loss_surface_over_two_weights_is_one_line():
    model = MLP(1, [1], init="zeros")
    loss = objective(model, [[1.0], [2.0]], [1.0, 3.0])
    heights = [[loss([a, b]).data for a in (0.0, 1.0, 2.0)] for b in (-1.0, 0.0)]
    assert heights == [[10.0, 2.5, 0.0], [5.0, 0.5, 1.0]]


def test_check_gradients_leaves_random_generators_and_modes_alone():
    model = Sequential(Layer(2, 3, rng=0), Dropout(0.5, rng=1), Layer(3, 1, rng=2))
    before = model.layers[1].rng.getstate()
    assert nn.check_gradients(model, X[0], 1.0).ok
    assert model.layers[1].rng.getstate() == before
    assert model.training


# Matrices.


def test_weights_and_biases_are_the_textbooks_matrices_and_go_back():
    model = MLP(2, [3, 1], "tanh", rng=0)
    weights, biases = weights_and_biases(model)
    x = np.array(X).T
    expected = weights[1] @ np.tanh(weights[0] @ x + biases[0]) + biases[1]
    assert model.predict(X) == pytest.approx(expected[0].tolist(), rel=1e-13, abs=0.0)
    other = MLP(2, [3, 1], "tanh", rng=9)
    set_weights_and_biases(other, weights, biases)
    assert other.state_dict() == model.state_dict()
    set_weights_and_biases(other, [2.0 * w for w in weights])
    assert np.array_equal(weights_and_biases(other)[0][0], 2.0 * weights[0])
    assert np.array_equal(weights_and_biases(other)[1][1], biases[1])
    set_weights_and_biases(other, weights, [b + 2.0 for b in biases])
    assert [b.tolist() for b in weights_and_biases(other)[1]] == [[[2.0], [2.0], [2.0]], [[2.0]]]


def test_a_network_without_biases_has_matrices_of_zeros_for_them():
    model = MLP(2, [3, 1], bias=False, rng=0)
    weights, biases = weights_and_biases(model)
    assert [b.tolist() for b in biases] == [[[0.0]] * 3, [[0.0]]]
    set_weights_and_biases(model, weights, biases)
    with pytest.raises(ValueError, match=r"^biases\[0\] is not zero, and Layer\(2 → 3, tanh, no bias\) has no biases"):
        set_weights_and_biases(model, weights, [b + 1.0 for b in biases])


@pytest.mark.parametrize(
    ("weights", "biases", "message"),
    [
        ([np.ones((3, 2))], None, r"has 2 layers, and 1 matrices of weights were given"),
        ([np.ones((2, 3)), np.ones((1, 3))], None, r"weights\[0\] has the shape \(2, 3\), and Layer.* takes \(3, 2\)"),
        ([np.ones((3, 2)), np.ones((1, 3))], [np.ones(2), np.ones(1)], r"biases\[0\] has the shape \(2,\)"),
        ([np.full((3, 2), math.nan), np.ones((1, 3))], None, r"weights\[0\] has a number that is not finite"),
    ],
)
def test_matrices_that_do_not_fit_change_nothing(weights, biases, message):
    model = MLP(2, [3, 1], rng=0)
    before = model.state_dict()
    with pytest.raises(ValueError, match=message):
        set_weights_and_biases(model, weights, biases)
    assert model.state_dict() == before
    with pytest.raises(ValueError, match="has no layers of neurons"):
        weights_and_biases(LayerNorm(2))
    mixed = Sequential(Layer(2, 3, rng=0), LayerNorm(3))
    for act in (lambda: weights_and_biases(mixed), lambda: set_weights_and_biases(mixed, [np.ones((3, 2))])):
        with pytest.raises(ValueError, match=r"layers.1 of .* is LayerNorm\(3\), whose parameters are no W and b"):
            act()


# PyTorch's names (the conformance tests load them into PyTorch itself).


def test_the_names_are_the_places_in_a_sequential_of_modules():
    model = Sequential(
        Embedding(5, 3, rng=0), Layer(3, 4, "relu", rng=1), LayerNorm(4), Dropout(0.1, rng=2), Layer(4, 2, rng=3)
    )
    shapes = {name: array.shape for name, array in to_torch(model).items()}
    assert shapes == {
        "0.weight": (5, 3), "1.weight": (4, 3), "1.bias": (4,), "3.weight": (4,), "3.bias": (4,),
        "5.weight": (2, 4), "5.bias": (2,),
    }  # fmt: skip
    other = Sequential(
        Embedding(5, 3, rng=9), Layer(3, 4, "relu", rng=8), LayerNorm(4), Dropout(0.1, rng=2), Layer(4, 2, rng=7)
    )
    from_torch(other, to_torch(model))
    assert other.state_dict() == model.state_dict()


def test_layers_of_other_names_are_given_by_name():
    model, other = MLP(2, [3, 1], rng=0), MLP(2, [3, 1], rng=1)
    state = {name.replace("0.", "fc1.").replace("2.", "fc2."): array for name, array in to_torch(model).items()}
    from_torch(other, state, names=["fc1", "fc2"])
    assert other.state_dict() == model.state_dict()
    before = other.state_dict()
    for given, names, message in (
        (state, None, "the state_dict lacks '0.weight': of a Sequential of the same layers the names are"),
        (state | {"fc3.weight": 1}, ["fc1", "fc2"], "the state_dict has 'fc3.weight' besides"),
        (state, ["fc1"], "names lists 1, and the model has more layers"),
        (state, ["fc1", "fc2", "fc3"], "names has 'fc3' left over"),
        (state | {"fc1.weight": np.ones((2, 3))}, ["fc1", "fc2"], r"fc1.weight has the shape \(2, 3\)"),
    ):
        with pytest.raises(ValueError, match=message):
            from_torch(other, given, names)
        assert other.state_dict() == before

    class Own(Module):
        def __init__(self):
            self.factor = Value(1.0)

    with pytest.raises(ValueError, match="has parameters and no counterpart in PyTorch"):
        to_torch(Sequential(Own()))


class Tensor:
    """What a tensor with a gradient is to us: numbers only once it is detached."""

    def __init__(self, numbers):
        self.numbers = numbers

    def detach(self):
        return np.array(self.numbers)

    def __array__(self, *_, **__):
        raise RuntimeError("call detach() first")


def test_tensors_are_detached_and_what_is_left_over_or_lacking_is_named_first_of_all():
    model = MLP(2, [1], init="zeros")
    from_torch(model, {"0.weight": Tensor([[2.0, 3.0]]), "0.bias": Tensor([1.0])})
    assert model([1.0, 1.0]).data == 6.0
    for given, message in (
        ({"0.weight": [[0.0, 0.0]]}, "the state_dict lacks '0.bias'"),
        ({"0.weight": [[0.0, 0.0]], "0.bias": [0.0], "z": 0, "a": 0}, "the state_dict has 'a' besides"),
        (
            {"other": 0},
            "the state_dict lacks '0.weight': .* names are .*'0.weight', '0.bias'.*; for others give names=",
        ),
    ):
        with pytest.raises(ValueError, match=message):
            from_torch(model, given)
    assert model([1.0, 1.0]).data == 6.0


def test_a_column_of_biases_is_one_as_well_as_a_row_and_a_layer_norms_bias_goes_along():
    model = Sequential(Embedding(2, 2, rng=0), Layer(2, 3, rng=0), LayerNorm(3))
    column, row = np.array([[1.0], [2.0], [3.0]]), np.array([1, 2, 3])
    for biases in (column, row):
        state = to_torch(model) | {"0.weight": [[5.0, 6.0], [7.0, 8.0]], "1.bias": biases, "2.bias": 2 * biases}
        from_torch(model, state)
        assert [[v.data for v in vector] for vector in model.layers[0].vectors] == [[5.0, 6.0], [7.0, 8.0]]
        assert [n.bias.data for n in model.layers[1].neurons] == [1.0, 2.0, 3.0]
        assert [b.data for b in model.layers[2].bias] == [2.0, 4.0, 6.0]
        with pytest.raises(ValueError, match=r"1.bias has the shape \(1, 3\), and Layer\(2 → 3, linear\) takes \(3,\)"):
            from_torch(model, state | {"1.bias": [[1.0, 2.0, 3.0]]})


def test_what_has_parameters_beside_its_layers_has_no_matrices():
    model = Sequential(Layer(1, 1, rng=0), Dropout(0.1, rng=0))
    assert [w.shape for w in weights_and_biases(model)[0]] == [(1, 1)]
    model.gain = Value(2.0)
    with pytest.raises(ValueError, match=r"^Sequential\(1 → 1\) has parameters that are no W and b"):
        weights_and_biases(model)


def test_another_activation_than_linear_takes_a_place_of_its_own_and_so_do_modules_without_parameters():
    model = Sequential(
        Layer(2, 2, rng=0), Layer(2, 2, lambda a: a * a, rng=1), Dropout(0.1, rng=0), nn.Softmax(), Layer(2, 1, rng=2)
    )
    assert list(to_torch(model))[::2] == ["0.weight", "1.weight", "5.weight"]


def test_a_name_is_found_among_the_first_five_or_more_are_hinted_at():
    model = Sequential(Layer(1, 2, rng=0), Layer(2, 1, bias=False, rng=1))
    names = [name for name, _ in model.named_parameters()]
    assert len(names) == 6
    with pytest.raises(ValueError, match=rf"has no parameter 'w'; it has {', '.join(names[:5])}, …$"):
        functional_call(model, {"w": 1.0}, [1.0])
    model.layers[0].neurons[0].bias = None
    names = [name for name, _ in model.named_parameters()]
    assert len(names) == 5
    with pytest.raises(ValueError, match=rf"has no parameter 'w'; it has {', '.join(names)}$"):
        functional_call(model, {"w": 1.0}, [1.0])


@pytest.mark.parametrize("parameters", ["ab", iter([1.0, 2.0])])
def test_a_text_and_what_has_no_length_are_no_parameters(parameters):
    with pytest.raises(TypeError, match="parameters are numbers by name, or a sequence of them, not"):
        functional_call(MLP(1, [1], rng=0), parameters, [1.0])


def test_a_functional_call_takes_values_and_the_graph_goes_back_to_them():
    weight = Value(2.0)
    functional_call(MLP(1, [1], rng=0), [weight, 1.0], [3.0]).backward()
    assert weight.grad == 3.0


def test_check_gradients_perturbs_as_many_as_it_is_told_and_no_more_than_there_are():
    model = MLP(2, [1], rng=0)
    assert len(nn.check_gradients(model, X[0], 1.0, count=3, rng=0).checks) == 3
    drawn = nn.check_gradients(model, X[0], 1.0, count=2, rng=5).checks
    assert [check.label for check in drawn] == random.Random(5).sample(list(model.state_dict()), 2)
    chosen = nn.check_gradients(model, X[0], 1.0, parameters=iter(["layers.0.neurons.0.bias"])).checks
    assert [check.label for check in chosen] == ["layers.0.neurons.0.bias"]
    with pytest.raises(ValueError, match="check_gradients takes 2 inputs, and was given 1"):
        nn.check_gradients(model, [1.0], 1.0)
    with pytest.raises(ValueError, match="choosing parameters needs randomness: pass rng=0"):
        nn.check_gradients(model, X[0], 1.0, count=2)


def test_gradient_norms_leave_out_what_has_no_parameters():
    model = Sequential(Layer(1, 1, rng=0), Dropout(0.5, rng=0), Layer(1, 1, rng=1))
    assert list(nn.gradient_norms(model)) == ["layers.0", "layers.2"]


def test_the_objective_of_one_example_is_its_loss_and_no_node_more():
    model = MLP(1, [1], init="zeros")
    of_one, of_two = (objective(model, [[2.0]] * n, [3.0] * n, nn.Loss(lambda p, t: p - t)) for n in (1, 2))
    assert of_one([1.0, 1.0]).op.name == "sub"
    assert of_two([1.0, 1.0]).op.name == "dot"


def test_the_objective_weighs_its_examples_as_its_loss_says():
    model = MLP(1, [1], init="zeros")
    for loss, both, one in (("half_mse", 2.5, 4.5), ("sum_of_squared_errors", 10.0, 9.0)):
        assert objective(model, [[1.0], [2.0]], [1.0, 3.0], loss)([0.0, 0.0]).data == both
        assert objective(model, [[2.0]], [3.0], loss)([0.0, 0.0]).data == one
