"""Exact numbers, minor units and division without loss."""

from __future__ import annotations

from decimal import Context, Decimal, localcontext
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_docflow.document import MINOR_UNITS, apportion, minor_units, money
from airflow_provider_docflow.document.money import canonical, exact_decimal, plain
from airflow_provider_docflow.exceptions import InvalidDocument


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (12, "12"),
        ("12.50", "12.50"),
        (Decimal("1E+3"), "1000"),
        ("-0.00", "0.00"),
        (Decimal("-0"), "0"),
        (Decimal("0E+400"), "0"),
        (Decimal("0E-400"), "0.0000"),
        ("1.5000000000", "1.5000"),
        ("007", "7"),
        ("999999999999999999.9999", "999999999999999999.9999"),
        (-(10**18) + 1, "-999999999999999999"),
    ],
)
def test_exact_numbers_are_taken(value: Any, text: str) -> None:
    assert plain(exact_decimal(value, decimals=4)) == text


@pytest.mark.parametrize(
    "value",
    [
        12.5,
        0.0,
        float("nan"),
        float("inf"),
        True,
        None,
        [],
        b"1",
        1 + 0j,
        "",
        " 1",
        "1 ",
        "1e3",
        "1,234.50",
        "1_000",
        "\uff11\uff12",
        "NaN",
        "Infinity",
        ".5",
        "5.",
        "0x10",
        "1.23456",
        Decimal("NaN"),
        Decimal("sNaN"),
        Decimal("-Infinity"),
        Decimal("1E+999999"),
        Decimal("1E-999999999"),
        10**18,
        pytest.param(10**5000, id="huge"),
        "1000000000000000000",
    ],
)
def test_everything_else_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match=r"."):
        exact_decimal(value, decimals=4)


def test_a_float_is_refused_with_what_to_give_instead() -> None:
    with pytest.raises(ValueError, match=r"12\.5 is a float .*lost digits; give a Decimal or a string"):
        exact_decimal(12.5, decimals=4)


@pytest.mark.parametrize(
    ("code", "digits"),
    [
        ("JPY", 0),
        ("ISK", 0),
        ("UGX", 0),
        ("CNY", 2),
        ("HUF", 2),
        ("KWD", 3),
        ("IQD", 3),
        ("CLF", 4),
        ("UYW", 4),
    ],
)
def test_minor_units(code: str, digits: int) -> None:
    assert minor_units(code) == digits


def test_the_table_has_only_codes_and_none_twice() -> None:
    assert all(len(code) == 3 and code.isalpha() and code.isupper() for code in MINOR_UNITS)
    assert len(MINOR_UNITS) == sum(len(codes.split()) for codes in money._BY_MINOR_UNITS.values())


@pytest.mark.parametrize("code", ["", "XXX", "XTS", "XAU", "XDR", "DEM", "HRK", "eur", "RMB", "EURO"])
def test_what_has_no_minor_unit_is_refused(code: str) -> None:
    with pytest.raises(InvalidDocument) as caught:
        minor_units(code)
    assert caught.value.field == "document_currency_code"


@pytest.mark.parametrize(
    ("amount", "weights", "currency", "shares", "index", "remainder"),
    [
        ("100.00", [1, 1, 1], "EUR", ["33.34", "33.33", "33.33"], 0, "0.01"),
        ("-100.00", [1, 1, 1], "EUR", ["-33.34", "-33.33", "-33.33"], 0, "-0.01"),
        ("100", [1, 2, 2], "JPY", ["20", "40", "40"], None, "0"),
        ("101", [1, 2, 2], "JPY", ["20", "41", "40"], 1, "1"),
        ("0.05", [1] * 7, "EUR", ["0.05"] + ["0.00"] * 6, 0, "0.05"),
        ("1.000", ["0.1", "0.2"], "KWD", ["0.333", "0.667"], 1, "0.001"),
        ("0", [0, 0], "EUR", ["0.00", "0.00"], None, "0"),
        ("5", [0, 3], "EUR", ["0.00", "5.00"], None, "0"),
    ],
)
def test_apportion(
    amount: str, weights: list[Any], currency: str, shares: list[str], index: int | None, remainder: str
) -> None:
    found = apportion(amount, weights, currency)
    assert [plain(share) for share in found] == shares
    assert (found.remainder_index, found.remainder) == (index, Decimal(remainder))


@pytest.mark.parametrize(
    ("amount", "weights"),
    [("1", []), ("1", [0, 0]), ("1", [2, -1]), ("1.001", [1]), (1.5, [1]), ("1", [0.5])],
)
def test_what_cannot_be_divided_is_refused(amount: Any, weights: list[Any]) -> None:
    with pytest.raises(InvalidDocument):
        apportion(amount, weights, "EUR")


@given(
    cents=st.integers(min_value=-(10**20) + 1, max_value=10**20 - 1),
    weights=st.lists(st.decimals(0, 10**17, places=4), min_size=1, max_size=60).filter(any),
)
def test_shares_sum_to_the_amount_and_never_turn_their_sign(cents: int, weights: list[Decimal]) -> None:
    amount = Decimal(cents).scaleb(-2, Context(prec=50))
    with localcontext(Context(prec=3)):  # whatever the process has set
        shares = apportion(amount, weights, "EUR")
    with localcontext(Context(prec=60)):
        assert sum(shares) == amount
        assert all(share == 0 or (share > 0) == (amount > 0) for share in shares)
        exact = [amount * weight / sum(weights) for weight in weights]
        others = [i for i in range(len(weights)) if i != shares.remainder_index]
        assert all(abs(shares[i] - exact[i]) < Decimal("0.01") for i in others)
    assert (shares.remainder_index is None) == (shares.remainder == 0)


@given(st.decimals(-(10**17), 10**17, places=6))
def test_canonical_text_is_one_per_number(number: Decimal) -> None:
    longer = Decimal(plain(number) + "000")
    assert canonical(longer) == canonical(number)
    assert Decimal(canonical(number)) == number
    assert "E" not in canonical(number)
