"""Several waves at once: each written once all the same, and whatever ends a lane leaves nothing unknown."""

from __future__ import annotations

import gc
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.document import content_hash
from airflow_provider_docflow.hooks.system import System
from airflow_provider_docflow.ledger import Ledger
from airflow_provider_docflow.ledger.keys import IntentKey
from airflow_provider_docflow.ledger.requests import WriteRequest
from airflow_provider_docflow.ledger.writer import Writer
from airflow_provider_docflow.sandbox import FaultRule, Sandbox
from airflow_provider_docflow.sandbox.rest import API_KEY
from airflow_provider_docflow.systems.rest.example import PROFILE
from tests.contract.stands import plain_document

TYPE, COUNT, WAVE = "purchase_order", 40, 10


class Shop:
    """The plain ERP, a ledger, and processes that write from one to the other."""

    def __init__(self, home: Path, sandbox: Sandbox) -> None:
        self.sandbox, self.ahead = sandbox, timedelta()
        url, keys = f"sqlite:///{home / 'ledger.sqlite'}", [Fernet.generate_key()]
        self.ledger = Ledger.open(url, keys=keys, clock=lambda: datetime.now(UTC) + self.ahead)
        settings = {"api_key": API_KEY, "instance": "erp"}
        self.site = Site(profile=PROFILE, conn_id="erp", base_url=sandbox.base_url, settings=settings)

    def writer(self, **more: Any) -> Writer:
        writer = System(self.site, ledger=self.ledger, **more).writer()
        writer.wave, writer.lanes = 2 * WAVE, 2
        return writer

    def request(self, number: int) -> WriteRequest:
        document = plain_document(TYPE, "")
        key = IntentKey("erp", TYPE, "oa", "purchase_requisition", f"PR-{number}", company_code="C1")
        return WriteRequest(
            key=key, content_hash=content_hash(document), document=document, reference=f"PR-{number}"
        )

    def orders(self) -> list[str]:
        found = self.sandbox.call("GET", f"erp/{TYPE}")["documents"]
        return sorted(str(one["reference"]).partition(" ")[0] for one in found)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with Sandbox(tmp_path / "sandbox") as sandbox:
        made = Shop(tmp_path, sandbox)
        yield made
        made.ledger.close()


@pytest.fixture
def requests(shop: Shop) -> list[WriteRequest]:
    return [shop.request(number) for number in range(COUNT)]


def test_each_is_written_once_and_answered_in_its_place(shop: Shop, requests: list[WriteRequest]) -> None:
    before = sys.getswitchinterval(), gc.get_threshold()
    outcomes = shop.writer().write(requests)
    again = shop.writer().write(requests[::-1])

    assert (sys.getswitchinterval(), gc.get_threshold()) == before

    assert {one.status for one in outcomes} == {"written"} and {one.status for one in again} == {"existing"}
    assert [one.request.reference for one in outcomes] == [one.reference for one in requests]
    assert [one.receipt for one in again[::-1]] == [one.receipt for one in outcomes]
    assert shop.orders() == sorted(one.reference for one in requests)


def test_the_next_wave_is_reserved_while_one_is_on_the_wire(shop: Shop, requests: list[WriteRequest]) -> None:
    writer, order = shop.writer(), []
    reserved, reserve = threading.Event(), shop.ledger.intents.reserve
    both = shop.writer().abreast
    assert both is not None

    def reserving(asked: Sequence[Any], **more: Any) -> Any:
        order.append([one.key.source_number for one in asked])
        if len(order) == 2:
            reserved.set()
        return reserve(asked, **more)

    def waiting(jobs: Sequence[Callable[[Any], None]]) -> None:
        def held(run: Any) -> Any:
            # The first wave does not come back before the second one was reserved.
            return lambda exchanges: run(exchanges) if reserved.wait(60) else None

        both([lambda run, job=job: job(held(run)) for job in jobs])  # type: ignore[misc]

    shop.ledger.intents.reserve = reserving  # type: ignore[method-assign]
    writer.abreast = waiting
    outcomes = writer.write(requests)

    assert {one.status for one in outcomes} == {"written"}
    assert order == [[f"PR-{n}" for n in range(at, at + WAVE)] for at in range(0, COUNT, WAVE)]


class Counter:
    """A gate that counts who is under way."""

    def __init__(self) -> None:
        self.now, self.most, self.lock = 0, 0, threading.Lock()

    def before(self, step: object) -> float:
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)
        return 0.0

    def after(self, step: object, reply: object, error: object) -> None:
        with self.lock:
            self.now -= 1


def test_no_more_are_under_way_at_once_than_the_system_takes(
    shop: Shop, requests: list[WriteRequest]
) -> None:
    counter = Counter()
    outcomes = shop.writer(gates=lambda site: [counter], concurrency=3).write(requests)
    assert {one.status for one in outcomes} == {"written"}
    assert (counter.most, counter.now) == (3, 0)


def test_a_ledger_that_fails_ends_every_lane_and_the_next_run_goes_on(
    shop: Shop, requests: list[WriteRequest]
) -> None:
    begin, seen = shop.ledger.intents.begin_sending, []

    def failing(pairs: Any, **more: Any) -> Any:
        seen.append(len(pairs))
        if len(seen) == 2:
            raise exc.LedgerUnavailable("the disk is full")
        return begin(pairs, **more)

    shop.ledger.intents.begin_sending = failing  # type: ignore[method-assign]
    with pytest.raises(exc.LedgerUnavailable):
        shop.writer().write(requests)
    shop.ledger.intents.begin_sending = begin  # type: ignore[method-assign]
    sent = len(shop.orders())

    assert sent <= 2 * WAVE, "no lane takes another wave once the ledger has failed"
    busy = {one.error.__class__ for one in shop.writer().write(requests) if one.error}
    assert busy == {exc.LeaseBusy}
    assert len(shop.orders()) == len(set(shop.orders())) == COUNT - WAVE


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Heed SIGINT, which whoever starts the tests in the background has told them to ignore."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_a_task_that_is_stopped_leaves_what_the_next_one_ends(
    shop: Shop, requests: list[WriteRequest]
) -> None:
    shop.sandbox.fault(FaultRule("slow", method="POST", path="/erp/*", seconds=0.1, times=None))
    main, seen = threading.get_ident(), threading.Event()
    begin = shop.ledger.intents.begin_sending

    def telling(pairs: Any, **more: Any) -> Any:
        found = begin(pairs, **more)
        if not seen.is_set():
            seen.set()
            signal.pthread_kill(main, signal.SIGINT)
        return found

    shop.ledger.intents.begin_sending = telling  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        shop.writer().write(requests)
    shop.ledger.intents.begin_sending = begin  # type: ignore[method-assign]
    shop.sandbox.clear_faults()

    assert not [one for one in threading.enumerate() if one.name.startswith("docflow-lane")]
    shop.ahead = timedelta(seconds=400)
    outcomes = shop.writer().write(requests)
    assert all(one.error is None for one in outcomes), outcomes
    assert shop.orders() == sorted(one.reference for one in requests)
    assert shop.ledger.incidents.search() == []


def test_nothing_more_is_reserved_once_the_system_is_down(shop: Shop, requests: list[WriteRequest]) -> None:
    down = exc.SystemDown("the ERP is down.", system="erp")
    writer = shop.writer()
    asked = []

    def broken(jobs: Sequence[Callable[[Any], None]]) -> None:
        def run(exchanges: Sequence[Any]) -> list[Any]:
            asked.append(len(exchanges))
            for one in exchanges:
                one.close()
            return [down] * len(exchanges)

        jobs[0](run)

    writer.abreast = broken
    outcomes = writer.write(requests)

    assert {type(one.error) for one in outcomes} == {exc.SystemDown}
    assert asked == [WAVE] and shop.orders() == []
    assert len(shop.ledger.intents.find(source_instance="oa")) == WAVE
