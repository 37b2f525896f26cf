"""The fields of an order: those that docflow reads and writes, and those that one there has besides."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from airflow_provider_docflow.core.exchange import Exchange
from airflow_provider_docflow.core.live import LiveField
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.systems.yonbip.kinds import Kind, Raw, text_in
from airflow_provider_docflow.systems.yonbip.listing import detail, rows

_OWN_ITEMS = ("headItem", "headFreeItem", "bodyItem", "bodyFreeItem")


def describer(kind: Kind, mapped: Mapping[str, str]) -> Callable[[Site], Exchange[list[LiveField]]]:
    """Return the question for the fields of a type.

    No call lists them; the tenant's own are taken from the first order that the list shows.

    :param mapped: the system's name of a field → canonical path.
    """

    def describe(site: Site) -> Exchange[list[LiveField]]:
        mark = str(site.setting("mark_field"))
        known = [
            LiveField(name=name, canonical=path, required=path in _NEEDED) for name, path in mapped.items()
        ]
        known.append(LiveField(name=mark, label="docflow's mark", type="text"))
        heads, _, _ = yield from rows(site, kind, [], 1)
        if not heads:
            return known
        raw = yield from detail(site, kind, text_in(heads[0], "id"))
        names = {field.name for field in known}
        return [*known, *(field for field in _own(kind, raw) if field.name not in names)]

    return describe


_NEEDED = frozenset(
    {
        *("issue_date", "company_code", "document_currency_code", "seller_supplier_party.id"),
        *("buyer_customer_party.id", "lines[*].item_id", "lines[*].quantity", "lines[*].price_amount"),
    }
)


def _own(kind: Kind, raw: Raw) -> Iterator[LiveField]:
    lines = raw.get(kind.lines) or []
    for prefix, part in (("", raw), (f"{kind.lines}.", lines[0] if lines else {})):
        for item in _OWN_ITEMS:
            yield from _defines(f"{prefix}{item}", part.get(item))


def _defines(name: str, held: Any) -> Iterator[LiveField]:
    for field in held if isinstance(held, Mapping) else ():
        if field.startswith("define"):
            yield LiveField(name=f"{name}.{field}", type="text", custom=True)
