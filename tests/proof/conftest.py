from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_docflow.sandbox import Sandbox
from airflow_provider_docflow.sandbox.faults import FaultRule
from tests.proof.world import ORDER, World

ERP_KEY = "erp-proof-key-9d31"


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "failure_case(case): a row of the table in docs/failures.md")


@dataclass
class Erp:
    """The sandbox's ERP: the truth behind the connector's back, and what goes wrong in front of it."""

    sandbox: Sandbox

    def fields(self, kind: str, instance: str = "erp-1") -> dict[str, Any]:
        settings = {"api_key": ERP_KEY, "instance": instance}
        return {"kind": kind, "base_url": self.sandbox.base_url, "settings": settings}

    def documents(self, kind: str = ORDER) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.sandbox.call("GET", f"erp/{kind}")["documents"]
        return found

    def of(self, number: str) -> list[dict[str, Any]]:
        """The orders that really stem from a requisition, by what people read on them."""
        return [one for one in self.documents() if str(one.get("reference")).startswith(f"{number} [")]

    def change(self, document: dict[str, Any], **fields: Any) -> None:
        self.sandbox.call("PUT", f"erp/{document['type']}/{document['id']}", fields)

    def fault(self, fault: str, path: str = "/erp/*", method: str = "POST", **more: Any) -> None:
        self.sandbox.fault(FaultRule(fault, method=method, path=path, **more))  # type: ignore[arg-type]

    def quiet(self) -> None:
        """Wait until every request that came in is done with, also those nobody waits for any more."""
        while any(one["status"] is None and not one["fault"] for one in self.sandbox.requests("/erp/*")):
            time.sleep(0.01)

    def writes(self) -> int:
        """How many requests that write came in."""
        return self.sandbox.count("/erp/*", method="POST")


@pytest.fixture(scope="session")
def _sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with Sandbox(tmp_path_factory.mktemp("erp")) as sandbox:
        sandbox.call("PUT", "erp/settings", {"key": ERP_KEY, "companies": ["C1", "C2"]})
        yield sandbox


@pytest.fixture
def erp(_sandbox: Sandbox) -> Iterator[Erp]:
    _sandbox.clear_faults()
    _sandbox.forget_requests()
    yield Erp(_sandbox)
    _sandbox.clear_faults()


@pytest.fixture(params=["by key", "by search"])
def quality(request: pytest.FixtureRequest) -> str:
    """The ERP that refuses a second by an idempotency key, and the one that can only be searched."""
    return str(request.param)


@pytest.fixture(scope="session")
def _empty_ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = World(home=str(tmp_path_factory.mktemp("ledger")))
    made.open().__exit__()
    return made.ledger_path


@pytest.fixture
def home(tmp_path: Path, _empty_ledger: Path) -> World:
    """A world with a ledger and without a target."""
    made = World(home=str(tmp_path))
    shutil.copy(_empty_ledger, made.ledger_path)
    return made


@pytest.fixture
def world(home: World, erp: Erp, quality: str) -> World:
    return home.with_target("erp", **erp.fields(quality))
