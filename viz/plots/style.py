"""What every plot shares: colours that colour-blind readers tell apart, lines and markers that differ as well,
axes made where none are given, and labels that are shown as typed. No global setting of matplotlib is touched.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from viz.writing.text import plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Okabe and Ito's palette (Color Universal Design, 2008) without its yellow, which is too pale for a line on white.
BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY = "#0072B2", "#D55E00", "#009E73", "#AA4499", "#E69F00", "#56B4E9"
BLACK, GREY = "#000000", "#595959"
COLOURS = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY, BLACK)
LINES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)), (0, (1, 1)))
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
_LABELS_HEIGHT = 0.42  # inches: the numbers below the axes, and their label


def axes(ax: Any, width: float = 6.4, height: float = 4.8) -> Axes:
    """``ax``, or new axes of that size in inches. Raises TypeError for what is no Axes."""
    if ax is None:
        import matplotlib.pyplot as plt

        _, ax = plt.subplots(figsize=(width, height), layout="constrained")
    elif not hasattr(ax, "plot") or not hasattr(ax, "get_xlim"):
        raise TypeError(f"ax takes matplotlib Axes, not {type(ax).__name__} {ax!r:.60}; plt.subplots() gives some")
    return ax


def style(i: int) -> dict[str, Any]:
    """Colour and line of the i-th of several curves."""
    return {"color": COLOURS[i % len(COLOURS)], "linestyle": LINES[i % len(LINES)]}


def legend_below(ax: Any, columns: int = 2, **options: Any) -> None:
    """A legend below the axes, where it covers no curve, and below their label, however low they are."""
    from matplotlib.transforms import ScaledTranslation

    below = ax.transAxes + ScaledTranslation(0.0, -_LABELS_HEIGHT, ax.figure.dpi_scale_trans)
    look = {"ncols": columns, "fontsize": "small", "frameon": False}
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, 0.0), bbox_transform=below, **look, **options)


def layer_name(path: str) -> str:
    """The path of a layer in a model as it is read: layers count from 1, as in W1 and in pictures of networks.

    >>> layer_name("layers.0"), layer_name("encoder.layers.2")
    ('layer 1', 'encoder layer 3')
    """
    return re.sub(r"layers\.(\d+)", lambda found: f"layer {int(found[1]) + 1}", path).replace(".layer ", " layer ")


def literal(label: object) -> str:
    """A label shown as typed: no mathematics between dollar signs, and not hidden for an underscore in front."""
    text = plain(str(label)).replace("$", r"\$")
    return f" {text}" if text.startswith("_") else text
