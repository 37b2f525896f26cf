"""From a decision to the wait for it: a webhook shortens it, and its loss costs one poll."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import pytest

from airflow_provider_docflow.document import DocumentRef, DocumentType
from airflow_provider_docflow.ledger import Ledger
from airflow_provider_docflow.sandbox import FaultRule, Sandbox
from airflow_provider_docflow.triggers.watcher import Watcher
from airflow_provider_docflow.webhooks.receiver import Receiver
from airflow_provider_docflow.webhooks.settings import Settings
from tests.waiting.oa import INSTANCE, Oa, ref
from tests.waiting.waits import all_of, trigger, triggerer, until
from tests.webhooks.sender import SECRET, Clock, Sender, decided
from tests.webhooks.serving import served

NEVER = 3_600.0
TOKEN, KEY, CORP = "tok123", "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG", "dingsandboxcorp"


@pytest.fixture
def oa(sender: Sender, monkeypatch: pytest.MonkeyPatch) -> Iterator[Oa]:
    """The OA of the tests, which signs its events; reached through two connections."""
    running = Oa()
    told = {**json.loads(running.connection()), "extra": {"webhook_secret": SECRET}}
    for name in ("OA", "OA_TOO"):
        monkeypatch.setenv(f"AIRFLOW_CONN_{name}", json.dumps(told))
    running.start()
    yield running
    running.stop()


@pytest.fixture
def address(oa: Oa, ledger: Ledger, clock: Clock) -> Iterator[str]:
    """Where the OA's events go."""
    with served(Receiver(Settings(frozenset({"oa", "oa_too"})), now=clock)) as url:
        yield url


async def _post(url: str, delivery: dict[str, Any]) -> None:
    async with httpx2.AsyncClient(timeout=60) as client:
        assert (await client.post(url, **delivery)).status_code == 200


def test_a_webhook_wakes_the_wait_for_its_document_alone(
    oa: Oa, ledger: Ledger, sender: Sender, address: str
) -> None:
    refs = oa.enter("PR-1", "PR-2")

    async def run() -> None:
        async with triggerer() as running:
            waits = running.add(*(trigger(ledger, one, poll_interval=NEVER) for one in refs))
            await until(lambda: oa.count("read") == 1)
            oa.decide("PR-1")
            oa.decide("PR-2")
            await _post(f"{address}/oa", sender.delivery(decided("PR-2")))
            (payload,) = await all_of(waits[1:])
            assert payload["documents"][0]["words"]["approval"] == "approved"
            assert oa.asked[1:] == [("read", ("PR-2",))]
            assert not waits[0].done()

    asyncio.run(run())


def test_an_event_counts_for_the_instance_whatever_connection_it_came_through(
    oa: Oa, ledger: Ledger, sender: Sender, address: str
) -> None:
    for name, instance in (("oa", INSTANCE), ("oa_too", INSTANCE)):
        ledger.instances.bind(name, instance, "waiting_oa")
    (one,) = oa.enter("PR-1")
    stranger = ref("PR-1", instance="another oa")

    async def run() -> None:
        async with triggerer() as running:
            waits = running.add(*(trigger(ledger, each, poll_interval=NEVER) for each in (one, stranger)))
            await until(lambda: oa.reads_of("PR-1") == 2)
            await _post(f"{address}/oa_too", sender.delivery(decided("PR-1", "too early")))
            await until(lambda: oa.reads_of("PR-1") == 3)
            oa.decide("PR-1")
            await _post(f"{address}/oa_too", sender.delivery(decided("PR-1", "now")))
            await all_of(waits[:1])
            assert oa.reads_of("PR-1") == 4 and not waits[1].done()

    asyncio.run(run())


def test_one_look_serves_all_who_wait_and_ends_with_the_last(oa: Oa, ledger: Ledger) -> None:
    (first,), looks = oa.enter("PR-1"), []
    other = replace(first, document_type=DocumentType("payment_request"))

    async def run() -> None:
        loop = asyncio.get_running_loop()
        async with triggerer() as running:
            kinds = ((first, "purchase_requisition"), (other, "payment_request"))
            waits = running.add(
                *(trigger(ledger, one, document_type=kind, poll_interval=NEVER) for one, kind in kinds)
            )
            await until(lambda: oa.count("read") == 2)
            (watcher,) = Watcher._running[loop].values()
            looks.append(watcher._task)
            assert len(watcher._mailboxes) == 2
            oa.decide("PR-1")
            ledger.inbox.put("oa", "e-1", "decided", {"internal_id": "PR-1"})
            await all_of(waits)
        await until(lambda: not Watcher._running[loop])
        await until(looks[0].cancelled)

    asyncio.run(run())


def test_an_inbox_that_cannot_be_read_is_read_again_later(oa: Oa, ledger: Ledger) -> None:
    refs = oa.enter("PR-1", "PR-2")

    async def run() -> None:
        async with triggerer() as running:
            waits = running.add(*(trigger(ledger, one, poll_interval=NEVER) for one in refs))
            await until(lambda: oa.count("read") == 1)
            (watcher,) = Watcher._running[asyncio.get_running_loop()].values()
            _rename(ledger, "docflow_counter", "away")
            await until(lambda: watcher._trouble != "")
            oa.decide("PR-2")
            _rename(ledger, "away", "docflow_counter")
            ledger.inbox.put("oa", "e-2", "decided", {"internal_id": "PR-2"})
            await all_of(waits[1:])
            assert watcher._trouble == "" and not waits[0].done()

    asyncio.run(run())


def _rename(ledger: Ledger, name: str, to: str) -> None:
    raw = sqlite3.connect(str(ledger.database.url.database))
    raw.execute(f"ALTER TABLE {name} RENAME TO {to}")
    raw.close()


class DingTalk:
    """DingTalk's stand-in, with its own events and an approver."""

    def __init__(self, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
        controls = [{"componentType": "TextField", "props": {"label": "单号", "required": True}}]
        self.sandbox = sandbox
        self.code = sandbox.template(
            "采购申请", controls, approvers=[{"actionType": "NONE", "userIds": ["boss"]}]
        )
        extra = {
            "corp_id": CORP,
            "api_url": f"{sandbox.base_url}/dingtalk",
            "oapi_url": f"{sandbox.base_url}/dingtalk-oapi",
            "forms": json.dumps({"purchase_requisition": {"process_code": self.code}}),
            "callback_token": TOKEN,
            "callback_aes_key": KEY,
            "callback_receive_id": CORP,
        }
        told = {"conn_type": "docflow_dingtalk", "login": "dingsandbox", "password": "sandbox-secret"}
        monkeypatch.setenv("AIRFLOW_CONN_OA", json.dumps({**told, "extra": extra}))

    def register(self, url: str) -> None:
        """Have DingTalk check the address and send its events there from now on."""
        callback = {"url": url, "token": TOKEN, "aes_key": KEY, "receive_id": CORP}
        self.sandbox.call("POST", "dingtalk/callback", callback)

    def submit(self) -> DocumentRef:
        values = [{"name": "单号", "value": "PR-1"}]
        body = {"processCode": self.code, "originatorUserId": "u1", "formComponentValues": values}
        (one,) = self.sandbox.submit([body])
        return DocumentRef(CORP, "", DocumentType("purchase_requisition"), one, "")

    def states(self) -> set[str]:
        """What became of its events."""
        return {event["state"] for event in self.sandbox.call("GET", "dingtalk/events")["events"]}


@pytest.fixture
def dingtalk(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[DingTalk, Callable[[], Any]]]:
    with (
        Sandbox(tmp_path / "oa") as sandbox,
        served(Receiver(Settings(frozenset({"oa"})), now=time.time)) as url,
    ):
        oa = DingTalk(sandbox, monkeypatch)
        ledger.instances.bind("oa", CORP, "dingtalk")
        yield oa, lambda: oa.register(f"{url}/oa")


def _decision(oa: DingTalk, ledger: Ledger, poll_interval: float) -> Any:
    form = oa.submit()
    oa.sandbox.settle()
    reads = "/dingtalk/v1.0/workflow/processInstances*"

    async def run() -> Any:
        async with triggerer() as running:
            waits = running.add(trigger(ledger, form, poll_interval=poll_interval))
            await until(lambda: oa.sandbox.count(reads, method="GET") >= 1)
            await asyncio.to_thread(oa.sandbox.decide, form.internal_id, "agree")
            return (await all_of(waits))[0]

    return asyncio.run(run())


def test_dingtalks_own_events_wake_the_wait(
    dingtalk: tuple[DingTalk, Callable[[], Any]], ledger: Ledger
) -> None:
    oa, register = dingtalk
    register()
    payload = _decision(oa, ledger, NEVER)
    assert payload["documents"][0]["words"]["approval"] == "approved"
    oa.sandbox.settle()
    assert oa.states() == {"delivered"}
    events = ledger.inbox.take_unseen(0)
    assert {event.source for event in events} == {CORP}
    assert {event.kind for event in events} == {"bpms_instance_change", "bpms_task_change"}
    assert {event.payload["document_type"] for event in events} == {"purchase_requisition"}


def test_an_event_that_is_lost_costs_one_poll(
    dingtalk: tuple[DingTalk, Callable[[], Any]], ledger: Ledger
) -> None:
    oa, register = dingtalk
    register()
    oa.sandbox.fault(FaultRule("drop_event", method="EVENT", body="bpms", times=None))
    payload = _decision(oa, ledger, 0.2)
    assert payload["documents"][0]["words"]["approval"] == "approved"
    assert ledger.inbox.last_id() == 0
