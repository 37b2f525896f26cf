"""For the pages: which DAGs touched a document as one column, a text to search in, and their indexes."""

from __future__ import annotations

import hashlib
import json
import unicodedata

import sqlalchemy as sa
from alembic import op

from airflow_provider_docflow.ledger import columns

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_PAGE = 1000


def upgrade() -> None:
    """Bring the ledger from 0002 to 0003."""
    op.create_table(
        "docflow_audience",
        sa.Column("audience", sa.String(length=32), nullable=False),
        sa.Column("dag_id", columns.Name(255), nullable=False),
        sa.PrimaryKeyConstraint("audience", "dag_id", name=op.f("pk_docflow_audience")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
    )
    op.create_index(op.f("ix_docflow_audience_dag_id"), "docflow_audience", ["dag_id"])
    op.add_column("docflow_document", sa.Column("audience", sa.String(length=32), nullable=True))
    op.add_column("docflow_document", sa.Column("search_text", columns.LongText, nullable=True))
    _fill()
    op.drop_index(op.f("ix_docflow_document_updated_at"), "docflow_document")
    op.create_index(
        op.f("ix_docflow_document_updated_at_ref_key_audience"),
        "docflow_document",
        ["updated_at", "ref_key", "audience"],
    )
    # The index on (dag_id, run_id) finds a DAG alone as well.
    op.drop_index(op.f("ix_docflow_touch_dag_id"), "docflow_touch")


def _fill() -> None:
    """Give the documents that are there already what new ones get when they are written."""
    connection = op.get_bind()
    document = sa.table(
        "docflow_document",
        *(sa.column(name) for name in ("ref_key", "number", "party_id", "party_name")),
        *(sa.column(name) for name in ("audience", "search_text")),
    )
    touch = sa.table("docflow_touch", sa.column("ref_key"), sa.column("dag_id"))
    named = sa.table("docflow_audience", sa.column("audience"), sa.column("dag_id"))
    known: set[str] = set()
    last = ""
    while True:
        query = sa.select(*(document.c[name] for name in ("ref_key", "number", "party_id", "party_name")))
        query = query.where(document.c.ref_key > last).order_by(document.c.ref_key).limit(_PAGE)
        rows = connection.execute(query).all()
        if not rows:
            return
        keys = [row.ref_key for row in rows]
        last = keys[-1]
        seen = sa.select(touch.c.ref_key, touch.c.dag_id).where(touch.c.ref_key.in_(keys)).distinct()
        dags: dict[str, set[str]] = {}
        for key, dag_id in connection.execute(seen):
            dags.setdefault(key, set()).add(dag_id)
        sets = {_named(found): found for found in dags.values()}
        new = sorted(sets.keys() - known)
        known.update(new)
        if new:
            rows_of_sets = [{"audience": name, "dag_id": one} for name in new for one in sorted(sets[name])]
            connection.execute(sa.insert(named), rows_of_sets)
        change = (
            sa.update(document)
            .where(document.c.ref_key == sa.bindparam("this"))
            .values(audience=sa.bindparam("who"), search_text=sa.bindparam("what"))
        )
        changes = [
            {
                "this": row.ref_key,
                "who": _named(dags[row.ref_key]) if row.ref_key in dags else None,
                "what": "\n".join(_folded(part) for part in (row.number, row.party_id, row.party_name)),
            }
            for row in rows
        ]
        connection.execute(change, changes)


def _named(dag_ids: set[str]) -> str:
    text = json.dumps(["docflow audience 1", *sorted(dag_ids)], ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("ascii")).hexdigest()[:32]


def _folded(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold()).split())
