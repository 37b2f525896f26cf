"""SMS, chat and whatever else Apprise knows, through Airflow's Apprise provider."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.messages import Message
from airflow_provider_docflow.core.profile import Limit
from airflow_provider_docflow.core.shadow import refused
from airflow_provider_docflow.hooks.messengers import APPRISE, Answers
from airflow_provider_docflow.hooks.modes import shadow_everywhere
from airflow_provider_docflow.ledger.keys import digest_of

log = logging.getLogger(__name__)

# At DEBUG they log the addresses that they call, and these are all that protects a robot.
for _name in (APPRISE, "urllib3.connectionpool"):
    if logging.getLogger(_name).level == logging.NOTSET:
        logging.getLogger(_name).setLevel(logging.INFO)


class Services:
    """The services that a connection of type ``apprise`` configures, as one group.

    Apprise says only whether all of them took a message. After a failure some may have: it is not sent there
    again.

    :param tag: which of the connection's services.
    :raises Misconfigured: Apprise is not installed, or the connection configures no service of that tag.
    """

    kind = APPRISE
    receivers: tuple[str, ...] = ("",)
    limit: Limit | None = None

    def __init__(self, conn_id: str, tag: str) -> None:
        self._conn_id, self._tag = conn_id, tag
        self._services, config = _configured(conn_id)
        if not list(self._services.find(tag=tag)):
            raise _wrong(conn_id, f"it has no service of the tag {tag!r}")
        digest = digest_of("docflow apprise 1", json.dumps(config, sort_keys=True), tag)
        self.target = f"{APPRISE}:{digest[:24]}"

    def send(self, messages: Sequence[Message], not_after: float) -> Answers:
        """Tell the services one message after the other; see :class:`Messenger`.

        :raises ShadowOnly: the deployment runs in shadow; no door stands before these services.
        """
        if shadow_everywhere():
            raise refused("a message", self._conn_id)
        return [self._send(one, not_after) for one in messages]

    def _send(self, one: Message, not_after: float) -> exc.DocflowError | None:
        if time.monotonic() > not_after:
            return exc.LeaseLost("the time to send this message is over; nothing was sent.")
        if self._services.notify(body=one.text, title=one.title, tag=self._tag):
            return None
        return exc.UnknownOutcome(
            "a service did not take the message; others of the connection may have.",
            system=self._conn_id,
            code="apprise.failed",
            remedy=f"Look at the task's log and at the services of the connection {self._conn_id}.",
        )


def _configured(conn_id: str) -> tuple[Any, Any]:
    try:
        import apprise
        from airflow.providers.apprise.hooks.apprise import AppriseHook
    except ImportError:
        raise exc.Misconfigured(
            "this channel needs Airflow's Apprise provider.",
            field="channels",
            remedy="pip install 'airflow-provider-docflow[apprise]'.",
        ) from None
    hook, services = AppriseHook(conn_id), apprise.Apprise()
    connection = hook.get_connection(conn_id)
    try:
        config = hook.get_config_from_conn(connection)
        with _unheard() as failed:
            hook.set_config_from_conn(connection, services)
    except (KeyError, TypeError, ValueError) as error:
        # The addresses hold secrets; what is wrong with them is told without their text.
        raise _wrong(conn_id, f"its config cannot be read ({type(error).__name__})") from None
    if failed:
        log.warning("Connection %s: %d service addresses cannot be understood", conn_id, len(failed))
    return services, config


@contextmanager
def _unheard() -> Iterator[list[int]]:
    """Keep Apprise from logging addresses that it does not understand, whole and with their secrets.

    :returns: grows with every failure.
    """
    failed: list[int] = []

    def unheard(record: logging.LogRecord) -> bool:
        if record.levelno >= logging.ERROR:
            failed.append(record.levelno)
        return False

    logger = logging.getLogger(APPRISE)
    logger.addFilter(unheard)
    try:
        yield failed
    finally:
        logger.removeFilter(unheard)


def _wrong(conn_id: str, why: str) -> exc.Misconfigured:
    return exc.Misconfigured(
        f"the connection {conn_id} reaches nobody: {why}.",
        system=conn_id,
        field="apprise_conn_id",
        remedy='Give it the extra {"config": {"path": "<address of the service>", "tag": "all"}}.',
    )
