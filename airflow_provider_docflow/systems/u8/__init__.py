"""
Yonyou U8 (用友 U8+), over its OpenAPI: requisitions, orders, payment requests, payments and payables.

*Instance*: provider and data source (``to_account``, ``ds_sequence``), settings that a read confirms. An
account set is one company, whose code is a setting; a document of another company is refused.

What may be promised: requisitions, purchase orders, payments and payables exactly once, sales orders at
most once and otherwise an incident (:mod:`~airflow_provider_docflow.systems.u8.writing`). A voucher's
number is its id.

Approvals: verifying (审核) without a workflow, auditing with one; the history of a workflow is read with
the voucher, and :func:`open_tasks` tells what waits for a person. Payment requests (付款申请单) can be read
and decided; U8 has no call that makes one. Withdrawing one is not offered: no reading shows that it has
happened. There is no change feed: no list can be asked for changes.

After the vendor's pages as far as they are stored, and third-party clients; no U8 was called. What they do
not show is a setting.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any

from airflow_provider_docflow.core.profile import DocumentProfile, SystemProfile
from airflow_provider_docflow.systems.u8 import reading, settings, wire, writing
from airflow_provider_docflow.systems.u8.approvals import open_tasks
from airflow_provider_docflow.systems.u8.objects import VOUCHERS, Voucher

__all__ = ["PROFILE", "open_tasks", "resolve"]


def _document(voucher: Voucher) -> DocumentProfile:
    verified: tuple[str, ...] = ("verify",) if "verify" in voucher.actions else ()
    stages: dict[str, tuple[str, ...]] = {"saved": ()}
    return DocumentProfile(
        read=reading.reader(voucher),
        search=reading.searcher(voucher),
        create=writing.creator(voucher),
        actions=writing.actions_of(voucher),
        stages={**stages, "approved": verified, "confirmed": verified} if verified else stages,
        page_size=1,
        approves="audit" in voucher.actions,
        axes=tuple(reading.AXES),
    )


def resolve(given: Mapping[str, Any]) -> SystemProfile:
    """Return the profile of a connection: with the codes that its U8 uses."""
    return replace(PROFILE, token_refused=wire.token_refused(settings.codes_in(given, "stale_login_codes")))


PROFILE = SystemProfile(
    name="u8",
    title="Yonyou U8",
    docs_url="https://open.yonyouup.com/apiCenter",
    checked_on=date(2026, 11, 22),
    documents={str(voucher.document_type): _document(voucher) for voucher in VOUCHERS},
    instance=wire.instance,
    login=wire.login,
    login_by=("from_account",),
    sign=wire.sign,
    token_refused=wire.token_refused(()),
    error=wire.error,
    errors=wire.ERRORS,
    conn_fields=settings.CONN_FIELDS,
    ui_field_behaviour=settings.UI_FIELD_BEHAVIOUR,
    max_connections=4,
    timeout_seconds=60.0,
    resolve=resolve,
)
