"""The ERP is off while thousands of documents arrive; it is killed for good and started anew."""

from __future__ import annotations

import time
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from airflow_provider_docflow.ledger import Ledger
from airflow_provider_docflow.ledger.health import SYSTEM_DOWN
from airflow_provider_docflow.ledger.ramp import Pace
from airflow_provider_docflow.sandbox import Sandbox
from tests.outages.conftest import Town
from tests.outages.storm import INSTANCE, Place, Worker, enter
from tests.rigs.processes import free_port

DOCUMENTS, BATCH, WORKERS = 5000, 250, 2
PACE = Pace(threshold=5, probe_seconds=0.5, ramp_start=16, ramp_seconds=1.0, ramp_periods=5)
ORDERS = "/erp/purchase_order"
RAMPED = 600
"""So many requests after the restart tell of the whole ramp; to read all that came in would take long."""


def test_an_outage_in_the_middle_of_5000_documents(tmp_path: Path, town: Town) -> None:
    env = {**town.environment(), **_settings(PACE)}
    with Sandbox(tmp_path / "erp", free_port(), own_process=True) as erp:
        place = Place(str(tmp_path), erp.base_url)
        enter(place, DOCUMENTS)
        ledger = place.ledger()
        ledger.instances.bind("erp", INSTANCE, "example_erp")
        workers = [Worker(place, f"worker-{n}", _share(n), env) for n in range(WORKERS)]
        _until(lambda: erp.count(ORDERS, method="POST") >= DOCUMENTS // 10)
        seen = erp.count("*")
        erp.kill()
        _until(lambda: _failures(ledger) >= PACE.threshold + 4)
        _until(lambda: ledger.parking.waiting().get(INSTANCE, 0) >= DOCUMENTS // BATCH * 3 // 4)
        (open_now,) = ledger.incidents.search(status="open")
        off_until = time.time()
        erp.start()
        _until(lambda: erp.count("*", since=seen) >= RAMPED)
        journal = erp.requests("*", since=seen)
        told = [worker.told() for worker in workers]
        orders = erp.call("GET", "erp/purchase_order")["documents"]
    assert len(orders) == DOCUMENTS
    assert set(Counter(order["reference"] for order in orders).values()) == {1}
    assert open_now.code == SYSTEM_DOWN
    assert [(one.id, one.status) for one in ledger.incidents.search(status="")] == [(open_now.id, "closed")]
    assert len(town.posted()) == 1 and "502" not in town.posted()[0]
    assert len(town.mailed()) == 1
    assert all(one["retried"] == 0 and one["parked"] > 0 for one in told), told
    _keeps_to_the_ramp(_after(off_until, journal))
    ledger.close()


def _settings(pace: Pace) -> dict[str, str]:
    names = {
        "OUTAGE_THRESHOLD": pace.threshold,
        "OUTAGE_PROBE_SECONDS": pace.probe_seconds,
        "RAMP_START": pace.ramp_start,
        "RAMP_SECONDS": pace.ramp_seconds,
        "RAMP_PERIODS": pace.ramp_periods,
    }
    return {f"AIRFLOW__DOCFLOW__{name}": str(value) for name, value in names.items()}


def _share(worker: int) -> list[tuple[int, int]]:
    starts = range(1 + worker * BATCH, DOCUMENTS + 1, WORKERS * BATCH)
    return [(start, start + BATCH) for start in starts]


def _failures(ledger: Ledger) -> int:
    known = ledger.health.get(INSTANCE)
    return known.failures if known else 0


def _until(true: Callable[[], bool], seconds: float = 240) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.05)


def _after(moment: float, journal: list[dict[str, Any]]) -> list[float]:
    """Return when requests came in after the first one, which asked whether anybody is there.

    In seconds from the second, until which the pace cannot have risen by more than one level.
    """
    _, start, *others = [one["at"] / 1000 for one in journal if one["at"] / 1000 >= moment]
    return [0.0, *(other - start for other in others)]


def _keeps_to_the_ramp(moments: list[float]) -> None:
    """No second sees more requests than are allowed by then, and none before it was granted."""
    granted, levels = 0.0, range(1, PACE.ramp_periods)
    in_ramp = [moment for moment in moments if moment < len(levels) * PACE.ramp_seconds]
    assert len(in_ramp) > 10, "the work went on during the ramp"
    for level in levels:
        granted += PACE.granted(level) * PACE.ramp_seconds + 1
        assert bisect_right(in_ramp, level * PACE.ramp_seconds) <= granted, (level, in_ramp)
    for place, moment in enumerate(in_ramp):
        level = 1 + int(moment // PACE.ramp_seconds)
        within = place + 1 - bisect_right(in_ramp, moment - 1.0)
        assert within <= PACE.allowance(level), (moment, within)
