"""The sections of a checkpoint, one by one: each must be there and of its kind, and fit the model."""

import json
import random
import sys

import pytest
from checkpoints import rewrite

from nn import CheckpointError, Dropout, Layer, Loss, Meaning, Module, Sequential, load, mse, save
from nn.checkpoint import content_of, random_from_json, random_to_json


def net(seed=0):
    return Sequential(Layer(2, 3, "tanh", rng=seed), Dropout(0.5, rng=seed + 1), Layer(3, 1, rng=seed + 2))


@pytest.fixture
def path(tmp_path):
    save(net(), tmp_path / "m.json")
    return tmp_path / "m.json"


SECTIONS = ["model", "parameters", "tied", "frozen", "trained_with", "meaning", "random", "training"]


def test_the_file_is_json_of_one_line_for_each_number_with_names_as_they_are_written(tmp_path):
    model = net()
    model.trained_with = Loss(mse, name="größe").name
    save(model, tmp_path / "m.json")
    text = (tmp_path / "m.json").read_text(encoding="utf-8")
    content = json.loads(text)
    assert text == json.dumps(content, indent=1, ensure_ascii=False) + "\n"
    assert list(content) == ["format", "version", "checksum", *SECTIONS]
    assert "größe" in text
    assert load(tmp_path / "m.json").trained_with == "größe"


@pytest.mark.parametrize("section", ["format", "version", "checksum", *SECTIONS])
def test_a_section_that_is_left_out_or_of_another_kind_is_named(section, path):
    content = json.loads(path.read_text())
    is_named = f"its section '{section}' is missing or of the wrong kind"
    message = {"format": "it has no format", "version": "its version is", "checksum": "checksum"}.get(section, is_named)
    for wrong in ({}, {section: 7.5}):
        path.write_text(json.dumps({name: x for name, x in content.items() if name != section} | wrong))
        with pytest.raises(CheckpointError, match=message):
            load(path)


def test_only_what_a_model_may_lack_may_be_null(path):
    content = json.loads(path.read_text())
    for section in ("trained_with", "meaning", "training"):
        rewrite(path, lambda c, section=section: c.update({section: None}))
        load(path)
    for section in ("model", "parameters", "tied", "frozen", "random"):
        path.write_text(json.dumps(content | {section: None}))
        with pytest.raises(CheckpointError, match=f"section '{section}' is missing"):
            load(path)


@pytest.mark.parametrize(
    "text", ["[" * 100_000, '{"format":' * 100_000, "", "nonsense", "[1]", "7", '{"format": "another"}', "{}"]
)
def test_what_is_no_checkpoint_is_refused_however_it_is_written(text, tmp_path):
    (tmp_path / "m.json").write_text(text)
    with pytest.raises(CheckpointError, match=r"no checkpoint, or is truncated|not one of our checkpoints"):
        load(tmp_path / "m.json")


def test_a_file_that_is_nested_as_deep_as_python_just_reads_is_refused_too(path):
    text, limit = path.read_text(), sys.getrecursionlimit()
    for depth in range(limit - 120, limit - 20):
        path.write_text(text.replace('"model": {', f'"model": {{"deep": {"[" * depth}{"]" * depth},'))
        with pytest.raises(CheckpointError):
            load(path)


def test_of_several_sections_that_are_missing_the_first_by_name_is_told(path):
    path.write_text('{"format": "nn checkpoint", "version": 2}')
    with pytest.raises(CheckpointError, match="its section 'checksum' is missing"):
        load(path)


def changed_layer(content, **changes):
    content["model"]["layers"][0] |= changes


DESCRIBE_NO_MODEL = {
    "a negative width": lambda c: changed_layer(c, outputs=-1),
    "a width that is a text": lambda c: changed_layer(c, outputs="many"),
    "an unknown setting": lambda c: changed_layer(c, color="red"),
    "an unknown activation": lambda c: changed_layer(c, activation="stairs"),
    "a module that stands elsewhere, and does not": lambda c: c["model"].update(layers=[{"same as": "layers.7"}]),
    "no module": lambda c: c.update(model={"width": 3}),
    "a parameter tied to one that there is not": lambda c: c["tied"].update({"layers.0.neurons.0.bias": "b"}),
    "one that there is not, tied": lambda c: c["tied"].update({"b": "layers.0.neurons.0.bias"}),
    "a generator of another module that has none": lambda c: c["random"].update({"layers.1": "layers.0"}),
    "a generator of another module that there is not": lambda c: c["random"].update({"layers.1": "layers.7"}),
    "a generator for a module that there is not": lambda c: c["random"].update({"layers.7": "layers.1"}),
}


@pytest.mark.parametrize("change", DESCRIBE_NO_MODEL)
def test_a_file_that_describes_no_model_is_refused(change, path):
    rewrite(path, DESCRIBE_NO_MODEL[change])
    with pytest.raises(CheckpointError, match=r"m\.json describes no model that can be built: "):
        load(path)


def spoiled(**changes):
    return lambda content: content["random"]["layers.1"].update(changes)


MISFITS = {
    "a frozen layer that there is not": (lambda c: c["frozen"].append("layers.7"), "it has frozen 'layers.7', which"),
    "a frozen layer that is no name": (lambda c: c["frozen"].append(["layers.0"]), "does not fit: "),
    "a meaning that there is not": (lambda c: c.update(meaning={"outputs": "colour"}), "does not fit: "),
    "a meaning of other parts": (lambda c: c.update(meaning={"shade": 1}), "does not fit: "),
    "too few random words": (spoiled(words="0" * 8), "the random state is damaged: .*8 digits"),
    "too many": (spoiled(words="0" * 5008), "the random state is damaged: .*5008 digits"),
    "words that are no digits": (spoiled(words="x" * 5000), "the random state is damaged"),
    "no words": (spoiled(words=None), "the random state is damaged"),
    "another version of the generator": (spoiled(version=9), "the random state is damaged"),
    "a position beyond the words": (spoiled(words="00000000" * 624 + "ffffffff"), "the random state is damaged"),
    "a generator with a part too few": (lambda c: c["random"]["layers.1"].pop("spare"), "the random state is damaged"),
    "a generator that is a number": (lambda c: c["random"].update({"layers.1": 3}), "does not fit|damaged"),
}


@pytest.mark.parametrize("misfit", MISFITS)
def test_what_does_not_fit_the_model_is_refused_and_nothing_is_changed(misfit, path):
    change, message = MISFITS[misfit]
    rewrite(path, change)
    model = net(seed=7)
    model.layers[2].freeze()
    model.trained_with, model.meaning = "mae", Meaning("value")
    before = content_of(model)
    with pytest.raises(CheckpointError, match=message):
        load(path, into=model)
    with pytest.raises(CheckpointError, match=message):
        load(path)
    assert content_of(model) == before


def test_what_a_file_holds_replaces_all_that_the_model_had(path):
    model = net(seed=7)
    model.layers[2].freeze()
    model.trained_with, model.meaning = "mae", Meaning("value")
    assert load(path, into=model) is model
    assert content_of(model) == content_of(net())


def test_the_state_of_a_generator_comes_back_with_the_normal_number_that_waits():
    rng = random.Random(3)
    rng.gauss(0, 1)
    assert random_from_json(random_to_json(rng)).getstate() == rng.getstate()
    written = random_to_json(random.Random(3))
    assert (len(written["words"]), written["spare"]) == (5000, None)
    assert random_from_json(written).random() == random.Random(3).random()


class Drawing(Module):
    """Holds something called rng that is no generator, and one of the name of another."""

    def __init__(self, rng):
        self.rng = rng
        self.layer = Layer(2, 1, rng=0)

    def forward(self, inputs):
        return self.layer.forward(inputs)


def test_what_is_called_rng_and_is_none_is_left_alone(tmp_path):
    save(Drawing("a seed"), tmp_path / "m.json")
    assert json.loads((tmp_path / "m.json").read_text())["random"] == {}
    assert load(tmp_path / "m.json", into=Drawing(None)).rng is None
    saved, other = random.Random(5), random.Random(6)
    save(Drawing(saved), tmp_path / "m.json")
    load(tmp_path / "m.json", into=Drawing(other))
    assert other.random() == saved.random()


def test_a_tied_parameter_stands_once_and_its_other_places_name_it(tmp_path):
    layers = [Layer(1, 1, rng=0), Layer(1, 1, rng=1), Layer(1, 1, rng=2)]
    model = Sequential(*layers)
    first, second, third = (layer.neurons[0] for layer in layers)
    second.bias = third.bias = first.bias
    save(model, tmp_path / "m.json")
    content = json.loads((tmp_path / "m.json").read_text())
    shared = "layers.0.neurons.0.bias"
    assert content["tied"] == {"layers.1.neurons.0.bias": shared, "layers.2.neurons.0.bias": shared}
    assert [name for name in content["parameters"] if "bias" in name] == [shared]
    assert load(tmp_path / "m.json", into=model) is model
