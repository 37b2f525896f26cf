"""
DingTalk's approvals (OA): requisitions, contracts, payments and whatever else a company has forms for.

A connection maps each document type to a form (``forms``, see
:mod:`~airflow_provider_docflow.systems.dingtalk.forms`). The document's internal id is the approval's
``processInstanceId``, its number what the form's number control says. One approval is read per request;
a bulk read runs the requests side by side.

What may be promised: actions and write-backs exactly once (their mark stands in the remark, and the instance
itself is read); a new approval at most once and otherwise an incident
(:mod:`~airflow_provider_docflow.systems.dingtalk.creating`). The change feed shows what was created, never a
later decision (:mod:`~airflow_provider_docflow.systems.dingtalk.listing`). The instance is the corporation's
id, a setting that DingTalk confirms (:func:`~airflow_provider_docflow.systems.dingtalk.wire.instance`).

Paths and fields after the vendor's published client (alibabacloud-dingtalk 2.2.65) and its documentation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

from airflow_provider_docflow.core.exchange import Exchange
from airflow_provider_docflow.core.paging import one_by_one
from airflow_provider_docflow.core.profile import (
    Changes,
    DocumentProfile,
    Limit,
    Page,
    Probe,
    Query,
    SystemProfile,
    Write,
)
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.document import DocumentType
from airflow_provider_docflow.systems.dingtalk import (
    actions,
    creating,
    describing,
    errors,
    listing,
    reading,
    wire,
)
from airflow_provider_docflow.systems.dingtalk.forms import DEFAULT_FIELDS, forms_of
from airflow_provider_docflow.systems.dingtalk.notify import (
    ROBOT_LIMIT,
    send_robot,
    send_work_notice,
    work_notice_result,
)

__all__ = [
    "DEFAULT_FIELDS",
    "PROFILE",
    "ROBOT_LIMIT",
    "limits_of",
    "send_robot",
    "send_work_notice",
    "work_notice_result",
]

CALLS_PER_SECOND = 20
_MONTH = 30 * 86_400.0
_SETTLE_SECONDS = 60.0


def _document(document_type: str) -> DocumentProfile:
    return DocumentProfile(
        read=reading.read,
        search=_search(document_type),
        changes=_changes(document_type),
        create=Write(
            run=one_by_one(creating.create),
            find=creating.find,
            probe=Probe(quality="best_effort", settle_seconds=_SETTLE_SECONDS),
        ),
        actions=actions.ACTIONS,
        stages={"saved": (), "submitted": ()},
        describe=describing.describer(document_type),
        page_size=1,
        approves=True,
    )


def _search(document_type: str) -> Callable[[Site, Query, str | None], Exchange[Page]]:
    def search(site: Site, query: Query, position: str | None) -> Exchange[Page]:
        return (yield from listing.search(site, document_type, query, position))

    return search


def _changes(document_type: str) -> Callable[[Site, str], Exchange[Changes]]:
    def changes(site: Site, cursor: str) -> Exchange[Changes]:
        return (yield from listing.changes(site, document_type, cursor))

    return changes


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
    )


def limits_of(settings: Mapping[str, Any]) -> tuple[Limit, ...]:
    """Return the call limits of a connection with these settings."""
    limits = [Limit(name="calls_per_second", count=_whole(settings, "calls_per_second"), seconds=1.0)]
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

PROFILE = SystemProfile(
    name="dingtalk",
    title="DingTalk",
    docs_url="https://open.dingtalk.com/document/development/create-an-approval-instance",
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
        "relabeling": {"login": "App key", "password": "App secret"},
    },
    limits=(Limit(name="calls_per_second", count=CALLS_PER_SECOND, seconds=1.0),),
    resolve=resolve,
)
