"""What stands between layers of neurons: Dropout, Softmax, LayerNorm, Embedding, Standardize.

Each is one class, and its formula has no `if` on numbers that a graph computes.
"""

# ruff: noqa: N803 (X is the field's name)
from __future__ import annotations

import math
import random
from collections.abc import Sequence
from typing import Any, Self

from autodiff import Value, dot, mean, relu, softmax, sqrt
from nn.checks import as_random, finite, integer, listed, nonnegative, positive
from nn.data import as_rows, as_weights, plain
from nn.init import Initialiser, as_initialiser
from nn.module import Module


class Dropout(Module):
    """In training, each number is 0 with probability ``rate`` and otherwise divided by 1 − rate; else unchanged.

    So the expected output is the input, and nothing needs rescaling afterwards (inverted dropout; Srivastava
    et al., 2014). ``rng``: int seed or random.Random. Raises ValueError for a rate outside [0, 1).

    >>> dropout = Dropout(0.5, rng=1)
    >>> dropout([1.0, 2.0, 3.0]), dropout.eval()([1.0, 2.0, 3.0])
    ([0.0, 4.0, 6.0], [1.0, 2.0, 3.0])
    """

    def __init__(self, rate: float, *, rng: int | random.Random | None = None) -> None:
        self.rate = nonnegative("rate", rate, below=1.0)
        self.rng = as_random(rng, "dropout")

    def draw(self, count: int) -> list[float]:
        """What ``count`` inputs of one example are multiplied by: the next numbers of ``rng`` decide."""
        kept = 1.0 / (1.0 - self.rate)
        return [0.0 if self.rng.random() < self.rate else kept for _ in range(count)]

    def forward(self, inputs: Sequence[Any]) -> list[Any]:
        if not self.training or self.rate == 0.0:
            return list(inputs)
        return [x * factor for x, factor in zip(inputs, self.draw(len(inputs)), strict=True)]

    def config(self) -> dict[str, Any]:
        return {"rate": self.rate}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Dropout:
        return cls(**config, rng=0)  # its random state comes from the file

    def __repr__(self) -> str:
        return f"Dropout({self.rate})"


class Softmax(Module):
    """ŷᵢ = exp(zᵢ) / Σⱼ exp(zⱼ): probabilities of classes, for `negative_log_likelihood`.

    To train, leave it out and take `cross_entropy`, which is the same of the logits and keeps every digit.

    >>> Softmax()([0.0, 0.0])
    [0.5, 0.5]
    """

    makes_probabilities = True

    def forward(self, inputs: Sequence[Any]) -> list[Any]:
        return softmax(inputs)

    def config(self) -> dict[str, Any]:
        return {}


class LayerNorm(Module):
    """γᵢ(xᵢ − μ)/√(σ² + eps) + βᵢ, with the mean μ and variance σ² of the example's own numbers (Ba et al., 2016).

    Parameters
    ----------
    features : how many numbers come in, and go out
    eps : keeps the root above 0, as PyTorch's does
    bias : False leaves β out

    ``gain`` is γ, from 1; ``bias`` is β, from 0. Penalties leave both alone. Raises ValueError for a count below 2.

    >>> norm = LayerNorm(2, eps=1e-12)
    >>> [round(y.data, 6) for y in norm([1.0, 3.0])]
    [-1.0, 1.0]
    """

    bias_names = ("gain", "bias")

    def __init__(self, features: int, *, eps: float = 1e-5, bias: bool = True) -> None:
        self.inputs = self.outputs = integer("features", features, at_least=2)
        self.eps = positive("eps", eps)
        self.gain = [Value(1.0, f"γ[{i + 1}]") for i in range(self.inputs)]
        self.bias = [Value(0.0, f"β[{i + 1}]") for i in range(self.inputs)] if bias else None

    def forward(self, inputs: Sequence[Any]) -> list[Any]:
        middle = mean(inputs)
        distances = [x - middle for x in inputs]
        deviation = sqrt(dot(distances, distances) / len(distances) + self.eps)
        scaled = [gain * (d / deviation) for gain, d in zip(self.gain, distances, strict=True)]
        if self.bias is None:
            return scaled
        return [y + b for y, b in zip(scaled, self.bias, strict=True)]

    def matrices(self) -> dict[str, Any]:
        return {"weight": self.gain, **({"bias": self.bias} if self.bias is not None else {})}

    def config(self) -> dict[str, Any]:
        return {"features": self.inputs, "eps": self.eps, "bias": self.bias is not None}

    @classmethod
    def parameter_count(cls, config: dict[str, Any]) -> int:
        return integer("features", config.get("features"))

    def __repr__(self) -> str:
        return f"LayerNorm({self.inputs}{'' if self.bias is not None else ', no bias'})"


class Embedding(Module):
    """A vector of ``size`` learned numbers for each index 0 … count − 1; of several indices one vector after another.

    Parameters
    ----------
    count, size : how many vectors, and how many numbers each has
    places : how many indices one example has
    init, rng : as for `Neuron`, each vector drawn as the weights of a neuron are; by default normal with deviation 1

    An index that is part of a graph (a Value) picks by Σₖ max(0, 1 − |x − k|)·vectorₖ, which is the same at 0, 1, 2, …
    Raises ValueError for what is no index.

    >>> embedding = Embedding(3, 2, init="zeros")
    >>> embedding.vectors[1][0].data = 0.5
    >>> [y.data for y in embedding([1])]
    [0.5, 0.0]
    """

    def __init__(
        self,
        count: int,
        size: int,
        *,
        places: int = 1,
        init: str | Initialiser | None = None,
        rng: int | random.Random | None = None,
    ) -> None:
        self.count, self.size = integer("count", count), integer("size", size)
        self.inputs = integer("places", places)
        self.outputs = self.inputs * self.size
        draw = _standard_normal if init is None else as_initialiser("init", init)
        generator = None if rng is None else as_random(rng, "init")
        self.vectors = [
            [Value(draw(self.count, self.size, generator), f"E[{k},{j + 1}]") for j in range(self.size)]
            for k in range(self.count)
        ]

    def forward(self, inputs: Sequence[Any]) -> list[Any]:
        return [y for x in inputs for y in (self._picked(x) if isinstance(x, Value) else self._vector(x))]

    def _vector(self, x: float) -> list[Value]:
        if not 0 <= x < self.count or x != int(x):
            raise ValueError(f"{self!r} takes indices 0 … {self.count - 1}, not {x}")
        return self.vectors[int(x)]

    def _picked(self, x: Value) -> list[Any]:
        one_hot = self.one_hot(x)
        return [dot(one_hot, column) for column in zip(*self.vectors, strict=True)]

    def one_hot(self, x: Value) -> list[Any]:
        """1 at place x and 0 elsewhere, as part of the graph of x; where x is a number of X, compiled `fit` brings it.

        >>> [y.data for y in Embedding(3, 2, init="zeros").one_hot(Value(1.0))]
        [0.0, 1.0, 0.0]
        """
        return [relu(1.0 - abs(x - k)) for k in range(self.count)]

    def matrices(self) -> dict[str, Any]:
        return {"weight": self.vectors}

    def config(self) -> dict[str, Any]:
        return {"count": self.count, "size": self.size, "places": self.inputs}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Embedding:
        return cls(**config, init="zeros")

    @classmethod
    def parameter_count(cls, config: dict[str, Any]) -> int:
        return integer("count", config.get("count")) * integer("size", config.get("size"))

    def __repr__(self) -> str:
        return f"Embedding({self.count}, {self.size})"


def _standard_normal(_inputs: int, _outputs: int, rng: random.Random | None) -> float:
    return as_random(rng, "init").gauss(0.0, 1.0)


class _Affine(Module):
    """What `Standardize` and `Unstandardize` share: a mean and a scale for each feature, which are not learned."""

    def __init__(self, mean: Sequence[float], scale: Sequence[float]) -> None:
        self.mean = [finite(f"mean[{i}]", x) for i, x in enumerate(listed("mean", mean, "[0.0, 1.5]"))]
        self.scale = [positive(f"scale[{i}]", x) for i, x in enumerate(listed("scale", scale, "[1.0, 2.0]"))]
        if not self.mean or len(self.mean) != len(self.scale):
            raise ValueError(f"{len(self.mean)} means and {len(self.scale)} scales: give one of each for each feature")
        self.inputs = self.outputs = len(self.mean)

    def config(self) -> dict[str, Any]:
        return {"mean": self.mean, "scale": self.scale}

    def transform(self, X: Any) -> Any:
        """The rows of X mapped: a NumPy array of an array, else a list of rows (of numbers, where X is one column)."""
        given = list(X) if hasattr(X, "__iter__") and not hasattr(X, "__getitem__") else X  # a generator goes once
        rows = as_rows(given, "X", self.inputs)
        if not isinstance(rows.table, list):
            return self.mapped(rows.table, self.mean, self.scale).reshape(X.shape)
        mapped = [self.forward(row) for row in rows]
        return mapped if isinstance(plain(plain(given)[0]), list | tuple) else [row[0] for row in mapped]

    def forward(self, inputs: Sequence[Any]) -> list[Any]:
        return [self.mapped(x, m, s) for x, m, s in zip(inputs, self.mean, self.scale, strict=True)]

    @staticmethod
    def mapped(x: Any, mean: Any, scale: Any) -> Any:
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.inputs})"


class Standardize(_Affine):
    """(x − mean) / scale for each feature. As the first layer of a model it is saved with it, and never forgotten.

    Parameters
    ----------
    mean, scale : one number for each feature; `of` measures them

    For targets: train on ``standardize.transform(y)`` and end the model that is used with ``standardize.inverse()``.
    Raises ValueError for unequal numbers of them, or a scale that is not above 0.

    >>> standardize = Standardize.of([[1.0, 5.0], [3.0, 5.0]])
    >>> standardize.mean, standardize.scale
    ([2.0, 5.0], [1.0, 1.0])
    >>> standardize([4.0, 6.0]), standardize.inverse()([2.0, 1.0])
    ([2.0, 1.0], [4.0, 6.0])
    """

    @classmethod
    def of(cls, X: Any, sample_weight: Any = None) -> Self:
        """The mean and standard deviation of each column of X (of the N, not of N − 1); 1 for a column of equals.

        ``X``: the training examples, or their targets; ``sample_weight`` : what each row counts. Raises what `fit`
        raises for them.
        """
        rows = as_rows(X, "X")
        weights = as_weights(sample_weight, len(rows))
        kept = [(row, weight) for row, weight in zip(rows, weights, strict=True) if weight]
        total = math.fsum(weight for _, weight in kept)
        if not total:
            raise ValueError("every example has weight 0: nothing is left")
        means = [math.fsum(row[j] * weight for row, weight in kept) / total for j in range(rows.width)]
        scales: list[float] = []
        for j, middle in enumerate(means):
            same = len({row[j] for row, _ in kept}) == 1
            variance = math.fsum(weight * (row[j] - middle) ** 2 for row, weight in kept) / total
            scales.append(1.0 if same else math.sqrt(variance) or 1.0)
        return cls(means, scales)

    def inverse(self) -> Unstandardize:
        """The layer that takes it back: x·scale + mean."""
        return Unstandardize(self.mean, self.scale)

    @staticmethod
    def mapped(x: Any, mean: Any, scale: Any) -> Any:
        return (x - mean) / scale


class Unstandardize(_Affine):
    """x·scale + mean for each feature: the inverse of `Standardize`, for the end of a model of standardised targets."""

    @staticmethod
    def mapped(x: Any, mean: Any, scale: Any) -> Any:
        return x * scale + mean
