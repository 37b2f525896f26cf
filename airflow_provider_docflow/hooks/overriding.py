"""Overrides at work: put into what is read of a source, entered and withdrawn by people."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.approvals.coverage import entry_of
from airflow_provider_docflow.core.profile import Reading
from airflow_provider_docflow.document import (
    Document,
    DocumentRef,
    content_hash,
    differences,
    document_to_json,
    material_hash,
)
from airflow_provider_docflow.document.overriding import (
    STALE,
    Replacement,
    check_field,
    check_material,
    is_met,
    line_of,
    plain_value,
    replaced,
    value_of,
)
from airflow_provider_docflow.hooks.system import System
from airflow_provider_docflow.ledger.base import ref_key
from airflow_provider_docflow.ledger.incidents import NewIncident
from airflow_provider_docflow.ledger.incidents_closing import FITS
from airflow_provider_docflow.ledger.incidents_desk import said
from airflow_provider_docflow.ledger.overrides import NewOverride, Override
from airflow_provider_docflow.ledger.persons import Person
from airflow_provider_docflow.ledger.snapshots import NewSnapshot

Read = Reading | exc.DocflowError


def with_overrides(
    ledger: Any, readings: Sequence[Read], *, actor: str = "docflow", records: bool = True
) -> list[Read]:
    """Return what was read of sources, with what people put in place of it.

    A document whose override no longer fits what the system shows has no content then: nothing is done with
    it until a person has decided its incident. An override that the system itself has come to show ends.

    :param records: whether such an end, or such an incident, is recorded.
    """
    refs = [reading.ref for reading in readings if isinstance(reading, Reading)]
    active = ledger.overrides.active(refs)
    if not active:
        return list(readings)
    return [
        _overridden(ledger, reading, active.get(ref_key(reading.ref), []), actor, records)
        if isinstance(reading, Reading)
        else reading
        for reading in readings
    ]


def _overridden(
    ledger: Any, reading: Reading, active: Sequence[Override], actor: str, records: bool
) -> Reading:
    document = reading.document
    if document is None or not active:
        return reading
    wanted = []
    for one in active:
        if not is_met(document, replacement(one)):
            wanted.append(replacement(one))
        elif records:
            why = "the system shows the value itself"
            # Another process may have read the same just before.
            with suppress(exc.NotFound):
                ledger.overrides.end(reading.ref, one.field, how="met", actor="docflow", reason=why)
    try:
        changed = replaced(document, wanted) if wanted else document
    except exc.InvalidDocument as error:
        if not records:
            return replace(reading, document=None, problem=error)
        return _unfit(ledger, reading, error, actor)
    if records:
        ledger.incidents.close_codes(FITS, actor=actor, reason="the override fits", refs=[reading.ref])
    return replace(reading, document=changed)


def _unfit(ledger: Any, reading: Reading, error: exc.InvalidDocument, actor: str) -> Reading:
    problem = exc.InvalidDocument(
        error.message,
        **{**error.attrs(), "code": STALE, "system": reading.ref.instance, "document": reading.ref.number},
    )
    number = reading.ref.number or reading.ref.internal_id
    problem.incident = ledger.incidents.open(
        NewIncident(
            "data",
            STALE,
            problem.message,
            ref=reading.ref,
            document_number=number,
            field=problem.field,
            actor=actor,
        )
    )
    return replace(reading, document=None, problem=problem)


def replacement(one: Override) -> Replacement:
    """Return what an override replaces."""
    return Replacement(one.field, one.line_id, one.old, one.new, one.reason)


@dataclass(frozen=True)
class Overridden:
    """What came of an override.

    :param old: what the system shows.
    :param new: what counts now.
    :param payable_before: the document's total as the system shows it, None where it has none.
    :param payable_after: its total with every override.
    :param approval_voided: whether a valid approval ended with it.
    """

    id: int
    field: str
    old: Any
    new: Any
    payable_before: str | None
    payable_after: str | None
    approval_voided: bool


class Overrider:
    """Enters and withdraws overrides for one person.

    :param read: reads the document in its system as it stands now.
    """

    def __init__(self, ledger: Any, read: Callable[[DocumentRef], Reading], person: Person) -> None:
        self.ledger, self.read, self.person = ledger, read, person

    def override(self, ref: DocumentRef, field: str, value: Any, reason: str) -> Overridden:
        """Let a value count in place of what the system shows; an approval has to be given anew.

        :raises InvalidDocument: the field may not be overridden, the value is none, or the document would
            contradict itself.
        :raises NotApproved: nobody has said who this person is in the approval systems.
        :raises NotFound: the system does not have the document.
        """
        _, reason = said(str(self.person), reason)
        number = ref.number or ref.internal_id
        check_field(field, number)
        self._refuse_unknown(number)
        reading = self.read(ref)
        before = _readable(reading)
        line_id = line_of(before, field)
        old = value_of(before, field, line_id)
        new = NewOverride(reading.ref, field, line_id, old, plain_value(field, value), reason, self.person)
        wanted = Replacement(field, line_id, old, new.new, reason)
        others = [replacement(one) for one in self.ledger.overrides.active([ref]).get(ref_key(ref), [])]
        kept = [one for one in others if not _same_field(one, wanted)]
        after = replaced(before, [*kept, wanted])
        check_material(before, after, field)
        return self._keep(reading, new, before, after)

    def _keep(self, reading: Reading, new: NewOverride, before: Document, after: Document) -> Overridden:
        told = [difference.to_json() for difference in differences(before, after)]
        with self.ledger.transaction() as tx:
            self.ledger.documents.upsert([entry_of(reading)], tx=tx)
            self.ledger.snapshots.put([_snapshot(reading, before), _snapshot(reading, after)], tx=tx)
            number = self.ledger.overrides.put(new, tx=tx)
            voided = self.ledger.decisions.void_if_changed(new.ref, material_hash(after), told, tx=tx)
        return Overridden(
            number, new.field, new.old, new.new, _total(before), _total(after), approval_voided=voided
        )

    def withdraw(self, ref: DocumentRef, field: str, reason: str) -> Override:
        """Let what the system shows count again; an approval has to be given anew for that, too.

        :raises NotFound: no override of this field is active.
        """
        actor, reason = said(str(self.person), reason)
        ended: Override = self.ledger.overrides.end(ref, field, how="withdrawn", actor=actor, reason=reason)
        self.ledger.incidents.close_codes(FITS, actor=actor, reason=reason, refs=[ref])
        return ended

    def _refuse_unknown(self, number: str) -> None:
        if self.ledger.people.name_of(self.person) is None:
            raise exc.NotApproved(
                f"who overrides may not approve, and nobody has said who {self.person} is there.",
                document=number,
                field="people",
                code="approval.person_unknown",
                remedy=f"Add {self.person.id!r} of {self.person.origin!r} to [docflow] people, with the ids "
                "of this person in the approval systems.",
            )


def reader_of(ledger: Any, system_of: Callable[[str], System]) -> Callable[[DocumentRef], Reading]:
    """Return what reads a document through a connection that leads to its instance.

    :raises NotFound: when it is called: no connection is known to lead there.
    """

    def read(ref: DocumentRef) -> Reading:
        conn_ids = ledger.instances.connections_to(ref.instance)
        if not conn_ids:
            raise exc.NotFound(
                f"no connection is known to lead to {ref.instance}.",
                document=ref.number or ref.internal_id,
                remedy="Let a flow read the document first, or: airflow docflow check CONN_ID.",
            )
        return system_of(conn_ids[0]).read_one(ref)

    return read


def _same_field(one: Replacement, other: Replacement) -> bool:
    return (one.line_id, one.field.partition("].")[2] or one.field) == (
        other.line_id,
        other.field.partition("].")[2] or other.field,
    )


def _readable(reading: Reading) -> Document:
    if reading.document is None:
        raise reading.problem or exc.InvalidDocument(
            "its content could not be read.", system=reading.ref.instance, document=reading.ref.number
        )
    return reading.document


def _snapshot(reading: Reading, document: Document) -> NewSnapshot:
    return NewSnapshot(
        ref=reading.ref,
        revision=reading.changed_at,
        material_hash=material_hash(document),
        content_hash=content_hash(document),
        body=document_to_json(document),
    )


def _total(document: Document) -> str | None:
    total = document.totalled().payable_amount
    return None if total is None else format(total, "f")
