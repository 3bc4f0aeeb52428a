"""fit(backend=…) as far as it goes without JAX; with it: `test_conformance_jax_devices`."""

import math
import subprocess
import sys

import pytest
from program_backends import BACKENDS

import nn
from autodiff import CompileError
from autodiff.program import backends
from autodiff.program.program import Program

pytest.importorskip("numpy")


class Branch(nn.Module):
    """Its graph depends on its numbers, so that it cannot be compiled."""

    def __init__(self):
        self.layer = nn.MLP(1, [1], rng=0)

    def forward(self, inputs):
        out = self.layer.outputs_for(inputs)
        return out if out[0] > 0.0 else [out[0] * 2.0]


def run(model, **settings):
    sgd = nn.SGD(model.parameters(), 0.1)
    return nn.fit(model, [[1.0], [2.0]], [1.0, 2.0], optimizer=sgd, epochs=2, progress=False, **settings)


def many(model, **settings):
    """Of 40 examples in one batch, for which NumPy serves, whoever asks."""
    rows = [[i / 10.0] for i in range(40)]
    y = [math.sin(x) for (x,) in rows]
    sgd = nn.SGD(model.parameters(), 0.1)
    return nn.fit(model, rows, y, optimizer=sgd, epochs=3, progress=False, **settings)


@pytest.mark.parametrize(
    ("train", "widths", "taken"),
    [(run, [3, 1], "native"), (many, [3, 1], "numpy"), (run, [4000, 1], "numpy")],
    ids=["a small batch", "a large batch", "a wide model"],
)
def test_without_a_name_the_tape_runs_small_batches_of_small_models_and_numpy_all_others(
    train, widths, taken, monkeypatch
):
    asked = []
    pull_back = Program.pull_back

    def noted(*args, backend="numpy", **others):
        asked.append(backend)
        return pull_back(*args, backend=backend, **others)

    monkeypatch.setattr(Program, "pull_back", noted)
    assert train(nn.MLP(1, widths, rng=0)).engine == "compiled"
    if taken in BACKENDS:
        assert set(asked) == {taken}
    else:  # tried once
        assert asked[0] == "native" and set(asked[1:]) == {"numpy"}


def test_all_backends_of_this_machine_train_alike():
    histories = [many(nn.MLP(1, [5, 1], rng=0), backend=backend) for backend in BACKENDS]
    for history in histories:
        assert history.loss == pytest.approx(histories[0].loss, rel=1e-9, abs=0.0)
    told = {"numpy": "compiled", "native": "compiled, native"}
    assert [history.engine for history in histories] == [told[backend] for backend in BACKENDS]


def test_where_there_is_no_tape_numpy_takes_its_place_but_not_where_it_is_asked_for(monkeypatch):
    expected = run(nn.MLP(1, [3, 1], rng=0), backend="numpy")

    def gone(*_):
        raise CompileError("the native backend is not at hand")

    monkeypatch.setitem(backends.RUNNERS, "native", gone)
    assert run(nn.MLP(1, [3, 1], rng=0)).loss == expected.loss
    with pytest.raises(CompileError, match="not at hand"):
        run(nn.MLP(1, [3, 1], rng=0), backend="native")


def test_a_backend_that_is_named_must_serve_and_scalars_do_not_take_its_place():
    assert run(Branch()).engine.startswith("scalars: ")
    with pytest.raises(CompileError, match="the graph may be another for other numbers"):
        run(Branch(), backend="numpy")


def test_a_penalty_that_cannot_be_compiled_stays_with_scalars_all_the_same():
    def penalty(weights):
        return weights[0] ** 2 if weights[0].data > 0.0 else weights[0] * 0.0

    history = run(nn.MLP(1, [1], rng=0), backend="numpy", penalty=penalty)
    assert history.engine.startswith("compiled, the penalty on scalars: ")


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"backend": "torch"}, "backend is one of 'auto', 'numpy', 'native', 'jax', not 'torch'"),
        ({"backend": ["jax"]}, "backend is one of 'auto', 'numpy', 'native', 'jax', not"),
        ({"devices": 2}, "devices are JAX's: give backend='jax' with devices=2"),
        ({"backend": "numpy", "devices": 1}, "devices are JAX's: give backend='jax' with devices=1"),
        ({"backend": "numpy", "compiled": False}, "compiled=False takes scalars, which no backend runs"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_trained(settings, says):
    model = nn.MLP(1, [1], rng=0)
    before = model.state_dict()
    with pytest.raises(ValueError, match=says):
        run(model, **settings)
    assert model.state_dict() == before


@pytest.mark.once
def test_without_jax_the_error_says_what_to_install():
    script = (
        "import sys; sys.modules['jax'] = None\n"
        "import nn\n"
        "from autodiff import compile\n"
        "model = nn.MLP(1, [1], rng=0)\n"
        "sgd = nn.SGD(model.parameters(), 0.1)\n"
        "for run in (lambda: compile(lambda x: x * x, 1.0)([[1.0]], backend='jax'),\n"
        "            lambda: nn.fit(model, [1], [1], optimizer=sgd, epochs=1, backend='jax')):\n"
        "    try:\n        run()\n    except ImportError as error:\n        print(error)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.splitlines() == ["the jax backend needs jax: pip install 'autodiff[jax]'"] * 2
