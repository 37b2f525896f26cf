"""
Kingdee Cosmic (苍穹, 星瀚): business objects over its OpenAPI, with a third-party application's token.

What may be promised: submit and audit exactly once, because the bill's own status is read back. A creation at
most once and otherwise an incident, unless the tenant has confirmed ``number_kept`` for the object: the mark
is the bill's number (``billno``), and whether an object keeps a number that is sent is a matter of its coding
rule. With it, exactly once, by a search that shows every committed bill.

Only what the published APIs show is here. Which objects, fields and parameters a tenant has published, the
connection says (:mod:`~airflow_provider_docflow.systems.cosmic.forms`); un-audit, deletion, attachments,
approvers and events are ``Unsupported``, because no document shows how they are called.

After the vendor's pages on the OpenAPI's tokens (vip.kingdee.com) and the query of sales orders
(dev.kingdee.com).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any

from airflow_provider_docflow.core.conn_fields import flag, number, text
from airflow_provider_docflow.core.profile import DocumentProfile, Limit, Probe, Reading, SystemProfile, Write
from airflow_provider_docflow.core.profile import WriteItem as Item
from airflow_provider_docflow.systems.cosmic import wire
from airflow_provider_docflow.systems.cosmic.exchanges import Bills
from airflow_provider_docflow.systems.cosmic.forms import STATES, Form, forms_of

__all__ = ["PROFILE", "forms_of"]

SETTLE_SECONDS = 60.0
BATCH = 20
_AFTER = {"submit": ("submitted", "active"), "audit": ("active",)}


def _document(form: Form, settings: Mapping[str, Any]) -> DocumentProfile:
    bills = Bills(form)
    settle = float(settings.get("settle_seconds") or SETTLE_SECONDS)
    batch = int(settings.get("batch_size") or BATCH)
    return DocumentProfile(
        read=bills.read,
        search=bills.search,
        changes=bills.changes if "changed_since" in form.filters else None,
        create=Write(
            run=bills.create,
            find=bills.find,
            probe=Probe(quality="unique" if form.number_kept else "best_effort", settle_seconds=settle),
            batch_size=batch,
        ),
        actions={name: _action(bills, name, batch) for name in _AFTER},
        stages={"saved": (), "submitted": ("submit",), "approved": ("submit", "audit")},
        describe=bills.describe,
        page_size=100,
        axes=tuple(STATES),
    )


def _action(bills: Bills, name: str, batch: int) -> Write:
    def landed(reading: Reading, item: Item) -> bool:
        return str(reading.state.lifecycle) in _AFTER[name]

    return Write(run=bills.act(name), probe=Probe(quality="unique"), landed=landed, batch_size=batch)


def resolve(settings: Mapping[str, Any]) -> SystemProfile:
    """Return the profile of a connection: the document types that its forms name.

    :raises Misconfigured: the forms are wrong.
    """
    forms = forms_of(settings.get("forms"))
    return replace(PROFILE, documents={name: _document(form, settings) for name, form in forms.items()})


CONN_FIELDS: Mapping[str, Mapping[str, Any]] = {
    "user": text("User", "The user as whom the application acts, as Cosmic names him (username)."),
    "identity_token": text(
        "x-acgw-identity", "The gateway's identity; only some SaaS tenants want it.", format="password"
    ),
    "forms": text("Forms", "JSON: document type → app, entity and fields. Empty: the standard sales order."),
    "api_path": text("OpenAPI path", "Behind the host, with /ierp where it is.", default="/kapi/v2"),
    "login_path": text("Token path", "Behind the host.", default="/kapi/oauth2/getToken"),
    "language": text("Language", "Of the texts in replies.", default="zh_CN"),
    "expires_in_unit": {
        "label": "Unit of expires_in",
        "description": "Milliseconds by the vendor's page; some gateways are said to give seconds.",
        "schema": {"type": "string", "enum": ["ms", "s"], "default": "ms"},
    },
    "action_body": {
        "label": "Body of submit and audit",
        "description": 'Not confirmed. object: {"data": {"id": [...]}}; rows: {"data": [{"id": ...}]}.',
        "schema": {"type": "string", "enum": ["object", "rows"], "default": "object"},
    },
    "batch_size": number(
        "Documents per save", "The most that one save may hold; not confirmed.", BATCH, minimum=1
    ),
    "page_size": number("Page size", "Rows of a query's page; 1000 at most by one report.", 100, minimum=1),
    "settle_seconds": number(
        "Settle time",
        "Seconds after which a query shows what was saved; not confirmed.",
        int(SETTLE_SECONDS),
        minimum=1,
    ),
    "overlap_seconds": number("Overlap", "How far the change feed looks back, in seconds.", 120, minimum=1),
    "time_zone": text("Time zone", "Of the server's clock times.", default="Asia/Shanghai"),
    "verify_tls": flag("Verify TLS", default=True),
}

PROFILE = SystemProfile(
    name="cosmic",
    title="Kingdee Cosmic",
    docs_url="https://vip.kingdee.com/knowledge/218694224487485696",
    checked_on=date(2026, 11, 22),
    documents={name: _document(form, {}) for name, form in forms_of(None).items()},
    instance=wire.instance,
    login=wire.login,
    login_by=("user",),
    login_limits=(Limit(name="logins_per_minute", count=30, seconds=60.0),),
    sign=wire.sign,
    token_refused=wire.token_refused,
    error=wire.error,
    errors=wire.ERRORS,
    conn_fields=CONN_FIELDS,
    ui_field_behaviour={
        "hidden_fields": ["port"],
        "relabeling": {
            "login": "client_id",
            "password": "client_secret",
            "schema": "Data centre (accountId)",
        },
    },
    resolve=resolve,
)
