from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import httpx2
import pytest

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.exchange import TokenWanted
from airflow_provider_docflow.core.profile import WriteItem
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.document import Document
from airflow_provider_docflow.hooks.doors import AsyncDoor, Door, LocalTokens
from airflow_provider_docflow.systems.tryton import PROFILE, wire
from scripts.ports import free_port
from tests.systems.tryton.conftest import People, Talk, item_of, new_mark

pytestmark = pytest.mark.system
Make = Callable[..., Document]
ORDERS = PROFILE.of("purchase_order")


def refused(talk: Talk, exchange: Any) -> exc.DocflowError:
    with pytest.raises(exc.DocflowError) as caught:
        talk.run(exchange)
    assert talk.site.password not in str(caught.value)
    assert talk.site.password not in repr(caught.value.attrs())
    assert caught.value.system == talk.site.conn_id
    return caught.value


def test_a_wrong_password_and_a_wrong_key_are_refused(site_of: Callable[..., Site]) -> None:
    site = site_of("clerk")
    wrong = Talk(replace(site, password="wrong"))
    error = refused(wrong, PROFILE.instance(wrong.site))
    assert type(error) is exc.Authentication
    assert error.http_status == 401
    key = Talk(replace(site, settings={"api_key": "wrong"}))
    assert type(refused(key, PROFILE.instance(key.site))) is exc.Authentication
    empty = Talk(replace(site, password=""))
    error = refused_quietly(empty)
    assert (type(error), error.field) == (exc.Misconfigured, "password")


def refused_quietly(talk: Talk) -> exc.DocflowError:
    with pytest.raises(exc.DocflowError) as caught:
        talk.run(PROFILE.instance(talk.site))
    return caught.value


def test_an_unknown_database_is_a_wrong_connection(site_of: Callable[..., Site]) -> None:
    talk = Talk(replace(site_of("clerk"), database="nowhere"))
    error = refused(talk, PROFILE.instance(talk.site))
    assert (type(error), error.field) == (exc.Misconfigured, "schema")


def test_a_method_that_rpc_does_not_offer_is_a_missing_permission(clerk: Talk) -> None:
    error = refused(clerk, wire.rpc(clerk.site, "model.purchase.purchase.set_number", [1]))
    assert (type(error), error.http_status) == (exc.Authentication, 403)


def test_a_defect_of_the_server_is_transient_for_reads_and_unknown_for_writes(clerk: Talk) -> None:
    read = wire.rpc(clerk.site, "model.purchase.purchase.read", [1], ["no_such_field"])
    error = refused(clerk, read)
    assert (type(error), error.landed) == (exc.TransientError, "no")
    before = len(clerk.log)
    write = wire.rpc(clerk.site, "model.purchase.purchase.create", [{"no_such_field": 1}], writes=True)
    error = refused(clerk, write)
    assert (type(error), error.landed) == (exc.UnknownOutcome, "unknown")
    assert len(clerk.log) == before + 1


def test_a_record_changed_between_reading_and_pressing_is_a_conflict(
    clerk: Talk, make: Make, tryton: Any
) -> None:
    ref = clerk.create(make()).ref
    exchange = PROFILE.write("purchase_order", "submit").run(
        clerk.site, [WriteItem(mark=new_mark(), ref=ref)]
    )
    with Door(clerk.site, tokens=clerk.tokens) as door:
        step = next(exchange)
        while True:
            reply = door.perform(step)
            try:
                step = exchange.send(reply)
            except StopIteration as stop:
                (result,) = stop.value
                break
            if isinstance(step, httpx2.Request) and b"get_preferences" in step.content:
                text = {"comment": "somebody was faster"}
                tryton.rpc("model.purchase.purchase.write", [int(ref.internal_id)], text)
    assert type(result) is exc.Conflict
    assert (result.code, result.landed) == ("ConcurrencyException", "no")
    assert clerk.read(ref).state.lifecycle == "draft"


def test_an_expired_session_is_renewed_once(site_of: Callable[..., Site], make: Make) -> None:
    talk = Talk(site_of("clerk"))
    ref = talk.create(make()).ref
    with Door(talk.site, tokens=talk.tokens) as door:
        token = door.perform(TokenWanted())
        body = {"id": 1, "method": "common.db.logout", "params": []}
        request = talk.site.request("POST", "/{database}/rpc/", json=body, database=talk.site.database)
        door.perform(wire.sign(request, token, talk.site))
    before = len(talk.log)
    assert talk.read(ref).ref.internal_id == ref.internal_id
    methods = [body for _, _, body in talk.log[before:]]
    assert sum("common.db.login" in body for body in methods) == 1
    assert len(methods) == 3


def test_many_at_once_log_in_once(site_of: Callable[..., Site], clerk: Talk, make: Make) -> None:
    ref = clerk.create(make()).ref
    log: list[tuple[str, str, str]] = []
    site = site_of("clerk")

    class Counting(httpx2.AsyncHTTPTransport):
        async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
            log.append((request.method, str(request.url), request.content.decode()))
            return await super().handle_async_request(request)

    logins = 0

    class Tokens(LocalTokens):
        def get(self, key: str, stale: str | None, login: Any) -> str:
            def counted() -> Any:
                nonlocal logins
                logins += 1
                return login()

            return super().get(key, stale, counted)

    async def many() -> list[Any]:
        async with AsyncDoor(site, tokens=Tokens(), transport=Counting()) as door:
            return await door.run_all([ORDERS.read(site, [ref]) for _ in range(20)])

    readings = asyncio.run(many())
    assert {reading[0].ref.internal_id for reading in readings} == {ref.internal_id}
    assert (logins, len(log)) == (1, 20)


def test_a_server_that_is_not_there_was_never_reached(clerk: Talk, make: Make) -> None:
    site = replace(clerk.site, base_url=f"http://127.0.0.1:{free_port()}")
    talk = Talk(site, tokens=clerk.tokens)
    results = talk.write("purchase_order", "submit", *())
    assert results == []
    with pytest.raises(exc.Unreachable):
        talk.write("purchase_order", "create", item_of(make()))


def test_a_cut_reply_to_a_write_is_an_unknown_outcome(clerk: Talk, make: Make, tryton: Any) -> None:
    class Cut(httpx2.HTTPTransport):
        def handle_request(self, request: httpx2.Request) -> httpx2.Response:
            reply = super().handle_request(request)
            if b"purchase.purchase.create" in request.content:
                reply.read()
                reply.close()
                raise httpx2.ReadError("cut")
            return reply

    items = [item_of(make()) for _ in range(3)]
    with Door(clerk.site, tokens=clerk.tokens, transport=Cut()) as door:
        results = door.run(PROFILE.write("purchase_order", "create").run(clerk.site, items))
    assert [type(result) for result in results] == [exc.UnknownOutcome] * 3
    assert [result.document for result in results] == [item.reference for item in items]
    assert [len(finding.marked) for finding in clerk.find("purchase_order", *items)] == [1, 1, 1]


def test_a_user_who_sees_one_of_his_companies_at_a_time_is_refused(
    site_of: Callable[..., Site], tryton: Any, people: People
) -> None:
    (user,) = tryton.rpc("model.res.user.search", [["login", "=", "superior"]])
    site = site_of("superior", bound=False)
    tryton.rpc("model.res.user.write", [user], {"company_filter": "one"})
    try:
        error = refused_quietly(Talk(site))
    finally:
        tryton.rpc("model.res.user.write", [user], {"company_filter": "all"})
    assert (type(error), error.field) == (exc.Misconfigured, "login")


def test_a_company_that_the_user_does_not_belong_to_is_a_missing_permission(
    site_of: Callable[..., Site], make: Make, tryton: Any, companies: list[dict[str, Any]]
) -> None:
    (user,) = tryton.rpc("model.res.user.search", [["login", "=", "superior"]])
    (row,) = tryton.rpc("model.res.user.read", [user], ["employees.company"])
    theirs = [its["id"] for its in row["employees."] if its["company"] == companies[1]["id"]]
    talk = Talk(site_of("superior"))
    leave = {"employees": [["remove", theirs]], "companies": [["remove", [companies[1]["id"]]]]}
    tryton.rpc("model.res.user.write", [user], leave)
    try:
        elsewhere, here = make(company_code=companies[1]["code"]), make()
        results = talk.write("purchase_order", "create", item_of(elsewhere), item_of(here))
    finally:
        back = {"companies": [["add", [companies[1]["id"]]]], "employees": [["add", theirs]]}
        tryton.rpc("model.res.user.write", [user], back)
    assert type(results[0]) in (exc.Authentication, exc.InvalidDocument)
    assert results[0].document == elsewhere.id
    assert results[1].ref.company_code == companies[0]["code"]


def test_the_instance_is_the_databases_own(site_of: Callable[..., Site]) -> None:
    over_rpc, over_rest = site_of("clerk").instance, site_of("superior", rest=True).instance
    assert over_rpc == over_rest
    assert over_rpc.startswith(f"{site_of('clerk').database}-")
    renamed = replace(site_of("clerk"), conn_id="another", instance="")
    assert Talk(renamed).run(PROFILE.instance(renamed)) == over_rpc
