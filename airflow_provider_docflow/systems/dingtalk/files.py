"""
Attachments: files in the corporation's approval space, which forms and comments name by space and id.

A file is put there in three steps: DingTalk says where (``uploadInfos/query``), the bytes go to that storage
with the headers that DingTalk signed, and are then made a file (``commit``). A form's file is fetched through
an address that lives for 15 minutes. A file that nothing names is nowhere shown, so an upload that was cut
off leaves nothing behind that anybody would meet. Pages: "获取审批钉盘空间信息", "获取文件上传信息",
"提交文件", "下载审批附件".
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import httpx2

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.calls import WRITES, check, dig
from airflow_provider_docflow.core.exchange import Exchange
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.document import Attachment
from airflow_provider_docflow.systems.dingtalk.components import SCHEME
from airflow_provider_docflow.systems.dingtalk.people import union_id
from airflow_provider_docflow.systems.dingtalk.reading import INSTANCES
from airflow_provider_docflow.systems.dingtalk.wire import anonymous, api

STORAGE = "/v1.0/storage/spaces/{space}/files"
LARGEST = 100 * 1024 * 1024
_SECONDS = 120.0


def upload(site: Site, user: str, name: str, content: bytes) -> Exchange[Attachment]:
    """Put a file into the approval space in a user's name; return how documents name it.

    :raises InvalidDocument: it is empty, or larger than one upload may be.
    """
    if not content or len(content) > LARGEST:
        raise exc.InvalidDocument(
            f"the file {name} has {len(content)} bytes; 1 to {LARGEST} can be attached.",
            system=site.conn_id,
            field="attachments",
            remedy="Divide it, or attach a link.",
        )
    space = yield from _space(site, user)
    owner = yield from union_id(site, user)
    place = yield from _place(site, space, owner)
    yield from _put(site, place, content)
    entry = yield from _commit(site, space, owner, str(place["uploadKey"]), name)
    return Attachment(
        name=str(dig(entry, "name") or name),
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        uri=f"{SCHEME}{dig(entry, 'spaceId') or space}/{entry['id']}",
    )


def _space(site: Site, user: str) -> Exchange[str]:
    body: dict[str, Any] = {"userId": user}
    if agent := site.setting("agent_id"):
        body["agentId"] = int(agent)
    answer = yield from api(site, "POST", f"{INSTANCES}/spaces/infos/query", json=body)
    found = dig(answer, "result.spaceId")
    if not found:
        raise exc.TransientError("DingTalk names no approval space.", system=site.conn_id)
    return str(found)


def _place(site: Site, space: str, owner: str) -> Exchange[Mapping[str, Any]]:
    body = {"protocol": "HEADER_SIGNATURE", "multipart": False}
    answer = yield from api(
        site,
        "POST",
        f"{STORAGE}/uploadInfos/query",
        space=space,
        params={"unionId": owner},
        json=body,
    )
    if not dig(answer, "uploadKey") or not dig(answer, "headerSignatureInfo.resourceUrls.0"):
        raise exc.TransientError("DingTalk says nowhere to put a file.", system=site.conn_id)
    found: Mapping[str, Any] = answer
    return found


def _put(site: Site, place: Mapping[str, Any], content: bytes) -> Exchange[None]:
    """Send the bytes to the storage: with its signed headers alone, no token of DingTalk's."""
    signed = dig(place, "headerSignatureInfo") or {}
    request = _bare("PUT", signed["resourceUrls"][0], signed.get("headers") or {}, content)
    request.extensions = {**request.extensions, WRITES: True}
    yield from _sent(site, request, writes=True)


def _commit(site: Site, space: str, owner: str, key: str, name: str) -> Exchange[Mapping[str, Any]]:
    answer = yield from api(
        site,
        "POST",
        f"{STORAGE}/commit",
        space=space,
        params={"unionId": owner},
        json={"uploadKey": key, "name": name, "parentId": "0"},
        writes=True,
    )
    entry = dig(answer, "dentry")
    if not isinstance(entry, dict) or not entry.get("id"):
        raise exc.UnknownOutcome("DingTalk answers a new file without its id.", system=site.conn_id)
    return entry


def download(site: Site, instance_id: str, uri: str, *, of_comments: bool = False) -> Exchange[bytes]:
    """Return a file that an approval's form names, or one of its comments.

    :param uri: as the document's attachment has it.
    :raises NotFound: the approval has no such file.
    """
    _, _, file_id = uri.removeprefix(SCHEME).partition("/")
    if not uri.startswith(SCHEME) or not file_id:
        raise exc.Misconfigured(f"{uri} is no file of DingTalk's.", system=site.conn_id, field="uri")
    body = {"processInstanceId": instance_id, "fileId": file_id, "withCommentAttatchment": of_comments}
    try:
        answer = yield from api(site, "POST", f"{INSTANCES}/spaces/files/urls/download", json=body)
    except exc.Rejected as error:
        raise error.told_as(
            exc.NotFound,
            f"the approval has no file {file_id}: {error.message}",
            field="uri",
        ) from error
    address = dig(answer, "result.downloadUri")
    if not address:
        raise exc.TransientError("DingTalk gives no address of the file.", system=site.conn_id)
    reply = yield from _sent(site, _bare("GET", str(address), {}, None), writes=False)
    return reply.content


def _bare(method: str, url: str, headers: Mapping[str, Any], content: bytes | None) -> httpx2.Request:
    heads = {str(name): str(value) for name, value in headers.items()}
    timeout = httpx2.Timeout(_SECONDS).as_dict()
    return httpx2.Request(method, url, headers=heads, content=content, extensions={"timeout": timeout})


def _sent(site: Site, request: httpx2.Request, *, writes: bool) -> Exchange[httpx2.Response]:
    """Send a request whose reply is no JSON of DingTalk's."""
    try:
        reply: httpx2.Response = yield request
    except (httpx2.TransportError, httpx2.DecodingError) as error:
        # Bytes under an upload key are nothing until they are committed: sending them again is safe.
        raise exc.TransientError(
            f"the storage of files does not answer: {type(error).__name__}.", system=site.conn_id
        ) from error
    if not reply.is_success:
        check(anonymous(site), reply, None, writes=False)
    return reply
