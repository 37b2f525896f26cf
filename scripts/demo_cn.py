"""``make demo-cn``: approved in DingTalk, ordered in Kingdee, paid in U8, told in WeCom; in the sandbox.

Starts the stand-ins, fills in and approves requisitions as people would, runs the example DAG
``requisition_to_payment_cn`` by ``airflow dags test`` two times, and shows what each system holds afterwards.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from airflow_provider_docflow.sandbox import Sandbox, SandboxClient
from airflow_provider_docflow.sandbox.kingdee import identity as kingdee
from airflow_provider_docflow.sandbox.u8 import identity as u8

ROOT = Path(__file__).parents[1]
DAG_ID = "requisition_to_payment_cn"
USERS = ("zhang", "li")
COMPANY, APPROVER, REQUESTER = "1000", "boss", "zhang.san"
TEXTS = ("单号", "公司", "币种", "备注", "docflow")
CELLS = ("行号", "物料", "名称", "数量", "单位", "单价", "供应商")
COMPONENTS: list[dict[str, Any]] = [
    *({"componentType": "TextField", "props": {"label": label}} for label in TEXTS),
    {"componentType": "DDDateField", "props": {"label": "申请日期"}},
    {"componentType": "MoneyField", "props": {"label": "合计金额"}},
    {
        "componentType": "TableField",
        "props": {"label": "明细"},
        "children": [{"componentType": "TextField", "props": {"label": label}} for label in CELLS],
    },
]
KINGDEE_FORMS = {"purchase_order": {"omit": ["requester", "attachments", "due_date"]}}


def row(
    number: int = 1, *, quantity: str = "2", price: str = "50.25", supplier: str = "SUP-1"
) -> list[dict[str, str]]:
    """Return one line of a requisition as DingTalk keeps it."""
    cells = (str(number), f"P-10{number}", "扳手", quantity, "C62", price, supplier)
    return [{"name": name, "value": value} for name, value in zip(CELLS, cells, strict=True)]


def form(number: str, rows: Sequence[Sequence[dict[str, str]]]) -> list[dict[str, str]]:
    """Return a requisition as somebody fills it in."""
    values = {
        "单号": number,
        "公司": COMPANY,
        "申请日期": "2026-03-31",
        "币种": "CNY",
        "明细": json.dumps(rows, ensure_ascii=False),
    }
    return [{"name": name, "value": value} for name, value in values.items()]


class Place:
    """The four systems with what they need, their connections, and what they hold."""

    def __init__(self, client: SandboxClient) -> None:
        self.client, self.code = client, ""

    def furnish(self) -> None:
        """Set up the form of the OA and the people whom WeCom reaches."""
        node = [{"actionType": "NONE", "userIds": [APPROVER]}]
        self.code = self.client.template("采购申请", COMPONENTS, approvers=node)
        self.client.call("POST", "wecom/users", {"users": list(USERS)})

    def connections(self) -> dict[str, dict[str, Any]]:
        """Return the connections by their ids."""
        base = self.client.base_url
        oa = {
            "corp_id": "dingsandboxcorp",
            "api_url": f"{base}/dingtalk",
            "oapi_url": f"{base}/dingtalk-oapi",
            "forms": json.dumps(
                {"purchase_requisition": {"process_code": self.code, "mark_control": "docflow"}}
            ),
            "acting_user_id": "docflow",
            "calls_per_second": 5_000,
        }
        erp = {
            "acct_id": kingdee.ACCOUNT,
            "app_id": kingdee.APP_ID,
            "app_secret": kingdee.APP_SECRET,
            "forms": json.dumps(KINGDEE_FORMS),
        }
        finance = {
            "from_account": u8.FROM_ACCOUNT,
            "to_account": u8.TO_ACCOUNT,
            "ds_sequence": "1",
            "company_code": COMPANY,
            "stale_login_codes": u8.STALE_TOKEN,
        }
        wecom = {"api_url": f"{base}/wecom", "agent_id": 1000002}
        return {
            "oa": _connection("dingtalk", "dingsandbox", "sandbox-secret", oa),
            "erp": _connection("kingdee", kingdee.USER, "", erp, f"{base}/k3cloud"),
            "finance": _connection("u8", u8.APP_KEY, u8.APP_SECRET, finance, f"{base}/u8"),
            "wecom": _connection("wecom", "wwsandboxcorp", "sandbox-secret", wecom),
        }

    def request(self, *forms: list[dict[str, str]]) -> None:
        """Fill in requisitions and have them approved."""
        ids = self.client.submit(
            {
                "processCode": self.code,
                "originatorUserId": REQUESTER,
                "formComponentValues": one,
                "deptId": -1,
            }
            for one in forms
        )
        self.client.decide(ids, "agree", userId=APPROVER)

    def found(self) -> dict[str, list[Any]]:
        """Return what the systems hold, each entry its number and amount, or what was said to whom."""
        bills = {
            word: self.client.call("GET", f"kingdee/bills/{form_id}")["bills"]
            for word, form_id in (("orders", "PUR_PurchaseOrder"), ("invoices", "AP_Payable"))
        }
        payments = self.client.call("GET", "u8/pay")["vouchers"]
        messages = self.client.call("GET", "wecom/messages")["messages"]
        return {
            **{word: sorted(str(one["number"]) for one in some) for word, some in bills.items()},
            "payments": sorted((str(one["vouchcode"]), str(one["amount"])) for one in payments),
            "messages": sorted(json.dumps(one, ensure_ascii=False, sort_keys=True) for one in messages),
        }


def _connection(
    product: str, login: str, password: str, extra: dict[str, Any], host: str = ""
) -> dict[str, Any]:
    made = {"conn_type": f"docflow_{product}", "login": login, "password": password, "extra": extra}
    return {**made, "host": host} if host else made


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the example and return the exit code of what failed first."""
    parser = argparse.ArgumentParser(prog="make demo-cn", description=__doc__)
    parser.add_argument("--documents", type=int, default=3)
    count = parser.parse_args(arguments).documents
    with tempfile.TemporaryDirectory(prefix="docflow-cn-") as home, Sandbox(Path(home, "sandbox")) as sandbox:
        place = Place(sandbox)
        place.furnish()
        numbers = [f"PR-{n}" for n in range(1, count + 1)]
        place.request(*(form(number, [row(), row(2, supplier="SUP-2")]) for number in numbers))
        environment = _environment(Path(home), place)
        _airflow(environment, "db", "migrate")
        _airflow(environment, "docflow", "db", "upgrade")
        for time in ("first", "second"):
            conf = {"numbers": numbers, "wecom_users": ",".join(USERS)}
            _airflow(environment, "dags", "test", DAG_ID, "--conf", json.dumps(conf))
            found = {word: len(some) for word, some in place.found().items()}
            print(f"after the {time} run: {found}", flush=True)
    expected = 2 * count
    wanted = {"orders": expected, "invoices": expected, "payments": expected, "messages": 2 * expected}
    print("as it should be" if found == wanted else f"it should be {wanted}")
    return 0 if found == wanted else 1


def _environment(home: Path, place: Place) -> dict[str, str]:
    ledger = {"conn_type": "sqlite", "host": str(home / "ledger.sqlite"), "extra": {"encryption_key": _KEY}}
    connections = {**place.connections(), "docflow_ledger": ledger}
    return {
        **os.environ,
        **{f"AIRFLOW_CONN_{name.upper()}": json.dumps(one) for name, one in connections.items()},
        "AIRFLOW_HOME": str(home / "airflow"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "INFO",
    }


_KEY = "ZG9jZmxvdy1kZW1vLWtleS1ub3QtYS1zZWNyZXQhISE="


def _airflow(environment: dict[str, str], *command: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "airflow", *command],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"airflow {' '.join(command)} failed:\n{done.stdout[-6000:]}")


if __name__ == "__main__":
    sys.exit(main())
