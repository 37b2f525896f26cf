"""Signatures: the published vector, and the vendor's own client beside ours."""

from __future__ import annotations

import pytest
from k3cloud_webapi_sdk.main import K3CloudApiSdk

from airflow_provider_docflow.systems.kingdee.signing import Caller, client_of, login_sign, signed_headers

APP_ID, APP_SECRET = "220001_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX", "0123456789abcdef0123456789abcdef"
PATH = "/k3cloud/Kingdee.BOS.WebApi.ServicesStub.DynamicFormService.View.common.kdsvc"
CALLER = Caller("67bd0000000001", "demo", APP_ID, APP_SECRET, "2052", "100")


def test_the_vector_of_a_signed_request() -> None:
    headers = signed_headers(CALLER, PATH, "1700000000", "1700000000")

    assert client_of(APP_ID) == ("220001", "MDE3N2I2PzBrPzg4OD45N3IhK3B1InIk")
    assert headers["X-Api-Signature"] == (
        "ZjdmM2I5ZDczMDUwYzA0ODE3ZjkzMGNkNmNiYzc2YmQ0NTY0OWRiYzY1MmY5ZGY4MzQ4MGFjZmU3M2YyYjhiNQ=="
    )
    assert headers["X-Kd-Appdata"] == "NjdiZDAwMDAwMDAwMDEsZGVtbywyMDUyLDEwMA=="
    assert headers["X-Kd-Signature"] == (
        "ZDU4MjdmNzkzMWNkNjA3OGI3ZTk1ZTA2MWRjN2ZlNjcxN2IyYzkzODViZjEwYmM1ODQ1NzM3ZjZhM2U3MDgxNw=="
    )
    assert headers["X-Api-ClientID"] == "220001" and headers["X-Kd-Appkey"] == APP_ID
    assert headers["x-api-signheaders"] == "x-api-timestamp,x-api-nonce"


@pytest.mark.parametrize("user", ["demo", "冯冰"])
def test_the_vendors_client_signs_the_same(user: str) -> None:
    vendor = K3CloudApiSdk("http://erp.example.com/k3cloud/")
    vendor.InitConfig("67bd0000000001", user, APP_ID, APP_SECRET, "http://erp", 2052, 100)
    theirs = vendor.BuildHeader(f"http://erp.example.com{PATH}")

    caller = Caller("67bd0000000001", user, APP_ID, APP_SECRET, "2052", "100")
    ours = signed_headers(caller, PATH, theirs["x-api-timestamp"], theirs["x-api-nonce"])

    assert {name: theirs[name] for name in ours} == dict(ours)


@pytest.mark.parametrize("app_id", ["", "220001", "a_b_c"])
def test_an_application_without_a_secret_part_has_an_empty_one(app_id: str) -> None:
    assert client_of(app_id) == ("", "")


def test_the_sign_of_a_login_does_not_depend_on_the_order() -> None:
    # sha256("01239abz"): the parts sorted as text, one after the other.
    assert login_sign("b", "a", "z", "9", "0123") == login_sign("z", "b", "a", "0123", "9")
    assert login_sign("b", "a", "z", "9", "0123") == (
        "e1eda9264278356adee2473d99fbf06ba8cfd209a23513ebd53063011104e576"
    )
    assert CALLER.app_secret not in repr(CALLER)
