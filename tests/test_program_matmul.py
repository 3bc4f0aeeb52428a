"""Which sums of a layer, and of its gradients, are matrix products for BLAS; and that they are the sums."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from autodiff.program.matmul import as_matmul

K, M, L, N = 3, 4, 2, 5
FORWARD, TO_RIGHT, TO_LEFT, SUMMED = "kmn,lmn->lkn", "lkn,kmn->lmn", "lkn,lmn->kmn", "lkn,lmn->km"
MATRICES, STACKS = ("matmul", 2), ("matmul", 3)


def sizes(letters: str, n: int, k: int = K, m: int = M, l: int = L) -> tuple[int, ...]:  # noqa: E741
    return tuple({"k": k, "m": m, "l": l, "n": n}[letter] for letter in letters)


@pytest.mark.parametrize(
    ("how", "columns", "shape", "expected"),
    [
        (FORWARD, (1, 1), {}, [MATRICES]),
        (FORWARD, (1, 1), {"l": 1}, [MATRICES]),
        (FORWARD, (1, N), {}, [STACKS]),
        (FORWARD, (1, N), {"l": 1}, [MATRICES]),
        (FORWARD, (N, N), {}, None),
        (FORWARD, (N, 1), {"l": 1}, None),
        (TO_RIGHT, (1, 1), {}, [MATRICES]),
        (TO_RIGHT, (N, 1), {}, [STACKS]),
        (TO_RIGHT, (N, 1), {"l": 1}, [MATRICES]),
        (TO_RIGHT, (N, N), {}, None),
        (TO_RIGHT, (N, N), {"k": 1}, [("multiply", 3)]),
        (TO_RIGHT, (N, 1), {"k": 1}, [("multiply", 3)]),
        (TO_RIGHT, (1, 1), {"k": 1}, [("multiply", 3)]),
        (TO_LEFT, (1, 1), {}, [MATRICES]),
        (TO_LEFT, (N, N), {}, None),
        (SUMMED, (N, N), {"l": 1}, [MATRICES]),
        (SUMMED, (1, 1), {"l": 1}, [MATRICES]),
        (SUMMED, (N, N), {}, [STACKS, ("reduce", 2)]),
        (SUMMED, (N, 1), {"l": 1}, None),
        (SUMMED, (1, N), {}, None),
    ],
)
def test_the_sum_is_a_product_of(how: str, columns: tuple[int, int], shape: dict[str, int], expected: Any) -> None:
    sides, result = how.split("->")
    rng = np.random.default_rng(0)
    a, b = (rng.normal(size=sizes(side, n, **shape)) for side, n in zip(sides.split(","), columns, strict=True))
    out = np.full(sizes(result, max(columns), **shape), np.nan)
    calls = as_matmul(how, a, b, out, np.empty)
    if expected is None:
        assert calls is None
        return
    assert calls is not None
    assert [(call.func.__name__, call.args[-1].ndim) for call in calls] == expected
    for call in calls:
        call()
    wide = [np.broadcast_to(x, (*x.shape[:-1], max(columns))) for x in (a, b)]
    assert np.allclose(out, np.einsum(how, *wide), rtol=1e-13, atol=1e-13)
