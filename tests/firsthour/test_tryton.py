"""The first hour with a real ERP: its live fields, what the user may do, and that looking changes nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_provider_docflow.systems.tryton import PROFILE, describing
from tests.firsthour.conftest import Place, Shell
from tests.firsthour.test_doctor_connection import findings, levels

pytestmark = pytest.mark.system


@pytest.fixture
def erp(place: Place, tryton: Any) -> Any:
    """The connection ``tryton`` of the clerk who buys."""
    buyer = tryton.users["buyer"]
    place.connect(
        "tryton",
        "docflow_tryton",
        tryton.base_url,
        schema=tryton.db,
        login="buyer",
        password=buyer["password"],
        extra={"time_zone": "UTC"},
    )
    return tryton


def stamps(erp: Any) -> dict[str, Any]:
    """How much there is of everything that could have been written."""
    models = ("purchase.purchase", "purchase.requisition", "account.invoice", "account.payment")
    return {model: erp.rpc(f"model.{model}.search_count", []) for model in models}


def test_every_type_of_a_real_erp_tells_its_fields(erp: Any, shell: Shell) -> None:
    for document_type in PROFILE.documents:
        said = shell("describe", "tryton", document_type, "--json")
        assert said.code == 0, (document_type, said.err)
        found = {one["name"]: one for one in said.data}
        mapped = {one["canonical"] for one in found.values()}
        assert {"id", "company_code", "document_currency_code"} & mapped, document_type
        assert not [name for name, one in found.items() if one["custom"]], document_type
    order = {one["name"]: one for one in shell("describe", "tryton", "purchase_order", "--json").data}
    assert order["party"]["canonical"] == "seller_supplier_party.id"
    assert order["party"]["required"] is True
    # Tryton fills these in by defaults of its own.
    assert (order["company"]["required"], order["state"]["required"]) == (False, False)
    assert order["lines.unit_price"]["canonical"] == "lines[*].price_amount"
    assert (order["number"]["written"], order["total_amount"]["written"]) == (False, False)


def test_what_an_unknown_module_adds_is_custom(
    erp: Any, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if docflow had not been tested with the module that brings shipments to invoices."""
    known = describing.KNOWN_MODULES - {"account_invoice_stock"}
    monkeypatch.setattr(describing, "KNOWN_MODULES", known)
    found = shell("describe", "tryton", "supplier_invoice", "--json").data
    custom = {one["name"] for one in found if one["custom"]}
    assert {"shipments", "lines.stock_moves"} <= custom
    assert "party" not in custom


def test_the_doctor_knows_the_rights_of_the_user_and_writes_nothing(erp: Any, shell: Shell) -> None:
    before = stamps(erp)
    found = findings(shell, "tryton")
    assert found["purchase_order: create"]["found"] == "allowed, as the system says"
    # Whoever buys here may not pay.
    refused = levels(found)
    assert refused.pop("payment: create", "fail") in ("warn", "fail")
    assert not [check for check in refused if not check.startswith("payment")], refused
    assert found["clock"]["level"] == "ok"
    assert stamps(erp) == before


def test_a_requisition_is_shown_as_the_order_that_it_would_become(
    erp: Any, place: Place, shell: Shell
) -> None:
    before = stamps(erp)
    place.requisition("PR-1")
    said = shell("map", "oa:purchase_requisition", "tryton:purchase_order", "PR-1", "--json")
    (part,) = json.loads(said.out)["parts"]
    rows = {one["canonical"]: one for one in part["fields"]}
    assert rows["lines[0].price_amount"]["target_field"] == "lines.unit_price"
    assert rows["lines[0].item_id"]["target_field"] == "lines.product"
    assert [one["field"] for one in part["missing"]] == ["party"], "the suppliers stand on the lines"
    split = shell(
        *("map", "oa:purchase_requisition", "tryton:purchase_order", "PR-1"),
        *("--split-by", "seller_supplier_party", "--json"),
    )
    assert (split.code, json.loads(split.out)["parts"][0]["missing"]) == (0, [])
    assert stamps(erp) == before
