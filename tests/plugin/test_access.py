from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from airflow_provider_docflow.ledger import Ledger
from airflow_provider_docflow.plugin.app import API, create_app
from tests.plugin.conftest import token
from tests.plugin.stories import Stories

Browsers = Callable[[str], TestClient]
PREFIX = f"/docflow{API}"
LOGINS = ("one", "clerk", "both", "user", "op", "admin")
EVERYBODY = dict.fromkeys(LOGINS, 200)
READERS_OF_BOTH = EVERYBODY | {"one": 404, "clerk": 404}
OPERATORS = dict.fromkeys(LOGINS, 404) | {"op": 200, "admin": 200}

#: Route, what is filled in, and the answer for each user.
GETS: list[tuple[str, str, dict[str, int]]] = [
    ("/documents", "", EVERYBODY),
    ("/documents/{key}", "order", EVERYBODY),
    ("/documents/{key}", "requisition", EVERYBODY),
    ("/documents/{key}", "payment", READERS_OF_BOTH),
    ("/documents/{key}", "secret", READERS_OF_BOTH),
    ("/documents/{key}", "untouched", dict.fromkeys(LOGINS, 404)),
    ("/documents/{key}", "nothing", dict.fromkeys(LOGINS, 404)),
    ("/incidents", "", EVERYBODY),
    ("/incidents/{incident_id}", "requisition", EVERYBODY),
    ("/incidents/{incident_id}", "held order", EVERYBODY),
    ("/incidents/{incident_id}", "payment", READERS_OF_BOTH),
    ("/incidents/{incident_id}", "system", OPERATORS),
    ("/incidents/{incident_id}", "untouched", OPERATORS),
    ("/incidents/{incident_id}", "nothing", dict.fromkeys(LOGINS, 404)),
    ("/incident-groups", "", EVERYBODY),
    ("/health", "", EVERYBODY),
    ("/texts", "", EVERYBODY),
    ("/me", "", EVERYBODY),
]
#: What a POST needs, so that it is not refused for its form.
BODIES: dict[str, dict[str, str]] = {
    "/incidents/{incident_id}/retry": {"reason": "corrected"},
    "/incidents/{incident_id}/assign": {"assignee": "eve", "reason": "hers"},
    "/incidents/{incident_id}/close": {"reason": "settled"},
    "/incident-groups/retry": {"group_key": "g", "reason": "corrected"},
    "/documents/{key}/override": {"field": "payable_amount", "value": "1.00", "reason": "typing error"},
}


def routes(method: str) -> set[str]:
    found = {
        (route.path.removeprefix(API), one)
        for route in create_app().routes
        for one in getattr(route, "methods", None) or ()
        if getattr(route, "path", "").startswith(API)
    }
    return {path for path, one in found if one == method}


def filled(path: str, about: str, stories: Stories) -> str:
    key = stories.key(about) if about in stories.refs else "0" * 64
    return PREFIX + path.format(key=key, incident_id=stories.incidents.get(about, 10**6))


def test_every_route_is_in_the_matrix() -> None:
    assert routes("GET") == {path for path, _, _ in GETS}
    assert routes("POST") <= set(BODIES)
    assert not any(routes(method) for method in ("PUT", "PATCH", "DELETE"))


@pytest.mark.parametrize(("path", "about", "answers"), GETS)
def test_who_may_read_what(
    client: Browsers, stories: Stories, path: str, about: str, answers: dict[str, int]
) -> None:
    url = filled(path, about, stories)
    assert client("").get(url).status_code == 401
    assert client("").get(url, headers={"Authorization": "Bearer nonsense"}).status_code == 403
    assert client("").get(url, headers={"Authorization": f"Bearer {token('one')}x"}).status_code == 403
    answered = {name: client(name).get(url) for name in LOGINS}
    assert {name: answer.status_code for name, answer in answered.items()} == answers
    assert {answer.headers["cache-control"] for answer in answered.values()} == {"no-store"}
    nobody = client("nobody").get(url).status_code
    assert nobody == (404 if "{" in path else 200)


def test_pictures_and_scripts_need_no_login(client: Browsers) -> None:
    browser: Any = client("")
    assert browser.get("/docflow/static/nothing.js").status_code == 404
    assert browser.get("/docflow/static/../app.py").status_code == 404
    assert browser.get("/docflow/openapi.json").status_code == 404


def test_the_api_server_is_seen_by_the_ledger_that_it_shows(client: Browsers, ledger: Ledger) -> None:
    from sqlalchemy import delete

    from airflow_provider_docflow.ledger.models.sightings import sighting

    with ledger.transaction() as tx:
        tx.execute(delete(sighting))
    ledger.sightings._told.clear()
    assert client("both").get("/docflow/api/v1/me").status_code == 200
    client("both").get("/docflow/api/v1/documents")
    assert [one.role for one in ledger.sightings.all()] == ["api-server"]
