"""Program: a scalar graph as a list of instructions on arrays, and running it on any number of examples.

What it computes is the trace's; how that is grouped, `lifting`'s; the gradients' instructions, `backward`'s; who runs
them, `backends`'. Here is what a user sees.
"""

# ruff: noqa: N803 (X is the field's name)
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from autodiff import engine
from autodiff.engine import Value
from autodiff.errors import CompileError
from autodiff.program import backends
from autodiff.program.backends import Runner
from autodiff.program.backward import backward
from autodiff.program.expressions import CannotBeWrittenError
from autodiff.program.instructions import Plan
from autodiff.program.lifting import lift
from autodiff.program.listing import Listing, backward_listing, forward_listing
from autodiff.program.on_numpy import Array
from autodiff.program.scalars import run_on_scalars
from autodiff.program.simplify import gather_chains, share_equal
from autodiff.program.source import source
from autodiff.program.stats import Stats, stats_of
from autodiff.program.trace import Trace

if TYPE_CHECKING:
    from autodiff.program.on_devices import OnDevices

_ENTRIES = 1 << 18  # of a memory: so many examples are run at once that it stays in the processor's cache
_FEWEST = 32  # examples at once, however many rows there are
_KEPT = 8  # memories, for so many sizes of batches
_PREPARED = ("_alone", "_runners", "_on_devices", "_faster")  # by `Program._prepare`: not in a pickle


class Program:
    """A compiled graph; `compile` makes it. It pickles; a second call while one runs, by another thread, is refused.

    Attributes
    ----------
    parameters : the Values whose data is read anew in every run
    inputs : how many numbers an example has
    """

    def __init__(
        self, trace: Trace, parameters: Sequence[Value], *, single: bool, together: bool = True, dtype: str = "float64"
    ) -> None:
        self.parameters, self.inputs = list(parameters), trace.inputs
        self.dtype = np.dtype(dtype)
        self._single, self._trace = single, trace
        simple = share_equal(gather_chains(trace)) if together else trace
        lifted = lift(simple, together)
        pullbacks = backward(lifted, len(self.parameters))
        self.plan = Plan(
            self.inputs,
            len(self.parameters),
            lifted.rows,
            lifted.column,
            lifted.instructions,
            lifted.outputs,
            pullbacks,
        )
        self._prepare()

    def _prepare(self) -> None:
        self._alone = _Alone()
        self._runners: dict[tuple[int, bool, str], Runner] = {}
        self._on_devices: dict[tuple[Any, ...], OnDevices] = {}
        self._faster: dict[int, tuple[str, str]] = {}  # of so many examples at once: the backend, and why

    def __getstate__(self) -> dict[str, Any]:
        return {name: x for name, x in vars(self).items() if name not in _PREPARED}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._prepare()

    # Running.

    def __call__(self, X: Any = None, *, backend: str = "numpy") -> Array:
        """The outputs for the rows of X: (N) numbers, or (N, outputs) where a list of outputs was compiled.

        ``backend`` as in `value_and_grad`. Raises what the scalar engine raises for the first row that has no value,
        and says which it is.
        """
        rows, theta = self._rows(X), self.theta()
        if by_jax := self._by_jax(backend):
            found = by_jax.outputs(rows, theta)
        else:
            parts: list[Array] = []
            with self._alone:
                for part, runner in self._chunks(theta, rows, False, backend):
                    self._forward(runner, theta, rows, part)
                    parts.append(runner.outputs())
            found = _joined(parts)
        return found[:, 0] if self._single else found

    def value_and_grad(
        self,
        X: Any = None,
        *,
        reduce: str | None = "mean",
        weights: Any = None,
        write: bool = True,
        backend: str = "numpy",
    ) -> tuple[Any, Array]:
        """The loss of the examples in the rows of X, and its gradient with respect to the parameters.

        Parameters
        ----------
        X : (N, inputs) numbers; None for a graph without inputs
        reduce : "mean" or "sum" over the examples, or None: each by itself
        weights : what each example counts: w·loss, of which the sum is Σ w·loss, and the mean Σ w·loss / Σ w
        write : whether the parameters' ``grad`` becomes that gradient, in place of what was there
        backend : who runs it: "numpy"; "native", a tape in C, for graphs without matrices and for few examples; "auto",
            the faster of the two for so many rows, which the first run measures and `stats` tells; or "jax", on the
            device that JAX takes by itself

        Returns a float and an array of (parameters,) in their order; for ``reduce=None`` arrays of (N) and of
        (N, parameters), which are not written. Raises what the scalar engine raises for the first row that has no value
        or no gradient, and says which it is; for "jax" ImportError without it, and CompileError for a user's row that
        does not run on it.
        """
        if not self._single:
            raise ValueError("a gradient is that of one output, and this program has a list of them: compile a loss")
        if reduce not in ("mean", "sum", None):
            raise ValueError(f"reduce is 'mean', 'sum' or None, not {reduce!r:.60}")
        rows = self._rows(X)
        seeds = _seeds(len(rows), reduce, weights)
        outputs, gradient = self.pull_back(rows, seeds, self.theta(), reduce is None, backend)
        losses = outputs[:, 0]
        if weights is not None:
            losses = _weighted(losses, seeds)
        elif reduce == "mean":
            losses = losses * seeds
        if reduce is None:
            return losses, gradient
        loss = _sum(losses, "losses")
        if write:
            engine.set_grad(self.parameters, np.ascontiguousarray(gradient, dtype=np.float64))
        return loss, gradient

    def pull_back(
        self,
        rows: Array,
        seeds: Array,
        theta: Array,
        each: bool = False,
        backend: str = "numpy",
        devices: Sequence[Any] | None = None,
    ) -> tuple[Array, Array]:
        """The outputs for rows of X (N, outputs), and Σ seed·∂(first output)/∂θ, or that of each row; at any θ.

        ``devices`` : of JAX, as `on_devices.chosen` gives them; None for the one that it takes by itself
        """
        if not self.parameters:
            raise ValueError("this program was compiled without parameters: compile(…, parameters=[…])")
        if by_jax := self._by_jax(backend, devices):
            return by_jax.pull_back(rows, seeds, theta, each)
        outputs: list[Array] = []
        gradients: list[Array] = []
        with self._alone:
            for part, runner in self._chunks(theta, rows, each, backend):
                self._forward(runner, theta, rows, part)
                theirs = runner.backward(seeds[part])
                if not np.logical_and.reduce(np.isfinite(theirs), None):
                    self._explain(theta, rows, part, gradients=True)
                outputs.append(runner.outputs())
                if each or not gradients:
                    gradients.append(theirs.T.copy())
                else:
                    gradients[0] += theirs
        return _joined(outputs), _joined(gradients)

    def to_jax(self) -> Callable[[Any, Any], Any]:
        """A pure function (θ, X) → the outputs for each row of X, for `jax.jit`, `jax.grad`, `jax.vmap`, optax.

        ``θ`` has the parameters' data in their order (`theta`), X is (N, inputs); both are float64 to JAX, or float32
        for a program of that. Rows are differentiated by their own partials, to any order. Raises ImportError without
        jax, CompileError for a user's row that does not run on it.
        """
        from autodiff.program import on_jax

        outputs = on_jax.function(self.plan, self.dtype.name)
        return (lambda theta, X: outputs(theta, X)[:, 0]) if self._single else outputs

    def jvp(self, *_: Any) -> Any:
        """A Program has reverse mode only: NotImplementedError. `autodiff.jvp` differentiates the function itself."""
        raise NotImplementedError("a Program has no jvp: use autodiff.jvp(f, primals, tangents) on the function")

    def theta(self) -> Array:
        """The parameters' data, in their order."""
        data = np.empty(len(self.parameters))
        engine.get_data(self.parameters, data)
        return data

    def _by_jax(self, backend: str, devices: Sequence[Any] | None = None) -> OnDevices | None:
        """What runs it on JAX's devices, where that is asked for."""
        if backend != "jax":
            return None
        from autodiff.program.on_devices import OnDevices, default_device

        key = default_device() if devices is None else tuple(devices)
        if key not in self._on_devices:
            self._on_devices[key] = OnDevices(self.plan, self.dtype, self._explain, key)
        return self._on_devices[key]

    def _chunks(self, theta: Array, rows: Array, each: bool, backend: str) -> Iterator[tuple[slice, Runner]]:
        """Parts of the rows, and what runs them: so many at once as the cache holds."""
        count = len(rows)
        entries = 1 + self.plan.rows + (len(self.plan.column) if each else 0)
        size = math.ceil(count / math.ceil(count / max(_FEWEST, _ENTRIES // entries)))
        if backend == "auto":
            backend = self._measured(size, each, theta, rows)
        for start in range(0, count, size):
            stop = min(start + size, count)
            yield slice(start, stop), self._runner(stop - start, each, backend)

    def _measured(self, n: int, each: bool, theta: Array, rows: Array) -> str:
        def run(runner: Runner) -> None:
            runner.forward(theta, rows[:n])
            if self.plan.pullbacks:
                runner.backward(np.ones(n))

        if n not in self._faster:
            self._faster[n] = backends.faster(self.plan, n, lambda backend: self._runner(n, each, backend), run)
        return self._faster[n][0]

    def _runner(self, n: int, each: bool, backend: str) -> Runner:
        key = n, each, backend
        runner = self._runners.pop(key, None) or backends.bound(backend, self.plan, n, each, self.dtype)
        self._runners[key] = runner  # the last used is the last to go
        while len(self._runners) > _KEPT:
            del self._runners[next(iter(self._runners))]
        return runner

    def _forward(self, runner: Runner, theta: Array, rows: Array, part: slice) -> None:
        if not runner.forward(theta, rows[part]):
            self._explain(theta, rows, part)

    def _explain(self, theta: Array, rows: Array, part: slice, gradients: bool = False) -> None:
        """Run the examples on scalars, one by one, for the error of the first that has one."""
        for i, row in enumerate(rows[part].tolist(), part.start):
            try:
                outputs = run_on_scalars(self._trace, row, theta.tolist())
                if gradients:
                    outputs[0].backward()
            except (ValueError, ArithmeticError) as error:
                where = f"X[{i}]: " if self.inputs else ""
                raise type(error)(f"{where}{error}") from None
        if self.dtype != np.float64:
            raise OverflowError("a number exceeds what float32 holds: compile with dtype='float64'")
        if gradients:
            raise OverflowError("the gradients of the examples add up to more than a float holds")
        raise OverflowError("in the order in which arrays add, a sum exceeds what a float holds: use smaller numbers")

    def _rows(self, X: Any) -> Array:
        if X is None and not self.inputs:
            return np.zeros((1, 0), self.dtype)
        try:
            with np.errstate(over="ignore"):  # what float32 does not hold is refused below
                rows = np.asarray(X, dtype=self.dtype)
        except (TypeError, ValueError) as error:
            raise TypeError(f"X must be rows of {self.inputs} numbers: {error}") from None
        if rows.ndim == 1 and self.inputs == 1:
            rows = rows[:, None]
        if rows.ndim and not len(rows):
            raise ValueError("X has no rows")
        if rows.ndim != 2 or rows.shape[1] != self.inputs:
            raise ValueError(f"X must have {self.inputs} columns, one for each input, and its shape is {rows.shape}")
        if not np.isfinite(rows).all():
            i, j = map(int, np.argwhere(~np.isfinite(rows))[0])
            raise ValueError(f"X[{i}, {j}] is {rows[i, j]}: only finite numbers are accepted")
        return rows

    @property
    def stats(self) -> Stats:
        """What compiling made of the graph, and which backend "auto" found faster."""
        return stats_of(self._trace, self.plan, self.dtype.itemsize, [why for _, why in self._faster.values()])

    # Reading.

    @property
    def forward(self) -> Listing:
        """What it computes, as a textbook writes it; ``print(program)`` shows it."""
        return forward_listing(self.plan, self._trace.labels)

    @property
    def backward(self) -> Listing:
        """The gradients as a textbook writes them: δ and ∂L/∂W, derived from the rows. Empty without parameters."""
        return backward_listing(self.plan, self._trace.labels)

    def source(self, textbook: bool = False) -> str:
        """NumPy code that computes the same: a function ``value_and_gradient(theta, X)``, or ``outputs(theta, X)``.

        It is to be read, run and changed; it needs NumPy alone. ``theta`` has the parameters in their order, X a row
        for each example. The loss and the gradient are means over the rows. The local derivatives are computed by the
        formulas of the rows, with ``textbook`` by those that the rows show, which lose digits far out.

        Raises CompileError for a user's row that arrays cannot run.
        """
        try:
            return source(self.plan, self._trace.labels, textbook)
        except CannotBeWrittenError as error:
            raise CompileError(f"there is no NumPy code for this program: {error}") from None

    def __str__(self) -> str:
        return str(self.forward)

    def _repr_latex_(self) -> str:
        return self.forward._repr_latex_()  # pyright: ignore[reportPrivateUsage]

    def __repr__(self) -> str:
        stats, inputs, parameters = self.stats, self.inputs, len(self.parameters)
        made = f"{stats.nodes} nodes in {stats.instructions} instructions"
        return f"Program({inputs} inputs, {parameters} parameters: {made})"


def _joined(parts: Sequence[Array]) -> Array:
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


class _Alone:
    """A lock that refuses whoever comes while it is held."""

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        if not self._lock.acquire(blocking=False):
            raise RuntimeError("the program is running already: give each thread one of its own, copy.copy(program)")

    def __exit__(self, *_: object) -> None:
        self._lock.release()


def _seeds(count: int, reduce: str | None, weights: Any) -> Array:
    """What each row's loss is multiplied by before they are added up."""
    if weights is None:
        return np.full(count, 1.0 / count if reduce == "mean" else 1.0)
    try:
        seeds = np.asarray(weights, dtype=float)
    except (TypeError, ValueError) as error:
        raise TypeError(f"weights must be {count} finite numbers, one for each row of X: {error}") from None
    if seeds.shape != (count,) or not np.isfinite(seeds).all():
        raise ValueError(f"weights must be {count} finite numbers, one for each row of X")
    total = _sum(seeds, "weights") if reduce == "mean" else 1.0
    if not total:
        raise ValueError("the weights add up to 0: there is no mean")
    return seeds / total


def _weighted(losses: Array, weights: Array) -> Array:
    with np.errstate(over="ignore"):  # what overflows is refused below
        found = losses * weights
    if not np.isfinite(found).all():
        raise OverflowError("a loss times its weight exceeds what a float holds: use smaller weights")
    return found


def _sum(numbers: Array, what: str) -> float:
    try:
        return math.fsum(numbers.tolist())
    except OverflowError:
        raise OverflowError(f"the {what} of the examples add up to more than a float holds") from None
