"""The capability table as people read it: on the command line, in the README and on the pages of the docs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any

from airflow_provider_docflow.core.capabilities import Capability, capabilities
from airflow_provider_docflow.core.limits import buckets_of, quotas_of
from airflow_provider_docflow.core.profile import Limit, SystemProfile
from airflow_provider_docflow.core.states import AXES
from airflow_provider_docflow.document import DocumentType
from airflow_provider_docflow.locale import text
from airflow_provider_docflow.systems import names, profile_of
from airflow_provider_docflow.systems.rest import SHIPPED, profile_at

DASH = "–"
COLUMNS = (
    *("read", "list", "create", "bulk", "amend", "submit", "approve", "status", "attachments"),
    *("changes", "webhook", "idempotency", "limits", "messages"),
)
_ANY_FORM = {"nccloud": {"read": {"path": "/"}, "write_back": {"path": "/"}}}
_SPANS = {1.0: "s", 60.0: "min", 3600.0: "h", 86_400.0: "d"}


def profiles() -> Iterator[SystemProfile]:
    """Yield every profile that ships with the package, those of single REST products last."""
    for name in names():
        yield profile_of(name)
    for name in SHIPPED:
        # Which document types there are, a connection says; each can do the same.
        form = {"fields": {"number": "id"}, **_ANY_FORM.get(name, {})}
        profile = profile_at(name).configured({"forms": {kind.value: form for kind in DocumentType}})
        yield replace(profile, name=f"rest: {name}")


def rows() -> list[Capability]:
    """Return the whole table, one row per product and document type."""
    return [row for profile in profiles() for row in capabilities(profile)]


def heading(column: str, language: str = "en") -> str:
    """Return what a column is called."""
    return text(f"capability.{column}", language)


def product(row: Capability, language: str = "en") -> str:
    """Return the product's title, marked where it is experimental."""
    mark = f" ({text('capability.experimental', language)})" if row.experimental else ""
    return f"{row.title}{mark}"


def cells(row: Capability, language: str = "en") -> dict[str, str]:
    """Return a row's cells by column; a dash is what the product cannot do."""
    if not row.document_type:
        return dict.fromkeys(COLUMNS, text("capability.by_profile", language))
    found: dict[str, str] = {}
    for column in COLUMNS:
        value = (
            (*row.limits, *row.call_limits, *row.login_limits) if column == "limits" else getattr(row, column)
        )
        found[column] = _cell(row, column, value, language) if value else DASH
    return found


def _cell(row: Capability, column: str, value: Any, language: str) -> str:
    if value is True:
        return text("capability.yes", language)
    if column == "idempotency":
        how = text(f"capability.idempotency_{value}", language, seconds=f"{row.settle_seconds:g}")
        return f"{text(row.guarantee, language)} ({how})"
    if column == "limits":
        return "; ".join(_limits(row, language))
    if column == "status":
        return ", ".join(text(f"capability.axis_{axis}", language) for axis in value)
    if column in ("submit", "approve", "attachments"):
        words = (value,) if isinstance(value, str) else value
        return ", ".join(text(f"capability.{column}_{word}", language) for word in words)
    return ", ".join(value) if isinstance(value, tuple) else str(value)


def _limits(row: Capability, language: str) -> Iterator[str]:
    for one in row.limits:
        yield limit_text(*one, language=language)
    same: dict[str, list[str]] = {}
    for one in row.call_limits:
        same.setdefault(limit_text(*one, language=language), []).append(one[0].replace("_", " "))
    for told, calls in same.items():
        yield f"{told} ({', '.join(calls)})"
    for one in row.login_limits:
        yield text("capability.logins", language, limit=limit_text(*one, language=language))


def limit_text(name: str, count: int, seconds: float, *, language: str = "en") -> str:
    """Return a limit as ``20 / s``; quotas by the calendar are named by it."""
    limit = Limit(name=name, count=count, seconds=seconds)
    period = next((quota.period for quota in quotas_of([limit])), None)
    if period is None:
        assert buckets_of([limit])
        span = _SPANS.get(seconds, f"{seconds:g} s")
    else:
        span = text(f"capability.per_{period}", language)
    return f"{count} / {span}"


def types(row_types: Sequence[str], language: str = "en") -> str:
    """Return the document types of rows that are alike."""
    if not any(row_types):
        return text("capability.by_profile", language)
    if set(row_types) == {kind.value for kind in DocumentType}:
        return text("capability.every_type", language)
    return ", ".join(sorted(row_types))


def alike(found: Iterable[Capability]) -> list[tuple[Capability, list[str]]]:
    """Return rows of one product that differ by nothing but their type as one, with their types."""
    groups: dict[Capability, list[str]] = {}
    for row in found:
        groups.setdefault(replace(row, document_type="x" if row.document_type else ""), []).append(
            row.document_type
        )
    return list(groups.items())


def summaries(language: str = "en") -> Iterator[tuple[str, dict[str, str]]]:
    """Yield one row per product: a cell that not all types share says ``in part``."""
    for _, group in groupby(rows(), key=lambda row: row.system):
        found = list(group)
        told = [cells(row, language) for row in found]
        yield product(found[0], language), {column: _shared(told, column, language) for column in COLUMNS}


def _shared(told: Sequence[dict[str, str]], column: str, language: str) -> str:
    values = list(dict.fromkeys(one[column] for one in told))
    if len(values) == 1:
        return values[0]
    if column in ("status", "approve", "attachments"):
        parts = {part for value in values if value != DASH for part in value.split(", ")}
        words = [*(f"axis_{axis}" for axis in AXES), "approve_wait", "approve_decide", "attachments_read"]
        order = [text(f"capability.{word}", language) for word in words]
        return ", ".join(sorted(parts, key=lambda part: order.index(part) if part in order else 99))
    yes = [value for value in values if value != DASH]
    return (
        " / ".join(yes)
        if DASH not in values
        else f"{' / '.join(yes)} ({text('capability.in_part', language)})"
    )
