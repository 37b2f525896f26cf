"""
Submitting, auditing, un-auditing and deleting orders.

The applications take many ids at once and answer "200" even if they refused some: ``sucessCount`` (spelled
so), ``failCount``, ``messages``, and in ``infos`` the orders that were changed. None of these calls has a
key against repeating; a reading tells whether one has taken effect. A purchase order is deleted with the
time stamp (``pubts``) that it has at that moment; if somebody has changed it meanwhile, that is a conflict.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.calls import about, dig
from airflow_provider_docflow.core.exchange import Exchange
from airflow_provider_docflow.core.paging import WriteResult, one_by_one
from airflow_provider_docflow.core.profile import Probe, Reading, Write, WriteItem, Written
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.document import DocumentRef, DocumentType
from airflow_provider_docflow.systems.yonbip.errors import readable
from airflow_provider_docflow.systems.yonbip.kinds import Kind, text_in
from airflow_provider_docflow.systems.yonbip.listing import detail
from airflow_provider_docflow.systems.yonbip.wire import api
from airflow_provider_docflow.systems.yonbip.writing import KEY

BATCH = 20
_SEEN_AT_ONCE = Probe(quality="unique", settle_seconds=10.0)
_REMEDY = "Look at the order there: its state may not allow this, or an approval flow decides it."


def _target(site: Site, item: WriteItem) -> DocumentRef:
    if item.ref is None:
        raise exc.Misconfigured("an action needs an order that is there.", system=site.conn_id, field="ref")
    return item.ref


def batch(kind: Kind, step: str) -> Callable[[Site, Sequence[WriteItem]], Exchange[list[WriteResult]]]:
    """Return an action that takes many orders in one request; each one's outcome is its own."""

    def run(site: Site, items: Sequence[WriteItem]) -> Exchange[list[WriteResult]]:
        refs = [_target(site, item) for item in items]
        body = {"data": [{"id": native_id(ref.internal_id)} for ref in refs]}
        with about(", ".join(ref.number or ref.internal_id for ref in refs)[:200]):
            answer = yield from api(site, "POST", kind.at(step), body=body, writes=True)
        data = dig(answer, "data")
        return outcomes(site, refs, data if isinstance(data, Mapping) else {})

    return run


def native_id(internal_id: str) -> Any:
    """Return an id as the calls want it: a whole number of 64 bits."""
    return int(internal_id) if internal_id.isascii() and internal_id.isdigit() else internal_id


def outcomes(site: Site, refs: Sequence[DocumentRef], data: Mapping[str, Any]) -> list[WriteResult]:
    """Tell per order what a batch's answer says of it."""
    failed = int(data.get("failCount") or 0)
    if not failed and "failCount" in data:
        return [Written(ref=ref) for ref in refs]
    changed = {text_in(info, "id") for info in data.get("infos") or () if isinstance(info, Mapping)}
    told = failed == len(refs) or len(refs) - len(changed & {ref.internal_id for ref in refs}) == failed
    if not failed or not told:
        unsure = "the answer does not tell which of the orders were refused."
        return [
            exc.UnknownOutcome(unsure, system=site.conn_id, document=ref.number or ref.internal_id)
            for ref in refs
        ]
    return [
        Written(ref=ref) if ref.internal_id in changed else _refused(site, ref, data.get("messages"))
        for ref in refs
    ]


def _refused(site: Site, ref: DocumentRef, messages: Any) -> exc.Rejected:
    own = [
        message
        for message in (messages if isinstance(messages, list) else [])
        if isinstance(message, Mapping) and str(message.get("key")) in (ref.internal_id, ref.number)
    ]
    return exc.Rejected(
        f"the system refused it: {readable(own or messages) or 'it says nothing of the reason'}.",
        system=site.conn_id,
        document=ref.number or ref.internal_id,
        code="failCount",
        http_status=200,
        remedy=_REMEDY,
    )


def deleter(kind: Kind) -> Callable[[Site, WriteItem], Exchange[Written]]:
    """Return the action that deletes an order for good."""

    def delete(site: Site, item: WriteItem) -> Exchange[Written]:
        ref = _target(site, item)
        with about(ref.number or ref.internal_id):
            before = yield from detail(site, kind, ref.internal_id)
            path, data = _deletion(site, kind, item, ref, before)
            answer = yield from api(site, "POST", path, body={"data": data}, writes=True)
            told = dig(answer, "data")
            (outcome,) = outcomes(site, [ref], told if isinstance(told, Mapping) else {"failCount": 0})
            if isinstance(outcome, exc.Rejected):
                yield from _why_not(site, kind, ref, before, outcome)
            if isinstance(outcome, exc.DocflowError):
                raise outcome
            return outcome

    return delete


def _deletion(
    site: Site, kind: Kind, item: WriteItem, ref: DocumentRef, before: Mapping[str, Any]
) -> tuple[str, Any]:
    number = native_id(ref.internal_id)
    if kind.document_type == DocumentType.PURCHASE_ORDER:
        path = str(site.setting("purchase_delete_path"))
        return path, [{"id": number, "pubts": text_in(before, "pubts")}]
    return kind.at("delete"), {KEY: item.mark, "id": [number]}


def _why_not(
    site: Site, kind: Kind, ref: DocumentRef, before: Mapping[str, Any], refused: exc.Rejected
) -> Exchange[None]:
    """Tell an order that somebody has just changed from one that cannot be deleted: both have one answer."""
    now = yield from detail(site, kind, ref.internal_id)
    if text_in(now, "pubts") != text_in(before, "pubts"):
        raise refused.told_as(
            exc.Conflict,
            f"somebody has changed the order at this moment: {refused.message}",
            remedy="Nothing: the next try takes the order as it is then.",
        ) from refused


def lifecycle(*words: str) -> Callable[[Reading, WriteItem], bool]:
    """Return the test whether an order stands at one of these words."""
    return lambda reading, item: str(reading.state.lifecycle) in words


def actions_of(kind: Kind) -> dict[str, Write]:
    """Return what can be done to an order."""

    def write(step: str, landed: Callable[[Reading, WriteItem], bool]) -> Write:
        return Write(run=batch(kind, step), probe=_SEEN_AT_ONCE, landed=landed, batch_size=BATCH)

    return {
        "submit": write("batchsubmit", lifecycle("submitted", "active", "closed")),
        "audit": write("batchaudit", lifecycle("active", "closed")),
        "unaudit": write("batchunaudit", lifecycle("draft")),
        "delete": Write(
            run=one_by_one(deleter(kind)),
            probe=_SEEN_AT_ONCE,
            landed=lifecycle("cancelled"),
            removes=True,
        ),
    }
