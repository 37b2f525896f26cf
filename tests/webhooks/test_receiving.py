"""What is kept and answered, and what is refused."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient
from structlog.testing import capture_logs

from airflow_provider_docflow import systems
from airflow_provider_docflow.ledger import Ledger
from airflow_provider_docflow.webhooks.app import create_app
from airflow_provider_docflow.webhooks.receiver import FAILED_SECONDS, KNOWN_SECONDS, Receiver
from airflow_provider_docflow.webhooks.settings import Settings
from airflow_provider_docflow.webhooks.telling import QUIET_SECONDS
from tests.waiting.oa import INSTANCE
from tests.webhooks.conftest import kept
from tests.webhooks.sender import SECRET, Clock, Sender, decided

Post = Callable[..., Any]


def test_an_event_is_kept_before_it_is_answered(post: Post, sender: Sender, ledger: Ledger) -> None:
    ledger.instances.bind("oa", INSTANCE, "waiting_oa")
    answer = post(sender.delivery(decided("PR-7", by="王总")))
    assert (answer.status_code, answer.content) == (200, b'{"code": 0}')
    assert answer.headers["content-type"].startswith("application/json")
    (event,) = ledger.inbox.take_unseen(0)
    assert (event.source, event.event_id, event.kind) == (INSTANCE, "e-1", "decided")
    assert event.payload["conn_id"] == "oa" and event.payload["document_type"] == "purchase_requisition"
    assert event.payload["number"] == "PR-7" and event.payload["detail"] == {"by": "王总", "token": "***"}


def test_the_address_is_checked(post: Post, sender: Sender, ledger: Ledger) -> None:
    answer = post(sender.delivery(nonce="echo-me"), method="GET")
    assert (answer.status_code, answer.text) == (200, "echo-me")
    assert kept(ledger) == []


def test_a_connection_that_no_flow_has_used_keeps_events_under_its_own_name(
    post: Post, sender: Sender, ledger: Ledger
) -> None:
    post(sender.delivery(decided()))
    assert kept(ledger) == [("oa", "e-1")]


def test_every_refusal_looks_the_same(
    post: Post, sender: Sender, ledger: Ledger, connect: Callable[..., None], clock: Clock
) -> None:
    connect("plain", conn_type="docflow_tryton")
    connect("empty", secret="")
    connect("secret_one")
    good, stale, early = (sender.delivery(decided(), at=clock.now + by) for by in (0, -301, 301))
    unsigned = {**good, "headers": {}}
    answers = [
        post(good, "never_heard_of"),
        post(good, "secret_one"),
        post(good, "gone"),
        post(good, "plain"),
        post(good, "empty"),
        post(sender.delivery(decided(), secret="another")),
        post(unsigned),
        post({**good, "params": {}}),
        post({**good, "content": b"\xff\x00"}),
        post(sender.delivery({"id": "e-1"})),
        post(sender.delivery(decided(event_id=""))),
        post(stale),
        post(early),
        post({}),
        post({}, method="GET"),
    ]
    told = [dict(one.headers) for one in answers]
    assert {one.status_code for one in answers} == {404}
    assert {one.content for one in answers} == {b"not found"}
    assert told == [told[0]] * len(told)
    assert kept(ledger) == []
    assert post(good).status_code == 200


def test_an_unknown_address_is_answered_without_a_look_up(
    post: Post, sender: Sender, receiver: Receiver, connect: Callable[..., None]
) -> None:
    connect("secret_one")
    with capture_logs() as lines:
        post(sender.delivery(decided()), "secret_one")
        post(sender.delivery(decided()), "../oa")
    assert sender.opened == 0 and receiver._found == {} and lines == []


def test_a_delivery_that_is_repeated_is_answered_again_and_kept_once(
    post: Post, sender: Sender, ledger: Ledger, clock: Clock
) -> None:
    delivery = sender.delivery(decided(), decided("PR-2", "e-2"))
    first = post(delivery)
    clock.now += 3_600
    again = post(delivery)
    assert (again.status_code, again.content) == (200, first.content)
    assert kept(ledger) == [("oa", "e-1"), ("oa", "e-2")]
    assert post(sender.delivery(decided("PR-2", "e-2"))).status_code == 200
    assert kept(ledger) == [("oa", "e-1"), ("oa", "e-2")]


def test_a_signature_is_taken_for_one_delivery_only(post: Post, sender: Sender, ledger: Ledger) -> None:
    delivery = sender.delivery(decided())
    post(delivery)
    changed = {**delivery, "params": {**delivery["params"], "more": "1"}}
    assert post(changed).status_code == 404
    assert kept(ledger) == [("oa", "e-1")]


def test_what_was_never_kept_is_refused_when_it_comes_late(
    post: Post, sender: Sender, ledger: Ledger, clock: Clock
) -> None:
    captured = sender.delivery(decided())
    clock.now += 301
    assert post(captured).status_code == 404
    clock.now -= 1
    assert post(captured).status_code == 200
    assert kept(ledger) == [("oa", "e-1")]


def test_a_ledger_that_fails_is_no_answer_and_nothing_is_lost(
    post: Post, sender: Sender, ledger: Ledger
) -> None:
    delivery = sender.delivery(decided())
    _rename(ledger, "docflow_inbox", "away")
    assert post(delivery).status_code == 503
    _rename(ledger, "away", "docflow_inbox")
    assert not ledger.deliveries.came_before("oa", delivery["headers"]["X-OA-Signature"], b"")
    assert post(delivery).status_code == 200
    assert kept(ledger) == [("oa", "e-1")]


def test_a_ledger_that_cannot_be_opened_is_tried_again(
    post: Post, sender: Sender, ledger: Ledger, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setenv("AIRFLOW_CONN_DOCFLOW_LEDGER", '{"conn_type": "sqlite", "host": "relative.sqlite"}')
        assert post(sender.delivery(decided())).status_code == 503
    clock.now += FAILED_SECONDS
    assert post(sender.delivery(decided())).status_code == 200
    assert kept(ledger) == [("oa", "e-1")]


def test_a_new_secret_counts_soon(
    post: Post, sender: Sender, connect: Callable[..., None], clock: Clock
) -> None:
    assert post(sender.delivery(decided())).status_code == 200
    connect(secret="a new one")
    clock.now += KNOWN_SECONDS
    assert post(sender.delivery(decided(event_id="e-2"))).status_code == 404
    assert post(sender.delivery(decided(event_id="e-2"), secret="a new one")).status_code == 200


def test_the_log_shows_no_secret_and_cannot_be_flooded(post: Post, sender: Sender, clock: Clock) -> None:
    wrong = sender.delivery(decided(by="张三"), secret="another")
    signature = wrong["headers"]["X-OA-Signature"]
    with capture_logs() as lines:
        for _ in range(20):
            post(wrong)
        assert len(lines) == 1
        clock.now += QUIET_SECONDS
        post(wrong)
    assert [(line["reason"], line["before"]) for line in lines] == [
        ("Authentication", 0),
        ("Authentication", 19),
    ]
    for secret in (SECRET, signature, "张三", "PR-1"):
        assert secret not in str(lines)


def test_a_profile_may_want_a_shorter_window(
    sender: Sender, ledger: Ledger, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(systems._registered, "waiting_oa", sender.profile(fresh_seconds=10.0))
    client = TestClient(create_app(Receiver(Settings(frozenset({"oa"})), now=clock, clock=clock)))
    assert client.post("/webhooks/oa", **sender.delivery(decided(), at=clock.now - 11)).status_code == 404
    assert client.post("/webhooks/oa", **sender.delivery(decided(), at=clock.now - 10)).status_code == 200


def _rename(ledger: Ledger, name: str, to: str) -> None:
    with sqlite3.connect(str(ledger.database.url.database)) as raw:
        raw.execute(f"ALTER TABLE {name} RENAME TO {to}")
    raw.close()
