"""A wave in rounds: what was too late goes out in the next, what is unknown is asked for once it settled."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.ledger.requests import WriteOutcome, WriteRequest, is_unknown, wait_of

FIRST_PAUSE = 0.25
"""Seconds; doubled each round, because a system that fails at once may need to be left alone."""

Wave = Callable[[Sequence[WriteRequest]], list[WriteOutcome]]


class Rounds:
    """Runs a wave until nothing is left that another round could settle.

    :param wave: writes requests once; one outcome each, in order.
    :param patience: seconds that may be spent on waiting for unknown outcomes.
    """

    def __init__(self, wave: Wave, sleep: Callable[[float], None], patience: float) -> None:
        self.wave, self.sleep, self.patience = wave, sleep, patience
        self._down: exc.SystemDown | None = None

    def run(self, requests: Sequence[WriteRequest]) -> list[WriteOutcome]:
        """Return one outcome per request, in order.

        After a wave that met a system that is down, nothing of the next ones is even reserved.
        """
        if self._down is not None:
            return [_not_tried(request, self._down) for request in requests]
        outcomes = self.wave(requests)
        self._catch_up(requests, outcomes)
        self._settle(requests, outcomes)
        self._down = next((one.error for one in outcomes if isinstance(one.error, exc.SystemDown)), None)
        return outcomes

    def _catch_up(self, requests: Sequence[WriteRequest], outcomes: list[WriteOutcome]) -> None:
        """What a wave longer than its lease left unsent goes on, as long as each round gets some away."""
        before, late = len(requests), _late(outcomes)
        while late and len(late) < before:
            self._again(requests, outcomes, late)
            before, late = len(late), _late(outcomes)

    def _settle(self, requests: Sequence[WriteRequest], outcomes: list[WriteOutcome]) -> None:
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
            self._again(requests, outcomes, open_at)

    def _again(
        self, requests: Sequence[WriteRequest], outcomes: list[WriteOutcome], places: Sequence[int]
    ) -> None:
        for n, outcome in zip(places, self.wave([requests[n] for n in places]), strict=True):
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
