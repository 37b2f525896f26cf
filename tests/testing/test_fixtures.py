"""The fixtures that users get, used as a user would: in a test run of its own."""

from __future__ import annotations

import pytest

pytest_plugins = ["pytester"]

CONFTEST = 'pytest_plugins = ["airflow_provider_docflow.testing"]\n'
TESTS = """
import httpx2
import pytest


def test_the_sandbox_answers(docflow_sandbox):
    token = httpx2.post(
        f"{docflow_sandbox.base_url}/dingtalk/v1.0/oauth2/accessToken",
        json={"appKey": "dingsandbox", "appSecret": "sandbox-secret"},
    )
    assert token.json()["accessToken"]


def test_a_fault_is_set(docflow_sandbox, docflow_fault):
    docflow_fault("reply_lost", method="POST", path="*/accessToken", times=1)
    with pytest.raises(httpx2.TransportError):
        httpx2.post(
            f"{docflow_sandbox.base_url}/dingtalk/v1.0/oauth2/accessToken",
            json={"appKey": "dingsandbox", "appSecret": "sandbox-secret"},
        )


def test_time_stands_still(docflow_frozen):
    before = docflow_frozen.now()
    assert docflow_frozen.now() == before
    docflow_frozen.advance(60)
    assert docflow_frozen.now() - before == 60_000


def test_the_hook_finds_ledger_and_connection(docflow_ledger, docflow_connection):
    from airflow_provider_docflow.hooks.docflow import DocflowHook

    docflow_connection("oa", forms={"purchase_requisition": {"process_code": "PROC-1"}})
    hook = DocflowHook("oa")

    assert hook.test_connection() == (True, "DingTalk answers as dingsandboxcorp.")
    assert hook.ledger.ledger_id == docflow_ledger.ledger_id
"""


def test_the_fixtures_work_in_a_project_of_its_own(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile(TESTS)

    result = pytester.runpytest_subprocess("-q", "-p", "no:cacheprovider")

    result.assert_outcomes(passed=4)
