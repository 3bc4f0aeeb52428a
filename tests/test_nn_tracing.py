"""A model as a Program: what is compiled and what is not, what it brings beside its numbers, and what is kept of it."""

import random

import pytest

import nn
from autodiff import CompileError, Value, exp, log, no_grad, tanh
from nn import MLP, SGD, Dropout, Embedding, Layer, Module, Sequential, fit
from nn.tracing import Traced, require_equal

np = pytest.importorskip("numpy")

rng = random.Random(0)
X = [[rng.uniform(-1.0, 1.0) for _ in range(2)] for _ in range(22)]
Y = [a * b for a, b in X]


class Counted(Module):
    """A model of one's own, and how often it was run."""

    def __init__(self, function, outputs=None):
        self.w, self.outputs = Value(0.5), outputs
        self._function, self._runs = function, []

    def forward(self, inputs):
        self._runs.append(inputs)
        return self._function(self.w, inputs)

    @property
    def runs(self):
        return len(self._runs)


def product():
    return Counted(lambda w, x: [w * x[0] * x[1]], outputs=1)


# What is compiled.


def test_more_than_twenty_rows_are_compiled_run_once_for_the_graph_and_once_to_compare():
    for rows, runs in ((20, 20), (21, 2), (22, 2)):
        model = product()
        model.predict(X[:rows])
        assert model.runs == runs


@pytest.mark.parametrize("rows", [1, 2, 22])
def test_what_is_compiled_on_request_is_compiled_for_few_rows_too(rows):
    model = product()
    expected = model.predict(X[:rows], compiled=False)
    found = [nn.evaluate(model, X[:rows], Y[:rows], compiled=compiled)["loss"] for compiled in (True, False)]
    assert found[0] == pytest.approx(found[1], rel=1e-12, abs=0.0)
    model = product()
    assert model.predict(X[:rows], compiled=True) == pytest.approx(expected, rel=1e-15, abs=0.0)
    assert model.runs == 2
    nn.evaluate(model, X[:rows], Y[:rows], compiled=True)
    assert model.runs == 4


def test_what_it_predicts_and_what_it_is_measured_by_are_kept_both():
    model = product()
    for _ in range(3):
        model.predict(X)
        nn.evaluate(model, X, Y)
    assert model.runs == 2 * (1 + 3), "once each for the graph, and once each time to compare"


def test_that_a_model_cannot_be_compiled_is_found_once():
    model = Counted(lambda w, x: [w * x[0] if x[1] > 0.0 else w])
    model.predict(X)
    model.predict(X)
    assert model.runs == 1 + 2 * 22
    with pytest.raises(CompileError, match=r"^a comparison of a Value at test_nn_tracing.py, line"):
        model.predict(X, compiled=True)
    assert model.runs == 1 + 2 * 22


@pytest.mark.parametrize(
    "function",
    [
        lambda w, x: [w if type(x[0]) is float else w * 2.0],
        lambda w, x: [w if isinstance(x[0], float) else w * 2.0, w],
        lambda w, x: [w, w if isinstance(x[0], float) else w * 2.0],
    ],
)
def test_a_model_that_gives_something_else_for_values_is_found_out_however_few_the_rows(function):
    for rows in (X[:2], X):
        model = Counted(function)
        with pytest.raises(CompileError, match="scalars give 0.5 where the compiled model gives 1: something that it"):
            model.predict(rows, compiled=True)
        assert model.predict(rows) == model.predict(rows, compiled=False)


def test_a_constant_of_the_row_that_is_traced_is_found_by_the_first_of_two():
    def detached(w, x):
        with no_grad():
            gate = 1.0 * x[1]
        return [w * gate]

    with pytest.raises(CompileError, match="scalars give"):
        Counted(detached).predict(X[:2], compiled=True)


def test_a_loss_that_gives_something_else_for_values_is_found_out():
    def odd(prediction, target):
        return (prediction - target) ** 2 if isinstance(target, float) else prediction * target

    model = MLP(2, [1], rng=0)
    assert nn.evaluate(model, X, Y, odd) == nn.evaluate(model, X, Y, odd, compiled=False)
    with pytest.raises(CompileError, match="scalars give"):
        nn.evaluate(model, X, Y, odd, compiled=True)


def test_a_loss_that_gives_a_number_is_no_graph():
    with pytest.raises(CompileError, match="^the loss five gives float 5.0, not a Value"):
        nn.evaluate(MLP(2, [1], rng=0), X, Y, nn.Loss(lambda p, t: 5.0, name="five"), compiled=True)


def test_a_penalty_that_gives_a_number_is_no_graph():
    model = MLP(2, [1], rng=0)
    with pytest.raises(CompileError, match="^the penalty: it gives float 5.0, not a Value"):
        fit(
            model, X, Y, optimizer=SGD(model.parameters()), epochs=1, penalty=lambda weights: 5.0, compiled=True,
            progress=False,
        )  # fmt: skip


def test_a_penalty_is_run_once_for_its_graph_and_once_an_epoch_to_compare():
    calls = []

    def penalty(weights):
        calls.append(len(weights))
        return 0.1 * weights[0] * weights[1]

    model = MLP(2, [1], rng=0)
    fit(
        model, X, Y, optimizer=SGD(model.parameters()), epochs=3, batch_size=2, rng=0, penalty=penalty, compiled=True,
        progress=False,
    )  # fmt: skip
    assert calls == [2] * (1 + 3)


def test_outputs_that_are_numbers_and_those_that_are_parameters_are_compiled_too():
    model = Counted(lambda w, x: [x[0], 1.5, w, w * x[1]])
    assert model.predict(X, compiled=True) == [[a, 1.5, 0.5, 0.5 * b] for a, b in X]
    assert nn.evaluate(model, X, [[a, 1.5, 0.5, 0.5 * b] for a, b in X], compiled=True) == {"loss": 0.0}


def test_targets_of_several_numbers_stand_beside_the_inputs():
    model, y = MLP(2, [2], rng=0), [[a * b, a - b] for a, b in X]
    found = [nn.evaluate(model, X, y, compiled=compiled)["loss"] for compiled in (True, False)]
    assert found[0] == pytest.approx(found[1], rel=1e-12, abs=0.0)


@pytest.mark.parametrize(
    ("function", "error"),
    [(lambda w, x: [log(x[0] * w)], ValueError), (lambda w, x: [exp(x[0] * -1e4 * w)], OverflowError)],
)
def test_where_a_program_has_no_number_the_error_is_that_of_scalars(function, error):
    messages = []
    for compiled in (None, True, False):
        with pytest.raises(error) as caught:
            Counted(function).predict(X, compiled=compiled)
        messages.append(str(caught.value))
    assert messages[0] == messages[1] == messages[2]


def test_a_model_that_another_thread_is_running_answers_by_a_copy_of_its_program():
    model = product()
    expected = model.predict(X)
    traced = vars(model)["_compiled"]["outputs"][1]
    with traced.program._alone, pytest.raises(RuntimeError, match="running already"):
        traced.run(np.array(X))
    with traced.program._alone:
        assert model.predict(X) == expected
    assert model.runs == 1 + 2, "one graph, and one look for each answer"


def test_what_changed_is_compiled_again_and_not_left_to_scalars():
    model = MLP(2, [3, 1], "tanh", rng=0)
    model.predict(X, compiled=True)
    for neuron in model.layers[0].neurons:
        neuron.activation = "relu"
    expected = model.predict(X, compiled=False)
    assert model.predict(X, compiled=True) == pytest.approx(expected, rel=1e-12, abs=1e-15)


def test_a_forward_that_changes_its_list_is_traced_with_the_inputs_that_it_was_given():
    def doubled(w, x):
        x[0] = 2.0 * x[0]
        return [w * x[0] * x[1]]

    model = Counted(doubled)
    assert model.predict(X, compiled=True) == pytest.approx([a * b for a, b in X], rel=1e-15, abs=0.0)
    assert model.runs == 2


# What counts as equal.


@pytest.mark.parametrize(
    ("found", "expected", "scale"),
    [
        ([1.0 + 0.9e-9], [1.0], 0.0),
        ([0.0, 1e3], [0.9e-9, 1e3], 0.0),
        ([0.0], [0.9e-10], 100.0),
        ([0.0], [0.9e-15], 0.0),
    ],
)
def test_rounding_is_no_difference(found, expected, scale):
    require_equal(found, expected, scale)


@pytest.mark.parametrize(
    ("found", "expected", "scale"),
    [
        ([1.0 + 2e-9], [1.0], 0.0),
        ([0.0, 1e3], [2e-9, 1e3], 0.0),
        ([0.0], [2e-10], 100.0),
        ([0.0], [2e-15], 0.0),
        ([0.0], [2e-15], 1e-4),
    ],
)
def test_more_than_rounding_is_a_compile_error(found, expected, scale):
    with pytest.raises(CompileError, match=f"scalars give {expected[0]:.10g} where the compiled model gives "):
        require_equal(found, expected, scale)


def test_unless_more_is_said_the_numbers_themselves_are_the_scale():
    with pytest.raises(CompileError, match="scalars give 2e-13 where the compiled model gives 0"):
        require_equal([0.0], [2e-13])


def test_a_loss_may_differ_by_the_rounding_of_its_largest_output():
    """1e-7 is rounding of 1e6, and all of the loss."""
    model = Counted(lambda w, x: [x[0] * 1e6 + (0.0 if isinstance(x[0], float) else 1e-7), 0.0 * w], outputs=2)
    loss = nn.evaluate(model, [[1.0]], [[1e6, 0.0]], "mae", compiled=True)["loss"]
    assert loss == pytest.approx(5e-8, rel=0.01, abs=0.0)
    assert model.runs == 2


# What an example brings beside its numbers.


def test_rows_come_in_parts_of_as_many_as_memory_allows_and_never_of_none(monkeypatch):
    traced = Traced(MLP(3, [1], rng=0), [1.0, 2.0, 3.0])
    assert traced.parts(10) == [slice(0, nn.tracing.ENTRIES // 3)]
    monkeypatch.setattr(nn.tracing, "ENTRIES", 11)
    assert traced.parts(7) == [slice(0, 3), slice(3, 6), slice(6, 9)]
    monkeypatch.setattr(nn.tracing, "ENTRIES", 2)
    assert traced.parts(2) == [slice(0, 1), slice(1, 2)]


@pytest.mark.parametrize("entries", [1 << 22, 24, 22])
def test_predictions_are_the_same_in_one_part_in_two_and_in_many(entries, monkeypatch):
    monkeypatch.setattr(nn.tracing, "ENTRIES", entries)
    model = product()
    assert model.predict(X, compiled=True) == pytest.approx([0.5 * a * b for a, b in X], rel=1e-15, abs=0.0)
    assert model.runs == 2


def test_an_embedding_is_picked_from_in_a_row_of_its_own_however_often_it_is_asked():
    embedding = Embedding(4, 2, places=2, rng=0)

    def both(w, x):
        return [*embedding.forward([x[0]]), *embedding.forward([x[1]]), embedding.forward([x[0]])[1] * w, x[0]]

    model = Counted(both)
    model.words = embedding
    rows = [[float(i % 4), float(i // 2 % 4)] for i in range(21)]
    assert model.predict(rows) == model.predict(rows, compiled=False)
    assert model.runs == 2 + 21
    traced = Traced(model, rows[0])
    assert traced.picks == [(0, 4), (1, 4)]
    assert traced.rows(np.array([[3.0, 1.0]])).tolist() == [[3.0, 1.0, 0, 0, 0, 1, 0, 1, 0, 0]]
    with pytest.raises(ValueError, match=r"column 1 of X has a number that is no index 0 … 3"):
        traced.rows(np.array([[0.0, 1.0], [0.0, 4.0]]))


def test_an_index_that_is_computed_picks_by_its_graph():
    model = Counted(lambda w, x: model.words.forward([2.0 - x[0]]))
    model.words = Embedding(3, 2, rng=0)
    rows = [[float(i % 3)] for i in range(21)]
    assert model.predict(rows, compiled=True) == model.predict(rows, compiled=False)
    assert Traced(model, rows[0]).picks == []


def test_what_follows_a_choice_finds_a_chosen_vector_when_it_is_traced():
    """Where there is one vector alone, the logarithm of what was not chosen would be that of 0."""
    model = Counted(lambda w, x: [log(y) for y in model.words.forward(x)])
    model.words = Embedding(1, 1, init=nn.all_equal(1.0))
    assert model.predict([[0.0]] * 21, compiled=True) == [0.0] * 21


def test_a_method_that_was_replaced_in_one_object_stays_replaced():
    class Noise(Module):
        def __init__(self):
            self.rng = random.Random(3)

        def draw(self, count):
            return [self.rng.random() for _ in range(count)]

        def forward(self, inputs):
            return [x + e for x, e in zip(inputs, self.draw(len(inputs)), strict=True)]

    noise = Noise()
    noise.draw = still = lambda count: [0.0] * count
    assert noise.predict(X) == X
    assert noise.draw is still
    assert Noise().predict(X) != X


def test_what_is_traced_draws_nothing():
    model = Sequential(Dropout(0.5, rng=1), Layer(2, 1, rng=2), Dropout(0.5, rng=random.Random(3)))
    before = [layer.rng.getstate() for layer in model.layers[::2]]
    traced = Traced(model, X[0])
    assert [count for _, count in traced.draws] == [2, 1]
    assert [layer.rng.getstate() for layer in model.layers[::2]] == before
    assert all("draw" not in vars(layer) for layer in model.layers)


def test_of_several_generators_one_that_is_drawn_from_is_enough_to_refuse():
    class Undrawn(Module):
        def __init__(self):
            self.rng, self.other = random.Random(0), random.Random(1)

        def forward(self, inputs):
            return [tanh(x) + self.rng.random() for x in inputs]

    model = Undrawn()
    state = model.rng.getstate()
    with pytest.raises(CompileError, match=r"^forward draws random numbers: let it take them from a method draw"):
        model.predict(X, compiled=True)
    assert model.rng.getstate() == state


def test_a_forward_that_fails_on_values_says_how():
    model = Counted(lambda w, x: [w * x[0].hex()])
    with pytest.raises(CompileError, match=r"^it does not run on Values \(AttributeError: .*hex"):
        model.predict(X, compiled=True)
