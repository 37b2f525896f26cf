"""Which tenant each connection answers as, and which tenants may be written to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, RowMapping, select, update

from airflow_provider_docflow.exceptions import IncidentOpen, InstanceChanged, InvalidDocument, NotFound
from airflow_provider_docflow.ledger.base import Store, insert_missing
from airflow_provider_docflow.ledger.database import chunks
from airflow_provider_docflow.ledger.incidents import NewIncident
from airflow_provider_docflow.ledger.keys import digest_of
from airflow_provider_docflow.ledger.models.writes import connection as bound
from airflow_provider_docflow.ledger.models.writes import instance


@dataclass(frozen=True)
class Instance:
    """One tenant of one system, named by the system itself."""

    instance_id: str
    system: str
    blocked: bool
    blocked_reason: str
    blocked_by: str
    incident: int | None
    first_seen: datetime


class Instances(Store):
    """Remembers which instance a connection answered as, and who blocked writing to one."""

    def bind(self, conn_id: str, instance_id: str, system: str, *, tx: Connection | None = None) -> None:
        """Remember at first use which instance a connection answers as; refuse another one later.

        A connection under a new name may lead to a known instance: connections are renamed.

        :raises InstanceChanged: this connection answered as another instance before.
        :raises InvalidDocument: the instance has no name.
        """
        if not instance_id or not conn_id:
            raise InvalidDocument(
                f"connection {conn_id!r} tells no instance id: {instance_id!r}", system=conn_id
            )
        known = self._db.read(lambda connection: _bound(connection, conn_id), tx)
        if known is None:
            known = self._db.write(
                lambda connection: self._first(connection, conn_id, instance_id, system), tx
            )
        if known["instance_id"] == instance_id:
            self._answers_again(conn_id, instance_id, tx)
            return
        before = known["instance_id"]
        reason = f"it answered as {before} before and answers as {instance_id} now"
        new = NewIncident("control", "instance_changed", reason, instance_id=before, document_number=conn_id)
        raise InstanceChanged(
            f"connection {conn_id} {reason.removeprefix('it ')}",
            system=conn_id,
            remedy="If this is intended, accept it: airflow docflow accept-instance "
            f"{conn_id} --reason TEXT. Else correct the connection's address.",
            incident=self.ledger.incidents.open(new, tx=tx),
        )

    def _answers_again(self, conn_id: str, instance_id: str, tx: Connection | None) -> None:
        """Close what was opened while the connection led elsewhere; its address has been corrected."""
        code, number = "instance_changed", conn_id
        if self.ledger.incidents.search(code=code, document_number=number, limit=1, tx=tx):
            self.ledger.incidents.close_named(
                code,
                actor="docflow",
                reason=f"it answers as {instance_id} again",
                instance_id=instance_id,
                document_number=number,
                tx=tx,
            )

    def _first(self, connection: Connection, conn_id: str, instance_id: str, system: str) -> RowMapping:
        row = {"digest": _conn_key(conn_id), "conn_id": conn_id, "instance_id": instance_id, "system": system}
        insert_missing(connection, bound, [row | {"accepted_by": "", "since": self._now()}])
        self._ensure(connection, instance_id, system)
        found = _bound(connection, conn_id)
        if found is None:
            raise NotFound(f"connection {conn_id} vanished from the ledger")
        return found

    def _ensure(self, connection: Connection, instance_id: str, system: str) -> None:
        row = {"digest": _instance_key(instance_id), "instance_id": instance_id, "system": system}
        row |= {"blocked_reason": "", "blocked_by": ""}
        free = {"blocked": False, "incident_id": None, "first_seen": self._now()}
        insert_missing(connection, instance, [{**row, **free}])

    def accept(
        self, conn_id: str, instance_id: str, actor: str, *, system: str = "", tx: Connection | None = None
    ) -> None:
        """Let a connection answer as another instance from now on, because a person says so.

        :raises InvalidDocument: nobody is named who accepts it.
        """
        _named(actor)

        def work(connection: Connection) -> None:
            before = self._first(connection, conn_id, instance_id, system)
            self._ensure(connection, instance_id, system or before["system"])
            new = {"instance_id": instance_id, "accepted_by": actor, "since": self._now()}
            connection.execute(update(bound).where(bound.c.digest == _conn_key(conn_id)).values(new))
            self.ledger.incidents.close_named(
                "instance_changed", actor=actor, reason="accepted", document_number=conn_id, tx=connection
            )
            told = {"before": before["instance_id"], "now": instance_id, "by": actor}
            self.ledger.audit.append(f"connection:{_conn_key(conn_id)}", "accepted", told, tx=connection)

        self._db.write(work, tx)

    def bound_to(self, conn_id: str, *, tx: Connection | None = None) -> str | None:
        """Return the instance that a connection is accepted to answer as, or None."""
        found = self._db.read(lambda connection: _bound(connection, conn_id), tx)
        return str(found["instance_id"]) if found else None

    def reached_by(
        self, instance_ids: Sequence[str], *, tx: Connection | None = None
    ) -> tuple[dict[str, list[str]], dict[str, str]]:
        """Return the connections that are accepted to lead to each instance, and its product."""

        def work(connection: Connection) -> tuple[dict[str, list[str]], dict[str, str]]:
            leading: dict[str, list[str]] = {}
            products: dict[str, str] = {}
            for some in chunks(instance_ids):
                known = select(instance.c.instance_id, instance.c.system).where(
                    instance.c.instance_id.in_(some)
                )
                products.update({row.instance_id: row.system for row in connection.execute(known)})
                query = (
                    select(bound)
                    .where(bound.c.instance_id.in_(some))
                    .order_by(bound.c.since, bound.c.conn_id)
                )
                for row in connection.execute(query):
                    leading.setdefault(row.instance_id, []).append(row.conn_id)
            return leading, products

        return self._db.read(work, tx)

    def connections_to(self, instance_id: str, *, tx: Connection | None = None) -> list[str]:
        """Return the connections that are accepted to answer as this instance, the latest first."""
        query = select(bound.c.conn_id).where(bound.c.instance_id == instance_id)
        query = query.order_by(bound.c.since.desc(), bound.c.conn_id)
        return self._db.read(lambda connection: list(connection.execute(query).scalars()), tx)

    def writable(self, *instance_ids: str, tx: Connection | None = None) -> None:
        """Refuse to write to an instance that is blocked; every write passes here.

        :raises IncidentOpen: writing is blocked, after a restore or by a person.
        """

        def work(connection: Connection) -> RowMapping | None:
            for ids in chunks(sorted({_instance_key(one) for one in instance_ids})):
                query = select(instance).where(instance.c.digest.in_(ids)).order_by(instance.c.digest)
                if tx is not None:
                    # Whoever blocks the instance waits until this transaction has said what it will send.
                    query = query.with_for_update(read=True)
                for row in connection.execute(query).mappings():
                    if row["blocked"]:
                        return row
            return None

        row = self._db.read(work, tx)
        if row:
            raise IncidentOpen(
                f"writing to {row['instance_id']} is blocked by {row['blocked_by']}: {row['blocked_reason']}",
                system=row["instance_id"],
                remedy="Settle the incident, then: airflow docflow unblock "
                f"{row['instance_id']} --reason TEXT.",
                incident=row["incident_id"],
            )

    def block(
        self, instance_id: str, *, actor: str, reason: str, system: str = "", tx: Connection | None = None
    ) -> int:
        """Refuse every write to an instance until a person unblocks it.

        :returns: the id of the incident that tells it.
        :raises InvalidDocument: nobody is named who blocks it.
        """
        _named(actor)

        def work(connection: Connection) -> int:
            self._ensure(connection, instance_id, system)
            new = NewIncident("control", "instance_blocked", reason, instance_id=instance_id, actor=actor)
            opened = self.ledger.incidents.open(new, tx=connection)
            values = {
                "blocked": True,
                "blocked_reason": reason[:500],
                "blocked_by": actor,
                "incident_id": opened,
            }
            self._set(connection, instance_id, values)
            self._tell(connection, instance_id, "blocked", actor, reason)
            return opened

        return self._db.write(work, tx)

    def unblock(self, instance_id: str, *, actor: str, reason: str, tx: Connection | None = None) -> None:
        """Allow writes to an instance again.

        :raises NotFound: the instance is unknown.
        :raises InvalidDocument: nobody is named who unblocks it.
        """
        _named(actor)

        def work(connection: Connection) -> None:
            query = select(instance).where(instance.c.digest == _instance_key(instance_id)).with_for_update()
            row = connection.execute(query).mappings().first()
            if row is None:
                raise NotFound(f"the ledger knows no instance {instance_id}")
            if row["incident_id"] is not None:
                self.ledger.incidents.close(row["incident_id"], actor=actor, reason=reason, tx=connection)
            free = {"blocked": False, "blocked_reason": "", "blocked_by": "", "incident_id": None}
            self._set(connection, instance_id, free)
            self._tell(connection, instance_id, "unblocked", actor, reason)

        self._db.write(work, tx)

    def _set(self, connection: Connection, instance_id: str, values: dict[str, object]) -> None:
        connection.execute(
            update(instance).where(instance.c.digest == _instance_key(instance_id)).values(values)
        )

    def _tell(self, connection: Connection, instance_id: str, kind: str, actor: str, reason: str) -> None:
        chain = f"instance:{_instance_key(instance_id)}"
        self.ledger.audit.append(chain, kind, {"by": actor, "reason": reason}, tx=connection)

    def all(self, *, tx: Connection | None = None) -> list[Instance]:
        """Return every known instance."""
        names = (
            "instance_id",
            "system",
            "blocked",
            "blocked_reason",
            "blocked_by",
            "incident_id",
            "first_seen",
        )
        query = select(*(instance.c[name] for name in names)).order_by(instance.c.instance_id)
        return self._db.read(lambda connection: [Instance(*row) for row in connection.execute(query)], tx)


def _bound(connection: Connection, conn_id: str) -> RowMapping | None:
    return connection.execute(select(bound).where(bound.c.digest == _conn_key(conn_id))).mappings().first()


def _conn_key(conn_id: str) -> str:
    return digest_of("docflow connection 1", conn_id)


def _instance_key(instance_id: str) -> str:
    return digest_of("docflow instance 1", instance_id)


def _named(actor: str) -> None:
    if not actor.strip():
        raise InvalidDocument(
            "a person has to stand behind this", field="actor", remedy="Say who decides it."
        )
