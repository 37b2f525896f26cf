"""Documents as a flow leaves them: in a stand-in OA, a plain ERP, a finance database, and in the ledger."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.hooks.approving import Approver
from airflow_provider_docflow.hooks.connections import site_of
from airflow_provider_docflow.hooks.docflow import system_for
from airflow_provider_docflow.hooks.flow import Flow
from airflow_provider_docflow.hooks.handles import Handle, Outcome
from airflow_provider_docflow.hooks.system import System
from airflow_provider_docflow.ledger import Ledger
from airflow_provider_docflow.sandbox import Sandbox
from tests.flow.conftest import COMPONENTS, CORP, KEY, REQUISITION, form, row

DAG, RUN = "requisition_to_payment", "manual__1"
OTHER_DAG = "payroll"
PROFILE = "tests.browser.profiles:PROFILE"
GOODS = (
    ("SUP-1", "2", "50.25"),
    ("SUP-1", "10", "1980.00"),
    ("SUP-2", "3", "699.90"),
    ("SUP-3", "1", "129.05"),
)


class Clock:
    """The time of ledger and OA, which the story moves on by hours; it ends at about the present."""

    def __init__(self, sandbox: Sandbox, start: datetime) -> None:
        self.sandbox, self.moment = sandbox, start
        sandbox.freeze(int(start.timestamp() * 1000))

    def __call__(self) -> datetime:
        # Nothing takes no time; what follows upon something else has to be told as later.
        self.moment += timedelta(milliseconds=3)
        return self.moment

    def forward(self, **span: float) -> None:
        """Let time pass in both."""
        step = timedelta(**span)
        self.moment += step
        self.sandbox.advance(step.total_seconds())


@dataclass
class World:
    """What happened before somebody looks at the pages.

    :param folder: where ledger and finance database lie.
    :param at: when the story begins.
    """

    folder: Path
    sandbox: Sandbox
    at: datetime = field(default_factory=lambda: datetime.now(UTC) - timedelta(hours=29, minutes=20))
    systems: dict[str, System] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.clock = Clock(self.sandbox, self.at)
        self.ledger = Ledger.open(f"sqlite:///{self.folder}/ledger.sqlite", keys=[KEY], clock=self.clock)
        steps = [{"actionType": "NONE", "userIds": [name]} for name in ("li.na", "boss")]
        self.code = self.sandbox.template("采购申请", COMPONENTS, approvers=steps)
        self.flow = Flow(self.ledger, self.system_of, actor=f"{DAG}.payments in {RUN}")
        self.approver = Approver(self.ledger, self.system_of, actor=f"{DAG}.approved in {RUN}")

    def connections(self) -> dict[str, dict[str, Any]]:
        """The connections, as Airflow knows them."""
        base = self.sandbox.base_url
        forms = {REQUISITION: {"process_code": self.code, "mark_control": "docflow"}}
        oa = {"corp_id": CORP, "api_url": f"{base}/dingtalk", "oapi_url": f"{base}/dingtalk-oapi"}
        oa |= {"forms": json.dumps(forms, ensure_ascii=False), "acting_user_id": "docflow"}
        erp = {"profile": PROFILE, "api_key": "erp-sandbox-key", "instance": "erp-east"}
        finance = {"ensure": True, "sql_conn_id": f"sqlite:///{self.sandbox.finance_path}"}
        ledger = {"conn_type": "sqlite", "host": f"{self.folder}/ledger.sqlite"}
        return {
            "oa": {
                "conn_type": "docflow_dingtalk",
                "login": "dingsandbox",
                "password": "sandbox-secret",
                "extra": oa,
            },
            "erp": {"conn_type": "docflow_rest", "host": base, "extra": erp},
            "finance": {"conn_type": "docflow_sql", "extra": finance},
            "docflow_ledger": {**ledger, "extra": {"encryption_key": KEY}},
        }

    def environment(self) -> dict[str, str]:
        """The same as variables of a process."""
        return {f"AIRFLOW_CONN_{name.upper()}": json.dumps(one) for name, one in self.connections().items()}

    def system_of(self, conn_id: str) -> System:
        """Return a connected system."""
        if conn_id not in self.systems:
            self.systems[conn_id] = system_for(self._site(conn_id), self.ledger)
        return self.systems[conn_id]

    def _site(self, conn_id: str) -> Site:
        from airflow.sdk import Connection

        given = dict(self.connections()[conn_id])
        extra = json.dumps(given.pop("extra"))
        return site_of(Connection(conn_id=conn_id, extra=extra, **given))

    def close(self) -> None:
        """Let go of everything but the files."""
        for system in self.systems.values():
            system.close()
        self.ledger.close()

    def tell(self, numbers: int = 12) -> None:
        """Let the story happen: most goes well, some is refused, and some needs a person."""
        names = [f"PR-2026-{300 + position:04}" for position in range(numbers)]
        ids = self.enter(names)
        self.clock.forward(hours=26)
        self.decide(ids, "li.na", "数量已核对")
        self.clock.forward(hours=3, minutes=12)
        refused, undecided, rest = ids[-1:], ids[-2:-1], ids[:-2]
        self.decide(rest, "boss", "同意，按框架协议执行")
        self.decide(refused, "boss", "超出本季度预算", action="refuse")
        self.clock.forward(minutes=2)
        approved = self.observed([*rest, *refused, *undecided], names)
        self.change(rest[1], names[1])
        self.clock.forward(minutes=1)
        self.create(approved)
        self.outage()
        self.strangers()

    def enter(self, numbers: Sequence[str]) -> list[str]:
        """Enter requisitions in the OA."""
        return self.sandbox.submit(
            {
                "processCode": self.code,
                "originatorUserId": "zhang.san",
                "formComponentValues": form(number, _lines(position)),
                "deptId": -1,
            }
            for position, number in enumerate(numbers)
        )

    def decide(self, ids: Sequence[str], user: str, remark: str, *, action: str = "agree") -> None:
        """Decide requisitions in the OA."""
        self.sandbox.decide(ids, action, user=user, remark=remark)

    def observed(self, ids: Sequence[str], numbers: Sequence[str]) -> list[Handle]:
        """Read the requisitions and keep the decisions on them."""
        found = self.flow.sources(list(numbers), conn_id="oa", document_type=REQUISITION)
        self.touch(found, "claimed")
        handles = [one.handle for one in found if one.handle]
        outcomes = self.approver.observe(handles)
        self.touch(outcomes, "approved")
        return [one.handle for one in outcomes if one.handle]

    def change(self, instance_id: str, number: str) -> None:
        """Let the requester change an approved requisition."""
        values = form(number, [row(1, quantity="20")])
        attached = self.sandbox.attach(instance_id, "MODIFY", values=values)
        for user in ("li.na", "boss"):
            self.sandbox.decide(attached, "agree", user=user)

    def create(self, approved: Sequence[Handle]) -> None:
        """Let orders, payment requests and the numbers on the requisitions follow, one order excepted."""
        orders = self.flow.create(
            approved,
            target_conn_id="erp",
            document_type="purchase_order",
            split_by="seller_supplier_party",
            until="confirmed",
        )
        self.touch(orders, "orders")
        self.lock_supplier("SUP-3")
        self.clock.forward(seconds=4)
        made = [one.handle for one in orders if one.handle and one.good]
        payments = self.flow.create(
            made,
            target_conn_id="finance",
            document_type="payment_request",
            mapping={"id": "source.id | replace('PO', 'PAY')"},
        )
        self.touch(payments, "payments")
        self.clock.forward(seconds=3)
        paid = [one.handle for one in payments if one.handle and one.good]
        alive = [one for one in approved if self._alive(one, orders)]
        self.touch(self.flow.write_back(alive, [*made, *paid]), "written_back")

    @staticmethod
    def _alive(source: Handle, orders: Sequence[Outcome]) -> bool:
        return any(one.good and one.source.startswith(source.ref.number) for one in orders)

    def lock_supplier(self, supplier: str) -> None:
        """Let the finance department pay this supplier nothing for the time being."""
        rule = f"WHEN NEW.supplier = '{supplier}' BEGIN SELECT RAISE(ABORT, 'supplier is locked'); END"
        with closing(sqlite3.connect(self.sandbox.finance_path)) as connection:
            connection.execute(f"CREATE TRIGGER locked BEFORE INSERT ON payment_request {rule}")
            connection.commit()

    def outage(self) -> None:
        """Let the finance system stop answering."""
        instance = self.system_of("finance").site.instance
        for _ in range(5):
            self.ledger.health.failed(instance, "connection refused")

    def strangers(self) -> None:
        """Let another DAG touch a document that only its readers may see."""
        found = self.flow.sources(["PR-2026-0300"], conn_id="oa", document_type=REQUISITION)
        self.touch(found, "other", dag_id=OTHER_DAG)

    def touch(self, outcomes: Sequence[Outcome], task_id: str, *, dag_id: str = DAG) -> None:
        """Record that a task had the documents in hand."""
        refs = [one.handle.ref for one in outcomes if one.handle]
        self.ledger.documents.touch(refs, dag_id=dag_id, run_id=RUN, task_id=task_id)


def _lines(position: int) -> list[list[Any]]:
    chosen = [GOODS[position % len(GOODS)], *([GOODS[(position + 1) % len(GOODS)]] if position % 3 else [])]
    return [
        row(number, supplier=supplier, quantity=quantity, price=price)
        for number, (supplier, quantity, price) in enumerate(chosen, 1)
    ]
