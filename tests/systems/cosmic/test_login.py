"""The token: how it is asked for, how long it lives, when it is renewed, and who gets none."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.profile import Token
from airflow_provider_docflow.hooks.doors import LocalTokens
from airflow_provider_docflow.systems.cosmic import PROFILE, wire
from tests.contract.stand_cosmic import ACCOUNT, SECRET
from tests.systems.cosmic.conftest import Cosmic

Connect = Callable[..., Cosmic]
TOKENS = "*/oauth2/getToken"


def _token(cosmic: Cosmic) -> Token:
    found = cosmic.run(wire.login(cosmic.site))
    assert isinstance(found, Token)
    return found


def test_what_is_asked_for_a_token(cosmic: Connect) -> None:
    one = cosmic(language="zh_TW")
    _token(one), _token(one)
    first, second = one.bodies(TOKENS)
    told = {name: first[name] for name in ("client_id", "username", "accountId", "language")}
    assert told == {
        "client_id": "cosmic-app",
        "username": "docflow",
        "accountId": ACCOUNT,
        "language": "zh_TW",
    }
    assert first["nonce"] != second["nonce"], "Cosmic takes no nonce twice"
    stamp = datetime.strptime(first["timestamp"], "%Y-%m-%d %H:%M:%S")
    there = stamp.replace(tzinfo=ZoneInfo("Asia/Shanghai"))
    assert abs(datetime.now(UTC) - there) < timedelta(minutes=5)


def test_expiry_is_told_in_milliseconds_unless_the_gateway_says_seconds(cosmic: Connect) -> None:
    assert _token(cosmic()).good_for_seconds == 7200
    cosmic().sandbox.call("PUT", "cosmic/settings", {"in_seconds": True})
    assert _token(cosmic(expires_in_unit="s")).good_for_seconds == 7200
    assert _token(cosmic()).good_for_seconds == 7.2, "never longer than it may live"


def test_a_time_in_another_zone_is_refused_as_the_login(cosmic: Connect) -> None:
    with pytest.raises(exc.Authentication) as caught:
        _token(cosmic(time_zone="UTC"))
    assert caught.value.code == "603"


def test_a_token_that_has_ended_is_renewed_once(cosmic: Connect) -> None:
    one = cosmic()
    (saved,) = one.save(one.item(1))
    tokens = LocalTokens()
    from airflow_provider_docflow.hooks.doors import Door

    with Door(one.site, tokens=tokens) as door:
        door.run(one.kind().read(one.site, [saved.ref]))
        one.sandbox.call("POST", "cosmic/expire")
        one.sandbox.forget_requests()
        (reading,) = door.run(one.kind().read(one.site, [saved.ref]))
    assert reading.ref.internal_id == saved.ref.internal_id
    assert [line["path"].rsplit("/", 1)[1] for line in one.sandbox.requests("/cosmic*")] == [
        "query",
        "getToken",
        "query",
    ]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"password": "wrong"}, "401"),
        ({"username": "nobody"}, "401"),
        ({"database": "1500000000000000009"}, "401"),
    ],
)
def test_who_is_not_known_gets_no_token(cosmic: Connect, change: dict[str, Any], code: str) -> None:
    one = cosmic()
    with pytest.raises(exc.Authentication) as caught:
        one.run(PROFILE.instance(one.at(instance="", **change)), one.at(instance="", **change))
    assert caught.value.code == code and "client_id" in caught.value.remedy


def test_a_user_whom_the_application_may_not_act_as_is_a_refused_login(cosmic: Connect) -> None:
    with pytest.raises(exc.Authentication) as caught:
        _token(cosmic(user="wang"))
    assert caught.value.code == "603" and SECRET not in str(caught.value)


def test_the_instance_is_the_data_centre_that_gave_a_token(cosmic: Connect) -> None:
    one = cosmic()
    assert one.run(PROFILE.instance(one.at(instance=""))) == ACCOUNT
    with pytest.raises(exc.Misconfigured) as caught:
        one.run(PROFILE.instance(one.at(instance="", database="")))
    assert caught.value.field == "schema"


def test_the_gateways_identity_travels_with_every_request(cosmic: Connect) -> None:
    one = cosmic(identity_token="djF8made-up")
    one.sandbox.call("PUT", "cosmic/settings", {"identity": "djF8made-up"})
    (saved,) = one.save(one.item(2))
    assert saved.ref.internal_id
    with pytest.raises(exc.Authentication) as caught:
        _token(cosmic())
    assert caught.value.code == "403"


def test_more_than_thirty_tokens_a_minute_are_refused_and_the_profile_says_so(cosmic: Connect) -> None:
    one = cosmic()
    (limit,) = PROFILE.login_limits
    assert (limit.count, limit.seconds) == (30, 60.0)
    for _ in range(30):
        _token(one)
    with pytest.raises(exc.RateLimited):
        _token(one)


def test_tokens_of_two_users_are_kept_apart() -> None:
    assert PROFILE.login_by == ("user",)
