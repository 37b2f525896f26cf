from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from scripts import capability_pages
from scripts.operator_pages import PAGE, page

ROOT = Path(__file__).parents[2]
PAGES = sorted(path for path in ROOT.glob("*.md")) + sorted((ROOT / "docs").rglob("*.md"))
_LINK = re.compile(r"\]\((?!https?://)([^)#]+)(?:#[^)]*)?\)")
_PYTHON = re.compile(r"```python\n(.*?)```", re.DOTALL)


def test_the_page_of_the_operators_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run: python -m scripts.operator_pages"


def test_the_capability_tables_are_current() -> None:
    made = capability_pages.pages()
    stale = [
        str(path.relative_to(ROOT))
        for path, content in made.items()
        if not path.exists() or path.read_text(encoding="utf-8") != content
    ]

    assert stale == [], "run: python -m scripts.capability_pages"


def test_no_product_has_a_page_without_a_profile() -> None:
    assert {path.name for path in (ROOT / "docs" / "systems").glob("*.md")} == {
        path.name for path in capability_pages.pages() if path.parent.name == "systems"
    }


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_to_a_file(path: Path) -> None:
    targets = _LINK.findall(path.read_text(encoding="utf-8"))

    assert [target for target in targets if not (path.parent / target).exists()] == []


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_python_example_compiles(path: Path) -> None:
    for example in _PYTHON.findall(path.read_text(encoding="utf-8")):
        ast.parse(example)
