"""The errors this package raises beyond Python's own; each message says what was given and where."""

from __future__ import annotations


class DomainError(ValueError):
    """An operation was asked for a value, or a derivative, outside the set where it has one.

    >>> from autodiff import log
    >>> log(-1.0)
    Traceback (most recent call last):
        ...
    autodiff.errors.DomainError: log is not defined at x = -1.0: its domain is x > 0
    """


class GradcheckError(AssertionError):
    """A derivative disagrees with its numerical check; ``report`` holds the whole table."""

    def __init__(self, message: str, report: object = None) -> None:
        super().__init__(message)
        self.report = report


class CompileError(ValueError):
    """A graph or a function that cannot become a `Program`; the message says what to write instead."""
