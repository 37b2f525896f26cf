"""A mail server that delivers to nobody and shows what it was given (``GET /_sandbox/mails``)."""

from __future__ import annotations

import asyncio
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from airflow_provider_docflow.exceptions import Misconfigured
from airflow_provider_docflow.sandbox.clock import Clock
from airflow_provider_docflow.sandbox.faults import FaultBook
from airflow_provider_docflow.sandbox.store import Store, dumps, loads


class MailSink:
    """Takes every mail over SMTP.

    A fault rule with ``method="MAIL"`` (``path`` = glob over the receivers, joined by commas) makes it answer
    451 instead.
    """

    def __init__(self, store: Store, clock: Clock, faults: FaultBook) -> None:
        self._store, self._clock, self._faults = store, clock, faults

    async def serve(self, host: str, port: int) -> asyncio.Server:
        """Listen; port 0 takes a free one.

        :raises Misconfigured: when aiosmtpd is not installed.
        """
        try:
            from aiosmtpd.smtp import SMTP
        except ImportError:
            raise Misconfigured(
                "the mail sink needs aiosmtpd",
                remedy="pip install 'airflow_provider_docflow[sandbox]', or start without a mail port.",
            ) from None
        return await asyncio.get_running_loop().create_server(
            lambda: SMTP(self, enable_SMTPUTF8=True, hostname="sandbox"), host, port
        )

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        """Take one mail; the name is aiosmtpd's."""
        content = envelope.content
        text = content.decode("utf-8", "replace")
        receivers = ",".join(envelope.rcpt_tos)
        if self._faults.meet("MAIL", receivers, text):
            return "451 4.3.0 Requested action aborted: local error in processing"
        body = {
            "envelope_from": envelope.mail_from,
            "envelope_to": list(envelope.rcpt_tos),
            **_shown(content),
        }
        sql = "INSERT INTO mail (at, body) VALUES (?, ?)"
        self._store.execute(sql, (self._clock.now(), dumps(body)))
        return "250 Message accepted for delivery"

    def mails(self) -> list[dict[str, Any]]:
        """Return all mails, oldest first."""
        rows = self._store.all("SELECT * FROM mail ORDER BY id")
        return [{"id": row["id"], "at": row["at"], **loads(row["body"])} for row in rows]

    def clear(self) -> None:
        """Forget all mails."""
        self._store.execute("DELETE FROM mail")


def _shown(content: bytes) -> dict[str, Any]:
    message = message_from_bytes(content, policy=policy.default)
    assert isinstance(message, EmailMessage)
    parts = {kind: message.get_body((kind,)) for kind in ("plain", "html")}
    return {
        "from": str(message.get("From", "")),
        "to": str(message.get("To", "")),
        "subject": str(message.get("Subject", "")),
        "text": parts["plain"].get_content() if parts["plain"] else "",
        "html": parts["html"].get_content() if parts["html"] else "",
        "attachments": [part.get_filename() for part in message.iter_attachments()],
        "raw": content.decode("utf-8", "replace"),
    }
