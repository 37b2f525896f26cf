"""
What is done to documents that are there: many in one call, each one's fate by its id or its place.

Every action is read back by its caller: Kingdee answers some with success that changed nothing. Audit ends
a document's approval without its workflow, and only happens when it is named; ``approve`` and ``reject``
decide the open task of a person in the workflow.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.exchange import Exchange
from airflow_provider_docflow.core.paging import WriteResult, one_by_one
from airflow_provider_docflow.core.profile import Probe, Reading, Write, WriteItem, Written
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.document import DocumentRef
from airflow_provider_docflow.systems.kingdee import files, states
from airflow_provider_docflow.systems.kingdee.catalogue import form_of
from airflow_provider_docflow.systems.kingdee.errors import refusal, status_of
from airflow_provider_docflow.systems.kingdee.forms import Form
from airflow_provider_docflow.systems.kingdee.pushing import is_pushed, push
from airflow_provider_docflow.systems.kingdee.wire import number_of, post

BATCH = 20
_PASS, _REJECT = 1, 2
_SEEN_AT_ONCE = Probe(quality="unique", settle_seconds=30.0)
_SEEN_LATER = Probe(quality="best_effort", settle_seconds=30.0)
Landed = Callable[[Reading, WriteItem], bool]


@dataclass(frozen=True)
class Operation:
    """One call for a batch of documents.

    :param method: of the document service; empty for a named operation of the form.
    :param more: what goes along with the id of an item.
    """

    method: str = ""
    number: str = ""
    more: Callable[[WriteItem], Mapping[str, Any]] = lambda item: {}

    def run(self, site: Site, items: Sequence[WriteItem]) -> Exchange[list[WriteResult]]:
        """Carry it out, for all in one call that want the same; one refusal does not stop the others."""
        groups: dict[str, list[int]] = {}
        for place, item in enumerate(items):
            groups.setdefault(json.dumps(self.more(item), sort_keys=True), []).append(place)
        results: dict[int, WriteResult] = {}
        for places in groups.values():
            some = [items[place] for place in places]
            results.update(zip(places, (yield from self._call(site, some)), strict=True))
        return [results[place] for place in range(len(items))]

    def _call(self, site: Site, items: Sequence[WriteItem]) -> Exchange[list[WriteResult]]:
        refs = [target(site, item) for item in items]
        form = form_of(site, refs[0].document_type)
        # A comma string: a list of ids is taken for none by some versions.
        ids = ",".join(ref.internal_id for ref in refs)
        # By default Kingdee goes on where it would ask a person.
        data = {"Ids": ids, "NetworkCtrl": "", "IgnoreInterationFlag": False, **self.more(items[0])}
        body: dict[str, Any] = {"formid": form.form_id, "data": data}
        if self.number:
            body["opNumber"] = self.number
        method = self.method or str(site.setting("operation_method", "ExcuteOperation"))
        try:
            answer = yield from post(site, method, body, writes=True)
        except exc.DocflowError as error:
            return [_for_one(error, ref) for ref in refs]
        return [_fate(site, answer, ref, place, len(refs)) for place, ref in enumerate(refs)]


def _for_one(error: exc.DocflowError, ref: DocumentRef) -> exc.DocflowError:
    own = copy.copy(error)
    own.document = own.document or ref.number or ref.internal_id
    return own


def _with_post(item: WriteItem) -> Mapping[str, Any]:
    """Return under which of several posts its author submits (argument ``post_id``)."""
    return {"SelectedPostId": int(item.arguments["post_id"])} if item.arguments.get("post_id") else {}


def _past_workflow(item: WriteItem) -> Mapping[str, Any]:
    """Let Kingdee refuse an audit while a workflow runs, unless ``past_workflow`` is written out."""
    return {"IsVerifyProcInst": item.arguments.get("past_workflow") is not True}


def target(site: Site, item: WriteItem) -> DocumentRef:
    """Return the document that is acted on.

    :raises Misconfigured: there is none.
    """
    if item.ref is None:
        raise exc.Misconfigured("an action needs a document that is there.", system=site.conn_id, field="ref")
    return item.ref


def _fate(site: Site, answer: Any, ref: DocumentRef, place: int, count: int) -> WriteResult:
    status = status_of(answer)
    name = ref.number or ref.internal_id
    if status is not None:
        done = [number_of(entity.get("Id")) for entity in status.get("SuccessEntitys") or ()]
        told = [one for one in status.get("Errors") or () if int(one.get("DIndex") or 0) == place]
        # Where the answer names whom it did it to, whoever is not named was passed over.
        if ref.internal_id in done or (status.get("IsSuccess") and not told and not done):
            return Written(ref=ref)
        if told or (count == 1 and not status.get("IsSuccess")):
            return refusal(site, status, told or status.get("Errors") or (), name)
    return exc.UnknownOutcome(
        "the answer does not say what became of the document.",
        system=site.conn_id,
        document=name,
        http_status=200,
        remedy="Nothing: the next try reads it first."
        if answer is not None
        else "If this comes again, give operation_method its other spelling: some servers answer nothing.",
    )


def decide(kind: int) -> Callable[[Site, WriteItem], Exchange[Written]]:
    """Return the decision on an open task (arguments ``user``, ``comment`` and, if needed, ``result_id``)."""

    def run(site: Site, item: WriteItem) -> Exchange[Written]:
        ref = target(site, item)
        user = str(item.arguments.get("user") or "")
        if not user:
            raise exc.Misconfigured(
                "nobody is named who decides.",
                system=site.conn_id,
                document=ref.number or ref.internal_id,
                field="user",
                remedy="Give the argument user: the name under which the approver logs in.",
            )
        data = {
            "FormId": form_of(site, ref.document_type).form_id,
            "Ids": "",
            "Numbers": [ref.number],
            "UserName": user,
            "ApprovalType": kind,
            "ActionResultId": str(item.arguments.get("result_id") or ""),
            "PostId": int(item.arguments.get("post_id") or 0),
            "Disposition": f"{item.arguments.get('comment') or ''} [{item.mark}]".strip(),
        }
        if not ref.number:
            data.update(Ids=ref.internal_id, Numbers=[])
        answer = yield from post(site, "WorkflowAudit", {"data": data}, writes=True)
        result = _fate(site, answer, ref, 0, 1)
        if isinstance(result, exc.DocflowError):
            raise result
        return result

    return run


def decided(decision: str) -> Landed:
    """Return the test whether a decision stands in the history with the item's mark."""

    def landed(reading: Reading, item: WriteItem) -> bool:
        return any(
            entry.decision == decision and f"[{item.mark}]" in entry.comment for entry in reading.history
        )

    return landed


def _shows(key: str, *words: str) -> Landed:
    return lambda reading, item: str(reading.raw.get(key) or states.NORMAL) in words


def _left(form: Form) -> Landed:
    return lambda reading, item: str(reading.raw.get(form.status_field)) != states.AUDITED


def _is_gone(reading: Reading, item: WriteItem) -> bool:
    return not reading.raw


def actions_of(settings: Mapping[str, Any], form: Form) -> dict[str, Write]:
    """Return what can be done to documents of a form; what cannot be seen afterwards is left out."""
    status = form.status_field
    found: dict[str, Write] = {
        "submit": _many(
            Operation("Submit", more=_with_post), _status(status, states.SUBMITTED, states.AUDITED)
        ),
        "audit": _many(Operation("Audit", more=_past_workflow), _status(status, states.AUDITED)),
        "unaudit": _many(Operation("UnAudit"), _left(form)),
        "withdraw": _many(Operation("CancelAssign"), _status(status, states.SAVED, states.AGAIN)),
        "delete": replace(_many(Operation("Delete"), _is_gone), removes=True),
    }
    ends = {
        "cancel": (form.cancel_field, (states.ENDED,)),
        "close": (form.close_field, (states.ENDED,)),
        "reopen": (form.close_field, (states.NORMAL,)),
        "terminate": (form.terminate_field, (states.ENDED,)),
    }
    for name, (key, words) in ends.items():
        if key and name in form.operations:
            operation = Operation(number=form.operations[name])
            found[name] = _many(operation, _shows(key, *words))
    if settings.get("workflow_history") in (None, "", True):
        found["approve"] = _one(decide(_PASS), decided("approved"))
        found["reject"] = _one(decide(_REJECT), decided("rejected"))
    if form.joined_field:
        found["push"] = Write(run=one_by_one(push), probe=_SEEN_LATER, landed=is_pushed(form))
    if settings.get("attachment_form"):
        found["attach"] = _one(files.attach, files.is_attached)
    return found


def _status(key: str, *words: str) -> Landed:
    return lambda reading, item: str(reading.raw.get(key)) in words


def _many(operation: Operation, landed: Landed) -> Write:
    return Write(run=operation.run, probe=_SEEN_AT_ONCE, landed=landed, batch_size=BATCH)


def _one(run: Callable[[Site, WriteItem], Exchange[Written]], landed: Landed) -> Write:
    return Write(run=one_by_one(run), probe=_SEEN_AT_ONCE, landed=landed)
