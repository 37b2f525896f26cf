"""The example profiles in front of the sandbox's ERP: one with idempotency keys, one that searches."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from airflow_provider_docflow.core.profile import SystemProfile, WriteItem
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.document import DocumentRef
from airflow_provider_docflow.hooks.doors import Door
from airflow_provider_docflow.sandbox import Sandbox
from airflow_provider_docflow.sandbox.faults import FaultRule
from airflow_provider_docflow.systems.rest import example
from tests.contract.stands import RETRY_AFTER, Factory, Stand

TYPE = "purchase_order"
KEY = "erp-contract-key-5c1f0a"


@contextmanager
def _stand(profile: SystemProfile) -> Iterator[Stand]:
    with tempfile.TemporaryDirectory(prefix="docflow-erp-") as home, Sandbox(home) as sandbox:
        sandbox.call("PUT", "erp/settings", {"key": KEY, "companies": ["C1", "C2"]})
        settings = {"api_key": KEY, "instance": "erp-sandbox"}
        site = Site(profile=profile, conn_id="erp_conn", base_url=sandbox.base_url, settings=settings)
        with Door(site) as door:
            site = replace(site, instance=door.run(profile.instance(site)))
        yield _over(sandbox, site)


def _over(sandbox: Sandbox, site: Site) -> Stand:
    def documents() -> list[dict[str, Any]]:
        return list(sandbox.call("GET", f"erp/{TYPE}")["documents"])

    def count(item: WriteItem) -> int:
        return sum(item.mark in str(each.get("reference")) for each in documents())

    def edit(ref: DocumentRef) -> None:
        sandbox.call("PUT", f"erp/{TYPE}/{ref.internal_id}", {"status": "approved"})

    def log() -> list[str]:
        lines = sandbox.requests("/erp/*")
        return [f"{line['method']} {re.sub(r'po-[0-9]+', 'ID', line['path'])}" for line in lines]

    def wait(seconds: float) -> None:
        sandbox.advance(seconds)
        sandbox.settle()

    stand = Stand(
        site=site,
        document_type=TYPE,
        count=count,
        edit=edit,
        missing=DocumentRef(site.instance, "C1", TYPE, "po-999999"),
        faults=_faults(sandbox),
        without={},
        bad=lambda: stand.item(),
        calm=sandbox.clear_faults,
        wait=wait,
        settle=lambda: wait(30),
        log=log,
        forget=sandbox.forget_requests,
        mark_room=60,
        refused=replace(site, settings={**site.settings, "api_key": "wrong-key-77e1"}),
        secrets=(KEY, "wrong-key-77e1"),
        actions={"submit": "submitted", "confirm": "active", "post": "closed"},
        endings={"cancel": "cancelled"},
        spread=105,
    )
    stand.bad = lambda: _of_another_company(stand)
    return stand


def _of_another_company(stand: Stand) -> WriteItem:
    item = stand.item()
    assert item.document is not None
    return replace(item, document=item.document.model_copy(update={"company_code": "NOWHERE"}))


def _faults(sandbox: Sandbox) -> dict[str, Callable[[], None]]:
    def put(fault: str, **more: Any) -> Callable[[], None]:
        rule = FaultRule(fault, method="POST", path="/erp/*", **more)  # type: ignore[arg-type]
        return lambda: [sandbox.fault(rule), None][1]

    return {
        "cut": put("cut"),
        "reply_lost": put("reply_lost"),
        "error_before": put("error_before"),
        "error_after": put("error_after"),
        "rate_limited": put("rate_limited"),
        "rate_limited_with_retry_after": put("rate_limited", retry_after=RETRY_AFTER),
        "malformed": put("malformed"),
        "late_commit": put("late_commit", seconds=0.9),
    }


def _with(profile: SystemProfile) -> Factory:
    def factory(request: pytest.FixtureRequest) -> Any:
        return _stand(profile)

    return factory


STANDS: dict[str, Factory] = {
    "rest by key": _with(example.PROFILE),
    "rest by search": _with(example.PROFILE_BY_SEARCH),
}
