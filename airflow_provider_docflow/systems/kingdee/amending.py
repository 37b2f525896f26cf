"""Changing what a document says, and telling whether it says so."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core import fields
from airflow_provider_docflow.core.exchange import Exchange
from airflow_provider_docflow.core.profile import Reading, WriteItem, Written
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.document import Document, Line
from airflow_provider_docflow.systems.kingdee import reading
from airflow_provider_docflow.systems.kingdee.catalogue import form_of
from airflow_provider_docflow.systems.kingdee.creating import options
from airflow_provider_docflow.systems.kingdee.errors import failed
from airflow_provider_docflow.systems.kingdee.forms import AMOUNT, Form
from airflow_provider_docflow.systems.kingdee.model import document_in, entries_of, model_of
from airflow_provider_docflow.systems.kingdee.wire import number_of, post

Model = dict[str, Any]
_KINGDEES = ("payable_amount", "seller_supplier_party.name", "buyer_customer_party.name")
"""Paths that Kingdee fills itself: its own sum, the names of its master data."""


def amend(site: Site, item: WriteItem) -> Exchange[Written]:
    """Change what a document says; entries that the new content does not have are deleted one by one by name.

    ``IsDeleteEntry`` is false, so that what is left out stays: an entry of the document that the new content
    lacks is therefore refused, and so is a document that is in approval or audited.

    :raises Rejected: it stands where nothing may be changed, or entries would have to go.
    """
    document = document_in(item)
    if item.ref is None:
        raise exc.Misconfigured("there is no document to amend.", system=site.conn_id, field="ref")
    form = form_of(site, document.document_type)
    found = yield from reading.by_ids(site, form, [item.ref.internal_id])
    bill = found.get(item.ref.internal_id)
    if bill is None:
        raise exc.NotFound("it is not there any more.", system=site.conn_id, document=item.ref.number)
    _check_open(site, form, bill, item)
    model = {**model_of(site, form, item), "FID": int(bill.internal_id)}
    _name_entries(site, form, bill, item, model)
    data = {"Model": model, "NeedUpDateFields": [], "IsDeleteEntry": False, **options()}
    body = yield from post(site, "Save", {"formid": form.form_id, "data": data}, writes=True)
    error = failed(site, body, item.ref.number or item.ref.internal_id)
    if error is not None:
        raise error
    return Written(ref=item.ref)


def _check_open(site: Site, form: Form, bill: reading.Bill, item: WriteItem) -> None:
    word = str(bill.head.get(form.status_field))
    if word not in ("A", "Z", "D"):
        raise exc.Rejected(
            f"a document in {word} is not changed.",
            system=site.conn_id,
            code="state",
            document=item.reference,
            field=form.status_field,
            remedy="Take it back in Kingdee, or supersede it.",
        )


def _name_entries(site: Site, form: Form, bill: reading.Bill, item: WriteItem, model: Model) -> None:
    """Give every entry its id there: as the create told it, as its own line id says, else by its place."""
    document = document_in(item)
    known: Mapping[str, Any] = item.arguments.get("lines") or {}
    there = [number_of(line[form.entry_id]) for line in bill.lines]
    named = [str(known.get(line.line_id) or line.line_id) for line in document.lines]
    if not set(named) & set(there):
        named = [there[n] if n < len(there) else "" for n in range(len(named))]
    gone = set(there) - set(named)
    if gone:
        raise exc.Rejected(
            f"{len(gone)} entries of the document are in the new content no more.",
            system=site.conn_id,
            code="entries",
            document=item.reference,
            field="lines",
            remedy="Delete the entries in Kingdee, or supersede the document.",
        )
    for entry, name in zip(entries_of(form, model), named, strict=True):
        if name in there:
            entry[entry_name(form)] = int(name)


def entry_name(form: Form) -> str:
    """Return the name of an entry's id in a model: the key of a query without the entry in front."""
    return form.entry_id.removeprefix(f"{form.entry}_")


def reads_as(form: Form) -> Callable[[Reading, WriteItem], bool]:
    """Return the test whether a document reads as what was to be written, in every field of its form."""

    def landed(reading: Reading, item: WriteItem) -> bool:
        wanted, found = item.document, reading.document
        if wanted is None or found is None or reading.total != wanted.totalled().payable_amount:
            return False
        paths = [field.path for field in form.fields if field.path not in _KINGDEES and field.query]
        same_head = all(_same(found, wanted, path, reading.ref.instance) for path in paths)
        return same_head and _same_lines(form, found, wanted.totalled(), reading.ref.instance)

    return landed


def _same_lines(form: Form, found: Document, wanted: Document, instance: str) -> bool:
    paths = [
        field.path for field in form.line_fields if not field.path.startswith("document:") and field.query
    ]
    return len(found.lines) == len(wanted.lines) and all(
        _same(theirs, ours, path, instance)
        for theirs, ours in zip(found.lines, wanted.lines, strict=True)
        for path in paths
    )


def _same(found: Document | Line, wanted: Document | Line, path: str, instance: str) -> bool:
    """Compare one field; what was not said may be there."""
    if path == AMOUNT and isinstance(found, Line) and isinstance(wanted, Line):
        return found.price_amount == (wanted.line_extension_amount or 0) + (wanted.tax_amount or 0)
    value = fields.pick(wanted, path, instance)
    if path == "price_amount" and isinstance(wanted, Line) and isinstance(value, Decimal):
        value = value / wanted.base_quantity
    return value is None or fields.pick(found, path, instance) == value
