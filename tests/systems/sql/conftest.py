from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa

from airflow_provider_docflow.core.exchange import Exchange
from airflow_provider_docflow.core.profile import Reading, WriteItem, Written
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.document import Document, DocumentRef, Line, Party
from airflow_provider_docflow.hooks.doors import Door
from airflow_provider_docflow.hooks.sql import SqlUnits
from airflow_provider_docflow.systems.sql import DEFAULT_TABLES, PROFILE, ensure, layouts


@dataclass
class Finance:
    """A database with docflow's tables, the way there, and a way to look at it behind docflow's back."""

    url: str
    tables: dict[str, Any] = field(default_factory=lambda: DEFAULT_TABLES)

    def __post_init__(self) -> None:
        self.units = SqlUnits(self.url)
        site = Site(
            profile=PROFILE.configured({"tables": json.dumps(self.tables)}),
            conn_id="finance",
            settings={"tables": json.dumps(self.tables)},
        )
        self.door = Door(site, sql=self.units)
        self.site = replace(site, instance=self.door.run(ensure(site, list(layouts(self.tables).values()))))

    def run(self, exchange: Exchange[Any]) -> Any:
        return self.door.run(exchange)

    def write(self, items: list[WriteItem], kind: str = "payment", purpose: str = "create") -> list[Any]:
        results = self.run(self.site.profile.write(kind, purpose).run(self.site, items))
        assert len(results) == len(items)
        return list(results)

    def written(
        self, items: list[WriteItem], kind: str = "payment", purpose: str = "create"
    ) -> list[DocumentRef]:
        results = self.write(items, kind, purpose)
        for result in results:
            assert isinstance(result, Written), result
        return [result.ref for result in results]

    def read(self, refs: list[DocumentRef]) -> list[Any]:
        return list(self.run(self.site.profile.of(refs[0].document_type).read(self.site, refs)))

    def read_one(self, ref: DocumentRef) -> Reading:
        found = self.read([ref])[0]
        assert isinstance(found, Reading), found
        return found

    def truth(self, sql: str, **values: Any) -> list[Any]:
        """Run SQL behind docflow's back."""
        with self.units.engine.begin() as connection:
            done = connection.execute(sa.text(sql), values)
            return [tuple(row) for row in done] if done.returns_rows else []

    def count(self, table: str) -> int:
        return int(self.truth(f"SELECT count(*) FROM {table}")[0][0])

    def close(self) -> None:
        self.door.close()
        self.units.close()


@pytest.fixture
def finance(database_url: str) -> Iterator[Finance]:
    made = Finance(database_url)
    yield made
    made.close()


@pytest.fixture
def local(sqlite_url: str) -> Iterator[Finance]:
    """The same on SQLite alone, for what does not depend on the database."""
    made = Finance(sqlite_url)
    yield made
    made.close()


@pytest.fixture
def opened() -> Iterator[Callable[..., Finance]]:
    """Open further databases or layouts; closed at the end."""
    made: list[Finance] = []

    def opening(url: str, tables: dict[str, Any] | None = None) -> Finance:
        made.append(Finance(url, tables or DEFAULT_TABLES))
        return made[-1]

    yield opening
    for each in made:
        each.close()


def document(
    number: str, amount: str = "10.50", kind: str = "payment", lines: int = 1, **more: Any
) -> Document:
    rows = [
        Line(line_id=str(n + 1), item_id=f"P-{n}", quantity=Decimal(1), price_amount=Decimal(amount))
        for n in range(lines)
    ]
    values: dict[str, Any] = {
        "document_type": kind,
        "id": number,
        "issue_date": date(2026, 3, 31),
        "due_date": date(2026, 4, 30),
        "company_code": "C1",
        "document_currency_code": "CNY",
        "seller_supplier_party": Party(id="SUP-1", name="上海张三有限公司"),
        "lines": tuple(rows),
    }
    return Document(**{**values, **more}).totalled()


def item(n: int, amount: str = "10.50", kind: str = "payment", **more: Any) -> WriteItem:
    return WriteItem(
        mark=f"MARK{n:012}", reference=f"PO-{n}", document=document(f"N-{n}", amount, kind, **more)
    )
