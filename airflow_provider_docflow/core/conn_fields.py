"""What a connection is asked for beside address and login: its extra fields, as forms show them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from airflow_provider_docflow.core.profile import Limit
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.exceptions import Misconfigured


def text(label: str, description: str = "", **schema: Any) -> dict[str, Any]:
    """Return a field for text.

    :param schema: more of its JSON schema, such as ``default``, ``enum`` or ``format="password"``.
    """
    return {"label": label, "description": description, "schema": {"type": ["string", "null"], **schema}}


def number(label: str, description: str, default: int | None = None, **schema: Any) -> dict[str, Any]:
    """Return a field for a whole number; one without a default may stay empty."""
    given = schema if default is None else {"default": default, **schema}
    return {"label": label, "description": description, "schema": {"type": ["integer", "null"], **given}}


def flag(label: str, description: str = "", *, default: bool) -> dict[str, Any]:
    """Return a field for yes or no."""
    return {"label": label, "description": description, "schema": {"type": "boolean", "default": default}}


_WINDOWS = {"calls_per_second": 1.0, "calls_per_minute": 60.0, "calls_per_month": 30 * 86_400.0}


def call_limits(settings: Mapping[str, Any], fields: Mapping[str, Mapping[str, Any]]) -> tuple[Limit, ...]:
    """Return the limits of all calls that a connection is asked for, by the names of its fields.

    ``calls_per_second``, ``calls_per_minute`` and ``calls_per_month`` count; what is empty and has no default
    is no limit.
    """
    counts = {name: whole(settings, fields, name) for name in _WINDOWS if name in fields}
    return tuple(
        Limit(name=name, count=count, seconds=_WINDOWS[name]) for name, count in counts.items() if count
    )


def whole(settings: Mapping[str, Any], fields: Mapping[str, Mapping[str, Any]], name: str) -> int:
    """Return a whole number of a connection: as given, else the field's default, else 0."""
    return int(settings.get(name) or fields[name]["schema"].get("default", 0))


def mapping_in(site: Site, name: str) -> dict[str, str]:
    """Return a setting that is a JSON object of texts.

    :raises Misconfigured: it is something else.
    """
    raw = site.setting(name)
    try:
        found = json.loads(raw) if isinstance(raw, str) else raw
    except ValueError:
        found = None
    if not isinstance(found, Mapping):
        raise Misconfigured(
            f"{name} of connection {site.conn_id} is no JSON object.",
            system=site.conn_id,
            field=name,
            remedy='Write it as {"one": "other"}.',
        )
    return {str(key): str(value) for key, value in found.items()}
