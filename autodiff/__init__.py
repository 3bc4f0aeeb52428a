"""A scalar reverse-mode automatic differentiation engine: small enough to read, strong enough to trust.

>>> from autodiff import Value
>>> x, y, z = Value(-2.0), Value(5.0), Value(-4.0)
>>> f = (x + y) * z
>>> f.backward()
>>> x.grad, y.grad, z.grad
(-4.0, -4.0, 3.0)
"""

from autodiff.engine import Value, topological_order
from autodiff.errors import DomainError, GradcheckError
from autodiff.functions import FUNCTIONS, dot, logsumexp, mean, softmax, sum
from autodiff.graph import Path, count_paths, leaves, paths, zero_grad
from autodiff.modes import detect_anomaly, no_grad
from autodiff.steps import BackwardStep, Contribution, ForwardStep, backward_steps, forward_steps

globals().update(FUNCTIONS)
from autodiff.derivatives import grad, gradients, hessian, jacobian, jvp, value_and_grad, vjp
from autodiff.define import define_op
from autodiff.ops import Domain, Op
