"""What people do on the pages: every route here is a POST with its own permission."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

from airflow.api_fastapi.common.db.common import SessionDep
from fastapi import APIRouter, Depends, HTTPException, Request, status
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.plugin.access import (
    OpenLedger,
    Permissions,
    Reader,
    check_origin,
    may_act,
    may_act_without_document,
)
from airflow_provider_docflow.plugin.reading_incidents import LARGEST_ID, incident, sight_of
from airflow_provider_docflow.plugin.shapes import Json

if TYPE_CHECKING:
    from airflow_provider_docflow.document import DocumentRef
    from airflow_provider_docflow.ledger.documents import Touch
    from airflow_provider_docflow.ledger.incidents import Incident
    from airflow_provider_docflow.ledger.search_incidents import Seen

LARGEST_GROUP = 200
PAGE = 500
FARTHEST = 10_000
Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000)]
Name = Annotated[str, StringConstraints(strip_whitespace=True, max_length=255)]


def only_json(request: Request) -> None:
    """Refuse what a plain form of another site could send; 415."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise HTTPException(status.HTTP_415_UNSUPPORTED_MEDIA_TYPE, "send application/json")


router = APIRouter(dependencies=[Depends(check_origin), Depends(only_json)])


class Body(BaseModel):
    """What every action needs: why."""

    model_config = ConfigDict(extra="forbid")
    reason: Reason


class Assignment(Body):
    """Who takes an incident on; empty gives it back."""

    assignee: Name = ""


class Group(Body):
    """Which root cause."""

    group_key: Annotated[str, StringConstraints(min_length=1, max_length=255)]


class Override(Body):
    """What is to count in place of what the system shows; null lets that count again."""

    field: Annotated[str, StringConstraints(min_length=1, max_length=255)]
    value: Annotated[str, Field(max_length=2000)] | None


@router.post("/incidents/{incident_id}/retry")
def retry(incident_id: int, body: Body, reader: Reader, ledger: OpenLedger, session: SessionDep) -> Json:
    """Let what an incident holds continue, and let the task run again that met it."""
    _mine(ledger, reader, incident_id)
    one = ledger.desk.retry(incident_id, actor=who(reader), reason=body.reason)
    return {**incident(incident_id, reader, ledger), "tasks": _rerun(ledger, reader, [one], session)}


@router.post("/incidents/{incident_id}/assign")
def assign(incident_id: int, body: Assignment, reader: Reader, ledger: OpenLedger) -> Json:
    """Say who has taken an incident on."""
    _mine(ledger, reader, incident_id)
    ledger.desk.assign(incident_id, assignee=body.assignee, actor=who(reader), reason=body.reason)
    return incident(incident_id, reader, ledger)


@router.post("/incidents/{incident_id}/close")
def close(incident_id: int, body: Body, reader: Reader, ledger: OpenLedger) -> Json:
    """Close an incident because a person says that it is settled."""
    _mine(ledger, reader, incident_id)
    ledger.desk.close(incident_id, actor=who(reader), reason=body.reason)
    return incident(incident_id, reader, ledger)


@router.post("/incident-groups/retry")
def retry_group(body: Group, reader: Reader, ledger: OpenLedger, session: SessionDep) -> Json:
    """Let everything of a root cause continue that the user may act on, up to a limit at a time."""
    group = _Group(ledger, reader, body.group_key)
    done = ledger.desk.retry_group(
        body.group_key, actor=who(reader), reason=body.reason, only=group.mine(LARGEST_GROUP)
    )
    tasks = _rerun(ledger, reader, done.retried, session)
    return {"retried": [one.id for one in done.retried], "left": group.open(), "tasks": tasks}


@router.post("/documents/{key}/override")
def override(key: str, body: Override, reader: Reader, ledger: OpenLedger) -> Json:
    """Let a value of a document count in place of what its system shows, or let that count again."""
    from airflow_provider_docflow.hooks.overriding import Overrider, reader_of
    from airflow_provider_docflow.ledger.persons import AIRFLOW, Person

    ref = _my_document(ledger, reader, key)
    person = Person(AIRFLOW, str(reader.user.get_id()), reader.name)
    with _Systems(ledger) as systems:
        overrider = Overrider(ledger, reader_of(ledger, systems), person)
        if body.value is None:
            ended = overrider.withdraw(ref, body.field, body.reason)
            return {"field": ended.field, "old": ended.old, "new": ended.old, "status": "withdrawn"}
        done = overrider.override(ref, body.field, body.value, body.reason)
    totals = {"payable_before": done.payable_before, "payable_after": done.payable_after}
    return {"field": done.field, "old": done.old, "new": done.new, "status": "active", **totals}


def who(reader: Permissions) -> str:
    """Return who acts, for history and audit: the id, which stays, beside the name."""
    name, number = reader.name, str(reader.user.get_id())
    return name if name == number else f"{name} [{number}]"


def _mine(ledger: Any, reader: Permissions, incident_id: int) -> None:
    """Refuse what the user may not see (404) or not act on (403)."""
    from airflow_provider_docflow.ledger.search_incidents import SeenIncidents

    found = SeenIncidents(ledger).get(min(incident_id, LARGEST_ID), sight_of(reader))
    if found.document_key is None:
        _allow(may_act_without_document(reader))
    else:
        _allow(may_act(reader, ledger.desk.dag_ids(found.document_key)))


def _my_document(ledger: Any, reader: Permissions, key: str) -> DocumentRef:
    dag_ids = ledger.desk.dag_ids(key)
    ref: DocumentRef | None = ledger.documents.refs([key]).get(key)
    if ref is None or not reader.dag_ids.intersection(dag_ids):
        raise exc.NotFound("there is no such document")
    _allow(may_act(reader, dag_ids))
    return ref


def _allow(allowed: bool) -> None:
    if not allowed:
        raise HTTPException(
            status.HTTP_403_FORBIDDEN, "you may not change runs of the DAGs that touched this document"
        )


class _Group:
    """What the user sees of a root cause, and may act on."""

    def __init__(self, ledger: Any, reader: Permissions, group_key: str) -> None:
        from airflow_provider_docflow.ledger.search_incidents import SeenIncidents

        self.ledger, self.reader, self.group_key = ledger, reader, group_key
        self.seen = SeenIncidents(ledger)

    def mine(self, limit: int) -> list[int]:
        """Return the open incidents that the user may act on, the latest first."""
        found: list[int] = []
        offset = 0
        while len(found) < limit:
            page, total = self._page(offset, PAGE)
            found += self._allowed(page)
            offset += PAGE
            if offset >= min(total, FARTHEST):
                break
        return found[:limit]

    def open(self) -> int:
        """Return how many are open that the user sees."""
        return self._page(0, 1)[1]

    def _page(self, offset: int, limit: int) -> tuple[list[Seen], int]:
        return self.seen.page(
            sight_of(self.reader), status="open", group_key=self.group_key, offset=offset, limit=limit
        )

    def _allowed(self, page: Sequence[Seen]) -> list[int]:
        from airflow_provider_docflow.ledger.search_chain import Chains

        keys = sorted({one.document_key for one in page if one.document_key is not None})
        dags = Chains(self.ledger).dags_of(keys, self.reader.dag_ids)
        allowed: dict[str | None, bool] = {key: may_act(self.reader, dags[key]) for key in keys}
        if len(keys) < len(page):
            allowed[None] = may_act_without_document(self.reader)
        return [one.row["id"] for one in page if allowed[one.document_key]]


def _rerun(ledger: Any, reader: Permissions, retried: Sequence[Incident], session: Any) -> list[Json]:
    """Clear the tasks of those DAGs whose runs the user may change."""
    from airflow_provider_docflow.hooks.rerunning import rerun

    touches: list[Touch] = []
    for one in retried:
        allowed = {dag_id for dag_id in ledger.desk.dag_ids(one.ref_key) if may_act(reader, {dag_id})}
        touch = ledger.desk.last_touch(one, dag_ids=allowed)
        if touch is not None:
            touches.append(touch)
    return [done.to_json() for done in rerun(touches, session)]


class _Systems:
    """The systems that one request asks, closed with it."""

    def __init__(self, ledger: Any) -> None:
        self.ledger = ledger
        self._open: list[Any] = []

    def __call__(self, conn_id: str) -> Any:
        from airflow_provider_docflow.hooks.connections import site_of
        from airflow_provider_docflow.hooks.docflow import DocflowHook, system_for

        system = system_for(site_of(DocflowHook.get_connection(conn_id)), self.ledger)
        self._open.append(system)
        return system

    def __enter__(self) -> _Systems:
        return self

    def __exit__(self, *_: object) -> None:
        for system in self._open:
            system.close()
