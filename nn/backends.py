"""Who runs the Programs of a training run (`Program.on`): NumPy, or JAX on devices, those of other processes too."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

from nn.checks import shown

BACKENDS = ("auto", "numpy", "jax")


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
        self.named, self._name = backend != "auto", "numpy" if backend == "auto" else backend
        self._devices, self.processes, self.writes = None, 1, True
        if backend == "jax":
            from autodiff.program import on_devices

            self._devices = on_devices.chosen(devices)
            self.processes = len({device.process_index for device in self._devices})
            self.writes = on_devices.is_first_process()
        elif devices is not None:
            raise ValueError(f"devices are JAX's: give backend='jax' with devices={shown(devices)}")

    def on(self, program: Any) -> Any:
        """What runs a Program; raises as `Program.on`."""
        return program.on(self._name, self._devices)

    @property
    def told(self) -> str:
        """What `History.engine` says of it."""
        if self._devices is None:
            return ""
        count = len(self._devices)
        told = f", jax on {count} {self._devices[0].platform} device{'s' if count > 1 else ''}"
        return told if self.processes == 1 else f"{told} of {self.processes} processes"

    def require_alike(self, parts: Callable[[], dict[str, Any]]) -> None:
        """ValueError, in every process, where one of them has another of these parts, which are JSON's."""
        if self.processes > 1:
            from autodiff.program.on_devices import require_alike

            written = {name: json.dumps(part, sort_keys=True).encode() for name, part in parts().items()}
            require_alike({name: hashlib.sha256(text).digest() for name, text in written.items()})
