"""Values as Kingdee writes and shows them: amounts as exact JSON numbers, days, currencies by number."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from airflow_provider_docflow.core import fields
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.exceptions import Misconfigured
from airflow_provider_docflow.systems.kingdee.forms import AMOUNT
from airflow_provider_docflow.systems.kingdee.wire import number_of

CURRENCY, UNIT = "document_currency_code", "unit_code"
DEFAULT_CURRENCIES = '{"CNY": "PRE001"}'


def currencies(site: Site) -> Mapping[str, str]:
    """Return ISO code → number of the currency in the tenant.

    :raises Misconfigured: the setting is no JSON object, or one number stands for two currencies.
    """
    return _numbers(site, "currencies")


def units(site: Site) -> Mapping[str, str]:
    """Return unit code → number of the unit in the tenant; a unit that it does not name keeps its code.

    :raises Misconfigured: as :func:`currencies`.
    """
    return _numbers(site, "units") if site.setting("units") else {}


def _numbers(site: Site, name: str) -> Mapping[str, str]:
    given = site.setting(name)
    try:
        found = json.loads(given) if isinstance(given, str) else dict(given)
        known = {str(code): str(number) for code, number in found.items()}
    except (ValueError, AttributeError, TypeError):
        known = {}
    if not known or len(set(known.values())) != len(known):
        raise Misconfigured(
            f"the {name} of connection {site.conn_id} cannot be used.",
            system=site.profile.name,
            field=name,
            remedy='Write them as {"CNY": "PRE001", "USD": "PRE007"}, each number once.',
        )
    return known


def write(site: Site, path: str, value: Any) -> Any:
    """Return a canonical value as it goes into a model.

    :raises ValueError: Kingdee could not hold it exactly.
    """
    if path == CURRENCY:
        known = currencies(site)
        if value not in known:
            raise ValueError(f"the connection's currencies name no {value}")
        return known[value]
    if path == UNIT:
        return units(site).get(value, value)
    if path == AMOUNT:
        return fields.NUMBER.write(value)
    kind = {"decimal": fields.NUMBER, "date": fields.DATE, "flag": fields.FLAG, "text": fields.TEXT}
    return kind[fields.sort_of(path)].write(value)


def read(site: Site, path: str, value: Any) -> Any:
    """Return a shown value as canonical JSON; None where it is empty.

    :raises ValueError: it is none of its sort.
    """
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    if path == CURRENCY:
        numbers = {number: code for code, number in currencies(site).items()}
        return numbers.get(str(value), str(value))
    if path == UNIT:
        codes = {number: code for code, number in units(site).items()}
        return codes.get(str(value), str(value))
    sort = "decimal" if path == AMOUNT else fields.sort_of(path)
    if sort == "decimal":
        return plain(fields.exact(value))
    if sort == "date":
        # A business date may carry the time of its entry, by the tenant's own clock.
        return datetime.fromisoformat(str(value)).date().isoformat()
    return number_of(value) if isinstance(value, Decimal) else str(value).strip()


def plain(number: Decimal) -> str:
    """Return a number without the zeros that a database adds at its end."""
    shown = format(number, "f")
    return shown.rstrip("0").rstrip(".") if "." in shown else shown


def moment(site: Site, value: Any) -> datetime | None:
    """Read a clock time of the tenant; None where there is none."""
    try:
        found = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return (found if found.tzinfo else found.replace(tzinfo=site.time_zone)).astimezone(UTC)


def clock(site: Site, at: datetime) -> str:
    """Write an instant as the tenant's clock shows it, for a condition."""
    return at.astimezone(site.time_zone).strftime("%Y-%m-%dT%H:%M:%S")


def as_json(value: Any) -> Any:
    """Return a shown value as a JSON primitive: numbers with a fraction as text."""
    return plain(value) if isinstance(value, Decimal) else value
