"""What the mapped fields of a system can say of a document without meaning something else."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.fields import sayable
from airflow_provider_docflow.document import Document, document_from_json

HEAD = {"id", "payable_amount", "extensions.project"}
CELLS = {"line_id", "quantity", "price_amount"}


def order(line: dict[str, Any] | None = None, **more: Any) -> Document:
    first = {"line_id": "1", "quantity": "2", "price_amount": "113", **(line or {})}
    data = {"document_type": "purchase_order", "id": "PO-1", "issue_date": "2026-03-31", "lines": [first]}
    return document_from_json({**data, "document_currency_code": "CNY", **more}).totalled()


GROSS = {"price_includes_tax": True, "tax_percent": "13"}


@pytest.mark.parametrize(
    ("document", "field"),
    [
        (order(GROSS), "lines[0].price_includes_tax"),
        (order({"base_quantity": "100"}), "lines[0].base_quantity"),
        (order(extensions={"erp": {"other": 1}}), "extensions.other"),
        (order(document_type="payment", payee_account={"account_number": "6222"}), "payee_account"),
        (order({"extensions": {"erp": {"project": 1}}}), "lines[0].extensions.project"),
    ],
    ids=["with tax", "per hundred", "tenant field", "account", "tenant field of a line"],
)
def test_what_would_be_read_otherwise_is_refused(document: Document, field: str) -> None:
    with pytest.raises(exc.InvalidDocument) as refused:
        sayable(document, HEAD, CELLS, "erp")
    assert refused.value.field == field and refused.value.remedy


@pytest.mark.parametrize(
    ("document", "more"),
    [
        (order(), set()),
        (order(GROSS), {"price_includes_tax"}),
        (order({"price_includes_tax": True, "tax_percent": "0"}), set()),
        (order({"base_quantity": "100"}), {"base_quantity"}),
        (order(payee_account={"account_number": "6222"}), set()),
        (order(extensions={"erp": {"project": 1}, "oa": {"other": 1}}), set()),
    ],
    ids=["plain", "told", "no tax", "told per hundred", "account of an order", "of others"],
)
def test_what_the_fields_say_is_taken(document: Document, more: set[str]) -> None:
    sayable(document, HEAD, CELLS | more, "erp")


def test_a_system_that_keeps_no_lines_is_not_asked_about_them() -> None:
    sayable(order(GROSS), HEAD, CELLS, "erp", lines=False)
