"""The calls about form templates and attachments of api.dingtalk.com.

Vendor pages: "创建或更新审批表单模板", "获取表单schema", "获取模板code", "获取指定用户可见的审批表单列表",
"获取审批钉盘空间信息", "下载审批附件".
"""

from __future__ import annotations

import uuid
from typing import Any

from airflow_provider_docflow.sandbox.clock import Clock
from airflow_provider_docflow.sandbox.dingtalk.errors import ApiError
from airflow_provider_docflow.sandbox.dingtalk.forms import Component
from airflow_provider_docflow.sandbox.dingtalk.instances import Instances
from airflow_provider_docflow.sandbox.dingtalk.wire import Call
from airflow_provider_docflow.sandbox.store import Store, dumps, loads

SCHEMA = """
CREATE TABLE IF NOT EXISTS dingtalk_file (id TEXT PRIMARY KEY, name TEXT NOT NULL, content BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS dingtalk_download (
    ticket TEXT PRIMARY KEY, file TEXT NOT NULL, expires INTEGER NOT NULL);
"""
SPACE_ID = 163_000_658
_URL_LIVES_MS = 15 * 60_000


class FormsApi:
    """Handlers of the calls about templates and attachments.

    :param base_url: gives the address under which downloads are served.
    """

    def __init__(self, store: Store, clock: Clock, instances: Instances) -> None:
        self._store, self._clock, self._instances = store, clock, instances
        store.create(SCHEMA)

    def save(self, call: Call) -> dict[str, Any]:
        """Page "创建或更新审批表单模板"; the back office adds the approval flow later."""
        body = {
            name: call.body.get(name) for name in ("name", "processCode", "description", "formComponents")
        }
        if body["processCode"]:
            known = self._instances.template(body["processCode"], "processCodeError")
            body["approvers"] = known["nodes"]
        return {"result": {"processCode": self._instances.save_template(body)}}

    def schema(self, call: Call) -> dict[str, Any]:
        """Page "获取表单schema" (``GET forms/schemas/processCodes``)."""
        code = call.query.get("processCode")
        if not code:
            raise ApiError("invalidParameter")
        template = self._instances.template(code, "aflowProcessCodeIsError")
        content = {
            "title": template["name"],
            "icon": "common",
            "items": [_schema_item(item) for item in template["formComponents"]],
        }
        return {
            "result": {
                "name": template["name"],
                "memo": template["description"],
                "formCode": template["processCode"],
                "formUuid": f"FORM-{uuid.uuid5(uuid.NAMESPACE_URL, template['processCode'])}".upper(),
                "ownerIdType": "orgId",
                "status": "PUBLISHED",
                "engineType": 0,
                "appType": 0,
                "gmtModified": str(template["modified"]),
                "schemaContent": content,
            }
        }

    def code_by_name(self, call: Call) -> dict[str, Any]:
        """Page "获取模板code" (``GET processCentres/schemaNames/processCodes``)."""
        for template in self._instances.templates():
            if template["name"] == call.query.get("name"):
                result = {"processCode": template["processCode"], "gmtModified": str(template["modified"])}
                return {"result": result}
        raise ApiError("formNotExist")

    def visible(self, call: Call) -> dict[str, Any]:
        """Page "获取指定用户可见的审批表单列表"."""
        start, size = _number(call.query.get("nextToken")), _number(call.query.get("maxResults"))
        if start is None:
            raise ApiError("invalidNextToken", "获取指定用户可见的审批表单列表，分页查询的游标不能为空")
        if size is None or not 1 <= size <= 100:
            message = "获取指定用户可见的审批表单列表，分页参数非法，每页大小，最多传100。"
            raise ApiError("invalidMaxResults", message)
        every = self._instances.templates()
        page = [
            {"name": item["name"], "processCode": item["processCode"], "url": "", "iconUrl": ""}
            for item in every[start : start + size]
        ]
        result: dict[str, Any] = {"processList": page}
        if start + size < len(every):
            result["nextToken"] = start + size
        return {"result": result}

    def space(self, call: Call) -> dict[str, Any]:
        """Page "获取审批钉盘空间信息"."""
        call.need("userId", "invalidParameter", "参数错误")
        return {"result": {"spaceId": SPACE_ID}, "success": True}

    def download(self, call: Call) -> dict[str, Any]:
        """Page "下载审批附件": the address lives for 15 minutes and only for files of that instance."""
        instance = self._instances.get(call.need("processInstanceId", "processInstanceIdError"))
        wanted = str(call.need("fileId", "invalidParameter", "参数错误"))
        files = [file for item in instance["formComponentValues"] for file in _attachments(item)]
        if call.body.get("withCommentAttatchment"):
            files += [file for record in instance["records"] for file in record.get("attachments", [])]
        if wanted not in {str(file["fileId"]) for file in files}:
            raise ApiError("invalidParameter", "文件不属于该审批单")
        ticket = uuid.uuid4().hex
        self._store.execute(
            "INSERT INTO dingtalk_download VALUES (?, ?, ?)",
            (ticket, wanted, self._clock.now() + _URL_LIVES_MS),
        )
        base = self._store.setting("base_url", "")
        uri = f"{base}/dingtalk-files/{ticket}"
        return {"result": {"downloadUri": uri, "fileId": wanted, "spaceId": SPACE_ID}, "success": True}

    def keep_file(self, name: str, content: bytes) -> dict[str, str]:
        """Keep a file as if it had been uploaded to the approval space; return its metadata."""
        file_id = str(uuid.uuid4().int % 10**12)
        self._store.execute("INSERT INTO dingtalk_file VALUES (?, ?, ?)", (file_id, name, content))
        return {
            "spaceId": str(SPACE_ID),
            "fileName": name,
            "fileSize": str(len(content)),
            "fileType": name.rsplit(".", 1)[-1] if "." in name else "file",
            "fileId": file_id,
        }

    def content(self, ticket: str) -> bytes | None:
        """Return the file behind a download address, or None when it has ended."""
        found: bytes | None = self._store.value(
            "SELECT f.content FROM dingtalk_download d JOIN dingtalk_file f ON f.id = d.file"
            " WHERE d.ticket = ? AND d.expires > ?",
            (ticket, self._clock.now()),
        )
        return found


def _attachments(item: dict[str, Any]) -> list[dict[str, Any]]:
    return loads(item["value"]) if item["componentType"] == "DDAttachment" else []


def _schema_item(component: Component) -> dict[str, Any]:
    props = {name: value for name, value in component["props"].items() if name != "componentId"}
    props["id"] = component["props"]["componentId"]
    if options := props.pop("options", None):
        props["options"] = [dumps(option) if isinstance(option, dict) else option for option in options]
    item = {"componentName": component["componentType"], "props": props}
    if component["children"]:
        item["children"] = [_schema_item(child) for child in component["children"]]
    return item


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isdigit() else None
