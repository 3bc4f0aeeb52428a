"""The course's first notebook as a student meets it: in JupyterLab itself, and exported to HTML, in a real browser.

Its steppers are clicked through, and every visible number is compared with `backward_steps`. The stepper on a page
of its own, its keys and its predictions, are `test_stepper_browser`'s.
"""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from chromium import chromium
from test_stepper_browser import READ, states

from autodiff import Value, tanh
from viz import draw, step

pytestmark = [pytest.mark.browser, pytest.mark.notebook, pytest.mark.once]

ROOT = Path(__file__).parent.parent
NOTEBOOK = ROOT / "notebooks" / "01_computation_graphs.ipynb"
UNTRUSTED = "untrusted.ipynb"
TOKEN = "a-token-of-this-test"
PATIENCE = 120  # seconds, for JupyterLab to start and to run the notebook on a busy machine
VIEW = {"viewport": {"width": 1280, "height": 900}, "reduced_motion": "reduce"}

STEPPERS = "[id^=stepper-]"
KERNEL = "document.querySelector('.jp-Notebook-ExecutionIndicator')?.dataset.status"
# The last cell has its number again and the steppers, which are not stored with the notebook, are there. (A cell whose
# source is folded shows no number.)
ALL_RUN = """([cells, steppers]) =>
  [...document.querySelectorAll(".jp-InputPrompt")].some((prompt) => prompt.textContent.trim() === `[${cells}]:`)
  && document.querySelectorAll("[id^=stepper-]").length === steppers"""
PAPER = "host => getComputedStyle(host.shadowRoot.querySelector('.stepper')).backgroundColor"


def sum_times_z() -> Value:
    x, y, z = Value(-2.0), Value(5.0), Value(-4.0)
    return (x + y) * z


def square_plus_itself() -> Value:
    a = Value(3.0)
    return a * a + a


def loss_of_a_neuron() -> Value:
    w1, w2, b = Value(0.5), Value(1.0), Value(0.3)
    return (tanh(w1 * 2.0 + w2 * -1.0 + b) - 1.0) ** 2 / 2


GRAPHS = [sum_times_z(), square_plus_itself(), loss_of_a_neuron()]  # which the notebook steps through, in its order
every_stepper = pytest.mark.parametrize(
    "which", range(len(GRAPHS)), ids=["sum_times_z", "square_plus_itself", "neuron"]
)


def untrusted() -> dict[str, Any]:
    """A notebook as it comes from somebody else: with outputs, and nobody here has run it."""
    shown = [draw(GRAPHS[0])._repr_mimebundle_(), step(GRAPHS[0])._repr_mimebundle_()]
    cells = [
        {
            "cell_type": "code", "id": f"cell-{i}", "metadata": {}, "source": "shown", "execution_count": 1,
            "outputs": [
                {"output_type": "execute_result", "execution_count": 1, "data": data, "metadata": metadata}
            ],
        }
        for i, (data, metadata) in enumerate(shown)
    ]  # fmt: skip
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": metadata, "cells": cells}


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with chromium(tmp_path_factory.mktemp("profile"), **VIEW) as context:
        yield context


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A home of its own for Jupyter, in which nobody has set anything; its news would come from a network."""
    home = tmp_path_factory.mktemp("home")
    own = ("HOME", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR", "MPLCONFIGDIR")
    places = {name: str(home / name.lower()) for name in own}
    for place in places.values():
        Path(place).mkdir()
    settings = Path(places["JUPYTER_CONFIG_DIR"]) / "labconfig" / "page_config.json"
    settings.parent.mkdir()
    settings.write_text(json.dumps({"disabledExtensions": {"@jupyterlab/apputils-extension:announcements": True}}))
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    return {**os.environ, **places, "PYTHONPATH": path}


def watched(page: Any) -> tuple[Any, list[str], list[str]]:
    """The page, what it complains about from now on, and the addresses it asks for."""
    errors: list[str] = []
    requests: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: message.type == "error" and errors.append(message.text))
    page.on("request", lambda request: requests.append(request.url))
    return page, errors, requests


def steppers(page: Any) -> list[Any]:
    found = page.locator(STEPPERS).all()
    assert len(found) == len(GRAPHS)
    return found


def walk(stepper: Any, y: Value) -> None:
    """Click from the first step to the last: picture and table show what `backward_steps` says, and no sooner."""
    expected = states(y)
    for at, known in enumerate(expected):
        seen = stepper.evaluate(READ)
        assert seen["count"] == f"Step {at} of {len(expected) - 1}"
        assert seen["picture"] == {key: list(number) for key, number in known.items()}
        assert seen["table"] == {k: list(number) for k, number in known.items() if not k.startswith("partial")}
        if at + 1 < len(expected):
            stepper.get_by_role("button", name="Next").click()
    assert stepper.get_by_role("button", name="Next").is_disabled()
    stepper.get_by_role("button", name="Back").click()
    assert stepper.evaluate(READ)["count"] == f"Step {len(expected) - 2} of {len(expected) - 1}"
    stepper.get_by_role("button", name="First").click()
    assert stepper.evaluate(READ)["picture"] == {}


def keep(page: Any, stepper: Any, tmp_path: Path, name: str) -> None:
    """A screenshot of the middle of the walk, for a person to look at: where TEST_PICTURES says, or beside the test."""
    for _ in range(8):
        stepper.get_by_role("button", name="Next").click()
    stepper.scroll_into_view_if_needed()
    picture = Path(os.environ.get("TEST_PICTURES", tmp_path)) / f"{name}.png"
    page.screenshot(path=picture)
    assert picture.stat().st_size > 20_000
    stepper.get_by_role("button", name="First").click()


# JupyterLab.


@pytest.fixture(scope="module")
def server(environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """JupyterLab on loopback, with a copy of the notebook: its address."""
    pytest.importorskip("jupyterlab", reason="JupyterLab is not installed (extra notebooks)")
    folder = tmp_path_factory.mktemp("lab")
    shutil.copy(NOTEBOOK, folder)
    shutil.copytree(NOTEBOOK.parent / "checks", folder / "checks", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / UNTRUSTED).write_text(json.dumps(untrusted()), encoding="utf-8")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = tmp_path_factory.mktemp("log") / "lab.log"
    options = ["--no-browser", "--allow-root", "--ip=127.0.0.1", f"--port={port}", f"--IdentityProvider.token={TOKEN}"]
    command = [sys.executable, "-m", "jupyterlab", *options, f"--ServerApp.root_dir={folder}"]
    with log.open("wb") as output, subprocess.Popen(command, env=environment, stdout=output, stderr=output) as process:
        try:
            yield address(process, Path(environment["JUPYTER_RUNTIME_DIR"]), log)
        finally:
            process.send_signal(signal.SIGTERM)  # it ends its kernels first
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()


def address(process: subprocess.Popen[bytes], runtime: Path, log: Path) -> str:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until and process.poll() is None:
        for found in runtime.glob("jpserver-*.json"):  # it appears whole, when the server listens
            return json.loads(found.read_text(encoding="utf-8"))["url"]
        time.sleep(0.2)
    pytest.fail(f"JupyterLab did not start:\n{log.read_text(encoding='utf-8')[-2000:]}")


@pytest.fixture(scope="module")
def lab(browser: Any, server: str) -> Iterator[tuple[Any, list[str], list[str]]]:
    """The notebook open in JupyterLab with all cells run, as `watched` from the beginning."""
    page, errors, requests = watched(browser.new_page())
    page.goto(f"{server}lab/tree/{NOTEBOOK.name}?token={TOKEN}", timeout=PATIENCE * 1000)
    wait_for_the_kernel(page)
    menu(page, "Run", "Run All Cells")
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    count = sum(cell["cell_type"] == "code" for cell in cells)
    page.wait_for_function(ALL_RUN, arg=[count, len(GRAPHS)], timeout=PATIENCE * 1000)
    yield page, errors, requests
    page.close()


def wait_for_the_kernel(page: Any) -> None:
    """Until it has been idle for two seconds: JupyterLab may end its first kernel, and forgets what that was to run."""
    until, idle = time.monotonic() + PATIENCE, 0
    while idle < 10:
        assert time.monotonic() < until, f"the kernel is not ready: {page.evaluate(KERNEL)}"
        page.wait_for_timeout(200)
        idle = idle + 1 if page.evaluate(KERNEL) == "idle" else 0


def menu(page: Any, name: str, *items: str) -> None:
    page.get_by_role("menuitem", name=name, exact=True).click()
    for item in items:
        page.locator(".lm-Menu").get_by_text(item, exact=True).click()


@every_stepper
def test_in_jupyterlab_every_step_shows_the_numbers_of_backward_steps(lab: Any, which: int, tmp_path: Path) -> None:
    page, _, _ = lab
    stepper = steppers(page)[which]

    walk(stepper, GRAPHS[which])

    keep(page, stepper, tmp_path, f"jupyterlab-{which}")


def test_in_jupyterlab_keys_step_and_are_no_commands_to_the_notebook(lab: Any) -> None:
    page, _, _ = lab
    stepper = steppers(page)[0]
    stepper.get_by_role("button", name="Next").click()
    cells = page.locator(".jp-Cell").count()

    for key in ("ArrowRight", "ArrowRight", "ArrowLeft", "b"):  # b: JupyterLab's command for a new cell below
        page.keyboard.press(key)

    assert stepper.evaluate(READ)["count"].startswith("Step 2 of")
    assert page.locator(".jp-Cell").count() == cells
    stepper.get_by_role("button", name="First").click()


def test_in_jupyterlab_ctrl_s_saves_the_notebook_while_the_stepper_has_the_focus(lab: Any) -> None:
    page, _, _ = lab
    stepper = steppers(page)[0]
    stepper.get_by_role("button", name="Next").click()
    page.locator(".jp-DirtyIndicator, .jp-mod-dirty").first.wait_for()  # it has been run, and not yet saved

    with page.expect_response(lambda r: r.request.method == "PUT" and "/api/contents/" in r.url) as saved:
        page.keyboard.press("Control+s")

    assert saved.value.ok
    stepper.get_by_role("button", name="First").click()


def test_in_jupyterlab_the_stepper_follows_the_dark_theme(lab: Any, tmp_path: Path) -> None:
    page, _, _ = lab
    stepper = steppers(page)[0]
    assert stepper.evaluate(PAPER) == "rgb(255, 255, 255)"

    menu(page, "Settings", "Theme", "JupyterLab Dark")
    page.locator("body[data-jp-theme-light=false]").wait_for(state="attached")

    assert sum(map(int, stepper.evaluate(PAPER).removeprefix("rgb(").removesuffix(")").split(","))) < 150
    keep(page, stepper, tmp_path, "jupyterlab-dark")
    menu(page, "Settings", "Theme", "JupyterLab Light")
    page.locator("body[data-jp-theme-light=true]").wait_for(state="attached")


def test_in_jupyterlab_an_untrusted_notebook_shows_still_pictures_and_no_text_soup(
    browser: Any, server: str, tmp_path: Path
) -> None:
    page, _, _ = watched(browser.new_page())
    page.goto(f"{server}lab/tree/{UNTRUSTED}?token={TOKEN}", timeout=PATIENCE * 1000)
    outputs = page.locator(".jp-OutputArea-output")
    outputs.nth(1).locator("img").wait_for(timeout=PATIENCE * 1000)

    for i in (0, 1):
        picture = outputs.nth(i).locator("img")
        assert picture.evaluate("async (img) => { await img.decode(); return img.naturalWidth }") > 300
        assert picture.bounding_box()["width"] > 300
        assert "data" not in outputs.nth(i).inner_text()
    assert "let its script run (in Jupyter by the command Trust Notebook)" in outputs.nth(1).inner_text()
    assert page.locator(".stepper").count() == 0
    page.screenshot(path=Path(os.environ.get("TEST_PICTURES", tmp_path)) / "untrusted.png")
    page.close()


def test_in_jupyterlab_nothing_fails_and_nothing_comes_from_a_network(lab: Any, server: str) -> None:
    _, errors, requests = lab

    assert errors == []
    assert [url for url in requests if not url.startswith((server, "data:", "blob:"))] == []


# Exported HTML.


@pytest.fixture(scope="module")
def pages(environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """nbconvert's HTML of the notebook, run from top to bottom, and of one with nothing in it."""
    pytest.importorskip("nbconvert", reason="nbconvert is not installed (extra notebooks)")
    folder = tmp_path_factory.mktemp("html")
    nothing = {"cell_type": "markdown", "id": "a", "metadata": {}, "source": "Nothing."}
    notebook = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    (folder / "empty.ipynb").write_text(json.dumps({**notebook, "cells": [nothing]}), encoding="utf-8")
    return {
        "notebook": exported(NOTEBOOK, folder, environment, "--execute"),
        "empty": exported(folder / "empty.ipynb", folder, environment),
    }


def exported(source: Path, folder: Path, environment: dict[str, str], *options: str) -> Path:
    command = [sys.executable, "-m", "nbconvert", "--to", "html", *options, "--output-dir", str(folder), str(source)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stderr
    return folder / f"{source.stem}.html"


def without_a_network(page: Any, file: Path) -> tuple[Any, list[str], list[str]]:
    page.route(lambda url: not url.startswith("file:"), lambda route: route.abort())
    page, errors, requests = watched(page)
    page.goto(file.as_uri())
    return page, errors, requests


@pytest.fixture(scope="module")
def html(browser: Any, pages: dict[str, Path]) -> Iterator[tuple[Any, list[str], list[str]]]:
    """The exported notebook, open without a network, as `watched` from the beginning."""
    page, errors, requests = without_a_network(browser.new_page(), pages["notebook"])
    yield page, errors, requests
    page.close()


@every_stepper
def test_in_exported_html_every_step_shows_the_numbers_of_backward_steps(html: Any, which: int, tmp_path: Path) -> None:
    page, _, _ = html
    stepper = steppers(page)[which]

    walk(stepper, GRAPHS[which])

    keep(page, stepper, tmp_path, f"nbconvert-{which}")


def test_exported_html_asks_for_no_more_and_fails_in_no_more_than_an_empty_notebook_does(
    browser: Any, pages: dict[str, Path], html: Any
) -> None:
    """nbconvert's own template asks a network for MathJax, RequireJS and Mermaid; the steppers add nothing to that."""
    empty = without_a_network(browser.new_page(), pages["empty"])
    for stepper in steppers(html[0]):
        stepper.get_by_role("button", name="Last").click()
    seen = []
    for page, errors, requests in (html, empty):
        page.wait_for_load_state("networkidle")
        seen.append(({url for url in requests if not url.startswith("file:")}, set(errors)))
    empty[0].close()

    assert seen[0] == seen[1]


def test_in_exported_html_without_scripts_the_finished_pictures_stand(browser: Any, pages: dict[str, Path]) -> None:
    page = browser.new_page()
    browser.new_cdp_session(page).send("Emulation.setScriptExecutionDisabled", {"value": True})
    page, _, _ = without_a_network(page, pages["notebook"])

    for host, y in zip(steppers(page), GRAPHS, strict=True):
        assert host.locator("button").count() == 0
        picture = host.locator("img")
        assert picture.evaluate("(img) => img.complete && img.naturalWidth > 200")
        svg = base64.b64decode(picture.get_attribute("src").split(",")[1]).decode()
        texts = dict(re.findall(r'data-number="([^"]+)"[^>]*>([^<]*)<', svg))
        assert texts == {key: shown for key, (_, shown) in states(y)[-1].items()}

    page.close()
