"""
Messages of an application to people: text, Markdown and template cards; cards are changed and messages
recalled.

WeCom itself refuses the same JSON a second time within ``duplicate_check_seconds``, so a message that is sent
again after a lost reply reaches nobody twice. A message to several people goes out although some cannot be
reached; WeCom names those in lower case. Beyond 30 messages a minute a person gets none, and nobody is told.
Pages 90236, 94888 (update of a card), 94867 (recall).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.calls import dig
from airflow_provider_docflow.core.exchange import Exchange
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.systems.wecom.wire import api

SEND, UPDATE, RECALL = "message/send", "message/update_template_card", "message/recall"
MOST_RECEIVERS = 1000
LONGEST_TEXT = 2048
LONGEST_TASK_ID = 128
CARDS = ("text_notice", "news_notice", "button_interaction", "vote_interaction", "multiple_interaction")
INTERACTIVE = CARDS[2:]
DUPLICATE_SECONDS, LONGEST_DUPLICATE_SECONDS = 1800, 14_400


@dataclass(frozen=True, kw_only=True)
class Sent:
    """What WeCom took.

    :param id: by which the message may be recalled for 24 hours.
    :param unreached: those of the receivers who did not get it.
    :param response_code: by which an interactive card may be changed once within 72 hours.
    """

    id: str
    unreached: tuple[str, ...] = ()
    response_code: str = ""


def send(site: Site, users: Sequence[str], text: str, *, title: str = "") -> Exchange[Sent]:
    """Tell people something: plain text, or Markdown where ``title`` is given.

    What is longer than WeCom takes is cut visibly.

    :param users: at most 1000 user ids.
    :raises Rejected: nobody of them can be reached; the field is ``users``.
    """
    kind = "markdown" if title else "text"
    content = cut(f"**{title}**\n{text}" if title else text, LONGEST_TEXT)
    return (yield from _send(site, users, {"msgtype": kind, kind: {"content": content}}))


def send_card(site: Site, users: Sequence[str], card: Mapping[str, Any]) -> Exchange[Sent]:
    """Send a template card, as WeCom writes it.

    :param card: with ``card_type``; an interactive one needs a ``task_id`` of its own in the application.
    :raises Misconfigured: there is no such card, or the task's id is missing or too long.
    """
    kind, task_id = card.get("card_type"), str(card.get("task_id") or "")
    if kind not in CARDS:
        raise _wrong(site, f"there is no card {kind!r}.", "card_type", f"Use one of: {', '.join(CARDS)}.")
    if (kind in INTERACTIVE and not task_id) or len(task_id.encode()) > LONGEST_TASK_ID:
        raise _wrong(
            site,
            f"a {kind} needs a task_id of at most {LONGEST_TASK_ID} bytes.",
            "task_id",
            "Give each card an id of its own, such as the document's number and the node.",
        )
    return (yield from _send(site, users, {"msgtype": "template_card", "template_card": dict(card)}))


def update_card(
    site: Site, users: Sequence[str], response_code: str, change: Mapping[str, Any]
) -> Exchange[tuple[str, ...]]:
    """Change an interactive card that was sent, once; return whom the change did not reach.

    :param change: ``{"button": {"replace_name": …}}`` or ``{"template_card": {…}}``.
    """
    body = {
        "userids": list(users),
        "agentid": agent_id(site),
        "response_code": response_code,
        **change,
    }
    answer = yield from api(site, UPDATE, body, writes=True)
    return _those(users, dig(answer, "invaliduser"))


def recall(site: Site, message_id: str) -> Exchange[None]:
    """Take a message back within 24 hours."""
    yield from api(site, RECALL, {"msgid": message_id}, writes=True)


def agent_id(site: Site) -> int:
    """Return the application's id: a number, never text of it.

    :raises Misconfigured: there is none.
    """
    return int(site.required("agent_id"))


def cut(text: str, longest: int) -> str:
    """Return ``text`` in at most ``longest`` bytes, with a sign that it was cut."""
    if len(text.encode()) <= longest:
        return text
    return text.encode()[: longest - len("…".encode())].decode(errors="ignore") + "…"


def _send(site: Site, users: Sequence[str], message: Mapping[str, Any]) -> Exchange[Sent]:
    if not users or len(users) > MOST_RECEIVERS:
        raise _wrong(
            site,
            f"a message goes to 1 to {MOST_RECEIVERS} people, not {len(users)}.",
            "users",
            "Send it in parts, each with a key of its own.",
        )
    seconds = int(site.setting("duplicate_check_seconds", DUPLICATE_SECONDS))
    body = {
        "touser": "|".join(users),
        "agentid": agent_id(site),
        **message,
        "enable_duplicate_check": 1,
        "duplicate_check_interval": min(seconds, LONGEST_DUPLICATE_SECONDS),
    }
    answer = yield from api(site, SEND, body, writes=True)
    names = "|".join(str(dig(answer, name) or "") for name in ("invaliduser", "unlicenseduser"))
    return Sent(
        id=str(dig(answer, "msgid") or ""),
        unreached=_those(users, names),
        response_code=str(dig(answer, "response_code") or ""),
    )


def _those(users: Sequence[str], names: Any) -> tuple[str, ...]:
    """Return the users that WeCom names, as we write them; it writes them in lower case."""
    told = names if isinstance(names, list) else str(names or "").split("|")
    lowered = {str(name).lower() for name in told if name}
    found = tuple(user for user in users if user.lower() in lowered)
    return found + tuple(sorted(lowered - {user.lower() for user in found}))


def _wrong(site: Site, what: str, field: str, remedy: str) -> exc.Misconfigured:
    return exc.Misconfigured(what, system=site.conn_id, field=field, remedy=remedy)
