"""What would be done to documents that exist, who would be told, and what is decided. Nothing is written."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.approvals.coverage import Coverage
from airflow_provider_docflow.approvals.recording import Decided
from airflow_provider_docflow.core.profile import Reading, WriteItem
from airflow_provider_docflow.document import DocumentRef
from airflow_provider_docflow.hooks.acting import Actor, name_of
from airflow_provider_docflow.hooks.approving import Approver
from airflow_provider_docflow.hooks.creating import Creation, Creator, link_of
from airflow_provider_docflow.hooks.handles import Handle, Outcome, Status, failed
from airflow_provider_docflow.hooks.notifying import Notifying
from airflow_provider_docflow.hooks.overriding import with_overrides
from airflow_provider_docflow.hooks.shadow_create import ShadowCreator
from airflow_provider_docflow.hooks.shadow_flow import flat, shadow_outcome, told_error
from airflow_provider_docflow.hooks.system import System
from airflow_provider_docflow.hooks.wording import Wording
from airflow_provider_docflow.ledger.requests import WriteRequest

if TYPE_CHECKING:
    from airflow_provider_docflow.hooks.messengers import Messenger
    from airflow_provider_docflow.hooks.shadow_flow import ShadowFlow

Wanted = tuple[Handle, Mapping[str, Any], str]

_LIVE: dict[str, Status] = {"create": "written", "act": "written", "amend": "amended"}
_LIVE |= {"supersede": "superseded", "existing": "existing", "found": "found"}
_LIVE |= {"approved": "approved", "refuse": "failed"}
"""What a live run would have made of a document, for the words of a message about it."""


class ShadowActor(Actor):
    """Tells which actions would be carried out."""

    def __init__(self, flow: ShadowFlow) -> None:
        super().__init__(flow.ledger, flow.system_of, actor=flow.actor)
        self.flow = flow
        self.coverage = Coverage(flow.ledger, records=False)

    def _family(self, ref: DocumentRef, links: Sequence[Handle]) -> set[tuple[Any, ...]]:
        """Return what descends from a document, shadows of this flow included."""
        family = super()._family(ref, links)
        known = {ref.identity} | family
        shadows = [handle.ref for handle in links if handle.ref.is_shadow]
        return family | {one.identity for one in shadows if self._ancestors(one) & known}

    def _ancestors(self, ref: DocumentRef) -> set[tuple[Any, ...]]:
        found: set[tuple[Any, ...]] = set()
        while ref.is_shadow and ref.identity not in found:
            found.add(ref.identity)
            row = self.ledger.shadows.find([ref]).get(ref.internal_id)
            if row is None or "source" not in row.body:
                break
            ref = DocumentRef.from_json(row.body["source"])
        return found | {ref.identity}

    def _write(self, wanted: Sequence[Wanted], action: str, *, requires_approval: bool) -> list[Outcome]:
        outcomes: dict[int, Outcome] = {}
        groups: dict[tuple[str, str], list[int]] = {}
        for position, (handle, _, _) in enumerate(wanted):
            groups.setdefault((handle.conn_id, str(handle.ref.document_type)), []).append(position)
        for (conn_id, _), positions in groups.items():
            system = self.system_of(conn_id)
            readings = system.read([wanted[position][0].ref for position in positions])
            for position, reading in zip(positions, readings, strict=True):
                outcomes[position] = self._would(system, wanted[position], action, reading, requires_approval)
        return [outcomes[position] for position in range(len(wanted))]

    def _would(
        self,
        system: System,
        wanted: Wanted,
        action: str,
        reading: Reading | exc.DocflowError,
        requires_approval: bool,
    ) -> Outcome:
        handle, arguments, part = wanted
        request = self._request(handle, arguments, part, action)
        error: exc.DocflowError | None = None
        try:
            verdict = self._verdict(system, request, action, reading)
            if requires_approval and isinstance(reading, Reading) and not handle.ref.is_shadow:
                counting = with_overrides(self.ledger, [reading], records=False)[0]
                assert isinstance(counting, Reading)
                self.coverage.require(counting)
        except exc.PermanentError as found:
            verdict, error = "refuse", found
        except exc.LedgerError:
            raise
        except exc.DocflowError as found:
            return failed(name_of(handle.ref), found, handle=handle)
        self.flow.tell(
            (action, request.key.digest),
            action,
            verdict,
            source=handle.ref,
            part=part,
            docflow_conn_id=system.conn_id,
            system=system.site.profile.title,
            instance=system.site.instance,
            document_type=str(handle.ref.document_type),
            ref=handle.ref.to_json(),
            fields=flat(dict(arguments)),
            error=told_error(error),
        )
        url = "" if handle.ref.is_shadow else link_of(system, handle.ref)
        return shadow_outcome(name_of(handle.ref), verdict, handle, part=part, url=url, error=error)

    def _verdict(
        self, system: System, request: WriteRequest, action: str, reading: Reading | exc.DocflowError
    ) -> str:
        assert request.ref is not None
        write = system.site.profile.write(str(request.ref.document_type), action)
        if isinstance(reading, exc.DocflowError):
            raise reading
        if request.ref.is_shadow:
            return "act"
        row = self.ledger.intents.of_keys([request.key]).get(request.key.digest)
        if row is not None and row.receipt is not None:
            return "existing"
        if row is not None and row.status == "held":
            raise exc.IncidentOpen("an incident is open for it.", incident=row.incident)
        mark = request.key.token(write.mark_length)
        item = WriteItem(mark=mark, ref=request.ref, arguments=request.arguments)
        return "found" if write.landed is not None and write.landed(reading, item) else "act"


class ShadowApprover(Approver):
    """Judges documents, records nothing, and tells which approvals would be requested."""

    def __init__(self, flow: ShadowFlow) -> None:
        super().__init__(flow.ledger, flow.system_of, actor=flow.actor)
        self.flow = flow

    def _record(self, decided: Sequence[Decided]) -> None:
        """Record no decision: it belongs to the live run."""

    def _open(self, system: System, reading: Reading, error: exc.DocflowError) -> None:
        """Open no incident."""

    def _creator(self, conn_id: str, creation: Creation) -> Creator:
        return ShadowCreator(self.flow, self.system_of(conn_id), creation)


def notices(
    flow: ShadowFlow,
    outcomes: Sequence[Outcome],
    wording: Wording,
    channels: Sequence[Callable[[], Messenger]],
    *,
    node: str,
) -> list[Outcome]:
    """Report what would be said to whom, by the first channel."""
    messenger = channels[0]()
    notifier = Notifying(flow.ledger, wording, actor=flow.actor)
    told = []
    for outcome in outcomes:
        as_live = replace(outcome, status=_LIVE.get(outcome.verdict, outcome.status))
        note = notifier.note(as_live, node)
        if note is None:
            told.append(outcome)
            continue
        for receiver in messenger.receivers:
            work = notifier.work(messenger, note, receiver)
            row = flow.ledger.intents.of_keys([work.request.key]).get(work.request.key.digest)
            said = wording.many(outcomes) if wording.digest else wording.one(as_live)
            flow.tell(
                ("notify", work.request.key.digest),
                "notify",
                "existing" if row is not None and row.receipt is not None else "notify",
                source=note.ref,
                part=outcome.part,
                system=messenger.kind,
                fields={"receiver": receiver, "text": said, "title": wording.title, "node": note.node},
            )
        told.append(replace(outcome, status="shadow", verdict="notify"))
    return told
