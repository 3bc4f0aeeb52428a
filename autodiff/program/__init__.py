"""Program: a scalar graph as matrices, at the speed of BLAS. `compile` makes it; NumPy is imported when it is called.

From the graph to the instructions: `trace` (the graph as lists), `simplify` (chains of + and ·), `lifting` (what is
computed together, matrix products), `backward` (the gradients' instructions). What rows compute on arrays:
`expressions`. What runs instructions: `on_numpy`, `on_native`, `on_jax`, and `backends` says which. What a user has in
hand: `program`; what they read: `listing`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from autodiff.program.compiling import Parameters
    from autodiff.program.program import Program


def compile(  # noqa: A001 (as autodiff's other functions, sum and abs)
    output: Any,
    *arguments: Any,
    inputs: Any = None,
    parameters: Parameters = (),
    lift: bool = True,
    dtype: str = "float64",
) -> Program:
    """A `Program`: ``output`` for many examples at once, from its graph or from a function that builds it.

    Parameters
    ----------
    output : a Value or a list of Values, with ``inputs``; or a function, with an example of its arguments
    arguments : of the function: numbers, or lists, tuples, dicts and arrays of them; it is called once, with Values
    inputs : the leaves of the graph that are another number for each example, in the order of X's columns
    parameters : the leaves whose data is read anew in every run, and that gradients are for; as (name, Value) pairs,
        `Module.named_parameters` say, they have names in the listing, else their labels
    lift : False keeps one instruction for each node, in topological order
    dtype : "float64", or "float32" for half the memory and seven digits

    Any other leaf is a constant: its data is taken once. The graph is recomputed along the operations that were
    recorded. Of a function, a comparison, ``if``, ``float()``, ``max()`` or ``round()`` of what depends on its
    arguments is a CompileError, for another example might take another way; reading ``.data`` is warned of.

    Raises CompileError for inputs and parameters that are no leaves, are given twice or are not in the graph, and
    ImportError without NumPy.

    >>> from autodiff import Value, compile, dot, tanh
    >>> w = [Value(0.5, "w[1]"), Value(-1.0, "w[2]")]
    >>> program = compile(lambda x: tanh(dot(w, x)), [0.0, 0.0], parameters=w)
    >>> program([[2.0, 1.0], [4.0, 1.0]]).round(4).tolist()
    [0.0, 0.7616]
    >>> loss, gradient = program.value_and_grad([[2.0, 1.0], [4.0, 1.0]])
    >>> gradient.round(4).tolist(), round(w[0].grad, 4)
    ([1.8399, 0.71], 1.8399)
    >>> program([[2.0, 1.0], [4.0, 1.0]], backend="auto").round(4).tolist()  # by the faster of NumPy and a tape in C
    [0.0, 0.7616]
    """
    from autodiff.program.compiling import compile_function, compile_graph

    if callable(output):
        if inputs is not None:
            raise TypeError("inputs are of a graph: of a function give an example of its arguments, compile(f, [0, 0])")
        return compile_function(output, arguments, parameters, lift, dtype)
    if arguments:
        raise TypeError("compile takes a graph with inputs=[…], or a function with an example of its arguments")
    return compile_graph(output, inputs or (), parameters, lift, dtype)


__all__ = ["compile"]
