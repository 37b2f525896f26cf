"""A query on any database that a common-sql connection leads to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.reconcile.engines.base import Engine
from airflow_provider_docflow.reconcile.sources.base import PART, Reading, Source, load_rows


@dataclass
class SqlSource(Source):
    """A query.

    :param conn_id: a common-sql connection.
    :param sql: a SELECT whose columns are the fields.
    :param parameters: named parameters of the query, as SQLAlchemy's text() takes them: ``:name``.
    """

    conn_id: str
    sql: str
    parameters: Mapping[str, Any] = field(default_factory=dict)

    template_fields: ClassVar[Sequence[str]] = (*Source.template_fields, "conn_id", "sql", "parameters")

    def title(self) -> str:
        """Return what people call it."""
        return self.name or self.conn_id

    def dataset(self) -> tuple[str, str]:
        """Return namespace and name by which lineage knows it."""
        return f"docflow://{self.conn_id}", self.title()

    def load(self, engine: Engine, table: str, reading: Reading) -> None:
        """Make a table of the engine out of the query's rows."""
        from airflow_provider_docflow.hooks.sql import SqlUnits

        if getattr(engine, "sql_conn_id", None) == self.conn_id:
            # It is the database that reconciles: the rows stay where they are.
            engine.load_query(table, self.sql, dict(self.parameters))  # type: ignore[attr-defined]
            return
        with SqlUnits(self.conn_id).streaming(self.sql, dict(self.parameters), PART) as found:
            columns, rows = found
            if not columns:
                raise exc.Misconfigured(
                    f"{self.title()}: the query returns no rows at all; it is no SELECT.",
                    field="sql",
                    remedy="Write a SELECT.",
                )
            load_rows(engine, table, columns, _flat(rows), reading)


def _flat(parts: Iterator[Sequence[Sequence[Any]]]) -> Iterator[Sequence[Any]]:
    for part in parts:
        yield from part
