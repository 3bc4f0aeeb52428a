"""The shape of a model as names and numbers: described, built again, compared. Checkpoints hold it.

It reads `Module.config`, and knows no layer by name. What cannot be written (a function, a module that has no config)
stands as "missing"; a module that is held twice stands once, and as "same as" afterwards.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from nn.checks import shown
from nn.module import Module, joined

_MISSING, _SAME = "missing", "same as"
_IRRELEVANT = ("fused",)  # the same function, as one node or as many


def described(model: Module) -> Any:
    """What `built` makes a model of the same shape from."""
    return _described(model, "", {})


def _described(part: Any, path: str, seen: dict[int, str]) -> Any:
    if isinstance(part, Module):
        if id(part) in seen:
            return {_SAME: seen[id(part)]}
        seen[id(part)] = path
        if not _says_its_shape(type(part)):
            return {_MISSING: type(part).__name__}
        config = {name: _described(setting, joined(path, name), seen) for name, setting in part.config().items()}
        return {"type": _type_name(type(part)), **config}
    if isinstance(part, list | tuple):
        return [_described(entry, f"{path}.{i}", seen) for i, entry in enumerate(part)]
    if callable(part):
        return {_MISSING: getattr(part, "__name__", type(part).__name__)}
    return part


def _says_its_shape(kind: type[Module]) -> bool:
    """Whether its `config` is of the constructor that it has: one that a subclass inherits may not say all."""
    says = next(parent for parent in kind.__mro__ if "config" in vars(parent))
    constructor = next(parent for parent in kind.__mro__ if "__init__" in vars(parent))
    return says is not Module and kind.__mro__.index(says) <= kind.__mro__.index(constructor)


def built(description: Any, most: float = math.inf) -> Module:
    """The model; its parameters are any, and ``most`` at most.

    Raises KeyError, TypeError and ValueError for what is no description, before anything large is made.
    """
    if (count := _parameter_count(description)) > most:
        raise ValueError(f"a model of {count} parameters and more, where {most} are the most that there can be")
    model = _built(description, "", {})
    if not isinstance(model, Module):
        raise TypeError(f"{shown(description)} is no module")
    return model


def _built(part: Any, path: str, made: dict[str, Module]) -> Any:
    if isinstance(part, list):
        return [_built(entry, f"{path}.{i}", made) for i, entry in enumerate(part)]
    if not isinstance(part, dict):
        return part
    if _SAME in part:
        return made[part[_SAME]]
    if "type" not in part:
        return part
    config = {name: _built(setting, joined(path, name), made) for name, setting in part.items() if name != "type"}
    made[path] = _class(part["type"]).from_config(config)
    return made[path]


def _parameter_count(part: Any) -> int:
    """At least; a class of somebody else's is not asked, its base may take other arguments."""
    if isinstance(part, list):
        return sum(map(_parameter_count, part))
    if not isinstance(part, dict):
        return 0
    kind = _class(part["type"]) if "type" in part else Module
    own = kind.parameter_count(part) if _is_ours(kind) else 0
    return own + sum(map(_parameter_count, part.values()))


def is_complete(description: Any) -> bool:
    """Whether nothing is missing in it."""
    if isinstance(description, dict):
        return _MISSING not in description and all(map(is_complete, description.values()))
    return all(map(is_complete, description)) if isinstance(description, list) else True


def differences(name: str, saved: Any, given: Any) -> Iterator[tuple[str, str, str]]:
    """Where two descriptions contradict each other: (place, saved, given), as a message writes them.

    What is missing may be anything.
    """
    if _is_missing(saved) or _is_missing(given):
        return
    if isinstance(saved, dict) and isinstance(given, dict) and saved.get("type") == given.get("type"):
        for key in given:
            if key not in _IRRELEVANT and key in saved:  # an older file does not know every setting
                yield from differences(joined(name, key), saved[key], given[key])
    elif isinstance(saved, list) and isinstance(given, list) and len(saved) == len(given):
        for i, pair in enumerate(zip(saved, given, strict=True)):
            yield from differences(f"{name}.{i}", *pair)
    elif saved != given:
        yield name or "the network", _short(saved), _short(given)


def _short(part: Any) -> str:
    """What a message calls it: a module by its type alone."""
    return str(part["type"]) if isinstance(part, dict) and "type" in part else shown(part)


def _is_missing(part: Any) -> bool:
    return isinstance(part, dict) and _MISSING in part


def _type_name(kind: type[Module]) -> str:
    """Ours by their names, others with where they are from."""
    return kind.__name__ if _is_ours(kind) else f"{kind.__module__}:{kind.__qualname__}"


def _is_ours(kind: type[Module]) -> bool:
    return kind.__module__.startswith("nn.")


def _class(name: Any) -> type[Module]:
    found = [kind for kind in _subclasses(Module) if _type_name(kind) == name]
    if not found:
        raise KeyError(f"there is no module of the type {shown(name)}: define or import it first")
    return found[-1]  # a notebook's cell may have defined it anew


def _subclasses(kind: type[Module]) -> Iterator[type[Module]]:
    for below in kind.__subclasses__():
        yield below
        yield from _subclasses(below)
