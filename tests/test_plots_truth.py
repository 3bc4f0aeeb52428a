"""What plots must not do: join the two sides of a pole, cover a curve with a legend, miscount, count layers from 0."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import matplotlib.pyplot as plt
import pytest
from plotting import curve, figures, labels, trained  # noqa: F401 (figures is a fixture)

import autodiff as ad
from nn import MLP, SGD, fit
from viz import (
    LossPlane,
    Snapshots,
    draw_network,
    plot_activation,
    plot_gradcheck_error,
    plot_gradient_flow,
    plot_history,
    plot_loss_surface,
    plot_weights,
)

pytestmark = [pytest.mark.once, pytest.mark.usefixtures("figures")]


def segments(xs: list[float], ys: list[float]) -> list[tuple[float, float, float, float]]:
    """The lines that are drawn: between neighbours that are both there."""
    return [
        (a, b, y, z) for a, b, y, z in zip(xs, xs[1:], ys, ys[1:], strict=False) if not (math.isnan(y) or math.isnan(z))
    ]


class TestPoles:
    @pytest.mark.parametrize("label", ["tan(x)", "derivative"])
    def test_no_line_crosses_a_pole_of_the_tangent(self, label: str) -> None:
        xs, ys = curve(plot_activation("tan"), label)
        poles = [-1.5 * math.pi, -0.5 * math.pi, 0.5 * math.pi, 1.5 * math.pi]
        assert not [(a, b) for a, b, _, _ in segments(xs, ys) for pole in poles if a < pole < b]

    @pytest.mark.parametrize(
        ("function", "pole"),
        [
            (lambda x: 1.0 / (x - 0.123), 0.123),
            (lambda x: 1.0 / (x - 0.123) ** 2, 0.123),
            (lambda x: -1.0 / (x + 2.0) ** 4, -2.0),
            (lambda x: ad.tan(3.0 * x), math.pi / 6.0),
        ],
    )
    def test_nor_one_of_a_quotient(self, function: Callable[[Any], Any], pole: float) -> None:
        ax = plot_activation(function)
        for line in ax.get_lines()[2:]:
            drawn = segments(list(line.get_xdata()), list(line.get_ydata()))
            assert not [(a, b) for a, b, _, _ in drawn if a < pole < b]

    def test_the_axis_is_for_the_curve_and_not_for_its_poles(self) -> None:
        low, high = plot_activation("tan").get_ylim()
        assert -20.0 < low < -4.0
        assert 4.0 < high < 20.0
        assert plot_activation("exp").get_ylim()[1] > 148.0, "what is large without a pole stays"

    @pytest.mark.parametrize("name", ["sin", "exp", "gelu", "relu", "erf", "tanh", "silu", "abs"])
    def test_a_curve_without_a_pole_has_no_gap(self, name: str) -> None:
        ax = plot_activation(name)
        assert not any(math.isnan(y) for line in ax.get_lines() for y in line.get_ydata())

    def test_steep_is_no_pole(self) -> None:
        _, ys = curve(plot_activation(lambda x: ad.tanh(1e4 * (x - 0.01)) * 5.0), "f(x)")
        assert not any(map(math.isnan, ys))


def surface() -> Any:
    return plot_loss_surface(lambda a, b: a * a + b * b, {"SGD": [(1.0, 1.0), (0.0, 0.0)]})


def flow() -> Any:
    return plot_gradient_flow({"a": {"1": 1e-6, "2": 1e-3}, "b": {"1": 0.1, "2": 0.2}})


class TestLegends:
    @pytest.mark.parametrize(
        "plot",
        [
            lambda: plot_activation("gelu"),
            lambda: plot_gradcheck_error(ad.sin, 1.0),
            lambda: plot_history(trained()[1]),
            lambda: plot_weights({"plain": [0.5, -1.0], "with L1": [0.0, -0.8]}),
            surface,
            flow,
        ],
        ids=["activation", "gradcheck error", "history", "weights", "surface", "flow"],
    )
    def test_a_legend_lies_outside_the_axes(self, plot: Callable[[], Any]) -> None:
        ax = plot()
        ax.figure.draw_without_rendering()
        legend = next(a.get_legend() for a in ax.figure.axes if a.get_legend())
        below, inside = legend.get_window_extent(), ax.get_window_extent()
        assert below.y1 <= inside.y0 + 1.0 or not ax.axison, "below the axes"
        page = ax.figure.bbox
        assert below.x0 >= page.x0 - 1.0
        assert below.x1 <= page.x1 + 1.0
        assert below.y0 >= page.y0 - 1.0

    @pytest.mark.parametrize("height", [2.2, 4.8, 9.0])
    @pytest.mark.parametrize("several", [False, True], ids=["one run", "several runs"])
    def test_a_legend_does_not_cover_the_label_of_low_axes(self, height: float, several: bool) -> None:
        history = trained()[1]
        _, ax = plt.subplots(figsize=(6.4, height), layout="constrained")
        plot_history({"a": history, "b": history} if several else history, ax)
        ax.figure.draw_without_rendering()
        legend = next(a.get_legend() for a in ax.figure.axes if a.get_legend())
        assert legend.get_window_extent().y1 <= ax.xaxis.label.get_window_extent().y0


class TestCounts:
    def test_snapshots_are_counted_as_what_they_are(self) -> None:
        model, snapshots = MLP(1, [1], rng=0), Snapshots(every=5)
        optimizer = SGD(model.parameters(), 0.1)
        fit(model, [0, 1], [1, 3], optimizer=optimizer, epochs=25, callbacks=[snapshots], progress=False)
        plane = LossPlane(model, [[0.0], [1.0]], [1.0, 3.0], rng=0)
        ways = {"snapshots": snapshots, "states": snapshots.states}
        shown = labels(plot_loss_surface(plane, ways, resolution=3))
        assert shown == ["snapshots: 6 snapshots, epochs 0 to 25", "states: 6 states"]

    def test_points_are_the_ends_of_steps(self) -> None:
        ways = {"two": [(1.0, 1.0), (0.5, 0.5), (0.0, 0.0)], "one": [(1.0, 0.0), (0.0, 0.0)]}
        assert labels(plot_loss_surface(lambda a, b: a * a + b * b, ways)) == ["two: 2 steps", "one: 1 step"]


class TestLayers:
    def test_layers_count_from_one_everywhere(self) -> None:
        model = MLP(2, [3, 3, 1], rng=0)
        assert [label.split(":")[0] for label in labels(plot_weights(model))] == ["layer 1", "layer 2", "layer 3"]
        ad.sum([model([1.0, -1.0])]).backward()
        ticks = [tick.get_text() for tick in plot_gradient_flow(model).get_xticklabels()]
        assert ticks == ["1", "2", "3"]
        svg = draw_network(model).svg
        assert [f"layer {i}" in svg for i in range(5)] == [False, True, True, True, False]
