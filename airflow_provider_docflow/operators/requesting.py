"""Requests approvals by forms, and knows of each form which content of the document it was made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.assets import emit
from airflow_provider_docflow.operators.kept import Case

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_docflow.hooks.approving import Approver
    from airflow_provider_docflow.hooks.flow import Flow
    from airflow_provider_docflow.hooks.handles import Handle, Outcome


def request(
    flow: Flow,
    approver: Approver,
    subjects: Sequence[Handle],
    *,
    conn_id: str,
    document_type: str,
    mapping: Mapping[str, str] | None,
    arguments: Mapping[str, Any] | None = None,
) -> tuple[list[Case], list[Outcome]]:
    """Request the approval of documents as they read now; once for each content.

    :param subjects: with the hash of what was just read.
    :returns: what is to be decided, and the outcomes of those for which there is no valid request.
    """
    if flow.in_shadow:
        return _in_shadow(flow, approver, subjects, conn_id, document_type, mapping)
    requested = Requested(flow.ledger, flow.system_of(conn_id).site.instance, document_type)
    noted = {subject.ref.identity: requested.note(subject) for subject in subjects}
    made = approver.request(
        subjects, conn_id=conn_id, document_type=document_type, mapping=mapping, arguments=arguments
    )
    # What could not be planned comes first and names its source; then one form for each of the rest.
    refused = [one for one in made if not one.good and one.handle is not None]
    without = {one.handle.ref.identity for one in refused if one.handle is not None}
    forms = [one for one in made if one.good or one.handle is None]
    rest = [subject for subject in subjects if subject.ref.identity not in without]
    cases: list[Case] = []
    for subject, form in zip(rest, forms, strict=True):
        found = _judged(requested, subject, form, noted[subject.ref.identity])
        if isinstance(found, Case):
            cases.append(found)
        else:
            refused.append(found)
    return cases, refused


def look_in_shadow(
    operator: Any, context: Context, flow: Any, approver: Approver, cases: Sequence[Case]
) -> list[Outcome]:
    """Report how approvals stand; nobody is waited for, and no decision is recorded."""
    from airflow_provider_docflow.hooks.handles import Outcome

    real = [case for case in cases if not case.form.ref.is_shadow]
    subjects: Any = [case.subject for case in real]
    seen = approver.observe([case.form for case in real], operator.policy, subjects=subjects) if real else []
    unrequested = [
        Outcome(status="pending", source=case.form.ref.number, handle=case.subject or case.form)
        for case in cases
        if case.form.ref.is_shadow
    ]
    told: list[Outcome] = flow.observed([*seen, *unrequested])
    if operator.wait == "handover" and flow.emits:
        emit(context, [one.handle for one in told if one.verdict == "approved" and one.handle is not None])
    return told


def _in_shadow(
    flow: Flow,
    approver: Approver,
    subjects: Sequence[Handle],
    conn_id: str,
    document_type: str,
    mapping: Mapping[str, str] | None,
) -> tuple[list[Case], list[Outcome]]:
    """Report the forms that would be requested; a form that is there already is looked at."""
    cases, refused = [], []
    for subject in subjects:
        made = approver.request([subject], conn_id=conn_id, document_type=document_type, mapping=mapping)
        forms = [one.handle for one in made if one.good and one.handle is not None]
        cases += [Case(form, subject) for form in forms]
        refused += [one for one in made if not one.good]
    return cases, refused


def _judged(requested: Requested, subject: Handle, form: Outcome, noted: str) -> Case | Outcome:
    from airflow_provider_docflow.hooks.handles import failed

    if form.handle is None or not form.good:
        return form
    if form.status in ("written", "superseded"):
        requested.renew(subject)
    elif noted != subject.material_hash:
        return failed(form.source, _other_content(subject, form.handle), handle=subject)
    return Case(form.handle, subject)


def _other_content(subject: Handle, form: Handle) -> exc.NotApproved:
    return exc.NotApproved(
        f"it has changed since its approval was requested by {form.ref}, which does not show the change.",
        system=subject.ref.instance,
        document=subject.ref.number,
        field="approval",
        code="approval.other_content",
        remedy="Undo the change, or withdraw that form and let a new one be requested.",
    )


class Requested:
    """What was to be decided when its approval was requested.

    A form need not show every material field. If one that it does not show changes, the form stays as it is,
    and a decision on it says nothing about what the document has become.
    """

    def __init__(self, ledger: Any, form_instance: str, form_type: str) -> None:
        self.ledger, self.form = ledger, f"{form_instance}:{form_type}"

    def note(self, subject: Handle) -> str:
        """Remember the content before its approval is requested; return the content first noted."""
        name = self._name(subject)
        cursor = self.ledger.cursors.get(name)
        if cursor.value is None and self.ledger.cursors.set(name, subject.material_hash, expected=cursor):
            return subject.material_hash
        return str(self.ledger.cursors.get(name).value)

    def renew(self, subject: Handle) -> None:
        """Remember that a new form was made of the present content."""
        cursor = self.ledger.cursors.get(self._name(subject))
        self.ledger.cursors.set(self._name(subject), subject.material_hash, expected=cursor)

    def _name(self, subject: Handle) -> str:
        from airflow_provider_docflow.ledger.base import ref_key

        return f"requested:{ref_key(subject.ref)}:{sha256(self.form.encode()).hexdigest()}"
