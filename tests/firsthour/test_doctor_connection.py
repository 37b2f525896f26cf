"""``doctor CONN``: everything that one connection needs is looked at, by reading alone."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from airflow_provider_docflow.core.limits import Quota
from airflow_provider_docflow.hooks.ledger import ledger_of
from airflow_provider_docflow.ledger.buckets import Payer
from airflow_provider_docflow.sandbox import FaultRule
from airflow_provider_docflow.sandbox.client import SandboxClient
from airflow_provider_docflow.sandbox.example import fill
from airflow_provider_docflow.systems.sql import DEFAULT_TABLES
from tests.firsthour.conftest import Place, Shell


def findings(shell: Shell, *words: str) -> dict[str, dict[str, Any]]:
    said = shell("doctor", *words, "--json")
    found = json.loads(said.out)
    assert (said.code == 1) == any(one["level"] == "fail" for one in found), said.err
    for one in found:
        assert (one["remedy"] == "") == (one["level"] == "ok"), one
    return {one["check"]: one for one in found}


def levels(found: dict[str, dict[str, Any]]) -> dict[str, str]:
    return {check: one["level"] for check, one in found.items() if one["level"] != "ok"}


def test_a_good_connection_is_well_and_nothing_was_written(place: Place, shell: Shell) -> None:
    place.oa(time_zone="Asia/Shanghai")
    place.requisition("PR-1")
    before = place.writes()

    found = findings(shell, "oa")

    assert levels(found) == {}
    assert (
        found["login and instance"]["found"] == "DingTalk answers as dingsandboxcorp, not used by a flow yet"
    )
    assert found["purchase_requisition: read"]["found"] == "allowed, tried with PR-1"
    assert found["purchase_requisition: changes"]["found"] == "allowed"
    untried = next(check for check, one in found.items() if one["found"].startswith("not tried"))
    assert "create" in untried and "withdraw" in untried
    guarantee = found["purchase_requisition: guarantee"]["found"]
    assert guarantee == "at most once, otherwise an incident (probe best_effort, settles in 60 s)"
    assert found["clock"]["found"] == "the same as here"
    assert "20" in found["limit calls_per_second"]["found"]
    reads = ("query", "/instanceIds/")
    assert [one for one in place.writes()[len(before) :] if not any(word in one for word in reads)] == []


def test_every_type_of_an_api_is_tried(place: Place, shell: Shell) -> None:
    place.post_order({"company": "1000", "issue_date": "2026-03-31", "lines": []})
    found = findings(shell, "erp")
    assert levels(found) == {}
    assert found["purchase_order: read"]["found"].startswith("allowed, tried with PO-1000-")
    assert found["supplier_invoice: read"]["found"] == "answered; there is none to try it with"
    assert found["purchase_order: guarantee"]["found"] == "exactly once (probe native)"
    assert place.writes() == ["POST /erp/purchase_order"]
    text = shell("doctor", "erp")
    assert (text.code, text.out.endswith("\nall is well\n")) == (0, True)


def test_a_refused_login_says_what_to_do_and_ends_there(place: Place, shell: Shell) -> None:
    place.erp(api_key="wrong-key")
    # This API has no instance of its own to ask for, so the first refusal is that of reading.
    found = findings(shell, "erp")
    assert set(levels(found)) >= {"purchase_order: list", "purchase_order: read"}
    place.connect("oa", "docflow_dingtalk", login="dingsandbox", password="wrong")
    found = findings(shell, "oa")
    assert levels(found)["login and instance"] == "fail"
    assert "purchase_requisition: list" not in found


def test_another_instance_than_the_accepted_one_fails_and_names_the_command(
    place: Place, shell: Shell
) -> None:
    assert shell("check", "erp").code == 0
    assert findings(shell, "erp")["login and instance"]["found"] == "Plain ERP answers as plain-erp-1"
    place.erp(instance="plain-erp-2")
    found = findings(shell, "erp")["login and instance"]
    assert found["level"] == "fail"
    assert "airflow docflow accept-instance erp --reason" in found["remedy"]


def test_the_zone_is_said_and_a_wrong_one_fails(place: Place, shell: Shell) -> None:
    assert findings(shell, "oa")["time zone"]["level"] == "warn"
    place.oa(time_zone="Asia/Shangri-La")
    found = findings(shell, "oa")["time zone"]
    assert (found["level"], "Shangri-La" in found["found"]) == ("fail", True)


def test_a_database_is_not_prepared_by_looking_at_it(place: Place, shell: Shell) -> None:
    tables = place.tables()
    found = findings(shell, "finance")
    assert (found["login and instance"]["level"], "DDL" in found["login and instance"]["remedy"]) == (
        "fail",
        True,
    )
    place.finance(ensure=True)
    found = findings(shell, "finance")
    assert found["login and instance"]["level"] == "warn"
    assert place.tables() == tables
    assert shell("check", "finance").code == 0
    found = findings(shell, "finance")
    assert found["login and instance"]["level"] == "ok"
    assert found["clock"]["found"] == "the same as here"
    assert found["payment_request: list"]["level"] == "ok"
    # The sandbox has the tables of payment requests alone.
    assert found["supplier_invoice: list"]["level"] == "fail"
    assert "docs/systems/sql.md" in found["supplier_invoice: list"]["remedy"]
    about = {check.partition(": ")[2] for check in found if check.startswith("supplier_invoice: ")}
    assert about == {"list", "guarantee"}, "one finding, not one for each thing that cannot work without it"


def test_the_connections_of_a_filled_sandbox_are_well(place: Place, shell: Shell) -> None:
    client = SandboxClient(place.sandbox.base_url)
    held = {"payment_request": DEFAULT_TABLES["payment_request"]}
    for conn_id, known in fill(client, place.sandbox.finance_path.parent, held).items():
        place.set_variable(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(known))
    assert shell("check", "finance").code == 0
    for conn_id in ("oa", "erp", "finance"):
        assert levels(findings(shell, conn_id)) == {}


def test_a_system_that_answers_nonsense_is_a_finding_of_that_check_alone(place: Place, shell: Shell) -> None:
    place.sandbox.fault(FaultRule("malformed", method="GET", path="/erp/purchase_order*", times=None))
    found = findings(shell, "erp")
    assert set(levels(found)) == {f"purchase_order: {one}" for one in ("list", "changes")}


@pytest.fixture
def late_server() -> Iterator[Any]:
    """An API whose clock is wrong and which lets nobody list invoices."""

    class Handler(BaseHTTPRequestHandler):
        skew = 0.0

        def do_GET(self) -> None:
            forbidden = "supplier_invoice" in self.path
            body = b'{"error": {"code": "forbidden", "message": "no"}}' if forbidden else b'{"items": []}'
            self.send_response(403 if forbidden else 200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def date_time_string(self, timestamp: float | None = None) -> str:
            return format_datetime(datetime.now(UTC) + timedelta(seconds=Handler.skew), usegmt=True)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_missing_right_and_a_wrong_clock_are_seen(place: Place, shell: Shell, late_server: Any) -> None:
    place.connect("erp", "docflow_rest", f"http://127.0.0.1:{late_server.server_port}")
    for skew, level in ((0.0, "ok"), (-60.0, "warn"), (900.0, "fail")):
        late_server.RequestHandlerClass.skew = skew
        found = findings(shell, "erp")
        assert found["clock"]["level"] == level, found["clock"]
        assert found["supplier_invoice: list"]["level"] == "fail"
        assert found["purchase_order: list"]["level"] == "ok"
    assert found["clock"]["found"] == "900 s ahead of this machine" or "899" in found["clock"]["found"]


def test_a_quota_is_told_with_the_use_that_all_have_made_of_it(place: Place, shell: Shell) -> None:
    place.oa(calls_per_month=100)
    ledger, zone, used = ledger_of(), ZoneInfo("Asia/Shanghai"), 0

    def quota() -> dict[str, Any]:
        return findings(shell, "oa")["quota calls_per_month"]

    for upto, level in ((79, "ok"), (80, "warn"), (100, "fail")):
        quotas = (Quota("calls_per_month", 100, "month"),)
        payer = Payer("dingsandboxcorp")
        ledger.budgets.draw(payer, upto - used, buckets=(), quotas=quotas, zone=zone, max_wait=0)
        used = upto
        found = quota()
        assert (found["level"], found["found"].startswith(f"{upto} of 100 calls used")) == (level, True)


@pytest.mark.parametrize("conn_id", ["nowhere", "docflow_ledger"])
def test_what_is_no_connection_of_ours_fails(place: Place, shell: Shell, conn_id: str) -> None:
    found = findings(shell, conn_id)
    assert list(found) == ["connection"]
    assert found["connection"]["level"] == "fail"
