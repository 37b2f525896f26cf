"""One document becomes several: one part per supplier, delivery company or any other key of the lines."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

from airflow_provider_docflow.document import totals
from airflow_provider_docflow.document.check import label
from airflow_provider_docflow.document.division import divided
from airflow_provider_docflow.document.model import Delivery, Document, Line, Party
from airflow_provider_docflow.document.money import canonical
from airflow_provider_docflow.exceptions import InvalidDocument, Misconfigured

By = str | Callable[[Line], Any]

_NAME_LENGTH = 60
# Only capitals stand for themselves: on a case-insensitive database or disk "sup-1" would meet "SUP-1".
_SPEAKS_FOR_ITSELF = re.compile(r"[A-Z0-9]([A-Z0-9._-]{0,58}[A-Z0-9])?")


def split(document: Document, by: By = "seller_supplier_party") -> dict[str, Document]:
    """Divide a document into parts whose sum is the document.

    Lines keep their ids and amounts. Allowances, charges, rounding and a tax that only the document as a
    whole tells are divided by the parts' line totals; what cannot be divided stays on one part, which names
    it in a note. If parts round their tax differently from the whole, the difference stands in the
    ``payable_rounding_amount`` of that part.

    :param by: a field of the lines (``seller_supplier_party`` and ``delivery_party`` fall back to the
        document's own), a dotted path into them such as ``accounting.0.cost_centre``, or a function of a
        line.
    :raises InvalidDocument: the document is not valid, a line has no key, or something cannot be divided.
    :raises Misconfigured: ``by`` is not a way into a line.
    :returns: parts by name, sorted by it. A name depends on the part's key alone, never on the other parts.
    """
    whole = document.totalled()
    groups: dict[str, list[Line]] = {}
    keys: dict[str, Any] = {}
    for index, line in enumerate(whole.lines):
        key = _key(whole, line, by, index)
        name = part_name(_key_text(key, label(whole), index))
        keys[name] = _agreed(keys[name], key, whole, index) if name in keys else key
        groups.setdefault(name, []).append(line)
    parts = {name: _part(whole, by, keys[name], groups[name], len(groups)) for name in sorted(groups)}
    if totals.is_priced(whole) and len(parts) > 1:
        parts = divided(whole, parts)
    for part in parts.values():
        part.check()
    return parts


def part_name(key: str) -> str:
    """Name a part after its key: safe in paths and URLs, at most 60 characters, never shared by two keys.

    :param key: the text of the key. Short codes in capitals are their own names; any other key is shortened
        and followed by ``~`` and a checksum.
    """
    if _SPEAKS_FOR_ITSELF.fullmatch(key):
        return key
    checksum = hashlib.sha256(key.encode()).hexdigest()[:24]
    readable = re.sub(r"[^A-Za-z0-9]+", "-", key)[: _NAME_LENGTH - 25].strip("-") or "part"
    return f"{readable}~{checksum}"


def _key(document: Document, line: Line, by: By, index: int) -> Any:
    key = by(line) if callable(by) else _follow(line, by)
    if key is None and by == "seller_supplier_party":
        key = document.seller_supplier_party
    if key is None and by == "delivery_party" and document.delivery is not None:
        key = document.delivery.delivery_party
    if key is None or key == "":
        name = getattr(by, "__name__", "key") if callable(by) else by
        raise InvalidDocument(
            f"is missing (line {line.line_id}), so nobody can tell into which part the line belongs",
            document=label(document),
            field=f"lines[{index}].{name}",
            remedy="Fill it in the source document, or split by something that every line has.",
        )
    return key


def _follow(line: Line, by: str) -> Any:
    value: Any = line
    for step in by.split("."):
        if isinstance(value, dict):
            value = value.get(step)
        elif isinstance(value, (list, tuple)) and step.isdecimal():
            value = value[int(step)] if int(step) < len(value) else None
        elif value is not None:
            if step not in getattr(type(value), "model_fields", {}):
                raise Misconfigured(f"{by!r} is no way into a line: there is no {step!r}", field="split_by")
            value = getattr(value, step)
    return value


def _key_text(key: Any, document: str, index: int) -> str:
    if isinstance(key, Party):
        key = key.id
    if isinstance(key, Decimal):
        key = canonical(key)
    if isinstance(key, date):
        key = key.isoformat()
    if isinstance(key, bool) or not isinstance(key, (str, int)):
        raise InvalidDocument(
            f"lines cannot be divided by a {type(key).__name__}",
            document=document,
            field=f"lines[{index}]",
            remedy="Split by a party, a text, a whole number, a date or an exact decimal.",
        )
    return unicodedata.normalize("NFC", str(key))


def _agreed(one: Any, other: Any, document: Document, index: int) -> Any:
    """Join what two lines say about one party; fields that one of them leaves empty do not count."""
    if not isinstance(one, Party) or not isinstance(other, Party) or one == other:
        return one
    told: dict[str, Any] = {}
    for name in Party.model_fields:
        values = [value for party in (one, other) if (value := getattr(party, name)) not in (None, "")]
        if len(values) == 2 and values[0] != values[1]:
            raise InvalidDocument(
                f"{one.id} has two values for {name}: {values[0]} and {values[1]}",
                document=label(document),
                field=f"lines[{index}]",
                remedy="Make all lines tell the same about this party.",
            )
        told[name] = values[0] if values else getattr(one, name)
    return Party(**told)


def _part(document: Document, by: By, key: Any, lines: list[Line], count: int) -> Document:
    update: dict[str, Any] = {"lines": tuple(lines)}
    if by == "seller_supplier_party":
        update |= {"seller_supplier_party": key, "payee_account": _account(document, key, count)}
    if by == "delivery_party":
        update["delivery"] = (document.delivery or Delivery()).model_copy(update={"delivery_party": key})
    return document.model_copy(update=update)


def _account(document: Document, supplier: Party, count: int) -> Any:
    """Keep the bank account only with the supplier whose it is; nobody else is paid to it."""
    if document.payee_account is None or count == 1:
        return document.payee_account
    if document.seller_supplier_party is None:
        raise InvalidDocument(
            f"one bank account is given for {count} suppliers, and nobody can tell whose it is",
            document=label(document),
            field="payee_account",
            remedy="Name the supplier of the account in seller_supplier_party, or leave the account out.",
        )
    return document.payee_account if supplier.id == document.seller_supplier_party.id else None
