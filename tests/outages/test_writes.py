"""A system that answers every question and takes no write: it is left alone as one that is down."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.calls import call
from airflow_provider_docflow.core.exchange import SqlUnit, Statement
from airflow_provider_docflow.hooks.outages import HealthGate, outage_behind
from airflow_provider_docflow.hooks.system import System
from airflow_provider_docflow.hooks.writes_failing import WriteGate, kind_of_write
from airflow_provider_docflow.ledger import Ledger
from airflow_provider_docflow.ledger.search_health import SeenHealth
from airflow_provider_docflow.ledger.search_incidents import Sight
from airflow_provider_docflow.sandbox import FaultRule, Sandbox
from tests.ledger.samples import KEY, Clock
from tests.operators.world import World
from tests.outages.conftest import Town
from tests.outages.test_gate import INSTANCE, ORDERS, PACE, Shop
from tests.outages.test_tasks import ERP, down, enter, opened, read
from tests.rigs.ledgers import new_ledger
from tests.rigs.runner import Runner

__all__ = ["down"]

INVOICES = "/erp/supplier_invoice"
KIND = f"POST {ORDERS}"


class WritingShop(Shop):
    """A shop whose callers pass the gates of reads and writes."""

    def process(self) -> System:
        def gates(site: Any) -> list[Any]:
            whole = HealthGate(self.ledger, site, pace=PACE)
            return [whole, WriteGate(whole)]

        return System(self.site, ledger=self.ledger, gates=gates)

    def write(self, number: str, path: str = ORDERS, system: System | None = None) -> Any:
        """Post something in a process of its own."""
        using = system or self.process()
        body = {"reference": number, "company": "1000", "lines": []}
        try:
            return using.run(call(using.address, using.address.request("POST", path, json=body), writes=True))
        finally:
            using.close()

    def writes_fail(self, *numbers: str, path: str = ORDERS) -> None:
        for number in numbers:
            with pytest.raises(exc.UnknownOutcome):
                self.write(number, path)

    def held(self, path: str = ORDERS) -> exc.SystemDown:
        with pytest.raises(exc.SystemDown) as refused:
            self.write("one more", path)
        return refused.value

    def word(self, path: str = ORDERS) -> str:
        known = self.ledger.health.get(INSTANCE, part=f"POST {path}")
        return known.word if known else "never failed"


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[WritingShop]:
    with Sandbox(tmp_path / "erp") as sandbox:
        clock = Clock()
        ledger = Ledger.open(new_ledger(tmp_path / "ledger.sqlite"), keys=[KEY], clock=clock)
        found = WritingShop(sandbox, ledger, clock)
        found.says(502, method="POST", path=ORDERS)
        yield found
        ledger.close()


def posts(shop: Shop, path: str = ORDERS) -> int:
    return shop.sandbox.count(path, method="POST")


def test_writes_that_fail_in_a_row_are_one_outage_and_nothing_more_is_written(shop: WritingShop) -> None:
    shop.writes_fail("A", "B", "C")
    for _ in range(4):
        refused = shop.held()
    assert posts(shop) == 3
    (incident,) = shop.incidents()
    assert (incident.code, incident.field, incident.status) == ("writes_failing", KIND, "open")
    assert "HTTP 502" in incident.reason
    assert (refused.code, refused.incident, refused.landed) == ("writes_failing", incident.id, "no")
    assert KIND in refused.message and "502" in refused.message
    assert "airflow docflow health erp --now" in refused.remedy


def test_reads_and_other_writes_go_on(shop: WritingShop) -> None:
    shop.writes_fail("A", "B", "C")
    assert shop.ask() is not None
    assert shop.write("INV-1", INVOICES)
    assert (shop.state(), shop.word(), shop.word(INVOICES)) == ("closed", "open", "never failed")


def test_one_write_tries_and_then_all_go_on_slowly_at_first(shop: WritingShop) -> None:
    shop.writes_fail("A", "B", "C")
    shop.clock.forward(PACE.probe_seconds)
    shop.writes_fail("D")
    shop.held()
    assert posts(shop) == 4, "one tries, and the others wait until the next may"
    shop.sandbox.clear_faults()
    shop.held()
    shop.clock.forward(PACE.probe_seconds)
    assert shop.write("E")
    assert shop.word() == "recovering"
    assert [one.status for one in shop.incidents()] == ["closed"]
    assert shop.write("F")
    assert {one.instance_id for one in shop.ledger.health.all()} == {INSTANCE}


def test_a_person_may_have_it_tried_at_once(shop: WritingShop) -> None:
    shop.writes_fail("A", "B", "C")
    shop.sandbox.clear_faults()
    shop.ledger.health.ask_now(INSTANCE)
    assert shop.write("D")


def test_one_document_that_always_fails_is_no_outage(shop: WritingShop) -> None:
    shop.writes_fail(*["A"] * 7)
    assert shop.incidents() == []
    assert shop.word() == "closed"


def test_documents_that_one_task_sends_again_and_again_are_no_outage(shop: WritingShop) -> None:
    system = shop.process()
    for number in "ABABABAB":
        with pytest.raises(exc.UnknownOutcome):
            shop.write(number, system=system)
    assert (shop.incidents(), shop.word()) == ([], "closed")
    with pytest.raises(exc.UnknownOutcome):
        shop.write("C", system=system)
    assert shop.word() == "open"


def test_a_write_that_is_taken_begins_the_count_anew(shop: WritingShop) -> None:
    for _ in range(2):
        shop.writes_fail("A", "B")
        shop.sandbox.clear_faults()
        shop.write("C")
        shop.says(502, method="POST", path=ORDERS)
    shop.writes_fail("D", "E")
    assert shop.incidents() == []


def test_a_refusal_is_an_answer(shop: WritingShop) -> None:
    shop.sandbox.clear_faults()
    shop.says(500, method="POST", path=ORDERS)
    shop.writes_fail("A", "B", "C", "D")
    assert (shop.word(), shop.incidents()) == ("never failed", [])


def test_a_system_that_is_down_altogether_is_one_outage(shop: WritingShop) -> None:
    system = shop.process()
    shop.sandbox.stop()
    for number in "ABCDEF":
        with pytest.raises(exc.DocflowError):
            shop.write(number, system=system)
    assert shop.state() == "open"
    assert [one.field for one in shop.incidents()] == [""]
    shop.sandbox.start()
    shop.clock.forward(PACE.probe_seconds)
    shop.says(502, method="POST", path=ORDERS)
    shop.ask()
    shop.writes_fail("G", "H")
    assert shop.word() == "closed", "what failed with all the rest counts no longer"


def test_in_a_window_a_failing_write_counts_for_nothing(shop: WritingShop) -> None:
    whole = HealthGate(shop.ledger, shop.site, pace=PACE)
    gate = WriteGate(whole)
    end = shop.clock.now + timedelta(hours=1)
    shop.ledger.windows.enter("erp", starts_at=shop.clock.now, ends_at=end, reason="patch", actor="ops")
    for number in range(PACE.threshold):
        request = shop.site.request("POST", ORDERS, json={"reference": number})
        request.extensions = {**request.extensions, "docflow_writes": True}
        gate.after(request, _reply(request), None)
    assert shop.word() == "never failed"


def _reply(request: Any) -> Any:
    import httpx2

    return httpx2.Response(502, request=request)


def test_whoever_tried_in_vain_comes_back_behind_the_others(shop: WritingShop) -> None:
    shop.writes_fail("A", "B", "C")
    others = outage_behind([_gate(shop)], exc.TransientError("x"))
    assert others is None, "a process that has seen no such failure has nothing to confirm"
    shop.clock.forward(PACE.probe_seconds)
    system = shop.process()
    with pytest.raises(exc.UnknownOutcome) as failed:
        shop.write("D", system=system)
    tried = outage_behind(system.gates, failed.value)
    refused = shop.held()
    assert tried is not None and tried.retry_after is not None and refused.retry_after is not None
    assert tried.retry_after > refused.retry_after


def _gate(shop: WritingShop) -> WriteGate:
    return WriteGate(HealthGate(shop.ledger, shop.site, pace=PACE))


def test_the_pages_and_the_command_tell_of_it(shop: WritingShop) -> None:
    shop.writes_fail("A", "B", "C")
    (seen,) = SeenHealth(shop.ledger).all(Sight((), systems=True))
    assert (seen.instance, seen.state, seen.whole) == (INSTANCE, "open", False)
    assert KIND in seen.cause
    shop.sandbox.clear_faults()
    shop.clock.forward(PACE.probe_seconds)
    shop.write("D")
    (seen,) = SeenHealth(shop.ledger).all(Sight((), systems=True))
    assert seen.state == "recovering"


def test_a_writer_of_many_asks_the_ledger_once_whether_writes_fail(shop: WritingShop) -> None:
    gate = _gate(shop)
    request = shop.site.request("POST", ORDERS, json={})
    request.extensions = {**request.extensions, "docflow_writes": True}
    assert gate.quick_before(request) is None, "nobody has asked yet"
    gate.ready()
    assert gate.quick_before(request) == 0
    shop.writes_fail("A")
    other = _gate(shop)
    other.ready()
    assert other.quick_before(request) is None, "one has failed: the ledger is asked"


@pytest.mark.parametrize(
    ("method", "path", "kind"),
    [
        ("POST", "/erp/purchase_order", "POST /erp/purchase_order"),
        ("PUT", "/erp/purchase_order/17/confirm", "PUT /erp/purchase_order/*/confirm"),
        ("POST", "/v1.0/workflow/processInstances", "POST /v1.0/workflow/processInstances"),
        ("POST", "/open/9f3c2d1e-aa/x?token=secret", "POST /open/*/x"),
    ],
)
def test_a_kind_of_write_is_its_method_and_path_without_what_names_a_document(
    shop: WritingShop, method: str, path: str, kind: str
) -> None:
    request = shop.site.request(method, path)
    assert kind_of_write(request) == ""
    request.extensions = {**request.extensions, "docflow_writes": True}
    assert kind_of_write(request) == kind


def test_write_transactions_of_a_database_are_a_kind(shop: WritingShop) -> None:
    """A database that has become a replica answers every question and takes no row."""
    whole = HealthGate(shop.ledger, shop.site, pace=PACE)
    gate = WriteGate(whole)
    error = exc.TransientError("cannot execute INSERT in a read-only transaction")
    for number in (1, 1, 2, 3):
        insert = Statement("INSERT INTO payment (number) VALUES (:number)", {"number": number})
        unit = SqlUnit((insert,), writes=True)
        assert gate.before(unit) == 0
        whole.after(unit, None, error)
        gate.after(unit, None, error)
    with pytest.raises(exc.SystemDown, match="every write transaction"):
        gate.before(SqlUnit((Statement("INSERT INTO payment (number) VALUES (4)"),), writes=True))
    assert gate.before(SqlUnit((Statement("SELECT 1"),))) == 0
    (incident,) = shop.incidents()
    assert (incident.code, incident.field) == ("writes_failing", "write transaction")
    assert shop.state() == "closed"


@pytest.mark.parametrize("code", [1290, 1792, 1836])
def test_a_mysql_that_only_reads_has_not_refused_the_document(code: int) -> None:
    from sqlalchemy.exc import OperationalError

    from airflow_provider_docflow.hooks.sql import _kind

    assert (
        _kind(OperationalError("INSERT", {}, Exception(code, "read only")), str(code)) is exc.TransientError
    )


# ---- in Airflow's own task runner


def test_tasks_park_while_writes_fail_and_use_up_no_retry(down: World, town: Town, runner: Runner) -> None:
    numbers = [f"PR-{n}" for n in range(1, 13)]
    enter(down, *numbers, "PR-13", "PR-14")
    many = read(runner, numbers, retries=0)
    down.sandbox.fault(FaultRule("error_before", method="POST", path=ORDERS, status=502, times=None))
    parked = runner.run(many)
    assert parked.state == "up_for_reschedule", parked.everything()
    assert KIND in parked.log
    sent = down.sandbox.count(ORDERS, method="POST")
    others = read(runner, ["PR-13", "PR-14"], retries=0)
    for times in range(3):
        assert runner.run(others, reschedules=times).state == "up_for_reschedule"
    assert down.sandbox.count(ORDERS, method="POST") == sent, "nothing is sent while it lasts"
    assert opened(down) == [("writes_failing", "open")]
    down.sandbox.clear_faults()
    down.ledger.health.ask_now(ERP)
    done = runner.run(others, reschedules=3)
    if done.state == "up_for_reschedule":
        # The one that tried got through and the other was refused beside it.
        done = runner.run(others, reschedules=4)
    assert done.state == "success", done.everything()
    assert sorted(order["reference"].split()[0] for order in down.orders()) == ["PR-13", "PR-14"]
    assert opened(down) == [("writes_failing", "closed")]
    (posted,), (subject,) = town.posted(), town.mailed()
    assert "answers questions" in posted and KIND in posted
    assert "takes no such writes" in subject
