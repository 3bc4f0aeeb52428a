"""Plots: the numbers on the axes against those of the model and the engine, clear errors, no global state touched."""

# ruff: noqa: N806 (X is the field's name)

from __future__ import annotations

import math
import os
import random
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pytest
from PIL import Image

from autodiff import Value, tanh
from nn import (
    L1,
    MLP,
    SGD,
    Adaline,
    CosineDecay,
    Dropout,
    History,
    Layer,
    Module,
    Perceptron,
    Sequential,
    evaluate,
    fit,
    gradient_norms,
    mse,
)
from viz import (
    LossPlane,
    Snapshots,
    animate_training,
    plot_activation,
    plot_decision_boundary,
    plot_gradcheck_error,
    plot_gradient_flow,
    plot_history,
    plot_loss_surface,
    plot_weights,
)

mpl.use("Agg")

from matplotlib import pyplot as plt
from matplotlib.axes import Axes

pytestmark = pytest.mark.once

AND, XOR = [0, 0, 0, 1], [0, 1, 1, 0]
CORNERS = [[0, 0], [0, 1], [1, 0], [1, 1]]


@pytest.fixture(autouse=True)
def _figures() -> Any:
    before = mpl.rcParams.copy()
    yield
    assert mpl.rcParams == before
    plt.close("all")


def curve(ax: Axes, label: str) -> tuple[list[float], list[float]]:
    for axes in ax.figure.axes:
        for line in axes.get_lines():
            if str(line.get_label()).startswith(label):
                return list(line.get_xdata()), list(line.get_ydata())
    raise AssertionError(f"no curve {label!r}")


def labels(ax: Axes) -> list[str]:
    legend = next(axes.get_legend() for axes in ax.figure.axes if axes.get_legend())
    return [text.get_text() for text in legend.get_texts()]


def blobs(classes: int, count: int = 20) -> tuple[list[list[float]], list[int]]:
    rng = random.Random(0)
    centres = [(2.0 * math.cos(k * 2.1), 2.0 * math.sin(k * 2.1)) for k in range(classes)]
    X = [[rng.gauss(a, 0.4), rng.gauss(b, 0.4)] for a, b in centres for _ in range(count)]
    return X, [k for k in range(classes) for _ in range(count)]


def trained(epochs: int = 6, callbacks: Any = (), validation: bool = True, **options: Any) -> tuple[MLP, History]:
    X, y = blobs(2)
    model = MLP(2, [4, 1], rng=0)
    history = fit(
        model,
        X,
        y,
        loss="binary_cross_entropy_with_logits",
        optimizer=SGD(model.parameters(), 0.1),
        epochs=epochs,
        batch_size=8,
        rng=0,
        callbacks=callbacks,
        progress=False,
        validation=(X[::3], y[::3]) if validation else None,
        **options,
    )
    return model, history


EVERY_PLOT: list[Callable[[Axes | None], Axes]] = [
    lambda ax: plot_history(trained(2)[1], ax),
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
    assert [tick.get_text() for tick in ax.get_xticklabels()] == [str(i) for i in range(10)]


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
        assert plot_activation(name, 0.1, 0.9).get_title() == f"{name} and its derivative"
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
    assert labels(ax) == ["layer 0: 100 % of 6 near 0", "layer 2: 0 % of 3 near 0"]


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


# Decision boundary.


def test_the_line_of_a_perceptron_is_where_its_sum_is_zero() -> None:
    unit = Perceptron(2).fit(CORNERS, AND)
    ax = plot_decision_boundary(unit, CORNERS, AND, resolution=20)
    w1, w2 = unit.weights
    on_boundary = [
        vertex
        for contour in ax.collections
        if list(getattr(contour, "levels", [])) == [0.0]
        for path in contour.get_paths()
        for vertex in path.vertices
    ]
    assert on_boundary
    assert all(abs(unit.bias + w1 * a + w2 * b) < 1e-9 for a, b in on_boundary)
    assert "4 of 4 examples right" in ax.get_title()


def test_misclassified_examples_are_ringed_and_counted() -> None:
    unit = Perceptron(2).fit(CORNERS, XOR, passes=5)
    wrong = sum(p != t for p, t in zip(unit.predict(CORNERS), XOR, strict=True))
    ax = plot_decision_boundary(unit, CORNERS, XOR)
    assert f"misclassified: {wrong}" in labels(ax)
    assert f"{4 - wrong} of 4" in ax.get_title()


@pytest.mark.parametrize(
    ("threshold", "margin", "line"), [(None, None, "0.5 ± 0.25"), (0.0, None, "0 ± 1"), (0.0, 2.0, "0 ± 2")]
)
def test_the_threshold_and_the_margin_are_said(threshold: float | None, margin: float | None, line: str) -> None:
    X, y = blobs(2)
    ax = plot_decision_boundary(trained()[0], X, y, threshold=threshold, margin=margin, resolution=10)
    assert f"margin: output = {line}" in labels(ax)


def test_labels_of_minus_one_and_one_part_at_zero() -> None:
    X, y = blobs(2)
    signs = [2 * k - 1 for k in y]
    unit = Adaline(2, 0.02).fit(X, signs, passes=20)
    ax = plot_decision_boundary(unit, X, signs)
    assert {"boundary: output = 0", "class −1", "class 1"} <= set(labels(ax))
    assert "40 of 40" in ax.get_title()


@pytest.mark.parametrize("one_hot", [False, True])
def test_several_classes_have_a_region_each(one_hot: bool) -> None:
    X, y = blobs(3)
    model = MLP(2, [6, 3], rng=0)
    optimizer = SGD(model.parameters(), 0.2)
    fit(model, X, y, loss="cross_entropy", optimizer=optimizer, epochs=20, batch_size=10, rng=0, progress=False)
    right = evaluate(model, X, y, "cross_entropy", ["accuracy"])["accuracy"]
    given = [[float(k == c) for c in range(3)] for k in y] if one_hot else y
    ax = plot_decision_boundary(model, X, given)
    assert {"class 0", "class 1", "class 2", "margin: best two differ by 1"} <= set(labels(ax))
    assert f"{round(60 * right)} of 60" in ax.get_title()
    filled = [c for c in ax.collections if getattr(c, "filled", False)]
    assert len(filled) == 3


class _Branching(Module):
    """Its graph is not the same at every point."""

    inputs = 2

    def __init__(self) -> None:
        self.scale = Value(1.0)

    def forward(self, inputs: list[Any]) -> list[Any]:
        a, b = inputs
        return [self.scale * (b if a > 0.5 else -b)]


def test_a_model_that_branches_on_its_inputs_is_drawn_as_it_predicts() -> None:
    X, y = [[0.0, -1.0], [0.0, 1.0], [1.0, -1.0], [1.0, 1.0]], [1, 0, 0, 1]
    ax = plot_decision_boundary(_Branching(), X, y, threshold=0.0, margin=0.0, resolution=15)
    filled = [c for c in ax.collections if getattr(c, "filled", False)]
    assert len(filled) == 2
    assert filled[1].get_paths()[0].contains_point((1.2, 0.8))
    assert not filled[1].get_paths()[0].contains_point((-0.2, 0.8))


def test_a_boundary_needs_two_features_and_labels_that_fit() -> None:
    with pytest.raises(ValueError, match="two features, and X has 3"):
        plot_decision_boundary(MLP(3, [1], rng=0), [[1.0, 2.0, 3.0]], [1])
    with pytest.raises(ValueError, match="parts the labels 0 and 1"):
        plot_decision_boundary(MLP(2, [1], rng=0), CORNERS, [0, 1, 2, 3])
    with pytest.raises(ValueError, match="class indices from 0 to 2"):
        plot_decision_boundary(MLP(2, [3], rng=0), CORNERS, [0, 1, 2, 3])
    with pytest.raises(ValueError, match="one target for each row"):
        plot_decision_boundary(MLP(2, [1], rng=0), CORNERS, [0, 1])
    with pytest.raises(TypeError, match="needs predict"):
        plot_decision_boundary(len, CORNERS, AND)


# Loss surface.


def test_trajectories_lie_on_the_surface_from_dot_to_star() -> None:
    way = [(1.5, 1.0), (0.5, 0.5), (0.0, 0.1)]
    ax = plot_loss_surface(lambda a, b: a * a + 10.0 * b * b, {"plain": way}, resolution=10)
    assert curve(ax, "plain: 2 steps") == ([1.5, 0.5, 0.0], [1.0, 0.5, 0.1])
    markers = {line.get_marker(): list(line.get_xdata()) for line in ax.get_lines() if len(line.get_xdata()) == 1}
    assert markers == {"o": [1.5], "*": [0.0]}


@pytest.mark.parametrize("log", [False, True])
def test_the_levels_of_a_surface_rise_from_the_lowest_to_the_highest_point(log: bool) -> None:
    ax = plot_loss_surface(lambda a, b: Value(a * a + b * b), resolution=11, log=log)
    levels = list(ax.collections[0].levels)  # type: ignore[attr-defined]
    assert levels == sorted(levels)
    assert levels[0] == pytest.approx(0.0, abs=1e-12)
    assert levels[-1] == pytest.approx(8.0)


def test_a_surface_is_white_where_the_loss_is_not_defined() -> None:
    ax = plot_loss_surface(lambda a, b: math.log(a) + b * b, resolution=11)
    assert min(v[0] for p in ax.collections[0].get_paths() for v in p.vertices) > 0.0
    plot_loss_surface(lambda a, b: 1.0, resolution=3).figure.canvas.draw()  # flat, and still drawn


def test_a_plane_through_a_models_weights_has_its_loss_and_leaves_it_alone() -> None:
    model, snapshots = MLP(2, [2, 1], rng=0), Snapshots()
    X, y = blobs(2)
    optimizer = SGD(model.parameters(), 0.05)
    fit(model, X, y, optimizer=optimizer, epochs=5, callbacks=[snapshots], progress=False)
    plane = LossPlane(model, X, y, rng=0)
    end = model.state_dict()
    assert plane(0.0, 0.0) == pytest.approx(evaluate(model, X, y)["loss"])
    assert model.state_dict() == end
    assert plane.coordinates(end) == (0.0, 0.0)
    ax = plot_loss_surface(plane, {"SGD": snapshots.states}, resolution=4)
    xs, ys = curve(ax, "SGD: 5 steps")
    assert (xs[-1], ys[-1]) == (0.0, 0.0)
    assert (xs[0], ys[0]) == pytest.approx(plane.coordinates(snapshots.states[0]))


def test_two_parameters_span_a_plane_in_which_states_are_seen_exactly() -> None:
    model = MLP(1, [1], init="zeros")
    names = ("layers.0.neurons.0.weights.0", "layers.0.neurons.0.bias")
    plane = LossPlane(model, [[1.0], [2.0]], [3.0, 5.0], directions=names)
    assert plane(2.0, 1.0) == 0.0
    assert plane.coordinates({names[0]: 2.0, names[1]: 1.0}) == (2.0, 1.0)
    assert plot_loss_surface(plane, resolution=3).get_xlabel() == names[0]


def test_random_directions_are_orthogonal_and_of_length_one() -> None:
    model = MLP(3, [4, 1], rng=0)
    plane = LossPlane(model, [[0.0, 0.0, 0.0]], [0.0], rng=1)
    base = model.state_dict()
    moved = {name: base[name] + u for name, u in zip(base, plane._u, strict=True)}
    assert plane.coordinates(moved) == pytest.approx((1.0, 0.0), abs=1e-12)


def test_surfaces_refuse_what_they_cannot_draw() -> None:
    def loss(a: float, b: float) -> float:
        return a + b

    with pytest.raises(ValueError, match="x must be a range"):
        plot_loss_surface(loss, x=(1.0, 1.0))
    with pytest.raises(ValueError, match="defined nowhere"):
        plot_loss_surface(lambda a, b: math.log(-1.0), resolution=3)
    with pytest.raises(TypeError, match=r"the loss at \(-2, -2\) is str"):
        plot_loss_surface(lambda a, b: "high", resolution=3)
    with pytest.raises(ValueError, match="trajectory 'none' is empty"):
        plot_loss_surface(loss, {"none": []}, resolution=3)
    with pytest.raises(TypeError, match=r"trajectories are points \(a, b\) by name.*not list"):
        plot_loss_surface(lambda a, b: a * b, [(0, 0)])  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"trajectory 'SGD' holds points \(a, b\), not int 0"):
        plot_loss_surface(lambda a, b: a * b, {"SGD": (0, 0)})
    with pytest.raises(TypeError, match="lie on a LossPlane only"):
        plot_loss_surface(loss, {"states": [{"w": 1.0}]}, resolution=3)
    with pytest.raises(ValueError, match="no parameter 'w'"):
        LossPlane(MLP(1, [1], rng=0), [[1.0]], [1.0], directions=("w", "b"))
    with pytest.raises(ValueError, match="rng=0"):
        LossPlane(MLP(1, [1], rng=0), [[1.0]], [1.0])


# Animation.


def test_a_gif_has_a_frame_for_every_state_and_the_boundary_moves(tmp_path: Path) -> None:
    snapshots = Snapshots(every=3)
    model, _ = trained(6, [snapshots])
    assert snapshots.epochs == [0, 3, 6]
    end = model.state_dict()
    X, y = blobs(2)
    path = animate_training(model, X, y, tmp_path / "boundary.gif", snapshots, threshold=0.0, resolution=12)
    assert model.state_dict() == end
    assert os.listdir(tmp_path) == ["boundary.gif"]
    with Image.open(path) as film:
        assert film.n_frames == 3
        frames = []
        for i in range(3):
            film.seek(i)
            frames.append(film.convert("RGB").tobytes())
    assert len(set(frames)) == 3


def test_a_perceptron_is_animated_pass_by_pass(tmp_path: Path) -> None:
    unit = Perceptron(2).fit(CORNERS, AND)
    end = (unit.bias, unit.weights)
    path = animate_training(unit, CORNERS, AND, tmp_path / "and.gif", resolution=8)
    assert (unit.bias, unit.weights) == end
    with Image.open(path) as film:
        assert film.n_frames == len(unit.mistakes)


@pytest.mark.parametrize("suffix", [".html", ".mp4"])
def test_without_ffmpeg_a_video_is_refused_and_the_gif_is_named(
    tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RuntimeError, match=r"needs the program ffmpeg, which is not installed: save a \.gif"):
        animate_training(Perceptron(2).fit(CORNERS, AND), CORNERS, AND, tmp_path / f"and{suffix}")
    assert os.listdir(tmp_path) == []


FFMPEG = """#!{python}
import sys
if "-i" in sys.argv:
    frames = sys.stdin.buffer.read()
    open(sys.argv[-1], "wb").write(b"frames:%d" % len(frames))
"""


@pytest.mark.parametrize("suffix", [".html", ".mp4"])
def test_with_ffmpeg_every_frame_goes_into_the_video(
    tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program in ffmpeg's place, which counts what it is given."""
    program = tmp_path / "bin" / "ffmpeg"
    program.parent.mkdir()
    program.write_text(FFMPEG.format(python=sys.executable))
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    path = animate_training(Perceptron(2).fit(CORNERS, AND), CORNERS, AND, tmp_path / f"and{suffix}", resolution=8)
    content = path.read_text()
    assert ("<video" in content) if suffix == ".html" else content.startswith("frames:")
    assert sorted(os.listdir(tmp_path)) == [f"and{suffix}", "bin"]


def test_a_film_that_cannot_be_made_leaves_no_file_and_the_model_as_it_was(tmp_path: Path) -> None:
    model, _ = trained(1)
    end = model.state_dict()
    with pytest.raises(ValueError, match="two features"):
        animate_training(model, [[1.0, 2.0, 3.0]], [1], tmp_path / "a.gif", [end])
    assert os.listdir(tmp_path) == []
    assert model.state_dict() == end
    with pytest.raises(ValueError, match=r"writes \.gif, \.html, \.mp4, not '\.avi'"):
        animate_training(model, CORNERS, AND, tmp_path / "a.avi", [end])
    with pytest.raises(ValueError, match="no states to show"):
        animate_training(model, CORNERS, AND, tmp_path / "a.gif")
    with pytest.raises(ValueError, match="no states to show"):
        animate_training(Perceptron(2), CORNERS, AND, tmp_path / "a.gif")


def test_the_demo_draws_the_trained_nets(tmp_path, capsys):
    from viz.demo import main

    main(str(tmp_path))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["iris.json", "iris.png", "moons.json", "moons.png"]
    assert all(path.stat().st_size > 1000 for path in tmp_path.iterdir())
    assert "validation accuracy" in capsys.readouterr().out
