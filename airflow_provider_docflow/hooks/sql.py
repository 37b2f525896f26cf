"""
Runs SQL units for a door: one transaction each, exact row counts, no commit after the lease.

The database is any that an Airflow common-sql connection, or a SQLAlchemy URL, leads to.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.exchange import SqlUnit, Statement
from airflow_provider_docflow.core.redact import redact_text
from airflow_provider_docflow.hooks.deadlines import refuse_if_late

if TYPE_CHECKING:
    from sqlalchemy import Connection, CursorResult, Engine
    from sqlalchemy.exc import DBAPIError

_CONFLICT = ("40", "55", "57014", "1020", "1205", "1213", "3572", "SQLITE_BUSY", "SQLITE_LOCKED")
_LOGIN = ("28", "42501", "1044", "1045", "1142", "1143", "1227", "1698")
_LOGIN_SQLITE = ("SQLITE_READONLY", "SQLITE_AUTH", "SQLITE_PERM")
_SETTINGS = ("42", "3D", "3F", "0A", "1046", "1049", "1054", "1064", "1146", "SQLITE_ERROR")
_REFUSED = ("21", "22", "23", "27", "2F", "44", "P0", "SQLITE_CONSTRAINT", "SQLITE_TOOBIG", "SQLITE_MISMATCH")
_MYSQL_READS_ONLY = ("1290", "1792", "1836")
_MYSQL_TRANSIENT = ("1040", "1053", "1158", "1159", "1160", "1161", "1203", "1226", *_MYSQL_READS_ONLY)


class SqlUnits:
    """Performs SQL units on one database; may be shared by threads.

    :param sql_conn_id: an Airflow connection that a common-sql hook serves, or a SQLAlchemy URL.
    """

    def __init__(self, sql_conn_id: str) -> None:
        self.name = "database" if "://" in sql_conn_id else sql_conn_id
        self.engine = _engine(sql_conn_id)

    def __call__(self, unit: SqlUnit) -> list[list[dict[str, Any]]]:
        """Run ``unit`` as one transaction.

        :returns: the rows of each statement.
        :raises Conflict: a statement changed another number of rows than it must; nothing stays.
        :raises LeaseLost: the time to write is over; nothing stays.
        :raises UnknownOutcome: the connection broke while the unit was being committed.
        """
        from sqlalchemy.exc import DBAPIError

        # The drivers' own errors show whole rows: ``from None`` keeps them out of the task's log.
        try:
            connection = self.engine.connect()
        except DBAPIError as error:
            raise self._unreachable(error) from None
        with connection:
            try:
                rows = self._statements(connection, unit)
            except DBAPIError as error:
                raise self._failure(error) from None
            if not unit.writes:
                return rows
            refuse_if_late(unit.not_after)
            try:
                connection.commit()
            except DBAPIError as error:
                with suppress(DBAPIError):
                    connection.rollback()
                raise self._failure(error, committing=True) from None
        return rows

    def _statements(self, connection: Connection, unit: SqlUnit) -> list[list[dict[str, Any]]]:
        if unit.writes and connection.dialect.name == "sqlite":
            connection.exec_driver_sql("PRAGMA busy_timeout = 30000")
            # A transaction that reads first and locks later fails at once instead of waiting.
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        return [self._execute(connection, statement) for statement in unit.statements]

    def _execute(self, connection: Connection, statement: Statement) -> list[dict[str, Any]]:
        from sqlalchemy import text

        sql = text(statement.sql) if isinstance(statement.sql, str) else statement.sql
        results = [_run(connection, sql, given) for given in _rounds(connection, statement)]
        changed = sum(done.rowcount for done in results)
        if statement.expect is not None and changed != statement.expect:
            raise exc.Conflict(
                f"{changed} rows would have changed instead of {statement.expect}, so none was.",
                system=self.name,
                remedy="Read the document again: somebody else has changed it.",
            )
        done = results[-1]
        return [dict(row) for row in done.mappings()] if done.returns_rows else []

    @contextmanager
    def streaming(
        self, sql: str, parameters: Mapping[str, Any], size: int
    ) -> Iterator[tuple[list[str], Iterator[Sequence[Sequence[Any]]]]]:
        """Run a query of a user and give its columns and its rows part by part, never all in memory.

        :param size: rows of a part.
        :raises Misconfigured: the database does not understand the query.
        """
        from sqlalchemy import text
        from sqlalchemy.exc import DBAPIError, SQLAlchemyError

        try:
            with self.engine.connect() as connection:
                options = {"stream_results": True, "max_row_buffer": size}
                result = connection.execution_options(**options).execute(text(sql), dict(parameters))
                columns = list(result.keys()) if result.returns_rows else []
                yield columns, result.partitions(size) if columns else iter(())
        except DBAPIError as error:
            raise self._failure(error) from None
        except SQLAlchemyError as error:
            raise exc.Misconfigured(
                f"the query cannot be run: {redact_text(str(error))[:300]}",
                system=self.name,
                field="sql",
                remedy="Compare its parameters, written as :name, with those given.",
            ) from None

    def _unreachable(self, error: DBAPIError) -> exc.DocflowError:
        failure = self._failure(error)
        if isinstance(failure, exc.Authentication | exc.Misconfigured):
            return failure
        return exc.Unreachable(
            failure.message,
            system=self.name,
            code=failure.code,
            remedy="Check that the database is up, that this machine may reach it, and the login.",
        )

    def _failure(self, error: DBAPIError, *, committing: bool = False) -> exc.DocflowError:
        code = _code(error)
        kind = _kind(error, code)
        if committing and not (code and not error.connection_invalidated):
            kind = exc.UnknownOutcome
        diagnosis = getattr(error.orig, "diag", None)
        field = getattr(diagnosis, "column_name", None) or getattr(diagnosis, "constraint_name", None)
        return kind(
            redact_text(_words(error.orig, diagnosis))[:500],
            system=self.name,
            code=code,
            field=field or "",
            remedy=_REMEDIES.get(kind, ""),
        )

    def close(self) -> None:
        """Close the connections."""
        self.engine.dispose()


def _rounds(connection: Connection, statement: Statement) -> list[Any]:
    """Return what to run: all rows of values at once where the driver then still counts what changed."""
    given = statement.parameters
    many = not isinstance(given, Mapping)
    if many and statement.expect is not None and not connection.dialect.supports_sane_multi_rowcount:
        return list(given)
    return [given or None]


def _run(connection: Connection, sql: Any, given: Any) -> CursorResult[Any]:
    # Without the option SQLAlchemy forgets the count of statements that run once per row of values.
    return connection.execute(sql, given, execution_options={"preserve_rowcount": True})


sql_runner = SqlUnits

_REMEDIES: dict[type[exc.DocflowError], str] = {
    exc.Misconfigured: "Let the tables setting of the docflow connection name the tables that "
    "this database has, and only the document types that it holds: docs/systems/sql.md.",
    exc.Authentication: "Check the login of the database connection and what it may do.",
}


def _engine(sql_conn_id: str) -> Engine:
    options = {"hide_parameters": True, "pool_pre_ping": True}
    if "://" in sql_conn_id:
        from sqlalchemy import create_engine

        return create_engine(sql_conn_id, **options)
    from airflow.providers.common.sql.hooks.sql import DbApiHook

    engine: Engine = DbApiHook.get_hook(sql_conn_id).get_sqlalchemy_engine(engine_kwargs=options)
    return engine


def _words(orig: Any, diagnosis: Any) -> str:
    """Return the driver's sentence without the details, in which PostgreSQL shows whole rows."""
    primary = getattr(diagnosis, "message_primary", None)
    if primary:
        return str(primary)
    args: tuple[Any, ...] = getattr(orig, "args", ())
    return str(args[1] if len(args) > 1 and isinstance(args[0], int) else orig) or type(orig).__name__


def _code(error: DBAPIError) -> str:
    """Return the driver's own code: a MySQL number, a SQLSTATE or the name of an SQLite error."""
    orig = error.orig
    first = orig.args[0] if orig is not None and orig.args else ""
    if isinstance(first, int):
        return str(first)
    for name in ("sqlstate", "pgcode", "sqlite_errorname"):
        if code := getattr(orig, name, None):
            return str(code)
    return str(first) if _is_sqlstate(first) else ""


def _is_sqlstate(value: Any) -> bool:
    return isinstance(value, str) and len(value) == 5 and value.isalnum() and value.isupper()


def _kind(error: DBAPIError, code: str) -> type[exc.DocflowError]:
    from sqlalchemy import exc as sa

    if error.connection_invalidated:
        return exc.TransientError
    for kind, codes in (
        (exc.Conflict, _CONFLICT),
        (exc.Authentication, _LOGIN + _LOGIN_SQLITE),
        (exc.Misconfigured, _SETTINGS),
        (exc.Rejected, _REFUSED),
    ):
        if any(_matches(code, known) for known in codes):
            return kind
    if isinstance(error, sa.IntegrityError | sa.DataError) or _mysql_refuses(code):
        return exc.Rejected
    if isinstance(error, sa.ProgrammingError | sa.NotSupportedError):
        return exc.Misconfigured
    return exc.TransientError


def _matches(code: str, known: str) -> bool:
    """Compare a code with a whole one, with a class of SQLSTATEs (two characters) or a family of SQLite's."""
    if len(known) == 2:
        return len(code) == 5 and code.startswith(known)
    return code == known or (known.startswith("SQLITE_") and code.startswith(f"{known}_"))


def _mysql_refuses(code: str) -> bool:
    return (
        code.isdigit()
        and len(code) == 4
        and not 2000 <= int(code) < 3000
        and int(code) > 1000
        and code not in _MYSQL_TRANSIENT
    )
