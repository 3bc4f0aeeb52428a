"""Module: what a neuron, a layer and a whole network have in common.

A module finds its own parameters: the Values in its public attributes, in lists, tuples, dicts and arrays there, and in
the modules there. Attributes with a leading underscore are its private notes. A new kind of layer is one class: it
computes (`forward`), and says what it was made with (`config`), from which checkpoints build it again. Layers are in
`layers` and `blocks`.
"""

# ruff: noqa: N803 (X is the field's name)
from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Self

from autodiff import Value, engine, no_grad, zero_grad
from nn import freezing, vectors
from nn.checks import finite, kind
from nn.data import Target, as_inputs, as_rows
from nn.meaning import Class, Meaning, as_meaning
from nn.tracing import as_targets_of, outputs_of


class Module:
    """The base of everything with parameters. A subclass writes ``forward(inputs) -> outputs``, list to list.

    Attributes
    ----------
    inputs, outputs : how many numbers one example has, before and after; None where that does not matter
    training : whether dropout is on; set by `train` and `eval`
    frozen : whether `freeze` was called last, or `unfreeze`
    trained_with, meaning : the name of the loss that `fit` trained it with, and what its outputs mean, which the loss
        says (`Meaning`); None before

    What a subclass may say besides:

    bias_names : the attributes that hold biases, which penalties leave alone
    is_layer : True for what `summary` shows on one line, whatever modules it is made of
    makes_probabilities : True where the outputs are probabilities already, so that a loss of logits is refused
    rng : the random.Random that it draws from, which checkpoints save and restore
    draw : a method, count → list of numbers, by which `forward` takes what it draws from ``rng``: so it can be compiled

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
    frozen: bool = False
    trained_with: str | None = None
    meaning: Meaning | None = None
    bias_names: ClassVar[tuple[str, ...]] = ("bias", "biases")
    is_layer: ClassVar[bool] = False
    makes_probabilities: bool = False

    def forward(self, inputs: list[Any]) -> list[Any]:
        raise NotImplementedError(f"{type(self).__name__} must define forward(inputs) -> list of outputs")

    def config(self) -> dict[str, Any]:
        """The arguments that make a module of this shape again (modules among them), for a checkpoint.

        A class that does not define it is saved with its parameters and without its shape.
        """
        raise NotImplementedError(f"{type(self).__name__} does not say what it is made with")

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Module:
        """A module of the shape that `config` gave; its parameters are assigned afterwards."""
        return cls(**config)

    @classmethod
    def parameter_count(cls, config: dict[str, Any]) -> int:  # noqa: ARG003 - ours say
        """How many parameters `from_config` makes at least, so that a file which holds fewer is refused before."""
        return 0

    def __call__(self, x: Any) -> Any:
        """The outputs for one example: a Value, or a list of Values where there are several.

        ``x``: a list, tuple, NumPy array or pandas row of numbers and Values; a number for one input.
        Raises ValueError for a wrong number of inputs, nan and ±inf, TypeError for what is no example.
        """
        outputs = self.outputs_for(as_inputs(x, type(self).__name__, self.inputs))
        return outputs[0] if len(outputs) == 1 else outputs

    def outputs_for(self, inputs: list[Any]) -> list[Any]:
        """`forward`, for an example that was checked; TypeError where it gives no list."""
        outputs = self.forward(inputs)
        if not isinstance(outputs, list) or not outputs:
            raise TypeError(f"{type(self).__name__}.forward must return a list of outputs, not {kind(outputs)}")
        return outputs

    def predict(self, X: Any, *, compiled: bool | None = None) -> list[Target]:
        """The outputs for every row of X: floats, or lists of floats. Dropout is off, no graph is built.

        ``compiled`` : as for `fit`; None compiles for more than 20 rows, and keeps what it compiled. Last digits may
        differ from those of scalars, which False takes.

        Raises ValueError for a row of the wrong width, nan or ±inf, TypeError for what is no number, CompileError where
        ``compiled`` is True and it cannot be.
        """
        rows = as_rows(X, "X", self.inputs)
        with self.mode(training=False), no_grad():
            outputs = outputs_of(self, rows, compiled)
            if outputs is not None:
                return as_targets_of(outputs)
            return [_as_target([float(y) for y in self.outputs_for(row)]) for row in rows]

    def predict_proba(
        self, X: Any, meaning: Meaning | str | None = None, *, compiled: bool | None = None
    ) -> list[Target]:
        """For every row of X the probability of label 1 (of each label), or of each class.

        ``meaning`` : what the outputs mean, where `fit` has not said it; ``compiled`` : as for `predict`. Raises
        ValueError where nobody has, or where they have no probabilities, and what `predict` raises.

        >>> from nn import MLP
        >>> MLP(1, [1], init="zeros").predict_proba([[2.0]], "logit")
        [0.5]
        """
        means = self._meant("predict_proba", meaning)
        return [means.probability_of(output) for output in self.predict(X, compiled=compiled)]

    def predict_class(
        self, X: Any, meaning: Meaning | str | None = None, *, compiled: bool | None = None
    ) -> list[Class]:
        """For every row of X its class: a label 0 or 1 (−1 or 1 of margins), a list of labels, or a class index.

        Parameters and errors as for `predict_proba`.

        >>> from nn import MLP, Meaning
        >>> MLP(1, [3], init="zeros").predict_class([[2.0]], Meaning("logit", exclusive=True))
        [0]
        """
        means = self._meant("predict_class", meaning)
        return [means.class_of(output) for output in self.predict(X, compiled=compiled)]

    def _meant(self, wanted: str, given: Meaning | str | None) -> Meaning:
        if given is None and self.meaning is None:
            raise ValueError(
                f"{wanted} needs to know what the outputs mean, and {self!r} was not trained with a loss that says it: "
                f"write {wanted}(X, 'logit') or give a Meaning"
            )
        return as_meaning(self.meaning if given is None else given)

    # Modes.

    @contextlib.contextmanager
    def mode(self, training: bool) -> Iterator[None]:
        """Dropout on or off meanwhile; in every module as it was afterwards."""
        before = [(module, module.training) for _, module in self.named_modules()]
        try:
            for module, _ in before:
                module.training = training
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

    def freeze(self) -> Self:
        """The parameters here and below stand still: optimizers, clipping and penalties leave them out.

        A parameter that a module outside holds as well stands still there too. Adam's t counts the steps meanwhile.

        >>> from nn import MLP, SGD
        >>> model = MLP(1, [2, 1], rng=0)
        >>> _ = model.layers[0].freeze()
        >>> len(model.parameters()), len(model.moving_parameters())
        (7, 3)
        """
        return self._set_frozen(True)

    def unfreeze(self) -> Self:
        """They move again."""
        return self._set_frozen(False)

    def _set_frozen(self, frozen: bool) -> Self:
        (freezing.freeze if frozen else freezing.unfreeze)(self.parameters())
        for _, module in self.named_modules():
            module.frozen = frozen
        return self

    def freeze_own(self) -> None:
        """`freeze` for the parameters that it holds itself, not for those of the modules below."""
        self.frozen = True
        freezing.freeze(value for _, value in self.own_parameters())

    def __getstate__(self) -> dict[str, Any]:  # a copy or a pickle goes without what was compiled
        return {name: held for name, held in vars(self).items() if name != "_compiled"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        if self.frozen:  # a copy's parameters stand still where the original's do
            self.freeze_own()

    # What a module holds.

    def named_modules(self, prefix: str = "") -> Iterator[tuple[str, Module]]:
        """This module ("") and every module below, each once, with its path: "layers.0.neurons.3"."""
        yield from self._modules(prefix, set())

    def _modules(self, path: str, seen: set[int]) -> Iterator[tuple[str, Module]]:
        if id(self) in seen:  # shared, or referred to from below
            return
        seen.add(id(self))
        yield path, self
        for name, module in self.own_modules():
            yield from module._modules(joined(path, name), seen)

    def own_modules(self) -> Iterator[tuple[str, Module]]:
        """The modules that this one holds itself, by name, as often as it holds them."""
        return ((name, held) for name, held in self._held(values=False) if isinstance(held, Module))

    def own_parameters(self) -> Iterator[tuple[str, Value]]:
        """The Values that this module holds itself, by name, as often as it holds them."""
        return ((name, held) for name, held in self._held() if isinstance(held, Value))

    def places(self) -> Iterator[tuple[str, Value]]:
        """Every place of a parameter with its path; a parameter that is tied has several."""
        for path, module in self.named_modules():
            for name, value in module.own_parameters():
                yield joined(path, name), value

    def named_parameters(self) -> Iterator[tuple[str, Value]]:
        """Every parameter once, with its (first) path: "layers.0.neurons.3.weights.1"."""
        seen: set[int] = set()
        for path, value in self.places():
            if id(value) not in seen:
                seen.add(id(value))
                yield path, value

    def parameters(self) -> list[Value]:
        """Every parameter once, those that are frozen too."""
        return [parameter for _, parameter in self.named_parameters()]

    def moving_parameters(self) -> list[Value]:
        """Every parameter once that is not frozen."""
        return freezing.moving(self.parameters())

    def weight_parameters(self) -> list[Value]:
        """The parameters that are neither biases (``bias_names`` of the module that holds them) nor frozen."""
        biases = {
            id(value)
            for _, module in self.named_modules()
            for name, value in module.own_parameters()
            if name.partition(".")[0] in module.bias_names
        }
        return [parameter for parameter in self.moving_parameters() if id(parameter) not in biases]

    def _held(self, values: bool = True) -> Iterator[tuple[str, Value | Module]]:
        for name, held in vars(self).items():
            if not name.startswith("_"):
                yield from walk(name, held, values)

    def parts(self) -> list[tuple[str, Module, list[Value]]]:
        """What summaries and pictures give a line of its own: (path, module, its parameters). No parameter is left out.

        Layers, and every other module that holds parameters itself or no modules; each parameter stands in one part.
        """
        found: list[tuple[str, Module, list[Value]]] = []
        counted: set[int] = set()
        inside: set[int] = set()  # modules that a layer is made of
        for path, module in self.named_modules():
            if id(module) in inside:
                continue
            whole = module.is_layer or next(module.own_modules(), None) is None
            if whole:
                inside.update(id(below) for _, below in module.named_modules())
            parameters = module.parameters() if whole else [value for _, value in module.own_parameters()]
            if whole or parameters:
                found.append((path, module, [p for p in dict.fromkeys(parameters) if id(p) not in counted]))
                counted.update(map(id, parameters))
        return found

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
        if not isinstance(state, Mapping):
            raise TypeError(f"a state is numbers by name, as state_dict() gives it, not {kind(state)}")
        names = [name for name, _ in self.named_parameters()]
        for found, problem in (
            (set(names) - state.keys(), f"lacks {{}} of the {len(names)} parameters of {self!r}"),
            (state.keys() - set(names), f"has {{}} numbers for which {self!r} has no parameter"),
        ):
            if found:
                some = ", ".join(sorted(found)[:3]) + (", …" if len(found) > 3 else "")
                raise ValueError(f"the state {problem.format(len(found))} ({some}): it is of another shape")
        return [finite(name, state[name]) for name in names]

    @contextlib.contextmanager
    def exchanged(self, new: Mapping[int, Value]) -> Iterator[None]:
        """Other Values in the places of parameters (by their ids) meanwhile; as it was afterwards."""
        before = self.exchange(new)
        try:
            yield
        finally:
            for module, name, held in before:
                vars(module)[name] = held

    def exchange(self, new: Mapping[int, Value]) -> list[tuple[Module, str, Any]]:
        """Put other Values in the places of parameters (by their ids); which attributes held what before."""
        before: list[tuple[Module, str, Any]] = []
        for module in [module for _, module in self.named_modules()]:
            for name, held in vars(module).items():  # no name comes or goes
                found = held if name.startswith("_") else _with_others(held, new)
                if found is not held:
                    before.append((module, name, held))
                    vars(module)[name] = found
        return before

    def hidden(self, values: Collection[Value]) -> str | None:
        """The private attribute that holds one of these Values, which makes it no parameter; None where none does."""
        wanted = set(map(id, values))
        for _, module in self.named_modules():
            for name, held in vars(module).items():
                if name.startswith("_"):
                    found = [p for _, x in walk(name, held) for p in ([x] if isinstance(x, Value) else x.parameters())]
                    if not wanted.isdisjoint(map(id, found)):
                        return f"{type(module).__name__}.{name}"
        return None

    def summary(self) -> str:
        """The layers with their shapes and parameter counts, as a text table."""
        rows: list[tuple[str, str, str]] = []
        for path, module, parameters in self.parts():
            still = freezing.frozen_places(parameters)
            frozen = f", {'' if len(still) == len(parameters) else f'{len(still)} '}frozen" if still else ""
            rows.append((path, repr(module), f"{len(parameters):>6} parameters{frozen}"))
        width, path_width = max(len(shape) for _, shape, _ in rows), max(len(path) for path, _, _ in rows)
        path_width = max(path_width, len("total"))
        lines = [f"{path:{path_width}}  {shape:{width}}  {count}" for path, shape, count in rows]
        total = f"{len(self.parameters()):>6} parameters"
        return "\n".join([repr(self), *lines, f"{'total':{path_width + 2 + width}}  {total}"])

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


def joined(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def walk(name: str, held: Any, values: bool = True) -> Iterator[tuple[str, Value | Module]]:
    """The Values and modules in ``held``, with their paths; TypeError for a set of them, which has no order.

    ``values`` : False passes over lists of nothing but Values, which are long
    """
    if isinstance(held, Value | Module):
        yield name, held
    elif isinstance(held, list | tuple):
        if values or any(kind is not Value for kind in set(map(type, held))):
            for i, entry in enumerate(held):
                yield from walk(f"{name}.{i}", entry, values)
    elif isinstance(held, dict):
        for key, entry in held.items():
            yield from walk(f"{name}.{key}", entry, values)
    elif isinstance(held, set | frozenset):
        if any(isinstance(entry, Value | Module) for entry in held):
            raise TypeError(f"the attribute {name!r} is a set, which has no order: keep its parameters in a list")
    elif _is_object_array(held):
        yield from walk(name, held.tolist(), values)


def _is_object_array(held: Any) -> bool:
    return getattr(getattr(held, "dtype", None), "kind", "") == "O" and hasattr(held, "tolist")


def _with_others(held: Any, new: Mapping[int, Value]) -> Any:
    """``held`` with other Values; itself where it holds none of them."""
    if isinstance(held, Value):
        return new.get(id(held), held)
    if isinstance(held, dict):
        entries = {key: _with_others(entry, new) for key, entry in held.items()}
        return entries if any(entries[key] is not held[key] for key in held) else held
    if isinstance(held, list | tuple):
        found = [_with_others(entry, new) for entry in held]
        if all(a is b for a, b in zip(found, held, strict=True)):
            return held
        if isinstance(held, list):
            return found
        return type(held)(*found) if hasattr(held, "_fields") else tuple(found)
    if _is_object_array(held):
        array = held.copy()
        for i, entry in enumerate(held.flat):
            array.flat[i] = _with_others(entry, new)
        return array
    return held


def _as_target(outputs: list[float]) -> Target:
    return outputs[0] if len(outputs) == 1 else outputs


def require_module(name: str, given: Any) -> Module:
    """TypeError for what is no Module."""
    if not isinstance(given, Module):
        raise TypeError(f"{name} must be a Module, not {kind(given)}")
    return given


def assign(parameters: Sequence[Value], data: Sequence[float]) -> None:
    """Give the parameters new numbers, all or none: an error or an interrupt in between puts the old ones back."""
    numbers, before = vectors.buffer(data), vectors.buffer(vectors.read(engine.get_data, parameters))
    try:
        engine.set_data(parameters, numbers)
    except BaseException:
        engine.set_data(parameters, before)
        raise
