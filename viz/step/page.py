"""The page as one piece of HTML: the picture, the script with its lesson and its rows, and nothing from a network.

What the script is told is decided in `lesson`; here it is put together and made safe: no name can end the script, and
every text that comes more than once is written once.
"""

from __future__ import annotations

import base64
import html
import json
import re
import secrets
from collections import Counter
from collections.abc import Callable, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

_SCRIPT_ESCAPES = {ord(c): f"\\u{ord(c):04x}" for c in "<>&\u2028\u2029"}
_COMMENT = re.compile(r"^ *(?:/\*(?! \w+\.js \*/)(?:(?!\*/).)*\*/|//[^\n]*)\n", re.MULTILINE | re.DOTALL)
_AT_THE_END = re.compile(r" +// [^\"'`\n]*$", re.MULTILINE)  # of a line; what is in quotes ends with one
_SHORTEST_SHARED = 12  # characters of a text or list that is worth a place of its own
_TAKEN_IN = "numbers live picture texts quiz panels address surroundings frame".split()

_PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<main>
<h1>{title}</h1>
{fragment}
</main>
</body>
</html>
"""
_FRAGMENT = """\
<div id="{key}"><img alt="{alt}" src="data:image/svg+xml;base64,{picture}" style="max-width:100%;background:white">
<p>A still picture of the end: to step through it, let its script run (in Jupyter by the command Trust Notebook).</p>
</div>
<script>{script}</script>"""


def fragment(where: str, still: str, description: str, data: Mapping[str, Any], rows: str) -> str:
    """The picture, which the script takes over; alone, without a script, it is the whole answer.

    It is an image, so that it stands where scripts and SVG are taken out, as in a notebook that nobody has trusted.

    where : "page", "notebook", or "part" of a page that keeps its address
    still : the picture, as SVG
    data : what the script is told
    rows : JavaScript, the rows of the op table, or null
    """
    key = f"stepper-{secrets.token_hex(8)}"
    told = {**data, "key": key, "where": where, "style": _asset("stepper.css")}
    told |= _shared({part: told[part] for part in ("nodes", "walks")})
    return _FRAGMENT.format(
        key=key,
        alt=html.escape(description),
        picture=base64.b64encode(still.encode()).decode(),
        script=_script().replace("__ROWS__", rows, 1).replace("__DATA__", _for_a_script(told), 1),
    )


def page(title: str, content: str) -> str:
    return _PAGE.format(title=html.escape(title), style=_asset("page.css"), fragment=content)


def every_text(thing: Any, change: Callable[[str], Any]) -> Any:
    """The same data with each of its texts changed."""
    if isinstance(thing, str):
        return change(thing)
    if isinstance(thing, Mapping):
        return {key: every_text(part, change) for key, part in thing.items()}
    return [every_text(part, change) for part in thing] if isinstance(thing, list | tuple) else thing


def _shared(data: Mapping[str, Any]) -> dict[str, Any]:
    """The data with {"t": 3} for the fourth of its ``texts``: texts and lists that come more than once."""
    count: Counter[str] = Counter()
    _each(data, lambda written: count.update([written]))
    texts = [written for written, times in count.items() if times > 1 and len(written) >= _SHORTEST_SHARED]
    place = {written: i for i, written in enumerate(texts)}

    def put(part: Any) -> Any:
        if isinstance(part, Mapping):
            return {key: put(inner) for key, inner in part.items()}
        written = _written(part) if isinstance(part, str | list | tuple) else ""
        if written in place:
            return {"t": place[written]}
        return [put(inner) for inner in part] if isinstance(part, list | tuple) else part

    return {**put(data), "texts": list(map(json.loads, texts))}


def _each(part: Any, see: Callable[[str], None]) -> None:
    """Every text and list in the data, as JSON."""
    if isinstance(part, Mapping):
        for inner in part.values():
            _each(inner, see)
    elif isinstance(part, str | list | tuple):
        see(_written(part))
        for inner in part if not isinstance(part, str) else ():
            _each(inner, see)


def _written(data: Any) -> str:
    return json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _for_a_script(data: Any) -> str:
    """JSON that is a JavaScript literal, in which no character can end the script."""
    return _written(data).translate(_SCRIPT_ESCAPES)


@cache
def _script() -> str:
    script = _asset("stepper.js")
    for part in _TAKEN_IN:
        script = script.replace(f"/* {part}.js */\n", _asset(f"{part}.js"))
    return script


@cache
def _asset(name: str) -> str:
    """A file beside this one, without what only its readers need: comments and indentation."""
    text = files("viz.step").joinpath(name).read_text(encoding="utf-8")
    text = re.sub(r"^ +|^\n", "", _AT_THE_END.sub("", _COMMENT.sub("", text)), flags=re.MULTILINE)
    return re.sub(r"\s*([{};,])\s*", r"\1", text) if name.endswith(".css") else text
