"""The ways to tell people: a group's robot, a work notification, a mail. Each says what it can promise."""

from __future__ import annotations

import html
import smtplib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.exchange import Exchange, no_later_than
from airflow_provider_docflow.core.profile import Limit
from airflow_provider_docflow.core.shadow import refused
from airflow_provider_docflow.hooks.modes import shadow_everywhere
from airflow_provider_docflow.ledger.keys import digest_of
from airflow_provider_docflow.ledger.requests import as_docflow

if TYPE_CHECKING:
    from airflow_provider_docflow.core.site import Site
    from airflow_provider_docflow.hooks.system import System

Answers = list[exc.DocflowError | None]
SUBJECT_LENGTH = 120


@dataclass(frozen=True)
class Message:
    """What one receiver is told.

    :param receiver: a person there; empty for a group.
    :param mark: the same for the same message, whenever it is sent.
    """

    receiver: str
    text: str
    title: str = ""
    mark: str = ""


class Messenger(Protocol):
    """One way to tell people; it cannot be asked afterwards whether a message has arrived.

    :ivar target: names who is reached, whatever the connection is called.
    :ivar receivers: people, each told once; one empty name for a group.
    :ivar limit: how many messages may go out, if there is a limit.
    """

    kind: str
    target: str
    receivers: tuple[str, ...]
    limit: Limit | None

    def send(self, messages: Sequence[Message], not_after: float) -> Answers:
        """Send messages; one entry each, the error or None.

        :param not_after: monotonic seconds after which nothing may go out.
        """


class Robot:
    """A DingTalk group's robot; it needs no application and no login."""

    kind = "dingtalk_robot"
    receivers: tuple[str, ...] = ("",)

    def __init__(self, system: System) -> None:
        self._system, site = system, _dingtalk(system.address)
        token = digest_of("docflow robot 1", str(site.required("robot_token")))
        self.target = f"{self.kind}:{token[:24]}"
        self.limit: Limit | None = Limit(
            name="robot_per_minute", count=int(site.setting("robot_per_minute", 20)), seconds=60.0
        )

    def send(self, messages: Sequence[Message], not_after: float) -> Answers:
        """Post to the group; see :class:`Messenger`."""
        from airflow_provider_docflow.systems.dingtalk import send_robot

        site = self._system.address
        exchanges = [send_robot(site, one.text, title=one.title) for one in messages]
        return _run(self._system, site, exchanges, not_after)


class WorkNotice:
    """DingTalk's work notifications, to single people."""

    kind = "dingtalk_notice"
    limit: Limit | None = None

    def __init__(self, system: System, users: Sequence[str]) -> None:
        self._system = system
        self.receivers = _named(users, "users", self.kind)
        _dingtalk(system.address)
        self.target = f"{self.kind}:{system.site.instance}"

    def send(self, messages: Sequence[Message], not_after: float) -> Answers:
        """Notify each person; see :class:`Messenger`."""
        site = self._system.site
        return _run(self._system, site, [_notice(site, one) for one in messages], not_after)


class Mail:
    """Mails through an SMTP connection of Airflow; each person gets one of their own."""

    kind = "email"
    target = "email"
    limit: Limit | None = None

    def __init__(self, conn_id: str, addresses: Sequence[str]) -> None:
        self._conn_id, self.receivers = conn_id, _named(addresses, "mails", self.kind)

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


def _run(system: System, site: Site, exchanges: Sequence[Exchange[Any]], not_after: float) -> Answers:
    answers = system.run_many([no_later_than(one, not_after) for one in exchanges])
    return [as_docflow(answer, site) if isinstance(answer, Exception) else None for answer in answers]


def _notice(site: Site, one: Message) -> Exchange[None]:
    """DingTalk accepts a notification first and says afterwards whom it cannot reach."""
    from airflow_provider_docflow.systems.dingtalk import send_work_notice, work_notice_result

    task = yield from send_work_notice(site, [one.receiver], one.text, title=one.title)
    try:
        reached = yield from work_notice_result(site, task)
    except exc.DocflowError:
        return
    for word in ("invalid", "forbidden", "failed"):
        if one.receiver in reached[word]:
            raise exc.Rejected(
                f"DingTalk does not deliver to {one.receiver}: {word}.",
                system=site.conn_id,
                field="users",
                code=f"receiver.{word}",
                remedy="Check the user id, and that the person is within the application's range.",
            )


def _dingtalk(site: Site) -> Site:
    if site.profile.name != "dingtalk":
        raise exc.Misconfigured(
            f"connection {site.conn_id} leads to {site.profile.title}, not to DingTalk.",
            system=site.conn_id,
            field="docflow_conn_id",
            remedy="Name a DingTalk connection, or tell people by email.",
        )
    return site


def _named(people: Sequence[str], field: str, kind: str) -> tuple[str, ...]:
    if isinstance(people, str):
        people = people.split(",")
    found = tuple(dict.fromkeys(name.strip() for name in people if name.strip()))
    if not found:
        raise exc.Misconfigured(f"{kind} has nobody to tell.", field=field, remedy=f"Fill in {field}.")
    return found


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


def messengers(
    channels: Sequence[str],
    system_of: Callable[[str], System],
    *,
    docflow_conn_id: str,
    smtp_conn_id: str,
    users: Sequence[str],
    mails: Sequence[str],
) -> list[Callable[[], Messenger]]:
    """Return what connects each channel when it is needed, in the order in which they are tried.

    :raises Misconfigured: a channel is unknown.
    """
    makers: dict[str, Callable[[], Messenger]] = {
        Robot.kind: lambda: Robot(system_of(docflow_conn_id)),
        WorkNotice.kind: lambda: WorkNotice(system_of(docflow_conn_id), users),
        Mail.kind: lambda: Mail(smtp_conn_id, mails),
    }
    names = [channels] if isinstance(channels, str) else list(channels)
    unknown = [name for name in names if name not in makers]
    if unknown or not names:
        raise exc.Misconfigured(
            f"{unknown[0]!r} is no channel." if unknown else "there is no channel.",
            field="channels",
            remedy=f"Use one or several of: {', '.join(makers)}.",
        )
    return [makers[name] for name in names]
