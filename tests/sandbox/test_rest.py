from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from airflow_provider_docflow.sandbox import FaultRule, Sandbox

ORDER = {"company": "C1", "reference": "PR-1", "amount": "99999999999999.99"}


@pytest.fixture
def erp(sandbox: Sandbox) -> Iterator[httpx2.Client]:
    headers = {"authorization": "Bearer erp-sandbox-key"}
    with httpx2.Client(
        base_url=f"{sandbox.base_url}/erp", headers=headers, trust_env=False, verify=False
    ) as client:
        yield client


def error(answer: httpx2.Response, status: int) -> str:
    assert answer.status_code == status, answer.text
    return answer.json()["error"]["code"]


def create(erp: httpx2.Client, key: str = "", **more: Any) -> httpx2.Response:
    headers = {"idempotency-key": key} if key else {}
    return erp.post("/purchase_order", json={**ORDER, **more}, headers=headers)


def test_create_and_get(erp: httpx2.Client) -> None:
    made = create(erp)
    assert made.status_code == 201
    document = made.json()
    assert (document["number"], document["status"], document["version"]) == ("PO-C1-000001", "draft", 1)
    assert document["amount"] == "99999999999999.99"
    assert erp.get(f"/purchase_order/{document['id']}").json() == document
    assert error(erp.get(f"/invoice/{document['id']}"), 404) == "not_found"


def test_a_json_fraction_is_kept_exactly(erp: httpx2.Client) -> None:
    content = b'{"company":"C1","amount":99999999999999.99}'
    assert erp.post("/purchase_order", content=content).json()["amount"] == "99999999999999.99"


def test_reference_is_not_unique(erp: httpx2.Client) -> None:
    ids = [create(erp).json()["id"] for _ in range(2)]
    found = erp.get("/purchase_order", params={"reference": "PR-1"}).json()["items"]
    assert [item["id"] for item in found] == ids


def test_idempotency_key(erp: httpx2.Client) -> None:
    first, again = create(erp, "k1"), create(erp, "k1")
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == first.json() and again.headers["idempotent-replayed"] == "true"
    assert error(create(erp, "k1", amount="1.00"), 422) == "idempotency_key_reused"
    assert len(erp.get("/purchase_order").json()["items"]) == 1


def test_refusals(sandbox: Sandbox, erp: httpx2.Client) -> None:
    assert error(create(erp, company=""), 400) == "missing_field"
    assert error(create(erp, status="posted"), 400) == "read_only"
    settings = {"companies": ["C1"], "closed_periods": ["2026-01"]}
    sandbox.call("PUT", "erp/settings", settings)
    assert error(create(erp, company="C2"), 400) == "unknown_company"
    assert error(create(erp, posting_date="2026-01-31"), 422) == "period_closed"
    assert create(erp, posting_date="2026-02-01").status_code == 201


def test_login(sandbox: Sandbox, erp: httpx2.Client) -> None:
    assert error(erp.get("/purchase_order", headers={"authorization": "Bearer no"}), 401) == "unauthorized"
    sandbox.fault(FaultRule("expired_token", path="/erp/*"))
    assert error(erp.get("/purchase_order"), 401) == "unauthorized"
    assert erp.get("/purchase_order").status_code == 200
    sandbox.call("PUT", "erp/settings", {"key": "other"})
    assert erp.get("/purchase_order").status_code == 401


def test_actions_follow_the_status(erp: httpx2.Client) -> None:
    at = f"/purchase_order/{create(erp).json()['id']}"
    assert error(erp.post(f"{at}/actions/approve", json={}), 409) == "invalid_status"
    for action, status in (("submit", "submitted"), ("approve", "approved"), ("post", "posted")):
        assert erp.post(f"{at}/actions/{action}", json={}).json()["status"] == status
    assert error(erp.post(f"{at}/actions/post", json={}), 409) == "invalid_status"
    assert error(erp.post(f"{at}/actions/dance", json={}), 404) == "unknown_action"
    assert erp.post(f"{at}/actions/reverse", json={}).json()["version"] == 5


def test_change_a_draft(erp: httpx2.Client) -> None:
    at = f"/purchase_order/{create(erp).json()['id']}"
    changed = erp.patch(at, json={"amount": "5.00"}, headers={"if-match": "1"}).json()
    assert (changed["amount"], changed["version"]) == ("5.00", 2)
    assert error(erp.patch(at, json={}, headers={"if-match": '"1"'}), 412) == "version_conflict"
    assert error(erp.patch(at, json={"number": "X"}), 400) == "read_only"
    erp.post(f"{at}/actions/submit", json={})
    assert error(erp.patch(at, json={"amount": "6.00"}), 409) == "invalid_status"


def test_a_changed_reference_is_found_under_the_new_one(erp: httpx2.Client) -> None:
    wanted = create(erp).json()["id"]
    erp.patch(f"/purchase_order/{wanted}", json={"reference": "PR-9"})
    assert erp.get("/purchase_order", params={"reference": "PR-1"}).json()["items"] == []
    assert erp.get("/purchase_order", params={"reference": "PR-9"}).json()["items"][0]["id"] == wanted


def test_paging_and_filters(sandbox: Sandbox, erp: httpx2.Client) -> None:
    sandbox.freeze()
    ids = [create(erp, company=f"C{n % 2}").json()["id"] for n in range(5)]
    sandbox.advance(60)
    erp.post(f"/purchase_order/{ids[3]}/actions/submit", json={})
    found, cursor = [], "0"
    while cursor is not None:
        page = erp.get("/purchase_order", params={"limit": 2, "cursor": cursor}).json()
        found += [item["id"] for item in page["items"]]
        cursor = page["next_cursor"]
    assert found == ids
    changed = erp.get(f"/purchase_order/{ids[3]}").json()
    since = erp.get("/purchase_order", params={"updated_since": changed["updated_at"]}).json()["items"]
    assert [item["id"] for item in since] == [ids[3]]
    named = erp.get("/purchase_order", params={"ids": f"{ids[4]},po-none,{ids[0]}"}).json()["items"]
    assert [item["id"] for item in named] == [ids[4], ids[0]]
    assert len(erp.get("/purchase_order", params={"company": "C1"}).json()["items"]) == 2
    assert len(erp.get("/purchase_order", params={"status": "draft"}).json()["items"]) == 4


@pytest.mark.parametrize(
    "query", [{"limit": "101"}, {"cursor": "x"}, {"updated_since": "2026-01-01T00:00:00"}]
)
def test_bad_parameters(erp: httpx2.Client, query: dict[str, str]) -> None:
    assert error(erp.get("/purchase_order", params=query), 400) == "bad_parameter"


def test_lagging_search(sandbox: Sandbox, erp: httpx2.Client) -> None:
    sandbox.freeze()
    sandbox.fault(FaultRule("search_lag", method="GET", path="/erp/*", seconds=5, times=None))
    made = create(erp).json()["id"]
    by_reference = {"reference": "PR-1"}
    assert erp.get("/purchase_order", params=by_reference).json()["items"] == []
    assert erp.get(f"/purchase_order/{made}").status_code == 404
    sandbox.advance(5)
    assert erp.get("/purchase_order", params=by_reference).json()["items"][0]["id"] == made


def test_a_lost_reply_landed(sandbox: Sandbox, erp: httpx2.Client) -> None:
    sandbox.fault(FaultRule("reply_lost", method="POST", path="/erp/purchase_order"))
    with pytest.raises(httpx2.TransportError):
        create(erp)
    assert len(sandbox.call("GET", "erp/purchase_order")["documents"]) == 1


def test_behind_the_back(sandbox: Sandbox, erp: httpx2.Client) -> None:
    made = create(erp).json()["id"]
    sandbox.call("PUT", f"erp/purchase_order/{made}", {"status": "cancelled"})
    assert erp.get(f"/purchase_order/{made}").json()["status"] == "cancelled"
