"""
Makes ``connection_types.json`` from the profiles.

Run ``python -m airflow_provider_docflow.connection_types`` after a profile's settings have changed.
"""

from __future__ import annotations

import json
from typing import Any

from airflow_provider_docflow.core.profile import SystemProfile
from airflow_provider_docflow.get_provider_info import TABLE
from airflow_provider_docflow.systems import names, profile_of

HOOK = "airflow_provider_docflow.hooks.docflow.DocflowHook"
_BEHAVIOUR = {"hidden_fields": "hidden-fields", "relabeling": "relabeling", "placeholders": "placeholders"}


def connection_type(profile: SystemProfile) -> dict[str, Any]:
    """Return the connection form of a product as Airflow describes one."""
    behaviour = {_BEHAVIOUR[name]: value for name, value in profile.ui_field_behaviour.items()}
    return {
        "connection-type": f"docflow_{profile.name}",
        "hook-class-name": HOOK,
        "hook-name": f"docflow: {profile.title}",
        "ui-field-behaviour": {"hidden-fields": [], "relabeling": {}, "placeholders": {}, **behaviour},
        "conn-fields": {name: dict(field) for name, field in profile.conn_fields.items()},
    }


def table() -> str:
    """Return the connection types of all products as JSON."""
    found = [connection_type(profile_of(name)) for name in names()]
    return json.dumps(found, ensure_ascii=False, indent=1) + "\n"


if __name__ == "__main__":
    TABLE.write_text(table(), encoding="utf-8")
