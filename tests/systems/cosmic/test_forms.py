"""The setting that says which object holds which document: wrong ones are refused by name."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.systems.cosmic import PROFILE, forms_of

FIELDS = {"billno": "id"}


@pytest.mark.parametrize(
    ("forms", "field"),
    [
        ("{", "forms"),
        ('["sales_order"]', "forms"),
        ({"invoice": {}}, "forms.invoice"),
        ({"sales_order": {"entities": "x"}}, "forms.sales_order"),
        ({"purchase_order": {}}, "forms.purchase_order.app"),
        ({"purchase_order": {"app": "pm", "fields": FIELDS}}, "forms.purchase_order.entity"),
        ({"purchase_order": {"app": "pm", "entity": "x"}}, "forms.purchase_order.fields"),
        ({"sales_order": {"fields": {"x": "no.such.path"}}}, "forms.sales_order"),
        ({"sales_order": {"fields": {"x": {"path": "id", "type": "money"}}}}, "forms.sales_order.fields.x"),
        ({"sales_order": {"filters": {"colour": "x"}}}, "forms.sales_order.filters"),
        ({"sales_order": {"filters": {"party": "x"}}}, "forms.sales_order.filters"),
    ],
)
def test_what_is_wrong_is_named(forms: Any, field: str) -> None:
    with pytest.raises(exc.Misconfigured) as caught:
        forms_of(forms)
    assert caught.value.field == field and caught.value.remedy


def test_without_forms_there_is_the_standard_sales_order_alone() -> None:
    assert list(PROFILE.documents) == list(PROFILE.configured({}).documents) == ["sales_order"]
    form = forms_of("")["sales_order"]
    assert form.url("query") == "sm/sm_salorder/query" and form.url("audit") == "sm/sm_salorder/audit"


def test_what_no_document_shows_is_unsupported() -> None:
    for purpose in ("amend", "unaudit", "delete", "cancel", "attach", "comment"):
        with pytest.raises(exc.Unsupported):
            PROFILE.write("sales_order", purpose)
    assert PROFILE.webhook is None and not PROFILE.channels
    assert PROFILE.documents["sales_order"].attachments == ()
