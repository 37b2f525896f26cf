"""What of a document goes into a form as text, and the tenant's own fields among it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from airflow_provider_docflow.core.oa.forms import Control
from airflow_provider_docflow.document import Document, Line

MOST_DECIMALS = 15
"""Digits behind the point that a number in a form may have."""


def plain(value: Any) -> str:
    """Write one value as text: decimals without exponent, dates in ISO form."""
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, date):
        return value.isoformat()
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


def tenant_fields(
    controls: Sequence[Control], part: Document | Line, instance: str
) -> Iterator[tuple[str, Any]]:
    """Yield name and value of tenant fields that are controls without a map."""
    mapped = {path for control in controls for path in control.paths}
    for name, value in part.extensions.get(instance, {}).items():
        if f"extensions.{name}" not in mapped:
            yield name, value
