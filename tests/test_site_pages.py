"""Every page of the site in a browser: at both widths, light and dark, scanned by axe; live pictures; search."""

from __future__ import annotations

import html
import inspect
import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
import sites
from chromium import violations
from sites import PATIENCE, SITE, SIZES, ready, typed

import autodiff
import nn
import viz
from autodiff.ops import BUILT_IN, OPS

pytestmark = [pytest.mark.browser, pytest.mark.once]
site, browser, page = sites.served_site, sites.opened_browser, sites.new_page

PAGES = [
    "",
    "play/",
    "train/",
    "learn/",
    "use/",
    "operations/",
    "accuracy/",
    "speed/",
    "reference/viz/",
    "contributing/",
]


SCHEMES = {"light": "default", "dark": "slate"}  # as Material for MkDocs calls them


def visited(page: Any, address: str) -> None:
    page.goto(address)
    if address.endswith(("play/", "train/")):
        ready(page)


@pytest.mark.parametrize("path", PAGES)
def test_a_page_fits_both_widths_and_axe_finds_nothing_wrong_in_light_and_dark(page: Any, site: Any, path: str) -> None:
    page.add_init_script("localStorage.clear()")  # where the theme keeps what was chosen
    visited(page, site.address + path)
    for scheme, called in SCHEMES.items():
        page.emulate_media(color_scheme=scheme)
        if scheme == "dark":
            page.locator(".md-header__option label:visible").click()
        page.locator(f"body[data-md-color-scheme={called}]").wait_for(state="attached", timeout=5000)
        for width, height in SIZES.values():
            page.set_viewport_size({"width": width, "height": height})
            assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert violations(page) == [], scheme


def test_the_front_page_has_its_live_picture_and_three_doors(page: Any, site: Any) -> None:
    page.goto(site.address)
    page.get_by_role("button", name="Next").click()
    assert page.locator(".stepper .count").inner_text().startswith("Step 1")
    assert page.locator(".door").count() == 3
    page.locator(".door").first.click()
    page.wait_for_url("**/play/")


def test_the_first_notebook_is_read_and_stepped_and_its_cells_run_in_the_playground(page: Any, site: Any) -> None:
    page.goto(f"{site.address}learn/")
    page.locator(".md-content td a").first.click()
    stepper = page.locator(".stepper").first
    stepper.get_by_role("button", name="Next").click()
    assert "Step 1" in stepper.locator(".count").inner_text()
    cell, exercise = (page.get_by_role("link", name=name).first for name in ("Try it", "Answer it"))
    cell, exercise = (link.evaluate("(link) => link.href") for link in (cell, exercise))
    assert printed(page, cell).startswith("q =")
    assert printed(page, exercise).splitlines()[0] == "…  df/da: not answered yet"
    typed(page, program(exercise).replace("None", "-24", 1))
    page.locator("#run").click()
    page.locator("#printed", has_text=re.compile("^\\s*✓  df/da = -24 is right")).wait_for(timeout=PATIENCE)
    assert page.locator("#printed").inner_text().splitlines()[0] == "✓  df/da = -24 is right"


def program(link: str) -> str:
    return unquote(link.partition("#python=")[2])


def printed(page: Any, link: str) -> str:
    """What the program of a link to the playground prints, once it is run."""
    page.goto("about:blank")  # or another program of the same page would be no other page
    page.goto(link)
    ready(page)
    page.locator("#run").click()
    page.locator("#printed:not([hidden])").wait_for(timeout=PATIENCE)
    assert not page.locator("#error").is_visible(), page.locator("#error").inner_text()
    assert page.locator("#stage .waiting").count() == 0
    return page.locator("#printed").inner_text()


def test_a_name_of_the_reference_is_found_by_searching(page: Any, site: Any) -> None:
    page.goto(site.address)
    page.locator(".md-search__input").first.fill("gradcheck")
    page.locator(".md-search-result__link", has_text="gradcheck").first.wait_for(timeout=PATIENCE)


@pytest.mark.parametrize("module", [autodiff, nn, viz], ids=["autodiff", "nn", "viz"])
def test_the_doctest_of_every_public_name_is_shown_in_the_reference(module: Any) -> None:
    source = (SITE / "reference" / module.__name__ / "index.html").read_text(encoding="utf-8")
    shown = re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]*>", "", source)))
    for name in module.__all__:
        thing = getattr(module, name)
        if inspect.isfunction(thing) or inspect.isclass(thing):
            for line in re.findall(r"^ *>>> (.+)$", thing.__doc__ or "", re.MULTILINE):
                assert re.sub(r"\s+", " ", line.strip()) in shown, name


def test_every_link_of_the_site_leads_to_a_page_and_a_place_in_it() -> None:
    places: dict[Path, set[str]] = {}
    links: list[tuple[Path, str]] = []
    for file in SITE.rglob("*.html"):
        text = file.read_text(encoding="utf-8")
        text = re.sub(r"<script.*?</script>", "", text, flags=re.DOTALL)
        places[file] = set(re.findall(r'\bid="([^"]+)"', text))
        links += [(file, html.unescape(link)) for link in re.findall(r'<a\b[^>]*\bhref="([^"]+)"', text)]
    assert len(links) > 1000
    for file, link in links:
        path, _, place = link.partition("#")
        if file.name == "404.html" or re.match(r"https?:|mailto:", path):
            continue
        target = (file.parent / unquote(path)).resolve() if path else file
        target = target / "index.html" if target.is_dir() else target
        assert target.exists(), (file, link)
        if place and not place.startswith(("python=", "expression=", "__")):
            assert unquote(place) in places[target], (file, link)


def test_every_operation_has_its_formulas_its_curve_and_its_accuracy() -> None:
    text = (SITE / "operations" / "index.html").read_text(encoding="utf-8")
    unary = [op for op in OPS.values() if op.name in BUILT_IN and op.arity == 1]
    assert text.count('class="row-curve"') == len(unary)
    assert all(f'<h2 id="{name}">' in text for name in BUILT_IN)
    assert text.count("worst error:") == len(BUILT_IN)


def test_no_page_asks_for_anything_from_elsewhere() -> None:
    for file in SITE.rglob("*.html"):
        text = file.read_text(encoding="utf-8")
        for outside in ('src="http', "src='http", 'rel="stylesheet" href="http', "@import"):
            assert outside not in text, (file, outside)
