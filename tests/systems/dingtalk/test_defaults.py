"""Forms laid out with the names that docflow knows need nothing but their process code."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_docflow.core.mapping import derive
from airflow_provider_docflow.core.profile import WriteItem
from airflow_provider_docflow.document import Document, differences, document_from_json
from airflow_provider_docflow.sandbox import Sandbox
from airflow_provider_docflow.systems.dingtalk.defaults import DEFAULT_FIELDS
from airflow_provider_docflow.systems.dingtalk.forms import forms_of
from tests.systems.dingtalk.conftest import FLOW, MARK, Desk


def component(label: str, spec: Any, control: Any) -> dict[str, Any]:
    if isinstance(spec, dict):
        columns = {column.name: column for column in control.columns}
        children = [component(name, path, columns[name]) for name, path in spec["fields"].items()]
        return {"componentType": "TableField", "props": {"label": label}, "children": children}
    return {"componentType": control.kind, "props": {"label": label}}


def template(sandbox: Sandbox, kind: str) -> str:
    form = forms_of({kind: {"process_code": "P"}})[kind]
    controls = {control.name: control for control in form.controls}
    components = [component(name, spec, controls[name]) for name, spec in DEFAULT_FIELDS[kind].items()]
    components.append({"componentType": "TextField", "props": {"label": "docflow"}})
    return sandbox.template(kind, components, approvers=FLOW)


def full(kind: str) -> Document:
    """A document with a value in every field that the default form has a control for."""
    line: dict[str, Any] = {
        "line_id": "1",
        "item_id": "P-101",
        "description": "扳手",
        "quantity": "2",
        "unit_code": "C62",
        "price_amount": "50.25",
    }
    columns = DEFAULT_FIELDS[kind]["明细"]["fields"]
    if "税率" in columns:
        line |= {"tax_percent": "13", "tax_amount": "13.07"}
    if "成本中心" in columns:
        line["accounting"] = [{"cost_centre": "CC-7"}]
    if "供应商" in columns:
        line["seller_supplier_party"] = {"id": "SUP-1"}
    data: dict[str, Any] = {
        "document_type": kind,
        "id": f"{kind}-1",
        "issue_date": "2026-03-31",
        "company_code": "1000",
        "document_currency_code": "CNY",
        "requester": {"id": "zhang.san"},
        "notes": ["急"],
        "lines": [line],
    }
    paths = set(map(str, DEFAULT_FIELDS[kind].values()))
    if "due_date" in paths:
        data["due_date"] = "2026-04-30"
    for party in ("seller_supplier_party", "buyer_customer_party"):
        if f"{party}.id" in paths:
            data[party] = {"id": "X-1", "name": "上海某某有限公司"}
    if "payee_account.bank" in paths:
        data["payee_account"] = {"account_number": "6222020200112233", "bank": "ICBC", "name": "某某"}
    return document_from_json(data).totalled()


@pytest.mark.parametrize("kind", sorted(DEFAULT_FIELDS))
def test_a_default_form_holds_all_it_has_controls_for(sandbox: Sandbox, kind: str) -> None:
    desk = Desk(sandbox, "sync", "none")
    code = template(sandbox, kind)
    desk.site = desk.connect(forms={kind: {"process_code": code, "mark_control": "docflow"}})
    document = full(kind)
    write = desk.site.profile.write(kind, "create")
    (written,) = desk.run(write.run(desk.site, [WriteItem(mark=MARK, document=document)]))
    if isinstance(written, Exception):
        raise written
    (reading,) = desk.run(desk.site.profile.of(kind).read(desk.site, [written.ref]))
    assert differences(document, reading.document) == []
    assert reading.document == document


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("purchase_requisition", "contract"),
        ("purchase_order", "payment_request"),
        ("purchase_order", "contract"),
        ("supplier_invoice", "payment_request"),
    ],
)
def test_a_document_becomes_another_form_without_a_mapping(
    sandbox: Sandbox, source: str, target: str
) -> None:
    desk = Desk(sandbox, "sync", "none")
    code = template(sandbox, target)
    omitted = ["tax_percent", "tax_amount", "accounting", "seller_supplier_party", "due_date"]
    form = {"process_code": code, "mark_control": "docflow", "omit": omitted}
    desk.site = desk.connect(forms={target: form})
    made = derive(full(source), target, {})
    write = desk.site.profile.write(target, "create")
    (written,) = desk.run(write.run(desk.site, [WriteItem(mark=MARK, document=made)]))
    if isinstance(written, Exception):
        raise written
    (reading,) = desk.run(desk.site.profile.of(target).read(desk.site, [written.ref]))
    assert reading.document.payable_amount == made.payable_amount
    assert [line.line_id for line in reading.document.lines] == [line.line_id for line in made.lines]
