from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.profile import Finding, WriteItem
from airflow_provider_docflow.document import differences
from airflow_provider_docflow.sandbox.faults import FaultRule
from airflow_provider_docflow.systems.dingtalk import PROFILE
from tests.systems.dingtalk.conftest import COMPONENTS, MARK, TYPE, Desk, values
from tests.systems.oa import requisition

CREATE = "/dingtalk/v1.0/workflow/processInstances"
WRITE = PROFILE.write(TYPE, "create")


def item(number: str = "PR-1", **more: Any) -> WriteItem:
    return WriteItem(mark=more.pop("mark", MARK), reference=number, document=requisition(number), **more)


def find(desk: Desk, *items: WriteItem) -> list[Finding]:
    assert WRITE.find is not None
    return desk.run(WRITE.find(desk.site, items))


def sent() -> datetime:
    return datetime.now(UTC)


def test_an_approval_reads_back_as_the_document_that_was_asked_for(desk: Desk) -> None:
    written = desk.write("create", item())
    reading = desk.reading(written.ref)
    assert reading.document is not None
    assert differences(requisition(), reading.document) == []
    assert reading.document == requisition()
    assert reading.ref == written.ref
    kept = desk.sandbox.instance(written.ref.internal_id)
    assert {"name": "docflow", "value": MARK}.items() <= kept["formComponentValues"][-1].items()
    assert kept["originatorUserId"] == "zhang.san"
    assert [node["userIds"] for node in kept["nodes"]] == [["boss"]]
    assert desk.site.profile.of(TYPE).stages["submitted"] == ()


def test_approvers_copies_and_originator_of_the_request(desk: Desk) -> None:
    arguments = {
        "originator": "li.na",
        "approvers": [{"users": ["a"]}, {"users": ["b", "c"]}, {"users": ["d", "e"], "rule": "any"}],
        "copy_to": ["audit"],
        "copy_at": "START",
    }
    written = desk.write("create", item(arguments=arguments))
    kept = desk.sandbox.instance(written.ref.internal_id)
    assert [(node["actionType"], node["userIds"]) for node in kept["nodes"]] == [
        ("NONE", ["a"]),
        ("AND", ["b", "c"]),
        ("OR", ["d", "e"]),
    ]
    assert (kept["originatorUserId"], kept["ccUserIds"], kept["ccPosition"]) == ("li.na", ["audit"], "START")


@pytest.mark.parametrize(
    ("rule", "landed"),
    [
        (FaultRule("reply_lost", method="POST", path=CREATE), True),
        (FaultRule("error_after", method="POST", path=CREATE), True),
        (FaultRule("malformed", method="POST", path=CREATE), True),
        (FaultRule("error_in_200", method="POST", path=CREATE, commit=True), True),
        (FaultRule("error_in_200", method="POST", path=CREATE), False),
        (FaultRule("error_in_200", method="POST", path=CREATE, reply={}), False),
        (FaultRule("error_before", method="POST", path=CREATE), False),
        (FaultRule("cut", method="POST", path=CREATE), False),
    ],
    ids=lambda value: value.fault if isinstance(value, FaultRule) else str(value),
)
def test_an_unknown_outcome_is_found_again_by_its_mark(desk: Desk, rule: FaultRule, landed: bool) -> None:
    began = sent()
    desk.sandbox.fault(rule)
    with pytest.raises(exc.UnknownOutcome) as caught:
        desk.write("create", item())
    assert caught.value.landed == "unknown"
    assert (caught.value.system, caught.value.document) == ("oa", "PR-1")
    assert desk.sandbox.count(CREATE, method="POST") == 1
    finding, other = find(desk, item(sent_at=began), item("PR-2", mark="MXXXXXXXXXXXXXXX", sent_at=began))
    assert len(finding.marked) == landed
    assert finding.suspects == other.suspects == other.marked == ()
    if landed:
        assert finding.marked[0].document == requisition()
    assert len(desk.sandbox.instances()) == landed


def test_a_late_commit_is_found_when_it_came(desk: Desk) -> None:
    began = sent()
    desk.sandbox.fault(FaultRule("late_commit", method="POST", path=CREATE, seconds=30))
    with pytest.raises(exc.UnknownOutcome) as caught:
        desk.write("create", item())
    assert caught.value.http_status == 504
    assert find(desk, item(sent_at=began))[0] == Finding()
    desk.sandbox.advance(31)
    assert len(find(desk, item(sent_at=began))[0].marked) == 1
    # "Not found" proves nothing here, so the profile must not promise more than this.
    assert WRITE.probe.guarantee == "guarantee.at_most_once_or_incident"
    assert WRITE.probe.settle_seconds > 30


@pytest.mark.parametrize("retry_after", [None, 7.0])
def test_a_refused_call_has_not_landed_and_says_when_to_come_back(
    desk: Desk, retry_after: float | None
) -> None:
    rule = FaultRule("rate_limited", method="POST", path=CREATE, retry_after=retry_after)
    desk.sandbox.fault(rule)
    with pytest.raises(exc.RateLimited) as caught:
        desk.write("create", item())
    assert (caught.value.landed, caught.value.retry_after) == ("no", retry_after)
    assert desk.sandbox.count(CREATE, method="POST") == 1
    assert desk.sandbox.instances() == []


def test_a_token_that_has_just_expired_is_renewed_once(desk: Desk) -> None:
    desk.reading(desk.submit()[0])
    desk.sandbox.fault(FaultRule("expired_token", method="POST", path=CREATE))
    desk.sandbox.forget_requests()
    desk.write("create", item("PR-2"))
    assert desk.sandbox.count(CREATE, method="POST") == 2
    assert desk.sandbox.count("*oauth2*") == 1
    assert len(desk.sandbox.instances()) == 2


def test_a_batch_names_the_bad_one_and_writes_the_others(desk: Desk) -> None:
    bad = WriteItem(mark=MARK, document=requisition("PR-2", document_currency_code="USD"))
    results = desk.run(WRITE.run(desk.site, [item("PR-1"), bad, item("PR-3")]))
    assert [getattr(result, "ref", result).__class__.__name__ for result in results] == [
        "DocumentRef",
        "Rejected",
        "DocumentRef",
    ]
    # DingTalk itself refuses a currency that its select control does not offer.
    assert (results[1].document, results[1].code, results[1].landed) == ("PR-2", "formConverterError", "no")
    assert len(desk.sandbox.instances()) == 2


def test_what_somebody_typed_without_a_mark_is_a_suspect(desk: Desk) -> None:
    before = find(desk, item())
    began = sent()
    same_number, same_content, other = desk.submit(
        values(合计金额="100.50", 公司="9999"), values(单号="TYPED-7"), values(单号="X", 公司="9999")
    )
    first, again = find(desk, item(), item(sent_at=began))
    assert before == [Finding()]
    assert first == Finding()
    assert again.marked == ()
    found = {reading.ref.internal_id for reading in again.suspects}
    assert same_number.internal_id in found
    assert other.internal_id not in found
    # Without a supplier of the whole document, company and total are what there is to compare.
    assert same_content.internal_id in found


def test_another_write_of_ours_is_no_suspect(desk: Desk) -> None:
    began = sent()
    desk.write("create", item(mark="MOTHEROTHEROTHER"))
    assert find(desk, item(sent_at=began)) == [Finding()]


def test_a_copy_that_carries_the_mark_too_is_seen(desk: Desk) -> None:
    began = sent()
    desk.write("create", item())
    desk.submit(values(docflow=MARK))
    assert len(find(desk, item(sent_at=began))[0].marked) == 2


def test_a_modification_of_what_was_written_is_no_second(desk: Desk) -> None:
    began = sent()
    ref = desk.write("create", item()).ref
    desk.sandbox.decide(ref.internal_id, "agree")
    desk.sandbox.attach(ref.internal_id, "MODIFY", values=[{"name": "备注", "value": "x"}])
    (finding,) = find(desk, item(sent_at=began))
    assert [reading.ref.internal_id for reading in finding.marked] == [ref.internal_id]


def test_a_marked_approval_that_makes_no_document_any_more_is_refused(desk: Desk) -> None:
    began = sent()
    ref = desk.write("create", item()).ref
    broken = json.dumps([[{"name": "行号", "value": "1"}, {"name": "数量", "value": "viele"}]])
    desk.sandbox.decide(ref.internal_id, "return", values=[{"name": "明细", "value": broken}])
    with pytest.raises(exc.InvalidDocument, match="明细"):
        find(desk, item(sent_at=began))


def test_one_listing_serves_a_batch_and_asks_for_its_requesters_only(desk: Desk) -> None:
    desk.submit(*(values(单号=f"PR-{n}") for n in range(5)), originatorUserId="somebody.else")
    mine = [item(f"PR-{n}", mark=f"M{n:015}") for n in range(30)]
    desk.run_all([WRITE.run(desk.site, [one]) for one in mine])
    desk.sandbox.forget_requests()
    findings = find(desk, *mine)
    assert [finding.marked[0].ref.number for finding in findings] == [f"PR-{n}" for n in range(30)]
    assert desk.sandbox.count("*instanceIds*") == 2
    assert desk.sandbox.count(CREATE, method="GET") == 30


def test_a_form_without_a_control_for_the_mark_leaves_the_outcome_to_a_person(desk: Desk) -> None:
    desk.site = desk.connect(forms={TYPE: {"process_code": desk.code}})
    began = sent()
    desk.sandbox.fault(FaultRule("reply_lost", method="POST", path=CREATE))
    with pytest.raises(exc.UnknownOutcome):
        desk.write("create", item())
    (finding,) = find(desk, item(sent_at=began))
    assert finding.marked == ()
    assert [reading.ref.number for reading in finding.suspects] == ["PR-1"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"due_date": "2026-05-01"}, "due_date"),
        ({"seller_supplier_party": {"id": "SUP-1"}}, "seller_supplier_party"),
        ({"payee_account": {"account_number": "622202", "bank": "ICBC"}}, "payee_account"),
        ({"attachments": [{"name": "a.pdf", "size": 3}]}, "attachments"),
    ],
)
def test_nobody_is_asked_to_approve_less_than_the_document_says(
    desk: Desk, change: dict[str, Any], field: str
) -> None:
    with pytest.raises(exc.InvalidDocument, match="no control that holds it") as caught:
        desk.write("create", WriteItem(mark=MARK, document=requisition(**change)))
    assert caught.value.field.startswith(field)
    assert caught.value.document == "PR-1"
    assert desk.sandbox.count(CREATE, method="POST") == 0


def test_what_the_connection_allows_may_be_left_out(desk: Desk) -> None:
    desk.site = desk.connect(forms={TYPE: {"process_code": desk.code, "omit": ["due_date"]}})
    desk.write("create", WriteItem(mark=MARK, document=requisition(due_date="2026-05-01")))
    assert len(desk.sandbox.instances()) == 1


def test_a_constant_of_the_form_is_held_against_the_document(desk: Desk) -> None:
    components = [item for item in COMPONENTS if item["props"]["label"] != "币种"]  # type: ignore[index]
    code = desk.sandbox.template("人民币采购", components, approvers=[{"userIds": ["boss"]}])
    fields = {
        "单号": "id",
        "公司": "company_code",
        "申请日期": "issue_date",
        "明细": {
            "path": "lines",
            "fields": {
                "行号": "line_id",
                "物料": "item_id",
                "名称": "description",
                "数量": "quantity",
                "单位": "unit_code",
                "单价": "price_amount",
                "供应商": "seller_supplier_party.id",
                "成本中心": "accounting.0.cost_centre",
            },
        },
        "合计金额": "payable_amount",
    }
    constants = {"document_currency_code": "CNY"}
    form = {"process_code": code, "fields": fields, "constants": constants}
    desk.site = desk.connect(forms={TYPE: form})
    ref = desk.write("create", item()).ref
    assert desk.reading(ref).document == requisition()
    with pytest.raises(exc.InvalidDocument) as caught:
        desk.write("create", WriteItem(mark=MARK, document=requisition(document_currency_code="EUR")))
    assert caught.value.field == "document_currency_code"


@pytest.mark.parametrize(
    ("choices", "refusal"),
    [
        ({"manual_1": ["li.na"]}, ""),
        ({"manual_1": ["li.na", "wang.wei"]}, ""),
        ({}, "targetSelectApproverMissing"),
        ({"manual_2": ["li.na"]}, "targetSelectApproverMissing"),
        ({"manual_1": ["stranger"]}, "targetSelectApproverScopeError"),
    ],
)
def test_the_requester_chooses_where_the_form_says_so(
    desk: Desk, choices: dict[str, list[str]], refusal: str
) -> None:
    node = {"actionerKey": "manual_1", "range": ["li.na", "wang.wei"]}
    form = desk.sandbox.template("自选审批人", COMPONENTS, approvers=[node])
    desk.site = desk.connect(forms={TYPE: {"process_code": form, "mark_control": "docflow"}})
    if refusal:
        with pytest.raises(exc.Rejected) as caught:
            desk.write("create", item(arguments={"choices": choices}))
        assert (caught.value.code, "choices" in caught.value.remedy) == (refusal, True)
        assert desk.sandbox.instances() == []
        return
    ref = desk.write("create", item(arguments={"choices": choices})).ref
    (kept,) = desk.sandbox.instance(ref.internal_id)["nodes"]
    assert kept["userIds"] == choices["manual_1"]
    for user in choices["manual_1"]:
        desk.act("approve", ref, f"M{user:<15}", user=user)
    assert str(desk.reading(ref).state.approval) == "approved"


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"approvers": [{"users": []}]}, "approvers"),
        ({"approvers": ["boss"]}, "approvers"),
        ({"approvers": [{"users": ["a", "b"], "rule": "most"}]}, "approvers"),
        ({"approvers": [{"users": ["a"]}] * 21}, "approvers"),
        ({"copy_to": ["a"], "copy_at": "NEVER"}, "approvers"),
    ],
)
def test_a_request_that_dingtalk_could_not_carry_out_is_not_sent(
    desk: Desk, arguments: dict[str, Any], field: str
) -> None:
    with pytest.raises(exc.Misconfigured) as caught:
        desk.write("create", item(arguments=arguments))
    assert caught.value.field == field
    assert desk.sandbox.count(CREATE, method="POST") == 0


def test_somebody_must_be_named_as_its_requester(desk: Desk) -> None:
    nobody = WriteItem(mark=MARK, document=requisition(requester=None))
    with pytest.raises(exc.Misconfigured) as caught:
        desk.write("create", nobody)
    assert caught.value.field == "originator_user_id"
    desk.site = desk.connect(originator_user_id="robot")
    ref = desk.write("create", nobody).ref
    assert desk.sandbox.instance(ref.internal_id)["originatorUserId"] == "robot"


def test_a_value_longer_than_a_control_is_refused_by_its_name(desk: Desk) -> None:
    with pytest.raises(exc.InvalidDocument, match=r"备注.*65535"):
        desk.write("create", WriteItem(mark=MARK, document=requisition(notes=["x" * 65_536])))
    assert desk.sandbox.count(CREATE, method="POST") == 0
