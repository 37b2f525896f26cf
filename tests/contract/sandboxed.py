"""What the stands share of systems that the sandbox plays: its clock, its faults and its journal."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from airflow_provider_docflow.core.profile import WriteItem
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.document import Document
from airflow_provider_docflow.hooks.doors import Door
from airflow_provider_docflow.sandbox import Sandbox
from airflow_provider_docflow.sandbox.faults import FaultRule
from tests.contract.stands import RETRY_AFTER, Stand, plain_document


@contextmanager
def sandbox_for(system: str) -> Iterator[Sandbox]:
    """Run a sandbox of its own."""
    with tempfile.TemporaryDirectory(prefix=f"docflow-{system}-") as home, Sandbox(home) as sandbox:
        yield sandbox


def named(site: Site) -> Site:
    """Return a connection with the instance that the system says it is."""
    with Door(site) as door:
        return replace(site, instance=door.run(site.profile.instance(site)))


def stand_on(
    sandbox: Sandbox,
    site: Site,
    *,
    asks: str,
    spoil: Callable[[WriteItem], WriteItem],
    settle: float = 60,
    shown: Callable[[str], str] = str,
    secrets: Callable[[], tuple[str, ...]],
    pause: float = 0,
    expires: str = "",
    logins: str = "",
    **own: Any,
) -> Stand:
    """Return the stand of a product that the sandbox plays.

    :param asks: glob of the paths that the connector asks.
    :param spoil: makes an item bad.
    :param settle: seconds until late work is done and every search sees it.
    :param shown: a path as it is compared.
    :param secrets: those that are in force now.
    :param pause: seconds that pass before a test, for logins that are limited.
    :param expires: where the sandbox ends every login; empty where there is none.
    :param logins: glob of the path of the login.
    """

    def wait(seconds: float) -> None:
        sandbox.advance(seconds)
        sandbox.settle()

    def forget() -> None:
        stand.secrets = secrets()
        if pause:
            sandbox.advance(pause)
        sandbox.forget_requests()

    def expire() -> None:
        sandbox.call("POST", expires, {})

    stand = Stand(
        site=site,
        bad=lambda: spoil(stand.item()),
        calm=sandbox.clear_faults,
        wait=wait,
        settle=lambda: wait(settle),
        log=lambda: [f"{one['method']} {shown(one['path'])}" for one in sandbox.requests(asks)],
        expire=expire if expires else None,
        logins=(lambda: sandbox.count(logins)) if logins else None,
        forget=forget,
        **{"without": {}, **own},
    )
    return stand


def changed(item: WriteItem, **update: Any) -> WriteItem:
    """Return an item whose document says something else."""
    assert item.document is not None
    return replace(item, document=item.document.model_copy(update=update))


def of_nowhere(item: WriteItem) -> WriteItem:
    """Name a company that the system does not have."""
    return changed(item, company_code="NOWHERE")


def of_goods(item: WriteItem, item_id: str) -> WriteItem:
    """Order something else."""
    assert item.document is not None
    return changed(
        item, lines=tuple(line.model_copy(update={"item_id": item_id}) for line in item.document.lines)
    )


def no_due_date(document_type: str) -> Callable[[str], Document]:
    """Return what makes documents of systems that have no field for a due date."""
    return lambda number: plain_document(document_type, number, due_date=None)


def faults_of(
    sandbox: Sandbox, path: str, *, late: float = 40, **too_fast: Any
) -> dict[str, Callable[[], None]]:
    """Return the faults of the call that creates.

    :param path: glob of its path.
    :param late: seconds after which a late commit comes.
    :param too_fast: the reply to a caller who is too fast.
    """

    def put(fault: str, **more: Any) -> Callable[[], None]:
        rule = FaultRule(fault, method="POST", path=path, **more)  # type: ignore[arg-type]
        return lambda: [sandbox.fault(rule), None][1]

    plain = {fault: put(fault) for fault in ("cut", "reply_lost", "error_before", "error_after", "malformed")}
    return {
        **plain,
        "rate_limited": put("rate_limited", **too_fast),
        "rate_limited_with_retry_after": put("rate_limited", retry_after=RETRY_AFTER, **too_fast),
        "late_commit": put("late_commit", seconds=late),
    }
