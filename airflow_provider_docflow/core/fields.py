"""
The canonical document's fields by path, and how a system writes their values.

A path is ``payable_amount``, ``seller_supplier_party.id``, ``accounting.0.cost_centre`` or, for a tenant's
own field, ``extensions.<name>``; ``payee_account`` alone is the IBAN or else the account number. Generic
systems (SQL tables, REST APIs) map these paths to their own names.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.document import Document, Line

_PARTY = ("id", "name", "tax_id")
_DECIMALS = (
    *("tax_amount", "payable_rounding_amount", "payable_amount", "exchange_rate", "quantity", "share"),
    *("price_amount", "base_quantity", "tax_percent", "line_extension_amount"),
)
_PAYS = ("payment_request", "payment")
_IBAN = re.compile(r"[A-Z]{2}[0-9]{2}[0-9A-Z]{11,30}")
_DATES = ("issue_date", "posting_date", "due_date", "delivery_date")
DOCUMENT_PATHS = frozenset(
    (
        *("id", "issue_date", "posting_date", "due_date", "company_code", "document_currency_code"),
        *("tax_amount", "payable_rounding_amount", "payable_amount", "exchange_rate", "notes.0"),
        *(
            f"{party}.{name}"
            for party in ("buyer_customer_party", "seller_supplier_party", "requester")
            for name in _PARTY
        ),
        *(f"payee_account.{name}" for name in ("iban", "account_number", "bank", "name")),
        "payee_account",
        *("delivery.delivery_date", "delivery.delivery_party.id"),
        *("payment_terms.0.due_date", "payment_terms.0.days"),
    )
)
LINE_PATHS = frozenset(
    (
        *("line_id", "item_id", "description", "quantity", "unit_code", "price_amount", "base_quantity"),
        *("price_includes_tax", "tax_percent", "tax_amount", "line_extension_amount", "delivery_date"),
        *(f"{party}.{name}" for party in ("seller_supplier_party", "delivery_party") for name in _PARTY),
        *(f"accounting.0.{name}" for name in ("cost_centre", "project", "account", "share")),
        "notes.0",
    )
)


@dataclass(frozen=True)
class Kind:
    """How values of one sort are written to a system and read back; both raise ValueError."""

    write: Callable[[Any], Any]
    read: Callable[[Any], Any]


def exact(value: Any) -> Decimal:
    """Read a decimal number; a binary floating point one is refused, because it may have lost digits.

    :raises ValueError: it is none, or no finite one.
    """
    if isinstance(value, bool | float) or not isinstance(value, int | str | Decimal):
        raise ValueError(f"{value!r} is no exact decimal number")
    try:
        number = Decimal(value)
    except InvalidOperation:
        raise ValueError(f"{value!r} is no decimal number") from None
    if not number.is_finite():
        raise ValueError(f"{value!r} is no amount")
    return number


def whole(value: Any) -> int:
    """Read a whole number, given as such or as text.

    :raises ValueError: it is none.
    """
    number = exact(value)
    if number != number.to_integral_value():
        raise ValueError(f"{value!r} is no whole number")
    return int(number)


def day(value: Any) -> date:
    """Read a business date, given as such or in ISO form.

    :raises ValueError: it is none, or a moment other than midnight.
    """
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    if isinstance(value, datetime):
        if value.time() != datetime.min.time():
            raise ValueError(f"{value} is a moment, no business date")
        return value.date()
    if isinstance(value, date):
        return value
    raise ValueError(f"{value!r} is no date")


def _json_number(value: Decimal) -> int | float:
    """Give a JSON number that shows exactly the digits of ``value``; one that cannot is refused."""
    if value == value.to_integral_value():
        return int(value)
    if Decimal(repr(float(value))) != value:
        raise ValueError(f"{value} has more digits than a JSON number keeps; the system needs it as text")
    return float(value)


def scaled(digits: int) -> Kind:
    """Amounts as a whole number of units of 10 to the minus ``digits``, as many payment APIs want them."""
    return Kind(lambda value: whole(value.scaleb(digits)), lambda value: exact(whole(value)).scaleb(-digits))


def _flag(value: Any) -> bool:
    if value not in (True, False, 0, 1, "true", "false", "0", "1"):
        raise ValueError(f"{value!r} is neither true nor false")
    return value in (True, 1, "true", "1")


TEXT = Kind(str, str)
INTEGER = Kind(whole, lambda value: str(whole(value)))
DECIMAL = Kind(lambda value: format(value, "f"), exact)
NUMBER = Kind(_json_number, exact)
DATE = Kind(lambda value: value.isoformat(), day)
COMPACT_DATE = Kind(lambda value: value.strftime("%Y%m%d"), day)
FLAG = Kind(bool, _flag)


def sort_of(path: str) -> str:
    """Name the sort of value at a path: text, decimal, date or flag."""
    name = path.rsplit(".", 1)[-1]
    if path.startswith("extensions."):
        return "text"
    if name == "price_includes_tax":
        return "flag"
    return "decimal" if name in _DECIMALS else "date" if name in _DATES else "text"


def kind_of(path: str) -> Kind:
    """Return how the value at a path is written unless a profile says otherwise."""
    return {"decimal": DECIMAL, "date": DATE, "flag": FLAG, "text": TEXT}[sort_of(path)]


def check_paths(paths: Iterable[str], *, lines: bool = False) -> None:
    """Refuse paths that name no field of a document, or of a line.

    :raises Misconfigured: names the path and those that exist.
    """
    known = LINE_PATHS if lines else DOCUMENT_PATHS
    for path in paths:
        if path not in known and not (path.startswith("extensions.") and path.count(".") == 1):
            raise exc.Misconfigured(
                f"{path!r} is no field of a {'line' if lines else 'document'} that can be mapped.",
                field=path,
                remedy=f"Use one of: {', '.join(sorted(known))}, or extensions.<name>.",
            )


def pick(part: Document | Line, path: str, instance: str = "") -> Any:
    """Return the value at ``path``; None where it is missing or empty.

    :param instance: whose tenant fields ``extensions.<name>`` means.
    :raises InvalidDocument: the path names the first of several values, so that the others would be lost.
    """
    if path.startswith("extensions."):
        return part.extensions.get(instance, {}).get(path.partition(".")[2])
    value: Any = part
    if path == "payee_account":
        account = getattr(part, "payee_account", None)
        return (account.iban or account.account_number) if account else None
    for step in path.split("."):
        if value is None:
            return None
        value = _first(value, path) if step == "0" else getattr(value, step)
    return None if value == "" else value


def _first(values: tuple[Any, ...], path: str) -> Any:
    if len(values) > 1:
        raise exc.InvalidDocument(
            f"there are {len(values)} values of which the system holds one.",
            field=path,
            remedy="Split the line, or map this field in another way.",
        )
    return values[0] if values else None


def sayable(
    document: Document, head: Collection[str], cells: Collection[str], instance: str, *, lines: bool = True
) -> None:
    """Refuse a document of which the mapped fields would say something else, or lose what a person mapped.

    A price with tax is another amount where nothing tells that it has it, as is a price per hundred. A
    payment without its account goes to whichever the system has.

    :param head: the paths that the system's document has a field for; ``cells`` those of its lines.
    :param lines: whether the system keeps lines at all.
    :raises InvalidDocument: names the field.
    """
    _held_own(document, head, instance, "")
    if document.payee_account and document.document_type in _PAYS and not _about(head, "payee_account"):
        raise exc.InvalidDocument(
            "no field holds the account, so another could be paid.",
            field="payee_account",
            remedy="Map a field to it in the connection, or set it to none by the mapping.",
        )
    for place, line in enumerate(document.lines if lines else ()):
        at = f"lines[{place}]."
        _held_own(line, cells, instance, at)
        odd = [
            ("price_includes_tax", line.price_includes_tax and bool(line.tax_percent or line.tax_amount)),
            ("base_quantity", line.base_quantity != 1),
        ]
        for path, said in odd:
            if said and "price_amount" in cells and path not in cells:
                raise exc.InvalidDocument(
                    f"is {pick(line, path)}, and without a field for it the price would mean something else.",
                    field=at + path,
                    remedy="Map a field to it, or give the price of one unit without tax by the mapping.",
                )


def _about(mapped: Collection[str], name: str) -> bool:
    return any(path == name or path.startswith(f"{name}.") for path in mapped)


def _held_own(part: Document | Line, mapped: Collection[str], instance: str, at: str) -> None:
    for name in part.extensions.get(instance, {}):
        if f"extensions.{name}" not in mapped:
            raise exc.InvalidDocument(
                "no field of this system is mapped to it.",
                field=f"{at}extensions.{name}",
                remedy="Map a field to it in the connection, or leave it out of the mapping.",
            )


def put(target: dict[str, Any], path: str, value: Any, instance: str = "") -> None:
    """Set ``path`` in the JSON form of a document or line."""
    steps = path.split(".")
    if path == "payee_account":
        steps.append("iban" if _IBAN.fullmatch(str(value)) else "account_number")
    if steps[0] == "extensions":
        steps = ["extensions", instance, *steps[1:]]
    here: Any = target
    for step, following in zip(steps, [*steps[1:], ""], strict=True):
        last = following == ""
        if step == "0":
            here[:] = here or [{}]
            if last:
                here[0] = value
            here = here[0]
        elif last:
            here[step] = value
        else:
            here = here.setdefault(step, [] if following == "0" else {})


def held(part: Document | Line, assumed: Mapping[str, Any], instance: str = "") -> None:
    """Refuse a part that differs from what the system takes for granted.

    :param assumed: path → the one value that this system's documents have, such as its only currency.
    :raises InvalidDocument: names the field.
    """
    for path, value in assumed.items():
        found = pick(part, path, instance)
        if found is not None and str(found) != str(value):
            raise exc.InvalidDocument(
                f"is {found}, but every document here has {value or 'none'}.",
                field=path,
                remedy="Send this document to another connection, or map the field.",
            )
