from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from airflow_provider_docflow import systems
from airflow_provider_docflow.ledger import Ledger
from airflow_provider_docflow.webhooks.app import create_app
from airflow_provider_docflow.webhooks.receiver import Receiver
from airflow_provider_docflow.webhooks.settings import Settings
from tests.waiting.conftest import ledger
from tests.webhooks.sender import SECRET, Clock, Sender

__all__ = ["ledger"]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Make an Airflow connection to the OA."""

    def make(conn_id: str = "oa", secret: str = SECRET, conn_type: str = "docflow_waiting_oa") -> None:
        told = {"conn_type": conn_type, "host": "http://127.0.0.1:9", "extra": {"webhook_secret": secret}}
        monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(told))

    return make


@pytest.fixture
def sender(clock: Clock, connect: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> Sender:
    """The OA, with the connection ``oa`` to it."""
    made = Sender(clock)
    monkeypatch.setitem(systems._registered, "waiting_oa", made.profile())
    connect()
    return made


@pytest.fixture
def receiver(sender: Sender, ledger: Ledger, clock: Clock) -> Receiver:
    """Four addresses: ``oa``, ``plain`` (sends none), ``empty`` (lacks its secret) and ``gone``."""
    names = frozenset({"oa", "plain", "empty", "gone"})
    return Receiver(Settings(names, rate=50.0), now=clock, clock=clock)


@pytest.fixture
def client(receiver: Receiver) -> TestClient:
    return TestClient(create_app(receiver), raise_server_exceptions=False)


@pytest.fixture
def post(client: TestClient) -> Callable[..., Any]:
    """Send a delivery to an address."""

    def send(delivery: dict[str, Any], conn_id: str = "oa", method: str = "POST") -> Any:
        return client.request(method, f"/webhooks/{conn_id}", **delivery)

    return send


def kept(ledger: Ledger) -> list[tuple[str, str]]:
    """What stands in the inbox: whose event, and which."""
    return [(event.source, event.event_id) for event in ledger.inbox.take_unseen(0)]
