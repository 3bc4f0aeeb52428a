"""The gradients of one batch: one example's graph after the other, and the penalty's. `compiled` stands beside it, and
does the same by matrices.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from autodiff import Value, leaves, zero_grad
from nn.checks import kind, shown
from nn.data import Target
from nn.examples import Examples
from nn.losses import Loss
from nn.module import Module


class Seen:
    """What an epoch has seen so far; ``example`` is the row of X that is being worked on."""

    def __init__(self) -> None:
        self.losses: list[float] = []
        self.weights: list[float] = []
        self.predictions: list[Target] = []
        self.targets: list[Target] = []
        self.penalties: list[float] = []
        self.example: int | None = None


class ScalarGradients:
    """Gradients by scalar graphs. ``keeps_predictions``: whether `Seen` is to have the predictions, for metrics."""

    def __init__(self, model: Module, loss: Loss, examples: Examples, keeps_predictions: bool) -> None:
        self._model, self._loss, self._examples = model, loss, examples
        self.keeps_predictions = keeps_predictions
        self.parameters = model.parameters()
        self._looked_at = False

    def backward(self, batch: list[int], seen: Seen) -> None:
        """Set every parameter's gradient to that of the batch's loss, weighted as the loss says.

        Raises what the model and the loss raise, ``seen.example`` being the row then; TypeError for a loss that is no
        function of the model's parameters.
        """
        zero_grad(self.parameters)
        counted = [i for i in batch if self._examples.weights[i]]
        weights = [self._examples.weights[i] for i in counted]
        for i, share in zip(counted, self._loss.shares(weights), strict=True):
            seen.example = i
            outputs, loss = self.run(i)
            loss.backward(share)
            seen.losses.append(loss.data)
            if self.keeps_predictions:
                floats = [float(output) for output in outputs]
                seen.predictions.append(floats[0] if len(floats) == 1 else floats)
                seen.targets.append(self._examples.targets[i])
        seen.weights += weights
        seen.example = None

    def run(self, i: int) -> tuple[list[Any], Value]:
        """The outputs and the loss of one example; raises as `backward`."""
        outputs = self._model.outputs_for(self._examples.rows[i])
        return outputs, self._looked_at_once(required_value(self._loss_of(outputs, i)))

    def add_penalty(self, penalty: Callable[[list[Value]], Any], weights: list[Value], seen: Seen) -> None:
        """Add the penalty's gradients."""
        cost = required_value(penalty(weights))
        cost.backward()
        seen.penalties.append(cost.data)

    def _loss_of(self, outputs: list[Any], i: int) -> Any:
        try:
            return self._loss.of(outputs, self._examples.prepared[i])
        except (TypeError, LookupError, AttributeError) as error:
            target = shown(self._examples.targets[i])
            raise TypeError(
                f"the loss {self._loss.name} fails for {len(outputs)} outputs and the target {target}: {error} (a "
                f"target is a float, or a list of them: index with int(target))"
            ) from error

    def _looked_at_once(self, loss: Value) -> Value:
        """TypeError where the loss depends on Values that the model hides from `parameters` in private attributes."""
        if not self._looked_at:
            known = set(map(id, self.parameters))
            unknown = [leaf for leaf in leaves(loss) if id(leaf) not in known]
            hidden = self._model.hidden(unknown) if unknown else None
            if hidden:
                raise TypeError(
                    f"{hidden} holds a Value that the loss depends on, and an attribute with a leading underscore is "
                    f"no parameter: call it {hidden.partition('.')[2].lstrip('_')}"
                )
            self._looked_at = True
        return loss


def required_value(loss: Any) -> Value:
    """TypeError for what has no graph."""
    if not isinstance(loss, Value):
        raise TypeError(f"a loss must return one Value made from the prediction, not {kind(loss)}")
    if loss.op is None:
        raise TypeError("the loss has no graph: it does not depend on the model, or fit runs inside no_grad()")
    return loss
