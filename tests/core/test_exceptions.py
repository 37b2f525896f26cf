from __future__ import annotations

import pickle

import pytest

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.calls import about

REFUSED = exc.Rejected(
    "no",
    system="erp",
    code="42",
    http_status=409,
    request_id="r-1",
    document="PO-1",
    field="lines[0].quantity",
    remedy="Correct the quantity.",
    retry_after=3.0,
)


def test_an_error_told_as_another_is_about_the_same_reply_and_says_anew_what_to_do() -> None:
    told = REFUSED.told_as(exc.Authentication, f"the login was refused: {REFUSED.message}", field="login")
    assert type(told) is exc.Authentication and told.message == "the login was refused: no"
    assert told.attrs() == {
        "system": "erp",
        "code": "42",
        "http_status": 409,
        "request_id": "r-1",
        "field": "login",
    }


def test_the_first_to_know_the_document_names_it() -> None:
    with pytest.raises(exc.NotFound) as caught, about("PR-2", "oa"), about("PR-1"):
        raise exc.NotFound("gone", system="somewhere")
    assert (caught.value.document, caught.value.system) == ("PR-1", "oa")


def test_an_error_crosses_processes_whole() -> None:
    back = pickle.loads(pickle.dumps(REFUSED))
    assert type(back) is exc.Rejected and str(back) == str(REFUSED) and back.attrs() == REFUSED.attrs()
