"""fit(backend=…) as far as it goes without JAX; with it: `test_conformance_jax_devices`."""

import subprocess
import sys

import pytest

import nn
from autodiff import CompileError

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


def test_numpy_is_what_compiles_without_a_name():
    named, unnamed = (run(nn.MLP(1, [3, 1], rng=0), **settings) for settings in ({"backend": "numpy"}, {}))
    assert named.engine == unnamed.engine == "compiled"
    assert named.loss == unnamed.loss


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
        ({"backend": "torch"}, "backend is one of 'auto', 'numpy', 'jax', not 'torch'"),
        ({"backend": ["jax"]}, "backend is one of 'auto', 'numpy', 'jax', not"),
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
