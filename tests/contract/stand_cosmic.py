"""Cosmic's stand-in: sales orders whose numbers are kept."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from airflow_provider_docflow.core.profile import WriteItem
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.document import Document, DocumentRef, Party
from airflow_provider_docflow.hooks.doors import LocalTokens
from airflow_provider_docflow.sandbox import Sandbox
from airflow_provider_docflow.systems.cosmic import PROFILE
from tests.contract.sandboxed import faults_of, named, of_nowhere, sandbox_for, stand_on
from tests.contract.stands import Factory, Stand, plain_document

TYPE = "sales_order"
OBJECT = "sm/sm_salorder"
ACCOUNT = "1500000000000000001"
SECRET, WRONG, IDENTITY = "cosmic-sandbox-secret", "wrong-secret-71c2", "djF8identity-55aa"
SAVES = "/cosmic/kapi/v2/sm/sm_salorder/save"


@contextmanager
def _stand() -> Iterator[Stand]:
    with sandbox_for("cosmic") as sandbox:
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
        yield _over(sandbox, named(site))


def _over(sandbox: Sandbox, site: Site) -> Stand:
    def documents() -> list[dict[str, Any]]:
        return list(sandbox.call("GET", f"cosmic/{OBJECT}")["documents"])

    def count(item: WriteItem) -> int:
        return sum(one["billno"] == item.mark for one in documents())

    def edit(ref: DocumentRef) -> None:
        sandbox.call("PUT", f"cosmic/{OBJECT}/{ref.internal_id}", {"billstatus": "C"})

    too_fast = {"status": 200, "reply": {"errorCode": "429", "message": "too fast", "status": False}}
    return stand_on(
        sandbox,
        site,
        asks="/cosmic*",
        spoil=of_nowhere,
        settle=30,
        secrets=lambda: (SECRET, WRONG, IDENTITY),
        expires="cosmic/expire",
        logins="*/oauth2/getToken",
        document_type=TYPE,
        document=order,
        count=count,
        edit=edit,
        missing=DocumentRef(site.instance, "C1", TYPE, "2190000000999999999"),
        faults=faults_of(sandbox, SAVES, late=20, **too_fast),
        # A minute takes thirty logins, and every door of this suite logs in by itself.
        pause=61,
        mark_room=30,
        tokens=LocalTokens(),
        refused=replace(site, password=WRONG),
        actions={"submit": "submitted", "audit": "active"},
        spread=45,
    )


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


def _kept(request: pytest.FixtureRequest) -> Any:
    return _stand()


STANDS: dict[str, Factory] = {"cosmic": _kept}
