"""One line on an answer: ✓ where it is right, ✗ with a hint where it is not, … where there is none yet."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

Mistakes = Iterable[tuple[float, str]]


def say(name: str, answer: Any, right: float, mistakes: Mistakes = (), tolerance: float = 1e-3) -> None:
    """Judge a number.

    Parameters
    ----------
    name : what the number is
    answer : the reader's; None where there is none yet
    right : the solution
    mistakes : pairs of a wrong answer and what leads to it
    tolerance : how far off an answer may be: of 1, or of the solution where that is larger

    >>> say("∂f/∂x", -4, -4.0)
    ✓  ∂f/∂x = -4 is right
    >>> say("∂f/∂x", 4, -4.0)
    ✗  ∂f/∂x = 4: the size is right, the sign is not
    >>> say("∂f/∂x", None, -4.0)
    …  ∂f/∂x: not answered yet
    """
    if answer is None:
        print(f"…  {name}: not answered yet")
        return
    try:
        number = float(answer)
    except (TypeError, ValueError, OverflowError):
        print(f"✗  {name}: a number is wanted, not {answer!r:.60}")
        return
    if not math.isfinite(number):
        print(f"✗  {name}: a finite number is wanted, not {number}")
        return

    def near(other: float) -> bool:
        return abs(number - other) <= tolerance * max(1.0, abs(other))

    if near(right):
        print(f"✓  {name} = {number:.6g} is right")
        return
    hints = [hint for other, hint in mistakes if near(other)]
    if near(-right):
        hints.append("the size is right, the sign is not")
    if near(right / 2) or near(2 * right):
        hints.append("you are off by a factor of 2")
    hints.append("not yet; go through it once more, one step at a time")
    print(f"✗  {name} = {number:.6g}: {hints[0]}")


def say_choice(name: str, answer: Any, right: str, hints: dict[str, str]) -> None:
    """Judge a word: ``hints`` says, for each wrong one that may be chosen, what to look at.

    >>> say_choice("the rule", "sum", "product", {"sum": "the two factors are multiplied"})
    ✗  the rule: the two factors are multiplied
    >>> say_choice("the rule", "product", "product", {"sum": "the two factors are multiplied"})
    ✓  the rule: 'product' is right
    """
    if answer is None:
        print(f"…  {name}: not answered yet")
    elif isinstance(answer, str) and answer == right:
        print(f"✓  {name}: {right!r} is right")
    elif isinstance(answer, str) and answer in hints:
        print(f"✗  {name}: {hints[answer]}")
    else:
        words = ", ".join(map(repr, sorted([right, *hints])))
        print(f"✗  {name}: choose one of {words}, not {answer!r:.60}")


def answered(name: str, f: Callable[..., Any] | None, *xs: Any) -> Any:
    """What the reader's function gives at ``xs``; None, said in a line, where there is no answer yet or an error.

    >>> answered("slope", lambda x: 2.0 * x, 3.0)
    6.0
    >>> answered("slope", lambda x: None, 3.0)
    …  slope: not answered yet
    >>> answered("slope", lambda x: 1.0 / x, 0.0)
    ✗  slope(0.0): it raises ZeroDivisionError: float division by zero
    >>> import numpy as np
    >>> answered("back", lambda delta, weight: weight @ delta, np.ones(2), np.ones((2, 3)))  # doctest: +ELLIPSIS
    ✗  back(an array of shape (2,), an array of shape (2, 3)): it raises ValueError: matmul: ...
    """
    try:
        answer = None if f is None else f(*xs)
    except Exception as error:
        shown = ", ".join(map(_argument, xs))
        print(f"✗  {name}({shown}): it raises {type(error).__name__}: {_short(str(error), 200)}")
        return None
    if answer is None:
        print(f"…  {name}: not answered yet")
    return answer


def every_answer(name: str, f: Callable[..., Any] | None, *points: tuple[Any, ...]) -> list[Any] | None:
    """What the reader's function gives at each point, a tuple of arguments; None as `answered` says it.

    >>> every_answer("slope", lambda x: 2 * x, (1.0,), (3.0,))
    [2.0, 6.0]
    """
    found: list[Any] = []
    for xs in points:
        answer = answered(name, f, *xs)
        if answer is None:
            return None
        found.append(answer)
    return found


def say_array(
    name: str, f: Any, xs: Iterable[Any], right: Any, mistakes: Iterable[tuple[Any, str]] = (), tolerance: float = 1e-6
) -> None:
    """Judge what the reader's function gives at ``xs``: numbers in the shape of ``right``, as an array or lists.

    >>> import numpy as np
    >>> say_array("double", lambda x: [2.0 * x[0]], [np.array([3.0])], [6.0])
    ✓  double: [6.0] is right
    >>> say_array("double", lambda x: x, [np.array([3.0])], [6.0], [([3.0], "that is x itself")])
    ✗  double: that is x itself
    >>> say_array("double", lambda x: 6.0, [np.array([3.0])], [6.0])
    ✗  double: the shape must be (1,), and is ()
    >>> say_array("double", lambda x: None, [np.array([3.0])], [6.0])
    …  double: not answered yet
    """
    import numpy as np  # here, because in a browser it may be missing

    found = answered(name, f, *(x.copy() if isinstance(x, np.ndarray) else x for x in xs))
    if found is None:
        return
    try:
        array = np.array(found, dtype=float)
    except (TypeError, ValueError):
        print(f"✗  {name}: numbers are wanted, not {_short(repr(found), 60)}")
        return
    if array.shape != np.shape(right):
        print(f"✗  {name}: the shape must be {np.shape(right)}, and is {array.shape}")
    elif not np.isfinite(array).all():
        print(f"✗  {name}: finite numbers are wanted, not {array.tolist()!s:.60}")
    elif np.allclose(array, right, rtol=tolerance, atol=tolerance):
        print(f"✓  {name}: {np.round(array, 4).tolist()!s:.80} is right")
    else:
        near = [hint for other, hint in mistakes if _near(array, other, tolerance)]
        hints = [(-1.0, "the sizes are right, the signs are not"), (2.0, "you are off by a factor of 2")]
        hints.append((0.5, "you are off by a factor of 2"))
        near += [hint for factor, hint in hints if _near(array, factor * np.array(right), tolerance)]
        wanted = "not yet; try it on small numbers, by hand"
        print(f"✗  {name}: {(near or [wanted])[0]}")


def _near(array: Any, other: Any, tolerance: float) -> bool:
    import numpy as np

    return array.shape == np.shape(other) and bool(np.allclose(array, other, rtol=tolerance, atol=tolerance))


def _argument(x: Any) -> str:
    shape = getattr(x, "shape", None)
    return f"an array of shape {shape}" if shape is not None else _short(repr(x), 20)


def _short(text: str, most: int) -> str:
    return " ".join(text.split())[:most]
