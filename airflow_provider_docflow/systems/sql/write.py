"""
Writes whose proof is written with them: document and receipt are one transaction, or neither is there.

The mark is the receipt's primary key and stands in a unique column of the header, so the database itself
refuses a second document, also from a process that was thought dead.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.exchange import Exchange, Statement
from airflow_provider_docflow.core.paging import WriteResult, all_or_nothing
from airflow_provider_docflow.core.profile import WriteItem, Written
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.systems.sql import steps
from airflow_provider_docflow.systems.sql.layout import Layout
from airflow_provider_docflow.systems.sql.rows import Rows, named, reading_of, ref_of, rows_of
from airflow_provider_docflow.systems.sql.tables import header_of

Known = dict[str, WriteResult]


def create(layout: Layout) -> Callable[[Site, Sequence[WriteItem]], Exchange[list[WriteResult]]]:
    """Return the write that creates documents of a layout, many in one transaction."""

    def run(site: Site, items: Sequence[WriteItem]) -> Exchange[list[WriteResult]]:
        results: dict[int, WriteResult] = {}
        rows: dict[int, Rows] = {}
        for position, item in enumerate(items):
            try:
                rows[position] = _single(rows_of(site, layout, item), rows.values())
            except exc.DocflowError as error:
                results[position] = error
        written = yield from _create_all(site, layout, list(rows.values()))
        results.update(zip(rows, written, strict=True))
        return [_with_name(site, results[position], item) for position, item in enumerate(items)]

    return run


def _with_name(site: Site, result: WriteResult, item: WriteItem) -> WriteResult:
    return named(site, result, item) if isinstance(result, exc.DocflowError) else result


def _single(row: Rows, others: Any) -> Rows:
    """Refuse a second item of one batch under the same mark or business key."""
    for other in others:
        if other.item.mark == row.item.mark or (row.key and other.key == row.key):
            raise exc.Duplicate(
                f"the same batch holds it twice, also as {other.item.reference or other.item.mark}.",
                code="twice_in_batch",
                remedy="Give every document a business key of its own.",
            )
    return row


def _create_all(site: Site, layout: Layout, rows: Sequence[Rows]) -> Exchange[list[WriteResult]]:
    if not rows:
        return []
    try:
        known = yield from _known(site, layout, rows)
    except exc.DocflowError as error:
        return [error] * len(rows)
    by_mark = {row.item.mark: row for row in rows if row.item.mark not in known}

    def insert(site: Site, items: Sequence[WriteItem]) -> Exchange[list[Written]]:
        return (yield from _insert(site, layout, [by_mark[item.mark] for item in items]))

    if by_mark:
        written = yield from all_or_nothing(insert)(site, [row.item for row in by_mark.values()])
        known.update(zip(by_mark, written, strict=True))
    for mark, row in by_mark.items():
        known[mark] = yield from _settled(site, layout, row, known[mark])
    return [known[row.item.mark] for row in rows]


def _settled(site: Site, layout: Layout, row: Rows, result: WriteResult) -> Exchange[WriteResult]:
    """Look again at an item that was refused: somebody else may have written it since the first look."""
    if not isinstance(result, exc.Rejected):
        return result
    try:
        return (yield from _known(site, layout, [row])).get(row.item.mark, result)
    except exc.DocflowError as error:
        return error


def _known(site: Site, layout: Layout, rows: Sequence[Rows]) -> Exchange[Known]:
    """Return what the database already says of these items: written before, or taken by another."""
    header = header_of(layout, site.time_zone)
    marks = [row.item.mark for row in rows]
    looks = [
        steps.receipts_of(marks),
        Statement(steps.headers_where(site, layout, header.c[layout.mark].in_(marks))),
    ]
    if layout.key:
        looks.append(Statement(steps.headers_where(site, layout, _key_in(layout, header, rows))))
    receipts, marked, keyed = [*(yield from steps.ask(site, *looks)), []][:3]
    by_mark = {row[layout.mark]: row for row in marked}
    by_receipt = {row["mark"]: row for row in receipts}
    # What was cancelled leaves its key free: a person may have it created again.
    by_key = {tuple(row[column] for column in layout.key): row for row in keyed if not _dead(layout, row)}
    found: Known = {}
    for row in rows:
        answer = _judged(
            site, layout, row, by_receipt.get(row.item.mark), by_mark.get(row.item.mark), by_key.get(row.key)
        )
        if answer is not None:
            found[row.item.mark] = answer
    return found


def _dead(layout: Layout, row: Mapping[str, Any]) -> bool:
    lifecycle = layout.states.get("lifecycle")
    return lifecycle is not None and lifecycle.read(row)[1] in ("cancelled", "reversed")


def _key_in(layout: Layout, header: Any, rows: Sequence[Rows]) -> Any:
    import sqlalchemy as sa

    if len(layout.key) == 1:
        return header.c[layout.key[0]].in_([row.key[0] for row in rows])
    return sa.tuple_(*(header.c[column] for column in layout.key)).in_([row.key for row in rows])


def _judged(
    site: Site, layout: Layout, row: Rows, receipt: Any, marked: Any, keyed: Any
) -> Written | exc.DocflowError | None:
    if receipt is not None and receipt["content_hash"] != row.content:
        return exc.Duplicate(
            f"it was written before with other content, as {receipt['document_key']}.",
            code="other_content",
            remedy="Compare both; amend the document there, or create it again under a new generation.",
        )
    if receipt is not None and marked is None:
        return exc.Duplicate(
            f"it was written before, as {receipt['document_key']}, and has been deleted there since.",
            code="deleted",
            remedy="Have a person decide; create it again under a new generation.",
        )
    if marked is not None:
        same = receipt is not None or _agrees(site, layout, row, marked)
        return Written(ref=ref_of(site, layout, marked)) if same else _taken(site, layout, marked)
    return None if keyed is None else _taken(site, layout, keyed)


def _agrees(site: Site, layout: Layout, row: Rows, header: Any) -> bool:
    """Tell whether a row that lost its receipt is the document of this item after all."""
    there = reading_of(site, layout, header, (), datetime.now(UTC))
    here = reading_of(site, layout, {**header, **row.header}, (), datetime.now(UTC))
    return (there.company_code, there.party, there.currency, there.total) == (
        here.company_code,
        here.party,
        here.currency,
        here.total,
    )


def _taken(site: Site, layout: Layout, header: Any) -> exc.Duplicate:
    return exc.Duplicate(
        f"the database holds another document under this business key: {ref_of(site, layout, header)}.",
        code="business_key",
        remedy="Compare both; adopt the existing one, or correct the number at the source.",
    )


def _insert(site: Site, layout: Layout, rows: Sequence[Rows]) -> Exchange[list[Written]]:
    now = datetime.now(UTC)
    # Every process inserts in the same order, so that two batches wait for each other and never deadlock.
    ordered = sorted(rows, key=lambda row: row.item.mark)
    marks = [row.item.mark for row in ordered]
    proofs = [(row.item.mark, row.item.mark, row.content) for row in ordered]
    header = header_of(layout, site.time_zone)
    *_, headers = yield from steps.ask(
        site,
        steps.insert_headers(site, layout, ordered, now),
        *steps.insert_lines(site, layout, ordered),
        steps.insert_receipts(site, layout, layout.mark, proofs, now),
        Statement(steps.headers_where(site, layout, header.c[layout.mark].in_(marks))),
        writes=True,
    )
    by_mark = {row[layout.mark]: row for row in headers}
    return [Written(ref=ref_of(site, layout, by_mark[row.item.mark])) for row in rows]
