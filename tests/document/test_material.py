"""What an approval covers, and what a person is shown when it changed."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from airflow_provider_docflow.document import (
    MATERIAL_VERSION,
    Document,
    DocumentType,
    content_hash,
    differences,
    material,
    material_hash,
)
from airflow_provider_docflow.exceptions import InvalidDocument

Order = Callable[..., Document]

BANK = {"account_number": "6222 0210", "bank": "ICBC", "name": "上海"}


@pytest.mark.parametrize(
    ("line", "changes", "field"),
    [
        ({}, {"company_code": "2000"}, "company_code"),
        ({}, {"document_currency_code": "USD"}, "document_currency_code"),
        ({}, {"exchange_rate": "7.1"}, "exchange_rate"),
        (
            {},
            {"seller_supplier_party": {"id": "SUP-2", "name": "Müller & Söhne"}},
            "seller_supplier_party.id",
        ),
        ({}, {"buyer_customer_party": {"id": "C"}}, "buyer_customer_party"),
        ({}, {"requester": {"id": "E7"}}, "requester"),
        ({}, {"due_date": "2026-05-01"}, "due_date"),
        ({}, {"payment_terms": [{"days": 30}]}, "payment_terms"),
        ({}, {"payee_account": BANK}, "payee_account"),
        ({}, {"delivery": {"delivery_address": {"city_name": "Köln"}}}, "delivery"),
        ({}, {"allowance_charge": [{"charge": True, "amount": "1"}]}, "allowance_charge"),
        ({}, {"tax_amount": "5.71"}, "tax_amount"),
        ({}, {"payable_rounding_amount": "0.01"}, "payable_rounding_amount"),
        ({}, {"payable_amount": "40"}, "payable_amount"),
        ({}, {"document_type": "contract"}, "document_type"),
        ({}, {"attachments": [{"name": "a", "sha256": "0" * 64}]}, "attachments"),
        ({"item_id": "M-2"}, {}, "lines[0].item_id"),
        ({"description": "gold"}, {}, "lines[0].description"),
        ({"quantity": "3.01"}, {}, "lines[0].quantity"),
        ({"unit_code": "KG"}, {}, "lines[0].unit_code"),
        ({"price_amount": "10.0000000001"}, {}, "lines[0].price_amount"),
        ({"base_quantity": "10"}, {}, "lines[0].base_quantity"),
        ({"price_includes_tax": True}, {}, "lines[0].price_includes_tax"),
        ({"tax_percent": "7"}, {}, "lines[0].tax_percent"),
        ({"allowance_charge": [{"charge": False, "amount": "1"}]}, {}, "lines[0].allowance_charge"),
        ({"accounting": [{"cost_centre": "K1"}]}, {}, "lines[0].accounting"),
        ({"seller_supplier_party": {"id": "SUP-9"}}, {}, "lines[0].seller_supplier_party"),
        ({"delivery_party": {"id": "PLANT"}}, {}, "lines[0].delivery_party"),
    ],
)
def test_material_changes_are_seen(
    order: Order, line: dict[str, Any], changes: dict[str, Any], field: str
) -> None:
    old, new = order(), order(line=line, **changes)
    assert material_hash(old) != material_hash(new)
    assert field in [difference.field for difference in differences(old, new)]
    assert content_hash(old) != content_hash(new)


@pytest.mark.parametrize(
    ("line", "changes"),
    [
        ({}, {"id": "PO-2"}),
        ({}, {"issue_date": "2026-04-01"}),
        ({}, {"posting_date": "2026-04-01"}),
        ({}, {"notes": ["written back: 4500000123"]}),
        ({}, {"extensions": {"sap-1": {"number": "4500000123"}}}),
        ({}, {"delivery": {"delivery_date": "2026-05-01"}}),
        ({}, {"seller_supplier_party": {"id": "SUP-1", "name": "Müller & Söhne", "telephone": "1"}}),
        ({"notes": ["fragile"]}, {}),
        ({"extensions": {"sap-1": {"item": "00010"}}}, {}),
        ({"delivery_date": "2026-05-01"}, {}),
    ],
)
def test_what_is_written_back_is_not_material_but_is_content(
    order: Order, line: dict[str, Any], changes: dict[str, Any]
) -> None:
    old, new = order(), order(line=line, **changes)
    assert material_hash(old) == material_hash(new)
    assert differences(old, new) == []
    assert content_hash(old) != content_hash(new)


@pytest.mark.parametrize(
    "line",
    [
        {"price_amount": "10"},
        {"price_amount": Decimal("1E+1")},
        {"quantity": "3.000"},
        {"base_quantity": "1.0"},
        {"tax_percent": "19.00", "notes": []},
        {"tax_amount": "5.7"},
        {"line_extension_amount": "30"},
        {"description": "", "accounting": []},
    ],
)
def test_one_content_has_one_hash_however_it_is_written(order: Order, line: dict[str, Any]) -> None:
    assert material_hash(order(line=line)) == material_hash(order())
    assert content_hash(order(line=line)) == content_hash(order())


def test_totals_that_were_left_out_do_not_matter(order: Order) -> None:
    document = order()
    assert material_hash(document) == material_hash(document.totalled())
    assert content_hash(document) == content_hash(document.totalled())


def test_accents_may_be_composed_or_not(order: Order) -> None:
    party = {"id": "SUP-1", "name": "Mu\u0308ller & So\u0308hne"}
    assert material_hash(order(seller_supplier_party=party)) == material_hash(order())


def test_the_order_of_lines_does_not_matter(order: Order) -> None:
    document = order()
    turned = document.model_copy(update={"lines": document.lines[::-1]})
    assert material_hash(document) == material_hash(turned)
    assert content_hash(document) == content_hash(turned)
    assert differences(document, turned) == []


def test_a_line_that_repeats_the_documents_supplier_says_nothing_more(order: Order) -> None:
    supplier = {"id": "SUP-9", "name": "Nine"}
    plain = order(seller_supplier_party=supplier)

    def of_line(party: dict[str, Any]) -> Document:
        return order({"seller_supplier_party": party}, seller_supplier_party=supplier)

    for same in ({"id": "SUP-9"}, supplier):
        assert material_hash(of_line(same)) == material_hash(plain)
    for other in ({"id": "SUP-1"}, {"id": "SUP-9", "name": "Ten"}, {"id": "SUP-9", "tax_id": "T1"}):
        (difference,) = differences(plain, of_line(other))
        assert difference.field == "lines[0].seller_supplier_party"
    moved = of_line({"id": "SUP-9"}).model_copy(update={"seller_supplier_party": None})
    assert {one.field for one in differences(plain, moved)} == {
        "seller_supplier_party",
        "lines[0].seller_supplier_party",
    }


def test_a_checksum_is_material_its_address_is_not(order: Order) -> None:
    file = {"name": "a.pdf", "sha256": "1" * 64, "uri": "https://a/1?token=1"}
    signed = order(attachments=[file])
    assert differences(signed, order(attachments=[file | {"uri": "https://b", "name": "b.pdf"}])) == []
    (difference,) = differences(signed, order(attachments=[file | {"sha256": "2" * 64}]))
    assert (difference.field, difference.old, difference.new) == ("attachments", ["1" * 64], ["2" * 64])
    unknown = order(attachments=[{"name": "a.pdf", "size": 3}])
    assert differences(unknown, order(attachments=[{"name": "a.pdf", "size": 4}])) != []


def test_lines_are_matched_by_their_id(order: Order) -> None:
    old = order()
    extra = old.lines[1].model_copy(update={"line_id": "5"})
    changed = old.lines[1].model_copy(update={"quantity": Decimal(2)})
    new = old.model_copy(update={"lines": (extra, changed)})
    found = {(item.field, item.line_id): item for item in differences(old, new)}
    assert found["lines[0]", "5"].old is None
    assert found["lines[0]", "5"].new["quantity"] == "0.5"
    assert (found["lines[1].quantity", "20"].old, found["lines[1].quantity", "20"].new) == ("0.5", "2")
    assert found["lines[0]", "10"].new is None


def test_a_path_counts_in_the_newer_document(order: Order) -> None:
    old, changed = order(), order(line={"quantity": "4"})
    (found, *_) = [
        d for d in differences(old, changed.model_copy(update={"lines": changed.lines[::-1]})) if d.line_id
    ]
    assert (found.field, found.line_id) == ("lines[1].quantity", "10")


def test_differences_read_like_a_sentence(order: Order) -> None:
    old, new = order(payee_account=BANK), order(payee_account=BANK | {"bank": "BOC"}, line={"quantity": "4"})
    texts = [str(difference) for difference in differences(old, new)]
    assert "payee_account.bank: ICBC -> BOC" in texts
    assert "lines[0].quantity (line 10): 3 -> 4" in texts
    assert "payable_amount: 40.7 -> 52.6" in texts
    assert differences(order(), old)[0].to_json() == {
        "field": "payee_account",
        "old": None,
        "new": BANK,
        "line_id": "",
    }
    assert str(differences(old, order())[0]).endswith("-> nothing")


def test_the_payment_terms_are_compared_one_by_one(order: Order) -> None:
    old = order(payment_terms=[{"percent": "30"}, {"percent": "70", "days": 30}])
    new = order(payment_terms=[{"percent": "30.0"}, {"percent": "70", "days": 60}])
    (difference,) = differences(old, new)
    assert (difference.field, difference.old, difference.new) == ("payment_terms[1].days", 30, 60)


def test_a_document_that_does_not_add_up_can_still_be_compared(order: Order) -> None:
    wrong = order(payable_amount="99", document_currency_code="XYZ")
    assert {difference.field for difference in differences(order(), wrong)} >= {
        "payable_amount",
        "document_currency_code",
    }


def test_lines_that_nobody_can_tell_apart_are_refused(order: Order) -> None:
    twice = order(line={"line_id": "20"})
    for ask in (material, material_hash, content_hash):
        with pytest.raises(InvalidDocument, match="same id"):
            ask(twice)


def test_only_one_instance_can_be_counted(order: Order) -> None:
    plain = order(extensions={"erp": {"a": 1}})
    written_back = order(
        extensions={"erp": {"a": 1}, "oa": {"number": "7"}}, line={"extensions": {"oa": {"n": 1}}}
    )
    assert content_hash(plain) != content_hash(written_back)
    assert content_hash(plain, instance="erp") == content_hash(written_back, instance="erp")
    assert content_hash(plain, instance="erp") != content_hash(order(), instance="erp")


def test_every_type_has_a_version_inside_its_hash(order: Order) -> None:
    assert set(MATERIAL_VERSION) == set(DocumentType)
    data = material(order())
    assert data["material_version"] == MATERIAL_VERSION[DocumentType.PURCHASE_ORDER]


def test_the_hash_of_version_1_never_changes(order: Order) -> None:
    """Decisions in ledgers are bound to this very hash: a change needs a new MATERIAL_VERSION."""
    document = order(
        payee_account=BANK,
        payment_terms=[{"days": 30}],
        attachments=[{"name": "a", "sha256": "f" * 64}],
        line={
            "accounting": [{"cost_centre": "K1"}],
            "allowance_charge": [{"charge": False, "amount": "1.10"}],
        },
    )
    assert material_hash(document) == "955841ad8a0b40737fbdc4e726977cf34b45a4382e23c954c0da08b411c0cffa"
