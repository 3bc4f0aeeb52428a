"""A Program run by JAX on devices: one, several of a machine, or those of several machines.

The examples lie along a mesh of the devices, the parameters are on each, and JAX adds up what they find. Everything
comes back to every process as NumPy's arrays. Double precision is enabled here for what is ours, and for nothing else.
"""

# JAX's functions take whatever arrays and tracers there are, which has no one type.
# pyright: reportMissingImports=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportMissingModuleSource=false
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from autodiff.floats import shorten
from autodiff.program.by_element import guarded, in_domain
from autodiff.program.instructions import Plan
from autodiff.program.on_jax import blocks_of, import_jax
from autodiff.program.on_numpy import Array, all_finite

Explain = Callable[[Array, Array, slice, bool], None]


class OnDevices:
    """A plan on JAX's devices. Compiled once for each number of rows.

    Parameters
    ----------
    explain : (θ, rows, part, whether of gradients) raises the error of the first of these rows that has one
    devices : as `chosen` gives them
    """

    def __init__(
        self,
        plan: Plan,
        dtype: Any,
        explain: Explain,
        devices: Sequence[Any],
    ) -> None:
        jax = import_jax()
        from jax.sharding import Mesh, NamedSharding, PartitionSpec

        self.devices = tuple(devices)
        self._dtype, self._guarded, self._explain = dtype, guarded(plan), explain
        mesh = Mesh(np.array(self.devices), ("examples",))
        self._whole = NamedSharding(mesh, PartitionSpec())
        self._by_rows = NamedSharding(mesh, PartitionSpec("examples"))
        self._here = all(device.process_index == jax.process_index() for device in self.devices)
        run = blocks_of(plan)

        def forward(theta: Any, rows: Any) -> Any:
            blocks = run(theta, rows)
            looked_at = [[blocks.operand(x) for x in instruction.operands] for instruction in self._guarded]
            return blocks.outputs(), blocks.finite(), looked_at

        def weighted(theta: Any, rows: Any, seeds: Any) -> Any:
            found = forward(theta, rows)
            return (found[0][:, 0] * seeds).sum(), found

        def pull_back(theta: Any, rows: Any, seeds: Any) -> Any:
            gradient, found = jax.grad(weighted, has_aux=True)(theta, rows, seeds)
            return gradient, found

        def pull_back_each(theta: Any, rows: Any, seeds: Any) -> Any:
            def one(row: Any, seed: Any) -> Any:
                return jax.grad(weighted, has_aux=True)(theta, row[None], seed[None])[0]

            return jax.vmap(one)(rows, seeds), forward(theta, rows)

        def compiled(function: Callable[..., Any], *by_rows: Any) -> Callable[..., Any]:
            return jax.jit(function, in_shardings=(self._whole, *by_rows), out_shardings=self._whole)

        self._forward = compiled(forward, self._by_rows)
        self._pull_back = {
            each: compiled(function, self._by_rows, self._by_rows)
            for each, function in ((False, pull_back), (True, pull_back_each))
        }

    def outputs(self, rows: Array, theta: Array) -> Array:
        """The outputs for rows of X, (N, outputs), at any θ."""
        found = self._run(self._forward, theta, rows)
        self._check(found, rows, theta)
        return found[0][: len(rows)].copy()

    def pull_back(self, rows: Array, seeds: Array, theta: Array, each: bool = False) -> tuple[Array, Array]:
        """As `Program.pull_back`."""
        gradient, found = self._run(self._pull_back[each], theta, rows, seeds)
        self._check(found, rows, theta)
        gradient = (gradient[: len(rows)] if each else gradient).copy()  # JAX's own are not to be written to
        if not all_finite(gradient):
            self._explain(theta, rows, slice(0, len(rows)), True)
        return found[0][: len(rows)].copy(), gradient

    def _run(self, function: Callable[..., Any], theta: Array, rows: Array, *seeds: Array) -> Any:
        """On as many rows as the devices divide: those that are added are the first again, and count 0."""
        import jax

        missing = -len(rows) % len(self.devices)
        if missing:
            rows = np.concatenate([rows, np.broadcast_to(rows[:1], (missing, rows.shape[1]))])
            seeds = tuple(np.concatenate([s, np.zeros(missing)]) for s in seeds)
        arguments = [np.asarray(x, self._dtype) for x in (theta, rows, *seeds)]
        with double_precision():
            if not self._here:
                wanted = [self._whole, self._by_rows, self._by_rows]
                arguments = [_on_its_devices(x, where) for x, where in zip(arguments, wanted, strict=False)]
            try:
                return jax.device_get(function(*arguments))
            except jax.errors.JaxRuntimeError as error:
                if self._here or "RESOURCE_EXHAUSTED" in str(error):  # there is too little memory
                    raise
                raise ConnectionError(
                    f"another process ended, or cannot be reached: start all of them again, with resume= the last "
                    f"checkpoint ({str(error).splitlines()[0]})"
                ) from error

    def _check(self, found: Any, rows: Array, theta: Array) -> None:
        _, finite, looked_at = found
        for i in np.flatnonzero(~finite[: len(rows)]).tolist():
            self._explain(theta, rows, slice(i, i + 1), False)
        if not all(in_domain(i.op, x) for i, x in zip(self._guarded, looked_at, strict=True)):
            self._explain(theta, rows, slice(0, len(rows)), False)


def double_precision() -> Any:
    """A context in which JAX has float64, whatever the user's code has set."""
    jax = import_jax()
    if hasattr(jax, "enable_x64"):
        return jax.enable_x64(True)
    from jax.experimental import enable_x64  # before JAX 0.8

    return enable_x64(True)


def _on_its_devices(array: Array, where: Any) -> Any:
    """An array that every process has, each putting its part on its devices."""
    import jax

    return jax.make_array_from_callback(array.shape, where, array.__getitem__)


def default_device() -> tuple[Any, ...]:
    """The device on which JAX computes where nobody says another."""
    jax = import_jax()
    given = jax.config.jax_default_device
    return (given if isinstance(given, jax.Device) else jax.local_devices(backend=given)[0],)


def chosen(devices: Any = None) -> tuple[Any, ...]:
    """JAX's devices: all that there are, those of other processes too; the first so many; or those in a list.

    Raises ImportError without jax, ValueError for more than there are, none, one twice, or where a process has none.
    """
    jax = import_jax()
    there = jax.devices()
    if devices is None:
        return tuple(there)
    if isinstance(devices, int) and not isinstance(devices, bool):
        _require_so_many(devices, there)
        found = tuple(there[:devices])
    elif isinstance(devices, Iterable) and not isinstance(devices, str):
        found = tuple(devices)
        for i, device in enumerate(found):
            if not isinstance(device, jax.Device):
                given = f"{type(device).__name__} {shorten(device)}"
                raise TypeError(f"devices[{i}] is {given}, and not one of jax.devices()")
        if len(set(found)) < len(found) or not found:
            raise ValueError("devices is an empty list" if not found else "devices has a device twice")
    else:
        raise TypeError(f"devices is None, a number, or a list of jax.devices(), not {shorten(devices)}")
    without = set(range(jax.process_count())) - {device.process_index for device in found}
    if without:
        raise ValueError(
            f"process {min(without)} has none of the {len(found)} devices, and each of the {jax.process_count()} "
            f"processes must have one: leave devices out for all {len(there)}"
        )
    return found


def _require_so_many(count: int, there: Sequence[Any]) -> None:
    if 1 <= count <= len(there):
        return
    platform = there[0].platform
    more = "; before JAX is imported, XLA_FLAGS=--xla_force_host_platform_device_count=4 makes 4 of a processor"
    raise ValueError(
        f"devices is {count}, and JAX has {len(there)} ({platform}): give 1 … {len(there)}"
        f"{more if platform == 'cpu' else ''}"
    )


def is_first_process() -> bool:
    """Whether this is process 0, of those that the user's launcher has joined, or of one."""
    return import_jax().process_index() == 0


def require_alike(parts: dict[str, bytes]) -> None:
    """ValueError, in every process, where one has another digest of a part than process 0 has."""
    from jax.experimental import multihost_utils

    mine = np.frombuffer(b"".join(parts.values()), np.uint8).reshape(len(parts), -1)
    every = np.asarray(multihost_utils.process_allgather(mine))
    for process, theirs in enumerate(every):
        for name, same in zip(parts, (theirs == every[0]).all(axis=1).tolist(), strict=True):
            if not same:
                raise ValueError(f"process {process} has other {name} than process 0: give every process the same")
