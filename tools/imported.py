"""A fault put into what is imported already, so that nothing has to be imported and collected again for it.

Right only where nothing of what is changed has run so far: what an import computed with it would stay as it was.
"""

from __future__ import annotations

import gc
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, FunctionType


class CannotChangeError(Exception):
    """The fault does not fit what is imported: import all of it anew."""


class Functions:
    """Every function that is there when this is made, by the file that it is from."""

    def __init__(self) -> None:
        self.of_file: dict[str, list[FunctionType]] = defaultdict(list)
        gc.unfreeze()  # what the conftest has frozen is not listed
        for thing in gc.get_objects():
            if type(thing) is FunctionType:
                self.of_file[thing.__code__.co_filename].append(thing)

    def change(self, path: Path, before: str, after: str) -> None:
        """Those of the file at ``path`` do from now on what its text ``after`` says. Raises CannotChangeError."""
        there = list(_pairs(*(compile(text, str(path), "exec", dont_inherit=True) for text in (before, after))))
        new = dict(there)
        if str(path) not in self.of_file:
            raise CannotChangeError("no function of it is there")
        if len(new) < len(there):
            raise CannotChangeError("two functions cannot be told from each other")
        try:
            for function in self.of_file[str(path)]:
                function.__code__ = new[function.__code__]
        except (KeyError, ValueError) as error:  # no code like it; other variables from around it
            raise CannotChangeError(str(error)) from error


def _pairs(old: CodeType, new: CodeType) -> Iterator[tuple[CodeType, CodeType]]:
    """The code of each function, and what it becomes."""
    inside = [[c for c in code.co_consts if isinstance(c, CodeType)] for code in (old, new)]
    if [c.co_name for c in inside[0]] != [c.co_name for c in inside[1]]:
        raise CannotChangeError("a function in a function is gone")
    for pair in zip(*inside, strict=True):
        yield pair
        yield from _pairs(*pair)
