"""Checkpoints: a model, and where its training stands, in one readable JSON file.

The file is versioned and holds numbers and names only: never pickle, so loading runs no code. It carries a checksum
over everything else in it: a file in which a digit changed is refused. So it can be read, and not edited; to change
weights, load the model, assign them (``parameter.data = …``), and save it. It is written to a temporary file and
renamed: a kill at any moment leaves the old file or the new one, whole. Floats are written with the digits that give
them back bit by bit. What training puts in is `resuming`'s, how a shape is described `shapes`'s.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import warnings
from dataclasses import asdict
from pathlib import Path
from typing import Any

from autodiff.files import write_atomically
from nn import shapes
from nn.checks import finite, shown
from nn.meaning import Meaning
from nn.module import Module, require_module

FORMAT, VERSION = "nn checkpoint", 2
_SECTIONS: dict[str, Any] = {
    "format": str, "version": int, "checksum": str, "model": dict, "parameters": dict, "tied": dict, "frozen": list,
    "trained_with": str | None, "meaning": dict | None, "random": dict, "training": dict | None,
}  # fmt: skip
_FIRST_SECTIONS = {"format", "version", "model", "parameters", "random", "training"}  # of format 1
_WORDS = 625  # of 32 bits: the state of Python's generator, its position last
_LACKING = 10_000  # parameters that a file may lack and be told which; a model far larger than its file is not made


class CheckpointError(ValueError):
    """A file that cannot be used as a checkpoint; the message says why. Nothing was changed."""


def save(model: Module, path: str | os.PathLike[str]) -> None:
    """Write the model to ``path``: shape, parameters, what is tied and frozen, and dropout's random states.

    A model with an activation of your own, or Modules that define no ``config``, is saved without its shape, and is
    loaded with ``load(path, into=model)``. Raises OSError where the file cannot be written; an old file then stays.
    """
    write(content_of(require_module("model", model)), path)


def load(path: str | os.PathLike[str], into: Module | None = None) -> Any:
    """The model in the file ``path``; or its parameters ``into`` a model that you built.

    A file of format 1 is loaded with a warning: it has no checksum. Raises CheckpointError for a file that is
    truncated, changed, not ours, of a newer version, or (with ``into``) of another network (its shape, its activations
    where they have names), OSError where it cannot be read; nothing is changed then. Raises TypeError where ``into`` is
    no Module.
    """
    if into is not None:
        require_module("into", into)
    content = read(path)
    if into is None:
        if not shapes.is_complete(content["model"]):
            raise CheckpointError(
                f"{path} holds a model with parts of its own, whose shape is not in the file: build it and use "
                f"load(path, into=model)"
            )
        try:
            there = len(content["parameters"]) + len(content["tied"])
            into = shapes.built(content["model"], most=there + _LACKING)
            _tie(into, content["tied"])
            _share_generators(into, content["random"])
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            raise CheckpointError(f"{path} describes no model that can be built: {error!r}") from error
    restore(into, content, path)
    return into


def content_of(model: Module) -> dict[str, Any]:
    """What a file holds of a model; `resuming` adds the state of a training run."""
    first = {id(parameter): name for name, parameter in model.named_parameters()}
    return {
        "model": shapes.described(model),
        "parameters": model.state_dict(),
        "tied": {path: first[id(value)] for path, value in model.places() if path != first[id(value)]},
        "frozen": [path for path, module in model.named_modules() if module.frozen],
        "trained_with": model.trained_with,
        "meaning": None if model.meaning is None else asdict(model.meaning),
        "random": _random_states(model),
        "training": None,
    }


def write(content: dict[str, Any], path: str | os.PathLike[str]) -> None:
    """Write what `content_of` gave, with format, version and checksum."""
    content = {"format": FORMAT, "version": VERSION, **content}
    content = {"format": FORMAT, "version": VERSION, "checksum": _checksum(content), **content}
    write_atomically(path, json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def _checksum(content: dict[str, Any]) -> str:
    """SHA-256 of everything but the checksum, written the one way in which equal contents are equal texts."""
    rest = {name: section for name, section in content.items() if name != "checksum"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True, allow_nan=False).encode()).hexdigest()


def read(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The content of a checkpoint, checked as a whole. Raises CheckpointError and OSError."""
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"), parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{path} is no checkpoint, or is truncated or damaged: {error}") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise CheckpointError(f"{path} is not one of our checkpoints: it has no format {FORMAT!r}")
    version = content.get("version")
    if isinstance(version, bool) or version not in (1, VERSION):
        newer = isinstance(version, int) and version > VERSION
        raise CheckpointError(
            f"{path} is of version {version}, and this is version {VERSION}: install a newer one"
            if newer
            else f"{path} is damaged: its version is {shown(version)}, which there never was"
        )
    return _of_format_1(content, path) if version == 1 else _verified(content, path)


def _verified(content: dict[str, Any], path: str | os.PathLike[str]) -> dict[str, Any]:
    _require_sections(content, set(_SECTIONS), path)
    try:
        matches = content["checksum"] == _checksum(content)
    except (ValueError, RecursionError) as error:  # a number that is not finite
        raise CheckpointError(f"{path} is damaged: {error}") from error
    if not matches:
        raise CheckpointError(
            f"{path} was changed after it was written: its checksum is another. To change weights, load the model, "
            f"assign them and save it"
        )
    return content


def _of_format_1(content: dict[str, Any], path: str | os.PathLike[str]) -> dict[str, Any]:
    _require_sections(content, _FIRST_SECTIONS, path)
    warnings.warn(
        f"{path} is of format 1, which has no checksum: whether a number in it was changed cannot be seen. Load and "
        f"save it once",
        stacklevel=4,
    )
    absent = {"tied": {}, "frozen": [], "trained_with": None, "meaning": None}
    return {**content, **absent, "model": _named_missing(content["model"])}


def _named_missing(part: Any) -> Any:
    """Format 1 wrote null for what was missing."""
    if isinstance(part, dict):
        return {key: _named_missing(entry) for key, entry in part.items()}
    if isinstance(part, list):
        return [_named_missing(entry) for entry in part]
    return {"missing": "a part of its own"} if part is None else part


def _require_sections(content: dict[str, Any], wanted: set[str], path: str | os.PathLike[str]) -> None:
    unknown = sorted(content.keys() - wanted)
    if unknown:
        raise CheckpointError(f"{path} is damaged: a file of version {content['version']} has no {shown(unknown[0])}")
    for section in sorted(wanted):
        kind = _SECTIONS[section]
        if wanted == _FIRST_SECTIONS and section == "model":
            kind = dict | None
        if section not in content or not isinstance(content[section], kind):
            raise CheckpointError(f"{path} is damaged: its section {section!r} is missing or of the wrong kind")


def restore(model: Module, content: dict[str, Any], path: str | os.PathLike[str]) -> None:
    """Give the model what a checkpoint holds of it; CheckpointError, and no change, where they misfit."""
    ours = content_of(model)
    modules = dict(model.named_modules())
    try:
        for name, saved, given in shapes.differences("", content["model"], ours["model"]):
            raise ValueError(f"{name} is {saved} in the file and {given} in the model {model!r}")
        if content["tied"] != ours["tied"]:
            raise ValueError("other parameters are tied in the file than in the model")
        if content["random"].keys() != ours["random"].keys():
            saved, given = sorted(content["random"]), sorted(ours["random"])
            raise ValueError(f"its dropout layers are {shown(saved)}, the model's {shown(given)}")
        states = {
            name: random_from_json(state).getstate()
            for name, state in content["random"].items()
            if not isinstance(state, str)
        }
        for path_of_module in content["frozen"]:
            if path_of_module not in modules:
                raise ValueError(f"it has frozen {shown(path_of_module)}, which the model has not")
        meaning = None if content["meaning"] is None else Meaning(**content["meaning"])
        model.load_state_dict(content["parameters"])
    except (TypeError, ValueError) as error:
        raise CheckpointError(f"{path} does not fit: {error}") from error
    for name, state in states.items():
        modules[name].rng.setstate(state)  # type: ignore[attr-defined] (`_generators` found it)
    model.unfreeze()
    for name in content["frozen"]:
        modules[name].freeze_own()
    model.trained_with, model.meaning = content["trained_with"], meaning


def random_to_json(rng: random.Random) -> dict[str, Any]:
    """The state of a generator: its 625 words as hexadecimal digits, and the normal number it keeps for later."""
    return state_to_json(rng.getstate())


def state_to_json(state: tuple[Any, ...]) -> dict[str, Any]:
    """The same of what `random.Random.getstate` gave."""
    version, words, spare = state
    return {"version": version, "words": "".join(f"{word:08x}" for word in words), "spare": spare}


def random_from_json(state: dict[str, Any]) -> random.Random:
    """The generator whose state `random_to_json` gave. Raises ValueError for anything else."""
    rng = random.Random()
    try:
        digits = state["words"]
        if len(digits) != 8 * _WORDS:
            raise ValueError(f"{len(digits)} digits")
        words = tuple(int(digits[i : i + 8], 16) for i in range(0, len(digits), 8))
        spare = None if state["spare"] is None else finite("spare", state["spare"])
        rng.setstate((state["version"], words, spare))
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"the random state is damaged: {error!r}") from error
    return rng


def generators(model: Module) -> dict[str, random.Random]:
    """What each module that draws at random draws from, by its path."""
    found = {name: getattr(module, "rng", None) for name, module in model.named_modules()}
    return {name: rng for name, rng in found.items() if isinstance(rng, random.Random)}


def _random_states(model: Module) -> dict[str, Any]:
    """Their states; the path of the first for one that several share."""
    first: dict[int, str] = {}
    states: dict[str, Any] = {}
    for name, rng in generators(model).items():
        states[name] = first[id(rng)] if id(rng) in first else random_to_json(rng)
        first.setdefault(id(rng), name)
    return states


def _share_generators(model: Module, states: dict[str, Any]) -> None:
    modules = dict(model.named_modules())
    for name, state in states.items():
        if isinstance(state, str):
            modules[name].rng = modules[state].rng  # type: ignore[attr-defined]


def _tie(model: Module, tied: dict[str, str]) -> None:
    """Put one Value where the file has one."""
    places = dict(model.places())
    model.exchange({id(places[place]): places[first] for place, first in tied.items()})


def _refuse(constant: str) -> None:
    raise ValueError(f"it holds {constant}, which is no number")
