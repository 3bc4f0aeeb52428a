"""The lectures' formulas hold: the engine against the matrix recursion, softmax, the delta rule, the perceptron.

Those of optimizers, schedules and losses are in test_nn_closed_forms.py.
"""

# ruff: noqa: N806 (X is the field's name)
import math
import random

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import nn
from autodiff import Value
from nn import MLP, SGD, Adaline, Neuron, Perceptron, weights_and_biases
from nn.lessons.backprop import back_propagation, delta_rows, forward_propagation, gradient_descent, mean_loss

CORNERS = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]
numbers = st.floats(-2.0, 2.0, allow_subnormal=False)


@st.composite
def problems(draw, output, labels=False):
    sizes = draw(st.lists(st.integers(1, 4), min_size=2, max_size=4))
    if output == "softmax":
        sizes[-1] = max(sizes[-1], 2)
    activation = draw(st.sampled_from(["sigmoid", "tanh", "relu"]))
    model = MLP(sizes[0], sizes[1:], activation, "linear" if output == "softmax" else output, init="zeros")
    for p in model.parameters():
        p.data = draw(numbers)
    count = draw(st.integers(1, 3))
    xs = [[draw(numbers) for _ in range(sizes[0])] for _ in range(count)]
    if output == "softmax":
        ys = [[float(k == label) for k in range(sizes[-1])] for label in [draw(st.integers(0, sizes[-1] - 1))] * count]
    else:
        number = st.sampled_from([0.0, 1.0]) if labels else numbers
        ys = [[draw(number) for _ in range(sizes[-1])] for _ in range(count)]
    return model, activation, xs, ys


def assert_engine_is_the_recursion(problem, output, cost, loss=None):
    model, activation, xs, ys = problem
    total = 0.0
    for x, y in zip(xs, ys, strict=True):
        one = cost(model(x), y)
        one.backward(1.0 / len(xs))
        total += one.data / len(xs)
    theta, x, y = weights_and_biases(model), np.array(xs).T, np.array(ys).T
    a, h, y_hat = forward_propagation(theta, x, activation, output)
    if loss == "binary_cross_entropy":  # takes probabilities, and 1 − ŷ has lost ŷ's last digits where it is small
        assume(abs(a[-1]).max() < 8.0)
    weights, biases = back_propagation(theta, a, h, y, y_hat, activation, output, loss)
    assert total == pytest.approx(mean_loss(y, y_hat, output, loss), rel=1e-12, abs=1e-12)
    for layer, dw, db in zip(model.layers, weights, biases, strict=True):
        for neuron, row, bias in zip(layer.neurons, dw, db, strict=True):
            assert [w.grad for w in neuron.weights] == pytest.approx(list(row), rel=1e-12, abs=1e-12)
            assert neuron.bias.grad == pytest.approx(bias[0], rel=1e-12, abs=1e-12)


@given(problems("linear"))
def test_gradients_of_squared_error_equal_the_matrix_recursion(problem):
    assert_engine_is_the_recursion(problem, "linear", nn.half_mse)


@given(problems("softmax"))
def test_gradients_of_cross_entropy_equal_the_matrix_recursion(problem):
    assert_engine_is_the_recursion(problem, "softmax", nn.cross_entropy)


@given(problems("sigmoid"))
def test_gradients_with_a_sigmoid_output_equal_the_matrix_recursion(problem):
    """Row 12: L = 1/2M Σ‖y − f‖² with σ at the end."""
    assert_engine_is_the_recursion(problem, "sigmoid", nn.half_mse)


@given(problems("sigmoid", labels=True))
def test_gradients_of_binary_cross_entropy_equal_the_matrix_recursion(problem):
    """Row 29: the chain of a network with a sigmoid output, with its slips mended: δ^L = −(y − ŷ)."""
    cost = lambda p, t: nn.binary_cross_entropy(p, t) * float(len(t))  # noqa: E731 (Σ over the outputs, not the mean)
    assert_engine_is_the_recursion(problem, "sigmoid", cost, "binary_cross_entropy")


@given(problems("sigmoid"))
def test_the_row_form_with_diag_and_its_factor_two_equals_the_engine(problem):
    """Row 12: δ^L = [−2(y − a^L)]ᵀ diag(σ(1 − σ)), δ^{l−1} = δ^l W^l diag(g'(z^{l−1})), of ‖y − a^L‖²."""
    model, activation, xs, ys = problem
    for layer in model.layers:
        for neuron in layer.neurons:
            neuron.activation = activation
    nn.squared_error(model(xs[0]), ys[0]).backward()
    theta, x, y = weights_and_biases(model), np.array(xs[:1]).T, np.array(ys[:1]).T
    a, h, y_hat = forward_propagation(theta, x, activation, activation)
    rows = delta_rows(theta, a, h, y, y_hat, activation)
    for layer, row in zip(model.layers, rows, strict=True):
        assert [z.grad for z in layer.pre_activations] == pytest.approx(list(row[0]), rel=1e-12, abs=1e-12)
    columns = back_propagation(theta, a, h, y, y_hat, activation, activation)[1]
    for row, column in zip(rows, columns, strict=True):
        assert row[0] / 2.0 == pytest.approx(column[:, 0], rel=1e-12, abs=1e-12)


@given(st.lists(numbers, min_size=4, max_size=4), numbers, numbers)
def test_the_lectures_delta_with_its_factor_two_belongs_to_the_loss_without_one_half(weights, x, y):
    """δ^L = −2(y − a)σ(z)(1 − σ(z)), δ^{l−1} = δ^l w σ(1 − σ): of ‖y − a‖², which is d·mse."""
    model = MLP(1, [1, 1], "sigmoid", "sigmoid", init="zeros")
    for p, w in zip(model.parameters(), weights, strict=True):
        p.data = w
    nn.mse(model([x]), y).backward()
    (z1,), (z2,) = (layer.pre_activations for layer in model.layers)
    a1, a2 = 1 / (1 + math.exp(-z1.data)), 1 / (1 + math.exp(-z2.data))
    delta2 = -2.0 * (y - a2) * a2 * (1.0 - a2)
    delta1 = delta2 * model.layers[1].neurons[0].weights[0].data * a1 * (1.0 - a1)
    assert z2.grad == pytest.approx(delta2, rel=1e-12, abs=1e-14)
    assert z1.grad == pytest.approx(delta1, rel=1e-12, abs=1e-14)


@given(st.lists(st.floats(-700.0, 700.0), min_size=2, max_size=6), st.data())
def test_the_gradient_through_softmax_is_minus_one_hot_minus_prediction(logits, data):
    """Row 11: ∇ of −log ŷ_ℓ is −(e(ℓ) − ŷ)."""
    label = data.draw(st.integers(0, len(logits) - 1))
    values = [Value(z) for z in logits]
    nn.cross_entropy(values, label).backward()
    shifted = [math.exp(z - max(logits)) for z in logits]
    for k, value in enumerate(values):
        expected = -((1.0 if k == label else 0.0) - shifted[k] / math.fsum(shifted))
        assert value.grad == pytest.approx(expected, rel=1e-12, abs=1e-12)


@given(problems("linear"))
def test_the_forward_pass_equals_the_pseudo_code(problem):
    model, activation, xs, _ = problem
    _, _, y_hat = forward_propagation(weights_and_biases(model), np.array(xs).T, activation)
    predicted = [[p] if isinstance(p, float) else p for p in model.predict(xs)]
    assert np.array(predicted).T == pytest.approx(y_hat, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize(
    ("output", "name"), [("linear", "half_mse"), ("softmax", "cross_entropy"), ("sigmoid", "binary_cross_entropy")]
)
def test_gradient_descent_by_hand_and_fit_go_the_same_way(output, name):
    rng = random.Random(1)
    X = [[rng.gauss(0, 1), rng.gauss(0, 1)] for _ in range(6)]
    y = [[1.0, 0.0] if a > b else [0.0, 1.0] for a, b in X]
    model = MLP(2, [3, 2], "tanh", output if name == "binary_cross_entropy" else "linear", rng=0)
    loss, partner = name, None
    if name == "binary_cross_entropy":  # which averages over two outputs, where the matrix form adds them up
        loss, partner = nn.Loss(lambda p, t: 2.0 * nn.binary_cross_entropy(p, t)), name
    theta, losses = gradient_descent(
        weights_and_biases(model), np.array(X).T, np.array(y).T, 0.5, 20, "tanh", output, partner
    )
    history = nn.fit(model, X, y, loss=loss, optimizer=SGD(model.parameters(), 0.5), epochs=20, progress=False)
    assert history.loss == pytest.approx(losses, rel=1e-12, abs=0.0)
    for ours, by_hand in zip(weights_and_biases(model), theta, strict=True):
        for a, b in zip(ours, by_hand, strict=True):
            assert a == pytest.approx(b, rel=1e-11, abs=0.0)


@pytest.mark.parametrize(
    ("output", "loss", "message"),
    [
        ("tanh", "binary_cross_entropy", "binary_cross_entropy goes with the output sigmoid, not tanh"),
        ("sigmoid", "cross_entropy", "goes with the output softmax"),
        ("softmax", "squared_error", "goes with the output linear or sigmoid or tanh or relu, not softmax"),
        ("sigmoid", "hinge", "unknown loss 'hinge'"),
    ],
)
def test_backprop_refuses_a_loss_and_an_output_that_do_not_go_together(output, loss, message):
    theta, x, y = ([np.ones((2, 1))], [np.zeros((2, 1))]), np.array([[1.0]]), np.array([[1.0], [0.0]])
    a, h, y_hat = forward_propagation(theta, x, output=output)
    with pytest.raises(ValueError, match=message):
        back_propagation(theta, a, h, y, y_hat, output=output, loss=loss)
    with pytest.raises(ValueError, match="takes one example, one column, not 2"):
        delta_rows(theta, a, h, y, np.ones((2, 2)))


def test_backprop_refuses_matrices_that_do_not_fit():
    """Rows of examples in place of columns; a row of targets that NumPy would subtract from a column, as a table."""
    theta = [np.ones((3, 2)), np.ones((1, 3))], [np.zeros((3, 1)), np.zeros((1, 1))]
    message = r"W1 is \(3, 2\) and takes 2 rows, and x has the shape \(4, 2\): an example is a column, so write X.T"
    with pytest.raises(ValueError, match=message):
        forward_propagation(theta, np.ones((4, 2)))
    with pytest.raises(ValueError, match=r"W2 is \(1, 4\) and takes 4 rows, and h1 has the shape \(3, 5\)"):
        forward_propagation(([np.ones((3, 2)), np.ones((1, 4))], theta[1]), np.ones((2, 5)))
    a, h, y_hat = forward_propagation(theta, np.ones((2, 4)))
    for y in (np.ones((4, 1)), np.ones(4)):
        for act in (
            lambda y=y: back_propagation(theta, a, h, y, y_hat),
            lambda y=y: gradient_descent(theta, np.ones((2, 4)), y, 0.1, 1),
            lambda y=y: mean_loss(y, y_hat),
        ):
            with pytest.raises(ValueError, match=r"y has the shape \(4.*\) and ŷ \(1, 4\): \(outputs, M\)"):
                act()
    a, h, y_hat = forward_propagation(theta, np.ones((2, 1)))
    with pytest.raises(ValueError, match=r"y has the shape \(1,\) and ŷ \(1, 1\)"):
        delta_rows(theta, a, h, np.ones(1), y_hat)


def test_backprop_refuses_unknown_names_and_says_when_it_overflows():
    theta = [np.array([[1e200]])], [np.array([[0.0]])]
    with pytest.raises(ValueError, match="unknown output 'maxout'; known are: linear, sigmoid, tanh, relu, softmax"):
        forward_propagation(theta, np.array([[1.0]]), output="maxout")
    with pytest.raises(FloatingPointError):
        gradient_descent(theta, np.array([[1e200]]), np.array([[0.0]]), 1.0, 2)


@given(st.integers(0, 10**6), st.integers(1, 3))
def test_the_delta_rule_is_stochastic_gradient_descent_through_the_engine(seed, inputs):
    rng = random.Random(seed)
    X = [[rng.gauss(0, 1) for _ in range(inputs)] for _ in range(8)]
    y = [rng.gauss(0, 1) for _ in X]
    by_hand = Adaline(inputs, lr=0.05).fit(X, y, epochs=3)
    neuron = Neuron(inputs, init="zeros")
    optimizer = SGD(neuron.parameters(), lr=0.05)
    for _ in range(3):
        for x, target in zip(X, y, strict=True):
            neuron.zero_grad()
            nn.half_mse(neuron(x), target).backward()
            optimizer.step()
    assert by_hand.weights == pytest.approx([w.data for w in neuron.weights], rel=1e-12, abs=1e-14)
    assert by_hand.bias == pytest.approx(neuron.bias.data, rel=1e-12, abs=1e-14)


def test_fit_with_batches_of_one_is_adaline_in_the_same_order():
    rng = random.Random(3)
    X, y = [[rng.gauss(0, 1)] for _ in range(10)], [rng.gauss(0, 1) for _ in range(10)]
    by_hand = Adaline(1, lr=0.05).fit(X, y, epochs=4, rng=5)
    neuron = Neuron(1, init="zeros")
    history = nn.fit(
        neuron, X, y, loss="half_mse", optimizer=SGD(neuron.parameters(), 0.05), epochs=4, batch_size=1, rng=5,
        progress=False,
    )  # fmt: skip
    assert by_hand.losses == pytest.approx(history.loss, rel=1e-12, abs=0.0)
    assert by_hand.weights_per_epoch[-1] == pytest.approx(
        (neuron.bias.data, neuron.weights[0].data), rel=1e-12, abs=0.0
    )


@pytest.mark.parametrize("labels", [[0, 0, 0, 1], [0, 1, 1, 1], [-1, -1, -1, 1], [-1, 1, 1, 1]])
def test_the_perceptron_learns_and_and_or(labels):
    unit = Perceptron(2).fit(CORNERS, labels)
    assert unit.predict(CORNERS) == labels
    assert unit.mistakes[-1] == 0
    assert len(unit.weights_per_epoch) == len(unit.mistakes) < 20
    assert unit.weights_per_epoch[-1] == (unit.bias, *unit.weights)


def test_the_perceptron_never_learns_xor():
    unit = Perceptron(2).fit(CORNERS, [0, 1, 1, 0], epochs=200, rng=0)
    assert len(unit.mistakes) == len(unit.weights_per_epoch) == 200
    assert min(unit.mistakes) > 0


def test_the_perceptron_moves_by_plus_or_minus_the_misclassified_example_only():
    unit = Perceptron(2)
    unit.fit([[2.0, 3.0]], [1], epochs=1)  # output 0 is not positive: a mistake on a positive
    assert (unit.bias, unit.weights) == (1.0, [2.0, 3.0])
    unit.fit([[1.0, 0.0]], [0], epochs=1)
    assert (unit.bias, unit.weights) == (0.0, [1.0, 3.0])
    unit.fit([[1.0, 1.0]], [1], epochs=1)
    assert (unit.bias, unit.weights) == (0.0, [1.0, 3.0])


def test_perceptron_and_adaline_refuse_what_they_cannot_learn():
    with pytest.raises(ValueError, match=r"y\[1\] is 2.0: .* 0 and 1, or -1 and 1"):
        Perceptron(1).fit([[0], [1]], [0, 2])
    with pytest.raises(ValueError, match=r"y\[0\] is 0.0"):
        Perceptron(1).fit([[0], [1]], [0, -1])
    with pytest.raises(ValueError, match="the model takes 1"):
        Perceptron(1).fit([[0, 1]], [0])
    with pytest.raises(ValueError, match="at least 0"):
        Adaline(1, lr=-0.1)
    with pytest.raises(ValueError, match="one number"):
        Adaline(1).fit([[0]], [[1, 2]])
    diverging = Adaline(1, lr=10.0)
    with pytest.raises(OverflowError, match=r"diverges at X\[0\]: lower lr"):
        diverging.fit([[1e3]], [1.0], epochs=1000)
    assert (diverging.bias, *diverging.weights) == diverging.weights_per_epoch[-1], "as before the step"
    assert all(map(math.isfinite, (*diverging.losses, diverging.bias, *diverging.weights)))


def test_what_perceptron_and_adaline_do_as_they_are_given():
    assert Perceptron(1).predict([[1.0]]) == [0]
    assert len(Perceptron(2).fit(CORNERS, [0, 1, 1, 0]).mistakes) == 100
    assert len(Adaline(1).fit([[1.0]], [1.0]).losses) == 100
    assert Adaline(1).fit([[1.0]], [1.0], epochs=1).weights == [0.01]


def test_weights_whose_sum_overflows_are_finite_each_and_take_their_step():
    weights = [Value(1.7e308), Value(1.7e308)]
    nn.SGD(weights, 0.1).step()
    assert [w.data for w in weights] == [1.7e308, 1.7e308]


# The matrix recursion at its edges.


def test_relu_has_no_slope_at_0_in_the_recursion_as_in_the_engine():
    theta = [np.array([[1.0]]), np.array([[1.0]])], [np.array([[0.0]]), np.array([[0.0]])]
    a, h, y_hat = forward_propagation(theta, np.array([[0.0]]), "relu")
    weights, biases = back_propagation(theta, a, h, np.array([[1.0]]), y_hat, "relu")
    assert (weights[0].item(), biases[0].item(), biases[1].item()) == (0.0, 0.0, -1.0)


def test_a_softmax_of_large_logits_does_not_overflow():
    theta = [np.array([[1000.0], [999.0]])], [np.zeros((2, 1))]
    _, h, y_hat = forward_propagation(theta, np.array([[1.0]]), output="softmax")
    assert y_hat[:, 0] == pytest.approx([1.0 / (1.0 + math.exp(-1.0)), 1.0 / (1.0 + math.e)], rel=1e-15, abs=0.0)
    assert len(h) == 1, "h₀ alone: what comes after the last layer is ŷ"


def test_an_example_that_is_no_column_is_refused_though_its_length_fits():
    with pytest.raises(ValueError, match=r"W1 is \(1, 2\) and takes 2 rows, and x has the shape \(2,\)"):
        forward_propagation(([np.ones((1, 2))], [np.zeros((1, 1))]), np.ones(2))


def test_the_mean_of_a_binary_cross_entropy_takes_certain_probabilities():
    """0·log 0 = 0, of each of its two halves."""
    y = np.array([[0.0, 1.0, 1.0]])
    assert mean_loss(y, np.array([[0.0, 1.0, 0.5]]), "sigmoid", "binary_cross_entropy") == pytest.approx(
        math.log(2.0) / 3.0, rel=1e-15, abs=0.0
    )


def test_every_mean_loss_is_a_float_and_of_an_unknown_output_there_is_none():
    y = np.array([[0.0], [1.0]])
    for output, loss in (("linear", None), ("softmax", None), ("sigmoid", "binary_cross_entropy")):
        assert type(mean_loss(y, np.array([[0.5], [0.5]]), output, loss)) is float
    theta, x = ([np.ones((2, 1))], [np.zeros((2, 1))]), np.array([[1.0]])
    a, h, y_hat = forward_propagation(theta, x)
    for act in (
        lambda: mean_loss(y, y_hat, "maxout"),
        lambda: back_propagation(theta, a, h, y, y_hat, output="maxout"),
    ):
        with pytest.raises(ValueError, match="unknown output 'maxout'; known are: linear, sigmoid, tanh, relu, soft"):
            act()


def test_descent_by_hand_goes_as_many_steps_as_it_is_told_and_takes_any_rate_but_a_negative_one():
    theta, x, y = ([np.array([[0.0]])], [np.array([[0.0]])]), np.array([[1.0]]), np.array([[2.0]])
    (weights, biases), losses = gradient_descent(theta, x, y, 0.25, 2)
    assert (weights[0].item(), biases[0].item(), losses) == (0.75, 0.75, [2.0, 0.5])
    assert gradient_descent(theta, x, y, 0.0, 3)[1] == [2.0] * 3
    with pytest.raises(ValueError, match="lr must be finite, at least 0, not -0.5"):
        gradient_descent(theta, x, y, -0.5, 1)
    with pytest.raises(ValueError, match="epochs must be at least 1, not 0"):
        gradient_descent(theta, x, y, 0.5, 0)


@pytest.mark.parametrize(("x", "y"), [(1e200, 0.0), (math.inf, 0.0)])
def test_descent_by_hand_says_that_it_overflows_and_that_it_has_no_number(x, y):
    theta = [np.array([[0.0]])], [np.array([[1e200]])]
    with pytest.raises(FloatingPointError):
        gradient_descent(theta, np.array([[x]]), np.array([[y]]), 1.0, 2)
