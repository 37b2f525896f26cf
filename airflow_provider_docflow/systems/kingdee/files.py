"""
Attached files, sent and fetched in pieces.

Uploading is a write of its own for every piece: what begins a file gives it an id, the last piece ends it.
Which files a document has is asked of a form that Kingdee's reference does not name (``attachment_form``);
without it docflow neither shows nor attaches files, because nobody could see whether one arrived.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.calls import dig
from airflow_provider_docflow.core.exchange import Exchange
from airflow_provider_docflow.core.paging import chunks
from airflow_provider_docflow.core.profile import Reading, WriteItem, Written
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.document import DocumentRef
from airflow_provider_docflow.systems.kingdee.catalogue import form_of
from airflow_provider_docflow.systems.kingdee.errors import failed
from airflow_provider_docflow.systems.kingdee.forms import Form
from airflow_provider_docflow.systems.kingdee.wire import number_of, post, query, text

HEAD = "-1"
_MOST_PIECES = 100_000
_KEYS = ("FInterID", "FAttachmentName", "FFileId")


def listing(site: Site, form: Form, ids: Sequence[str]) -> Exchange[dict[str, list[dict[str, str]]]]:
    """Return the files of documents by their ids; none where the connection names no form for them."""
    source = site.setting("attachment_form")
    if not source or not ids:
        return {}
    inside = ",".join(text(one) for one in ids)
    where = f"FBillType={text(form.form_id)} and FInterID in ({inside})"
    found: dict[str, list[dict[str, str]]] = {}
    for record, name, file_id in (yield from query(site, str(source), _KEYS, where, order="FID ASC")):
        found.setdefault(number_of(record), []).append({"name": str(name), "file_id": str(file_id)})
    return found


def upload(site: Site, ref: DocumentRef, name: str, content: bytes) -> Exchange[str]:
    """Attach a file to the head of a document and return its id.

    :raises UnknownOutcome: a piece may have landed; the file is not complete before its last one.
    """
    form = form_of(site, ref.document_type)
    size = int(site.setting("attachment_chunk_bytes", 1 << 20))
    method = str(site.setting("upload_method", "AttachmentUpload"))
    pieces = list(chunks(content, size)) or [b""]
    file_id = ""
    for position, piece in enumerate(pieces):
        data = {
            "FileName": name,
            "FormId": form.form_id,
            "IsLast": position == len(pieces) - 1,
            "InterId": ref.internal_id,
            "Entrykey": "",
            "EntryinterId": HEAD,
            "BillNO": ref.number,
            "AliasFileName": name,
            "FileId": file_id,
            "SendByte": base64.b64encode(bytes(piece)).decode(),
        }
        body = yield from post(site, method, {"data": data}, writes=True)
        error = failed(site, body, ref.number or ref.internal_id)
        if error is not None:
            raise error
        file_id = str(dig(body, "Result.FileId") or "")
        if not file_id:
            raise exc.UnknownOutcome(
                "a piece of a file was taken, and the file has no id.",
                system=site.conn_id,
                document=ref.number or ref.internal_id,
            )
    return file_id


def download(site: Site, file_id: str) -> Exchange[tuple[str, bytes]]:
    """Return name and content of a file.

    :raises Rejected: its pieces do not make a file.
    """
    content, start = bytearray(), 0
    for _ in range(_MOST_PIECES):
        asked = {"data": {"FileId": file_id, "StartIndex": start}}
        body = yield from post(site, "AttachmentDownLoad", asked)
        error = failed(site, body, file_id)
        if error is not None:
            raise error
        piece = _piece(site, dig(body, "Result.FilePart"), file_id)
        content += piece
        # The next piece begins where the server says, which is not always the sum of the pieces.
        before, start = start, _cursor(dig(body, "Result.StartIndex"), start + len(piece))
        if dig(body, "Result.IsLast") is True:
            _check_size(site, dig(body, "Result.FileSize"), len(content), file_id)
            return str(dig(body, "Result.FileName") or ""), bytes(content)
        if start <= before:
            break
    raise exc.TransientError("a file does not end.", system=site.conn_id, document=file_id)


def _cursor(told: Any, counted: int) -> int:
    return told if isinstance(told, int) and not isinstance(told, bool) else counted


def _piece(site: Site, encoded: Any, file_id: str) -> bytes:
    try:
        return base64.b64decode(str(encoded or ""), validate=True)
    except binascii.Error:
        raise exc.Rejected("a piece of a file is no base64.", system=site.conn_id, document=file_id) from None


def _check_size(site: Site, told: Any, found: int, file_id: str) -> None:
    if told is not None and int(told) != found:
        raise exc.TransientError(
            f"a file has {found} bytes, and Kingdee says {told}.",
            system=site.conn_id,
            document=file_id,
            remedy="Nothing: the next try fetches it anew.",
        )


def attach(site: Site, item: WriteItem) -> Exchange[Written]:
    """Attach a file (arguments ``name`` and ``content``, the latter in base64)."""
    ref = item.ref
    name = str(item.arguments.get("name") or "")
    if ref is None or not name:
        raise exc.Misconfigured(
            "a file is attached to a document, under a name.", system=site.conn_id, field="name"
        )
    try:
        content = base64.b64decode(str(item.arguments.get("content") or ""), validate=True)
    except binascii.Error:
        raise exc.Misconfigured("the content is no base64.", system=site.conn_id, field="content") from None
    return Written(ref=ref, detail={"file_id": (yield from upload(site, ref, name, content))})


def is_attached(reading: Reading, item: WriteItem) -> bool:
    """Tell whether a file of this name is there."""
    shown: Sequence[Mapping[str, Any]] = reading.raw.get("attachments") or ()
    return any(one.get("name") == item.arguments.get("name") for one in shown)
