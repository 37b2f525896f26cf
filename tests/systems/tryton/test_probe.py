from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from airflow_provider_docflow.document import Document
from airflow_provider_docflow.systems.tryton import PROFILE
from tests.systems.tryton.conftest import Talk, item_of, new_mark

pytestmark = pytest.mark.system
Make = Callable[..., Document]
MODELS = {
    "purchase_requisition": "purchase.requisition",
    "purchase_order": "purchase.purchase",
    "supplier_invoice": "account.invoice",
}


def long_ago() -> dt.datetime:
    return dt.datetime.now(dt.UTC) - dt.timedelta(seconds=1)


def test_a_batch_is_probed_in_one_request(talk: Talk, make: Make) -> None:
    items = [item_of(make()) for _ in range(30)]
    talk.write("purchase_order", "create", *items[::2])
    before = len(talk.log)
    findings = talk.find("purchase_order", *items)
    assert len(talk.log) == before + 1
    assert [len(finding.marked) for finding in findings] == [1, 0] * 15
    assert [len(finding.suspects) for finding in findings] == [0] * 30
    reading = findings[0].marked[0]
    assert list(reading.raw["detail"]["lines"]) == ["L1", "L2"]
    assert reading.raw["detail"]["lines"]["L1"] == int(reading.document.lines[0].line_id)


def test_a_batch_sent_before_takes_one_request_more(clerk: Talk, make: Make) -> None:
    items = [replace(item_of(make()), sent_at=long_ago()) for _ in range(20)]
    clerk.find("purchase_order", items[0])
    before = len(clerk.log)
    clerk.find("purchase_order", *items)
    assert len(clerk.log) == before + 2, "the login, which comes first, does not count"


def test_the_mark_survives_an_edited_reference(clerk: Talk, make: Make, tryton: Any) -> None:
    document, mark = make(), new_mark()
    number = int(clerk.create(document, mark).ref.internal_id)
    tryton.rpc("model.purchase.purchase.write", [number], {"reference": "see mail of Monday"})
    (finding,) = clerk.find("purchase_order", item_of(document, mark))
    assert [reading.ref.internal_id for reading in finding.marked] == [str(number)]
    tryton.rpc(
        "model.purchase.purchase.write", [number], {"reference": f"x {mark.lower()}", "description": None}
    )
    (finding,) = clerk.find("purchase_order", item_of(document, mark))
    assert len(finding.marked) == 1


@pytest.mark.parametrize("document_type", MODELS)
def test_a_wiped_mark_makes_a_suspect(clerk: Talk, make: Make, tryton: Any, document_type: str) -> None:
    document, mark = make(document_type), new_mark()
    sent_at = long_ago()
    number = int(clerk.create(document, mark).ref.internal_id)
    texts = {"description": "wiped"}
    if document_type != "purchase_requisition":
        texts["reference"] = "wiped"
    tryton.rpc(f"model.{MODELS[document_type]}.write", [number], texts)
    (fresh,) = clerk.find(document_type, item_of(document, mark))
    assert (fresh.marked, fresh.suspects) == ((), ())
    (again,) = clerk.find(document_type, item_of(document, mark, sent_at=sent_at))
    assert again.marked == ()
    assert str(number) in [reading.ref.internal_id for reading in again.suspects]


def test_suspects_agree_in_company_party_total_and_time(
    clerk: Talk, make: Make, tryton: Any, companies: list[dict[str, Any]]
) -> None:
    line = {"line_id": "1", "item_id": "P-101", "quantity": "1", "price_amount": "4711.07"}
    wanted = make(lines=[line])
    sent_at = long_ago()
    others = [
        wanted,
        make(lines=[line], seller_supplier_party={"id": "SUP-2"}),
        make(lines=[line], company_code=companies[1]["code"]),
        make(lines=[{**line, "price_amount": "4711.08"}]),
    ]
    refs = [clerk.create(document).ref for document in others]
    marked = clerk.create(wanted).ref
    for ref in refs:
        tryton.rpc(
            "model.purchase.purchase.write",
            [int(ref.internal_id)],
            {"reference": None, "description": None},
            company=companies[1]["id"] if ref.company_code == companies[1]["code"] else companies[0]["id"],
        )
    (finding,) = clerk.find("purchase_order", item_of(wanted, sent_at=sent_at))
    found = [reading.ref.internal_id for reading in finding.suspects]
    assert found == [refs[0].internal_id]
    assert marked.internal_id not in found
    later = item_of(wanted, sent_at=dt.datetime.now(dt.UTC) + dt.timedelta(hours=1))
    assert clerk.find("purchase_order", later)[0].suspects == ()


def test_a_copied_order_is_a_second_marked_one(clerk: Talk, make: Make, tryton: Any) -> None:
    document, mark = make(), new_mark()
    number = int(clerk.create(document, mark).ref.internal_id)
    (copy,) = tryton.rpc("model.purchase.purchase.copy", [number], {})
    (finding,) = clerk.find("purchase_order", item_of(document, mark))
    assert sorted(int(reading.ref.internal_id) for reading in finding.marked) == [number, copy]


def test_the_promise_is_exactly_once() -> None:
    for document_type in PROFILE.documents:
        create = PROFILE.write(document_type, "create")
        assert create.probe.guarantee == "guarantee.exactly_once"
        assert create.probe.settle_seconds > 0
        assert create.find is not None
