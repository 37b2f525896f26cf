"""A limit is kept in every window of time, whoever asks when, and however late the calls arrive."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_docflow.core.limits import Bucket, buckets_of, limits_of, quotas_of, slack_of
from airflow_provider_docflow.core.profile import Limit
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.exceptions import Misconfigured
from airflow_provider_docflow.ledger.buckets import SECOND, schedule
from tests.limits.stand import most_in_a_window, profile


@settings(max_examples=60, deadline=None)
@given(
    count=st.integers(1, 60),
    seconds=st.sampled_from([0.5, 1.0, 10.0, 60.0]),
    gaps=st.lists(st.floats(0, 0.3), min_size=20, max_size=200),
    asked=st.integers(1, 9),
    seed=st.integers(0, 10**6),
)
def test_no_window_sees_more_calls_than_the_limit(
    count: int, seconds: float, gaps: list[float], asked: int, seed: int
) -> None:
    bucket, late = Bucket.of(Limit(name="l", count=count, seconds=seconds)), random.Random(seed)
    full_at, now, arrivals = {"l": 0}, 10**15, []
    for gap in gaps:
        now += round(gap * seconds * SECOND)
        times = schedule(full_at, [bucket], now, asked, max_wait=1e9)
        assert times and times == sorted(times) and times[0] >= now
        arrivals += [(at - 10**15) / SECOND + late.uniform(0, slack_of(seconds) * 0.99) for at in times]
    assert most_in_a_window(arrivals, seconds) <= count


@pytest.mark.parametrize("count", [1, 5, 20, 1000])
def test_a_limit_is_used_well(count: int) -> None:
    """Being exact costs a part of the calls, and no more than that."""
    bucket = Bucket.of(Limit(name="l", count=count, seconds=10.0))
    full_at: dict[str, int] = {"l": 0}
    times = schedule(full_at, [bucket], 10**15, 1, max_wait=0)
    while times[-1] < 10**15 + 100 * SECOND:
        times += schedule(full_at, [bucket], times[-1], 1, max_wait=1e9)
    assert len(times) >= 0.8 * count * 10


def test_the_slowest_of_several_limits_counts_and_none_is_broken() -> None:
    limits = [Limit(name="a", count=20, seconds=1.0), Limit(name="b", count=50, seconds=60.0)]
    buckets = buckets_of(limits)
    full_at = {"a": 0, "b": 0}
    times = [at for _ in range(120) for at in schedule(full_at, buckets, 10**15, 1, max_wait=1e9)]
    moments = [at / SECOND for at in times]
    assert most_in_a_window(moments, 1.0) <= 20
    assert most_in_a_window(moments, 60.0) <= 50


def test_nothing_is_taken_when_the_wait_is_too_long() -> None:
    bucket = Bucket.of(Limit(name="l", count=1, seconds=10.0))
    full_at = {"l": 0}
    assert schedule(full_at, [bucket], 10**15, 5, max_wait=1) == [10**15]
    before = dict(full_at)
    assert schedule(full_at, [bucket], 10**15, 1, max_wait=1) == []
    assert full_at == before


def test_a_day_and_a_month_are_quotas() -> None:
    limits = [
        Limit(name="s", count=1, seconds=1.0),
        Limit(name="d", count=1, seconds=86_400.0),
        Limit(name="w", count=1, seconds=7 * 86_400.0),
        Limit(name="m", count=1, seconds=30 * 86_400.0),
    ]
    assert [one.name for one in buckets_of(limits)] == ["s", "w"]
    assert [(one.name, one.period) for one in quotas_of(limits)] == [("d", "day"), ("m", "month")]


def _site(setting: Any) -> Site:
    known = profile(Limit(name="calls", count=20, seconds=1.0))
    return Site(profile=known, conn_id="c", settings={"limits": setting} if setting is not None else {})


def test_a_connection_lowers_raises_and_adds_limits() -> None:
    assert limits_of(_site(None)) == (Limit(name="calls", count=20, seconds=1.0),)
    changed = limits_of(_site('{"calls": {"count": 5}, "day": {"count": 900, "seconds": 86400}}'))
    assert changed == (
        Limit(name="calls", count=5, seconds=1.0),
        Limit(name="day", count=900, seconds=86_400.0),
    )
    assert limits_of(_site({"calls": {"count": 50}}))[0].count == 50


@pytest.mark.parametrize(
    ("setting", "field"),
    [
        ("[]", "limits"),
        ("no json", "limits"),
        ({"calls": 5}, "limits.calls"),
        ({"calls": {"count": 0}}, "limits.calls.count"),
        ({"calls": {"count": True}}, "limits.calls.count"),
        ({"calls": {"seconds": -1}}, "limits.calls.seconds"),
        ({"calls": {"per": "day"}}, "limits.calls"),
        ({"new": {"count": 1}}, "limits.new.seconds"),
        ({"x" * 61: {"count": 1, "seconds": 1}}, "limits"),
    ],
)
def test_a_limit_that_says_nothing_is_refused(setting: Any, field: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        limits_of(_site(setting))
    assert caught.value.field == field
