"""The step-through page in a browser, for the tests that need one: its graphs, its sizes, and how it is opened and set.

A page that logs anything, fails, or asks for anything but its file fails its test.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from chromium import chromium
from graphs import neuron, worked

from autodiff import Value, sin
from nn.layers import MLP
from viz import Stepper

MODEL = MLP(2, [2, 1], rng=1)
SIZES = {"360 px": (360, 640), "a phone": (400, 800), "a laptop": (1280, 720), "a beamer": (1920, 1080)}
every_size = pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)


def net() -> Value:
    return (MODEL([Value(1.0, "x1"), Value(-2.0, "x2")]) - 0.5) ** 2


def five_paths() -> Value:
    x = Value(1.5, "x")
    f = x * x + sin(x) * x + x
    f.label = "f"
    return f


def xor() -> tuple[Value, MLP, dict[Value, list[float]]]:
    """A network's loss at one example, the network, and the numbers of all four."""
    model = MLP(2, [2, 1], rng=0)
    x1, x2, t = Value(0.0, "x1"), Value(1.0, "x2"), Value(1.0, "t")
    y = (model([x1, x2]) - t) ** 2
    y.label = "L"
    return y, model, {x1: [0, 0, 1, 1], x2: [0, 1, 0, 1], t: [0, 1, 1, 0]}


GRAPHS = {"worked": worked, "neuron": neuron, "net": net, "five paths": five_paths}
every_graph = pytest.mark.parametrize("make", GRAPHS.values(), ids=GRAPHS)


@pytest.fixture(name="browser", scope="module")
def opened_browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with chromium(tmp_path_factory.mktemp("profile")) as context:
        yield context


@contextmanager
def watched(page: Any) -> Iterator[Any]:
    """The tab as a new one, in which nothing may go wrong."""
    wrong: list[str] = []
    heard = {
        "console": lambda message: wrong.append(f"console: {message.text}"),
        "pageerror": lambda error: wrong.append(f"error: {error}"),
        "request": lambda request: request.url.startswith(("file:", "data:")) or wrong.append(request.url),
    }
    for event, listener in heard.items():
        page.on(event, listener)
    page.mouse.move(0, 0)
    page.set_viewport_size({"width": 1280, "height": 720})
    page.emulate_media(media="null", color_scheme="null", reduced_motion="reduce")
    yield page
    page.goto("about:blank")  # what comes late is of this test, not of the next
    for event, listener in heard.items():
        page.remove_listener(event, listener)
    assert wrong == [], wrong


@pytest.fixture(name="page")
def new_page(browser: Any) -> Iterator[Any]:
    with watched(browser.pages[0]) as page:  # the tab that the browser begins with, for all: a new one each costs much
        yield page


@pytest.fixture(name="show")
def shown_in_page(page: Any, tmp_path: Path) -> Callable[..., Any]:
    def open_page(stepper: Stepper, size: tuple[int, int] = (1280, 720)) -> Any:
        page.set_viewport_size({"width": size[0], "height": size[1]})
        page.goto(stepper.save(tmp_path / "f.html").as_uri())
        return page

    return open_page


def go(page: Any, to: int) -> None:
    page.get_by_role("slider", name="Step").fill(str(to))


def at_every_step(page: Any, see: str) -> list[Any]:
    """What the JavaScript function ``see`` of the page's root gives at each step, asked in one go."""
    walk = """(slider) => {
      const see = %s, seen = [];
      for (let at = 0; at <= Number(slider.max); at++) {
        slider.value = at;
        slider.dispatchEvent(new Event("input", { bubbles: true }));
        seen.push(see(slider.getRootNode()));
      }
      return seen;
    }"""
    return page.get_by_role("slider", name="Step").evaluate(walk % see)


def last_step(page: Any) -> int:
    return int(page.get_by_role("slider", name="Step").get_attribute("max"))


def chosen(page: Any, mode: str, by: str = "") -> None:
    page.get_by_label("Show").select_option(mode)
    if by:
        page.locator(".by select").select_option(label=by)


def moved(page: Any, name: str, to: float) -> None:
    field = page.get_by_label(name, exact=True)
    field.fill(repr(to))
    field.press("Enter")
