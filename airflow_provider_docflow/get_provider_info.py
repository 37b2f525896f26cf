"""What Airflow discovers about this package."""

from __future__ import annotations

from typing import Any


def get_provider_info() -> dict[str, Any]:
    """Describe the provider to Airflow's provider manager.

    :returns: a document of Airflow's ``provider_info.schema.json``.
    """
    return {
        "package-name": "airflow-provider-docflow",
        "name": "docflow",
        "description": "Business documents, written once, across OA, ERP, CRM and finance systems.",
    }
