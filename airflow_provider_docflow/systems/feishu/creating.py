"""
Starting an approval, once.

Feishu takes a ``uuid`` with a create and refuses a second instance under it (60012), whatever the letters'
case; docflow's mark makes it. A create that is refused so has landed before: the instance is read by its uuid
(``native``). Ids of controls belong to the definition, which is therefore read first.
Pages: "Create an approval instance", "Get a single approval instance".
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.calls import about
from airflow_provider_docflow.core.exchange import Exchange
from airflow_provider_docflow.core.oa.forms import Form
from airflow_provider_docflow.core.oa.writing import document_of, originator_of
from airflow_provider_docflow.core.profile import Finding, WriteItem, Written
from airflow_provider_docflow.core.site import Site, dumps
from airflow_provider_docflow.document import Document, DocumentRef
from airflow_provider_docflow.systems.feishu import describing, filling
from airflow_provider_docflow.systems.feishu.describing import Definition
from airflow_provider_docflow.systems.feishu.errors import SAME_UUID
from airflow_provider_docflow.systems.feishu.forms import form_of
from airflow_provider_docflow.systems.feishu.reading import (
    INSTANCES,
    belongs,
    fetch,
    get,
    reading_of,
    setting_of,
)
from airflow_provider_docflow.systems.feishu.wire import api, id_type

MARK_LENGTH = 32
MOST_COPY_NODES = 20
_OURS = uuid.UUID("6f1c1f0a-5b52-5d0e-9c1e-2f6a7d1f6c11")


def uuid_of(mark: str) -> str:
    """Return the uuid of a mark, in the shape that Feishu advises."""
    return str(uuid.uuid5(_OURS, mark)).upper()


def create(site: Site, items: Sequence[WriteItem]) -> Exchange[list[Written | exc.DocflowError]]:
    """Start approvals, one request each after a look at the definition.

    ``arguments``: ``originator`` (else the document's requester, else ``originator_user_id``),
    ``department_id``, ``choices`` (node → people, where the requester chooses) and ``copy_to`` (node →
    people); a node is named by its name, id or custom id.
    """
    seen: dict[str, Definition] = {}
    results: list[Written | exc.DocflowError] = []
    for item in items:
        try:
            document = document_of(site, item)
            with about(document.id or item.reference):
                form = form_of(site, document.document_type)
                if form.code not in seen:
                    seen[form.code] = yield from describing.definition(site, form)
                results.append((yield from _start(site, form, seen[form.code], item, document)))
        except exc.DocflowError as error:
            error.system = error.system or site.conn_id
            results.append(error)
    return results


def _start(
    site: Site, form: Form, known: Definition, item: WriteItem, document: Document
) -> Exchange[Written]:
    body = _body(site, form, known, item, document)
    try:
        data = yield from api(site, "POST", INSTANCES, json=body, writes=True, kind="create")
    except exc.Duplicate as error:
        if error.code != SAME_UUID:
            raise
        return (yield from _existing(site, form, item, document, error))
    code = str(data.get("instance_code") or "")
    if not code:
        raise exc.UnknownOutcome("Feishu answers a new approval without its code.", system=site.conn_id)
    return Written(ref=_ref(site, form, code, document.id))


def _existing(
    site: Site, form: Form, item: WriteItem, document: Document, error: exc.Duplicate
) -> Exchange[Written]:
    """Return the instance that an earlier send has left. That it is there is certain, whatever a read says.

    :raises UnknownOutcome: it cannot be read at the moment.
    :raises Duplicate: it is an instance of another definition.
    """
    try:
        raw = yield from get(site, uuid_of(item.mark))
    except exc.DocflowError as reason:
        said = f"an approval with this mark exists, and it cannot be read: {reason.message}"
        raise error.told_as(exc.UnknownOutcome, said) from reason
    if not belongs(form, raw):
        error.remedy = "Let a person decide: the forms of the connection have changed since the first send."
        raise error
    return Written(ref=_ref(site, form, str(raw["instance_code"]), document.id), detail={"existed": True})


def _ref(site: Site, form: Form, code: str, number: str) -> DocumentRef:
    shown = number if form.control_of("id") else ""
    return DocumentRef(site.known_instance, "", form.document_type, code, shown)  # type: ignore[arg-type]


def _body(site: Site, form: Form, known: Definition, item: WriteItem, document: Document) -> dict[str, Any]:
    kind = id_type(site)
    setting = setting_of(site, document)
    values = filling.to_form(form, known.widgets, document, setting, site.known_instance)
    body: dict[str, Any] = {
        "approval_code": form.code,
        kind: originator_of(site, item, "originator_user_id"),
        "form": dumps(values).decode(),
        "uuid": uuid_of(item.mark),
    }
    if department := item.arguments.get("department_id") or site.setting("department_id"):
        body["department_id"] = str(department)
    chosen = _nodes(site, known, "choices", item.arguments.get("choices") or {})
    _check_chosen(site, known, chosen)
    if chosen:
        body[f"node_approver_{kind}_list"] = chosen
    copies = _nodes(site, known, "copy_to", item.arguments.get("copy_to") or {})
    if len(copies) > MOST_COPY_NODES:
        raise exc.Misconfigured(
            f"Feishu takes copies for {MOST_COPY_NODES} nodes, not {len(copies)}.",
            system=site.conn_id,
            field="copy_to",
        )
    if copies:
        body[f"node_cc_{kind}_list"] = copies
    return body


def _nodes(site: Site, known: Definition, argument: str, people: Mapping[str, Any]) -> list[dict[str, Any]]:
    found = []
    for name, users in people.items():
        node = next((one for one in known.nodes if name in _names(one)), None)
        if node is None:
            names = ", ".join(str(one.get("name")) for one in known.nodes)
            raise exc.Misconfigured(
                f"the definition has no node {name!r}.",
                system=site.conn_id,
                field=argument,
                remedy=f"Use one of: {names}.",
            )
        listed = [users] if isinstance(users, str) else list(users)
        found.append({"key": str(node["node_id"]), "value": [str(user) for user in listed]})
    return found


def _names(node: Mapping[str, Any]) -> tuple[Any, ...]:
    return node.get("name"), node.get("node_id"), node.get("custom_node_id")


def _check_chosen(site: Site, known: Definition, chosen: Sequence[Mapping[str, Any]]) -> None:
    """Refuse a create that leaves a node without approvers where its requester has to choose them."""
    have = {one["key"] for one in chosen if one["value"]}
    for node in known.nodes:
        if node.get("need_approver") and str(node.get("node_id")) not in have:
            raise exc.Misconfigured(
                f"the requester has to choose who approves at {node.get('name')!r}.",
                system=site.conn_id,
                field="choices",
                remedy='Give choices={"<node>": ["<user id>"]}.',
            )


def find(site: Site, items: Sequence[WriteItem]) -> Exchange[list[Finding]]:
    """Look for the approvals that carry the items' marks, each by its uuid."""
    found = []
    for item in items:
        form = form_of(site, document_of(site, item).document_type)
        try:
            raw = yield from fetch(site, form, uuid_of(item.mark))
        except exc.NotFound:
            found.append(Finding())
            continue
        found.append(Finding(marked=((yield from reading_of(site, form, raw)),)))
    return found
