"""A loss is a check of the targets and a formula without branches, the same for every example."""

import functools
import math
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nn
from autodiff import Value, gradients, no_grad, topological_order
from nn import MLP, SGD, Loss, evaluate, fit
from nn.losses import LOSSES

reals = st.floats(-20.0, 20.0)
probabilities = st.floats(0.01, 0.99)

# What each loss is, written once more without it: of lists of outputs and prepared targets.
FORMULAS = {
    "mse": lambda p, t: sum((a - b) ** 2 for a, b in zip(p, t, strict=True)) / len(p),
    "half_mse": lambda p, t: sum((a - b) ** 2 for a, b in zip(p, t, strict=True)) / 2,
    "squared_error": lambda p, t: sum((a - b) ** 2 for a, b in zip(p, t, strict=True)),
    "sum_of_squared_errors": lambda p, t: sum((a - b) ** 2 for a, b in zip(p, t, strict=True)),
    "mae": lambda p, t: sum(abs(a - b) for a, b in zip(p, t, strict=True)) / len(p),
    "huber": lambda p, t: sum(
        (a - b) ** 2 / 2 if abs(a - b) <= 1 else abs(a - b) - 0.5 for a, b in zip(p, t, strict=True)
    ) / len(p),
    "hinge": lambda p, t: sum(max(0.0, 1 - a * b) for a, b in zip(p, t, strict=True)) / len(p),
    "binary_cross_entropy": lambda p, t: -sum(
        b * math.log(a) + (1 - b) * math.log(1 - a) for a, b in zip(p, t, strict=True)
    ) / len(p),
    "binary_cross_entropy_with_logits": lambda p, t: sum(
        math.log1p(math.exp(a)) - a * b for a, b in zip(p, t, strict=True)
    ) / len(p),
    "cross_entropy": lambda p, t: math.log(sum(map(math.exp, p))) - sum(a * b for a, b in zip(p, t, strict=True)),
    "negative_log_likelihood": lambda p, t: -sum(b * math.log(a) for a, b in zip(p, t, strict=True)),
}  # fmt: skip


@st.composite
def examples(draw, name):
    """Outputs of a model, and a target as a user gives it."""
    meaning = LOSSES[name].meaning
    count = draw(st.integers(2 if meaning.exclusive else 1, 4))
    outputs = draw(
        st.lists(probabilities if meaning.outputs == "probability" else reals, min_size=count, max_size=count)
    )
    if meaning.exclusive:
        return outputs, draw(st.integers(0, count - 1))
    one = {"value": reals, "margin": st.sampled_from([-1.0, 1.0])}.get(
        meaning.outputs, st.sampled_from([0.0, 0.3, 1.0])
    )
    return outputs, draw(st.lists(one, min_size=count, max_size=count))


def test_there_is_a_formula_here_for_every_loss():
    assert FORMULAS.keys() == LOSSES.keys()


@pytest.mark.parametrize("name", LOSSES)
@given(data=st.data())
def test_a_loss_is_its_formula_and_its_gradient_that_of_differences(name, data):
    outputs, target = data.draw(examples(name))
    loss, values = LOSSES[name], [Value(p) for p in outputs]
    prepared = loss.prepared(target, len(outputs))
    found = loss(values, target)
    assert found.data == pytest.approx(FORMULAS[name](outputs, prepared), rel=1e-9, abs=1e-12)
    with no_grad():
        assert loss(outputs, target) == pytest.approx(found.data, rel=1e-14, abs=1e-300)


@pytest.mark.parametrize("name", LOSSES)
@given(data=st.data())
def test_a_target_that_is_part_of_the_graph_gives_the_same_loss_and_gradients(name, data):
    """So one traced graph serves every example: its targets are inputs."""
    outputs, target = data.draw(examples(name))
    loss, plain, traced = LOSSES[name], [Value(p) for p in outputs], [Value(p) for p in outputs]
    prepared = loss.prepared(target, len(outputs))
    expected = loss.of(plain, prepared)
    found = loss.of(traced, [Value(t) for t in prepared])
    assert found.data == pytest.approx(expected.data, rel=1e-14, abs=1e-300)
    assert gradients(found, traced) == pytest.approx(gradients(expected, plain), rel=1e-13, abs=1e-300)


@pytest.mark.parametrize("name", LOSSES)
def test_the_graph_of_a_loss_does_not_depend_on_the_numbers(name):
    """So one graph serves every example; 0·log 0 is 0 in it too."""
    loss, rng = LOSSES[name], random.Random(0)
    shapes = set()
    for _ in range(20):
        outputs = [Value(rng.uniform(0.01, 0.99)) for _ in range(3)]
        targets = loss.prepared(
            rng.randrange(3)
            if loss.meaning.exclusive
            else [
                rng.choice([-1.0, 1.0]) if name == "hinge" else rng.choice([0.0, rng.random(), 1.0]) for _ in range(3)
            ],
            3,
        )
        shapes.add(tuple(node.op.name for node in topological_order(loss.of(outputs, targets)) if node.op))
    assert len(shapes) == 1


def test_targets_are_checked_and_written_for_the_formula_once():
    assert repr(nn.cross_entropy.prepared(1.0, 3)) == "[0.0, 1.0, 0.0]", "floats"
    assert nn.cross_entropy.prepared([0.2, 0.3, 0.5], 3) == [0.2, 0.3, 0.5]
    assert nn.mse.prepared(1.5, 1) == [1.5]
    seen = []

    class Counted(Loss):
        def prepared(self, target, outputs):
            seen.append(target)
            return super().prepared(target, outputs)

    model = MLP(1, [1], rng=0)
    fit(model, [0, 1], [1, 3], loss=Counted(nn.mse), optimizer=SGD(model.parameters()), epochs=5, progress=False)
    assert seen == [1.0, 3.0]


# Corners.


def test_binary_cross_entropy_of_certainty_that_is_right_is_zero_with_its_gradient():
    for p, y, slope in ((0.0, 0.0, 1.0), (1.0, 1.0, -1.0)):
        value = Value(p)
        loss = nn.binary_cross_entropy(value, y)
        loss.backward()
        assert (loss.data, value.grad) == (0.0, slope)
    assert nn.negative_log_likelihood([0.0, 1.0], 1) == 0.0


def test_one_probability_outside_its_range_is_enough_wherever_it_stands():
    for outputs, target, loss in (
        ([1.5, 0.5], [1, 1], nn.binary_cross_entropy),
        ([0.5, 1.5], [1, 1], nn.binary_cross_entropy),
        ([-0.5, 1.5], 1, nn.negative_log_likelihood),
    ):
        with pytest.raises(ValueError, match=f"is not finite for probability {outputs[0]}, {outputs[1]} and target"):
            loss(outputs, target)


@pytest.mark.parametrize(("p", "y"), [(1.1, 1), (-0.1, 0), (1.1, 0.5), (0.0, 1), (1.0, 0)])
def test_a_probability_outside_its_range_is_refused_even_where_the_formula_has_a_value(p, y):
    for given_p in (p, Value(p)):
        with pytest.raises(
            ValueError, match=f"binary_cross_entropy is not finite for probability {p} and target {float(y)}"
        ):
            nn.binary_cross_entropy(given_p, float(y))
    with pytest.raises(ValueError, match="linear output and use cross_entropy$"):
        nn.negative_log_likelihood([Value(1.5), Value(-0.5)], 0)


def test_huber_meets_itself_at_delta():
    for delta in (0.5, 1.0, 2.0):
        values = [nn.huber(Value(x), 0.0, delta=delta) for x in (delta * (1 - 1e-12), delta, delta * (1 + 1e-12))]
        slopes = [gradients(v, [next(iter(topological_order(v)))])[0] for v in values]
        assert [v.data for v in values] == pytest.approx([delta**2 / 2] * 3, rel=1e-11, abs=0.0)
        assert slopes == pytest.approx([delta] * 3, rel=1e-11, abs=0.0)


# What may be given.


@pytest.mark.parametrize("kind", [list, tuple, np.array, lambda xs: np.array([Value(x) for x in xs], dtype=object)])
def test_predictions_and_targets_may_be_lists_tuples_and_arrays(kind):
    assert float(nn.mse(kind([1.0, 5.0]), kind([0.0, 2.0]))) == 5.0


def test_a_formula_is_given_lists_whatever_the_user_gave():
    seen = []
    own = Loss(lambda prediction, target: seen.append((prediction, target)) or 0.0)
    for sequence in (list, tuple, np.array):
        own(sequence([1.0, 2.0]), [3.0])
        assert seen.pop() == ([1.0, 2.0], [3.0])
        assert nn.mse.prepared(sequence([1.0, 2.0]), 2) == [1.0, 2.0]
        assert nn.cross_entropy.prepared(sequence([0.25, 0.75]), 2) == [0.25, 0.75]


def test_a_loss_of_ones_own_has_its_functions_name_docstring_and_bound_settings():
    def power(prediction, target, exponent=2):
        """|y − ŷ| to some power."""
        return abs(prediction - target) ** exponent

    assert (Loss(power).__name__, Loss(power).__doc__) == ("power", "|y − ŷ| to some power.")
    assert Loss(functools.partial(power, exponent=3))(5.0, 3.0) == 8.0
    assert Loss(functools.partial(power, exponent=3), name="cubic").name == "cubic"


def test_probabilities_of_classes_sum_to_one_to_a_millionth_and_none_is_negative():
    for target in ([0.5, 0.5 + 9e-7], [0.5, 0.5 - 9e-7], [1, 0]):
        assert nn.cross_entropy([0.0, 0.0], target) == pytest.approx(math.log(2.0), rel=1e-5, abs=0.0)
    for target in ([0.5, 0.5 + 2e-6], [0.5, 0.5 - 2e-6], [1.5, -0.5], [-1e-9, 1.0]):
        with pytest.raises(ValueError, match="takes one-hot targets or probabilities that sum to 1, not"):
            nn.cross_entropy([0.0, 0.0], target)


def test_a_loss_may_be_named_given_or_made_and_its_settings_bound():
    steep = functools.partial(nn.huber, delta=0.1)
    assert steep(1.0, 0.0) == nn.huber(1.0, 0.0, delta=0.1) == pytest.approx(0.095, rel=1e-14, abs=0.0)
    assert repr(Loss(steep)) == "Loss(huber(delta=0.1))"
    assert Loss(steep)(1.0, 0.0) == steep(1.0, 0.0)
    model = MLP(1, [1], init="zeros")
    for loss, expected in (("huber", 2.5), (nn.huber, 2.5), (steep, 0.295), (Loss(steep), 0.295)):
        assert evaluate(model, [[1.0]], [3.0], loss)["loss"] == pytest.approx(expected, rel=1e-14, abs=0.0)
    assert nn.mse.__name__ == "mse"
    assert nn.mse.__doc__.startswith("The mean squared error")


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Loss(3), TypeError, r"a loss is a function \(prediction, target\) → Value, not int 3"),
        (lambda: Loss(nn.mse, reduction="max"), ValueError, "reduction is 'mean' or 'sum', not str 'max'"),
        (lambda: Loss(nn.mse, meaning="score"), ValueError, "outputs are one of 'value'"),
        (
            lambda: nn.mse([1.0, 2.0, 3.0], 1.0),
            ValueError,
            "has 3 outputs, and the target is 1 number: .* cross_entropy",
        ),
        (
            lambda: Loss(nn.cross_entropy, name="mine")([1.0], 0),
            ValueError,
            "mine needs an output for each class, .* or use binary_cross_entropy_with_logits",
        ),
        (
            lambda: nn.mse(1.0, [1.0, 2.0]),
            ValueError,
            "has 1 output, and the target is 2 numbers: give 1 number for each example$",
        ),
        (lambda: nn.cross_entropy([1.0, 2.0], 2), ValueError, "labels 0 … 1, not 2.0: the first class is 0, not 1$"),
        (lambda: nn.cross_entropy([1.0, 2.0], 3), ValueError, "takes labels 0 … 1, not 3.0$"),
        (lambda: nn.cross_entropy([1.0, 2.0], 0.5), ValueError, "takes labels 0 … 1, not 0.5$"),
    ],
)
def test_what_is_no_loss_or_no_target_is_refused(make, error, message):
    with pytest.raises(error, match=message):
        make()


# The lectures' losses.


def test_the_lectures_losses_differ_by_factors_alone():
    """Row 31: for d = 2, (1/d) Σ, ½ Σ and Σ of one example are 5, 5 and 10; over N examples a mean, or the sum."""
    outputs, target = [1.0, 5.0], [0.0, 2.0]
    assert [loss(outputs, target) for loss in (nn.mse, nn.half_mse, nn.squared_error)] == [5.0, 5.0, 10.0]
    model, x, y = MLP(1, [2], init="zeros"), [[1.0], [2.0], [3.0]], [[1.0, 0.0], [0.0, 2.0], [3.0, 1.0]]
    found = {name: evaluate(model, x, y, name)["loss"] for name in ("squared_error", "sum_of_squared_errors")}
    assert found == {"squared_error": 5.0, "sum_of_squared_errors": 15.0}


def test_a_sum_and_its_penalty_are_the_lectures_loss_and_step_as_it_does():
    """L = Σᵢ (yᵢ − ŷᵢ)² + λ Σ w²: one step by hand."""
    xs, ys, strength, rate = [1.0, 2.0, -1.0], [2.0, 3.0, 0.5], 0.1, 0.01
    model = MLP(1, [1], init=nn.all_equal(0.5), bias=False)
    history = fit(
        model, xs, ys, loss="sum_of_squared_errors", penalty=nn.Ridge(strength), epochs=1, progress=False,
        optimizer=SGD(model.parameters(), rate),
    )  # fmt: skip
    w = 0.5
    slope = sum(2.0 * (w * x - y) * x for x, y in zip(xs, ys, strict=True)) + 2.0 * strength * w
    assert model.parameters()[0].data == pytest.approx(w - rate * slope, rel=1e-15, abs=0.0)
    assert history.loss == [
        pytest.approx(sum((w * x - y) ** 2 for x, y in zip(xs, ys, strict=True)), rel=1e-15, abs=0.0)
    ]
    assert history.penalty == [strength * w * w]


def test_l2_has_the_half_and_ridge_has_not():
    weights = [Value(3.0), Value(-4.0)]
    assert (nn.L2(0.1)(weights).data, nn.Ridge(0.1)(weights).data) == (1.25, 2.5)
    with pytest.raises(ValueError, match="strength must be finite, at least 0"):
        nn.Ridge(-1.0)


def test_a_summed_loss_in_batches_is_the_sum_over_the_epoch():
    model = MLP(1, [1], init="zeros")
    history = fit(
        model, [1, 2, 3, 4, 5], [1, 1, 1, 1, 1], loss="sum_of_squared_errors", batch_size=2, rng=0, epochs=1,
        optimizer=SGD(model.parameters(), 0.0), validation=([1], [3]), progress=False,
    )  # fmt: skip
    assert (history.loss, history.validation_loss) == ([5.0], [9.0])
