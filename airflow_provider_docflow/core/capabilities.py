"""What a product can do with each document type, derived from its profile and from nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from airflow_provider_docflow.core.profile import DocumentProfile, Quality, SystemProfile

DECIDING = frozenset({"approve", "audit", "reject"})
"""Actions that decide an approval."""


@dataclass(frozen=True, kw_only=True)
class Capability:
    """One row of the capability table; what is False, 0 or empty the product cannot do.

    :param bulk: how many documents one request creates, where that is more than one.
    :param submit: ``action``, or ``create`` where a document is submitted by being created.
    :param approve: ``wait`` where its decisions may be waited for, ``decide`` where docflow may decide there.
    :param status: the axes of the state that it tells.
    :param idempotency: how surely it can say whether a creation has landed.
    """

    system: str
    title: str
    document_type: str
    experimental: bool = False
    read: bool = True
    list: bool = False
    create: bool = False
    bulk: int = 0
    amend: bool = False
    submit: str = ""
    approve: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()
    status: tuple[str, ...] = ()
    attachments: tuple[str, ...] = ()
    changes: bool = False
    webhook: bool = False
    idempotency: Quality | str = ""
    settle_seconds: float = 0.0
    guarantee: str = ""
    limits: tuple[tuple[str, int, float], ...] = ()
    login_limits: tuple[tuple[str, int, float], ...] = ()
    call_limits: tuple[tuple[str, int, float], ...] = ()
    messages: tuple[str, ...] = ()


def capabilities(profile: SystemProfile) -> Iterator[Capability]:
    """Yield one row per document type, in order of their names; one without a type if there is none."""
    for name, kind in sorted(profile.documents.items()):
        yield _row(profile, name, kind)
    if not profile.documents:
        yield Capability(
            system=profile.name,
            title=profile.title,
            document_type="",
            experimental=profile.experimental,
            read=False,
            webhook=profile.webhook is not None,
            messages=tuple(sorted(profile.channels)),
        )


def _row(profile: SystemProfile, name: str, kind: DocumentProfile) -> Capability:
    create = kind.create
    return Capability(
        system=profile.name,
        title=profile.title,
        document_type=name,
        experimental=profile.experimental,
        list=kind.search is not None,
        create=create is not None,
        bulk=create.batch_size if create and create.batch_size > 1 else 0,
        amend=kind.amend is not None,
        submit=_submit(kind),
        approve=tuple(_approve(kind)),
        actions=tuple(sorted(kind.actions)),
        status=kind.axes,
        attachments=kind.attachments,
        changes=kind.changes is not None,
        webhook=profile.webhook is not None,
        idempotency=create.probe.quality if create else "",
        settle_seconds=create.probe.settle_seconds if create else 0.0,
        guarantee=create.probe.guarantee if create else "",
        limits=tuple((one.name, one.count, one.seconds) for one in profile.limits),
        login_limits=tuple((one.name, one.count, one.seconds) for one in profile.login_limits),
        call_limits=tuple(
            (name, one.count, one.seconds) for name, one in sorted(profile.call_limits.items())
        ),
        messages=tuple(sorted(profile.channels)),
    )


def _submit(kind: DocumentProfile) -> str:
    if "submit" in kind.actions:
        return "action"
    return "create" if kind.create and kind.stages.get("submitted") == () else ""


def _approve(kind: DocumentProfile) -> Iterator[str]:
    if kind.approves:
        yield "wait"
    if DECIDING & set(kind.actions):
        yield "decide"
