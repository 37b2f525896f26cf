"""
PostgreSQL itself, when both sides live in one database: nothing travels but what does not agree.

Everything happens in one read-only view of the data and in temporary tables; leaving it undoes all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.redact import redact_text
from airflow_provider_docflow.reconcile.dialect import POSTGRES, quoted

#: Below it the planner's guesses do no harm.
ANALYSED = 1_000


class PostgresEngine:
    """One session of one database.

    :param sql_conn_id: a common-sql connection to PostgreSQL, or a SQLAlchemy URL.
    :raises Misconfigured: the database is none that this engine knows.
    """

    dialect = POSTGRES
    folder = None

    def __init__(self, sql_conn_id: str) -> None:
        from airflow_provider_docflow.hooks.sql import SqlUnits

        self.sql_conn_id = sql_conn_id
        self._units = SqlUnits(sql_conn_id)
        if self._units.engine.dialect.name != "postgresql":
            raise exc.Misconfigured(
                f"{self._units.name} is {self._units.engine.dialect.name}, not PostgreSQL.",
                field="engine",
                remedy="Use engine='duckdb'.",
            )
        self._raw = self._units.engine.raw_connection()
        self._connection: Any = self._raw.driver_connection
        if not hasattr(self._connection, "pgconn"):
            raise exc.Misconfigured(
                "the engine needs psycopg 3.", field="engine", remedy="Install psycopg[binary]."
            )
        # Both sides as of one moment, however long it takes.
        self._run("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")

    def make(self, name: str, query: str) -> int:
        """Keep the rows of a query as a table, in place of one of this name; return how many there are."""
        self._drop(name)
        rows = int(self._run(f"CREATE TEMP TABLE {quoted(name)} AS {query}").rowcount)
        if rows >= ANALYSED:
            self._run(f"ANALYZE {quoted(name)}")
        return rows

    def take_in(self, name: str, query: str) -> int:
        """Keep the rows of a query with a number ``rid`` for each, from 0; return how many there are."""
        return self.make(name, f"SELECT row_number() OVER () - 1 AS rid, q.* FROM ({query}) q")

    def view(self, name: str, query: str) -> None:
        """Give a query a name, in place of one of this name, without keeping its rows."""
        self._drop(name)
        self._run(f"CREATE TEMP VIEW {quoted(name)} AS {query}")

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Return the rows of a query, which are few."""
        found: list[tuple[Any, ...]] = self._run(query).fetchall()
        return found

    def stream(self, query: str, size: int = 10_000) -> Iterator[Sequence[tuple[Any, ...]]]:
        """Return the rows of a query, part by part."""
        with self._connection.cursor(name="docflow_reconcile") as cursor:
            cursor.itersize = size
            cursor.execute(query)
            while some := cursor.fetchmany(size):
                yield some

    def load(
        self, name: str, columns: Sequence[str], parts: Iterable[Sequence[Sequence[str | None]]]
    ) -> None:
        """Keep rows of texts as a table, in place of one of this name."""
        self._drop(name)
        shown = ", ".join(f"{quoted(column)} TEXT" for column in columns)
        self._run(f"CREATE TEMP TABLE {quoted(name)} ({shown})")
        for part in parts:
            with (
                self._connection.cursor() as cursor,
                cursor.copy(f"COPY {quoted(name)} FROM STDIN") as copy,
            ):
                for row in part:
                    copy.write_row(row)

    def load_query(self, name: str, sql: str, parameters: Mapping[str, Any]) -> None:
        """Keep the rows of a user's query on this database as a table."""
        from psycopg import ClientCursor
        from sqlalchemy import text
        from sqlalchemy.exc import SQLAlchemyError

        try:
            compiled = text(sql).bindparams(**parameters).compile(dialect=self._units.engine.dialect)
            # The server takes no parameters where a table is made: psycopg writes them in, quoted.
            with ClientCursor(self._connection) as cursor:
                cursor.execute(f"CREATE TEMP TABLE {quoted(name)} AS {compiled}", compiled.params)
                # The number of a row is for the plan to give.
                cursor.execute(f"ALTER TABLE {quoted(name)} DROP COLUMN IF EXISTS rid")
        except SQLAlchemyError as error:
            raise self._refused(error) from None
        except Exception as error:
            raise self._typed(error) from None

    def load_csv(
        self, name: str, path: str, columns: Sequence[str], *, delimiter: str, encoding: str
    ) -> None:
        """Refuse files: they are not in the database.

        :raises Misconfigured: always.
        """
        self.load_parquet(name, path)

    def load_parquet(self, name: str, path: str) -> None:
        """Refuse files: they are not in the database.

        :raises Misconfigured: always.
        """
        raise exc.Misconfigured(
            f"{path} does not lie in the database.", field="engine", remedy="Use engine='duckdb'."
        )

    def columns(self, name: str) -> dict[str, str]:
        """Return the columns of a table and their types, in the engine's words."""
        found = self._run(
            "SELECT a.attname, format_type(a.atttypid, NULL) FROM pg_attribute a JOIN pg_class c"
            " ON c.oid = a.attrelid WHERE c.relnamespace = pg_my_temp_schema() AND c.relname = %s"
            " AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum",
            (name,),
        )
        return {str(column): str(kind) for column, kind in found.fetchall()}

    def close(self) -> None:
        """Drop what was kept."""
        self._connection.rollback()
        self._raw.close()
        self._units.close()

    def _drop(self, name: str) -> None:
        kind = self.rows(
            "SELECT c.relkind FROM pg_class c WHERE c.relnamespace = pg_my_temp_schema()"
            f" AND c.relname = '{name}'"
        )
        if kind:
            word = "VIEW" if str(kind[0][0]).strip("b'") == "v" else "TABLE"
            self._run(f"DROP {word} {quoted(name)} CASCADE")

    def _run(self, statement: str, parameters: Any = None) -> Any:
        try:
            return self._connection.execute(statement, parameters)
        except Exception as error:
            raise self._typed(error) from None

    def _typed(self, error: Exception) -> exc.DocflowError:
        """Return the driver's error as ours, without the rows that PostgreSQL shows in its details."""
        from psycopg import DataError, Error, OperationalError

        diagnosis = getattr(error, "diag", None)
        words = redact_text(str(getattr(diagnosis, "message_primary", None) or error))[:300]
        if isinstance(error, DataError):
            return exc.InvalidDocument(
                f"a value cannot be read: {words}", system=self._units.name, remedy="Correct the source."
            )
        if isinstance(error, OperationalError):
            return exc.TransientError(words, system=self._units.name)
        return self._refused(error, words) if isinstance(error, Error) else exc.Misconfigured(words)

    def _refused(self, error: Exception, words: str = "") -> exc.Misconfigured:
        return exc.Misconfigured(
            f"the query cannot be run: {words or redact_text(str(error))[:300]}",
            system=self._units.name,
            field="sql",
            remedy="Compare it with the database's tables, and its parameters with those given.",
        )
