"""The words of an order's state that several fields say together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from airflow_provider_docflow.core.states import Words

COMPLETE = frozenset({"1", "4"})
"""Done, and ended by hand."""


def approval_word(raw: Mapping[str, Any]) -> str:
    """Return ``status``, and ``verifystate`` behind it where the order tells one.

    ``status``: 0 open, 1 audited, 2 closed, 3 being approved. ``verifystate``: 0 new, 1 being approved, 2
    done, 3 refused for good, 4 returned to its maker.
    """
    status, verified = raw.get("status"), raw.get("verifystate")
    if status is None:
        return ""
    return f"{status}" if verified in (None, "") else f"{status}/{verified}"


APPROVAL = Words(
    at=approval_word,
    words={
        **dict.fromkeys(("0", "0/0"), "none"),
        "0/1": "pending",
        "0/3": "rejected",
        "0/4": "returned",
        **dict.fromkeys(("3", "3/0", "3/1"), "pending"),
        **dict.fromkeys(("1", "1/0", "1/2", "2", "2/0", "2/2"), "approved"),
    },
)


def all_lines(lines: str, name: str) -> Callable[[Mapping[str, Any]], str]:
    """Return what reads a word that stands in every line: itself, ``mixed``, or nothing where untold.

    Rows of a list stand for one line and tell the word with the lines' name before it.
    """

    def read(raw: Mapping[str, Any]) -> str:
        rows = raw.get(lines)
        told = [row.get(name) for row in rows] if isinstance(rows, list) else [raw.get(f"{lines}_{name}")]
        words = {str(word) for word in told if word not in (None, "")}
        if words and words <= COMPLETE:
            return "1"
        return words.pop() if len(words) == 1 else "mixed" if words else ""

    return read
