"""
Tells people that a system is down: once per outage, channel and person, whoever noticed it first.

``[docflow] outage_notify`` says whom: JSON with ``channels`` and what each of them needs, named as in
:class:`~airflow_provider_docflow.operators.notify.NotifyOperator`. Every channel named gets the message.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.ledger.health import Health

log = logging.getLogger(__name__)

TEXT, TITLE = "notice.outage", "notice.outage_title"
WRITES_TEXT, WRITES_TITLE = "notice.writes_failing", "notice.writes_failing_title"
_NAMES = frozenset(
    {"channels", "docflow_conn_id", "smtp_conn_id", "apprise_conn_id", "users", "mails", "tag", "language"}
)


def announce(ledger: Any, site: Site, known: Health) -> None:
    """Tell people of an outage; a channel that fails is logged, for work must not fail by it."""
    try:
        settings = configured()
        if settings:
            _tell(ledger, site, known, settings)
    except Exception as problem:
        log.warning("Nobody could be told that %s is down: %s", site.conn_id, problem)


def configured() -> Mapping[str, Any]:
    """Return ``[docflow] outage_notify``; empty when nobody is to be told.

    :raises Misconfigured: it is no JSON object of the names that it may have.
    """
    from airflow.sdk import conf

    given = conf.get("docflow", "outage_notify", fallback="")
    try:
        found = json.loads(given) if given.strip() else {}
    except ValueError:
        found = None
    if not isinstance(found, dict) or found.keys() - _NAMES or (found and not found.get("channels")):
        raise exc.Misconfigured(
            "[docflow] outage_notify does not say whom to tell.",
            field="outage_notify",
            remedy='Write {"channels": ["email"], "mails": ["it@example.com"]}; '
            f"it may name {', '.join(sorted(_NAMES))}.",
        )
    return found


def _tell(ledger: Any, site: Site, known: Health, settings: Mapping[str, Any]) -> None:
    from airflow_provider_docflow.hooks.docflow import DocflowHook
    from airflow_provider_docflow.hooks.messengers import Reached, messengers
    from airflow_provider_docflow.hooks.system import System
    from airflow_provider_docflow.hooks.telling import tell_once

    opened: list[System] = []

    def system_of(conn_id: str) -> System:
        hook = DocflowHook(conn_id)
        hook.ledger = ledger
        opened.append(hook.system)
        return hook.system

    reached = Reached(**{name: settings[name] for name in settings.keys() - {"channels", "language"}})
    channels = messengers(settings["channels"], system_of, reached)
    said, title = _words(site, known, settings)
    try:
        for channel in channels:
            try:
                # One channel after the other, each by itself: what one of them cannot, another can.
                tell_once(ledger, [channel], said, title=title, occasion=("outage", known.outage))
            except Exception as error:
                log.warning("A channel could not tell that %s is down: %s", site.conn_id, error)
    finally:
        for system in opened:
            system.close()


def _words(site: Site, known: Health, settings: Mapping[str, Any]) -> tuple[str, str]:
    from airflow_provider_docflow.hooks.wording import configured_language
    from airflow_provider_docflow.locale import text

    language = str(settings.get("language") or configured_language())
    names = {
        "system": site.profile.title,
        "instance": known.instance_id,
        "connection": site.conn_id,
        "since": f"{known.since:%Y-%m-%d %H:%M} UTC",
        "reason": known.cause,
        "incident": known.incident or "",
    }
    said, title = (TEXT, TITLE) if known.whole else (WRITES_TEXT, WRITES_TITLE)
    return text(said, language, **names), text(title, language, **names)
