"""What holds for every document: round trip, sums, parts, hashes."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from datetime import date
from decimal import Context, Decimal, localcontext
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_docflow.document import (
    MINOR_UNITS,
    Document,
    DocumentType,
    apportion,
    content_hash,
    differences,
    document_from_json,
    document_to_json,
    material,
    material_hash,
    split,
)
from airflow_provider_docflow.document.parts import part_name
from airflow_provider_docflow.exceptions import InvalidDocument

CURRENCIES = ("EUR", "CNY", "JPY", "KWD", "CLF")
TEXT = st.sampled_from(
    ["", "采购订单", "Müller & Söhne", "n° 7", "X" * 60, "é", "e\u0301", "a", "\U0001f4c4"]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=3,
)
RATES = st.sampled_from([None, "0", "7", "10", "13", "19", "8.875"])


def decimals(low: str, high: str, places: int) -> st.SearchStrategy[str]:
    """Write numbers in every lawful way, trailing zeros included."""
    scale = 10**places
    numbers = st.integers(int(Decimal(low) * scale), int(Decimal(high) * scale))
    return st.tuples(numbers, st.sampled_from(["", "0", "00"])).map(
        lambda pair: format(Decimal(pair[0]) / scale, "f") + (pair[1] if places and pair[0] % scale else "")
    )


def amounts(digits: int, high: str = "5") -> st.SearchStrategy[str]:
    return decimals("0", high, digits)


def allowances(digits: int, rates: st.SearchStrategy[Any]) -> st.SearchStrategy[list[dict[str, Any]]]:
    # Discounts stay small beside the lines: what they may eat up has a test of its own.
    charge = {"charge": st.just(True), "amount": amounts(digits, "50"), "reason": TEXT, "tax_percent": rates}
    discount = {**charge, "charge": st.just(False), "amount": amounts(digits, "0.3" if digits else "0")}
    return st.lists(st.fixed_dictionaries(charge) | st.fixed_dictionaries(discount), max_size=2)


@st.composite
def documents(draw: Callable[..., Any]) -> Document:
    """Draw an invoice of one to six lines and up to four suppliers, valid but not yet totalled."""
    currency = draw(st.sampled_from(CURRENCIES))
    digits = MINOR_UNITS[currency]
    suppliers = st.sampled_from(["SUP-1", "sup-1", "上海", "Z/9", None])
    lines = []
    for index in range(draw(st.integers(1, 5))):
        supplier = draw(suppliers)
        percent = draw(RATES)
        lines.append(
            {
                "line_id": f"{index}{draw(TEXT)}",
                "description": draw(TEXT),
                "quantity": draw(decimals("1", "1000", 3)),
                "price_amount": draw(decimals("1000", "99999", 6)),
                "base_quantity": draw(st.sampled_from(["1", "1.0", "100", "3"])),
                "tax_percent": percent,
                "price_includes_tax": percent is not None and draw(st.booleans()),
                "allowance_charge": draw(allowances(digits, st.none())),
                "seller_supplier_party": supplier and {"id": supplier},
                "extensions": {"erp": draw(st.dictionaries(TEXT, JSON, max_size=2))},
            }
        )
    return document_from_json(
        {
            "document_type": draw(st.sampled_from(DocumentType)).value,
            "id": draw(TEXT),
            "issue_date": draw(st.dates(date(1990, 1, 1), date(2100, 1, 1))).isoformat(),
            "document_currency_code": currency,
            "seller_supplier_party": {"id": "SUP-1", "name": draw(TEXT)},
            "lines": lines,
            "allowance_charge": draw(
                allowances(digits, st.sampled_from([line["tax_percent"] for line in lines]))
            ),
            "payable_rounding_amount": draw(st.none() | decimals("-0.05", "0.05", digits)),
            "tax_amount": None
            if any(line["tax_percent"] for line in lines)
            else draw(st.none() | amounts(digits)),
            "notes": draw(st.lists(TEXT, max_size=2)),
        }
    )


NUMBERS = {
    "quantity",
    "price_amount",
    "base_quantity",
    "tax_percent",
    "amount",
    "tax_amount",
    "payable_amount",
}


def reworded(value: Any, name: str = "") -> Any:
    """Write the same JSON otherwise: fields in another order, numbers with more zeros."""
    if isinstance(value, dict):
        return {key: reworded(item, key) for key, item in reversed(value.items())}
    if isinstance(value, list):
        return [reworded(item) for item in value]
    if name in NUMBERS and isinstance(value, str):
        return value + ("0" if "." in value else ".00")
    return value


def total(values: Iterable[Decimal | None]) -> Decimal:
    with localcontext(Context(prec=60)):
        return sum((value or Decimal(0) for value in values), Decimal(0))


@given(documents())
def test_json_gives_back_the_very_document(document: Document) -> None:
    text = json.dumps(document_to_json(document), allow_nan=False)
    again = document_from_json(json.loads(text))
    assert again == document
    assert json.dumps(document_to_json(again)) == text


@given(documents())
def test_totals_are_filled_once_and_add_up(document: Document) -> None:
    whole = document.totalled()
    assert whole.totalled() == whole
    net = total(line.line_extension_amount for line in whole.lines)
    net += total(item.amount if item.charge else -item.amount for item in whole.allowance_charge)
    assert whole.payable_amount == total([net, whole.tax_amount, whole.payable_rounding_amount])
    digits = MINOR_UNITS[whole.document_currency_code]
    for line in whole.lines:
        assert line.price_amount is not None
        assert line.line_extension_amount is not None
        gross = Fraction(line.quantity) * Fraction(line.price_amount) / Fraction(line.base_quantity)
        gross += sum(Fraction(a.amount if a.charge else -a.amount) for a in line.allowance_charge)
        told = line.line_extension_amount + (line.tax_amount or 0) * line.price_includes_tax
        assert abs(gross - Fraction(told)) <= Fraction(1, 2 * 10**digits)
        rate = Fraction(line.tax_percent or 0) / 100
        tax = Fraction(line.line_extension_amount) * rate
        assert abs(tax - Fraction(line.tax_amount or 0)) <= Fraction(1, 10**digits)


@given(documents(), st.integers(1, 3))
def test_a_total_that_is_off_by_cents_is_refused(document: Document, cents: int) -> None:
    whole = document.totalled()
    assert whole.payable_amount is not None
    off = Decimal(cents).scaleb(-MINOR_UNITS[whole.document_currency_code])
    wrong = whole.model_copy(update={"payable_amount": total([whole.payable_amount, off])})
    with pytest.raises(InvalidDocument) as caught:
        wrong.check()
    assert caught.value.field == "payable_amount"


@given(documents())
def test_the_parts_are_the_whole(document: Document) -> None:
    whole = document.totalled()
    parts = split(document)
    lines = [line for part in parts.values() for line in part.lines]
    assert sorted(lines, key=lambda line: line.line_id) == sorted(whole.lines, key=lambda line: line.line_id)
    assert total(part.payable_amount for part in parts.values()) == whole.payable_amount
    taxed = [whole.tax_amount, whole.payable_rounding_amount]
    parts_taxed = [value for p in parts.values() for value in (p.tax_amount, p.payable_rounding_amount)]
    assert total(parts_taxed) == total(taxed)
    for sign in (True, False):
        given_items = [item.amount for item in whole.allowance_charge if item.charge is sign]
        items = [i.amount for part in parts.values() for i in part.allowance_charge if i.charge is sign]
        assert total(items) == total(given_items)
    for part in parts.values():
        assert part.checked().totalled() == part
        assert part.seller_supplier_party is not None
        assert {(line.seller_supplier_party or whole.seller_supplier_party).id for line in part.lines} == {
            part.seller_supplier_party.id
        }


@given(documents(), st.randoms(use_true_random=False))
def test_parts_do_not_depend_on_the_order_of_lines(document: Document, random: Any) -> None:
    lines = list(document.lines)
    random.shuffle(lines)
    other = split(document.model_copy(update={"lines": tuple(lines)}))
    assert {n: content_hash(p) for n, p in other.items()} == {
        n: content_hash(p) for n, p in split(document).items()
    }


@given(documents())
def test_hashes_see_the_content_only(document: Document) -> None:
    again = document_from_json(reworded(document_to_json(document)))
    assert material_hash(again) == material_hash(document) == material_hash(document.totalled())
    assert content_hash(again) == content_hash(document) == content_hash(document.totalled())


@given(documents(), documents())
def test_no_difference_exactly_when_the_hash_is_the_same(one: Document, other: Document) -> None:
    for old, new in ((one, other), (one, one.totalled()), (one, document_from_json(document_to_json(one)))):
        assert (differences(old, new) == []) == (material_hash(old) == material_hash(new))


@given(documents(), st.data())
def test_one_changed_field_is_the_one_difference_or_none(document: Document, data: st.DataObject) -> None:
    whole = document.totalled()
    lines = list(whole.lines)
    place = data.draw(st.integers(0, len(lines) - 1))
    name = data.draw(st.sampled_from(["item_id", "description", "unit_code", "notes"]))
    value = ("n",) if name == "notes" else data.draw(TEXT)
    lines[place] = lines[place].model_copy(update={name: value})
    changed = whole.model_copy(update={"lines": tuple(lines)})
    found = differences(whole, changed)
    assert (found == []) == (material_hash(whole) == material_hash(changed))
    assert [item.field for item in found] in ([], [f"lines[{place}].{name}"])
    assert all(item.line_id and item.old != item.new for item in found)


@given(documents())
def test_differences_and_material_are_json(document: Document) -> None:
    json.dumps([item.to_json() for item in differences(document, document.model_copy(update={"lines": ()}))])
    assert not any(isinstance(value, float) for value in material(document).values())


@given(
    st.lists(
        st.text(st.characters(exclude_categories=["Cs"]), min_size=1), unique=True, min_size=2, max_size=8
    )
)
def test_part_names_are_safe_and_distinct(keys: list[str]) -> None:
    names = [part_name(key) for key in keys]
    assert len({name.lower() for name in names}) == len(keys)
    assert all(re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._~-]{0,59}", name) for name in names)


@given(st.integers(1, 10**18 - 1), st.sampled_from(CURRENCIES), st.lists(st.integers(1, 10**9), min_size=1))
def test_amounts_of_eighteen_digits_stay_exact(units: int, currency: str, weights: list[int]) -> None:
    digits = MINOR_UNITS[currency]
    with localcontext(Context(prec=60)):
        price = format(Decimal(units).scaleb(-digits), "f")
    line = {"line_id": "1", "quantity": "1", "price_amount": price}
    data = {
        "document_type": "contract",
        "id": "",
        "issue_date": "2026-01-01",
        "document_currency_code": currency,
    }
    document = document_from_json({**data, "lines": [line]}).totalled()
    assert format(document.payable_amount or 0, "f") == price
    assert document_to_json(document_from_json(document_to_json(document)))["payable_amount"] == price
    assert total(apportion(price, weights, currency)) == Decimal(price)
