"""
Feishu (Lark)'s approvals: requisitions, contracts, payments and whatever else a company has forms for.

A connection maps each document type to an approval definition (``forms``, see
:mod:`~airflow_provider_docflow.systems.feishu.forms`). The document's internal id is the instance's code, its
number what the form's number control says, or Feishu's serial number. One approval is read per request; a
bulk read runs the requests side by side.

What may be promised: a new approval exactly once, because Feishu itself refuses a second one under the same
``uuid`` (:mod:`~airflow_provider_docflow.systems.feishu.creating`); actions and write-backs exactly once
(their mark stands in the comment, and the instance itself is read). The change feed shows what was created,
never a later decision (:mod:`~airflow_provider_docflow.systems.feishu.listing`). The instance is the
tenant's key, which Feishu tells. A reminder needs a person's own token
(:mod:`~airflow_provider_docflow.systems.feishu.messages`).

Paths and fields after the vendor's documentation and published client (lark-oapi 1.7.5).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

from airflow_provider_docflow.core.conn_fields import flag, number, text, whole
from airflow_provider_docflow.core.profile import (
    DocumentProfile,
    Limit,
    Probe,
    SystemProfile,
    Write,
)
from airflow_provider_docflow.document import DocumentType
from airflow_provider_docflow.systems.feishu import (
    actions,
    creating,
    describing,
    errors,
    events,
    listing,
    messages,
    reading,
    wire,
)
from airflow_provider_docflow.systems.feishu.events import subscribe
from airflow_provider_docflow.systems.feishu.forms import DEFAULT_FIELDS, forms_of
from airflow_provider_docflow.systems.feishu.messages import remind, send_message, send_robot

__all__ = ["DEFAULT_FIELDS", "PROFILE", "limits_of", "remind", "send_message", "send_robot", "subscribe"]

CALLS_PER_SECOND, CALLS_PER_MINUTE, SLOW_PER_MINUTE = 50, 1000, 100
SLOW = ("create", "definition", "list", "approve", "reject", "transfer", "cancel", "cc")
"""Calls of which each has a limit of its own."""

_MONTH = 30 * 86_400.0


def _document(document_type: str) -> DocumentProfile:
    return DocumentProfile(
        read=reading.read,
        search=lambda site, query, position: listing.search(site, document_type, query, position),
        changes=lambda site, cursor: listing.changes(site, document_type, cursor),
        create=Write(
            run=creating.create,
            find=creating.find,
            probe=Probe(quality="native"),
            mark_length=creating.MARK_LENGTH,
        ),
        actions=actions.ACTIONS,
        stages={"saved": (), "submitted": ()},
        describe=describing.describer(document_type),
        page_size=1,
        approves=True,
        axes=("lifecycle", "approval"),
        attachments=("read",),
    )


def resolve(settings: Mapping[str, Any]) -> SystemProfile:
    """Return the profile of a connection: the document types that it has forms for, and its call limits.

    A connection for a robot alone has none.

    :raises Misconfigured: the forms are wrong.
    """
    forms = forms_of(settings.get("forms"))
    return replace(
        PROFILE,
        documents={name: PROFILE.documents[name] for name in forms},
        limits=limits_of(settings),
        call_limits=call_limits_of(settings),
    )


def call_limits_of(settings: Mapping[str, Any]) -> dict[str, Limit]:
    """Return the limits of the calls that Feishu allows less often than others, each for itself."""
    count = whole(settings, CONN_FIELDS, "slow_calls_per_minute")
    return {kind: Limit(name=f"{kind}_per_minute", count=count, seconds=60.0) for kind in SLOW}


def limits_of(settings: Mapping[str, Any]) -> tuple[Limit, ...]:
    """Return the call limits of a connection with these settings."""
    limits = [
        Limit(name="calls_per_second", count=whole(settings, CONN_FIELDS, "calls_per_second"), seconds=1.0),
        Limit(name="calls_per_minute", count=whole(settings, CONN_FIELDS, "calls_per_minute"), seconds=60.0),
    ]
    if monthly := whole(settings, CONN_FIELDS, "calls_per_month"):
        limits.append(Limit(name="calls_per_month", count=monthly, seconds=_MONTH))
    return tuple(limits)


_NAMED: Sequence[tuple[str, dict[str, Any]]] = (
    ("forms", text("Forms", "JSON: document type → approval_code and fields of its form.")),
    ("tenant_key", text("Tenant key", "If given, a tenant that Feishu names otherwise is refused.")),
    (
        "user_id_type",
        text("User ids", "Which ids people have here: open_id or user_id (tenant-wide).", default="open_id"),
    ),
    ("originator_user_id", text("Requester", "Id in whose name approvals start that name nobody.")),
    ("acting_user_id", text("Comments as", "Id in whose name docflow comments, copies and writes back.")),
    ("department_id", text("Department", "department_id of requesters who belong to several.")),
    (
        "receive_id_type",
        text("Receivers", "open_id, user_id, union_id, email or chat_id of messages.", default="open_id"),
    ),
    ("robot_token", text("Robot token", "The end of the group robot's webhook address.", format="password")),
    ("robot_secret", text("Robot secret", "The robot's signing secret.", format="password")),
    (
        "robot_per_minute",
        number("Robot messages per minute", "How many a robot may send.", default=100, minimum=1),
    ),
    ("encrypt_key", text("Encrypt Key", "Of the application's events.", format="password")),
    ("verification_token", text("Verification Token", "Of the application's events.", format="password")),
    (
        "user_access_token",
        text("User token", "A person's own, for reminders; it lives two hours.", format="password"),
    ),
    (
        "calls_per_second",
        number("Calls per second", "Of all calls.", default=CALLS_PER_SECOND, minimum=1),
    ),
    (
        "calls_per_minute",
        number("Calls per minute", "Of all calls.", default=CALLS_PER_MINUTE, minimum=1),
    ),
    (
        "slow_calls_per_minute",
        number(
            "Slow calls per minute",
            "Of each of the slower APIs: create, definition, list, approve, reject, transfer, cancel, cc.",
            default=SLOW_PER_MINUTE,
            minimum=1,
        ),
    ),
    (
        "calls_per_month",
        number("Calls per month", "The quota to stay within; empty: Feishu's own count alone.", minimum=1),
    ),
    ("feed_days", number("Feed days", "How far back a change feed begins.", default=7, minimum=1)),
    (
        "listing_margin_days",
        number(
            "Listing margin", "Days by which a form's date may lie before or after its creation.", default=31
        ),
    ),
    (
        "api_url",
        text("API address", f"{wire.API_URL} unless given; Lark international: {wire.LARK_URL}."),
    ),
    (
        "time_zone",
        text("Time zone", "The company's; dates in forms are its midnights.", default="Asia/Shanghai"),
    ),
    ("verify_tls", flag("Verify TLS", default=True)),
)
CONN_FIELDS: Mapping[str, Mapping[str, Any]] = dict(_NAMED)

PROFILE = SystemProfile(
    name="feishu",
    title="Feishu",
    docs_url="https://open.feishu.cn/document/server-docs/approval-v4/instance/create",
    checked_on=date(2026, 11, 22),
    documents={kind.value: _document(kind.value) for kind in DocumentType},
    instance=wire.instance,
    login=wire.login,
    sign=wire.sign,
    token_refused=errors.token_refused,
    error=errors.error,
    errors=errors.ERRORS,
    conn_fields=CONN_FIELDS,
    ui_field_behaviour={
        "hidden_fields": ["schema", "port", "host"],
        "relabeling": {"login": "App id", "password": "App secret"},
    },
    limits=(
        Limit(name="calls_per_second", count=CALLS_PER_SECOND, seconds=1.0),
        Limit(name="calls_per_minute", count=CALLS_PER_MINUTE, seconds=60.0),
    ),
    call_limits={
        kind: Limit(name=f"{kind}_per_minute", count=SLOW_PER_MINUTE, seconds=60.0) for kind in SLOW
    },
    channels=messages.CHANNELS,
    webhook=events.WEBHOOK,
    resolve=resolve,
)
