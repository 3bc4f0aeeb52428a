"""Who computes the gradients of a run: Programs (`compiled`), as long as they can, else scalars (`batches`).

Who runs the Programs is `backends`'.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from autodiff import CompileError, Value
from nn.backends import Backend
from nn.batches import ScalarGradients, Seen
from nn.examples import Examples
from nn.losses import Loss
from nn.module import Module
from nn.tracing import check_compiled


class Gradients:
    """As `ScalarGradients`, by whom ``compiled`` (None, True or False, as for `fit`) and ``backend`` say.

    ``watched`` : whether a callback may change the model between two steps of an epoch
    """

    def __init__(
        self,
        compiled: bool | None,
        backend: Backend,
        model: Module,
        loss: Loss,
        examples: Examples,
        keeps_predictions: bool,
        watched: bool,
    ) -> None:
        self.compiled, self._backend = check_compiled(compiled), backend
        if compiled is False and backend.named:
            raise ValueError("compiled=False takes scalars, which no backend runs: leave out one of the two")
        self._scalars = ScalarGradients(model, loss, examples, keeps_predictions)
        self._by: Any = self._scalars
        self._reason = ""
        if compiled is not False:
            try:
                from nn.compiled import CompiledGradients
            except ImportError as error:
                self._leave_to_scalars(CompileError(f"NumPy cannot be imported ({error})"))
            else:
                self._by = CompiledGradients(
                    self._scalars, model, loss, examples, watched, required=compiled is True, backend=backend
                )

    @property
    def engine(self) -> str:
        """What `History.engine` says: "compiled", and by whom, or "scalars", and after a colon the reason."""
        if self._by is self._scalars:
            return f"scalars: {self._reason}" if self._reason else "scalars"
        reason = self._by.penalty_on_scalars
        return f"compiled{self._backend.told}" + (f", the penalty on scalars: {reason}" if reason else "")

    def _leave_to_scalars(self, error: CompileError) -> None:
        if self.compiled or self._backend.named:
            raise error
        self._by, self._reason = self._scalars, str(error)

    def start_epoch(self) -> None:
        if self._by is not self._scalars:
            self._by.start_epoch()

    def backward(self, batch: list[int], seen: Seen) -> None:
        """Set every parameter's gradient to the batch's. CompileError only where scalars may not serve."""
        try:
            self._by.backward(batch, seen)
        except CompileError as error:
            self._leave_to_scalars(error)
            self._by.backward(batch, seen)

    def add_penalty(self, penalty: Callable[[list[Value]], Any], weights: list[Value], seen: Seen) -> None:
        self._by.add_penalty(penalty, weights, seen)
