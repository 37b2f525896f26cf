"""``source=`` between any two products without a mapping: every pair works, or says why not beforehand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import pytest

from airflow_provider_docflow.core.profile import Reading
from airflow_provider_docflow.document import Document, PayeeAccount
from airflow_provider_docflow.hooks.handles import Handle, Outcome
from airflow_provider_docflow.systems import names
from tests.flow.places import (
    CONTRACT,
    INVOICE,
    ORDER,
    PAYMENT,
    REQUEST,
    REQUISITION,
    SALES,
    SUPPLIERS,
    Places,
    ordinary,
)

HOLD: dict[str, tuple[str, ...]] = {
    REQUISITION: ("dingtalk", "feishu", "kingdee", "u8", "wecom"),
    ORDER: ("dingtalk", "feishu", "kingdee", "rest", "sql", "u8", "wecom", "yonbip"),
    SALES: ("cosmic", "dingtalk", "feishu", "kingdee", "u8", "wecom", "yonbip"),
    CONTRACT: ("dingtalk", "feishu", "wecom"),
    INVOICE: ("dingtalk", "kingdee", "rest", "sql", "u8"),
    REQUEST: ("dingtalk", "feishu", "kingdee", "rest", "sql", "wecom"),
    PAYMENT: ("kingdee", "sql", "u8"),
}
"""Which products create which documents on a connection that maps nothing."""

ROUTES = (
    (REQUISITION, ORDER),
    (ORDER, ORDER),
    (ORDER, INVOICE),
    (ORDER, REQUEST),
    (ORDER, PAYMENT),
    (INVOICE, REQUEST),
    (INVOICE, PAYMENT),
    (SALES, SALES),
    (CONTRACT, CONTRACT),
    (CONTRACT, ORDER),
)
CELLS = [(source, target, place) for source, target in ROUTES for place in HOLD[target]]
AMOUNTS_ONLY = {(INVOICE, "u8")}
"""Targets whose lines are amounts without items."""
WITHOUT_LINES = {(REQUEST, "sql")}
"""Targets of which a reading tells party, currency and total alone."""
ONE_PAYMENT = (REQUEST, PAYMENT)


@dataclass
class Moved:
    """What became of one document of every source in one target."""

    sources: list[Handle]
    outcomes: list[Outcome]
    readings: dict[int, Reading] = field(default_factory=dict)

    def of(self, source: Handle) -> list[Outcome]:
        name = source.ref.number or source.ref.internal_id
        return [one for one in self.outcomes if one.source == name]


def move(places: Places, entered: Sequence[Handle], target: str, kind: str, **more: Any) -> Moved:
    split = "seller_supplier_party" if str(entered[0].ref.document_type) == REQUISITION else None
    options: dict[str, Any] = {"split_by": split, "requires_approval": False, **more}
    done = places.flow.create(entered, target_conn_id=target, document_type=kind, **options)
    return Moved(list(entered), done)


def lines_of(document: Document) -> list[tuple[Any, ...]]:
    lines = document.totalled().lines
    return [
        (one.item_id, one.quantity, one.unit_code, one.price_amount, one.tax_percent or 0) for one in lines
    ]


def party_of(document: Document) -> str:
    party = document.buyer_customer_party if str(document.document_type) == SALES else None
    party = party or document.seller_supplier_party
    assert party is not None
    return party.id


def check(places: Places, shown: Document, parts: Sequence[Outcome], kind: str, target: str) -> None:
    """Compare what the target shows with what the source shows: parties, currency, lines and total."""
    expected = [shown]
    if str(shown.document_type) == REQUISITION:
        suppliers = sorted({one.seller_supplier_party.id for one in shown.lines if one.seller_supplier_party})
        assert suppliers == sorted(SUPPLIERS)
        expected = [
            shown.model_copy(
                update={
                    "lines": tuple(
                        one
                        for one in shown.lines
                        if one.seller_supplier_party and one.seller_supplier_party.id == supplier
                    ),
                    "payable_amount": None,
                    "seller_supplier_party": shown.lines[place].seller_supplier_party,
                }
            ).totalled()
            for place, supplier in enumerate(suppliers)
        ]
    assert [one.good for one in parts] == [True] * len(expected), [one.to_json() for one in parts]
    for part, wanted in zip(sorted(parts, key=lambda one: one.part), expected, strict=True):
        assert part.handle is not None
        reading = places.read(part.handle)
        total = wanted.totalled().payable_amount
        assert (reading.party, reading.currency or "CNY", reading.total) == (party_of(wanted), "CNY", total)
        if (kind, target) in WITHOUT_LINES:
            continue
        found = reading.document
        assert found is not None, reading.problem
        assert (party_of(found), found.document_currency_code) == (party_of(wanted), "CNY")
        assert found.totalled().payable_amount == total
        if kind in ONE_PAYMENT:
            assert [one.line_extension_amount for one in found.totalled().lines] == [total]
        elif (kind, target) in AMOUNTS_ONLY:
            gross = [
                (one.line_extension_amount or 0) + (one.tax_amount or 0) for one in wanted.totalled().lines
            ]
            assert [one.line_extension_amount for one in found.totalled().lines] == gross
        else:
            assert lines_of(found) == lines_of(wanted)


def test_every_product_takes_part() -> None:
    assert {place for some in HOLD.values() for place in some} == {*names(), "rest"} - {"tryton"}


@pytest.mark.parametrize(("source", "kind", "target"), CELLS, ids=[f"{a}-{b}-{c}" for a, b, c in CELLS])
def test_a_document_of_every_product_becomes_one_of_the_target(
    places: Places, source: str, kind: str, target: str
) -> None:
    entered = [places.enter(place, ordinary(source)) for place in HOLD[source]]
    moved = move(places, entered, target, kind)
    for handle in entered:
        shown = places.read(handle).document
        assert shown is not None
        check(places, shown, moved.of(handle), kind, target)


PAID = [(kind, target) for kind in ONE_PAYMENT for target in HOLD[kind] if target != "rest"]


@pytest.mark.parametrize(("kind", "target"), PAID, ids=[f"{kind}-{target}" for kind, target in PAID])
def test_the_account_of_an_invoice_is_the_one_that_is_paid(places: Places, kind: str, target: str) -> None:
    account = PayeeAccount(account_number="6222020000001")
    invoice = ordinary(INVOICE, payee_account=account, due_date=date(2026, 4, 30))
    entered = [places.enter(place, invoice) for place in ("dingtalk", "sql")]
    for done in move(places, entered, target, kind).outcomes:
        assert done.handle is not None, done.to_json()
        reading = places.read(done.handle)
        if reading.document is None:
            assert reading.raw["payee_account"] == account.account_number
        else:
            assert reading.document.payee_account is not None
            assert reading.document.payee_account.account_number == account.account_number


def test_a_payment_is_refused_where_no_field_holds_its_account(places: Places) -> None:
    entered = places.enter("sql", ordinary(INVOICE, payee_account=PayeeAccount(account_number="6222")))
    places.sandbox.forget_requests()
    (done,) = move(places, [entered], "rest", REQUEST).outcomes
    error = done.to_json()["error"]
    assert (error["type"], error["field"], bool(error["remedy"])) == (
        "InvalidDocument",
        "payee_account",
        True,
    )
    assert not [one for one in places.sandbox.requests("/erp/*") if one["method"] == "POST"]
