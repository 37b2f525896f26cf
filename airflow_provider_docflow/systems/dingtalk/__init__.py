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

from collections.abc import Mapping
from datetime import date
from typing import Any

from airflow_provider_docflow.core.conn_fields import call_limits
from airflow_provider_docflow.core.oa.profile import document_profiles, ui_field_behaviour, with_forms
from airflow_provider_docflow.core.paging import one_by_one
from airflow_provider_docflow.core.profile import Probe, SystemProfile, Write
from airflow_provider_docflow.systems.dingtalk import (
    actions,
    creating,
    describing,
    errors,
    listing,
    reading,
    wire,
)
from airflow_provider_docflow.systems.dingtalk.channels import CHANNELS
from airflow_provider_docflow.systems.dingtalk.defaults import DEFAULT_FIELDS
from airflow_provider_docflow.systems.dingtalk.events import WEBHOOK
from airflow_provider_docflow.systems.dingtalk.forms import forms_of
from airflow_provider_docflow.systems.dingtalk.notify import (
    ROBOT_LIMIT,
    send_robot,
    send_work_notice,
    work_notice_result,
)
from airflow_provider_docflow.systems.dingtalk.settings import CONN_FIELDS

__all__ = [
    "DEFAULT_FIELDS",
    "PROFILE",
    "ROBOT_LIMIT",
    "send_robot",
    "send_work_notice",
    "work_notice_result",
]

_SETTLE_SECONDS = 60.0


def resolve(settings: Mapping[str, Any]) -> SystemProfile:
    """Return the profile of a connection: the document types that it has forms for, and its call limits.

    :raises Misconfigured: the forms are wrong.
    """
    return with_forms(PROFILE, forms_of(settings.get("forms")), settings)


PROFILE = SystemProfile(
    name="dingtalk",
    title="DingTalk",
    docs_url="https://open.dingtalk.com/document/development/create-an-approval-instance",
    checked_on=date(2026, 11, 22),
    documents=document_profiles(
        read=reading.read,
        search=listing.search,
        changes=listing.changes,
        create=Write(
            run=one_by_one(creating.create),
            find=creating.find,
            probe=Probe(quality="best_effort", settle_seconds=_SETTLE_SECONDS),
        ),
        actions=actions.ACTIONS,
        describer=describing.describer,
        attachments=("read", "write"),
        axes=("lifecycle", "approval"),
    ),
    instance=wire.instance,
    login=wire.login,
    sign=wire.sign,
    token_refused=errors.token_refused,
    error=errors.error,
    errors=errors.ERRORS,
    conn_fields=CONN_FIELDS,
    ui_field_behaviour=ui_field_behaviour("App key", "App secret"),
    limits=call_limits({}, CONN_FIELDS),
    channels=CHANNELS,
    webhook=WEBHOOK,
    resolve=resolve,
)
