from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.ledger.persons import Person
from tests.cli.conftest import Shell
from tests.incidents.conftest import approve, reading_of, ref_of
from tests.operators.test_create import run_chain
from tests.operators.world import World
from tests.rigs.runner import Runner

ALICE, BOB = Person("airflow", "alice"), Person("airflow", "bob")


def _codes(world: World) -> list[str]:
    return [one.code for one in world.ledger.incidents.search()]


def _override(shell: Shell, number: str, field: str, value: str, reason: str = "the offer was wrong") -> None:
    said = shell("override", number, "--field", field, "--value", value, "--reason", reason)
    assert said.code == 0, said.err


def test_an_overridden_price_is_what_is_approved_and_what_is_written(
    world: World, runner: Runner, shell: Shell, people: None
) -> None:
    world.enter("PR-1", ("SUP-1", "2", "10.50"))
    world.approve("PR-1")
    said = shell(
        "override", "PR-1", "--field", "lines[0].price_amount", "--value", "9.00", "--reason", "new offer"
    )
    assert said.code == 0, said.err
    assert "lines[0].price_amount counts as 9 in place of 10.5" in said.out
    assert "its total counts as 18.00 in place of 21.00" in said.out
    refused = run_chain(runner, "PR-1")
    assert refused.state == "failed"
    assert "approval.void" in refused.everything()
    assert "lines[0].price_amount (line 1): 10.5 -> 9" in refused.everything()
    assert world.sends() == 0
    assert _codes(world) == ["approval.void"]
    approve(world, "PR-1", "boss")
    done = run_chain(runner, "PR-1")
    assert done.state == "success", done.everything()
    (order,) = world.orders()
    assert Decimal(order["totals"]["payable"]) == Decimal("18.00")
    assert _codes(world) == []
    (row,) = shell("overrides", "PR-1", "--json").data
    assert (row["field"], row["old"], row["new"], row["status"]) == (
        "lines[0].price_amount",
        "10.5",
        "9",
        "active",
    )
    assert row["reason"] == "new offer"
    assert "overridden" in [event.kind for event in _events(world, "PR-1")]


def _events(world: World, number: str) -> list[object]:
    from airflow_provider_docflow.ledger.decisions import chain_of

    ref = ref_of(world, number)
    assert world.ledger.audit.verify(chain_of(ref)).ok
    return list(world.ledger.audit.events(chain_of(ref)))


def test_an_overridden_total_stands_in_an_allowance_with_its_reason(
    world: World, runner: Runner, shell: Shell, people: None
) -> None:
    world.enter("PR-1", ("SUP-1", "2", "10.50"))
    world.approve("PR-1")
    _override(shell, "PR-1", "payable_amount", "20.00", "settled by telephone")
    document = reading_of(world, "PR-1").document
    assert document is not None
    assert document.payable_amount == Decimal("20.00")
    (told,) = document.allowance_charge
    assert (told.charge, told.amount, told.reason) == (False, Decimal("1.00"), "settled by telephone")
    document.check()


@pytest.mark.parametrize("signed", ["as the approver", "for the approver", "beside another"])
def test_who_overrides_may_not_approve(
    world: World, runner: Runner, shell: Shell, people: None, signed: str
) -> None:
    world.enter("PR-1", ("SUP-1", "2", "10.50"))
    world.approve("PR-1")
    _override(shell, "PR-1", "lines[0].quantity", "1")
    if signed == "as the approver":
        approve(world, "PR-1", "alice.deputy")
    elif signed == "for the approver":
        approve(world, "PR-1", "boss", on_behalf_of="a.lice")
    else:
        approve(world, "PR-1", "a.lice")
        approve(world, "PR-1", "boss")
    refused = run_chain(runner, "PR-1")
    assert refused.state == "failed"
    assert "approval.by_overrider" in refused.everything()
    assert world.sends() == 0
    approve(world, "PR-1", "boss", case="2")
    done = run_chain(runner, "PR-1")
    assert done.state == "success", done.everything()
    assert _codes(world) == []


def test_of_two_documents_with_one_number_the_one_that_is_meant_is_named_by_its_connection(
    world: World, shell: Shell, people: None
) -> None:
    world.enter("PR-1", ("SUP-1", "2", "10.50"))
    world.approve("PR-1")
    ref = ref_of(world, "PR-1")
    world.ledger.documents.ensure([replace(ref, instance="elsewhere")])
    words = ("override", "PR-1", "--field", "lines[0].quantity", "--reason", "typing error")
    said = shell(*words, "--value", "1")
    assert said.code == 1
    assert "in elsewhere" in said.err and "in oa" in said.err and ref.instance not in said.err
    assert shell(*words, "--value", "1", "--instance", "oa").code == 0
    (row,) = shell("overrides", "PR-1", "--json").data
    assert (row["system"], row["connection"]) == (ref.instance, "oa")
    assert shell(*words, "--withdraw").code == 0, "only one of them is overridden"


def test_an_override_is_refused_while_nobody_says_who_it_is(world: World, shell: Shell) -> None:
    world.enter("PR-1", ("SUP-1", "2", "10.50"))
    world.approve("PR-1")
    said = shell("override", "PR-1", "--field", "lines[0].quantity", "--value", "1", "--reason", "x")
    assert said.code == 1
    assert "[docflow] people" in said.err
    assert shell("overrides", "PR-1").out == "no overrides\n"


def test_an_approval_is_refused_when_nobody_can_tell_approver_and_overrider_apart(
    world: World, runner: Runner, shell: Shell, people: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.enter("PR-1", ("SUP-1", "2", "10.50"))
    world.approve("PR-1")
    _override(shell, "PR-1", "lines[0].quantity", "1")
    approve(world, "PR-1", "boss")
    monkeypatch.delenv("AIRFLOW__DOCFLOW__PEOPLE")
    refused = run_chain(runner, "PR-1")
    assert "approval.person_unknown" in refused.everything()
    assert world.sends() == 0


def test_an_override_that_no_longer_fits_stops_the_document(
    world: World, runner: Runner, shell: Shell, people: None
) -> None:
    world.enter("PR-1", ("SUP-1", "2", "10.50"))
    world.approve("PR-1")
    _override(shell, "PR-1", "lines[0].price_amount", "9.00")
    approve(world, "PR-1", "boss")
    world.change_price("PR-1", "11.00")
    refused = run_chain(runner, "PR-1", requires_approval=False)
    assert refused.state == "failed"
    assert "overridden from 10.5 to 9, but the system shows 11 now" in refused.everything()
    assert world.sends() == 0
    assert _codes(world) == ["override.stale"]
    words = (
        "override",
        "PR-1",
        "--field",
        "lines[0].price_amount",
        "--withdraw",
        "--reason",
        "corrected there",
    )
    assert shell(*words).code == 0
    assert _codes(world) == []
    assert shell(*words).code == 1
    assert run_chain(runner, "PR-1", requires_approval=False).state == "success"
    (order,) = world.orders()
    assert Decimal(order["totals"]["payable"]) == Decimal("22.00")


def test_a_stale_override_closes_its_incident_when_it_fits_again(
    world: World, runner: Runner, shell: Shell, people: None
) -> None:
    world.enter("PR-1", ("SUP-1", "2", "10.50"))
    world.approve("PR-1")
    _override(shell, "PR-1", "lines[0].price_amount", "9.00")
    world.change_price("PR-1", "11.00")
    assert reading_of(world, "PR-1").document is None
    assert _codes(world) == ["override.stale"]
    world.change_price("PR-1", "10.50")
    document = reading_of(world, "PR-1").document
    assert document is not None and document.lines[0].price_amount == Decimal("9")
    assert _codes(world) == []


def test_an_override_ends_when_the_system_shows_its_value(
    world: World, runner: Runner, shell: Shell, people: None
) -> None:
    world.enter("PR-1", ("SUP-1", "2", "10.50"))
    world.approve("PR-1")
    _override(shell, "PR-1", "lines[0].price_amount", "9.00")
    approve(world, "PR-1", "boss")
    world.change_price("PR-1", "9.00")
    done = run_chain(runner, "PR-1")
    assert done.state == "success", done.everything()
    (row,) = shell("overrides", "PR-1", "--json").data
    assert (row["status"], row["ended_by"]) == ("met", "docflow")


def test_two_processes_that_see_an_override_met_end_it_once(world: World, shell: Shell, people: None) -> None:
    from airflow_provider_docflow.hooks.overriding import _overridden

    world.enter("PR-1", ("SUP-1", "2", "10.50"))
    world.approve("PR-1")
    _override(shell, "PR-1", "lines[0].price_amount", "9.00")
    world.change_price("PR-1", "9.00")
    active = world.ledger.overrides.active([ref_of_row(world)])
    first = reading_of(world, "PR-1")
    (still_known,) = active.values()
    second = _overridden(world.ledger, first, still_known, "flow", True)
    assert second.document == first.document
    assert [one.status for one in world.ledger.overrides.of(first.ref)] == ["met"]


def ref_of_row(world: World) -> Any:
    (entry,) = world.ledger.documents.find("PR-1")
    return entry.ref


def test_an_old_approval_of_the_same_content_does_not_cover_an_override(
    world: World, runner: Runner, shell: Shell, people: None
) -> None:
    world.enter("PR-1", ("SUP-1", "2", "9.00"))
    approve(world, "PR-1", "boss")
    world.change_price("PR-1", "10.50")
    _override(shell, "PR-1", "lines[0].price_amount", "9.00")
    refused = run_chain(runner, "PR-1")
    assert refused.state == "failed"
    assert "it was overridden since it was approved" in refused.everything()
    assert world.sends() == 0


REFUSED = (
    ("id", "PR-2", "cannot be overridden"),
    ("document_currency_code", "EUR", "cannot be overridden"),
    ("seller_supplier_party.id", "SUP-2", "cannot be overridden"),
    ("payee_account.iban", "DE89370400440532013000", "cannot be overridden"),
    ("notes[0]", "x", "cannot be overridden"),
    ("lines[7].quantity", "1", "there is no line at this position"),
    ("lines[0].quantity", "many", "is no exact number"),
    ("lines[0].quantity", "-1", "expected more than 0"),
    ("lines[0].price_amount", "10.50", "it says that already"),
    ("due_date", "tomorrow", "is not a date"),
)


def test_what_may_not_be_overridden_is_refused(world: World, shell: Shell, people: None) -> None:
    world.enter("PR-1", ("SUP-1", "2", "10.50"))
    world.approve("PR-1")
    for field, value, told in REFUSED:
        said = shell("override", "PR-1", "--field", field, "--value", value, "--reason", "x")
        assert said.code == 1, field
        assert told in said.err, said.err
    assert shell("overrides", "PR-1").out == "no overrides\n"


def test_one_field_has_one_override_and_its_history_stays(world: World, shell: Shell, people: None) -> None:
    world.enter("PR-1", ("SUP-1", "2", "10.50"), ("SUP-2", "1", "5.00"))
    world.approve("PR-1")
    _override(shell, "PR-1", "lines[0].price_amount", "9.00")
    _override(shell, "PR-1", "lines[0].price_amount", "8.00")
    _override(shell, "PR-1", "lines[1].quantity", "3")
    rows = shell("overrides", "PR-1", "--json").data
    assert [(row["new"], row["old"], row["status"]) for row in rows] == [
        ("9", "10.5", "replaced"),
        ("8", "10.5", "active"),
        ("3", "1", "active"),
    ]
    document = reading_of(world, "PR-1").document
    assert document is not None
    assert document.payable_amount == Decimal("31.00")


def test_a_reason_is_needed_and_has_an_end(world: World, people: None) -> None:
    from airflow_provider_docflow.hooks.overriding import Overrider

    world.enter("PR-1", ("SUP-1", "2", "10.50"))
    reading = reading_of(world, "PR-1")
    overrider = Overrider(world.ledger, lambda ref: reading, ALICE)
    for reason in ("", "   ", "x" * 2001):
        with pytest.raises(exc.InvalidDocument, match="reason"):
            overrider.override(reading.ref, "lines[0].quantity", "1", reason)
    assert world.ledger.overrides.of(reading.ref) == []
