from __future__ import annotations

import base64
import hashlib
from typing import Any

import pytest

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.profile import WriteItem
from airflow_provider_docflow.document import Attachment
from airflow_provider_docflow.sandbox.faults import FaultRule
from airflow_provider_docflow.systems.dingtalk.components import file_entries
from airflow_provider_docflow.systems.dingtalk.defaults import DEFAULT_FIELDS
from airflow_provider_docflow.systems.dingtalk.files import download, upload
from tests.systems.dingtalk.conftest import COMPONENTS, FLOW, MARK, TYPE, Desk, values
from tests.systems.oa import requisition

pytestmark = pytest.mark.parametrize("desk", ["async"], indirect=True)
CONTENT = b"%PDF-1.7 \x00\xff contract"
FILE = {"name": "合同.pdf", "content": base64.b64encode(CONTENT).decode()}
COMMIT, PUT = "*/files/commit", "/dingtalk-files/upload/*"


def comments(desk: Desk, ref: Any) -> list[dict[str, Any]]:
    records = desk.sandbox.instance(ref.internal_id)["records"]
    return [record for record in records if record["type"] == "ADD_REMARK"]


def with_files(desk: Desk) -> None:
    """Let the form have a control for attachments."""
    components = [*COMPONENTS, {"componentType": "DDAttachment", "props": {"label": "附件"}}]
    desk.code = desk.sandbox.template("采购申请 (附件)", components, approvers=FLOW)
    fields = {**DEFAULT_FIELDS[TYPE], "附件": "attachments"}
    form = {"process_code": desk.code, "mark_control": "docflow", "fields": fields}
    desk.site = desk.connect(forms={TYPE: form})


def test_a_file_travels_with_the_document_and_comes_back(desk: Desk) -> None:
    with_files(desk)
    found = desk.run(upload(desk.site, "zhang.san", "合同.pdf", CONTENT))
    assert (found.name, found.size) == ("合同.pdf", len(CONTENT))
    assert found.sha256 == hashlib.sha256(CONTENT).hexdigest()
    kept = found.model_dump(exclude={"sha256"})
    document = requisition(attachments=[kept])
    ref = desk.write("create", WriteItem(mark=MARK, document=document)).ref
    (shown,) = desk.reading(ref).document.attachments  # type: ignore[union-attr]
    assert (shown.name, shown.size, shown.uri) == (found.name, found.size, found.uri)
    assert desk.run(download(desk.site, ref.internal_id, shown.uri)) == CONTENT


def test_the_storage_gets_its_own_signature_and_no_token(desk: Desk) -> None:
    desk.run(upload(desk.site, "zhang.san", "a.pdf", CONTENT))
    (put,) = desk.sandbox.requests(PUT)
    assert put["method"] == "PUT"
    assert "x-acs-dingtalk-access-token" not in {name.lower() for name in put.get("headers", {})}
    assert desk.sandbox.count("*uploadInfos*") == desk.sandbox.count(COMMIT) == 1


def test_a_file_is_attached_by_a_comment_once(desk: Desk) -> None:
    (ref,) = desk.submit(values())
    written = desk.act("attach", ref, file=FILE, text="见附件")
    (comment,) = comments(desk, ref)
    assert comment["remark"] == f"见附件 [{MARK}]"
    (attached,) = comment["attachments"]
    assert (attached["fileName"], attached["fileSize"]) == ("合同.pdf", str(len(CONTENT)))
    assert desk.has_landed("attach", ref, file=FILE)
    uri = written.detail["uri"]
    assert desk.run(download(desk.site, ref.internal_id, uri, of_comments=True)) == CONTENT
    with pytest.raises(exc.NotFound, match="no file") as caught:
        desk.run(download(desk.site, ref.internal_id, uri))
    assert caught.value.field == "uri"


def test_what_is_in_the_space_already_is_not_uploaded_again(desk: Desk) -> None:
    (ref,) = desk.submit(values())
    found = desk.run(upload(desk.site, "zhang.san", "a.pdf", CONTENT))
    desk.act("attach", ref, file={"name": found.name, "uri": found.uri, "size": found.size})
    assert desk.sandbox.count(PUT) == 1
    assert comments(desk, ref)[0]["attachments"][0]["fileId"] in found.uri


@pytest.mark.parametrize(
    ("fault", "path", "landed", "kind"),
    [
        ("reply_lost", "*/comments", True, exc.UnknownOutcome),
        ("error_before", "*/comments", False, exc.UnknownOutcome),
        ("reply_lost", COMMIT, False, exc.UnknownOutcome),
        ("cut", PUT, False, exc.TransientError),
        ("error_before", PUT, False, exc.TransientError),
    ],
)
def test_an_attachment_that_was_cut_off_is_seen_by_its_comment(
    desk: Desk, fault: str, path: str, landed: bool, kind: Any
) -> None:
    (ref,) = desk.submit(values())
    desk.sandbox.fault(FaultRule(fault, path=path))  # type: ignore[arg-type]
    with pytest.raises(kind):
        desk.act("attach", ref, file=FILE)
    assert desk.has_landed("attach", ref, file=FILE) == landed
    if not landed:
        desk.act("attach", ref, file=FILE)
    assert len(comments(desk, ref)) == 1


@pytest.mark.parametrize("file", [{}, {"name": "a.pdf"}, {"name": "a", "content": "?"}, {"content": "QQ=="}])
def test_a_file_that_is_none_is_refused_before_anything_is_sent(desk: Desk, file: dict[str, Any]) -> None:
    (ref,) = desk.submit(values())
    with pytest.raises(exc.Misconfigured) as caught:
        desk.act("attach", ref, file=file)
    assert caught.value.field == "file"
    assert desk.sandbox.count("*storage*") == desk.sandbox.count("*/comments") == 0


def test_an_empty_file_and_one_of_elsewhere_are_refused(desk: Desk) -> None:
    with pytest.raises(exc.InvalidDocument, match="0 bytes"):
        desk.run(upload(desk.site, "zhang.san", "a.pdf", b""))
    with pytest.raises(exc.Misconfigured, match="no file of DingTalk"):
        desk.run(download(desk.site, "inst", "https://elsewhere/a.pdf"))
    with pytest.raises(ValueError, match="not in DingTalk"):
        file_entries([Attachment(name="a.pdf", uri="https://elsewhere/a.pdf")])
