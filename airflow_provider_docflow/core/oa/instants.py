"""Moments as epoch numbers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


def now() -> datetime:
    """Return this moment."""
    return datetime.now(UTC)


def milliseconds(instant: datetime) -> int:
    """Return an instant in milliseconds since the epoch."""
    return int(instant.timestamp() * 1000)


def span_milliseconds(span: timedelta) -> int:
    """Return a span in milliseconds."""
    return span // timedelta(milliseconds=1)
