"""The commands, the doctor's line, and the address in the API server."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx2
import pytest
from starlette.testclient import TestClient

from airflow_provider_docflow.core.webhooks import Delivery
from airflow_provider_docflow.exceptions import Misconfigured
from airflow_provider_docflow.ledger import Ledger
from airflow_provider_docflow.webhooks.receiver import Receiver
from airflow_provider_docflow.webhooks.settings import settings
from tests.cli.conftest import Shell, shell
from tests.waiting.oa import INSTANCE
from tests.webhooks.conftest import kept
from tests.webhooks.sender import Clock, Sender, decided

__all__ = ["shell"]
NAMED = "AIRFLOW__DOCFLOW__WEBHOOK_CONNECTIONS"


@pytest.fixture
def named(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Name the connections that may send events."""
    return lambda conn_ids: monkeypatch.setenv(NAMED, conn_ids)


def test_what_the_configuration_says(named: Callable[[str], None], monkeypatch: pytest.MonkeyPatch) -> None:
    assert settings().conn_ids == frozenset() and settings().rate == 50.0
    named(" oa , erp,, ")
    monkeypatch.setenv("AIRFLOW__DOCFLOW__WEBHOOK_RATE", "100")
    assert (settings().conn_ids, settings().rate) == ({"oa", "erp"}, 100.0)
    assert settings().ledger_conn_id == "docflow_ledger" and settings("other").ledger_conn_id == "other"
    monkeypatch.setenv("AIRFLOW__DOCFLOW__WEBHOOK_RATE", "0")
    with pytest.raises(Misconfigured, match="webhook_rate"):
        settings()


def test_the_list_shows_what_came_in_last(ledger: Ledger, shell: Shell, sender: Sender) -> None:
    assert "no event came in" in shell("webhooks", "list").out
    ledger.instances.bind("oa", INSTANCE, "waiting_oa")
    for number in ("PR-1", "PR-2"):
        payload = {"conn_id": "oa", "document_type": "purchase_requisition", "number": number, "detail": "x"}
        ledger.inbox.put(INSTANCE, number, "decided", payload)
    ledger.inbox.put("crm", "e-1", "changed", None)
    assert [row["document"] for row in shell("webhooks", "list", "--json").data] == ["", "PR-2", "PR-1"]
    (row,) = shell("webhooks", "list", "oa", "--limit", 1, "--json").data
    assert (row["from"], row["through"], row["kind"]) == (INSTANCE, "oa", "decided")
    assert "PR-2" in shell("webhooks", "list", "oa").out


def test_the_doctor_tells_whether_events_can_be_taken(
    ledger: Ledger, shell: Shell, sender: Sender, named: Callable[[str], None], connect: Callable[..., None]
) -> None:
    named("oa,empty,gone")
    connect("empty", secret="")
    ledger.inbox.put("oa", "e-1", "decided", {"number": "PR-1"})

    def found() -> dict[str, tuple[str, str]]:
        return {
            one["check"]: (one["level"], one["found"] + one["remedy"])
            for one in json.loads(shell("doctor", "--json").out)
            if one["check"].startswith("webhook")
        }

    told = found()
    assert told["webhook oa"][0] == "ok" and "0 min ago" in told["webhook oa"][1]
    assert told["webhook empty"][0] == "fail" and "webhook_secret" in told["webhook empty"][1]
    assert told["webhook gone"][0] == "fail"
    assert told["webhooks served"][0] == "warn"
    Receiver(settings()).receive("oa", Delivery(method="POST"))
    assert found()["webhooks served"][0] == "ok"
    named("")
    assert found() == {}


@pytest.mark.parametrize(
    ("conn_ids", "told"), [("", "webhook_connections"), ("gone", "no event could be taken")]
)
def test_nothing_is_served_that_could_take_no_event(
    ledger: Ledger, shell: Shell, named: Callable[[str], None], conn_ids: str, told: str
) -> None:
    named(conn_ids)
    said = shell("webhooks", "serve")
    assert said.code == 1 and told in said.err


@pytest.fixture
def served(ledger: Ledger) -> Iterator[subprocess.Popen[str]]:
    """``airflow docflow webhooks serve`` in a process of its own, with a connection to DingTalk."""
    extra = {"corp_id": "c", "callback_token": "tok-en-123", "callback_aes_key": "a" * 43}
    environment = {
        **os.environ,
        NAMED: "oa,gone",
        "AIRFLOW_CONN_OA": json.dumps({"conn_type": "docflow_dingtalk", "login": "k", "extra": extra}),
    }
    words = ["airflow", "docflow", "webhooks", "serve", "--port", "0"]
    command = [
        sys.executable,
        "-c",
        f"import sys; sys.argv = {words}; from airflow.__main__ import main; main()",
    ]
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    yield process
    if process.poll() is None:
        process.kill()
    process.communicate()


def test_the_command_serves_until_interrupted(served: subprocess.Popen[str]) -> None:
    assert served.stdout is not None
    gone, oa = (served.stdout.readline().strip() for _ in range(2))
    assert "/webhooks/gone  NOT TAKEN: " in gone and oa.endswith("/webhooks/oa")
    base = oa.removesuffix("/oa")
    answers = [httpx2.post(f"{base}/{name}", content=b"{}", timeout=60) for name in ("oa", "x", "gone")]
    assert {(one.status_code, one.content) for one in answers} == {(404, b"not found")}
    served.send_signal(signal.SIGINT)
    told, _ = served.communicate(timeout=240)
    assert "A delivery was not taken" in told and "tok-en-123" not in told


def test_a_port_that_is_taken_is_told(
    ledger: Ledger, shell: Shell, sender: Sender, named: Callable[[str], None]
) -> None:
    named("oa")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        said = shell("webhooks", "serve", "--port", taken.getsockname()[1])
    assert said.code == 1


def test_the_api_server_receives_only_when_it_is_told_to(
    sender: Sender,
    ledger: Ledger,
    clock: Clock,
    named: Callable[[str], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from airflow_provider_docflow.plugin.app import create_app

    named("oa")
    clock.now = time.time()
    delivery: dict[str, Any] = sender.delivery(decided())
    assert TestClient(create_app()).post("/webhooks/oa", **delivery).status_code == 404
    monkeypatch.setenv("AIRFLOW__DOCFLOW__WEBHOOKS_IN_API_SERVER", "True")
    client = TestClient(create_app())
    assert kept(ledger) == []
    assert client.post("/webhooks/oa", **delivery).status_code == 200
    assert client.post("/webhooks/other", **delivery).content == b"not found"
    assert client.get("/api/v1/nothing").json() == {"detail": "Not Found"}
    assert kept(ledger) == [("oa", "e-1")]
