"""Observing and requesting approvals: what the approval system says becomes a decision in the ledger."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.approvals.policy import Policy, Verdict, judge
from airflow_provider_docflow.approvals.recording import Decided, Recorder
from airflow_provider_docflow.core.profile import Reading
from airflow_provider_docflow.document import material_hash
from airflow_provider_docflow.hooks.creating import Creation, Creator, link_of
from airflow_provider_docflow.hooks.handles import Handle, Outcome, failed
from airflow_provider_docflow.hooks.system import System
from airflow_provider_docflow.ledger.incidents_closing import READABLE
from airflow_provider_docflow.ledger.troubles import Troubles


class Approver:
    """Judges documents of approval systems and records what was decided."""

    def __init__(self, ledger: Any, system_of: Callable[[str], System], *, actor: str) -> None:
        self.ledger, self.system_of, self.actor = ledger, system_of, actor

    def check_enforceable(self, conn_id: str, document_type: str) -> None:
        """Refuse a system that carries no decisions of its own for this type.

        :raises Unsupported: it cannot be observed as an approval.
        """
        system = self.system_of(conn_id)
        if not system.site.profile.of(document_type).approves:
            raise exc.Unsupported(
                f"{system.site.profile.title} carries no decisions on a {document_type}.",
                system=conn_id,
                remedy='Use mode="request" with a connection to an approval system.',
            )

    def observe(
        self,
        handles: Sequence[Handle],
        policy: Mapping[str, Any] | None = None,
        *,
        subjects: Sequence[Handle] | None = None,
    ) -> list[Outcome]:
        """Read the documents, judge them and record every decision; one outcome per handle, in order.

        :param subjects: the documents that the decisions are about, where the approval system only carries a
            form about them.
        """
        rules = Policy.from_json(policy)
        outcomes: dict[int, Outcome] = {}
        decided: list[Decided] = []
        groups: dict[tuple[str, str], list[int]] = {}
        for position, handle in enumerate(handles):
            groups.setdefault((handle.conn_id, str(handle.ref.document_type)), []).append(position)
        for (conn_id, document_type), positions in groups.items():
            self.check_enforceable(conn_id, document_type)
            system = self.system_of(conn_id)
            refs = [handles[position].ref for position in positions]
            for position, reading in zip(positions, system.read(refs), strict=True):
                subject = subjects[position] if subjects else None
                found = self._observed(system, handles[position], reading, rules, subject)
                outcomes[position] = found[0]
                decided.extend(found[1:])
        self._record(decided)
        judged = [handles[position].ref for position, one in outcomes.items() if one.status != "failed"]
        self.ledger.incidents.close_codes(READABLE, actor=self.actor, reason="it can be judged", refs=judged)
        return [outcomes[position] for position in range(len(handles))]

    def _record(self, decided: Sequence[Decided]) -> None:
        Recorder(self.ledger).record(decided)

    def _observed(
        self,
        system: System,
        handle: Handle,
        reading: Reading | exc.DocflowError,
        rules: Policy,
        subject: Handle | None,
    ) -> tuple[Outcome] | tuple[Outcome, Decided]:
        name = handle.ref.number or handle.ref.internal_id
        if isinstance(reading, exc.DocflowError):
            return (failed(name, reading, handle=handle),)
        try:
            verdict = judge(reading, rules)
        except exc.DocflowError as error:
            return (failed(name, error, handle=handle),)
        if verdict.outcome == "unknown":
            return (failed(name, self._unknown(system, reading, verdict), handle=handle),)
        seen = material_hash(reading.document) if reading.document else ""
        kept = Handle(conn_id=handle.conn_id, ref=reading.ref, material_hash=seen)
        outcome = Outcome(
            status=verdict.outcome,
            source=name,
            handle=subject or kept,
            url=link_of(system, reading.ref),
            error={"type": "NotApproved", "message": verdict.reason} if verdict.reason else {},
        )
        if verdict.outcome == "pending":
            return (outcome,)
        about = (subject.ref, subject.material_hash) if subject else None
        return outcome, Decided(reading=reading, verdict=verdict, subject=about)

    def _unknown(self, system: System, reading: Reading, verdict: Verdict) -> exc.DocflowError:
        error: exc.DocflowError = _unreadable(reading) or exc.Rejected(
            verdict.reason,
            system=system.conn_id,
            document=reading.ref.number,
            field="approval",
            code="state.unknown_word",
            remedy="Add the word to the system's profile or settings.",
        )
        self._open(system, reading, error)
        return error

    def _open(self, system: System, reading: Reading, error: exc.DocflowError) -> None:
        error.incident = Troubles(self.ledger, system.site).source_refused(reading.ref, error, self.actor)

    def request(
        self,
        handles: Sequence[Handle],
        *,
        conn_id: str,
        document_type: str,
        mapping: Mapping[str, str] | None = None,
        arguments: Mapping[str, Any] | None = None,
    ) -> list[Outcome]:
        """Create the approval form of each document in the approval system, once per document.

        :param arguments: what the system takes beside the form, such as its approvers.
        """
        self.check_enforceable(conn_id, document_type)
        creation = Creation(
            document_type=document_type,
            mapping=mapping or {},
            until="submitted",
            on_change="supersede",
            requires_approval=False,
            arguments=dict(arguments or {}),
        )
        return self._creator(conn_id, creation).create(handles)

    def _creator(self, conn_id: str, creation: Creation) -> Creator:
        return Creator(self.ledger, self.system_of, self.system_of(conn_id), creation, actor=self.actor)


def _unreadable(reading: Reading) -> exc.InvalidDocument | None:
    """Return why a document cannot be read, under a code by which its incident is found and closed."""
    if reading.problem is None:
        return None
    told = {**reading.problem.attrs(), "code": "document.unreadable"}
    return type(reading.problem)(reading.problem.message, **told)
