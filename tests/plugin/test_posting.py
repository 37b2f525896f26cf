from __future__ import annotations

from itertools import count

import pytest

from airflow_provider_docflow.ledger import Ledger
from airflow_provider_docflow.ledger.incidents import NewIncident
from tests.plugin.conftest import token
from tests.plugin.stories import BANK, Stories
from tests.plugin.test_access import BODIES, LOGINS, Browsers, filled

ORIGIN = {"Origin": "http://airflow.example"}
_SERIAL = count(1)
ACTING = ("clerk", "user", "op", "admin")
#: What an incident is about, and the answer for each user who acts on it.
ANSWERS = {
    "requisition": {"one": 403, "clerk": 200, "both": 403, "user": 200, "op": 200, "admin": 200},
    "payment": {"one": 404, "clerk": 404, "both": 403, "user": 200, "op": 200, "admin": 200},
    "untouched": {"one": 404, "clerk": 404, "both": 404, "user": 404, "op": 200, "admin": 200},
    "system": {"one": 404, "clerk": 404, "both": 404, "user": 404, "op": 200, "admin": 200},
}


@pytest.mark.parametrize("path", sorted(BODIES))
def test_nobody_acts_without_a_login_of_this_airflow(client: Browsers, stories: Stories, path: str) -> None:
    about = "order" if "{key}" in path else "requisition"
    url, body = filled(path, about, stories), BODIES[path]
    anonymous, origin = client(""), {"Origin": "http://airflow.example"}
    assert anonymous.post(url, json=body, headers=origin).status_code == 401
    bad = {**origin, "Authorization": "Bearer nonsense"}
    assert anonymous.post(url, json=body, headers=bad).status_code == 403
    for stranger in ("http://evil.example", "null", "http://airflow.example.evil.example"):
        assert client("admin").post(url, json=body, headers={"Origin": stranger}).status_code == 403
    by_cookie = client("")
    by_cookie.cookies.set("_token", token("admin"))
    assert by_cookie.post(url, json=body).status_code == 403, "a cookie alone is sent by any page"
    for viewer in ("one", "both"):
        assert client(viewer).post(url, json=body, headers=origin).status_code in (403, 404)
    assert client("admin").get(url).status_code in (404, 405), "a GET changes nothing"


def opened(ledger: Ledger, stories: Stories, about: str) -> tuple[int, str]:
    """Open an incident of its own for one attempt."""
    group = f"group {next(_SERIAL)}"
    one = stories.refs.get(about)
    new = NewIncident("data", group, "why", ref=one, instance_id=BANK, group_key=group, document_number=group)
    return ledger.incidents.open(new), group


@pytest.mark.parametrize("about", ANSWERS)
@pytest.mark.parametrize("path", [path for path in sorted(BODIES) if path.startswith("/incidents/")])
def test_who_may_act_on_an_incident(
    client: Browsers, ledger: Ledger, stories: Stories, path: str, about: str
) -> None:
    answers = {}
    for name in (*LOGINS, "nobody"):
        number, _ = opened(ledger, stories, about)
        url = filled(path, "", stories).replace(str(10**6), str(number))
        before = ledger.incidents.get(number)
        answers[name] = client(name).post(url, json=BODIES[path], headers=ORIGIN).status_code
        assert (ledger.incidents.get(number) != before) == (answers[name] == 200)
        ledger.incidents.close(number, actor="test", reason="over")
    assert answers == ANSWERS[about] | {"nobody": 404}


@pytest.mark.parametrize("about", ANSWERS)
def test_who_may_act_on_a_group(client: Browsers, ledger: Ledger, stories: Stories, about: str) -> None:
    for name in (*LOGINS, "nobody"):
        number, group = opened(ledger, stories, about)
        url, body = filled("/incident-groups/retry", "", stories), {"group_key": group, "reason": "corrected"}
        answer = client(name).post(url, json=body, headers=ORIGIN)
        mine = ANSWERS[about].get(name) == 200
        assert answer.status_code == (200 if mine else 404), "a group of others is no group"
        assert ledger.incidents.get(number).status == ("closed" if mine else "open")
        ledger.incidents.close(number, actor="test", reason="over")


@pytest.mark.parametrize(
    ("about", "hidden"), [("requisition", ""), ("payment", "one clerk"), ("untouched", "all")]
)
def test_who_may_override(client: Browsers, stories: Stories, about: str, hidden: str) -> None:
    url, body = filled("/documents/{key}/override", about, stories), BODIES["/documents/{key}/override"]
    for name in LOGINS:
        answer = client(name).post(url, json=body, headers=ORIGIN).status_code
        if hidden == "all" or name in hidden.split():
            assert answer == 404
        elif name in ACTING:
            assert answer in (409, 422, 503), "let through, and stopped by the system that is not there"
        else:
            assert answer == 403
