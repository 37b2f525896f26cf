"""The kinds of value that a document's fields hold, each refusing what would lose or blur something."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import partial
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    StrictInt,
)

from airflow_provider_docflow.document.money import exact_decimal, plain

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


class Model(BaseModel):
    """Base of the document's parts: unchangeable, unknown fields refused, values kept out of error logs."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


def _exact(decimals: int, integer_digits: int) -> Callable[[Any], Decimal]:
    return partial(exact_decimal, decimals=decimals, integer_digits=integer_digits)


_AS_TEXT = PlainSerializer(plain, return_type=str, when_used="json")

#: Money: 18 digits before the point, 4 after it (the currency allows fewer); a string in JSON.
Amount = Annotated[Decimal, PlainValidator(_exact(4, 18)), _AS_TEXT]
#: A price per base quantity, up to 10 decimals whatever the currency.
Price = Annotated[Decimal, PlainValidator(_exact(10, 18)), _AS_TEXT]
#: A quantity, up to 10 decimals.
Quantity = Annotated[Decimal, PlainValidator(_exact(10, 18)), _AS_TEXT]


def _percent(value: Any) -> Decimal:
    number = exact_decimal(value, decimals=10, integer_digits=3)
    if not 0 <= number <= 100:
        raise ValueError(f"expected 0 to 100 per cent, found {plain(number)}")
    return number


#: A percentage: 13 means thirteen per cent.
Percent = Annotated[Decimal, PlainValidator(_percent), _AS_TEXT]
#: A rate between two currencies.
Rate = Annotated[Decimal, PlainValidator(_exact(15, 12)), _AS_TEXT]


def _identifier(value: str) -> str:
    if value != value.strip():
        raise ValueError("white space around it would make a second identity; remove it")
    plain_ascii = value.isascii() and value.isprintable()
    if not plain_ascii and any(unicodedata.category(character) in _INVISIBLE for character in value):
        raise ValueError("an invisible character in it would make a second identity; remove it")
    return value


#: A number, code or id, kept exactly as its system writes it; may be empty.
Identifier = Annotated[str, Field(max_length=255), AfterValidator(_identifier)]
#: The same, never empty.
RequiredIdentifier = Annotated[str, Field(min_length=1, max_length=255), AfterValidator(_identifier)]


def _business_date(value: Any) -> Any:
    if isinstance(value, datetime):
        raise ValueError("an instant is not a business date; take the date in the system's own time zone")
    if isinstance(value, date) or (isinstance(value, str) and _DATE.fullmatch(value)):
        return value
    raise ValueError(f"{value!r:.40} is not a date such as 2026-03-31")


#: A day as the business means it; no time zone, never converted.
BusinessDate = Annotated[date, BeforeValidator(_business_date)]


def _instant(value: Any) -> datetime:
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    if not isinstance(value, datetime) or value.tzinfo is None or value.utcoffset() is None:
        raise ValueError("an instant needs a time zone, such as 2026-03-31T08:00:00Z")
    return value.astimezone(UTC)


def _zulu(value: datetime) -> str:
    return value.isoformat().replace("+00:00", "Z")


#: A moment, always aware and in UTC.
Instant = Annotated[
    datetime, PlainValidator(_instant), PlainSerializer(_zulu, return_type=str, when_used="json")
]


def _json(value: Any) -> Any:
    """Copy a JSON value, so that nobody changes it behind the document's back."""
    if isinstance(value, dict):
        if not all(isinstance(key, str) for key in value):
            raise ValueError("the keys of an extension must be strings")
        return {key: _json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_json(item) for item in value]
    if value is None or type(value) in (str, bool, int) or (type(value) is float and math.isfinite(value)):
        return value
    raise ValueError(f"a {type(value).__name__} is not JSON; write amounts as strings and dates as ISO text")


Json = Annotated[Any, PlainValidator(_json)]
#: Tenant fields of each instance: ``{instance: {field: JSON}}``; they survive a round trip.
Extensions = dict[str, dict[str, Json]]

#: A count that is never negative.
Count = Annotated[StrictInt, Field(ge=0)]
