"""
What Airflow discovers about this package.

Every Airflow process asks, so nothing heavy happens here: the connection types stand in
``connection_types.json``, which :mod:`airflow_provider_docflow.connection_types` makes from the profiles.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

PACKAGE = "airflow_provider_docflow"
INTEGRATION = "docflow"
TABLE = Path(__file__).with_name("connection_types.json")

_CONFIG: dict[str, Any] = {
    "docflow": {
        "description": "Documents between systems.",
        "options": {
            "first_check_seconds": {
                "description": "Seconds from deferring to the first check. Airflow 3.3.2 fails tasks that "
                "are resumed sooner than about ten seconds after they were deferred.",
                "version_added": "0.1.0",
                "type": "float",
                "example": None,
                "default": "10",
            },
            "poll_interval": {
                "description": "Seconds between two looks at what is waited for.",
                "version_added": "0.1.0",
                "type": "float",
                "example": "60",
                "default": "30",
            },
            "ledger_conn_id": {
                "description": "Connection of the ledger that the pages of the API server show.",
                "version_added": "0.1.0",
                "type": "string",
                "example": None,
                "default": "docflow_ledger",
            },
            "incident_rules": {
                "description": "JSON list: who owns an incident (owner_role), how many hours there are "
                "(hours) and by which calendar they run (calendar), by company_code, document_type and "
                "category; the first rule that holds decides. "
                "Without a rule: data, document owner, 24; master data, master data steward, 24; business "
                "rule, process owner, 24; permission, system administrator, 8; quota, integration "
                "administrator, 8; technical, integration administrator, 4; control, controller, 8.",
                "version_added": "0.1.0",
                "type": "string",
                "example": None,
                "default": "",
            },
            "incident_calendars": {
                "description": "JSON object: working calendars by name, for the rules of incidents. Each "
                "has time_zone, and may have weekdays (mon to fri), from, to, holidays and workdays.",
                "version_added": "0.1.0",
                "type": "string",
                "example": '{"cn": {"time_zone": "Asia/Shanghai", "from": "09:00", "to": "18:00", '
                '"holidays": ["2026-10-01/2026-10-07"], "workdays": ["2026-10-10"]}}',
                "default": "",
            },
            "people": {
                "description": "JSON object: which ids one person has, by origin: airflow, command line, or "
                "the instance of an approval system. Who overrides a document stands here, because the same "
                "person may not approve it.",
                "version_added": "0.1.0",
                "type": "string",
                "example": None,
                "default": "",
            },
            "mode": {
                "description": "live, or shadow: every task reads, maps, checks and reports what it "
                "would write, and writes nothing to any system.",
                "version_added": "0.1.0",
                "type": "string",
                "example": "shadow",
                "default": "live",
            },
            "language": {
                "description": "Language of the texts that business users read: en or zh.",
                "version_added": "0.1.0",
                "type": "string",
                "example": "zh",
                "default": "en",
            },
            "outage_threshold": {
                "description": "So many failures in a row, over all processes, are an outage of a system.",
                "version_added": "0.1.0",
                "type": "integer",
                "example": "10",
                "default": "5",
            },
            "outage_probe_seconds": {
                "description": "How often one task tries whether a system that is down answers again.",
                "version_added": "0.1.0",
                "type": "float",
                "example": "120",
                "default": "60",
            },
            "outage_notify": {
                "description": "Whom to tell, once, that a system is down: JSON with channels and what "
                "they need, as NotifyOperator takes them.",
                "version_added": "0.1.0",
                "type": "string",
                "example": '{"channels": ["email"], "mails": ["it@example.com"]}',
                "default": "",
            },
            "ramp_start": {
                "description": "Requests per second, over all processes, that a system gets first after an "
                "outage.",
                "version_added": "0.1.0",
                "type": "integer",
                "example": "4",
                "default": "10",
            },
            "ramp_seconds": {
                "description": "After so long without a failure it gets twice as many.",
                "version_added": "0.1.0",
                "type": "float",
                "example": "30",
                "default": "10",
            },
            "ramp_periods": {
                "description": "After so many doublings there is no limit any more; 0 for none at all.",
                "version_added": "0.1.0",
                "type": "integer",
                "example": "4",
                "default": "6",
            },
            "parked_per_second": {
                "description": "So many parked tasks come back per second after an outage or a maintenance "
                "window.",
                "version_added": "0.1.0",
                "type": "float",
                "example": "10",
                "default": "2",
            },
            "webhook_connections": {
                "description": "Connections whose systems may send events to /webhooks/CONNECTION, comma "
                "separated; every other address is answered without a look-up.",
                "version_added": "0.1.0",
                "type": "string",
                "example": "oa,erp",
                "default": "",
            },
            "webhooks_in_api_server": {
                "description": "Whether Airflow's API server receives events, too, under /docflow/webhooks. "
                "`airflow docflow webhooks serve` does it in a process that may be exposed alone.",
                "version_added": "0.1.0",
                "type": "boolean",
                "example": "True",
                "default": "False",
            },
            "webhook_rate": {
                "description": "Deliveries per second that one connection, or one peer, may send; four "
                "seconds' worth may come at once.",
                "version_added": "0.1.0",
                "type": "float",
                "example": "100",
                "default": "50",
            },
        },
    }
}


def get_provider_info() -> dict[str, Any]:
    """Describe the provider to Airflow's provider manager.

    :returns: a document of Airflow's ``provider_info.schema.json``.
    """
    return {
        "package-name": "airflow-provider-docflow",
        "name": "docflow",
        "description": "Business documents, written once, across OA, ERP, CRM and finance systems.",
        "integrations": [
            {
                "integration-name": INTEGRATION,
                "external-doc-url": "https://docs.oasis-open.org/ubl/",
                "tags": ["service"],
            }
        ],
        "operators": _modules(
            "operators",
            "action",
            "approval",
            "create",
            "intake",
            "listing",
            "notify",
            "read",
            "rechecking",
            "reconcile",
            "repair",
        ),
        "sensors": _modules("sensors", "document"),
        "triggers": _modules("triggers", "document"),
        "hooks": _modules("hooks", "docflow"),
        "connection-types": json.loads(TABLE.read_text(encoding="utf-8")),
        "extra-links": [f"{PACKAGE}.links.document.OpenDocumentLink"],
        "notifications": [f"{PACKAGE}.notifications.docflow.DocflowNotifier"],
        "asset-uris": [{"schemes": ["docflow"], "handler": f"{PACKAGE}.assets.checked_uri"}],
        "cli": [f"{PACKAGE}.cli.definition.get_docflow_cli_commands"],
        "config": _CONFIG,
    }


def _modules(room: str, *names: str) -> list[dict[str, Any]]:
    return [
        {"integration-name": INTEGRATION, "python-modules": [f"{PACKAGE}.{room}.{name}" for name in names]}
    ]
