"""What a login may do, found out by reading: one real call per document type and operation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.cli.doctor_findings import Finding, fail, failed, ok, warn
from airflow_provider_docflow.core.profile import DocumentProfile, Query, Reading
from airflow_provider_docflow.document import DocumentRef, DocumentType

if TYPE_CHECKING:
    from airflow_provider_docflow.core.site import Site
    from airflow_provider_docflow.hooks.system import System

NOBODYS = "docflow-doctor"
"""A number that no document has."""

_RECENT = timedelta(days=1)


def permission_findings(system: System) -> Iterator[Finding]:
    """Yield what the login may do with each document type."""
    for name, kind in sorted(system.address.profile.documents.items()):
        yield from _Type(system, name, kind).findings()


@dataclass
class _Type:
    """One document type that is tried."""

    system: System
    name: str
    kind: DocumentProfile
    first: Reading | None = None
    misplaced: bool = False
    """The connection speaks of a place that the system does not have; nothing else can be tried there."""

    def findings(self) -> Iterator[Finding]:
        if self.kind.search is not None:
            listed = self._try("list", self._list)
            yield listed
            if self.misplaced:
                return
        yield self._try("read", self._read)
        if self.kind.changes is not None:
            yield self._try("changes", self._changes)
        yield from self._writes()

    def _try(self, operation: str, look: Callable[[], str]) -> Finding:
        check = f"{self.name}: {operation}"
        try:
            return ok(check, look())
        except (exc.Authentication, exc.Rejected) as error:
            remedy = error.remedy or f"Let the login {operation} such documents."
            return fail(check, f"refused: {error.message}", remedy)
        except exc.DocflowError as error:
            self.misplaced = isinstance(error, exc.Misconfigured)
            return failed(check, error)

    def _list(self) -> str:
        site = self.system.site
        try:
            page = self._page(site, Query(changed_since=datetime.now(UTC) - _RECENT))
        except exc.Unsupported:
            page = self._page(site, Query())
        self.first = page.readings[0] if page.readings else None
        return "allowed" if self.first else "allowed; there is none of late"

    def _page(self, site: Site, query: Query) -> Any:
        assert self.kind.search is not None
        return self.system.run(self.kind.search(site, query, None))

    def _read(self) -> str:
        """Read the document that was listed, or ask for one that cannot exist: "not found" is an answer."""
        ref = self.first.ref if self.first else self._nobodys()
        answer = self.system.run(self.kind.read(self.system.site, [ref]))[0]
        if isinstance(answer, Reading):
            return f"allowed, tried with {ref.number or ref.internal_id}"
        if isinstance(answer, exc.NotFound | exc.Rejected) and self.first is None:
            return "answered; there is none to try it with"
        raise answer

    def _nobodys(self) -> DocumentRef:
        return DocumentRef(self.system.site.instance, "", DocumentType(self.name), NOBODYS, "", None)

    def _changes(self) -> str:
        assert self.kind.changes is not None
        self.system.run(self.kind.changes(self.system.site, ""))
        return "allowed"

    def _writes(self) -> Iterator[Finding]:
        """Say what the system says of writing; writing itself is never tried."""
        writes = {"create": self.kind.create, "amend": self.kind.amend}
        declared = [operation for operation, write in writes.items() if write]
        actions = sorted(self.kind.actions)
        rights: dict[str, bool] = {}
        if self.kind.permissions is not None:
            try:
                rights = dict(self.system.run(self.kind.permissions(self.system.site)))
            except exc.DocflowError as error:
                yield failed(f"{self.name}: rights", error)
        for operation in declared:
            if operation in rights:
                yield self._right(operation, allowed=rights[operation])
        untried = [*(one for one in declared if one not in rights), *actions]
        if untried:
            yield ok(f"{self.name}: {', '.join(untried)}", "not tried: the doctor writes nothing")

    def _right(self, operation: str, *, allowed: bool) -> Finding:
        check = f"{self.name}: {operation}"
        if allowed:
            return ok(check, "allowed, as the system says")
        return warn(
            check,
            "the system does not let this login",
            f"Give the login the right to {operation}, if flows do so.",
        )
