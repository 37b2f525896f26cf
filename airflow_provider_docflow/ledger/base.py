"""What every store has: the database, the clock, the cipher and its sister stores."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Table, insert
from sqlalchemy.dialects import mysql, postgresql, sqlite

from airflow_provider_docflow.document import DocumentRef
from airflow_provider_docflow.ledger.keys import digest_of

if TYPE_CHECKING:
    from airflow_provider_docflow.ledger.store import Ledger

Row = Mapping[str, Any]


class Store:
    """Base of the stores; each is reached as an attribute of the ledger.

    :param ledger: the ledger it belongs to.
    """

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self._db = ledger.database
        self._cipher = ledger.cipher
        self._now: Callable[[], datetime] = ledger.now


def ref_key(ref: DocumentRef) -> str:
    """Return the digest under which the ledger knows a document, from draft to archive.

    The number is no part of it: a draft gets its number later.
    """
    return digest_of("docflow document 1", *ref.identity)


def insert_missing(connection: Connection, table: Table, rows: Sequence[Row]) -> bool:
    """Insert rows whose unique key is new; leave those alone that exist already.

    Rows are inserted in the order given: sort them by key, so that two processes never wait for each other.

    :returns: whether all of them surely were new; MySQL does not tell.
    """
    if not rows:
        return True
    name = connection.dialect.name
    statement: Any
    if name == "sqlite":
        statement = sqlite.insert(table).on_conflict_do_nothing()
    elif name == "postgresql":
        statement = postgresql.insert(table).on_conflict_do_nothing()
    else:
        # Not INSERT IGNORE, which would also swallow values that do not fit.
        same = next(iter(table.primary_key.columns))
        statement = mysql.insert(table).on_duplicate_key_update({same.name: same})
    done = connection.execute(statement, list(rows), execution_options={"preserve_rowcount": True})
    return name in ("sqlite", "postgresql") and done.rowcount == len(rows)


def upsert(connection: Connection, table: Table, rows: Sequence[Row], changing: Iterable[str]) -> None:
    """Insert rows, or change the columns named in those whose primary key exists."""
    if not rows:
        return
    name = connection.dialect.name
    names = list(changing)
    statement: Any
    if name in ("sqlite", "postgresql"):
        start = sqlite.insert(table) if name == "sqlite" else postgresql.insert(table)
        statement = start.on_conflict_do_update(
            index_elements=list(table.primary_key.columns), set_={key: start.excluded[key] for key in names}
        )
    else:
        begun = mysql.insert(table)
        statement = begun.on_duplicate_key_update({key: begun.inserted[key] for key in names})
    connection.execute(statement, list(rows))


def insert_rows(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    """Insert rows that are known to be new."""
    if rows:
        connection.execute(insert(table), list(rows))
