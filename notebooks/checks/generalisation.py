"""Judges the exercises of 09_generalisation. The steps and graphs that the solutions come from are made here."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from autodiff import Value, dot
from checks.judge import answered, say
from nn import L1, L2, MLP, SGD, Dropout, EarlyStopping, History, Ridge

_LOSSES = [0.90, 0.70, 0.60, 0.65, 0.58, 0.61, 0.60, 0.59, 0.55, 0.62]


def check_decay(w_l2: Any, w_ridge: Any, w_l1: Any) -> None:
    """One step of SGD on C + penalty, C having the slope 0.5 at w = 2."""

    def after(penalty: Any) -> float:
        w = Value(2.0)
        (0.5 * w + penalty([w])).backward()
        SGD([w], lr=0.1).step()
        return w.data

    none, l2, ridge, l1 = (after(penalty) for penalty in (L2(0.0), L2(0.3), Ridge(0.3), L1(0.3)))
    plain = (none, "that is a step of C alone, and the penalty has a slope too")

    def away(right: float) -> tuple[float, str]:
        return 2.0 * none - right, "this penalty pushes away from 0: mind its sign"

    says_ridge = (ridge, "the ½ cancels the 2: the slope of λ/2·w² is λw")
    says_l2 = (l2, "there is no ½ here: the slope of λw² is 2λw")
    says_size = (l2, "the slope of λ|w| is λ·sign(w), whatever the size of w")
    say("w with λ/2 Σw²", w_l2, l2, [plain, says_ridge, away(l2)])
    say("w with λ Σw²", w_ridge, ridge, [plain, says_l2, away(ridge)])
    say("w with λ Σ|w|", w_l1, l1, [plain, says_size, away(l1)])


def _stopped(patience: int) -> tuple[int, int]:
    """After which epoch EarlyStopping ends a run with these losses (0: it does not), and the best epoch until then."""
    ended: list[int] = []
    run: Any = SimpleNamespace(model=MLP(1, [1], init="zeros"), history=History(["validation_loss"]), epoch=0)
    run.stop = lambda _: ended.append(run.epoch)
    stopping = EarlyStopping(patience)
    stopping.on_fit_start(run)
    for run.epoch, loss in enumerate(_LOSSES, 1):
        run.history.append({"validation_loss": loss})
        stopping.on_epoch_end(run)
        if ended:
            break
    return (ended or [0])[0], stopping.best_epoch


def check_stopping(stops_after: Any, best_epoch: Any, best_with_5: Any) -> None:
    """EarlyStopping itself is given the ten losses."""
    stops, best = _stopped(3)
    _, later = _stopped(5)
    first_rise = _stopped(1)[0]
    rise = (first_rise, "one bad epoch is allowed, and so are two: the patience is 3")
    count = (stops - 1, "epochs without improvement are those after the best: three of them")
    say("stops after epoch", stops_after, stops, [rise, count, (later, "the run does not come so far")])
    lowest = (later, "that is the lowest of all ten, and the run stops before it")
    last = (stops, "restore_best brings back the best weights, not the last")
    say("best epoch", best_epoch, best, [lowest, last, (3, "epoch 5 is lower still, and was within the patience")])
    say("best epoch with patience=5", best_with_5, later, [(best, "with 5 the run goes on: is there a lower one?")])


def check_shrink(shrink: Any) -> None:
    """Soft thresholding on both sides of the amount, and at 0."""
    for w, amount in ((0.35, 0.02), (0.01, 0.02), (-0.5, 0.2), (-0.01, 0.02), (0.0, 0.1)):
        name = f"shrink({w:g}, {amount:g})"
        # The minimum of ½(v − w)² + amount·|v| is what the step is derived from.
        right = min((w - amount, w + amount, 0.0), key=lambda v: (Value(v - w) ** 2 / 2 + amount * abs(Value(v))).data)
        answer = answered("shrink", shrink, w, amount)
        if answer is None:
            return
        sign = (w > 0) - (w < 0)
        beyond = (w - amount * sign, "it went past 0: stop there")
        down = (w - amount, "a negative weight moves up, towards 0")
        still = (w, "this weight has not moved")
        lost = (0.0, "a weight that is larger than the amount stays on its side of 0")
        say(name, answer, right, [still, beyond, down, lost], tolerance=1e-9)
        if answer is None:
            return


def check_dropout(a_training: Any, a_evaluation: Any, da_dh1: Any) -> None:
    """The pre-activation as a graph, once with the mask and once without."""
    rate, mask, weights, h = 0.2, [1.0, 0.0, 1.0], [0.5, 1.0, 0.25], [1.0, -2.0, 4.0]
    dropout = Dropout(rate, rng=0)
    dropout.draw = lambda count: [m / (1.0 - rate) for m in mask[:count]]
    inputs = [Value(x) for x in h]
    training = dot(weights, dropout(inputs))
    training.backward()
    evaluation = dot(weights, dropout.eval()([Value(x) for x in h]))
    unscaled = dot(weights, [m * x for m, x in zip(mask, h, strict=True)])
    times = (unscaled * (1.0 - rate), "what is kept is divided by 1 − p, not multiplied")
    other = (unscaled / rate, "what is kept is divided by 1 − p, and p = 0.2 is the share that is dropped")
    say("a in training", a_training, training.data,
        [(unscaled, "what is kept is divided by 1 − p"), times, other,
         (evaluation.data, "the second activation is dropped")])  # fmt: skip
    say("a in evaluation", a_evaluation, evaluation.data,
        [(evaluation.data * (1.0 - rate), "nothing is rescaled in evaluation: that was done in training"),
         (evaluation.data / (1.0 - rate), "dropout is off: nothing is divided"),
         (training.data, "dropout is off: the second activation is back"),
         (unscaled, "dropout is off: the second activation is back")])  # fmt: skip
    say("∂a/∂h₁", da_dh1, inputs[0].grad,
        [(weights[0], "on the way from h₁ to a stands the factor 1 / (1 − p) too"),
         (inputs[2].grad, "that is ∂a/∂h₃"), (0.0, "the first activation is kept")])  # fmt: skip
