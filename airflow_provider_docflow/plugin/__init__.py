"""What the Airflow UI shows; loaded by Airflow in every process, so it imports nothing heavy."""

from __future__ import annotations

from typing import Any

from airflow.plugins_manager import AirflowPlugin

from airflow_provider_docflow.plugin.views import REACT_APPS


class DocflowPlugin(AirflowPlugin):
    """Registers docflow with the Airflow UI."""

    name = "docflow"

    @property
    def react_apps(self) -> list[Any]:  # type: ignore[override]
        """The pages; a new list, since Airflow takes out of it what it does not accept."""
        return [dict(app) for app in REACT_APPS]

    @property
    def fastapi_apps(self) -> list[dict[str, Any]]:  # type: ignore[override]
        """The pages' API; asked for by the API server only, so that nobody else pays for FastAPI."""
        from airflow_provider_docflow.plugin.app import create_app

        return [{"app": create_app(), "url_prefix": "/docflow", "name": "docflow"}]
