"""A model's shape as names and numbers: described, built again, compared; and who is asked where that cannot be."""

# ruff: noqa: ARG002 (a forward takes inputs, used or not)
import json

import pytest

from autodiff import tanh
from nn import MLP, Dropout, Layer, LayerNorm, Module, Sequential
from nn.shapes import built, described, differences, is_complete


class Halves(Module):
    """Two modules by name, a pair of settings, a dict of them."""

    def __init__(self, left, right, sizes=(1, 2), names=None):
        self.left, self.right, self.sizes, self.names = left, right, sizes, names or {}

    def forward(self, inputs):
        return [*self.left.forward(inputs), *self.right.forward(inputs)]

    def config(self):
        return {"left": self.left, "right": self.right, "sizes": self.sizes, "names": self.names}


class Cube:
    def __call__(self, z):
        return z * z * z


HERE = __name__


def test_a_description_is_the_config_with_types_and_survives_json():
    layer = Layer(2, 2, "relu", rng=0)
    model = Halves(Sequential(layer), layer, names={"a": 1})
    of_layer = {"type": "Layer", "inputs": 2, "activation": "relu", "bias": True, "fused": True, "outputs": 2}
    assert described(model) == {
        "type": f"{HERE}:Halves",
        "left": {"type": "Sequential", "layers": [of_layer]},
        "right": {"same as": "left.layers.0"},
        "sizes": [1, 2],
        "names": {"a": 1},
    }
    again = built(json.loads(json.dumps(described(model))))
    assert again.left.layers[0] is again.right
    assert (repr(again.right), again.sizes, again.names) == (repr(layer), [1, 2], {"a": 1})


def test_a_module_that_holds_itself_again_is_named_by_its_place():
    shared = Layer(1, 1, rng=0)
    inner = Halves(shared, Layer(1, 1, rng=1))
    found = described(Halves(inner, Halves(inner, shared)))
    assert found["right"]["left"] == {"same as": "left"}
    assert found["right"]["right"] == {"same as": "left.left"}
    model = built(found)
    assert model.right.left is model.left
    assert model.right.right is model.left.left


class NoConfig(Module):
    pass


class Inherits(MLP):
    """Its constructor takes what MLP's config does not say."""

    def __init__(self, factor):
        super().__init__(1, [1], rng=0)


class Renamed(MLP):
    """It has MLP's constructor, and so MLP's config says all."""


class SaysAll(MLP):
    def __init__(self, factor):
        super().__init__(1, [1], rng=0)
        self.scale = factor

    def config(self):
        return {"factor": self.scale}


class SaysMore(Renamed):
    """A config of its own for the constructor above it."""

    def config(self):
        return super().config() | {"bias": True}


@pytest.mark.parametrize(
    ("make", "complete"),
    [
        (NoConfig, False),
        (lambda: Inherits(2.0), False),
        (lambda: Renamed(1, [1], rng=0), True),
        (lambda: SaysAll(2.0), True),
        (lambda: SaysMore(1, [1], rng=0), True),
        (lambda: Sequential(Dropout(0.5, rng=0), NoConfig()), False),
        (lambda: Halves(Layer(1, 1, rng=0), NoConfig()), False),
        (lambda: MLP(1, [1, 1], Cube(), rng=0), False),
        (lambda: MLP(1, [1, 1], tanh, rng=0), True),
    ],
)
def test_what_cannot_be_written_is_missing_however_deep_it_stands(make, complete):
    assert is_complete(described(make())) is complete


def test_what_is_missing_is_called_by_its_name_or_by_its_type():
    def cubed(z):
        return z * z * z

    assert described(NoConfig()) == {"missing": "NoConfig"}
    assert described(MLP(1, [1, 1], cubed, Cube(), rng=0)) | {"sizes": None} == {
        "type": "MLP", "inputs": 1, "sizes": None, "activation": {"missing": "cubed"}, "output": {"missing": "Cube"},
        "bias": True, "fused": True,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("description", "error", "message"),
    [
        ([{"type": "LayerNorm", "features": 2}], TypeError, "is no module"),
        ({"features": 2}, TypeError, "{'features': 2} is no module"),
        ({"type": "Layernorm"}, KeyError, "no module of the type 'Layernorm': define or import it first"),
        ({"type": "LayerNorm", "eps": 1.0}, TypeError, "features"),
        ({"type": "Sequential", "layers": [{"same as": "layers.3"}]}, KeyError, "layers.3"),
    ],
)
def test_what_describes_no_module_is_refused(description, error, message):
    with pytest.raises(error, match=message):
        built(description)


@pytest.mark.parametrize(
    ("description", "count"),
    [
        ({"type": "Neuron", "inputs": 5}, 5),
        ({"type": "Layer", "inputs": 3, "outputs": 2}, 6),
        ({"type": "MLP", "inputs": 2, "sizes": [3, 4]}, 18),
        ({"type": "LayerNorm", "features": 4}, 4),
        ({"type": "Embedding", "count": 5, "size": 2}, 10),
        ({"type": "Sequential", "layers": [{"type": "Layer", "inputs": 2, "outputs": 2}, {"type": "Softmax"}]}, 4),
    ],
)
def test_a_model_with_more_parameters_than_there_are_is_refused_before_it_is_made(description, count):
    assert isinstance(built(description, most=count), Module)
    with pytest.raises(ValueError, match=f"a model of {count} parameters and more, where {count - 1} are the most"):
        built(description, most=count - 1)
    with pytest.raises(ValueError, match=f"a model of {2 * count} parameters and more"):
        built({"type": f"{HERE}:Halves", "left": description, "right": description}, most=2 * count - 1)


def test_a_module_that_is_held_twice_has_its_parameters_once():
    pair = described(Halves(layer := Layer(2, 2, rng=0), layer))
    assert isinstance(built(pair, most=4), Module)


def test_a_class_that_was_defined_again_is_the_one_that_is_built():
    def define(version):
        class Cell(Module):
            made_in = version

            def config(self):
                return {}

        return Cell

    first, second = define(1), define(2)
    assert built(described(first())).made_in == second.made_in == 2


def test_a_class_below_a_class_is_found():
    assert type(built(described(SaysMore(1, [1], rng=0)))) is SaysMore


def contradictions(saved, given):
    return list(differences("", described(saved), described(given)))


def test_shapes_are_compared_place_by_place():
    one, other = MLP(2, [3, 1], rng=0), MLP(2, [3, 2], "relu", rng=0)
    assert contradictions(one, MLP(2, [3, 1], rng=9, fused=False)) == []
    assert contradictions(one, other) == [("sizes.1", "1", "2"), ("activation", "'tanh'", "'relu'")]
    assert contradictions(one, Layer(2, 1, rng=0)) == [("the network", "MLP", "Layer")]
    assert contradictions(Sequential(one), Sequential(Dropout(0.5, rng=0))) == [("layers.0", "MLP", "Dropout")]
    assert contradictions(MLP(2, [3, 1], rng=0), MLP(2, [3, 3, 1], rng=0)) == [("sizes", "[3, 1]", "[3, 3, 1]")]
    nested = Sequential(Layer(2, 2, rng=0), Sequential(LayerNorm(2)))
    assert contradictions(nested, Sequential(nested.layers[0], Sequential(LayerNorm(2, eps=0.5)))) == [
        ("layers.1.layers.0.eps", "1e-05", "0.5")
    ]


def test_what_is_missing_on_either_side_may_be_anything():
    own, known = MLP(2, [2, 1], Cube(), rng=0), MLP(2, [2, 1], "relu", rng=0)
    assert contradictions(own, known) == contradictions(known, own) == []


def test_a_setting_that_an_older_file_does_not_know_is_no_difference_and_one_that_is_gone_neither():
    now = described(LayerNorm(2))
    older = {name: setting for name, setting in now.items() if name != "eps"}
    assert list(differences("", older, now)) == []
    assert list(differences("", now, older)) == []


def test_a_list_and_a_number_contradict_each_other():
    assert list(differences("a", [1], 1)) == [("a", "[1]", "1")]
    assert list(differences("a", 1, [1])) == [("a", "1", "[1]")]
    assert list(differences("a", {"type": "X"}, 1)) == [("a", "X", "1")]
    assert list(differences("a", 1, {"type": "X"})) == [("a", "1", "X")]
    assert list(differences("a", {"b": 2}, 1)) == [("a", "{'b': 2}", "1")]
