"""The built site, served as any static server would, for the tests that open it in a browser.

A page that logs an error, fails, or asks another host for anything fails its test. `make site` builds the site.
"""

from __future__ import annotations

import functools
import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from chromium import chromium

SITE = Path(__file__).parent.parent / "build" / "site"
SIZES = {"a phone": (400, 800), "a laptop": (1280, 720)}
PATIENCE = 60_000  # ms that Python may take to come, on a machine with much else to do


class Server(http.server.ThreadingHTTPServer):
    """address : of the site; sent : bytes so far, by path"""

    def __init__(self) -> None:
        self.sent: dict[str, int] = {}
        super().__init__(("localhost", 0), functools.partial(_Handler, directory=str(SITE)))
        self.address = f"http://localhost:{self.server_port}/"


class _Handler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass

    def copyfile(self, source: Any, outputfile: Any) -> None:
        body = source.read()
        sent = self.server.sent  # type: ignore[attr-defined]
        sent[self.path] = sent.get(self.path, 0) + len(body)
        outputfile.write(body)


@contextmanager
def served() -> Iterator[Server]:
    if not (SITE / "index.html").exists():
        pytest.skip("the site is not built: make site")
    with Server() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield server
        finally:
            server.shutdown()


@pytest.fixture(name="site", scope="module")
def served_site() -> Iterator[Server]:
    with served() as server:
        yield server


@pytest.fixture(name="browser", scope="module")
def opened_browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with chromium(tmp_path_factory.mktemp("profile"), accept_downloads=True) as context:
        yield context


@contextmanager
def watched(context: Any, site: Server, *allowed: str) -> Iterator[Any]:
    """A page in which nothing may go wrong but what is ``allowed``: parts of messages."""
    page = context.new_page()
    page.set_default_timeout(30_000)
    wrong: list[str] = []
    page.on("console", lambda message: message.type in ("error", "warning") and wrong.append(message.text))
    page.on("pageerror", lambda error: wrong.append(f"error: {error}"))
    page.on("request", lambda r: r.url.startswith((site.address, "data:", "blob:")) or wrong.append(r.url))
    page.emulate_media(reduced_motion="reduce")
    yield page
    page.close()
    wrong = [said for said in wrong if not any(part in said for part in allowed)]
    assert not wrong, wrong


@pytest.fixture(name="page")
def new_page(browser: Any, site: Server) -> Iterator[Any]:
    with watched(browser, site) as page:
        page.set_viewport_size({"width": 1280, "height": 720})
        yield page


def ready(page: Any) -> None:
    page.locator("html[data-python=ready]").wait_for(state="attached", timeout=PATIENCE)


def shown(page: Any, name: str) -> None:
    """Wait until the step-through of a result called so is there."""
    page.locator(f'#stage .stepper[aria-label="{name}, step by step"]').wait_for(timeout=PATIENCE)


def typed(page: Any, text: str) -> None:
    page.locator(".cm-content").click()
    page.keyboard.press("Control+a")
    page.keyboard.insert_text(text)
