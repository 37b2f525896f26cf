"""
Starting an approval, once.

DingTalk has no key for a create: the same body twice makes two approvals. docflow's mark goes into the text
control that the form has for it (``mark_control``); whether an earlier send has landed is then seen by
listing what the same requester started since and reading each. The guarantee is *at most once and otherwise
an incident* (``best_effort``): DingTalk does not say how soon its list shows a new approval, and a form need
not have a control for the mark. An approval without a mark that has the same number, or the same company,
supplier and total, is a suspect and left to a person. Page: "create-an-approval-instance".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.calls import about, dig
from airflow_provider_docflow.core.exchange import Exchange
from airflow_provider_docflow.core.oa.forms import Form
from airflow_provider_docflow.core.oa.instants import now
from airflow_provider_docflow.core.oa.listing import Position
from airflow_provider_docflow.core.oa.writing import document_of, finding_of, originator_of, probe_start
from airflow_provider_docflow.core.profile import Finding, Reading, WriteItem, Written
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.document import Document, DocumentRef
from airflow_provider_docflow.systems.dingtalk import filling
from airflow_provider_docflow.systems.dingtalk.describing import check_own
from airflow_provider_docflow.systems.dingtalk.forms import form_of
from airflow_provider_docflow.systems.dingtalk.listing import WINDOW, list_ids, reachable
from airflow_provider_docflow.systems.dingtalk.reading import INSTANCES, fetch, reading_of
from airflow_provider_docflow.systems.dingtalk.wire import api, moment

MOST_NODES, MOST_COPIES, MOST_USERS_IN_LIST = 20, 50, 10
SHOWN_TO = timedelta(minutes=1)
"""DingTalk shows minutes: the moment itself may lie up to one later."""

_COPY_AT = ("START", "FINISH", "START_FINISH")


def create(site: Site, item: WriteItem) -> Exchange[Written]:
    """Start one approval.

    ``arguments``: ``originator`` (user id; else the document's requester, else ``originator_user_id``),
    ``dept_id``, ``approvers`` (nodes as ``{"users": [...], "rule": "all" | "any"}``; without them the flow of
    the form holds), ``copy_to`` and ``copy_at``, ``choices`` (node key → users, where the requester chooses).

    :raises InvalidDocument: the form cannot hold the document; nothing was sent.
    :raises UnknownOutcome: it may have been started.
    """
    document = document_of(site, item)
    with about(document.id or item.reference):
        form = form_of(site, document.document_type)
        body = _body(site, form, item, document)
        yield from check_own(site, form, document)
        answer = yield from api(site, "POST", INSTANCES, json=body, writes=True)
        instance_id = dig(answer, "instanceId")
        if not instance_id:
            raise exc.UnknownOutcome("DingTalk answers a new approval without its id.", system=site.conn_id)
    ref = DocumentRef(site.known_instance, "", document.document_type, str(instance_id), document.id)
    return Written(ref=ref)


def _body(site: Site, form: Form, item: WriteItem, document: Document) -> dict[str, Any]:
    arguments = item.arguments
    nodes = [_node(node) for node in arguments.get("approvers") or ()]
    copies = [str(user) for user in arguments.get("copy_to") or ()]
    copy_at = str(arguments.get("copy_at") or "FINISH")
    if len(nodes) > MOST_NODES or len(copies) > MOST_COPIES or copy_at not in _COPY_AT:
        raise exc.Misconfigured(
            f"DingTalk takes {MOST_NODES} nodes, {MOST_COPIES} copies, at one of {', '.join(_COPY_AT)}.",
            system=site.conn_id,
            field="approvers",
        )
    body: dict[str, Any] = {
        "originatorUserId": originator_of(site, item, "originator_user_id"),
        "processCode": form.code,
        "deptId": int(arguments.get("dept_id") or site.setting("dept_id", -1)),
        "formComponentValues": filling.to_values(form, document, item.mark, site.known_instance),
    }
    if nodes:
        body["approvers"] = nodes
    if copies:
        body.update(ccList=copies, ccPosition=copy_at)
    if agent := site.setting("agent_id"):
        body["microappAgentId"] = int(agent)
    if choices := arguments.get("choices"):
        body["targetSelectActioners"] = _choices(choices)
    return body


def _node(node: Any) -> dict[str, Any]:
    """Return an approval node; DingTalk wants the action NONE for a single approver."""
    users = [str(user) for user in node.get("users") or ()] if isinstance(node, Mapping) else []
    rule = node.get("rule", "all") if users else ""
    if rule not in ("all", "any"):
        raise exc.Misconfigured(
            f"{node!r} is no approval node.",
            field="approvers",
            remedy='Write nodes as {"users": ["a", "b"], "rule": "all"} or "any".',
        )
    action = "NONE" if len(users) == 1 else {"all": "AND", "any": "OR"}[rule]
    return {"actionType": action, "userIds": users}


def _choices(choices: Mapping[str, Sequence[str]]) -> list[dict[str, Any]]:
    return [{"actionerKey": key, "actionerUserIds": list(users)} for key, users in choices.items()]


def find(site: Site, items: Sequence[WriteItem]) -> Exchange[list[Finding]]:
    """Look for approvals that carry the items' marks, and for suspects of those that went out before.

    One listing serves the whole batch: what its requesters started since the earliest send (for what never
    went out, since ``probe_hours`` ago).

    :raises InvalidDocument: an approval carries a mark, and its form makes no document any more.
    """
    if not items:
        return []
    form = form_of(site, document_of(site, items[0]).document_type)
    users = sorted({originator_of(site, item, "originator_user_id") for item in items})
    start = probe_start(site, items)
    readings = yield from _started(site, form, start, users if len(users) <= MOST_USERS_IN_LIST else [])
    return [finding_of(item, readings, partial(_mark, form), _created_at, SHOWN_TO) for item in items]


def _started(site: Site, form: Form, start: datetime, users: Sequence[str]) -> Exchange[list[Reading]]:
    at: Position | None = Position.over(reachable(site, start), now(), WINDOW)
    found: dict[str, Reading] = {}
    seen: set[str] = set()
    while at is not None:
        ids, at = yield from list_ids(site, form, at, users=users, open_end=True)
        for instance_id in ids:
            if instance_id not in seen:
                bundle = yield from fetch(site, instance_id)
                seen.update(bundle.instances)
                found[bundle.main_id] = reading_of(site, form, bundle)
    return list(found.values())


def _mark(form: Form, reading: Reading) -> str:
    return filling.mark_in(form, reading.raw.get("formComponentValues") or ())


def _created_at(reading: Reading) -> datetime | None:
    return moment(reading.raw.get("createTime"))
