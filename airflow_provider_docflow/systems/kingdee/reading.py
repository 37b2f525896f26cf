"""
Reading documents: many by one query, their entries joined, and who decided what.

A query names its columns itself, so that one request reads a batch of documents with exactly the fields of
the form; View shows one document under the names of the tenant's own classes and serves only to ask for a
number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core import fields
from airflow_provider_docflow.core.exchange import Exchange
from airflow_provider_docflow.core.profile import ApprovalEntry, Reading
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.document import (
    Document,
    DocumentRef,
    DocumentType,
    document_from_json,
    material_hash,
)
from airflow_provider_docflow.systems.kingdee import files, states, values, workflow
from airflow_provider_docflow.systems.kingdee.catalogue import form_of
from airflow_provider_docflow.systems.kingdee.forms import AMOUNT, Field, Form
from airflow_provider_docflow.systems.kingdee.wire import number_of, one_of, query

_PARTIES = ("seller_supplier_party.id", "buyer_customer_party.id")


@dataclass(frozen=True)
class Bill:
    """A document as its rows show it: head and entries by their keys.

    :param split: keys of the head that are not the same in all rows.
    """

    head: Mapping[str, Any]
    lines: tuple[Mapping[str, Any], ...]
    split: frozenset[str] = frozenset()

    @property
    def internal_id(self) -> str:
        """The id of the record."""
        return number_of(self.head["FID"])


def head_keys(form: Form) -> list[str]:
    """Return the keys of a document's head."""
    named = (form.number_field, form.status_field, form.cancel_field, form.close_field, form.terminate_field)
    more = (form.modified_field, form.mark_field, *(field.query for field in form.fields))
    return list(dict.fromkeys(key for key in ("FID", *named, *more) if key))


def bills(site: Site, form: Form, where: str) -> Exchange[list[Bill]]:
    """Return the documents for which a condition on their heads holds, in order of their ids."""
    head = head_keys(form)
    lines = [form.entry_id, form.joined_field, *(field.query for field in form.line_fields)]
    keys = list(dict.fromkeys(key for key in (*head, *lines) if key))
    rows = yield from query(site, form.form_id, keys, where, order=f"FID ASC,{form.entry_id} ASC")
    found: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        shown = dict(zip(keys, map(values.as_json, row), strict=True))
        found.setdefault(number_of(shown["FID"]), []).append(shown)
    return [_bill(form, head, joined) for joined in found.values()]


def _bill(form: Form, head: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> Bill:
    top = {key: rows[0][key] for key in head}
    lines = {number_of(row[form.entry_id]): dict(row) for row in rows}
    kept = tuple(line for entry, line in lines.items() if entry not in ("", "0"))
    split = frozenset(key for key in head if any(row[key] != top[key] for row in rows))
    # An end that some entries have come to is not the document's.
    for key in split & {form.cancel_field, form.close_field, form.terminate_field}:
        top[key] = states.NORMAL
    return Bill(top, kept, split)


def by_ids(site: Site, form: Form, ids: Sequence[str]) -> Exchange[dict[str, Bill]]:
    """Return documents by their ids; what is no number is no document."""
    wanted = sorted({one for one in ids if one.isascii() and one.isdigit()}, key=int)
    if not wanted:
        return {}
    found = yield from bills(site, form, f"FID in ({','.join(wanted)})")
    return {bill.internal_id: bill for bill in found}


def read(site: Site, refs: Sequence[DocumentRef]) -> Exchange[list[Reading | exc.DocflowError]]:
    """Read documents of one type, one entry per reference, in order."""
    if not refs:
        return []
    form = form_of(site, refs[0].document_type)
    found = yield from by_ids(site, form, [ref.internal_id for ref in refs])
    readings = yield from readings_of(site, form, list(found.values()))
    known = {reading.ref.internal_id: reading for reading in readings}
    return [known.get(ref.internal_id) or _not_found(site, form, ref) for ref in refs]


def by_numbers(site: Site, form: Form, key: str, numbers: Sequence[str]) -> Exchange[list[Reading]]:
    """Return the documents that carry one of these texts in a field of the head."""
    found = yield from bills(site, form, one_of(key, numbers))
    return [reading_of(site, form, bill, ()) for bill in found]


def readings_of(site: Site, form: Form, found: Sequence[Bill]) -> Exchange[list[Reading]]:
    """Return readings with their decisions and attached files, as far as the connection asks for those."""
    shown = [(number_of(bill.head[form.number_field]), str(bill.head[form.status_field])) for bill in found]
    history = yield from workflow.histories(site, form, shown)
    attached = yield from files.listing(site, form, [bill.internal_id for bill in found])
    return [
        reading_of(site, form, bill, history.get(number, ()), attached.get(bill.internal_id, ()))
        for bill, (number, _) in zip(found, shown, strict=True)
    ]


def reading_of(
    site: Site,
    form: Form,
    bill: Bill,
    history: Sequence[ApprovalEntry],
    attached: Sequence[Mapping[str, Any]] = (),
) -> Reading:
    """Return what a document says and where it stands; what makes no document has a state all the same."""
    number = str(bill.head[form.number_field] or "").strip()
    company = str(bill.head.get(form.key_of("company_code")) or "")
    raw = {**bill.head, "FID": bill.internal_id, "lines": [dict(line) for line in bill.lines]}
    if attached:
        raw["attachments"] = [dict(one) for one in attached]
    changed = values.moment(site, bill.head.get(form.modified_field))
    told = Reading(
        ref=DocumentRef(
            site.known_instance, company, DocumentType(form.document_type), bill.internal_id, number
        ),
        state=states.state(form, bill.head, history, datetime.now(UTC)),
        company_code=company,
        party=str(bill.head.get(form.party) or ""),
        history=tuple(history),
        raw=raw,
        changed_at=changed.isoformat() if changed else "",
    )
    try:
        _check_whole(form, bill)
        head = _taken(site, form.fields, bill.head)
        told = replace(
            told,
            currency=str(head.get("document_currency_code", "")),
            total=Decimal(head["payable_amount"]) if "payable_amount" in head else None,
        )
        document = _document(site, form, bill, head, [str(one["name"]) for one in attached])
    except exc.InvalidDocument as error:
        error.document, error.system = error.document or number, site.conn_id
        return replace(told, problem=error)
    return replace(
        told, document=document, total=document.payable_amount if told.total is None else told.total
    )


def _check_whole(form: Form, bill: Bill) -> None:
    """Refuse a document whose entries disagree about what it says once, such as the account to pay."""
    for field in form.fields:
        if field.query in bill.split:
            raise exc.InvalidDocument(
                f"its entries say different things in {field.query}.",
                field=field.path,
                remedy="Divide the document in Kingdee, or map this field to the entries.",
            )


def _taken(site: Site, mapped: Sequence[Field], shown: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for field in mapped:
        if not field.query:
            continue
        try:
            value = values.read(site, field.path, shown[field.query])
        except (ValueError, TypeError) as error:
            raise exc.InvalidDocument(
                f"{field.query} cannot be read: {error}.",
                field=field.path,
                remedy="Correct this field in the forms of the connection, or in Kingdee.",
            ) from None
        if value is not None:
            found[field.path] = value
    return found


def _document(
    site: Site, form: Form, bill: Bill, head: Mapping[str, Any], attached: Sequence[str]
) -> Document:
    data: dict[str, Any] = {
        "document_type": form.document_type,
        "id": str(bill.head[form.number_field] or "").strip(),
        "lines": [],
    }
    for path, value in head.items():
        if not _nameless(path, head):
            fields.put(data, path, value, site.known_instance)
    for shown in bill.lines:
        line: dict[str, Any] = {"line_id": number_of(shown[form.entry_id])}
        for path, value in _taken(site, form.line_fields, shown).items():
            if path == AMOUNT:
                line.update(quantity="1", price_amount=value)
            elif not path.startswith("document:"):
                fields.put(line, path, value, site.known_instance)
        data["lines"].append(line)
    if attached:
        data["attachments"] = [{"name": name} for name in attached]
    document = document_from_json(data)
    try:
        return document.totalled()
    except exc.InvalidDocument:
        material_hash(document)
        return document


def _nameless(path: str, head: Mapping[str, Any]) -> bool:
    """Tell whether this only describes a party or an account that has no number of its own."""
    party = path.rpartition(".")[0]
    if path.startswith("payee_account."):
        return "payee_account.account_number" not in head and "payee_account.iban" not in head
    return path.endswith("_party.name") and f"{party}.id" not in head


def _not_found(site: Site, form: Form, ref: DocumentRef) -> exc.NotFound:
    return exc.NotFound(
        f"{form.form_id} has no document with the id {ref.internal_id}.",
        system=site.conn_id,
        document=ref.number or ref.internal_id,
        remedy="Look whether it was deleted, or whether the user of the connection may see its organisation.",
    )
