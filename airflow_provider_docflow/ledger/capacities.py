"""How much of each line was approved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import Connection, delete

from airflow_provider_docflow.document import DocumentRef
from airflow_provider_docflow.exceptions import InvalidDocument
from airflow_provider_docflow.ledger.base import Store, insert_rows, ref_key
from airflow_provider_docflow.ledger.database import chunks
from airflow_provider_docflow.ledger.models.writes import capacity

_ZERO = Decimal(0)


@dataclass(frozen=True)
class LineCapacity:
    """What was approved of a line; None means that this measure is not limited."""

    line_id: str
    quantity: Decimal | None = None
    amount: Decimal | None = None


def check_capacity(ref: DocumentRef, lines: Sequence[LineCapacity], tolerance: Decimal = _ZERO) -> None:
    """Refuse what is no capacity.

    :raises InvalidDocument: a number is negative, a line stands twice, or there is no line.
    """
    numbers = [number for line in lines for number in (line.quantity, line.amount) if number is not None]
    if not lines or len({line.line_id for line in lines}) != len(lines):
        raise InvalidDocument("a capacity needs lines, each once", document=str(ref))
    if any(number < 0 for number in (*numbers, tolerance)):
        raise InvalidDocument("a capacity or tolerance is negative", document=str(ref))


class Capacities(Store):
    """Keeps what was approved of documents, line by line."""

    def set_capacity(
        self,
        ref: DocumentRef,
        lines: Sequence[LineCapacity],
        tolerance: Decimal = _ZERO,
        *,
        tx: Connection | None = None,
    ) -> None:
        """Say what was approved of a document; from now on no line is used beyond it.

        :param lines: all lines; a line that is missing here may not be used at all.
        :param tolerance: share by which a line may be exceeded: 0.05 is five per cent.
        :raises InvalidDocument: a number is negative, a line stands twice, or there is no line.
        """
        self.set_capacities([(ref, lines)], tolerance, tx=tx)

    def set_capacities(
        self,
        wanted: Sequence[tuple[DocumentRef, Sequence[LineCapacity]]],
        tolerance: Decimal = _ZERO,
        *,
        tx: Connection | None = None,
    ) -> None:
        """Do what :meth:`set_capacity` does for many documents, in few statements.

        :param wanted: documents with all their lines; of a document that stands twice the last counts.
        :raises InvalidDocument: as :meth:`set_capacity`; nothing is set then.
        """
        for ref, lines in wanted:
            check_capacity(ref, lines, tolerance)
        known = {ref_key(ref): (ref, lines) for ref, lines in wanted}
        for keys in chunks(sorted(known)):
            some = {key: known[key] for key in keys}
            self._db.write(lambda connection, some=some: self._set(connection, some, tolerance), tx)  # type: ignore[misc]

    def _set(
        self,
        connection: Connection,
        wanted: dict[str, tuple[DocumentRef, Sequence[LineCapacity]]],
        tolerance: Decimal,
    ) -> None:
        now = self._now()
        rows = [
            {"ref_key": key, "line_id": line.line_id, "quantity": line.quantity, "amount": line.amount}
            | {"tolerance": tolerance, "set_at": now}
            for key, (_, lines) in wanted.items()
            for line in sorted(lines, key=lambda one: one.line_id)
        ]
        self.ledger.documents.ensure([ref for ref, _ in wanted.values()], tx=connection)
        connection.execute(delete(capacity).where(capacity.c.ref_key.in_(list(wanted))))
        insert_rows(connection, capacity, rows)
