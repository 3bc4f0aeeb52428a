"""Where only the standard library and two small packages are, as in a browser's Python: what works there, and how."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = pytest.mark.once

MISSING = "numpy matplotlib pygraphviz sklearn scipy pandas tqdm jax hypothesis"
BLOCKED = f"""
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {MISSING.split()!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Missing())
import autodiff, nn, viz
from autodiff import Value
x, y = Value(2.0, "x"), Value(3.0, "y")
f = x * y + x
f.label = "f"
f.backward()
"""


def run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", BLOCKED + code], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_graphs_steps_and_explanations_need_no_numpy() -> None:
    said = run("print(viz.draw(f)); print(viz.step(f)); print(viz.explain(f, x))")
    assert "f     v1 + x   8     1     output" in said
    assert "df/dx += df/dv1 · ∂v1/∂x = 1 · 3 = 3" in said
    assert "df/dx  = 3 + 1 = 4" in said


def test_a_network_trains_and_predicts_on_scalars_without_numpy() -> None:
    said = run("""
model = nn.MLP(2, [4, 1], activation="tanh", rng=1)
X, t = [[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0]
history = nn.fit(model, X, t, loss="binary_cross_entropy_with_logits", epochs=200, rng=0, progress=False,
                 optimizer=nn.Adam(model.parameters(), lr=0.1))
print(history.engine); print(model.predict_class(X)); print(len(model.predict([[0.5, 0.5]] * 500)))
""")
    assert said.splitlines() == [
        "scalars: NumPy cannot be imported (No module named 'numpy')", "[0, 1, 1, 0]", "500",
    ]  # fmt: skip


def test_a_network_is_stepped_through_without_its_matrices() -> None:
    said = run("""
model = nn.MLP(2, [2, 1], rng=0)
print(viz.step((model([x, y]) - 1.0) ** 2, collapse=model))
print(viz.draw_network(model, [0.5, 1.0], 1.0))
""")
    assert "∂v" in said
    assert "loss" in said


def test_derivatives_of_functions_and_their_check_need_no_numpy() -> None:
    said = run("""
print(autodiff.hessian(lambda a: a[0] ** 2 * a[1])([2.0, 3.0]))
print(autodiff.gradcheck(lambda a, b: a * b, [1.0, 2.0]).ok)
""")
    assert said.splitlines() == ["[[6.0, 4.0], [4.0, 0.0]]", "True"]


def test_a_picture_without_graphviz_says_what_to_install() -> None:
    assert "pip install 'pygraphviz>=2'" in run("try: viz.draw(f).svg\nexcept ImportError as error: print(error)")
