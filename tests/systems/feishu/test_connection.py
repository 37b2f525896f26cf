"""Login, tenant, errors, limits, forms: what a connection is told before and when something is wrong."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.calls import CALL, body_of, check
from airflow_provider_docflow.core.paging import search_all
from airflow_provider_docflow.core.profile import Query, WriteItem
from airflow_provider_docflow.hooks.doors import Door
from airflow_provider_docflow.sandbox.faults import FaultRule
from airflow_provider_docflow.systems.feishu import PROFILE
from airflow_provider_docflow.systems.feishu.errors import token_refused
from airflow_provider_docflow.systems.feishu.wire import API_URL, api_url, instance
from tests.systems.feishu.conftest import TENANT, TYPE, Desk
from tests.systems.oa import requisition as document


def refusal(desk: Desk, code: int, status: int = 400, *, writes: bool = False, **headers: str) -> Any:
    reply = httpx2.Response(
        status, json={"code": code, "msg": "no"}, headers={"x-tt-logid": "L-1", **headers}
    )
    with pytest.raises(exc.DocflowError) as caught:
        check(desk.site, reply, body_of(reply), writes=writes)
    return caught.value


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        (99991400, 429, exc.RateLimited),
        (99991400, 400, exc.RateLimited),
        (230020, 400, exc.RateLimited),
        (11232, 200, exc.RateLimited),
        (99991403, 429, exc.QuotaExhausted),
        (99991663, 400, exc.Authentication),
        (99991672, 400, exc.Authentication),
        (99991401, 400, exc.Authentication),
        (99991662, 400, exc.Misconfigured),
        (1390003, 400, exc.NotFound),
        (1390002, 400, exc.Misconfigured),
        (1390015, 400, exc.Misconfigured),
        (1390010, 400, exc.Rejected),
        (1390018, 400, exc.Unsupported),
        (60012, 400, exc.Duplicate),
        (1395001, 400, exc.TransientError),
        (424242, 400, exc.Rejected),
        (424242, 200, exc.Rejected),
    ],
)
def test_codes_decide_and_not_the_status(desk: Desk, code: int, status: int, kind: type[Exception]) -> None:
    error = refusal(desk, code, status)
    assert type(error) is kind
    assert (error.system, error.code, error.request_id) == ("lark", str(code), "L-1")


def test_how_long_to_stay_away_stands_in_feishus_own_header(desk: Desk) -> None:
    error = refusal(desk, 99991400, 429, **{"x-ogw-ratelimit-reset": "52", "retry-after": "7"})
    assert error.retry_after == 52.0
    assert refusal(desk, 99991400, 429, **{"retry-after": "7"}).retry_after == 7.0


def test_a_write_that_met_trouble_inside_may_have_landed(desk: Desk) -> None:
    assert type(refusal(desk, 1395001, writes=True)) is exc.UnknownOutcome
    assert type(refusal(desk, 99991400, 429, writes=True)) is exc.RateLimited
    assert type(refusal(desk, 99991663, 500, writes=True)) is exc.Authentication


def test_another_token_helps_where_a_token_was_refused() -> None:
    for code, wanted in ((99991663, True), (99991661, True), (99991400, False), (0, False)):
        assert token_refused(httpx2.Response(400), {"code": code}) is wanted
    assert token_refused(httpx2.Response(401), None)


def test_an_expired_token_is_renewed_in_the_middle(desk: Desk) -> None:
    ref = desk.submit()
    desk.reading(ref)
    desk.sandbox.forget_requests()
    desk.sandbox.fault(FaultRule("expired_token", path="*/instances/*"))
    assert desk.reading(ref).ref.internal_id == ref.internal_id
    assert desk.sandbox.count("*/tenant_access_token/internal") == 1
    assert desk.sandbox.count("*/instances/*") == 2


def test_the_tenant_names_itself_and_another_is_refused(desk: Desk) -> None:
    assert desk.run(instance(desk.site)) == TENANT
    desk.site = desk.connect(tenant_key="another")
    with pytest.raises(exc.Misconfigured, match="sandboxtenant") as caught:
        desk.run(instance(desk.site))
    assert caught.value.field == "tenant_key"


def test_a_scope_that_is_missing_says_what_to_do(desk: Desk) -> None:
    app = {"app_id": "cli_small", "app_secret": "small-secret", "scopes": ["approval:instance"]}
    desk.sandbox.call("POST", "feishu/apps", app)
    small = desk.connect()
    desk.site = replace(small, username="cli_small", password="small-secret")
    with pytest.raises(exc.Authentication) as caught:
        desk.run(instance(desk.site))
    assert caught.value.code == "99991672" and "scope" in caught.value.remedy


def test_people_without_a_name_are_nobodys_decisions(desk: Desk) -> None:
    ref = desk.submit()
    desk.decide(ref, "approve")
    scopes = ["approval:instance", "approval:definition"]
    app = {"app_id": "cli_blind", "app_secret": "blind-secret", "scopes": scopes}
    desk.sandbox.call("POST", "feishu/apps", app)
    for kind in ("user_id", "open_id"):
        site = desk.connect(user_id_type=kind)
        desk.site = replace(site, username="cli_blind", password="blind-secret")
        if kind == "open_id":
            assert [one.approver for one in desk.reading(ref).history] == ["ou_boss"]
            continue
        with pytest.raises(exc.Misconfigured, match="user_id of people") as caught:
            desk.reading(ref)
        assert caught.value.field == "user_id_type"


def test_calls_that_come_too_fast_wait_as_long_as_feishu_says(desk: Desk) -> None:
    ref = desk.submit()
    desk.reading(ref)
    desk.sandbox.call("POST", "feishu/limits", {"limits": [{"path": "*/instances/*", "per_second": 1}]})
    desk.sandbox.freeze()
    try:
        desk.reading(ref)
        with pytest.raises(exc.RateLimited) as caught:
            desk.reading(ref)
    finally:
        desk.sandbox.thaw()
    assert caught.value.retry_after == 1.0


def test_a_used_up_quota_holds_the_work(desk: Desk) -> None:
    ref = desk.submit()
    desk.sandbox.call("POST", "feishu/limits", {"limits": [{"per_month": 0}]})
    with pytest.raises(exc.QuotaExhausted):
        desk.reading(ref)


def test_the_limits_are_those_of_the_settings() -> None:
    assert [(one.name, one.count, one.seconds) for one in PROFILE.limits] == [
        ("calls_per_second", 50, 1.0),
        ("calls_per_minute", 1000, 60.0),
    ]
    slow = PROFILE.configured({"slow_calls_per_minute": 20}).call_limits
    assert slow.keys() == PROFILE.call_limits.keys() >= {"create", "definition", "list"}
    assert {one.count for one in slow.values()} == {20}
    assert len({one.name for one in slow.values()}) == len(slow)
    assert {one.count for one in PROFILE.call_limits.values()} == {100}
    monthly = PROFILE.configured({"calls_per_minute": 100, "calls_per_month": 10_000}).limits
    assert [one.count for one in monthly] == [50, 100, 10_000]


def test_lark_is_another_address(desk: Desk) -> None:
    assert api_url(desk.connect(api_url="")) == API_URL
    assert api_url(desk.connect(api_url="https://open.larksuite.com/")) == "https://open.larksuite.com"


@pytest.mark.parametrize(
    ("forms", "text"),
    [
        ("{", "no JSON"),
        ("[]", "no JSON object"),
        ({"invoice": {"approval_code": "X"}}, "no such document type"),
        ({TYPE: {}}, "approval_code is missing"),
        ({TYPE: {"approval_code": "X", "field": {}}}, "no entry 'field'"),
        ({"delivery": {"approval_code": "X"}}, "no default"),
        ({TYPE: {"approval_code": "X", "fields": {"a": "nothing"}}}, "no field of a document"),
        ({TYPE: {"approval_code": "X", "fields": {"a": {"type": "id"}}}}, "no entry 'type'"),
        (
            {TYPE: {"approval_code": "X", "fields": {"a": ["id", "due_date", "issue_date"]}}},
            "path is missing",
        ),
        ({TYPE: {"approval_code": "X", "fields": {"a": "issue_date"}}}, "no control holds lines"),
        (
            {TYPE: {"approval_code": "X", "fields": {"l": {"path": "lines", "fields": {"a": "line_id"}}}}},
            "issue_date, document_currency_code, lines\\[\\*\\].quantity",
        ),
        ({TYPE: {"approval_code": "X", "constants": {"nothing": "1"}}}, "no field of a document"),
    ],
)
def test_a_wrong_map_is_refused_before_anything_is_sent(forms: Any, text: str) -> None:
    with pytest.raises(exc.Misconfigured, match=text) as caught:
        PROFILE.configured({"forms": forms if isinstance(forms, str) else json.dumps(forms)})
    assert caught.value.field == "forms"


def test_only_mapped_types_are_there(desk: Desk) -> None:
    assert set(desk.site.profile.documents) == {TYPE}
    assert PROFILE.configured({}).documents == {}
    with pytest.raises(exc.Unsupported):
        desk.site.profile.of("contract")


def test_the_form_describes_itself(desk: Desk) -> None:
    describe = desk.site.profile.of(TYPE).describe
    assert describe is not None
    found = {one.name: one for one in desk.run(describe(desk.site))}
    assert found["公司"].required and found["公司"].canonical == "company_code"
    assert found["明细.单价"].canonical == "lines[*].price_amount"
    assert found["币种"].type == "radioV2: one of CNY, EUR, JPY"
    assert found["项目经理"].custom and not found["项目经理"].written
    assert not found["流水号"].written


def test_a_listing_walks_windows_of_thirty_days(desk: Desk) -> None:
    now, day = desk.sandbox.now(), 86_400_000
    refs = [desk.submit(created=now - days * day) for days in (50, 20, 1)]
    found = desk.run(search_all(desk.site, desk.site.profile.of(TYPE), Query()))
    assert [one.ref.internal_id for one in found] == [ref.internal_id for ref in refs[1:]]
    since = datetime.now(UTC) - timedelta(days=60)
    query = Query(raw={"created_from": since.isoformat(), "status": "PENDING", "user_id": "zhang.san"})
    whole = desk.run(search_all(desk.site, desk.site.profile.of(TYPE), query))
    assert [one.ref.internal_id for one in whole] == [ref.internal_id for ref in refs]
    nobody = Query(raw={"created_from": since.isoformat(), "user_id": "nobody"})
    assert desk.run(search_all(desk.site, desk.site.profile.of(TYPE), nobody)) == []


def test_a_listing_pages_to_the_last_and_matches_by_the_form(desk: Desk) -> None:
    desk.site = desk.connect()
    marks = [f"L{n:031d}" for n in range(3)]
    for number, one in enumerate(marks):
        desk.create(document(f"PR-L{number}"), mark=one)
    search = desk.site.profile.of(TYPE).search
    assert search is not None
    for query, wanted in (
        (Query(numbers=("PR-L1",)), ["PR-L1"]),
        (Query(party="SUP-1", company_code="1000"), ["PR-L0", "PR-L1", "PR-L2"]),
        (Query(party="SUP-2"), []),
        (Query(company_code="2000"), []),
    ):
        page = desk.run(search(desk.site, query, None))
        assert [one.ref.number for one in page.readings] == wanted
    with pytest.raises(exc.Unsupported):
        desk.run(search(desk.site, Query(changed_since=datetime.now(UTC)), None))


def test_a_revoked_approval_is_listed_once(desk: Desk) -> None:
    ref = desk.submit()
    desk.decide(ref, "approve")
    (revocation,) = desk.decide(ref, "revoke")
    desk.decide(desk.ref(revocation), "approve")
    search = desk.site.profile.of(TYPE).search
    assert search is not None
    page = desk.run(search(desk.site, Query(), None))
    assert [(one.ref.internal_id, str(one.state.approval)) for one in page.readings] == [
        (ref.internal_id, "revoked")
    ]


def test_one_refusal_does_not_stop_the_rest(desk: Desk) -> None:
    made = [document("PR-A"), document("PR-B", document_currency_code="USD"), document("PR-C")]
    items = [WriteItem(mark=f"B{n:031d}", document=one, reference=one.id) for n, one in enumerate(made)]
    found = desk.run(desk.site.profile.write(TYPE, "create").run(desk.site, items))
    assert [isinstance(one, Exception) for one in found] == [False, True, False]


class Kinds:
    """A gate that notes which kind of call passes."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def before(self, step: Any) -> float:
        self.seen.append(step.extensions.get(CALL, ""))
        return 0.0

    def after(self, step: Any, reply: Any, error: Any) -> None:
        return


def test_every_slow_call_names_its_kind_at_the_gates(desk: Desk) -> None:
    gate, kind = Kinds(), desk.site.profile.of(TYPE)
    assert kind.changes is not None
    with Door(desk.site, tokens=desk.tokens, gates=[gate]) as door:
        item = WriteItem(mark="K" * 32, document=document())
        (written,) = door.run(desk.site.profile.write(TYPE, "create").run(desk.site, [item]))
        for purpose, more in (
            ("copy", {"users": ["cfo"]}),
            ("transfer", {"user": "boss", "to_user": "deputy"}),
            ("approve", {"user": "deputy"}),
        ):
            acted = WriteItem(mark="K" * 32, ref=written.ref, arguments=more)
            door.run(desk.site.profile.write(TYPE, purpose).run(desk.site, [acted]))
        door.run(kind.changes(desk.site, ""))
    slow = [seen for seen in gate.seen if seen]
    assert slow == ["definition", "create", "cc", "transfer", "approve", "list"]
    assert set(slow) <= desk.site.profile.call_limits.keys()
