"""Pictures of computation graphs and of what trains on them. Everything here shows what the engine computed.

This file gathers the public names; each is documented where it is written.
"""

from viz.derivation.explain import Explanation, explain
from viz.graph.drawing import Drawing, draw
from viz.networks.picture import draw_network
from viz.networks.training import TrainingPicture, draw_training
from viz.plots.animate import Snapshots, animate_training
from viz.plots.boundary import plot_decision_boundary
from viz.plots.curves import plot_activation, plot_gradcheck_error, plot_gradient_flow, plot_history, plot_weights
from viz.plots.runs import plot_schedules
from viz.plots.surface import LossPlane, plot_loss_surface
from viz.step.stepper import Stepper, step

__all__ = [
    "Drawing",
    "Explanation",
    "LossPlane",
    "Snapshots",
    "Stepper",
    "TrainingPicture",
    "animate_training",
    "draw",
    "draw_network",
    "draw_training",
    "explain",
    "plot_activation",
    "plot_decision_boundary",
    "plot_gradcheck_error",
    "plot_gradient_flow",
    "plot_history",
    "plot_loss_surface",
    "plot_schedules",
    "plot_weights",
    "step",
]
