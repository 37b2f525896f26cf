"""What goes wrong with single documents in a batch, and that it stays theirs alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.ledger.writer import Writer
from tests.flow.conftest import House, form, row


def test_a_number_entered_twice_is_judged_against_the_first_and_not_taken_for_another_process(
    house: House,
) -> None:
    ids = house.submit(form("PR-1"), form("PR-1", [row(quantity="3")]))
    house.sandbox.decide(ids, "agree", userId="boss")
    sources = house.listed()

    outcomes = house.pay(house.handles(house.approver.observe(sources)))

    assert [outcome.status for outcome in outcomes] == ["written", "failed"]
    assert (outcomes[1].error["type"], outcomes[1].error["code"]) == ("IncidentOpen", "source.changed")
    assert outcomes[1].error["field"] == "lines[0].price_amount"
    assert [paid["amount"] for paid in house.payments()] == ["100.50"]


def test_the_incident_of_a_number_entered_twice_outlives_a_look_at_the_first(house: House) -> None:
    ids = house.submit(form("PR-1"), form("PR-1", [row(quantity="3")]))
    house.sandbox.decide(ids, "agree", userId="boss")
    sources = house.handles(house.approver.observe(house.listed()))
    first = house.pay(sources)

    assert [one.status for one in house.pay(sources)] == ["existing", "failed"]
    assert [one.status for one in house.pay(sources[:1])] == ["existing"]

    (incident,) = house.ledger.incidents.search()
    assert (incident.id, incident.code) == (first[1].error["incident"], "source.changed")
    assert len(house.payments()) == 1


def test_the_same_form_entered_twice_is_paid_once(house: House) -> None:
    ids = house.submit(form("PR-1"), form("PR-1"))
    house.sandbox.decide(ids, "agree", userId="boss")

    outcomes = house.pay(house.handles(house.approver.observe(house.listed())))

    assert [outcome.status for outcome in outcomes] == ["written", "existing"]
    assert len(house.payments()) == 1


def test_a_quantity_of_zero_is_named_as_such(house: House) -> None:
    ids = house.submit(form("PR-1", [row(quantity="0")]))
    house.sandbox.decide(ids, "agree", userId="boss")

    (outcome,) = house.pay(house.handles(house.approver.observe(house.listed())))

    assert (outcome.error["type"], outcome.error["field"]) == ("InvalidDocument", "lines[0].quantity")
    assert house.payments() == []


def test_a_form_that_is_no_document_says_which_field_and_not_that_its_state_is_unknown(house: House) -> None:
    ids = house.submit(form("PR-1", [row(price="dear")]))
    house.sandbox.decide(ids, "agree", userId="boss")

    (outcome,) = house.approver.observe(house.listed())

    error = outcome.error
    assert (error["type"], error["field"]) == ("InvalidDocument", "lines")
    assert "单价" in error["message"]
    (incident,) = house.ledger.incidents.search()
    assert (incident.id, incident.category, incident.field) == (error["incident"], "data", "lines")


def test_what_a_slow_batch_leaves_unsent_goes_out_in_the_next_round(house: House) -> None:
    sources = house.approved(form("PR-1"), form("PR-2"), form("PR-3"))
    oa = house.system_of("oa")
    rounds: list[int] = []

    def slow(exchanges: Sequence[Any]) -> list[Any]:
        """Reads pass; of the comments only the first of each round is away in time."""
        before = house.sandbox.count("*/comments")
        first = oa.run_many(exchanges[:1])
        if house.sandbox.count("*/comments") == before:
            return [*first, *oa.run_many(exchanges[1:])]
        rounds.append(len(exchanges))
        late = exc.LeaseLost("the time to send this write is over; nothing was sent.")
        for one in exchanges[1:]:
            one.close()
        return [*first, *([late] * (len(exchanges) - 1))]

    oa.writer = lambda: Writer(house.ledger, oa.site, slow, owner="test")  # type: ignore[method-assign]

    outcomes = house.flow.act(sources, action="comment", arguments={"text": "paid"})

    assert [outcome.status for outcome in outcomes] == ["written"] * 3
    assert rounds == [3, 2, 1]
    for source in sources:
        records = house.sandbox.instance(source.ref.internal_id)["records"]
        assert len([one for one in records if one["type"] == "ADD_REMARK"]) == 1


def test_a_document_that_gets_its_number_later_is_still_the_same(house: House) -> None:
    ids = house.submit(form(""))
    house.sandbox.decide(ids, "agree", userId="boss")
    named = {"mapping": {"id": "'PAY'"}}
    first = house.pay(house.handles(house.approver.observe(house.listed())), **named)
    change = house.sandbox.attach(ids[0], "MODIFY", values=form("PR-1"))
    house.sandbox.decide(change, "agree", userId="boss")

    again = house.pay(house.handles(house.approver.observe(house.listed()[:1])), **named)

    assert [outcome.status for outcome in (*first, *again)] == ["written", "existing"], (first, again)
    assert len(house.payments()) == 1


def test_an_internal_id_is_never_taken_for_a_number(house: House) -> None:
    ids = house.submit(form(""))
    ids += house.submit(form(ids[0]))
    house.sandbox.decide(ids, "agree", userId="boss")
    sources = house.handles(house.approver.observe(house.listed()))

    outcomes = house.pay(sources, mapping={"id": "'PAY'"})

    assert [outcome.status for outcome in outcomes] == ["written", "written"]
    assert len(house.payments()) == 2


def test_only_the_documents_that_a_condition_chooses_are_written(house: House) -> None:
    sources = house.approved(form("PR-1"), form("PR-2", [row(supplier="SUP-2")]))
    chosen = "source.lines[0].seller_supplier_party.id == 'SUP-2'"

    outcomes = house.pay(sources, where=chosen)
    others = house.pay(sources, where=f"not ({chosen})")

    assert [(one.source, one.status) for one in outcomes + others] == [
        ("PR-2", "written"),
        ("PR-1", "written"),
    ]
    assert sorted(paid["supplier"] for paid in house.payments()) == ["SUP-1", "SUP-2"]


@pytest.mark.parametrize("condition", ["source.payable_amount", "source.nothing == 1"])
def test_a_condition_that_answers_neither_yes_nor_no_writes_nothing(house: House, condition: str) -> None:
    (outcome,) = house.pay(house.approved(form("PR-1")), where=condition)

    assert (outcome.status, outcome.error["field"]) == ("failed", "where")
    assert house.payments() == []
