"""Planning what sources become: read, judged, mapped, limited and named by their keys; nothing is sent."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.approvals.coverage import Coverage, Limits
from airflow_provider_docflow.core.mapping import chosen
from airflow_provider_docflow.core.profile import Reading
from airflow_provider_docflow.hooks.handles import Handle, Outcome, Status, failed
from airflow_provider_docflow.hooks.overriding import with_overrides
from airflow_provider_docflow.hooks.plans import Plan, plans_for, unnumbered
from airflow_provider_docflow.hooks.system import System
from airflow_provider_docflow.ledger.judge import liveness
from airflow_provider_docflow.ledger.keys import IntentKey
from airflow_provider_docflow.ledger.requests import WriteOutcome, WriteRequest
from airflow_provider_docflow.ledger.troubles import Troubles

OnChange = Literal["incident", "amend", "supersede"]


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


@dataclass(frozen=True)
class _Planned:
    """What one source becomes; ``before`` are the keys that its parts had while it was a draft."""

    handle: Handle
    reading: Reading
    parts: Sequence[Part]
    before: Sequence[IntentKey]
    limits: Sequence[Limits]


class Planner:
    """Plans what is to be created in one target system.

    :ivar records: whether what is found out about sources is kept.
    """

    records = True

    def __init__(
        self,
        ledger: Any,
        system_of: Callable[[str], System],
        target: System,
        creation: Creation,
        *,
        actor: str,
    ) -> None:
        self.ledger, self.system_of, self.target = ledger, system_of, target
        self.creation, self.actor = creation, actor
        self.coverage = Coverage(ledger, records=self.records)

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

    def _planned(self, sources: Sequence[Handle]) -> tuple[list[Outcome], list[Part]]:
        """Return what came to nothing, and the parts that are to be written."""
        read = self._read(sources)
        if self.creation.requires_approval:
            self.coverage.look_up([one for one in read if isinstance(one, Reading)])
        refused: list[Outcome] = []
        planned: list[_Planned] = []
        for handle, reading in zip(sources, read, strict=True):
            try:
                planned.extend(self._plan(handle, reading))
            except exc.LedgerError:
                # Not this document's trouble: without a memory nothing at all is written.
                raise
            except exc.DocflowError as error:
                refused.append(self._refused(handle, reading, error))
        limited = self._limit(planned, refused)
        return refused, self._keyed(limited)

    def _plan(self, handle: Handle, reading: Reading | exc.DocflowError) -> list[_Planned]:
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
            instance=self.target.site.instance,
        )
        instance, arguments = self.target.site.instance, self.creation.arguments
        requests = [replace(plan.request(instance, actor=self.actor), arguments=arguments) for plan in plans]
        parts = [Part(plan, request) for plan, request in zip(plans, requests, strict=True)]
        before = [replace(part.request.key, source_number=unnumbered(reading.ref)) for part in parts]
        return [_Planned(handle, reading, parts, before, self._limits(reading))]

    def _cover(self, reading: Reading) -> None:
        if self.creation.requires_approval:
            self.coverage.require(reading)

    def _limits(self, reading: Reading) -> Sequence[Limits]:
        return self.coverage.limits(reading)

    def _limit(self, planned: Sequence[_Planned], refused: list[Outcome]) -> Sequence[_Planned]:
        """Let nobody use more of the sources than is covered; return those that the ledger can limit."""
        try:
            self.coverage.register([limits for one in planned for limits in one.limits])
            return planned
        except exc.InvalidDocument as error:
            if len(planned) == 1:
                (one,) = planned
                refused.append(self._refused(one.handle, one.reading, error))
                return []
        middle = len(planned) // 2
        return [*self._limit(planned[:middle], refused), *self._limit(planned[middle:], refused)]

    def _keyed(self, planned: Sequence[_Planned]) -> list[Part]:
        """Return the parts under the keys that they have now."""
        parts = [part for one in planned for part in one.parts]
        before = [key for one in planned for key in one.before]
        # A draft gets its number later, and what was written from it keeps its key.
        known = self.ledger.intents.known(before)
        keys = [
            key if key.digest in known else part.request.key for part, key in zip(parts, before, strict=True)
        ]
        for part, key, generation in zip(
            parts, keys, self.ledger.intents.latest_generation(keys), strict=True
        ):
            part.request = replace(part.request, key=key.with_generation(generation))
        return parts

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
