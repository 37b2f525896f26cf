"""What the stands of approvals (OA) share: a form for a whole requisition, and the sandbox behind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from airflow_provider_docflow.core.profile import SystemProfile
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.document import Document, DocumentRef
from airflow_provider_docflow.sandbox import Sandbox
from tests.contract.sandboxed import changed, named, stand_on
from tests.contract.stands import Stand, plain_document

TYPE = "purchase_requisition"
SECRET, WRONG = "sandbox-secret", "wrong-secret-55d1"
FIELDS: dict[str, Any] = {
    "单号": "id",
    "公司": "company_code",
    "申请日期": "issue_date",
    "到期日": "due_date",
    "币种": "document_currency_code",
    "供应商": "seller_supplier_party.id",
    "供应商名称": "seller_supplier_party.name",
    "明细": {
        "path": "lines",
        "fields": {
            "行号": "line_id",
            "物料": "item_id",
            "名称": "description",
            "数量": "quantity",
            "单位": "unit_code",
            "单价": "price_amount",
        },
    },
    "合计金额": "payable_amount",
}
"""Controls of the form; the currency is a choice of CNY and EUR."""

ARGUMENTS: dict[str, dict[str, Any]] = {
    "comment": {"text": "请尽快"},
    "write_back": {"links": [{"document_type": "purchase_order", "number": "PO-1", "system": "erp"}]},
    "transfer": {"user": "boss", "to_user": "deputy"},
    "approve": {"user": "deputy", "remark": "同意"},
    "reject": {"user": "boss", "remark": "超预算"},
}


def site_of(profile: SystemProfile, username: str, settings: Mapping[str, Any]) -> Site:
    """Return a connection with the instance that the system says it is."""
    site = Site(
        profile=profile.configured(settings),
        conn_id=f"{profile.name}_conn",
        username=username,
        password=SECRET,
        settings=settings,
    )
    return named(site)


def requisition(number: str) -> Document:
    """Return the requisition of a requester of its own: how many others he has must not show in the log."""
    return plain_document(TYPE, number, requester={"id": f"requester-{number.encode().hex()[:50]}"})


def approvals_on(
    sandbox: Sandbox, site: Site, *, missing: str, secrets: Callable[[], tuple[str, ...]], **own: Any
) -> Stand:
    """Return the stand of a product that the sandbox plays, whose forms hold requisitions.

    :param missing: the id of no approval.
    :param secrets: what else no error, log or repr may show.
    """
    system = site.profile.name
    return stand_on(
        sandbox,
        site,
        asks=f"/{system}*",
        spoil=lambda item: changed(item, document_currency_code="USD"),
        secrets=lambda: (SECRET, WRONG, *secrets()),
        expires=f"{system}/tokens/expire",
        document_type=TYPE,
        missing=DocumentRef(site.instance, "", TYPE, missing),
        refused=replace(site, password=WRONG),
        **{"document": requisition, **own},
    )
