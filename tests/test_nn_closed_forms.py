"""Optimizers, schedules, losses and clipping, against closed forms worked out here by hand, without PyTorch."""

import functools
import json
import math
from math import exp, log, sqrt

import numpy as np
import pytest

import nn
from autodiff import Value

# Three steps from θ = 1 with the gradients 1, −2 and ½: what each formula gives, written out. An eps of ½ shows where
# it stands; betas, alpha and momentum are such that the sums come out even.

GRADIENTS = (1.0, -2.0, 0.5)
ADAM_STEPS = (  # m = ½, −¾, −⅛ and s = ¼, 1.1875, 0.953125, divided by 1 − ½ᵗ and 1 − ¾ᵗ; lr = 0.1
    0.1 * 1.0 / (sqrt(1.0) + 0.5),
    0.1 * (-0.75 / 0.75) / (sqrt(1.1875 / 0.4375) + 0.5),
    0.1 * (-0.125 / 0.875) / (sqrt(0.953125 / 0.578125) + 0.5),
)
ADAM_STEPS_AS_GIVEN = (  # m = 0.1, −0.11, −0.049 and s = 0.001, 0.004999, 0.005244001; lr = 0.001, eps = 1e-8
    0.001 * 1.0 / (1.0 + 1e-8),
    0.001 * (-0.11 / 0.19) / (sqrt(0.004999 / 0.001999) + 1e-8),
    0.001 * (-0.049 / 0.271) / (sqrt(0.005244001 / 0.002997001) + 1e-8),
)


def downhill(*steps):
    """θ after each of the steps."""
    return [1.0 - math.fsum(steps[: n + 1]) for n in range(len(steps))]


def decayed(decay, *steps):
    """θ after each of the steps, θ shrunk by the factor 1 − decay before it."""
    theta, found = 1.0, []
    for step in steps:
        theta = theta * (1.0 - decay) - step
        found.append(theta)
    return found


STEPS = {
    "SGD": (functools.partial(nn.SGD, lr=0.1), downhill(0.1, -0.2, 0.05)),
    "SGD as given": (nn.SGD, downhill(0.01, -0.02, 0.005)),
    # v = 1, ½·1 − 2 = −1.5, −0.75 + ½ = −0.25
    "momentum": (functools.partial(nn.SGD, lr=0.1, momentum=0.5), downhill(0.1, -0.15, -0.025)),
    # ∇ + ½v = 1.5, −2.75, 0.375
    "Nesterov": (functools.partial(nn.SGD, lr=0.1, momentum=0.5, nesterov=True), downhill(0.15, -0.275, 0.0375)),
    # s = ¼, ¾·¼ + ¼·4 = 1.1875, ¾·1.1875 + ¼·¼ = 0.953125
    "RMSProp": (
        functools.partial(nn.RMSProp, lr=0.1, alpha=0.75, eps=0.5),
        downhill(0.1 / (0.5 + 0.5), -0.2 / (sqrt(1.1875) + 0.5), 0.05 / (sqrt(0.953125) + 0.5)),
    ),
    # s = 0.01, 0.99·0.01 + 0.01·4 = 0.0499, 0.99·0.0499 + 0.01·¼ = 0.051901
    "RMSProp as given": (
        nn.RMSProp,
        downhill(0.01 / (0.1 + 1e-8), -0.02 / (sqrt(0.0499) + 1e-8), 0.005 / (sqrt(0.051901) + 1e-8)),
    ),
    # s = 1, 5, 5.25
    "AdaGrad": (
        functools.partial(nn.AdaGrad, lr=0.1, eps=0.5),
        downhill(0.1 / 1.5, -0.2 / (sqrt(5.0) + 0.5), 0.05 / (sqrt(5.25) + 0.5)),
    ),
    "AdaGrad as given": (
        nn.AdaGrad,
        downhill(0.01 / (1.0 + 1e-10), -0.02 / (sqrt(5.0) + 1e-10), 0.005 / (sqrt(5.25) + 1e-10)),
    ),
    "Adam": (functools.partial(nn.Adam, lr=0.1, betas=(0.5, 0.75), eps=0.5), downhill(*ADAM_STEPS)),
    "Adam as given": (nn.Adam, downhill(*ADAM_STEPS_AS_GIVEN)),
    "AdamW": (
        functools.partial(nn.AdamW, lr=0.1, betas=(0.5, 0.75), eps=0.5, weight_decay=0.5),
        decayed(0.1 * 0.5, *ADAM_STEPS),
    ),
    "AdamW as given": (nn.AdamW, decayed(0.001 * 0.01, *ADAM_STEPS_AS_GIVEN)),
    "AdamW without decay": (functools.partial(nn.AdamW, weight_decay=0.0), downhill(*ADAM_STEPS_AS_GIVEN)),
}


def path(make, start=1.0, gradients=GRADIENTS, decay=0.0):
    """θ after each step, along gradients from which decay·θ is taken first."""
    theta, found = Value(start), []
    optimizer = make([theta])
    for gradient in gradients:
        theta.grad = gradient - decay * theta.data
        optimizer.step()
        found.append(theta.data)
    assert optimizer.steps == len(gradients)
    return found


@pytest.mark.parametrize("name", STEPS)
def test_three_steps_of_an_optimizer_are_its_formula_by_hand(name):
    make, expected = STEPS[name]
    assert path(make) == pytest.approx(expected, rel=1e-13, abs=0.0)


@pytest.mark.parametrize("name", STEPS)
def test_a_parameter_moves_by_its_own_gradients_whatever_those_beside_it(name):
    make, expected = STEPS[name]
    parameters = [Value(5.0), Value(1.0), Value(-2.0)]
    optimizer = make(parameters)
    for gradient in GRADIENTS:
        for parameter, factor in zip(parameters, (-3.0, 1.0, 7.0), strict=True):
            parameter.grad = factor * gradient
        optimizer.step()
    assert parameters[1].data == pytest.approx(expected[-1], rel=1e-13, abs=0.0)


@pytest.mark.parametrize("name", [name for name in STEPS if "AdamW" not in name and "as given" not in name])
def test_weight_decay_adds_its_multiple_of_the_parameter_to_the_gradient(name):
    make, expected = STEPS[name]
    assert path(functools.partial(make, weight_decay=0.5), decay=0.5) == pytest.approx(expected, rel=1e-13, abs=0.0)


@pytest.mark.parametrize(
    ("make", "gradient", "step"),
    [
        (nn.RMSProp, 1e-7, 0.01 * 1e-7 / (1e-8 + 1e-8)),  # √s is a tenth of the first gradient
        (nn.AdaGrad, 1e-10, 0.01 * 1e-10 / (1e-10 + 1e-10)),
        (nn.Adam, 1e-8, 0.001 * 1e-8 / (1e-8 + 1e-8)),
        (functools.partial(nn.AdamW, weight_decay=0.0), 1e-8, 0.001 * 1e-8 / (1e-8 + 1e-8)),
    ],
    ids=["RMSProp", "AdaGrad", "Adam", "AdamW"],
)
def test_the_eps_as_given_holds_back_a_step_along_a_tiny_gradient(make, gradient, step):
    assert path(make, start=0.0, gradients=[gradient]) == pytest.approx([-step], rel=1e-12, abs=0.0)


def test_a_rate_assigned_between_steps_acts_from_the_next_one_on_and_on_the_whole_velocity():
    theta = Value(1.0)
    optimizer = nn.SGD([theta], 0.1, momentum=0.5)
    theta.grad = 1.0
    optimizer.step()
    optimizer.lr = 0.2
    optimizer.step()  # v = ½ + 1
    assert theta.data == pytest.approx(1.0 - 0.1 - 0.2 * 1.5, rel=1e-15, abs=0.0)


def test_zero_grad_of_an_optimizer_sets_every_gradient_of_its_parameters_to_0():
    parameters, other = [Value(1.0), Value(2.0)], Value(3.0)
    for value in (*parameters, other):
        value.grad = 5.0
    nn.SGD(parameters).zero_grad()
    assert [value.grad for value in (*parameters, other)] == [0.0, 0.0, 5.0]


def test_an_optimizer_takes_any_iterable_of_parameters_and_keeps_them_in_order():
    model = nn.MLP(2, [1], rng=0)
    assert nn.SGD(parameter for parameter in model.parameters()).parameters == model.parameters()


def test_a_setting_that_is_true_is_written_as_json_whatever_true_it_was():
    for true in (True, 1, np.True_):
        optimizer = nn.SGD([Value(1.0)], momentum=0.5, nesterov=true)
        assert (
            json.dumps(optimizer.state_dict()["settings"]) == '{"momentum": 0.5, "nesterov": true, "weight_decay": 0.0}'
        )


def test_plain_gradient_descent_remembers_nothing():
    theta = Value(1.0)
    theta.grad = 1.0
    optimizer = nn.SGD([theta])
    optimizer.step()
    assert optimizer.state == {}


def test_an_optimizer_goes_on_from_its_state_as_if_it_had_never_stopped():
    make, expected = STEPS["Adam"]
    first, theta = Value(1.0), Value(1.0)
    before, after = make([first]), nn.Adam([theta], lr=7.0)
    first.grad = GRADIENTS[0]
    before.step()
    theta.data = first.data
    saved = before.state_dict()
    after.load_state_dict(json.loads(json.dumps(saved)))
    assert repr(after) == repr(before) and after.betas == (0.5, 0.75)
    saved["state"]["means"][0] = 99.0
    assert after.state_dict() == before.state_dict() != saved, "a copy"
    for gradient in GRADIENTS[1:]:
        theta.grad = gradient
        after.step()
    assert theta.data == pytest.approx(expected[-1], rel=1e-13, abs=0.0)


# Clipping


def clipped(clip, limit):
    values = [Value(0.0) for _ in range(3)]
    for value, gradient in zip(values, (3.0, -4.0, 0.25), strict=True):
        value.grad = gradient
    return clip(values, limit), [value.grad for value in values]


def test_clipping_by_norm_scales_all_gradients_together_or_none():
    norm = sqrt(3.0**2 + 4.0**2 + 0.25**2)
    found, grads = clipped(nn.clip_grad_norm, 2.0)
    assert found == pytest.approx(norm, rel=1e-15, abs=0.0)
    factor = 2.0 / (norm + 1e-6)
    assert grads == pytest.approx([3.0 * factor, -4.0 * factor, 0.25 * factor], rel=1e-14, abs=0.0)
    assert clipped(nn.clip_grad_norm, 5.5) == (found, [3.0, -4.0, 0.25]), "a smaller norm is left alone"
    assert clipped(nn.clip_grad_norm, 0.0) == (found, [0.0, 0.0, 0.0])


def test_clipping_by_value_moves_each_gradient_into_the_limits():
    assert clipped(nn.clip_grad_value, 2.0) == (None, [2.0, -2.0, 0.25])
    assert clipped(nn.clip_grad_value, 3.5) == (None, [3.0, -3.5, 0.25])


# Schedules: the factor at t = 0, on the way, and where it ends.

SCHEDULES = {
    "constant": (nn.Constant(), {0: 1.0, 1: 1.0, 99: 1.0}),
    "steps": (nn.StepDecay(3, 0.5), {0: 1.0, 2: 1.0, 3: 0.5, 5: 0.5, 6: 0.25, 30: 0.5**10}),
    "steps as given": (nn.StepDecay(2), {0: 1.0, 1: 1.0, 2: 0.1, 4: 0.01}),
    "exponential": (nn.ExponentialDecay(0.5), {0: 1.0, 1: 0.5, 3: 0.125}),
    "inverse time": (nn.InverseTimeDecay(0.5), {0: 1.0, 1: 1.0 / 1.5, 2: 0.5, 6: 0.25}),
    "a line": (nn.LinearDecay(4, 0.2), {0: 1.0, 1: 0.8, 2: 0.6, 3: 0.4, 4: 0.2, 5: 0.2, 99: 0.2}),
    "a line as given": (nn.LinearDecay(4), {0: 1.0, 1: 0.75, 4: 0.0, 5: 0.0}),
    # (1 + cos(π·t/6)) / 2 at t = 0 … 6: 1, ½ + √3/4, ¾, ½, ¼, ½ − √3/4, 0
    "cosine": (
        nn.CosineDecay(6, 0.2),
        {0: 1.0, 1: 0.2 + 0.8 * (0.5 + sqrt(3.0) / 4.0), 2: 0.8, 3: 0.6, 4: 0.4, 6: 0.2, 7: 0.2, 99: 0.2},
    ),
    "cosine as given": (nn.CosineDecay(6), {0: 1.0, 2: 0.75, 3: 0.5, 4: 0.25}),
    "warm-up": (nn.Warmup(4), {0: 0.25, 1: 0.5, 3: 1.0, 4: 1.0, 9: 1.0}),
    "warm-up, then": (nn.Warmup(2, then=nn.ExponentialDecay(0.5)), {0: 0.5, 1: 1.0, 2: 1.0, 3: 0.5, 5: 0.125}),
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_schedule_is_its_formula(name):
    schedule, expected = SCHEDULES[name]
    assert {t: schedule(t) for t in expected} == pytest.approx(expected, rel=1e-14, abs=0.0)
    assert schedule.per == "epoch"


def test_a_decay_that_is_given_no_end_ends_at_zero():
    assert [nn.CosineDecay(10)(t) for t in (10, 11, 1000)] == [0.0] * 3
    assert [nn.LinearDecay(10)(t) for t in (10, 11, 1000)] == [0.0] * 3


def test_a_schedule_without_a_formula_says_what_it_must_define():
    class Mine(nn.Schedule):
        pass

    with pytest.raises(NotImplementedError, match=r"^Mine must define __call__\(t\) -> factor$"):
        Mine()(0)


# Losses: value and derivatives, of one output and of several.

LN2 = log(2.0)
LOSSES = {  # (loss, predictions, target, value, derivatives)
    "mse": (nn.mse, 3.0, 5.0, 4.0, [-4.0]),
    "mse of two": (nn.mse, [3.0, -1.0], [5.0, 2.0], (4.0 + 9.0) / 2.0, [-2.0, -3.0]),
    "half_mse": (nn.half_mse, 3.0, 5.0, 2.0, [-2.0]),
    "half_mse of two": (nn.half_mse, [3.0, -1.0], [5.0, 2.0], (4.0 + 9.0) / 2.0, [-2.0, -3.0]),
    "mae above": (nn.mae, 3.0, 1.0, 2.0, [1.0]),
    "mae below": (nn.mae, -3.0, 1.0, 4.0, [-1.0]),
    "mae of three": (nn.mae, [3.0, -3.0, 1.0], [1.0, 1.0, 1.0], 2.0, [1.0 / 3.0, -1.0 / 3.0, 0.0]),
    "huber inside": (nn.huber, -0.5, 0.0, 0.125, [-0.5]),
    "huber at delta": (nn.huber, 1.0, 0.0, 0.5, [1.0]),
    "huber above": (nn.huber, 3.0, 0.0, 3.0 - 0.5, [1.0]),
    "huber below": (nn.huber, -3.0, 0.0, 3.0 - 0.5, [-1.0]),
    "huber of two": (nn.huber, [0.5, -3.0], [0.0, 0.0], (0.125 + 2.5) / 2.0, [0.25, -0.5]),
    "huber, delta 2, inside": (functools.partial(nn.huber, delta=2.0), 1.5, 0.0, 1.125, [1.5]),
    "huber, delta 2, below": (functools.partial(nn.huber, delta=2.0), -3.0, 0.0, 2.0 * (3.0 - 1.0), [-2.0]),
    "hinge, right": (nn.hinge, 2.0, 1, 0.0, [0.0]),
    "hinge, near": (nn.hinge, 0.25, 1, 0.75, [-1.0]),
    "hinge, wrong": (nn.hinge, 0.25, -1, 1.25, [1.0]),
    "hinge of two": (nn.hinge, [0.25, 0.25], [1, -1], 1.0, [-0.5, 0.5]),
    "binary 1": (nn.binary_cross_entropy, 0.25, 1, 2.0 * LN2, [-4.0]),
    "binary 0": (nn.binary_cross_entropy, 0.75, 0, 2.0 * LN2, [4.0]),
    "binary ¼": (nn.binary_cross_entropy, 0.5, 0.25, LN2, [-0.25 / 0.5 + 0.75 / 0.5]),
    "binary of two": (nn.binary_cross_entropy, [0.25, 0.5], [1, 0], 1.5 * LN2, [-2.0, 1.0]),
    "logit 1": (nn.binary_cross_entropy_with_logits, log(3.0), 1, log(4.0 / 3.0), [-0.25]),
    "logit 0": (nn.binary_cross_entropy_with_logits, log(3.0), 0, log(4.0), [0.75]),
    "logits of two": (nn.binary_cross_entropy_with_logits, [0.0, 0.0], [1, 0.25], LN2, [-0.25, 0.125]),
    # softmax of the logarithms of 1, 2 and 5: ⅛, ¼, ⅝
    "class": (nn.cross_entropy, [0.0, log(2.0), log(5.0)], 1, log(4.0), [0.125, -0.75, 0.625]),
    "one-hot": (nn.cross_entropy, [0.0, log(2.0), log(5.0)], [0, 0, 1], log(1.6), [0.125, 0.25, -0.375]),
    "probabilities": (nn.cross_entropy, [0.0, log(3.0)], [0.5, 0.5], log(4.0) - 0.5 * log(3.0), [-0.25, 0.25]),
}


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_and_its_derivatives_are_its_formula(name):
    loss, prediction, target, expected, slopes = LOSSES[name]
    values = [Value(p) for p in (prediction if isinstance(prediction, list) else [prediction])]
    cost = loss(values if isinstance(prediction, list) else values[0], target)
    cost.backward()
    assert cost.data == pytest.approx(expected, rel=1e-14, abs=0.0)
    assert [v.grad for v in values] == pytest.approx(slopes, rel=1e-14, abs=0.0)
    assert loss(prediction, target) == pytest.approx(expected, rel=1e-14, abs=0.0), "of numbers"


def test_a_loss_of_logits_far_out_is_the_distance_to_the_wrong_side():
    assert nn.binary_cross_entropy_with_logits([800.0, -800.0, 800.0], [0, 1, 1]) == pytest.approx(1600.0 / 3.0)
    assert nn.cross_entropy([800.0, 0.0, -800.0], 2) == 1600.0
    assert nn.binary_cross_entropy_with_logits(-50.0, 0) == pytest.approx(exp(-50.0), rel=1e-14, abs=0.0)
