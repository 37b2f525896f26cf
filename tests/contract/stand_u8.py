"""U8's stand-in: one account set, purchase orders whose results come later."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import httpx2
import pytest

from airflow_provider_docflow.core.profile import WriteItem
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.document import DocumentRef
from airflow_provider_docflow.sandbox import Sandbox
from airflow_provider_docflow.sandbox.u8.identity import (
    APP_KEY,
    APP_SECRET,
    FROM_ACCOUNT,
    STALE_TOKEN,
    TO_ACCOUNT,
)
from airflow_provider_docflow.systems.u8 import PROFILE
from tests.contract.sandboxed import faults_of, named, no_due_date, of_goods, sandbox_for, stand_on
from tests.contract.stands import Factory, Stand

TYPE = "purchase_order"
WRONG = "wrong-secret-55d1"
ADD = "/u8/api/purchaseorder/add"


def settings_of(**more: Any) -> dict[str, Any]:
    return {
        "from_account": FROM_ACCOUNT,
        "to_account": TO_ACCOUNT,
        "ds_sequence": "1",
        "company_code": "C1",
        "stale_login_codes": STALE_TOKEN,
        "rows_per_page": 40,
        "sales_type_code": "1",
        "sales_department": "04",
        **more,
    }


@contextmanager
def _stand(request: pytest.FixtureRequest) -> Iterator[Stand]:
    with sandbox_for("u8") as sandbox:
        # A test waits for nothing that the stand-in could say at once.
        sandbox.call("PUT", "u8/settings", {"ping_after": "0"})
        settings = settings_of()
        site = Site(
            profile=PROFILE.configured(settings),
            conn_id="u8_conn",
            base_url=f"{sandbox.base_url}/u8",
            username=APP_KEY,
            password=APP_SECRET,
            settings=settings,
        )
        yield _over(sandbox, named(site))


def _over(sandbox: Sandbox, site: Site) -> Stand:
    def count(item: WriteItem) -> int:
        vouchers = sandbox.call("GET", "u8/purchaseorder")["vouchers"]
        return sum(f"[{item.mark}]" in voucher["remark"] for voucher in vouchers)

    return stand_on(
        sandbox,
        site,
        asks="/u8/*",
        spoil=lambda item: of_goods(item, "NOTHING"),
        shown=lambda path: re.sub(r"PO[0-9]+", "CODE", path),
        secrets=lambda: (APP_SECRET, WRONG, _token(sandbox)),
        expires="u8/tokens/expire",
        logins="/u8/system/token",
        document_type=TYPE,
        document=no_due_date(TYPE),
        count=count,
        edit=lambda ref: None,
        missing=DocumentRef(site.instance, "", TYPE, "PO99999999"),
        faults=faults_of(sandbox, ADD),
        mark_room=16,
        refused=replace(site, password=WRONG),
        actions={
            "verify": "active",
            "unverify": "draft",
            "audit": "active",
            "abandon": "draft",
            "reject": "draft",
        },
        arguments={
            "audit": {"user": "boss", "opinion": "同意"},
            "abandon": {"user": "boss"},
            "reject": {"user": "boss", "opinion": "超预算"},
        },
        spread=45,
        lacks={"changes": "no list of U8 can be asked for changes"},
    )


def _token(sandbox: Sandbox) -> str:
    query = {"from_account": FROM_ACCOUNT, "app_key": APP_KEY, "app_secret": APP_SECRET}
    answer = httpx2.get(f"{sandbox.base_url}/u8/system/token", params=query)
    return str(answer.json()["token"]["id"])


STANDS: dict[str, Factory] = {"u8": _stand}
