"""Systems that the sandbox plays in a test of a flow: enter a document, decide it, read what arrived."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from airflow_provider_docflow import exceptions as exc

if TYPE_CHECKING:
    from airflow_provider_docflow.core.profile import Reading
    from airflow_provider_docflow.document import Document, DocumentRef
    from airflow_provider_docflow.sandbox import Sandbox

Product = Literal["dingtalk", "rest", "sql", "wecom"]
COMPANY, CURRENCY = "1000", "CNY"
FORM: Mapping[str, Any] = {
    "Number": "id",
    "Company": "company_code",
    "Date": "issue_date",
    "Due": "due_date",
    "Currency": "document_currency_code",
    "Supplier": "seller_supplier_party.id",
    "Lines": {
        "path": "lines",
        "fields": {
            "Line": "line_id",
            "Item": "item_id",
            "Description": "description",
            "Quantity": "quantity",
            "Unit": "unit_code",
            "Price": "price_amount",
            "Line supplier": "seller_supplier_party.id",
            "Cost centre": "accounting.0.cost_centre",
        },
    },
    "Total": "payable_amount",
    "Notes": "notes.0",
}
"""Controls of the form that plays a document type of an OA."""


class StandIn:
    """One system, played by the sandbox, behind the connection that the flow names.

    :param conn_id: the connection; it is made for this test.
    :param document_type: the only type that the stand-in holds.
    """

    def __init__(
        self,
        conn_id: str,
        document_type: str,
        sandbox: Sandbox,
        connect: Callable[[str, Mapping[str, Any]], None],
    ) -> None:
        self.conn_id, self.document_type, self.sandbox = conn_id, document_type, sandbox
        self._refs: dict[str, DocumentRef] = {}
        connect(conn_id, self._connection())

    def _connection(self) -> Mapping[str, Any]:
        raise NotImplementedError

    def enter(self, number: str = "DOC-1", *, suppliers: Sequence[str] = ("SUP-1",), **fields: Any) -> str:
        """Enter a document as a person at the source does, two lines per supplier.

        :param fields: canonical fields that are to be other than usual.
        :returns: its number; some systems give one of their own.
        """
        from airflow_provider_docflow.core.profile import WriteItem, Written

        document = sample(self.document_type, number, suppliers, **fields)
        item = WriteItem(mark=f"T{len(self._refs):015}", reference=number, document=document)
        with closing(self._system()) as system:
            site = system.site
            (written,) = system.run(site.profile.write(self.document_type, "create").run(site, [item]))
            if not isinstance(written, Written):
                raise written
            found: DocumentRef = system.read_one(written.ref).ref
        self._refs[found.number or found.internal_id] = found
        return found.number or found.internal_id

    def approve(self, number: str) -> None:
        """Approve a document that was entered, as the approver does in this system."""
        self._decide(self._refs[number], approved=True)

    def refuse(self, number: str) -> None:
        """Refuse a document that was entered."""
        self._decide(self._refs[number], approved=False)

    def _decide(self, ref: DocumentRef, *, approved: bool) -> None:
        raise exc.Unsupported(
            f"a {self.document_type} here carries no decisions.",
            system=self.conn_id,
            remedy="Use a stand-in that does, or a flow that needs none.",
        )

    def documents(self) -> list[Reading]:
        """Return what the system holds now."""
        from airflow_provider_docflow.core.profile import Query

        with closing(self._system()) as system:
            listed = system.search(self.document_type, Query())
            return [system.read_one(one.ref) for one in listed]

    def total(self) -> Decimal:
        """Return the sum of what the system holds."""
        return sum((one.total or Decimal(0) for one in self.documents()), start=Decimal(0))

    def _system(self) -> Any:
        from airflow.sdk import BaseHook

        from airflow_provider_docflow.hooks.connections import site_of
        from airflow_provider_docflow.hooks.docflow import system_for

        return system_for(site_of(BaseHook.get_connection(self.conn_id)), None)


class DingTalkStandIn(StandIn):
    """The sandbox's DingTalk, with a form for the type."""

    def _connection(self) -> Mapping[str, Any]:
        from airflow_provider_docflow.systems.dingtalk.forms import forms_of

        form = {"process_code": "to be made", "mark_control": "docflow", "fields": FORM}
        controls = forms_of({self.document_type: form})[self.document_type].controls
        components = [{"componentType": "TextField", "props": {"label": "docflow"}}]
        components += [_component(control) for control in controls]
        flow = [{"actionType": "NONE", "userIds": ["boss"]}]
        form["process_code"] = self.sandbox.template(self.document_type, components, approvers=flow)
        base = self.sandbox.base_url
        return {
            "conn_type": "docflow_dingtalk",
            "login": "dingsandbox",
            "password": "sandbox-secret",
            "extra": {
                "corp_id": "dingsandboxcorp",
                "api_url": f"{base}/dingtalk",
                "oapi_url": f"{base}/dingtalk-oapi",
                "acting_user_id": "docflow",
                "calls_per_second": 5_000,
                "originator_user_id": "zhang.san",
                "forms": json.dumps({self.document_type: form}),
            },
        }

    def _decide(self, ref: DocumentRef, *, approved: bool) -> None:
        self.sandbox.decide([ref.internal_id], "agree" if approved else "refuse", userId="boss")


def _component(control: Any) -> dict[str, Any]:
    made = {"componentType": control.kind, "props": {"label": control.name}}
    return {**made, "children": [_component(one) for one in control.columns]} if control.columns else made


class WeComStandIn(StandIn):
    """The sandbox's WeCom, with a template for the type."""

    def _connection(self) -> Mapping[str, Any]:
        from airflow_provider_docflow.sandbox.wecom.identity import AGENT_ID, CORP_ID, SECRET

        template = {
            "name": self.document_type,
            "controls": [_control("docflow"), *(_control(*named) for named in FORM.items())],
            "flow": [{"type": 1, "apv_rel": 1, "userid": ["boss"]}],
        }
        template_id = self.sandbox.call("POST", "wecom/templates", template)["template_id"]
        form = {"template_id": template_id, "mark_control": "docflow", "fields": FORM}
        return {
            "conn_type": "docflow_wecom",
            "login": CORP_ID,
            "password": SECRET,
            "extra": {
                "api_url": f"{self.sandbox.base_url}/wecom",
                "agent_id": AGENT_ID,
                "calls_per_minute": 1_000_000,
                "creator_user_id": "zhang.san",
                "forms": json.dumps({self.document_type: form}),
            },
        }

    def _decide(self, ref: DocumentRef, *, approved: bool) -> None:
        action = "agree" if approved else "reject"
        body = {"approvals": [ref.internal_id], "action": action, "user": "boss"}
        self.sandbox.call("POST", "wecom/decisions", body)


def _control(name: str, spec: Any = "") -> dict[str, Any]:
    from airflow_provider_docflow.core.fields import sort_of

    kind: str = "Text"
    config: dict[str, Any] = {}
    if isinstance(spec, Mapping):
        children = [_control(*column) for column in spec["fields"].items()]
        kind, config = "Table", {"table": {"children": children}}
    elif spec and (sort := sort_of(spec)) in ("date", "decimal"):
        kind, config = ("Date", {"date": {"type": "day"}}) if sort == "date" else ("Number", {})
    return {"property": {"control": kind, "title": name}, "config": config}


class ErpStandIn(StandIn):
    """The sandbox's plain ERP; it plays every product that has no stand-in of its own."""

    def _connection(self) -> Mapping[str, Any]:
        from airflow_provider_docflow.sandbox.rest import API_KEY

        extra = {
            "profile": "airflow_provider_docflow.testing.erp:PROFILE",
            "api_key": API_KEY,
            "instance": f"{self.conn_id}-stand-in",
        }
        return {"conn_type": "docflow_rest", "host": self.sandbox.base_url, "extra": extra}

    def _decide(self, ref: DocumentRef, *, approved: bool) -> None:
        status = "approved" if approved else "rejected"
        self.sandbox.call("PUT", f"erp/{self.document_type}/{ref.internal_id}", {"status": status})


class TablesStandIn(StandIn):
    """Tables of a database, for systems that are fed through SQL."""

    def _connection(self) -> Mapping[str, Any]:
        from airflow_provider_docflow.hooks.sql import SqlUnits
        from airflow_provider_docflow.systems.sql import DEFAULT_TABLES, ddl
        from airflow_provider_docflow.systems.sql.defaults import tables_of

        tables = {self.document_type: DEFAULT_TABLES.get(self.document_type) or tables_of(self.document_type)}
        path = Path(self.sandbox.home) / f"stand-in-{self.conn_id}.sqlite"
        url = f"sqlite:///{path}"
        units = SqlUnits(url)
        try:
            with units.engine.begin() as connection:
                for statement in ddl("sqlite", tables):
                    connection.exec_driver_sql(statement)
        finally:
            units.close()
        extra = {"sql_conn_id": url, "tables": json.dumps(tables), "ensure": True}
        return {"conn_type": "docflow_sql", "extra": extra}


STAND_INS: Mapping[str, type[StandIn]] = {
    "dingtalk": DingTalkStandIn,
    "rest": ErpStandIn,
    "sql": TablesStandIn,
    "wecom": WeComStandIn,
}


def sample(document_type: str, number: str, suppliers: Sequence[str], **fields: Any) -> Document:
    """Return a document with two lines per supplier; with several, each line names its own."""
    from airflow_provider_docflow.document import document_from_json

    today = date.today()
    alone = len(suppliers) == 1
    lines = [
        {
            "line_id": str(position),
            "item_id": f"P-{100 + position}",
            "description": f"item {position}",
            "quantity": str(position),
            "unit_code": "C62",
            "price_amount": "50.25",
            **({} if alone else {"seller_supplier_party": {"id": supplier}}),
        }
        for position, supplier in enumerate((each for each in suppliers for _ in range(2)), 1)
    ]
    usual = {
        "document_type": document_type,
        "id": number,
        "issue_date": today.isoformat(),
        "due_date": (today + timedelta(days=30)).isoformat(),
        "company_code": COMPANY,
        "document_currency_code": CURRENCY,
        "lines": lines,
        **({"seller_supplier_party": {"id": suppliers[0]}} if alone else {}),
    }
    return document_from_json({**usual, **fields}).totalled()
