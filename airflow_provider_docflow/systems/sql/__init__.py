"""
Header and line tables of any database that an Airflow common-sql connection reaches.

The docflow connection names that connection (``sql_conn_id``) and, per document type, the tables
(``tables``, see :mod:`~airflow_provider_docflow.systems.sql.layout`). Guarantee: exactly once. The receipt
is written in the transaction of the document, and the database refuses a second one under the same mark;
this needs tables that take part in transactions (on MySQL: InnoDB) and a unique index on the mark's column.

Docflow needs two small tables of its own there; :func:`ddl` prints them for a database administrator.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.profile import (
    DocumentProfile,
    Probe,
    Reading,
    SystemProfile,
    Write,
    WriteItem,
)
from airflow_provider_docflow.systems.sql import describing, moves, read, write
from airflow_provider_docflow.systems.sql.defaults import DEFAULT_TABLES
from airflow_provider_docflow.systems.sql.layout import Layout, layouts
from airflow_provider_docflow.systems.sql.read import ensure

__all__ = ["DEFAULT_TABLES", "PROFILE", "ddl", "document_profile", "ensure", "layouts"]

BATCH = 200
_NATIVE = Probe(quality="native")


def document_profile(layout: Layout) -> DocumentProfile:
    """Return what can be done with the documents of a layout."""
    return DocumentProfile(
        read=read.read(layout),
        search=read.search(layout),
        changes=read.changes(layout) if layout.changed else None,
        create=Write(
            run=write.create(layout),
            find=moves.find_by_mark(layout),
            probe=_NATIVE,
            batch_size=BATCH,
        ),
        amend=Write(run=moves.amend(layout), find=moves.find_by_receipt(layout), probe=_NATIVE)
        if layout.amend
        else None,
        actions={name: _action(layout, name) for name in layout.actions},
        stages=layout.stages,
        describe=describing.describer(layout),
        page_size=read.PAGE,
        axes=tuple(layout.states) or ("lifecycle",),
    )


def _action(layout: Layout, name: str) -> Write:
    target = layout.actions[name].target

    def landed(reading: Reading, item: WriteItem) -> bool:
        return all(reading.raw.get(column) == word for column, word in target.items())

    return Write(
        run=moves.action(layout, name), find=moves.find_by_receipt(layout), landed=landed, probe=_NATIVE
    )


def resolve(settings: Mapping[str, Any]) -> SystemProfile:
    """Return the profile of a connection with these settings.

    :raises Misconfigured: the tables setting is wrong.
    """
    chosen = layouts(settings.get("tables") or DEFAULT_TABLES)
    return replace(PROFILE, documents={name: document_profile(layout) for name, layout in chosen.items()})


def ddl(dialect: str, tables: Mapping[str, Any] | str | None = None) -> list[str]:
    """Return the statements that create docflow's tables.

    :param dialect: ``sqlite``, ``postgresql``, ``mysql`` or another that SQLAlchemy knows.
    :param tables: also create the header and line tables of this setting.
    :raises Misconfigured: SQLAlchemy knows no such dialect.
    """
    from sqlalchemy.dialects import registry
    from sqlalchemy.exc import NoSuchModuleError
    from sqlalchemy.schema import CreateTable

    from airflow_provider_docflow.systems.sql.tables import document_tables

    try:
        chosen = registry.load(dialect)()
    except NoSuchModuleError:
        raise exc.Misconfigured(f"there is no SQL dialect {dialect!r}.", field="dialect") from None
    made = document_tables(layouts(tables).values() if tables else ())
    return [str(CreateTable(table).compile(dialect=chosen)).strip() for table in made.sorted_tables]


PROFILE = SystemProfile(
    name="sql",
    title="SQL database",
    docs_url="https://airflow.apache.org/docs/apache-airflow-providers-common-sql/stable/",
    checked_on=date(2026, 11, 22),
    documents={name: document_profile(layout) for name, layout in layouts(DEFAULT_TABLES).items()},
    instance=read.instance,
    clock=describing.clock,
    resolve=resolve,
    conn_fields={
        "sql_conn_id": {
            "label": "SQL connection",
            "description": "Airflow connection of the database, of any type that a common-sql hook serves.",
            "schema": {"type": "string", "minLength": 1},
        },
        "tables": {
            "label": "Tables",
            "description": "JSON: document type to its tables and columns. Empty: docflow's default.",
            "schema": {"type": ["string", "null"], "format": "multiline"},
        },
        "ensure": {
            "label": "Create docflow's own tables",
            "description": "Let docflow create docflow_receipt and docflow_instance where they are missing.",
            "schema": {"type": "boolean", "default": False},
        },
        "time_zone": {
            "label": "Time zone",
            "description": "Zone of timestamps that the database keeps without one.",
            "schema": {"type": "string", "default": "UTC"},
        },
    },
    ui_field_behaviour={"hidden_fields": ["host", "schema", "port", "login", "password", "extra"]},
)
