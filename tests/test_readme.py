"""The README's generated parts are up to date, and its files exist. (Its examples run as doctests.)"""

import re
from pathlib import Path

from autodiff import table

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_table_of_operations_is_the_op_table():
    shown = re.search(r"<!-- operations -->\n(.*?)\n<!-- end of operations -->", README, re.DOTALL)
    assert shown, "README.md has lost its operations markers"
    assert shown[1].strip() == table.markdown(), "paste the output of `python -m autodiff.table` into README.md"


def test_every_file_the_readme_links_to_is_there():
    links = re.findall(r"\]\(([^)#]+)\)", README)
    assert links
    assert [link for link in links if "://" not in link and not (ROOT / link).exists()] == []
