"""Intents: every write has one row, one key, one lease at a time and, in the end, one receipt."""

from __future__ import annotations

from airflow_provider_docflow.ledger.intents.finding import Finding, IntentRow
from airflow_provider_docflow.ledger.intents.people import Deciding
from airflow_provider_docflow.ledger.intents.reserving import Reserving
from airflow_provider_docflow.ledger.keys import IntentKey, IntentRequest, LineUse, Receipt, Reservation

__all__ = ["IntentKey", "IntentRequest", "IntentRow", "Intents", "LineUse", "Receipt", "Reservation"]


class Intents(Reserving, Deciding, Finding):
    """The write-once protocol's memory. Lists in, lists out in the same order, one transaction each.

    A row is ``reserved`` (never sent, or provably not landed), ``sending``, ``unknown`` (it may have landed),
    ``done`` (it has a receipt) or ``held`` (a person decides).
    """
