from __future__ import annotations

import json
import socket
import traceback
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from urllib.parse import quote, quote_plus

import httpx2
import pytest

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.calls import call, check
from airflow_provider_docflow.core.profile import SystemProfile
from airflow_provider_docflow.core.redact import MASK, redact, redact_text, redact_url
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.hooks.doors import Door

SECRET = "s3cr3t-Value.42"


@pytest.mark.parametrize(
    "text",
    [
        f"client_secret={SECRET}",
        f'{{"appSecret": "{SECRET}"}}',
        f"Authorization: Bearer {SECRET}",
        f"authorization=Session {SECRET}",
        f"robot/send?access_token={SECRET}&timestamp=1",
        f"x-acs-dingtalk-access-token: {SECRET}",
        f"https://user:{SECRET}@erp.example/",
        f"password = '{SECRET}'",
        f"my-own_api_key={SECRET}",
    ],
)
def test_a_named_secret_is_blanked(text: str) -> None:
    assert SECRET not in redact_text(text) and MASK in redact_text(text)


def test_a_url_keeps_what_is_no_secret() -> None:
    shown = redact_url(f"https://u:{SECRET}@erp.example/robot/send?access_token={SECRET}&page=2")

    assert SECRET not in shown and "page=2" in shown and shown.startswith("https://erp.example/robot/send")


def test_a_json_value_keeps_its_shape() -> None:
    shown = redact({"login": "li.na", "app_secret": SECRET, "inner": [{"token": SECRET, "count": 3}]})

    assert shown == {"login": "li.na", "app_secret": MASK, "inner": [{"token": MASK, "count": 3}]}


def test_a_long_text_is_searched_in_linear_steps() -> None:
    text = json.dumps({"备注": "采" * 65_535})

    assert redact_text("x" * 65_535) == "x" * 65_535
    assert redact_text(text) == text


def _site(password: str = "", **settings: str) -> Site:
    fields = {
        "robot_key": {"label": "Robot", "schema": {"type": ["string", "null"], "format": "password"}},
        "app_token": {"label": "Token", "schema": {"type": ["string", "null"]}},
        "agent_id": {"label": "Agent", "schema": {"type": ["string", "null"]}},
    }
    profile = SystemProfile(
        name="hides",
        title="Hides",
        docs_url="",
        checked_on=date(2026, 11, 22),
        documents={},
        instance=lambda site: iter(()),  # type: ignore[arg-type, return-value]
        conn_fields=fields,
    )
    return Site(
        profile=profile, conn_id="oa", base_url="http://127.0.0.1:9", password=password, settings=settings
    )


def test_a_site_conceals_what_its_form_hides_whatever_the_name() -> None:
    settings = {"robot_key": SECRET, "app_token": f"{SECRET}-2", "agent_id": "1000001"}
    site = _site(f"{SECRET}-3", **settings)
    text = " ".join((site.password, *settings.values()))
    assert sorted(site.secrets()) == [SECRET, f"{SECRET}-2", f"{SECRET}-3"]
    assert site.conceal(text) == f"{MASK} {MASK} {MASK} 1000001"


@pytest.mark.parametrize(
    "write", [str, quote, quote_plus, lambda text: quote(text, safe=""), json.dumps, repr]
)
def test_a_secret_is_concealed_however_it_is_written(write: Callable[[str], str]) -> None:
    for secret in ("two words/and+more%", "字符-and-more", 'with "marks" and\n lines'):
        shown = _site(secret).conceal(f"what came was <{write(secret)}>")
        assert shown.strip("\"'<>").removeprefix("what came was <").strip("\"'") == MASK


def test_a_secret_with_spaces_is_not_blanked_up_to_the_first() -> None:
    site = _site("three words long")
    reply = httpx2.Response(401, text="password=three words long is wrong")
    with pytest.raises(exc.Authentication) as caught:
        check(site, reply, {"message": "password=three words long is wrong"}, writes=False)
    assert "words" not in str(caught.value)


def test_a_header_that_cannot_be_sent_is_not_shown() -> None:
    """The client names what it cannot send: a key that was copied with the end of its line."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        site = replace(_site("copied-with-its-line\n"), base_url=url)
        request = site.request("POST", "/x", headers={"X-Key": site.password})
        with pytest.raises(exc.DocflowError) as caught, Door(site) as door:
            door.run(call(site, request, writes=True))
    assert MASK in str(caught.value)
    assert "copied" not in "".join(traceback.format_exception(caught.value))
