"""A `Product`, and its gradients, as calls of NumPy's matmul: where it is one, and which."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]


def as_matmul(how: str, a: Array, b: Array, out: Array, buffer: Callable[[tuple[int, ...]], Array]) -> list[Any] | None:
    """One of the sums of a product as matrix products, where one of the two does not vary, or there is one example."""
    n = max(a.shape[-1], b.shape[-1])
    call = functools.partial
    if how == "kmn,lmn->lkn":
        left, right = a, b
        if n == 1:
            return [call(np.matmul, right[..., 0], left[..., 0].T, out[..., 0])]
        if left.shape[-1] == 1:
            if right.shape[0] == 1:
                return [call(np.matmul, left[..., 0], right[0], out[0])]
            return [call(np.matmul, left[..., 0], right, out)]
    elif how == "lkn,kmn->lmn":
        grad, left = a, b
        if left.shape[0] == 1:  # no sum: of one dot
            return [call(np.multiply, grad, left, out)]
        if n == 1:
            return [call(np.matmul, grad[..., 0], left[..., 0], out[..., 0])]
        if left.shape[-1] == 1:
            if grad.shape[0] == 1:
                return [call(np.matmul, left[..., 0].T, grad[0], out[0])]
            return [call(np.matmul, left[..., 0].T, grad, out)]
    elif how == "lkn,lmn->kmn" and n == 1:
        return [call(np.matmul, a[..., 0].T, b[..., 0], out[..., 0])]
    elif how == "lkn,lmn->km" and a.shape[-1] == b.shape[-1]:
        if a.shape[0] == 1:
            return [call(np.matmul, a[0], b[0].T, out)]
        each = buffer((a.shape[0], *out.shape))
        return [call(np.matmul, a, b.swapaxes(1, 2), each), call(np.add.reduce, each, 0, None, out)]
    return None
