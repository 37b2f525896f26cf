"""Creating and upgrading the ledger's schema, one process at a time."""

from __future__ import annotations

import hashlib
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from sqlalchemy import Connection, inspect, select, text

from airflow_provider_docflow.exceptions import LedgerSchemaMismatch, LedgerUnavailable
from airflow_provider_docflow.ledger.base import insert_missing
from airflow_provider_docflow.ledger.database import Database
from airflow_provider_docflow.ledger.models.writes import meta

#: Every schema version that this code knows, the oldest first; the last is the one it works with.
VERSIONS = ("0001", "0002", "0003", "0004", "0005", "0006", "0007", "0008", "0009", "0010")
SCHEMA_VERSION = VERSIONS[-1]
VERSION_TABLE = "docflow_alembic_version"

_MIGRATIONS = Path(__file__).with_name("migrations")
_LOCK_SECONDS = 120
_COMMAND = "airflow docflow db upgrade"

Standing = Literal["missing", "older", "current", "newer"]


def upgrade(url: str) -> str:
    """Create the ledger's schema or bring it up to date. Another process that does the same is waited for.

    :param url: SQLAlchemy URL of the ledger.
    :returns: the schema version afterwards.
    :raises LedgerSchemaMismatch: the schema is newer than this code.
    :raises LedgerUnavailable: the database cannot be reached, or another upgrade does not end.
    """
    database = Database(url)
    try:
        upgrade_database(database)
    finally:
        database.close()
    return SCHEMA_VERSION


def upgrade_database(database: Database) -> None:
    """Do what :func:`upgrade` does, on a database that is open already.

    :raises LedgerSchemaMismatch: the schema is newer than this code.
    :raises LedgerUnavailable: the database cannot be reached, or another upgrade does not end.
    """
    if database.dialect == "sqlite" and database.url.database:
        _create_private(Path(database.url.database))
    with database.transaction() as connection, _alone(connection):
        found = standing(connection)
        if found == "newer":
            raise mismatch(found)
        if found != "current":
            _run(connection)
        first = {"ledger_id": str(uuid.uuid4())}
        insert_missing(connection, meta, [{"name": name, "value": value} for name, value in first.items()])


def standing(connection: Connection) -> Standing:
    """Tell how the database's schema stands to this code."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return "missing"
    version = connection.scalar(text(f"SELECT version_num FROM {VERSION_TABLE}"))
    if version is None:
        return "missing"
    if version not in VERSIONS:
        return "newer"
    return "current" if version == SCHEMA_VERSION else "older"


def mismatch(found: Standing) -> LedgerSchemaMismatch:
    """Return the error for a schema that this code cannot work with."""
    if found == "newer":
        return LedgerSchemaMismatch(
            f"the ledger's schema is newer than this code, which knows {SCHEMA_VERSION}",
            remedy="Install the newer airflow-provider-docflow here too; a schema is never taken back.",
        )
    what = (
        "has no tables yet"
        if found == "missing"
        else f"is older than {SCHEMA_VERSION}, which this code needs"
    )
    return LedgerSchemaMismatch(f"the ledger {what}", remedy=f"Run `{_COMMAND}` once.")


def read_meta(connection: Connection, name: str) -> str | None:
    """Return what the ledger says of itself under a name, or None."""
    return connection.scalar(select(meta.c.value).where(meta.c.name == name))


def _create_private(path: Path) -> None:
    try:
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
    except OSError as problem:
        raise LedgerUnavailable(
            f"the SQLite ledger {path} cannot be created: {problem.strerror}",
            remedy="Create its folder and let Airflow's user write there.",
        ) from problem


@contextmanager
def _alone(connection: Connection) -> Iterator[None]:
    """Hold a lock that only upgrades take; SQLite's transaction is one already."""
    name = connection.dialect.name
    if name == "sqlite":
        yield
    elif name == "postgresql":
        number = int.from_bytes(hashlib.sha256(b"docflow ledger upgrade").digest()[:8], "big", signed=True)
        connection.execute(text(f"SET LOCAL lock_timeout = '{_LOCK_SECONDS}s'"))
        connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": number})
        yield
    else:
        lock = {"name": "docflow ledger upgrade", "seconds": _LOCK_SECONDS}
        if connection.scalar(text("SELECT GET_LOCK(SHA1(CONCAT(DATABASE(), :name)), :seconds)"), lock) != 1:
            raise LedgerUnavailable(
                "another upgrade of the ledger does not end", remedy="Look for its process."
            )
        try:
            yield
        finally:
            connection.execute(
                text("SELECT RELEASE_LOCK(SHA1(CONCAT(DATABASE(), :name)))"), {"name": lock["name"]}
            )


def _run(connection: Connection) -> None:
    # Imported here: whoever only writes documents need not load alembic.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
