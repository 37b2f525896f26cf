"""Loads docflow's plugin from a checkout that is mounted, not installed.

An installed distribution announces the plugin by its entry point; announcing it here once more
makes Airflow warn and list an import error on every start.
"""

from __future__ import annotations

from importlib.metadata import entry_points

if not any(
    point.value.startswith("airflow_provider_docflow.") for point in entry_points(group="airflow.plugins")
):
    from airflow_provider_docflow.plugin import DocflowPlugin  # noqa: F401
