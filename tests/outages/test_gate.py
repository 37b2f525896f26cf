"""The gate in front of a real server that goes down, comes back, or only says so."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.calls import call
from airflow_provider_docflow.core.exchange import SqlUnit, no_later_than
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.hooks.outages import HealthGate
from airflow_provider_docflow.hooks.pinging import NOBODY, answers, judged
from airflow_provider_docflow.hooks.sql import SqlUnits
from airflow_provider_docflow.hooks.system import System
from airflow_provider_docflow.ledger import Ledger
from airflow_provider_docflow.ledger.health import SYSTEM_DOWN
from airflow_provider_docflow.ledger.incidents import Incident
from airflow_provider_docflow.ledger.ramp import Pace
from airflow_provider_docflow.sandbox import FaultRule, Sandbox
from airflow_provider_docflow.systems import sql
from airflow_provider_docflow.systems.rest import example
from tests.ledger.samples import KEY, Clock
from tests.rigs.ledgers import new_ledger

ORDERS = "/erp/purchase_order"
INSTANCE = "erp-1"
PACE = Pace(threshold=3, probe_seconds=60, ramp_start=1000, ramp_seconds=10, ramp_periods=3)


class Shop:
    """An ERP and the ledger of those who ask it; each ``process`` knows only what the ledger tells it."""

    def __init__(self, sandbox: Sandbox, ledger: Ledger, clock: Clock) -> None:
        self.sandbox, self.ledger, self.clock = sandbox, ledger, clock
        self.settings: dict[str, Any] = {}
        ledger.instances.bind("erp", INSTANCE, "example_erp")

    @property
    def site(self) -> Site:
        known = {"api_key": "erp-sandbox-key", "instance": INSTANCE, "timeout_seconds": 5}
        settings = {**known, **self.settings}
        return Site(profile=example.PROFILE, conn_id="erp", base_url=self.sandbox.base_url, settings=settings)

    def process(self) -> System:
        return System(
            self.site,
            ledger=self.ledger,
            gates=lambda site: [HealthGate(self.ledger, site, pace=PACE)],
        )

    def ask(self, path: str = ORDERS, system: System | None = None) -> Any:
        """Read something in a process of its own."""
        using = system or self.process()
        try:
            return using.run(call(using.address, using.address.request("GET", path)))
        finally:
            using.close()

    def fails(self, times: int = 1) -> None:
        """Ask in vain; a read is tried three times."""
        for _ in range(times):
            with pytest.raises(exc.TransientError):
                self.ask()

    def refused(self) -> exc.SystemDown:
        with pytest.raises(exc.SystemDown) as down:
            self.ask()
        return down.value

    def asked(self) -> int:
        return self.sandbox.count("*")

    def incidents(self) -> list[Incident]:
        return self.ledger.incidents.search(status="")

    def state(self) -> str:
        known = self.ledger.health.get(INSTANCE)
        return known.word if known else "never failed"

    def says(self, status: int, **more: Any) -> None:
        self.sandbox.fault(FaultRule("error_before", status=status, times=None, **more))


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    clock = Clock()
    with Sandbox(tmp_path / "erp") as sandbox:
        ledger = Ledger.open(new_ledger(tmp_path / "ledger.sqlite"), keys=[KEY], clock=clock)
        yield Shop(sandbox, ledger, clock)
        ledger.close()


def test_a_server_that_is_gone_is_one_outage_and_is_then_left_alone(shop: Shop) -> None:
    shop.sandbox.stop()
    shop.fails()
    assert shop.state() == "open"
    shop.sandbox.start()
    for _ in range(5):
        down = shop.refused()
    assert shop.asked() == 0, "nothing is sent before the time of the next try"
    (incident,) = shop.incidents()
    assert (incident.code, incident.category, incident.status) == (SYSTEM_DOWN, "technical", "open")
    assert (down.incident, down.retry_after, down.code) == (incident.id, 60, SYSTEM_DOWN)
    assert down.landed == "no"


def test_one_asks_whether_it_is_over_and_then_all_go_on(shop: Shop) -> None:
    shop.sandbox.stop()
    shop.fails()
    shop.sandbox.start()
    shop.clock.forward(60)
    shop.ask()
    first, second = shop.sandbox.requests("*")
    assert NOBODY not in str(second)
    assert (first["method"], second["path"]) == ("GET", ORDERS)
    assert shop.state() == "recovering"
    shop.ask()
    assert shop.asked() == 3, "the next one need not ask whether it is over"
    assert [one.status for one in shop.incidents()] == ["closed"]


def test_while_one_asks_the_others_are_refused(shop: Shop) -> None:
    shop.sandbox.stop()
    shop.fails()
    shop.sandbox.start()
    shop.clock.forward(60)
    assert shop.ledger.health.allow(INSTANCE, probe_seconds=60) == 0
    assert shop.refused().retry_after == 60
    assert shop.asked() == 0
    shop.clock.forward(60)
    shop.ask()
    assert shop.state() == "recovering", "whoever died while asking is not waited for"


def test_a_try_in_vain_is_the_same_outage(shop: Shop) -> None:
    shop.sandbox.stop()
    shop.fails()
    for _ in range(3):
        shop.clock.forward(60)
        shop.refused()
    assert len(shop.incidents()) == 1
    assert shop.state() == "open"


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 418, 422, 429, 500])
def test_whoever_answers_is_not_down(shop: Shop, status: int) -> None:
    shop.says(status)
    for _ in range(2):
        with pytest.raises(exc.DocflowError) as refused:
            shop.ask()
        assert not isinstance(refused.value, exc.SystemDown)
    assert shop.state() == "never failed"
    assert shop.incidents() == []


@pytest.mark.parametrize("status", [502, 503, 504])
def test_what_stands_before_it_may_say_that_it_is_down(shop: Shop, status: int) -> None:
    shop.says(status)
    shop.fails()
    assert shop.state() == "open"
    (incident,) = shop.incidents()
    assert str(status) in incident.reason
    seen = shop.asked()
    shop.refused()
    assert shop.asked() == seen


def test_a_connection_that_is_cut_and_an_answer_that_never_comes_are_failures(shop: Shop) -> None:
    shop.settings["timeout_seconds"] = 0.2
    for fault in (FaultRule("cut", times=2), FaultRule("slow", seconds=1.0, nth=3)):
        shop.sandbox.fault(fault)
    shop.fails()
    assert shop.state() == "open"


def test_failures_between_answers_are_no_outage(shop: Shop) -> None:
    for _ in range(3):
        shop.sandbox.fault(FaultRule("error_before", status=503, times=2))
        shop.ask()
    assert shop.state() == "closed"
    assert shop.incidents() == []


def test_what_a_system_says_of_its_return_is_believed(shop: Shop) -> None:
    shop.says(503, retry_after=300)
    with pytest.raises(exc.TransientError):
        shop.ask()
    for _ in range(2):
        with pytest.raises(exc.DocflowError):
            shop.ask()
    down = shop.refused()
    assert down.retry_after is not None
    assert down.retry_after > PACE.probe_seconds


def test_a_writer_is_refused_before_anything_is_prepared(shop: Shop) -> None:
    shop.sandbox.stop()
    shop.fails()
    with pytest.raises(exc.SystemDown):
        shop.process().writer()
    shop.sandbox.start()
    shop.clock.forward(60)
    system = shop.process()
    system.writer()
    (asked,) = shop.sandbox.requests("*")
    assert asked["method"] == "GET", "it is asked with a read, not with a document"
    system.close()


def test_side_by_side_all_wait_for_the_one_that_asks(shop: Shop) -> None:
    shop.sandbox.stop()
    shop.fails()
    shop.sandbox.start()
    shop.clock.forward(60)
    system = shop.process()
    requests = [system.address.request("GET", ORDERS) for _ in range(6)]
    answered = system.run_many([call(system.address, request) for request in requests])
    assert [type(one) for one in answered] == [dict] * 6
    assert shop.asked() == 7


def test_a_recovering_system_gives_each_a_turn(shop: Shop) -> None:
    slow = Pace(threshold=1, probe_seconds=60, ramp_start=4, ramp_seconds=10, ramp_periods=2)
    shop.ledger.health.failed(INSTANCE, "refused", threshold=1)
    shop.clock.forward(60)
    shop.ledger.health.answered(INSTANCE, pace=slow)
    gate = HealthGate(shop.ledger, shop.site, pace=slow)
    waits = [gate.before(shop.site.request("GET", ORDERS)) for _ in range(4)]
    assert waits == [0, 0.5, 1, 1.5], "two a second: half of the four that are allowed"
    for _ in range(57):
        gate.before(shop.site.request("GET", ORDERS))
    with pytest.raises(exc.SystemDown) as parked:
        gate.before(shop.site.request("GET", ORDERS))
    assert parked.value.code == "recovering"
    assert parked.value.incident is None


def test_a_write_never_waits_beyond_its_lease(shop: Shop) -> None:
    slow = Pace(threshold=1, probe_seconds=60, ramp_start=2, ramp_seconds=10, ramp_periods=2)
    shop.ledger.health.failed(INSTANCE, "refused", threshold=1)
    shop.ledger.health.answered(INSTANCE, pace=slow)
    gate = HealthGate(shop.ledger, shop.site, pace=slow)
    request = shop.site.request("POST", ORDERS, json={})

    def write() -> Any:
        yield request

    next(no_later_than(write(), 0.0))
    gate.before(shop.site.request("GET", ORDERS))
    with pytest.raises(exc.LeaseLost):
        gate.before(request)


def test_in_a_window_nothing_is_sent_and_no_incident_opens(shop: Shop) -> None:
    end = shop.clock.now + timedelta(hours=1)
    shop.ledger.windows.enter("erp", starts_at=shop.clock.now, ends_at=end, reason="new release", actor="ops")
    down = shop.refused()
    assert (down.code, down.retry_after, down.incident) == ("maintenance", 3600, None)
    assert "new release" in down.message
    with pytest.raises(exc.SystemDown):
        shop.process().writer()
    assert shop.asked() == 0
    shop.clock.forward(3600)
    shop.ask()
    assert shop.incidents() == []
    assert shop.state() == "never failed"


def test_a_window_of_the_connections_own_settings(shop: Shop) -> None:
    begins = (shop.clock.now - timedelta(minutes=5)).isoformat()
    ends = (shop.clock.now + timedelta(minutes=5)).isoformat()
    shop.settings["maintenance"] = [{"from": begins, "to": ends}]
    down = shop.refused()
    assert (down.code, down.retry_after) == ("maintenance", 300)
    assert shop.asked() == 0


def test_what_fails_while_a_window_begins_is_no_failure(shop: Shop) -> None:
    gate = HealthGate(shop.ledger, shop.site, pace=PACE)
    request = shop.site.request("GET", ORDERS)
    end = shop.clock.now + timedelta(hours=1)
    shop.ledger.windows.enter("erp", starts_at=shop.clock.now, ends_at=end, reason="patch", actor="ops")
    for _ in range(PACE.threshold):
        gate.after(request, None, httpx2.ConnectError("refused"))
    assert shop.state() == "never failed"


def test_an_outage_confirms_itself_or_was_only_a_hiccup(shop: Shop) -> None:
    system = shop.process()
    gate = system.gates[0]
    assert isinstance(gate, HealthGate)
    assert gate.confirm() is None
    shop.ledger.health.failed(INSTANCE, "cut", threshold=PACE.threshold)
    assert gate.confirm() is None, "it answers: a retry may help"
    assert shop.state() == "closed"
    shop.ledger.health.failed(INSTANCE, "cut", threshold=PACE.threshold)
    shop.sandbox.stop()
    down = gate.confirm()
    assert isinstance(down, exc.SystemDown)
    assert down.incident is not None
    shop.sandbox.start()


def test_a_connection_that_never_answered_has_no_health(shop: Shop) -> None:
    site = Site(profile=example.PROFILE, conn_id="new", base_url="http://127.0.0.1:9", settings={})
    gate = HealthGate(shop.ledger, site, pace=PACE)
    for _ in range(PACE.threshold):
        request = site.request("GET", ORDERS)
        assert gate.before(request) == 0
        gate.after(request, None, httpx2.ConnectError("refused"))
    assert shop.incidents() == []


# ---- databases


UNIT = SqlUnit(())


@pytest.mark.parametrize(
    ("error", "answering"),
    [
        (None, True),
        (exc.Unreachable("refused"), False),
        (exc.UnknownOutcome("cut while committing"), False),
        (exc.TransientError("the connection broke"), False),
        (exc.Conflict("locked"), True),
        (exc.Rejected("a constraint"), True),
        (exc.Misconfigured("no such table"), True),
        (exc.Authentication("password"), True),
        (exc.LeaseLost("too late"), None),
        (exc.SystemDown("a gate"), None),
        (RuntimeError("a defect"), None),
    ],
)
def test_a_unit_of_statements_tells_by_its_error(error: Exception | None, answering: bool | None) -> None:
    assert judged(UNIT, None, error) is answering


def test_a_database_is_asked_whether_it_is_there(shop: Shop, tmp_path: Path) -> None:
    there = f"sqlite:///{tmp_path}/oa.sqlite"
    settings = {"sql_conn_id": there, "ensure": True}
    site = Site(profile=sql.PROFILE.configured({}), conn_id="oa", settings=settings)
    system = System(site, ledger=shop.ledger, sql=SqlUnits(there))
    assert system.site.instance
    assert answers(shop.ledger, site) is True
    gone = Site(
        profile=site.profile, conn_id="oa", settings={"sql_conn_id": f"sqlite:///{tmp_path}/no/such/oa.db"}
    )
    assert answers(shop.ledger, gone) is False
