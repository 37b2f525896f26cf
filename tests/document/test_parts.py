"""One document becomes several, and nothing is lost on the way."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from airflow_provider_docflow.document import Document, Line, content_hash, split
from airflow_provider_docflow.document.parts import part_name
from airflow_provider_docflow.exceptions import InvalidDocument, Misconfigured

Order = Callable[..., Document]


def lines(*suppliers: str | None, price: str = "10", **changes: Any) -> list[dict[str, Any]]:
    return [
        {
            "line_id": str(10 * (index + 1)),
            "quantity": "1",
            "price_amount": price,
            "seller_supplier_party": {"id": supplier} if supplier else None,
            **changes,
        }
        for index, supplier in enumerate(suppliers)
    ]


def payables(parts: dict[str, Document]) -> dict[str, str]:
    return {name: str(part.payable_amount) for name, part in parts.items()}


def test_lines_without_a_supplier_of_their_own_go_to_the_documents(order: Order) -> None:
    parts = split(order(lines=lines("SUP-2", None, "SUP-2")))
    assert list(parts) == ["SUP-1", "SUP-2"]
    assert [line.line_id for line in parts["SUP-2"].lines] == ["10", "30"]
    assert parts["SUP-1"].seller_supplier_party == order().seller_supplier_party
    assert parts["SUP-2"].seller_supplier_party is not None
    assert parts["SUP-2"].seller_supplier_party.id == "SUP-2"
    assert payables(parts) == {"SUP-1": "10.00", "SUP-2": "20.00"}
    assert parts["SUP-2"].id == "PO-1"


def test_one_supplier_is_one_part_and_the_whole(order: Order) -> None:
    document = order(allowance_charge=[{"charge": True, "amount": "1.01"}], notes=["n"])
    assert split(document) == {"SUP-1": document.totalled()}


def test_the_remainder_is_named_on_one_part(order: Order) -> None:
    items = [{"charge": True, "amount": "10.00", "reason": "freight"}]
    parts = split(
        order(
            lines=lines("A", "B", "C"), allowance_charge=items, payable_rounding_amount="-0.02", notes=["n"]
        )
    )
    assert payables(parts) == {"A": "13.32", "B": "13.33", "C": "13.33"}
    assert parts["A"].allowance_charge[0].amount == Decimal("3.34")
    assert parts["A"].allowance_charge[0].reason == "freight"
    assert parts["A"].payable_rounding_amount == Decimal("-0.02")
    assert parts["A"].notes == (
        "n",
        "0.01 EUR of allowance_charge[0] cannot be divided; it stands on this part.",
        "-0.02 EUR of payable_rounding_amount cannot be divided; it stands on this part.",
    )
    assert parts["B"].notes == ("n",)
    assert parts["B"].payable_rounding_amount is None


def test_a_tax_that_only_the_whole_tells_is_divided(order: Order) -> None:
    parts = split(order(lines=lines("A", "B", "B"), tax_amount="1.00", document_currency_code="KWD"))
    assert {name: str(part.tax_amount) for name, part in parts.items()} == {"A": "0.333", "B": "0.667"}
    assert parts["B"].notes == ("0.001 KWD of tax_amount cannot be divided; it stands on this part.",)


def test_what_is_taxed_at_a_rate_goes_with_the_lines_of_that_rate(order: Order) -> None:
    rows = lines("A", tax_percent="19") + [row | {"line_id": "99"} for row in lines("B", tax_percent="0")]
    parts = split(order(lines=rows, allowance_charge=[{"charge": False, "amount": "9", "tax_percent": "19"}]))
    assert payables(parts) == {"A": "1.19", "B": "10.00"}


def test_tax_rounded_differently_in_the_whole_stands_in_the_rounding(order: Order) -> None:
    """Three times 0.45 at 10 %: 0.14 by rate in the whole, 0.05 in each part."""
    document = order(lines=lines("A", "B", "C", price="0.45", tax_percent="10"), tax_amount="0.14")
    parts = split(document)
    assert payables(parts) == {"A": "0.49", "B": "0.50", "C": "0.50"}
    assert parts["A"].payable_rounding_amount == Decimal("-0.01")
    assert parts["A"].tax_amount == Decimal("0.05")
    assert "-0.01 EUR of tax" in parts["A"].notes[0]


def test_the_order_of_lines_changes_no_part(order: Order) -> None:
    items = [{"charge": False, "amount": "1.00"}]
    rows = lines("B", "A", "C", "A", "B")
    one = split(order(lines=rows, allowance_charge=items))
    other = split(order(lines=rows[::-1], allowance_charge=items))
    assert list(one) == list(other)
    assert {n: content_hash(p) for n, p in one.items()} == {n: content_hash(p) for n, p in other.items()}


def test_a_name_does_not_depend_on_the_other_parts(order: Order) -> None:
    few = split(order(lines=lines("上海一厂", "B")))
    many = split(order(lines=lines("上海二厂", "C", "上海一厂", "B", "b")))
    assert set(few) < set(many)


@pytest.mark.parametrize("key", ["A", "SUP-1", "1000.2_B", "X" * 60, "0"])
def test_a_short_code_names_itself(key: str) -> None:
    assert part_name(key) == key


@pytest.mark.parametrize(
    "key",
    ["sup-1", "../../etc", "a/b", "上海", "Société Générale", "X" * 61, ".", "A.", " ", "A~B", "%2F", "-A"],
)
def test_any_other_key_gets_a_safe_name(key: str) -> None:
    name = part_name(key)
    assert len(name) <= 60
    assert set(name) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-~")
    assert name[0] not in ".-~"
    assert part_name(name) != name


def test_names_differ_even_where_case_does_not_count() -> None:
    keys = ["SUP-1", "sup-1", "Sup-1", "SUP 1", "SUP/1", "SUP-1 ", "\uff33\uff35\uff30-1"]
    assert len({part_name(key).lower() for key in keys}) == len(keys)


def test_by_delivery_party(order: Order) -> None:
    rows = lines("A", "A")
    rows[0]["delivery_party"] = {"id": "PLANT-2"}
    delivery = {"delivery_date": "2026-05-01", "delivery_party": {"id": "PLANT-1"}}
    parts = split(order(lines=rows, delivery=delivery), by="delivery_party")
    assert list(parts) == ["PLANT-1", "PLANT-2"]
    for name, part in parts.items():
        assert part.delivery is not None
        assert part.delivery.delivery_party is not None
        assert (part.delivery.delivery_party.id, str(part.delivery.delivery_date)) == (name, "2026-05-01")
        assert part.seller_supplier_party == order().seller_supplier_party


def test_by_a_path_and_by_a_function(order: Order) -> None:
    rows = lines(None, None)
    rows[0] |= {"accounting": [{"cost_centre": "K1"}], "extensions": {"oa": {"plant": 7}}}
    rows[1] |= {"accounting": [{"cost_centre": "K2"}], "extensions": {"oa": {"plant": 7}}}
    document = order(lines=rows)
    assert list(split(document, by="accounting.0.cost_centre")) == ["K1", "K2"]
    assert list(split(document, by="extensions.oa.plant")) == ["7"]
    assert list(split(document, by=lambda line: line.quantity + 1)) == ["2"]


@pytest.mark.parametrize(
    ("by", "field"),
    [
        ("delivery_party", "lines[0].delivery_party"),
        ("extensions.oa.plant", "lines[0].extensions.oa.plant"),
        ("accounting.0.cost_centre", "lines[0].accounting.0.cost_centre"),
        ("item_id", "lines[0].item_id"),
    ],
)
def test_a_line_that_belongs_nowhere_is_refused(order: Order, by: str, field: str) -> None:
    with pytest.raises(InvalidDocument, match="into which part") as caught:
        split(order(lines=lines("A", "B")), by=by)
    assert caught.value.field == field


@pytest.mark.parametrize("by", ["supplier", "quantity.x", "seller_supplier_party.code", "lines.0", ""])
def test_a_path_that_leads_nowhere_is_a_mistake_of_the_author(order: Order, by: str) -> None:
    with pytest.raises(Misconfigured):
        split(order(lines=lines("A", "B")), by=by)


@pytest.mark.parametrize("key", [1.5, True, ["A"], object()])
def test_a_key_that_has_no_one_text_is_refused(order: Order, key: Any) -> None:
    def by(line: Line) -> Any:
        return key

    with pytest.raises(InvalidDocument, match="cannot be divided by"):
        split(order(), by=by)


def test_no_supplier_at_all_is_refused(order: Order) -> None:
    with pytest.raises(InvalidDocument) as caught:
        split(order(lines=lines("A", None), seller_supplier_party=None))
    assert caught.value.field == "lines[1].seller_supplier_party"


def test_lines_may_tell_more_or_less_of_one_supplier_but_not_otherwise(order: Order) -> None:
    rows = lines("SUP-1", "SUP-1", None)
    rows[0]["seller_supplier_party"]["tax_id"] = "T1"
    party = split(order(lines=rows))["SUP-1"].seller_supplier_party
    assert party is not None
    assert (party.tax_id, party.name) == ("T1", "Müller & Söhne")
    rows[1]["seller_supplier_party"]["tax_id"] = "T2"
    with pytest.raises(InvalidDocument, match="two values for tax_id: T1 and T2"):
        split(order(lines=rows))


def test_a_bank_account_never_reaches_another_supplier(order: Order) -> None:
    account = {"account_number": "62220210"}
    parts = split(order(lines=lines("SUP-2", None), payee_account=account))
    assert parts["SUP-2"].payee_account is None
    assert parts["SUP-1"].payee_account is not None
    with pytest.raises(InvalidDocument) as caught:
        split(order(lines=lines("SUP-2", "SUP-3"), payee_account=account, seller_supplier_party=None))
    assert caught.value.field == "payee_account"
    alone = split(order(lines=lines("SUP-2"), payee_account=account, seller_supplier_party=None))
    assert alone["SUP-2"].payee_account is not None


def test_a_document_that_does_not_add_up_is_not_divided(order: Order) -> None:
    with pytest.raises(InvalidDocument) as caught:
        split(order(lines=lines("A", "B"), payable_amount="21"))
    assert caught.value.field == "payable_amount"


def test_a_charge_among_free_goods_has_no_measure(order: Order) -> None:
    items = [{"charge": True, "amount": "5"}]
    with pytest.raises(InvalidDocument, match="no value") as caught:
        split(order(lines=lines("A", "B", price="0"), allowance_charge=items))
    assert caught.value.field == "allowance_charge[0]"


def test_goods_without_a_value_are_divided_too(order: Order) -> None:
    rows = [row | {"price_amount": None} for row in lines("A", "B")]
    parts = split(order(lines=rows, document_type="goods_receipt", document_currency_code=""))
    assert payables(parts) == {"A": "None", "B": "None"}


def test_a_part_that_would_be_negative_is_refused(order: Order) -> None:
    """All but a cent is given away: the cents that cannot be divided exceed the largest part."""
    items = [{"charge": False, "amount": "0.29"}]
    with pytest.raises(InvalidDocument) as caught:
        split(order(lines=lines("A", "B", "C", price="0.10"), allowance_charge=items))
    assert caught.value.field == "payable_amount"
