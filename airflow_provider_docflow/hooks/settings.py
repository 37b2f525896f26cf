"""What ``airflow.cfg`` says about incidents and people."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_docflow.ledger import Ledger


def configure(ledger: Ledger) -> None:
    """Give a ledger the options ``[docflow] incident_rules``, ``incident_calendars`` and ``people``.

    :raises Misconfigured: one of them is wrong.
    """
    from airflow.sdk import conf

    from airflow_provider_docflow.ledger.incidents_rules import IncidentRules
    from airflow_provider_docflow.ledger.persons import People

    ledger.rules = IncidentRules.from_json(
        conf.get("docflow", "incident_rules", fallback=""),
        conf.get("docflow", "incident_calendars", fallback=""),
    )
    ledger.people = People.from_json(conf.get("docflow", "people", fallback=""))
