"""Links between documents, line by line, and how much of each line is used up."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, RowMapping, or_, select, update

from airflow_provider_docflow.document import DocumentRef
from airflow_provider_docflow.document.money import EXACT, canonical
from airflow_provider_docflow.ledger.base import insert_rows, ref_key, upsert
from airflow_provider_docflow.ledger.capacities import Capacities, LineCapacity
from airflow_provider_docflow.ledger.database import chunks
from airflow_provider_docflow.ledger.keys import LineUse
from airflow_provider_docflow.ledger.models.writes import capacity, line_use

__all__ = ["LineCapacity", "Link", "Links"]

_ZERO = Decimal(0)

Wanted = tuple[int, Sequence[LineUse]]
Used = dict[tuple[str, str, str], tuple[Decimal, Decimal]]
Limits = dict[tuple[str, str], RowMapping]


@dataclass(frozen=True)
class Link:
    """How much of a source line went into a target line.

    :param target: None while the target is not written yet.
    :param status: ``reserved`` before the receipt, ``linked`` after it.
    """

    source: DocumentRef
    source_line: str
    target: DocumentRef | None
    target_line: str
    kind: str
    quantity: Decimal
    amount: Decimal
    status: str
    intent_id: int | None


class Links(Capacities):
    """Keeps links and refuses to use up more of a line than was approved."""

    def reserve(
        self, wanted: Sequence[Wanted], *, enforce: bool = True, tx: Connection | None = None
    ) -> dict[int, str]:
        """Reserve what intents are going to use, as far as the lines allow.

        What an intent reserved before is replaced. Call it in the transaction that reserves the intents.

        :param wanted: intent id and its uses.
        :param enforce: False where the document exists already: then its uses count whatever they exceed.
        :returns: for every intent that would exceed a line, why; nothing of it is reserved if enforced.
        """
        return self._db.write(lambda connection: self._reserve(connection, wanted, enforce), tx)

    def _reserve(self, connection: Connection, wanted: Sequence[Wanted], enforce: bool) -> dict[int, str]:
        before = self._active_of(connection, [intent_id for intent_id, _ in wanted])
        changed = [
            (one, uses) for one, uses in wanted if Counter(map(_use, uses)) != before.get(one, Counter())
        ]
        self.release([intent_id for intent_id, _ in changed if intent_id in before], tx=connection)
        sources = {ref_key(use.source): use.source for _, uses in changed for use in uses}
        if not sources:
            return {}
        self.ledger.documents.ensure(list(sources.values()), tx=connection)
        limits = _locked_limits(connection, sorted(sources))
        used = _used(connection, sorted({key for key, _ in limits}))
        problems: dict[int, str] = {}
        rows: list[dict[str, Any]] = []
        for intent_id, uses in changed:
            after, problem = _checked(used, limits, uses)
            if problem:
                problems[intent_id] = problem
            if not (problem and enforce):
                used.update(after)
                rows += [self._row(intent_id, use, "reserved") for use in uses]
        insert_rows(connection, line_use, rows)
        return problems

    def _row(self, intent_id: int | None, use: LineUse, status: str) -> dict[str, Any]:
        names = ("source_key", "source_line", "kind", "quantity", "amount", "target_line")
        row: dict[str, Any] = dict(zip(names, _use(use), strict=True))
        return row | {"intent_id": intent_id, "target_key": None, "status": status, "created_at": self._now()}

    def _active_of(self, connection: Connection, intent_ids: Sequence[int]) -> dict[int, Counter[Any]]:
        active: dict[int, Counter[Any]] = defaultdict(Counter)
        for ids in chunks(intent_ids):
            which = line_use.c.intent_id.in_(ids) & (line_use.c.status != "released")
            for row in connection.execute(select(line_use).where(which)):
                known = (row.source_key, row.source_line, row.kind, row.quantity, row.amount, row.target_line)
                active[row.intent_id][known] += 1
        return active

    def release(self, intent_ids: Sequence[int], *, tx: Connection | None = None) -> None:
        """Free what these intents use: they were refused, or their document was cancelled."""

        def work(connection: Connection) -> None:
            for ids in chunks(intent_ids):
                active = line_use.c.intent_id.in_(ids) & (line_use.c.status != "released")
                connection.execute(update(line_use).where(active).values(status="released"))

        if intent_ids:
            self._db.write(work, tx)

    def link(
        self,
        receipts: Mapping[int, tuple[DocumentRef, Mapping[str, str]]],
        *,
        tx: Connection | None = None,
    ) -> None:
        """Turn what intents reserved into links to the documents that they wrote.

        :param receipts: intent id to the document and its target line ids by source line id.
        """

        def work(connection: Connection) -> None:
            rows = []
            for ids in chunks(sorted(receipts)):
                which = line_use.c.intent_id.in_(ids) & (line_use.c.status == "reserved")
                for row in connection.execute(select(line_use).where(which)).mappings():
                    ref, lines = receipts[row["intent_id"]]
                    line = row["target_line"] or str(lines.get(row["source_line"], ""))
                    rows.append({**row, "target_key": ref_key(ref), "target_line": line, "status": "linked"})
            upsert(connection, line_use, rows, ["target_key", "target_line", "status"])

        if receipts:
            self._db.write(work, tx)

    def add(self, target: DocumentRef, uses: Sequence[LineUse], *, tx: Connection | None = None) -> None:
        """Record links that were found in a system and that no intent made. They count as used."""

        def work(connection: Connection) -> None:
            self.ledger.documents.ensure([target, *(use.source for use in uses)], tx=connection)
            linked = {"target_key": ref_key(target)}
            insert_rows(connection, line_use, [self._row(None, use, "linked") | linked for use in uses])

        self._db.write(work, tx)

    def of(self, ref: DocumentRef, *, tx: Connection | None = None) -> list[Link]:
        """Return the links from and to a document, the oldest first."""
        return self._db.read(
            lambda connection: self._links(connection, _around(connection, [ref_key(ref)])), tx
        )

    def chain(self, ref: DocumentRef, *, tx: Connection | None = None) -> list[Link]:
        """Return every link of the whole chain that a document belongs to, the oldest first."""

        def work(connection: Connection) -> list[Link]:
            seen: set[str] = set()
            found: dict[int, RowMapping] = {}
            frontier = {ref_key(ref)}
            while frontier:
                seen |= frontier
                rows = _around(connection, sorted(frontier))
                found.update({row["id"]: row for row in rows})
                ends = {row[name] for row in rows for name in ("source_key", "target_key")}
                frontier = {key for key in ends if key is not None} - seen
            return self._links(connection, [found[number] for number in sorted(found)])

        return self._db.read(work, tx)

    def _links(self, connection: Connection, rows: Sequence[RowMapping]) -> list[Link]:
        keys = [row[name] for row in rows for name in ("source_key", "target_key") if row[name]]
        refs = self.ledger.documents.refs(keys, tx=connection)
        same = ("target_line", "kind", "quantity", "amount", "status", "intent_id")
        return [
            Link(
                source=refs[row["source_key"]],
                source_line=row["source_line"],
                target=refs[row["target_key"]] if row["target_key"] else None,
                **{name: row[name] for name in same},
            )
            for row in rows
        ]

    def consumed(
        self, ref: DocumentRef, *, tx: Connection | None = None
    ) -> dict[tuple[str, str], tuple[Decimal, Decimal]]:
        """Return (quantity, amount) used of each (line, kind), reserved ones included."""

        def work(connection: Connection) -> dict[tuple[str, str], tuple[Decimal, Decimal]]:
            used = _used(connection, [ref_key(ref)])
            return {(line, kind): numbers for (_, line, kind), numbers in used.items()}

        return self._db.read(work, tx)


def _use(use: LineUse) -> tuple[Any, ...]:
    return (ref_key(use.source), use.line_id, use.kind, use.quantity, use.amount, use.target_line_id)


def _locked_limits(connection: Connection, keys: Sequence[str]) -> Limits:
    limits: Limits = {}
    for some in chunks(keys):
        query = select(capacity).where(capacity.c.ref_key.in_(some))
        query = query.order_by(capacity.c.ref_key, capacity.c.line_id).with_for_update()
        limits.update({(row["ref_key"], row["line_id"]): row for row in connection.execute(query).mappings()})
    return limits


def _used(connection: Connection, keys: Sequence[str]) -> Used:
    used: Used = {}
    for some in chunks(keys):
        which = line_use.c.source_key.in_(some) & (line_use.c.status != "released")
        for row in connection.execute(select(line_use).where(which)):
            _add(used, (row.source_key, row.source_line, row.kind), row.quantity, row.amount)
    return used


def _add(used: Used, key: tuple[str, str, str], quantity: Decimal, amount: Decimal) -> None:
    before = used.get(key, (_ZERO, _ZERO))
    used[key] = EXACT.add(before[0], quantity), EXACT.add(before[1], amount)


def _checked(used: Used, limits: Limits, uses: Sequence[LineUse]) -> tuple[Used, str]:
    after: Used = {}
    problem = ""
    registered = {key for key, _ in limits}
    for use in uses:
        key = ref_key(use.source)
        if key not in registered:
            continue
        name = (key, use.line_id, use.kind)
        after.setdefault(name, used.get(name, (_ZERO, _ZERO)))
        _add(after, name, use.quantity, use.amount)
        problem = problem or _excess(use, after[name], limits.get((key, use.line_id)))
    return after, problem


def _excess(use: LineUse, totals: tuple[Decimal, Decimal], limit: RowMapping | None) -> str:
    if limit is None:
        return f"line {use.line_id} of {use.source} was not approved"
    for name, total in zip(("quantity", "amount"), totals, strict=True):
        if limit[name] is None:
            continue
        most = EXACT.multiply(limit[name], EXACT.add(Decimal(1), limit["tolerance"]))
        if total > most:
            return (
                f"line {use.line_id} of {use.source}: what {use.kind} it would reach a {name} of "
                f"{canonical(total)}, and {canonical(limit[name])} is approved (at most {canonical(most)})"
            )
    return ""


def _around(connection: Connection, keys: Sequence[str]) -> list[RowMapping]:
    rows: dict[int, RowMapping] = {}
    for some in chunks(keys):
        ends = or_(line_use.c.source_key.in_(some), line_use.c.target_key.in_(some))
        query = select(line_use).where(ends, line_use.c.status != "released")
        rows.update({row["id"]: row for row in connection.execute(query).mappings()})
    return [rows[number] for number in sorted(rows)]
