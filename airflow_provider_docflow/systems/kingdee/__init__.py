"""
Kingdee K/3 Cloud (金蝶云星空) over its WebAPI: orders, receipts, payables, payment requests, payments.

What may be promised. Kingdee has no request key. Where the form's numbering lets the number be given,
docflow's mark is the number and Kingdee refuses a second document of it: a document is created exactly once
(:mod:`~airflow_provider_docflow.systems.kingdee.numbers`). Where Kingdee numbers by itself, or documents
are only kept as drafts, nothing refuses a second: at most once, otherwise an incident. Actions are exactly
once: the state is read before and after; a push is at most once, because its only trace is a quantity that
others change as well.

Reading is one query for a batch of documents; the tenant's fields are asked for under the names that the
setting ``forms`` gives (:mod:`~airflow_provider_docflow.systems.kingdee.catalogue` has the defaults).
Totals are Kingdee's own: a document that it computes otherwise is refused when it is read back. docflow
submits and audits only when told to.

The instance is the data centre's id, a setting that the server confirms by letting a call into it. Requests
are signed one by one where an application is given; otherwise there is a session, which is renewed when an
answer says in an HTTP 200 that it is lost. Only HTTP/1.1 is spoken: HTTP/2 is reported to fail there, and
the client never offers it.

There are no events: documents are waited for by asking. Paths and bodies after the vendor's published client
(kingdee.cdp.webapi.sdk 8.2.0); names of fields and codes after programs of its customers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any

from airflow_provider_docflow.core.conn_fields import call_limits
from airflow_provider_docflow.core.paging import one_by_one
from airflow_provider_docflow.core.profile import DocumentProfile, SystemProfile, Write
from airflow_provider_docflow.systems.kingdee import amending, creating, errors, listing, reading, wire
from airflow_provider_docflow.systems.kingdee.actions import actions_of
from airflow_provider_docflow.systems.kingdee.catalogue import FORMS
from airflow_provider_docflow.systems.kingdee.files import download, upload
from airflow_provider_docflow.systems.kingdee.forms import Form, forms_of
from airflow_provider_docflow.systems.kingdee.numbers import find, probe_of
from airflow_provider_docflow.systems.kingdee.settings import CONN_FIELDS, check_words

__all__ = ["PROFILE", "download", "upload"]


def _document(settings: Mapping[str, Any], form: Form) -> DocumentProfile:
    probe = probe_of(settings)
    actions = actions_of(settings, form)
    return DocumentProfile(
        read=reading.read,
        search=listing.searcher(form.document_type),
        changes=listing.watcher(form.document_type),
        create=Write(
            run=creating.create, find=find, probe=probe, batch_size=int(settings.get("batch_size") or 20)
        ),
        amend=Write(run=one_by_one(amending.amend), probe=probe, landed=amending.reads_as(form)),
        actions=actions,
        stages={"saved": (), "submitted": ("submit",), "approved": ("submit", "audit")},
        page_size=listing.PAGE_SIZE,
        approves="approve" in actions,
        axes=("lifecycle", "approval"),
        attachments=("read", "write") if "attach" in actions else (),
    )


def resolve(settings: Mapping[str, Any]) -> SystemProfile:
    """Return the profile of a connection: its forms, its way to log in and its limits.

    :raises Misconfigured: the forms are wrong.
    """
    check_words(settings)
    signed = wire.is_signed(settings)
    return replace(
        PROFILE,
        documents={
            name: _document(settings, form) for name, form in forms_of(settings.get("forms"), FORMS).items()
        },
        login=wire.login if not signed else wire.open_session if settings.get("keep_session") else None,
        limits=call_limits(settings, CONN_FIELDS),
    )


PROFILE = SystemProfile(
    name="kingdee",
    title="Kingdee K/3 Cloud",
    docs_url="https://pypi.org/project/kingdee.cdp.webapi.sdk/",
    checked_on=date(2026, 11, 22),
    documents={name: _document({}, form) for name, form in FORMS.items()},
    instance=wire.instance,
    login=wire.login,
    login_by=("acct_id", "auth", "app_id", "keep_session"),
    sign=wire.sign,
    token_refused=errors.token_refused,
    error=errors.read_error,
    errors=errors.ERRORS,
    conn_fields=CONN_FIELDS,
    ui_field_behaviour={
        "hidden_fields": ["schema", "port"],
        "relabeling": {"host": "Server URL"},
        "placeholders": {"host": "https://erp.example.com/k3cloud", "login": "docflow"},
    },
    timeout_seconds=120.0,
    max_connections=4,
    resolve=resolve,
)
