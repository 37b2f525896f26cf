"""Files: uploaded for an approval or a message, they stay for three days. Page 90253."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

import httpx2

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.calls import call, dig
from airflow_provider_docflow.core.exchange import Exchange
from airflow_provider_docflow.core.requests import with_hidden_query
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.systems.wecom import robot
from airflow_provider_docflow.systems.wecom.values import SCHEME
from airflow_provider_docflow.systems.wecom.wire import anonymous, api_url

SMALLEST, LARGEST = 5, 20 * 1024 * 1024


def upload(site: Site, name: str, content: bytes) -> Exchange[str]:
    """Upload a file and return its uri for a document's attachment.

    :raises InvalidDocument: WeCom takes no file of that size; nothing was sent.
    """
    site = replace(site, base_url=api_url(site))
    request = _request(site, "/cgi-bin/media/upload", name, content)
    return f"{SCHEME}{_id(site, (yield from call(site, request, writes=True)))}"


def upload_for_robot(site: Site, name: str, content: bytes) -> Exchange[str]:
    """Upload a file for a message of the connection's robot, and of no other; return its media id."""
    site = anonymous(site)
    request = with_hidden_query(
        _request(site, "/cgi-bin/webhook/upload_media", name, content), {"key": robot.key(site)}
    )
    return _id(site, (yield from call(site, request, writes=True)))


def _id(site: Site, answer: Any) -> str:
    media_id = dig(answer, "media_id")
    if not media_id:
        raise exc.UnknownOutcome("WeCom answers an upload without the file's id.", system=site.conn_id)
    return str(media_id)


def _request(site: Site, path: str, name: str, content: bytes) -> httpx2.Request:
    if not SMALLEST < len(content) <= LARGEST:
        raise exc.InvalidDocument(
            f"{name} has {len(content)} bytes; WeCom takes more than {SMALLEST} and at most {LARGEST}.",
            system=site.conn_id,
            field="attachments",
        )
    boundary = f"docflow-{hashlib.sha256(content).hexdigest()[:32]}"
    quoted = name.replace("\\", "_").replace('"', "_").replace("\r", "_").replace("\n", "_")
    head = (
        f"--{boundary}\r\n"
        f'Content-Disposition: form-data; name="media"; filename="{quoted}"; filelength={len(content)}\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    )
    return site.request(
        "POST",
        path,
        params={"type": "file"},
        content=head.encode() + content + f"\r\n--{boundary}--\r\n".encode(),
        headers={"Content-Type": f"multipart/form-data; boundary={boundary}"},
    )
