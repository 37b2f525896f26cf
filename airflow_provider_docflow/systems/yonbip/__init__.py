"""
Yonyou YonBIP and YonSuite (用友), over the open platform: purchase orders and sales orders.

*Instance*: the tenant's id, a setting that the look-up of its data centre confirms
(:func:`~airflow_provider_docflow.systems.yonbip.wire.instance`).

What may be promised: a new order exactly once. Its mark stands in a text field that orders are listed by,
and is the platform's own key against repeating as well
(:mod:`~airflow_provider_docflow.systems.yonbip.writing`). Submitting, auditing and un-auditing have no such
key there; each is read back (:mod:`~airflow_provider_docflow.systems.yonbip.acting`).

*Figures*: the applications recompute amounts only in part; docflow sends all of them, with every digit, and
refuses what does not agree (:mod:`~airflow_provider_docflow.systems.yonbip.figures`).

*Left out* because nobody has shown how: payment requests, who has decided what in an approval, attachments.
Changing an order is possible there (``_status`` Update) and not offered: what it does to the lines is
unverified.

After the platform's published pages (state of June 2026); no tenant was called.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any

from airflow_provider_docflow.core.conn_fields import call_limits
from airflow_provider_docflow.core.profile import DocumentProfile, SystemProfile
from airflow_provider_docflow.systems.yonbip import (
    acting,
    describing,
    errors,
    listing,
    purchase,
    sales,
    settings,
    wire,
    writing,
)
from airflow_provider_docflow.systems.yonbip.events import WEBHOOK
from airflow_provider_docflow.systems.yonbip.kinds import Kind
from airflow_provider_docflow.systems.yonbip.masters import vendor_ids

__all__ = ["PROFILE", "resolve"]

_STAGES: Mapping[str, tuple[str, ...]] = {
    "saved": (),
    "submitted": ("submit",),
    "approved": ("submit", "audit"),
    "confirmed": ("submit", "audit"),
}


def _document(kind: Kind, mapped: Mapping[str, str]) -> DocumentProfile:
    return DocumentProfile(
        read=listing.reader(kind),
        search=listing.searcher(kind),
        changes=listing.follower(kind),
        create=writing.creator(kind),
        actions=acting.actions_of(kind),
        stages=_STAGES,
        describe=describing.describer(kind, mapped),
        page_size=1,
        approves=True,
        axes=tuple(kind.axes),
    )


def resolve(given: Mapping[str, Any]) -> SystemProfile:
    """Return the profile of a connection: with its call limits."""
    return replace(PROFILE, limits=call_limits(given, settings.CONN_FIELDS))


PROFILE = SystemProfile(
    name="yonbip",
    title="Yonyou YonBIP",
    docs_url="https://open.yonyoucloud.com/#/doc-center/docDes/api",
    checked_on=date(2026, 11, 22),
    documents={
        "purchase_order": _document(purchase.KIND, purchase.MAPPED),
        "sales_order": _document(sales.KIND, sales.MAPPED),
    },
    instance=wire.instance,
    login=wire.login,
    login_by=("tenant_id",),
    sign=wire.sign,
    token_refused=errors.token_refused,
    error=errors.error,
    errors=errors.ERRORS,
    conn_fields=settings.CONN_FIELDS,
    ui_field_behaviour=settings.UI_FIELD_BEHAVIOUR,
    lookups={"vendor": vendor_ids},
    limits=call_limits({}, settings.CONN_FIELDS),
    webhook=WEBHOOK,
    max_connections=4,
    resolve=resolve,
)
