"""What ``airflow.cfg`` says about webhooks."""

from __future__ import annotations

from dataclasses import dataclass, field

from airflow_provider_docflow.exceptions import Misconfigured
from airflow_provider_docflow.hooks.ledger import DEFAULT_CONN_ID

PREFIX = "/webhooks"
"""Where the addresses begin; the name of the connection follows."""

RATE = 50.0
"""Deliveries per second; several times of it may come at once."""


@dataclass(frozen=True)
class Settings:
    """How events are received.

    :param conn_ids: the connections that have an address here; every other one is answered without a look-up.
    :param rate: deliveries per second of one connection, and of one peer.
    """

    conn_ids: frozenset[str] = field(default_factory=frozenset)
    rate: float = RATE
    ledger_conn_id: str = DEFAULT_CONN_ID


def settings(ledger_conn_id: str = "") -> Settings:
    """Read the settings.

    :param ledger_conn_id: another ledger than the one that ``[docflow] ledger_conn_id`` names.
    :raises Misconfigured: the rate is no rate.
    """
    from airflow.sdk import conf

    named = conf.get("docflow", "webhook_connections", fallback="").split(",")
    rate = conf.getfloat("docflow", "webhook_rate", fallback=RATE)
    if not rate > 0:
        raise Misconfigured(
            f"{rate:g} deliveries per second are none.",
            field="webhook_rate",
            remedy=f"Set [docflow] webhook_rate to {RATE:g}.",
        )
    ledger = ledger_conn_id or conf.get("docflow", "ledger_conn_id", fallback=DEFAULT_CONN_ID)
    return Settings(frozenset(name.strip() for name in named if name.strip()), rate, ledger)


def in_api_server() -> bool:
    """Tell whether Airflow's API server receives events, too."""
    from airflow.sdk import conf

    return bool(conf.getboolean("docflow", "webhooks_in_api_server", fallback=False))
