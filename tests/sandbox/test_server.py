from __future__ import annotations

import json
import smtplib
import sqlite3
import subprocess
import sys
from contextlib import closing
from email.message import EmailMessage
from pathlib import Path

import httpx2
import pytest

from airflow_provider_docflow.exceptions import Misconfigured, Unreachable
from airflow_provider_docflow.sandbox import FaultRule, Sandbox, SandboxClient
from tests.sandbox.conftest import REQUISITION, DingTalk, form

FLOW = [{"actionType": "NONE", "userIds": ["boss"]}]


def test_kill_9_keeps_everything_that_was_answered(tmp_path: Path) -> None:
    sandbox = Sandbox(tmp_path, own_process=True).start()
    code = sandbox.template("采购申请", REQUISITION, approvers=FLOW)
    dingtalk = DingTalk(sandbox)
    made = [dingtalk.create(code).json()["instanceId"] for _ in range(5)]
    sandbox.rules([{"action": "agree", "after": 3600}])
    slow = dingtalk.create(code).json()["instanceId"]
    sandbox.fault(FaultRule("rate_limited", path="*/instanceIds/query", nth=2))
    assert dingtalk.ids(code).status_code == 200
    sandbox.fault(FaultRule("late_commit", method="POST", path="*/processInstances", seconds=3600))
    assert dingtalk.create(code).status_code == 504
    token, requests = dingtalk.token, sandbox.count()
    sandbox.kill()
    dingtalk.http.close()

    with Sandbox(tmp_path, own_process=True) as again:
        client = DingTalk(again)
        assert client.login().json()["accessToken"] == token
        assert [item["id"] for item in again.instances()] == [*made, slow]
        assert again.count() == requests + 1
        assert client.ids(code).status_code == 429, "a half used fault goes on counting"
        again.advance(3600)
        assert again.instance(slow)["result"] == "agree"
        assert len(again.instances()) == 7, "the late commit came"
        client.http.close()


def test_a_reply_that_was_never_sent_is_there_after_a_kill(tmp_path: Path) -> None:
    sandbox = Sandbox(tmp_path, own_process=True).start()
    code = sandbox.template("采购申请", REQUISITION, approvers=FLOW)
    dingtalk = DingTalk(sandbox)
    dingtalk.login()
    sandbox.fault(FaultRule("reply_lost", method="POST", path="*/processInstances"))
    with pytest.raises(httpx2.TransportError):
        dingtalk.create(code)
    sandbox.kill()
    dingtalk.http.close()
    with Sandbox(tmp_path) as again:
        assert len(again.instances()) == 1


def test_restart_in_a_thread_keeps_time_and_state(tmp_path: Path) -> None:
    with Sandbox(tmp_path) as sandbox:
        code = sandbox.template("采购申请", REQUISITION, approvers=FLOW)
        frozen = sandbox.freeze()
        body = {"processCode": code, "originatorUserId": "u1", "formComponentValues": form()}
        (made,) = sandbox.submit([body])
    with Sandbox(tmp_path) as sandbox:
        assert sandbox.now() == frozen
        assert sandbox.instance(made)["status"] == "RUNNING"
        assert sandbox.advance(10) == frozen + 10_000
        assert sandbox.thaw() >= frozen + 10_000


def test_one_home_is_served_once(tmp_path: Path) -> None:
    with Sandbox(tmp_path) as sandbox:
        with pytest.raises(Misconfigured, match=f"{sandbox.port}"):
            Sandbox(tmp_path).start()
        with pytest.raises(Misconfigured, match="did not start"):
            Sandbox(tmp_path, own_process=True).start()
        with pytest.raises(Misconfigured, match="runs already"):
            sandbox.start()
        with pytest.raises(Misconfigured, match="own_process"):
            sandbox.kill()


def test_the_command_line_tells_its_addresses(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "airflow_provider_docflow.sandbox", "--home", str(tmp_path)]
    with subprocess.Popen(
        [*command, "--port", "0", "--mail-port", "0"], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            state = json.loads(process.stdout.readline())
            assert json.loads((tmp_path / "sandbox.json").read_text()) == state
            health = SandboxClient(state["base_url"]).call("GET", "health")
            assert health["pid"] == process.pid == state["pid"]
            assert {"dingtalk", "erp", "cosmic"} <= set(health["stand_ins"])
        finally:
            process.terminate()
    assert not (tmp_path / "sandbox.json").exists()
    with pytest.raises(Unreachable):
        SandboxClient(state["base_url"]).now()


def letter() -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = (
        "docflow@example.com",
        "cfo@example.com",
        "请审批 PR-1",
    )
    message.set_content("请处理")
    message.add_alternative("<p>请处理</p>", subtype="html")
    message.add_attachment(b"%PDF", maintype="application", subtype="pdf", filename="PR-1.pdf")
    return message


def test_mail_sink(tmp_path: Path) -> None:
    with Sandbox(tmp_path, mail_port=0) as sandbox:
        assert sandbox.mail_port
        with smtplib.SMTP("127.0.0.1", sandbox.mail_port) as smtp:
            smtp.send_message(letter())
        (mail,) = sandbox.mails()
        assert mail["subject"] == "请审批 PR-1" and mail["envelope_to"] == ["cfo@example.com"]
        assert (mail["text"].strip(), mail["html"].strip()) == ("请处理", "<p>请处理</p>")
        assert mail["attachments"] == ["PR-1.pdf"]


def test_mail_may_be_put_off(tmp_path: Path) -> None:
    with Sandbox(tmp_path, mail_port=0) as sandbox:
        sandbox.fault(FaultRule("error_before", method="MAIL", path="cfo@*"))
        with smtplib.SMTP("127.0.0.1", sandbox.mail_port or 0) as smtp:
            with pytest.raises(smtplib.SMTPDataError, match=r"4\.3\.0"):
                smtp.send_message(letter())
            smtp.send_message(letter())
        assert len(sandbox.mails()) == 1
        sandbox.call("DELETE", "mails")
        assert sandbox.mails() == []


PAY = (
    "INSERT INTO payment_request (business_key, company_code, number, supplier, currency, amount, due_date)"
    " VALUES (?, 'C1', 'PAY-1', 'SUP-1', ?, ?, ?)"
)


def test_finance_database(sandbox: Sandbox) -> None:
    with closing(sqlite3.connect(sandbox.finance_path)) as finance:
        finance.execute(PAY, ("k1", "CNY", "99999999999999.99", "2026-01-31"))
        with pytest.raises(sqlite3.IntegrityError, match="UNIQUE"):
            finance.execute(PAY, ("k1", "CNY", "1.00", None))
        for values in (("k2", "RMBX", "1", None), ("k3", "CNY", "-1", None), ("k4", "CNY", "1,5", None)):
            with pytest.raises(sqlite3.IntegrityError, match="CHECK"):
                finance.execute(PAY, values)
        with pytest.raises(sqlite3.IntegrityError, match="CHECK"):
            finance.execute(PAY, ("k5", "CNY", "1", "31.01.2026"))
        finance.execute(
            "INSERT INTO payment_request_line (payment_request_id, line_number, amount) VALUES (1, 1, '1.10')"
        )
        finance.commit()
        assert finance.execute("SELECT amount, status FROM payment_request").fetchall() == [
            ("99999999999999.99", "open")
        ]


def test_control_plane_refuses_what_it_does_not_know(sandbox: Sandbox) -> None:
    at = f"{sandbox.base_url}/_sandbox"
    assert httpx2.post(f"{at}/clock", content=b"[]", trust_env=False).status_code == 400
    assert httpx2.post(f"{at}/clock", content=b"{", trust_env=False).status_code == 400
    assert httpx2.get(f"{at}/nothing", trust_env=False).status_code == 404
    assert httpx2.post(f"{at}/dingtalk/instances", content=b"{}", trust_env=False).status_code == 400
    gone = httpx2.get(f"{at}/dingtalk/instances/gone", trust_env=False)
    assert gone.json()["error"] == "processInstanceNotExist"


def test_replies_are_not_held_back_by_the_network_stack(sandbox: Sandbox) -> None:
    """A reply in two packets waits 40 ms for the other side unless the socket says otherwise."""
    from airflow_provider_docflow.sandbox.server import Running

    running = sandbox._running
    assert isinstance(running, Running)
    import socket

    with httpx2.Client(trust_env=False) as client:
        client.get(f"{sandbox.base_url}/_sandbox/health")
        for transport in list(running._transports.values()):
            sock = transport.get_extra_info("socket")
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert running._transports
