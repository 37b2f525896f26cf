"""Listing, following changes, looking vendors up, and what fields there are."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.systems.yonbip import PROFILE
from airflow_provider_docflow.systems.yonbip.masters import vendor_ids
from tests.systems.yonbip.conftest import MARK, PURCHASE, SALE, Desk, purchase, sale

SUP_1, SUP_2 = "1998446281572745301", "1998446281572745302"


def ids(readings: list[Any]) -> list[str]:
    return [reading.ref.internal_id for reading in readings]


def test_orders_are_listed_by_what_is_asked(desk: Desk) -> None:
    first = desk.create(purchase("PO-1"), "M1")
    second = desk.create(
        purchase("PO-2", company_code="C2", seller_supplier_party={"id": "SUP-2"}, issue_date="2026-04-02"),
        "M2",
    )
    for query, expected in (
        ({}, [first, second]),
        ({"company_code": "C2"}, [second]),
        ({"party": "SUP-1"}, [first]),
        ({"numbers": (second.number, "CG0", first.number)}, [second, first]),
        ({"issued_from": date(2026, 4, 1)}, [second]),
        ({"issued_to": date(2026, 3, 31)}, [first]),
        ({"issued_from": date(2026, 3, 31), "issued_to": date(2026, 4, 2)}, [first, second]),
        ({"raw": {"status": "1"}}, []),
        ({"changed_since": datetime.now(UTC) + timedelta(hours=1)}, []),
    ):
        assert ids(desk.search(**query)) == [ref.internal_id for ref in expected], query
    (row,) = desk.search(party="SUP-2")
    assert (row.company_code, row.party, row.currency, row.document) == ("C2", "SUP-2", "CNY", None)


def test_sales_orders_are_listed_by_company_and_customers_id(desk: Desk) -> None:
    ref = desk.create(sale())
    assert ids(desk.search(SALE, company_code="C2", party="1998446281572745401")) == [ref.internal_id]
    assert desk.search(SALE, company_code="C1") == []


def test_a_list_over_several_pages_shows_each_order_once(desk: Desk) -> None:
    desk.site = desk.connect(page_size=2)
    refs = [desk.create(purchase(f"PO-{n}"), f"M{n}") for n in range(5)]
    assert ids(desk.search()) == [ref.internal_id for ref in refs]
    assert desk.sandbox.count("*/list") == 3


@pytest.mark.parametrize(
    ("query", "kind", "field"),
    [
        ({"company_code": "C9"}, exc.Unsupported, "company_code"),
        ({"party": "SUP-404"}, exc.NotFound, "party"),
    ],
)
def test_what_cannot_be_asked_is_said(
    desk: Desk, query: dict[str, str], kind: type[exc.DocflowError], field: str
) -> None:
    with pytest.raises(kind) as told:
        desk.search(**query)
    assert told.value.field == field


def test_an_organisation_that_the_connection_does_not_name_stays_unknown(desk: Desk) -> None:
    ref = desk.create()
    desk.site = desk.connect(organisations="{}")
    reading = desk.read(ref)
    assert reading.company_code == ""
    assert [each.company_code for each in desk.search()] == [""]


def test_settings_that_are_no_json_are_named(desk: Desk) -> None:
    desk.site = desk.connect(organisations="C1=1")
    with pytest.raises(exc.Misconfigured) as told:
        desk.search(company_code="C1")
    assert told.value.field == "organisations"
    desk.site = desk.connect(tax_items='{"x": "VAT13"}')
    with pytest.raises(exc.Misconfigured) as told:
        desk.create()
    assert told.value.field == "tax_items"


def follow(desk: Desk, cursor: str) -> tuple[list[str], str]:
    """Return what has changed since a cursor, and the next cursor."""
    changes = PROFILE.of(PURCHASE).changes
    assert changes is not None
    seen, more = [], True
    while more:
        found = desk.run(changes(desk.site, cursor))
        seen += [ref.internal_id for ref in found.refs]
        cursor, more = found.cursor, found.more
    return seen, cursor


def test_changes_go_on_from_the_round_before_less_the_overlap(desk: Desk) -> None:
    desk.sandbox.freeze()
    desk.site = desk.connect(page_size=2)
    refs = [desk.create(purchase(f"PO-{n}"), f"M{n}").internal_id for n in range(3)]
    seen, cursor = follow(desk, "")
    assert seen == refs
    desk.sandbox.advance(60)
    seen, cursor = follow(desk, cursor)
    assert seen == refs
    assert follow(desk, cursor)[0] == []
    desk.act("submit", desk.ref(refs[1]))
    seen, again = follow(desk, cursor)
    assert seen == follow(desk, again)[0] == [refs[1]]


def test_vendors_are_looked_up_by_code(desk: Desk) -> None:
    found = desk.run(vendor_ids(desk.site, ["SUP-2", "SUP-404", "SUP-1", "SUP-2"]))
    assert found == {"SUP-1": SUP_1, "SUP-2": SUP_2}
    assert desk.sandbox.count("*/vendor/list") == 3
    desk.site = desk.connect(vendor_path="/yonbip/digitalModel/vendor/queryByPage")
    assert desk.run(vendor_ids(desk.site, ["SUP-1"])) == {"SUP-1": SUP_1}


def test_master_data_of_the_tenants_own(desk: Desk) -> None:
    desk.sandbox.call("PUT", "yonbip/masters/vendors", {"SUP-9": {"id": "9007199254740993", "name": "九号"}})
    assert desk.run(vendor_ids(desk.site, ["SUP-9"])) == {"SUP-9": "9007199254740993"}
    ref = desk.create(purchase(seller_supplier_party={"id": "SUP-9"}))
    assert desk.read(ref).party == "SUP-9"


def test_the_fields_of_an_order(desk: Desk) -> None:
    describe = PROFILE.of(PURCHASE).describe
    assert describe is not None
    empty = {field.name: field for field in desk.run(describe(desk.site))}
    assert empty["vendor_code"].canonical == "seller_supplier_party.id"
    assert empty["vendor_code"].required
    instance = desk.site.instance
    desk.create(purchase(extensions={instance: {"headItem.define7": "华东"}}), MARK)
    own = {field.name for field in desk.run(describe(desk.site)) if field.custom}
    assert own == {"headItem.define7"}
    assert "headItem.define1" in empty


def test_an_order_that_is_not_there_is_not_found(desk: Desk) -> None:
    with pytest.raises(exc.NotFound) as told:
        desk.read(desk.ref("1998455756270600195"))
    assert told.value.code == "1002"
    assert told.value.document == "1998455756270600195"
