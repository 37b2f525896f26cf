"""
DingTalk's ways to tell people: a group's robot, work notifications, 1:1 messages, DINGs, to-dos.

Of these only a to-do is kept from being sent twice by DingTalk itself: its key is the message's mark.
"""

from __future__ import annotations

import hashlib

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.exchange import Exchange
from airflow_provider_docflow.core.messages import Channel, Message
from airflow_provider_docflow.core.profile import Limit
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.systems.dingtalk import people
from airflow_provider_docflow.systems.dingtalk.notify import (
    ROBOT_LIMIT,
    send_robot,
    send_work_notice,
    work_notice_result,
)
from airflow_provider_docflow.systems.dingtalk.todo import create_todo


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
            raise people.unreached(site, [one.receiver], word)


def _oto(site: Site, one: Message) -> Exchange[None]:
    yield from people.send_oto(site, [one.receiver], one.text, title=one.title)


def _ding(site: Site, one: Message) -> Exchange[None]:
    text = f"{one.title}\n{one.text}" if one.title else one.text
    yield from people.send_ding(site, [one.receiver], text)


def _todo(site: Site, one: Message) -> Exchange[None]:
    subject, _, rest = one.text.partition("\n")
    title, text = (one.title, one.text) if one.title else (subject, rest)
    yield from create_todo(site, one.receiver, one.mark, title, description=text)


def _instance(site: Site) -> str:
    return site.known_instance


CHANNELS = {
    "robot": Channel(send=_robot, to="group", target=_robot_target, needs_login=False, limit=_robot_limit),
    "notice": Channel(send=_notice, to="people", target=_instance),
    "oto": Channel(send=_oto, to="people", target=_instance),
    "ding": Channel(send=_ding, to="people", target=_instance),
    "todo": Channel(send=_todo, to="people", target=_instance),
}
