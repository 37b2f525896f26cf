from __future__ import annotations

import json

import pytest

from airflow_provider_docflow.links import EXTRA_LINKS
from airflow_provider_docflow.links.document import OpenDocumentLink
from airflow_provider_docflow.operators.create import CreateDocumentOperator
from airflow_provider_docflow.sandbox import FaultRule
from tests.operators.test_create import chain, run_chain
from tests.operators.world import ORDERS, PROFILE, World
from tests.rigs.runner import Attempt, Runner, dag, key_of

API_KEY = "planted-api-key-9Zq4xW"
PASSWORD = "planted-password-7Lm2tR"
LEDGER_KEY = "cGxhbnRlZC1sZWRnZXIta2V5LTAwMDAwMDAwMDAwMDA="
SECRETS = (API_KEY, PASSWORD, LEDGER_KEY)


@pytest.fixture
def planted(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """The same world, with secrets of our own in every connection."""
    world.sandbox.call("PUT", "erp/settings", {"key": API_KEY})
    erp = {"profile": PROFILE, "api_key": API_KEY, "client_secret": PASSWORD, "instance": "plain-erp-1"}
    connection = {"conn_type": "docflow_rest", "host": world.sandbox.base_url, "extra": erp}
    connection |= {"login": "docflow", "password": PASSWORD}
    monkeypatch.setenv("AIRFLOW_CONN_ERP", json.dumps(connection))
    ledger = {"conn_type": "sqlite", "host": str(world.folder / "ledger.sqlite")}
    ledger["extra"] = json.dumps({"encryption_key": LEDGER_KEY})
    monkeypatch.setenv("AIRFLOW_CONN_DOCFLOW_LEDGER", json.dumps(ledger))
    world.enter("PR-1", ("SUP-1", "1", "7.00"))
    world.approve("PR-1")
    return world


def assert_clean(world: World, *attempts: Attempt) -> None:
    for attempt in attempts:
        told = attempt.everything()
        assert not [secret for secret in SECRETS if secret in told]
    for path in world.folder.glob("ledger.sqlite*"):
        kept = path.read_bytes()
        assert not [secret for secret in SECRETS if secret.encode() in kept]


def test_secrets_are_nowhere_when_all_goes_well(planted: World, runner: Runner) -> None:
    read, orders = chain("PR-1", until="confirmed")
    attempts = [runner.run(read), runner.run(orders)]
    assert [attempt.state for attempt in attempts] == ["success", "success"]
    assert_clean(planted, *attempts)


@pytest.mark.parametrize(
    "fault",
    [
        FaultRule("cut", method="POST", path=ORDERS, times=1),
        FaultRule("reply_lost", method="POST", path=ORDERS, times=1),
        FaultRule("malformed", method="POST", path=ORDERS, times=1),
        FaultRule("rate_limited", method="POST", path=ORDERS, retry_after=700, times=None),
        FaultRule("expired_token", method="POST", path=ORDERS, times=None),
        FaultRule("error_before", method="POST", path=ORDERS, status=503, times=None),
        FaultRule(
            "error_before",
            method="POST",
            path=ORDERS,
            status=400,
            reply={"error": {"code": "no", "message": f"Authorization: Bearer {API_KEY} is refused"}},
        ),
        FaultRule(
            "error_before",
            method="POST",
            path=ORDERS,
            status=400,
            reply={"error": {"code": "no", "message": f"{API_KEY} is not valid, nor is {PASSWORD}"}},
        ),
    ],
    ids=lambda fault: f"{fault.fault}-{fault.status or ''}",
)
def test_secrets_are_nowhere_when_it_goes_wrong(planted: World, runner: Runner, fault: FaultRule) -> None:
    planted.sandbox.fault(fault)
    read, orders = chain("PR-1")
    runner.run(read)
    done = runner.run(orders)
    assert done.state != "success" or fault.fault in ("cut", "reply_lost", "malformed")
    assert_clean(planted, done)


def test_the_key_is_really_used(planted: World, runner: Runner) -> None:
    planted.sandbox.call("PUT", "erp/settings", {"key": "another"})
    done = run_chain(runner, "PR-1")
    assert done.state == "failed"
    assert type(done.error).__name__ == "Authentication"
    assert_clean(planted, done)


def test_the_link_leads_to_the_document_that_was_written(world: World, runner: Runner) -> None:
    world.enter("PR-1", ("SUP-1", "1", "7.00"))
    world.approve("PR-1")
    done = run_chain(runner, "PR-1")
    (order,) = world.orders()
    page = f"{world.sandbox.base_url}/ui/orders/{order['id']}"
    assert done.result["url"] == page
    assert done.xcoms[OpenDocumentLink().xcom_key] == page


def test_a_list_and_a_failed_task_have_no_single_page(world: World, runner: Runner) -> None:
    world.enter("PR-1", ("SUP-1", "1", "7.00"))
    failed = run_chain(runner, "PR-1")
    assert failed.xcoms[OpenDocumentLink().xcom_key] == ""
    world.approve("PR-1")
    assert run_chain(runner, ["PR-1"]).xcoms[OpenDocumentLink().xcom_key] == ""


@pytest.mark.parametrize("url", ["javascript:alert(1)", "data:text/html,x", "", None, 7])
def test_only_a_page_of_the_web_becomes_a_link(runner: Runner, url: object) -> None:
    with dag():
        task = CreateDocumentOperator(task_id="t", docflow_conn_id="e", document_type="payment", source="1")
    runner.supervisor.xcoms["t", "manual__1", -1, "return_value"] = {"status": "written", "url": url}
    assert OpenDocumentLink().get_link(task, ti_key=key_of(task)) == ""


def test_the_link_is_among_those_that_airflow_is_told_of() -> None:
    assert [f"{OpenDocumentLink.__module__}.{OpenDocumentLink.__qualname__}"] == EXTRA_LINKS


def test_lineage_has_one_asset_for_each_type_and_instance(
    world: World, runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow.sdk import lineage

    collector = lineage.HookLineageCollector()
    monkeypatch.setattr(lineage, "get_hook_lineage_collector", lambda: collector)
    for number in ("PR-1", "PR-2"):
        world.enter(number, ("SUP-1", "1", "7.00"))
    world.approve("PR-1", "PR-2")
    run_chain(runner, ["PR-1", "PR-2"])
    found = collector.collected_assets
    orders = sorted(order["number"] for order in world.orders())
    assert [(each.asset.uri, each.asset.extra) for each in found.outputs] == [
        ("docflow://plain-erp-1/purchase_order", {"numbers": orders, "count": 2})
    ]
    (source,) = found.inputs
    assert source.asset.uri.endswith("/purchase_requisition")
    assert source.asset.extra == {"numbers": ["PR-1", "PR-2"], "count": 2}
