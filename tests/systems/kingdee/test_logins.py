"""Logging in: four ways, sessions that end in the body of a 200, and what a refusal looks like."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.profile import Reading, Written
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.hooks.doors import Door
from airflow_provider_docflow.hooks.tokens import login_key
from airflow_provider_docflow.sandbox.faults import FaultRule
from airflow_provider_docflow.sandbox.kingdee.identity import ACCOUNT, APP_ID, APP_SECRET
from airflow_provider_docflow.systems.kingdee import PROFILE, wire
from tests.systems.kingdee.conftest import FORM, MODEL, Kingdee, item, order

SESSIONS = {"password": "ValidateUser", "app_secret": "LoginByAppSecret", "sign": "LoginBySign"}


@pytest.mark.parametrize("auth", [*SESSIONS, "signed"])
def test_every_login_leads_to_the_data_centre(kingdee: Kingdee, auth: str) -> None:
    site = kingdee.site(auth=auth)

    assert kingdee.run(site, PROFILE.instance(replace(site, instance=""))) == ACCOUNT
    logins = {name: kingdee.sandbox.count(f"*.{name}.*") for name in SESSIONS.values()}
    assert logins == {name: int(SESSIONS.get(auth) == name) for name in SESSIONS.values()}


def test_logins_of_two_data_centres_are_two(kingdee: Kingdee) -> None:
    one, other = kingdee.site(auth="password"), kingdee.site(auth="password", acct_id="5f00000000aaaa")
    assert login_key(one) != login_key(other) != login_key(kingdee.site(auth="sign"))


def test_requests_are_signed_where_an_application_is_given(kingdee: Kingdee) -> None:
    assert wire.is_signed({"app_id": APP_ID, "app_secret": APP_SECRET})
    assert not wire.is_signed({"app_id": APP_ID}) and not wire.is_signed({})
    assert not wire.is_signed({"app_id": APP_ID, "app_secret": APP_SECRET, "auth": "password"})
    assert kingdee.site().profile.login is None


def test_a_lost_session_is_renewed_once_and_the_write_goes_out_once(kingdee: Kingdee) -> None:
    site = kingdee.site(auth="password")
    with Door(site) as door:
        door.run(PROFILE.instance(site))
        kingdee.sandbox.call("POST", "kingdee/sessions/expire", {})
        made = item(order())
        (entry,) = door.run(site.profile.write("purchase_order", "create").run(site, [made]))

    assert isinstance(entry, Written)
    assert [bill["number"] for bill in kingdee.bills()].count(made.mark) == 1
    assert kingdee.sandbox.count("*.ValidateUser.*") == 2
    assert kingdee.sandbox.count("*.Save.*") == 2


def test_a_401_of_a_gateway_renews_the_session_as_well(kingdee: Kingdee) -> None:
    site = kingdee.site(auth="password")
    kingdee.sandbox.fault(FaultRule("error_in_200", path="*.ExecuteBillQuery.*", status=401))
    assert kingdee.run(site, PROFILE.instance(site)) == ACCOUNT
    assert kingdee.sandbox.count("*.ValidateUser.*") == 2


def test_a_session_is_used_for_as_long_as_it_slides(kingdee: Kingdee) -> None:
    site = kingdee.site(auth="password")
    with Door(site) as door:
        for _ in range(4):
            door.run(PROFILE.instance(site))
            kingdee.sandbox.advance(15 * 60)
        assert kingdee.sandbox.count("*.ValidateUser.*") == 1
        kingdee.sandbox.advance(25 * 60)
        door.run(PROFILE.instance(site))
    assert kingdee.sandbox.count("*.ValidateUser.*") == 2


@pytest.mark.parametrize("auth", [*SESSIONS, "signed"])
def test_who_is_not_let_in_is_told_what_to_compare(kingdee: Kingdee, auth: str) -> None:
    site = kingdee.site(auth=auth, app_secret="wrong-0123456789abcdef")
    site = replace(site, password="wrong-word-0123")

    with pytest.raises(exc.Authentication) as caught:
        kingdee.run(site, PROFILE.instance(site))

    assert caught.value.http_status == 200 and caught.value.code and caught.value.remedy
    assert "wrong-" not in str(caught.value)


def test_a_user_outside_the_applications_list_is_refused(kingdee: Kingdee) -> None:
    site = replace(kingdee.site(), username="nobody")

    with pytest.raises(exc.Authentication, match="不允许用户") as caught:
        kingdee.run(site, PROFILE.instance(site))
    assert caught.value.code == "2"


def test_a_login_that_needs_a_new_password_is_no_login(kingdee: Kingdee) -> None:
    site = kingdee.site(auth="password")
    reply = {"LoginResultType": -3, "Message": "密码已过期，请修改密码", "KDSVCSessionId": "s-1"}
    kingdee.sandbox.fault(FaultRule("error_in_200", path="*.ValidateUser.*", reply=reply))

    with pytest.raises(exc.Authentication, match="密码已过期"):
        kingdee.run(site, PROFILE.instance(site))


def test_a_login_into_another_data_centre_is_refused(kingdee: Kingdee) -> None:
    site = kingdee.site(auth="password")
    reply = {"LoginResultType": 1, "KDSVCSessionId": "s-1", "Context": {"DBid": "5f00000000aaaa"}}
    kingdee.sandbox.fault(FaultRule("error_in_200", path="*.ValidateUser.*", reply=reply))

    with pytest.raises(exc.Authentication, match="5f00000000aaaa") as caught:
        kingdee.run(site, PROFILE.instance(site))
    assert caught.value.field == "acct_id"


def test_without_a_data_centre_nothing_is_asked(kingdee: Kingdee) -> None:
    site = kingdee.site(acct_id="")

    with pytest.raises(exc.Misconfigured) as caught:
        kingdee.run(site, PROFILE.instance(site))
    assert caught.value.field == "acct_id" and kingdee.sandbox.count("*") == 0


def test_signed_calls_begin_sessions_unless_one_is_kept(kingdee: Kingdee) -> None:
    def held() -> int:
        return int(kingdee.sandbox.call("GET", "kingdee/seen")["sessions"])

    def five_calls(site: Site) -> int:
        before = held()
        with Door(site) as door:
            for _ in range(5):
                door.run(PROFILE.instance(site))
        return held() - before

    assert five_calls(kingdee.site()) == 5
    assert five_calls(kingdee.site(keep_session=True)) == 1


def test_a_kept_session_that_is_lost_is_begun_anew(kingdee: Kingdee) -> None:
    site = kingdee.site(keep_session=True)
    with Door(site) as door:
        door.run(PROFILE.instance(site))
        kingdee.sandbox.call("POST", "kingdee/sessions/expire", {})
        made = item(order())
        (entry,) = door.run(site.profile.write("purchase_order", "create").run(site, [made]))
    assert isinstance(entry, Written)
    assert [bill["number"] for bill in kingdee.bills()].count(made.mark) == 1


def test_an_address_without_k3cloud_is_told(kingdee: Kingdee) -> None:
    site = replace(kingdee.site(), base_url=kingdee.sandbox.base_url)
    with pytest.raises(exc.Misconfigured, match="no Kingdee at") as caught:
        kingdee.run(site, PROFILE.instance(site))
    assert caught.value.field == "host" and caught.value.http_status == 404


@pytest.mark.parametrize(("field", "word"), [("auth", "token"), ("numbering", "Own"), ("save_as", "submit")])
def test_a_word_that_a_setting_does_not_know_is_refused(kingdee: Kingdee, field: str, word: str) -> None:
    with pytest.raises(exc.Misconfigured) as caught:
        kingdee.site(**{field: word})
    assert caught.value.field == field and "Use one of" in caught.value.remedy


def test_only_http_1_1_is_spoken(kingdee: Kingdee) -> None:
    ref = kingdee.enter(MODEL)
    site = kingdee.site()
    kind = site.profile.of("purchase_order")
    answers: list[Any] = [kingdee.read(site, ref), *kingdee.bulk(site, [kind.read(site, [ref])] * 1)[0]]

    assert all(isinstance(one, Reading) for one in answers)
    assert set(kingdee.sandbox.call("GET", "kingdee/seen")["http_versions"]) == {"1.1"}
    assert FORM in str(kingdee.bodies("ExecuteBillQuery")[0])
