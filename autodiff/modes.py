"""The two modes that change how nodes are recorded: no_grad() and detect_anomaly().

Both engines look at one flag for every node they make; only when some thread is in a mode do they ask which. A mode
belongs to the thread that entered it.
"""

from __future__ import annotations

import contextlib
import functools
import os
import sys
import threading
import warnings
import weakref
from collections.abc import Callable, Generator
from typing import Any, ParamSpec, TypeVar

Reader = Callable[[Any, str, tuple[str, int]], str]  # see `WatchingReads`
P = ParamSpec("P")
R = TypeVar("R")

any_active = False  # is any thread in a mode? The reference engine reads this for every node,
flag = bytearray(1)  # and the native one reads it here, as a byte in memory.


def _nobody(recording: bool, noting: bool) -> None:
    pass


listener: Callable[[bool, bool], None] = _nobody  # the native engine's: it keeps a thread's modes where C can read them

_entered = 0
_lock = threading.Lock()
_HOME = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_OURS = tuple(os.path.join(_HOME, package, "") for package in ("autodiff", "nn", "viz"))


_noted: weakref.WeakKeyDictionary[Any, str] = weakref.WeakKeyDictionary()  # kept after the mode ends, for pictures


class _ThreadModes(threading.local):
    recording = True
    origins: weakref.WeakKeyDictionary[Any, str] | None = None
    readers: tuple[WatchingReads, ...] = ()
    compiling = False  # is a function traced by compile, so that nothing may depend on the numbers of its example?


here = _ThreadModes()


@contextlib.contextmanager
def _entering(**changed: Any) -> Generator[None, None, None]:
    global any_active, _entered
    before = {name: getattr(here, name) for name in changed}
    with _lock:
        _entered += 1
        any_active = flag[0] = True
    _change(changed)
    try:
        yield
    finally:
        _change(before)
        with _lock:
            _entered -= 1
            any_active = flag[0] = _entered > 0


def _change(changed: dict[str, Any]) -> None:
    vars(here).update(changed)
    listener(here.recording, here.origins is not None)


@contextlib.contextmanager
def no_grad() -> Generator[None, None, None]:
    """Compute without recording a graph, as a context or as a decorator: results are leaves.

    Applies to the current thread.

    >>> from autodiff import Value, no_grad
    >>> x = Value(3.0)
    >>> with no_grad():
    ...     y = x * x
    >>> y, y.parents
    (Value(data=9.0, grad=0.0), ())
    """
    with _entering(recording=False):
        yield


def recorded(f: Callable[P, R]) -> Callable[P, R]:
    """f, recording again within no_grad(), as derivatives need their graph whoever asks for them."""

    @functools.wraps(f)
    def recording(*args: P.args, **kwargs: P.kwargs) -> R:
        if here.recording:
            return f(*args, **kwargs)
        with _entering(recording=True):
            return f(*args, **kwargs)

    return recording


@contextlib.contextmanager
def detect_anomaly() -> Generator[None, None, None]:
    """Remember, for every node made, the line of user code that made it; errors then say it.

    A value that is not finite is refused at once, and a gradient that is not finite is an error at the
    end of the backward pass, with or without this context. Within it the error names the first such node
    (label, operation, operands) *and the line that made it*; `viz.step` shows the lines beside the picture. Recording
    lines is slow: use it to find a fault, or to look. Applies to the current thread.

    >>> from autodiff import Value, detect_anomaly, sqrt
    >>> with detect_anomaly():  # doctest: +ELLIPSIS
    ...     y = sqrt(Value(0.0, label="z")) * 2
    ...     y.backward()
    Traceback (most recent call last):
        ...
    autodiff.errors.DomainError: sqrt is not differentiable at x = 0.0 (label 'z')...
      made at <doctest ...>, line 2
    """
    with _entering(origins=_noted):
        yield


# What reads a number off a Value (float(), a comparison, its data) leaves its graph. Whoever runs a function to
# differentiate or to compile it watches for that: `reads` tells the engines of what to ask: 1, of float() alone, which
# drops a part of a derivative; 2, of everything, on which a compiled program may depend.

reads = bytearray(1)
_watching = {False: 0, True: 0}  # how many, by whether for everything
_warned: set[tuple[str, int]] = set()
_REFERENCE = os.path.join(_HOME, "autodiff", "value.py")


class WatchingReads:
    """Ask ``reader(node, how, place)`` of every float() of a Value in this thread, ``how`` being what read the number
    and ``place`` the user's file and line: what it answers is warned of, once for each line.

    Parameters
    ----------
    everything : of comparisons, .data and all else that reads a number too, and of a line that was warned of again
    of_nn : of what nn and viz read on their own account too, as they do with classes that are numbers
    """

    def __init__(self, reader: Reader, everything: bool = False, of_nn: bool = False) -> None:
        self.reader, self.everything, self.of_nn = reader, everything, of_nn

    def __enter__(self) -> None:
        self.before = here.readers
        here.readers = (*self.before, self)
        self._count(1)

    def __exit__(self, *_: object) -> None:
        here.readers = self.before
        self._count(-1)

    def _count(self, change: int) -> None:
        with _lock:
            _watching[self.everything] += change
            reads[0] = 2 if _watching[True] else 1 if _watching[False] else 0


def note_read(node: Any, how: str, within: bool = False) -> None:
    """A number was read off ``node``. ``within``: by a function of ours, on behalf of the user."""
    if not here.readers:
        return
    frame: Any = sys._getframe(1)  # pyright: ignore[reportPrivateUsage]
    while frame.f_code.co_filename == _REFERENCE or (within and frame.f_code.co_filename.startswith(_OURS)):
        frame = frame.f_back
    place = frame.f_code.co_filename, frame.f_lineno
    if place[0].startswith(_OURS[0]):
        return
    ours, warned = place[0].startswith(_OURS), place in _warned
    for watching in here.readers:
        asked = watching.everything or (how == "float()" and not warned)
        lost = watching.reader(node, how, place) if asked and (watching.of_nn or not ours) else ""
        if lost and not warned:
            _warned.add(place)
            warnings.warn_explicit(lost, UserWarning, *place)
            return


def user_line() -> str:
    """Where the user's code called this project: the innermost frame outside its packages."""
    frame = sys._getframe(1)  # pyright: ignore[reportPrivateUsage]
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_OURS):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}, line {frame.f_lineno}"


def note_origin(node: Any) -> None:
    """Remember the line that made ``node``, where detect_anomaly() asked for it."""
    if here.origins is not None:
        here.origins[node] = user_line()


def origin_of(node: Any) -> tuple[str, int] | None:
    """The file and the line that made ``node``, where it was made within detect_anomaly(); after it too."""
    file, _, line = _noted.get(node, "").rpartition(", line ")
    return (file, int(line)) if file else None


def made_at(node: Any) -> str:
    """The note that an error adds about a node: the line that made it, where that was recorded."""
    line = here.origins.get(node) if here.origins is not None else None
    return f"\n  made at {line}" if line else ""
