"""The look-up of the data centre, the signed login, refused tokens, and what refusals mean."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import httpx2
import pytest

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.profile import Token
from airflow_provider_docflow.core.yonyou_crypto import login_signature
from airflow_provider_docflow.hooks.doors import LocalTokens
from airflow_provider_docflow.sandbox import FaultRule
from airflow_provider_docflow.sandbox.yonbip.identity import APP_SECRET, TENANT
from airflow_provider_docflow.systems.yonbip import PROFILE
from airflow_provider_docflow.systems.yonbip.errors import error, readable
from airflow_provider_docflow.systems.yonbip.wire import data_centre
from tests.systems.yonbip.conftest import PURCHASE, Desk, purchase

LOOK_UP, LOGIN = "/yonbip/open-auth/dataCenter/getGatewayAddress", "*/getAccessToken"


def said(body: Any, status: int = 200) -> str | None:
    found = error(httpx2.Response(status), body)
    return found.code if found else None


def test_the_published_vector_of_a_signed_login() -> None:
    query = {"timestamp": "1568098531823", "appKey": "41832a3d2df94989b500da6a22268747"}
    signature = login_signature(query, "test-app-secret")
    assert signature == "5wMIzQQCPZ0a55Kq3YEDr1Vd5wf0Ycx9MpKFF975uEg="
    assert quote(signature) == "5wMIzQQCPZ0a55Kq3YEDr1Vd5wf0Ycx9MpKFF975uEg%3D"


@pytest.mark.parametrize(
    "path", ["/open-auth/selfAppAuth/getAccessToken", "/open-auth/selfAppAuth/base/v1/getAccessToken"]
)
def test_both_logins_lead_to_the_tenants_own_gateway(desk: Desk, path: str) -> None:
    desk.site = desk.connect(login_path=path)
    assert desk.run(PROFILE.instance(desk.site)) == TENANT
    asked = [request["path"] for request in desk.sandbox.requests("/yonbip/*")]
    assert asked == [LOOK_UP, f"/yonbip/iuap-api-auth{path}"]
    assert desk.search() == []
    assert desk.sandbox.count("/yonbip/iuap-api-gateway/yonbip/scm/purchaseorder/list") == 1


def test_one_look_up_and_one_login_serve_many_requests(desk: Desk) -> None:
    ref = desk.create()
    for _ in range(3):
        desk.read(ref)
    assert desk.sandbox.count(LOOK_UP) == desk.sandbox.count(LOGIN) == 1


@pytest.mark.parametrize("settings", [{"tenant_id": "somebody"}, {"tenant_id": ""}])
def test_an_unknown_tenant_is_named_as_the_mistake(desk: Desk, settings: dict[str, str]) -> None:
    desk.site = desk.connect(**settings)
    with pytest.raises(exc.Misconfigured) as told:
        desk.run(PROFILE.instance(desk.site))
    assert told.value.field == "tenant_id"
    assert desk.sandbox.count(LOGIN) == 0


@pytest.mark.parametrize("key", [{"password": "wrong-secret-1"}, {"username": "somebody"}])
def test_wrong_keys_are_no_tenant_and_show_no_secret(desk: Desk, key: dict[str, str]) -> None:
    desk.site = replace(desk.site, **key)
    with pytest.raises(exc.Authentication) as told:
        desk.run(PROFILE.instance(desk.site))
    assert told.value.code in ("310003", "10018")
    assert APP_SECRET not in str(told.value)


def test_a_look_up_in_the_clear_is_believed_only_from_a_clear_address(desk: Desk) -> None:
    exchange = data_centre(replace(desk.site, base_url="https://apigateway.yonyoucloud.com"))
    request = next(exchange)
    assert request.url.path == "/open-auth/dataCenter/getGatewayAddress"  # type: ignore[union-attr]
    told = {"gatewayUrl": "http://c1.example.com/gateway", "tokenUrl": "https://c1.example.com/auth"}
    reply = httpx2.Response(200, json={"code": "00000", "data": told})
    with pytest.raises(exc.Misconfigured, match="trusted"):
        exchange.send(reply)


@pytest.mark.parametrize("plain", [False, True])
@pytest.mark.parametrize("kind", ["sync", "async"])
def test_a_token_that_ended_is_renewed_once_and_the_call_repeated(
    desk: Desk, kind: str, *, plain: bool
) -> None:
    desk.kind = kind
    desk.put(plain_refusal=plain)
    ref = desk.create()
    desk.sandbox.call("POST", "yonbip/tokens/expire", {})
    assert desk.read(ref).ref == ref
    assert desk.sandbox.count(LOGIN) == 2


def test_a_refused_token_never_saves_twice(desk: Desk) -> None:
    desk.create()
    desk.sandbox.call("POST", "yonbip/tokens/expire", {})
    desk.create(purchase("PO-2"), mark="M2")
    assert len(desk.kept()) == 2


class Watched(LocalTokens):
    """Tokens that a test can look at."""

    seen = ""

    def get(self, key: str, stale: str | None, login: Callable[[], Token]) -> str:
        self.seen = super().get(key, stale, login)
        return self.seen


def test_neither_token_nor_signature_is_in_an_error_or_a_log(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "airflow_provider_docflow")
    caplog.set_level(logging.INFO, "httpx2")
    desk.tokens = Watched()
    desk.site = desk.connect(vendor_path="/yonbip/digitalModel/vendor/nowhere")
    with pytest.raises(exc.Misconfigured) as told:
        desk.search(PURCHASE, party="SUP-1")
    assert told.value.code == "310404"
    token = json.loads(desk.tokens.seen)["token"]
    shown = f"{told.value} {told.value.attrs()} {caplog.text}"
    assert token.strip("+/=") not in shown
    assert "signature" not in shown


def test_too_many_calls_are_turned_away_unsent_and_come_back_after_a_minute(desk: Desk) -> None:
    desk.put(per_minute=1)
    assert desk.search() == []
    with pytest.raises(exc.RateLimited) as told:
        desk.search()
    assert told.value.code == "310046"
    assert told.value.retry_after == 60
    desk.sandbox.advance(61)
    assert desk.search() == []


def test_the_connection_says_how_many_calls_it_makes(desk: Desk) -> None:
    profile = PROFILE.configured({})
    assert [(limit.count, limit.seconds) for limit in profile.limits] == [(60, 60.0)]
    fewer = PROFILE.configured({"calls_per_minute": 20})
    assert [limit.count for limit in fewer.limits] == [20]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"code": "200", "data": {}}, None),
        ({"code": 200}, None),
        ({"code": "00000"}, None),
        ({"code": 999, "message": "x"}, "999"),
        ({"code": "10004", "data": {"id": 1998455756270600260}}, None),
        ({"code": "10004", "message": "幂等接口，重复提交请求"}, "10004"),
        ({"message": "没有返回码"}, ""),
        ("非法token", "310036"),
        (None, ""),
    ],
)
def test_what_a_reply_says(body: Any, code: str | None) -> None:
    assert said(body) == code


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ('["编码:P-1未找到","编码:P-2未找到"]', "编码:P-1未找到; 编码:P-2未找到"),
        ('[{"message":"数量不能为空"}]', "数量不能为空"),
        ('{"message":["a","b"]}', "a; b"),
        ("[不是JSON", "[不是JSON"),
        (None, ""),
        (7, "7"),
    ],
)
def test_messages_may_be_lists_in_texts(message: Any, text: str) -> None:
    assert readable(message) == text


def test_a_refusal_of_the_application_is_read_for_people(desk: Desk) -> None:
    bad = purchase(seller_supplier_party={"id": "SUP-404"})
    with pytest.raises(exc.Rejected, match="编码:SUP-404未找到") as told:
        desk.create(bad)
    assert told.value.code == "999"
    assert told.value.landed == "no"
    assert told.value.document == "PO-1"


@pytest.mark.parametrize(
    ("code", "kind", "landed"),
    [
        ("202", exc.UnknownOutcome, "unknown"),
        ("310504", exc.UnknownOutcome, "unknown"),
        ("310043", exc.TransientError, "no"),
        ("310037", exc.Authentication, "no"),
        ("310038", exc.Authentication, "no"),
        ("310404", exc.Misconfigured, "no"),
    ],
)
def test_what_the_gateways_codes_leave_of_a_save(
    desk: Desk, code: str, kind: type[exc.DocflowError], landed: str
) -> None:
    reply = {"code": code, "message": "网关"}
    desk.sandbox.fault(FaultRule("rate_limited", path="*/singleSave_v1", status=200, reply=reply))
    with pytest.raises(kind) as told:
        desk.create()
    assert (told.value.code, told.value.landed) == (code, landed)


def test_the_vendors_address_is_used_where_none_is_given(desk: Desk) -> None:
    request = next(data_centre(replace(desk.site, base_url="")))
    assert str(request.url).startswith("https://apigateway.yonyoucloud.com/open-auth/")  # type: ignore[union-attr]
