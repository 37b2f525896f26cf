"""
After the ledger was restored from a backup: read back what was written since, before anything is written.

What the restored ledger knows as under way is probed and gets its receipt if it landed. What it does not
know at all is found by the probe that precedes every first write, because a key comes from the business
alone: that is sure where every creation's probe is ``native`` or ``unique``. An instance of another product
stays blocked until a person has looked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.paging import chunks
from airflow_provider_docflow.core.profile import Query, Write, WriteItem
from airflow_provider_docflow.document import DocumentRef, document_from_json
from airflow_provider_docflow.hooks.system import System
from airflow_provider_docflow.ledger.judge import judge_first
from airflow_provider_docflow.ledger.requests import WriteRequest, existing_receipt, intent_request, verb_of

SURE = frozenset({"native", "unique"})
UNDER_WAY = ("reserved", "sending", "unknown")
PAGE = 500


@dataclass(frozen=True, kw_only=True)
class Recovered:
    """What was found in one instance.

    :param found: writes that had landed and have their receipt again.
    :param foreign: documents changed since the last receipt that no receipt names; None: that cannot be
        told, because the system lists no changes or the ledger has no receipt of it.
    :param undecided: writes whose outcome is still unknown.
    :param open: whether writing is allowed again.
    """

    instance: str
    found: int
    foreign: int | None
    undecided: int
    open: bool


class Recovery:
    """Blocks an instance, reads back, and lets it be written to again where that is sure."""

    def __init__(self, ledger: Any, *, actor: str, reason: str) -> None:
        self.ledger, self.actor, self.reason = ledger, actor, reason

    def recover(self, system: System) -> Recovered:
        """Recover one system's instance."""
        instance = system.site.instance
        self.ledger.instances.block(instance, actor=self.actor, reason=self.reason)
        # First: a receipt that is found again is of now, and would hide what happened since the backup.
        since, types = self._last_receipt(instance)
        found, undecided = self._read_back(system)
        sure = all(
            kind.create is None or kind.create.probe.quality in SURE
            for kind in system.site.profile.documents.values()
        )
        if sure:
            self.ledger.instances.unblock(instance, actor=self.actor, reason="recovered")
        return Recovered(
            instance=instance,
            found=found,
            foreign=self._foreign(system, since, types),
            undecided=undecided,
            open=sure,
        )

    def _read_back(self, system: System) -> tuple[int, int]:
        intents, instance = self.ledger.intents, system.site.instance
        found = undecided = 0
        for rows in _pages(
            lambda after: intents.open_intents(instance, status=UNDER_WAY, limit=PAGE, after_id=after)
        ):
            groups: dict[tuple[str, str], list[Any]] = {}
            for row in rows:
                groups.setdefault((row.key.target_type, verb_of(row.key.purpose)), []).append(row)
            for (document_type, verb), members in groups.items():
                write = system.site.profile.write(document_type, verb)
                for some in chunks(members, 50):
                    done = self._probe(system, write, some)
                    found += len(done)
                    undecided += sum(row.sent_before and row.intent_id not in done for row in some)
        return found, undecided

    def read_back(self, system: System, rows: Sequence[Any]) -> set[int]:
        """Ask for creations of one document type that nobody accounted for; nothing is sent.

        :returns: the intents that have a receipt now; what somebody is writing is left to him.
        """
        (document_type,) = {row.key.target_type for row in rows}
        return self._probe(system, system.site.profile.write(document_type, "create"), rows)

    def _probe(self, system: System, write: Write, rows: Sequence[Any]) -> set[int]:
        """Return the intents that have a receipt now."""
        if write.find is None:
            return set()
        requests = [self._request(row) for row in rows]
        items = [
            WriteItem(
                mark=request.key.token(write.mark_length),
                reference=request.reference,
                document=request.document,
                ref=request.ref,
                arguments=request.arguments,
            )
            for request in requests
        ]
        pairs = []
        for request, item, finding in zip(
            requests, items, system.run(write.find(system.site, items)), strict=True
        ):
            verdict = judge_first(finding, item)
            if verdict.action == "found" and verdict.reading is not None:
                receipt = existing_receipt(request, verdict.reading, self.ledger.now())
                pairs.append((intent_request(request), receipt))
        adopted = self.ledger.intents.adopt(pairs)
        return {kept.intent_id for kept in adopted if kept.status == "done"}

    def _request(self, row: Any) -> WriteRequest:
        payload = self.ledger.intents.payload(row.intent_id)
        document, ref = payload.get("document"), payload.get("ref")
        return WriteRequest(
            key=row.key,
            content_hash=row.content_hash,
            document=document_from_json(document) if document else None,
            ref=DocumentRef.from_json(ref) if ref else None,
            arguments=payload.get("arguments") or {},
            reference=payload.get("reference") or "",
            material_hash=row.material_hash,
            actor=self.actor,
        )

    def _last_receipt(self, instance: str) -> tuple[datetime | None, list[str]]:
        """Return when the ledger last wrote to an instance, and which document types."""
        last: datetime | None = None
        types: set[str] = set()
        for rows in self._written(instance):
            for row in rows:
                last = max(last, row.receipt.at) if last else row.receipt.at
                types.add(row.key.target_type)
        return last, sorted(types)

    def _foreign(self, system: System, since: datetime | None, types: Sequence[str]) -> int | None:
        """Count what changed since then and has no receipt."""
        if since is None:
            return None
        known = {row.receipt.ref.identity for rows in self._written(system.site.instance) for row in rows}
        try:
            changed = [
                reading.ref.identity
                for document_type in types
                for reading in system.search(document_type, Query(changed_since=since))
            ]
        except exc.Unsupported:
            return None
        return sum(identity not in known for identity in changed)

    def _written(self, instance: str) -> Iterator[list[Any]]:
        intents = self.ledger.intents
        for rows in _pages(lambda after: intents.find(target_instance=instance, limit=PAGE, after_id=after)):
            yield [row for row in rows if row.receipt is not None]


def _pages(page: Callable[[int], Sequence[Any]]) -> Iterator[Sequence[Any]]:
    """Yield page after page of intents, by the last id of the page before."""
    after = 0
    while rows := page(after):
        yield rows
        after = rows[-1].intent_id
