"""What a connection to DingTalk is asked for, and the call limits that follow from it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_provider_docflow.core.conn_fields import flag, number, text
from airflow_provider_docflow.systems.dingtalk import wire
from airflow_provider_docflow.systems.dingtalk.notify import ROBOT_LIMIT

CALLS_PER_SECOND = 20


CONN_FIELDS: Mapping[str, Mapping[str, Any]] = {
    "corp_id": text("Corp id", "The corporation's id, as the developer console shows it."),
    "forms": text("Forms", "JSON: document type → process_code and fields of its form."),
    "originator_user_id": text("Requester", "User id in whose name approvals start that name nobody."),
    "acting_user_id": text("Comments as", "User id in whose name docflow comments and writes back."),
    "dept_id": number("Department", "Department of the requester; -1 is the root.", default=-1),
    "agent_id": text("Agent id", "The application's AgentId, for work notifications."),
    "robot_token": text("Robot token", "access_token of the group robot's webhook.", format="password"),
    "robot_secret": text("Robot secret", "The robot's signing secret (SEC…).", format="password"),
    "calls_per_second": number(
        "Calls per second",
        "DingTalk's pages differ: 20 (standard edition), 40 (professional), 60 (exclusive); older: 40.",
        default=CALLS_PER_SECOND,
        minimum=1,
    ),
    "calls_per_minute": number(
        "Calls per minute",
        "Unverified: older pages name 1500 a minute, 1000 for third parties; empty: no such limit.",
        minimum=1,
    ),
    "calls_per_month": number(
        "Calls per month",
        "The quota to stay within; empty: DingTalk's own count alone (the free edition has 10 000).",
        minimum=1,
    ),
    "robot_per_minute": number(
        "Robot messages per minute", "How many a robot may send.", default=ROBOT_LIMIT.count, minimum=1
    ),
    "robot_mute_seconds": number(
        "Robot mute", "How long a robot stays mute that sent more than 20 messages a minute.", default=600
    ),
    "probe_hours": number(
        "Probe hours", "How far back a first send looks for an approval with its mark.", default=24
    ),
    "listing_margin_days": number(
        "Listing margin", "Days by which a form's date may lie before or after its creation.", default=31
    ),
    "callback_token": text("Callback token", "The token of the event push; it signs.", format="password"),
    "callback_aes_key": text(
        "Callback AES key", "The 43 characters that encrypt the event push.", format="password"
    ),
    "callback_receive_id": text(
        "Callback receiver",
        "Whom events are meant for. Unverified which id DingTalk uses; empty: app key or corp id.",
    ),
    "robot_code": text("Robot code", "The application's robot, for 1:1 messages and DING; empty: app key."),
    "ding_type": number(
        "DING by", "How a DING reaches people: 1 in the application, 2 by SMS, 3 by telephone.", default=1
    ),
    "api_url": text("API address", f"{wire.API_URL} unless given."),
    "oapi_url": text("Old API address", "For robots and work notifications.", default=wire.OAPI_URL),
    "time_zone": text(
        "Time zone", "The company's; a listing by date begins at its midnight.", default="Asia/Shanghai"
    ),
    "verify_tls": flag("Verify TLS", default=True),
}
