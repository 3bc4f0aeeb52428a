"""The folder of the playground, put together when the site is built: the project's pure wheel and what it needs as one
archive, Pyodide and Graphviz from npm, the pages' scripts as esbuild bundles them, and the service worker."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import live

HERE = Path(__file__).parent
MODULES = HERE / "node_modules"
_PACKAGES = ("graphviz", "wcwidth")  # pure Python, both: what the pictures and the tables need beside the project
_PYODIDE = "pyodide.mjs pyodide.asm.mjs pyodide.asm.wasm python_stdlib.zip pyodide-lock.json".split()
_ENTRIES = ("play.js", "train.js", "worker.js", "graphviz.js", "site.js")


def told() -> dict[str, Any]:
    """What the templates of the playground and the training room show before Python is there."""
    examples = json.loads((HERE / "app" / "examples.json").read_text(encoding="utf-8"))
    numbers = {name: float(x) for name, x in examples[0]["numbers"].items()}
    return {
        "examples": examples,
        "examples_told": json.dumps(examples, ensure_ascii=False).replace("<", "\\u003c"),
        "first": live.of_expression(examples[0]["expression"], numbers).part,
    }


def build(root: Path, site: Path) -> None:
    """Write the playground's files into the site, then the service worker that knows all of them."""
    app = site / "app"
    (app / "pyodide").mkdir(parents=True, exist_ok=True)
    for name in _PYODIDE:
        shutil.copyfile(MODULES / "pyodide" / name, app / "pyodide" / name)
    _bundle(app)
    with tempfile.TemporaryDirectory() as folder:
        _archive(_wheel(root, Path(folder)), app / "packages.zip", root)
    subprocess.run(["node", str(HERE / "compile.mjs"), str(app / "packages.zip")], check=True, cwd=HERE)
    katex = site / "assets" / "katex"
    katex.mkdir(parents=True, exist_ok=True)
    for name in ("katex.min.js", "katex.min.css", "contrib/auto-render.min.js"):
        shutil.copyfile(MODULES / "katex" / "dist" / name, katex / Path(name).name)
    shutil.copytree(MODULES / "katex" / "dist" / "fonts", katex / "fonts", dirs_exist_ok=True)
    shutil.copytree(root / "notebooks" / "pictures", site / "pictures", dirs_exist_ok=True)
    _service_worker(site)


def _bundle(app: Path) -> None:
    entries = [str(HERE / "app" / name) for name in _ENTRIES]
    options = ["--bundle", "--minify", "--format=esm", "--target=es2022", "--log-level=warning", f"--outdir={app}"]
    subprocess.run([str(MODULES / ".bin" / "esbuild"), *entries, *options], check=True, cwd=HERE)


def _wheel(root: Path, folder: Path) -> Path:
    """The project as a py3-none-any wheel, built in a copy in ``folder``, where no other build has left anything."""
    copy = folder / "project"
    ignored = shutil.ignore_patterns("*.so", "*.c", "__pycache__", "rows.h")
    for name in ("autodiff", "nn", "viz"):
        shutil.copytree(root / name, copy / name, ignore=ignored)
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE", "MANIFEST.in"):
        shutil.copyfile(root / name, copy / name)
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(copy)]
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, env={**os.environ, "AUTODIFF_ENGINE": "python"}
    )
    if done.returncode:
        raise RuntimeError(f"the wheel could not be built:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    (wheel,) = folder.glob("*-py3-none-any.whl")
    return wheel


def _archive(wheel: Path, file: Path, root: Path) -> None:
    """One archive with the wheel, the packages it needs, and the tasks of the pages."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        with zipfile.ZipFile(wheel) as built:
            for name in built.namelist():
                if not name.endswith((".pyx", ".pxi", ".h")):
                    archive.writestr(name, built.read(name))
        for package in _PACKAGES:
            found = importlib.util.find_spec(package)
            assert found is not None and found.origin is not None
            _add(archive, Path(found.origin).parent, package)
        _add(archive, HERE / "python", "")
        if (root / "notebooks" / "checks").is_dir():
            _add(archive, root / "notebooks" / "checks", "checks")


def _add(archive: zipfile.ZipFile, folder: Path, name: str) -> None:
    for source in sorted(folder.rglob("*.py")):
        archive.write(source, (Path(name) / source.relative_to(folder)).as_posix())


def _service_worker(site: Path) -> None:
    """Of every file its hash: another build has another cache."""
    files = sorted(path for path in site.rglob("*") if path.is_file() and path.name != "service.js")
    version = hashlib.sha256()
    for path in files:
        version.update(path.relative_to(site).as_posix().encode() + hashlib.sha256(path.read_bytes()).digest())
    own = [path.relative_to(site).as_posix() for path in files]
    first = [
        "./",
        "play/",
        "train/",
        *(
            name
            for name in own
            if name.startswith("assets/") and name.endswith((".css", ".js", ".svg")) and "/lunr/" not in name
        ),
    ]
    first += ["app/site.js", "app/play.js", "app/train.js", "search/search_index.json"]
    python = [name for name in own if name.startswith("app/pyodide/")] + [
        "app/worker.js",
        "app/graphviz.js",
        "app/packages.zip",
    ]
    script = (HERE / "app" / "service.js").read_text(encoding="utf-8")
    told = {"__VERSION__": version.hexdigest()[:12], "__FIRST__": json.dumps(first), "__PYTHON__": json.dumps(python)}
    for name, text in told.items():
        script = script.replace(name, text)
    (site / "service.js").write_text(script, encoding="utf-8")
