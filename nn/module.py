"""Module: what a neuron, a layer and a whole network have in common.

A module finds its own parameters: the Values in its public attributes, in lists there, and in the modules
there. Attributes with a leading underscore are its private notes. What a module computes is in `layers`.
"""

# ruff: noqa: N803 (X is the field's name)
from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Self

from autodiff import Value, no_grad, zero_grad
from nn.checks import number
from nn.data import Target, as_floats, as_inputs, as_rows

MINUS_INFINITY = -float("inf")


class Module:
    """The base of everything with parameters. A subclass writes ``forward(inputs) -> outputs``, list to list.

    Attributes
    ----------
    inputs, outputs : how many numbers one example has, before and after; None where that does not matter
    training : whether dropout is on; set by `train` and `eval`

    >>> from autodiff import Value
    >>> class Scale(Module):
    ...     def __init__(self):
    ...         self.factor = Value(3.0)
    ...
    ...     def forward(self, inputs):
    ...         return [self.factor * x for x in inputs]
    >>> model = Scale()
    >>> model(2.0).data, [name for name, _ in model.named_parameters()]
    (6.0, ['factor'])
    """

    inputs: int | None = None
    outputs: int | None = None
    training: bool = True

    def forward(self, inputs: list[Any]) -> list[Any]:
        raise NotImplementedError(f"{type(self).__name__} must define forward(inputs) -> list of outputs")

    def __call__(self, x: Any) -> Any:
        """The outputs for one example: a Value, or a list of Values where there are several.

        ``x``: a list, tuple, NumPy array or pandas row of numbers and Values; a number for one input.
        Raises ValueError for a wrong number of inputs, TypeError for what is no example.
        """
        outputs = self.forward(as_inputs(x, type(self).__name__, self.inputs))
        return outputs[0] if len(outputs) == 1 else outputs

    def predict(self, X: Any) -> list[Target]:
        """The outputs for every row of X: floats, or lists of floats. Dropout is off, no graph is built.

        Raises ValueError for a row of the wrong width, nan or ±inf, TypeError for what is no number.
        """
        rows = as_rows(X, "X", self.inputs)
        with self.mode(training=False), no_grad():
            return [as_floats(self(row)) for row in rows]

    @contextlib.contextmanager
    def mode(self, training: bool) -> Iterator[None]:
        """Dropout on or off meanwhile; in every module as it was afterwards."""
        before = [(module, module.training) for _, module in self.named_modules()]
        self._set_training(training)
        try:
            yield
        finally:
            for module, was_training in before:
                module.training = was_training

    def train(self) -> Self:
        """Dropout on, here and in every module below."""
        return self._set_training(True)

    def eval(self) -> Self:
        """Dropout off, here and in every module below."""
        return self._set_training(False)

    def _set_training(self, training: bool) -> Self:
        for _, module in self.named_modules():
            module.training = training
        return self

    # What a module holds.

    def named_modules(self, prefix: str = "") -> Iterator[tuple[str, Module]]:
        """This module ("") and every module below, each once, with its path: "layers.0.neurons.3"."""
        yield from self._modules(prefix, set())

    def _modules(self, path: str, seen: set[int]) -> Iterator[tuple[str, Module]]:
        if id(self) in seen:  # shared, or referred to from below
            return
        seen.add(id(self))
        yield path, self
        for name, held in self._held():
            if isinstance(held, Module):
                yield from held._modules(f"{path}.{name}" if path else name, seen)

    def named_parameters(self) -> Iterator[tuple[str, Value]]:
        """Every parameter once, with its path: "layers.0.neurons.3.weights.1"."""
        seen: set[int] = set()
        for path, module in self.named_modules():
            for name, held in module._held():
                if isinstance(held, Value) and id(held) not in seen:
                    seen.add(id(held))
                    yield f"{path}.{name}" if path else name, held

    def parameters(self) -> list[Value]:
        """Every parameter once."""
        return [parameter for _, parameter in self.named_parameters()]

    def weight_parameters(self) -> list[Value]:
        """The parameters that are not biases: what penalties act on."""
        return [parameter for name, parameter in self.named_parameters() if "bias" not in name.split(".")]

    def _held(self) -> Iterator[tuple[str, Value | Module]]:
        for name, held in vars(self).items():
            if not name.startswith("_"):
                yield from _walk(name, held)

    # What is done with parameters.

    def zero_grad(self) -> None:
        """Set every parameter's gradient to 0."""
        zero_grad(self.parameters())

    def state_dict(self) -> dict[str, float]:
        """Every parameter's number by its path."""
        return {name: parameter.data for name, parameter in self.named_parameters()}

    def load_state_dict(self, state: Mapping[str, float]) -> None:
        """Set every parameter from what `state_dict` gave, all or none.

        Raises ValueError where names are missing or unknown, or a number is not finite; nothing changes then.
        """
        assign(self.parameters(), self.checked_state(state))

    def checked_state(self, state: Mapping[str, float]) -> list[float]:
        """The numbers of a `state_dict`, in the order of `parameters`. Raises as `load_state_dict`."""
        parameters = dict(self.named_parameters())
        missing, unknown = parameters.keys() - state.keys(), state.keys() - parameters.keys()
        for problem, names in (("lacks", missing), ("has unknown", unknown)):
            if names:
                some = ", ".join(sorted(names)[:3])
                raise ValueError(
                    f"the state {problem} {len(names)} of the {len(parameters)} parameters of {self!r} ({some}, …): "
                    f"it belongs to a model of another shape"
                )
        return [number(name, state[name], at_least=MINUS_INFINITY) for name in parameters]

    def summary(self) -> str:
        """The layers with their shapes and parameter counts, as a text table."""
        layers = [(path, module) for path, module in self.named_modules() if module.is_layer] or [("", self)]
        rows = [(path, repr(module), len(module.parameters())) for path, module in layers]
        width, path_width = max(len(shape) for _, shape, _ in rows), max(len(path) for path, _, _ in rows)
        lines = [f"{path:{path_width}}  {shape:{width}}  {count:>6} parameters" for path, shape, count in rows]
        total = len(self.parameters())
        return "\n".join([repr(self), *lines, f"{'total':{path_width + 2 + width}}  {total:>6} parameters"])

    is_layer: bool = False  # whether summary() and gradient_norms() give this module a line of its own


def _walk(name: str, held: Any) -> Iterator[tuple[str, Value | Module]]:
    if isinstance(held, Value | Module):
        yield name, held
    elif isinstance(held, list | tuple):
        for i, entry in enumerate(held):
            yield from _walk(f"{name}.{i}", entry)
    elif isinstance(held, dict):
        for key, entry in held.items():
            yield from _walk(f"{name}.{key}", entry)


def assign(parameters: Sequence[Value], data: Sequence[float]) -> None:
    """Give the parameters new numbers, all or none: an error or an interrupt in between puts the old ones back."""
    before = [parameter.data for parameter in parameters]
    try:
        for parameter, new in zip(parameters, data, strict=True):
            parameter.data = new
    except BaseException:
        for parameter, old in zip(parameters, before, strict=True):
            parameter.data = old
        raise
