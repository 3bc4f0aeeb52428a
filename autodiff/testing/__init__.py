"""For testing operations and functions: random operands, expressions and graphs, and assertions that say what is wrong.

`operands`, `expressions` and `graphs` are Hypothesis strategies; `assert_op` checks one row of the op table wherever
it runs, `assert_gradients` a function. They serve this project's tests and those of whoever adds an operation. Needs
hypothesis, mpmath and NumPy, which ``import autodiff`` does not.
"""

from autodiff.testing.assertions import assert_gradients, assert_op
from autodiff.testing.expressions import Expression, expressions
from autodiff.testing.strategies import Graph, graphs, operands

__all__ = ["Expression", "Graph", "assert_gradients", "assert_op", "expressions", "graphs", "operands"]
