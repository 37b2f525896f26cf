"""The vendor's published client (kingdee.cdp.webapi.sdk, MIT) against the stand-in, over plain HTTP."""

from __future__ import annotations

import base64
import json
import os
from typing import Any

import pytest

from airflow_provider_docflow.sandbox import Sandbox
from airflow_provider_docflow.sandbox.kingdee.identity import ACCOUNT, APP_ID, APP_SECRET, USER

try:
    from k3cloud_webapi_sdk.main import K3CloudApiSdk
except ImportError:
    if os.environ.get("CI"):
        raise
    pytest.skip("kingdee.cdp.webapi.sdk is not installed", allow_module_level=True)

FORM = "PUR_PurchaseOrder"
ENTRY = {"FMaterialId": {"FNumber": "M1"}, "FUnitId": {"FNumber": "Pcs"}, "FQty": 2, "FPrice": 50.25}


def model(number: str = "", **more: Any) -> dict[str, Any]:
    given: dict[str, Any] = {
        "FID": 0,
        "FDate": "2026-04-10",
        "FSupplierId": {"FNumber": "S001"},
        "FPurchaseOrgId": {"FNumber": "100"},
        "FPOOrderEntry": [{**ENTRY, "FEntryTaxRate": 13}],
    }
    return {**given, **({"FBillNo": number} if number else {}), **more}


class Vendor:
    """The client, its replies parsed."""

    def __init__(self, sandbox: Sandbox, secret: str = APP_SECRET) -> None:
        address = f"{sandbox.base_url}/k3cloud/"
        self.client = K3CloudApiSdk(address)
        self.client.InitConfig(ACCOUNT, USER, APP_ID, secret, address)

    def call(self, name: str, *given: Any) -> Any:
        return json.loads(getattr(self.client, name)(*given))

    def status(self, name: str, *given: Any) -> dict[str, Any]:
        found: dict[str, Any] = self.call(name, *given)["Result"]["ResponseStatus"]
        return found

    def query(self, keys: str, where: str, form: str = FORM) -> Any:
        data = {"FormId": form, "FieldKeys": keys, "FilterString": where, "OrderString": "FID ASC"}
        return self.call("ExecuteBillQuery", data)


@pytest.fixture
def vendor(sandbox: Sandbox) -> Vendor:
    return Vendor(sandbox)


def test_save_number_view_and_duplicate(vendor: Vendor) -> None:
    saved = vendor.call("Save", FORM, {"Model": model("PO-1")})["Result"]
    again = vendor.status("Save", FORM, {"Model": model("PO-1")})
    shown = vendor.call("View", FORM, {"Number": "PO-1"})["Result"]["Result"]

    assert saved["Number"] == "PO-1" and saved["ResponseStatus"]["IsSuccess"]
    assert not again["IsSuccess"] and again["MsgCode"] == 11 and again["Errors"][0]["FieldName"] == "FBillNo"
    assert shown["Id"] == saved["Id"] and shown["DocumentStatus"] == "A"
    assert not vendor.status("View", FORM, {"Number": "PO-0"})["IsSuccess"]


def test_the_life_of_a_document(vendor: Vendor) -> None:
    record = str(vendor.call("Save", FORM, {"Model": model()})["Result"]["Id"])
    steps = {
        "Submit": "B",
        "CancelAssign": "D",
        "Audit": "D",
        "UnAudit": "D",
    }
    seen = {}
    for name in steps:
        vendor.status(name, FORM, {"Ids": record})
        seen[name] = vendor.query("FDocumentStatus", f"FID={record}")[0][0]
    assert seen == steps
    for name in ("Submit", "Audit"):
        assert vendor.status(name, FORM, {"Ids": record})["IsSuccess"]
    assert vendor.status("ExcuteOperation", FORM, "BillClose", {"Ids": record})["IsSuccess"]
    assert vendor.query("FDocumentStatus,FCloseStatus", f"FID={record}") == [["C", "B"]]
    assert not vendor.status("Delete", FORM, {"Ids": record})["IsSuccess"]
    draft = str(vendor.call("Draft", FORM, {"Model": {"FDate": "2026-04-10"}})["Result"]["Id"])
    assert vendor.query("FBillNo,FDocumentStatus", f"FID={draft}") == [["", "Z"]]
    assert vendor.status("Delete", FORM, {"Ids": draft})["IsSuccess"]
    assert vendor.query("FID", f"FID={draft}") == []


def test_a_batch_partly_refused_at_once_and_in_the_background(vendor: Vendor) -> None:
    bad = {name: value for name, value in model("PO-3").items() if name != "FSupplierId"}
    models = [model("PO-2"), bad, model("PO-4")]
    for name, numbers in (("BatchSave", ("PO-2", "PO-4")), ("BatchSaveQuery", ("PO-5", "PO-7"))):
        given = models if name == "BatchSave" else [model("PO-5"), bad, model("PO-7")]
        status = vendor.status(name, FORM, {"Model": given, "BatchCount": 2})
        done = {one["DIndex"]: one["Number"] for one in status["SuccessEntitys"]}
        assert not status["IsSuccess"] and done == dict(zip((0, 2), numbers, strict=True))
        assert [(one["DIndex"], one["FieldName"]) for one in status["Errors"]] == [(1, "FSupplierId")]


def test_rows_are_joined_nameless_and_ordered(vendor: Vendor) -> None:
    entries = [{**ENTRY, "FQty": quantity} for quantity in (1, 2, 3)]
    vendor.call("Save", FORM, {"Model": model("PO'8", FPOOrderEntry=entries)})
    rows = vendor.query("FBillNo,FQty,FAllAmount,FBillAllAmount", "FBillNo='PO''8' and FQty>1")
    assert rows == [["PO'8", 2.0, 100.5, 301.5], ["PO'8", 3.0, 150.75, 301.5]]
    assert vendor.query("FBillNo", "FBillNo='PO''8'") == [["PO'8"]]


@pytest.mark.parametrize(
    ("keys", "where", "code"), [("FNope", "", 9), ("FID", "FID = ", 4), ("FID", "FNope=1", 9)]
)
def test_a_failed_query_has_the_shape_of_its_rows(vendor: Vendor, keys: str, where: str, code: int) -> None:
    vendor.call("Save", FORM, {"Model": model()})
    ((answer,),) = vendor.query(keys, where)
    assert answer["Result"]["ResponseStatus"]["MsgCode"] == code


def test_workflow_push_and_files(vendor: Vendor, sandbox: Sandbox) -> None:
    sandbox.call("PUT", "kingdee/settings", {"approvers": {FORM: ["boss"]}})
    saved = vendor.call("Save", FORM, {"Model": model("PO-9")})["Result"]
    vendor.status("Submit", FORM, {"Numbers": ["PO-9"]})
    task = {"FormId": FORM, "Numbers": ["PO-9"], "UserName": "boss", "ApprovalType": 1, "Disposition": "同意"}
    assert vendor.status("WorkflowAudit", task)["IsSuccess"]
    keys = "FReceiverId.FName,FResultName,FDisposition,FInstStatus"
    rows = vendor.query(keys, "FBILLNUMBER='PO-9'", "WF_AssignmentHisBill_ProcManage")
    assert rows == [["boss", "同意", "同意", "1"]]

    pushed = vendor.call("Push", FORM, {"Numbers": ["PO-9"], "RuleId": "PUR_PurchaseOrder-STK_InStock"})[
        "Result"
    ]
    again = vendor.call("Push", FORM, {"Numbers": ["PO-9"], "RuleId": "PUR_PurchaseOrder-STK_InStock"})[
        "Result"
    ]
    assert pushed["ConvertResponseStatus"]["IsSuccess"] and pushed["ResponseStatus"]["SuccessEntitys"]
    assert not again["ConvertResponseStatus"]["IsSuccess"]

    file_id = ""
    for last, piece in ((False, b"ab"), (True, b"c")):
        data = {"FileName": "a.txt", "FormId": FORM, "InterId": str(saved["Id"]), "IsLast": last}
        sent = {**data, "FileId": file_id, "SendByte": base64.b64encode(piece).decode()}
        file_id = vendor.call("AttachmentUpload", sent)["Result"]["FileId"]
    got = vendor.call("AttachmentDownLoad", {"FileId": file_id, "StartIndex": 0})["Result"]
    assert (base64.b64decode(got["FilePart"]), got["IsLast"], got["FileName"]) == (b"abc", True, "a.txt")


def test_who_is_unknown_and_what_is_unknown(sandbox: Sandbox, vendor: Vendor) -> None:
    status = Vendor(sandbox, "another-secret").status("View", FORM, {"Number": "PO-1"})
    assert status["MsgCode"] == 1 and "会话信息已丢失" in status["Errors"][0]["Message"]
    with pytest.raises(RuntimeError, match="不存在"):
        vendor.client.QueryGroupInfo({"FormId": FORM})
    assert json.loads(vendor.client.GetDataCenters())[0]["Id"] == ACCOUNT


def test_a_document_survives_a_restart(sandbox: Sandbox, vendor: Vendor) -> None:
    vendor.call("Save", FORM, {"Model": model("PO-10")})
    sandbox.stop()
    sandbox.start()
    assert Vendor(sandbox).query("FBillNo", "FBillNo='PO-10'") == [["PO-10"]]
