from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_docflow.core.exchange import Exchange
from airflow_provider_docflow.core.profile import Reading, WriteItem, Written
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.document import Document, DocumentRef, Line, Party
from airflow_provider_docflow.hooks.doors import AsyncDoor, Door
from airflow_provider_docflow.sandbox import Sandbox
from airflow_provider_docflow.sandbox.kingdee.identity import ACCOUNT, APP_ID, APP_SECRET, PASSWORD, USER
from airflow_provider_docflow.systems.kingdee import PROFILE

ORDER, FORM = "purchase_order", "PUR_PurchaseOrder"
_SERIAL = itertools.count(1)
DEFAULTS: dict[str, Any] = {
    "approvers": {},
    "users": {USER: PASSWORD},
    "fields": {},
    "disabled": [],
    "unknown": [],
    "numbering": "manual",
    "unaudit_to": "D",
    "edited": [],
    "silent": [],
    "operation_method": "ExcuteOperation",
    "calls_per_minute": None,
    "query_limit": 2000,
    "piece": 4 << 20,
}


class Kingdee:
    """The stand-in, and connections to it."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox

    def site(self, **settings: Any) -> Site:
        """Return a connection; ``forms`` may be an object, ``auth`` picks the login."""
        signed = settings.get("auth", "signed") == "signed"
        given: dict[str, Any] = {
            "acct_id": ACCOUNT,
            "app_id": APP_ID,
            "app_secret": APP_SECRET,
            "auth": "signed",
            "verify_tls": False,
            **settings,
        }
        if not isinstance(given.get("forms", ""), str):
            given["forms"] = json.dumps(given["forms"])
        return Site(
            profile=PROFILE.configured(given),
            conn_id="erp_conn",
            base_url=f"{self.sandbox.base_url}/k3cloud",
            username=USER,
            password="" if signed else PASSWORD,
            settings=given,
            instance=ACCOUNT,
        )

    def run(self, site: Site, exchange: Exchange[Any]) -> Any:
        with Door(site, sleep=lambda seconds: None) as door:
            return door.run(exchange)

    def bulk(self, site: Site, exchanges: Sequence[Exchange[Any]]) -> list[Any]:
        async def run() -> list[Any]:
            async with AsyncDoor(site) as door:
                return list(await door.run_all(exchanges))

        return asyncio.run(run())

    def create(self, site: Site, *documents: Document, **more: Any) -> list[Any]:
        """Create documents in one batch; one entry each."""
        items = [item(document, **more) for document in documents]
        kind = documents[0].document_type
        return list(self.run(site, site.profile.write(kind, "create").run(site, items)))

    def created(self, site: Site, document: Document, **more: Any) -> DocumentRef:
        (entry,) = self.create(site, document, **more)
        assert isinstance(entry, Written), entry
        return entry.ref

    def read(self, site: Site, ref: DocumentRef) -> Reading:
        (found,) = self.run(site, site.profile.of(ref.document_type).read(site, [ref]))
        assert isinstance(found, Reading), found
        return found

    def act(self, site: Site, ref: DocumentRef, action: str, **arguments: Any) -> Any:
        """Carry out an action and return its outcome with its item."""
        done = replace(item(None), ref=ref, arguments=arguments)
        write = site.profile.write(ref.document_type, action)
        (entry,) = self.run(site, write.run(site, [done]))
        return entry

    def bill(self, ref: DocumentRef, form: str = FORM) -> dict[str, Any]:
        """Return a document as the server keeps it."""
        return next(one for one in self.bills(form) if str(one["fid"]) == ref.internal_id)

    def bills(self, form: str = FORM) -> list[dict[str, Any]]:
        return list(self.sandbox.call("GET", f"kingdee/bills/{form}")["bills"])

    def enter(self, model: Mapping[str, Any], form: str = FORM, status: str = "A") -> DocumentRef:
        """Enter a document as a person would."""
        bill = self.sandbox.call("POST", "kingdee/bills", {"form": form, "model": model, "status": status})
        kinds = {FORM: ORDER, "CN_PAYAPPLY": "payment_request"}
        return DocumentRef(ACCOUNT, "", kinds[form], str(bill["fid"]), bill["number"])

    def press(self, ref: DocumentRef, do: str) -> None:
        self.sandbox.call("POST", "kingdee/act", {"fid": int(ref.internal_id), "do": do})

    def set(self, **settings: Any) -> None:
        self.sandbox.call("PUT", "kingdee/settings", settings)

    def bodies(self, method: str) -> list[Any]:
        """Return the parsed bodies of the calls of a method."""
        found = self.sandbox.requests(f"*.{method}.common.kdsvc")
        return [json.loads(one["body"], parse_float=Decimal) for one in found]


@pytest.fixture(scope="session")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with Sandbox(Path(tmp_path_factory.mktemp("kingdee"))) as sandbox:
        yield sandbox


@pytest.fixture
def kingdee(started: Sandbox) -> Kingdee:
    found = Kingdee(started)
    found.set(**DEFAULTS)
    started.clear_faults()
    started.forget_requests()
    return found


def item(document: Document | None, **more: Any) -> WriteItem:
    serial = next(_SERIAL)
    return WriteItem(mark=f"K{serial:015d}", reference=f"REQ-{serial}", document=document, **more)


def line(number: int = 1, **more: Any) -> Line:
    given: dict[str, Any] = {
        "line_id": str(number),
        "item_id": f"P-10{number}",
        "quantity": Decimal("2"),
        "unit_code": "Pcs",
        "price_amount": Decimal("50.25"),
    }
    return Line(**{**given, **more})


def order(*lines: Line, **more: Any) -> Document:
    given: dict[str, Any] = {
        "document_type": ORDER,
        "id": "REQ-1",
        "issue_date": date(2026, 3, 31),
        "company_code": "100",
        "document_currency_code": "CNY",
        "seller_supplier_party": Party(id="S001", name="华强物资"),
        "lines": lines or (line(1), line(2)),
    }
    return Document(**{**given, **more})


MODEL: dict[str, Any] = {
    "FDate": "2026-04-10",
    "FSupplierId": {"FNumber": "S001"},
    "FPurchaseOrgId": {"FNumber": "100"},
    "FPOOrderFinance": {"FSettleCurrId": {"FNumber": "PRE001"}},
    "FPOOrderEntry": [{"FMaterialId": {"FNumber": "P-101"}, "FQty": 100, "FPrice": 50, "FEntryTaxRate": 13}],
}
Factory = Callable[..., Site]
