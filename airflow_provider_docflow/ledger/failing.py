"""What failed in one step of a wave, told to the ledger in few statements."""

from __future__ import annotations

from typing import Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.ledger.requests import Work
from airflow_provider_docflow.ledger.troubles import Troubles


class Failures:
    """Collects works that came to nothing, and accounts for them all at once.

    A process that dies before :meth:`account` leaves them as they were: what was sent is probed by the next.
    """

    def __init__(self, ledger: Any, troubles: Troubles) -> None:
        self.ledger, self.troubles = ledger, troubles
        self._free: list[Work] = []
        self._refused: list[tuple[Work, exc.DocflowError]] = []
        self._lost: dict[str, list[Work]] = {}

    def free(self, work: Work, error: exc.DocflowError) -> None:
        """It provably did not land, and may be tried again."""
        self._free.append(work)
        work.fail(error)

    def refuse(self, work: Work, error: exc.DocflowError) -> None:
        """Somebody said no for good."""
        # A batch shares one error object, and each document has an incident of its own.
        self._refused.append((work, type(error)(error.message, **error.attrs())))

    def lose(self, work: Work, reason: str, error: exc.UnknownOutcome) -> None:
        """Nobody knows whether it landed."""
        self._lost.setdefault(reason, []).append(work)
        work.fail(error)

    def account(self, settle_seconds: float) -> None:
        """Tell the ledger.

        :param settle_seconds: within which what was left under way lands, or never.
        """
        intents = self.ledger.intents
        intents.release([work.pair for work in self._free])
        for reason, works in self._lost.items():
            intents.set_unknown([work.pair for work in works], reason, settle_seconds=settle_seconds)
        self.troubles.refused([(work.request, work.pair, error) for work, error in self._refused])
        for work, error in self._refused:
            work.fail(error)
