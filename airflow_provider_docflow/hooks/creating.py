"""Creating documents from approved sources: each part once, each stage once, a change never silently."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.expressions import compile_expression
from airflow_provider_docflow.core.mapping import check_mapping
from airflow_provider_docflow.document import DocumentRef, material_hash
from airflow_provider_docflow.hooks.changing import Changer, action_on
from airflow_provider_docflow.hooks.handles import Handle, Outcome, failed
from airflow_provider_docflow.hooks.planning import Creation, OnChange, Part, Planner
from airflow_provider_docflow.hooks.system import System
from airflow_provider_docflow.ledger.incidents_closing import APPROVED
from airflow_provider_docflow.ledger.requests import WriteOutcome
from airflow_provider_docflow.ledger.troubles import settle, settle_sources

__all__ = ["Creation", "Creator", "OnChange", "Part", "link_of"]


class Creator(Planner):
    """Creates documents in one target system."""

    def __init__(
        self,
        ledger: Any,
        system_of: Callable[[str], System],
        target: System,
        creation: Creation,
        *,
        actor: str,
    ) -> None:
        super().__init__(ledger, system_of, target, creation, actor=actor)
        self.writer = target.writer()
        self.changer = Changer(ledger, self.writer, actor=actor)

    def create(self, sources: Sequence[Handle]) -> list[Outcome]:
        """Create what the sources become; one outcome per part, or per source that came to nothing.

        :raises Misconfigured: a mapping is no expression, or the stage is unknown; nothing was sent.
        :raises LedgerError: the ledger cannot be reached; nothing was sent that is not accounted for.
        """
        check_mapping(self.creation.mapping)
        if self.creation.where:
            compile_expression(self.creation.where)
        stages = self._stages()
        outcomes, parts = self._planned(sources)
        self._write(parts)
        for action in stages:
            self._act(action, [part for part in parts if part.error is None])
        self._index(parts)
        return [*outcomes, *(self._outcome(part) for part in parts)]

    def _stages(self) -> tuple[str, ...]:
        kind = self.target.site.profile.of(self.creation.document_type)
        if self.creation.until not in kind.stages:
            raise exc.Misconfigured(
                f"{self.creation.until!r} is no stage of a {self.creation.document_type} here.",
                system=self.target.conn_id,
                field="until",
                remedy=f"Use one of: {', '.join(kind.stages)}.",
            )
        return tuple(kind.stages[self.creation.until])

    def _write(self, parts: Sequence[Part]) -> None:
        for part, result in zip(parts, self.writer.write([part.request for part in parts]), strict=True):
            if result.status == "changed":
                self._changed(part, result)
            else:
                part.result, part.error = result, result.error
                part.status = result.status
        self._settle([part for part in parts if part.error is None])

    def _settle(self, good: Sequence[Part]) -> None:
        """Close what earlier runs opened about these documents: its cause is gone."""
        refs = list(dict.fromkeys(part.plan.source.ref for part in good))
        incidents = self.ledger.incidents
        incidents.close_for(actor=self.actor, reason="the source was read and written", refs=refs)
        if self.creation.requires_approval:
            incidents.close_codes(APPROVED, actor=self.actor, reason="a valid decision covers it", refs=refs)
        results = [(part.plan.source.ref, part.result) for part in good if part.result is not None]
        settle(self.ledger, [result for _, result in results], self.actor)
        settle_sources(self.ledger, results, self.actor)

    def _changed(self, part: Part, result: WriteOutcome) -> None:
        """The key is written already, with another content."""
        if result.receipt is None:
            part.error = self.writer.troubles.changed(part.request, None, result.intent_id)
        elif self.creation.on_change == "amend":
            part.result, part.status = self.changer.amend(part.request, result), "amended"
            part.error = part.result.error
        elif self.creation.on_change == "supersede":
            part.request, part.result = self.changer.supersede(part.request, result)
            part.error, part.status = part.result.error, "superseded"
        else:
            part.error = self.writer.troubles.changed(part.request, result.receipt, result.intent_id)

    def _act(self, action: str, parts: Sequence[Part]) -> None:
        """Take the documents one stage further, each once."""
        requests = []
        for part in parts:
            assert part.result is not None and part.result.receipt is not None
            requests.append(action_on(part.request, part.result.receipt.ref, action))
        results = self.writer.write(requests)
        settle(self.ledger, results, self.actor)
        for part, done in zip(parts, results, strict=True):
            if done.error is not None:
                part.error = done.error
            elif done.receipt is not None and part.result is not None:
                part.result = replace(part.result, receipt=done.receipt, reading=done.reading)

    def _index(self, parts: Sequence[Part]) -> None:
        """Keep what was read since; the index knows already what a receipt says."""
        good = [part.result for part in parts if part.error is None and part.result is not None]
        later = [one.reading for one in good if one.reading is not None and not _is_of_receipt(one)]
        self.coverage.remember(later)

    def _outcome(self, part: Part) -> Outcome:
        source = part.plan.source.ref
        name = source.number or source.internal_id
        if part.error is not None:
            part.error.document = part.error.document or name
            return failed(name, part.error, part=part.plan.part)
        assert part.result is not None and part.result.receipt is not None
        ref, reading = part.result.receipt.ref, part.result.reading
        seen = _seen(part.result)
        return Outcome(
            status=part.status,
            source=name,
            part=part.plan.part,
            handle=Handle(
                conn_id=self.target.conn_id, ref=reading.ref if reading else ref, material_hash=seen
            ),
            url=link_of(self.target, reading.ref if reading else ref),
        )


def _is_of_receipt(result: WriteOutcome) -> bool:
    """Tell whether the receipt was made of this very reading."""
    if result.reading is None or result.receipt is None or result.status not in ("written", "found"):
        return False
    return result.reading.state.to_json() == result.receipt.state


def _seen(result: WriteOutcome) -> str:
    """Return the material hash of what was read last."""
    if result.reading is None or result.reading.document is None:
        return ""
    kept = result.receipt.detail.get("material_hash") if result.receipt else None
    return kept if kept and _is_of_receipt(result) else material_hash(result.reading.document)


def link_of(system: System, ref: DocumentRef) -> str:
    """Return the page of a document in its system; empty if it has none."""
    link = system.site.profile.of(ref.document_type).link
    return link(system.site, ref) if link else ""
