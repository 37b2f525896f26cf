"""What a connection to WeCom is asked for, and the call limits that follow from it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_provider_docflow.core.conn_fields import flag, number, text
from airflow_provider_docflow.systems.wecom import errors, listing, messages, robot, wire

CALLS_PER_MINUTE = 600


CONN_FIELDS: Mapping[str, Mapping[str, Any]] = {
    "agent_id": number("Agent id", "The application's AgentId, for messages."),
    "forms": text("Forms", "JSON: document type → template_id and fields of its form."),
    "creator_user_id": text("Requester", "User id in whose name approvals are submitted that name nobody."),
    "node_style": text(
        "Nodes as",
        "How approvers are sent: process (process.node_list) or approver (the older fields).",
        default="process",
        enum=["process", "approver", None],
    ),
    "not_found_codes": text(
        "Codes of a missing form",
        "Unverified: the codes by which a read says that there is no such approval, with commas.",
        default=errors.PARAMETER,
    ),
    "listing_span_days": number(
        "Listing window",
        "Unverified: the days that one listing may span.",
        listing.SPAN_DAYS,
        minimum=1,
        maximum=listing.SPAN_DAYS,
    ),
    "listing_ahead": flag(
        "Listings end ahead",
        "Unverified: that a window may end in the future; without it clocks must agree.",
        default=True,
    ),
    "listing_margin_days": number(
        "Listing margin", "Days by which a form's date may lie before or after its submission.", 31
    ),
    "probe_hours": number(
        "Probe hours", "How far back a first send looks for an approval with its mark.", 24
    ),
    "calls_per_minute": number(
        "Calls per minute", "What WeCom grants each approval call.", CALLS_PER_MINUTE, minimum=1
    ),
    "callback_token": text(
        "Callback token", "The Token of the server that receives events; it signs.", format="password"
    ),
    "callback_aes_key": text(
        "Callback AES key", "The EncodingAESKey of 43 characters that encrypts events.", format="password"
    ),
    "callback_receive_id": text(
        "Callback receiver", "Whom events are meant for: the corp id unless given; a third party's suite id."
    ),
    "duplicate_check_seconds": number(
        "Duplicate check",
        "Seconds for which WeCom refuses the same message again.",
        messages.DUPLICATE_SECONDS,
        minimum=1,
        maximum=messages.LONGEST_DUPLICATE_SECONDS,
    ),
    "notices_per_minute": number(
        "Messages per minute",
        "To all people together; empty: as many as there are. WeCom drops what one person gets beyond 30.",
        minimum=1,
    ),
    "robot_key": text(
        "Robot key", "What stands behind key= in the group robot's address.", format="password"
    ),
    "robot_per_minute": number(
        "Robot messages per minute", "How many a robot may send.", robot.LIMIT.count, minimum=1
    ),
    "api_url": text("API address", f"{wire.API_URL} unless given."),
    "time_zone": text(
        "Time zone", "The company's: a date of a form begins at its midnight.", default="Asia/Shanghai"
    ),
    "verify_tls": flag("Verify TLS", default=True),
}
