"""The people of the OA: they fill in forms, decide late, change and withdraw what was approved already."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from airflow_provider_docflow.sandbox import SandboxClient
from scripts.demo_cases import OVER_BUDGET, SLOW, Form

FORMS = {"volume": "采购申请", "value": "大额采购申请"}
TEXTS = ("单号", "公司", "币种", "备注", "部门", "docflow")
CELLS = ("行号", "物料", "名称", "数量", "单位", "单价", "供应商")
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
APPROVER, REQUESTER = "boss", "zhang.san"
CHUNK = 100


@dataclass(frozen=True)
class Entered:
    """A form in the OA: what was meant, and the id under which it runs there."""

    form: Form
    instance_id: str


class Oa:
    """The OA as its people use it.

    :param companies: codes of the two companies.
    """

    def __init__(self, client: SandboxClient, companies: Sequence[str]) -> None:
        self.client, self.companies = client, companies

    def prepare(self) -> dict[str, str]:
        """Set up the forms and the rules by which they are decided; return process code by lane."""
        known = {found["name"]: found["processCode"] for found in self._templates()}
        node = [{"actionType": "NONE", "userIds": [APPROVER]}]
        codes = {
            lane: known.get(name) or self.client.template(name, COMPONENTS, approvers=node)
            for lane, name in FORMS.items()
        }
        self.client.rules(
            [
                {"name": "slow", "field": "部门", "equals": SLOW, "action": "none"},
                {"name": "over budget", "field": "备注", "glob": f"{OVER_BUDGET}*", "action": "refuse"},
                {"name": "fine", "action": "agree", "remark": "同意"},
            ]
        )
        return codes

    def _templates(self) -> list[dict[str, Any]]:
        return list(self.client.call("GET", "dingtalk/templates")["templates"])

    def enter(self, forms: Sequence[Form], lane: str, code: str, tell: Any = None) -> list[Entered]:
        """Fill in what is missing yet; forms keep their order, so a start that was killed is gone on with."""
        ids = [one["id"] for one in self.originals(code)]
        mine = [form for form in forms if form.lane == lane]
        for start in range(len(ids), len(mine), CHUNK):
            part = mine[start : start + CHUNK]
            ids += self.client.submit(self._body(form, code, start + n) for n, form in enumerate(part))
            if tell:
                tell(len(ids))
        self.client.settle()
        return [Entered(form, found) for form, found in zip(mine, ids, strict=True)]

    def originals(self, code: str) -> list[dict[str, Any]]:
        """Return the forms as they were filled in, in that order, without those that change another."""
        found = [
            one for one in self.client.instances(processCode=code) if not one.get("mainProcessInstanceId")
        ]
        return sorted(found, key=lambda one: int(one["businessId"][-9:]))

    def _body(self, form: Form, code: str, place: int) -> dict[str, Any]:
        day = dt.datetime.combine(form.issued, dt.time(), dt.UTC)
        return {
            # Forms of the past: a change feed that looks back for minutes does not show them for ever.
            "createTime": int(day.timestamp() * 1000) + place,
            "processCode": code,
            "originatorUserId": REQUESTER,
            "deptId": -1,
            "formComponentValues": self.values(form),
        }

    def values(self, form: Form) -> list[dict[str, str]]:
        """Return the controls of a form."""
        rows = [
            [{"name": name, "value": value} for name, value in zip(CELLS, cells, strict=True)]
            for cells in (
                (str(n), i.product, i.name, f"{i.quantity:f}", "C62", f"{i.price:f}", i.supplier)
                for n, i in enumerate(form.items, 1)
            )
        ]
        filled = {
            "单号": form.number,
            "公司": self.companies[form.company],
            "申请日期": form.issued.isoformat(),
            "币种": form.currency,
            "部门": form.department,
            "备注": form.note,
            "明细": json.dumps(rows, ensure_ascii=False),
            "合计金额": f"{form.total:f}",
        }
        return [{"name": name, "value": value} for name, value in filled.items() if value]

    def withdraw(self, entered: Iterable[Entered]) -> None:
        """Take approved forms back, with their approver's consent."""
        for one in entered:
            self._attach_once(one, "REVOKE", [])

    def raise_quantity(self, entered: Iterable[Entered], changed: Mapping[str, Form]) -> None:
        """Have a larger quantity approved on forms that were approved and ordered already."""
        for one in entered:
            values = self.values(changed[one.form.number])
            self._attach_once(one, "MODIFY", values)

    def _attach_once(self, one: Entered, action: str, values: list[dict[str, str]]) -> None:
        main = self.client.instance(one.instance_id)
        attached = main["attachedProcessInstanceIds"]
        if not attached:
            attached = [self.client.attach(one.instance_id, action, values=values)]
            self.client.settle()
        for other in attached:
            if self.client.instance(other)["status"] == "RUNNING":
                self.client.decide(other, "agree", user=APPROVER)

    def decide_late(self, entered: Iterable[Entered]) -> int:
        """Let the slow approvers agree; return how many of these forms were still waiting."""
        waiting = [one for one in entered if self.client.instance(one.instance_id)["status"] == "RUNNING"]
        for start in range(0, len(waiting), CHUNK):
            ids = [one.instance_id for one in waiting[start : start + CHUNK]]
            self.client.decide(ids, "agree", user=APPROVER, remark="同意（迟到）")
        return len(waiting)
