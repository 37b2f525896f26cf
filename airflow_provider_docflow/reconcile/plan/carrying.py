"""Open items of earlier runs that a source which tells only changes does not tell again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from airflow_provider_docflow.reconcile.engines.base import Engine
from airflow_provider_docflow.reconcile.plan.ground import on
from airflow_provider_docflow.reconcile.sides import Layout

Row = Mapping[str, str | None]


def carry(engine: Engine, layout: Layout, key: str, rows: Sequence[Row]) -> int:
    """Add open items to a side, except those that the source tells again.

    :param rows: field to its value as text.
    :returns: how many were added.
    """
    if not rows:
        return 0
    engine.load(
        f"carried_{key}", layout.fields, [[[row.get(name) for name in layout.fields] for row in rows]]
    )
    types = engine.columns(key)
    columns = [layout.column(name) for name in layout.fields]
    shown = ", ".join(
        f"cast({engine.dialect.name_of(name)} AS {types[column]}) AS {column}"
        for name, column in zip(layout.fields, columns, strict=True)
    )
    engine.take_in(f"old_{key}", f"SELECT {shown} FROM carried_{key}")
    same = on(
        [f"n.{layout.column(name)} IS NOT DISTINCT FROM o.{layout.column(name)}" for name in layout.identity]
    )
    plain = ", ".join(columns)
    old = ", ".join(f"o.{column} AS {column}" for column in columns)
    added = engine.make(
        f"added_{key}",
        f"SELECT o.rid + (SELECT coalesce(max(rid), 0) + 1 FROM {key}) AS rid, {old} FROM old_{key} o"
        f" WHERE NOT EXISTS (SELECT 1 FROM {key} n WHERE {same})",
    )
    engine.make(
        f"with_{key}", f"SELECT rid, {plain} FROM {key} UNION ALL SELECT rid, {plain} FROM added_{key}"
    )
    engine.view(key, f"SELECT * FROM with_{key}")
    return added
