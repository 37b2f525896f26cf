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

from collections.abc import Mapping
from datetime import date
from typing import Any

from airflow_provider_docflow.core.conn_fields import call_limits
from airflow_provider_docflow.core.oa.profile import document_profiles, ui_field_behaviour, with_forms
from airflow_provider_docflow.core.profile import Probe, SystemProfile, Write
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
from airflow_provider_docflow.systems.feishu.settings import CONN_FIELDS, call_limits_of

__all__ = ["DEFAULT_FIELDS", "PROFILE", "remind", "send_message", "send_robot", "subscribe"]


def resolve(settings: Mapping[str, Any]) -> SystemProfile:
    """Return the profile of a connection: the document types that it has forms for, and its call limits.

    :raises Misconfigured: the forms are wrong.
    """
    forms = forms_of(settings.get("forms"))
    return with_forms(PROFILE, forms, settings, call_limits=call_limits_of(settings))


PROFILE = SystemProfile(
    name="feishu",
    title="Feishu",
    docs_url="https://open.feishu.cn/document/server-docs/approval-v4/instance/create",
    checked_on=date(2026, 11, 22),
    documents=document_profiles(
        read=reading.read,
        search=listing.search,
        changes=listing.changes,
        create=Write(
            run=creating.create,
            find=creating.find,
            probe=Probe(quality="native"),
            mark_length=creating.MARK_LENGTH,
        ),
        actions=actions.ACTIONS,
        describer=describing.describer,
        attachments=("read",),
        axes=("lifecycle", "approval"),
    ),
    instance=wire.instance,
    login=wire.login,
    sign=wire.sign,
    token_refused=errors.token_refused,
    error=errors.error,
    errors=errors.ERRORS,
    conn_fields=CONN_FIELDS,
    ui_field_behaviour=ui_field_behaviour("App id", "App secret"),
    limits=call_limits({}, CONN_FIELDS),
    call_limits=call_limits_of({}),
    channels=messages.CHANNELS,
    webhook=events.WEBHOOK,
    resolve=resolve,
)
