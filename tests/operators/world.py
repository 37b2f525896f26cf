"""Two systems and a ledger: requisitions in a database, orders in the sandbox's ERP over the wire."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2

from airflow_provider_docflow.core.profile import Reading
from airflow_provider_docflow.document import document_to_json, material_hash
from airflow_provider_docflow.hooks.docflow import DocflowHook
from airflow_provider_docflow.sandbox import Sandbox
from airflow_provider_docflow.systems.sql import ddl

ORDERS = "/erp/purchase_order"
PROFILE = "tests.operators.profiles:PROFILE"
PLANTED = "erp-sandbox-key"


TABLES: dict[str, Any] = {
    "purchase_requisition": {
        "header": "requisition",
        "id": {"column": "id", "type": "integer"},
        "mark": "mark",
        "columns": {
            "number": "id",
            "company_code": "company_code",
            "party": "seller_supplier_party.id",
            "currency": "document_currency_code",
            "amount": "payable_amount",
            "issue_date": "issue_date",
        },
        "lines": {
            "table": "requisition_line",
            "parent": {"requisition_id": "id"},
            "columns": {
                "line_no": "line_id",
                "item": "item_id",
                "quantity": "quantity",
                "unit_code": "unit_code",
                "price": "price_amount",
                "amount": "line_extension_amount",
                "supplier": "seller_supplier_party.id",
            },
        },
        "initial": {"state": "draft"},
        "states": {
            "lifecycle": {
                "column": "state",
                "words": {"draft": "draft", "confirmed": "active", "cancelled": "cancelled"},
            }
        },
        "actions": {"cancel": {"from": {"state": ["draft", "confirmed"]}, "to": {"state": "cancelled"}}},
        "changed": {"column": "changed_at", "type": "timestamp", "overlap": 60},
    }
}


@dataclass
class World:
    """What the tests see of both systems, behind docflow's back."""

    folder: Path
    sandbox: Sandbox

    @property
    def source_path(self) -> Path:
        return self.folder / "oa.sqlite"

    def environment(self) -> dict[str, str]:
        """The connections, as Airflow reads them from the environment."""
        oa = {"sql_conn_id": f"sqlite:///{self.source_path}", "tables": json.dumps(TABLES)}
        erp = {"profile": PROFILE, "api_key": PLANTED, "instance": "plain-erp-1"}
        connections: dict[str, Any] = {
            "oa": {"conn_type": "docflow_sql", "extra": {**oa, "ensure": True}},
            "erp": {"conn_type": "docflow_rest", "host": self.sandbox.base_url, "extra": erp},
            "docflow_ledger": {"conn_type": "sqlite", "host": str(self.folder / "ledger.sqlite")},
        }
        return {f"AIRFLOW_CONN_{name.upper()}": json.dumps(value) for name, value in connections.items()}

    def create_source(self) -> None:
        """Make the tables of the requisitions."""
        with closing(sqlite3.connect(self.source_path)) as connection:
            for statement in ddl("sqlite", TABLES):
                connection.execute(statement)
            connection.commit()

    def enter(self, number: str, *lines: tuple[str, str, str], company: str = "C1") -> None:
        """Enter a requisition as somebody types it: (supplier, quantity, price) for each line."""
        total = sum((_product(quantity, price) for _, quantity, price in lines), start=0)
        with closing(sqlite3.connect(self.source_path)) as connection:
            done = connection.execute(
                "INSERT INTO requisition (number, mark, company_code, party, currency, amount, issue_date,"
                " state, changed_at) VALUES (?, ?, ?, ?, 'CNY', ?, '2026-03-31', 'confirmed', ?)",
                (number, number, company, lines[0][0], _text(total), _now()),
            )
            for position, (supplier, quantity, price) in enumerate(lines, 1):
                amount = _text(_product(quantity, price))
                connection.execute(
                    "INSERT INTO requisition_line (requisition_id, line_no, item, quantity, unit_code, price,"
                    " amount, supplier) VALUES (?, ?, ?, ?, 'EA', ?, ?, ?)",
                    (done.lastrowid, str(position), f"P-{position}", quantity, price, amount, supplier),
                )
            connection.commit()

    def change_price(self, number: str, price: str) -> None:
        """Change the first line of a requisition, and its total, as somebody at the source does."""
        sql = "SELECT id FROM requisition WHERE number = ?"
        with closing(sqlite3.connect(self.source_path)) as connection:
            row = connection.execute(sql, (number,)).fetchone()[0]
            found = connection.execute(
                "SELECT quantity FROM requisition_line WHERE requisition_id = ? AND line_no = '1'", (row,)
            ).fetchone()
            amount = _text(_product(found[0], price))
            connection.execute(
                "UPDATE requisition_line SET price = ?, amount = ?"
                " WHERE requisition_id = ? AND line_no = '1'",
                (price, amount, row),
            )
            rest = connection.execute(
                "SELECT amount FROM requisition_line WHERE requisition_id = ? AND line_no <> '1'", (row,)
            ).fetchall()
            total = _product("1", amount) + sum(_product("1", each[0]) for each in rest)
            connection.execute(
                "UPDATE requisition SET amount = ?, changed_at = ? WHERE id = ?", (_text(total), _now(), row)
            )
            connection.commit()

    def set_state(self, number: str, state: str) -> None:
        """Move a requisition to another state at the source."""
        with closing(sqlite3.connect(self.source_path)) as connection:
            connection.execute(
                "UPDATE requisition SET state = ?, changed_at = ? WHERE number = ?", (state, _now(), number)
            )
            connection.commit()

    def state(self, number: str) -> str:
        """Return the state of a requisition at the source."""
        with closing(sqlite3.connect(self.source_path)) as connection:
            sql = "SELECT state FROM requisition WHERE number = ?"
            return str(connection.execute(sql, (number,)).fetchone()[0])

    def age(self, number: str, seconds: int) -> None:
        """Let a requisition have changed that long ago."""
        moment = datetime.now(UTC) - timedelta(seconds=seconds)
        with closing(sqlite3.connect(self.source_path)) as connection:
            sql = "UPDATE requisition SET changed_at = ? WHERE number = ?"
            connection.execute(sql, (_at(moment), number))
            connection.commit()

    def delete(self, number: str) -> None:
        """Delete a requisition at the source."""
        with closing(sqlite3.connect(self.source_path)) as connection:
            connection.execute(
                "DELETE FROM requisition_line WHERE requisition_id ="
                " (SELECT id FROM requisition WHERE number = ?)",
                (number,),
            )
            connection.execute("DELETE FROM requisition WHERE number = ?", (number,))
            connection.commit()

    def post(self, path: str, body: dict[str, Any]) -> Any:
        """Create a document in the ERP as another program would."""
        head = {"Authorization": f"Bearer {PLANTED}"}
        answer = httpx2.post(f"{self.sandbox.base_url}{path}", json=body, headers=head, trust_env=False)
        assert answer.status_code == 201, answer.text
        return answer.json()

    def approve(self, *numbers: str, decision: str = "approved") -> None:
        """Record a decision on the requisitions as they stand now."""
        from airflow_provider_docflow.document import content_hash
        from airflow_provider_docflow.ledger.decisions import NewDecision
        from airflow_provider_docflow.ledger.snapshots import NewSnapshot

        hook = DocflowHook("oa")
        for reading in hook.system.resolve("purchase_requisition", list(numbers)):
            assert isinstance(reading, Reading), reading
            assert reading.document is not None
            seen = material_hash(reading.document)
            body = document_to_json(reading.document)
            kept = NewSnapshot(reading.ref, "", seen, content_hash(reading.document), body)
            snapshot = hook.ledger.snapshots.put([kept])[0]
            word: Any = decision
            new = NewDecision(
                reading.ref, word, seen, datetime.now(UTC), approver="boss", snapshot_id=snapshot
            )
            hook.ledger.decisions.append(new)
        hook.system.close()

    def orders(self) -> list[dict[str, Any]]:
        """Return the orders that the ERP holds."""
        found: list[dict[str, Any]] = self.sandbox.call("GET", "erp/purchase_order")["documents"]
        return found

    def sends(self) -> int:
        """Return how many orders were sent to be created."""
        return self.sandbox.count(ORDERS, method="POST")

    @property
    def ledger(self) -> Any:
        """The ledger that the operators use."""
        return DocflowHook("oa").ledger


def _product(quantity: str, price: str) -> Any:
    from decimal import Context, Decimal

    return Context(prec=60).multiply(Decimal(quantity), Decimal(price))


def _text(amount: Any) -> str:
    return format(amount, "f")


def _now() -> str:
    return _at(datetime.now(UTC))


def _at(moment: datetime) -> str:
    return moment.isoformat(sep=" ", timespec="microseconds").removesuffix("+00:00")
