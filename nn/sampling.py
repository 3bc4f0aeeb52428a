"""Which examples go where: batches of an epoch, training and validation data, the folds of cross-validation.

All of it is drawn from the generator that is given. What is handed back is of the kind that was given: of arrays and
frames, arrays and frames; of lists, lists of floats.
"""

# ruff: noqa: N803 (X is the field's name)
from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from nn.checks import as_random, integer, nonnegative
from nn.data import Target, as_rows, as_targets, require_one_each

Parts = tuple[Any, Any, Any, Any]


def minibatches(
    count: int,
    batch_size: int | None = None,
    rng: int | random.Random | None = None,
    *,
    replacement: bool = False,
) -> Iterator[list[int]]:
    """The indices 0 … count−1 in batches of ``batch_size``, in a random order; the last batch may be shorter.

    With ``replacement`` each index is drawn uniformly at random from all of them, as often as there are examples: some
    come several times and some not at all. Without ``batch_size`` one batch of everything, in order (its gradient does
    not depend on the order). Raises ValueError for a count or a batch size below 1, a batch size above ``count``, or
    where randomness is needed without rng.

    >>> list(minibatches(5, 2, rng=0))
    [[2, 1], [0, 4], [3]]
    >>> list(minibatches(5, 2, rng=0, replacement=True))
    [[3, 3], [0, 2], [4]]
    """
    size = check_batch_size(batch_size, integer("count", count))
    order = list(range(count))
    if replacement:
        generator = as_random(rng, "drawing with replacement")
        order = [generator.randrange(count) for _ in order]
    elif size < count:
        as_random(rng, "shuffling into batches").shuffle(order)
    return (order[start : start + size] for start in range(0, count, size))


def check_batch_size(batch_size: int | None, count: int) -> int:
    """The batch size as an int, ``count`` for None."""
    if batch_size is None:
        return count
    size = integer("batch_size", batch_size)
    if size > count:
        raise ValueError(f"batch_size is {size}, and there are {count} examples: give at most {count}")
    return size


def split(X: Any, y: Any, fraction: float = 0.2, *, rng: int | random.Random, stratify: bool = False) -> Parts:
    """Training and validation data (X, y, Xv, yv), ``fraction`` of the examples being held out at random.

    With ``stratify`` every class (every value of y) has its share in both parts, as nearly as whole examples allow.
    Raises ValueError where one of the two would be empty, or a class has one example only.

    >>> X, y, Xv, yv = split([[1], [2], [3], [4]], [0, 0, 1, 1], 0.25, rng=0)
    >>> len(X), len(Xv)
    (3, 1)
    """
    take, targets = _checked(X, y)
    held_out = round(nonnegative("fraction", fraction, below=1.0) * len(targets))
    if not 0 < held_out < len(targets):
        count = len(targets)
        raise ValueError(f"fraction={fraction} of {count} examples holds out {held_out}: neither part may be empty")
    generator = as_random(rng, "split")
    groups = _classes(targets, 2) if stratify else [list(range(len(targets)))]
    for group in groups:
        generator.shuffle(group)
    held = [i for group, k in zip(groups, _shares(groups, held_out), strict=True) for i in group[:k]]
    return take(held)


def k_fold(X: Any, y: Any, folds: int = 5, *, rng: int | random.Random, stratify: bool = False) -> Iterator[Parts]:
    """For each of ``folds`` parts of the examples (X, y, Xv, yv), that part being held out: each example once.

    The parts differ by one example at the most; with ``stratify`` each class is dealt out evenly too. Raises
    ValueError for fewer than 2 folds, or more folds than examples (of the smallest class, with ``stratify``).

    >>> for X, y, Xv, yv in k_fold([1, 2, 3, 4], [0, 0, 1, 1], 2, rng=0, stratify=True):
    ...     print(yv)
    [0.0, 1.0]
    [0.0, 1.0]
    """
    take, targets = _checked(X, y)
    if integer("folds", folds, at_least=2) > len(targets):
        raise ValueError(f"folds is {folds}, and there are {len(targets)} examples: give at most {len(targets)}")
    generator = as_random(rng, "k_fold")
    groups = _classes(targets, folds) if stratify else [list(range(len(targets)))]
    for group in groups:
        generator.shuffle(group)
    dealt = [i for group in groups for i in group]
    return (take(dealt[fold::folds]) for fold in range(folds))


def _checked(X: Any, y: Any) -> tuple[Callable[[list[int]], Parts], list[Target]]:
    """What divides X and y by the indices held out, and the targets to draw them by."""
    rows, targets = as_rows(X), as_targets(y)
    require_one_each(rows, targets)
    tables = [given if getattr(given, "ndim", 0) else checked for given, checked in ((X, rows.table), (y, targets))]

    def take(held: list[int]) -> Parts:
        out = set(held)
        kept = [i for i in range(len(targets)) if i not in out]
        (train_x, train_y), (held_x, held_y) = ([_taken(t, which) for t in tables] for which in (kept, sorted(out)))
        return train_x, train_y, held_x, held_y

    return take, targets


def _taken(table: Any, indices: list[int]) -> Any:
    if hasattr(table, "iloc"):
        return table.iloc[indices]
    return [table[i] for i in indices] if isinstance(table, list) else table[indices]


def _classes(targets: Sequence[Target], at_least: int) -> list[list[int]]:
    """The indices of each class, classes in order."""
    found: dict[Any, list[int]] = {}
    for i, target in enumerate(targets):
        found.setdefault(tuple(target) if isinstance(target, list) else target, []).append(i)
    for label in sorted(found):
        if len(found[label]) < at_least:
            raise ValueError(
                f"class {label:g} has {len(found[label])} of the {at_least} examples that stratify needs"
                if isinstance(label, float)
                else f"the targets {list(label)} stand {len(found[label])} times, and stratify needs {at_least}"
            )
    return [found[label] for label in sorted(found)]


def _shares(groups: Sequence[Sequence[int]], total: int) -> list[int]:
    """How many of each group make ``total``, in proportion: by the largest remainders."""
    count = sum(map(len, groups))
    exact = [total * len(group) / count for group in groups]
    shares = [int(share) for share in exact]
    by_remainder = sorted(range(len(groups)), key=lambda k: shares[k] - exact[k])
    for k in by_remainder[: total - sum(shares)]:
        shares[k] += 1
    return shares
