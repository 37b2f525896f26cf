from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import event
from starlette.testclient import TestClient

from airflow_provider_docflow.ledger import Ledger, LineUse
from airflow_provider_docflow.ledger.documents import DocumentEntry
from airflow_provider_docflow.locale import catalogue
from tests.plugin.stories import BANK, ERP, SECRET, Stories, ref

API = "/docflow/api/v1"
HIDDEN = (SECRET, "SUP-SECRET", "Hidden", "BEHIND-1", "PAY-9", "flow_2", "UNTOUCHED")
Browsers = Callable[[str], TestClient]


def get(client: TestClient, path: str, **params: Any) -> Any:
    answer = client.get(f"{API}/{path}", params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


def numbers(found: Any) -> set[str]:
    assert found["total"] == len(found["items"]) and found["total_is_exact"]
    return {row["number"] for row in found["items"]}


def test_a_list_holds_what_a_dag_of_the_user_touched(client: Browsers, stories: Stories) -> None:
    seen = {"PR-2026-001", "PO-4711", "FAR-1"}
    assert numbers(get(client("one"), "documents")) == seen
    assert numbers(get(client("both"), "documents")) == seen | {"PAY-9", SECRET, "BEHIND-1"}
    assert numbers(get(client("nobody"), "documents")) == set()


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"text": "4711"}, {"PO-4711"}),
        ({"text": "钢铁"}, {"PR-2026-001"}),
        ({"party": "MÜLLER"}, {"PO-4711", "FAR-1"}),
        ({"number": "2026"}, {"PR-2026-001"}),
        ({"number": "müller"}, set()),
        ({"amount_from": "99999999999999.985", "currency": "EUR"}, {"PO-4711"}),
        ({"document_type": "purchase_order", "instance": ERP, "lifecycle": "active"}, {"PO-4711"}),
        ({"approval": "pending"}, set()),
        (
            {"dag_id": "flow_1", "run_id": "run of flow_1", "task_id": "write"},
            {"PR-2026-001", "PO-4711", "FAR-1"},
        ),
        ({"dag_id": "flow_1", "map_index": 3}, set()),
    ],
)
def test_a_search_finds(client: Browsers, stories: Stories, params: Any, expected: set[str]) -> None:
    assert numbers(get(client("one"), "documents", **params)) == expected


def test_a_mapped_task_has_its_own_documents(client: Browsers, stories: Stories) -> None:
    task = {"dag_id": "flow_2", "run_id": "run of flow_2", "task_id": "pay"}
    assert numbers(get(client("both"), "documents", **task, map_index=3)) == {"PAY-9"}
    assert numbers(get(client("both"), "documents", **task, map_index=2)) == set()


@pytest.mark.parametrize(
    "params",
    [
        {"text": SECRET},
        {"text": "77"},
        {"number": "PAY"},
        {"party": "hidden"},
        {"instance": BANK},
        {"document_type": "supplier_invoice"},
        {"dag_id": "flow_2"},
        {"dag_id": "flow_2", "run_id": "run of flow_2", "text": "4711"},
    ],
)
def test_no_search_or_count_tells_what_is_hidden(client: Browsers, stories: Stories, params: Any) -> None:
    found = get(client("one"), "documents", **params)
    assert (found["items"], found["total"], found["total_is_exact"]) == ([], 0, True)
    assert get(client("both"), "documents", **params)["total"] > 0, "there is something to hide"


def test_nothing_hidden_leaks_anywhere(client: Browsers, stories: Stories) -> None:
    browser = client("one")
    paths = ["documents", "incidents", "incidents?status=all", "incident-groups", "health", "me"]
    paths += [f"documents/{stories.key(name)}" for name in ("requisition", "order", "far")]
    paths += [f"incidents/{row['id']}" for row in get(browser, "incidents")["items"]]
    told = " ".join(browser.get(f"{API}/{path}").text for path in paths)
    assert "PO-4711" in told and "the period is closed" in told
    assert [word for word in HIDDEN if word in told] == []
    everything = json.dumps(get(client("both"), f"documents/{stories.key('order')}"))
    assert [word for word in HIDDEN if word not in everything] == ["UNTOUCHED"]


def test_a_document_with_its_chain(client: Browsers, stories: Stories) -> None:
    found = get(client("one"), f"documents/{stories.key('order')}")
    row = found["document"]
    assert (row["amount"], row["currency"], row["system"]) == ("99999999999999.99", "EUR", "tryton")
    assert row["url"] == "https://erp.example/web/#db-1/model/purchase.purchase/id-PO-4711"
    assert (row["state"]["lifecycle"], row["issue_date"]) == ("active", "2026-03-01")
    chain = {one["number"]: one for one in found["chain"]}
    assert chain.keys() == {"PR-2026-001", "PO-4711"}, "it ends at what is hidden"
    assert chain["PR-2026-001"]["amount"] == "10.10" and found["chain_is_complete"]
    (link,) = found["links"]
    assert link["source_key"] == stories.key("requisition") and link["target_key"] == row["key"]
    assert (link["kind"], link["status"], link["quantity"], link["amount"]) == (
        "fulfils",
        "linked",
        "2.5",
        "10.1",
    )
    (decision,) = found["decisions"]
    assert (decision["decision"], decision["approver"], decision["comment"]) == (
        "approved",
        "Wang Wei",
        "go on",
    )
    assert {touch["dag_id"] for touch in found["touches"]} == {"flow_1"}
    assert found["may_act"] is False


def test_the_chain_goes_on_for_those_who_see_more(client: Browsers, stories: Stories) -> None:
    found = get(client("both"), f"documents/{stories.key('far')}")
    assert {row["number"] for row in found["chain"]} == {
        *("FAR-1", SECRET, "BEHIND-1", "PO-4711", "PAY-9", "PR-2026-001")
    }
    assert len(found["links"]) == 5


def test_what_happened_stands_on_one_axis(client: Browsers, stories: Stories) -> None:
    events = get(client("one"), f"documents/{stories.key('order')}")["events"]
    assert [one["at"] for one in events] == sorted(one["at"] for one in events)
    codes = [one["code"] for one in events]
    assert {"event.reserved", "event.receipt", "event.held", "event.decided.approved"} <= set(codes)
    assert {"event.incident.opened", "event.first_seen", "event.read"} <= set(codes)
    written = next(one for one in events if one["code"] == "event.receipt")
    assert (written["kind"], written["key"]) == ("written", stories.key("order"))
    assert written["actor"] == "flow_1.write in run of flow_1"
    held = [one for one in events if one["params"].get("document_type") == "payment"]
    assert held and all(one["actor"] == "" and one["key"] == stories.key("order") for one in held)
    for language in ("en", "zh"):
        for one in events:
            assert catalogue(language)[one["code"]].format(**one["params"])


def test_incidents_are_seen_with_their_documents(client: Browsers, stories: Stories) -> None:
    def about(name: str, **params: Any) -> set[str]:
        found = get(client(name), "incidents", **params)
        assert found["total"] == len(found["items"])
        ids = {number: title for title, number in stories.incidents.items()}
        return {ids[row["id"]] for row in found["items"]}

    own = {"requisition", "held order"}
    assert about("one") == own
    assert about("both") == own | {"payment", "secret"}
    assert about("op") == own | {"payment", "secret", "system", "untouched"}
    assert about("one", category="data") == {"requisition"}
    assert about("one", text="PR-2026") == {"requisition"}
    assert about("one", text="PERIOD") == {"held order"}
    assert about("one", dag_id="flow_1", run_id="run of flow_1") == own
    assert about("one", dag_id="flow_2") == set()
    closed = get(client("one"), "incidents", status="closed", text="PR-2026")
    assert (closed["items"], closed["total"], closed["next_offset"]) == ([], 0, None)


def test_an_incident_says_what_it_is_about_and_who_may_act(client: Browsers, stories: Stories) -> None:
    held = get(client("one"), f"incidents/{stories.incidents['held order']}")
    assert held["document_key"] == stories.key("order"), "the source of the write that it holds"
    assert (held["may_act"], held["history"][0]["event"]) == (False, "opened")
    assert get(client("user"), f"incidents/{held['id']}")["may_act"] is True
    payment = get(client("both"), f"incidents/{stories.incidents['payment']}")
    assert [one["actor"] for one in payment["history"]] == ["", "flow_2.pay[3] in run of flow_2"]
    system = get(client("admin"), f"incidents/{stories.incidents['system']}")
    assert (system["document_key"], system["may_act"]) == (None, True)
    assert get(client("both"), f"documents/{stories.key('payment')}")["document"]["open_incidents"] == 1


def test_groups_count_what_the_user_sees(client: Browsers, stories: Stories) -> None:
    sizes = {row["code"]: row["size"] for row in get(client("one"), "incident-groups")}
    assert sizes == {"missing_requisition": 1, "period_closed": 1}
    assert len(get(client("admin"), "incident-groups")) == len(stories.incidents)


def test_health_is_told_of_systems_whose_documents_are_seen(
    client: Browsers, ledger: Ledger, stories: Stories
) -> None:
    ledger.health.failed(BANK, "no answer", threshold=1)
    try:
        assert get(client("one"), "health") == []
        (seen,) = get(client("both"), "health")
        assert (seen["instance"], seen["state"], seen["cause"]) == (BANK, "open", "no answer")
        assert seen["incident"] is None
        assert get(client("op"), "health")[0]["incident"] is not None
    finally:
        ledger.health.answered(BANK)


def test_health_tells_a_kind_of_write_that_fails_from_a_system_that_is_down(
    client: Browsers, ledger: Ledger, stories: Stories
) -> None:
    kind = "POST /payments"
    ledger.health.failed(BANK, f"{kind} (request 1a2b3c4d): HTTP 502", part=kind, threshold=1)
    try:
        (seen,) = get(client("both"), "health")
        assert (seen["instance"], seen["state"], seen["whole"]) == (BANK, "open", False)
        ledger.health.failed(BANK, "no answer", threshold=1)
        (seen,) = get(client("both"), "health")
        assert (seen["state"], seen["whole"]) == ("open", True), "all of it outweighs a part"
    finally:
        ledger.health.answered(BANK)
        ledger.health.answered(BANK, part=kind)


def test_texts_and_the_user(client: Browsers) -> None:
    assert get(client("one"), "texts", lang="zh") == catalogue("zh")
    assert get(client("one"), "me") == {"id": "one", "name": "one", "may_act": False}
    assert get(client("user"), "me")["may_act"] is True


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("amount_from=abc", "amount_from"),
        ("amount_to=NaN", "amount_to"),
        ("amount_to=1e999", "amount_to"),
        ("sort=evil", "sort"),
        ("run_id=r", "dag_id"),
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("offset=-1", "offset"),
        ("issued_from=x", "issued_from"),
    ],
)
def test_what_makes_no_sense_is_refused(client: Browsers, stories: Stories, query: str, named: str) -> None:
    answer = client("one").get(f"{API}/documents?{query}")
    assert answer.status_code == 422
    assert named in answer.text


def test_a_ledger_out_of_reach_is_told_without_its_secrets(
    client: Browsers, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = {"conn_type": "postgres", "host": "127.0.0.1", "port": 1, "schema": "ledger"}
    connection |= {
        "login": "docflow",
        "password": "not-to-be-seen",
        "extra": {"encryption_key": "0" * 43 + "="},
    }
    monkeypatch.setenv("AIRFLOW_CONN_PAGES_LEDGER", json.dumps(connection))
    for path in ("documents", "documents/x", "incidents", "incidents/1", "incident-groups", "health"):
        answer = client("one").get(f"{API}/{path}")
        assert answer.status_code == 503
        assert answer.json()["error"] == "LedgerUnavailable" and "127.0.0.1" in answer.json()["detail"]
        assert "not-to-be-seen" not in answer.text and "Traceback" not in answer.text
        assert client("").get(f"{API}/{path}").status_code == 401, "who asks is checked first"
    assert client("one").get(f"{API}/me").status_code == 200


# ---- how often the ledger is asked


@contextmanager
def counted(ledger: Ledger) -> Iterator[list[str]]:
    said: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        said.append(statement)

    event.listen(ledger.database.engine, "before_cursor_execute", note)
    try:
        yield said
    finally:
        event.remove(ledger.database.engine, "before_cursor_execute", note)


@pytest.fixture(scope="module")
def many(ledger: Ledger, stories: Stories) -> list[str]:
    """An order that many invoices stand for, each with an incident and a decision."""
    from airflow_provider_docflow.ledger.base import ref_key
    from airflow_provider_docflow.ledger.incidents import NewIncident

    order = ref("MANY-0", "purchase_order", ERP)
    invoices = [ref(f"MANY-{number}", "supplier_invoice", ERP) for number in range(1, 41)]
    ledger.documents.upsert([DocumentEntry(one, amount=Decimal(1)) for one in (order, *invoices)])
    ledger.documents.touch([order, *invoices], dag_id="flow_2", run_id="many", task_id="write")
    for invoice in invoices:
        ledger.links.add(invoice, [LineUse(order, "1", Decimal(1), Decimal(1), "invoices")])
    ledger.incidents.open_many([NewIncident("data", "many", "so it is", ref=one) for one in invoices])
    return [ref_key(one) for one in (order, *invoices)]


def test_a_page_costs_as_many_statements_as_a_row(client: Browsers, ledger: Ledger, many: list[str]) -> None:
    said: dict[int, int] = {}
    for limit in (1, 40):
        for path in ("documents", "incidents"):
            with counted(ledger) as statements:
                found = get(client("both"), path, dag_id="flow_2", run_id="many", limit=limit)
            assert len(found["items"]) == limit
            said[limit] = said.get(limit, 0) + len(statements)
    assert said[1] == said[40] <= 20


def test_a_chain_costs_as_many_statements_as_a_link(
    client: Browsers, ledger: Ledger, stories: Stories, many: list[str]
) -> None:
    said = []
    for key, size in ((stories.key("payment"), 6), (many[0], 41)):
        with counted(ledger) as statements:
            found = get(client("both"), f"documents/{key}")
        assert len(found["chain"]) == size
        said.append(len(statements))
    assert said[1] <= said[0] <= 40, "the longer chain is the flatter one"
