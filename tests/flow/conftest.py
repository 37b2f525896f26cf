from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_docflow.core.profile import Query
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.hooks.approving import Approver
from airflow_provider_docflow.hooks.flow import Flow
from airflow_provider_docflow.hooks.handles import Handle, Outcome
from airflow_provider_docflow.hooks.sql import SqlUnits
from airflow_provider_docflow.hooks.system import System
from airflow_provider_docflow.hooks.tokens import LedgerTokens
from airflow_provider_docflow.ledger import Ledger
from airflow_provider_docflow.sandbox import Sandbox
from airflow_provider_docflow.systems import dingtalk, sql
from tests.flow.places import Places
from tests.rigs.ledgers import new_ledger

CORP = "dingsandboxcorp"
REQUISITION = "purchase_requisition"
KEY = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
TEXTS = ("单号", "公司", "币种", "备注", "docflow")
CELLS = ("行号", "物料", "名称", "数量", "单位", "单价", "供应商", "成本中心")
COMPONENTS = [
    *({"componentType": "TextField", "props": {"label": label}} for label in TEXTS),
    {"componentType": "DDDateField", "props": {"label": "申请日期"}},
    {"componentType": "MoneyField", "props": {"label": "合计金额"}},
    {
        "componentType": "TableField",
        "props": {"label": "明细"},
        "children": [{"componentType": "TextField", "props": {"label": label}} for label in CELLS],
    },
]


def row(number: int = 1, *, quantity: str = "2", price: str = "50.25", supplier: str = "SUP-1") -> list[Any]:
    cells = (str(number), f"P-10{number}", "扳手", quantity, "C62", price, supplier, "CC-7")
    return [{"name": name, "value": value} for name, value in zip(CELLS, cells, strict=True)]


def form(
    number: str, rows: list[list[Any]] | None = None, *, company: str = "1000", **more: str
) -> list[Any]:
    values = {
        "单号": number,
        "公司": company,
        "申请日期": "2026-03-31",
        "币种": "CNY",
        "明细": json.dumps(rows or [row()], ensure_ascii=False),
        **more,
    }
    return [{"name": name, "value": value} for name, value in values.items()]


@dataclass
class House:
    """An OA and a finance database that know nothing of each other, and the ledger between them."""

    home: Path
    sandbox: Sandbox
    code: str
    ledger: Ledger
    systems: dict[str, System] = field(default_factory=dict)

    def system_of(self, conn_id: str) -> System:
        if conn_id not in self.systems:
            self.systems[conn_id] = {"oa": self._oa, "finance": self._finance}[conn_id]()
        return self.systems[conn_id]

    def _oa(self) -> System:
        base = self.sandbox.base_url
        settings = {
            "corp_id": CORP,
            "api_url": f"{base}/dingtalk",
            "oapi_url": f"{base}/dingtalk-oapi",
            "forms": json.dumps({REQUISITION: {"process_code": self.code, "mark_control": "docflow"}}),
            "acting_user_id": "docflow",
            "calls_per_second": 5_000,
        }
        site = Site(
            profile=dingtalk.PROFILE.configured(settings),
            conn_id="oa",
            username="dingsandbox",
            password="sandbox-secret",
            settings=settings,
        )
        return System(site, ledger=self.ledger, tokens=LedgerTokens(self.ledger))

    def _finance(self) -> System:
        settings = {"ensure": True, "sql_conn_id": f"sqlite:///{self.home}/finance.sqlite"}
        site = Site(profile=sql.PROFILE.configured(settings), conn_id="finance", settings=settings)
        return System(site, ledger=self.ledger, sql=SqlUnits(settings["sql_conn_id"]))

    @property
    def flow(self) -> Flow:
        return Flow(self.ledger, self.system_of, actor="test")

    @property
    def approver(self) -> Approver:
        return Approver(self.ledger, self.system_of, actor="test")

    def submit(self, *forms: list[Any]) -> list[str]:
        return self.sandbox.submit(
            {
                "processCode": self.code,
                "originatorUserId": "zhang.san",
                "formComponentValues": one,
                "deptId": -1,
            }
            for one in forms
        )

    def approved(self, *forms: list[Any]) -> list[Handle]:
        """Requisitions that were approved in the OA and observed."""
        ids = self.submit(*forms)
        self.sandbox.decide(ids, "agree", userId="boss")
        return self.handles(self.observed(ids))

    def observed(self, ids: list[str]) -> list[Outcome]:
        found = self.flow.sources(
            [self.number(instance_id) for instance_id in ids], conn_id="oa", document_type=REQUISITION
        )
        return self.approver.observe([one.handle for one in found if one.handle])

    def listed(self) -> list[Handle]:
        """Every requisition of the OA, in the order in which they were entered."""
        found = self.system_of("oa").search(REQUISITION, Query())
        order = {one["id"]: one["businessId"][-9:] for one in self.sandbox.instances()}
        refs = sorted((reading.ref for reading in found), key=lambda ref: order[ref.internal_id])
        return [Handle(conn_id="oa", ref=ref) for ref in refs]

    def number(self, instance_id: str) -> str:
        values = self.sandbox.instance(instance_id)["formComponentValues"]
        return next(one["value"] for one in values if one["name"] == "单号")

    @staticmethod
    def handles(outcomes: list[Outcome]) -> list[Handle]:
        return [outcome.handle for outcome in outcomes if outcome.handle is not None]

    def pay(self, sources: list[Handle], **more: Any) -> list[Outcome]:
        options = {"split_by": "seller_supplier_party", **more}
        return self.flow.create(sources, target_conn_id="finance", document_type="payment_request", **options)

    def payments(self) -> list[dict[str, Any]]:
        with closing(sqlite3.connect(self.home / "finance.sqlite")) as connection:
            connection.row_factory = sqlite3.Row
            return [dict(found) for found in connection.execute("SELECT * FROM payment_request ORDER BY id")]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    home = tmp_path / "sandbox"
    ledger = Ledger.open(new_ledger(tmp_path / "ledger.sqlite"), keys=[KEY])
    with Sandbox(home) as sandbox:
        code = sandbox.template(
            "采购申请", COMPONENTS, approvers=[{"actionType": "NONE", "userIds": ["boss"]}]
        )
        built = House(home, sandbox, code, ledger)
        yield built
        for system in built.systems.values():
            system.close()


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Places]:
    """Every product in one sandbox, over one ledger."""
    home = tmp_path_factory.mktemp("places")
    ledger = Ledger.open(new_ledger(home / "ledger.sqlite"), keys=[KEY])
    with Sandbox(home / "sandbox") as sandbox:
        built = Places(home, sandbox, ledger)
        built.open()
        yield built
        built.close()
