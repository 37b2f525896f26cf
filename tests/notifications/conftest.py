from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_docflow.hooks.docflow import DocflowHook
from airflow_provider_docflow.operators.notify import NotifyOperator
from airflow_provider_docflow.sandbox import Sandbox
from tests.operators.world import World
from tests.rigs.ledgers import new_ledger
from tests.rigs.own_ledgers import own_ledgers
from tests.rigs.runner import Attempt, Runner, dag, runner

__all__ = ["Desk", "desk", "runner"]

TOKEN, SECRET = "robot-token-0123456789", "SEC0123456789abcdef"
CORP = "dingsandboxcorp"


class Desk:
    """Requisitions in a database, an ERP, a DingTalk group and a mailbox."""

    def __init__(self, world: World, runner: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
        self.world, self.runner, self.monkeypatch = world, runner, monkeypatch
        self.sandbox = world.sandbox
        self.connect()
        self.robot()

    def connect(self, **settings: Any) -> None:
        """Set the connections of DingTalk and the mail server."""
        base = self.sandbox.base_url
        extra = {
            "corp_id": CORP,
            "api_url": f"{base}/dingtalk",
            "oapi_url": f"{base}/dingtalk-oapi",
            "agent_id": "1000001",
            "robot_token": TOKEN,
            "robot_secret": SECRET,
            **settings,
        }
        ding = {"conn_type": "docflow_dingtalk", "login": "dingsandbox", "extra": extra}
        mail = {
            "conn_type": "smtp",
            "host": "127.0.0.1",
            "port": self.sandbox.mail_port,
            "extra": {
                "from_email": "docflow@example.org",
                "disable_ssl": True,
                "disable_tls": True,
                "retry_limit": 0,
            },
        }
        self.monkeypatch.setenv("AIRFLOW_CONN_DING", json.dumps({**ding, "password": "sandbox-secret"}))
        self.monkeypatch.setenv("AIRFLOW_CONN_POST", json.dumps(mail))

    def robot(self, **more: Any) -> None:
        """Enter the group's robot."""
        body = {"token": TOKEN, "secret": SECRET, **more}
        self.sandbox.call("POST", "dingtalk/robots", body)

    def requisitions(self, count: int) -> list[str]:
        """Enter requisitions and return their numbers."""
        numbers = [f"PR-{number}" for number in range(1, count + 1)]
        for number in numbers:
            self.world.enter(number, ("SUP-1", "1", "7.00"))
        return numbers

    def notify(self, source: Any, *, task_id: str = "told", tries: bool = False, **more: Any) -> Any:
        """Run a notifying task once, or until it is done."""
        given = {
            "docflow_conn_id": "ding",
            "smtp_conn_id": "post",
            "source_conn_id": "oa",
            "document_type": "purchase_requisition",
            **more,
        }
        with dag():
            task = NotifyOperator(task_id=task_id, source=source, **given)
        return self.runner.until_done(task) if tries else self.runner.run(task)

    def sent(self, channel: str = "robot") -> list[Any]:
        """Return the bodies of what was sent."""
        found = self.sandbox.call("GET", "dingtalk/messages", None, {"channel": channel})
        return [entry["body"] for entry in found["messages"]]

    def texts(self, channel: str = "robot") -> list[str]:
        """Return what was said."""
        return [body["text"]["content"] for body in self.sent(channel)]

    @property
    def ledger(self) -> Any:
        """The ledger that the tasks use."""
        return DocflowHook("oa").ledger


def good(attempt: Attempt) -> Any:
    """Return what a task left, which must have succeeded."""
    assert attempt.state == "success", attempt.everything()
    return attempt.result


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, runner: Runner) -> Iterator[Desk]:
    new_ledger(tmp_path / "ledger.sqlite")
    with own_ledgers(), Sandbox(tmp_path / "sandbox", mail_port=0) as sandbox:
        world = World(tmp_path, sandbox)
        world.create_source()
        for name, value in world.environment().items():
            monkeypatch.setenv(name, value)
        yield Desk(world, runner, monkeypatch)
