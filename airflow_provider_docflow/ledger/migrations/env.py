"""What alembic runs: always on a connection that the caller opened and locked."""

from __future__ import annotations

from typing import Any

from alembic import context

from airflow_provider_docflow.ledger import columns
from airflow_provider_docflow.ledger.migrate import VERSION_TABLE
from airflow_provider_docflow.ledger.models import metadata


def ours(_object: Any, name: str | None, kind: str, *_: Any) -> bool:
    """Leave tables alone that are not the ledger's: the database may hold others."""
    return kind != "table" or (name or "").startswith("docflow_")


def rendered(kind: str, item: Any, _autogen: Any) -> Any:
    """Write the ledger's own column types by their names."""
    if kind != "type":
        return False
    if item is columns.BigId or item is columns.LongText:
        return "columns.BigId" if item is columns.BigId else "columns.LongText"
    if isinstance(item, columns.Name):
        return f"columns.Name({item.length})"
    ours = isinstance(item, (columns.Utc, columns.Exact, columns.Json, columns.BusinessDate))
    return f"columns.{type(item).__name__}()" if ours else False


def run(connection: Any) -> None:
    """Run the migrations on a connection."""
    context.configure(
        connection=connection,
        target_metadata=metadata,
        version_table=VERSION_TABLE,
        include_object=ours,
        render_item=rendered,
    )
    with context.begin_transaction():
        context.run_migrations()


def connect() -> Any:
    """Return the caller's connection, or open the database of ``-x url=...`` for a developer."""
    given = context.config.attributes.get("connection")
    if given is not None:
        return given
    from airflow_provider_docflow.ledger.database import Database

    return Database(context.get_x_argument(as_dictionary=True)["url"]).engine.connect()


connection = connect()
run(connection)
if context.config.attributes.get("connection") is None:
    connection.commit()
    connection.close()
