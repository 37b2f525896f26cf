"""The mark that finds a document again, written where people see it and where they seldom write."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from airflow_provider_docflow.core.profile import WriteItem

LONGEST_TEXT = 200
MARK_LENGTH = 16


def marked(text: str, mark: str) -> str:
    """Return ``text [mark]``, cut so that the mark is always whole."""
    room = LONGEST_TEXT - len(mark) - 3
    return f"{text[:room].rstrip()} [{mark}]".strip()


def unmarked(text: str | None) -> str:
    """Return a text without docflow's mark."""
    return _ANY_MARK.sub("", text or "").strip()


_ANY_MARK = re.compile(rf"\[[0-9A-Z]{{{MARK_LENGTH}}}\]")


def is_marked(row: Mapping[str, Any], fields: Sequence[str]) -> bool:
    """Tell whether a record carries a mark of docflow, of whatever document."""
    return any(_ANY_MARK.search(str(row.get(field) or "").upper()) for field in fields)


def carries(row: Mapping[str, Any], fields: Sequence[str], mark: str) -> bool:
    """Tell whether a record carries this very mark."""
    return any(mark.upper() in str(row.get(field) or "").upper() for field in fields)


def domain_of(items: Sequence[WriteItem], fields: Sequence[str]) -> list[Any]:
    """Return the search for every document that carries the mark of any of ``items``."""
    texts = sorted({f"%{_escaped(item.mark)}%" for item in items})
    return ["OR", *([field, "ilike", text] for field in fields for text in texts)]


def _escaped(text: str) -> str:
    return re.sub(r"([%_\\])", r"\\\1", text)
