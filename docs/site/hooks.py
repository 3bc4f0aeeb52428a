"""What MkDocs does not make by itself: pages from the project's own texts and tables, notebooks, live pictures, and the
folder of the playground. MkDocs calls these functions as it builds (its documentation: hooks)."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parent.parent.parent
sys.path.insert(0, str(Path(__file__).parent))

import live  # noqa: E402
import notebooks  # noqa: E402
import operations  # noqa: E402
import playground  # noqa: E402

# The project's texts as pages: which page each is, and where links from one to another lead.
_TEXTS = {
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changes.md",
    "docs/accuracy.md": "accuracy.md",
    "docs/backends.md": "backends.md",
    "docs/gradbench.md": "gradbench.md",
    "docs/mutants.md": "mutants.md",
    "docs/stress.md": "stress.md",
}
_PAGES = {
    **_TEXTS,
    "README.md": "index.md",
    "notebooks/": "learn/index.md",
    "docs/rows.md": "speed.md",
    "autodiff/ops.py": "operations.md",
}
_LINK = re.compile(r"\]\((?!https?:|#|mailto:)([^)#]+)(#[^)]*)?\)")


def on_config(config: Any) -> Any:
    for entry in config["nav"]:
        if "Learn" in entry:
            entry["Learn"] = ["learn/index.md", *(page for page, _ in notebooks.pages())]
    return config


def on_files(files: Files, config: Any) -> Files:
    def add(path: str, content: str) -> None:
        files.append(File.generated(config, path, content=content))

    for text, page in _TEXTS.items():
        add(page, _with_links((ROOT / text).read_text(encoding="utf-8"), Path(text)))
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    add("use.md", _with_links(_use(readme), Path("README.md")))
    add("speed.md", _with_links(_speed(readme), Path("README.md")))
    add("operations.md", operations.page(ROOT / "docs" / "accuracy.md"))
    for path, content in notebooks.written():
        add(path, content)
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    # A Markdown reader takes a doctest in a fence for Python, and would not colour its prompts.
    return re.sub(r"^```python\n(?=>>>)", "```pycon\n", markdown, flags=re.MULTILINE)


def on_page_content(html: str, page: Any, **_: Any) -> str:
    return notebooks.with_outputs(live.with_pictures(html), page.file.src_uri)


def on_page_context(context: Any, page: Any, **_: Any) -> Any:
    if page.meta.get("template") in ("play.html", "train.html"):
        context |= playground.told()
    return context


def on_post_build(config: Any) -> None:
    playground.build(ROOT, Path(config["site_dir"]))


def _with_links(text: str, source: Path) -> str:
    """A text of the project with its links to other files as links to pages; of others the text remains."""

    def replaced(found: re.Match[str]) -> str:
        target = (source.parent / found[1]).as_posix()
        page = _PAGES.get(target) or _PAGES.get(f"{target}/")
        if page is None and target.endswith(".ipynb"):
            page = f"learn/{Path(target).stem}.md"
        return f"]({page}{found[2] or ''})" if page else "](\0)"

    return re.sub(r"!?\[([^\]]*)\]\(\0\)", r"\1", _LINK.sub(replaced, text))


def _sections(readme: str) -> dict[str, str]:
    parts = re.split(r"^## (.+)$", readme, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def _use(readme: str) -> str:
    sections = _sections(readme)
    left_out = ("Speed", "The table of operations", "More")
    body = "".join(f"## {title}{text}" for title, text in sections.items() if title not in left_out)
    return f"# Use\n\n{body}"


def _speed(readme: str) -> str:
    rows = (ROOT / "docs" / "rows.md").read_text(encoding="utf-8")
    return f"# Speed\n{_sections(readme)['Speed']}\n{re.sub(r'^#', '##', rows, flags=re.MULTILINE)}"
