from __future__ import annotations

import json
from datetime import date

import pytest

from airflow_provider_docflow.core.profile import SystemProfile
from airflow_provider_docflow.core.redact import MASK, redact, redact_text, redact_url
from airflow_provider_docflow.core.site import Site

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


def test_a_site_conceals_what_its_form_hides_whatever_the_name() -> None:
    fields = {
        "robot_key": {"label": "Robot", "schema": {"type": ["string", "null"], "format": "password"}},
        "app_token": {"label": "Token", "schema": {"type": ["string", "null"]}},
        "agent_id": {"label": "Agent", "schema": {"type": ["string", "null"]}},
    }
    profile = SystemProfile(
        name="hides",
        title="Hides",
        docs_url="",
        checked_on=date(2026, 11, 22),
        documents={},
        instance=lambda site: iter(()),  # type: ignore[arg-type, return-value]
        conn_fields=fields,
    )
    settings = {"robot_key": SECRET, "app_token": f"{SECRET}-2", "agent_id": "1000001"}
    site = Site(profile=profile, conn_id="oa", password=f"{SECRET}-3", settings=settings)
    text = " ".join((site.password, *settings.values()))
    assert sorted(site.secrets()) == [SECRET, f"{SECRET}-2", f"{SECRET}-3"]
    assert SECRET not in site.conceal(text) and "1000001" in site.conceal(text)
