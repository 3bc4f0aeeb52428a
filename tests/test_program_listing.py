"""What a Program says of itself: the lines of the textbook, runnable NumPy code, formulas, and what was found."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from architectures import ARCHITECTURES, listings, network, weights

import nn
from autodiff import (
    CompileError,
    Value,
    compile,
    define_op,
    dot,
    exp,
    logsumexp,
    sin,
    tan,
    tanh,
    topological_order,
    where,
)
from autodiff import sum as total
from autodiff.program.instructions import Place

EXPECTED = (Path(__file__).parent / "program_listings.txt").read_text("utf-8")


def test_a_network_of_two_layers_reads_as_the_lectures_write_it() -> None:
    program = ARCHITECTURES["the textbook's: two layers of sigmoids, squared error"]()
    assert str(program).splitlines() == [
        "z1[3] = W1[3×2] @ x[2] + b1[3]",
        "a1 = σ(z1)",
        "z2[1] = W2[1×3] @ a1[3] + b2[1]",
        "a2 = σ(z2)",
        "v1 = a2 − y",
        "L = v1²",
    ]
    assert str(program.backward).splitlines() == [
        "δ2 = 2·v1·a2·(1 − a2)",
        "∂L/∂W2 += δ2 a1ᵀ",
        "∂L/∂b2 += δ2",
        "δ1 = W2ᵀ δ2 ⊙ a1 ⊙ (1 − a1)",
        "∂L/∂W1 += δ1 xᵀ",
        "∂L/∂b1 += δ1",
    ]


def test_of_twenty_architectures_the_listings_are_those_on_file() -> None:
    found = "\n\n".join(f"=== {name}\n\n{text}" for name, text in listings())
    assert found.splitlines() == EXPECTED.rstrip("\n").splitlines()


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_the_source_runs_and_gives_the_gradient(name: str) -> None:
    program = ARCHITECTURES[name]()
    rows = np.random.default_rng(0).uniform(0.1, 0.9, (5, program.inputs))
    loss, gradient = program.value_and_grad(rows, write=False)
    for textbook in (False, True):
        made: dict[str, object] = {}
        exec(program.source(textbook), made)
        assert set(made) <= {"__builtins__", "np", "math", "erf", "erfc", "value_and_gradient"}
        found = made["value_and_gradient"](program.theta(), rows)  # type: ignore[operator]
        assert found[0] == pytest.approx(loss, rel=1e-12, abs=1e-14)
        assert found[1] == pytest.approx(gradient, rel=1e-9, abs=1e-12)


def test_the_source_of_a_network_is_short_and_names_its_matrices() -> None:
    source = network("mse", 2, [16, 1]).source(textbook=True)
    assert source.count("\n") < 35
    assert "z1 = W1 @ x + b1" in source
    assert "dz1 = da1 * (1.0 - a1 * a1)" in source


def test_the_source_of_a_prediction_gives_the_outputs() -> None:
    model = nn.MLP(2, [3, 2], rng=0)
    program = compile(model, [0.0, 0.0], parameters=model.parameters()[:0])
    made: dict[str, object] = {}
    exec(program.source(), made)
    rows = np.random.default_rng(0).normal(size=(5, 2))
    assert made["outputs"](program.theta(), rows) == pytest.approx(program(rows), rel=1e-14, abs=1e-14)  # type: ignore[operator]


def known_before(source: str) -> Iterator[str]:
    """What code computes of numbers alone, or by a factor ±1, a false condition or a choice that is made already."""
    for node in ast.walk(ast.parse(source)):
        parts: list[ast.expr] = []
        needless: set[float] = set()
        if isinstance(node, ast.BinOp):
            parts = [node.left, node.right]
            needless = {1.0, -1.0} if isinstance(node.op, ast.Mult) else set()
            needless = {0.0} if isinstance(node.op, ast.BitAnd) else needless
        elif isinstance(node, ast.Compare):
            parts = [node.left, *node.comparators]
        elif isinstance(node, ast.Call) and ast.unparse(node.func) == "np.where":
            parts = [node.args[0]]
        numbers = [float(text) for text in map(ast.unparse, parts) if re.fullmatch(r"-?[\d.e+-]+", text)]
        if parts and (len(numbers) == len(parts) or needless & set(numbers)):
            yield ast.unparse(node)


@pytest.mark.parametrize(
    "f",
    [
        lambda x, w: x + w,
        lambda x, w: x - w,
        lambda x, w: w * 1.0 + x,
        lambda x, w: x * w**3,
        lambda x, w: x * 2.0**w,
    ],
)
def test_the_source_computes_nothing_that_is_known_before(f: Callable[[Any, Any], Any]) -> None:
    w = Value(2.0, "w")
    source = compile(lambda x: f(x, w), 1.0, parameters=[w]).source()
    assert list(known_before(source)) == []


def test_neurons_of_two_inputs_without_bias_in_single_operations_are_a_matrix() -> None:
    assert str(network("mse", 2, [2, 1], fused=False, bias=False)).startswith("z1[2] = W1[2×2] @ x[2]\n")


@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize("bias", [True, False])
def test_no_mlp_has_a_gather(fused: bool, bias: bool) -> None:
    program = network("mse", 3, [5, 4, 1], fused=fused, bias=bias)
    places = [place for i in program.plan.instructions for place in i.operands if isinstance(place, Place)]
    assert all(place.steps is not None and place.distinct for place in places)


GRAPHS: dict[str, tuple[Callable[..., Any], int, int, list[str]]] = {  # of so many weights and inputs
    "what chooses has no gradient": (lambda w, x: where(w[0], w[1] * x, x), 2, 1, ["∂L/∂w[2] += [w[1] > 0]·x"]),
    "a result of weights alone": (
        lambda w, x: w[0] * w[1] * x, 2, 1,
        ["∂L/∂v1 = x", "∂L/∂w[1] += ∂L/∂v1·w[2]", "∂L/∂w[2] += ∂L/∂v1·w[1]"],
    ),
    "an operand that is there twice": (lambda w, x: x * (w[0] / w[0]), 1, 1, ["∂L/∂w += x·1/w + x·(−v1/w)"]),
    "a term that is there twice": (lambda w, x: total([w[0], w[0], x]), 1, 1, ["∂L/∂w += 2"]),
    "what every term has": (
        lambda w, x, y: total([tan(x + w[0]), tan(y + w[0])]), 1, 2, ["∂L/∂w += Σ (1 + v2²)"]
    ),
    "dots that share nothing": (
        lambda w, *x: tanh(dot(w[:2], x[:2])) * tanh(dot(w[2:], x[2:])), 4, 4,
        ["∂L/∂v2[1] = v2[2]", "∂L/∂v2[2] = v2[1]", "∂L/∂w[1,3,2,4] += ∂L/∂v2 ⊙ (1 − v2²) ⊙ x[1,3,2,4]"],
    ),
    "weights from the last to the first": (lambda w, *x: dot(w[::-1], x), 4, 4, ["∂L/∂w[4,3,2,1] += xᵀ"]),
}  # fmt: skip


@pytest.mark.parametrize("graph", GRAPHS)
def test_a_gradient_is_written_by_what_it_consists_of_and_the_source_gives_it(graph: str) -> None:
    f, count, inputs, lines = GRAPHS[graph]
    w = weights(count)
    program = compile(lambda *x: f(w, *x), *[1.0] * inputs, parameters=w)
    assert str(program.backward).splitlines() == lines
    if graph.startswith("dots"):
        assert str(program).startswith("v1 = w[1,3,2,4] · x[1,3,2,4]\n")
    rows = np.random.default_rng(0).normal(size=(5, inputs))
    made: dict[str, Any] = {}
    exec(program.source(), made)
    found = made["value_and_gradient"](program.theta(), rows)[1]
    assert found == pytest.approx(program.value_and_grad(rows)[1], rel=1e-12, abs=1e-14)


def test_a_sum_node_by_node_has_a_gradient_for_each_time_that_a_term_is_there() -> None:
    (w,) = weights(1)

    def gradient(f: Callable[[Any], Any]) -> list[str]:
        return str(compile(f, 1.0, parameters=[w], lift=False).backward).splitlines()

    assert gradient(lambda x: total([w, w, w])) == ["∂L/∂w += 3"]
    assert gradient(lambda x: total([v := w * 1.0, x, x, v])) == ["∂L/∂(v2, x)[…] = 2", "∂L/∂w += ∂L/∂v2"]
    assert gradient(lambda x: total([v := w * 1.0, v, x])) == ["∂L/∂(v2, v2, x) = Σ 1", "∂L/∂w += ∂L/∂v2"]


@pytest.mark.parametrize(
    ("f", "gradient"),
    [
        (lambda a: exp(0.5 * a) + sin(a), "cos(a1) + 0.5·v3"),
        (lambda a: sin(a) + exp(0.5 * a), "0.5·v3 + cos(a1)"),
        (lambda a: exp(0.0 * a) + sin(a), "cos(a1) + 0·v3"),
        (lambda a: sin(a) + exp(0.0 * a), "0·v3 + cos(a1)"),
        (lambda a: sin(a) + exp(-a), "cos(a1) − v3"),
    ],
)
def test_terms_of_a_gradient_are_in_the_order_of_the_pullbacks_and_what_is_subtracted_comes_last(
    f: Callable[[Any], Any], gradient: str
) -> None:
    w = weights(2)
    program = compile(lambda x: f(tanh(dot(w, x))), [1.0, 1.0], parameters=w)
    assert str(program.backward).splitlines()[0] == f"∂L/∂a1 = {gradient}"


def test_a_formula_has_products_by_element_parts_and_names_of_one_letter_as_latex_has_them() -> None:
    w = [Value(0.5, "w"), *weights(3, "u")]
    program = compile(
        lambda x, y: w[0] * tanh(x[0] * w[1]) * tanh(x[1] * w[2]) * sin(dot(w[1:], [x[0], x[1], y])),
        [1.0, 2.0],
        3.0,
        parameters=w,
    )
    assert r"v_{1} &= x \odot \mathrm{W1[1\dots 2]} \\" in program.forward.latex
    assert r"\frac{\partial L}{\partial w} &\mathrel{+}= " in program.backward.latex


def test_a_listing_is_formulas_in_jupyter_and_text_elsewhere() -> None:
    program = network("mse", 2, [3, 1])
    assert r"z_{1} &= W_{1} x + b_{1}" in program.forward.latex
    assert r"\frac{\partial L}{\partial W_{1}} &\mathrel{+}= \delta_{1} \, x^\top" in program.backward.latex
    assert program._repr_latex_() == f"$\\displaystyle {program.forward.latex}$"
    assert "<pre>" in program.forward._repr_html_()
    assert repr(program.backward) == str(program.backward)


def test_a_label_with_markup_stays_text() -> None:
    x, w = Value(1.0, "<script>"), Value(2.0, "w_{1}%")
    program = compile(x * w, inputs=[x], parameters=[w])
    assert "<script>" not in program.forward._repr_html_()
    assert r"w\_\{1\}\%" in program.forward.latex
    exec(program.source())


def test_names_come_from_labels_and_from_named_parameters() -> None:
    layer = nn.Layer(2, 2, rng=0)
    program = compile(
        lambda u: dot(layer.forward(u), layer.forward(u)), [0.1, 0.2], parameters=dict(layer.named_parameters())
    )
    assert "@ u[2]" in str(program)
    w = [Value(0.5, "w"), Value(2.0)]
    assert str(
        compile(lambda x: tanh(w[0] * x) * w[1], 0.5, parameters={"slope": w[0], "height": w[1]})
    ).splitlines() == [
        "v1 = slope·x",
        "v2 = tanh(v1)",
        "L = v2·height",
    ]
    w = weights(2, "slope")
    assert "slope" in str(compile(lambda x: tanh(w[0] * x) * w[1], 0.5, parameters=w))


def test_stats_count_what_compiling_made_of_the_graph() -> None:
    program = network("mse", 2, [16, 16, 1])
    stats = program.stats
    assert stats.nodes == 67 and stats.instructions == 7
    assert 0.8 < stats.in_products < 1.0 and stats.by_element == ()
    assert stats.bytes_per_example == 16 * program.plan.rows == 16 * (3 + 4 * 16 + 1 + 2)
    assert repr(program) == "Program(3 inputs, 337 parameters: 67 nodes in 7 instructions)"


def test_a_row_that_asks_for_a_value_runs_by_element_and_says_so() -> None:
    branching = define_op("branching", lambda xp, x: 0.0 * x if x == 0.0 else x * x, [lambda xp, out, x: 2.0 * x])
    w = Value(0.5, "w")
    program = compile(lambda x: branching(w * x) + 1.0, 0.3, parameters=[w])
    assert program.stats.by_element == ("branching",)
    assert program([2.0, 0.0]).tolist() == [2.0, 1.0]
    assert program.value_and_grad([2.0, 4.0], reduce=None)[1].tolist() == [[4.0], [16.0]]
    with pytest.raises(CompileError, match="branching cannot be run on arrays: it asks for the value of an operand"):
        program.source()


SHARED = ["v1 = x + w", "v2 = tanh(v1)", "v3 = v1²", "L = v3 + v2"]


@pytest.mark.parametrize(
    ("f", "expected"),
    [
        (lambda w, x, y, z: w[0] * x + w[1] * y, ["z1[1] = W1[1×2] @ (x, y)[2]"]),
        (lambda w, x, y, z: w[0] * x + w[1], ["z1[1] = w[1] @ x[1] + w[2]"]),
        (lambda w, x, y, z: w[1] + x * w[0], ["z1[1] = w[1] @ x[1] + w[2]"]),
        (lambda w, x, y, z: w[0] * x + y, ["v1 = w·x", "L = v1 + y"]),
        (lambda w, x, y, z: x * y + w[0], ["v1 = x·y", "L = v1 + w"]),
        (lambda w, x, y, z: x * y + y * z, ["v1 = (x, y) ⊙ (y, z)", "L = v1[1] + v1[2]"]),
        (lambda w, x, y, z: w[0] * x + y * z, ["v1 = y·z", "v2 = w·x", "L = v2 + v1"]),
        (lambda w, x, y, z: x + y + z, ["L = Σ (x, y, z)"]),
        (lambda w, x, y, z: total([x, y]) + z, ["L = Σ (x, y, z)"]),
        (lambda w, x, y, z: (w[0] + w[1] + w[2]) * x, ["v1 = Σ w", "L = v1·x"]),
        (lambda w, x, y, z: total([w[0] * x, w[1] * y, w[2]]), ["z1[1] = W1[1×2] @ (x, y)[2] + w[3]"]),
        (lambda w, x, y, z: dot(w[:2], [x, y]) + w[2], ["z1[1] = W1[1×2] @ (x, y)[2] + w[3]"]),
        (lambda w, x, y, z: dot(w[:2], [x, y]) + z, ["z1[1] = W1[1×2] @ (x, y)[2]", "L = z1 + z"]),
        (lambda w, x, y, z: dot([w[0], 1.0], [x, 1.0]), ["z1[1] = w[1] @ x[1] + 1[1]"]),
        (lambda w, x, y, z: dot([w[0]], [x]) + tanh(y), ["z1[1] = w[1] @ x[1]", "v1 = tanh(y)", "L = z1 + v1"]),
        (lambda w, x, y, z: dot(w[:2], w[2:]) * x, ["v1 = w[1…2] · w[3…4]", "L = v1·x"]),
        (lambda w, x, y, z: Value(2.0) * x + Value(3.0) * y + 0.0 * w[0], ["z1[1] = (2, 3)[1×2] @ (x, y)[2]"]),
        (lambda w, x, y, z: total([0.0, w[0] * x, Value(0.0)]) + w[2] * y, ["z1[1] = W1[1×2] @ (x, y)[2]"]),
        (lambda w, x, y, z: w[0] * 1.0 + x * 1.0 + y, ["v1 = w", "L = Σ (x, y, v1)"]),
        (
            lambda w, x, y, z: w[0] * x + x * y + z + w[1] + w[2] * w[3] + 2.0,
            ["v1 = w[3]·w[4]", "v2 = Σ (v1, w[2], 2)", "v3 = x·y", "z1[1] = w[1] @ x[1] + v2[1]", "L = Σ (z1, v3, z)"],
        ),
        (lambda w, x, y, z: shared(x + y, z, w[0]), ["v1 = x + y", "v2 = tanh(v1)", "L = Σ (v2, v1, z)"]),
        (lambda w, x, y, z: shared(w[0] * x, y, w[1]), ["v1 = w·x", "v2 = tanh(v1)", "L = Σ (v2, v1, y)"]),
        (lambda w, x, y, z: (x + w[0]) * (x + w[0]) + tanh(x + w[0]), SHARED),
        (lambda w, x, y, z: 2.0 * x + w[0], ["v1 = 2·x", "L = v1 + w"]),
        (lambda w, x, y, z: tanh(w[0] * x) * y + w[1], ["v1 = w[1]·x", "v2 = tanh(v1)", "v3 = v2·y", "L = v3 + w[2]"]),
        (
            lambda w, x, y, z: exp(w[0] * x) * y + exp(w[1] * y) * x,
            ["v1 = w ⊙ (x, y)", "v2 = exp(v1)", "v3 = v2 ⊙ (y, x)", "L = v3[1] + v3[2]"],
        ),
        (lambda w, x, y, z: w[1] * (w[0] + 0.0) * x, ["v1 = w[1] + 0", "v2 = w[2]·v1", "L = v2·x"]),
        (
            lambda w, x, y, z: exp(w[0] * w[1] + w[2] * w[3]) * x,
            ["v1 = w[1,3] ⊙ w[2,4]", "v2 = v1[1] + v1[2]", "v3 = exp(v2)", "L = v3·x"],
        ),
        (
            lambda w, x, y, z: total([w[0] * x, -0.0, 0.0 * exp(w[1])]),
            ["v1 = exp(w[2])", "v2 = 0·v1", "z1[1] = w[1] @ x[1] + v2[1]"],
        ),
    ],
)  # fmt: skip
def test_sums_are_gathered_from_how_they_are_written(f: Callable[..., Value], expected: list[str]) -> None:
    w = [Value(0.1 * i, f"w[{i}]") for i in range(1, 5)]
    x = [Value(0.5 * i, name) for i, name in enumerate("xyz", 1)]
    out = f(w, *x)
    within = set(topological_order(out))
    program = compile(out, inputs=[v for v in x if v in within], parameters=[v for v in w if v in within])
    assert str(program).splitlines() == expected
    rows = [[v.data for v in x if v in within]]
    assert program(rows) == pytest.approx(out.data, rel=1e-14, abs=0.0)


def shared(term: Value, y: Value, _: Value) -> Value:
    return tanh(term) + (term + y)


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ((["x1", "x2"], ["w1", "w2"]), "v1 = x ⊙ w"),
        ((["x[1]", "x[2]"], ["w[1]", "w[2]"]), "v1 = x ⊙ w"),
        ((["a", "b"], ["c", "d"]), "v1 = (a, b) ⊙ (c, d)"),
        ((["", ""], ["", ""]), "v1 = x ⊙ w"),
        ((["x", "x"], ["x", "x"]), "v1 = x ⊙ x2"),
        ((["1", "2"], ["", ""]), "v1 = x ⊙ w"),
        ((["t", "x2"], ["x1", "s"]), "v1 = (t, x2) ⊙ (x1, s)"),
        ((["W[1,1]", "W[1,2]"], ["W[2,1]", "W[2,2]"]), "v1 = W ⊙ W2"),
    ],
)
def test_neighbours_whose_labels_differ_in_their_index_have_one_name(labels: Any, expected: str) -> None:
    x, w = ([Value(0.5, label) for label in side] for side in labels)
    program = compile(tanh(x[0] * w[0]) * exp(x[1] * w[1]), inputs=x, parameters=w)
    assert str(program).splitlines()[0] == expected


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (("Wq[1,1]", "Wq[1,2]", "bq[1]"), "z1[1] = Wq[1×2] @ x[2] + bq[1]"),
        (("first[1]", "second[1]", "b"), "z1[1] = W1[1×2] @ x[2] + b1[1]"),
        (("w[1]", "w[2]", "b[7]"), "z1[1] = W1[1×2] @ x[2] + b[7]"),
    ],
)
def test_a_matrix_has_the_name_that_its_weights_share(labels: Sequence[str], expected: str) -> None:
    w = [Value(0.5, label) for label in labels]
    program = compile(lambda x: tanh(dot(w[:2], x) + w[2]), [1.0, 2.0], parameters=w)
    assert str(program).splitlines()[0] == expected


def test_a_place_of_several_names_or_numbers_is_written_by_what_is_in_it() -> None:
    def first_line(f: Callable[..., Any], labels: Sequence[str]) -> str:
        w = [Value(0.5, label) for label in labels]
        return str(compile(lambda x: f(w, x), [1.0, 2.0], parameters=w)).splitlines()[0]

    numbered = [f"w{i}" for i in range(1, 9)]
    neurons = "z1[4] = W1[4×2] @ x[2] + (b, numbers)[…]"
    biased = lambda w, x: [dot(w[2 * i : 2 * i + 2], x) + (w[8 + i] if i < 2 else 0.0) for i in range(4)]  # noqa: E731
    assert first_line(lambda w, x: total([tanh(z) for z in biased(w, x)]), [*numbered, "b1", "b2"]) == neurons
    assert first_line(lambda w, x: tanh(dot([w[0], w[0]], x)), ["u"]) == "z1[1] = u[1×2] @ x[2]"
    assert first_line(lambda w, x: exp(w[1] * x[0]) * w[0] * w[2], ["w[3]", "w", "w[5]"]) == "v1 = w[2]·x[1]"
    four, five = ((lambda w, x, n=n: logsumexp([*w[:2], *w[3 : n + 1]]) * w[2] * x[0]) for n in (4, 5))
    assert first_line(lambda w, x: four(w, x) + w[5] * x[1], numbered[:6]) == "v1 = logsumexp(w[1,2,4,5])"
    assert first_line(five, numbered[:6]) == "v1 = logsumexp(w[…])"


def test_what_adds_up_pre_activations_is_no_activation() -> None:
    w = weights(6)
    program = compile(lambda x: logsumexp([dot(w[:2], x) + w[4], dot(w[2:4], x) + w[5]]), [1.0, 2.0], parameters=w)
    assert str(program).splitlines() == ["z1[2] = W1[2×2] @ x[2] + b1[2]", "L = logsumexp(z1)"]


def test_a_name_that_is_taken_is_followed_by_a_number() -> None:
    w = [Value(0.5, label) for label in ("a", "v", "L", "x")]
    program = compile(lambda x: tanh(dot(w[:2], [x, x * x])) * exp(w[2] * x) * w[3], 1.0, parameters=w)
    assert str(program).splitlines() == [
        "v1 = x²",
        "v2 = L·x",
        "z1[1] = W1[1×2] @ (x, v1)[2]",
        "v3 = exp(v2)",
        "a1 = tanh(z1)",
        "v4 = a1·v3",
        "L2 = v4·x2",
    ]


@pytest.mark.parametrize("first", [0, 1, 7])
def test_a_part_of_a_name_has_the_numbers_of_its_labels(first: int) -> None:
    w = [Value(0.5, f"w[{first + i}]") for i in range(4)]
    program = compile(lambda x: tanh(dot(w[1:3], w[2:])) * exp(w[1]) * tanh(w[0] * w[3]) * x, 1.0, parameters=w)
    a, b, c, d = (first + i for i in range(4))
    lines = str(program).splitlines()
    assert lines[0] == f"v1 = w[{b}…{c}] · w[{c}…{d}]"
    assert {f"v2 = exp(w[{b}])", f"v3 = w[{a}]·w[{d}]"} <= set(lines)


def test_a_part_of_a_name_without_numbers_is_counted_from_1() -> None:
    w = [Value(0.5) for _ in range(4)]
    program = compile(lambda x: tanh(dot(w[1:3], w[2:])) * x * w[0], 1.0, parameters=w)
    assert str(program).splitlines()[0] == "v1 = w[2…3] · w[3…4]"
