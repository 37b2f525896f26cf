from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import delete

from airflow_provider_docflow.core.limits import Quota
from airflow_provider_docflow.exceptions import (
    IncidentOpen,
    InstanceChanged,
    InvalidDocument,
    Misconfigured,
    NotFound,
    QuotaExhausted,
    RateLimited,
)
from airflow_provider_docflow.ledger import Ledger
from airflow_provider_docflow.ledger.buckets import Payer
from airflow_provider_docflow.ledger.incidents import NewIncident
from airflow_provider_docflow.ledger.models.shared import inbox
from tests.ledger.samples import ERP, OA, Clock, ref

# ---- instances


def test_a_connection_is_bound_at_first_use(ledger: Ledger, clock: Clock) -> None:
    ledger.instances.bind("erp", ERP, "tryton")
    ledger.instances.bind("erp", ERP, "tryton")
    ledger.instances.bind("erp_renamed", ERP, "tryton")
    assert ledger.instances.bound_to("erp") == ledger.instances.bound_to("erp_renamed") == ERP
    assert [(one.instance_id, one.system, one.blocked) for one in ledger.instances.all()] == [
        (ERP, "tryton", False)
    ]


def test_another_instance_is_refused_until_a_person_accepts_it(ledger: Ledger, clock: Clock) -> None:
    ledger.instances.bind("erp", ERP, "tryton")
    for _ in range(2):
        with pytest.raises(InstanceChanged, match="accept-instance erp --reason") as caught:
            ledger.instances.bind("erp", "erp:db-2", "tryton")
    (incident,) = ledger.incidents.search()
    assert caught.value.incident == incident.id and incident.code == "instance_changed"
    assert ledger.instances.bound_to("erp") == ERP
    with pytest.raises(InvalidDocument, match="person"):
        ledger.instances.accept("erp", "erp:db-2", "")
    ledger.instances.accept("erp", "erp:db-2", "eve")
    ledger.instances.bind("erp", "erp:db-2", "tryton")
    with pytest.raises(InstanceChanged):
        ledger.instances.bind("erp", ERP, "tryton")
    assert ledger.incidents.get(incident.id).status == "closed"
    assert ledger.audit.verify_all() == []


def test_an_instance_without_a_name_is_refused(ledger: Ledger) -> None:
    with pytest.raises(InvalidDocument):
        ledger.instances.bind("erp", "", "tryton")


def test_blocking_stops_writing_until_a_person_unblocks(ledger: Ledger, clock: Clock) -> None:
    ledger.instances.writable(ERP, OA)
    ledger.instances.bind("erp", ERP, "tryton")
    ledger.instances.bind("oa", OA, "dingtalk")
    for one in (ERP, OA):
        ledger.instances.block(one, actor="eve", reason="restored")
    for wanted in ((ERP,), (OA,), ("new", OA)):
        with pytest.raises(IncidentOpen, match="blocked by eve: restored"):
            ledger.instances.writable(*wanted)
    ledger.instances.unblock(OA, actor="eve", reason="read back")
    ledger.instances.writable(OA)
    with pytest.raises(NotFound):
        ledger.instances.unblock("nobody", actor="eve", reason="x")
    with pytest.raises(InvalidDocument):
        ledger.instances.unblock(ERP, actor="", reason="x")
    assert [one.instance_id for one in ledger.incidents.search()] == [ERP]


# ---- incidents


def test_the_same_incident_again_adds_to_its_history(ledger: Ledger, clock: Clock) -> None:
    due = clock.now + timedelta(days=1)
    new = NewIncident(
        "data", "E1", "wrong", ref=ref(), field="lines[2].quantity", owner_role="buyer", due=due
    )
    first = ledger.incidents.open(new)
    again, other = ledger.incidents.open_many(
        [new, NewIncident("data", "E1", "wrong", ref=ref(), field="id")]
    )
    assert first == again != other
    assert [(one.event, one.note) for one in ledger.incidents.history(first)] == [
        ("opened", "wrong"),
        ("again", "wrong"),
    ]
    found = ledger.incidents.get(first)
    assert (found.status, found.owner_role, found.due, found.document_number) == (
        "open",
        "buyer",
        due,
        "PO-1",
    )
    assert (found.instance_id, found.group_key) == (ERP, f"{ERP}|E1|lines[2].quantity")
    ledger.incidents.close(first, actor="eve", reason="corrected")
    ledger.incidents.close(first, actor="eve", reason="twice")
    reopened = ledger.incidents.open(new)
    assert reopened != first and ledger.incidents.get(first).closed_at == clock.now
    assert [one.event for one in ledger.incidents.history(first)] == ["opened", "again", "closed"]


def test_incidents_of_different_intents_documents_or_codes_are_different(ledger: Ledger) -> None:
    base = {"category": "data", "code": "E1", "reason": "x"}
    kinds = [
        {"intent_id": 1},
        {"intent_id": 2},
        {"ref": ref()},
        {"ref": ref("PO-2")},
        {"document_number": "7"},
    ]
    kinds += [{"document_number": "7", "instance_id": "a"}, {"document_number": "7", "code": "E2"}]
    ids = ledger.incidents.open_many([NewIncident(**(base | kind)) for kind in kinds])  # type: ignore[arg-type]
    assert len(set(ids)) == 7
    assert ledger.incidents.open_many([NewIncident(**(base | kind)) for kind in kinds]) == ids  # type: ignore[arg-type]


def test_a_good_read_closes_what_is_open_but_no_control(ledger: Ledger) -> None:
    one = ledger.incidents.open(NewIncident("data", "E1", "x", ref=ref()))
    control = ledger.incidents.open(NewIncident("control", "E2", "x", ref=ref()))
    other = ledger.incidents.open(NewIncident("data", "E1", "x", ref=ref("PO-2")))
    assert [found.id for found in ledger.incidents.open_for(ref())] == [one, control]
    assert ledger.incidents.close_for(actor="docflow", reason="good", refs=[ref()]) == 1
    assert [found.id for found in ledger.incidents.search()] == [control, other]
    assert ledger.incidents.close_for(actor="eve", reason="seen", refs=[ref()], controls=True) == 1
    assert [found.id for found in ledger.incidents.search(status="")] == [one, control, other]


def test_incidents_are_grouped_by_root_cause_and_searched(ledger: Ledger) -> None:
    for number in range(3):
        new = NewIncident("master data", "no_supplier", "x", instance_id=ERP, document_number=f"PO-{number}")
        ledger.incidents.open(new)
    ledger.incidents.open(NewIncident("quota", "full", "x", group_key="quota|dingtalk", owner_role="admin"))
    assert list(ledger.incidents.groups().items()) == [(f"{ERP}|no_supplier|", 3), ("quota|dingtalk", 1)]
    assert [one.document_number for one in ledger.incidents.search(text="PO-2")] == ["PO-2"]
    assert len(ledger.incidents.search(category="master data")) == 3
    assert [one.code for one in ledger.incidents.search(owner_role="admin")] == ["full"]
    pages = ledger.incidents.search(limit=2)
    assert [one.document_number for one in ledger.incidents.search(after_id=pages[-1].id, limit=1)] == [
        "PO-2"
    ]
    ledger.incidents.note(pages[0].id, actor="bob", text="asked purchasing")
    assert ledger.incidents.history(pages[0].id)[-1].note == "asked purchasing"


def test_long_vendor_words_do_not_stop_an_incident(ledger: Ledger) -> None:
    new = NewIncident("technical", "X" * 500, "é" * 10000, field="f" * 500, document_number="n" * 500)
    found = ledger.incidents.get(ledger.incidents.open(new))
    assert found.reason == "é" * 10000 and len(found.code) == 120


def test_an_incident_needs_a_category_and_a_code(ledger: Ledger) -> None:
    for category, code in (("stuff", "E1"), ("data", "")):
        with pytest.raises(InvalidDocument):
            ledger.incidents.open(NewIncident(category, code, "x"))  # type: ignore[arg-type]
    with pytest.raises(NotFound):
        ledger.incidents.close(99, actor="eve", reason="x")
    with pytest.raises(NotFound):
        ledger.incidents.get(99)


# ---- budgets


def test_a_bucket_refills_with_time(ledger: Ledger, clock: Clock) -> None:
    def take(n: int = 1, max_wait: float | None = None) -> float:
        return ledger.budgets.take(ERP, "calls", n, calls=10, per_seconds=10, burst=3, max_wait=max_wait)

    assert [take() for _ in range(5)] == [0, 0, 0, 1, 2]
    clock.forward(2)
    with pytest.raises(RateLimited) as caught:
        take(2, max_wait=1.5)
    assert caught.value.retry_after == 2
    assert take(1, max_wait=1.5) == 1, "what was refused took nothing"
    clock.forward(100)
    assert take(3) == 0 and take(1) == 1
    assert ledger.budgets.take(OA, "calls", calls=10, per_seconds=10) == 0, "every instance has its own"


@pytest.mark.parametrize("wrong", [{"n": 4}, {"n": 0}, {"calls": 0}, {"per_seconds": 0}, {"burst": 0}])
def test_a_limit_that_can_never_be_kept_is_refused(ledger: Ledger, wrong: dict[str, int]) -> None:
    with pytest.raises(Misconfigured):
        ledger.budgets.take(ERP, "calls", **({"n": 1, "calls": 3, "per_seconds": 1} | wrong))  # type: ignore[arg-type]


def test_a_quota_ends_with_the_systems_own_day(ledger: Ledger, clock: Clock) -> None:
    zone = ZoneInfo("Asia/Shanghai")
    clock.now = datetime(2026, 3, 31, 15, 0, tzinfo=UTC)  # 23:00 there

    def draw(n: int, period: Literal["day", "month"] = "day") -> int:
        quotas = (Quota("api", 10, period),)
        grant = ledger.budgets.draw(Payer(OA), n, buckets=(), quotas=quotas, zone=zone, max_wait=0)
        return len(grant.moments)

    assert (draw(7), draw(4)) == (7, 3), "as many as are left"
    with pytest.raises(QuotaExhausted) as caught:
        draw(1)
    assert caught.value.retry_after == 3600
    assert draw(10, "month") == 10
    clock.forward(3600)
    assert (draw(10), draw(10, "month")) == (10, 10), "April began there, not yet here"


def test_the_next_day_comes_an_hour_early_when_summer_time_begins(ledger: Ledger, clock: Clock) -> None:
    clock.now = datetime(2026, 3, 28, 23, 30, tzinfo=UTC)  # 00:30 in Berlin; the night has an hour less
    with pytest.raises(QuotaExhausted) as caught:
        none_left = {"quotas": (Quota("api", 0, "day"),), "zone": ZoneInfo("Europe/Berlin")}
        ledger.budgets.draw(Payer(OA), 1, buckets=(), max_wait=0, **none_left)  # type: ignore[arg-type]
    assert caught.value.retry_after == 22.5 * 3600


# ---- tokens


def test_a_token_is_renewed_by_one(ledger: Ledger, clock: Clock) -> None:
    first, second = ledger.tokens.lease("k", 10), ledger.tokens.lease("k", 10)
    assert first.refresh and not second.refresh and second.wait_seconds == 10 and second.token is None
    until = clock.now + timedelta(seconds=100)
    assert ledger.tokens.put("k", "secret", expires_at=until, refresh=first.refresh)
    assert ledger.tokens.lease("k", 10).token == ledger.tokens.get("k") == "secret"
    assert ledger.tokens.get("k", margin_seconds=100) is None and ledger.tokens.get("other") is None
    clock.forward(100)
    assert ledger.tokens.get("k") is None and ledger.tokens.lease("k", 10).refresh


def test_a_refresher_that_dies_or_fails_makes_room(ledger: Ledger, clock: Clock) -> None:
    slow = ledger.tokens.lease("k", 10)
    clock.forward(10)
    quick = ledger.tokens.lease("k", 10)
    assert quick.refresh and not ledger.tokens.put("k", "late", expires_at=None, refresh=slow.refresh)
    ledger.tokens.release("k", slow.refresh)
    assert not ledger.tokens.lease("k", 10).refresh, "only its holder gives the right back"
    ledger.tokens.release("k", quick.refresh)
    third = ledger.tokens.lease("k", 10)
    assert third.refresh and not ledger.tokens.put("k", "x", expires_at=None, refresh="")
    assert ledger.tokens.put("k", "good", expires_at=None, refresh=third.refresh)
    clock.forward(10**6)
    assert ledger.tokens.get("k") == "good", "a token without an end stays good until it is refused"


def test_a_refused_token_is_forgotten_but_not_its_successor(ledger: Ledger, clock: Clock) -> None:
    def renew(value: str) -> None:
        ledger.tokens.put("k", value, expires_at=None, refresh=ledger.tokens.lease("k", 10).refresh)

    renew("one")
    assert ledger.tokens.invalidate("k", "one") and ledger.tokens.get("k") is None
    renew("two")
    assert not ledger.tokens.invalidate("k", "one") and ledger.tokens.get("k") == "two"
    assert not ledger.tokens.invalidate("unknown", "one")


# ---- health


def test_an_outage_is_one_incident_and_one_caller_tries(ledger: Ledger, clock: Clock) -> None:
    assert ledger.health.allow(ERP) == 0 and ledger.health.get(ERP) is None
    for _ in range(2):
        assert ledger.health.failed(ERP, "refused", threshold=3).state == "closed"
    assert ledger.health.allow(ERP) == 0
    opened = ledger.health.failed(ERP, "timed out", threshold=3)
    assert (opened.state, opened.failures, opened.cause, opened.since) == ("open", 3, "timed out", clock.now)
    assert ledger.health.allow(ERP) == 60
    clock.forward(60)
    assert ledger.health.allow(ERP) == 0, "one may try"
    assert ledger.health.allow(ERP) == 60, "the others wait"
    found = ledger.health.get(ERP)
    assert found is not None and found.state == "half-open"
    assert ledger.health.failed(ERP, "again", threshold=3).state == "open"
    clock.forward(60)
    assert ledger.health.allow(ERP) == 0
    ledger.health.answered(ERP)
    well = ledger.health.get(ERP)
    assert well is not None and (well.state, well.failures, well.incident) == ("closed", 0, None)
    assert ledger.health.allow(ERP) == 0 and [one.instance_id for one in ledger.health.all()] == [ERP]
    (incident,) = ledger.incidents.search(status="")
    assert (incident.status, incident.id) == ("closed", opened.incident)


def test_one_failure_among_answers_is_no_outage(ledger: Ledger) -> None:
    for _ in range(10):
        assert ledger.health.failed(ERP, "once", threshold=2).state == "closed"
        ledger.health.answered(ERP)
    assert ledger.incidents.search(status="") == []


# ---- claims, cursors, inbox, batches


def test_the_first_run_wins_and_keeps_its_claim(ledger: Ledger) -> None:
    def claim(run: str, flow: str = "f", content: str = "c", revision: str = "1") -> tuple[bool, str]:
        found = ledger.claims.claim(flow, "PR-1", run, revision=revision, content=content)
        return found.won, found.winner

    assert claim("r1") == (True, "r1") and claim("r2") == (False, "r1") and claim("r1") == (True, "r1")
    assert claim("r2", content="c2") == claim("r2", revision="2") == claim("r2", flow="g") == (True, "r2")


def test_a_cursor_moves_only_from_where_it_was_read(ledger: Ledger) -> None:
    start = ledger.cursors.get("oa")
    assert (start.value, start.version) == (None, 0)
    assert ledger.cursors.set("oa", {"since": "2026-01-01"}, expected=start)
    assert not ledger.cursors.set("oa", {"since": "1999-01-01"}, expected=start)
    found = ledger.cursors.get("oa")
    assert found.value == {"since": "2026-01-01"}
    assert ledger.cursors.set("oa", None, expected=found) and ledger.cursors.get("oa").value is None
    assert not ledger.cursors.set("oa", 1, expected=start)


def test_the_inbox_keeps_each_event_once_in_order(ledger: Ledger, clock: Clock) -> None:
    assert ledger.inbox.last_id() == 0
    assert [ledger.inbox.put("oa", one, "changed", {"n": one}) for one in ("b", "a", "b")] == [
        True,
        True,
        False,
    ]
    clock.forward(10)
    assert ledger.inbox.put("crm", "b", "changed", None)
    events = ledger.inbox.take_unseen(0)
    assert [(event.id, event.source, event.event_id) for event in events] == [
        (1, "oa", "b"),
        (2, "oa", "a"),
        (3, "crm", "b"),
    ]
    assert events[0].payload == {"n": "b"} and ledger.inbox.last_id() == 3
    assert [event.id for event in ledger.inbox.take_unseen(1, source="oa")] == [2]
    assert [event.id for event in ledger.inbox.take_unseen(0, limit=2)] == [1, 2]
    with ledger.transaction() as tx:
        tx.execute(delete(inbox))
    ledger.inbox.put("oa", "z", "changed", None)
    assert [event.id for event in ledger.inbox.take_unseen(0)] == [4], "ids are never used again"


def test_a_batch_keeps_its_order_and_what_became_of_each(ledger: Ledger, clock: Clock) -> None:
    items = [ref(f"PO-{n}").to_json() for n in range(1203)]
    name = ledger.batches.create(items, actor="dag/run/task")
    assert ledger.batches.get(name).size == 1203
    pages = [ledger.batches.items(name), ledger.batches.items(name, after=999)]
    assert [item.ref for page in pages for item in page] == items
    ledger.batches.set_outcomes(name, {1202: {"status": "done"}, 0: {"status": "failed", "error": "é"}})
    ledger.batches.set_outcomes(name, {0: {"status": "done", "amount": "99999999999999.99"}})
    assert ledger.batches.counts(name) == {"": 1201, "done": 2}
    finished = ledger.batches.items(name, status="done")
    assert [(item.position, item.outcome) for item in finished] == [
        (0, {"status": "done", "amount": "99999999999999.99"}),
        (1202, {"status": "done"}),
    ]
    assert ledger.batches.items(name, status="")[0].outcome is None
    for wrong in (
        lambda: ledger.batches.get("x"),
        lambda: ledger.batches.items("x"),
        lambda: ledger.batches.counts("x"),
    ):
        with pytest.raises(NotFound):
            wrong()
    with pytest.raises(NotFound, match="positions"):
        ledger.batches.set_outcomes(name, {5000: {"status": "done"}})
    assert ledger.batches.counts(ledger.batches.create([])) == {}
