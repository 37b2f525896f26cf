"""What a connection is asked for beside address and login: its extra fields, as forms show them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


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


def whole(settings: Mapping[str, Any], fields: Mapping[str, Mapping[str, Any]], name: str) -> int:
    """Return a whole number of a connection: as given, else the field's default, else 0."""
    return int(settings.get(name) or fields[name]["schema"].get("default", 0))
