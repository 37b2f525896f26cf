"""YonBIP's stand-in: one tenant with two organisations, purchase orders as they are when nobody approves."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import httpx2
import pytest

from airflow_provider_docflow.core.profile import WriteItem
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.core.yonyou_crypto import login_signature
from airflow_provider_docflow.document import DocumentRef
from airflow_provider_docflow.sandbox import Sandbox
from airflow_provider_docflow.sandbox.yonbip.identity import APP_KEY, APP_SECRET, TENANT
from airflow_provider_docflow.sandbox.yonbip.masters import SEED
from airflow_provider_docflow.systems.yonbip import PROFILE
from tests.contract.sandboxed import faults_of, named, no_due_date, of_nowhere, sandbox_for, stand_on
from tests.contract.stands import Factory, Stand

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
    with sandbox_for("yonbip") as sandbox:
        settings = settings_of()
        site = Site(
            profile=PROFILE.configured(settings),
            conn_id="yonbip_conn",
            base_url=f"{sandbox.base_url}/yonbip",
            username=APP_KEY,
            password=APP_SECRET,
            settings=settings,
        )
        yield _over(sandbox, named(site))


def _over(sandbox: Sandbox, site: Site) -> Stand:
    def count(item: WriteItem) -> int:
        orders = sandbox.call("GET", "yonbip/purchase")["orders"]
        return sum(order["headItem"]["define1"] == item.mark for order in orders)

    def edit(ref: DocumentRef) -> None:
        """Let a person there write a memo, so that the time stamp moves on."""
        sandbox.advance(1)
        sandbox.call("PUT", f"yonbip/purchase/{ref.internal_id}", {"memo": "已电话确认"})

    too_fast = {"status": 200, "reply": {"code": "310046", "message": "触发了API级限流"}}
    return stand_on(
        sandbox,
        site,
        asks="/yonbip/*",
        spoil=of_nowhere,
        shown=lambda path: re.sub(r"id=[0-9]+", "id", path),
        secrets=lambda: (APP_SECRET, WRONG, _token(sandbox)),
        expires="yonbip/tokens/expire",
        logins="*/getAccessToken",
        document_type=TYPE,
        document=no_due_date(TYPE),
        count=count,
        edit=edit,
        missing=DocumentRef(site.instance, "", TYPE, "1998455756270600195"),
        faults=faults_of(sandbox, SAVE, **too_fast),
        mark_room=32,
        refused=replace(site, password=WRONG),
        actions={"submit": "submitted", "audit": "active", "unaudit": "draft"},
        endings={"delete": "cancelled"},
        spread=45,
    )


def _token(sandbox: Sandbox) -> str:
    query = {"appKey": APP_KEY, "timestamp": "1700000000000"}
    signed = {**query, "signature": login_signature(query, APP_SECRET)}
    address = f"{sandbox.base_url}/yonbip/iuap-api-auth/open-auth/selfAppAuth/getAccessToken"
    return str(httpx2.get(address, params=signed).json()["data"]["access_token"])


STANDS: dict[str, Factory] = {"yonbip": _stand}
