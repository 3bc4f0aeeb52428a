"""Debian's Chromium, driven by Playwright, for the tests that need a real browser; and axe, which scans a page.

A missing tool skips the test with its reason; under CI=true the conftest makes that a failure.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

AXE = Path(__file__).parent.parent / ".ci" / "node" / "node_modules" / "axe-core" / "axe.min.js"

_ARGUMENTS = """
    --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking
    --disable-component-update --disable-sync
""".split()


@contextmanager
def chromium(profile: Path, **options: Any) -> Iterator[Any]:
    """A headless browser with the empty profile directory ``profile``; options as Playwright's context takes them."""
    api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    executable = shutil.which("chromium")
    if executable is None:
        pytest.skip("Chromium is not installed: apt-get install chromium")
    with api.sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            str(profile), executable_path=executable, headless=True, args=_ARGUMENTS, **options
        )
        context.set_default_timeout(10_000)
        try:
            yield context
        finally:
            context.close()


def violations(page: Any) -> list[str]:
    """What axe finds wrong with the page as it stands: the rule and the first element, for each."""
    if not AXE.exists():
        pytest.skip("axe is not installed: npm install --no-save --prefix .ci/node axe-core")
    page.evaluate(AXE.read_text(encoding="utf-8") + "\n;undefined")
    found = page.evaluate("axe.run(document).then((result) => result.violations)")
    return [f"{v['id']}: {v['help']}: {v['nodes'][0]['html'][:200]}" for v in found]
