"""Any crash points, any faults, any order of them: never two, and never lost without an incident."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, event, example, given, settings
from hypothesis import strategies as st

from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.document import DocumentType, content_hash
from airflow_provider_docflow.ledger import Ledger
from airflow_provider_docflow.ledger.keys import IntentKey
from airflow_provider_docflow.ledger.requests import WriteOutcome, WriteRequest
from tests.proof.cases import failure_case
from tests.proof.model import FAULTS, Remote
from tests.proof.traps import SimulatedDeath, Trap, watch_ledger
from tests.proof.world import KEY, PROFILES, Clock, WatchedSystem, requisition

DOCUMENT = requisition("PR-1", document_type=DocumentType.PURCHASE_ORDER)
IDENTITY: dict[str, str] = {
    "target_instance": "erp-1",
    "target_type": "purchase_order",
    "source_instance": "oa-1",
    "source_type": "purchase_requisition",
    "source_number": "PR-1",
    "company_code": "C1",
}
# Within the settle time that the profile declares (1 s), or there is no promise to keep.
SECONDS = st.floats(0.0, 0.9)
FAULT = st.tuples(st.sampled_from(FAULTS), SECONDS)


@dataclass(frozen=True)
class Run:
    """One process.

    :param dies_at: the moment of its death, counted over all moments; None lives on.
    :param faults: of the requests that it makes.
    :param waits: seconds until the next process starts.
    :param act: what a person does after it.
    :param patience: seconds that it waits itself for an unknown outcome; Airflow's retry does the rest.
    """

    dies_at: int | None
    patience: float
    faults: list[tuple[str, float]]
    waits: float
    act: str


RUNS = st.lists(
    st.builds(
        Run,
        dies_at=st.none() | st.integers(1, 40),
        patience=st.sampled_from([0.0, 300.0]),
        faults=st.lists(FAULT, max_size=6),
        waits=st.sampled_from([0.0, 1.0, 60.0, 200.0]),
        act=st.sampled_from(["", "", "", "cancel", "copy", "back to draft"]),
    ),
    min_size=1,
    max_size=4,
)


class Scene:
    """The ledger, the remote system and the clock that all processes share."""

    def __init__(self, folder: Path, by_key: bool) -> None:
        self.folder, self.clock = folder, Clock(real=False)
        self.remote = Remote(self.clock, by_key)
        self.profile = PROFILES["by key" if by_key else "by search"]

    @contextmanager
    def process(self, trap: Trap) -> Iterator[tuple[Ledger, Any]]:
        ledger = Ledger.open(f"sqlite:///{self.folder}/ledger.sqlite", keys=[KEY], clock=self.clock)
        watch_ledger(ledger, trap)
        site = Site(
            profile=self.profile,
            conn_id="erp",
            base_url="http://erp.test",
            settings={"api_key": "k", "instance": "erp-1"},
            instance="erp-1",
        )
        system = WatchedSystem(
            site, trap=trap, clock=self.clock, transport=self.remote.transport, ledger=ledger
        )
        try:
            yield ledger, system.writer()
        finally:
            system.close()
            ledger.close()

    def run(self, trap: Trap, patience: float = 300.0) -> WriteOutcome:
        """Create and submit, as one task does."""
        with self.process(trap) as (_, writer):
            writer.patience = patience
            create = WriteRequest(
                key=IntentKey(**IDENTITY),
                content_hash=content_hash(DOCUMENT, instance="erp-1"),
                document=DOCUMENT,
                reference="PR-1",
            )
            (created,) = writer.write([create])
            if created.receipt is None:
                return created
            submit = WriteRequest(
                key=IntentKey(**IDENTITY, purpose="submit"),
                content_hash="submit",
                ref=created.receipt.ref,
                reference="PR-1",
            )
            (submitted,) = writer.write([submit])
            return submitted

    def incidents(self) -> list[str]:
        with self.process(Trap()) as (ledger, _):
            return [one.code for one in ledger.incidents.search(status="open")]

    def act(self, act: str) -> None:
        if not self.remote.orders:
            return
        if act == "cancel":
            self.remote.orders[0].status = "cancelled"
        elif act == "back to draft" and self.remote.orders[0].status == "submitted":
            self.remote.orders[0].status = "draft"
        elif act == "copy":
            self.remote.copy()


@failure_case(
    "Any of this in any order",
    does="random runs of create and submit against a system in memory: deaths at any moment, faults at any "
    "request, commits and searches that are late within the settle time, people who cancel, copy and "
    "take back; "
    "then undisturbed runs.",
    expected="at most one order by docflow, always; in the end it is there and submitted, or an "
    "incident is open; "
    "without people's doing it is there",
    shows="never two, and never lost without an incident",
)
@settings(
    max_examples=80,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(runs=RUNS, by_key=st.booleans())
# What chance meets too seldom: a late commit, and a search that lags, while the next process asks at once.
@example(runs=[Run(None, 0.0, [("none", 0.0), ("late", 0.9)], 0.0, "")] * 2, by_key=False)
@example(
    runs=[
        Run(None, 0.0, [("none", 0.0), ("reply_lost", 0.0)], 0.0, ""),
        Run(None, 0.0, [("lag", 0.9)] * 6, 0.0, ""),
    ],
    by_key=False,
)
def test_never_two_and_never_lost(_empty_ledger: Path, runs: list[Run], by_key: bool) -> None:
    with tempfile.TemporaryDirectory(prefix="docflow-model-") as folder:
        shutil.copy(_empty_ledger, Path(folder) / "ledger.sqlite")
        scene = Scene(Path(folder), by_key)
        for run in runs:
            scene.remote.faults = list(run.faults)
            nth = run.dies_at or 1_000_000
            with suppress(SimulatedDeath):
                scene.run(Trap(nth=nth, do="die"), run.patience)
            scene.remote.faults = []
            scene.act(run.act)
            scene.clock.sleep(run.waits)
            assert sum(order.by_docflow for order in scene.remote.orders) <= 1
        for _ in range(5):
            scene.clock.sleep(300)
            scene.remote.catch_up()
            outcome = scene.run(Trap())
        found = [order for order in scene.remote.orders if order.by_docflow]
        incidents = scene.incidents()

    disturbed = any(run.act for run in runs)
    event("disturbed by people" if disturbed else "machines only")
    assert len(found) <= 1
    if outcome.error is None:
        assert [order.status for order in found] == ["submitted"]
    else:
        assert incidents, outcome.error
    if not disturbed:
        assert (outcome.error, incidents, len(found)) == (None, [], 1)
