"""Who runs the Programs of a training run: NumPy, a tape in C, or JAX on devices, those of other processes too."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

from autodiff import CompileError
from nn.checks import shown

BACKENDS = ("auto", "numpy", "native", "jax")
# What the tape in C takes less time for than NumPy (docs/backends.md). A rule, and no measurement while it trains: what
# runs twice gives the same numbers twice.
_EXAMPLES, _PARAMETERS = 16, 10_000


class Backend:
    """What `fit` is told by ``backend`` and ``devices``, checked.

    Attributes
    ----------
    named : whether it was asked for, so that scalars may not take its place
    processes : how many train together; writes : whether this is the one of them that writes files and draws
    """

    def __init__(self, backend: str, devices: Any) -> None:
        if backend not in BACKENDS:
            names = ", ".join(map(repr, BACKENDS))
            raise ValueError(f"backend is one of {names}, not {shown(backend)}")
        self.named, self.processes, self.writes = backend != "auto", 1, True
        self._arguments: dict[str, Any] = {"backend": backend if self.named else "numpy"}
        self._tape_serves = True
        if backend == "jax":
            from autodiff.program import on_devices

            self._arguments["devices"] = found = on_devices.chosen(devices)
            self.processes = len({device.process_index for device in found})
            self.writes = on_devices.is_first_process()
        elif devices is not None:
            raise ValueError(f"devices are JAX's: give backend='jax' with devices={shown(devices)}")

    def pull_back(self, program: Any, rows: Any, seeds: Any, theta: Any) -> tuple[Any, Any]:
        """As `Program.pull_back`."""
        if not self.named and self._tape_serves and len(rows) <= _EXAMPLES and len(theta) <= _PARAMETERS:
            try:
                return program.pull_back(rows, seeds, theta, backend="native")
            except CompileError:  # a user's row, or it was not built
                self._tape_serves = False
        return program.pull_back(rows, seeds, theta, **self._arguments)

    @property
    def told(self) -> str:
        """What `History.engine` says of it."""
        if "devices" not in self._arguments:
            return ", native" if self._arguments["backend"] == "native" else ""
        first, *others = self._arguments["devices"]
        told = f", jax on {1 + len(others)} {first.platform} device{'s' if others else ''}"
        return told if self.processes == 1 else f"{told} of {self.processes} processes"

    def require_alike(self, parts: Callable[[], dict[str, Any]]) -> None:
        """ValueError, in every process, where one of them has another of these parts, which are JSON's."""
        if self.processes > 1:
            from autodiff.program.on_devices import require_alike

            written = {name: json.dumps(part, sort_keys=True).encode() for name, part in parts().items()}
            require_alike({name: hashlib.sha256(text).digest() for name, text in written.items()})
