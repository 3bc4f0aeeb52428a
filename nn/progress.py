"""The progress bar: tqdm's, in Jupyter and in a terminal, off when piped."""

from __future__ import annotations

import sys
import warnings
from typing import Any


def progress_bar(wanted: bool, total: int, done: int) -> Any:
    """A bar over ``total`` batches, ``done`` of them done before."""
    if not wanted:
        return _NoBar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # in Jupyter without ipywidgets the bar is plain text, and that is all
            from tqdm.auto import tqdm
    except ImportError:  # a Python without tqdm (a browser's) trains without a bar
        return _NoBar()
    in_jupyter = type(sys.stdout).__module__.startswith("ipykernel")  # where stderr is no terminal, but is shown
    disable = False if in_jupyter else None  # None: on where stderr is a terminal
    return tqdm(total=total, initial=done, unit="batch", desc="training", disable=disable)


class _NoBar:
    def update(self, _: int) -> None: ...

    def set_postfix(self, _: dict[str, str]) -> None: ...

    def close(self) -> None: ...
