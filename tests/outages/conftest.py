from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_docflow.sandbox import Sandbox
from tests.cli.conftest import shell
from tests.ledger.conftest import clock, ledger, ledger_url
from tests.operators.conftest import runner, world

__all__ = [
    "Town",
    "clock",
    "ledger",
    "ledger_url",
    "runner",
    "shell",
    "town",
    "world",
]

TOKEN, SECRET = "robot-token-0123456789", "SEC0123456789abcdef"


class Town:
    """A DingTalk group and a mailbox, apart from the systems that go down."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        sandbox.call("POST", "dingtalk/robots", {"token": TOKEN, "secret": SECRET})

    def environment(self) -> dict[str, str]:
        """The connections to both, and the setting that has people told of outages by both."""
        base = self.sandbox.base_url
        urls = {"api_url": f"{base}/dingtalk", "oapi_url": f"{base}/dingtalk-oapi"}
        robot = {"corp_id": "dingsandboxcorp", "robot_token": TOKEN, "robot_secret": SECRET}
        plain = {"disable_ssl": True, "disable_tls": True, "retry_limit": 0}
        mail = {"from_email": "docflow@example.org", **plain}
        notify = {
            "channels": ["dingtalk_robot", "email"],
            "docflow_conn_id": "ding",
            "smtp_conn_id": "post",
            "mails": ["it@example.org"],
        }
        return {
            "AIRFLOW_CONN_DING": _connection("docflow_dingtalk", extra={**urls, **robot}),
            "AIRFLOW_CONN_POST": _connection(
                "smtp", host="127.0.0.1", port=self.sandbox.mail_port, extra=mail
            ),
            "AIRFLOW__DOCFLOW__OUTAGE_NOTIFY": json.dumps(notify),
        }

    def posted(self) -> list[str]:
        """Return what was said in the group."""
        found = self.sandbox.call("GET", "dingtalk/messages", None, {"channel": "robot"})
        return [json.dumps(entry["body"], ensure_ascii=False) for entry in found["messages"]]

    def mailed(self) -> list[str]:
        """Return the subjects of the mails that came."""
        return [mail["subject"] for mail in self.sandbox.mails()]


def _connection(conn_type: str, **fields: Any) -> str:
    return json.dumps({"conn_type": conn_type, **fields})


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    with Sandbox(tmp_path / "town", mail_port=0) as sandbox:
        yield Town(sandbox)
