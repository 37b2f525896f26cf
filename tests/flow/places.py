"""Every product in one sandbox, each with the connection that a tenant needs who changed nothing there."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from airflow_provider_docflow.core import fields
from airflow_provider_docflow.core.profile import Reading, SystemProfile, WriteItem, Written
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.document import Document, Line, Party
from airflow_provider_docflow.hooks.doors import Door
from airflow_provider_docflow.hooks.flow import Flow
from airflow_provider_docflow.hooks.handles import Handle
from airflow_provider_docflow.hooks.sql import SqlUnits
from airflow_provider_docflow.hooks.system import System
from airflow_provider_docflow.hooks.tokens import LedgerTokens
from airflow_provider_docflow.ledger import Ledger
from airflow_provider_docflow.sandbox import Sandbox
from airflow_provider_docflow.sandbox.kingdee import identity as kingdee_identity
from airflow_provider_docflow.sandbox.u8 import identity as u8_identity
from airflow_provider_docflow.sandbox.yonbip import identity as yonbip_identity
from airflow_provider_docflow.sandbox.yonbip.masters import SEED
from airflow_provider_docflow.systems import cosmic, dingtalk, feishu, kingdee, sql, u8, wecom, yonbip
from airflow_provider_docflow.systems.dingtalk.defaults import DEFAULT_FIELDS as DINGTALK_FORMS
from airflow_provider_docflow.systems.feishu.forms import DEFAULT_FIELDS as FEISHU_FORMS
from airflow_provider_docflow.systems.rest import example
from airflow_provider_docflow.systems.sql.layout import layouts
from airflow_provider_docflow.systems.wecom.defaults import DEFAULT_FIELDS as WECOM_FORMS

COMPANY, ERP_KEY = "C1", "erp-any-to-any-key-19d2"
REQUISITION, ORDER, SALES, CONTRACT = "purchase_requisition", "purchase_order", "sales_order", "contract"
INVOICE, REQUEST, PAYMENT = "supplier_invoice", "payment_request", "payment"
SUPPLIERS = {"SUP-1": "Ömer & Söhne 有限公司", "SUP-2": "达利园供应商"}
CUSTOMER = Party(id="CUST-1", name="北京客户")
TITLES = {
    **{REQUISITION: "采购申请", ORDER: "采购订单", SALES: "销售订单", CONTRACT: "合同"},
    **{INVOICE: "供应商发票", REQUEST: "付款申请"},
}
OWN = "费用说明"
"""A text control of every form that no canonical field is mapped to."""
_SERIAL = itertools.count(1)
_DINGTALK = {"date": "DDDateField", "decimal": "NumberField", "text": "TextField", "flag": "TextField"}
_WECOM = {"date": "Date", "decimal": "Number", "text": "Text", "flag": "Text"}
_FEISHU = {"date": "date", "decimal": "number", "text": "input", "flag": "input"}


def line(number: int, quantity: str, price: str, supplier: str = "", **more: Any) -> Line:
    """Return a line as every product has it."""
    return Line(
        line_id=str(number),
        item_id=f"P-10{number}",
        description="扳手 Ø 12",
        quantity=Decimal(quantity),
        unit_code="C62",
        price_amount=Decimal(price),
        seller_supplier_party=Party(id=supplier) if supplier else None,
        **more,
    )


def ordinary(document_type: str, **more: Any) -> Document:
    """Return a document as people enter it: of two suppliers where it is a request, else of one party."""
    party: dict[str, Any] = {}
    suppliers = ("SUP-1", "SUP-2") if document_type == REQUISITION else ("", "")
    if document_type == SALES:
        party = {"buyer_customer_party": CUSTOMER}
    elif document_type != REQUISITION:
        party = {"seller_supplier_party": Party(id="SUP-1", name=SUPPLIERS["SUP-1"])}
    values = {
        "document_type": document_type,
        "id": f"{document_type[:3].upper()}-{next(_SERIAL):05d}",
        "issue_date": date(2026, 3, 31),
        "company_code": COMPANY,
        "document_currency_code": "CNY",
        "lines": (line(1, "2", "50.25", suppliers[0]), line(2, "3", "0.15", suppliers[1])),
        **party,
    }
    return Document(**{**values, **more}).totalled()


def _cells(spec: Any) -> Mapping[str, str]:
    return spec["fields"] if isinstance(spec, Mapping) else {}


def _dingtalk_component(label: str, spec: Any) -> dict[str, Any]:
    kind = "TableField" if _cells(spec) else _DINGTALK[fields.sort_of(spec)]
    columns = [_dingtalk_component(*cell) for cell in _cells(spec).items()]
    return {
        "componentType": kind,
        "props": {"label": label},
        **({"children": columns} if columns else {}),
    }


def _wecom_control(name: str, spec: Any) -> dict[str, Any]:
    columns = [_wecom_control(*cell) for cell in _cells(spec).items()]
    kind = "Table" if columns else _WECOM[fields.sort_of(spec)]
    config = {"table": {"children": columns}} if columns else {}
    if kind == "Date":
        config = {"date": {"type": "day"}}
    return {"property": {"control": kind, "title": name, "require": 0}, "config": config}


def _feishu_widget(name: str, spec: Any) -> dict[str, Any]:
    columns = [_feishu_widget(*cell) for cell in _cells(spec).items()]
    kind = "fieldList" if columns else _FEISHU[fields.sort_of(spec)]
    return {"name": name, "type": kind, **({"children": columns} if columns else {})}


@dataclass
class Places:
    """The products' systems over one ledger."""

    home: Path
    sandbox: Sandbox
    ledger: Ledger
    systems: dict[str, System] = field(default_factory=dict)

    def open(self) -> None:
        """Connect every product."""
        self.sandbox.call("PUT", "u8/settings", {"ping_after": "0"})
        self.sandbox.call("PUT", "erp/settings", {"key": ERP_KEY, "companies": [COMPANY]})
        self.sandbox.call("PUT", "cosmic/settings", {"orgs": [COMPANY], "identity": "identity-55aa"})
        for make in (self._dingtalk, self._wecom, self._feishu, self._kingdee, self._cosmic):
            make()
        for make in (self._yonbip, self._u8, self._rest, self._sql):
            make()

    def close(self) -> None:
        for system in self.systems.values():
            system.close()

    @property
    def flow(self) -> Flow:
        return Flow(self.ledger, self.systems.__getitem__, actor="test")

    def enter(self, name: str, document: Document) -> Handle:
        """Enter a document into a product by its own create, and return what it is there."""
        system, kind = self.systems[name], str(document.document_type)
        write = system.site.profile.write(kind, "create")
        mark = f"{next(_SERIAL):0{min(write.mark_length, 16)}d}"
        written = system.run(write.run(system.site, [WriteItem(mark=mark, document=document)]))[0]
        assert isinstance(written, Written), f"{name}: {written!r}"
        return Handle(conn_id=name, ref=system.read_one(written.ref).ref)

    def read(self, handle: Handle) -> Reading:
        return self.systems[handle.conn_id].read_one(handle.ref)

    def _add(self, name: str, profile: SystemProfile, settings: dict[str, Any], **more: Any) -> None:
        site = Site(profile=profile.configured(settings), conn_id=name, settings=settings, **more)
        self.systems[name] = System(site, ledger=self.ledger, tokens=LedgerTokens(self.ledger))

    def _dingtalk(self) -> None:
        forms = {}
        mark = {"componentType": "TextField", "props": {"label": "docflow"}}
        for kind, controls in DINGTALK_FORMS.items():
            laid = [*(_dingtalk_component(*one) for one in {**controls, OWN: "id"}.items()), mark]
            people = [{"actionType": "NONE", "userIds": ["boss"]}]
            code = self.sandbox.template(TITLES.get(kind, kind), laid, approvers=people)
            forms[kind] = {"process_code": code, "mark_control": "docflow"}
        settings = {
            "corp_id": "dingsandboxcorp",
            "api_url": f"{self.sandbox.base_url}/dingtalk",
            "oapi_url": f"{self.sandbox.base_url}/dingtalk-oapi",
            "forms": json.dumps(forms),
            "acting_user_id": "docflow",
            "originator_user_id": "zhang.san",
            "calls_per_second": 5_000,
        }
        login = {"username": "dingsandbox", "password": "sandbox-secret"}
        self._add("dingtalk", dingtalk.PROFILE, settings, **login)

    def _wecom(self) -> None:
        forms = {}
        for kind, controls in WECOM_FORMS.items():
            texts = {OWN: "id", "docflow": "id"}
            laid = [_wecom_control(*one) for one in {**controls, **texts}.items()]
            flow = [{"type": 1, "apv_rel": 1, "userid": ["boss"]}]
            template = {"name": TITLES[kind], "controls": laid, "flow": flow}
            made = self.sandbox.call("POST", "wecom/templates", template)["template_id"]
            forms[kind] = {"template_id": made, "mark_control": "docflow"}
        settings = {
            "api_url": f"{self.sandbox.base_url}/wecom",
            "forms": json.dumps(forms),
            "acting_user_id": "docflow",
            "creator_user_id": "zhang.san",
            "calls_per_minute": 1_000_000,
        }
        self._add("wecom", wecom.PROFILE, settings, username="wwsandboxcorp", password="sandbox-secret")

    def _feishu(self) -> None:
        forms = {}
        for kind, controls in FEISHU_FORMS.items():
            laid = [_feishu_widget(*one) for one in {**controls, OWN: "id"}.items()]
            definition = {
                "name": TITLES[kind],
                "widgets": laid,
                "nodes": [{"name": "经理", "users": ["boss"]}],
            }
            made = self.sandbox.call("POST", "feishu/definitions", definition)["approval_code"]
            forms[kind] = {"approval_code": made}
        settings = {
            "api_url": f"{self.sandbox.base_url}/feishu",
            "forms": json.dumps(forms),
            "user_id_type": "user_id",
            "acting_user_id": "docflow",
            "originator_user_id": "zhang.san",
            **dict.fromkeys(("calls_per_minute", "slow_calls_per_minute"), 300_000),
            "calls_per_second": 5_000,
        }
        self._add("feishu", feishu.PROFILE, settings, username="cli_sandbox", password="sandbox-secret")

    def _kingdee(self) -> None:
        settings = {
            "acct_id": kingdee_identity.ACCOUNT,
            "app_id": kingdee_identity.APP_ID,
            "app_secret": kingdee_identity.APP_SECRET,
        }
        address = {"base_url": f"{self.sandbox.base_url}/k3cloud", "username": kingdee_identity.USER}
        self._add("kingdee", kingdee.PROFILE, settings, **address)

    def _cosmic(self) -> None:
        settings = {
            "user": "docflow",
            "identity_token": "identity-55aa",
            "forms": json.dumps({SALES: {"number_kept": True}}),
        }
        self._add(
            "cosmic",
            cosmic.PROFILE,
            settings,
            base_url=f"{self.sandbox.base_url}/cosmic",
            username="cosmic-app",
            password="cosmic-sandbox-secret",
            database="1500000000000000001",
        )

    def _yonbip(self) -> None:
        organisations = {code: record["id"] for code, record in SEED["organisations"].items()}
        settings = {
            "tenant_id": yonbip_identity.TENANT,
            "purchase_type": "A20001",
            "sales_type": "SO01",
            "organisations": json.dumps(organisations),
            **{
                name: json.dumps({code: record["id"] for code, record in SEED[name].items()})
                for name in ("customers", "units")
            },
            "calls_per_minute": 100_000,
        }
        address = {"base_url": f"{self.sandbox.base_url}/yonbip"}
        login = {"username": yonbip_identity.APP_KEY, "password": yonbip_identity.APP_SECRET}
        self._add("yonbip", yonbip.PROFILE, settings, **address, **login)

    def _u8(self) -> None:
        settings = {
            "from_account": u8_identity.FROM_ACCOUNT,
            "to_account": u8_identity.TO_ACCOUNT,
            "ds_sequence": "1",
            "company_code": COMPANY,
            "stale_login_codes": u8_identity.STALE_TOKEN,
            "sales_type_code": "1",
            "sales_department": "04",
        }
        login = {"username": u8_identity.APP_KEY, "password": u8_identity.APP_SECRET}
        self._add("u8", u8.PROFILE, settings, base_url=f"{self.sandbox.base_url}/u8", **login)

    def _rest(self) -> None:
        settings = {"api_key": ERP_KEY, "instance": "erp-sandbox"}
        self._add("rest", example.PROFILE, settings, base_url=self.sandbox.base_url)

    def _sql(self) -> None:
        url = f"sqlite:///{self.home}/finance.sqlite"
        settings = {"ensure": True, "sql_conn_id": url}
        site = Site(profile=sql.PROFILE.configured(settings), conn_id="sql", settings=settings)
        units = SqlUnits(url)
        with Door(site, sql=units) as door:
            door.run(sql.ensure(site, list(layouts(sql.DEFAULT_TABLES).values())))
        self.systems["sql"] = System(site, ledger=self.ledger, sql=units)
