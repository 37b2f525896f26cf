from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest

from airflow_provider_docflow.sandbox import Sandbox
from airflow_provider_docflow.sandbox.rest import API_KEY
from tests.cli.conftest import Said, Shell, shell
from tests.flow.conftest import COMPONENTS, form
from tests.rigs.own_ledgers import own_ledgers

__all__ = ["Said", "Shell", "shell"]

CORP = "dingsandboxcorp"


@dataclass
class Place:
    """An OA, a plain ERP and a finance database, each with a connection, and what came to them."""

    folder: Path
    sandbox: Sandbox
    set_variable: Callable[[str, str], None]
    code: str = ""
    extras: dict[str, dict[str, Any]] = field(default_factory=dict)

    def connect(self, conn_id: str, conn_type: str, host: str = "", **more: Any) -> None:
        """Make, or make again, a connection; ``extra`` is merged with what it had."""
        extra = {**self.extras.get(conn_id, {}), **more.pop("extra", {})}
        self.extras[conn_id] = extra
        made = {"conn_type": conn_type, **({"host": host} if host else {}), **more, "extra": extra}
        self.set_variable(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(made))

    def oa(self, **extra: Any) -> None:
        base = self.sandbox.base_url
        forms = {"purchase_requisition": {"process_code": self.code, "mark_control": "docflow"}}
        known = {
            "corp_id": CORP,
            "api_url": f"{base}/dingtalk",
            "oapi_url": f"{base}/dingtalk-oapi",
            "forms": json.dumps(forms, ensure_ascii=False),
            "acting_user_id": "docflow",
        }
        self.connect(
            "oa",
            "docflow_dingtalk",
            login="dingsandbox",
            password="sandbox-secret",
            extra={**known, **extra},
        )

    def erp(self, **extra: Any) -> None:
        known = {
            "profile": "airflow_provider_docflow.systems.rest.example:PROFILE",
            "api_key": API_KEY,
            "instance": "plain-erp-1",
            "time_zone": "Asia/Shanghai",
        }
        self.connect("erp", "docflow_rest", self.sandbox.base_url, extra={**known, **extra})

    def finance(self, **extra: Any) -> None:
        known = {"sql_conn_id": f"sqlite:///{self.finance_path}", "time_zone": "UTC"}
        self.connect("finance", "docflow_sql", extra={**known, **extra})

    @property
    def finance_path(self) -> Path:
        return self.sandbox.finance_path

    def submit(self, *forms: list[Any], agree: bool = True) -> list[str]:
        ids = self.sandbox.submit(
            {
                "processCode": self.code,
                "originatorUserId": "zhang.san",
                "formComponentValues": one,
                "deptId": -1,
            }
            for one in forms
        )
        if agree:
            self.sandbox.decide(ids, "agree", userId="boss")
        return ids

    def requisition(self, number: str, **more: Any) -> None:
        self.submit(form(number, **more))

    def post_order(self, body: dict[str, Any]) -> None:
        """Create an order in the ERP as another program would."""
        head = {"Authorization": f"Bearer {API_KEY}"}
        url = f"{self.sandbox.base_url}/erp/purchase_order"
        assert httpx2.post(url, json=body, headers=head, trust_env=False).status_code == 201

    def writes(self) -> list[str]:
        """Every request that is no GET and no login, and every row in the finance system."""
        login = ("accessToken", "/token")
        sent = [one for one in self.sandbox.requests() if one["method"] != "GET"]
        posts = [f"{one['method']} {one['path']}" for one in sent if not one["path"].endswith(login)]
        with closing(sqlite3.connect(self.finance_path)) as connection:
            rows = connection.execute("SELECT number FROM payment_request").fetchall()
        return [*posts, *(str(row[0]) for row in rows)]

    def tables(self) -> set[str]:
        with closing(sqlite3.connect(self.finance_path)) as connection:
            return {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type='table'")}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    with own_ledgers(), Sandbox(tmp_path / "sandbox") as sandbox:
        made = Place(tmp_path, sandbox, monkeypatch.setenv)
        made.code = sandbox.template(
            "采购申请", COMPONENTS, approvers=[{"actionType": "NONE", "userIds": ["boss"]}]
        )
        made.oa()
        made.erp()
        made.finance()
        made.connect("docflow_ledger", "sqlite", str(tmp_path / "ledger.sqlite"))
        yield made
