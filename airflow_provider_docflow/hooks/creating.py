"""Creating documents from approved sources: each part once, each stage once, a change never silently."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.mapping import check_mapping, compile_expression
from airflow_provider_docflow.document import DocumentRef, material_hash
from airflow_provider_docflow.hooks.changing import Changer, action_on
from airflow_provider_docflow.hooks.handles import Handle, Outcome, failed
from airflow_provider_docflow.hooks.planning import Creation, OnChange, Part, Planner
from airflow_provider_docflow.hooks.system import System
from airflow_provider_docflow.ledger.incidents_closing import APPROVED
from airflow_provider_docflow.ledger.requests import WriteOutcome
from airflow_provider_docflow.ledger.troubles import settle, settle_sources

__all__ = ["Creation", "Creator", "OnChange", "Part", "link_of"]


<<<<<<< HEAD
class Creator(Planner):
=======
@dataclass(frozen=True, kw_only=True)
class Creation:
    """What is to be created.

    :param where: condition over ``source``; documents for which it does not hold are left out.
    :param until: stage that the documents are taken to; ``saved`` unless the author says otherwise.
    :param arguments: what the system takes beside the document, such as the approvers of a form.
    :param on_change: what happens when the source's content is another than the one written.
    """

    document_type: str
    mapping: Mapping[str, str] = field(default_factory=dict)
    split_by: str | None = None
    where: str = ""
    until: str = "saved"
    on_change: OnChange = "incident"
    requires_approval: bool = True
    arguments: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class Part:
    """One part on its way: planned, written, taken through the stages."""

    plan: Plan
    request: WriteRequest
    result: WriteOutcome | None = None
    status: Status = "written"
    error: exc.DocflowError | None = None


class Creator:
>>>>>>> origin/main
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

<<<<<<< HEAD
=======
    # The source is read just before it is used: what a decision covered may have changed since.
    def _read(self, sources: Sequence[Handle]) -> list[Reading | exc.DocflowError]:
        found: dict[int, Reading | exc.DocflowError] = {}
        groups: dict[tuple[str, str], list[int]] = {}
        for position, handle in enumerate(sources):
            groups.setdefault((handle.conn_id, str(handle.ref.document_type)), []).append(position)
        for (conn_id, _), positions in groups.items():
            refs = [sources[position].ref for position in positions]
            shown = self.system_of(conn_id).read(refs)
            readings = with_overrides(self.ledger, shown, actor=self.actor, records=self.records)
            found.update(zip(positions, readings, strict=True))
        return [found[position] for position in range(len(sources))]

    def _planned(self, reading: Reading | exc.DocflowError) -> list[Part]:
        if isinstance(reading, exc.DocflowError):
            raise reading
        where = self.creation.where
        if where and reading.document is not None and not chosen(reading.document, where):
            return []
        if liveness(reading) != "alive":
            raise exc.Rejected(
                f"the source is {reading.state.lifecycle}.",
                system=reading.ref.instance,
                document=reading.ref.number,
                field="lifecycle",
                code="source.not_alive",
                remedy="Nothing is created from it; restore the source if that is wrong.",
            )
        self._cover(reading)
        plans = plans_for(
            reading,
            self.creation.document_type,
            mapping=self.creation.mapping,
            split_by=self.creation.split_by,
        )
        self._limit(reading)
        instance, arguments = self.target.site.instance, self.creation.arguments
        requests = [replace(plan.request(instance, actor=self.actor), arguments=arguments) for plan in plans]
        requests = self._as_first_written(reading.ref, requests)
        generations = self.ledger.intents.latest_generation([request.key for request in requests])
        return [
            Part(plan, replace(request, key=request.key.with_generation(generation)))
            for plan, request, generation in zip(plans, requests, generations, strict=True)
        ]

    def _cover(self, reading: Reading) -> None:
        if self.creation.requires_approval:
            self.coverage.require(reading)

    def _limit(self, reading: Reading) -> None:
        self.coverage.register_capacity(reading)

    def _as_first_written(self, ref: DocumentRef, requests: list[WriteRequest]) -> list[WriteRequest]:
        """Keep the key of what was written before its source had a number: a draft gets one later."""
        if not ref.number:
            return requests
        before = [replace(request.key, source_number=unnumbered(ref)) for request in requests]
        known = self.ledger.intents.known(before)
        return [
            replace(request, key=key) if key.digest in known else request
            for request, key in zip(requests, before, strict=True)
        ]

    def _refused(
        self, handle: Handle, reading: Reading | exc.DocflowError, error: exc.DocflowError
    ) -> Outcome:
        """Account for a source that came to nothing; what only a person can put right is an incident."""
        if isinstance(reading, Reading):
            self.coverage.refused(reading)
        if isinstance(error, exc.PermanentError) and error.incident is None:
            ref = handle.ref
            error.incident = Troubles(self.ledger, self.target.site).source_refused(ref, error, self.actor)
        error.document = error.document or handle.ref.number
        return failed(handle.ref.number or handle.ref.internal_id, error, handle=handle)

>>>>>>> origin/main
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
        good = [part.result for part in parts if part.error is None and part.result is not None]
        self.coverage.remember([result.reading for result in good if result.reading is not None])

    def _outcome(self, part: Part) -> Outcome:
        source = part.plan.source.ref
        name = source.number or source.internal_id
        if part.error is not None:
            part.error.document = part.error.document or name
            return failed(name, part.error, part=part.plan.part)
        assert part.result is not None and part.result.receipt is not None
        ref, reading = part.result.receipt.ref, part.result.reading
        seen = material_hash(reading.document) if reading is not None and reading.document else ""
        return Outcome(
            status=part.status,
            source=name,
            part=part.plan.part,
            handle=Handle(
                conn_id=self.target.conn_id, ref=reading.ref if reading else ref, material_hash=seen
            ),
            url=link_of(self.target, reading.ref if reading else ref),
        )


def link_of(system: System, ref: DocumentRef) -> str:
    """Return the page of a document in its system; empty if it has none."""
    link = system.site.profile.of(ref.document_type).link
    return link(system.site, ref) if link else ""
