from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from airflow_provider_docflow.hooks.rerunning import Rerun, command_for, rerun
from airflow_provider_docflow.ledger.base import ref_key
from airflow_provider_docflow.ledger.documents import Touch
from airflow_provider_docflow.operators.create import CreateDocumentOperator
from tests.cli.conftest import Shell
from tests.incidents.conftest import approve, reading_of, ref_of
from tests.operators.test_scheduler import scheduled_run, step
from tests.operators.world import World
from tests.plugin import manager
from tests.rigs import airflow_home
from tests.rigs.api_server import api_server
from tests.rigs.runner import dag

API = "/docflow/api/v1"
USERS = {"viewer": "viewer", "alice": "user", "half": "user", "stranger": "user", "admin": "admin"}
Browsers = Callable[[str], TestClient]
WHY = {"reason": "corrected at the source"}


@pytest.fixture(scope="module")
def app() -> Iterator[Any]:
    """Airflow's own API server with the plugin in it."""
    users = ",".join(f"{name}:{role}" for name, role in USERS.items())
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW__CORE__AUTH_MANAGER", "tests.plugin.manager.RestrictingAuthManager")
        patch.setenv("AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS", users)
        patch.setenv("AIRFLOW__DOCFLOW__LEDGER_CONN_ID", "docflow_ledger")
        patch.setitem(manager.READABLE, "half", frozenset({"flow_1"}))
        patch.setitem(manager.READABLE, "stranger", frozenset())
        with api_server() as made:
            yield made


@pytest.fixture
def client(app: Any, world: World) -> Browsers:
    """Return a browser of a user; anonymous for an empty name."""
    from airflow.api_fastapi.app import get_auth_manager
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser

    airflow_home.install_database()

    def give(name: str = "") -> TestClient:
        browser = TestClient(app, base_url="http://airflow.example", raise_server_exceptions=False)
        browser.headers["Origin"] = "http://airflow.example"
        if name:
            user = SimpleAuthManagerUser(username=name, role=USERS[name])
            browser.headers["Authorization"] = f"Bearer {get_auth_manager().generate_jwt(user)}"
        return browser

    return give


def orders(dag_id: str, *numbers: str) -> Any:
    """A DAG of two tasks: orders of requisitions, and what comes after."""
    from airflow.providers.standard.operators.empty import EmptyOperator

    with dag(dag_id) as flow:
        made = CreateDocumentOperator(
            task_id="orders",
            docflow_conn_id="erp",
            document_type="purchase_order",
            source=list(numbers),
            source_conn_id="oa",
            source_document_type="purchase_requisition",
            retries=0,
        )
        made >> EmptyOperator(task_id="after")
    return flow


def run_to_its_end(flow: Any, session: Any, run: Any = None) -> Any:
    run = run or scheduled_run(flow, session)
    while step(run, flow, session):
        pass
    return run


def states(run: Any, session: Any) -> dict[str, str]:
    session.expire_all()
    return {ti.task_id: str(ti.state) for ti in run.get_task_instances(session=session)}


def stopped(world: World, dag_id: str, *numbers: str) -> tuple[Any, Any, list[int]]:
    """A run whose documents nobody has approved: flow, run and the incidents."""
    from airflow.utils.session import create_session

    for number in numbers:
        world.enter(number, ("SUP-1", "1", "7.00"))
    flow = orders(dag_id, *numbers)
    with create_session() as session:
        run = run_to_its_end(flow, session)
        assert states(run, session) == {"orders": "failed", "after": "upstream_failed"}
    found = world.ledger.incidents.search()
    return flow, run, [one.id for one in found if one.document_number in numbers]


def test_a_retry_from_the_page_lets_the_task_run_again(world: World, client: Browsers) -> None:
    from airflow.models.serialized_dag import SerializedDagModel
    from airflow.utils.session import create_session

    flow, run, (incident,) = stopped(world, "flow_1", "PR-1")
    world.approve("PR-1")
    alice = client("alice")
    done = alice.post(f"{API}/incidents/{incident}/retry", json=WHY)
    assert done.status_code == 200, done.text
    told = done.json()
    assert (told["status"], told["closed_at"] is None) == ("closed", False)
    cleared = {"dag_id": "flow_1", "run_id": "manual__1", "task_id": "orders", "map_index": -1}
    assert told["tasks"] == [{**cleared, "state": "cleared"}]
    assert [(one["event"], one["actor"]) for one in told["history"]][1:] == [
        ("retried", "alice"),
        ("closed", "alice"),
    ]
    again = client("admin").post(f"{API}/incidents/{incident}/retry", json=WHY)
    assert (again.status_code, again.json()["error"]) == (409, "Rejected")
    with create_session() as session:
        run = session.merge(run)
        run.dag = SerializedDagModel.get_dag("flow_1", session=session)
        assert states(run, session) == {"orders": "None", "after": "None"}
        run_to_its_end(flow, session, run)
        assert states(run, session) == {"orders": "success", "after": "success"}
    assert len(world.orders()) == 1
    assert world.ledger.incidents.search() == []
    (event,) = world.ledger.audit.events(f"incident:{incident}")
    assert event.payload["by"] == "alice"


def test_the_ones_who_may_not_act_are_refused(world: World, client: Browsers) -> None:
    _, _, (incident,) = stopped(world, "flow_1", "PR-1")
    key = ref_key(ref_of(world, "PR-1"))
    group = world.ledger.incidents.get(incident).group_key
    bodies: dict[str, dict[str, Any]] = {
        f"incidents/{incident}/retry": WHY,
        f"incidents/{incident}/close": WHY,
        f"incidents/{incident}/assign": {**WHY, "assignee": "bob"},
        "incident-groups/retry": {**WHY, "group_key": group},
        f"documents/{key}/override": {**WHY, "field": "lines[0].quantity", "value": "2"},
    }
    for path, body in bodies.items():
        url = f"{API}/{path}"
        seen = 404 if path.startswith("incident-groups") else 403
        assert client("").post(url, json=body).status_code == 401, path
        assert client("viewer").post(url, json=body).status_code == seen, path
        assert client("stranger").post(url, json=body).status_code == 404, path
        admin = client("admin")
        assert admin.post(url, json=body, headers={"Origin": "http://evil.example"}).status_code == 403
        assert admin.post(url, content=b"reason=x").status_code == 415, path
        plain = {"Content-Type": "text/plain"}
        assert admin.post(url, content=b'{"reason": "x"}', headers=plain).status_code == 415
        for wrong in ("", "  ", "x" * 2001, None, 7):
            assert admin.post(url, json={**body, "reason": wrong}).status_code == 422, (path, wrong)
        assert admin.post(url, json={**body, "actor": "somebody else"}).status_code == 422, path
        assert admin.get(url).status_code in (404, 405)
    for unknown in ("4711", str(2**62), str(2**31 - 1)):
        assert client("admin").post(f"{API}/incidents/{unknown}/retry", json=WHY).status_code == 404
    one = world.ledger.incidents.get(incident)
    assert (one.status, one.assignee) == ("open", "")
    assert [event.event for event in world.ledger.incidents.history(incident)] == ["opened"]


def test_an_incident_is_assigned_and_closed_with_a_reason(world: World, client: Browsers) -> None:
    _, _, (incident,) = stopped(world, "flow_1", "PR-1")
    alice = client("alice")
    url = f"{API}/incidents/{incident}"
    assigned = alice.post(f"{url}/assign", json={"assignee": " bob ", "reason": "knows it"})
    assert (assigned.status_code, assigned.json()["assignee"]) == (200, "bob")
    closed = alice.post(f"{url}/close", json={"reason": "bought elsewhere"})
    assert (closed.status_code, closed.json()["status"]) == (200, "closed")
    assert alice.post(f"{url}/close", json=WHY).status_code == 409
    assert alice.post(f"{url}/assign", json={"assignee": "eve", "reason": "x"}).status_code == 409
    history = alice.get(url).json()["history"]
    assert [(one["event"], one["note"]) for one in history][1:] == [
        ("assigned", "bob: knows it"),
        ("closed", "bought elsewhere"),
    ]


def test_a_group_continues_only_where_the_user_may_act(world: World, client: Browsers) -> None:
    _, _, mine = stopped(world, "flow_1", "PR-1", "PR-2")
    _, _, others = stopped(world, "flow_2", "PR-3")
    group = world.ledger.incidents.get(mine[0]).group_key
    assert world.ledger.incidents.groups() == {group: 3}
    done = client("half").post(f"{API}/incident-groups/retry", json={**WHY, "group_key": group})
    assert done.status_code == 200, done.text
    assert done.json()["retried"] == mine
    assert done.json()["left"] == 0, "what others may see is not counted"
    assert [one["state"] for one in done.json()["tasks"]] == ["cleared"], "one task for both documents"
    assert [one.id for one in world.ledger.incidents.search()] == others
    again = client("half").post(f"{API}/incident-groups/retry", json={**WHY, "group_key": group})
    assert again.status_code == 404


def test_a_value_is_overridden_on_the_page_and_withdrawn(
    world: World, client: Browsers, people: None
) -> None:
    stopped(world, "flow_1", "PR-1")
    approve(world, "PR-1", "boss")
    ref = ref_of(world, "PR-1")
    url = f"{API}/documents/{ref_key(ref)}/override"
    alice = client("alice")
    new = {"field": "lines[0].price_amount", "value": "6.00", "reason": "the offer says so"}
    done = alice.post(url, json=new)
    assert done.status_code == 200, done.text
    assert done.json() == {
        "field": "lines[0].price_amount",
        "old": "7",
        "new": "6",
        "status": "active",
        "payable_before": "7.00",
        "payable_after": "6.00",
    }
    assert [one.decision for one in world.ledger.decisions.of(ref)] == ["approved", "voided"]
    document = reading_of(world, "PR-1").document
    assert document is not None and str(document.payable_amount) == "6.00"
    for field, value in (("seller_supplier_party.id", "SUP-9"), ("lines[0].price_amount", "-1")):
        wrong = alice.post(url, json={**new, "field": field, "value": value})
        assert (wrong.status_code, wrong.json()["error"]) == (422, "InvalidDocument"), wrong.text
    unknown = client("admin").post(url, json=new)
    assert (unknown.status_code, unknown.json()["error"]) == (409, "NotApproved")
    assert "[docflow] people" in unknown.json()["detail"]
    ended = alice.post(url, json={**new, "value": None, "reason": "the offer was older"})
    assert (ended.status_code, ended.json()["status"]) == (200, "withdrawn")
    assert alice.post(url, json={**new, "value": None}).status_code == 404
    document = reading_of(world, "PR-1").document
    assert document is not None and str(document.payable_amount) == "7.00"


def test_the_command_line_names_the_command_or_runs_the_task_again(
    world: World, client: Browsers, shell: Shell
) -> None:
    from airflow.utils.session import create_session

    _, run, (incident,) = stopped(world, "flow_1", "PR-1")
    told = shell("retry", incident, "--reason", "approved on paper")
    assert told.code == 0, told.err
    when = run.logical_date.isoformat()
    assert "airflow tasks clear flow_1 --task-regex '^orders$' --downstream" in told.out
    assert f"--start-date {when} --end-date {when} --yes" in told.out
    with create_session() as session:
        assert states(session.merge(run), session)["orders"] == "failed"
    opened = world.ledger.incidents.search(status="closed")[0]
    from airflow_provider_docflow.ledger.incidents import NewIncident

    fresh = NewIncident("data", opened.code, "again", ref=ref_of(world, "PR-1"))
    number = world.ledger.incidents.open(fresh)
    done = shell("retry", number, "--reason", "now", "--rerun", "--json").data
    assert done["retried"] == [number]
    assert [one["state"] for one in done["tasks"]] == ["cleared"]
    with create_session() as session:
        assert states(session.merge(run), session) == {"orders": "None", "after": "None"}


def test_a_task_that_is_under_way_or_gone_is_left_alone(world: World, client: Browsers) -> None:
    from airflow.utils.session import create_session

    stopped(world, "flow_1", "PR-1")

    def touch(**named: Any) -> Touch:
        known = {"dag_id": "flow_1", "run_id": "manual__1", "task_id": "orders", "map_index": -1}
        return Touch(**{**known, "try_number": 1, "at": None, **named})

    def state(one: Touch, session: Any) -> str:
        (done,) = rerun([one, one], session)
        assert isinstance(done, Rerun)
        return done.state

    with create_session() as session:
        assert state(touch(run_id="manual__9"), session) == "gone"
        assert state(touch(dag_id="flow_9"), session) == "gone"
        assert state(touch(task_id="nothing"), session) == "gone"
        assert state(touch(map_index=3), session) == "gone"
        assert state(touch(), session) == "cleared"
        assert state(touch(), session) == "under way"


def test_a_run_without_a_logical_date_is_named_by_its_id() -> None:
    one = Touch("flow 1", "asset__2026 a", "orders", -1, 1, None)  # type: ignore[arg-type]
    assert command_for(one) == "airflow dags clear 'flow 1' --run-id 'asset__2026 a' --only-failed --yes"
