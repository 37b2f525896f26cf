"""What really stands in the systems afterwards, read from Tryton, the finance database and the OA."""

from __future__ import annotations

import re
import sqlite3
from collections import Counter, defaultdict
from contextlib import closing
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from airflow_provider_docflow.sandbox import SandboxClient
from scripts.demo_oa import Entered
from scripts.tryton_rpc import TrytonRpc

_MARK = re.compile(r" ?\[[0-9A-Z]{16}\]$")


@dataclass(frozen=True)
class Order:
    """A living order in the ERP."""

    requisition: str
    company: str
    supplier: str
    number: str
    currency: str
    total: Decimal
    state: str


@dataclass(frozen=True)
class Invoice:
    """A living supplier invoice in the ERP; ``order`` is the number of the order that it invoices."""

    order: str
    company: str
    supplier: str
    number: str
    currency: str
    total: Decimal
    state: str


@dataclass(frozen=True)
class Payment:
    """A payment request in the finance database; ``source`` is the number of the invoice or order."""

    source: str
    company: str
    supplier: str
    currency: str
    amount: Decimal
    state: str


@dataclass
class Truth:
    """Everything, as the systems themselves have it."""

    orders: list[Order]
    invoices: list[Invoice]
    payments: list[Payment]
    forms: dict[str, dict[str, Any]]
    messages: int
    written_back: int = 0
    by_requisition: dict[tuple[str, str], list[Order]] = field(default_factory=lambda: defaultdict(list))

    def __post_init__(self) -> None:
        for order in self.orders:
            self.by_requisition[order.requisition, order.company].append(order)
        self.written_back = sum(_has_numbers(one) for one in self.forms.values())

    def states(self) -> dict[str, dict[str, int]]:
        """Return how many documents stand where."""
        return {
            "requisitions": dict(Counter(map(standing, self.forms.values()))),
            "orders": dict(Counter(one.state for one in self.orders)),
            "invoices": dict(Counter(one.state for one in self.invoices)),
            "payments": dict(Counter(one.state for one in self.payments)),
        }


def read_truth(rpc: TrytonRpc, finance: Path, oa: SandboxClient, entered: list[Entered]) -> Truth:
    """Read everything."""
    every = {one["id"]: one for one in oa.instances()}
    for one in every.values():
        one["attached"] = [every[other] for other in one["attachedProcessInstanceIds"]]
    return Truth(
        orders=_orders(rpc),
        invoices=_invoices(rpc),
        payments=_payments(finance),
        forms={one.instance_id: every[one.instance_id] for one in entered},
        messages=len(oa.call("GET", "dingtalk/messages", None, {"channel": "robot"})["messages"]),
    )


def _orders(rpc: TrytonRpc) -> list[Order]:
    names = [
        "reference",
        "company.party.code",
        "party.code",
        "number",
        "currency.code",
        "total_amount",
        "state",
    ]
    rows = rpc.find("purchase.purchase", [["state", "!=", "cancelled"]], names)
    return [Order(*_common(row)) for row in rows]


def _invoices(rpc: TrytonRpc) -> list[Invoice]:
    names = [
        "reference",
        "company.party.code",
        "party.code",
        "number",
        "currency.code",
        "total_amount",
        "state",
    ]
    rows = rpc.find("account.invoice", [["type", "=", "in"], ["state", "!=", "cancelled"]], names)
    return [Invoice(*_common(row)) for row in rows]


def _common(row: dict[str, Any]) -> tuple[str, str, str, str, str, Decimal, str]:
    return (
        _MARK.sub("", row["reference"] or ""),
        row["company."]["party."]["code"],
        row["party."]["code"],
        row["number"] or "",
        row["currency."]["code"],
        row["total_amount"],
        row["state"],
    )


def _payments(finance: Path) -> list[Payment]:
    columns = "source_document, company_code, supplier, currency, amount, status"
    query = f"SELECT {columns} FROM payment_request WHERE status != 'cancelled' ORDER BY id"
    with closing(sqlite3.connect(f"file:{finance}?mode=ro", uri=True)) as connection:
        rows = connection.execute(query).fetchall()
    return [Payment(*row[:4], Decimal(row[4]), row[5]) for row in rows]


def standing(form: dict[str, Any]) -> str:
    """Return where a form stands in the OA, in one word."""
    if any(one["bizAction"] == "REVOKE" and one["result"] == "agree" for one in form["attached"]):
        return "withdrawn"
    if form["status"] == "COMPLETED":
        return {"agree": "approved", "refuse": "rejected"}.get(form["result"], "unknown")
    return {"RUNNING": "undecided", "TERMINATED": "withdrawn"}.get(form["status"], "unknown")


def total_of(form: dict[str, Any]) -> tuple[str, Decimal]:
    """Return currency and total of a form as it reads now."""
    changed = [one for one in form["attached"] if one["bizAction"] == "MODIFY" and one["result"] == "agree"]
    values = {one["name"]: one["value"] for one in (changed or [form])[-1]["formComponentValues"]}
    return values["币种"], Decimal(values["合计金额"])


def _has_numbers(form: dict[str, Any]) -> bool:
    return any(record["type"] == "ADD_REMARK" for record in form["records"])
