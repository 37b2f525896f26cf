"""Who overrides a document may not approve it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.document import DocumentRef
from airflow_provider_docflow.ledger.base import ref_key


class Independence:
    """Answers from the ledger who overrode and who signed; who cannot be told apart counts as the same."""

    def __init__(self, ledger: Any) -> None:
        self.ledger = ledger

    def require(self, ref: DocumentRef, decision: Any) -> None:
        """Refuse an approval that is older than an override, or that whoever overrode it has signed.

        :param decision: the valid approval of what the document says with its overrides.
        :raises NotApproved: the approval does not cover the overridden document.
        """
        overrides = self.ledger.overrides.active([ref]).get(ref_key(ref), [])
        if not overrides:
            return
        if any(decision.recorded_at < one.at for one in overrides):
            raise _refusal(
                ref,
                "it was overridden since it was approved.",
                "approval.void",
                "Have it approved again: an ApprovalOperator with mode='request'.",
            )
        signers = list(self._signers(ref, decision))
        if not signers:
            raise _refusal(ref, "nobody can tell who approved it.", "approval.person_unknown", _TELL)
        for one in overrides:
            for system, approver in signers:
                self._tell_apart(ref, one, system, approver)

    def _signers(self, ref: DocumentRef, decision: Any) -> Iterable[tuple[str, str]]:
        """Return everybody whose signature the approval carries, and for whom it was given."""
        case = (decision.approval_system, decision.approval_instance_id)
        for one in self.ledger.decisions.of(ref):
            if one.decision == "approved" and (one.approval_system, one.approval_instance_id) == case:
                for approver in (one.approver, one.on_behalf_of):
                    if approver:
                        yield one.approval_system, approver

    def _tell_apart(self, ref: DocumentRef, override: Any, system: str, approver: str) -> None:
        same = self.ledger.people.is_same(override.person, system, approver)
        if same:
            raise _refusal(
                ref,
                f"{override.person} overrode {override.field} and approved it as {approver}.",
                "approval.by_overrider",
                "Let somebody else approve it, or withdraw the override.",
            )
        if same is None:
            raise _refusal(
                ref,
                f"{override.person} overrode {override.field}, and nobody has said which ids this person has "
                f"in {system or 'the approval system'}, where {approver} approved it.",
                "approval.person_unknown",
                _TELL,
            )


_TELL = (
    "Complete [docflow] people with the ids of this person in the approval system; an empty list says: none."
)


def _refusal(ref: DocumentRef, reason: str, code: str, remedy: str) -> exc.NotApproved:
    return exc.NotApproved(
        reason,
        system=ref.instance,
        document=ref.number or ref.internal_id,
        code=code,
        field="approval",
        remedy=remedy,
    )
