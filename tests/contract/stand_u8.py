"""U8's stand-in: one account set, purchase orders whose results come later."""

from __future__ import annotations

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
from airflow_provider_docflow.document import Document, DocumentRef
from airflow_provider_docflow.hooks.doors import Door
from airflow_provider_docflow.sandbox import Sandbox
from airflow_provider_docflow.sandbox.faults import FaultRule
from airflow_provider_docflow.sandbox.u8.identity import (
    APP_KEY,
    APP_SECRET,
    FROM_ACCOUNT,
    STALE_TOKEN,
    TO_ACCOUNT,
)
from airflow_provider_docflow.systems.u8 import PROFILE
from tests.contract.stands import RETRY_AFTER, Factory, Stand, plain_document

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
    with tempfile.TemporaryDirectory(prefix="docflow-u8-") as home, Sandbox(home) as sandbox:
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
        with Door(site) as door:
            site = replace(site, instance=door.run(PROFILE.instance(site)))
        yield _over(sandbox, site)


def _over(sandbox: Sandbox, site: Site) -> Stand:
    def count(item: WriteItem) -> int:
        vouchers = sandbox.call("GET", "u8/purchaseorder")["vouchers"]
        return sum(f"[{item.mark}]" in voucher["remark"] for voucher in vouchers)

    def wait(seconds: float) -> None:
        sandbox.advance(seconds)
        sandbox.settle()

    def forget() -> None:
        stand.secrets = (APP_SECRET, WRONG, _token(sandbox))
        sandbox.forget_requests()

    def bad() -> WriteItem:
        """Name an item that U8 does not have."""
        item = stand.item()
        assert item.document is not None
        first = item.document.lines[0].model_copy(update={"item_id": "NOTHING"})
        lines = (first, *item.document.lines[1:])
        return replace(item, document=item.document.model_copy(update={"lines": lines}))

    stand = Stand(
        site=site,
        document_type=TYPE,
        document=_order,
        count=count,
        edit=lambda ref: None,
        missing=DocumentRef(site.instance, "", TYPE, "PO99999999"),
        faults=_faults(sandbox),
        without={},
        bad=bad,
        calm=sandbox.clear_faults,
        wait=wait,
        settle=lambda: wait(60),
        log=lambda: [
            re.sub(r"PO[0-9]+", "CODE", f"{line['method']} {line['path']}")
            for line in sandbox.requests("/u8/*")
        ],
        forget=forget,
        mark_room=16,
        expire=lambda: [sandbox.call("POST", "u8/tokens/expire", {}), None][1],
        logins=lambda: sandbox.count("/u8/system/token"),
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
    return stand


def _order(number: str) -> Document:
    """Return an order without a due date, for which an order there has no field."""
    return plain_document(TYPE, number, due_date=None)


def _token(sandbox: Sandbox) -> str:
    query = {"from_account": FROM_ACCOUNT, "app_key": APP_KEY, "app_secret": APP_SECRET}
    answer = httpx2.get(f"{sandbox.base_url}/u8/system/token", params=query)
    return str(answer.json()["token"]["id"])


def _faults(sandbox: Sandbox) -> dict[str, Callable[[], None]]:
    def put(fault: str, **more: Any) -> Callable[[], None]:
        rule = FaultRule(fault, method="POST", path=ADD, **more)  # type: ignore[arg-type]
        return lambda: [sandbox.fault(rule), None][1]

    return {
        "cut": put("cut"),
        "reply_lost": put("reply_lost"),
        "error_before": put("error_before"),
        "error_after": put("error_after"),
        "rate_limited": put("rate_limited"),
        "rate_limited_with_retry_after": put("rate_limited", retry_after=RETRY_AFTER),
        "malformed": put("malformed"),
        "late_commit": put("late_commit", seconds=40),
    }


STANDS: dict[str, Factory] = {"u8": _stand}
