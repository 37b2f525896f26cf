"""The one Airflow hook: a connection of any product, with a sync and an async door."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseHook

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.profile import Changes, Reading, SystemProfile
from airflow_provider_docflow.core.shadow import shadowed_site
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.hooks.connections import site_at, site_of
from airflow_provider_docflow.hooks.doors import AsyncDoor, Door
from airflow_provider_docflow.hooks.ledger import DEFAULT_CONN_ID, ledger_of
from airflow_provider_docflow.hooks.modes import shadow_everywhere
from airflow_provider_docflow.hooks.shadow import ShadowSystem
from airflow_provider_docflow.hooks.system import System
from airflow_provider_docflow.hooks.tokens import LedgerTokens

if TYPE_CHECKING:
    from airflow_provider_docflow.document import DocumentRef
    from airflow_provider_docflow.ledger import Ledger


class DocflowHook(BaseHook):
    """Reads and writes documents through an Airflow connection.

    :param docflow_conn_id: a connection whose type begins with ``docflow_``, or an ``http`` one for a
        REST system.
    :param profile: the product's profile where the connection cannot name it.
    :param ledger_conn_id: where the ledger is.
    :param owner: who holds the leases of writes, as text for people.
    :param shadow: let nothing out that is not declared a read; ``[docflow] mode = shadow`` does so for all.
    """

    conn_name_attr = "docflow_conn_id"
    default_conn_name = "docflow_default"
    conn_type = "docflow_rest"
    hook_name = "docflow"

    def __init__(
        self,
        docflow_conn_id: str = default_conn_name,
        *,
        profile: SystemProfile | None = None,
        ledger_conn_id: str = DEFAULT_CONN_ID,
        owner: str = "docflow",
        shadow: bool = False,
    ) -> None:
        super().__init__()
        self.shadow = shadow
        self.docflow_conn_id, self.profile = docflow_conn_id, profile
        self.ledger_conn_id, self.owner = ledger_conn_id, owner

    @cached_property
    def ledger(self) -> Ledger:
        """The ledger.

        :raises LedgerUnavailable: it cannot be reached; then nothing is written.
        """
        return ledger_of(self.ledger_conn_id)

    @cached_property
    def system(self) -> System:
        """The connected system, with the ledger behind it."""
        site = site_at(self.docflow_conn_id, self.profile)
        return system_for(site, self.ledger, owner=self.owner, shadow=self.shadow)

    def get_conn(self) -> Door:
        """Return the sync door."""
        return self.system.door

    def read(self, refs: Sequence[DocumentRef]) -> list[Reading | exc.DocflowError]:
        """Read documents of one type; one entry per reference, in order."""
        return self.system.read(refs)

    async def asite(self) -> Site:
        """Return the site on the event loop; it names no instance."""
        site = site_of(await self.aget_connection(self.docflow_conn_id), self.profile)
        return shadowed_site(site) if self.shadow or shadow_everywhere() else site

    async def aread(self, door: AsyncDoor, refs: Sequence[DocumentRef]) -> list[Reading | exc.DocflowError]:
        """Read documents of one type on the event loop, page by page side by side."""
        from airflow_provider_docflow.core.paging import chunks
        from airflow_provider_docflow.ledger.requests import as_docflow

        if not refs:
            return []
        site = replace(door.site, instance=refs[0].instance)
        kind = site.profile.of(refs[0].document_type)
        batches = list(chunks(refs, kind.page_size))
        answers = await door.run_all([kind.read(site, batch) for batch in batches])
        found: list[Reading | exc.DocflowError] = []
        for batch, answer in zip(batches, answers, strict=True):
            failed = isinstance(answer, Exception)
            found.extend([as_docflow(answer, site)] * len(batch) if failed else answer)  # type: ignore[arg-type]
        return found

    async def achanges(self, door: AsyncDoor, document_type: str, instance: str, cursor: str) -> Changes:
        """Return what changed since ``cursor``.

        :raises Unsupported: the product has no change feed for this type.
        """
        site = replace(door.site, instance=instance)
        kind = site.profile.of(document_type)
        if kind.changes is None:
            raise exc.Unsupported("there is no change feed for this type.", system=site.conn_id)
        return await door.run(kind.changes(site, cursor))

    def test_connection(self) -> tuple[bool, str]:
        """Log in and ask the system for its name; what Airflow's "Test" button and ``check`` show."""
        try:
            site = site_at(self.docflow_conn_id, self.profile)
            system = system_for(site, None)
            instance = system.site.instance
        except exc.DocflowError as error:
            return False, str(error)
        return True, f"{site.profile.title} answers as {instance}."


def system_for(site: Site, ledger: Any, *, owner: str = "docflow", shadow: bool = False) -> System:
    """Return the connected system of a site, with the SQL runner that the site's connection names.

    :param shadow: to read only; so is every system of a deployment that runs in shadow.
    """
    sql_conn_id = site.settings.get("sql_conn_id")
    runner = None
    if sql_conn_id:
        from airflow_provider_docflow.hooks.sql import sql_runner

        runner = sql_runner(str(sql_conn_id))
    tokens = LedgerTokens(ledger) if ledger is not None else None
    kind = ShadowSystem if shadow or shadow_everywhere() else System
    return kind(site, ledger=ledger, tokens=tokens, sql=runner, owner=owner)
