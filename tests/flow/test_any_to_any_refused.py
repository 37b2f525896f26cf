"""What a target cannot say is refused before anything is sent, with the field and what to do about it."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.profile import Query
from airflow_provider_docflow.hooks.handles import Outcome
from tests.flow.places import ORDER, Places, ordinary
from tests.flow.test_any_to_any import HOLD, move

OAS = ("dingtalk", "feishu", "wecom")
ERPS = ("kingdee", "u8", "yonbip")
MAPPED = ("rest", "sql")
SAID: dict[str, tuple[dict[str, str], dict[str, str]]] = {
    "a tax": ({"lines[*].tax_percent": "13"}, {}),
    "prices with tax": (
        {"lines[*].tax_percent": "13", "lines[*].price_includes_tax": "true"},
        {
            **dict.fromkeys((*OAS, *MAPPED), "lines[0].price_includes_tax"),
            "kingdee": "lines[0].price_amount",
        },
    ),
    "a price per hundred": (
        {"lines[*].base_quantity": "100"},
        dict.fromkeys((*OAS, *MAPPED, "u8"), "lines[0].base_quantity"),
    ),
    "a cost centre": (
        {"lines[*].accounting": "[{'cost_centre': 'CC-7'}]"},
        {
            "kingdee": "lines[0].accounting",
            **dict.fromkeys(("u8", "yonbip"), "lines[0].accounting.cost_centre"),
        },
    ),
    "a discount on the whole": (
        {"allowance_charge": "[{'charge': false, 'amount': '0.05' | decimal}]", "payable_amount": "none"},
        dict.fromkeys((*OAS, *ERPS), "allowance_charge"),
    ),
    "payment terms": (
        {"payment_terms": "[{'days': 30}]"},
        dict.fromkeys((*OAS, *ERPS), "payment_terms"),
    ),
    "a bank account": (
        {"payee_account": "{'account_number': '6222', 'bank': 'ICBC'}"},
        dict.fromkeys((*OAS, *ERPS), "payee_account"),
    ),
}
"""What an order may say beyond the ordinary, and where it is refused: the field for which there is none.

A form shows its approver all that is carried out, and an ERP's order loses nothing material unless the
connection's ``omit`` says so. A table or an API of the user keeps what its own map names.
"""

WRONG: dict[str, tuple[dict[str, str], str]] = {
    "a word for an amount": ({"payable_amount": "'a lot'"}, "payable_amount"),
    "a float": ({"lines[*].quantity": "1.5"}, "lines[0].quantity"),
    "a number for a code": ({"lines[*].unit_code": "7"}, "lines[0].unit_code"),
    "no date": ({"issue_date": "'31.03.2026'"}, "issue_date"),
    "nothing to copy": ({"requester.id": "source.requester.id"}, "requester.id"),
}
FOREIGN = {
    "head": {"extensions.没有的字段": "'x'"},
    "line": {"lines[*].extensions.没有的列": "'x'"},
}
KNOW_THEIR_FIELDS = ("dingtalk", "feishu", "rest", "sql", "wecom")
"""Products that can tell, before anything is sent, which fields of the tenant's own there are."""
WRITES = {
    "dingtalk": "/workflow/processInstances",
    "feishu": "/approval/v4/instances",
    "kingdee": ".Save.common.kdsvc",
    "rest": f"/erp/{ORDER}",
    "u8": "/add",
    "wecom": "/oa/applyevent",
    "yonbip": "/singleSave_v1",
}


def written(places: Places, target: str) -> int:
    """Count what was written into a target: requests that create, or rows of the database."""
    if target == "sql":
        return len(places.systems["sql"].search(ORDER, Query()))
    sent = [one["path"].partition("?")[0] for one in places.sandbox.requests() if one["method"] == "POST"]
    return sum(path.endswith(WRITES[target]) for path in sent)


def order_by(places: Places, target: str, mapping: dict[str, str]) -> tuple[Outcome, int]:
    """Make an order of the target from one that a people's database holds; how many writes that took."""
    source = places.enter("kingdee" if target == "sql" else "sql", ordinary(ORDER))
    places.sandbox.forget_requests()
    before = written(places, target)
    (done,) = move(places, [source], target, ORDER, mapping=mapping).outcomes
    return done, written(places, target) - before


def told(done: Outcome, sent: int) -> tuple[str, str, bool, int]:
    """Return what a person is told of a refusal: its kind, the field, whether there is a remedy."""
    error: dict[str, Any] = done.to_json().get("error") or {}
    return str(error.get("type")), str(error.get("field")), bool(error.get("remedy")), sent


@pytest.mark.parametrize("target", HOLD[ORDER])
@pytest.mark.parametrize("said", SAID)
def test_what_a_target_cannot_say_is_refused_before_it_is_sent(
    places: Places, said: str, target: str
) -> None:
    mapping, refused = SAID[said]
    done, sent = order_by(places, target, mapping)
    if target not in refused:
        assert (done.good, sent) == (True, 1), done.to_json()
        return
    assert told(done, sent) == ("InvalidDocument", refused[target], True, 0), done.to_json()


@pytest.mark.parametrize("target", HOLD[ORDER])
def test_a_mapping_of_the_wrong_sort_is_refused_before_it_is_sent(places: Places, target: str) -> None:
    for mapping, field_name in WRONG.values():
        done, sent = order_by(places, target, mapping)
        assert told(done, sent) == ("InvalidDocument", field_name, True, 0), done.to_json()


@pytest.mark.parametrize("target", HOLD[ORDER])
def test_a_mapping_to_no_field_of_a_document_is_refused_before_anything_is_read(
    places: Places, target: str
) -> None:
    source = places.enter("rest", ordinary(ORDER))
    assert places.systems[target].site.instance
    places.sandbox.forget_requests()
    for path in ("supplier", "lines[*].item", "lines.item_id", "payable_amount.currency"):
        with pytest.raises(exc.Misconfigured) as refused:
            move(places, [source], target, ORDER, mapping={path: "'x'"})
        assert (refused.value.field, bool(refused.value.remedy)) == (path, True)
    assert places.sandbox.requests() == []


@pytest.mark.parametrize("mapping", FOREIGN.values(), ids=FOREIGN)
@pytest.mark.parametrize("target", KNOW_THEIR_FIELDS)
def test_a_tenant_field_that_is_not_there_is_refused_before_it_is_sent(
    places: Places, target: str, mapping: dict[str, str]
) -> None:
    done, sent = order_by(places, target, mapping)
    kind, field_name, remedy, sent = told(done, sent)
    assert (kind, bool(field_name), remedy, sent) == ("InvalidDocument", True, True, 0), done.to_json()


@pytest.mark.parametrize("target", OAS)
def test_a_tenant_field_that_is_there_is_filled(places: Places, target: str) -> None:
    """The forms have a control for remarks on the cost that no canonical field is mapped to."""
    done, sent = order_by(places, target, {"extensions.费用说明": "'由 ' ~ source.id ~ ' 支付'"})
    assert done.handle is not None and sent == 1, done.to_json()
    document = places.read(done.handle).document
    assert document is not None
    (own,) = document.extensions.values()
    assert own["费用说明"].startswith("由 ")
