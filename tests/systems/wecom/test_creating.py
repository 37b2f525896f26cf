"""Submitting once: what is sent, what is found again, what is left to a person."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.profile import Finding, WriteItem
from airflow_provider_docflow.sandbox.faults import FaultRule
from airflow_provider_docflow.systems.wecom.creating import summary
from tests.systems.oa import requisition
from tests.systems.wecom.conftest import MARK, TYPE, Desk


def find(desk: Desk, *items: WriteItem) -> list[Finding]:
    probe = desk.site.profile.write(TYPE, "create").find
    assert probe is not None
    return list(desk.run(probe(desk.site, items)))


def sent(desk: Desk, item: WriteItem) -> WriteItem:
    return replace(item, sent_at=datetime.fromtimestamp(desk.sandbox.now() / 1000, UTC))


def test_the_promise_is_at_most_once(desk: Desk) -> None:
    probe = desk.site.profile.write(TYPE, "create").probe
    assert probe.quality == "best_effort" and probe.guarantee == "guarantee.at_most_once_or_incident"


def test_the_same_twice_makes_two_there_and_that_is_why(desk: Desk) -> None:
    first, second = desk.create().ref, desk.create().ref
    assert first.internal_id != second.internal_id
    item = WriteItem(mark=MARK, document=requisition())
    assert len(find(desk, item)[0].marked) >= 2, "more than one found is an incident, never a choice"


def test_in_whose_name(desk: Desk) -> None:
    assert desk.kept(desk.create().ref)["applyer"]["userid"] == "zhang.san"
    assert desk.kept(desk.create(originator="li.si", department=7).ref)["applyer"] == {
        "userid": "li.si",
        "partyid": "7",
    }
    anonymous = requisition().model_copy(update={"requester": None})
    with pytest.raises(exc.Misconfigured) as caught:
        desk.create(anonymous)
    assert caught.value.field == "creator_user_id"
    desk.site = desk.connect(creator_user_id="docflow")
    assert desk.kept(desk.create(anonymous).ref)["applyer"]["userid"] == "docflow"


def test_a_person_whom_wecom_does_not_know(desk: Desk) -> None:
    desk.sandbox.call("POST", "wecom/users", {"users": ["boss"]})
    with pytest.raises(exc.Rejected) as caught:
        desk.create()
    assert (caught.value.code, caught.value.document) == ("60111", "PR-1") and caught.value.remedy


def test_a_summary_never_cuts_an_amount() -> None:
    long = requisition("PR-2026-000000000000001", seller_supplier_party={"id": "S", "name": "五金" * 15})
    texts = [line["summary_info"][0]["text"] for line in summary(long)]
    assert texts == ["PR-2026-00000000000…", "五金" * 9 + "五…", "100.50 CNY"]
    assert all(len(text) <= 20 for text in texts)
    price = "12345678901234567.89"
    lines = [{"line_id": "1", "quantity": "1", "price_amount": price}]
    assert [line["summary_info"][0]["text"] for line in summary(requisition(lines=lines))] == ["PR-1"]
    assert summary(requisition(), ["一", "二"])[1]["summary_info"] == [{"text": "二", "lang": "zh_CN"}]
    for wrong in (["a"] * 4, ["长" * 21], [""]):
        with pytest.raises(exc.Misconfigured):
            summary(requisition(), wrong)


def test_a_lost_reply_is_found_by_its_mark_and_by_nothing_else(desk: Desk) -> None:
    desk.sandbox.fault(FaultRule("reply_lost", path="*/applyevent"))
    item = sent(desk, WriteItem(mark="MARK-LOST-000001", document=requisition("PR-LOST")))
    with pytest.raises(exc.UnknownOutcome):
        desk.create(item.document, mark=item.mark)
    (finding,) = find(desk, item)
    assert [one.ref.number for one in finding.marked] == ["PR-LOST"] and finding.suspects == ()
    (other,) = find(desk, replace(item, mark="MARK-OTHER-00001", document=requisition("PR-OTHER")))
    assert other == Finding()


def test_what_looks_the_same_without_a_mark_is_a_suspect(desk: Desk) -> None:
    item = sent(desk, WriteItem(mark="MARK-SUSPECT-001", document=requisition("PR-S")))
    same_number = desk.submit({"单号": {"text": "PR-S"}})
    same_content = desk.submit({"单号": {"text": "PR-T"}})
    desk.submit({"单号": {"text": "PR-U"}, "公司": {"text": "2000"}})
    (finding,) = find(desk, item)
    assert finding.marked == ()
    assert {one.ref.internal_id for one in finding.suspects} >= {
        same_number.internal_id,
        same_content.internal_id,
    }
    assert "PR-U" not in {one.ref.number for one in finding.suspects}
    assert find(desk, replace(item, sent_at=None)) == [Finding()]


def test_what_was_submitted_before_is_no_suspect(desk: Desk) -> None:
    before = int(datetime.now(UTC).timestamp()) - 3_600
    old = desk.submit({"单号": {"text": "PR-OLD"}}, apply_time=before)
    item = sent(desk, WriteItem(mark="MARK-LATER-00001", document=requisition("PR-OLD")))
    assert old.internal_id not in {one.ref.internal_id for one in find(desk, item)[0].suspects}


def test_a_mark_in_a_form_that_makes_no_document_is_a_problem(desk: Desk) -> None:
    desk.submit({"单号": {"text": ""}, "docflow": {"text": "MARK-BROKEN-0001"}})
    with pytest.raises(exc.InvalidDocument):
        find(desk, WriteItem(mark="MARK-BROKEN-0001", document=requisition()))


def test_many_requesters_are_listed_at_once(desk: Desk) -> None:
    items = [
        WriteItem(mark=f"MARK-MANY-{n:06d}", document=requisition(f"PR-M{n}", requester={"id": f"user.{n}"}))
        for n in range(12)
    ]
    desk.create(items[11].document, mark=items[11].mark)
    desk.sandbox.forget_requests()
    found = find(desk, *items)
    assert [len(one.marked) for one in found] == [0] * 11 + [1]
    assert desk.sandbox.count("*/getapprovalinfo") == 1
    find(desk, *items[:3])
    assert desk.sandbox.count("*/getapprovalinfo") == 4


def test_a_probe_looks_back_as_far_as_it_was_told(desk: Desk) -> None:
    submitted = int((datetime.now(UTC) - timedelta(hours=30)).timestamp())
    desk.submit({"docflow": {"text": "MARK-30H-0000001"}}, apply_time=submitted)
    item = WriteItem(mark="MARK-30H-0000001", document=requisition())
    assert find(desk, item) == [Finding()]
    desk.site = desk.connect(probe_hours=48)
    assert len(find(desk, item)[0].marked) == 1


def test_an_internal_failure_of_submitting_may_have_landed(desk: Desk) -> None:
    for code, kind in ((301057, exc.UnknownOutcome), (-1, exc.UnknownOutcome), (6000, exc.Conflict)):
        reply = {"errcode": code, "errmsg": "inner error"}
        desk.sandbox.fault(FaultRule("error_in_200", path="*/applyevent", reply=reply))
        with pytest.raises(kind) as caught:
            desk.create()
        assert caught.value.code == str(code) and caught.value.document == "PR-1"
