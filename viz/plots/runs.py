"""Several runs of training in one picture: their histories, and the schedules of their rates."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from nn import History
from nn.checks import integer, nonnegative
from viz.plots.style import BLACK, axes, legend_below, literal, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LOG_FROM = 30.0  # losses that differ by more than this factor are drawn on a log scale


def compare_histories(histories: Mapping[str, History], ax: Axes | None = None) -> Axes:
    """The losses of several runs by epoch, by name: training solid, validation dashed, a star at the best epoch.

    The best epoch is that of the lowest validation loss, or training loss where there is no other. Returns the Axes.
    Raises TypeError for what are no histories by name, ValueError for none, or one without epochs.

    >>> from nn import MLP, SGD, fit
    >>> def run(batch_size):
    ...     model = MLP(1, [1], rng=0)
    ...     optimizer = SGD(model.parameters(), 0.1)
    ...     return fit(model, [0, 1], [1, 3], optimizer=optimizer, epochs=5, batch_size=batch_size, rng=0)
    >>> compare_histories({"all": run(None), "one by one": run(1)}).get_legend_handles_labels()[1]
    ['all: best 0.1912 in epoch 5', 'one by one: best 0.01327 in epoch 5']
    """
    if not histories:
        raise ValueError("there are no histories to compare")
    for name, history in histories.items():
        if not isinstance(history, History):
            raise TypeError(f"{name!r} is no History that fit returned, but {type(history).__name__}")
        if not len(history):
            raise ValueError(f"the history {name!r} is empty: no epoch was completed")
    from matplotlib.ticker import MaxNLocator

    ax = axes(ax)
    every: list[float] = []
    for i, (name, history) in enumerate(histories.items()):
        colour = style(i)["color"]
        epochs = range(1, len(history) + 1)
        has_validation = "validation_loss" in history.columns
        judged = history.columns["validation_loss" if has_validation else "loss"]
        best = min(range(len(judged)), key=judged.__getitem__)
        label = literal(f"{name}: best {judged[best]:.4g} in epoch {best + 1}")
        ax.plot(epochs, history.loss, color=colour, label=label)
        if has_validation:
            ax.plot(epochs, judged, color=colour, linestyle="--")
        ax.plot([best + 1], [judged[best]], "*", color=colour, markersize=12)
        every += [*history.loss, *judged]
    if any("validation_loss" in history.columns for history in histories.values()):
        ax.plot([], [], color=BLACK, linestyle="--", label="dashed: validation")
    if min(every) > 0.0 and max(every) > _LOG_FROM * min(every):
        ax.set_yscale("log")
    ax.set(xlabel="epoch", ylabel="loss", title=f"{len(histories)} runs")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    legend_below(ax)
    return ax


def plot_schedules(
    schedules: Callable[[int], float] | Mapping[str, Callable[[int], float]],
    steps: int = 100,
    ax: Axes | None = None,
    *,
    rate: float | None = None,
) -> Axes:
    """Learning rates over time: of one schedule (`nn.Schedule`, or a function of t), or of several by name.

    steps : how many epochs, or steps for one with ``per="step"``, are drawn, from t = 0
    ax : axes to draw on; new ones if not given
    rate : the optimizer's own rate, which a factor multiplies; by default factors are drawn as they are

    Returns the Axes. Raises TypeError for what is no schedule, ValueError where one gives no number of at least 0, or
    rates (`nn.Rates`) stand beside factors without ``rate``.

    >>> from nn import CosineDecay, StepDecay
    >>> ax = plot_schedules({"cosine": CosineDecay(50), "steps": StepDecay(20, 0.5)}, 60, rate=0.1)
    >>> ax.get_ylabel(), ax.get_legend_handles_labels()[1]
    ('learning rate', ['cosine', 'steps'])
    """
    named = dict(schedules) if isinstance(schedules, Mapping) else {_name(schedules): schedules}
    if not named:
        raise ValueError("there are no schedules to plot")
    for name, schedule in named.items():
        if isinstance(schedule, type) or not callable(schedule):
            raise TypeError(f"{name!r} is no schedule: write StepDecay(every=10), or a function of t")
    gives = {name: getattr(schedule, "gives_rates", False) for name, schedule in named.items()}
    if rate is None and len(set(gives.values())) > 1:
        raise ValueError("some of the schedules give rates and some factors: give rate=, the optimizer's own")
    times = range(integer("steps", steps))
    ax = axes(ax)
    for i, (name, schedule) in enumerate(named.items()):
        own = 1.0 if rate is None or gives[name] else nonnegative("rate", rate)
        rates = [own * nonnegative(f"{name} at t = {t}", schedule(t)) for t in times]
        ax.plot(times, rates, drawstyle="steps-post", label=literal(name), **style(i))
    ax.set_ylim(bottom=0.0)
    units = {getattr(schedule, "per", "epoch") for schedule in named.values()}
    factors = rate is None and not any(gives.values())
    ax.set(xlabel="t, " + " or ".join(f"{unit}s" for unit in sorted(units)), title="Learning-rate schedules")
    ax.set_ylabel("factor on the learning rate" if factors else "learning rate")
    legend_below(ax)
    return ax


def _name(schedule: Any) -> str:
    return getattr(schedule, "__name__", type(schedule).__name__).replace("<lambda>", "schedule")
