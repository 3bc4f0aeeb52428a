"""Plots: the numbers on the axes against those of the model and the engine, clear errors, no global state touched."""

from __future__ import annotations

import math
import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from plotting import AND, CORNERS, curve, figures, labels, trained  # noqa: F401 (figures is a fixture)

from autodiff import log, tanh
from nn import (
    L1,
    MLP,
    CosineDecay,
    Dropout,
    History,
    Layer,
    Perceptron,
    Rates,
    Sequential,
    StepDecay,
    fit,
    gradient_norms,
    mse,
)
from viz import (
    plot_activation,
    plot_decision_boundary,
    plot_gradcheck_error,
    plot_gradient_flow,
    plot_history,
    plot_loss_surface,
    plot_schedules,
    plot_weights,
)

pytestmark = [pytest.mark.once, pytest.mark.usefixtures("figures")]

EVERY_PLOT: list[Callable[[Axes | None], Axes]] = [
    lambda ax: plot_history(trained(2)[1], ax),
    lambda ax: plot_history({"a": trained(2)[1], "b": trained(1)[1]}, ax),
    lambda ax: plot_schedules(CosineDecay(10), ax=ax),
    lambda ax: plot_gradient_flow({"1": 0.1, "2": 1.0}, ax),
    lambda ax: plot_activation("tanh", ax=ax),
    lambda ax: plot_weights(MLP(2, [2, 1], rng=0), ax),
    lambda ax: plot_gradcheck_error(tanh, 0.5, ax=ax),
    lambda ax: plot_decision_boundary(Perceptron(2).fit(CORNERS, AND), CORNERS, AND, ax),
    lambda ax: plot_loss_surface(lambda a, b: a * a + b * b, ax=ax, resolution=8),
]


@pytest.mark.parametrize("plot", EVERY_PLOT)
def test_every_plot_draws_on_the_axes_given_and_names_both_axes(plot: Callable[[Axes | None], Axes]) -> None:
    _, given = plt.subplots()
    assert plot(given) is given
    assert given.get_xlabel()
    assert given.get_ylabel()
    assert given.get_title()


@pytest.mark.parametrize("plot", EVERY_PLOT)
def test_every_plot_makes_axes_where_none_are_given(plot: Callable[[Axes | None], Axes]) -> None:
    ax = plot(None)
    assert ax.has_data()
    ax.figure.canvas.draw()


@pytest.mark.parametrize("plot", EVERY_PLOT)
def test_every_plot_refuses_what_is_no_axes(plot: Callable[[Any], Axes]) -> None:
    with pytest.raises(TypeError, match="ax takes matplotlib Axes, not str"):
        plot("here")


# History.


def test_the_history_shows_every_epoch_the_rate_and_the_best_epoch() -> None:
    _, history = trained(6, schedule=CosineDecay(6))
    ax = plot_history(history)
    assert curve(ax, "training loss") == ([1, 2, 3, 4, 5, 6], history.loss)
    assert curve(ax, "validation loss")[1] == history.validation_loss
    assert curve(ax, "learning rate")[1] == history.learning_rate
    best = history.validation_loss.index(min(history.validation_loss))
    assert curve(ax, "best epoch") == ([best + 1], [history.validation_loss[best]])
    assert len(labels(ax)) == 4


def test_without_validation_the_best_epoch_is_that_of_the_training_loss() -> None:
    history = History(["loss", "learning_rate", "seconds"])
    for loss in (3.0, 1.0, 2.0):
        history.append({"loss": loss, "learning_rate": 0.1, "seconds": 0.0})
    ax = plot_history(history)
    assert curve(ax, "best epoch") == ([2], [1.0])
    assert not any("validation" in label for label in labels(ax))


@pytest.mark.parametrize(("last", "scale"), [(0.5, "linear"), (1e-3, "log"), (0.0, "linear")])
def test_a_loss_that_falls_far_is_drawn_on_a_log_scale(last: float, scale: str) -> None:
    history = History(["loss", "learning_rate", "seconds"])
    for loss in (1.0, last):
        history.append({"loss": loss, "learning_rate": 0.1, "seconds": 0.0})
    assert plot_history(history).get_yscale() == scale


def test_several_histories_have_a_colour_and_a_best_epoch_each() -> None:
    runs = {
        name: trained(5, schedule=schedule)[1] for name, schedule in (("decaying", CosineDecay(5)), ("constant", None))
    }
    ax = plot_history(runs)
    for name, history in runs.items():
        best = min(range(5), key=history.validation_loss.__getitem__)
        label = f"{name}: best {history.validation_loss[best]:.4g} in epoch {best + 1}"
        assert label in labels(ax)
        assert curve(ax, label) == ([1, 2, 3, 4, 5], history.loss)
    drawn = [list(line.get_ydata()) for line in ax.get_lines()]
    assert all(history.validation_loss in drawn for history in runs.values())
    assert "dashed: validation" in labels(ax)
    assert len({line.get_color() for line in ax.get_lines() if len(line.get_xdata()) == 5}) == 2
    without = plot_history({name: trained(2, validation=False)[1] for name in ("a", "b")})
    assert "dashed: validation" not in labels(without)


@pytest.mark.parametrize(
    ("histories", "error", "message"),
    [
        ({}, ValueError, "there are no histories to compare"),
        ({"a": [1.0]}, TypeError, "'a' is no History that fit returned, but list"),
        ({"a": History(["loss"])}, ValueError, "the history 'a' is empty"),
    ],
)
def test_what_are_no_histories_to_compare_is_refused(histories: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        plot_history(histories)


def test_schedules_are_drawn_as_factors_or_as_rates() -> None:
    decay, rates = StepDecay(2, 0.5), Rates(lambda k: 0.1 / k)
    ax = plot_schedules({"halved": decay, "constant": lambda t: 1.0}, 5)
    assert curve(ax, "halved") == ([0, 1, 2, 3, 4], [1.0, 1.0, 0.5, 0.5, 0.25])
    assert (ax.get_ylabel(), ax.get_xlabel()) == ("factor on the learning rate", "t, epochs")
    ax = plot_schedules({"halved": decay, "harmonic": rates}, 3, rate=0.2)
    assert curve(ax, "halved")[1] == [0.2, 0.2, 0.1]
    assert curve(ax, "harmonic")[1] == [0.1, 0.05, 0.1 / 3]
    assert (ax.get_ylabel(), ax.get_xlabel()) == ("learning rate", "t, epochs or steps")
    assert labels(plot_schedules(rates)) == ["Rates"]
    assert plot_schedules(rates).get_ylabel() == "learning rate"


@pytest.mark.parametrize(
    ("schedules", "error", "message"),
    [
        ({}, ValueError, "there are no schedules"),
        (StepDecay, TypeError, r"'StepDecay' is no schedule: write StepDecay\(every=10\)"),
        ({"a": 0.5}, TypeError, "'a' is no schedule"),
        ({"a": StepDecay(2), "b": Rates([0.1])}, ValueError, "some of the schedules give rates and some factors"),
        (lambda t: -1.0, ValueError, "schedule at t = 0 must be finite, at least 0, not -1.0"),
    ],
)
def test_what_are_no_schedules_is_refused(schedules: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        plot_schedules(schedules)


def test_an_empty_history_is_refused() -> None:
    with pytest.raises(ValueError, match="no epoch was completed"):
        plot_history(History(["loss", "learning_rate", "seconds"]))
    with pytest.raises(TypeError, match="takes the History that fit returned, not list"):
        plot_history([1.0, 2.0])  # type: ignore[arg-type]


# Gradient flow.


def deep(activation: str) -> MLP:
    model = MLP(2, [4] * 9 + [1], activation=activation, rng=0)
    mse(model([0.5, -0.5]), 1.0).backward()
    return model


def test_gradient_flow_shows_each_layers_norm_and_sigmoid_vanishing() -> None:
    models = {"sigmoid": deep("sigmoid"), "tanh": deep("tanh")}
    ax = plot_gradient_flow(models)
    for name, model in models.items():
        assert curve(ax, name)[1] == pytest.approx(list(gradient_norms(model).values()))
    assert ax.get_yscale() == "log"
    assert curve(ax, "sigmoid")[1][0] < 1e-3 * curve(ax, "tanh")[1][0]
    assert [tick.get_text() for tick in ax.get_xticklabels()] == [str(i) for i in range(1, 11)]


def test_a_gradient_of_zero_is_marked_and_not_lost() -> None:
    ax = plot_gradient_flow({"1": 0.0, "2": 0.0, "3": 1.0})
    assert curve(ax, "gradient is 0")[0] == [1, 2]
    assert "gradient is 0" in labels(ax)


def test_gradient_flow_refuses_what_it_cannot_show() -> None:
    with pytest.raises(ValueError, match=r"run backward\(\)"):
        plot_gradient_flow(MLP(1, [1], rng=0))
    with pytest.raises(ValueError, match="different numbers of layers"):
        plot_gradient_flow({"a": {"1": 1.0}, "b": {"1": 1.0, "2": 2.0}})
    with pytest.raises(ValueError, match="must be finite"):
        plot_gradient_flow({"1": math.nan, "2": 1.0})
    with pytest.raises(TypeError, match="takes a model, or norms"):
        plot_gradient_flow([1.0])  # type: ignore[arg-type]


def test_names_are_shown_as_typed() -> None:
    flow = {"1": 1.0}
    ax = plot_gradient_flow({"$x^2$": flow, "_hidden": flow, r"\frac{a}": flow, "two\nlines": flow})
    ax.figure.canvas.draw()
    assert labels(ax) == [r"\$x^2\$", " _hidden", r"\frac{a}", "two↵lines"]


# Activations.


@pytest.mark.parametrize("name", ["tanh", "sigmoid", "relu", "gelu", "softplus", "linear"])
def test_an_activation_is_drawn_with_its_derivative(name: str) -> None:
    ax = plot_activation(name, -3.0, 3.0)
    xs, values = curve(ax, f"{name}(x)")
    _, slopes = curve(ax, "derivative")
    for i in range(1, len(xs) - 1):
        numeric = (values[i + 1] - values[i - 1]) / (xs[i + 1] - xs[i - 1])
        assert slopes[i] == pytest.approx(numeric, abs=0.5001 if name == "relu" and abs(xs[i]) < 0.01 else 1e-3)


def test_a_function_of_ones_own_is_drawn_with_the_engines_derivative() -> None:
    ax = plot_activation(lambda x: x**3)
    xs, slopes = curve(ax, "derivative")
    assert slopes == pytest.approx([3 * x * x for x in xs], abs=1e-12)


def test_a_curve_has_a_gap_where_the_function_is_not_defined() -> None:
    ax = plot_activation("log", -1.0, 1.0)
    xs, values = curve(ax, "log(x)")
    assert all(math.isnan(y) == (x <= 0.0) for x, y in zip(xs, values, strict=True))
    assert ax.get_ylim()[1] < 20.0  # the slope's pole does not flatten all else


def test_activations_refuse_what_they_cannot_draw() -> None:
    with pytest.raises(ValueError, match="unknown activation 'tahn'; known are: linear"):
        plot_activation("tahn")
    with pytest.raises(ValueError, match="low must be less than high"):
        plot_activation("tanh", 1.0, 1.0)
    with pytest.raises(ValueError, match="defined nowhere"):
        plot_activation("log", -2.0, -1.0)
    for several in ("maximum", "add", "logsumexp"):
        with pytest.raises(ValueError, match=f"{several} takes more than one operand"):
            plot_activation(several)
    with pytest.raises(TypeError, match="a name or a function"):
        plot_activation(3.0)  # type: ignore[arg-type]


def test_every_activation_that_is_told_as_known_can_be_drawn() -> None:
    with pytest.raises(ValueError, match="unknown activation 'foo'") as refused:
        plot_activation("foo")
    known = str(refused.value).partition("known are: ")[2].split(", ")
    assert {"linear", "tanh", "leaky_relu"} <= set(known)
    for name in known:
        low = 1.1 if name == "arccosh" else 0.1
        assert plot_activation(name, low, low + 0.8).get_title() == f"{name} and its derivative"
        plt.close("all")


def test_a_function_that_calls_methods_has_gaps_too() -> None:
    value, slope = plot_activation(lambda v: v.sqrt(), -1.0, 1.0).get_lines()[-2:]
    xs, ys = value.get_data()
    assert all(math.isnan(y) == (x < 0.0) for x, y in zip(xs, ys, strict=True))
    assert all(math.isnan(s) == (x <= 0.0) for x, s in zip(xs, slope.get_ydata(), strict=True))


# Weights.


def test_weights_are_counted_layer_by_layer_without_biases() -> None:
    model = Sequential(Layer(2, 3, init="zeros"), Dropout(0.1, rng=0), Layer(3, 1, rng=0))
    ax = plot_weights(model)
    assert labels(ax) == ["layer 1: 100 % of 6 near 0", "layer 3: 0 % of 3 near 0"]


def test_a_histogram_holds_every_weight_once_and_a_bin_around_zero() -> None:
    ax = plot_weights({"some": [-1.0, 0.0, 1e-4, -1e-4, 1.0]}, bins=4)
    (steps,) = ax.patches
    outline = steps.get_xy()
    heights = dict(zip(*outline.T[:, 1:-1:2], strict=True))
    assert sum(heights.values()) == pytest.approx(1.0)
    assert max(heights.values()) == pytest.approx(0.6)


def test_an_l1_penalty_shows_as_weights_near_zero() -> None:
    plain, _ = trained(40)
    sparse, _ = trained(40, penalty=L1(0.05))
    shares = [
        float(label.split(": ")[1].split(" %")[0]) for label in labels(plot_weights({"plain": plain, "L1": sparse}))
    ]
    near = [sum(abs(w.data) < 1e-3 for w in m.weight_parameters()) / 12 for m in (plain, sparse)]
    assert shares == [round(100 * share) for share in near]


def test_weights_refuse_what_they_cannot_show() -> None:
    with pytest.raises(ValueError, match="no weights in 'none'"):
        plot_weights({"none": []})
    with pytest.raises(ValueError, match="no weights to plot"):
        plot_weights(Sequential(Dropout(0.5, rng=0)))
    with pytest.raises(ValueError, match="finite weights"):
        plot_weights({"bad": [math.inf]})
    with pytest.raises(TypeError, match="takes a model"):
        plot_weights(3)  # type: ignore[arg-type]


# Gradient-check error.


def test_the_central_difference_is_best_near_the_cube_root_of_the_precision() -> None:
    ax = plot_gradcheck_error(lambda x, y: tanh(x * y) * x, (0.7, 1.3))
    for name, best, order in (("forward", 1e-8, 1), ("central", 1e-5, 2)):
        steps, errors = curve(ax, name)
        found = steps[errors.index(min(errors))]
        assert best / 20 < found < best * 20
        at = dict(zip((round(math.log10(step), 2) for step in steps), errors, strict=True))
        assert math.log10(at[-2.0] / at[-3.0]) == pytest.approx(order, abs=0.05)  # truncation
        assert at[-14.0] > 1e3 * min(errors)  # round-off


def test_gradcheck_error_refuses_what_has_no_relative_error() -> None:
    with pytest.raises(ValueError, match="the gradient is 0"):
        plot_gradcheck_error(lambda x: x * x, 0.0)
    with pytest.raises(ValueError, match="steps must be positive"):
        plot_gradcheck_error(tanh, 0.5, steps=[0.0])


def test_a_step_that_leaves_the_domain_has_no_point_and_where_all_do_the_plot_is_refused() -> None:
    ax = plot_gradcheck_error(log, 2e-3, steps=[1e-1, 1e-2, 1e-3, 1e-4])
    assert list(curve(ax, "forward")[0]) == [1e-1, 1e-2, 1e-3, 1e-4]
    assert list(curve(ax, "central")[0]) == [1e-3, 1e-4]
    with pytest.raises(ValueError, match=r"^f is not defined on both sides of xs at any of the steps 0.1 … 0.01$"):
        plot_gradcheck_error(log, 2e-3, steps=[1e-1, 1e-2])


def test_a_step_lost_in_rounding_leaves_none_of_the_gradient() -> None:
    ax = plot_gradcheck_error(lambda x: x * x, 1e8, steps=[1.0, 1e-12])
    assert curve(ax, "forward")[1][1] == curve(ax, "central")[1][1] == 1.0


# The demo.


def test_the_demo_draws_the_trained_nets(tmp_path, capsys, monkeypatch):
    """After one epoch: how well they learn is nn's test."""
    demo = runpy.run_path(str(Path(__file__).parent.parent / "docs" / "examples" / "demo.py"))
    one_epoch = lambda *data, **settings: fit(*data, **{**settings, "epochs": 1})  # noqa: E731
    monkeypatch.setitem(demo["main"].__globals__, "fit", one_epoch)
    demo["main"](str(tmp_path))
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        f"{name}.{kind}" for name in ("digits", "iris", "moons") for kind in ("json", "png")
    ]
    assert all(path.stat().st_size > 1000 for path in tmp_path.iterdir())
    assert "on what was held out" in capsys.readouterr().out
