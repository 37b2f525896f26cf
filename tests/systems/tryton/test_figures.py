from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.document import Document
from tests.systems.tryton.conftest import Talk, item_of

pytestmark = pytest.mark.system
Make = Callable[..., Document]


def line(**more: Any) -> list[dict[str, Any]]:
    return [{"line_id": "1", "item_id": "P-101", "quantity": "1", "price_amount": "1", **more}]


@pytest.mark.parametrize(
    ("field", "lines"),
    [
        ("lines[0].price_amount", line(price_amount="1.00001")),
        ("lines[0].price_amount", line(price_amount="10", base_quantity="3")),
        ("lines[0].line_extension_amount", line(quantity="0.5", price_amount="0.25")),
        ("lines[0].price_includes_tax", line(price_amount="113", price_includes_tax=True, tax_percent="13")),
        ("lines[0].quantity", line(quantity="12345678901234567.1", price_amount="1.0000")),
    ],
    ids=["price digits", "price per three", "half a cent", "price with tax", "quantity digits"],
)
def test_a_figure_that_tryton_would_change_is_refused(
    clerk: Talk, make: Make, field: str, lines: list[dict[str, Any]]
) -> None:
    document = make(lines=lines)
    (error,) = clerk.write("purchase_order", "create", item_of(document))
    assert isinstance(error, exc.InvalidDocument)
    assert (error.document, error.field) == (document.id, field)


def test_a_tax_that_no_line_explains_is_refused(clerk: Talk, make: Make) -> None:
    (error,) = clerk.write("purchase_order", "create", item_of(make(tax_amount="4.00")))
    assert isinstance(error, exc.InvalidDocument)
    assert error.field == "tax_amount"


@pytest.mark.parametrize(
    ("quantity", "price", "base"),
    [
        ("0.3", "0.1", "1"),
        ("1.1", "3.3333", "1"),
        ("7", "99999999.9999", "1"),
        ("3", "1", "4"),
        ("1000000", "0.0001", "1"),
    ],
)
def test_awkward_figures_read_back_exactly(
    clerk: Talk, make: Make, quantity: str, price: str, base: str
) -> None:
    unit = {"unit_code": "Kilogram", "item_id": "", "description": "free text"}
    document = make(lines=line(quantity=quantity, price_amount=price, base_quantity=base, **unit))
    reading = clerk.read(clerk.create(document).ref)
    assert reading.total == document.payable_amount
    assert reading.document is not None
    (found,) = reading.document.lines
    assert found.quantity == Decimal(quantity)
    assert found.price_amount == Decimal(price) / Decimal(base)


def test_a_currency_without_cents(clerk: Talk, make: Make) -> None:
    document = make(lines=line(quantity="3", price_amount="1001"), document_currency_code="JPY")
    reading = clerk.read(clerk.create(document).ref)
    assert (reading.total, reading.currency) == (Decimal(3003), "JPY")
