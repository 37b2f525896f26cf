from __future__ import annotations

from decimal import Decimal

import pytest

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.expressions import evaluate
from airflow_provider_docflow.core.mapping import check_mapping, derive
from airflow_provider_docflow.document import Document, document_from_json


def requisition(**more: object) -> Document:
    data = {
        "document_type": "purchase_requisition",
        "id": "PR-1",
        "issue_date": "2026-03-31",
        "document_currency_code": "EUR",
        "notes": ["for the workshop"],
        "extensions": {"oa": {"form": "F-7"}},
        "lines": [
            {"line_id": "1", "item_id": "A", "quantity": "2", "price_amount": "50.255"},
            {"line_id": "2", "item_id": "B", "quantity": "1", "price_amount": "0.01"},
        ],
        **more,
    }
    return document_from_json(data).totalled()


def test_what_belongs_to_the_source_alone_does_not_carry_over() -> None:
    order = derive(requisition(), "purchase_order")

    assert str(order.document_type) == "purchase_order"
    assert order.notes == () and order.extensions == {} and order.posting_date is None
    assert [line.item_id for line in order.lines] == ["A", "B"]


def test_a_mapping_of_a_part_has_the_totals_computed_again() -> None:
    order = derive(requisition(), "purchase_order", {"lines[*].quantity": "line.quantity * 10"})

    assert [line.quantity for line in order.lines] == [Decimal(20), Decimal(10)]
    assert order.payable_amount == Decimal("1005.20")


def test_a_decimal_stays_exact() -> None:
    value = evaluate("source.payable_amount * 100", "x", source=requisition())

    assert value == Decimal("10052.00") and isinstance(value, Decimal)


@pytest.mark.parametrize(
    "mapping",
    [
        {"id": "source.nothing_like_it"},
        {"id": "source.lines[9].item_id"},
        {"lines[7].quantity": "1"},
        {"payable_amount": "source.payable_amount / 0"},
        {"payable_amount": "1.5"},
        {"id": "source.__class__.__mro__"},
    ],
    ids=["undefined", "past the end", "no such line", "division", "a float", "out of the sandbox"],
)
def test_what_cannot_be_mapped_is_refused_and_named(mapping: dict[str, str]) -> None:
    with pytest.raises(exc.InvalidDocument) as refused:
        derive(requisition(), "purchase_order", mapping)

    assert refused.value.field


@pytest.mark.parametrize(
    "mapping",
    [
        {"id": "source."},
        {"lines[x].id": "1"},
        {"": "1"},
        {"id": "{{ source }}"},
        {"supplier": "'SUP-1'"},
        {"lines[*].item": "'A'"},
        {"lines.item_id": "'A'"},
        {"payable_amount.currency": "'EUR'"},
        {"payable_amount[0]": "1"},
        {"seller_supplier_party.code": "'SUP-1'"},
        {"lines[*].accounting[0].cost_center": "'CC'"},
        {"extensions": "1"},
    ],
    ids=lambda mapping: next(iter(mapping)) or "empty",
)
def test_a_mapping_is_checked_before_anything_is_sent(mapping: dict[str, str]) -> None:
    with pytest.raises(exc.Misconfigured) as refused:
        check_mapping(mapping)

    assert refused.value.remedy


def test_every_way_into_a_document_may_be_mapped() -> None:
    check_mapping(
        {
            "seller_supplier_party.address.city_name": "'Köln'",
            "lines[*].accounting[0].cost_centre": "'CC-7'",
            "lines[*].allowance_charge": "[]",
            "payment_terms[0].days": "30",
            "notes": "['a']",
            "extensions.事由 (必填)": "'x'",
            "lines[*].extensions.F_ABC.FNumber": "'x'",
        }
    )


def test_a_field_of_the_targets_tenant_is_mapped_by_its_own_name() -> None:
    mapping = {
        "extensions.事由": "source.notes[0]",
        "extensions.acme-erp.cost": "'7'",
        "lines[*].extensions.F_ABC.FNumber": "line.item_id",
    }
    order = derive(requisition(), "purchase_order", mapping, instance="acme-erp")

    assert order.extensions == {"acme-erp": {"事由": "for the workshop", "cost": "7"}}
    assert [line.extensions for line in order.lines] == [
        {"acme-erp": {"F_ABC.FNumber": "A"}},
        {"acme-erp": {"F_ABC.FNumber": "B"}},
    ]


def test_the_tenant_fields_of_the_sources_lines_stay_behind() -> None:
    line = {"line_id": "1", "quantity": "1", "price_amount": "1", "extensions": {"oa": {"列": "x"}}}

    assert derive(requisition(lines=[line]), "purchase_order").lines[0].extensions == {}


@pytest.mark.parametrize(
    ("expression", "empty"),
    [
        ("source.payee_account.iban", "source.payee_account"),
        ("'4711-' ~ source.seller_supplier_party.id", "source.seller_supplier_party"),
        ("source.lines[0].price_amount * source.payee_account.share", "source.payee_account"),
        ("source.exchange_rate * 2", "source.exchange_rate"),
    ],
)
def test_a_mapping_that_fails_names_what_is_empty_at_the_source(expression: str, empty: str) -> None:
    with pytest.raises(exc.InvalidDocument) as failed:
        derive(requisition(), "payment_request", {"payable_amount": expression})
    assert failed.value.field == "payable_amount"
    assert f"{empty} is empty" in failed.value.message


@pytest.mark.parametrize(
    "expression", ["'due ' ~ source.due_date", "source.id ~ '/' ~ source.due_date ~ '/x'"]
)
def test_what_is_empty_is_not_joined_as_a_word(expression: str) -> None:
    with pytest.raises(exc.InvalidDocument, match=r"source\.due_date is empty") as failed:
        derive(requisition(), "payment_request", {"notes": f"[{expression}]"})
    assert "~" in failed.value.message


def test_joining_keeps_numbers_and_texts_as_they_are() -> None:
    found = derive(
        requisition(), "payment_request", {"notes": "[source.id ~ '-' ~ source.lines[0].quantity ~ '-' ~ 7]"}
    )
    assert found.notes == ("PR-1-2-7",)
