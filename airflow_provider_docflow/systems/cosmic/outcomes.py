"""What became of each document of a write: ``data.result`` against the documents that were sent."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.calls import Answer, dig
from airflow_provider_docflow.core.profile import WriteItem, Written
from airflow_provider_docflow.core.redact import redact_text
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.document import DocumentRef, DocumentType
from airflow_provider_docflow.systems.cosmic.forms import Form
from airflow_provider_docflow.systems.cosmic.wire import results

log = logging.getLogger(__name__)
Entry = Mapping[str, Any]


def outcomes(
    site: Site, form: Form, answer: Answer, items: Sequence[WriteItem]
) -> list[Written | exc.DocflowError]:
    """Return one outcome per item, in order.

    Entries are matched by ``billIndex``. Where an entry names a document that is not the item's, or an item
    has no entry of its own, nothing is known of it.
    """
    entries: dict[int, list[Entry]] = {}
    for entry in results(answer.body) or ():
        entries.setdefault(_index(entry, items), []).append(entry)
    return [_outcome(site, form, answer, item, entries.get(place, [])) for place, item in enumerate(items)]


def _index(entry: Entry, items: Sequence[WriteItem]) -> int:
    """Return the place of an entry's document, -1 if it is none of them."""
    given = str(entry.get("billIndex"))
    place = int(given) if given.isdigit() else -1
    if not 0 <= place < len(items):
        return -1
    # Every document of a save has a number of its own, and of an action an id.
    others = {_told(item): at for at, item in enumerate(items)}
    for named in (str(entry.get("number") or ""), str(entry.get("id") or "")):
        if others.get(named, place) != place:
            return -1
    return place


def _told(item: WriteItem) -> str:
    return item.ref.internal_id if item.ref else item.mark


def _outcome(
    site: Site, form: Form, answer: Answer, item: WriteItem, entries: Sequence[Entry]
) -> Written | exc.DocflowError:
    name = item.reference or (str(item.ref) if item.ref else item.mark)
    if len(entries) != 1:
        return _unknown(site, answer, name, "the reply does not say what became of it")
    entry = entries[0]
    if entry.get("billStatus") is not True:
        return exc.Rejected(
            redact_text(site.conceal("; ".join(_texts(entry.get("errors"))) or "refused"))[:500],
            system=site.conn_id,
            document=name,
            code=_code(answer),
            http_status=answer.status,
            remedy="Correct the document, or the forms of the connection.",
        )
    if item.ref is not None:
        return Written(ref=item.ref, detail={"type": str(entry.get("type") or "")})
    internal = entry.get("id")
    if internal in (None, "", 0, "0"):
        return _unknown(site, answer, name, "the reply names no id")
    number, document = str(entry.get("number") or ""), item.document
    if form.number_kept and number not in ("", item.mark):
        # It has landed, so it is no error; but from here on a lost reply could make a second one.
        log.error(
            "%s saved %s as %s: the connection's number_kept is not true. Take it out of forms.",
            *(site.conn_id, item.mark, number),
        )
    mapped = any(field.canonical == "company_code" for field in form.kind.fields)
    return Written(
        ref=DocumentRef(
            instance=site.known_instance,
            company_code=document.company_code if document and mapped else "",
            document_type=DocumentType(form.document_type),
            internal_id=str(internal),
            number=number,
        ),
        detail={"type": str(entry.get("type") or "")},
    )


def _code(answer: Answer) -> str:
    code = str(dig(answer.body, "errorCode") or "")
    return code if code not in ("", "0") else "billStatus=false"


def _unknown(site: Site, answer: Answer, name: str, why: str) -> exc.UnknownOutcome:
    return exc.UnknownOutcome(
        f"{why}.",
        system=site.conn_id,
        document=name,
        http_status=answer.status,
        remedy="Nothing: the next try looks for it first.",
    )


def _texts(errors: Any) -> Iterator[str]:
    """Yield the texts in what stands under ``errors``, whose shape no document tells."""
    if isinstance(errors, str):
        yield errors
    elif isinstance(errors, Mapping):
        for value in errors.values():
            yield from _texts(value)
    elif isinstance(errors, list):
        for value in errors:
            yield from _texts(value)
