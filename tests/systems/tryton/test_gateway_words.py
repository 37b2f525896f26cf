"""What stands between docflow and Tryton answers JSON with a message too; only a 400 is Tryton's refusal."""

from __future__ import annotations

import httpx2
import pytest

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.calls import check
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.systems.tryton import PROFILE

SITE = Site(profile=PROFILE, conn_id="erp", base_url="http://127.0.0.1")


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, exc.Rejected),
        (401, exc.Authentication),
        (429, exc.RateLimited),
        (502, exc.UnknownOutcome),
    ],
)
def test_a_message_is_a_refusal_of_trytons_only_in_a_400(status: int, kind: type[exc.DocflowError]) -> None:
    body = {"message": "said on the way", "description": ""}
    with pytest.raises(exc.DocflowError) as caught:
        check(SITE, httpx2.Response(status), body, writes=True)
    assert type(caught.value) is kind
    assert (caught.value.system, caught.value.http_status) == ("erp", status)
