"""``airflow docflow limits``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC
from pathlib import Path

import pytest

from airflow_provider_docflow import systems
from airflow_provider_docflow.core.limits import buckets_of, quotas_of
from airflow_provider_docflow.core.profile import Limit
from airflow_provider_docflow.hooks.ledger import ledger_of
from airflow_provider_docflow.ledger import Ledger
from airflow_provider_docflow.ledger.buckets import Payer
from tests.cli.conftest import Shell, shell
from tests.limits.stand import INSTANCE, profile
from tests.rigs.ledgers import new_ledger
from tests.rigs.own_ledgers import own_ledgers

__all__ = ["shell"]

LIMITS = (Limit(name="calls", count=20, seconds=1.0), Limit(name="daily", count=10, seconds=86_400.0))


@pytest.fixture
def known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ledger]:
    """The ledger behind the connection, and the connection ``limited``."""
    monkeypatch.setitem(systems._registered, "limited", profile(*LIMITS))
    monkeypatch.setitem(systems._registered, "unlimited", profile())
    where = {"conn_type": "sqlite", "host": str(tmp_path / "ledger.sqlite")}
    new_ledger(tmp_path / "ledger.sqlite")
    monkeypatch.setenv("AIRFLOW_CONN_DOCFLOW_LEDGER", json.dumps(where))
    for name in ("limited", "unlimited"):
        there = {"conn_type": f"docflow_{name}", "host": "http://127.0.0.1:9"}
        monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}", json.dumps(there))
    with own_ledgers():
        yield ledger_of()


def test_limits_shows_what_is_used_without_calling_the_system(known: Ledger, shell: Shell) -> None:
    rows = shell("limits", "limited", "--json").data
    assert [(row["limit"], row["calls"], row["per"], row["used"], row["left"]) for row in rows] == [
        ("calls", 20, "1 s", 0, 3),
        ("daily", 10, _today(known), 0, 10),
    ]
    known.instances.bind("limited", INSTANCE, "limited")
    buckets, quotas = buckets_of(LIMITS), quotas_of(LIMITS)
    known.budgets.draw(Payer(INSTANCE), 10, buckets=(), quotas=quotas, max_wait=0)
    known.budgets.shut(Payer(INSTANCE), 3600)
    rows = shell("limits", "limited", "--json").data
    assert [row["left"] for row in rows[1:]] == [0, 0]
    assert rows[1]["used"] == 10 and 0 < rows[1]["next call in (s)"] <= 86_400
    assert rows[2]["limit"] == "it asked to be left alone" and rows[2]["next call in (s)"] > 3500
    assert len(buckets) == 1
    told = shell("limits", "limited")
    assert told.code == 0 and "it asked to be left alone" in told.out


def _today(ledger: Ledger) -> str:
    return ledger.now().astimezone(UTC).strftime("%Y-%m-%d")


def test_limits_says_where_none_are_known(known: Ledger, shell: Shell) -> None:
    told = shell("limits", "unlimited")
    assert told.code == 0 and "no limits are known for unlimited" in told.out
