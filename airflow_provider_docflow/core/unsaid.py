"""What a document says and a target has no field for: refused, unless the connection lets it be left out."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.document import Document, Line

SETTING = "omit"
DEFAULT = "requester, attachments, due_date"
_HEAD = (
    *("buyer_customer_party", "seller_supplier_party", "requester", "due_date", "payment_terms"),
    *("payee_account", "attachments"),
)
_COSTS = ("cost_centre", "project", "account")


def refuse_unsaid(site: Site, document: Document, held: Collection[str]) -> None:
    """Refuse a document that says something material for which the target has no field.

    Only who, where and where to is looked at; figures are the profile's own duty.

    :param held: what the target holds: fields of a document, those of a line behind ``lines.``, such as
        ``lines.accounting.project``.
    :raises InvalidDocument: names the field. The connection's setting ``omit`` lists what may be left out.
    """
    given = str(site.setting(SETTING, DEFAULT) or "")
    known = {*held, *(name.strip() for name in given.split(",") if name.strip())}
    for name, field in _said(document):
        if not any(name == each or name.startswith(f"{each}.") for each in known):
            raise exc.InvalidDocument(
                "the system has no field for it.",
                system=site.conn_id,
                field=field,
                remedy=f"Map it to a field of the system's own, or list {name} under omit of the connection.",
            )


def _said(document: Document) -> Iterator[tuple[str, str]]:
    """Yield name and place of what a document says."""
    for name in _HEAD:
        if getattr(document, name):
            yield name, name
    delivery = document.delivery
    if delivery and (delivery.delivery_party or delivery.delivery_address):
        yield "delivery", "delivery"
    for place, line in enumerate(document.lines):
        for name in _said_by(document, line):
            yield f"lines.{name}", f"lines[{place}].{name}"


def _said_by(document: Document, line: Line) -> Iterator[str]:
    # A line that names the document's own party says nothing more.
    if line.seller_supplier_party not in (None, document.seller_supplier_party):
        yield "seller_supplier_party"
    if line.delivery_party:
        yield "delivery_party"
    for name in _COSTS:
        if any(getattr(cost, name) for cost in line.accounting):
            yield f"accounting.{name}"
