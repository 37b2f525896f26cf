from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
import traceback
from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.calls import call
from airflow_provider_docflow.core.profile import WriteItem, Written
from airflow_provider_docflow.core.requests import with_headers
from airflow_provider_docflow.core.rest import (
    Scheme,
    basic,
    bearer,
    csrf,
    header_key,
    no_login,
    oauth2_client_credentials,
    signed,
)
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.hooks.doors import AsyncDoor, Door
from tests.systems.rest.conftest import TYPE, document, profile, site_at
from tests.systems.rest.server import SECRET, Api


def hmac_sign(request: httpx2.Request, token: str | None, site: Site) -> httpx2.Request:
    text = request.method.encode() + request.content
    return with_headers(
        request, {"X-Signature": hmac.new(site.password.encode(), text, hashlib.sha256).hexdigest()}
    )


SCHEMES: dict[str, Scheme] = {
    "none": no_login(),
    "basic": basic(),
    "bearer": bearer(),
    "header": header_key("X-Api-Key"),
    "oauth2": oauth2_client_credentials("/token", scope="docs"),
    "oauth2 in the form": oauth2_client_credentials("/token", in_body=True),
    "hmac": signed(hmac_sign),
    "csrf": csrf("/docs", inner=basic()),
}


@pytest.mark.parametrize("name", SCHEMES)
def test_reads_and_writes_get_in(name: str, api: Callable[..., Api]) -> None:
    there = api(auth=name.partition(" ")[0])
    site = site_at(there, profile(login=SCHEMES[name]))
    with Door(site) as door:
        (written,) = door.run(
            site.profile.write(TYPE, "create").run(site, [WriteItem(mark="M1", document=document())])
        )
        assert isinstance(written, Written), written
        (reading,) = door.run(site.profile.of(TYPE).read(site, [written.ref]))
        assert reading.ref == written.ref
    sent = " ".join(str(seen.headers) for seen in there.seen)
    assert (SECRET in sent) is (name in ("bearer", "header", "oauth2", "oauth2 in the form"))


@pytest.mark.parametrize("name", ["basic", "bearer", "header", "oauth2", "hmac"])
def test_a_wrong_secret_is_an_authentication_error_without_the_secret(
    name: str, api: Callable[..., Api], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    there = api(auth=name)
    site = site_at(there, profile(login=SCHEMES[name]))
    wrong = Site(**{**_values(site), "password": "wrong-secret-4711"})
    with Door(wrong) as door, pytest.raises(exc.Authentication) as caught:
        door.run(call(wrong, wrong.request("GET", "/docs")))
    assert caught.value.http_status == 401 and caught.value.system == "small_conn"
    told = "".join(traceback.format_exception(caught.value)) + repr(wrong) + caplog.text
    assert "wrong-secret" not in told


def _values(site: Site) -> dict[str, Any]:
    return {name: getattr(site, name) for name in Site.__dataclass_fields__}


@pytest.mark.parametrize("name", ["bearer", "header", "oauth2"])
def test_no_secret_at_all_is_named_before_anything_is_sent(name: str, api: Callable[..., Api]) -> None:
    there = api(auth=name)
    site = Site(**{**_values(site_at(there, profile(login=SCHEMES[name]))), "password": ""})
    with Door(site) as door, pytest.raises(exc.Misconfigured, match="no secret"):
        door.run(call(site, site.request("GET", "/docs")))
    assert there.seen == []


@pytest.mark.parametrize("name", ["oauth2", "csrf"])
def test_fifty_at_once_log_in_once_and_once_more_when_refused(name: str, api: Callable[..., Api]) -> None:
    there = api(auth=name)
    site = site_at(there, profile(login=SCHEMES[name]))

    def exchanges() -> list[Any]:
        write = site.profile.write(TYPE, "create")
        return [write.run(site, [WriteItem(mark=f"M{n}", document=document())]) for n in range(50)]

    async def twice() -> list[Any]:
        async with AsyncDoor(site) as door:
            first = await door.run_all(exchanges())
            assert there.tokens == 1
            there.valid.clear()
            return first + await door.run_all(exchanges())

    results = asyncio.run(twice())
    assert all(isinstance(result[0], Written) for result in results)
    assert there.tokens == 2
    assert len(there.documents) == 100


def test_a_token_refused_twice_is_an_error_not_a_loop(api: Callable[..., Api]) -> None:
    there = api(auth="header")
    site = site_at(there, profile(login=SCHEMES["oauth2"]))
    with Door(site) as door, pytest.raises(exc.Authentication):
        door.run(call(site, site.request("GET", "/docs")))
    assert (there.tokens, len(there.calls())) == (2, 2)


def test_csrf_over_a_login_that_fetches_is_refused() -> None:
    with pytest.raises(exc.Misconfigured):
        csrf("/docs", inner=oauth2_client_credentials("/token"))


def test_login_server_down_is_unreachable(api: Callable[..., Api]) -> None:
    there = api()
    site = site_at(there, profile(login=oauth2_client_credentials("http://127.0.0.1:1/token")))
    with Door(site) as door, pytest.raises(exc.Unreachable, match="login"):
        door.run(call(site, site.request("GET", "/docs")))
    assert there.calls() == []


def test_signing_leaves_the_request_alone(api: Callable[..., Api]) -> None:
    site = site_at(api(), profile(login=basic()))
    request = site.request("POST", "/docs", json={"a": "ß"})
    assert site.profile.sign is not None
    again = site.profile.sign(request, None, site)
    assert "authorization" not in request.headers and "authorization" in again.headers
    assert again.content == request.content and again.extensions == request.extensions
