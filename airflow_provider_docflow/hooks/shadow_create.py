"""What would be created: mapped, checked, and held against what is there already. Nothing is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.approvals.coverage import Coverage, Limits
from airflow_provider_docflow.core.expressions import compile_expression
from airflow_provider_docflow.core.mapping import check_mapping
from airflow_provider_docflow.core.paging import chunks
from airflow_provider_docflow.core.profile import Finding, Reading, Write, WriteItem
from airflow_provider_docflow.document import (
    Document,
    DocumentRef,
    differences,
    document_from_json,
    document_to_json,
    material_hash,
)
from airflow_provider_docflow.hooks.acting import name_of
from airflow_provider_docflow.hooks.changing import action_on
from airflow_provider_docflow.hooks.creating import Creation, Creator, Part, link_of
from airflow_provider_docflow.hooks.handles import Handle, Outcome, failed
from airflow_provider_docflow.hooks.plans import Plan
from airflow_provider_docflow.hooks.shadow_flow import fields_of, shadow_outcome, told_error
from airflow_provider_docflow.hooks.system import System
from airflow_provider_docflow.ledger.judge import judge_first, liveness
from airflow_provider_docflow.ledger.requests import as_docflow

if TYPE_CHECKING:
    from airflow_provider_docflow.hooks.shadow_flow import ShadowFlow
    from airflow_provider_docflow.ledger.intents import IntentRow
    from airflow_provider_docflow.ledger.shadows import ShadowRow

PROBED = 50
_NONE = (Decimal(0), Decimal(0))


@dataclass
class Would:
    """What would become of one part."""

    verdict: str
    existing: Reading | None = None
    before: Document | None = None
    error: exc.DocflowError | None = None
    then: list[str] = field(default_factory=list)


class ShadowCreator(Creator):
    """Goes the way of :class:`Creator` up to the write."""

    records = False

    def __init__(self, flow: ShadowFlow, target: System, creation: Creation) -> None:
        self.flow, self.ledger, self.system_of = flow, flow.ledger, flow.system_of
        self.target, self.creation, self.actor = target, creation, flow.actor
        self.coverage = Coverage(self.ledger, records=False)
        self._made: dict[tuple[Any, ...], ShadowRow] = {}
        self._refusals: dict[tuple[Any, ...], exc.DocflowError] = {}
        self._used: dict[tuple[Any, ...], tuple[Decimal, Decimal]] = {}

    def create(self, sources: Sequence[Handle]) -> list[Outcome]:
        """Report what the sources would become; one outcome per part, or per source that came to nothing.

        :raises Misconfigured: a mapping is no expression, or the stage is unknown.
        """
        check_mapping(self.creation.mapping)
        if self.creation.where:
            compile_expression(self.creation.where)
        self._stages()
        outcomes, parts = self._planned(sources)
        would = self._would(parts)
        return [*outcomes, *(self._told(part, one) for part, one in zip(parts, would, strict=True))]

    def _read(self, sources: Sequence[Handle]) -> list[Reading | exc.DocflowError]:
        """Read the sources; a shadow that stands for a change of a document keeps that document's name."""
        rows = self.ledger.shadows.find([handle.ref for handle in sources])
        found: list[Reading | exc.DocflowError] = []
        for handle, reading in zip(sources, super()._read(sources), strict=True):
            row = rows.get(handle.ref.internal_id)
            if row is not None and isinstance(reading, Reading):
                if existing := row.body.get("existing"):
                    reading = replace(reading, ref=DocumentRef.from_json(existing))
                self._made[reading.ref.identity] = row
            found.append(reading)
        return found

    def _cover(self, reading: Reading) -> None:
        """Note a missing approval; the document is mapped nevertheless, so that the report shows it."""
        identity = reading.ref.identity
        made = self._made.get(identity)
        if made is not None:
            if made.verdict == "refuse":
                self._refusals[identity] = _inherited(reading, made)
            return
        if not self.creation.requires_approval:
            return
        try:
            self.coverage.require(reading)
        except exc.NotApproved as error:
            seen = material_hash(reading.document) if reading.document else ""
            if not self.ledger.shadows.approved(reading.ref, seen):
                self._refusals[identity] = error

    def _limits(self, reading: Reading) -> Sequence[Limits]:
        """Set no capacity: nothing of the source is used up."""
        return ()

    def _refused(
        self, handle: Handle, reading: Reading | exc.DocflowError, error: exc.DocflowError
    ) -> Outcome:
        return failed(name_of(handle.ref), error, handle=handle)

    def _would(self, parts: Sequence[Part]) -> list[Would]:
        known = self.ledger.intents.of_keys([part.request.key for part in parts])
        rows = [known.get(part.request.key.digest) for part in parts]
        done = [n for n, row in enumerate(rows) if row is not None and row.receipt is not None]
        rest = sorted(set(range(len(parts))) - set(done))
        receipts: list[Any] = [rows[n] for n in done]
        found = self.target.read([row.receipt.ref for row in receipts])
        would = {n: self._done(parts[n], rows[n], one) for n, one in zip(done, found, strict=True)}
        for n, finding in zip(rest, self._probe([parts[n] for n in rest]), strict=True):
            would[n] = self._not_done(parts[n], rows[n], finding)
        for n, part in enumerate(parts):
            refusal = self._refusals.get(part.plan.source.ref.identity)
            if refusal is not None:
                would[n] = replace(would[n], verdict="refuse", error=refusal)
        return [would[n] for n in range(len(parts))]

    def _probe(self, parts: Sequence[Part]) -> list[Finding | exc.DocflowError]:
        """Ask the target for each part whether it is there, though no receipt says so."""
        write, site = self._write_of(), self.target.site
        find = write.find
        if find is None:
            return [Finding()] * len(parts)
        batches = list(chunks(parts, max(write.batch_size, PROBED)))
        answers = self.target.run_many([find(site, [_item(write, one) for one in some]) for some in batches])
        found: list[Finding | exc.DocflowError] = []
        for some, answer in zip(batches, answers, strict=True):
            broken = isinstance(answer, Exception)
            found.extend([as_docflow(answer, site)] * len(some) if broken else answer)
        return found

    def _write_of(self) -> Write:
        return self.target.site.profile.write(self.creation.document_type, "create")

    def _done(self, part: Part, row: IntentRow | None, reading: Reading | exc.DocflowError) -> Would:
        """Judge what an earlier run has written."""
        assert row is not None and row.receipt is not None
        if isinstance(reading, exc.NotFound):
            return Would("incident", error=_stop(f"{row.receipt.ref} was deleted there.", "target.deleted"))
        if isinstance(reading, exc.DocflowError):
            return Would("unread", error=reading)
        if liveness(reading) != "alive":
            word = reading.state.lifecycle
            return Would("incident", reading, error=_stop(f"{row.receipt.ref} is {word}.", f"target.{word}"))
        if row.content_hash == part.request.content_hash:
            return Would("existing", reading, then=self._actions_left(part, reading.ref))
        before = self._written(row) or reading.document
        if self.creation.on_change != "incident":
            return Would(self.creation.on_change, reading, before)
        why = _stop("the content has changed since it was written.", "source.changed")
        return Would("incident", reading, before, why)

    def _written(self, row: IntentRow) -> Document | None:
        body = self.ledger.intents.payload(row.intent_id).get("document")
        return document_from_json(body) if body else None

    def _not_done(self, part: Part, row: IntentRow | None, finding: Finding | exc.DocflowError) -> Would:
        """Judge what has no receipt: new, landed without one, or stopped."""
        if row is not None and row.status == "held":
            return Would("incident", error=_stop("an incident is open for it.", "held", row.incident))
        if isinstance(finding, exc.DocflowError):
            return Would("unread", error=finding)
        verdict = judge_first(finding, _item(self._write_of(), part))
        seen = verdict.reading
        if verdict.action == "incident":
            return Would(
                "incident", seen, seen.document if seen else None, _stop(verdict.reason, verdict.code)
            )
        if verdict.action == "found" and seen is not None:
            return Would("found", seen, seen.document, then=self._actions_left(part, seen.ref))
        if over := self._overdrawn(part.plan):
            return Would("refuse", error=over)
        return Would("create", then=list(self._stages()))

    def _actions_left(self, part: Part, ref: DocumentRef) -> list[str]:
        """Return the actions of the stage that no receipt says are done."""
        keys = {action: action_on(part.request, ref, action).key for action in self._stages()}
        rows = self.ledger.intents.of_keys(list(keys.values()))
        return [
            name for name, key in keys.items() if (r := rows.get(key.digest)) is None or r.receipt is None
        ]

    def _overdrawn(self, plan: Plan) -> exc.DocflowError | None:
        """Tell whether the lines would be used beyond what they say, by this run and all before it."""
        source = plan.source
        if source.document is None or source.ref.identity in self._made:
            return None
        limits = {line.line_id: line for line in self.coverage.capacity(source.document)}
        consumed = self.ledger.links.consumed(source.ref)
        for use in plan.uses:
            name = (source.ref.identity, use.line_id, use.kind)
            before = self._used.get(name) or consumed.get((use.line_id, use.kind)) or _NONE
            after = (before[0] + use.quantity, before[1] + use.amount)
            limit = limits.get(use.line_id)
            bounds = (limit.quantity, limit.amount) if limit else _NONE
            if any(most is not None and used > most for used, most in zip(after, bounds, strict=True)):
                return exc.Rejected(
                    f"line {use.line_id} of {source.ref}: more would be used of it than is approved.",
                    system=source.ref.instance,
                    document=name_of(source.ref),
                    field="lines",
                    code="line_overdrawn",
                )
            self._used[name] = after
        return None

    def _told(self, part: Part, would: Would) -> Outcome:
        """Report one part and return the reference with which the flow goes on."""
        plan, name = part.plan, ("create", part.request.key.digest)
        source, document = name_of(plan.source.ref), plan.document
        existing = would.existing.ref if would.existing else None
        ref = self._reference(name, would, plan)
        changed = differences(would.before, document) if would.before else []
        self.flow.tell(
            name,
            "create",
            would.verdict,
            source=plan.source.ref,
            part=plan.part,
            docflow_conn_id=self.target.conn_id,
            system=self.target.site.profile.title,
            instance=self.target.site.instance,
            document_type=str(document.document_type),
            ref=ref.to_json() if ref else None,
            existing=existing.to_json() if existing else None,
            then=would.then,
            fields=fields_of(document),
            differences=[one.to_json() for one in changed],
            document=document_to_json(document),
            error=told_error(would.error),
        )
        if ref is None:
            assert would.error is not None
            would.error.document = would.error.document or source
            return failed(source, would.error, part=plan.part)
        handle = Handle(conn_id=self.target.conn_id, ref=ref, material_hash=material_hash(document))
        url = link_of(self.target, existing) if existing else ""
        return shadow_outcome(source, would.verdict, handle, part=plan.part, url=url, error=would.error)

    def _reference(self, name: Any, would: Would, plan: Plan) -> DocumentRef | None:
        if would.verdict in ("incident", "unread"):
            return None
        if would.verdict in ("existing", "found") and would.existing is not None:
            return would.existing.ref
        source = name_of(plan.source.ref).removeprefix("shadow:")
        number = f"{source}/{plan.part}" if plan.part else source
        return self.flow.shadow_ref(name, self.target, plan.document, number)


def _item(write: Write, part: Part) -> WriteItem:
    request = part.request
    mark = request.key.token(write.mark_length)
    return WriteItem(mark=mark, reference=request.reference, document=request.document)


def _inherited(reading: Reading, made: ShadowRow) -> exc.NotApproved:
    return exc.NotApproved(
        f"what it is made from would be refused: {made.body.get('error', {}).get('message', '')}",
        document=name_of(reading.ref),
        field="approval",
        code="approval.inherited",
    )


def _stop(reason: str, code: str, incident: int | None = None) -> exc.IncidentOpen:
    return exc.IncidentOpen(reason, code=code, incident=incident)
