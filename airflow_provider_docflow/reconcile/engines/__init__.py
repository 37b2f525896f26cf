"""Where a reconciliation is computed: DuckDB in the worker, PostgreSQL, or Spark."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_docflow.exceptions import Misconfigured

if TYPE_CHECKING:
    from airflow_provider_docflow.reconcile.engines.base import Engine
    from airflow_provider_docflow.reconcile.sources.base import Source

ENGINES = ("auto", "duckdb", "postgresql", "spark")


def choose(name: str, left: Source, right: Source, *, memory_limit: str = "", spark: str = "") -> Engine:
    """Return the engine for two sources.

    :param name: ``duckdb``, ``postgresql``, ``spark``, or ``auto``: PostgreSQL where both are queries on one
        such database, DuckDB for everything else.
    :param memory_limit: of DuckDB.
    :param spark: address of Spark: ``sc://host:15002`` for Spark Connect, or a master such as ``local[2]``.
    :raises Misconfigured: there is no such engine, or the sources do not lie where it works.
    """
    if name not in ENGINES:
        raise Misconfigured(f"{name!r} is no engine.", field="engine", remedy=f"One of {', '.join(ENGINES)}.")
    shared = _shared_database(left, right)
    if name == "postgresql" and not shared:
        raise Misconfigured(
            f"{left.title()} and {right.title()} are not queries on one database.",
            field="engine",
            remedy="Use engine='auto'.",
        )
    if name == "postgresql" or (name == "auto" and shared and _is_postgres(shared)):
        from airflow_provider_docflow.reconcile.engines.postgres import PostgresEngine

        return PostgresEngine(shared)
    if name == "spark":
        from airflow_provider_docflow.reconcile.engines.spark import SparkEngine

        return SparkEngine(spark)
    from airflow_provider_docflow.reconcile.engines.duck import DuckEngine

    return DuckEngine(memory_limit=memory_limit or None)


def _shared_database(left: Source, right: Source) -> str:
    from airflow_provider_docflow.reconcile.sources.sql import SqlSource

    if isinstance(left, SqlSource) and isinstance(right, SqlSource) and left.conn_id == right.conn_id:
        return left.conn_id
    return ""


def _is_postgres(conn_id: str) -> bool:
    from airflow_provider_docflow.hooks.sql import SqlUnits

    units = SqlUnits(conn_id)
    try:
        return bool(units.engine.dialect.name == "postgresql" and units.engine.dialect.driver == "psycopg")
    finally:
        units.close()
