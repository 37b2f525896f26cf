"""What a connection to DingTalk is asked for, and the call limits that follow from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from airflow_provider_docflow.core.profile import Limit
from airflow_provider_docflow.systems.dingtalk import wire
from airflow_provider_docflow.systems.dingtalk.notify import ROBOT_LIMIT

CALLS_PER_SECOND = 20
_MONTH = 30 * 86_400.0


def limits_of(settings: Mapping[str, Any]) -> tuple[Limit, ...]:
    """Return the call limits of a connection with these settings."""
    limits = [Limit(name="calls_per_second", count=_whole(settings, "calls_per_second"), seconds=1.0)]
    if minutely := _whole(settings, "calls_per_minute"):
        limits.append(Limit(name="calls_per_minute", count=minutely, seconds=60.0))
    if monthly := _whole(settings, "calls_per_month"):
        limits.append(Limit(name="calls_per_month", count=monthly, seconds=_MONTH))
    return tuple(limits)


def _whole(settings: Mapping[str, Any], name: str) -> int:
    default = CONN_FIELDS[name]["schema"].get("default", 0)
    return int(settings.get(name) or default)


def _text(label: str, description: str = "", **schema: Any) -> dict[str, Any]:
    return {"label": label, "description": description, "schema": {"type": ["string", "null"], **schema}}


def _number(label: str, description: str, **schema: Any) -> dict[str, Any]:
    return {"label": label, "description": description, "schema": {"type": ["integer", "null"], **schema}}


_NAMED: Sequence[tuple[str, dict[str, Any]]] = (
    ("corp_id", _text("Corp id", "The corporation's id, as the developer console shows it.")),
    ("forms", _text("Forms", "JSON: document type → process_code and fields of its form.")),
    ("originator_user_id", _text("Requester", "User id in whose name approvals start that name nobody.")),
    ("acting_user_id", _text("Comments as", "User id in whose name docflow comments and writes back.")),
    ("dept_id", _number("Department", "Department of the requester; -1 is the root.", default=-1)),
    ("agent_id", _text("Agent id", "The application's AgentId, for work notifications.")),
    ("robot_token", _text("Robot token", "access_token of the group robot's webhook.", format="password")),
    ("robot_secret", _text("Robot secret", "The robot's signing secret (SEC…).", format="password")),
    (
        "calls_per_second",
        _number(
            "Calls per second",
            "DingTalk's pages differ: 20 (standard edition), 40 (professional), 60 (exclusive); older: 40.",
            default=CALLS_PER_SECOND,
            minimum=1,
        ),
    ),
    (
        "calls_per_minute",
        _number(
            "Calls per minute",
            "Unverified: older pages name 1500 a minute, 1000 for third parties; empty: no such limit.",
            minimum=1,
        ),
    ),
    (
        "calls_per_month",
        _number(
            "Calls per month",
            "The quota to stay within; empty: DingTalk's own count alone (the free edition has 10 000).",
            minimum=1,
        ),
    ),
    (
        "robot_per_minute",
        _number(
            "Robot messages per minute", "How many a robot may send.", default=ROBOT_LIMIT.count, minimum=1
        ),
    ),
    (
        "robot_mute_seconds",
        _number(
            "Robot mute", "How long a robot stays mute that sent more than 20 messages a minute.", default=600
        ),
    ),
    (
        "probe_hours",
        _number("Probe hours", "How far back a first send looks for an approval with its mark.", default=24),
    ),
    (
        "listing_margin_days",
        _number(
            "Listing margin", "Days by which a form's date may lie before or after its creation.", default=31
        ),
    ),
    ("callback_token", _text("Callback token", "The token of the event push; it signs.", format="password")),
    (
        "callback_aes_key",
        _text("Callback AES key", "The 43 characters that encrypt the event push.", format="password"),
    ),
    (
        "callback_receive_id",
        _text(
            "Callback receiver",
            "Whom events are meant for. Unverified which id DingTalk uses; empty: app key or corp id.",
        ),
    ),
    (
        "robot_code",
        _text("Robot code", "The application's robot, for 1:1 messages and DING; empty: app key."),
    ),
    (
        "ding_type",
        _number(
            "DING by", "How a DING reaches people: 1 in the application, 2 by SMS, 3 by telephone.", default=1
        ),
    ),
    ("api_url", _text("API address", f"{wire.API_URL} unless given.")),
    ("oapi_url", _text("Old API address", "For robots and work notifications.", default=wire.OAPI_URL)),
    (
        "time_zone",
        _text(
            "Time zone", "The company's; a listing by date begins at its midnight.", default="Asia/Shanghai"
        ),
    ),
    (
        "verify_tls",
        {"label": "Verify TLS", "description": "", "schema": {"type": "boolean", "default": True}},
    ),
)
CONN_FIELDS: Mapping[str, Mapping[str, Any]] = dict(_NAMED)
