"""When a reconciliation fails its task: ``breaks > 0.1%``, ``missing_left > 0 or suggested > 10``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal

from airflow_provider_docflow.exceptions import Misconfigured

COUNTED = (
    "breaks",
    "missing_left",
    "missing_right",
    "value_difference",
    "duplicate_left",
    "duplicate_right",
    "ambiguous",
    "partial",
    "suggested",
    "timing",
)
_TERM = re.compile(r"^\s*([a-z_]+)\s*(>=|>)\s*([0-9]+(?:\.[0-9]+)?)\s*(%?)\s*$")


def is_too_much(condition: str, counts: Mapping[str, int], documents: int) -> bool:
    """Tell whether a reconciliation is to fail.

    :param condition: terms joined by ``or``; each a count of :data:`COUNTED`, ``>`` or ``>=``, and a number
        or a share of the documents. ``never`` for none.
    :param counts: what was found.
    :param documents: of the larger side; what a share is taken of.
    :raises Misconfigured: the condition cannot be read.
    """
    if condition.strip() == "never":
        return False
    return any(_holds(term, counts, documents) for term in re.split(r"\bor\b", condition))


def _holds(term: str, counts: Mapping[str, int], documents: int) -> bool:
    read = _TERM.match(term)
    if read is None or read[1] not in COUNTED:
        raise Misconfigured(
            f"{term.strip()!r} is no condition.",
            field="fail_when",
            remedy=f'Such as "breaks > 0.1%"; what is counted: {", ".join(COUNTED)}; or "never".',
        )
    limit = Decimal(read[3])
    found = Decimal(counts.get(read[1], 0))
    if read[4]:
        # Without division: a share of nothing is exceeded by anything.
        found, limit = found * 100, limit * documents
    return found > limit if read[2] == ">" else found >= limit
