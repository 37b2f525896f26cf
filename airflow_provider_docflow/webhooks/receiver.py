"""From a delivery to events in the ledger, and what its sender is answered."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.redact import MASK, redact, redact_text
from airflow_provider_docflow.core.site import SHORTEST_SECRET, Site
from airflow_provider_docflow.core.webhooks import Answer, Delivery, Event, Opened, WebhookProfile
from airflow_provider_docflow.hooks.connections import site_of
from airflow_provider_docflow.hooks.docflow import DocflowHook
from airflow_provider_docflow.hooks.ledger import ledger_of
from airflow_provider_docflow.ledger import Ledger
from airflow_provider_docflow.ledger.deliveries import REMEMBERED, NewEvent
from airflow_provider_docflow.webhooks.settings import Settings
from airflow_provider_docflow.webhooks.telling import Notes

REFUSED = Answer(status=404, body=b"not found")
"""For an unknown address, a wrong signature and everything else that is not taken: nobody learns which."""

UNAVAILABLE = Answer(status=503, body=b"try again")
"""Nothing was kept; the sender tries again."""

KNOWN_SECONDS, FAILED_SECONDS = 30.0, 5.0
"""How long a connection's settings are used again, and a failure to read them."""

ANSWER_SECONDS = 5.0
"""Until a connection has been looked up."""

_LONGEST_ID, _LONGEST_KIND = 255, 120


@dataclass(frozen=True)
class _Known:
    site: Site
    hook: WebhookProfile
    ledger: Ledger


class Receiver:
    """Takes deliveries in; may be shared by threads.

    :param now: seconds since the epoch, against which signed times are held.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        now: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.settings, self._now, self.clock = settings, now, clock
        self._notes = Notes(clock)
        self._found: dict[str, tuple[_Known | Answer, float]] = {}
        self._locks = {conn_id: threading.Lock() for conn_id in settings.conn_ids}

    def knows(self, conn_id: str) -> bool:
        """Tell whether a connection has an address here; nothing is looked up."""
        return conn_id in self._locks

    def answer_seconds(self, conn_id: str) -> float:
        """Return how long the sender waits for an answer."""
        found = self._found.get(conn_id)
        return found[0].hook.answer_seconds if found and isinstance(found[0], _Known) else ANSWER_SECONDS

    def receive(self, conn_id: str, delivery: Delivery) -> Answer:
        """Verify a delivery, keep its events and return what the sender wants to hear; never raises."""
        if not self.knows(conn_id):
            return REFUSED
        known = self._look_up(conn_id)
        if isinstance(known, Answer):
            return known
        try:
            opened = known.hook.open(known.site, delivery, self._now())
        except exc.DocflowError as error:
            return self._refused(known.site, delivery, error)
        except Exception as error:
            # What a stranger sends must not be told from what was never sent, whatever it upsets.
            self._notes.warn(conn_id, "unreadable", type(error).__name__)
            return REFUSED
        try:
            self._keep(known, delivery, opened)
        except exc.LedgerError as error:
            self._notes.warn(conn_id, "ledger", redact_text(str(error)))
            return UNAVAILABLE
        except exc.DocflowError as error:
            return self._refused(known.site, delivery, error)
        except Exception as error:
            self._notes.warn(conn_id, "not kept", type(error).__name__)
            return UNAVAILABLE
        return opened.answer

    def _refused(self, site: Site, delivery: Delivery, error: exc.DocflowError) -> Answer:
        told = redact_text(site.conceal(f"{type(error).__name__}: {error}"))
        for value in (*delivery.query.values(), *delivery.headers.values()):
            if len(value) >= SHORTEST_SECRET:
                told = told.replace(value, MASK)
        self._notes.warn(site.conn_id, type(error).__name__, told)
        return REFUSED

    def _keep(self, known: _Known, delivery: Delivery, opened: Opened) -> None:
        conn_id, store = known.site.conn_id, known.ledger.deliveries
        key, content = opened.replay_key, _content_of(delivery)
        if not self._is_fresh(known.hook, opened) and not (key and store.came_before(conn_id, key, content)):
            raise exc.Authentication(
                "a delivery was signed too long ago, or its clock is wrong", system=conn_id
            )
        if key or opened.events:
            events = [_kept_as(conn_id, event) for event in opened.events]
            store.keep(conn_id, known.site.instance or conn_id, events, key=key, content=content)

    def _is_fresh(self, hook: WebhookProfile, opened: Opened) -> bool:
        # Older than what the ledger remembers, a repeat could not be told from a first delivery.
        oldest = min(hook.fresh_seconds, REMEMBERED.total_seconds() / 2)
        return opened.signed_at is None or abs(self._now() - opened.signed_at) <= oldest

    def _look_up(self, conn_id: str) -> _Known | Answer:
        found, lock = self._found.get(conn_id), self._locks[conn_id]
        if found is not None and (found[1] > self.clock() or lock.locked()):
            # While one looks it up anew, no other waits: the threads are everybody's.
            return found[0]
        with lock:
            found = self._found.get(conn_id)
            if found is None or found[1] <= self.clock():
                known = self._read(conn_id)
                seconds = KNOWN_SECONDS if isinstance(known, _Known) else FAILED_SECONDS
                found = self._found[conn_id] = (known, self.clock() + seconds)
            return found[0]

    def _read(self, conn_id: str) -> _Known | Answer:
        from airflow.sdk.exceptions import AirflowNotFoundException

        try:
            return self._known(conn_id)
        except (AirflowNotFoundException, exc.PermanentError) as error:
            self._notes.warn(conn_id, "connection", redact_text(str(error)))
            return REFUSED
        except Exception as error:
            known = isinstance(error, exc.DocflowError)
            self._notes.warn(conn_id, "look-up", redact_text(str(error)) if known else type(error).__name__)
            return UNAVAILABLE

    def _known(self, conn_id: str) -> _Known:
        site = site_of(DocflowHook.get_connection(conn_id))
        hook = hook_of(site)
        ledger = ledger_of(self.settings.ledger_conn_id, role="webhooks")
        return _Known(replace(site, instance=ledger.instances.bound_to(conn_id) or ""), hook, ledger)


def hook_of(site: Site) -> WebhookProfile:
    """Return how a connection's product delivers events.

    :raises Unsupported: it does not.
    :raises Misconfigured: the connection lacks a field without which nothing can be verified.
    """
    hook = site.profile.webhook
    if hook is None:
        raise exc.Unsupported(
            f"{site.profile.title} sends no events that are known here.",
            system=site.conn_id,
            remedy=f"Take {site.conn_id} out of [docflow] webhook_connections.",
        )
    for name in hook.needs:
        if not str(site.required(name)).strip():
            raise exc.Misconfigured(
                f"the field {name} of connection {site.conn_id} holds spaces alone.",
                system=site.conn_id,
                field=name,
                remedy=f"Fill in {name} of the connection {site.conn_id}.",
            )
    return hook


def _kept_as(conn_id: str, event: Event) -> NewEvent:
    if not event.id:
        raise exc.InvalidDocument("an event has no id.", system=conn_id, field="id")
    name = event.id if len(event.id) <= _LONGEST_ID else hashlib.sha256(event.id.encode()).hexdigest()
    payload: dict[str, Any] = {
        "conn_id": conn_id,
        "document_type": event.document_type,
        "internal_id": event.internal_id,
        "number": event.number,
        "happened_at": event.happened_at.isoformat() if event.happened_at else None,
        "detail": redact(dict(event.detail)),
    }
    return NewEvent(name, event.kind[:_LONGEST_KIND], payload)


def _content_of(delivery: Delivery) -> bytes:
    head = json.dumps([delivery.method, sorted(delivery.query.items())])
    return head.encode() + b"\n" + delivery.body
