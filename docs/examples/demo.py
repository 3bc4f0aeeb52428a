"""Three real runs, for `make demo`: an MLP on iris, on moons and on digits, trained with the bar on, saved and drawn.

Run it as ``python docs/examples/demo.py [folder]``.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nn import MLP, Adam, EarlyStopping, History, Optimizer, Standardize, evaluate, fit, save, split
from viz.networks.picture import draw_network
from viz.plots.boundary import plot_decision_boundary
from viz.plots.curves import plot_history


@dataclass(frozen=True)
class Run:
    """A trained model, how it got there, the examples held out (X, y), and its accuracy on them."""

    name: str
    model: MLP
    history: History
    held_out: tuple[Any, Any]
    accuracy: float


def train_iris(progress: bool = True) -> Run:
    """Fisher's iris (150 flowers, 4 measurements, 3 species), standardised; 40 % held out."""
    from sklearn.datasets import load_iris  # pyright: ignore[reportMissingImports] (it has no types)

    features, species = load_iris(return_X_y=True)
    X, y, Xv, yv = split(features, species, 0.4, rng=0)  # noqa: N806
    scale = Standardize.of(X)  # of the training examples: held-out ones must not have a say
    X, Xv = scale.transform(X), scale.transform(Xv)  # noqa: N806
    model = MLP(4, [8, 3], activation="tanh", rng=0)
    return _trained("iris", model, (X, y), (Xv, yv), "cross_entropy", Adam(model.parameters(), 0.02), 40, progress)


def train_moons(progress: bool = True) -> Run:
    """Two interleaved half moons (200 points, noise 0.1); 40 % held out."""
    from sklearn.datasets import make_moons  # pyright: ignore[reportMissingImports] (it has no types)

    points, moon = make_moons(200, noise=0.1, random_state=0)
    X, y, Xv, yv = split(points, moon, 0.4, rng=0)  # noqa: N806
    model = MLP(2, [8, 8, 1], activation="tanh", rng=0)
    loss = "binary_cross_entropy_with_logits"
    return _trained("moons", model, (X, y), (Xv, yv), loss, Adam(model.parameters(), 0.05), 30, progress)


def train_digits(progress: bool = True) -> Run:
    """scikit-learn's digits (1,797 pictures of 8×8 pixels), scaled to 0 … 1; 30 % held out, for the accuracy alone."""
    from sklearn.datasets import load_digits  # pyright: ignore[reportMissingImports] (it has no types)

    pictures, digits = load_digits(return_X_y=True)
    X, y, Xv, yv = split(pictures / 16.0, digits, 0.3, rng=0)  # noqa: N806
    model = MLP(64, [32, 10], activation="tanh", rng=0)
    history = fit(
        model, X, y, loss="cross_entropy", optimizer=Adam(model.parameters(), 0.01), epochs=20, batch_size=32, rng=0,
        progress=progress,
    )  # fmt: skip
    return Run("digits", model, history, (Xv, yv), evaluate(model, Xv, yv, metrics=["accuracy"])["accuracy"])


def _trained(
    name: str,
    model: MLP,
    data: tuple[Any, Any],
    held_out: tuple[Any, Any],
    loss: str,
    optimizer: Optimizer,
    epochs: int,
    progress: bool,
) -> Run:
    history = fit(
        model, *data, loss=loss, optimizer=optimizer, epochs=epochs, batch_size=16, validation=held_out,
        metrics=["accuracy"], callbacks=[EarlyStopping(patience=10)], rng=0, progress=progress,
    )  # fmt: skip
    return Run(name, model, history, held_out, evaluate(model, *held_out, metrics=["accuracy"])["accuracy"])


def _save(run: Run, folder: str) -> None:
    path = Path(folder, f"{run.name}.json")
    save(run.model, path)
    print(
        f"{run.name}: {run.model}, {len(run.history)} epochs in {sum(run.history.seconds):.1f} s, "
        f"accuracy {run.accuracy:.1%} on what was held out; weights in {path}"
    )


def _draw(iris: Run, moons: Run, digits: Run, folder: str) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4.5), layout="constrained")
    left, right = figure.subplots(1, 2)
    plot_history(moons.history, ax=left)
    plot_decision_boundary(moons.model, *moons.held_out, ax=right)
    _save_picture(figure, folder, "moons.png")
    features, species = iris.held_out
    draw_network(iris.model, features[0], species[0], loss="cross_entropy").save(Path(folder, "iris.png"))
    _save_picture(_wrong_digits(digits, Figure), folder, "digits.png")


def _wrong_digits(run: Run, figure_class: Any) -> Any:
    """The digits that the model got wrong, each with what it is and what the model took it for."""
    pictures, digits = run.held_out
    found = run.model.predict_class(pictures)
    wrong = [i for i, (answer, digit) in enumerate(zip(found, digits, strict=True)) if answer != digit]
    columns = 7
    rows = min(3, max(1, -(-len(wrong) // columns)))
    figure = figure_class(figsize=(1.5 * columns, 1.8 * rows + 0.6), layout="constrained")
    figure.suptitle(f"{len(wrong)} of {len(digits)} digits that were held out are read wrong")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for ax in axes:
        ax.set_axis_off()
    for ax, i in zip(axes, wrong, strict=False):
        ax.imshow(pictures[i].reshape(8, 8), cmap="gray_r", vmin=0.0, vmax=1.0)
        ax.set_title(f"{digits[i]:.0f} read as {found[i]}", fontsize=10)
    return figure


def _save_picture(figure: Any, folder: str, name: str) -> None:
    path = Path(folder, name)
    figure.savefig(path, dpi=150)
    print(f"drawn: {path}")


def main(folder: str = "demo") -> None:
    """Train on iris, moons and digits, save the weights, and draw all into ``folder``."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    runs = train_iris(), train_moons(), train_digits()
    for run in runs:
        _save(run, folder)
    _draw(*runs, folder)


if __name__ == "__main__":
    main(*sys.argv[1:2])
