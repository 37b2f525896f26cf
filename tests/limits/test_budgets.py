"""What the ledger remembers of limits and quotas, on each of its databases."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from airflow_provider_docflow.core.limits import Bucket, Quota
from airflow_provider_docflow.core.profile import Limit
from airflow_provider_docflow.exceptions import QuotaExhausted, RateLimited
from airflow_provider_docflow.ledger import Ledger
from airflow_provider_docflow.ledger.buckets import Payer
from tests.ledger.samples import ERP, OA, Clock

US = Payer(ERP)
BUCKET = Bucket.of(Limit(name="calls", count=100, seconds=10.0))
DAILY = Quota("daily", 10, "day")
ZONE = ZoneInfo("Asia/Shanghai")


def draw(ledger: Ledger, n: int = 1, payer: Payer = US, *, wait: float = 0.0, quota: int = 0) -> int:
    quotas = (Quota("daily", quota, "day"),) if quota else ()
    found = ledger.budgets.draw(payer, n, buckets=(BUCKET,), quotas=quotas, zone=ZONE, max_wait=wait)
    return len(found.moments)


def test_many_calls_are_taken_at_once_and_no_more_than_fit(ledger: Ledger, clock: Clock) -> None:
    assert BUCKET.size == 11
    assert draw(ledger, 8) == 8
    soon = 3 + int(0.5 * 1_000_000 / BUCKET.each_us)
    assert draw(ledger, 64) == soon, "three at once, and what fits into the next half second"
    with pytest.raises(RateLimited) as caught:
        draw(ledger)
    assert caught.value.retry_after and 0.5 < caught.value.retry_after < 0.8
    assert draw(ledger, payer=Payer(OA)) == 1, "every instance has its own"
    clock.forward(60)
    assert draw(ledger, 11) == 11


def test_calls_before_an_instance_is_known_count_for_it(ledger: Ledger, clock: Clock) -> None:
    stranger = Payer("", "rest\x1fhttp://erp")
    assert draw(ledger, 6, stranger, quota=20) == 6
    assert draw(ledger, 4, US, quota=20) == 4
    ledger.budgets.join(stranger.address, ERP)
    ledger.budgets.join(stranger.address, ERP)
    (use,) = ledger.budgets.limit_uses(US, (BUCKET,))
    assert use.free == 1, "ten of eleven are taken, under whichever name"
    (quota,) = ledger.budgets.quota_uses(ERP, (Quota("daily", 20, "day"),), ZONE)
    assert quota.used == 10
    assert draw(ledger, 1, stranger, quota=20) == 1, "who still asks by the address pays for the instance"
    assert ledger.budgets.limit_uses(US, (BUCKET,))[0].free == 0
    assert ledger.budgets.quota_uses(ERP, (Quota("daily", 20, "day"),), ZONE)[0].used == 11


def test_a_quota_warns_once_holds_once_and_its_incident_ends_with_the_period(
    ledger: Ledger, clock: Clock
) -> None:
    clock.now = datetime(2026, 3, 31, 15, 0, tzinfo=UTC)  # 23:00 in Shanghai
    assert draw(ledger, 7, quota=10) == 7
    assert ledger.incidents.search() == []
    assert draw(ledger, 1, quota=10) == 1
    (warned,) = ledger.incidents.search()
    assert (warned.category, warned.code, warned.document_number) == ("quota", "quota", "daily 2026-03-31")
    assert warned.reason.startswith("8 of 10 calls")
    assert draw(ledger, 5, quota=10) == 2, "what is left, though more was asked for"
    for _ in range(3):
        with pytest.raises(QuotaExhausted) as caught:
            draw(ledger, quota=10)
    assert caught.value.retry_after == 3600
    assert [one.id for one in ledger.incidents.search(status="")] == [warned.id], "one, however often"
    history = [(one.event, one.note[:9]) for one in ledger.incidents.history(warned.id)]
    assert history == [("opened", "8 of 10 c"), ("again", "all 10 ca")]
    clock.forward(3599)
    with pytest.raises(QuotaExhausted):
        draw(ledger, quota=10)
    clock.forward(2)
    assert draw(ledger, quota=10) == 1
    assert ledger.incidents.search() == []
    assert [one.status for one in ledger.incidents.search(status="")] == ["closed"]


def test_calls_that_were_not_made_are_given_back(ledger: Ledger) -> None:
    assert draw(ledger, 9, quota=10) == 9
    ledger.budgets.give_back(US, 4, quotas=(DAILY,), zone=ZONE)
    (use,) = ledger.budgets.quota_uses(ERP, (DAILY,), ZONE)
    assert use.used == 5
    grant = ledger.budgets.draw(
        US, 3, buckets=(), quotas=(Quota("daily", 5, "day"),), zone=ZONE, returned=2, max_wait=0
    )
    assert len(grant.moments) == 2, "two calls come back, and go out again"


def test_a_system_that_wants_to_be_left_alone_is(ledger: Ledger, clock: Clock) -> None:
    ledger.budgets.shut(US, 30)
    ledger.budgets.shut(US, 10)
    assert ledger.budgets.closed(US)[0] == 30, "the longest wish counts"
    with pytest.raises(RateLimited) as caught:
        draw(ledger)
    assert caught.value.retry_after == 30
    assert draw(ledger, payer=Payer(OA)) == 1
    assert draw(ledger, 20, wait=40) == BUCKET.size, "then all that may be made at once, and not more"
    clock.forward(60)
    assert draw(ledger) == 1
    assert ledger.incidents.search(status="") == []


def test_a_quota_that_the_system_counts_itself_is_one_incident_until_calls_pass(
    ledger: Ledger, clock: Clock
) -> None:
    for _ in range(3):
        ledger.budgets.shut(US, 3600, for_quota=True, reason="no calls left (code 90030)")
        with pytest.raises(QuotaExhausted):
            draw(ledger, wait=60)
        clock.forward(3600)
        found = ledger.budgets.draw(US, 1, buckets=(BUCKET,), max_wait=0)
        assert found.trial
    (incident,) = ledger.incidents.search(status="")
    assert incident.status == "open" and "90030" in incident.reason
    ledger.budgets.reopened(US)
    ledger.budgets.reopened(US)
    assert [one.status for one in ledger.incidents.search(status="")] == ["closed"]
    assert not ledger.budgets.draw(US, 1, buckets=(BUCKET,), max_wait=9).trial


def test_a_poll_puts_the_next_one_off_by_what_it_cost(ledger: Ledger, clock: Clock) -> None:
    share = Bucket.of(Limit(name="calls (waiting)", count=10, seconds=100.0))
    each = share.each_us / 1_000_000
    assert ledger.budgets.charge(US, 3, buckets=(share,)) == pytest.approx(3 * each)
    assert ledger.budgets.charge(US, 1, buckets=(share,)) == pytest.approx(4 * each)
    clock.forward(1000)
    assert ledger.budgets.charge(US, 1, buckets=(share,)) == pytest.approx(each)
