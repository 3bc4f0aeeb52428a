"""Arguments with structure: nested lists, tuples, dicts and NumPy arrays of numbers, taken apart and put back."""

# What isinstance makes of Any (a list of what?) is partially unknown; the elements are checked one by one.
# pyright: reportUnknownArgumentType=false, reportUnknownVariableType=false, reportUnknownLambdaType=false

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from autodiff.engine import Value
from autodiff.floats import as_number

Rebuild = Callable[[list[Any]], Any]


def flatten(tree: Any, where: str) -> tuple[list[Any], Rebuild]:
    """The numbers and Values in ``tree`` in order, and the function that puts new ones in their places.

    ``where`` names the argument in the TypeError for anything that is not a number, a Value, or a list,
    tuple, dict or NumPy array of such.
    """
    if isinstance(tree, Value):
        return [tree], lambda flat: flat[0]
    if isinstance(tree, list | tuple):
        rebuild_sequence: Rebuild = (
            (lambda parts: type(tree)(*parts)) if hasattr(tree, "_fields") else (lambda parts: type(tree)(parts))
        )
        return _flatten_all([(f"{where}[{i}]", part) for i, part in enumerate(tree)], rebuild_sequence)
    if isinstance(tree, dict):
        keys = list(tree)
        return _flatten_all(
            [(f"{where}[{k!r}]", tree[k]) for k in keys], lambda parts: dict(zip(keys, parts, strict=True))
        )
    if getattr(tree, "ndim", 0):
        items = enumerate(tree.ravel())
        flat = [x if isinstance(x, Value) else as_number(x, f"{where}.flat[{i}]") for i, x in items]
        return flat, lambda flat: _array(flat, tree)
    return [as_number(tree, where)], lambda flat: flat[0]


def _flatten_all(parts: list[tuple[str, Any]], rebuild_parts: Callable[[list[Any]], Any]) -> tuple[list[Any], Rebuild]:
    flattened = [flatten(part, where) for where, part in parts]
    flat = [x for part, _ in flattened for x in part]

    def rebuild(new: list[Any]) -> Any:
        rebuilt: list[Any] = []
        start = 0
        for part, rebuild_part in flattened:
            rebuilt.append(rebuild_part(new[start : start + len(part)]))
            start += len(part)
        return rebuild_parts(rebuilt)

    return flat, rebuild


def _array(flat: list[Any], like: Any) -> Any:
    import numpy as np

    if flat and all(isinstance(x, np.ndarray) for x in flat):  # as in a jacobian: an array in each place
        return np.stack(flat).reshape(like.shape + flat[0].shape)
    array = np.empty(len(flat), dtype=float if all(isinstance(x, float) for x in flat) else object)
    for i, x in enumerate(flat):
        array[i] = x
    return array.reshape(like.shape)
