"""
WeCom's approvals (OA): requisitions, orders, contracts, payments and whatever else a company has templates
for.

A connection maps each document type to a template (``forms``, see
:mod:`~airflow_provider_docflow.systems.wecom.forms`). The document's internal id is the approval's ``sp_no``,
its number what the form's number control says. One approval is read per request; a bulk read runs the
requests side by side.

What may be promised: a new approval at most once and otherwise an incident
(:mod:`~airflow_provider_docflow.systems.wecom.creating`). Nothing can be done to an approval by API: WeCom
has no call to withdraw, approve, hand over, comment on or remind of one, so there are no actions and numbers
cannot be written back. A revocation after approval shows in the form itself, at the next read. The change
feed shows what was submitted, never a later decision
(:mod:`~airflow_provider_docflow.systems.wecom.listing`). The instance is the corporation's id, which WeCom
confirms with the login (:func:`~airflow_provider_docflow.systems.wecom.wire.instance`).

Paths and fields after the vendor's documentation and published clients; nothing was run against a real
tenant.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from airflow_provider_docflow.core.conn_fields import call_limits
from airflow_provider_docflow.core.oa.profile import document_profiles, ui_field_behaviour, with_forms
from airflow_provider_docflow.core.paging import one_by_one
from airflow_provider_docflow.core.profile import Probe, SystemProfile, Write
from airflow_provider_docflow.systems.wecom import creating, errors, listing, reading, templates, wire
from airflow_provider_docflow.systems.wecom.channels import CHANNELS
from airflow_provider_docflow.systems.wecom.events import WEBHOOK
from airflow_provider_docflow.systems.wecom.forms import forms_of
from airflow_provider_docflow.systems.wecom.settings import CONN_FIELDS

__all__ = ["PROFILE"]

_SETTLE_SECONDS = 60.0


def resolve(settings: Mapping[str, Any]) -> SystemProfile:
    """Return the profile of a connection: the document types that it has forms for, and its call limits.

    :raises Misconfigured: the forms are wrong.
    """
    return with_forms(PROFILE, forms_of(settings.get("forms")), settings)


PROFILE = SystemProfile(
    name="wecom",
    title="WeCom",
    docs_url="https://developer.work.weixin.qq.com/document/path/91853",
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
        describer=templates.describer,
        attachments=("read", "write"),
        axes=("lifecycle", "approval", "payment"),
    ),
    instance=wire.instance,
    login=wire.login,
    sign=wire.sign,
    token_refused=errors.token_refused,
    error=errors.error,
    errors=errors.ERRORS,
    conn_fields=CONN_FIELDS,
    ui_field_behaviour=ui_field_behaviour("Corp id", "Application secret"),
    limits=call_limits({}, CONN_FIELDS),
    channels=CHANNELS,
    webhook=WEBHOOK,
    resolve=resolve,
)
