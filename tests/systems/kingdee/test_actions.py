"""Actions: what goes out, whose fate is whose, and what only shows when it is read."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Any

import pytest

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.profile import WriteItem, Written
from airflow_provider_docflow.document import DocumentRef
from airflow_provider_docflow.sandbox.faults import FaultRule
from airflow_provider_docflow.systems.kingdee import download, upload
from tests.systems.kingdee.conftest import FORM, MODEL, ORDER, Kingdee, item


def _items(*refs: DocumentRef, **arguments: Any) -> list[WriteItem]:
    return [replace(item(None), ref=ref, arguments=arguments) for ref in refs]


def test_many_are_submitted_in_one_call_by_a_comma_string(kingdee: Kingdee) -> None:
    site = kingdee.site()
    first, second, third = (kingdee.enter(MODEL) for _ in range(3))
    kingdee.press(second, "submit")
    entries = kingdee.run(site, site.profile.write(ORDER, "submit").run(site, _items(first, second, third)))

    assert [type(one).__name__ for one in entries] == ["Written", "Rejected", "Written"]
    assert entries[1].code == "12" and entries[1].document == second.number
    (body,) = kingdee.bodies("Submit")
    assert body["data"]["Ids"] == f"{first.internal_id},{second.internal_id},{third.internal_id}"
    assert [kingdee.bill(ref)["status"] for ref in (first, second, third)] == ["B", "B", "B"]


def test_ids_as_a_list_are_refused_by_the_server(kingdee: Kingdee) -> None:
    """The stand-in refuses what some versions take for no id at all, so that the test above can fail."""
    import httpx2

    from airflow_provider_docflow.systems.kingdee.wire import path_of, sign

    site = kingdee.site()
    body = {"formid": FORM, "data": {"Ids": [1, 2]}}
    signed = sign(site.request("POST", path_of("Submit"), json=body), None, site)
    with httpx2.Client(verify=False, trust_env=False) as client:
        answer = client.send(signed).json()
    assert answer["Result"]["ResponseStatus"]["MsgCode"] == 8


def test_an_audit_does_not_go_past_a_workflow_unless_that_is_written_out(kingdee: Kingdee) -> None:
    kingdee.set(approvers={FORM: ["boss"]})
    site = kingdee.site()
    ref = kingdee.enter(MODEL, status="B")
    refused = kingdee.act(site, ref, "audit")
    done = kingdee.act(site, ref, "audit", past_workflow=True)

    assert isinstance(refused, exc.Rejected) and isinstance(done, Written)
    assert kingdee.bill(ref)["status"] == "C"
    flags = [body["data"]["IsVerifyProcInst"] for body in kingdee.bodies("Audit")]
    assert flags == [True, False]


def test_what_was_submitted_is_taken_back(kingdee: Kingdee) -> None:
    site = kingdee.site()
    ref = kingdee.enter(MODEL, status="B")
    write = site.profile.write(ORDER, "withdraw")
    assert write.landed is not None and not write.landed(kingdee.read(site, ref), item(None))
    assert isinstance(kingdee.act(site, ref, "withdraw"), Written)
    assert write.landed(kingdee.read(site, ref), item(None))
    assert kingdee.bodies("CancelAssign")[0]["data"]["IgnoreInterationFlag"] is False


def test_stages_never_audit_unless_told(kingdee: Kingdee) -> None:
    kind = kingdee.site().profile.of(ORDER)
    assert kind.stages == {"saved": (), "submitted": ("submit",), "approved": ("submit", "audit")}


def test_a_success_that_changed_nothing_is_seen(kingdee: Kingdee) -> None:
    kingdee.set(silent=["Audit"])
    site = kingdee.site()
    ref = kingdee.enter(MODEL, status="B")
    done = kingdee.act(site, ref, "audit")
    landed = site.profile.write(ORDER, "audit").landed

    assert isinstance(done, Written) and landed is not None
    assert not landed(kingdee.read(site, ref), item(None))


def test_an_unaudit_revokes_the_approval(kingdee: Kingdee) -> None:
    site = kingdee.site()
    ref = kingdee.enter(MODEL, status="C")
    before = kingdee.read(site, ref)
    assert isinstance(kingdee.act(site, ref, "unaudit"), Written)
    after = kingdee.read(site, ref)

    assert (str(before.state.approval), str(after.state.approval)) == ("approved", "revoked")
    assert after.state.is_approved is False


def test_a_document_that_somebody_edits_is_a_conflict_of_its_own(kingdee: Kingdee) -> None:
    site = kingdee.site()
    free, edited = kingdee.enter(MODEL), kingdee.enter(MODEL)
    kingdee.set(edited=[int(edited.internal_id)])
    entries = kingdee.run(site, site.profile.write(ORDER, "submit").run(site, _items(free, edited)))

    assert isinstance(entries[0], Written) and isinstance(entries[1], exc.Conflict)
    assert entries[1].code == "13" and entries[1].retry_after and entries[1].landed == "no"


@pytest.mark.parametrize(("method", "works"), [("ExcuteOperation", True), ("ExecuteOperation", False)])
def test_the_spelling_of_operations_is_a_setting(kingdee: Kingdee, method: str, works: bool) -> None:
    site = kingdee.site(operation_method=method)
    outcome = kingdee.act(site, kingdee.enter(MODEL, status="C"), "close")
    assert isinstance(outcome, Written) if works else isinstance(outcome, exc.UnknownOutcome)
    assert kingdee.bodies(method)[0]["opNumber"] == "BillClose"


def test_sales_orders_have_operations_of_their_own_and_payables_none(kingdee: Kingdee) -> None:
    profile = kingdee.site().profile
    assert {"cancel", "close", "reopen"} <= set(profile.of("sales_order").actions)
    assert "close" not in profile.of("supplier_invoice").actions
    assert "push" in profile.of(ORDER).actions and "push" not in profile.of("sales_order").actions
    assert not {"attach", "terminate"} & set(profile.of(ORDER).actions)
    bare = kingdee.site(forms={ORDER: {"joined_field": ""}}).profile
    assert "push" not in bare.of(ORDER).actions


def test_a_deleted_document_is_gone_and_a_submitted_one_is_not_deleted(kingdee: Kingdee) -> None:
    site = kingdee.site()
    draft, submitted = kingdee.enter(MODEL), kingdee.enter(MODEL, status="B")
    write = site.profile.write(ORDER, "delete")
    entries = kingdee.run(site, write.run(site, _items(draft, submitted)))
    found = kingdee.run(site, site.profile.of(ORDER).read(site, [draft, submitted]))

    assert write.removes and write.landed is not None and not write.landed(found[1], item(None))
    assert isinstance(entries[0], Written) and isinstance(entries[1], exc.Rejected)
    assert isinstance(found[0], exc.NotFound) and not isinstance(found[1], Exception)
    assert kingdee.bodies("Delete")[0]["data"]["Ids"] == f"{draft.internal_id},{submitted.internal_id}"


def test_who_decides_must_be_named_and_must_have_the_task(kingdee: Kingdee) -> None:
    kingdee.set(approvers={FORM: ["boss"]})
    site = kingdee.site()
    ref = kingdee.enter(MODEL, status="B")
    nobody, other = kingdee.act(site, ref, "approve"), kingdee.act(site, ref, "approve", user="clerk")

    assert isinstance(nobody, exc.Misconfigured) and nobody.field == "user"
    assert isinstance(other, exc.Rejected) and kingdee.bill(ref)["status"] == "B"
    assert kingdee.sandbox.count("*.WorkflowAudit.*") == 1


def test_a_decision_of_one_of_two_is_seen_by_its_mark(kingdee: Kingdee) -> None:
    kingdee.set(approvers={FORM: ["boss", "chief"]})
    site = kingdee.site()
    ref = kingdee.enter(MODEL, status="B")
    (made,) = _items(ref, user="boss", comment="同意")
    approve = site.profile.write(ORDER, "approve")
    kingdee.run(site, approve.run(site, [made]))
    reading = kingdee.read(site, ref)

    assert approve.landed is not None and approve.landed(reading, made)
    assert not approve.landed(reading, item(None))
    assert str(reading.state.approval) == "pending"
    (body,) = kingdee.bodies("WorkflowAudit")
    assert (body["data"]["ApprovalType"], body["data"]["FormId"]) == (1, FORM)


def _pushing(kingdee: Kingdee) -> Any:
    return kingdee.site(forms={ORDER: {"joined_field": "FBaseJoinQty"}})


def test_a_push_tells_what_it_made(kingdee: Kingdee) -> None:
    site = _pushing(kingdee)
    ref = kingdee.enter(MODEL, status="C")
    entry = kingdee.act(site, ref, "push", rule_id="PUR_PurchaseOrder-STK_InStock")

    (made,) = kingdee.bills("STK_InStock")[-1:]
    assert entry.detail == {"pushed": [{"id": str(made["fid"]), "number": made["number"]}]}
    write = site.profile.write(ORDER, "push")
    assert write.landed is not None and write.landed(kingdee.read(site, ref), item(None))
    assert write.probe.guarantee == "guarantee.at_most_once_or_incident"


@pytest.mark.parametrize(
    ("arguments", "status", "kind"),
    [
        ({"rule_id": "PUR_PurchaseOrder-STK_InStock"}, "A", exc.Rejected),
        ({"rule_id": "PUR_PurchaseOrder-NOWHERE"}, "C", exc.NotFound),
        ({}, "C", exc.Misconfigured),
    ],
)
def test_a_conversion_that_failed_made_nothing(
    kingdee: Kingdee, arguments: dict[str, Any], status: str, kind: type[exc.DocflowError]
) -> None:
    """The status of the save says success there; only that of the conversion tells."""
    ref = kingdee.enter(MODEL, status=status)
    before = len(kingdee.bills("STK_InStock"))
    outcome = kingdee.act(_pushing(kingdee), ref, "push", **arguments)

    assert type(outcome) is kind, outcome
    assert len(kingdee.bills("STK_InStock")) == before


def test_a_conversion_whose_result_was_not_saved_is_a_refusal(kingdee: Kingdee) -> None:
    ref = kingdee.enter(MODEL, status="C")
    kingdee.set(disabled=["P-101"])
    outcome = kingdee.act(_pushing(kingdee), ref, "push", rule_id="PUR_PurchaseOrder-STK_InStock")
    assert isinstance(outcome, exc.Rejected) and "P-101" in outcome.message


def test_a_conversion_may_have_a_status_for_every_row(kingdee: Kingdee) -> None:
    ref = kingdee.enter(MODEL, status="C")
    rows = [{"IsSuccess": True}, {"IsSuccess": False, "Errors": [{"Message": "关联数量已满", "DIndex": 1}]}]
    status = {"IsSuccess": True, "Errors": [], "SuccessEntitys": [{"Id": 1, "Number": "X", "DIndex": 0}]}
    reply = {"Result": {"ResponseStatus": status, "ConvertResponseStatus": rows}}
    kingdee.sandbox.fault(FaultRule("error_in_200", path="*.Push.*", reply=reply))
    outcome = kingdee.act(_pushing(kingdee), ref, "push", rule_id="PUR_PurchaseOrder-STK_InStock")
    assert isinstance(outcome, exc.Rejected) and "关联数量已满" in outcome.message


def test_a_default_rule_is_asked_for_by_the_target(kingdee: Kingdee) -> None:
    ref = kingdee.enter(MODEL, status="C")
    outcome = kingdee.act(_pushing(kingdee), ref, "push", target_form_id="STK_InStock")
    data = kingdee.bodies("Push")[0]["data"]
    assert isinstance(outcome, Written)
    assert (data["IsEnableDefaultRule"], data["TargetFormId"]) == (True, "STK_InStock")


@pytest.mark.parametrize("size", [0, 1, 9, 10, 11])
def test_files_go_and_come_in_pieces(kingdee: Kingdee, size: int) -> None:
    kingdee.set(piece=4)
    site = kingdee.site(attachment_chunk_bytes=5, attachment_form="BOS_Attachment")
    ref = kingdee.enter(MODEL)
    content = bytes(range(size))
    file_id = kingdee.run(site, upload(site, ref, "报价 1.pdf", content))
    name, back = kingdee.run(site, download(site, file_id))

    assert (name, back) == ("报价 1.pdf", content)
    assert kingdee.sandbox.count("*.AttachmentUpload.*") == max(1, -(-size // 5))
    lasts = [body["data"]["IsLast"] for body in kingdee.bodies("AttachmentUpload")]
    assert lasts == [False] * (len(lasts) - 1) + [True]
    document = kingdee.read(site, ref).document
    assert document is not None and [one.name for one in document.attachments] == ["报价 1.pdf"]


def test_a_file_whose_last_piece_was_lost_is_unknown_and_not_shown(kingdee: Kingdee) -> None:
    site = kingdee.site(attachment_chunk_bytes=5, attachment_form="BOS_Attachment")
    ref = kingdee.enter(MODEL)
    kingdee.sandbox.fault(FaultRule("error_before", path="*.AttachmentUpload.*", nth=2))
    content = base64.b64encode(bytes(9)).decode()
    outcome = kingdee.act(site, ref, "attach", name="a.pdf", content=content)
    landed = site.profile.write(ORDER, "attach").landed

    assert isinstance(outcome, exc.UnknownOutcome) and landed is not None
    made = replace(item(None), arguments={"name": "a.pdf"})
    assert not landed(kingdee.read(site, ref), made)
    assert isinstance(kingdee.act(site, ref, "attach", name="a.pdf", content="?"), exc.Misconfigured)


def test_whoever_an_answer_does_not_name_was_passed_over(kingdee: Kingdee) -> None:
    """Some answers say success and name fewer documents than were asked for."""
    site = kingdee.site()
    named, other = kingdee.enter(MODEL), kingdee.enter(MODEL)
    done = [{"Id": int(named.internal_id), "Number": named.number, "DIndex": 0}]
    status = {"IsSuccess": True, "Errors": [], "SuccessEntitys": done, "MsgCode": 0}
    reply = {"Result": {"ResponseStatus": status}}
    kingdee.sandbox.fault(FaultRule("error_in_200", path="*.Submit.*", reply=reply))
    entries = kingdee.run(site, site.profile.write(ORDER, "submit").run(site, _items(named, other)))

    assert isinstance(entries[0], Written)
    assert isinstance(entries[1], exc.UnknownOutcome) and entries[1].document == other.number


def test_a_file_without_an_id_is_not_gone_on_with(kingdee: Kingdee) -> None:
    site = kingdee.site(attachment_chunk_bytes=1)
    ref = kingdee.enter(MODEL)
    good = {"Result": {"ResponseStatus": {"IsSuccess": True, "Errors": []}, "FileId": ""}}
    kingdee.sandbox.fault(FaultRule("error_in_200", path="*.AttachmentUpload.*", reply=good))
    with pytest.raises(exc.UnknownOutcome, match="no id"):
        kingdee.run(site, upload(site, ref, "a.pdf", b"ab"))
    assert kingdee.sandbox.count("*.AttachmentUpload.*") == 1


@pytest.mark.parametrize(
    "part",
    [
        {"FilePart": "YQ==", "StartIndex": 0, "IsLast": False},
        {"FilePart": "YQ==", "StartIndex": 9, "IsLast": True, "FileSize": 7},
        {"FilePart": "?", "StartIndex": 9, "IsLast": True},
    ],
)
def test_pieces_that_make_no_file_are_refused(kingdee: Kingdee, part: dict[str, Any]) -> None:
    reply = {"Result": {"ResponseStatus": {"IsSuccess": True, "Errors": []}, **part}}
    kingdee.sandbox.fault(FaultRule("error_in_200", path="*.AttachmentDownLoad.*", reply=reply, times=None))
    site = kingdee.site()
    with pytest.raises((exc.TransientError, exc.Rejected)):
        kingdee.run(site, download(site, "f"))


def test_files_of_missing_documents_and_missing_files(kingdee: Kingdee) -> None:
    site = kingdee.site()
    gone = DocumentRef(site.instance, "100", ORDER, "1")
    with pytest.raises(exc.NotFound):
        kingdee.run(site, upload(site, gone, "a.pdf", b"x"))
    with pytest.raises(exc.NotFound):
        kingdee.run(site, download(site, "nothing"))
