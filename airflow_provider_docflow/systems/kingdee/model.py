"""A canonical document as the model of a Save; nothing is sent that the form would not hold exactly."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core import fields
from airflow_provider_docflow.core.profile import WriteItem
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.document import Document, Line
from airflow_provider_docflow.document.money import EXACT, decimals_of
from airflow_provider_docflow.systems.kingdee import values
from airflow_provider_docflow.systems.kingdee.forms import AMOUNT, Field, Form

_HEAD_FACTS = (
    *(
        "document_currency_code",
        "exchange_rate",
        "buyer_customer_party",
        "seller_supplier_party",
        "requester",
    ),
    *("due_date", "payment_terms", "payee_account", "allowance_charge"),
    *("payable_rounding_amount", "attachments"),
)
_LINE_FACTS = (
    *("item_id", "description", "unit_code", "price_amount", "tax_percent", "allowance_charge"),
    *("accounting", "seller_supplier_party", "delivery_party"),
)
_OF_AN_AMOUNT = frozenset({"item_id", "unit_code", "price_amount", "tax_percent", "quantity"})


def model_of(site: Site, form: Form, item: WriteItem) -> dict[str, Any]:
    """Return the model of a document, without its number and its marks.

    The order of keys matters to Kingdee: what the head says, its sub-heads, then the entries.

    :raises InvalidDocument: a value cannot be written, or a material one has no field in the form.
    """
    document = document_in(item).totalled()
    _check_held(form, document)
    body: dict[str, Any] = {"FID": 0, **copy.deepcopy(dict(form.fixed))}
    _fill(site, body, form.fields, document, document, "")
    body[form.entry] = [
        _entry(site, form, document, position, line) for position, line in enumerate(document.lines)
    ]
    _tenant(site, form.fields, body, document)
    return body


def document_in(item: WriteItem) -> Document:
    """Return the document of a write that needs one.

    :raises InvalidDocument: it has none.
    """
    if item.document is None:
        raise exc.InvalidDocument("there is no document to write.", document=item.reference)
    return item.document


def _entry(site: Site, form: Form, document: Document, position: int, line: Line) -> dict[str, Any]:
    body = copy.deepcopy(dict(form.line_fixed))
    _fill(site, body, form.line_fields, line, document, f"lines[{position}].")
    _tenant(site, form.line_fields, body, line)
    return body


def _fill(
    site: Site,
    body: dict[str, Any],
    mapped: tuple[Field, ...],
    part: Document | Line,
    document: Document,
    at: str,
) -> None:
    for field in mapped:
        value = _value(site, field.path, part, document, at) if field.targets else None
        if value is None:
            continue
        try:
            written = values.write(site, field.path.removeprefix("document:"), value)
        except (ValueError, TypeError, AttributeError) as error:
            raise exc.InvalidDocument(
                f"cannot be written as {field.targets[0]}: {error}.",
                system=site.conn_id,
                document=document.id,
                field=f"{at}{field.path}",
                remedy="Correct it at the source, or give the value that Kingdee wants by the mapping.",
            ) from None
        for target in field.targets:
            set_at(body, target, written)


def _value(site: Site, path: str, part: Document | Line, document: Document, at: str) -> Any:
    if path == AMOUNT:
        assert isinstance(part, Line)
        return (part.line_extension_amount or Decimal(0)) + (part.tax_amount or Decimal(0))
    if path.startswith("document:"):
        return fields.pick(document, path.removeprefix("document:"), site.known_instance)
    value = fields.pick(part, path, site.known_instance)
    if path == "delivery_date" and value is None and document.delivery:
        return document.delivery.delivery_date
    if path == "price_amount" and isinstance(part, Line) and value is not None:
        return _price(site, part, document, at)
    return value


def _price(site: Site, line: Line, document: Document, at: str) -> Decimal:
    """Return the price of one unit without tax.

    :raises InvalidDocument: it includes tax, or has more decimals than the tenant keeps.
    """
    assert line.price_amount is not None
    price = EXACT.divide(line.price_amount, line.base_quantity)
    digits = int(site.setting("price_decimals", 6))
    problem = (
        "the price includes tax, and prices without it are written"
        if line.price_includes_tax and line.tax_percent
        else f"the price of one unit is {price:f}, and the tenant keeps {digits} decimals"
        if decimals_of(price) > digits
        else ""
    )
    if problem:
        raise exc.InvalidDocument(
            f"{problem}.",
            system=site.conn_id,
            document=document.id,
            field=f"{at}price_amount",
            remedy="Give the price without tax, in a larger unit, or raise price_decimals of the connection.",
        )
    return price


def set_at(body: dict[str, Any], target: str, value: Any) -> None:
    """Set a dotted path of a model, making the objects on the way."""
    *way, last = target.split(".")
    for step in way:
        body = body.setdefault(step, {})
    body[last] = value


def _tenant(site: Site, mapped: tuple[Field, ...], body: dict[str, Any], part: Document | Line) -> None:
    """Write tenant fields without a map under their own names; what is written already stays."""
    known = {field.path for field in mapped}
    for name, value in part.extensions.get(site.known_instance, {}).items():
        if f"extensions.{name}" not in known and name not in body and value is not None:
            set_at(body, name, value)


def _check_held(form: Form, document: Document) -> None:
    """Refuse a document that says something material for which the form has no field."""
    for path in _said(form, document):
        raise exc.InvalidDocument(
            f"{form.form_id} has no field for it.",
            system="kingdee",
            document=document.id,
            field=path,
            remedy="Map it in the forms of the connection, or name it there under omit.",
        )


def _said(form: Form, document: Document) -> Iterator[str]:
    lines = form.line_fields
    mapped = {field.path.removeprefix("document:") for field in (*form.fields, *lines) if field.targets}
    delivery = document.delivery
    if (
        delivery
        and (delivery.delivery_party or delivery.delivery_address)
        and not _held("delivery", mapped, form)
    ):
        yield "delivery"
    for name in _HEAD_FACTS:
        if getattr(document, name) and not _held(name, mapped, form):
            yield name
    mapped = {field.path for field in lines if field.targets}
    if form.amounts_only:
        mapped |= _OF_AN_AMOUNT
    for position, line in enumerate(document.lines):
        for name in _LINE_FACTS:
            # What a numbered item is called stands in the master data.
            if name == "description" and line.item_id:
                continue
            # A line that names the document's own party says nothing more.
            said = getattr(line, name)
            if said and said != getattr(document, name, None) and not _held(name, mapped, form):
                yield f"lines[{position}].{name}"


def _held(name: str, mapped: set[str], form: Form) -> bool:
    return name in form.omit or any(path == name or path.startswith(f"{name}.") for path in mapped)


def entries_of(form: Form, model: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the entries of a model."""
    found: list[dict[str, Any]] = model[form.entry]
    return found
