from __future__ import annotations

import json

import pytest

from airflow_provider_docflow.core.redact import MASK, redact, redact_text, redact_url

SECRET = "s3cr3t-Value.42"


@pytest.mark.parametrize(
    "text",
    [
        f"client_secret={SECRET}",
        f'{{"appSecret": "{SECRET}"}}',
        f"Authorization: Bearer {SECRET}",
        f"authorization=Session {SECRET}",
        f"robot/send?access_token={SECRET}&timestamp=1",
        f"x-acs-dingtalk-access-token: {SECRET}",
        f"https://user:{SECRET}@erp.example/",
        f"password = '{SECRET}'",
        f"my-own_api_key={SECRET}",
    ],
)
def test_a_named_secret_is_blanked(text: str) -> None:
    assert SECRET not in redact_text(text) and MASK in redact_text(text)


def test_a_url_keeps_what_is_no_secret() -> None:
    shown = redact_url(f"https://u:{SECRET}@erp.example/robot/send?access_token={SECRET}&page=2")

    assert SECRET not in shown and "page=2" in shown and shown.startswith("https://erp.example/robot/send")


def test_a_json_value_keeps_its_shape() -> None:
    shown = redact({"login": "li.na", "app_secret": SECRET, "inner": [{"token": SECRET, "count": 3}]})

    assert shown == {"login": "li.na", "app_secret": MASK, "inner": [{"token": MASK, "count": 3}]}


def test_a_long_text_is_searched_in_linear_steps() -> None:
    text = json.dumps({"备注": "采" * 65_535})

    assert redact_text("x" * 65_535) == "x" * 65_535
    assert redact_text(text) == text
