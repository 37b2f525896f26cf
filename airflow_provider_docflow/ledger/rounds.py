"""A wave in rounds: what was too late goes out in the next, what is unknown is asked for once it settled."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.ledger.requests import WriteOutcome, WriteRequest, is_unknown, wait_of

FIRST_PAUSE = 0.25
"""Seconds; doubled each round, because a system that fails at once may need to be left alone."""

Write = Callable[[Sequence[WriteRequest]], list[WriteOutcome]]
"""Writes requests once; one outcome each, in order."""


class Rounds:
    """Repeats waves until nothing is left that another round could settle; shared by the lanes of a batch.

    :param patience: seconds that each wave may spend on waiting for unknown outcomes.
    :ivar down: set once a wave has met a system that is down; nothing of the next ones is even reserved.
    """

    def __init__(self, sleep: Callable[[float], None], patience: float) -> None:
        self.sleep, self.patience = sleep, patience
        self.down: exc.SystemDown | None = None

    def settled(
        self, requests: Sequence[WriteRequest], outcomes: list[WriteOutcome], write: Write
    ) -> list[WriteOutcome]:
        """Return one outcome per request, in order.

        :param outcomes: of the first round.
        :param write: makes another one.
        """
        self._catch_up(requests, outcomes, write)
        self._settle(requests, outcomes, write)
        found = next((one.error for one in outcomes if isinstance(one.error, exc.SystemDown)), None)
        self.down = found or self.down
        return outcomes

    def not_tried(self, requests: Sequence[WriteRequest]) -> list[WriteOutcome]:
        """Return the outcomes of what is left alone, because the system is down."""
        assert self.down is not None
        return [_not_tried(request, self.down) for request in requests]

    def _catch_up(self, requests: Sequence[WriteRequest], outcomes: list[WriteOutcome], write: Write) -> None:
        """What a wave longer than its lease left unsent goes on, as long as each round gets some away."""
        before, late = len(requests), _late(outcomes)
        while late and len(late) < before:
            _again(requests, outcomes, late, write)
            before, late = len(late), _late(outcomes)

    def _settle(self, requests: Sequence[WriteRequest], outcomes: list[WriteOutcome], write: Write) -> None:
        left, pause = self.patience, FIRST_PAUSE
        while left > 0:
            open_at = [n for n, outcome in enumerate(outcomes) if is_unknown(outcome)]
            if not open_at:
                return
            wait = max(pause, *(wait_of(outcomes[n]) for n in open_at))
            if wait > left:
                return
            pause *= 2
            self.sleep(wait)
            left -= wait
            _again(requests, outcomes, open_at, write)


def _again(
    requests: Sequence[WriteRequest], outcomes: list[WriteOutcome], places: Sequence[int], write: Write
) -> None:
    for n, outcome in zip(places, write([requests[n] for n in places]), strict=True):
        outcomes[n] = outcome


def oldest_first(places: Sequence[int], requests: Sequence[WriteRequest]) -> list[int]:
    """Return which requests go first: those whose document is due first, or was issued first."""
    return sorted(places, key=lambda place: _day(requests[place]))


def _day(request: WriteRequest) -> date:
    document = request.document
    return (document.due_date or document.issue_date) if document is not None else date.max


def _not_tried(request: WriteRequest, down: exc.SystemDown) -> WriteOutcome:
    told = {**down.attrs(), "document": request.reference or request.key.source_number}
    return WriteOutcome(request=request, status="failed", error=exc.SystemDown(down.message, **told))


def _late(outcomes: Sequence[WriteOutcome]) -> list[int]:
    return [n for n, outcome in enumerate(outcomes) if isinstance(outcome.error, exc.LeaseLost)]
