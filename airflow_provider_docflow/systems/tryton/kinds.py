"""What a document type is in Tryton, and how a record of it is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.profile import ApprovalEntry, Reading
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.core.states import Words, state_of
from airflow_provider_docflow.document import Document, DocumentRef, DocumentType, document_from_json
from airflow_provider_docflow.systems.tryton.marks import unmarked
from airflow_provider_docflow.systems.tryton.wire import Row, as_json

NOTHING = Words(at=lambda raw: "", words={"": "none"})
"""An axis that this type does not have."""

_COMMON = ("number", "state", "company.party.code", "create_date", "last_modified_at", "_timestamp")
LINE_FIELDS = (
    "type",
    "sequence",
    "product.code",
    "unit.name",
    "quantity",
    "unit_price",
    "amount",
    "description",
    "note",
    "taxes.rate",
    "taxes.type",
)


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One document type as Tryton keeps it.

    :param fields: what is read of it besides the fields of all types.
    :param line_model: lines that may change without their document, and the field that names it.
    :param marks: text fields that carry docflow's mark, the first with the source number.
    :param domain: which records of the model are of this type.
    :param payee: field of the party, empty where a document has none of its own.
    """

    document_type: DocumentType
    model: str
    fields: tuple[str, ...]
    axes: Mapping[str, Words]
    marks: tuple[str, ...]
    lines: Callable[[Site, Row], list[dict[str, Any]]]
    line_model: tuple[str, str] | None = None
    domain: tuple[Any, ...] = ()
    payee: str = "party"
    issued: str = ""
    total: str = "total_amount"
    currency: str = "currency"
    history: Callable[[Row], tuple[ApprovalEntry, ...]] = lambda row: ()

    @property
    def wanted(self) -> tuple[str, ...]:
        """Return every field that a reading needs."""
        return tuple(dict.fromkeys((*_COMMON, *self.marks, *self.fields)))

    @property
    def told(self) -> tuple[str, ...]:
        """Return the axes that records of this type have."""
        return tuple(axis for axis, words in self.axes.items() if words is not NOTHING)


def prefixed(prefix: str, fields: tuple[str, ...]) -> tuple[str, ...]:
    """Return ``fields`` of a related record."""
    return tuple(f"{prefix}.{field}" for field in fields)


def at(row: Any, path: str) -> Any:
    """Follow a dotted path; None where a relation is empty."""
    for part in path.split("."):
        row = row.get(part) if isinstance(row, dict) else None
    return row


def ordered_lines(row: Row) -> list[Row]:
    """Return the lines with a value, as a person sees them from top to bottom."""
    lines = [line for line in row.get("lines") or [] if line.get("type", "line") == "line"]
    return sorted(lines, key=lambda line: (line.get("sequence") is None, line.get("sequence"), line["id"]))


def issue_date(site: Site, kind: Kind, row: Row) -> date:
    """Return the business date, or the day of creation in the zone of the system while there is none."""
    said = row.get(kind.issued) if kind.issued else None
    created: datetime = row["create_date"]
    return said if isinstance(said, date) else created.astimezone(site.time_zone).date()


def line_of(line: Row) -> dict[str, Any]:
    """Return a line of an order or invoice; its id is Tryton's, which no editing changes."""
    rates = [tax for tax in line.get("taxes") or [] if isinstance(tax, dict)]
    percent = None
    if rates and all(tax.get("type") == "percentage" for tax in rates):
        percent = sum((tax["rate"] for tax in rates), Decimal(0)) * 100
    return {
        "line_id": str(line["id"]),
        "item_id": at(line, "product.code") or "",
        "description": line.get("description") or "",
        "quantity": None if line.get("quantity") is None else Decimal(str(line["quantity"])),
        "unit_code": at(line, "unit.name") or "",
        "price_amount": line.get("unit_price"),
        "tax_percent": percent,
        "line_extension_amount": line.get("amount"),
        "notes": [line["note"]] if line.get("note") else [],
    }


def origin_of(site: Site, name: str, record_id: int) -> dict[str, dict[str, Any]]:
    """Return the tenant field by which a following document names this record."""
    return {site.instance: {name: record_id}} if site.instance else {}


def document_of(site: Site, kind: Kind, row: Row) -> Document:
    """Return the canonical document.

    :raises InvalidDocument: the record does not hold one (yet), such as a draft line without a price.
    """
    party = row.get(kind.payee) if kind.payee else None
    text = str(row.get(kind.marks[0]) or "")
    notes = [row["comment"]] if row.get("comment") else []
    data = {
        "document_type": kind.document_type,
        "id": row.get("number") or "",
        "issue_date": issue_date(site, kind, row),
        "posting_date": row.get("accounting_date"),
        "company_code": at(row, "company.party.code") or "",
        "document_currency_code": at(row, f"{kind.currency}.code") or "",
        "seller_supplier_party": _party(party),
        "requester": _party(at(row, "employee.party")),
        "tax_amount": row.get("tax_amount"),
        "payable_amount": row.get(kind.total),
        "notes": notes,
        "extensions": {site.instance: {"reference": unmarked(text)}} if site.instance else {},
    }
    return document_from_json({**data, "lines": kind.lines(site, row)})


def _party(row: Any) -> dict[str, str] | None:
    if not isinstance(row, dict) or not row.get("code"):
        return None
    return {"id": row["code"], "name": row.get("name") or ""}


def ref_of(site: Site, kind: Kind, row: Row) -> DocumentRef:
    """Return the name of a record."""
    return DocumentRef(
        instance=site.instance,
        company_code=at(row, "company.party.code") or "",
        document_type=kind.document_type,
        internal_id=str(row["id"]),
        number=row.get("number") or "",
    )


def reading_of(site: Site, kind: Kind, row: Row) -> Reading:
    """Return a record as a reading."""
    changed: datetime = row["last_modified_at"]
    document, problem = None, None
    try:
        document = document_of(site, kind, row)
    except exc.InvalidDocument as error:
        problem = error
    return Reading(
        ref=ref_of(site, kind, row),
        state=state_of(row, kind.axes, datetime.now(UTC)),
        document=document,
        problem=problem,
        company_code=at(row, "company.party.code") or "",
        party=at(row, f"{kind.payee}.code") or "" if kind.payee else "",
        currency=at(row, f"{kind.currency}.code") or "",
        total=row.get(kind.total),
        history=kind.history(row),
        raw=as_json(row),
        changed_at=changed.isoformat(),
    )
