"""What a connection to Feishu is asked for, and the call limits that follow from it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_provider_docflow.core.conn_fields import flag, number, text, whole
from airflow_provider_docflow.core.profile import Limit
from airflow_provider_docflow.systems.feishu import wire

CALLS_PER_SECOND, CALLS_PER_MINUTE, SLOW_PER_MINUTE = 50, 1000, 100
SLOW = ("create", "definition", "list", "approve", "reject", "transfer", "cancel", "cc")
"""Calls of which each has a limit of its own."""


def call_limits_of(settings: Mapping[str, Any]) -> dict[str, Limit]:
    """Return the limits of the calls that Feishu allows less often than others, each for itself."""
    count = whole(settings, CONN_FIELDS, "slow_calls_per_minute")
    return {kind: Limit(name=f"{kind}_per_minute", count=count, seconds=60.0) for kind in SLOW}


CONN_FIELDS: Mapping[str, Mapping[str, Any]] = {
    "forms": text("Forms", "JSON: document type → approval_code and fields of its form."),
    "tenant_key": text("Tenant key", "If given, a tenant that Feishu names otherwise is refused."),
    "user_id_type": text(
        "User ids", "Which ids people have here: open_id or user_id (tenant-wide).", default="open_id"
    ),
    "originator_user_id": text("Requester", "Id in whose name approvals start that name nobody."),
    "acting_user_id": text("Comments as", "Id in whose name docflow comments, copies and writes back."),
    "department_id": text("Department", "department_id of requesters who belong to several."),
    "receive_id_type": text(
        "Receivers", "open_id, user_id, union_id, email or chat_id of messages.", default="open_id"
    ),
    "robot_token": text("Robot token", "The end of the group robot's webhook address.", format="password"),
    "robot_secret": text("Robot secret", "The robot's signing secret.", format="password"),
    "robot_per_minute": number(
        "Robot messages per minute", "How many a robot may send.", default=100, minimum=1
    ),
    "encrypt_key": text("Encrypt Key", "Of the application's events.", format="password"),
    "verification_token": text("Verification Token", "Of the application's events.", format="password"),
    "user_access_token": text(
        "User token", "A person's own, for reminders; it lives two hours.", format="password"
    ),
    "calls_per_second": number("Calls per second", "Of all calls.", default=CALLS_PER_SECOND, minimum=1),
    "calls_per_minute": number("Calls per minute", "Of all calls.", default=CALLS_PER_MINUTE, minimum=1),
    "slow_calls_per_minute": number(
        "Slow calls per minute",
        "Of each of the slower APIs: create, definition, list, approve, reject, transfer, cancel, cc.",
        default=SLOW_PER_MINUTE,
        minimum=1,
    ),
    "calls_per_month": number(
        "Calls per month", "The quota to stay within; empty: Feishu's own count alone.", minimum=1
    ),
    "feed_days": number("Feed days", "How far back a change feed begins.", default=7, minimum=1),
    "listing_margin_days": number(
        "Listing margin", "Days by which a form's date may lie before or after its creation.", default=31
    ),
    "api_url": text("API address", f"{wire.API_URL} unless given; Lark international: {wire.LARK_URL}."),
    "time_zone": text(
        "Time zone", "The company's; dates in forms are its midnights.", default="Asia/Shanghai"
    ),
    "verify_tls": flag("Verify TLS", default=True),
}
