"""Audiences: the set of DAGs that touched a document, named by one column of the document itself.

A user sees what a DAG touched that the user may read. Asked of the touches, that is a look-up in the largest
table for each document; the sets are few and small, and the index that orders the documents names them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence

from sqlalchemy import ColumnElement, Connection, FromClause, false, select, update

from airflow_provider_docflow.ledger.base import insert_missing
from airflow_provider_docflow.ledger.database import chunks
from airflow_provider_docflow.ledger.keys import digest_of
from airflow_provider_docflow.ledger.models.memory import audience, document


def seen_by(dag_ids: Collection[str], documents: FromClause = document) -> ColumnElement[bool]:
    """Return the condition that one of these DAGs touched the document; nothing for no DAG.

    :param documents: the table, or an alias of it.
    """
    if not dag_ids:
        return false()
    # Concatenated, so that no database looks up every DAG for every document: a set is read as a whole.
    dag_id = audience.c.dag_id.concat("")
    mine = select(audience.c.audience).where(
        audience.c.audience == documents.c.audience, dag_id.in_(sorted(dag_ids))
    )
    return mine.correlate(documents).exists()


def widen(connection: Connection, keys: Sequence[str], dag_id: str) -> None:
    """Add a DAG to the audiences of documents, in the transaction that records its touch."""
    with_it = select(audience.c.audience).where(
        audience.c.audience == document.c.audience, audience.c.dag_id == dag_id
    )
    without = ~with_it.correlate(document).exists()
    for some in chunks(sorted(keys)):
        query = select(document.c.ref_key, document.c.audience)
        query = query.where(document.c.ref_key.in_(some), without).order_by(document.c.ref_key)
        if connection.execute(query.limit(1)).first() is None:
            continue
        # Asked again under a lock: two DAGs that add themselves at the same moment must both end up in it.
        before: dict[str | None, list[str]] = defaultdict(list)
        for row in connection.execute(query.with_for_update()):
            before[row.audience].append(row.ref_key)
        _replace(connection, before, dag_id)


def _replace(connection: Connection, before: dict[str | None, list[str]], dag_id: str) -> None:
    known: dict[str, set[str]] = defaultdict(set)
    names = sorted(name for name in before if name is not None)
    for some in chunks(names):
        for row in connection.execute(select(audience).where(audience.c.audience.in_(some))):
            known[row.audience].add(row.dag_id)
    wider = {name: sorted({dag_id} | (known[name] if name is not None else set())) for name in before}
    members = {(audience_of(dag_ids), one) for dag_ids in wider.values() for one in dag_ids}
    insert_missing(connection, audience, [{"audience": name, "dag_id": one} for name, one in sorted(members)])
    for name, keys in before.items():
        change = update(document).where(document.c.ref_key.in_(keys))
        connection.execute(change.values(audience=audience_of(wider[name])))


def audience_of(dag_ids: Collection[str]) -> str:
    """Return the name of a set of DAGs."""
    return digest_of("docflow audience 1", *sorted(dag_ids))[:32]
