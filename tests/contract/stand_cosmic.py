"""Cosmic's stand-in: sales orders whose numbers are kept."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from airflow_provider_docflow.core.profile import WriteItem
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.document import Document, DocumentRef, Party
from airflow_provider_docflow.hooks.doors import Door, LocalTokens
from airflow_provider_docflow.sandbox import Sandbox
from airflow_provider_docflow.sandbox.faults import FaultRule
from airflow_provider_docflow.systems.cosmic import PROFILE
from tests.contract.stands import RETRY_AFTER, Factory, Stand, plain_document

TYPE = "sales_order"
OBJECT = "sm/sm_salorder"
ACCOUNT = "1500000000000000001"
SECRET, WRONG, IDENTITY = "cosmic-sandbox-secret", "wrong-secret-71c2", "djF8identity-55aa"
SAVES = "/cosmic/kapi/v2/sm/sm_salorder/save"


@contextmanager
def _stand() -> Iterator[Stand]:
    with tempfile.TemporaryDirectory(prefix="docflow-cosmic-") as home, Sandbox(home) as sandbox:
        sandbox.call("PUT", "cosmic/settings", {"orgs": ["C1"], "identity": IDENTITY})
        settings = {
            "user": "docflow",
            "identity_token": IDENTITY,
            "forms": json.dumps({TYPE: {"number_kept": True}}),
            "settle_seconds": 30,
            "page_size": 20,
        }
        site = Site(
            profile=PROFILE.configured(settings),
            conn_id="cosmic_conn",
            base_url=f"{sandbox.base_url}/cosmic",
            username="cosmic-app",
            password=SECRET,
            database=ACCOUNT,
            settings=settings,
        )
        with Door(site) as door:
            site = replace(site, instance=door.run(PROFILE.instance(site)))
        yield _over(sandbox, site)


def _over(sandbox: Sandbox, site: Site) -> Stand:
    def documents() -> list[dict[str, Any]]:
        return list(sandbox.call("GET", f"cosmic/{OBJECT}")["documents"])

    def count(item: WriteItem) -> int:
        return sum(one["billno"] == item.mark for one in documents())

    def edit(ref: DocumentRef) -> None:
        sandbox.call("PUT", f"cosmic/{OBJECT}/{ref.internal_id}", {"billstatus": "C"})

    def wait(seconds: float) -> None:
        sandbox.advance(seconds)
        sandbox.settle()

    def bad() -> WriteItem:
        item = stand.item()
        assert item.document is not None
        return replace(item, document=item.document.model_copy(update={"company_code": "NOWHERE"}))

    def forget() -> None:
        # A minute takes thirty logins, and every door of this suite logs in by itself.
        sandbox.advance(61)
        sandbox.forget_requests()

    stand = Stand(
        site=site,
        document_type=TYPE,
        document=order,
        count=count,
        edit=edit,
        missing=DocumentRef(site.instance, "C1", TYPE, "2190000000999999999"),
        faults=_faults(sandbox),
        without={},
        bad=bad,
        calm=sandbox.clear_faults,
        wait=wait,
        settle=lambda: wait(30),
        log=lambda: [f"{line['method']} {line['path']}" for line in sandbox.requests("/cosmic*")],
        forget=forget,
        mark_room=30,
        expire=lambda: [sandbox.call("POST", "cosmic/expire"), None][1],
        logins=lambda: sandbox.count("*/oauth2/getToken"),
        tokens=LocalTokens(),
        refused=replace(site, password=WRONG),
        secrets=(SECRET, WRONG, IDENTITY),
        actions={"submit": "submitted", "audit": "active"},
        spread=45,
    )
    return stand


def order(number: str) -> Document:
    """Return a sales order, which has a buyer, no due date, and taxes that Cosmic works out itself."""
    plain = plain_document(
        TYPE,
        number,
        seller_supplier_party=None,
        buyer_customer_party=Party(id="CUS-1", name="客户 CUS-1"),
        due_date=None,
    )
    taxed = [
        line.model_copy(update={"tax_percent": Decimal(13), "tax_amount": tax})
        for line, tax in zip(plain.lines, (Decimal("13.07"), Decimal("0.00")), strict=True)
    ]
    blank = {"lines": tuple(taxed), "payable_amount": None, "tax_amount": None}
    return plain.model_copy(update=blank).totalled()


def _faults(sandbox: Sandbox) -> dict[str, Callable[[], None]]:
    def put(fault: str, **more: Any) -> Callable[[], None]:
        rule = FaultRule(fault, method="POST", path=SAVES, **more)  # type: ignore[arg-type]
        return lambda: [sandbox.fault(rule), None][1]

    too_fast = {"status": 200, "reply": {"errorCode": "429", "message": "too fast", "status": False}}
    return {
        "cut": put("cut"),
        "reply_lost": put("reply_lost"),
        "error_before": put("error_before"),
        "error_after": put("error_after"),
        "rate_limited": put("rate_limited", **too_fast),
        "rate_limited_with_retry_after": put("rate_limited", retry_after=RETRY_AFTER, **too_fast),
        "malformed": put("malformed"),
        "late_commit": put("late_commit", seconds=20),
    }


def _kept(request: pytest.FixtureRequest) -> Any:
    return _stand()


STANDS: dict[str, Factory] = {"cosmic": _kept}
