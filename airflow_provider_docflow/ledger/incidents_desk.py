"""What people do with incidents: take them on, let work continue, close them, each with a name and reason."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from sqlalchemy import Connection, select

from airflow_provider_docflow.exceptions import InvalidDocument, NotFound, Rejected
from airflow_provider_docflow.ledger.base import Store
from airflow_provider_docflow.ledger.documents import Touch
from airflow_provider_docflow.ledger.incidents_kinds import Incident
from airflow_provider_docflow.ledger.models.memory import touch

LONGEST_REASON = 2000
LARGEST_GROUP = 1000
#: What only another command settles; closing the incident alone would hide what still holds.
ELSEWHERE = MappingProxyType(
    {
        "instance_blocked": "airflow docflow unblock INSTANCE --reason TEXT.",
        "instance_changed": "airflow docflow accept-instance CONN_ID --reason TEXT, or correct its address.",
        "system_down": "Nothing: it closes when the system answers again.",
        "writes_failing": "Nothing: it closes when such a write is taken again.",
    }
)


@dataclass(frozen=True)
class GroupRetry:
    """What came of retrying a root-cause group.

    :param retried: what may continue now.
    :param left: how many of the group are still open, because they were not the caller's, somebody else was
        quicker, or there are more than one call takes.
    """

    retried: list[Incident]
    left: int


class Desk(Store):
    """The one way in which commands and pages act on incidents."""

    def retry(self, incident_id: int, *, actor: str, reason: str, tx: Connection | None = None) -> Incident:
        """Let what an incident holds continue at its next run; what may have landed is probed first.

        An incident that holds no write is closed: the next run opens it again if its cause is still there.

        :returns: the incident as it was.
        :raises NotFound: there is no such incident.
        :raises Rejected: it is closed and holds nothing, or only another command settles it.
        :raises InvalidDocument: the actor or the reason is missing, or the reason is too long.
        """
        actor, reason = said(actor, reason)

        def work(connection: Connection) -> Incident:
            one = self.ledger.incidents.get(incident_id, tx=connection)
            self._refuse_elsewhere(one)
            holds = self._holds(one, connection)
            if one.status != "open" and not holds:
                raise _closed(one)
            self.ledger.incidents.tell(one.id, "retried", actor=actor, note=reason, tx=connection)
            if holds and one.intent_id is not None:
                self.ledger.intents.reopen(one.intent_id, actor, reason, tx=connection)
            elif not self.ledger.incidents.close(one.id, actor=actor, reason=reason, tx=connection):
                raise _closed(one)
            self._audit(connection, one, "retried", actor, reason)
            return one

        return self._db.write(work, tx)

    def retry_group(
        self,
        group_key: str,
        *,
        actor: str,
        reason: str,
        only: Collection[int] | None = None,
        limit: int = LARGEST_GROUP,
    ) -> GroupRetry:
        """Let everything continue that has the same root cause; each incident is a transaction of its own.

        :param only: the incidents that the caller may act on; the others stay as they are.
        :raises NotFound: nothing is open in this group that the caller may act on.
        :raises Rejected: only another command settles this group.
        :raises InvalidDocument: as :meth:`retry`.
        """
        actor, reason = said(actor, reason)
        mine = self._of_group(group_key, only, limit)
        if not mine:
            raise NotFound("nothing is open in this group.", field="group_key")
        retried = []
        for one in mine:
            self._refuse_elsewhere(one)
            try:
                retried.append(self.retry(one.id, actor=actor, reason=reason))
            except Rejected:
                continue
        return GroupRetry(retried, self.ledger.incidents.groups().get(group_key, 0))

    def _of_group(self, group_key: str, only: Collection[int] | None, limit: int) -> list[Incident]:
        if only is None:
            return self.ledger.incidents.search(group_key=group_key, limit=limit)
        found = [self.ledger.incidents.get(number) for number in sorted(only)[:limit]]
        return [one for one in found if (one.status, one.group_key) == ("open", group_key)]

    def assign(
        self, incident_id: int, *, assignee: str, actor: str, reason: str, tx: Connection | None = None
    ) -> Incident:
        """Say who has taken an incident on; an empty assignee gives it back.

        :returns: the incident as it is now.
        :raises NotFound: there is no such incident.
        :raises Rejected: it is closed.
        :raises InvalidDocument: as :meth:`retry`.
        """
        actor, reason = said(actor, reason)
        assignee = assignee.strip()
        if len(assignee) > 255:
            raise InvalidDocument("a name has at most 255 characters.", field="assignee")

        def work(connection: Connection) -> Incident:
            one = self.ledger.incidents.get(incident_id, tx=connection)
            if one.status != "open":
                raise _closed(one)
            if self.ledger.incidents.assign(
                incident_id, assignee=assignee, actor=actor, note=reason, tx=connection
            ):
                self._audit(connection, one, "assigned", actor, reason, assignee=assignee)
            return self.ledger.incidents.get(incident_id, tx=connection)

        return self._db.write(work, tx)

    def close(self, incident_id: int, *, actor: str, reason: str, tx: Connection | None = None) -> Incident:
        """Close an incident because a person says that it is settled; a write that it holds stays held.

        :returns: the incident as it was.
        :raises NotFound: there is no such incident.
        :raises Rejected: it is closed, it is one of control that still holds a write, or only another command
            settles it.
        :raises InvalidDocument: as :meth:`retry`.
        """
        actor, reason = said(actor, reason)

        def work(connection: Connection) -> Incident:
            one = self.ledger.incidents.get(incident_id, tx=connection)
            self._refuse_elsewhere(one)
            if one.category == "control" and self._holds(one, connection):
                raise Rejected(
                    f"incident {one.id} holds a write whose outcome a person has to settle.",
                    document=one.document_number,
                    remedy="Look at the target system; then retry it, or adopt or recreate the document.",
                )
            if not self.ledger.incidents.close(one.id, actor=actor, reason=reason, tx=connection):
                raise _closed(one)
            self._audit(connection, one, "closed", actor, reason)
            return one

        return self._db.write(work, tx)

    def dag_ids(self, ref_key: str | None, *, tx: Connection | None = None) -> set[str]:
        """Return the DAGs that touched a document."""
        query = select(touch.c.dag_id).where(touch.c.ref_key == ref_key).distinct()
        return self._db.read(lambda c: set(c.execute(query).scalars()), tx) if ref_key else set()

    def last_touch(
        self, one: Incident, *, dag_ids: set[str] | None = None, tx: Connection | None = None
    ) -> Touch | None:
        """Return the task instance that has to run again: the one that met the incident, or the last one.

        :param dag_ids: only runs of these DAGs; None means all.
        """
        if not one.ref_key:
            return None
        names = [touch.c[name] for name in Touch.__dataclass_fields__]
        query = select(*names).where(touch.c.ref_key == one.ref_key).order_by(touch.c.at, touch.c.digest)
        found = self._db.read(lambda c: [Touch(*row) for row in c.execute(query)], tx)
        found = [each for each in found if dag_ids is None or each.dag_id in dag_ids]
        met = {event.actor for event in self.ledger.incidents.history(one.id, tx=tx)}
        own = [each for each in found if actor_text(each) in met]
        chosen = own or found
        return chosen[-1] if chosen else None

    def _holds(self, one: Incident, connection: Connection) -> bool:
        """Whether a write waits for this very incident."""
        if one.intent_id is None:
            return False
        row = self.ledger.intents.by_id(one.intent_id, tx=connection)
        return row.status == "held" and row.hold != "superseded" and row.incident == one.id

    def _refuse_elsewhere(self, one: Incident) -> None:
        if one.code in ELSEWHERE and one.status == "open":
            raise Rejected(
                f"incident {one.id} is not settled by closing it.",
                system=one.instance_id,
                code=one.code,
                remedy=ELSEWHERE[one.code],
            )

    def _audit(
        self, connection: Connection, one: Incident, kind: str, actor: str, reason: str, **more: Any
    ) -> None:
        told = {"code": one.code, "by": actor, "reason": reason, **more}
        self.ledger.audit.append(f"incident:{one.id}", kind, told, tx=connection)


def actor_text(one: Touch) -> str:
    """Return how the operators name this task instance when they act."""
    mapped = f"[{one.map_index}]" if one.map_index >= 0 else ""
    return f"{one.dag_id}.{one.task_id}{mapped} in {one.run_id}"


def said(actor: str, reason: str) -> tuple[str, str]:
    """Return who decides and why, without the white space around it.

    :raises InvalidDocument: one of them is missing, or the reason is too long.
    """
    actor, reason = actor.strip(), reason.strip()
    if not actor:
        raise InvalidDocument("a decision needs an actor.", field="actor")
    if not reason:
        raise InvalidDocument("a decision needs a reason.", field="reason", remedy="Say why.")
    if len(reason) > LONGEST_REASON:
        raise InvalidDocument(
            f"a reason has at most {LONGEST_REASON} characters, this one {len(reason)}.", field="reason"
        )
    return actor[:255], reason


def _closed(one: Incident) -> Rejected:
    return Rejected(
        f"incident {one.id} is closed.",
        document=one.document_number,
        remedy="Nothing: it does not hold anything.",
    )
