"""
Telling people, once per document, occasion, person and channel, even if the task runs again.

No channel can be asked whether a message has arrived. What may have gone out is therefore not sent there
again; the next channel is tried instead. A message that was refused, or never went out, may be sent by the
next run.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.messages import Message
from airflow_provider_docflow.core.paging import chunks
from airflow_provider_docflow.document import DocumentRef
from airflow_provider_docflow.hooks.handles import Outcome
from airflow_provider_docflow.hooks.messengers import Messenger
from airflow_provider_docflow.hooks.notes import Note, outcome_of, wait_out_limits
from airflow_provider_docflow.hooks.telling import LEASE_SECONDS, at_once, granted
from airflow_provider_docflow.hooks.wording import Wording
from airflow_provider_docflow.ledger.keys import IntentKey, IntentRequest, Receipt, Reservation, digest_of

WAVE = 20
LONGEST_NODE = 80


@dataclass
class _Work:
    """A note for one receiver through one channel."""

    note: Note
    receiver: str
    request: IntentRequest
    reservation: Reservation | None = None

    @property
    def pair(self) -> tuple[int, str]:
        assert self.reservation is not None
        return self.reservation.intent_id, self.reservation.lease_token


class Notifying:
    """Tells people about documents."""

    def __init__(
        self, ledger: Any, wording: Wording, *, actor: str, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self.ledger, self.wording, self.actor, self.sleep = ledger, wording, actor, sleep

    def notify(
        self, outcomes: Sequence[Outcome], channels: Sequence[Callable[[], Messenger]], *, node: str = ""
    ) -> list[Outcome]:
        """Tell about every document through the first channel that takes it; one outcome each, in order.

        :param node: the occasion; the same document is told again on another occasion only.
        :raises HeldError: messages wait for a limit; the others were sent. Call again later.
        :raises Misconfigured: the occasion is too long.
        :raises LedgerError: without the ledger nothing is sent.
        """
        if len(node) > LONGEST_NODE:
            raise exc.Misconfigured(
                f"an occasion has at most {LONGEST_NODE} characters.", field="node", remedy="Shorten it."
            )
        notes = [self.note(outcome, node) for outcome in outcomes]
        leaders = {(one.ref.identity, one.outcome.part, one.node): one for one in notes if one}
        for position, channel in enumerate(channels, 1):
            pending = [one for one in leaders.values() if one.status is None and one.wait is None]
            if pending:
                self._through(channel, pending)
                if position == len(channels):
                    wait_out_limits(pending)
        self._raise_waits(leaders.values())
        told = [leaders[one.ref.identity, one.outcome.part, one.node] if one else None for one in notes]
        return [outcome_of(outcome, one) for outcome, one in zip(outcomes, told, strict=True)]

    def note(self, outcome: Outcome, node: str) -> Note | None:
        """Return the note about a document; None if nobody knows which document it is."""
        ref = outcome.handle.ref if outcome.handle else self._ref(outcome.source)
        return Note(outcome, ref, node or self.wording.code_for(outcome)) if ref else None

    def _ref(self, number: str) -> DocumentRef | None:
        found = self.ledger.documents.find(number)
        return found[0].ref if len(found) == 1 else None

    def _raise_waits(self, notes: Iterable[Note]) -> None:
        waits = [note.wait for note in notes if note.wait is not None]
        if waits:
            raise exc.QuotaExhausted(
                f"{len(waits)} messages wait for the channel.",
                retry_after=max(waits),
                remedy="Nothing: they go out when the task comes back. digest=True needs one message.",
            )

    def _through(self, channel: Callable[[], Messenger], notes: Sequence[Note]) -> None:
        try:
            messenger = channel()
        except exc.LedgerError:
            raise
        except exc.DocflowError as error:
            for note in notes:
                note.error = error
            return
        size = len(notes) if self.wording.digest else WAVE
        if (most := at_once(messenger)) and not self.wording.digest:
            size = min(size, most)
        for wave in chunks(notes, size):
            self._wave(messenger, wave)
            waits = [note.wait for note in wave if note.wait is not None]
            if waits:
                for note in notes:
                    note.wait = max(waits) if note.status is None and note.error is None else note.wait
                return

    def _wave(self, messenger: Messenger, notes: Sequence[Note]) -> None:
        for note in notes:
            note.error = None
        works = [self.work(messenger, note, who) for note in notes for who in messenger.receivers]
        reserved = self.ledger.intents.reserve(
            [work.request for work in works], owner=self.actor, lease_seconds=LEASE_SECONDS
        )
        fresh = []
        for work, reservation in zip(works, reserved, strict=True):
            work.reservation = reservation
            if reservation.status == "fresh":
                fresh.append(work)
            else:
                self._not_now(work)
        sent = self._send(messenger, self._groups(fresh)) if fresh else set()
        for note in notes:
            if note.error is None and note.wait is None:
                note.status = "notified" if id(note) in sent else "existing"

    def work(self, messenger: Messenger, note: Note, receiver: str) -> _Work:
        """Return a note for one receiver, with the key under which it is told once."""
        ref = note.ref
        purpose = f"notify:{messenger.kind}:{note.node}"
        key = IntentKey(
            target_instance=messenger.target,
            target_type=str(ref.document_type),
            source_instance=ref.instance,
            source_type=str(ref.document_type),
            source_number=ref.internal_id,
            company_code=ref.company_code,
            part="|".join(name for name in (receiver, note.outcome.part) if name),
            purpose=purpose,
        )
        reference = ref.number or ref.internal_id
        payload = {"ref": ref.to_json(), "arguments": {"receiver": receiver}, "reference": reference}
        # The occasion decides, not the words: other words are no reason to tell it again.
        return _Work(
            note,
            receiver,
            IntentRequest(key, digest_of("docflow notice 1", purpose), payload, actor=self.actor),
        )

    def _not_now(self, work: _Work) -> None:
        """The message went out before, may have, or is going out now."""
        reservation, note = work.reservation, work.note
        assert reservation is not None
        if reservation.status == "busy":
            until = reservation.lease_until
            note.wait = max(1.0, (until - self._now()).total_seconds()) if until else 5.0
        elif reservation.status != "done":
            if reservation.status == "resume":
                self.ledger.intents.release([work.pair])
            note.error = exc.UnknownOutcome(
                "an earlier message may have arrived; it is not sent there again.",
                document=note.outcome.source,
                code="notice.unknown",
                remedy="Ask the receiver, or name another channel.",
            )

    def _groups(self, works: Sequence[_Work]) -> list[list[_Work]]:
        """Return which works go into one message."""
        if not self.wording.digest:
            return [[work] for work in works]
        groups: dict[str, list[_Work]] = {}
        for work in works:
            groups.setdefault(work.receiver, []).append(work)
        return list(groups.values())

    def _send(self, messenger: Messenger, groups: Sequence[list[_Work]]) -> set[int]:
        """Send one message per group; return which notes went out now."""
        sent: set[int] = set()
        for some in chunks(groups, at_once(messenger) or max(1, len(groups))):
            sent |= self._portion(messenger, some)
        return sent

    def _portion(self, messenger: Messenger, groups: Sequence[list[_Work]]) -> set[int]:
        works = [work for group in groups for work in group]
        try:
            messages = [self._message(group) for group in groups]
            wait = granted(self.ledger, messenger, len(groups))
        except exc.DocflowError as error:
            self.ledger.intents.release([work.pair for work in works])
            if not isinstance(error, exc.RateLimited):
                raise
            for work in works:
                work.note.wait = error.retry_after
            return set()
        self.sleep(wait)
        not_after = time.monotonic() + LEASE_SECONDS / 2
        won = self.ledger.intents.begin_sending(
            [work.pair for work in works], deadline_seconds=LEASE_SECONDS / 2, settle_seconds=0.0
        )
        ready = [
            (group, message)
            for group, message in zip(groups, messages, strict=True)
            if all(work.pair[0] in won for work in group)
        ]
        left = [work.pair for group in groups for work in group if all(group is not one for one, _ in ready)]
        self.ledger.intents.release(left)
        answers = messenger.send([message for _, message in ready], not_after)
        return self._account(messenger, [group for group, _ in ready], answers)

    def _message(self, group: Sequence[_Work]) -> Message:
        first = group[0]
        if self.wording.digest:
            said = self.wording.many([work.note.outcome for work in group])
        else:
            said = self.wording.one(first.note.outcome, **self._decided(first.note.ref))
        mark = first.request.key.token()
        return Message(first.receiver, said, self.wording.title, mark)

    def _decided(self, ref: DocumentRef) -> dict[str, str]:
        decisions = self.ledger.decisions.of(ref)
        return {"by": decisions[-1].approver} if decisions else {}

    def _account(
        self, messenger: Messenger, groups: Sequence[list[_Work]], answers: Sequence[exc.DocflowError | None]
    ) -> set[int]:
        landed: list[_Work] = []
        lost: list[_Work] = []
        free: list[_Work] = []
        for group, error in zip(groups, answers, strict=True):
            for work in group:
                if error is None:
                    landed.append(work)
                    continue
                (lost if error.landed == "unknown" else free).append(work)
                work.note.error = type(error)(error.message, **error.attrs())
        receipts = [
            (
                *work.pair,
                Receipt(work.note.ref, {}, work.request.content_hash, self._now(), _how(messenger, work)),
            )
            for work in landed
        ]
        self.ledger.intents.set_receipts(receipts)
        self.ledger.intents.set_unknown(
            [work.pair for work in lost], "the reply was lost", settle_seconds=0.0
        )
        self.ledger.intents.release([work.pair for work in free])
        return {id(work.note) for work in landed}

    def _now(self) -> datetime:
        now: datetime = self.ledger.now()
        return now


def _how(messenger: Messenger, work: _Work) -> dict[str, str]:
    return {"channel": messenger.kind, "receiver": work.receiver, "node": work.note.node}
