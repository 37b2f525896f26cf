"""
Who has decided what in a voucher's workflow (审批进程), and what waits for a person (待办任务).

Of both calls the parameters are known, and that the rows stand in ``history`` and ``tasks``; the names in a
row of the history are a setting, and a task is returned as U8 writes it. Tasks are asked for by person: no
page shows how to ask for those of one voucher, so a state never follows from them.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.calls import dig
from airflow_provider_docflow.core.conn_fields import mapping_in
from airflow_provider_docflow.core.exchange import Exchange
from airflow_provider_docflow.core.profile import ApprovalEntry
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.systems.u8.objects import VOUCHERS, Voucher
from airflow_provider_docflow.systems.u8.values import text
from airflow_provider_docflow.systems.u8.wire import api

HISTORY = "docflow_history"
_DECISIONS = {
    **dict.fromkeys(("1", "1.0", "同意", "审核", "agree"), "approved"),
    **dict.fromkeys(("0", "0.0", "不同意", "disagree"), "rejected"),
    **dict.fromkeys(("4", "5", "退回", "退回到提交人"), "returned"),
    **dict.fromkeys(("弃审", "撤销审批"), "revoked"),
    "转交": "transferred",
}


def history(site: Site, voucher: Voucher, number: str) -> Exchange[tuple[ApprovalEntry, ...]]:
    """Return who has decided what in a voucher's workflow; nothing where it runs in none."""
    if "audit" not in voucher.actions or not site.setting("read_history"):
        return ()
    params = {str(site.setting("voucher_field")): number}
    try:
        answer = yield from api(site, "GET", f"/api/{voucher.name}/history", params=params)
    except exc.Rejected:
        # A type without a workflow is refused; the voucher itself was read.
        return ()
    names = mapping_in(site, "history_fields")
    found = dig(answer, "history")
    return (
        tuple(_entry(site, each, names) for each in found if isinstance(each, Mapping))
        if isinstance(found, list)
        else ()
    )


def _entry(site: Site, raw: Mapping[str, Any], names: Mapping[str, str]) -> ApprovalEntry:
    word = text(raw, names.get("decision", ""))
    return ApprovalEntry(
        approver=text(raw, names.get("approver", "")),
        decision=_DECISIONS.get(word, "commented"),  # type: ignore[arg-type]
        decided_at=_moment(site, text(raw, names.get("decided_at", ""))),
        comment=text(raw, names.get("comment", "")),
    )


def _moment(site: Site, told: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(told)
    except ValueError:
        return None
    return (found if found.tzinfo else found.replace(tzinfo=site.time_zone)).astimezone(UTC)


def open_tasks(
    site: Site, document_type: str, *, user: str = "", person: str = ""
) -> Exchange[list[dict[str, Any]]]:
    """Return what waits for a person's decision, each task as U8 shows it.

    :param user: an operator's code; :param person: or a person's code.
    :raises Unsupported: vouchers of this type run in no workflow.
    :raises Misconfigured: nobody is named.
    """
    voucher = next((each for each in VOUCHERS if each.document_type == document_type), None)
    if voucher is None or "audit" not in voucher.actions:
        raise exc.Unsupported(f"U8 has no tasks of {document_type}.", system=site.conn_id)
    asked = {"user_id": user} if user else {"person_code": person} if person else None
    if asked is None:
        raise exc.Misconfigured("tasks are somebody's: name user or person.", field="user")
    found: list[dict[str, Any]] = []
    page, pages = 1, 1
    while page <= pages:
        named = {"page_index": str(page), "rows_per_page": str(site.setting("rows_per_page"))}
        params = {**asked, "state": "0", **named}
        answer = yield from api(site, "GET", f"/api/{voucher.name}/tasks", params=params)
        told = dig(answer, "tasks")
        found += [dict(row) for row in told if isinstance(row, Mapping)] if isinstance(told, list) else []
        page, pages = page + 1, int(text(answer, "page_count") or 0)
    return found
