"""Small sides, and what a plan makes of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from airflow_provider_docflow.reconcile.engines.base import Engine
from airflow_provider_docflow.reconcile.items import Item, items
from airflow_provider_docflow.reconcile.plan.run import Plan, compute
from airflow_provider_docflow.reconcile.sides import Side
from airflow_provider_docflow.reconcile.totals import Total, totals

COLUMNS = ("id", "supplier", "amount", "day", "currency", "text")
Document = Mapping[str, str | None]


def doc(id: str | None, amount: str | None = "10.00", **more: str | None) -> dict[str, str | None]:
    """Return a document of a side, every value as text."""
    first = {"id": id, "supplier": "S1", "amount": amount, "day": "2026-11-02", "currency": "CNY"}
    return {**first, "text": "", **more}


@dataclass(frozen=True)
class Result:
    """What came out."""

    items: Sequence[Item]
    totals: Sequence[Total]
    counted: Mapping[str, Any] = field(default_factory=dict)

    def told(self) -> list[tuple[str, str, list[Any], list[Any]]]:
        """Return the items by standing, kind and the documents on both sides."""
        return sorted((one.standing, one.kind, _ids(one.left), _ids(one.right)) for one in self.items)


def reconcile(
    engine: Engine,
    plan: Plan,
    left: Sequence[Document],
    right: Sequence[Document],
    *,
    cut_off: date | None = None,
    **settings: Any,
) -> Result:
    """Carry a plan out on two lists of documents."""
    for name, documents in (("raw_l", left), ("raw_r", right)):
        engine.make(name, values(documents))
    common = {"may_be_empty": True, **settings}
    sides = {"l": Side(name="OA", **common), "r": Side(name="ERP", **common)}
    computed = compute(engine, plan, sides, cut_off=cut_off)
    found = list(items(computed.ground))
    return Result(found, totals(computed.ground), computed.counted)


def values(documents: Sequence[Document], columns: Sequence[str] = COLUMNS) -> str:
    """Return documents as a query."""
    rows = ", ".join(f"({', '.join(_sql(one.get(name)) for name in columns)})" for one in documents)
    empty = ", ".join(f"cast(NULL AS VARCHAR(100)) AS {name}" for name in columns)
    if not documents:
        return f"SELECT {empty} WHERE 1 = 0"
    shown = ", ".join(f"cast({name} AS VARCHAR(1000)) AS {name}" for name in columns)
    return f"SELECT {shown} FROM (VALUES {rows}) AS v({', '.join(columns)})"


def _sql(value: str | None) -> str:
    return "NULL" if value is None else "'" + value.replace("'", "''") + "'"


def _ids(rows: Sequence[Mapping[str, Any]]) -> list[Any]:
    return sorted((row["id"] for row in rows), key=repr)
