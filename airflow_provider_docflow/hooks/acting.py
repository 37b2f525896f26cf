"""Actions on existing documents: submit, confirm, cancel, comment, write the new numbers back. Each once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.approvals.coverage import Coverage
from airflow_provider_docflow.document import DocumentRef
from airflow_provider_docflow.hooks.creating import link_of
from airflow_provider_docflow.hooks.handles import Handle, Outcome, failed
from airflow_provider_docflow.hooks.overriding import with_overrides
from airflow_provider_docflow.hooks.system import System
from airflow_provider_docflow.ledger.keys import IntentKey
from airflow_provider_docflow.ledger.requests import WriteOutcome, WriteRequest
from airflow_provider_docflow.ledger.troubles import settle

WRITE_BACK = "write_back"


class Actor:
    """Carries out one action on many documents of one or several systems."""

    def __init__(self, ledger: Any, system_of: Callable[[str], System], *, actor: str) -> None:
        self.ledger, self.system_of, self.actor = ledger, system_of, actor

    def act(
        self,
        handles: Sequence[Handle],
        action: str,
        arguments: Mapping[str, Any] | None = None,
        *,
        requires_approval: bool = False,
    ) -> list[Outcome]:
        """Carry ``action`` out on every document, once per document and arguments."""
        arguments = dict(arguments or {})
        part = "" if not arguments else _digest(arguments)
        wanted = [(handle, arguments, part) for handle in handles]
        return self._write(wanted, action, requires_approval=requires_approval)

    def write_back(self, documents: Sequence[Handle], links: Sequence[Handle]) -> list[Outcome]:
        """Write onto every document the numbers of those ``links`` that descend from it.

        A document from which nothing descends is left alone and says so.
        """
        descendants = self._descendants(documents, links)
        wanted, idle = [], []
        for handle in documents:
            numbers = descendants[handle.ref.identity]
            if numbers:
                wanted.append((handle, {"links": numbers}, _digest(numbers)))
            else:
                idle.append(Outcome(status="existing", source=name_of(handle.ref), handle=handle))
        return [*self._write(wanted, WRITE_BACK, requires_approval=False), *idle]

    def _descendants(
        self, documents: Sequence[Handle], links: Sequence[Handle]
    ) -> dict[tuple[Any, ...], list[dict[str, str]]]:
        found: dict[tuple[Any, ...], list[dict[str, str]]] = {}
        wanted = {handle.ref.identity: handle for handle in links}
        for handle in documents:
            family = self._family(handle.ref, links)
            found[handle.ref.identity] = [
                {
                    "document_type": str(link.ref.document_type),
                    "number": name_of(link.ref),
                    "instance": link.ref.instance,
                    "system": self.system_of(link.conn_id).site.profile.title,
                }
                for identity, link in sorted(wanted.items(), key=lambda item: str(item[0]))
                if identity in family
            ]
        return found

    def _family(self, ref: DocumentRef, links: Sequence[Handle]) -> set[tuple[Any, ...]]:
        """Return what descends from a document."""
        return below(ref, self.ledger.links.chain(ref))

    def _write(
        self,
        wanted: Sequence[tuple[Handle, Mapping[str, Any], str]],
        action: str,
        *,
        requires_approval: bool,
    ) -> list[Outcome]:
        outcomes: dict[int, Outcome] = {}
        groups: dict[tuple[str, str], list[int]] = {}
        for position, (handle, _, _) in enumerate(wanted):
            groups.setdefault((handle.conn_id, str(handle.ref.document_type)), []).append(position)
        for (conn_id, _), positions in groups.items():
            system = self.system_of(conn_id)
            chosen = [wanted[position] for position in positions]
            refusals = self._refusals(system, chosen) if requires_approval else {}
            go = [position for position in positions if wanted[position][0].ref.identity not in refusals]
            for position in set(positions) - set(go):
                handle = wanted[position][0]
                outcomes[position] = failed(name_of(handle.ref), refusals[handle.ref.identity], handle=handle)
            requests = [self._request(*wanted[position], action) for position in go]
            results = system.writer().write(requests)
            settle(self.ledger, results, self.actor)
            for position, result in zip(go, results, strict=True):
                outcomes[position] = self._outcome(system, wanted[position][0], result)
        return [outcomes[position] for position in range(len(wanted))]

    def _refusals(
        self, system: System, chosen: Sequence[tuple[Handle, Mapping[str, Any], str]]
    ) -> dict[tuple[Any, ...], exc.DocflowError]:
        coverage, refused = Coverage(self.ledger), {}
        refs = [handle.ref for handle, _, _ in chosen]
        readings = with_overrides(self.ledger, system.read(refs), actor=self.actor)
        for ref, reading in zip(refs, readings, strict=True):
            try:
                if isinstance(reading, exc.DocflowError):
                    raise reading
                coverage.require(reading)
            except exc.DocflowError as error:
                refused[ref.identity] = error
        return refused

    def _request(self, handle: Handle, arguments: Mapping[str, Any], part: str, action: str) -> WriteRequest:
        ref = handle.ref
        key = IntentKey(
            target_instance=ref.instance,
            target_type=str(ref.document_type),
            source_instance=ref.instance,
            source_type=str(ref.document_type),
            source_number=ref.internal_id,
            company_code=ref.company_code,
            part=part,
            purpose=action,
        )
        return WriteRequest(
            key=key,
            content_hash=_digest([action, arguments]),
            ref=ref,
            arguments=arguments,
            reference=name_of(ref),
            actor=self.actor,
        )

    def _outcome(self, system: System, handle: Handle, result: WriteOutcome) -> Outcome:
        name = name_of(handle.ref)
        if result.error is not None:
            return failed(name, result.error, handle=handle)
        assert result.receipt is not None
        ref = result.reading.ref if result.reading is not None else result.receipt.ref
        kept = Handle(conn_id=handle.conn_id, ref=ref, material_hash=handle.material_hash)
        status = "existing" if result.status == "changed" else result.status
        return Outcome(status=status, source=name, handle=kept, url=link_of(system, ref))


def below(ref: DocumentRef, chain: Sequence[Any]) -> set[tuple[Any, ...]]:
    """Return the documents that descend from ``ref`` in a chain of links."""
    children: dict[tuple[Any, ...], set[tuple[Any, ...]]] = {}
    for link in chain:
        if link.target is not None:
            children.setdefault(link.source.identity, set()).add(link.target.identity)
    below: set[tuple[Any, ...]] = set()
    frontier = [ref.identity]
    while frontier:
        for child in children.get(frontier.pop(), ()):
            if child not in below:
                below.add(child)
                frontier.append(child)
    return below


def _digest(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def name_of(ref: DocumentRef) -> str:
    """Return a document's number, or its id where it has none."""
    return ref.number or ref.internal_id
