"""Every kind of model comes back from the file of a checkpoint as it was: layers of one's own, tied weights, copies."""

import json
import pickle
import random
import re
from pathlib import Path

import pytest
from checkpoints import X, Y, resealed

import nn
from autodiff import Value
from nn import (
    MLP,
    SGD,
    CheckpointError,
    Dropout,
    Embedding,
    Layer,
    LayerNorm,
    Module,
    Neuron,
    Sequential,
    Softmax,
    Standardize,
    fit,
    load,
    save,
)


class Residual(Module):
    """A layer of one's own: one class, and nothing anywhere else."""

    def __init__(self, width, factor=1.0, inner=None):
        self.inputs = self.outputs = width
        self.factor = factor
        self.inner = inner or Layer(width, width, "tanh", rng=3)
        self.offset = Value(0.25)

    def forward(self, inputs):
        return [x + self.factor * y + self.offset for x, y in zip(inputs, self.inner.forward(inputs), strict=True)]

    def config(self):
        return {"width": self.inputs, "factor": self.factor, "inner": self.inner}


MODELS = [
    Neuron(2, "tanh", bias=False, rng=0),
    MLP(2, [3, 2], ["relu"], "sigmoid", rng=0),
    MLP(2, [4, 3, 1], ["relu", "tanh"], rng=0, bias=False),
    MLP(2, [3, 1], bias_init="normal", rng=0),
    Sequential(Layer(2, 4, rng=0), LayerNorm(4, eps=1e-3), Softmax()),
    Sequential(LayerNorm(2, bias=False), Layer(2, 1, rng=0)),
    Sequential(Standardize([1.0, -2.0], [0.1, 3.0]), Layer(2, 1, rng=0), Standardize([5.0], [2.0]).inverse()),
    Sequential(Residual(2, factor=0.5), Layer(2, 1, rng=1)),
    Sequential(Residual(2, inner=MLP(2, [3, 2], rng=8))),
]


@pytest.mark.parametrize("model", MODELS, ids=repr)
def test_every_layer_comes_back_as_it_was_from_its_own_config(model, tmp_path):
    for p in model.parameters():
        p.data += 0.125  # nothing that a constructor could have guessed
    save(model, tmp_path / "m.json")
    loaded = load(tmp_path / "m.json")
    assert type(loaded) is type(model)
    assert loaded.predict(X) == model.predict(X)
    assert nn.checkpoint.content_of(loaded) == nn.checkpoint.content_of(model)


def test_an_embedding_comes_back_as_it_was(tmp_path):
    model = Sequential(Embedding(5, 3, places=2, rng=0), Layer(6, 1, rng=1))
    save(model, tmp_path / "m.json")
    assert load(tmp_path / "m.json").predict([[0, 4], [2, 2]]) == model.predict([[0, 4], [2, 2]])


def test_the_reader_of_files_names_no_layer():
    sources = [Path(m.__file__).read_text() for m in (nn.checkpoint, nn.shapes, nn.resuming)]
    layers = ("MLP", "Layer", "Neuron", "Sequential", "Dropout", "LayerNorm", "Embedding", "Softmax", "Standardize")
    assert [(name, s[:40]) for name in layers for s in sources if re.search(rf"\b{name}\b", s)] == []


def test_a_module_that_has_no_config_or_only_an_inherited_one_needs_the_model(tmp_path):
    class Plain(Module):
        def __init__(self):
            self.factor = Value(2.0)

        def forward(self, inputs):
            return [self.factor * x for x in inputs]

    class Scaled(MLP):  # what MLP's config says of it would not be all
        def __init__(self, factor):
            super().__init__(2, [1], rng=0)
            self.scale = factor

    for model, other in ((Sequential(Plain()), Sequential(Plain())), (Scaled(3.0), Scaled(3.0))):
        save(model, tmp_path / "m.json")
        with pytest.raises(CheckpointError, match="parts of its own"):
            load(tmp_path / "m.json")
        model.parameters()[0].data = 5.0
        save(model, tmp_path / "m.json")
        assert load(tmp_path / "m.json", into=other).state_dict() == model.state_dict()


def test_a_class_that_is_not_there_when_the_file_is_loaded_is_named(tmp_path):
    save(Residual(2), tmp_path / "m.json")
    content = json.loads((tmp_path / "m.json").read_text())
    content["model"]["type"] = "elsewhere:Residual"
    (tmp_path / "m.json").write_text(resealed(content))
    with pytest.raises(CheckpointError, match="no module of the type 'elsewhere:Residual': define or import it first"):
        load(tmp_path / "m.json")


def test_a_layer_that_stands_twice_is_one_layer_again(tmp_path):
    a, shared = Layer(2, 3, "tanh", rng=0), Layer(3, 3, "tanh", rng=1)
    model = Sequential(a, shared, shared, Layer(3, 1, rng=2))
    save(model, tmp_path / "m.json")
    loaded = load(tmp_path / "m.json")
    assert loaded.layers[1] is loaded.layers[2]
    assert loaded.predict(X) == model.predict(X)
    assert len(loaded.parameters()) == len(model.parameters()) == 9 + 12 + 4


def test_tied_weights_are_one_value_again(tmp_path):
    model = Sequential(Layer(2, 2, rng=0), Layer(2, 2, rng=1))
    first, second = model.layers
    second.neurons[0].weights[1] = first.neurons[1].weights[0]
    second.neurons[1].bias = first.neurons[0].bias
    save(model, tmp_path / "m.json")
    loaded = load(tmp_path / "m.json")
    assert loaded.layers[1].neurons[0].weights[1] is loaded.layers[0].neurons[1].weights[0]
    assert loaded.layers[1].neurons[1].bias is loaded.layers[0].neurons[0].bias
    assert (len(loaded.parameters()), loaded.predict(X)) == (10, model.predict(X))
    untied = Sequential(Layer(2, 2, rng=0), Layer(2, 2, rng=1))
    with pytest.raises(CheckpointError, match="other parameters are tied in the file than in the model"):
        load(tmp_path / "m.json", into=untied)


def test_frozen_layers_and_what_outputs_mean_come_back(tmp_path):
    model = MLP(2, [3, 1], rng=0)
    fit(
        model,
        X,
        Y,
        loss="binary_cross_entropy_with_logits",
        optimizer=SGD(model.parameters()),
        epochs=1,
        progress=False,
    )
    model.layers[0].freeze()
    save(model, tmp_path / "m.json")
    loaded = load(tmp_path / "m.json")
    assert [layer.frozen for layer in loaded.layers] == [True, False]
    assert len(loaded.moving_parameters()) == 4
    assert loaded.predict_class(X) == model.predict_class(X)
    assert (loaded.trained_with, loaded.meaning) == (model.trained_with, model.meaning)


def test_two_dropouts_that_draw_from_one_generator_still_do(tmp_path):
    rng = random.Random(0)
    model = Sequential(Dropout(0.5, rng=rng), Layer(2, 2, rng=1), Dropout(0.5, rng=rng))
    model([1.0, 2.0])
    save(model, tmp_path / "m.json")
    loaded = load(tmp_path / "m.json")
    assert loaded.layers[0].rng is loaded.layers[2].rng
    assert [[y.data for y in loaded(x)] for x in X] == [[y.data for y in model(x)] for x in X]


def test_the_weights_of_a_copy_and_a_pickle_stand_still_where_the_originals_do():
    import copy

    model = MLP(2, [3, 1], rng=0)
    model.layers[0].freeze()
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert len(other.moving_parameters()) == 4
        other.unfreeze()
        assert (len(other.moving_parameters()), len(model.moving_parameters())) == (13, 4)


def test_a_pickle_goes_without_the_graph_of_the_last_example():
    model = MLP(2, [3, 1], rng=0)
    before = len(pickle.dumps(model))
    model(X[0])
    assert len(pickle.dumps(model)) == before
