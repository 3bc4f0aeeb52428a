"""A scalar reverse-mode automatic differentiation engine: small enough to read, strong enough to trust.

This file gathers the public names; each is documented where it is written. Every row of the op table that
has no operator of its own is a function here too: exp, log, tanh, …

>>> from autodiff import Value
>>> x, y, z = Value(-2.0), Value(5.0), Value(-4.0)
>>> f = (x + y) * z
>>> f.backward()
>>> x.grad, y.grad, z.grad
(-4.0, -4.0, 3.0)
"""

from typing import TYPE_CHECKING

from autodiff.define import define_op
from autodiff.derivatives import (
    grad,
    gradients,
    hessian,
    hvp,
    jacobian,
    jvp,
    stop_gradient,
    value_and_grad,
    vjp,
)
from autodiff.engine import Value, topological_order
from autodiff.errors import CompileError, DomainError, GradcheckError
from autodiff.functions import FUNCTIONS, dot, logsumexp, mean, softmax, sum
from autodiff.gradcheck import Check, GradcheckReport, gradcheck
from autodiff.graph import Path, count_paths, leaves, paths, zero_grad
from autodiff.modes import detect_anomaly, no_grad
from autodiff.numerical import numerical_gradient
from autodiff.op import Domain, Op
from autodiff.program import compile
from autodiff.steps import BackwardStep, Contribution, ForwardStep, backward_steps, forward_steps

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    def __getattr__(name: str) -> Callable[..., Any]: ...  # the functions of the rows, which the table names


__version__ = "0.1.0"

__all__ = [
    "BackwardStep",
    "Check",
    "CompileError",
    "Contribution",
    "Domain",
    "DomainError",
    "ForwardStep",
    "GradcheckError",
    "GradcheckReport",
    "Op",
    "Path",
    "Value",
    "backward_steps",
    "compile",
    "count_paths",
    "define_op",
    "detect_anomaly",
    "dot",
    "forward_steps",
    "grad",
    "gradcheck",
    "gradients",
    "hessian",
    "hvp",
    "jacobian",
    "jvp",
    "leaves",
    "logsumexp",
    "mean",
    "no_grad",
    "numerical_gradient",
    "paths",
    "softmax",
    "stop_gradient",
    "sum",
    "topological_order",
    "value_and_grad",
    "vjp",
    "zero_grad",
]
__all__ += list(FUNCTIONS)  # pyright: ignore[reportUnsupportedDunderAll] (no checker can run the table)

globals().update(FUNCTIONS)
