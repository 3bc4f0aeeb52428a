"""The training room: a small network, trained by `nn.fit` a little at a time, and all that its page draws of it.

One room is open at a time. The page sends the data, so that points may be clicked; everything random is drawn from the
seed that it sends.
"""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from typing import Any

from autodiff import Value
from expressions import MOST_BOXES
from nn import LOSSES, MLP, SGD, AdaGrad, Adam, Loss, Optimizer, RMSProp, fit
from nn.meaning import Meaning
from viz import Snapshots, draw_training, step
from viz.networks.training import snapshot

_SIDE = 25  # points of the boundary's picture on each side
_LIMIT = 1.5  # of both inputs
_OPTIMIZERS: dict[str, Any] = {
    "SGD": SGD,
    "SGD with momentum": lambda parameters, lr: SGD(parameters, lr, momentum=0.9),
    "RMSProp": RMSProp,
    "AdaGrad": AdaGrad,
    "Adam": Adam,
}


class Room:
    """What is trained, on what and how.

    points : rows of x1, x2 and the class, 0 or 1
    """

    def __init__(
        self, points: Sequence[Sequence[float]], layers: Sequence[int], activation: str, loss: str, optimizer: str,
        rate: float, batch: int, seed: int,
    ) -> None:  # fmt: skip
        if len({point[2] for point in points}) < 2:
            raise ValueError("training needs points of both classes: add some of the other colour")
        given = LOSSES[loss]
        known = given.meaning is not None and given.meaning.has_classes
        self.loss = given if known else Loss(given, meaning="probability")  # a squared error of classes 0 and 1
        self.meaning: Meaning = self.loss.meaning  # type: ignore[assignment] (it has one)
        low, high = self.meaning.labels
        self.X = [[x1, x2] for x1, x2, _ in points]
        self.y = [float(high if of else low) for _, _, of in points]
        output = "sigmoid" if known and self.meaning.outputs == "probability" else "linear"
        self.model = MLP(2, [*layers, 1], activation=activation, output=output, rng=seed)
        self.optimizer: Optimizer = _OPTIMIZERS[optimizer](self.model.parameters(), rate)
        self.rng = random.Random(seed)
        self.batch = min(batch, len(points))
        self.losses: list[float] = []

    def train(self, seconds: float) -> list[float]:
        """Epochs for about so long, one at least; the mean loss of each."""
        end, before = time.monotonic() + seconds, len(self.losses)
        while len(self.losses) == before or time.monotonic() < end:
            history = fit(
                self.model, self.X, self.y, loss=self.loss, optimizer=self.optimizer, epochs=1,
                batch_size=self.batch, rng=self.rng, progress=False, compiled=False,
            )  # fmt: skip
            self.losses += history.loss
        return self.losses[before:]

    def shares(self) -> list[float]:
        """How much of class 1 there is at each point of the picture, from 0 to 1, row by row from above."""
        ticks = [_LIMIT * (2.0 * (i + 0.5) / _SIDE - 1.0) for i in range(_SIDE)]
        outputs = self.model.predict([[x1, -x2] for x2 in ticks for x1 in ticks], compiled=False)
        return [round(self._share(output), 4) for output in outputs]

    def _share(self, output: Any) -> float:
        if self.meaning.outputs == "logit":
            return self.meaning.probability_of(output)  # type: ignore[return-value] (of one output it is one number)
        low, high = self.meaning.labels
        return min(max((output - low) / (high - low), 0.0), 1.0)

    def right(self) -> int:
        outputs = self.model.predict(self.X, compiled=False)
        return sum((self._share(output) > 0.5) == (y > 0.0) for output, y in zip(outputs, self.y, strict=True))

    def state(self, losses: Sequence[float]) -> dict[str, Any]:
        first = snapshot(self.model, self.X[0], self.y[0], self.loss, len(self.losses))
        return {"epoch": len(self.losses), "losses": losses, "shares": self.shares(), "right": self.right(),
                "snapshot": first}  # fmt: skip


_room: Room | None = None


def opened(**settings: Any) -> dict[str, Any]:
    """A new network, untrained, with its picture as HTML."""
    global _room
    try:
        _room = Room(**settings)
    except ValueError as error:
        return {"error": {"message": str(error)}}
    snapshots = Snapshots()
    snapshots.states, snapshots.epochs = [_room.model.state_dict()], [0]
    network = draw_training(_room.model, snapshots, _room.X[0], _room.y[0], loss=_room.loss).html
    return {"network": network, "parameters": len(_room.model.parameters()), "side": _SIDE, **_room.state([])}


def trained(seconds: float) -> dict[str, Any]:
    """The network after some more epochs; where a step fails, what `fit` says of it."""
    assert _room is not None
    try:
        losses = _room.train(seconds)
    except ArithmeticError as error:
        return {"error": {"message": str(error)}}
    return _room.state(losses)


def example(index: int) -> dict[str, Any]:
    """One example's loss, with the weights of now, to be stepped through weight by weight."""
    assert _room is not None
    inputs = [Value(x, f"x{j}") for j, x in enumerate(_room.X[index], 1)]
    loss = _room.loss(_room.model(inputs), _room.y[index])
    loss.label = "L"
    return {"page": step(loss, collapse=_room.model, max_nodes=MOST_BOXES).html, "epoch": len(_room.losses)}
