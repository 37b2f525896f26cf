"""Every document that matches, for those who need all of them and not a page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, select

from airflow_provider_docflow.ledger.models.memory import document
from airflow_provider_docflow.ledger.search import Search, matching


def every_document(ledger: Any, wanted: Search, *, page: int = 1000) -> Iterator[dict[str, Any]]:
    """Yield rows of the index, page by page, in an order that changes do not disturb."""
    after = ""
    while rows := ledger.database.read(lambda connection, last=after: _page(connection, wanted, last, page)):
        yield from rows
        after = rows[-1]["ref_key"]


def _page(connection: Connection, wanted: Search, after: str, page: int) -> list[dict[str, Any]]:
    query = matching(select(document), wanted).where(document.c.ref_key > after)
    found = connection.execute(query.order_by(document.c.ref_key).limit(page)).mappings()
    return [dict(row) for row in found]
