"""Maintenance windows that people enter: until then a system is left alone, without an incident."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, and_, or_, select, update

from airflow_provider_docflow.exceptions import InvalidDocument, NotFound
from airflow_provider_docflow.ledger.base import Store
from airflow_provider_docflow.ledger.keys import digest_of
from airflow_provider_docflow.ledger.models.shared import window

_NAMES = ("id", "conn_id", "instance_id", "starts_at", "ends_at", "reason", "actor", "cancelled_at")


@dataclass(frozen=True)
class Window:
    """A time in which a system is left alone.

    :param conn_id: the connection that it was entered for; it holds for all that lead to the same instance.
    :param instance_id: empty when the connection had never answered by then.
    """

    id: int
    conn_id: str
    instance_id: str
    starts_at: datetime
    ends_at: datetime
    reason: str
    actor: str
    cancelled_at: datetime | None


class Windows(Store):
    """Keeps the windows; those that a connection's own settings repeat are not here."""

    def enter(
        self,
        conn_id: str,
        *,
        starts_at: datetime,
        ends_at: datetime,
        reason: str,
        actor: str,
        tx: Connection | None = None,
    ) -> Window:
        """Enter a window for the system behind a connection.

        :raises InvalidDocument: it ends before it begins, is over already, or nobody says why.
        """
        if not reason.strip() or not actor.strip():
            raise InvalidDocument("a maintenance window has a reason and somebody who enters it.")
        if ends_at <= max(starts_at, self._now()):
            raise InvalidDocument(
                "the maintenance window ends before it begins, or has ended already.",
                system=conn_id,
                field="to",
                remedy="Give --from and --to in order, as 2026-11-22T22:00:00+08:00.",
            )

        def work(connection: Connection) -> Window:
            instance_id = self.ledger.instances.bound_to(conn_id, tx=connection) or ""
            row = {"conn_id": conn_id, "instance_id": instance_id, "starts_at": starts_at}
            row |= {"ends_at": ends_at, "reason": reason[:500], "actor": actor, "created_at": self._now()}
            done = connection.execute(window.insert().values({**row, "cancelled_at": None}))
            assert done.inserted_primary_key is not None
            number: int = done.inserted_primary_key[0]
            self._tell(connection, conn_id, "maintenance", f"{starts_at} to {ends_at}: {reason}", actor)
            return Window(
                number, conn_id, instance_id, starts_at, ends_at, reason[:500], actor, cancelled_at=None
            )

        return self._db.write(work, tx)

    def cancel(self, window_id: int, *, actor: str, reason: str, tx: Connection | None = None) -> None:
        """End a window early, or before it begins.

        :raises NotFound: there is no such window, or it is cancelled already.
        """

        def work(connection: Connection) -> None:
            mine = and_(window.c.id == window_id, window.c.cancelled_at.is_(None))
            row = connection.execute(select(window.c.conn_id).where(mine).with_for_update()).first()
            if row is None:
                raise NotFound(
                    f"there is no maintenance window {window_id} to cancel.",
                    remedy="See the list: airflow docflow maintenance.",
                )
            connection.execute(update(window).where(mine).values(cancelled_at=self._now()))
            self._tell(connection, row.conn_id, "maintenance cancelled", f"{window_id}: {reason}", actor)

        self._db.write(work, tx)

    def now_in(self, conn_id: str, instance_id: str = "", *, tx: Connection | None = None) -> Window | None:
        """Return the window in which a system is now, the one that ends last; None if it is in none."""
        now = self._now()
        found = self._find(
            window.c.starts_at <= now, window.c.ends_at > now, _of(conn_id, instance_id), tx=tx
        )
        return found[-1] if found else None

    def coming(self, *, tx: Connection | None = None) -> list[Window]:
        """Return the windows that are not over, those that end first before the others."""
        return self._find(window.c.ends_at > self._now(), tx=tx)

    def _find(self, *conditions: object, tx: Connection | None) -> list[Window]:
        query = select(*(window.c[name] for name in _NAMES)).where(
            window.c.cancelled_at.is_(None),
            *conditions,  # type: ignore[arg-type]
        )
        ordered = query.order_by(window.c.ends_at, window.c.id)
        return self._db.read(lambda connection: [Window(*row) for row in connection.execute(ordered)], tx)

    def _tell(self, connection: Connection, conn_id: str, kind: str, what: str, actor: str) -> None:
        chain = f"connection:{digest_of('docflow connection 1', conn_id)}"
        self.ledger.audit.append(chain, kind, {"what": what, "by": actor}, tx=connection)


def _of(conn_id: str, instance_id: str) -> object:
    """Return the condition for the windows of one system."""
    by_name = window.c.conn_id == conn_id
    return or_(by_name, window.c.instance_id == instance_id) if instance_id else by_name
