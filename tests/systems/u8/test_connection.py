"""Tokens, the account set, and what refusals mean."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import httpx2
import pytest

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.profile import Token
from airflow_provider_docflow.sandbox import FaultRule
from airflow_provider_docflow.sandbox.u8.identity import APP_SECRET, NOT_RELEASED
from airflow_provider_docflow.systems.u8 import PROFILE
from airflow_provider_docflow.systems.u8.wire import error, login, token_refused
from tests.systems.u8.conftest import INSTANCE, Desk

TOKEN = "/u8/system/token"


def test_the_published_answer_of_a_login(desk: Desk) -> None:
    exchange = login(desk.site)
    request = next(exchange)
    assert request.url.path == "/u8/system/token"  # type: ignore[union-attr]
    assert APP_SECRET not in str(request.url)  # type: ignore[union-attr]
    body = {"errcode": "0", "errmsg": "", "token": {"appKey": "k", "expiresIn": 7200, "id": "7e42b8d8"}}
    with pytest.raises(StopIteration) as done:
        exchange.send(httpx2.Response(200, json=body))
    assert done.value.value == Token("7e42b8d8", 6900)


def test_a_token_that_says_no_life_is_given_up_early(desk: Desk) -> None:
    exchange = login(desk.site)
    next(exchange)
    with pytest.raises(StopIteration) as done:
        exchange.send(httpx2.Response(200, json={"errcode": "0", "token": {"id": "t"}}))
    assert done.value.value.good_for_seconds == 6900


def test_one_login_serves_many_requests_and_a_stale_one_is_renewed(desk: Desk) -> None:
    ref = desk.create()
    desk.read(ref)
    assert desk.sandbox.count(TOKEN) == 1
    desk.sandbox.call("POST", "u8/tokens/expire", {})
    assert desk.read(ref).ref == ref
    assert desk.sandbox.count(TOKEN) == 2


@pytest.mark.parametrize(
    ("status", "body", "stale"),
    [
        (200, {"errcode": "20002", "errmsg": "令牌已失效"}, True),
        (200, {"errcode": "30001", "errmsg": "Token 已失效"}, True),
        (200, {"errcode": "30001", "errmsg": "单据不存在"}, False),
        (200, {"errcode": "0", "errmsg": "token"}, False),
        (200, {"url": "https://api.yonyouup.com/result?requestid=t"}, False),
        (401, None, True),
        (200, "token", False),
    ],
)
def test_what_another_token_may_help(status: int, body: Any, *, stale: bool) -> None:
    assert token_refused(("20002",))(httpx2.Response(status), body) is stale


def test_a_stale_token_is_known_by_its_word_where_nobody_named_its_code(desk: Desk) -> None:
    desk.site = desk.connect(stale_login_codes="")
    ref = desk.create()
    desk.sandbox.call("POST", "u8/tokens/expire", {})
    assert desk.read(ref).ref == ref


def test_the_instance_is_the_account_set_and_is_confirmed(desk: Desk) -> None:
    assert desk.run(PROFILE.instance(desk.site)) == INSTANCE
    desk.site = desk.connect(ds_sequence="")
    assert desk.run(PROFILE.instance(desk.site)) == INSTANCE
    for wrong in ({"ds_sequence": "2"}, {"to_account": "somebody"}):
        desk.site = desk.connect(**wrong)
        with pytest.raises(exc.Misconfigured) as told:
            desk.run(PROFILE.instance(desk.site))
        assert told.value.code == NOT_RELEASED


@pytest.mark.parametrize("name", ["from_account", "to_account"])
def test_both_accounts_are_needed(desk: Desk, name: str) -> None:
    desk.site = desk.connect(**{name: ""})
    with pytest.raises(exc.Misconfigured) as told:
        desk.run(PROFILE.instance(desk.site))
    assert told.value.field == name


@pytest.mark.parametrize("key", [{"password": "wrong-1"}, {"username": "opa-other"}])
def test_wrong_keys_are_said_without_the_secret(desk: Desk, key: dict[str, str]) -> None:
    desk.site = replace(desk.site, **key)
    with pytest.raises(exc.Authentication) as told:
        desk.run(PROFILE.instance(desk.site))
    assert desk.site.password not in str(told.value)


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (200, {"errcode": "0"}, None),
        (200, {"errcode": 0, "errmsg": ""}, None),
        (
            200,
            {"tradeid": "t", "ping_after": "3", "url": "https://api.yonyouup.com/result?requestid=t"},
            None,
        ),
        (200, {"errcode": "-1", "errmsg": "系统繁忙"}, "-1"),
        (200, {}, ""),
        (500, {"errcode": "0"}, "0"),
        (502, "<html>", ""),
        (200, "<html>", None),
    ],
)
def test_what_a_reply_says(status: int, body: Any, code: str | None) -> None:
    found = error(httpx2.Response(status), body)
    assert (found.code if found else None) == code


def test_a_busy_u8_is_asked_again(desk: Desk) -> None:
    ref = desk.create()
    busy = {"errcode": "-1", "errmsg": "系统繁忙"}
    desk.sandbox.fault(FaultRule("rate_limited", path="*/purchaseorder/get", status=200, reply=busy))
    assert desk.read(ref).ref == ref
