"""What reading leaves behind: the index, a snapshot of each document, and an outcome that points to it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_docflow.core.profile import Reading
    from airflow_provider_docflow.exceptions import DocflowError
    from airflow_provider_docflow.hooks.flow import Flow
    from airflow_provider_docflow.hooks.handles import Handle, Outcome
    from airflow_provider_docflow.hooks.system import System


def read_again(flow: Flow, handles: Sequence[Handle]) -> list[Outcome]:
    """Read documents as they stand now; one outcome per handle, in order."""
    outcomes: dict[int, Outcome] = {}
    groups: dict[tuple[str, str], list[int]] = {}
    for position, handle in enumerate(handles):
        groups.setdefault((handle.conn_id, str(handle.ref.document_type)), []).append(position)
    for (conn_id, _), positions in groups.items():
        system = flow.system_of(conn_id)
        refs = [handles[position].ref for position in positions]
        names = [ref.number or ref.internal_id for ref in refs]
        outcomes.update(zip(positions, keep(flow, system, names, system.read(refs)), strict=True))
    return [outcomes[position] for position in range(len(handles))]


def keep(
    flow: Flow, system: System, names: Sequence[str], readings: Sequence[Reading | DocflowError]
) -> list[Outcome]:
    """Keep what was read in the ledger, all of it in one transaction, and return an outcome for each.

    :param names: what each document was asked for by.
    """
    from airflow_provider_docflow.approvals.coverage import entry_of
    from airflow_provider_docflow.core.profile import Reading
    from airflow_provider_docflow.hooks.overriding import with_overrides

    found = [one for one in readings if isinstance(one, Reading) and not one.ref.is_shadow]
    counting = with_overrides(flow.ledger, readings, actor=flow.actor, records=not flow.in_shadow)
    # What counts is kept beside what the system shows: an approval may be about either.
    counts = [
        one
        for one, shown in zip(counting, readings, strict=True)
        if isinstance(one, Reading) and one is not shown and not one.ref.is_shadow
    ]
    if found:
        with flow.ledger.transaction() as tx:
            flow.ledger.documents.upsert([entry_of(reading) for reading in found], tx=tx)
            flow.ledger.snapshots.put(_snapshots([*found, *counts]), tx=tx)
    return [_outcome(system, name, reading) for name, reading in zip(names, counting, strict=True)]


def _snapshots(readings: Sequence[Reading]) -> list[Any]:
    from airflow_provider_docflow.document import content_hash, document_to_json, material_hash
    from airflow_provider_docflow.ledger.snapshots import NewSnapshot

    return [
        NewSnapshot(
            ref=reading.ref,
            revision=reading.changed_at,
            material_hash=material_hash(reading.document),
            content_hash=content_hash(reading.document),
            body=document_to_json(reading.document),
        )
        for reading in readings
        if reading.document is not None
    ]


def _outcome(system: System, name: str, reading: Reading | DocflowError) -> Outcome:
    from airflow_provider_docflow.core.profile import Reading
    from airflow_provider_docflow.document import material_hash
    from airflow_provider_docflow.hooks.creating import link_of
    from airflow_provider_docflow.hooks.handles import Handle, Outcome, failed

    if not isinstance(reading, Reading):
        return failed(name, reading)
    seen = material_hash(reading.document) if reading.document else ""
    handle = Handle(conn_id=system.conn_id, ref=reading.ref, material_hash=seen)
    return Outcome(status="read", source=name, handle=handle, url=link_of(system, reading.ref))
