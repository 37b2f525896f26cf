"""
After the ledger was restored from a backup: read back what was written since, before anything is written.

What the restored ledger knows as under way is probed and gets its receipt if it landed. What it does not
know at all is found by the probe that precedes every first write, because a key comes from the business
alone: that is sure where every creation's probe is ``native`` or ``unique``. An instance of another product
stays blocked until a person has looked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.paging import chunks
from airflow_provider_docflow.core.profile import Query, Reading, Write, WriteItem
from airflow_provider_docflow.document import DocumentRef, document_from_json
from airflow_provider_docflow.hooks.system import System
from airflow_provider_docflow.ledger.judge import judge_first
from airflow_provider_docflow.ledger.requests import WriteRequest, existing_receipt, intent_request, verb_of

SURE = frozenset({"native", "unique"})
UNDER_WAY = ("reserved", "sending", "unknown")


@dataclass(frozen=True, kw_only=True)
class Recovered:
    """What was found in one instance.

    :param found: writes that had landed and have their receipt again.
    :param foreign: documents changed since the last receipt that no receipt names; -1: they cannot be listed.
    :param undecided: writes whose outcome is still unknown.
    :param open: whether writing is allowed again.
    """

    instance: str
    found: int
    foreign: int
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
            foreign=self._foreign(system),
            undecided=undecided,
            open=sure,
        )

    def _read_back(self, system: System) -> tuple[int, int]:
        rows = self.ledger.intents.open_intents(system.site.instance, status=UNDER_WAY, limit=100_000)
        found = undecided = 0
        groups: dict[tuple[str, str], list[Any]] = {}
        for row in rows:
            groups.setdefault((row.key.target_type, verb_of(row.key.purpose)), []).append(row)
        for (document_type, verb), members in groups.items():
            write = system.site.profile.write(document_type, verb)
            for some in chunks(members, 50):
                done = self._probe(system, write, some)
                found += done
                undecided += sum(row.sent_before for row in some) - done
        return found, max(undecided, 0)

    def _probe(self, system: System, write: Write, rows: Any) -> int:
        if write.find is None:
            return 0
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
        return sum(kept.status == "done" for kept in adopted)

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

    def _foreign(self, system: System) -> int:
        """Count what changed since the last receipt and has none."""
        rows = self.ledger.intents.find(target_instance=system.site.instance, limit=100_000)
        moments = [row.receipt.at for row in rows if row.receipt is not None]
        if not moments:
            return 0
        known = {row.receipt.ref.identity for row in rows if row.receipt is not None}
        readings: list[Reading] = []
        try:
            for document_type in {row.key.target_type for row in rows}:
                readings += system.search(document_type, Query(changed_since=max(moments)))
        except exc.Unsupported:
            return -1
        return sum(reading.ref.identity not in known for reading in readings)
