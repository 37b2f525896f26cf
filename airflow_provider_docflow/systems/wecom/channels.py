"""The ways in which a connection tells people."""

from __future__ import annotations

from collections.abc import Mapping

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.exchange import Exchange
from airflow_provider_docflow.core.messages import Channel, Message
from airflow_provider_docflow.core.profile import Limit
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.systems.wecom import messages, robot


def _notice(site: Site, message: Message) -> Exchange[None]:
    """Tell one person.

    :raises Rejected: the person cannot be reached; the field is ``users``.
    """
    sent = yield from messages.send(site, [message.receiver], message.text, title=message.title)
    if sent.unreached:
        raise exc.Rejected(
            f"{message.receiver} cannot be reached.",
            system=site.conn_id,
            field="users",
            remedy="Put the person into the application's visible range, or give them a licence.",
        )


def _robot(site: Site, message: Message) -> Exchange[None]:
    yield from robot.send(site, message.text, title=message.title)


def _application(site: Site) -> str:
    return f"{site.known_instance} {messages.agent_id(site)}"


def _notice_limit(site: Site) -> Limit | None:
    """WeCom counts per person, a channel over all of them: a limit for all is only for who wants one."""
    count = site.setting("notices_per_minute")
    return Limit(name="notices_per_minute", count=int(count), seconds=60.0) if count else None


CHANNELS: Mapping[str, Channel] = {
    "notice": Channel(send=_notice, to="people", target=_application, limit=_notice_limit),
    "robot": Channel(send=_robot, to="group", target=robot.target, needs_login=False, limit=robot.limit_of),
}
