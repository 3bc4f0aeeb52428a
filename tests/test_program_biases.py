"""A bias becomes a column of its matrix where that saves work, and nothing is lost by it."""

from __future__ import annotations

import numpy as np
import pytest

import nn
from autodiff import Value, compile, dot, tanh, topological_order
from autodiff.program import on_numpy
from autodiff.program.biases import with_ones
from autodiff.program.instructions import Place, Plan, Product, Pullback
from autodiff.program.program import Program

ROWS = np.random.default_rng(0).normal(size=(7, 4))


def of_a_network() -> Program:
    model = nn.MLP(3, [5, 2, 1], rng=0)
    return compile(lambda x, t: (model(x) - t) ** 2, [0.1] * 3, 0.0, parameters=model.parameters())


def products(plan: Plan) -> list[Product]:
    return [i for i in plan.instructions if isinstance(i, Product)]


def test_every_layer_of_a_network_is_one_product_and_its_gradient_another() -> None:
    program = of_a_network()
    plan = with_ones(program.plan)
    assert all(product.bias is not None for product in products(program.plan)), "as it is printed"
    assert [product.left.shape for product in products(plan)] == [(5, 4), (2, 6), (1, 3)]
    assert [product.right.index[0, -1] for product in products(plan)] == plan.ones
    assert plan.rows == program.plan.rows + 3
    backwards = [step for step in plan.pullbacks if isinstance(step, Pullback) and isinstance(step.of, Product)]
    of_parameters = [c.target.shape for step in backwards for c in step.contributions if not c.target.varies]
    assert of_parameters == [(1, 3), (2, 6), (5, 4)]
    assert all(step.contributions for step in plan.pullbacks if isinstance(step, Pullback)), (
        "of the inputs there is none"
    )


def rows_read(plan: Plan) -> set[int]:
    """But for what products read on their right side."""
    places = [x for i in plan.instructions for x in (i.out, *i.operands) if x is not getattr(i, "right", None)]
    return {int(row) for x in places if isinstance(x, Place) and x.varies for row in x.index.flat}


def test_nothing_but_matrices_reads_the_rows_of_ones() -> None:
    plan = with_ones(of_a_network().plan)
    assert plan.ones and rows_read(plan).isdisjoint(plan.ones)


def test_numpy_runs_the_plan_with_the_ones() -> None:
    plan = of_a_network().plan
    values = on_numpy.Runner(plan, 7, False, "float64").memory.values[True]
    assert len(values) == plan.rows + 3 and (values[with_ones(plan).ones] == 1.0).all()


@pytest.mark.parametrize("n", [1, 2, 7])
@pytest.mark.parametrize("reduce", ["mean", None])
def test_the_numbers_are_those_of_a_bias_that_is_added(n: int, reduce: str | None, monkeypatch) -> None:
    found = of_a_network().value_and_grad(ROWS[:n], reduce=reduce)
    monkeypatch.setattr(on_numpy, "with_ones", lambda plan: plan)
    expected = of_a_network().value_and_grad(ROWS[:n], reduce=reduce)
    assert found[0] == pytest.approx(expected[0], rel=1e-13, abs=0.0)
    assert found[1] == pytest.approx(expected[1], rel=1e-12, abs=1e-15)


def _weights() -> list[Value]:
    return [Value(0.1 * i + 0.3) for i in range(6)]


def _compiled(f, w: list[Value], lift: bool = True) -> Program:
    used = [v for v in w if v in set(topological_order(f(list(map(Value, ROWS[0].tolist())), w)))]
    return compile(lambda x: f(x, w), [0.1] * 4, parameters=used, lift=lift)


def _assert_as_on_scalars(program: Program, f, w: list[Value]) -> None:
    each = program.value_and_grad(ROWS, reduce=None)[1]
    total = program.value_and_grad(ROWS, reduce="sum", write=False)[1]
    assert total == pytest.approx(each.sum(0), rel=1e-12, abs=1e-15)
    for row, gradient in zip(ROWS.tolist(), each, strict=True):
        for v in w:
            v.grad = 0.0
        f(list(map(Value, row)), w).backward()
        assert gradient == pytest.approx([v.grad for v in program.parameters], rel=1e-12, abs=1e-15)


def _bias_of_its_own(x: list[Value], w: list[Value]) -> Value:
    return tanh(dot([w[0], w[1], w[4]], [*x[:2], 1.0])) * tanh(dot([w[2], w[3], w[5]], [*x[:2], 1.0]))


def _bias_of_two(x: list[Value], w: list[Value]) -> Value:
    return tanh(dot([w[0], w[1], w[2]], [*x[:2], 1.0])) * tanh(dot([w[3], w[4], w[2]], [*x[:2], 1.0]))


def _read_by_others(x: list[Value], w: list[Value]) -> Value:
    layer = tanh(dot([w[0], w[1], w[2]], [*x[:2], 1.0])) * tanh(dot([w[3], w[4], w[5]], [*x[:2], 1.0]))
    return layer * dot(x, x)


def _begins_with_the_last(x: list[Value], w: list[Value]) -> Value:
    return tanh(dot([w[0], w[1], w[2]], [*x[:2], 1.0])) * dot([w[3], w[4], w[5]], x[1:])


def _inputs_apart(x: list[Value], w: list[Value]) -> Value:
    return tanh(dot([w[0], w[1], w[2]], [x[0], x[2], 1.0])) * w[3]


def _weight_that_is_its_own_bias(x: list[Value], w: list[Value]) -> Value:
    return tanh(dot([w[0], w[0]], [x[0], 1.0])) * x[1]


def _of_no_example(x: list[Value], w: list[Value]) -> Value:
    return tanh(dot([w[0], w[1], w[2]], [w[3], w[4], 1.0])) * x[3]


def _on_several_inputs(x: list[Value], w: list[Value]) -> Value:
    first, second, third = [tanh(dot([w[0], w[1], w[2]], [*pair, 1.0])) for pair in (x[:2], x[1:3], [x[3], x[0]])]
    return first * second * third


@pytest.mark.parametrize(
    "f",
    [
        _bias_of_its_own,
        _bias_of_two,
        _read_by_others,
        _begins_with_the_last,
        _inputs_apart,
        _weight_that_is_its_own_bias,
        _on_several_inputs,
    ],
)
def test_where_it_would_cost_a_copy_the_plan_stays_as_it_is(f) -> None:
    w = _weights()
    program = _compiled(f, w)
    assert with_ones(program.plan) is program.plan
    _assert_as_on_scalars(program, f, w)


def test_what_no_example_changes_has_no_ones_beside_it() -> None:
    w = _weights()
    program = _compiled(_of_no_example, w, lift=False)
    assert products(program.plan)[0].bias is not None and with_ones(program.plan) is program.plan
    _assert_as_on_scalars(program, _of_no_example, w)


def _bias_used_again(x: list[Value], w: list[Value]) -> Value:
    return tanh(dot([w[0], w[1], w[2]], [*x[:2], 1.0])) * w[2]


def _weights_used_again(x: list[Value], w: list[Value]) -> Value:
    return tanh(dot([w[0], w[1], w[2]], [*x[:2], 1.0])) * tanh(dot(w[:2], x[2:]))


def _one_weight_used_again(x: list[Value], w: list[Value]) -> Value:
    return tanh(dot([w[0], w[1], w[2]], [*x[:2], 1.0])) * w[1] * x[3]


def _read_by_a_copy(x: list[Value], w: list[Value]) -> Value:
    return tanh(dot([w[0], w[1], w[2]], [*x[:2], 1.0])) * dot([w[3], w[4], w[5]], [x[0], x[1], x[3]])


@pytest.mark.parametrize("f", [_bias_used_again, _weights_used_again, _one_weight_used_again, _read_by_a_copy])
def test_gradients_that_also_come_from_elsewhere_are_added_up(f) -> None:
    w = _weights()
    program = _compiled(f, w)
    assert with_ones(program.plan).ones == [2]
    _assert_as_on_scalars(program, f, w)


def test_a_layer_that_stays_as_it_is_may_be_beside_one_that_does_not() -> None:
    def f(x: list[Value], w: list[Value]) -> Value:
        return tanh(dot(w[:3], [*x[:2], 1.0])) * tanh(dot(w[3:], [x[0], x[1], x[3], 1.0]))

    w = [Value(0.1 * i + 0.3) for i in range(7)]
    program = _compiled(f, w)
    plan = with_ones(program.plan)
    assert plan.ones == [2] and [product.bias is None for product in products(plan)] == [True, False]
    _assert_as_on_scalars(program, f, w)


def test_a_bias_that_is_not_learned_is_no_column_of_what_is() -> None:
    w = _weights()
    learned = [w[0], w[1], w[3], w[4]]

    def f(x: list[Value]) -> Value:
        return tanh(dot([*w[:2], w[2]], [*x, 1.0])) * tanh(dot([*w[3:5], w[5]], [*x, 1.0]))

    program = compile(f, [0.1] * 2, parameters=learned)
    assert with_ones(program.plan) is program.plan
    gradient = program.value_and_grad(ROWS[:, :2], reduce="sum", write=False)[1]
    for row in ROWS[:, :2].tolist():
        f(list(map(Value, row))).backward()
    assert gradient == pytest.approx([v.grad for v in learned], rel=1e-12, abs=1e-15)
