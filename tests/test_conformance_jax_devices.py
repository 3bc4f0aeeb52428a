"""fit by JAX: on one device, on four, in two processes the trajectory of NumPy; and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from backend_runs import MISUSES, RUNS, in_processes
from test_nn_backends import Branch, run

import nn
from autodiff import CompileError, define_op
from autodiff.program import on_devices

jax = pytest.importorskip("jax", reason="JAX is not installed: pip install jax to compare with it")
pytestmark = [pytest.mark.conformance, pytest.mark.once]

# The arguments of fit, the processes of its own that a place has and their devices, and what the history calls it.
PLACES: dict[str, tuple[dict[str, Any], dict[str, int], str]] = {
    "the tape": ({"backend": "native"}, {}, "compiled, native"),
    "one device": ({"backend": "jax", "devices": 1}, {}, "compiled, jax on 1 cpu device"),
    "four devices": ({"backend": "jax"}, {"devices": 4}, "compiled, jax on 4 cpu devices"),
    "two processes": ({"backend": "jax"}, {"processes": 2}, "compiled, jax on 2 cpu devices of 2 processes"),
}


@pytest.fixture(scope="module")
def by_numpy() -> dict[str, dict[str, Any]]:
    return {name: run(backend="numpy") for name, run in RUNS.items()}


@pytest.fixture(scope="module", params=PLACES)
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, list[Any]]:
    backend, where, engine = PLACES[request.param]
    if not where:
        return engine, [{name: run(**backend) for name, run in RUNS.items()}]
    return engine, in_processes(tmp_path_factory.mktemp("runs"), backend, **where)


def test_the_history_is_numpys_to_1e_9_wherever_it_is_computed(place: Any, by_numpy: Any) -> None:
    engine, processes = place
    for found in processes:
        for name in ("moons", "digits", "sums"):
            assert found[name]["engine"] == engine
            assert found[name]["history"].keys() == by_numpy[name]["history"].keys()
            for column, numbers in by_numpy[name]["history"].items():
                assert found[name]["history"][column] == pytest.approx(numbers, rel=1e-9, abs=1e-12), (name, column)
            assert found[name]["parameters"] == pytest.approx(by_numpy[name]["parameters"], rel=1e-9, abs=1e-12)


def test_an_example_without_a_value_is_named_by_its_row_of_x_whichever_shard_has_it(place: Any, by_numpy: Any) -> None:
    assert by_numpy["undefined"]["error"] == "TrainingError"
    assert "example X[37]: log is not defined at x = -1.0" in by_numpy["undefined"]["says"]
    assert by_numpy["undefined"]["example"] == 37
    for found in place[1]:
        assert found["undefined"] == by_numpy["undefined"]


def test_processes_that_differ_or_have_no_device_are_refused_in_every_one(place: Any) -> None:
    if len(place[1]) == 1:
        return
    for found in place[1]:
        same = "process 1 has other {} than process 0: give every process the same"
        assert found["other data"] == _refusal(same.format("examples or settings"))
        assert found["other seed"] == _refusal(same.format("parameters"))
        none = "process 1 has none of the 1 devices, and each of the 2 processes must have one"
        assert found["one process only"] == _refusal(f"{none}: leave devices out for all 2")
        assert MISUSES.keys() <= found.keys()


def _refusal(says: str) -> dict[str, Any]:
    return {"error": "ValueError", "says": says, "example": None}


@pytest.mark.parametrize(
    ("settings", "error", "says"),
    [
        ({"backend": "jax", "devices": 1000}, ValueError, "devices is 1000, and JAX has .*: give 1 … "),
        ({"backend": "jax", "devices": 0}, ValueError, "devices is 0, and JAX has .*: give 1 … "),
        ({"backend": "jax", "devices": []}, ValueError, "devices is an empty list"),
        ({"backend": "jax", "devices": True}, TypeError, r"devices is None, a number, or a list of jax.devices\(\)"),
        ({"backend": "jax", "devices": "gpu"}, TypeError, r"devices is None, a number, or a list of jax.devices\(\)"),
        ({"backend": "jax", "devices": ["cpu"]}, TypeError, r"devices\[0\] is str 'cpu', and not one of jax.devices"),
        ({"backend": "jax", "compiled": False}, ValueError, "compiled=False takes scalars, which no backend runs"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_trained(
    settings: dict[str, Any], error: type[Exception], says: str
) -> None:
    model = nn.MLP(1, [1], rng=0)
    before = model.state_dict()
    with pytest.raises(error, match=says):
        run(model, **settings)
    assert model.state_dict() == before


def test_devices_may_be_given_as_a_list_but_none_twice() -> None:
    model = nn.MLP(1, [1], rng=0)
    assert run(model, backend="jax", devices=jax.devices()[:1]).engine.startswith("compiled, jax on 1 ")
    with pytest.raises(ValueError, match="devices has a device twice"):
        run(model, backend="jax", devices=jax.devices()[:1] * 2)


def test_a_model_that_cannot_be_compiled_is_not_left_to_scalars() -> None:
    with pytest.raises(CompileError, match="the graph may be another for other numbers"):
        run(Branch(), backend="jax")


def test_a_users_activation_that_does_not_run_on_jax_is_named() -> None:
    asks = define_op("asks_in_fit", lambda xp, x: x if x == 0.0 else x * x, [lambda xp, out, x: 2.0 * x])
    model = nn.MLP(1, [3, 1], activation=asks, rng=0)
    assert run(model).engine == "compiled"
    with pytest.raises(CompileError, match="the row asks_in_fit does not run on JAX"):
        run(model, backend="jax")


def test_steps_are_compiled_once_for_all_epochs_and_for_the_next_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    traced = []
    blocks_of = on_devices.blocks_of

    def counting(plan: Any) -> Any:
        inner = blocks_of(plan)
        return lambda theta, rows: traced.append(rows.shape) or inner(theta, rows)

    monkeypatch.setattr(on_devices, "blocks_of", counting)
    model = nn.Sequential(nn.Layer(2, 4, "tanh", rng=0), nn.Dropout(0.5, rng=1), nn.Layer(4, 1, rng=2))
    X = [[0.1 * i, 1.0] for i in range(50)]  # noqa: N806
    for _ in range(2):
        nn.fit(
            model, X, [0.0] * 50, optimizer=nn.Adam(model.parameters(), 0.01), epochs=4, batch_size=20, rng=0,
            progress=False, backend="jax", devices=1,
        )  # fmt: skip
    assert traced == [(20, 7), (10, 7)]  # 2 inputs, a target and 4 numbers for Dropout


def test_a_run_goes_on_with_another_backend(tmp_path: Path) -> None:
    X = [[0.1 * i] for i in range(20)]  # noqa: N806

    def train(epochs: int, **settings: Any) -> nn.History:
        model = nn.MLP(1, [3, 1], rng=0)
        return nn.fit(
            model, X, X, optimizer=nn.Adam(model.parameters(), 0.01), epochs=epochs, batch_size=7, rng=0,
            progress=False, callbacks=[nn.Checkpoint(tmp_path / "run.json")], **settings,
        )  # fmt: skip

    whole = train(6)
    train(3, backend="jax", devices=1)
    assert train(6, resume=tmp_path / "run.json").loss == pytest.approx(whole.loss, rel=1e-9, abs=0.0)
