"""YonBIP's stand-in: one tenant with two organisations, purchase orders as they are when nobody approves."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import httpx2
import pytest

from airflow_provider_docflow.core.profile import WriteItem
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.core.yonyou_crypto import login_signature
from airflow_provider_docflow.document import Document, DocumentRef
from airflow_provider_docflow.hooks.doors import Door
from airflow_provider_docflow.sandbox import Sandbox
from airflow_provider_docflow.sandbox.faults import FaultRule
from airflow_provider_docflow.sandbox.yonbip.identity import APP_KEY, APP_SECRET, TENANT
from airflow_provider_docflow.sandbox.yonbip.masters import SEED
from airflow_provider_docflow.systems.yonbip import PROFILE
from tests.contract.stands import RETRY_AFTER, Factory, Stand, plain_document

TYPE = "purchase_order"
WRONG = "wrong-secret-55d1-4c6e"
SAVE = "*/yonbip/scm/purchaseorder/singleSave_v1"
ORGANISATIONS = {code: record["id"] for code, record in SEED["organisations"].items()}


def settings_of(**more: Any) -> dict[str, Any]:
    return {
        "tenant_id": TENANT,
        "purchase_type": "A20001",
        "sales_type": "SO01",
        "organisations": json.dumps(ORGANISATIONS),
        "page_size": 40,
        "overlap_seconds": 5,
        "calls_per_minute": 100_000,
        **more,
    }


@contextmanager
def _stand(request: pytest.FixtureRequest) -> Iterator[Stand]:
    with tempfile.TemporaryDirectory(prefix="docflow-yonbip-") as home, Sandbox(home) as sandbox:
        settings = settings_of()
        site = Site(
            profile=PROFILE.configured(settings),
            conn_id="yonbip_conn",
            base_url=f"{sandbox.base_url}/yonbip",
            username=APP_KEY,
            password=APP_SECRET,
            settings=settings,
        )
        with Door(site) as door:
            site = replace(site, instance=door.run(PROFILE.instance(site)))
        yield _over(sandbox, site)


def _over(sandbox: Sandbox, site: Site) -> Stand:
    def count(item: WriteItem) -> int:
        orders = sandbox.call("GET", "yonbip/purchase")["orders"]
        return sum(order["headItem"]["define1"] == item.mark for order in orders)

    def edit(ref: DocumentRef) -> None:
        """Let a person there write a memo, so that the time stamp moves on."""
        sandbox.advance(1)
        sandbox.call("PUT", f"yonbip/purchase/{ref.internal_id}", {"memo": "已电话确认"})

    def wait(seconds: float) -> None:
        sandbox.advance(seconds)
        sandbox.settle()

    def forget() -> None:
        stand.secrets = (APP_SECRET, WRONG, _token(sandbox))
        sandbox.forget_requests()

    def log() -> list[str]:
        lines = sandbox.requests("/yonbip/*")
        return [re.sub(r"id=[0-9]+", "id", f"{line['method']} {line['path']}") for line in lines]

    def bad() -> WriteItem:
        """Name an organisation that the tenant does not have."""
        item = stand.item()
        assert item.document is not None
        return replace(item, document=item.document.model_copy(update={"company_code": "NOWHERE"}))

    stand = Stand(
        site=site,
        document_type=TYPE,
        document=_order,
        count=count,
        edit=edit,
        missing=DocumentRef(site.instance, "", TYPE, "1998455756270600195"),
        faults=_faults(sandbox),
        without={},
        bad=bad,
        calm=sandbox.clear_faults,
        wait=wait,
        settle=lambda: wait(60),
        log=log,
        forget=forget,
        mark_room=32,
        expire=lambda: [sandbox.call("POST", "yonbip/tokens/expire", {}), None][1],
        logins=lambda: sandbox.count("*/getAccessToken"),
        refused=replace(site, password=WRONG),
        actions={"submit": "submitted", "audit": "active", "unaudit": "draft"},
        endings={"delete": "cancelled"},
        spread=45,
    )
    return stand


def _order(number: str) -> Document:
    """Return an order without a due date, for which an order there has no field."""
    return plain_document(TYPE, number, due_date=None)


def _token(sandbox: Sandbox) -> str:
    query = {"appKey": APP_KEY, "timestamp": "1700000000000"}
    signed = {**query, "signature": login_signature(query, APP_SECRET)}
    address = f"{sandbox.base_url}/yonbip/iuap-api-auth/open-auth/selfAppAuth/getAccessToken"
    return str(httpx2.get(address, params=signed).json()["data"]["access_token"])


def _faults(sandbox: Sandbox) -> dict[str, Callable[[], None]]:
    def put(fault: str, **more: Any) -> Callable[[], None]:
        rule = FaultRule(fault, method="POST", path=SAVE, **more)  # type: ignore[arg-type]
        return lambda: [sandbox.fault(rule), None][1]

    too_fast = {"status": 200, "reply": {"code": "310046", "message": "触发了API级限流"}}
    return {
        "cut": put("cut"),
        "reply_lost": put("reply_lost"),
        "error_before": put("error_before"),
        "error_after": put("error_after"),
        "rate_limited": put("rate_limited", **too_fast),
        "rate_limited_with_retry_after": put("rate_limited", retry_after=RETRY_AFTER, **too_fast),
        "malformed": put("malformed"),
        "late_commit": put("late_commit", seconds=40),
    }


STANDS: dict[str, Factory] = {"yonbip": _stand}
