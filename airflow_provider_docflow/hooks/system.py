"""One connected system: its site with the instance it answers as, its doors, its reads and its writer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.exchange import Exchange
from airflow_provider_docflow.core.paging import search_all
from airflow_provider_docflow.core.profile import Query, Reading
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.document import DocumentRef
from airflow_provider_docflow.hooks import loops
from airflow_provider_docflow.hooks.abreast import abreast
from airflow_provider_docflow.hooks.doors import AsyncDoor, Door, SqlRunner, Tokens
from airflow_provider_docflow.hooks.gates import Gate, check_ready, close_all, gates_for
from airflow_provider_docflow.ledger.asker import Asker
from airflow_provider_docflow.ledger.requests import as_docflow
from airflow_provider_docflow.ledger.writer import Writer


class System:
    """A system as the flows use it; one per connection and task.

    :param site: the connection's settings; its instance is asked for and bound on first use.
    :param ledger: where the instance is bound and writes are accounted for; None permits reading only.
    :param gates: makes the gates of the site; those of its ledger unless given.
    """

    def __init__(
        self,
        site: Site,
        *,
        ledger: Any = None,
        tokens: Tokens | None = None,
        sql: SqlRunner | None = None,
        gates: Callable[[Site], Sequence[Gate]] | None = None,
        concurrency: int | None = None,
        owner: str = "docflow",
        lease_seconds: float = 120.0,
    ) -> None:
        self._site, self.ledger, self.tokens, self.sql = site, ledger, tokens, sql
        self.owner, self.lease_seconds = owner, lease_seconds
        self._gates_for = gates or (lambda known: gates_for(ledger, known))
        self._gates: tuple[Gate, ...] | None = None
        self.concurrency = concurrency or site.profile.max_connections
        self._bound = bool(site.instance)
        self._door: Door | None = None

    @property
    def conn_id(self) -> str:
        """Name of the connection."""
        return self._site.conn_id

    @property
    def address(self) -> Site:
        """The site as the connection has it, for what is not written to a tenant, such as a group's robot."""
        return self._site

    @property
    def site(self) -> Site:
        """The site, with the instance that the system says it is.

        :raises InstanceChanged: the connection answers as another instance than the accepted one.
        """
        if not self._bound:
            try:
                instance = self.door.run(self._site.profile.instance(self._site))
                if self.ledger is not None:
                    self.ledger.instances.bind(self.conn_id, instance, self._site.profile.name)
            finally:
                self.close()
            self._site = replace(self._site, instance=instance)
            self._bound, self._gates = True, None
        return self._site

    @property
    def gates(self) -> tuple[Gate, ...]:
        """What every request to this system passes; shared by its doors."""
        if self._gates is None:
            self._gates = tuple(self._gates_for(self._site))
        return self._gates

    @property
    def door(self) -> Door:
        """The sync door."""
        if self._door is None:
            self._door = Door(self._site, tokens=self.tokens, sql=self.sql, gates=self.gates)
        return self._door

    def async_door(self) -> AsyncDoor:
        """A new async door; the caller closes it."""
        return AsyncDoor(
            self._site,
            tokens=self.tokens,
            sql=self.sql,
            gates=self.gates,
            concurrency=self.concurrency,
        )

    def run(self, exchange: Exchange[Any]) -> Any:
        """Run one exchange."""
        return self.door.run(exchange)

    def run_many(self, exchanges: Sequence[Exchange[Any]]) -> list[Any]:
        """Run exchanges, side by side where there are several; an error is its exchange's entry."""
        if len(exchanges) == 1:
            try:
                return [self.door.run(exchanges[0])]
            except Exception as error:
                return [error]
        return loops.run(self._side_by_side(exchanges))

    async def _side_by_side(self, exchanges: Sequence[Exchange[Any]]) -> list[Any]:
        async with self.async_door() as door:
            return await door.run_all(exchanges)

    def read(self, refs: Sequence[DocumentRef]) -> list[Reading | exc.DocflowError]:
        """Read documents of one type; one entry per reference, in order."""
        return Asker(self.site, self.run_many).read(refs)

    def read_one(self, ref: DocumentRef) -> Reading:
        """Read one document.

        :raises NotFound: the system does not have it.
        """
        found = self.read([ref])[0]
        if isinstance(found, exc.DocflowError):
            raise found
        return found

    def search(self, document_type: str, query: Query, *, limit: int = 10_000) -> list[Reading]:
        """List documents, every page.

        :raises Unsupported: the product cannot list this type.
        """
        site = self.site
        found: list[Reading] = self.run(search_all(site, site.profile.of(document_type), query, limit=limit))
        return found

    def resolve(
        self, document_type: str, numbers: Sequence[str], company_code: str = ""
    ) -> list[Reading | exc.DocflowError]:
        """Find documents by the numbers that people use; one entry per number, in order.

        Two documents under one number (two companies, a submission typed twice) are nobody's to choose
        between: that number's entry is :class:`Duplicate`.
        """
        query = Query(numbers=tuple(dict.fromkeys(numbers)), company_code=company_code)
        try:
            readings = self.search(document_type, query)
        except exc.DocflowError as error:
            return [as_docflow(error, self._site)] * len(numbers)
        by_number: dict[str, list[Reading]] = {}
        for reading in readings:
            by_number.setdefault(reading.ref.number, []).append(reading)
        return [self.only(document_type, number, by_number.get(number, [])) for number in numbers]

    def only(self, document_type: str, number: str, found: list[Reading]) -> Reading | exc.DocflowError:
        """Return the one document that was found under a number, or why there is not one."""
        if len(found) == 1:
            return found[0]
        words = str(document_type).replace("_", " ")
        if not found:
            return exc.NotFound(
                f"there is no {words} {number}.",
                system=self.conn_id,
                document=number,
                remedy="Check the number, and that the login may read it.",
            )
        where = ", ".join(f"{reading.company_code or '-'}/{reading.ref.internal_id}" for reading in found)
        return exc.Duplicate(
            f"{len(found)} documents have the number {number}: {where}.",
            system=self.conn_id,
            document=number,
            field="number",
            remedy="Name the company code, or withdraw the one that was entered twice.",
        )

    def writer(self) -> Writer:
        """Return the writer for this instance.

        :raises SystemDown: the system is down or in maintenance, so that nothing need be prepared.
        :raises LedgerUnavailable: there is no ledger, so nothing may be written.
        """
        if self.ledger is None:
            raise exc.LedgerUnavailable(
                "nothing is written without a ledger.",
                system=self.conn_id,
                remedy="Create the Airflow connection docflow_ledger.",
            )
        site = self.site
        check_ready(self.gates)
        return Writer(
            self.ledger,
            site,
            self.run_many,
            owner=self.owner,
            lease_seconds=self.lease_seconds,
            abreast=partial(abreast, self.async_door),
        )

    def close(self) -> None:
        """Close the connections."""
        if self._door is not None:
            self._door.close()
            self._door = None
        close_all(self._gates or ())
