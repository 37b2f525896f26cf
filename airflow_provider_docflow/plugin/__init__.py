"""What the Airflow UI shows; loaded by Airflow in every process, so it imports nothing heavy."""

from __future__ import annotations

from airflow.plugins_manager import AirflowPlugin


class DocflowPlugin(AirflowPlugin):
    """Registers docflow with the Airflow UI."""

    name = "docflow"
