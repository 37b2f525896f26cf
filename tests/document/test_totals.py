"""UBL's arithmetic: what is filled in, what is accepted and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Context, Decimal, localcontext
from typing import Any

import pytest

from airflow_provider_docflow.document import Document, document_to_json
from airflow_provider_docflow.exceptions import InvalidDocument

Order = Callable[..., Document]

GROSS = {"quantity": "1", "price_includes_tax": True}
NET = "lines[0].line_extension_amount"


def discount(amount: str) -> list[dict[str, Any]]:
    return [{"charge": False, "amount": amount}]


def one(order: Order, currency: str = "EUR", line: dict[str, Any] | None = None, **changes: Any) -> Document:
    """Keep only the first line, untaxed unless told otherwise."""
    document = order(document_currency_code=currency, line={"tax_percent": None} | (line or {}), **changes)
    return document.model_copy(update={"lines": document.lines[:1]})


def refused(document: Document) -> InvalidDocument:
    with pytest.raises(InvalidDocument) as caught:
        document.check()
    return caught.value


def test_an_order_is_totalled(order: Order) -> None:
    data = document_to_json(order().totalled())
    assert [line["line_extension_amount"] for line in data["lines"]] == ["30.00", "5.00"]
    assert [line["tax_amount"] for line in data["lines"]] == ["5.70", None]
    assert (data["tax_amount"], data["payable_amount"]) == ("5.70", "40.70")


@pytest.mark.parametrize(
    ("currency", "line", "net", "tax"),
    [
        ("EUR", {"quantity": "3", "price_amount": "0.335"}, "1.01", None),  # 1.005 rounds away from zero
        ("EUR", {"quantity": "1000", "price_amount": "1.2345", "base_quantity": "100"}, "12.35", None),
        ("EUR", {"quantity": "1", "price_amount": "1", "base_quantity": "3"}, "0.33", None),
        ("JPY", {"quantity": "3", "price_amount": "33.5"}, "101", None),
        ("JPY", {"quantity": "1", "price_amount": "105", "tax_percent": "10"}, "105", "11"),  # 10.5
        ("KWD", {"quantity": "1", "price_amount": "0.0005"}, "0.001", None),
        ("CLF", {"quantity": "1", "price_amount": "0.00005"}, "0.0001", None),
        ("EUR", {"quantity": "0.0000000001", "price_amount": "0.0000000001"}, "0.00", None),
        ("EUR", {"quantity": "1", "price_amount": "0"}, "0.00", None),
        # the 13 % inside 100.00 is 11.50; net and tax always sum to what was typed
        ("CNY", GROSS | {"price_amount": "100.00", "tax_percent": "13"}, "88.50", "11.50"),
        ("CNY", GROSS | {"price_amount": "0.05", "tax_percent": "13"}, "0.04", "0.01"),
        ("CNY", GROSS | {"price_amount": "100", "tax_amount": "11.5"}, "88.50", "11.5"),
        (
            "EUR",
            {
                "quantity": "2",
                "price_amount": "10",
                "tax_percent": "20",
                "allowance_charge": [{"charge": False, "amount": "1.50"}, {"charge": True, "amount": "0.25"}],
            },
            "18.75",
            "3.75",
        ),
    ],
)  # fmt: skip
def test_line_amounts(order: Order, currency: str, line: dict[str, Any], net: str, tax: str | None) -> None:
    filled = document_to_json(one(order, currency, line).totalled())["lines"][0]
    assert (filled["line_extension_amount"], filled["tax_amount"]) == (net, tax)


def test_eighteen_digits_stay_exact_in_any_decimal_context(order: Order) -> None:
    line = {"quantity": "1", "price_amount": "99999999999999999.99", "tax_percent": "10"}
    with localcontext(Context(prec=4)):
        data = document_to_json(one(order, line=line).totalled())
    assert data["tax_amount"] == "10000000000000000.00"
    assert data["payable_amount"] == "109999999999999999.99"


def test_a_total_of_nineteen_digits_is_refused(order: Order) -> None:
    document = one(order, line={"quantity": "10", "price_amount": "999999999999999999"})
    with pytest.raises(InvalidDocument, match="more than 18 digits") as caught:
        document.totalled()
    assert caught.value.field == "lines[0].line_extension_amount"


def test_document_allowances_carry_their_own_tax(order: Order) -> None:
    items = [
        {"charge": False, "amount": "3.00", "reason": "Rabatt", "tax_percent": "19"},
        {"charge": True, "amount": "10.00", "reason": "运费"},
    ]
    data = document_to_json(order(allowance_charge=items, payable_rounding_amount="-0.03").totalled())
    assert data["tax_amount"] == "5.13"  # 5.70 - 0.57
    assert data["payable_amount"] == "47.10"  # 35 - 3 + 10 + 5.13 - 0.03


def three_lines(order: Order, **changes: Any) -> Document:
    """Three times 0.45 at 10 %: 0.05 per line, 0.14 together."""
    line = {"quantity": "1", "price_amount": "0.45", "tax_percent": "10"}
    return order(lines=[{"line_id": str(number), **line} for number in range(3)], **changes)


@pytest.mark.parametrize("tax", ["0.15", "0.14"])
def test_tax_by_line_and_tax_by_rate_are_both_lawful(order: Order, tax: str) -> None:
    three_lines(order, tax_amount=tax).check()
    payable = str(Decimal("1.35") + Decimal(tax))
    assert three_lines(order, payable_amount=payable).totalled().tax_amount == Decimal(tax)


def test_what_is_filled_in_is_rounded_per_line(order: Order) -> None:
    assert three_lines(order).totalled().tax_amount == Decimal("0.15")


def test_tax_inside_a_price_is_not_rounded_again_by_rate(order: Order) -> None:
    """Nine times 0.05 with 13 % inside: 0.04 + 0.01 each, whatever 13 % of 0.36 is."""
    row = GROSS | {"price_amount": "0.05", "tax_percent": "13"}
    rows = [{"line_id": str(number), **row} for number in range(9)]
    assert order(lines=rows).totalled().tax_amount == Decimal("0.09")
    assert refused(order(lines=rows, tax_amount="0.05")).field == "tax_amount"


def test_the_room_for_rounding_grows_with_the_lines(order: Order) -> None:
    row = {"quantity": "1", "price_amount": "1"}
    many = [{"line_id": str(number), **row} for number in range(150)]
    order(lines=many, payable_rounding_amount="1.50").check()
    assert refused(order(lines=many, payable_rounding_amount="1.51")).field == "payable_rounding_amount"


def test_one_line_id_in_two_spellings_is_one(order: Order) -> None:
    rows = [{"line_id": name, "quantity": "1", "price_amount": "1"} for name in ("\u00e9", "e\u0301")]
    assert refused(order(lines=rows)).field == "lines[1].line_id"


@pytest.mark.parametrize("tax", ["0.13", "0.16"])
def test_any_other_tax_is_refused(order: Order, tax: str) -> None:
    error = refused(three_lines(order, tax_amount=tax))
    assert error.field == "tax_amount"
    assert "expected 0.15 EUR" in error.message
    assert f"found {tax} EUR" in error.message


def test_a_tax_that_only_the_document_tells_is_taken(order: Order) -> None:
    document = one(order, tax_amount="3.21").totalled()
    assert document.payable_amount == Decimal("33.21")
    assert document.lines[0].tax_amount is None


def test_given_totals_are_kept_as_they_are_written(order: Order) -> None:
    document = order(payable_amount="40.7", line={"line_extension_amount": "30"}).totalled()
    data = document_to_json(document)
    assert (data["payable_amount"], data["lines"][0]["line_extension_amount"]) == ("40.7", "30")
    assert document.totalled() == document


@pytest.mark.parametrize(
    ("line", "changes", "field", "words"),
    [
        ({"quantity": "0"}, {}, "lines[0].quantity", "expected more than 0, found 0 (line 10)"),
        ({"quantity": "-3"}, {}, "lines[0].quantity", "found -3"),
        ({"base_quantity": "0"}, {}, "lines[0].base_quantity", "expected more than 0"),
        ({"line_id": "20"}, {}, "lines[1].line_id", "already that of lines[0]"),
        ({"price_amount": None}, {}, "lines[0].price_amount", "is missing (line 10)"),
        ({"price_amount": "-1"}, {}, "lines[0].price_amount", "found -1"),
        ({"line_extension_amount": "30.01"}, {}, NET, "expected 30.00 EUR, found 30.01"),
        ({"tax_amount": "5.71"}, {}, "lines[0].tax_amount", "expected 5.70 EUR, found 5.71 EUR"),
        ({"tax_percent": None, "price_includes_tax": True}, {}, "lines[0].tax_percent", "includes the tax"),
        ({"tax_percent": None, "tax_amount": "-1"}, {}, "lines[0].tax_amount", "expected 0 or more"),
        ({"allowance_charge": discount("30.01")}, {}, NET, "found -0.01"),
        ({"allowance_charge": discount("-1")}, {}, "lines[0].allowance_charge[0].amount", "-1"),
        ({"allowance_charge": discount("0.001")}, {}, "lines[0].allowance_charge[0].amount", "(2)"),
        (
            {"allowance_charge": [{"charge": True, "amount": "1", "tax_percent": "7"}]},
            {},
            "lines[0].allowance_charge[0].tax_percent",
            "taxed as its line",
        ),
        ({"accounting": [{"share": "0.5"}, {"share": "0.4"}]}, {}, "lines[0].accounting", "0.5 + 0.4"),
        ({"accounting": [{"share": "1.5"}, {"share": "-0.5"}]}, {}, "lines[0].accounting", "above 0"),
        ({}, {"lines": []}, "lines", "no line"),
        ({}, {"document_currency_code": ""}, "document_currency_code", "not a currency"),
        ({}, {"document_currency_code": "XYZ"}, "document_currency_code", "'XYZ' is not a currency"),
        ({"line_extension_amount": "30.005"}, {}, NET, "more decimals than EUR"),
        ({}, {"document_currency_code": "JPY", "tax_amount": "5.7"}, "tax_amount", "more decimals than JPY"),
        ({}, {"document_currency_code": "KWD", "payable_amount": "40.7001"}, "payable_amount", "has (3)"),
        ({}, {"payable_amount": "40.71"}, "payable_amount", "expected 40.70 EUR, found 40.71 EUR"),
        ({}, {"payable_amount": "-40.70"}, "payable_amount", "expected 0 or more"),
        ({}, {"payable_rounding_amount": "1.01"}, "payable_rounding_amount", "up to 1 EUR"),
        ({}, {"payable_rounding_amount": "0.001"}, "payable_rounding_amount", "found 0.001"),
        ({}, {"allowance_charge": discount("99")}, "payable_amount", "expected 0 or more"),
        ({}, {"payment_terms": [{"percent": "30", "prepayment": True}]}, "payment_terms", "found 30"),
        ({}, {"payment_terms": [{"percent": "30"}, {"days": 30}]}, "payment_terms", "30, none"),
        ({}, {"exchange_rate": "0"}, "exchange_rate", "more than 0"),
    ],
)  # fmt: skip
def test_contradictions_are_refused(
    order: Order, line: dict[str, Any], changes: dict[str, Any], field: str, words: str
) -> None:
    document = order(line=line, **changes) if "lines" not in changes else order().model_copy(update=changes)
    error = refused(document)
    assert (error.field, error.document) == (field, "PO-1")
    assert words in error.message
    assert error.remedy


def test_what_adds_up_is_not_refused(order: Order) -> None:
    terms = [{"percent": "30", "prepayment": True}, {"percent": "70", "days": 30}]
    shares = [{"cost_centre": "A", "share": "0.3333333333"}, {"cost_centre": "B", "share": "0.6666666667"}]
    document = order(
        payment_terms=terms, line={"accounting": shares}, payable_rounding_amount="-0.70", payable_amount="40"
    )
    assert document.checked() is document


def test_the_first_error_is_the_cause_and_no_sums_follow_it(order: Order) -> None:
    error = refused(order(line={"line_extension_amount": "31"}, tax_amount="99", payable_amount="99"))
    assert "tax_amount" not in error.message
    both = refused(order(line={"quantity": "0", "price_amount": "-1"}))
    assert "lines[0].price_amount: expected 0 or more" in both.message


def test_a_small_difference_is_shown_where_it_belongs(order: Order) -> None:
    assert "payable_rounding_amount" in refused(order(payable_amount="40.69")).remedy
    assert "payable_rounding_amount" not in refused(order(payable_amount="60")).remedy


@pytest.mark.parametrize("kind", ["credit_note", "purchase_order"])
def test_a_credit_note_is_positive_and_says_so(order: Order, kind: str) -> None:
    order(document_type=kind).check()
    remedy = refused(order(document_type=kind, line={"quantity": "-1"})).remedy
    assert ("itself says that the money flows back" in remedy) == (kind == "credit_note")
    assert ("belongs into a credit_note" in remedy) == (kind != "credit_note")


@pytest.mark.parametrize("kind", ["payment", "payment_request"])
def test_a_payment_of_nothing_is_refused(order: Order, kind: str) -> None:
    assert refused(one(order, line={"price_amount": "0"}, document_type=kind)).field == "payable_amount"
    one(order, line={"price_amount": "0"}).check()


@pytest.mark.parametrize("kind", ["goods_receipt", "delivery"])
def test_goods_may_move_without_a_value(order: Order, kind: str) -> None:
    lines = [{"line_id": "1", "quantity": "4"}, {"line_id": "2", "quantity": "5"}]
    document = order(document_type=kind, lines=lines, document_currency_code="")
    assert document.totalled() == document
    lines[0]["price_amount"] = "3"
    half = order(document_type=kind, lines=lines)
    assert refused(half).field == "lines[1].price_amount"


def test_zero_decimals_may_be_written_with_a_point(order: Order) -> None:
    one(order, "JPY", {"price_amount": "100.00"}, payable_amount="300.00").check()


def test_a_document_without_a_number_is_still_named(order: Order) -> None:
    assert refused(order(id="", line={"quantity": "0"})).document == "(purchase_order without a number)"


def test_what_is_whole_is_not_totalled_again_and_a_changed_copy_is(order: Order) -> None:
    whole = order().totalled()
    assert whole.totalled() is whole
    changed = whole.model_copy(update={"payable_amount": Decimal("40.71")})
    assert refused(changed).field == "payable_amount"
    with pytest.raises(InvalidDocument):
        changed.totalled()
    open_amounts = {"line_extension_amount": None, "tax_amount": None, "quantity": Decimal(4)}
    line = whole.lines[0].model_copy(update=open_amounts)
    other = whole.model_copy(update={"lines": (line,), "tax_amount": None, "payable_amount": None})
    assert other.totalled().payable_amount != whole.payable_amount
