"""What the fields of a document take and refuse, and that JSON gives back what it got."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from airflow_provider_docflow.document import (
    Document,
    DocumentRef,
    DocumentState,
    DocumentType,
    LifecycleState,
    PayeeAccount,
    document_from_json,
    document_to_json,
)
from airflow_provider_docflow.exceptions import InvalidDocument

Order = Callable[..., Document]


@pytest.mark.parametrize(
    "field", ["price_amount", "tax_percent", "tax_amount", "line_extension_amount", "quantity"]
)
@pytest.mark.parametrize("value", [10.0, float("nan"), True, "NaN", "1e2", "ten", {}])
def test_no_float_nor_nonsense_on_a_line(order: Order, field: str, value: Any) -> None:
    with pytest.raises(InvalidDocument) as caught:
        order(line={field: value})
    assert caught.value.field == f"lines[0].{field}"
    assert caught.value.document == "PO-1"


@pytest.mark.parametrize(
    "field", ["tax_amount", "payable_amount", "payable_rounding_amount", "exchange_rate"]
)
def test_no_float_on_the_document(order: Order, field: str) -> None:
    with pytest.raises(InvalidDocument, match=rf"{field}: 0\.1 is a float") as caught:
        order(**{field: 0.1})
    assert caught.value.field == field


@pytest.mark.parametrize("data", [[{"charge": True, "amount": 1.5}], [{"charge": 1, "amount": "1"}]])
def test_no_float_in_an_allowance_and_no_guessed_direction(order: Order, data: Any) -> None:
    with pytest.raises(InvalidDocument, match=r"lines\[0\]\.allowance_charge\[0\]"):
        order(line={"allowance_charge": data})


@pytest.mark.parametrize(
    ("value", "error"),
    [
        ("1.12345678901", "more than 10 digits after"),
        ("1000000000000000000", "more than 18 digits before"),
    ],
)
def test_prices_have_bounds(order: Order, value: str, error: str) -> None:
    with pytest.raises(InvalidDocument, match=error):
        order(line={"price_amount": value})


@pytest.mark.parametrize("value", ["-1", "100.01", "101"])
def test_a_percentage_is_between_0_and_100(order: Order, value: str) -> None:
    with pytest.raises(InvalidDocument, match="per cent"):
        order(line={"tax_percent": value})


def test_every_wrong_field_is_named() -> None:
    data = {
        "document_type": "purchase_ordre",
        "id": "PO-9",
        "issue_date": "31.03.2026",
        "supplier": "x",
        "lines": [{"line_id": "10", "quantity": 1.5}, {"quantity": "1"}],
    }
    with pytest.raises(InvalidDocument) as caught:
        document_from_json(data)
    message = str(caught.value)
    for field in ("document_type", "issue_date", "supplier", "lines[0].quantity", "lines[1].line_id"):
        assert field in message
    assert "document PO-9" in message
    assert "these 5 fields" in message
    assert "extensions.<instance>" in message


@pytest.mark.parametrize("data", [None, [], "{}", 3])
def test_what_is_no_mapping_is_no_document(data: Any) -> None:
    with pytest.raises(InvalidDocument, match="this is no Document"):
        document_from_json(data)


@pytest.mark.parametrize(
    "value",
    [
        datetime(2026, 3, 31),
        datetime(2026, 3, 31, tzinfo=UTC),
        1774915200,
        "2026-03-31T00:00:00",
        "2026-02-30",
        "20260331",
    ],
)
def test_a_business_date_is_a_day_and_nothing_else(order: Order, value: Any) -> None:
    with pytest.raises(InvalidDocument) as caught:
        order(posting_date=value)
    assert caught.value.field == "posting_date"


def test_a_day_stays_the_day(order: Order) -> None:
    assert order(posting_date=date(2026, 3, 31)).posting_date == order(posting_date="2026-03-31").posting_date


@pytest.mark.parametrize("value", [" PO-1", "PO-1\n", "PO\u200b-1", "PO\x00", "PO\t1", "P" * 256])
def test_an_id_that_would_be_a_second_identity_is_refused(order: Order, value: str) -> None:
    with pytest.raises(InvalidDocument) as caught:
        order(id=value)
    assert caught.value.field == "id"


@pytest.mark.parametrize("value", ["采购申请-2026-001", "Réf. n° 7", "X" * 60, "", "A B/C#1"])
def test_numbers_are_kept_as_the_system_writes_them(order: Order, value: str) -> None:
    assert document_from_json(document_to_json(order(id=value))).id == value


@pytest.mark.parametrize("value", ["eur", "EURO", "E", "€€€", 978])
def test_a_currency_is_three_capitals(order: Order, value: Any) -> None:
    with pytest.raises(InvalidDocument) as caught:
        order(document_currency_code=value)
    assert caught.value.field == "document_currency_code"


def test_documents_cannot_be_changed(order: Order) -> None:
    document = order()
    with pytest.raises(ValidationError):
        document.id = "PO-2"  # type: ignore[misc]
    with pytest.raises(TypeError):
        document.lines[0] = document.lines[1]  # type: ignore[index]


def test_extensions_are_json_and_survive(order: Order) -> None:
    fields = {"x_a": [1, 2.5, None, True, {"深": "é"}], "x_b": "12.50"}
    document = order(extensions={"odoo-1": fields}, line={"extensions": {"sap-1": {"z": [{"k": 1}]}}})
    fields["x_b"] = "changed behind its back"
    again = document_from_json(json.loads(json.dumps(document_to_json(document))))
    assert again == document
    assert again.extensions["odoo-1"]["x_b"] == "12.50"
    assert again.lines[0].extensions["sap-1"] == {"z": [{"k": 1}]}


@pytest.mark.parametrize("value", [Decimal("1.5"), date(2026, 1, 1), float("nan"), {1: 2}, object(), b""])
def test_an_extension_that_json_cannot_hold_is_refused(order: Order, value: Any) -> None:
    with pytest.raises(InvalidDocument) as caught:
        order(extensions={"odoo-1": {"x_a": [value]}})
    assert caught.value.field == "extensions.odoo-1.x_a"


def test_an_iban_is_checked_and_kept_without_spaces(order: Order) -> None:
    document = order(payee_account={"iban": "de89 3704 0044 0532 0130 00", "bank": "COBADEFF"})
    assert document.payee_account is not None
    assert document.payee_account.iban == "DE89370400440532013000"


@pytest.mark.parametrize(
    "account",
    [
        {},
        {"bank": "ICBC"},
        {"iban": "DE88370400440532013000"},
        {"iban": "6222021001112223334"},
        {"account_number": 62},
    ],
)
def test_an_account_that_nobody_could_pay_is_refused_without_telling_it(order: Order, account: Any) -> None:
    with pytest.raises(InvalidDocument, match="payee_account") as caught:
        order(payee_account=account)
    assert "DE88" not in str(caught.value)
    assert "62220210" not in str(caught.value)


def test_pydantic_does_not_tell_the_account_either() -> None:
    with pytest.raises(ValidationError) as caught:
        PayeeAccount(iban="DE88370400440532013000")
    assert "DE88" not in str(caught.value)


def test_a_payment_term_says_when_in_one_way(order: Order) -> None:
    with pytest.raises(InvalidDocument, match=r"payment_terms\[0\].*not both"):
        order(payment_terms=[{"due_date": "2026-04-30", "days": 30}])


def test_checksums(order: Order) -> None:
    document = order(attachments=[{"name": "合同.pdf", "sha256": "AB" * 32, "size": 3}])
    assert document.attachments[0].sha256 == "ab" * 32
    for wrong in ({"name": "a", "sha256": "ab"}, {"name": "a", "size": -1}, {"name": "a", "size": 1.0}):
        with pytest.raises(InvalidDocument, match=r"attachments\[0\]"):
            order(attachments=[wrong])


def test_json_is_plain_text_for_every_amount(order: Order) -> None:
    data = document_to_json(order(line={"price_amount": Decimal("1E+3")}, exchange_rate="0.000000000000001"))
    assert data["lines"][0]["price_amount"] == "1000"
    assert data["exchange_rate"] == "0.000000000000001"
    assert data["issue_date"] == "2026-03-31"
    assert not any(isinstance(value, float) for value in json.loads(json.dumps(data["lines"][0])).values())


def test_json_text_is_read_without_a_float(order: Order) -> None:
    text = json.dumps(document_to_json(order())).replace('"10.00"', "10.10")
    assert document_from_json(json.loads(text, parse_float=Decimal)).lines[0].price_amount == Decimal("10.10")
    with pytest.raises(InvalidDocument, match=r"10\.1 is a float"):
        document_from_json(json.loads(text))


REF = DocumentRef("sap-prd-100", "1000", DocumentType.SUPPLIER_INVOICE, "51000001", "5100-1", 2026)


def test_a_reference_round_trips_and_is_a_key() -> None:
    again = DocumentRef.from_json(json.loads(json.dumps(REF.to_json())))
    assert again == REF
    assert {REF: 1}[again] == 1
    assert type(again.document_type) is DocumentType
    assert set(REF.to_json()) == {
        "instance", "company_code", "document_type", "internal_id", "number", "fiscal_year",
    }  # fmt: skip


def test_a_reference_reads_like_a_sentence() -> None:
    assert str(REF) == "supplier invoice 5100-1 (company 1000, fiscal year 2026) in sap-prd-100"
    draft = DocumentRef("odoo-1", "", DocumentType.PURCHASE_ORDER, "17")
    assert str(draft) == "purchase order with id 17 in odoo-1"


def test_a_reference_keeps_its_identity_when_the_draft_gets_a_number() -> None:
    draft = DocumentRef.from_json({**REF.to_json(), "number": ""})
    assert draft != REF
    assert draft.identity == REF.identity
    for field, other in (
        ("instance", "x"),
        ("company_code", "2"),
        ("internal_id", "9"),
        ("fiscal_year", 2025),
    ):
        assert DocumentRef.from_json({**REF.to_json(), field: other}).identity != REF.identity


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("instance", ""),
        ("internal_id", ""),
        ("internal_id", 7),
        ("document_type", "x"),
        ("fiscal_year", "2026"),
        ("conn_id", "a"),
    ],
)
def test_a_reference_that_names_nothing_is_refused(field: str, value: Any) -> None:
    with pytest.raises(InvalidDocument) as caught:
        DocumentRef.from_json(REF.to_json() | {field: value})
    assert caught.value.field == field


def test_a_state_knows_nothing_until_it_is_told() -> None:
    state = DocumentState(read_at=datetime(2026, 1, 1, tzinfo=UTC))
    assert state.unknown_axes == ("lifecycle", "approval", "fulfilment", "invoicing", "payment")
    assert state.is_alive is None
    assert state.is_approved is None


@pytest.mark.parametrize("lifecycle", list(LifecycleState))
def test_alive_is_neither_cancelled_nor_reversed(lifecycle: LifecycleState) -> None:
    state = DocumentState(lifecycle=lifecycle, read_at=datetime(2026, 1, 1, tzinfo=UTC))
    expected = {"unknown": None, "cancelled": False, "reversed": False}
    assert state.is_alive is expected.get(lifecycle.value, True)


@pytest.mark.parametrize("approval", ["none", "pending", "rejected", "returned", "withdrawn", "revoked"])
def test_only_approved_is_approved(approval: str) -> None:
    data = {"approval": approval, "read_at": "2026-01-01T00:00:00Z"}
    assert DocumentState.from_json(data).is_approved is False
    assert DocumentState.from_json(data | {"approval": "approved"}).is_approved is True


def test_a_state_round_trips_in_utc() -> None:
    moment = datetime(2026, 3, 31, 8, 0, 0, 123456, tzinfo=timezone(timedelta(hours=8)))
    state = DocumentState(
        lifecycle=LifecycleState.ACTIVE, raw={"FBillStatus": "C", "状态": "已审核"}, read_at=moment
    )
    data = state.to_json()
    assert data["read_at"] == "2026-03-31T00:00:00.123456Z"
    assert DocumentState.from_json(json.loads(json.dumps(data))) == state


@pytest.mark.parametrize(
    "value", [datetime(2026, 1, 1), "2026-01-01T00:00:00", "2026-01-01", 1774915200, None, "soon"]
)
def test_an_instant_without_a_zone_is_refused(value: Any) -> None:
    with pytest.raises(InvalidDocument) as caught:
        DocumentState.from_json({"read_at": value})
    assert caught.value.field == "read_at"


def test_a_word_that_nobody_mapped_is_refused() -> None:
    with pytest.raises(InvalidDocument) as caught:
        DocumentState.from_json({"approval": "agree", "read_at": "2026-01-01T00:00:00Z"})
    assert caught.value.field == "approval"


def test_the_import_is_light() -> None:
    program = (
        "import sys, airflow_provider_docflow.document;"
        "heavy = {'airflow', 'pandas', 'sqlalchemy', 'httpx2'};"
        "print(sorted({name.split('.')[0] for name in sys.modules} & heavy))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
