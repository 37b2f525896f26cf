"""Column types that mean the same on every database: exact numbers, aware instants, bounded names."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import BigInteger, DateTime, Dialect, Integer, Numeric, String, Text
from sqlalchemy.dialects import mysql
from sqlalchemy.types import TypeDecorator, TypeEngine

from airflow_provider_docflow.document.money import EXACT, canonical, exact_decimal
from airflow_provider_docflow.exceptions import InvalidDocument

BigId = BigInteger().with_variant(Integer(), "sqlite")
LongText = Text().with_variant(mysql.LONGTEXT(), "mysql", "mariadb")

_DECIMALS = 10
_DIGITS = 18 + _DECIMALS
_NINES = 10**_DIGITS - 1


class Name(TypeDecorator[str]):
    """Text of bounded length; what does not fit is refused alike on every database, never cut."""

    impl = String
    cache_ok = True

    def __init__(self, length: int) -> None:
        super().__init__(length)
        self.length = length

    def bind_processor(self, dialect: Dialect) -> Callable[[str | None], str | None]:
        """Return the check itself: most values of a row pass it, so that every call around it counts."""
        length = self.length

        def process(value: str | None) -> str | None:
            plain = type(value) is str and len(value) <= length and value.isascii() and "\x00" not in value
            return value if plain else self.process_bind_param(value, dialect)

        return process

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Refuse what some database would cut, reject or store otherwise."""
        if value is None:
            return None
        length = self.length
        if len(value) > length:
            raise InvalidDocument(
                f"a text of {len(value)} characters does not fit into {length}: {value!r:.60}"
            )
        if "\x00" in value or not _is_unicode(value):
            raise InvalidDocument(f"a text holds a character that no database stores: {value!r:.60}")
        return str(value)


def _is_unicode(text: str) -> bool:
    """Tell whether a text holds no half of a character."""
    try:
        return text.isascii() or bool(text.encode("utf-8"))
    except UnicodeEncodeError:
        return False


class Utc(TypeDecorator[datetime]):
    """An aware UTC instant with microseconds."""

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Choose the type that keeps microseconds."""
        if dialect.name == "postgresql":
            return dialect.type_descriptor(DateTime(timezone=True))
        if dialect.name in ("mysql", "mariadb"):
            return dialect.type_descriptor(mysql.DATETIME(fsp=6))
        return dialect.type_descriptor(DateTime())

    def bind_processor(self, dialect: Dialect) -> Callable[[datetime | None], Any]:
        """Return the check, which remembers its last answer: most rows of a statement name one instant."""
        bound = super().bind_processor(dialect)
        assert bound is not None
        last: tuple[datetime | None, Any] = (None, bound(None))

        def process(value: datetime | None) -> Any:
            nonlocal last
            known, answer = last
            if value is not known:
                answer = bound(value)
                last = (value, answer)
            return answer

        return process

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse an instant without a time zone."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise InvalidDocument(f"an instant without a time zone: {value.isoformat()}")
        utc = value.astimezone(UTC)
        return utc if dialect.name == "postgresql" else utc.replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give the time zone back."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Exact(TypeDecorator[Decimal]):
    """Money or a quantity: 18 digits before the point and 10 after it, exact and comparable everywhere.

    SQLite has no exact decimal, so there it is text of fixed width whose order is the order of the numbers.
    """

    impl = Numeric
    cache_ok = True

    def __init__(self) -> None:
        super().__init__(precision=_DIGITS, scale=_DECIMALS)

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Choose NUMERIC, or sortable text on SQLite."""
        if dialect.name == "sqlite":
            return dialect.type_descriptor(String(_DIGITS + 1))
        return dialect.type_descriptor(Numeric(precision=_DIGITS, scale=_DECIMALS))

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> Any:
        """Refuse what would be rounded."""
        if value is None:
            return None
        try:
            number = exact_decimal(value, decimals=_DECIMALS)
        except ValueError as problem:
            raise InvalidDocument(f"a number cannot be kept exactly: {problem}") from None
        return _sortable(number) if dialect.name == "sqlite" else number

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:
        """Return the number without the zeros that the column added."""
        if value is None:
            return None
        return Decimal(canonical(_from_sortable(value) if dialect.name == "sqlite" else value))


def _sortable(number: Decimal) -> str:
    units = int(number.scaleb(_DECIMALS, context=EXACT))
    return f"1{units:0{_DIGITS}d}" if units >= 0 else f"0{_NINES + units:0{_DIGITS}d}"


def _from_sortable(text: str) -> Decimal:
    units = int(text[1:]) if text[0] == "1" else int(text[1:]) - _NINES
    return Decimal((1 if units < 0 else 0, tuple(int(digit) for digit in str(abs(units))), -_DECIMALS))


_encode = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False).encode


def json_text(value: Any) -> str:
    """Return JSON in one canonical form, without floats that are no numbers.

    :raises InvalidDocument: something in it is not JSON; a Decimal belongs there as text.
    """
    try:
        return _encode(value)
    except (TypeError, ValueError) as problem:
        raise InvalidDocument(f"not JSON: {problem}; write amounts as text and dates as ISO text") from None


class Json(TypeDecorator[Any]):
    """JSON as canonical text."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Choose a text that is long enough."""
        return dialect.type_descriptor(mysql.LONGTEXT() if dialect.name in ("mysql", "mariadb") else Text())

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        """Write canonical JSON."""
        return None if value is None else json_text(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        """Read it back."""
        return None if value is None else json.loads(value)


class BusinessDate(TypeDecorator[date]):
    """A day as the business means it, as ISO text, so that no driver ever gives it a time zone."""

    impl = String
    cache_ok = True

    def __init__(self) -> None:
        super().__init__(length=10)

    def process_bind_param(self, value: date | None, dialect: Dialect) -> str | None:
        """Refuse an instant."""
        if isinstance(value, datetime):
            raise InvalidDocument("an instant is not a business date")
        return None if value is None else value.isoformat()

    def process_result_value(self, value: str | None, dialect: Dialect) -> date | None:
        """Read the day back."""
        return None if value is None else date.fromisoformat(value)
