"""
Who decided what: the assignments of the workflow, running and archived, as a query shows them.

Both objects are forms like any other and the connection's user needs the right to read them. The words of
``FResultName`` are each tenant's own; one that the setting ``result_words`` does not know is a comment and
signs nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, cast, get_args, get_type_hints

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.exchange import Exchange
from airflow_provider_docflow.core.profile import ApprovalEntry
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.systems.kingdee import states, values
from airflow_provider_docflow.systems.kingdee.forms import Form
from airflow_provider_docflow.systems.kingdee.wire import one_of, query, text

RUNNING, ARCHIVED = "WF_AssignmentBill_ProcManage", "WF_AssignmentHisBill_ProcManage"
DEFAULT_WORDS = (
    '{"同意": "approved", "通过": "approved", "审核通过": "approved", "审批通过": "approved",'
    ' "不同意": "rejected", "驳回": "rejected", "打回": "returned", "撤销": "withdrawn", "终止": "withdrawn"}'
)
_OPEN = "0"
_DECISIONS = frozenset(get_args(get_type_hints(ApprovalEntry)["decision"]))
_KEYS = ("FBILLNUMBER", "FStatus", "FResultName", "FDisposition", "FCompletedTime")


def words(site: Site) -> Mapping[str, str]:
    """Return the tenant's words for results.

    :raises Misconfigured: one of them means no decision.
    """
    given = site.setting("result_words")
    try:
        found = json.loads(given) if isinstance(given, str) else dict(given)
    except (ValueError, TypeError):
        found = None
    if not isinstance(found, Mapping) or not set(found.values()) <= _DECISIONS:
        raise exc.Misconfigured(
            f"the result words of connection {site.conn_id} cannot be used.",
            system=site.profile.name,
            field="result_words",
            remedy=f'Write them as {{"同意": "approved"}}, with one of: {", ".join(sorted(_DECISIONS))}.',
        )
    return found


def histories(
    site: Site, form: Form, shown: Sequence[tuple[str, str]]
) -> Exchange[dict[str, tuple[ApprovalEntry, ...]]]:
    """Return the decisions on documents by their numbers, oldest first.

    :param shown: number and status of each; what never left its author has none, and is not asked for.
    """
    asked = [number for number, status in shown if number and status not in (states.SAVED, states.KEPT)]
    if not asked or not site.setting("workflow_history", True):
        return {}
    running = [number for number, status in shown if number and status == states.SUBMITTED]
    rows = yield from _rows(site, form, ARCHIVED, asked)
    if running:
        rows += yield from _rows(site, form, RUNNING, running)
    found: dict[str, list[ApprovalEntry]] = {}
    known = words(site)
    for row in sorted(rows, key=lambda row: str(row["FCompletedTime"] or "")):
        found.setdefault(str(row["FBILLNUMBER"]), []).append(_entry(site, row, known))
    return {number: tuple(entries) for number, entries in found.items()}


def _rows(site: Site, form: Form, source: str, numbers: Sequence[str]) -> Exchange[list[dict[str, Any]]]:
    keys = (*_KEYS, str(site.setting("approver_field", "FReceiverId.FName")))
    wanted = sorted(set(numbers))
    # The workflow keeps the names of forms in capitals.
    forms = one_of("FObjectTypeId", sorted({form.form_id, form.form_id.upper()}))
    where = f"{forms} and {one_of('FBILLNUMBER', wanted)} and FStatus<>{text(_OPEN)}"
    try:
        rows = yield from query(site, source, keys, where, order="FCompletedTime ASC")
    except exc.Authentication as error:
        error.field = "workflow_history"
        error.remedy = f"Let the user query {source} in Kingdee, or switch workflow_history off."
        raise
    return [{**dict(zip(_KEYS, row, strict=False)), "approver": row[-1]} for row in rows]


def _entry(site: Site, row: Mapping[str, Any], known: Mapping[str, str]) -> ApprovalEntry:
    return ApprovalEntry(
        approver=str(row["approver"] or ""),
        decision=cast("Any", known.get(str(row["FResultName"] or "").strip(), "commented")),
        decided_at=values.moment(site, row["FCompletedTime"]),
        comment=str(row["FDisposition"] or ""),
    )
