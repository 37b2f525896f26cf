"""What the entries and heads of several vouchers have in common."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.document import Document, Line, minor_units
from airflow_provider_docflow.document.money import rounded
from airflow_provider_docflow.systems.u8.values import Raw, business_date, figure, plain, taxes, text


def supplier(document: Document) -> str:
    """Return the supplier's code.

    :raises InvalidDocument: there is none.
    """
    if document.seller_supplier_party is None:
        raise exc.InvalidDocument("is missing.", field="seller_supplier_party")
    return document.seller_supplier_party.id


def priced(line: Line, net: str, with_tax: str) -> dict[str, str]:
    """Return the line's own price under the name that says whether it includes the tax."""
    if line.price_amount is None:
        raise exc.InvalidDocument("is missing.", field="price_amount")
    return {with_tax if line.price_includes_tax else net: plain(line.price_amount)}


def project(line: Line, name: str) -> dict[str, str]:
    """Return the project of a line.

    :raises InvalidDocument: it has several cost objects.
    """
    if len(line.accounting) > 1:
        raise exc.InvalidDocument("has several cost objects; split the line.", field="accounting")
    project = line.accounting[0].project if line.accounting else ""
    return {name: project} if project else {}


def projects_in(entry: Raw, name: str) -> list[dict[str, str]]:
    """Return the cost objects of an entry."""
    project = text(entry, name)
    return [{"project": project}] if project else []


def named(**values: str) -> dict[str, str]:
    """Return the texts that there are, by name."""
    return {name: value for name, value in values.items() if value}


def set_by(site: Site, **settings: str) -> dict[str, str]:
    """Return fields whose value is a setting of the connection, as far as it is filled in."""
    return named(**{field: str(site.setting(setting) or "") for field, setting in settings.items()})


def party_in(raw: Raw, code: str, name: str) -> dict[str, str] | None:
    """Return the party of a voucher, if it names one."""
    return {"id": text(raw, code), "name": text(raw, name)} if text(raw, code) else None


def head(raw: Raw, code: str, date: str) -> dict[str, Any]:
    """Return number and date of a voucher."""
    return {"id": text(raw, code), "issue_date": business_date(raw.get(date))}


def priced_line(
    site: Site,
    entry: Raw,
    place: int,
    currency: str,
    prices: tuple[str, str],
    amounts: tuple[str, str, str, str],
) -> dict[str, Any]:
    """Return what every priced line has.

    U8 shows a price without tax and one with it, and not which was given: the line's is the one that
    ``unit_price`` names, or the other where only from that its amount follows.
    """
    money, tax, whole, percent = amounts
    ways = [(prices[0], money, False), (prices[1], whole, True)]
    ways = ways[::-1] if site.setting("unit_price") == "gross" else ways
    price, inclusive = _price(entry, currency, ways)
    taxed = taxes(figure(entry, percent), figure(entry, tax))
    return {
        "line_id": str(place),
        "item_id": text(entry, "inventorycode"),
        "description": text(entry, "inventoryname"),
        "quantity": figure(entry, "quantity"),
        "price_amount": price,
        "price_includes_tax": inclusive and taxed["tax_percent"] is not None,
        "line_extension_amount": figure(entry, money),
        **taxed,
    }


def _price(entry: Raw, currency: str, ways: list[tuple[str, str, bool]]) -> tuple[Decimal | None, bool]:
    quantity = figure(entry, "quantity")
    for name, amount, inclusive in ways:
        price, whole = figure(entry, name), figure(entry, amount)
        if price is None or whole is None or quantity is None:
            continue
        if rounded(price * quantity, minor_units(currency)) == whole:
            return price, inclusive
    return figure(entry, ways[0][0]), ways[0][2]


def amount_line(entry: Raw, place: int, *names: str) -> dict[str, Any]:
    """Return a line that is an amount."""
    amount = figure(entry, *names)
    account, project = text(entry, "subjectcode"), text(entry, "item_code", "project")
    cost = {**named(account=account), **named(project=project)}
    return {
        "line_id": str(place),
        "description": text(entry, "digest"),
        "quantity": 1,
        "price_amount": amount,
        "line_extension_amount": amount,
        "accounting": [cost] if cost else [],
    }
