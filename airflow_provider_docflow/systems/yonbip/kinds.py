"""What purchase and sales orders have in common, and how one that was read becomes a reading."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.calls import dig
from airflow_provider_docflow.core.conn_fields import mapping_in
from airflow_provider_docflow.core.fields import day, exact
from airflow_provider_docflow.core.profile import Reading, WriteItem
from airflow_provider_docflow.core.rest.values import set_native
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.core.states import Words, state_of
from airflow_provider_docflow.core.unsaid import refuse_unsaid
from airflow_provider_docflow.document import Document, DocumentRef, DocumentType, Line, document_from_json

Raw = Mapping[str, Any]
ONE_UNIT = {"invExchRate": 1, "invPriceExchRate": 1, "unitExchangeType": 0, "unitExchangeTypePrice": 0}
"""What a line says whose quantity, price and stock are in the same unit: no conversion, and a fixed one."""


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One document type.

    :param path: of its calls, without the last step.
    :param save: last step of the save.
    :param lines: name of the lines in the JSON.
    :param native: the JSON of an item's document, without mark and status.
    :param content: header and lines of a document as it was read, by canonical path.
    :param total: path of the amount with tax.
    :param party: path of the other party's code, and of its name.
    :param organisation: path of the organisation's id.
    :param references: canonical restriction → field of the list that takes an id.
    :param held: see :func:`~airflow_provider_docflow.core.unsaid.refuse_unsaid`.
    """

    document_type: DocumentType
    path: str
    save: str
    lines: str
    native: Callable[[Site, Document], dict[str, Any]]
    content: Callable[[Site, Raw], dict[str, Any]]
    axes: Mapping[str, Words]
    total: str
    currency: str
    party: str
    organisation: str
    references: Mapping[str, str]
    held: frozenset[str]

    def at(self, step: str) -> str:
        """Return the path of one of its calls."""
        return f"{self.path}/{step}"


def moment(value: date) -> str:
    """Return a business date as the applications want it."""
    return f"{value.isoformat()} 00:00:00"


def business_date(value: Any) -> str | None:
    """Read a business date; None where there is none. A time of day belongs to no business date."""
    text = str(value or "")
    return day(text[:10]).isoformat() if text else None


def number_in(raw: Raw, *names: str) -> Decimal | None:
    """Return the first of these figures that is there, read exactly."""
    for name in names:
        value = dig(raw, name)
        if value not in (None, ""):
            return exact(value)
    return None


def text_in(raw: Raw, *paths: str) -> str:
    """Return the first of these texts that is there; ids are numbers of 64 bits and stay whole."""
    found = next((dig(raw, path) for path in paths if dig(raw, path) not in (None, "")), "")
    return str(found).strip()


def company_of(site: Site, raw: Raw, organisation: str) -> str:
    """Return the company code of a document; empty where the connection names none for its organisation."""
    return text_in(raw, f"{organisation}_code") or code_in(site, "organisations", text_in(raw, organisation))


def code_in(site: Site, setting: str, shown: str) -> str:
    """Return the code that the connection names for an id; empty where it names none."""
    return next((code for code, known in mapping_in(site, setting).items() if shown and known == shown), "")


def native_of(site: Site, kind: Kind, item: WriteItem) -> dict[str, Any]:
    """Return the ``data`` of a save: what the document says, the tenant's own fields, and the mark.

    :raises InvalidDocument: an order there cannot say it; nothing was sent.
    """
    if item.document is None:
        raise exc.Misconfigured("an order needs a document.", system=site.conn_id, field="document")
    document = item.document.totalled()
    refuse_unsaid(site, document, kind.held)
    body = kind.native(site, document)
    if site.setting("write_number") and document.id:
        body["code"] = document.id
    for name, value in document.extensions.get(site.instance, {}).items():
        set_native(body, name, value)
    for native, line in zip(body[kind.lines], document.lines, strict=True):
        for name, value in line.extensions.get(site.instance, {}).items():
            set_native(native, name, value)
    set_native(body, str(site.setting("mark_field")), item.mark)
    if reference := site.setting("reference_field"):
        set_native(body, str(reference), item.reference or document.id)
    return body


def ref_of(site: Site, kind: Kind, raw: Raw) -> DocumentRef:
    """Return the reference; an id is the tenant's own, so no company code is part of it."""
    return DocumentRef(
        instance=site.known_instance,
        company_code="",
        document_type=kind.document_type,
        internal_id=text_in(raw, "id"),
        number=text_in(raw, "code"),
    )


def reading_of(site: Site, kind: Kind, raw: Raw, *, content: bool = True) -> Reading:
    """Return what an order says.

    :param content: False for a row of a list, which has no lines.
    """
    total = number_in(raw, kind.total)
    reading = Reading(
        ref=ref_of(site, kind, raw),
        state=state_of(raw, kind.axes, datetime.now(UTC)),
        company_code=company_of(site, raw, kind.organisation),
        party=text_in(raw, kind.party) or code_in(site, "customers", text_in(raw, "agentId")),
        currency=text_in(raw, kind.currency),
        total=total,
        raw=raw,
        changed_at=text_in(raw, "pubts"),
    )
    if not content:
        return reading
    try:
        data = kind.content(site, raw)
        data["extensions"] = _own_fields(site, raw, "headItem")
        return replace(reading, document=document_from_json(data).totalled())
    except exc.InvalidDocument as error:
        problem = error
    except ValueError as error:
        problem = exc.InvalidDocument(str(error))
    problem.document, problem.system = reading.ref.number or reading.ref.internal_id, site.conn_id
    return replace(reading, problem=problem)


def own_fields_of_line(site: Site, raw: Raw) -> dict[str, Any]:
    """Return the tenant's own fields of a line."""
    return _own_fields(site, raw, "bodyItem")


def _own_fields(site: Site, raw: Raw, name: str) -> dict[str, Any]:
    held = {str(site.setting("mark_field")), str(site.setting("reference_field"))}
    item = raw.get(name)
    found = {
        f"{name}.{field}": value
        for field, value in (item.items() if isinstance(item, Mapping) else ())
        if field.startswith("define") and value not in (None, "") and f"{name}.{field}" not in held
    }
    return {site.known_instance: found} if found else {}


def memo_of(site: Site, raw: Raw) -> list[str]:
    """Return the notes of an order; a memo that holds docflow's mark or the source's number is none."""
    held = {str(site.setting("mark_field")), str(site.setting("reference_field"))}
    memo = "" if "memo" in held else text_in(raw, "memo")
    return [memo] if memo else []


def line_names(document: Document, rows: Sequence[Any]) -> dict[str, str]:
    """Return line id → id of the row that was made of it, as far as the answer tells."""
    return {
        line.line_id: text_in(row, "id")
        for line, row in zip(document.lines, rows, strict=False)
        if isinstance(row, Mapping) and text_in(row, "id")
    }


def project_of(line: Line, field: str) -> str:
    """Return the project of a line.

    :raises InvalidDocument: it has several cost objects, of which an order's line holds one.
    """
    if len(line.accounting) > 1:
        raise exc.InvalidDocument(
            f"there are {len(line.accounting)} cost objects, and a line there has one.",
            field=f"{field}.accounting",
            remedy="Split the line.",
        )
    return line.accounting[0].project if line.accounting else ""
