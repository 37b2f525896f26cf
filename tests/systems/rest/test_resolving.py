from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow import systems
from airflow_provider_docflow.core.profile import SystemProfile
from airflow_provider_docflow.core.rest import Call, no_login
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.hooks.connections import site_of
from airflow_provider_docflow.hooks.doors import Door
from airflow_provider_docflow.systems.rest import PROFILE, example
from tests.systems.rest.conftest import TYPE, profile, site_at
from tests.systems.rest.server import Api

PATH = "airflow_provider_docflow.systems.rest.example:PROFILE"


def test_profile_by_import_path() -> None:
    assert PROFILE.configured({"profile": PATH}) is example.PROFILE


def test_registered_profile_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(systems, "_registered", {})
    mine = systems.register(profile())
    assert PROFILE.configured({"profile": "small"}) is mine


@pytest.mark.parametrize(
    "path",
    [
        "",
        "nowhere:PROFILE",
        "airflow_provider_docflow.systems.rest.example:NONE",
        "airflow_provider_docflow.systems.rest.example:document",
        "airflow_provider_docflow.systems.rest:PROFILE",
        "not_registered",
        ":PROFILE",
        "rest",
    ],
)
def test_a_path_to_no_profile_is_refused(path: str) -> None:
    with pytest.raises(exc.Misconfigured):
        PROFILE.configured({"profile": path})


def connection(**values: Any) -> Any:
    from airflow.sdk import Connection

    return Connection(conn_id="erp", **values)


@pytest.mark.parametrize("conn_type", ["http", "docflow_rest"])
def test_extras_are_settings_and_never_headers(conn_type: str, api: Callable[..., Api]) -> None:
    there = api()
    there.fill(1)
    host, port = there.url.removeprefix("http://").split(":")
    extra = {
        "profile": f"{__name__}:SMALL",
        "X-Injected": "geheim-4711",
        "headers": {"X-More": "geheim-4711"},
    }
    if conn_type == "docflow_rest":
        host = f"http://{host}"
    site = site_of(
        connection(
            conn_type=conn_type,
            host=host,
            port=int(port),
            schema="http",
            login="u",
            password="p",
            extra=json.dumps(extra),
        )
    )
    assert isinstance(site.profile, SystemProfile) and site.profile.name == "small"
    with Door(site) as door:
        instance = door.run(site.profile.instance(site))
        assert instance == f"127.0.0.1:{port}"
        found = door.run(
            site.profile.of(TYPE).search(Site(**{**_values(site), "instance": instance}), _all(), None)
        )  # type: ignore[misc]
    assert len(found.readings) == 1
    assert "geheim-4711" not in str(there.seen) and "x-injected" not in str(there.seen).lower()


def _values(site: Site) -> dict[str, Any]:
    return {name: getattr(site, name) for name in Site.__dataclass_fields__}


def _all() -> Any:
    from airflow_provider_docflow.core.profile import Query

    return Query()


SMALL = profile(login=no_login())


def test_instance_is_what_the_api_says_then_what_a_person_says_then_the_address(
    api: Callable[..., Api],
) -> None:
    there = api()
    there.fill(1)
    asking = profile(instance=Call(method="GET", path="/docs/0", at="vendor"))
    with Door(site_at(there, asking)) as door:
        assert door.run(asking.instance(door.site)) == "SUP-1"
    there.documents[0]["vendor"] = ""
    named = site_at(there, asking, instance="acme production")
    with Door(named) as door:
        assert door.run(asking.instance(named)) == "acme production"
    with Door(site_at(there, profile())) as door:
        assert door.run(profile().instance(door.site)) == there.url.removeprefix("http://")
