"""The pages that Airflow's UI shows as tabs and in its navigation."""

from __future__ import annotations

from typing import Any

#: The script registers itself under this name, which is also what people read on the tab.
NAME = "Documents"
BUNDLE = "docflow/static/documents.js"

_APP: dict[str, Any] = {
    "name": NAME,
    "bundle_url": BUNDLE,
    "icon": "docflow/static/documents-light.svg",
    "icon_dark_mode": "docflow/static/documents-dark.svg",
}

REACT_APPS: tuple[dict[str, Any], ...] = (
    {**_APP, "destination": "nav", "category": "browse", "url_route": "docflow"},
    {**_APP, "destination": "dag_run", "url_route": "docflow-run"},
    {**_APP, "destination": "task_instance", "url_route": "docflow-task"},
)
