"""Purchase requisitions, ``purchase.requisition``: the type that carries Tryton's own approval.

A requisition has one text of its own, its description, so the mark has one place only; suspects make up
for it. It has no business date: the day of its creation stands in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.exchange import Exchange
from airflow_provider_docflow.core.profile import ApprovalEntry, WriteItem
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.core.states import Words
from airflow_provider_docflow.document import Document, DocumentType
from airflow_provider_docflow.systems.tryton import kinds, masters
from airflow_provider_docflow.systems.tryton.buttons import button
from airflow_provider_docflow.systems.tryton.creates import Company, Values, creator, document_in, each
from airflow_provider_docflow.systems.tryton.lines import Goods, line_values, numbered, refuse
from airflow_provider_docflow.systems.tryton.marks import marked
from airflow_provider_docflow.systems.tryton.masters import Found
from airflow_provider_docflow.systems.tryton.profiles import document_profile
from airflow_provider_docflow.systems.tryton.trade import goods_of
from airflow_provider_docflow.systems.tryton.wire import Row

PRESS_BATCH = 50
APPROVE_BATCH = 20


def _lines(site: Site, row: Row) -> list[dict[str, Any]]:
    lines = []
    for line in kinds.ordered_lines(row):
        supplier = line.get("supplier") or {}
        party = {"id": supplier["code"], "name": supplier.get("name") or ""} if supplier.get("code") else None
        more = {
            "seller_supplier_party": party,
            "delivery_date": row.get("supply_date"),
            "extensions": kinds.origin_of(site, "requisition_line", line["id"]),
        }
        lines.append({**kinds.line_of(line), **more})
    return lines


def _history(row: Row) -> tuple[ApprovalEntry, ...]:
    """Return who decided; Tryton keeps the employee on the record."""
    entries = []
    for field, decision in (("approved_by", "approved"), ("rejected_by", "rejected")):
        name = kinds.at(row, f"{field}.party.code") or kinds.at(row, f"{field}.rec_name")
        if name:
            entries.append(ApprovalEntry(approver=str(name), decision=decision))  # type: ignore[arg-type]
    return tuple(entries)


KIND = kinds.Kind(
    document_type=DocumentType.PURCHASE_REQUISITION,
    model="purchase.requisition",
    line_model=("purchase.requisition.line", "requisition"),
    fields=(
        "currency.code",
        "supply_date",
        "total_amount",
        "employee.party.code",
        "employee.party.name",
        "approved_by.party.code",
        "approved_by.rec_name",
        "rejected_by.party.code",
        "rejected_by.rec_name",
        *kinds.prefixed(
            "lines",
            (
                "sequence",
                "product.code",
                "unit.name",
                "quantity",
                "unit_price",
                "amount",
                "description",
                "supplier.code",
                "supplier.name",
            ),
        ),
    ),
    payee="",
    marks=("description",),
    lines=_lines,
    history=_history,
    axes={
        "lifecycle": Words(
            at="state",
            words={
                "draft": "draft",
                "waiting": "submitted",
                "approved": "active",
                "processing": "active",
                "done": "closed",
                "rejected": "closed",
                "cancelled": "cancelled",
            },
        ),
        "approval": Words(
            at="state",
            words={
                "draft": "none",
                "waiting": "pending",
                "approved": "approved",
                "processing": "approved",
                "done": "approved",
                "rejected": "rejected",
                "cancelled": "withdrawn",
            },
        ),
        "fulfilment": kinds.NOTHING,
        "invoicing": kinds.NOTHING,
        "payment": kinds.NOTHING,
    },
)


def _prepare(
    site: Site, company: Company, items: Sequence[WriteItem]
) -> Exchange[list[Values | exc.DocflowError]]:
    documents = [document_in(item) for item in items]
    goods = yield from goods_of(site, company, documents)
    suppliers = yield from masters.find(site, masters.PARTY, _suppliers(documents), context=company.context)
    codes = [d.document_currency_code for d in documents]
    currencies = yield from masters.find(site, masters.CURRENCY, codes, context=company.context)
    requesters = [d.requester.id for d in documents if d.requester]
    in_company = [["company", "=", company.id]]
    employees = yield from masters.find(
        site, masters.EMPLOYEE, requesters, context=company.context, domain=in_company
    )

    def build(item: WriteItem) -> Values:
        document = document_in(item).checked()
        _refuse_what_has_no_place(document)
        currency = currencies.one(
            document.document_currency_code, document=document.id, field="document_currency_code"
        )
        return {
            "company": company.id,
            "employee": _employee(document, employees, company.context),
            "currency": currency["id"],
            "supply_date": _supply_date(document),
            "description": marked(item.reference or document.id, item.mark),
            "lines": [["create", numbered(_build_lines(document, goods, suppliers))]],
        }

    return each(build, items)


def _suppliers(documents: Sequence[Document]) -> list[str]:
    parties = [d.seller_supplier_party for d in documents]
    parties += [line.seller_supplier_party for d in documents for line in d.lines]
    return [party.id for party in parties if party]


def _refuse_what_has_no_place(document: Document) -> None:
    """Refuse amounts that a requisition of Tryton cannot hold."""
    rounding, tax = document.payable_rounding_amount, document.tax_amount
    held = any(
        (document.allowance_charge, rounding, tax, *(line.allowance_charge for line in document.lines))
    )
    if held:
        raise refuse(
            document,
            "payable_amount",
            "requisitions of Tryton hold neither taxes, allowances, charges nor rounding.",
            "Leave them to the order that follows from the requisition.",
        )


def _employee(document: Document, employees: Found, me: Mapping[str, Any]) -> int:
    if document.requester:
        return int(employees.one(document.requester.id, document=document.id, field="requester.id")["id"])
    if "employee" not in me:
        raise refuse(
            document,
            "requester",
            "the document names no requester, and the user of the connection is no employee of the company.",
            "Name the requester, or give the user an employee in Tryton.",
        )
    return int(me["employee"])


def _supply_date(document: Document) -> Any:
    dates = [line.delivery_date for line in document.lines if line.delivery_date]
    dates += (
        [document.delivery.delivery_date] if document.delivery and document.delivery.delivery_date else []
    )
    return min(dates) if dates else document.due_date or document.issue_date


def _build_lines(document: Document, goods: Goods, suppliers: Found) -> list[Values]:
    lines = []
    for position, line in enumerate(document.lines):
        values = line_values(document, position, goods)
        party = line.seller_supplier_party or document.seller_supplier_party
        text = "\n".join(filter(None, (values["description"], values["note"])))
        field = f"lines[{position}].seller_supplier_party.id"
        supplier = suppliers.one(party.id, document=document.id, field=field)["id"] if party else None
        for name in ("type", "note", "taxes"):
            del values[name]
        lines.append({**values, "supplier": supplier, "description": text or None})
    return lines


_DECIDED = ("approved", "processing", "done")
DOCUMENT = document_profile(
    KIND,
    create=creator(KIND, _prepare),
    actions={
        "submit": button(
            KIND, "wait", before=("draft",), after=("waiting", "rejected", *_DECIDED), batch_size=PRESS_BATCH
        ),
        "approve": button(KIND, "approve", before=("waiting",), after=_DECIDED, batch_size=APPROVE_BATCH),
        "reject": button(KIND, "reject", before=("waiting",), after=("rejected",), batch_size=PRESS_BATCH),
        "cancel": button(KIND, "cancel", before=("draft",), after=("cancelled",), batch_size=PRESS_BATCH),
    },
    stages={"saved": (), "submitted": ("submit",)},
    approves=True,
)
