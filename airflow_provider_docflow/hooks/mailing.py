"""Mails through Airflow's SMTP provider."""

from __future__ import annotations

import html
import smtplib
import time
from collections.abc import Sequence
from typing import Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.messages import Message
from airflow_provider_docflow.core.profile import Limit
from airflow_provider_docflow.core.shadow import refused
from airflow_provider_docflow.hooks.messengers import Answers
from airflow_provider_docflow.hooks.modes import shadow_everywhere

SUBJECT_LENGTH = 120


class Mail:
    """Mails through an SMTP connection of Airflow; each person gets one of their own.

    :param addresses: at least one.
    """

    kind = "email"
    target = "email"
    limit: Limit | None = None

    def __init__(self, conn_id: str, addresses: Sequence[str]) -> None:
        self._conn_id, self.receivers = conn_id, tuple(addresses)

    def send(self, messages: Sequence[Message], not_after: float) -> Answers:
        """Mail each person; see :class:`Messenger`.

        :raises ShadowOnly: the deployment runs in shadow; no door stands before a mail server.
        """
        if shadow_everywhere():
            raise refused("a mail", self._conn_id)
        hook = self._hook()
        try:
            connected = hook.get_conn()
        except Exception as error:
            return [_mail_error(error, self._conn_id, connecting=True)] * len(messages)
        with hook:
            return [self._send(connected, one, not_after) for one in messages]

    def _hook(self) -> Any:
        try:
            from airflow.providers.smtp.hooks.smtp import SmtpHook
        except ImportError:
            raise exc.Misconfigured(
                "mails need Airflow's SMTP provider.",
                field="channels",
                remedy="pip install 'airflow-provider-docflow[mail]'.",
            ) from None
        return SmtpHook(smtp_conn_id=self._conn_id)

    def _send(self, hook: Any, one: Message, not_after: float) -> exc.DocflowError | None:
        if time.monotonic() > not_after:
            return exc.LeaseLost("the time to send this mail is over; nothing was sent.")
        subject = (one.title or one.text.partition("\n")[0])[:SUBJECT_LENGTH]
        body = html.escape(one.text).replace("\n", "<br>\n")
        try:
            # The same mail under the same id: a mailbox that gets it twice can tell.
            headers = {"Message-ID": f"<{one.mark}@docflow>"}
            hook.send_email_smtp(to=one.receiver, subject=subject, html_content=body, custom_headers=headers)
        except Exception as error:
            return _mail_error(error, self._conn_id)
        return None


def _mail_error(error: Exception, conn_id: str, *, connecting: bool = False) -> exc.DocflowError:
    """Return a typed error; one whose end nobody saw may have landed."""
    kind: type[exc.DocflowError]
    if isinstance(error, smtplib.SMTPAuthenticationError):
        kind = exc.Authentication
    elif isinstance(error, smtplib.SMTPRecipientsRefused):
        kind = exc.Rejected
    elif isinstance(error, smtplib.SMTPResponseException):
        kind = exc.TransientError if 400 <= error.smtp_code < 500 else exc.Rejected
    elif connecting:
        kind = exc.Unreachable if isinstance(error, OSError) else exc.Misconfigured
    elif isinstance(error, OSError):
        kind = exc.UnknownOutcome
    else:
        kind = exc.Misconfigured
    code = str(getattr(error, "smtp_code", ""))
    return kind(
        f"the mail was not sent: {error}." if kind is not exc.UnknownOutcome else f"{error}.",
        system=conn_id,
        code=code,
        remedy=f"Check the connection {conn_id} (from_email, host, login).",
    )
