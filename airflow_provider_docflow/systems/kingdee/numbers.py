"""
By what a document is found again: its own number, or a text field where Kingdee gives the numbers.

Kingdee has no request key. It refuses a second document of the same number, as long as the form's numbering
rule lets the number be given (``numbering`` = ``own``): then the mark is the number, and a search for it
sees every committed document. Where Kingdee numbers by itself (``numbering`` = ``kingdee``), or where
documents are only kept as drafts, which have no number, the mark goes into ``mark_field`` of the form, and
nothing refuses a second.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from airflow_provider_docflow.core.exchange import Exchange
from airflow_provider_docflow.core.profile import Finding, Probe, Reading, WriteItem
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.exceptions import Misconfigured
from airflow_provider_docflow.systems.kingdee import reading
from airflow_provider_docflow.systems.kingdee.catalogue import form_of
from airflow_provider_docflow.systems.kingdee.forms import Form
from airflow_provider_docflow.systems.kingdee.model import document_in

SETTLE_SECONDS = 60.0


def gives_numbers(settings: Mapping[str, Any]) -> bool:
    """Tell whether the connection's documents carry numbers of docflow's."""
    return settings.get("numbering") in (None, "", "own") and settings.get("save_as") in (None, "", "save")


def probe_of(settings: Mapping[str, Any]) -> Probe:
    """Return how surely a document is found again."""
    quality = "unique" if gives_numbers(settings) else "best_effort"
    return Probe(quality=quality, settle_seconds=SETTLE_SECONDS)  # type: ignore[arg-type]


def number_for(site: Site, item: WriteItem) -> str:
    """Return the number that a document gets; empty where Kingdee gives it."""
    return f"{site.setting('number_prefix', '')}{item.mark}" if gives_numbers(site.settings) else ""


def put_marks(site: Site, form: Form, item: WriteItem, model: dict[str, Any]) -> None:
    """Write number, mark and the source's number into a model.

    :raises Misconfigured: there is no place for the mark.
    """
    if number := number_for(site, item):
        model[form.number_field] = number
    elif not form.mark_field:
        raise Misconfigured(
            f"{form.form_id} has no field for docflow's mark, and its documents get no number of docflow's.",
            system=site.conn_id,
            field=f"forms.{form.document_type}.mark_field",
            remedy="Add a text field to the form and name it as mark_field, or let docflow give the numbers.",
        )
    if form.mark_field:
        model[form.mark_field] = item.mark
    if form.reference_field and item.reference:
        model[form.reference_field] = item.reference


def find(site: Site, items: Sequence[WriteItem]) -> Exchange[list[Finding]]:
    """Look for documents by their numbers or marks, in one query."""
    if not items:
        return []
    form = form_of(site, document_in(items[0]).document_type)
    own = gives_numbers(site.settings)
    key = form.number_field if own else form.mark_field
    if not key:
        return [Finding() for _ in items]
    sought = [number_for(site, item) if own else item.mark for item in items]
    found = yield from reading.by_numbers(site, form, key, sorted(set(sought)))
    by_text: dict[str, list[Reading]] = {}
    for one in found:
        by_text.setdefault(str(one.raw.get(key) or "").strip(), []).append(one)
    return [Finding(marked=tuple(by_text.get(text, ()))) for text in sought]
