"""A wave in rounds: what was too late goes out in the next, what is unknown is asked for once it settled."""

from __future__ import annotations

from collections.abc import Callable, Sequence

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

    def run(self, requests: Sequence[WriteRequest]) -> list[WriteOutcome]:
        """Return one outcome per request, in order."""
        outcomes = self.wave(requests)
        self._catch_up(requests, outcomes)
        self._settle(requests, outcomes)
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


def _late(outcomes: Sequence[WriteOutcome]) -> list[int]:
    return [n for n, outcome in enumerate(outcomes) if isinstance(outcome.error, exc.LeaseLost)]
