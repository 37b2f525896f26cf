"""
Reading approval instances by their code or by the uuid of their create, one request each.

The instance by which an approved one is revoked (``reverted_instance_code``) leads to the one it revokes. One
that corrects another (``modified_instance_code``) is a document of its own, related to it. Page: "Get a
single approval instance".
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.calls import about
from airflow_provider_docflow.core.exchange import Exchange
from airflow_provider_docflow.core.oa.forms import Form
from airflow_provider_docflow.core.oa.instants import now
from airflow_provider_docflow.core.oa.listing import ref_of
from airflow_provider_docflow.core.oa.reading import with_document
from airflow_provider_docflow.core.paging import read_one_by_one
from airflow_provider_docflow.core.profile import Reading
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.document import Document, DocumentRef
from airflow_provider_docflow.systems.feishu import controls, describing, filling, states
from airflow_provider_docflow.systems.feishu.controls import Item, Setting
from airflow_provider_docflow.systems.feishu.forms import form_of
from airflow_provider_docflow.systems.feishu.states import Raw
from airflow_provider_docflow.systems.feishu.wire import api, id_type, person

INSTANCES = "/open-apis/approval/v4/instances"
INSTANCE = INSTANCES + "/{code}"


def get(site: Site, code: str) -> Exchange[Raw]:
    """Return one instance as Feishu shows it; an instance that revokes another is read as that other.

    :param code: of the instance, or the uuid that it was created with.
    :raises NotFound: there is none.
    """
    raw = yield from _get(site, code)
    revoked = str(raw.get("reverted_instance_code") or "")
    if revoked and revoked != raw.get("instance_code"):
        raw = yield from _get(site, revoked)
    return raw


def _get(site: Site, code: str) -> Exchange[Raw]:
    kind = id_type(site)
    found = yield from api(site, "GET", INSTANCE, params={"user_id_type": kind}, code=code)
    if not isinstance(found, dict) or not found.get("status"):
        raise exc.TransientError("Feishu shows an instance without a status.", system=site.conn_id)
    acted = (one for name in ("task_list", "timeline") for one in found.get(name) or ())
    if not any(person(one, kind) for one in (found, *acted)):
        # Decisions of people without a name must not pass for anybody's.
        raise exc.Misconfigured(
            f"Feishu does not show this application the {kind} of people.",
            system=site.conn_id,
            field="user_id_type",
            remedy="Grant it contact:user.employee_id:readonly, or set user_id_type to open_id.",
        )
    return found


def fetch(site: Site, form: Form, code: str) -> Exchange[Raw]:
    """Return one instance of a form.

    :raises NotFound: there is none, or it is an instance of another definition.
    """
    raw = yield from get(site, code)
    if not belongs(form, raw):
        raise exc.NotFound(
            f"{code} is an instance of another definition than that of {form.document_type}.",
            system=site.conn_id,
            field="approval_code",
        )
    return raw


def belongs(form: Form, raw: Raw) -> bool:
    """Tell whether an instance is one of this form."""
    return str(raw.get("approval_code") or "").upper() == form.code.upper()


def items_of(site: Site, form: Form, raw: Raw) -> Exchange[list[Item]]:
    """Return the form's values; cells that show no name of their column get it from the definition."""
    try:
        found = json.loads(str(raw.get("form") or "[]"), parse_float=Decimal)
    except ValueError:
        raise exc.TransientError("Feishu shows a form that is no JSON.", system=site.conn_id) from None
    items = [item for item in found if isinstance(item, dict)]
    cells = [cell for item in items if item.get("type") == controls.TABLE for cell in _cells(item)]
    if all(cell.get("name") for cell in cells):
        return items
    widgets = yield from describing.widgets(site, form)
    names = {
        child.get("id"): {name: child[name] for name in ("name", "custom_id") if child.get(name)}
        for widget in widgets
        for child in widget.get("children") or ()
    }
    for cell in cells:
        cell.update({**names.get(cell.get("id"), {}), **cell})
    return items


def _cells(item: Item) -> list[Item]:
    rows = item.get("value") if isinstance(item.get("value"), list) else []
    return [cell for row in rows or () if isinstance(row, list) for cell in row if isinstance(cell, dict)]


def setting_of(site: Site, document: Document | None = None) -> Setting:
    """Return what the connection says of the values of controls."""
    currency = document.document_currency_code if document else ""
    return Setting(zone=site.time_zone, id_type=id_type(site), currency=currency)


def reading_of(site: Site, form: Form, raw: Raw) -> Exchange[Reading]:
    """Return what the document is and where it stands.

    A form whose values make no document still has a state: ``document`` is None, ``problem`` says why.
    Its company is a value of the form and may change, so it is no part of the reference.
    """
    kind = id_type(site)
    items = yield from items_of(site, form, raw)
    number = filling.number_in(form, items, str(raw.get("serial_number") or ""))
    code = str(raw.get("instance_code") or "")
    told = Reading(
        ref=ref_of(site, form.document_type, code, number),
        state=states.state(raw, now()),
        history=states.history(raw, kind),
        raw=raw,
        changed_at=states.changed_at(raw),
        related=_related(site, form, raw),
    )
    return with_document(
        site,
        told,
        lambda: filling.to_document(
            form,
            items,
            setting_of(site),
            site.known_instance,
            requester=person(raw, kind),
            number=number,
        ),
    )


def _related(site: Site, form: Form, raw: Raw) -> tuple[DocumentRef, ...]:
    before = str(raw.get("modified_instance_code") or "")
    return (
        (ref_of(site, form.document_type, before),) if before and before != raw.get("instance_code") else ()
    )


def read_one(site: Site, form: Form, code: str, number: str = "") -> Exchange[Reading]:
    """Read one document."""
    with about(number or code):
        raw = yield from fetch(site, form, code)
        return (yield from reading_of(site, form, raw))


def _read_ref(site: Site, ref: DocumentRef) -> Exchange[Reading]:
    return (yield from read_one(site, form_of(site, ref.document_type), ref.internal_id, ref.number))


read = read_one_by_one(_read_ref)
"""Read documents, one request each; a failure is its document's entry."""


def each(site: Site, form: Form, codes: Sequence[str]) -> Exchange[list[Any]]:
    """Read listed instances; one that revokes another is read as that other, and each document once."""
    found: dict[str, Reading] = {}
    for code in codes:
        reading = yield from read_one(site, form, code)
        found.setdefault(reading.ref.internal_id, reading)
    return list(found.values())
