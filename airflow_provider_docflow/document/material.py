"""What an approval covers: the material fields, their hash, and how two versions differ.

Material is what decides who gets how much of what from whom: parties, company, currency, items, quantities,
prices, amounts, tax, terms and due date, bank account, cost objects, who and where is delivered to, and the
checksums of the files that were signed. A line that names the document's own supplier once more says nothing
by that. Never material is what docflow writes back or what systems add on
their own: numbers, posting and delivery dates, notes, extensions, uris, telephone numbers.
"""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import date
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from airflow_provider_docflow.document.check import label
from airflow_provider_docflow.document.model import Delivery, Document, DocumentType, Line, Party
from airflow_provider_docflow.document.money import canonical
from airflow_provider_docflow.document.totals import filled
from airflow_provider_docflow.document.values import Model
from airflow_provider_docflow.exceptions import InvalidDocument

#: Raised for a type whenever its material fields change: decisions of an older version then cover nothing.
MATERIAL_VERSION: Mapping[DocumentType, int] = MappingProxyType(dict.fromkeys(DocumentType, 1))

_DOCUMENT = (
    "document_type",
    "company_code",
    "document_currency_code",
    "exchange_rate",
    "buyer_customer_party",
    "seller_supplier_party",
    "requester",
    "due_date",
    "payment_terms",
    "payee_account",
    "delivery",
    "allowance_charge",
    "tax_amount",
    "payable_rounding_amount",
    "payable_amount",
)
_LINE = (
    "item_id",
    "description",
    "quantity",
    "unit_code",
    "price_amount",
    "base_quantity",
    "price_includes_tax",
    "tax_percent",
    "tax_amount",
    "allowance_charge",
    "line_extension_amount",
    "accounting",
    "seller_supplier_party",
    "delivery_party",
)
_PARTS: dict[type[Model], Iterable[str]] = {
    Party: ("id", "name", "tax_id", "address"),
    Delivery: ("delivery_party", "delivery_address"),
}


@dataclass(frozen=True)
class Difference:
    """One material field that changed.

    :param field: path such as ``lines[2].quantity``; the position is that in the newer document, or in the
        older one if the line is gone.
    :param old: value before, as JSON primitives, amounts as strings; ``None`` if there was none.
    :param new: value after.
    :param line_id: the line concerned; empty for fields of the document.
    """

    field: str
    old: Any
    new: Any
    line_id: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the difference as JSON primitives."""
        return asdict(self)

    def __str__(self) -> str:
        where = f"{self.field} (line {self.line_id})" if self.line_id else self.field
        return f"{where}: {_shown(self.old)} -> {_shown(self.new)}"


def material(document: Document) -> dict[str, Any]:
    """Return the material fields as JSON primitives, equal for equal content however it is written.

    Totals that were left out count as the totals they would have. Lines are keyed by their id.

    :raises InvalidDocument: two lines have the same id.
    """
    whole = filled(document)
    data = _chosen(whole, _DOCUMENT, _PARTS)
    data["material_version"] = MATERIAL_VERSION[document.document_type]
    data["lines"] = _by_line_id(whole, lambda line: _chosen(_without_own_party(whole, line), _LINE, _PARTS))
    files = sorted(item.sha256 or f"{_text(item.name)}, {item.size} bytes" for item in document.attachments)
    return {**data, "attachments": files} if files else data


def material_hash(document: Document) -> str:
    """Return the SHA-256 of the material fields, as 64 hexadecimal digits.

    :raises InvalidDocument: as :func:`material`.
    """
    return _digest(material(document))


def content_hash(document: Document, *, instance: str | None = None) -> str:
    """Return the SHA-256 of all that the document says, notes and tenant fields included.

    Formatting, the order of lines and left-out totals do not count.

    :param instance: count only this instance's extensions, so that a number written back for another one does
        not look like new content; by default all count.
    :raises InvalidDocument: two lines have the same id.
    """
    whole = filled(document)
    names = [name for name in Document.model_fields if name not in ("lines", "extensions")]
    data = _chosen(whole, names, {})
    line_names = [name for name in Line.model_fields if name not in ("line_id", "extensions")]
    data["lines"] = _by_line_id(
        whole,
        lambda line: {**_chosen(line, line_names, {}), **_extensions(line.extensions, instance)},
    )
    return _digest({**data, **_extensions(document.extensions, instance)})


def differences(old: Document, new: Document) -> list[Difference]:
    """List the material fields that differ; empty exactly when both have the same material hash.

    :param old: the version that was approved or written.
    :param new: the version of now.
    :raises InvalidDocument: as :func:`material`.
    """
    before, after = material(old), material(new)
    old_lines, new_lines = before.pop("lines"), after.pop("lines")
    found = [Difference(*row) for row in _walk(before, after, "")]
    places = _places(old) | _places(new)
    for line_id in [*new_lines, *(key for key in old_lines if key not in new_lines)]:
        rows = _walk(old_lines.get(line_id), new_lines.get(line_id), f"lines[{places[line_id]}]")
        found += [Difference(*row, line_id=line_id) for row in rows]
    return found


_encode = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


def _digest(data: dict[str, Any]) -> str:
    return hashlib.sha256(_encode(data).encode()).hexdigest()


def _by_line_id(document: Document, chosen: Callable[[Line], dict[str, Any]]) -> dict[str, Any]:
    lines = {_text(line.line_id): chosen(line) for line in document.lines}
    if len(lines) != len(document.lines):
        raise InvalidDocument(
            "two lines have the same id, so nobody can tell which of them changed",
            document=label(document),
            field="lines",
            remedy="Give every line an id of its own.",
        )
    return lines


def _without_own_party(document: Document, line: Line) -> Line:
    """Leave out the supplier of a line that only repeats the document's: it says nothing more."""
    own, party = document.seller_supplier_party, line.seller_supplier_party
    if own is None or party is None or party.id != own.id:
        return line
    said = _chosen(party, _PARTS[Party], {})
    known = _chosen(own, _PARTS[Party], {})
    if any(known.get(name) != value for name, value in said.items()):
        return line
    return line.model_copy(update={"seller_supplier_party": None})


def _places(document: Document) -> dict[str, int]:
    return {_text(line.line_id): index for index, line in enumerate(document.lines)}


def _chosen(part: Model, names: Iterable[str], parts: Mapping[type[Model], Iterable[str]]) -> dict[str, Any]:
    """Leave out what is empty, so that a field added to the model later does not change old hashes."""
    values = ((name, _plain(getattr(part, name), parts)) for name in names)
    return {name: value for name, value in values if value not in (None, "", [], {})}


def _extensions(extensions: Mapping[str, Any], instance: str | None) -> dict[str, Any]:
    kept = {name: fields for name, fields in extensions.items() if fields and instance in (None, name)}
    return {"extensions": kept} if kept else {}


def _plain(value: Any, parts: Mapping[type[Model], Iterable[str]]) -> Any:
    if isinstance(value, Decimal):
        return canonical(value)
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, tuple):
        return [_plain(item, parts) for item in value]
    if isinstance(value, Model):
        return _chosen(value, parts.get(type(value), type(value).model_fields), parts)
    return value


def _text(value: str) -> str:
    return unicodedata.normalize("NFC", value)


def _walk(old: Any, new: Any, path: str) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(old, dict) and isinstance(new, dict):
        for name in [*old, *(key for key in new if key not in old)]:
            yield from _walk(old.get(name), new.get(name), f"{path}.{name}" if path else name)
    elif _are_rows(old) and _are_rows(new) and len(old) == len(new):
        for index, (left, right) in enumerate(zip(old, new, strict=True)):
            yield from _walk(left, right, f"{path}[{index}]")
    elif old != new:
        yield path, old, new


def _are_rows(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, dict) for item in value)


def _shown(value: Any) -> str:
    if value is None:
        return "nothing"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)
