"""The notebooks as pages: texts as Markdown, so that links are checked and words are found; outputs as they are.

The first notebook is run while the site is built, and so is one that was saved without outputs; the others show what
was saved with them. A cell that needs nothing but this project and the standard library can be opened in the
playground, with all that stands before it.
"""

from __future__ import annotations

import ast
import html
import os
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import nbformat
from markdown.extensions.toc import slugify
from nbclient import NotebookClient

ROOT = Path(__file__).parent.parent.parent
_NEEDS_MORE = re.compile(
    r"^\s*[%!]|^\s*(?:import|from)\s+(?:numpy|matplotlib|sklearn|pandas|torch|IPython|jax)\b|\bplot_\w+\(", re.MULTILINE
)
_LONGEST_LINK = 12_000  # characters of code
_PLACE = re.compile(r'<div class="output" data-output="(\d+)"></div>')


def pages() -> list[tuple[str, Path]]:
    """The page of each notebook, in the order of their names."""
    found = sorted((ROOT / "notebooks").glob("*.ipynb"))
    return [(f"learn/{file.stem}.md", file) for file in found]


def written() -> Iterator[tuple[str, str]]:
    """Every page of the course: its path and its Markdown. The first is the map."""
    yield "learn/index.md", _linked((ROOT / "notebooks" / "README.md").read_text(encoding="utf-8"))
    for page, file in pages():
        yield page, _markdown(file)


def with_outputs(page: str, path: str) -> str:
    """A page of HTML with the outputs of its notebook in their places."""
    files = dict(pages())
    if path not in files:
        return page
    cells = _read(files[path]).cells
    return _PLACE.sub(lambda found: "".join(map(_output, cells[int(found[1])].outputs)), page)


@cache
def _read(file: Path) -> Any:
    notebook = nbformat.read(file, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    if file == pages()[0][1] or not any(cell.outputs for cell in code):
        environment = {name: x for name, x in os.environ.items() if name != "AUTODIFF_ENGINE"}
        options = {"timeout": 600, "kernel_name": "python3", "resources": {"metadata": {"path": str(file.parent)}}}
        NotebookClient(notebook, **options).execute(env=environment)
    return notebook


def _markdown(file: Path) -> str:
    parts: list[str] = []
    before: list[str] = []
    for i, cell in enumerate(_read(file).cells):
        if cell.cell_type == "markdown":
            parts.append(_linked(cell.source))
        elif cell.cell_type == "code" and cell.source.strip():
            exercise = "exercise" in cell.metadata.get("tags", ())
            needed = [source for source in before if _only_imports(source)] if exercise else before
            what = "Answer it" if exercise else "Try it"
            link = "" if _only_imports(cell.source) else _try_it([*needed, cell.source], what)
            before.append(cell.source)
            parts.append(f'```python\n{cell.source}\n```\n\n{link}\n\n<div class="output" data-output="{i}"></div>')
    return "\n\n".join(parts) + "\n"


def _linked(text: str) -> str:
    """Links lead to where the site has what they name; of what it has not the words remain."""

    def replaced(found: re.Match[str]) -> str:
        words, file, anchor = found.groups()
        page = "" if not file else "index.md" if file == "README.md" else f"{Path(file).stem}.md"
        if file and (len(Path(file).parts) > 1 or not file.endswith((".md", ".ipynb"))):
            return words
        # A notebook's anchor is its heading with hyphens; the site's is that heading's slug.
        return f"[{words}]({page}{'#' + slugify(unquote(anchor).replace('-', ' '), '-') if anchor else ''})"

    text = re.sub(r"(?<!!)\[([^\]]*)\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)", replaced, text)
    return re.sub(r"\]\((?:\./)?pictures/", "](../pictures/", text)


def _only_imports(source: str) -> bool:
    """Whether a cell only brings in names, which is all that an exercise needs of what stands before it."""
    try:
        return all(isinstance(line, ast.Import | ast.ImportFrom) for line in ast.parse(source).body)
    except SyntaxError:  # a line of IPython's own
        return False


def _try_it(cells: list[str], what: str) -> str:
    code = "\n\n".join(cells)
    if len(code) > _LONGEST_LINK or _NEEDS_MORE.search(code):
        return ""
    return f"[{what} in the playground](../play.md#python={quote(code)}){{ .try }}"


def _output(output: Any) -> str:
    if output.output_type == "stream":
        return f'<pre class="said">{html.escape(output.text)}</pre>'
    if output.output_type == "error":
        return f'<pre class="said">{html.escape(output.ename)}: {html.escape(output.evalue)}</pre>'
    data = output.data
    if "text/html" in data:
        return f'<div class="shown">{data["text/html"]}</div>'
    if "image/svg+xml" in data:
        return f'<div class="shown picture">{data["image/svg+xml"]}</div>'
    if "image/png" in data:
        return f'<p class="shown"><img alt="" src="data:image/png;base64,{data["image/png"].strip()}"></p>'
    return f'<pre class="said">{html.escape(data.get("text/plain", ""))}</pre>'
