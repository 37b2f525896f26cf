from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_docflow.core.calls import body_error
from airflow_provider_docflow.core.profile import Probe, SystemProfile
from airflow_provider_docflow.core.rest import (
    Call,
    Field,
    Find,
    MarkAt,
    RestDocument,
    Scheme,
    Search,
    rest_profile,
)
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.core.states import Words
from airflow_provider_docflow.document import Document, Line, Party
from airflow_provider_docflow.sandbox import Sandbox
from tests.systems.rest.server import LOGIN, SECRET, Api

TYPE = "purchase_order"
LISTING = Call(method="GET", path="/docs", at="data")
KIND = RestDocument(
    read=Call(method="GET", path="/docs/{id}"),
    create=Call(method="POST", path="/docs"),
    amend=Call(method="PATCH", path="/docs/{id}"),
    search=Search(call=LISTING, filters={"party": "vendor", "numbers": "no"}),
    find=Find(call=LISTING, param="note", probe=Probe(quality="unique", settle_seconds=1.0)),
    mark=MarkAt(native="note", text="{reference} [{mark}]", length=30),
    number_at="no",
    fields=(
        Field("company_code", "company"),
        Field("document_currency_code", "cur"),
        Field("payable_amount", "total"),
        Field("seller_supplier_party.id", "vendor"),
    ),
    states={"lifecycle": Words(at="state", words={"new": "draft"})},
)


@pytest.fixture
def api() -> Iterator[Callable[..., Api]]:
    """Start APIs; they end with the test."""
    started: list[Api] = []

    def start(**behaviour: Any) -> Api:
        started.append(Api(**behaviour))
        return started[-1]

    yield start
    for each in started:
        each.stop()


def profile(kind: RestDocument = KIND, login: Scheme | None = None, **more: Any) -> SystemProfile:
    return rest_profile(
        name="small",
        title="Small API",
        documents={TYPE: kind},
        login=login,
        error=body_error("code", "text"),
        **more,
    )


def site_at(api: Api, chosen: SystemProfile, **settings: Any) -> Site:
    return Site(
        profile=chosen,
        conn_id="small_conn",
        base_url=api.url,
        username=LOGIN,
        password=SECRET,
        settings=settings,
        instance="tenant-1",
    )


def document(amount: str = "10.50", kind: str = TYPE, **more: Any) -> Document:
    values: dict[str, Any] = {
        "document_type": kind,
        "id": "PR-1",
        "issue_date": date(2026, 3, 31),
        "company_code": "C1",
        "document_currency_code": "EUR",
        "seller_supplier_party": Party(id="SUP-1", name="Ömer & Söhne 有限公司"),
        "lines": (Line(line_id="1", item_id="P-1", quantity=Decimal(1), price_amount=Decimal(amount)),),
    }
    return Document(**{**values, **more}).totalled()


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    with Sandbox(tmp_path / "sandbox") as running:
        yield running


@pytest.fixture
def erp(sandbox: Sandbox) -> Site:
    """The sandbox's ERP through the example profile that finds by search."""
    from airflow_provider_docflow.systems.rest.example import PROFILE_BY_SEARCH

    site = Site(
        profile=PROFILE_BY_SEARCH,
        conn_id="erp",
        base_url=sandbox.base_url,
        settings={"api_key": "erp-sandbox-key"},
    )
    return replace(site, instance="erp-sandbox")
