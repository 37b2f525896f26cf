"""Attached files, taken and given in pieces."""

from __future__ import annotations

import base64
import binascii
import uuid
from typing import Any

from airflow_provider_docflow.sandbox.kingdee.bills import Bills
from airflow_provider_docflow.sandbox.kingdee.wire import Call, Refused
from airflow_provider_docflow.sandbox.store import Store

LARGEST_PIECE = 4 << 20
_SCHEMA = """
CREATE TABLE IF NOT EXISTS kingdee_file (
    id TEXT PRIMARY KEY, form TEXT NOT NULL, fid TEXT NOT NULL, number TEXT NOT NULL, name TEXT NOT NULL,
    content BLOB NOT NULL, complete INTEGER NOT NULL);
"""


class Files:
    """The files of all documents."""

    def __init__(self, store: Store, bills: Bills) -> None:
        self._store, self._bills = store, bills
        store.create(_SCHEMA)

    def upload(self, call: Call) -> dict[str, Any]:
        """Take a piece.

        :raises Refused: it is too large, belongs to no document, or follows on no piece.
        """
        data = call.data
        try:
            piece = base64.b64decode(str(data.get("SendByte") or ""), validate=True)
        except binascii.Error:
            raise Refused(8, "SendByte不是合法的Base64") from None
        if len(piece) > LARGEST_PIECE:
            raise Refused(8, "附件分块超过大小限制")
        file_id = str(data.get("FileId") or "")
        if not file_id:
            file_id = self._begin(data)
        sql = "SELECT content FROM kingdee_file WHERE id = ? AND complete = 0"
        known = self._store.value(sql, (file_id,))
        if known is None:
            raise Refused(10, "附件不存在或已上传完成")
        self._store.execute(
            "UPDATE kingdee_file SET content = ?, complete = ? WHERE id = ?",
            (known + piece, int(bool(data.get("IsLast"))), file_id),
        )
        return {"FileId": file_id}

    def _begin(self, data: dict[str, Any]) -> str:
        form_id, fid = str(data.get("FormId") or ""), str(data.get("InterId") or "")
        bill = self._bills.get(fid)
        if bill is None or bill["form"] != form_id:
            raise Refused(10, "附件所属单据不存在")
        file_id = uuid.uuid4().hex
        self._store.execute(
            "INSERT INTO kingdee_file VALUES (?, ?, ?, ?, ?, x'', 0)",
            (file_id, form_id, fid, bill["number"], str(data.get("FileName") or "")),
        )
        return file_id

    def download(self, call: Call) -> dict[str, Any]:
        """Give a piece.

        :raises Refused: there is no such file.
        """
        file_id, start = str(call.data.get("FileId") or ""), int(call.data.get("StartIndex") or 0)
        sql = "SELECT name, content FROM kingdee_file WHERE id = ? AND complete = 1"
        row = self._store.execute(sql, (file_id,)).fetchone()
        if row is None:
            raise Refused(10, "附件不存在")
        size = int(self._store.setting("kingdee_piece", LARGEST_PIECE))
        # The cursor goes by the server's own pieces: it may point behind the end of the file.
        piece = row["content"][start : start + size]
        return {
            "FilePart": base64.b64encode(piece).decode(),
            "StartIndex": start + size,
            "IsLast": start + size >= len(row["content"]),
            "FileSize": len(row["content"]),
            "FileName": row["name"],
        }

    def rows(self) -> list[dict[str, Any]]:
        """Return the complete files, as a query of their form shows them."""
        found = self._store.all("SELECT rowid, * FROM kingdee_file WHERE complete = 1 ORDER BY rowid")
        return [
            {
                "FID": row["rowid"],
                "FBillType": row["form"],
                "FInterID": row["fid"],
                "FBillNo": row["number"],
                "FAttachmentName": row["name"],
                "FFileId": row["id"],
            }
            for row in found
        ]
