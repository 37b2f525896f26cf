"""What all tables have in common: names, key columns, the same collation everywhere."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, MetaData, String, Table
from sqlalchemy.schema import SchemaItem

from airflow_provider_docflow.ledger.columns import BigId, Name, Utc

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

#: MySQL's default collation takes 'a' and 'A', and 'e' and 'é', for the same number.
MYSQL_OPTIONS: dict[str, Any] = {
    "mysql_engine": "InnoDB",
    "mysql_charset": "utf8mb4",
    "mysql_collate": "utf8mb4_bin",
}

#: A SHA-256 in hex: what unique indexes are made of, whatever the length of the names behind it.
Digest = String(64)


def table(name: str, *columns: SchemaItem) -> Table:
    """Return a table of the ledger."""
    return Table(f"docflow_{name}", metadata, *columns, **MYSQL_OPTIONS)


def number_id() -> Column[int]:
    """Return a primary key that counts up."""
    return Column("id", BigId, primary_key=True, autoincrement=True)


def digest(name: str, **options: Any) -> Column[str]:
    """Return a column for a digest."""
    return Column(name, Digest, nullable=options.pop("nullable", False), **options)


def text(name: str, length: int = 255, **options: Any) -> Column[str]:
    """Return a column for a short text, empty when nothing is known."""
    return Column(name, Name(length), nullable=options.pop("nullable", False), **options)


def instant(name: str, *, nullable: bool = False, **options: Any) -> Column[Any]:
    """Return a column for an aware UTC instant."""
    return Column(name, Utc(), nullable=nullable, **options)
