"""The database under the stores: connections, transactions that may be joined, and its three dialects."""

from __future__ import annotations

import os
import random
import sqlite3
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError, StatementError

from airflow_provider_docflow.exceptions import DocflowError, LedgerUnavailable, Misconfigured
from airflow_provider_docflow.ledger.filesystem import refuse_network_filesystem

T = TypeVar("T")

_DRIVERS = {
    "sqlite": "sqlite",
    "postgres": "postgresql+psycopg",
    "postgresql": "postgresql+psycopg",
    "mysql": "mysql+pymysql",
    "mariadb": "mysql+pymysql",
}
_WAIT_SECONDS = 30
_TRIES = 8
#: deadlock, lock wait and "changed since last read" of MySQL and MariaDB.
_MYSQL_AGAIN = frozenset({1213, 1205, 1020})
#: serialisation failure and deadlock of PostgreSQL.
_POSTGRESQL_AGAIN = frozenset({"40001", "40P01"})


class Database:
    """One database, reached from many processes and threads.

    :param url: SQLAlchemy URL; a name without driver (``postgresql://``, ``mysql://``) gets the tested one.
    :raises Misconfigured: the URL is none, or names another database than the three.
    :raises LedgerUnavailable: an SQLite file that processes cannot share.
    """

    def __init__(self, url: str) -> None:
        self.url = _with_driver(url)
        self.dialect = self.url.get_backend_name()
        if self.dialect == "sqlite":
            _check_sqlite_file(self.url)
        self.engine = self._engine()
        self._reading = self.engine.execution_options(docflow_reading=True)
        weakref.finalize(self, self.engine.dispose)
        _forget_in_children(self.engine)

    def _engine(self) -> Engine:
        if self.dialect == "sqlite":
            engine = create_engine(self.url, connect_args={"timeout": _WAIT_SECONDS}, hide_parameters=True)
            event.listen(engine, "connect", _prepare_sqlite)
            event.listen(engine, "begin", _begin_sqlite)
            return engine
        options: dict[str, Any] = {"connect_timeout": 10}
        if self.dialect == "mysql":
            options |= {
                "charset": "utf8mb4",
                "init_command": "SET SESSION sql_mode='TRADITIONAL', "
                f"innodb_lock_wait_timeout={_WAIT_SECONDS}",
            }
        else:
            options["options"] = f"-c lock_timeout={_WAIT_SECONDS}s -c timezone=UTC"
        return create_engine(
            self.url,
            connect_args=options,
            pool_pre_ping=True,
            isolation_level="READ COMMITTED",
            hide_parameters=True,
        )

    def close(self) -> None:
        """Close every pooled connection."""
        self.engine.dispose()

    @contextmanager
    def transaction(self, *, reading: bool = False) -> Iterator[Connection]:
        """Give a connection whose changes are kept together or not at all.

        On SQLite a writing transaction holds the only write lock from its first moment. Do no network call
        inside one.

        :raises LedgerUnavailable: the database cannot be reached or is locked for too long.
        """
        engine = self._reading if reading else self.engine
        try:
            with engine.begin() as connection:
                yield connection
        except SQLAlchemyError as problem:
            raise _translated(problem, self.url) from problem

    def write(self, work: Callable[[Connection], T], tx: Connection | None = None) -> T:
        """Run work in the transaction given, or in its own, repeated when a deadlock undid it.

        :raises LedgerUnavailable: the database cannot be reached or is locked for too long.
        """
        if tx is not None:
            return work(tx)
        for attempt in range(1, _TRIES):
            try:
                with self.transaction() as connection:
                    return work(connection)
            except LedgerUnavailable as problem:
                if not may_run_again(problem):
                    raise
            time.sleep(random.uniform(0, 0.02 * 2**attempt))
        with self.transaction() as connection:
            return work(connection)

    def read(self, work: Callable[[Connection], T], tx: Connection | None = None) -> T:
        """Run work that only reads, in the transaction given or in one that locks nothing.

        :raises LedgerUnavailable: the database cannot be reached.
        """
        if tx is not None:
            return work(tx)
        with self.transaction(reading=True) as connection:
            return work(connection)


def may_run_again(problem: LedgerUnavailable) -> bool:
    """Tell whether the database undid the transaction only to let another one pass."""
    cause = problem.__cause__
    if not isinstance(cause, DBAPIError) or cause.orig is None:
        return False
    if getattr(cause.orig, "sqlstate", None) in _POSTGRESQL_AGAIN:
        return True
    return bool(cause.orig.args) and cause.orig.args[0] in _MYSQL_AGAIN


def chunks(items: Sequence[T], size: int = 500) -> Iterator[Sequence[T]]:
    """Cut a list so that no database's limit on parameters or packets is met."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


def _forget_in_children(engine: Engine) -> None:
    known = weakref.ref(engine)

    def forget() -> None:
        inherited = known()
        if inherited is not None:
            inherited.dispose(close=False)

    os.register_at_fork(after_in_child=forget)


def _with_driver(url: str) -> URL:
    try:
        parsed = make_url(url)
    except (ArgumentError, TypeError, ValueError):
        raise Misconfigured("the ledger's address is not a database URL") from None
    backend = parsed.get_backend_name() if "+" in parsed.drivername else parsed.drivername
    if backend not in _DRIVERS:
        raise Misconfigured(
            f"a ledger cannot live in {backend!r}", remedy="Use SQLite, PostgreSQL, MySQL or MariaDB."
        )
    if "+" in parsed.drivername and backend != "mariadb":
        return parsed
    return parsed.set(drivername=_DRIVERS[backend])


def _check_sqlite_file(url: URL) -> None:
    path = Path(url.database or ":memory:")
    if str(path).startswith((":memory:", "file:")) or "mode" in url.query:
        raise LedgerUnavailable(
            "an SQLite ledger in memory is seen by one process only",
            remedy="Give it a file, such as sqlite:////srv/airflow/docflow.db.",
        )
    if not path.is_absolute():
        raise LedgerUnavailable(
            f"the SQLite ledger {path} is another file in every working directory",
            remedy=f"Give its absolute path: sqlite:///{path.resolve()}",
        )
    refuse_network_filesystem(path)


def _prepare_sqlite(raw: sqlite3.Connection, _record: object) -> None:
    # The driver must not begin transactions of its own: _begin_sqlite says which lock each one takes.
    raw.isolation_level = None
    # A receipt or "sending" lost in a power cut would be a second document: every commit reaches the disk.
    raw.execute("PRAGMA synchronous=FULL")
    deadline = time.monotonic() + _WAIT_SECONDS
    while True:
        try:
            raw.execute("PRAGMA journal_mode=WAL").fetchone()
            return
        except sqlite3.OperationalError:
            # Turning the log on is the one lock for which SQLite does not wait by itself.
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def _begin_sqlite(connection: Connection) -> None:
    reading = connection.get_execution_options().get("docflow_reading", False)
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")


def _translated(problem: SQLAlchemyError, url: URL) -> DocflowError:
    if isinstance(problem, StatementError) and isinstance(problem.orig, DocflowError):
        return problem.orig
    where = url.render_as_string(hide_password=True)
    cause = problem.orig if isinstance(problem, StatementError) and problem.orig else problem
    return LedgerUnavailable(
        f"the ledger {where} failed: {type(cause).__name__}: {str(cause).splitlines()[0][:200]}",
        remedy="Writing stops here. See that the database answers and that this account may use it.",
    )
