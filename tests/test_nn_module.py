"""Module: what it holds and shows, what it refuses, and how its parameters are exchanged."""

# ruff: noqa: ARG002 (a forward takes inputs, used or not)

from typing import NamedTuple

import numpy as np
import pytest

import nn
from autodiff import Value
from nn import MLP, SGD, Layer, Module, Sequential


class Scaled(Module):
    """Two places for one parameter, and a private note of it."""

    def __init__(self):
        self.scale = Value(2.0)
        self.others = {"shift": (self.scale, Value(1.0))}
        self._note = self.scale

    def forward(self, inputs):
        return [self.scale * x + self.others["shift"][1] for x in inputs]


@pytest.mark.parametrize("outputs", [(), [], (1.0,), None])
def test_forward_must_give_a_list_with_something_in_it(outputs):
    class Odd(Module):
        def forward(self, inputs):
            return outputs

    with pytest.raises(TypeError, match="Odd.forward must return a list of outputs, not "):
        Odd()([1.0])


def test_a_module_that_does_not_say_what_it_is_made_with_is_not_made_again():
    with pytest.raises(NotImplementedError, match="Module does not say what it is made with"):
        Module().config()


@pytest.mark.parametrize("wanted", ["predict_proba", "predict_class"])
def test_what_needs_a_meaning_says_how_to_give_it(wanted):
    with pytest.raises(ValueError, match=rf"^{wanted} needs to know .* write {wanted}\(X, 'logit'\)"):
        getattr(MLP(1, [1], init="zeros"), wanted)([[1.0]])


@pytest.mark.parametrize(
    ("lacking", "named"),
    [
        (["b", "a"], r"lacks 2 of the 5 parameters of .* \(held.a, held.b\): it is of another shape"),
        (["c", "b", "a"], r"lacks 3 of .* \(held.a, held.b, held.c\): it"),
        (["d", "c", "b", "a"], r"lacks 4 of .* \(held.a, held.b, held.c, …\): it"),
    ],
)
def test_of_what_a_state_lacks_the_first_three_are_named(lacking, named):
    model = Module()
    model.held = {name: Value(0.0) for name in "edcba"}
    state = {name: x for name, x in model.state_dict().items() if name.partition(".")[2] not in lacking}
    with pytest.raises(ValueError, match=named):
        model.load_state_dict(state)


def test_a_summary_counts_a_tied_parameter_once_and_its_columns_stand_under_each_other():
    model = Sequential(Sequential(Layer(2, 1, rng=0)), Layer(1, 10, rng=1))
    model.layers[1].neurons[0].bias = model.layers[0].layers[0].neurons[0].bias
    assert model.summary() == (
        "Sequential(2 → 1 → 10)\n"
        "layers.0.layers.0  Layer(2 → 1, linear)        3 parameters\n"
        "layers.1           Layer(1 → 10, linear)      19 parameters\n"
        "total                                         22 parameters"
    )
    assert Layer(2, 1, rng=0).summary() == (
        "Layer(2 → 1, linear)\n"
        "       Layer(2 → 1, linear)       3 parameters\n"
        "total                             3 parameters"
    )


def test_values_are_exchanged_in_every_public_place_and_put_back():
    model, other = Scaled(), Value(5.0)
    scale, shift = model.scale, model.others["shift"]
    with model.exchanged({id(scale): other}):
        assert model.scale is model.others["shift"][0] is other
        assert model._note is scale, "a private note is no place of a parameter"
        assert model([2.0]).data == 11.0
    assert model.scale is scale
    assert model.others["shift"] is shift
    assert model.hidden([scale]) == "Scaled._note"
    assert model.hidden([shift[1]]) is None


class Pair(NamedTuple):
    first: Value
    second: Value


class Column:
    """What says that it holds objects, and is no array."""

    dtype = np.dtype(object)


def test_an_exchange_keeps_every_container_what_it_is_and_leaves_those_alone_that_it_has_nothing_for():
    old, kept = Value(1.0), Value(2.0)
    containers = [[old, kept], (kept, old), Pair(old, kept), {"a": old, "b": kept}, np.array([kept, old])]
    alone = [[kept], (kept,), {"a": kept}, np.zeros(2), Column(), {"a", "b"}]
    model, new = Module(), Value(3.0)
    model.containers, model.lists, model.alone = containers, [kept, [old]], alone
    with model.exchanged({id(old): new}):
        found = model.containers
        assert [type(held) for held in found] == [type(held) for held in containers]
        assert found[0] == [new, kept]
        assert found[1] == (kept, new)
        assert found[2] == Pair(new, kept)
        assert found[3] == {"a": new, "b": kept}
        assert list(found[4]) == [kept, new]
        assert model.lists == [kept, [new]]
        assert model.alone is alone
        assert list(containers[4]) == [kept, old], "the array itself is as it was"
    assert model.containers is containers
    assert model.parameters() == [old, kept]


def test_a_module_beside_a_value_in_a_list_is_found():
    model = Module()
    model.both = [Value(1.0), Layer(1, 1, rng=0)]
    assert [path for path, _ in model.named_modules()][:2] == ["", "both.1"]
    assert not model.eval().both[1].training


def test_a_set_may_not_hold_a_parameter():
    model = Module()
    model.mixed = {"a", Value(1.0)}
    with pytest.raises(TypeError, match="the attribute 'mixed' is a set, which has no order"):
        model.parameters()


class Doubled(Module):
    """Changes the list that it is given."""

    def __init__(self):
        self.shift = Value(0.0)

    def forward(self, inputs):
        inputs[0] = 2.0 * inputs[0] + self.shift
        return inputs


@pytest.mark.parametrize("make", [Doubled, lambda: Sequential(Doubled())], ids=["alone", "in a Sequential"])
def test_a_forward_that_changes_its_list_changes_no_example(make):
    model, given = make(), [1.0]
    history = nn.fit(
        model, [[1.0], [2.0]], [1.0, 3.0], validation=([[1.0]], [0.5]), optimizer=SGD(model.parameters(), 0.0),
        epochs=3, progress=False, compiled=False,
    )  # fmt: skip
    assert history.loss == [1.0] * 3
    assert history.validation_loss == [2.25] * 3
    assert model(given).data == 2.0
    assert given == [1.0]


def test_a_sequential_changes_no_list_that_it_is_given_though_its_first_module_does():
    given = [1.0]
    assert Sequential(Doubled()).forward(given)[0].data == 2.0
    assert given == [1.0]


def test_a_prediction_is_of_floats_with_no_input_dropped_and_the_modes_are_put_back():
    model = Sequential(nn.Dropout(0.5, rng=0), Layer(2, 1, init=nn.all_equal(1.0)))
    assert [type(y) for y in model.predict([[1.0, 2.0]] * 3)] == [float] * 3
    assert model.predict([[1.0, 2.0]] * 9) == [3.0] * 9
    assert model.training and model.layers[0].training
    assert not any(module.training for _, module in model.eval().named_modules())
    assert all(module.training for _, module in model.train().named_modules())


def test_zero_grad_sets_every_gradient_to_0():
    model = Layer(1, 1, rng=0)
    model([2.0]).backward()
    assert all(p.grad for p in model.parameters())
    model.zero_grad()
    assert [p.grad for p in model.parameters()] == [0.0, 0.0]


@pytest.mark.parametrize("name", ["bias", "biases"])
def test_biases_go_by_one_name_or_the_other_unless_a_module_says_another(name):
    model = Module()
    model.weight, held = Value(1.0), [Value(2.0), Value(3.0)]
    setattr(model, name, held)
    assert model.weight_parameters() == [model.weight]


def test_what_was_frozen_and_is_gone_freezes_nothing_that_comes_in_its_place():
    for _ in range(50):
        nn.freezing.freeze([Value(1.0)])
        fresh = [Value(2.0)]
        assert nn.freezing.moving(fresh) == fresh
        assert nn.freezing.frozen_places(fresh) == []
