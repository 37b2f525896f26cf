"""DingTalk's ways to tell people, as profiles declare them: a group's robot, work notifications."""

from __future__ import annotations

import hashlib

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.exchange import Exchange
from airflow_provider_docflow.core.messages import Channel, Message
from airflow_provider_docflow.core.profile import Limit
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.systems.dingtalk.notify import (
    ROBOT_LIMIT,
    send_robot,
    send_work_notice,
    work_notice_result,
)


def _robot(site: Site, one: Message) -> Exchange[None]:
    yield from send_robot(site, one.text, title=one.title)


def _robot_target(site: Site) -> str:
    """Name the robot by its token's digest: connections come and go, and the token is a secret."""
    return hashlib.sha256(f"docflow robot 1\n{site.required('robot_token')}".encode()).hexdigest()[:24]


def _robot_limit(site: Site) -> Limit:
    count = int(site.setting("robot_per_minute", ROBOT_LIMIT.count))
    return Limit(name=ROBOT_LIMIT.name, count=count, seconds=ROBOT_LIMIT.seconds)


def _notice(site: Site, one: Message) -> Exchange[None]:
    """DingTalk accepts a notification first and says afterwards whom it cannot reach."""
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


CHANNELS = {
    "robot": Channel(send=_robot, to="group", target=_robot_target, needs_login=False, limit=_robot_limit),
    "notice": Channel(send=_notice, to="people", target=lambda site: site.known_instance),
}
