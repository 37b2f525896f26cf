"""The vouchers of U8 that are documents, and what each can do.

Names after the vendor's pages and a published client's model. Figures are texts, as the pages' examples
have them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.document import Document, DocumentType
from airflow_provider_docflow.systems.u8.finance import (
    payable_content,
    payable_native,
    payment_content,
    payment_native,
    request_content,
)
from airflow_provider_docflow.systems.u8.trade import (
    order_content,
    order_native,
    requisition_content,
    requisition_native,
    sale_content,
    sale_native,
)
from airflow_provider_docflow.systems.u8.values import Raw, figure, total


@dataclass(frozen=True, kw_only=True)
class Voucher:
    """One kind of voucher.

    :param name: of the object in the paths and at the root of its JSON.
    :param code: name of the number, by which a voucher is read and acted on.
    :param mark: header field for docflow's mark and the source's number.
    :param keyword: parameter of the list that searches ``mark``; empty: none is known.
    :param sums: names of an entry's amount with tax.
    :param filters: canonical restriction → parameters of the list.
    :param actions: the operations that it has.
    :param more: what the bodies of its actions hold besides the number.
    :param held: see :func:`~airflow_provider_docflow.core.unsaid.refuse_unsaid`.
    """

    name: str
    document_type: DocumentType
    native: Callable[[Site, Document], dict[str, Any]] | None
    content: Callable[[Site, Raw], dict[str, Any]]
    actions: tuple[str, ...]
    code: str = "code"
    mark: str = "remark"
    keyword: str = ""
    sums: tuple[str, ...] = ("sum",)
    party: tuple[str, ...] = ("vendorcode",)
    currency: tuple[str, ...] = ("currency_name",)
    filters: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    more: Mapping[str, str] = field(default_factory=dict)
    held: frozenset[str] = frozenset()


def total_of(voucher: Voucher, raw: Raw) -> Any:
    """Return the total of a voucher: of its entries, or of its head; None where neither tells."""
    entries = raw.get("entry")
    return total(entries, voucher.sums) if entries else figure(raw, "originalamount", "amount", "sum")


_FLOW = ("verify", "unverify", "audit", "reject", "abandon")
_DATES = {"issued_from": ("date_begin",), "issued_to": ("date_end",), "numbers": ("code_begin", "code_end")}

_ACCOUNTED = ("lines.accounting.account", "lines.accounting.project")

VOUCHERS = (
    Voucher(
        name="purchaseorder",
        document_type=DocumentType.PURCHASE_ORDER,
        native=order_native,
        content=order_content,
        actions=_FLOW,
        keyword="remark",
        filters={**_DATES, "party": ("vendorcode",)},
        held=frozenset({"seller_supplier_party"}),
    ),
    Voucher(
        name="purchaserequisition",
        document_type=DocumentType.PURCHASE_REQUISITION,
        native=requisition_native,
        content=requisition_content,
        actions=_FLOW,
        mark="memory",
        keyword="memory",
        sums=("originalsum",),
        filters=_DATES,
        held=frozenset(
            {"seller_supplier_party", "requester", "lines.seller_supplier_party", "lines.accounting.project"}
        ),
    ),
    Voucher(
        name="saleorder",
        document_type=DocumentType.SALES_ORDER,
        native=sale_native,
        content=sale_content,
        actions=(*_FLOW, "close", "open"),
        mark="memo",
        party=("custcode",),
        filters={**_DATES, "party": ("custcode",)},
        held=frozenset({"buyer_customer_party"}),
    ),
    Voucher(
        name="payrequest",
        document_type=DocumentType.PAYMENT_REQUEST,
        native=None,
        content=request_content,
        actions=("audit", "reject", "abandon"),
        mark="digest",
        sums=("originalamount", "amount"),
        filters=_DATES,
    ),
    Voucher(
        name="pay",
        document_type=DocumentType.PAYMENT,
        native=payment_native,
        content=payment_content,
        actions=_FLOW,
        code="vouchcode",
        mark="digest",
        keyword="digest",
        sums=("originalamount", "amount"),
        party=("customercode",),
        filters={
            "issued_from": ("vouchdate_begin",),
            "issued_to": ("vouchdate_end",),
            "numbers": ("vouchcode_begin", "vouchcode_end"),
            "party": ("vendorcode",),
        },
        more={"voucher_type": "49"},
        held=frozenset({"seller_supplier_party", "payee_account", "lines.accounting.project"}),
    ),
    Voucher(
        name="oughtpay",
        document_type=DocumentType.SUPPLIER_INVOICE,
        native=payable_native,
        content=payable_content,
        actions=("verify", "unverify"),
        mark="digest",
        keyword="digest",
        sums=("amount",),
        party=("cust_vendor_code",),
        filters={**_DATES, "party": ("cust_vendor_code",)},
        held=frozenset({"seller_supplier_party", *_ACCOUNTED}),
    ),
)
