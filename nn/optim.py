"""Optimizers: from gradients to new parameters, step by step equal to PyTorch's; and gradient clipping.

A subclass writes one pure function, `Optimizer.update`: numbers in, numbers out. `Optimizer.step` applies it all
or nothing, so that an error or an interrupt never leaves half a step behind. Those here are formulas on `vectors`; one
of your own is given lists. Rates over time are in `schedules`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from autodiff import Value, engine, zero_grad
from nn import freezing, vectors
from nn.checks import finite, integer, kind, nonnegative, shown
from nn.module import Module, assign

State = dict[str, Any]
F = TypeVar("F", bound=Callable[..., Any])


def _on_vectors(update: F) -> F:
    """An update that is a formula of vectors, arrays as well as lists."""
    update.on_vectors = True  # type: ignore[attr-defined]
    return update


class Optimizer:
    """The base of all: the parameters it moves, the learning rate ``lr``, and what it remembers.

    Attributes
    ----------
    parameters : the Values it moves, in order
    lr : the learning rate; may be assigned between steps
    steps : how many steps were taken
    state : lists of numbers by name, one number for each parameter

    Raises TypeError for what is no Value, ValueError for no parameters, the same one twice, or a negative rate.
    """

    # The settings that a checkpoint holds beside lr.
    settings: tuple[str, ...] = ("weight_decay",)

    def __init__(self, parameters: Iterable[Value], lr: float, weight_decay: float = 0.0) -> None:
        name = type(self).__name__
        if isinstance(parameters, Module) or not isinstance(parameters, Iterable):
            raise TypeError(f"{name} takes parameters, not {kind(parameters)}: write {name}(model.parameters(), …)")
        self.parameters = list(parameters)
        for i, parameter in enumerate(self.parameters):
            if not isinstance(parameter, Value):
                raise TypeError(f"parameter {i} must be a Value, not {kind(parameter)}")
        if not self.parameters:
            raise ValueError("the optimizer has no parameters: pass model.parameters()")
        if len(set(map(id, self.parameters))) < len(self.parameters):
            raise ValueError("the optimizer was given the same parameter twice")
        self.lr = lr
        self.weight_decay = nonnegative("weight_decay", weight_decay)
        self.steps = 0
        self._state: State = {}

    @property
    def state(self) -> dict[str, list[float]]:
        return {name: vectors.as_list(numbers) for name, numbers in self._state.items()}

    @property
    def lr(self) -> float:
        return self._lr

    @lr.setter
    def lr(self, lr: float) -> None:
        self._lr = nonnegative("the learning rate", lr)

    def update(self, data: list[float], grads: list[float]) -> tuple[list[float], State]:
        """The new parameters and the new state. It changes nothing itself; ``steps`` counts the steps before."""
        raise NotImplementedError(f"{type(self).__name__} must define update(data, grads) -> (new data, new state)")

    def step(self) -> None:
        """Move the parameters along their gradients, all or none; frozen ones (`Module.freeze`) stand still.

        Raises OverflowError, with everything as it was, where a number would not be finite.
        """
        on_arrays = getattr(self.update, "on_vectors", False)
        data = vectors.read(engine.get_data, self.parameters, on_arrays)
        grads = vectors.read(engine.get_grad, self.parameters, on_arrays)
        self._state = {name: vectors.alike(numbers, data) for name, numbers in self._state.items()}
        state, steps = self._state, self.steps
        try:
            with vectors.quietly():
                new, new_state = self.update(data, grads)
        except (OverflowError, ZeroDivisionError) as error:
            raise self._overflow() from error
        places = freezing.frozen_places(self.parameters)
        if places:
            vectors.put(new, places, data)
            for name, memory in new_state.items():
                vectors.put(memory, places, state.get(name))
        if not vectors.is_finite(new) or not all(map(vectors.is_finite, new_state.values())):
            raise self._overflow()
        try:
            assign(self.parameters, new)
            self._state, self.steps = new_state, steps + 1
        except BaseException:  # an interrupt too
            self._state, self.steps = state, steps
            assign(self.parameters, data)
            raise

    def _overflow(self) -> OverflowError:
        return OverflowError(f"the step of {self!r} overflows: lower the learning rate, or clip the gradients")

    def zero_grad(self) -> None:
        """Set every parameter's gradient to 0."""
        zero_grad(self.parameters)

    def state_dict(self) -> dict[str, Any]:
        """All it needs to go on: numbers and lists of numbers."""
        return {
            "type": type(self).__name__,
            "lr": self.lr,
            "steps": self.steps,
            "settings": {name: getattr(self, name) for name in self.settings},
            "state": self.state,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over what `state_dict` gave, its settings included.

        Raises ValueError for the state of another optimizer, or of another number of parameters; nothing changes then.
        """
        if state["type"] != type(self).__name__ or state["settings"].keys() != set(self.settings):
            raise ValueError(f"the state is that of {state['type']}, and the optimizer is {type(self).__name__}")
        for name, xs in state["state"].items():
            if len(xs) != len(self.parameters):
                raise ValueError(f"{name} of the state has {len(xs)} numbers for {len(self.parameters)} parameters")
        loaded = {name: [finite(name, x) for x in xs] for name, xs in state["state"].items()}
        steps = integer("steps of the state", state["steps"], at_least=0)
        self.lr = state["lr"]
        for name, setting in state["settings"].items():
            setattr(self, name, tuple(setting) if isinstance(setting, list) else setting)
        self.steps, self._state = steps, loaded

    def _decayed(self, data: Any, grads: Any) -> Any:
        """The gradients with weight_decay·θ added (biases too, as in PyTorch; `penalties` leave biases alone)."""
        return grads + self.weight_decay * data if self.weight_decay else grads

    def _memory(self, name: str, data: Any) -> Any:
        """What it remembers under that name, 0 for each parameter at first."""
        return self._state[name] if name in self._state else data - data

    def __repr__(self) -> str:
        settings = "".join(f", {name}={getattr(self, name)}" for name in self.settings if getattr(self, name))
        return f"{type(self).__name__}(lr={self.lr}{settings})"


class SGD(Optimizer):
    """Gradient descent θ ← θ − lr·∇, with momentum and Nesterov's look-ahead.

    Momentum in PyTorch's notation, which this is: v ← momentum·v + ∇, θ ← θ − lr·v. The lectures (and Keras)
    write v ← αv − ε∇, θ ← θ + v; with a constant rate ε = lr and α = momentum the steps are the same (their v is
    −lr times this one). When the rate changes they differ: here a new rate acts on the whole velocity at once,
    there only on new gradients. Nesterov: θ ← θ − lr·(∇ + momentum·v) with the new v.

    Raises ValueError for a negative rate or decay, momentum outside [0, 1), nesterov without momentum.

    >>> from autodiff import Value
    >>> theta = Value(1.0)
    >>> optimizer = SGD([theta], lr=0.1, momentum=0.9)
    >>> for _ in range(2):
    ...     theta.grad = 1.0
    ...     optimizer.step()
    >>> theta.data
    0.71
    """

    settings = ("momentum", "nesterov", "weight_decay")

    def __init__(
        self,
        parameters: Iterable[Value],
        lr: float = 0.01,
        momentum: float = 0.0,
        nesterov: bool = False,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(parameters, lr, weight_decay)
        self.momentum = nonnegative("momentum", momentum, below=1.0)
        if nesterov and not momentum:
            raise ValueError("nesterov=True looks ahead along the momentum: give momentum > 0")
        self.nesterov = bool(nesterov)

    @_on_vectors
    def update(self, data: Any, grads: Any) -> tuple[Any, State]:
        grads, momentum = self._decayed(data, grads), self.momentum
        if not momentum:
            return data - self.lr * grads, {}
        velocity = momentum * self._memory("velocity", data) + grads
        ahead = grads + momentum * velocity if self.nesterov else velocity
        return data - self.lr * ahead, {"velocity": velocity}


class RMSProp(Optimizer):
    """s ← alpha·s + (1 − alpha)·∇², θ ← θ − lr·∇ / (√s + eps) (Tieleman and Hinton, 2012).

    Raises ValueError for a negative rate, decay or eps, alpha outside [0, 1).
    """

    settings = ("alpha", "eps", "weight_decay")

    def __init__(
        self,
        parameters: Iterable[Value],
        lr: float = 0.01,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(parameters, lr, weight_decay)
        self.alpha = nonnegative("alpha", alpha, below=1.0)
        self.eps = nonnegative("eps", eps)

    @_on_vectors
    def update(self, data: Any, grads: Any) -> tuple[Any, State]:
        grads, alpha = self._decayed(data, grads), self.alpha
        squares = alpha * self._memory("squares", data) + (1.0 - alpha) * grads * grads
        return _scaled(data, grads, squares, self.lr, self.eps), {"squares": squares}


class AdaGrad(Optimizer):
    """s ← s + ∇², θ ← θ − lr·∇ / (√s + eps) (Duchi et al., 2011).

    Raises ValueError for a negative rate, decay or eps.
    """

    settings = ("eps", "weight_decay")

    def __init__(
        self, parameters: Iterable[Value], lr: float = 0.01, eps: float = 1e-10, weight_decay: float = 0.0
    ) -> None:
        super().__init__(parameters, lr, weight_decay)
        self.eps = nonnegative("eps", eps)

    @_on_vectors
    def update(self, data: Any, grads: Any) -> tuple[Any, State]:
        grads = self._decayed(data, grads)
        squares = self._memory("squares", data) + grads * grads
        return _scaled(data, grads, squares, self.lr, self.eps), {"squares": squares}


class Adam(Optimizer):
    """m ← β₁m + (1 − β₁)∇, s ← β₂s + (1 − β₂)∇², θ ← θ − lr·m̂ / (√ŝ + eps) (Kingma and Ba, 2014).

    m̂ = m / (1 − β₁ᵗ) and ŝ = s / (1 − β₂ᵗ) at step t. Raises ValueError for a negative rate, decay or eps, or
    a beta outside [0, 1).
    """

    settings = ("betas", "eps", "weight_decay")

    def __init__(
        self,
        parameters: Iterable[Value],
        lr: float = 0.001,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(parameters, lr, weight_decay)
        if not isinstance(betas, Sequence) or len(betas) != 2:
            raise ValueError(f"betas must be two numbers, as in (0.9, 0.999), not {shown(betas)}")
        self.betas = (nonnegative("beta 1", betas[0], below=1.0), nonnegative("beta 2", betas[1], below=1.0))
        self.eps = nonnegative("eps", eps)

    @_on_vectors
    def update(self, data: Any, grads: Any) -> tuple[Any, State]:
        return self._adam(data, self._decayed(data, grads))

    def _adam(self, data: Any, grads: Any) -> tuple[Any, State]:
        (beta1, beta2), t = self.betas, self.steps + 1
        means = beta1 * self._memory("means", data) + (1.0 - beta1) * grads
        squares = beta2 * self._memory("squares", data) + (1.0 - beta2) * grads * grads
        unbiased = squares / (1.0 - beta2**t)
        new = _scaled(data, means, unbiased, self.lr / (1.0 - beta1**t), self.eps)
        return new, {"means": means, "squares": squares}


class AdamW(Adam):
    """Adam with the decay apart from the gradient: first θ ← θ − lr·weight_decay·θ (Loshchilov and Hutter, 2017)."""

    def __init__(
        self,
        parameters: Iterable[Value],
        lr: float = 0.001,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.01,
    ) -> None:
        super().__init__(parameters, lr, betas, eps, weight_decay)

    @_on_vectors
    def update(self, data: Any, grads: Any) -> tuple[Any, State]:
        return self._adam(data * (1.0 - self.lr * self.weight_decay), grads)


def _scaled(data: Any, steps: Any, squares: Any, lr: float, eps: float) -> Any:
    """θ − lr·step / (√s + eps). A step of 0 moves nothing, even where eps=0 would make it 0/0."""
    return data - vectors.quotient(lr * steps, vectors.sqrt(squares) + eps)


def clip_grad_norm(parameters: Sequence[Value], max_norm: float) -> float:
    """Scale all gradients together so that their norm is at most ``max_norm``; gives the norm before.

    Frozen parameters do not count. The factor is max_norm / (norm + 1e-6) where that is below 1, as in PyTorch.

    >>> from autodiff import Value
    >>> x = Value(1.0)
    >>> x.grad = 10.0
    >>> clip_grad_norm([x], 1.0), round(x.grad, 6)
    (10.0, 1.0)
    """
    parameters = freezing.moving(parameters)
    grads = vectors.read(engine.get_grad, parameters)
    norm = math.hypot(*vectors.as_list(grads))
    factor = nonnegative("max_norm", max_norm) / (norm + 1e-6)
    if factor < 1.0:
        engine.set_grad(parameters, vectors.buffer(factor * grads))
    return norm


def clip_grad_value(parameters: Sequence[Value], limit: float) -> None:
    """Move each gradient into [−limit, limit]."""
    grads = vectors.read(engine.get_grad, parameters)
    engine.set_grad(parameters, vectors.buffer(vectors.clipped(grads, nonnegative("limit", limit))))
