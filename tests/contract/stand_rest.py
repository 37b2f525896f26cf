"""The example profiles in front of the sandbox's ERP: one with idempotency keys, one that searches."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from airflow_provider_docflow.core.profile import SystemProfile, WriteItem
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.document import DocumentRef
from airflow_provider_docflow.sandbox import Sandbox
from airflow_provider_docflow.systems.rest import example
from tests.contract.sandboxed import faults_of, named, of_nowhere, sandbox_for, stand_on
from tests.contract.stands import Factory, Stand

TYPE = "purchase_order"
KEY = "erp-contract-key-5c1f0a"


@contextmanager
def _stand(profile: SystemProfile) -> Iterator[Stand]:
    with sandbox_for("erp") as sandbox:
        sandbox.call("PUT", "erp/settings", {"key": KEY, "companies": ["C1", "C2"]})
        settings = {"api_key": KEY, "instance": "erp-sandbox"}
        site = Site(profile=profile, conn_id="erp_conn", base_url=sandbox.base_url, settings=settings)
        yield _over(sandbox, named(site))


def _over(sandbox: Sandbox, site: Site) -> Stand:
    def documents() -> list[dict[str, Any]]:
        return list(sandbox.call("GET", f"erp/{TYPE}")["documents"])

    def count(item: WriteItem) -> int:
        return sum(item.mark in str(each.get("reference")) for each in documents())

    def edit(ref: DocumentRef) -> None:
        sandbox.call("PUT", f"erp/{TYPE}/{ref.internal_id}", {"status": "approved"})

    return stand_on(
        sandbox,
        site,
        asks="/erp/*",
        spoil=of_nowhere,
        settle=30,
        shown=lambda path: re.sub(r"po-[0-9]+", "ID", path),
        secrets=lambda: (KEY, "wrong-key-77e1"),
        document_type=TYPE,
        count=count,
        edit=edit,
        missing=DocumentRef(site.instance, "C1", TYPE, "po-999999"),
        faults=faults_of(sandbox, "/erp/*", late=0.9),
        mark_room=60,
        refused=replace(site, settings={**site.settings, "api_key": "wrong-key-77e1"}),
        actions={"submit": "submitted", "confirm": "active", "post": "closed"},
        endings={"cancel": "cancelled"},
        spread=105,
    )


def _with(profile: SystemProfile) -> Factory:
    def factory(request: pytest.FixtureRequest) -> Any:
        return _stand(profile)

    return factory


STANDS: dict[str, Factory] = {
    "rest by key": _with(example.PROFILE),
    "rest by search": _with(example.PROFILE_BY_SEARCH),
}
