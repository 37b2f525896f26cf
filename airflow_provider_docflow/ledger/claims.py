"""Claims: which run handles a document, when the same event starts two."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, select

from airflow_provider_docflow.ledger.base import Store, insert_missing
from airflow_provider_docflow.ledger.keys import digest_of
from airflow_provider_docflow.ledger.models.memory import claim


@dataclass(frozen=True)
class Claim:
    """Who handles it.

    :param won: whether it is the run that asked.
    :param winner: the run that does.
    """

    won: bool
    winner: str


class Claims(Store):
    """The first run that claims wins, for ever."""

    def claim(
        self,
        flow: str,
        business_key: str,
        run_id: str,
        *,
        revision: str = "",
        content: str = "",
        tx: Connection | None = None,
    ) -> Claim:
        """Claim a document for a run, before its first write.

        :param flow: the DAG, or what stands for it.
        :param revision: of the source document.
        :param content: hash of the content: a changed document is another claim.
        """
        name = digest_of("docflow claim 1", flow, business_key, revision, content)
        row = {"digest": name, "flow": flow, "business_key": business_key, "revision": revision}
        row |= {"content": content, "run_id": run_id}

        def work(connection: Connection) -> Claim:
            insert_missing(connection, claim, [{**row, "at": self._now()}])
            winner = connection.execute(select(claim.c.run_id).where(claim.c.digest == name)).scalar_one()
            return Claim(winner == run_id, winner)

        return self._db.write(work, tx)
