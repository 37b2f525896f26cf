"""The gate as the doors use it, against a system that counts."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.calls import call
from airflow_provider_docflow.core.exchange import no_later_than
from airflow_provider_docflow.core.limits import quotas_of
from airflow_provider_docflow.core.profile import Limit, Token
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.hooks.budgets import LONGEST_WAIT, BudgetGate
from airflow_provider_docflow.hooks.gates import Gate
from airflow_provider_docflow.hooks.system import System
from airflow_provider_docflow.hooks.tokens import LedgerTokens
from airflow_provider_docflow.ledger import Ledger
from airflow_provider_docflow.sandbox import Sandbox
from tests.ledger.samples import KEY
from tests.limits.stand import INSTANCE, NO_CALLS_LEFT, TOO_FAST, Stand, profile
from tests.rigs.ledgers import new_ledger

FAST = Limit(name="calls", count=1000, seconds=1.0)
MONTH = 30 * 86_400.0


@pytest.fixture
def running_ledger(tmp_path: Path) -> Iterator[Ledger]:
    """A ledger whose clock runs."""
    opened = Ledger.open(new_ledger(tmp_path / "ledger.sqlite"), keys=[KEY])
    yield opened
    opened.close()


Systems = Callable[..., System]


@pytest.fixture
def connect(running_ledger: Ledger) -> Iterator[Systems]:
    """Connects to a stand-in, each time as another process would: with gates of its own."""
    made: list[System] = []

    def system(
        stand: Stand, *limits: Limit, conn_id: str = "limited", ledger: Ledger = running_ledger, **more: Any
    ) -> System:
        site = Site(profile=profile(*limits), conn_id=conn_id, base_url=stand.url, settings=more)
        made.append(System(site, ledger=ledger, tokens=LedgerTokens(ledger)))
        return made[-1]

    yield system
    for one in made:
        one.close()


def ask(system: System, **more: Any) -> Any:
    """One call, as a read that is not tried again."""
    return system.run(call(system.site, system.site.request("GET", "/item"), writes=True, **more))


def asked(stand: Stand) -> int:
    return stand.statuses("/item").count(200)


def test_every_request_is_counted_and_unused_calls_are_given_back(
    stand: Callable[..., Stand], connect: Systems, running_ledger: Ledger
) -> None:
    monthly, server = Limit(name="monthly", count=100, seconds=MONTH), stand()
    system = connect(server, monthly, FAST)
    for _ in range(10):
        ask(system)
    found = system.run_many([call(system.site, system.site.request("GET", "/item")) for _ in range(20)])
    assert not any(isinstance(one, Exception) for one in found)
    system.close()
    (use,) = running_ledger.budgets.quota_uses(INSTANCE, quotas_of([monthly]), UTC)
    assert use.used == len(server.journal()) == 1 + 1 + 30, "the login and the question who it is too"


def test_a_handful_of_calls_is_taken_at_once(
    stand: Callable[..., Stand], connect: Systems, running_ledger: Ledger
) -> None:
    """A thousand calls are not a thousand transactions."""
    system, visits = connect(stand(), FAST), 0
    known = system.site
    for gate in system.gates:
        if isinstance(gate, BudgetGate):
            gate._hold = 60.0  # on a machine that is busy otherwise, calls would miss their moments
    draw = running_ledger.budgets.draw

    def counted(*args: Any, **kwargs: Any) -> Any:
        nonlocal visits
        visits += 1
        return draw(*args, **kwargs)

    running_ledger.budgets.draw = counted  # type: ignore[method-assign]
    found = system.run_many([call(known, known.request("GET", "/item")) for _ in range(300)])
    assert not any(isinstance(one, Exception) for one in found)
    assert visits <= 100


def test_a_month_that_is_used_up_holds_the_work(
    stand: Callable[..., Stand], connect: Systems, running_ledger: Ledger
) -> None:
    server = stand()
    system = connect(server, Limit(name="monthly", count=5, seconds=MONTH))
    for _ in range(3):
        ask(system)
    for _ in range(3):
        with pytest.raises(exc.QuotaExhausted) as caught:
            ask(system)
    assert caught.value.retry_after and 0 < caught.value.retry_after <= 31 * 86_400
    with pytest.raises(exc.QuotaExhausted):
        ask(connect(server, Limit(name="monthly", count=5, seconds=MONTH), conn_id="another"))
    assert len(server.journal()) == 5
    assert [one.code for one in running_ledger.incidents.search(status="")] == ["quota"]


def test_a_setting_of_the_connection_changes_the_limit(stand: Callable[..., Stand], connect: Systems) -> None:
    server = stand()
    lowered = {"monthly": {"count": 3}}
    system = connect(server, Limit(name="monthly", count=100, seconds=MONTH), limits=lowered)
    ask(system)
    with pytest.raises(exc.QuotaExhausted):
        ask(system)


def test_too_many_requests_keep_all_processes_away(
    stand: Callable[..., Stand], connect: Systems, running_ledger: Ledger
) -> None:
    server = stand()
    one, another = connect(server, FAST), connect(server, FAST, conn_id="another")
    unlimited = connect(server, conn_id="a third")
    for system in (one, another, unlimited):
        ask(system)
    server.say(status=429, retry_after=3600)
    with pytest.raises(exc.RateLimited) as caught:
        ask(one)
    assert caught.value.http_status == 429
    server.say(status=200)
    before = len(server.journal())
    time.sleep(1.1)  # what a process took for itself, and what it knew, is a second old at most
    for system in (one, another, unlimited):
        with pytest.raises(exc.RateLimited) as refused:
            ask(system)
        assert refused.value.retry_after and 3500 < refused.value.retry_after <= 3600
    assert len(server.journal()) == before, "nobody asked again"


def test_an_error_in_a_good_answer_counts_as_one(
    stand: Callable[..., Stand], connect: Systems, running_ledger: Ledger
) -> None:
    server = stand()
    system = connect(server, FAST)
    ask(system)
    server.say(say=NO_CALLS_LEFT)
    with pytest.raises(exc.QuotaExhausted):
        ask(system)
    server.say(say="")
    for again in (system, connect(server, FAST)):
        with pytest.raises(exc.QuotaExhausted):
            ask(again)
    (incident,) = running_ledger.incidents.search()
    assert (incident.category, incident.code, incident.instance_id) == ("quota", "quota", INSTANCE)


def test_a_quota_of_the_system_is_over_when_calls_pass(
    stand: Callable[..., Stand], connect: Systems, running_ledger: Ledger
) -> None:
    server = stand()
    ask(connect(server, FAST))
    for limits in ((FAST,), ()):
        gate = BudgetGate(running_ledger, connect(server, *limits).site)
        running_ledger.budgets.shut(gate.payer, 0.05, for_quota=True)
        time.sleep(0.06)
        ask(connect(server, *limits))
        assert running_ledger.incidents.search() == []
    assert len(running_ledger.incidents.search(status="")) == 2


def test_a_pause_that_a_system_asks_for_without_a_time_is_short(
    stand: Callable[..., Stand], connect: Systems, sqlite_ledger: Ledger
) -> None:
    """The ledger's time stands still: on a slow machine the pause would be over before it is looked at."""
    server = stand()
    system = connect(server, FAST, ledger=sqlite_ledger)
    server.say(say=TOO_FAST)
    with pytest.raises(exc.RateLimited):
        system.run(call(system.address, system.address.request("GET", "/item"), writes=True))
    wait = max(sqlite_ledger.budgets.closed(gate.payer)[0] for gate in system.gates if _is_budget(gate))
    assert 0 < wait <= 1


def _is_budget(gate: Gate) -> bool:
    return isinstance(gate, BudgetGate)


def test_a_write_that_would_come_too_late_is_not_sent(
    stand: Callable[..., Stand], connect: Systems, running_ledger: Ledger
) -> None:
    server = stand()
    system = connect(server, Limit(name="calls", count=30, seconds=60_000.0))
    ask(system)
    (gate,) = [gate for gate in system.gates if isinstance(gate, BudgetGate)]
    gate.close()
    with suppress(exc.RateLimited):
        while running_ledger.budgets.draw(gate.payer, 9, buckets=gate._buckets, max_wait=0.0):
            pass
    before = len(server.journal())
    write = call(system.site, system.site.request("POST", "/item"), writes=True)
    with pytest.raises(exc.LeaseLost) as caught:
        system.run(no_later_than(write, time.monotonic() + 60.0))
    assert caught.value.landed == "no" and caught.value.retry_after and caught.value.retry_after > 60
    assert len(server.journal()) == before


def test_a_read_waits_and_then_gives_up(stand: Callable[..., Stand], connect: Systems) -> None:
    slow = Limit(name="calls", count=1, seconds=3 * LONGEST_WAIT)
    server = stand()
    system = connect(server, slow)
    with pytest.raises(exc.RateLimited) as caught:
        ask(system)
    assert caught.value.retry_after and caught.value.retry_after > LONGEST_WAIT
    assert len(server.journal()) == 1


def test_a_moment_that_passed_is_exchanged_for_another(
    stand: Callable[..., Stand], connect: Systems, running_ledger: Ledger
) -> None:
    """A request that waited for its connection must not arrive among later ones."""
    server = stand()
    system = connect(server, Limit(name="calls", count=50, seconds=1.0))
    ask(system)
    (gate,) = [gate for gate in system.gates if isinstance(gate, BudgetGate)]
    steps, use_by = list[Any](), list[float]()

    class Delay:
        """Stands for a connection that is slow to open."""

        def before(self, step: Any) -> float:
            steps.append(step)
            use_by.append(step.extensions["docflow_use_by"])
            return gate._hold + 0.05

        def after(self, *_: Any) -> None:
            pass

    system._gates = (gate, Delay())
    system.close()
    ask(system)

    async def side_by_side() -> None:
        async with system.async_door() as door:
            await door.run(call(system.site, system.site.request("GET", "/item"), writes=True))

    asyncio.run(side_by_side())
    assert len(steps) == 2
    later = [step.extensions["docflow_use_by"] for step in steps]
    assert later[0] > use_by[0] and later[1] > use_by[1], "they got later moments before they went out"
    assert asked(server) == 3


def test_threads_of_one_process_share_a_gate(
    stand: Callable[..., Stand], running_ledger: Ledger, connect: Systems
) -> None:
    site = connect(stand(), Limit(name="calls", count=10_000, seconds=1.0)).site
    gate, granted = BudgetGate(running_ledger, site), list[float]()

    def take() -> None:
        for _ in range(25):
            granted.append(gate.before(site.request("GET", "/")))

    threads = [threading.Thread(target=take) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(granted) == 200


def test_a_gate_that_cannot_learn_hides_no_answer(
    stand: Callable[..., Stand], running_ledger: Ledger
) -> None:
    """What was answered has landed: a ledger that fails afterwards must not turn it into an error."""
    server = stand()

    class Forgetful:
        def before(self, step: Any) -> float:
            return 0.0

        def after(self, *_: Any) -> None:
            raise exc.LedgerUnavailable("gone")

    site = Site(profile=profile(), conn_id="limited", base_url=server.url)
    system = System(site, ledger=running_ledger, gates=lambda known: (Forgetful(),))
    try:
        assert ask(system)["instance"] == INSTANCE
        (found,) = system.run_many([call(system.site, system.site.request("GET", "/item"))])
        assert found["instance"] == INSTANCE
    finally:
        system.close()


def test_a_muted_robot_does_not_close_the_instance(tmp_path: Any, running_ledger: Ledger) -> None:
    from airflow_provider_docflow.systems.dingtalk import PROFILE, send_robot

    with Sandbox(tmp_path / "sandbox") as sandbox:
        sandbox.call("POST", "dingtalk/robots", {"token": "robot-token-0123456789", "secret": "SEC123"})
        settings = {
            "corp_id": "dingsandboxcorp",
            "api_url": f"{sandbox.base_url}/dingtalk",
            "oapi_url": f"{sandbox.base_url}/dingtalk-oapi",
            "robot_token": "robot-token-0123456789",
            "robot_secret": "SEC123",
            "calls_per_second": 5_000,
        }
        site = Site(
            profile=PROFILE.configured(settings),
            conn_id="oa",
            username="dingsandbox",
            password="sandbox-secret",
            settings=settings,
        )
        system = System(site, ledger=running_ledger, tokens=LedgerTokens(running_ledger))
        muted = None
        for number in range(30):
            try:
                system.run(send_robot(site, f"note {number}"))
            except exc.RateLimited as error:
                muted = error
                break
        assert muted is not None and muted.code == "130101"
        assert running_ledger.budgets.closed(BudgetGate(running_ledger, site).payer)[0] == 0
        assert system.site.instance
        system.close()


def test_a_login_has_one_refresher_and_another_takes_over(running_ledger: Ledger) -> None:
    tokens = LedgerTokens(running_ledger, login_seconds=0.2)
    held = running_ledger.tokens.lease("k", 0.2)
    assert held.refresh
    assert tokens.get("k", None, lambda: Token("mine")) == "mine"
    later = running_ledger.now() + timedelta(hours=1)
    assert not running_ledger.tokens.put("k", "late", expires_at=later, refresh=held.refresh)
    assert tokens.get("k", None, lambda: Token("never")) == "mine"


def test_who_logged_in_too_late_uses_the_token_that_is_kept(running_ledger: Ledger) -> None:
    slow, quick = LedgerTokens(running_ledger, login_seconds=0.05), LedgerTokens(running_ledger)

    def login() -> Token:
        time.sleep(0.06)
        assert quick.get("k", None, lambda: Token("theirs")) == "theirs"
        return Token("mine")

    assert slow.get("k", None, login) == "theirs"


def test_a_login_that_had_to_wait_too_long_gives_its_right_back(running_ledger: Ledger) -> None:
    def late() -> Token:
        raise exc.LeaseLost("too late", retry_after=9.0)

    tokens = LedgerTokens(running_ledger)
    with pytest.raises(exc.RateLimited) as caught:
        tokens.get("k", None, late)
    assert caught.value.retry_after == 9.0
    assert tokens.get("k", None, lambda: Token("good")) == "good"


def test_what_a_process_knows_is_not_asked_again_and_an_event_loop_needs_no_thread(
    stand: Callable[..., Stand], connect: Systems, running_ledger: Ledger
) -> None:
    system = connect(stand(), FAST)
    ask(system)
    gate = BudgetGate(running_ledger, system.site)
    request = system.site.request("GET", "/item")
    assert gate.quick_before(request) is None, "it holds no call yet"
    gate._size, gate._hold = 8, 60.0
    gate.before(request)
    assert [gate.quick_before(request) for _ in range(7)] == [0.0] * 7
    assert gate.quick_before(request) is None
    gate.before(request)
    request.extensions = {"docflow_not_after": time.monotonic() - 1.0}
    gate._moments.clear()
    gate._moments.append(time.monotonic() + 60.0)
    assert gate.quick_before(request) is None, "a write waits for no call beyond its deadline"
    gate._moments[0] -= 3600.0
    assert gate.quick_before(request) is None, "a moment that has passed is given up"
    good, bad = (httpx2.Response(status, request=request, json={}) for status in (200, 429))
    assert gate.quick_after(request, good)
    assert not gate.quick_after(request, bad)
    free = BudgetGate(running_ledger, system.site, limits=())
    assert free.quick_before(request) is None
    assert free.before(request) == free.quick_before(request) == 0.0
