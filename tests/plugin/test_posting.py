from __future__ import annotations

import pytest

from tests.plugin.conftest import token
from tests.plugin.stories import Stories
from tests.plugin.test_access import BODIES, Browsers, filled


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
