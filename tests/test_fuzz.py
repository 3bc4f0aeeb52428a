"""Whatever is typed, saved, called or linked to: an error of our own, or a right answer, within two seconds.

`make fuzz` runs these long, and random. Nothing that is read is ever executed.
"""

from __future__ import annotations

import contextlib
import copy
import json
import math
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
from checkpoints import resealed, run
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pages import new_page, opened_browser, worked  # noqa: F401

from autodiff import DomainError, Value
from nn import CheckpointError, Module, load
from viz import draw, explain, step
from viz.cli.expression import Expression, ExpressionError

pytestmark = pytest.mark.once
in_time = settings(deadline=2000, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])

# What people type.

TOKENS = [
    "x",
    "y1",
    "w_ij",
    "σ",
    "π",
    "∂",
    "1",
    "0.5",
    "1e308",
    "1e-320",
    "1/0",
    "10**400",
    ".",
    "..",
    "+",
    "-",
    "−",
    "*",
    "·",
    "×",
    "/",
    "//",
    "**",
    "^",
    "²",
    "√",
    "|",
    "%",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ",",
    ";",
    "=",
    "==",
    ":=",
    "->",
    ":",
    "\n",
    "\t",
    " ",
    "#",
    "'",
    '"',
    '"""',
    "\\",
    "@",
    "!",
    "?",
    "$",
    "`",
    "sin",
    "log",
    "exp(",
    "dot([",
    "sum",
    "where",
    "logsumexp",
    "max",
    "lambda",
    "import",
    "os",
    "__import__('os')",
    "__class__",
    ".data",
    "eval",
    "open('f')",
    "True",
    "None",
    "for",
    "if",
    "else",
    "\x00",
    "\u202e",
    "\ud800",
    "😀",
    "x" * 300,
    "(" * 60,
    "1_000",
    "0x1F",
    "1j",
    "nan",
    "inf",
]


@given(st.lists(st.sampled_from(TOKENS), max_size=14), st.sampled_from(["", " "]))
@in_time
def test_what_is_typed_gives_values_or_an_expression_error(tokens: list[str], between: str) -> None:
    text = between.join(tokens)
    try:
        expression = Expression(text)
        found = expression.evaluate(dict.fromkeys(expression.inputs, 0.75))
    except (ExpressionError, DomainError, OverflowError):
        return
    assert all(isinstance(value, Value) and math.isfinite(value.data) for value in found.values())


# Files.


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("run") / "run.json"
    run(path)
    return path


def parts(content: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The places of everything in it."""
    inside = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    return [path, *(below for key, part in inside for below in parts(part, (*path, key)))]


def loaded(path: Path) -> Any:
    with contextlib.suppress(CheckpointError):
        return load(path)
    return None


ODD = st.sampled_from(
    [
        None,
        True,
        -1,
        0,
        2**70,
        1e308,
        -0.5,
        "",
        "x",
        "nn.MLP",
        "__class__",
        "os.system",
        [],
        {},
        [None],
        {"a": 1},
        [[1.0]],
    ]
)


@given(data=st.data())
@in_time
def test_a_checkpoint_with_anything_else_inside_is_a_model_or_refused(saved: Path, data: st.DataObject) -> None:
    content = json.loads(saved.read_text())
    before = copy.deepcopy(content)
    for _ in range(data.draw(st.integers(1, 3))):
        *above, last = data.draw(st.sampled_from(parts(content)[1:]))
        holder = content
        for key in above:
            holder = holder[key]
        if data.draw(st.booleans()):
            holder[last] = copy.deepcopy(data.draw(ODD))  # which the next change may be inside of
        else:
            del holder[last]
        if len(parts(content)) == 1:
            break
    path = saved.with_name("odd.json")
    path.write_text(resealed(content) if content != before else saved.read_text())
    model = loaded(path)
    assert model is None or (isinstance(model, Module) and all(math.isfinite(p.data) for p in model.parameters()))


@given(data=st.data())
@in_time
def test_a_checkpoint_whose_bytes_are_damaged_is_refused(saved: Path, data: st.DataObject) -> None:
    whole = saved.read_bytes()
    start = data.draw(st.integers(0, len(whole) - 1))
    stop = data.draw(st.integers(start, min(len(whole), start + 40)))
    instead = data.draw(st.binary(max_size=10))
    changed = whole[:start] + instead + whole[stop:]
    path = saved.with_name("damaged.json")
    path.write_bytes(changed)
    same = False
    with contextlib.suppress(ValueError):
        same = json.loads(changed) == json.loads(whole)  # a blank more, or less
    assert (loaded(path) is not None) == same


# Labels.

LABELS = st.one_of(
    st.text(st.characters(exclude_categories=[]), min_size=1, max_size=20),
    st.lists(
        st.sampled_from(
            [
                "<script>",
                "</script>",
                "<!--",
                "-->",
                "]]>",
                "&amp;",
                "&",
                '"',
                "'",
                "\\N",
                "\\",
                "$",
                "%",
                "#",
                "_",
                "^",
                "{",
                "}",
                "~",
                "\\input{x}",
                "javascript:",
                "\u2028",
                "\x00",
                "\ud800",
                "\U000f0001",
                "\ue000d1\ue003",
                "</style>",
            ]
        ),
        min_size=1,
        max_size=5,
    ).map("".join),
)


@given(LABELS, LABELS)
@in_time
def test_a_label_is_data_in_every_picture(first: str, second: str) -> None:
    x = Value(0.5, first)
    y = x * x + x
    y.label = second
    drawing, page, derived = draw(y), step(y), explain(y, x)
    ET.fromstring(drawing.svg.encode("utf-8", "replace"))
    assert drawing.tikz.count("\\begin{tikzpicture}") == drawing.tikz.count("\\end{tikzpicture}") == 1
    assert page.html.count("<script>") == page.html.count("</script>") == 1
    assert "<!--" not in page.html
    assert str(derived) and derived._repr_latex_().count("$$") % 2 == 0


# Addresses.

WORDS = [
    "step",
    "predict",
    "embed",
    "show",
    "by",
    "x",
    "y",
    "z",
    "q",
    "f",
    "~x",
    "__proto__",
    "constructor",
    "toString",
]
GIVEN = [
    "",
    "0",
    "1",
    "7",
    "99",
    "-1",
    "1e3",
    "NaN",
    "Infinity",
    "1e400",
    "0.5",
    "-1/3",
    "1/0",
    "paths",
    "forward",
    "backward",
    "alert(1)",
    "<img src=x onerror=alert(1)>",
    "%E0%A4%A",
    "%00",
    "javascript:alert(1)",
    "x",
    "y",
    "z",
]


@pytest.mark.browser
@given(st.lists(st.tuples(st.sampled_from(WORDS), st.sampled_from(GIVEN)), max_size=6))
@settings(in_time, deadline=None, max_examples=settings().max_examples * 2 // 5)
def test_an_address_is_numbers_and_names_or_passed_over(page: Any, tmp_path: Path, said: list[tuple[str, str]]) -> None:
    file = tmp_path / "f.html"
    if not file.exists():
        step(worked()).save(file)
    page.goto("about:blank")
    page.goto(f"{file.as_uri()}#" + "&".join(f"{word}={given}" for word, given in said))
    assert page.locator(".count").text_content().startswith("Step ")
    assert page.locator("img[src=x]").count() == 0
