from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.document import Document
from airflow_provider_docflow.systems.tryton import PROFILE
from tests.systems.tryton.conftest import Talk, item_of

pytestmark = pytest.mark.system
Make = Callable[..., Document]


def ask(talk: Talk, kind: str, *codes: str) -> dict[str, Any]:
    found: dict[str, Any] = talk.run(PROFILE.lookups[kind](talk.site, codes))
    return found


def test_a_lookup_answers_many_codes_in_one_request(talk: Talk, companies: list[dict[str, Any]]) -> None:
    ask(talk, "party", "SUP-1")
    before = len(talk.log)
    suppliers = ask(talk, "party", "SUP-1", "SUP-2", "NOBODY", "")
    assert len(talk.log) == before + 1
    assert suppliers.keys() == {"SUP-1", "SUP-2"}
    assert ask(talk, "product", "P-100", "P-101", "P-999").keys() == {"P-100", "P-101"}
    assert ask(talk, "currency", "USD", "CNY", "XXX").keys() == {"USD", "CNY"}
    units = ask(talk, "unit", "Unit", "u", "C62", "EA", "parsec")
    assert units.keys() == {"Unit", "u", "C62", "EA"}
    assert len(set(units.values())) == 1
    codes = {company["code"]: company["id"] for company in companies}
    assert ask(talk, "company", *codes) == codes
    assert ask(talk, "party") == {}


def test_a_party_answers_to_its_tax_id_and_a_company_to_its_name(
    clerk: Talk, tryton: Any, companies: list[dict[str, Any]]
) -> None:
    (party,) = tryton.rpc("model.party.party.search", [["code", "=", "SUP-5"]])
    tryton.rpc("model.party.identifier.create", [{"party": party, "type": None, "code": "DE129273398"}])
    assert ask(clerk, "party", "DE129273398") == {"DE129273398": party}
    (row,) = tryton.rpc("model.company.company.read", [companies[0]["id"]], ["party.name"])
    assert ask(clerk, "company", row["party."]["name"]) == {row["party."]["name"]: companies[0]["id"]}


def test_a_payment_term_answers_to_its_name(clerk: Talk, tryton: Any) -> None:
    (term, *_) = tryton.rpc("model.account.invoice.payment_term.search_read", [], 0, 1, None, ["name"])
    assert ask(clerk, "payment_term", term["name"], "no such term") == {term["name"]: term["id"]}


@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("seller_supplier_party.id", {"seller_supplier_party": {"id": "SUP-99"}}),
        ("lines[0].item_id", {"lines": [{"item_id": "P-999"}]}),
        ("lines[0].unit_code", {"lines": [{"unit_code": "parsec"}]}),
        ("document_currency_code", {"document_currency_code": "SEK"}),
        ("company_code", {"company_code": "NOWHERE"}),
        ("seller_supplier_party", {"seller_supplier_party": None}),
        ("lines[0].tax_percent", {"lines": [{"tax_percent": "77"}]}),
        ("payment_terms", {"payment_terms": [{"days": 4711}]}),
    ],
)
def test_missing_master_data_is_named(clerk: Talk, make: Make, field: str, change: dict[str, Any]) -> None:
    line = {"line_id": "1", "item_id": "P-101", "quantity": "1", "price_amount": "100"}
    if "lines" in change:
        change = {"lines": [{**line, **change["lines"][0]}]}
    document = make(**change)
    (error,) = clerk.write("purchase_order", "create", item_of(document))
    assert isinstance(error, exc.InvalidDocument)
    assert (error.document, error.field) == (document.id, field)
    assert error.remedy


def test_an_ambiguous_code_is_refused_and_an_inactive_record_does_not_count(
    clerk: Talk, make: Make, tryton: Any
) -> None:
    (category,) = tryton.rpc("model.product.uom.category.create", [{"name": "Boxes"}])
    box = {"name": "Box", "symbol": "bx", "category": category, "rate": 1.0, "factor": 1.0, "rounding": 1.0}
    first, second = tryton.rpc("model.product.uom.create", [{**box, "digits": 0}, {**box, "digits": 0}])
    line = {"line_id": "1", "description": "nails", "quantity": "1", "price_amount": "1", "unit_code": "Box"}
    (error,) = clerk.write("purchase_order", "create", item_of(make(lines=[line])))
    assert isinstance(error, exc.InvalidDocument)
    assert (error.code, error.field) == ("master.ambiguous", "lines[0].unit_code")
    with pytest.raises(exc.InvalidDocument, match="2 active"):
        ask(clerk, "unit", "Box")
    tryton.rpc("model.product.uom.write", [second], {"active": False})
    assert ask(clerk, "unit", "Box", "bx") == {"Box": first, "bx": first}
    assert clerk.create(make(lines=[line])).ref.internal_id
