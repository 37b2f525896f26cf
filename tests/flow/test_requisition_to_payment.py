"""An approved requisition becomes a payment request in another system, once, whatever is repeated."""

from __future__ import annotations

from tests.flow.conftest import House, form, row


def test_an_approved_requisition_is_paid_once_however_often_it_runs(house: House) -> None:
    sources = house.approved(form("PR-1"), form("PR-2", [row(1), row(2, price="0.05")]))

    first = house.pay(sources)
    again = house.pay(sources)

    assert [outcome.status for outcome in first] == ["written", "written"], first
    assert [outcome.status for outcome in again] == ["existing", "existing"]
    assert sorted((paid["amount"], paid["currency"]) for paid in house.payments()) == [
        ("100.50", "CNY"),
        ("100.60", "CNY"),
    ]


def test_what_nobody_has_approved_is_refused_and_nothing_is_sent(house: House) -> None:
    house.submit(form("PR-1"))
    found = house.flow.sources(["PR-1"], conn_id="oa", document_type="purchase_requisition")

    outcome = house.pay(house.handles(found))[0]

    assert outcome.error["type"] == "NotApproved" and outcome.error["code"] == "approval.missing"
    assert house.payments() == []


def test_a_change_after_the_approval_voids_it_and_names_the_field(house: House) -> None:
    ids = house.submit(form("PR-1"))
    house.sandbox.decide(ids, "agree", userId="boss")
    sources = house.handles(house.observed(ids))
    change = house.sandbox.attach(ids[0], "MODIFY", values=form("PR-1", [row(quantity="20")]))
    house.sandbox.decide(change, "agree", userId="boss")

    for _ in range(2):
        error = house.pay(sources)[0].error
        assert (error["type"], error["code"], error["field"]) == (
            "NotApproved",
            "approval.void",
            "lines[0].quantity",
        )
    assert house.payments() == []


def test_an_approval_taken_back_stops_what_follows(house: House) -> None:
    sources = house.approved(form("PR-1"))
    back = house.sandbox.attach(sources[0].ref.internal_id, "REVOKE")
    house.sandbox.decide(back, "agree", userId="boss")

    assert house.pay(sources)[0].status == "failed"
    assert house.payments() == []


def test_the_same_number_in_two_companies_is_two_documents(house: House) -> None:
    ids = house.submit(form("PR-1", company="1000"), form("PR-1", company="2000"))
    house.sandbox.decide(ids, "agree", userId="boss")
    sources = []
    for company in ("1000", "2000"):
        found = house.flow.sources(
            "PR-1", conn_id="oa", document_type="purchase_requisition", company_code=company
        )
        sources += house.handles(house.approver.observe(house.handles(found)))

    house.pay(sources)
    house.pay(sources)

    assert sorted(paid["company_code"] for paid in house.payments()) == ["1000", "2000"]


def test_the_numbers_are_written_back_onto_the_requisition_once(house: House) -> None:
    sources = house.approved(form("PR-1"))
    payments = house.handles(house.pay(sources))

    first = house.flow.write_back(sources, payments)
    again = house.flow.write_back(sources, payments)

    assert [outcome.status for outcome in (*first, *again)] == ["written", "existing"], (first, again)
    records = house.sandbox.instance(sources[0].ref.internal_id)["records"]
    assert len([one for one in records if one["type"] == "ADD_REMARK"]) == 1
