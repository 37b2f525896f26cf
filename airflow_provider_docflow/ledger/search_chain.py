"""The chain of a document as one user may see it: what is linked to it, up and down, through what is seen."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, RowMapping, or_, select

from airflow_provider_docflow.exceptions import NotFound
from airflow_provider_docflow.ledger.base import Store
from airflow_provider_docflow.ledger.database import chunks
from airflow_provider_docflow.ledger.documents import Found, Touch
from airflow_provider_docflow.ledger.models.memory import audience, document, touch
from airflow_provider_docflow.ledger.models.writes import line_use

LARGEST = 500
"""So many documents of a chain are shown; larger ones are told to be larger."""


@dataclass(frozen=True)
class Chain:
    """A chain; ``links`` are rows of line uses both of whose ends the user may see.

    :param complete: False where the chain is longer than what is shown.
    """

    documents: dict[str, Found]
    links: list[RowMapping]
    complete: bool


class Chains(Store):
    """Reads chains for the pages, in a number of statements that does not grow with the documents."""

    def around(self, key: str, dag_ids: Collection[str], *, tx: Connection | None = None) -> Chain:
        """Return the chain of a document.

        What the user may not see ends it: what lies behind is linked to something the user must not know.

        :param dag_ids: the DAGs that the user may read.
        :raises NotFound: there is no such document that one of these DAGs touched.
        """
        return self._db.read(lambda connection: self._around(connection, key, sorted(dag_ids)), tx)

    def _around(self, connection: Connection, key: str, dag_ids: Sequence[str]) -> Chain:
        seen = self.ledger.documents.by_keys([key], dag_ids=dag_ids, tx=connection)
        if not seen:
            raise NotFound("there is no such document", document=key)
        known, frontier = {key}, {key}
        rows: dict[int, RowMapping] = {}
        while frontier and len(seen) < LARGEST:
            found = _links_at(connection, sorted(frontier))
            rows.update({row["id"]: row for row in found})
            ends = {row[name] for row in found for name in ("source_key", "target_key")} - {None}
            new = sorted(ends - known)[: LARGEST - len(seen)]
            known |= ends
            reached = self.ledger.documents.by_keys(new, dag_ids=dag_ids, tx=connection)
            seen |= reached
            frontier = set(reached)
        shown = [rows[number] for number in sorted(rows) if _ends(rows[number]) <= seen.keys()]
        return Chain(seen, shown, complete=len(seen) < LARGEST)

    def touches(
        self, keys: Sequence[str], dag_ids: Collection[str], *, tx: Connection | None = None
    ) -> dict[str, list[Touch]]:
        """Return which task instances of these DAGs touched each document, the first first."""
        names = ("dag_id", "run_id", "task_id", "map_index", "try_number", "at")

        def work(connection: Connection) -> dict[str, list[Touch]]:
            found: dict[str, list[Touch]] = {key: [] for key in keys}
            for some in chunks(sorted(set(keys))):
                query = select(touch).where(touch.c.ref_key.in_(some), touch.c.dag_id.in_(sorted(dag_ids)))
                for row in connection.execute(query.order_by(touch.c.at, touch.c.digest)).mappings():
                    found[row["ref_key"]].append(Touch(**{name: row[name] for name in names}))
            return found

        return self._db.read(work, tx)

    def dags_of(
        self, keys: Sequence[str], dag_ids: Collection[str], *, tx: Connection | None = None
    ) -> dict[str, set[str]]:
        """Return which of these DAGs touched each document."""

        def work(connection: Connection) -> dict[str, set[str]]:
            found: dict[str, set[str]] = {key: set() for key in keys}
            joined = document.join(audience, audience.c.audience == document.c.audience)
            for some in chunks(sorted(set(keys))):
                query = select(document.c.ref_key, audience.c.dag_id).select_from(joined)
                query = query.where(document.c.ref_key.in_(some), audience.c.dag_id.in_(sorted(dag_ids)))
                for row in connection.execute(query):
                    found[row.ref_key].add(row.dag_id)
            return found

        return self._db.read(work, tx)


def _links_at(connection: Connection, keys: Sequence[str]) -> list[RowMapping]:
    found: list[RowMapping] = []
    for some in chunks(keys):
        ends = or_(line_use.c.source_key.in_(some), line_use.c.target_key.in_(some))
        query = select(line_use).where(ends, line_use.c.status != "released").order_by(line_use.c.id)
        found += connection.execute(query.limit(20 * LARGEST)).mappings()
    return found


def _ends(row: RowMapping) -> set[Any]:
    return {row["source_key"], row["target_key"]} - {None}
