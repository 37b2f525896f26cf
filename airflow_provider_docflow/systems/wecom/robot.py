"""
A group's robot. Its key is its only credential: whoever has it may write to the group.

The key travels in the request's target alone, so that no URL, log line or error shows it. A robot takes 20
messages a minute, and whatever it took it cannot be asked for. Page 91770.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.calls import call
from airflow_provider_docflow.core.exchange import Exchange
from airflow_provider_docflow.core.profile import Limit
from airflow_provider_docflow.core.requests import with_hidden_query
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.systems.wecom.errors import TOO_OFTEN
from airflow_provider_docflow.systems.wecom.messages import cut
from airflow_provider_docflow.systems.wecom.wire import anonymous

SEND = "/cgi-bin/webhook/send"
LONGEST_TEXT, LONGEST_MARKDOWN = 2048, 4096
CARDS = ("text_notice", "news_notice")
LIMIT = Limit(name="robot_per_minute", count=20, seconds=60.0)


def send(
    site: Site,
    text: str,
    *,
    title: str = "",
    mention_users: Sequence[str] = (),
    mention_mobiles: Sequence[str] = (),
) -> Exchange[None]:
    """Post to the group: plain text, or Markdown where ``title`` is given; only text can mention people.

    :raises Misconfigured: the key is refused, or Markdown was to mention somebody.
    :raises RateLimited: more than 20 messages in a minute.
    """
    if title and (mention_users or mention_mobiles):
        raise exc.Misconfigured(
            "only plain text can mention people.",
            system=site.conn_id,
            field="title",
            remedy="Leave the title out, or nobody is mentioned.",
        )
    if title:
        content: dict[str, Any] = {"content": cut(f"**{title}**\n{text}", LONGEST_MARKDOWN)}
        yield from post(site, {"msgtype": "markdown", "markdown": content})
        return
    content = {"content": cut(text, LONGEST_TEXT)}
    if mention_users:
        content["mentioned_list"] = list(mention_users)
    if mention_mobiles:
        content["mentioned_mobile_list"] = list(mention_mobiles)
    yield from post(site, {"msgtype": "text", "text": content})


def send_card(site: Site, card: Mapping[str, Any]) -> Exchange[None]:
    """Post a template card; a robot has no interactive ones.

    :raises Misconfigured: the card is none of those that a robot can post.
    """
    if card.get("card_type") not in CARDS:
        raise exc.Misconfigured(
            f"a robot posts no card {card.get('card_type')!r}.",
            system=site.conn_id,
            field="card_type",
            remedy=f"Use one of: {', '.join(CARDS)}.",
        )
    yield from post(site, {"msgtype": "template_card", "template_card": dict(card)})


def post(site: Site, message: Mapping[str, Any]) -> Exchange[None]:
    """Post a message as WeCom writes it."""
    site = anonymous(site)
    request = with_hidden_query(site.request("POST", SEND, json=dict(message)), {"key": key(site)})
    # A robot that wrote too much says nothing about the calls that others make.
    request.extensions = {**request.extensions, "docflow_own_limit": (TOO_OFTEN,)}
    yield from call(site, request, writes=True)


def key(site: Site) -> str:
    """Return the robot's key.

    :raises Misconfigured: there is none, or it is the whole address.
    """
    found = str(site.required("robot_key")).strip()
    if "/" in found or "=" in found:
        raise exc.Misconfigured(
            "robot_key is the address of the robot.",
            system=site.conn_id,
            field="robot_key",
            remedy="Give only what stands behind key= in it.",
        )
    return found


def target(site: Site) -> str:
    """Name the robot without its key."""
    return f"wecom robot {hashlib.sha256(key(site).encode()).hexdigest()[:16]}"


def limit_of(site: Site) -> Limit:
    """Return how many messages the robot takes."""
    return replace(LIMIT, count=int(site.setting("robot_per_minute", LIMIT.count)))
