"""Exact decimals: what counts as a number, the minor units of every currency, rounding and splitting."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import (
    ROUND_DOWN,
    ROUND_HALF_UP,
    Context,
    Decimal,
    DivisionByZero,
    InvalidOperation,
    Overflow,
    localcontext,
)
from typing import Any

from airflow_provider_docflow.exceptions import InvalidDocument

#: Wide enough for quantity * price / base quantity, whatever decimal context the caller's process has set.
EXACT = Context(prec=120, rounding=ROUND_HALF_UP, traps=[InvalidOperation, DivisionByZero, Overflow])

#: The largest number of digits before the point of an amount, a price or a quantity.
INTEGER_DIGITS = 18

_BY_MINOR_UNITS = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    2: "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF"
    " CHE CHF CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD"
    " GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL"
    " MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR"
    " PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP"
    " TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG",
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}

#: ISO 4217: currency code to the number of decimals of its minor unit. Metals, funds without one and test
#: codes are left out: no document can be totalled in them.
MINOR_UNITS: dict[str, int] = {
    code: digits for digits, codes in _BY_MINOR_UNITS.items() for code in codes.split()
}

_PLAIN = re.compile(r"[+-]?[0-9]{1,60}(\.[0-9]{1,60})?")


def exact_decimal(value: Any, *, decimals: int, integer_digits: int = INTEGER_DIGITS) -> Decimal:
    """Take an int, a Decimal or a plain decimal string as an exact number.

    :param value: the number; a float has already lost digits and is refused.
    :param decimals: most digits after the point, trailing zeros not counted.
    :param integer_digits: most digits before the point.
    :raises ValueError: not such a number; the text says why and what to give instead.
    :returns: the number in plain notation, trailing zeros kept; never a negative zero.
    """
    number = _number(value)
    if not number.is_finite():
        raise ValueError(f"{number} is not a number that a document can hold")
    exponent = int(number.as_tuple().exponent)
    if number.is_zero():
        return Decimal((0, (0,), min(0, max(exponent, -decimals))))
    if number.adjusted() >= integer_digits:
        raise ValueError(f"more than {integer_digits} digits before the point")
    if decimals_of(number) > decimals:
        raise ValueError(f"{number!s:.40} has more than {decimals} digits after the point")
    return rounded(number, decimals) if exponent < -decimals else Decimal(format(number, "f"))


def _number(value: Any) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, (int, str, Decimal)):
        kind = type(value).__name__
        hint = " and has already lost digits" if isinstance(value, float) else ""
        raise ValueError(f"{value!r:.60} is a {kind}{hint}; give a Decimal or a string such as '12.50'")
    if isinstance(value, str) and not _PLAIN.fullmatch(value):
        raise ValueError(f"{value!r:.60} is not a plain decimal number such as '1234.50'")
    if isinstance(value, int) and abs(value) >= 10**INTEGER_DIGITS:
        raise ValueError(f"more than {INTEGER_DIGITS} digits before the point")
    return Decimal(value)


def decimals_of(number: Decimal) -> int:
    """Return how many digits after the point carry a value: 1 for 10.50, 0 for 100.

    :param number: a finite number.
    """
    _, digits, exponent = number.as_tuple()
    used = len("".join(map(str, digits)).rstrip("0"))
    return max(0, used - len(digits) - int(exponent)) if used else 0


def plain(number: Decimal) -> str:
    """Write a number without an exponent, as it stands in JSON.

    :param number: a finite number.
    """
    return format(number, "f")


def canonical(number: Decimal) -> str:
    """Write a number so that equal numbers have equal text: 10, 10.0 and 10.00 are all ``10``.

    :param number: a finite number.
    """
    text = format(number, "f")
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text in ("-0", "") else text


def written_amount(amount: Decimal, currency: str) -> str:
    """Return an amount with the decimals that its currency is written with, or more where it has more."""
    digits = MINOR_UNITS.get(currency, 0)
    return format(amount, "f") if decimals_of(amount) >= digits else f"{amount:.{digits}f}"


def minor_units(currency: str) -> int:
    """Return the number of decimals of a currency's minor unit.

    :param currency: ISO 4217 code, upper case.
    :raises InvalidDocument: the code is not a currency in which amounts can be written.
    """
    try:
        return MINOR_UNITS[currency]
    except KeyError:
        raise InvalidDocument(
            f"{currency!r} is not a currency of ISO 4217 that has a minor unit",
            field="document_currency_code",
            remedy="Give the three-letter code in capitals, such as EUR, CNY or JPY.",
        ) from None


def rounded(number: Decimal, digits: int) -> Decimal:
    """Round half away from zero, as UBL and EN 16931 do.

    :param number: any finite number.
    :param digits: decimals to keep, as :func:`minor_units` gives them.
    """
    return number.quantize(Decimal(1).scaleb(-digits), context=EXACT)


class Apportionment(list[Decimal]):
    """The shares of :func:`apportion`, in the order of the weights; their sum is the amount.

    ``remainder_index`` is the share that carries what could not be divided (``None``: nothing was left) and
    ``remainder`` how much that is.
    """

    remainder_index: int | None = None
    remainder: Decimal = Decimal(0)


def apportion(
    amount: Decimal | int | str, weights: Sequence[Decimal | int | str], currency: str
) -> Apportionment:
    """Divide an amount by weights, to the minor unit, without losing or inventing any of it.

    Each share is cut to the minor unit, never rounded away from zero, so no share changes its sign; all that
    is left sits on one share, the first of those with the largest weight.

    :param amount: what to divide, in the currency's minor units; may be negative.
    :param weights: one per share, none negative, not all zero unless the amount is zero.
    :param currency: ISO 4217 code.
    :raises InvalidDocument: a weight or the amount is not usable.
    """
    digits = minor_units(currency)
    total = _argument(amount, "amount", digits)
    parts = [_argument(weight, f"weights[{index}]", 20) for index, weight in enumerate(weights)]
    if not parts or min(parts) < 0 or (total and not any(parts)):
        raise InvalidDocument(
            f"{plain(total)} {currency} cannot be divided: the weights are missing, negative or all zero",
            field="weights",
            remedy="Give one weight per share, none negative and at least one above zero.",
        )
    return _shares(total, parts, digits)


def _shares(total: Decimal, weights: list[Decimal], digits: int) -> Apportionment:
    unit = Decimal(1).scaleb(-digits)
    with localcontext(EXACT):
        whole = sum(weights) or Decimal(1)
        shares = Apportionment((total * weight / whole).quantize(unit, ROUND_DOWN) for weight in weights)
        left = total - sum(shares)
        if left:
            shares.remainder_index = max(range(len(weights)), key=lambda index: (weights[index], -index))
            shares.remainder = left
            shares[shares.remainder_index] += left
    return shares


def _argument(value: Any, name: str, decimals: int) -> Decimal:
    try:
        return exact_decimal(value, decimals=decimals)
    except ValueError as error:
        raise InvalidDocument(str(error), field=name, remedy="Give an exact amount.") from None
