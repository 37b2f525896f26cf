"""What Kingdee says when it says no, and what may have landed all the same."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.limits import limits_of
from airflow_provider_docflow.sandbox.faults import FaultRule
from tests.systems.kingdee.conftest import MODEL, ORDER, Kingdee, order

CODES: dict[int, type[exc.DocflowError]] = {
    0: exc.Rejected,
    1: exc.Authentication,
    2: exc.Authentication,
    3: exc.Misconfigured,
    5: exc.Misconfigured,
    7: exc.Authentication,
    8: exc.Misconfigured,
    9: exc.Rejected,
    10: exc.NotFound,
    11: exc.Rejected,
    12: exc.Rejected,
    13: exc.Conflict,
    14: exc.RateLimited,
    15: exc.Authentication,
    99: exc.Rejected,
}


def _said(code: int) -> dict[str, Any]:
    errors = [{"FieldName": "FDate", "Message": f"失败 {code}", "DIndex": 0}]
    status = {"IsSuccess": False, "ErrorCode": 500, "Errors": errors, "SuccessEntitys": [], "MsgCode": code}
    return {"Result": {"ResponseStatus": status}}


@pytest.mark.parametrize("code", CODES)
def test_every_code_has_a_type_and_a_remedy(kingdee: Kingdee, code: int) -> None:
    kingdee.sandbox.fault(FaultRule("error_in_200", path="*.Save.*", reply=_said(code)))
    (error,) = kingdee.create(kingdee.site(), order())

    assert type(error) is CODES[code] and error.landed == "no"
    assert error.http_status == 200 and error.remedy and error.document.startswith("REQ-")
    assert error.code == str(code or 500) and f"失败 {code}" in error.message
    assert bool(error.retry_after) is (code in (13, 14))


@pytest.mark.parametrize("code", [4, 6])
def test_an_exception_of_the_server_may_have_landed(kingdee: Kingdee, code: int) -> None:
    site = kingdee.site()
    kingdee.sandbox.fault(FaultRule("error_in_200", path="*.Save.*", reply=_said(code), commit=True))
    (error,) = kingdee.create(site, order())
    assert isinstance(error, exc.UnknownOutcome) and error.code == str(code)


@pytest.mark.parametrize("code", [1, 2, 4, 14])
def test_a_failed_query_says_so_in_the_shape_of_its_rows(kingdee: Kingdee, code: int) -> None:
    reply = [[_said(code)]]
    kingdee.sandbox.fault(FaultRule("error_in_200", path="*.ExecuteBillQuery.*", reply=reply, times=None))
    kind = {**CODES, 4: exc.TransientError}[code]
    with pytest.raises(kind) as caught:
        kingdee.read(kingdee.site(), kingdee.enter(MODEL))
    assert caught.value.code == str(code)


def test_plain_text_is_an_error_of_its_own(kingdee: Kingdee) -> None:
    site = kingdee.site(probe_form="")
    kingdee.sandbox.fault(FaultRule("malformed", path="*.Save.*"))
    (cut,) = kingdee.create(site, order())
    assert isinstance(cut, exc.UnknownOutcome)
    with pytest.raises(exc.TransientError, match="不存在") as caught:
        kingdee.run(site, _call(site, "NoSuchMethod", writes=False))
    assert caught.value.code == "response_error" and not isinstance(caught.value, exc.UnknownOutcome)
    with pytest.raises(exc.UnknownOutcome):
        kingdee.run(site, _call(site, "NoSuchMethod", writes=True))


def test_a_page_of_iis_is_no_answer(kingdee: Kingdee) -> None:
    site = kingdee.site()
    with pytest.raises(exc.NotFound) as caught:
        kingdee.run(site, _call(site, "../x", writes=True))
    assert caught.value.http_status == 404 and "<html" not in str(caught.value)


def _call(site: Any, method: str, *, writes: bool) -> Any:
    from airflow_provider_docflow.core.calls import call
    from airflow_provider_docflow.systems.kingdee.wire import path_of

    path = "NoPage.aspx" if method.startswith("..") else path_of(method)
    return call(site, site.request("POST", path, json={"data": {}}), writes=writes)


def test_a_limit_of_the_connection_and_the_servers_own_word_for_it(kingdee: Kingdee) -> None:
    assert limits_of(kingdee.site()) == ()
    (limit,) = limits_of(kingdee.site(calls_per_minute=100))
    assert (limit.name, limit.count, limit.seconds) == ("calls_per_minute", 100, 60.0)
    kingdee.sandbox.advance(61)
    kingdee.set(calls_per_minute=1)
    site = kingdee.site()
    (first,) = kingdee.create(site, order())
    (second,) = kingdee.create(site, order())
    assert not isinstance(first, Exception)
    assert isinstance(second, exc.RateLimited) and second.code == "14" and second.retry_after == 60.0


def test_an_answer_without_a_fate_is_unknown(kingdee: Kingdee) -> None:
    site = kingdee.site()
    half = {"Result": {"ResponseStatus": {"IsSuccess": True, "Errors": [], "SuccessEntitys": []}}}
    kingdee.sandbox.fault(FaultRule("error_in_200", path="*.BatchSave.*", reply=half, commit=True))
    entries = kingdee.create(site, order(), order())
    assert [type(one) for one in entries] == [exc.UnknownOutcome] * 2
    assert all(one.document.startswith("REQ-") for one in entries)
    write = site.profile.write(ORDER, "create")
    assert write.probe.quality == "unique" and write.find is not None
