"""The storage behind the approval space: where to put a file, the bytes themselves, making it a file.

Vendor pages: "获取文件上传信息" (storage/spaces/{spaceId}/files/uploadInfos/query), after which a PUT has the
headers that it signs, and "提交文件" (storage/spaces/{spaceId}/files/commit).
"""

from __future__ import annotations

import secrets
import uuid
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from airflow_provider_docflow.sandbox.clock import Clock
from airflow_provider_docflow.sandbox.dingtalk.errors import ApiError
from airflow_provider_docflow.sandbox.dingtalk.forms_api import SPACE_ID, FormsApi
from airflow_provider_docflow.sandbox.dingtalk.talking import Talking
from airflow_provider_docflow.sandbox.dingtalk.wire import Call
from airflow_provider_docflow.sandbox.store import Store

SCHEMA = """
CREATE TABLE IF NOT EXISTS dingtalk_upload (
    key TEXT PRIMARY KEY, signature TEXT NOT NULL, expires INTEGER NOT NULL, content BLOB);
"""
_SECONDS = 900


class Storage:
    """Handlers of uploads."""

    def __init__(self, store: Store, clock: Clock, forms: FormsApi, talking: Talking) -> None:
        self._store, self._clock, self._forms, self._talking = store, clock, forms, talking
        store.create(SCHEMA)

    def _check(self, call: Call) -> None:
        if call.query["space"] != str(SPACE_ID):
            raise ApiError("paramError", "spaceId")
        if self._talking.user_of(call.query.get("unionId")) is None:
            raise ApiError("paramError", "unionId")

    def place(self, call: Call) -> dict[str, Any]:
        """Say where the bytes go, and with which signed headers."""
        self._check(call)
        if call.body.get("protocol") != "HEADER_SIGNATURE" or call.body.get("multipart") is not False:
            raise ApiError("paramError", "protocol")
        key, signature = uuid.uuid4().hex, f"OSS {secrets.token_hex(8)}:{secrets.token_hex(16)}"
        expires = self._clock.now() + _SECONDS * 1000
        self._store.execute("INSERT INTO dingtalk_upload VALUES (?, ?, ?, NULL)", (key, signature, expires))
        base = self._store.setting("base_url", "")
        return {
            "uploadKey": key,
            "storageDriver": "DINGTALK",
            "protocol": "HEADER_SIGNATURE",
            "headerSignatureInfo": {
                "resourceUrls": [f"{base}/dingtalk-files/upload/{key}"],
                "internalResourceUrls": [],
                "headers": {"Authorization": signature, "x-oss-date": "Sun, 22 Nov 2026 00:00:00 GMT"},
                "expirationSeconds": _SECONDS,
                "region": "ZHANGJIAKOU",
            },
        }

    async def take(self, request: Request) -> Response:
        """Take the bytes; the storage knows its own signature and nobody's token."""
        content = await request.body()
        key = request.path_params["key"]
        row = self._store.execute(
            "SELECT signature FROM dingtalk_upload WHERE key = ? AND expires > ?", (key, self._clock.now())
        ).fetchone()
        if row is None or request.headers.get("authorization") != row["signature"]:
            return Response("<Error><Code>AccessDenied</Code></Error>", 403, media_type="application/xml")
        if "x-acs-dingtalk-access-token" in request.headers:
            return Response("<Error><Code>InvalidArgument</Code></Error>", 400, media_type="application/xml")
        with self._store.write():
            self._store.execute("UPDATE dingtalk_upload SET content = ? WHERE key = ?", (content, key))
        return Response(headers={"x-oss-request-id": uuid.uuid4().hex})

    def commit(self, call: Call) -> dict[str, Any]:
        """Make the bytes a file of the space."""
        self._check(call)
        name = call.need("name", "paramError", "name")
        if call.need("parentId", "paramError", "parentId") != "0":
            raise ApiError("paramError", "parentId")
        key = call.need("uploadKey", "paramError", "uploadKey")
        content = self._store.value("SELECT content FROM dingtalk_upload WHERE key = ?", (key,))
        if content is None:
            raise ApiError("paramError", "uploadKey")
        kept = self._forms.keep_file(name, content)
        self._store.execute("DELETE FROM dingtalk_upload WHERE key = ?", (key,))
        return {
            "dentry": {
                "id": kept["fileId"],
                "spaceId": kept["spaceId"],
                "parentId": "0",
                "type": "FILE",
                "name": name,
                "size": len(content),
                "extension": kept["fileType"],
                "path": f"/{name}",
                "version": 1,
                "status": "NORMAL",
                "uuid": uuid.uuid4().hex,
            }
        }
