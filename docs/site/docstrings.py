"""This project's docstrings as Markdown, for mkdocstrings: doctests as code, "name : what it is" as a list."""

from __future__ import annotations

import re
from typing import Any

from griffe import Extension

_ARGUMENT = re.compile(r"^(?P<indent> *)(?P<name>[`*\w][\w,`*… .]*?) : (?P<text>.+)$")
_HEADING = re.compile(r"^(Parameters|Attributes|Returns|Raises|Examples)\n-+$", re.MULTILINE)


def as_markdown(docstring: str) -> str:
    """The docstring with its doctests fenced, its list of arguments as a list, its headings bold.

    >>> as_markdown("Twice x.\\n\\nx : a number\\n    of any kind")
    'Twice x.\\n\\n* **x**: a number\\n  of any kind'
    """
    text = _HEADING.sub(r"**\1**\n", docstring).replace("``", "`")
    return "\n\n".join(
        _doctest(part) if part.lstrip().startswith(">>>") else _listed(part) for part in text.split("\n\n")
    )


def _doctest(part: str) -> str:
    return f"```pycon\n{part.rstrip()}\n```\n"


def _listed(part: str) -> str:
    """A paragraph, of which the lines from the first "name : text" on are a list."""
    lines: list[str] = []
    within = False
    for line in part.split("\n"):
        found = _ARGUMENT.match(line)
        if found and (not within or not found["indent"]):
            lines += [] if within or not lines else [""]
            within = True
            lines.append(f"* **{found['name']}**: {found['text']}")
        else:
            lines.append(f"  {line.strip()}" if within else line)
    return "\n".join(lines)


class Docstrings(Extension):
    """What griffe calls for a package when all of it is read."""

    def on_package(self, *, pkg: Any, **_: Any) -> None:
        waiting = [pkg]
        while waiting:
            read = waiting.pop()
            waiting += [member for member in read.members.values() if not member.is_alias]
            if read.docstring is not None:
                read.docstring.value = as_markdown(read.docstring.value)
