"""Links from a task in Airflow's UI to the document in its own system."""

from __future__ import annotations

EXTRA_LINKS = ["airflow_provider_docflow.links.document.OpenDocumentLink"]
"""For ``extra-links`` of the provider's description: Airflow shows only links that are listed there."""
