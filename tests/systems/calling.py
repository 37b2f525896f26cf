"""How the tests of products call one: through a door, on a connection, whose logins are kept."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from airflow_provider_docflow.core.exchange import Exchange
from airflow_provider_docflow.core.profile import Query, Reading, WriteItem, Written
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.document import Document, DocumentRef
from airflow_provider_docflow.hooks.doors import AsyncDoor, Door, LocalTokens

MARK = "M0123456789ABCDE"


class Caller:
    """Runs exchanges on a connection, through one kind of door."""

    site: Site
    document_type = "purchase_order"
    """The type of what names none."""
    mark = MARK
    """Of a write, unless a test names another."""

    def __init__(self, kind: str = "sync") -> None:
        self.kind, self.tokens = kind, LocalTokens()

    def run(self, exchange: Exchange[Any]) -> Any:
        if self.kind == "sync":
            with Door(self.site, tokens=self.tokens, sleep=self.sleep) as door:
                return door.run(exchange)
        return asyncio.run(self._arun(exchange))

    async def _arun(self, exchange: Exchange[Any]) -> Any:
        async with AsyncDoor(self.site, tokens=self.tokens) as door:
            return await door.run(exchange)

    def sleep(self, seconds: float) -> None:
        """Wait for nothing: the stand-ins have clocks of their own."""

    def reading(self, ref: DocumentRef) -> Reading:
        (found,) = self.run(self.site.profile.of(str(ref.document_type)).read(self.site, [ref]))
        if isinstance(found, Exception):
            raise found
        return found

    def search(self, document_type: str = "", **query: Any) -> list[Reading]:
        search = self.site.profile.of(document_type or self.document_type).search
        assert search is not None
        found, position = [], None
        while True:
            page = self.run(search(self.site, Query(**query), position))
            found += page.readings
            if (position := page.next) is None:
                return found

    def results(self, purpose: str, *items: WriteItem) -> list[Any]:
        kind = self.site.profile.write(self._type_of(items[0]), purpose)
        return self.run(kind.run(self.site, items))

    def write(self, purpose: str, item: WriteItem) -> Written:
        (result,) = self.results(purpose, item)
        if isinstance(result, Exception):
            raise result
        return result

    def found(self, document: Document, *marks: str) -> list[Sequence[Reading]]:
        """Return what a probe sees of marks."""
        find = self.site.profile.write(str(document.document_type), "create").find
        assert find is not None
        items = [WriteItem(mark=mark, document=document) for mark in marks]
        return [finding.marked for finding in self.run(find(self.site, items))]

    def has_landed(self, purpose: str, ref: DocumentRef, mark: str = "", **arguments: Any) -> bool:
        landed = self.site.profile.write(str(ref.document_type), purpose).landed
        assert landed is not None
        return landed(self.reading(ref), WriteItem(mark=mark or self.mark, ref=ref, arguments=arguments))

    def _type_of(self, item: WriteItem) -> str:
        about = item.document or item.ref
        return str(about.document_type) if about else self.document_type
