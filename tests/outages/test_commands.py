"""``airflow docflow health`` and ``maintenance``, through Airflow's own parser."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from airflow_provider_docflow.hooks.docflow import DocflowHook
from tests.cli.conftest import Shell
from tests.operators.world import World

ERP = "plain-erp-1"


@pytest.fixture
def known(world: World) -> World:
    """An ERP that has said who it is."""
    system = DocflowHook("erp").system
    assert system.site.instance == ERP
    system.close()
    return world


def goes_down(world: World) -> int:
    found = world.ledger.health.failed(ERP, "ConnectError: refused", threshold=1, probe_seconds=600)
    number: int = found.incident
    return number


def test_no_news_is_good_news(known: World, shell: Shell) -> None:
    assert shell("health").out == "no system has failed\n"
    assert shell("health", "erp").out == "erp has never failed\n"
    assert shell("health", "--json").data == []


def test_it_says_what_is_down_since_when_and_who_waits(known: World, shell: Shell) -> None:
    incident = goes_down(known)
    now = datetime.now(UTC)
    known.ledger.parking.park(ERP, "dag.task in run", due=date(2026, 3, 1), not_before=now)
    (row,) = shell("health", "--json").data
    assert (row["system"], row["state"], row["parked_tasks"], row["incident"]) == (ERP, "open", 1, incident)
    assert row["cause"] == "ConnectError: refused"
    assert datetime.fromisoformat(row["next_try"]) > now + timedelta(seconds=500)
    table = shell("health", "erp").out
    assert ERP in table and "open" in table and "refused" in table


def test_asked_at_once_it_answers_and_the_outage_is_over(known: World, shell: Shell) -> None:
    goes_down(known)
    said = shell("health", "erp", "--now", "--json")
    assert [row["state"] for row in said.data] == ["recovering"]
    assert [one.status for one in known.ledger.incidents.search(status="")] == ["closed"]


def test_asked_at_once_it_is_still_down(known: World, shell: Shell) -> None:
    incident = goes_down(known)
    known.sandbox.stop()
    (row,) = shell("health", "erp", "--now", "--json").data
    assert (row["state"], row["incident"]) == ("open", incident)


def test_a_kind_of_write_that_fails_is_told_and_tried_at_once(known: World, shell: Shell) -> None:
    kind = "POST /erp/purchase_order"
    why = f"{kind} (request 1a2b3c4d): HTTP 502 Bad Gateway"
    known.ledger.health.failed(ERP, why, part=kind, threshold=1, probe_seconds=600)
    (row,) = shell("health", "--json").data
    assert (row["system"], row["state"], row["cause"]) == (ERP, "open", why)
    assert known.ledger.health.allow(ERP, part=kind) > 500
    said = shell("health", "erp", "--now")
    assert said.out.startswith("erp answers\nthe next such write to erp is let out")
    assert known.ledger.health.allow(ERP, part=kind) == 0
    assert shell("health", "erp", "--now", "--json").data[0]["state"] == "half-open"


def test_a_system_that_never_failed_is_asked_too(known: World, shell: Shell) -> None:
    assert shell("health", "erp", "--now").out == "erp answers\nerp has never failed\n"


def test_what_cannot_be_asked_is_one_clear_line(world: World, shell: Shell) -> None:
    for words in (("health", "erp"), ("health", "--now"), ("health", "erp", "--now")):
        said = shell(*words)
        assert (said.code, said.out, said.err.count("\n")) == (1, "", 1), said
        assert "What to do" in said.err


def test_a_window_is_entered_listed_and_cancelled(known: World, shell: Shell) -> None:
    begins, ends = (datetime.now(UTC) + timedelta(hours=hours) for hours in (-1, 2))
    said = shell(
        "maintenance",
        "erp",
        *("--from", begins.isoformat()),
        *("--to", ends.isoformat(timespec="minutes")),
        *("--reason", "new release"),
    )
    assert said.code == 0, said.err
    (row,) = shell("maintenance", "--json").data
    assert (row["connection"], row["system"], row["reason"]) == ("erp", ERP, "new release")
    assert row["to"] == ends.isoformat(timespec="minutes")
    assert known.ledger.windows.now_in("erp", ERP) is not None
    assert "new release" in shell("maintenance").out
    assert shell("maintenance", "--cancel", row["id"]).code == 1, "a reason is needed"
    assert shell("maintenance", "--cancel", row["id"], "--reason", "done").code == 0
    assert known.ledger.windows.now_in("erp", ERP) is None
    assert shell("maintenance").out.startswith("no maintenance windows")


def test_without_an_offset_the_connections_zone_is_meant(
    known: World, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = known.environment()["AIRFLOW_CONN_ERP"]
    zoned = connection.replace('"api_key"', '"time_zone": "Asia/Shanghai", "api_key"')
    monkeypatch.setenv("AIRFLOW_CONN_ERP", zoned)
    said = shell("maintenance", "erp", "--to", "2099-01-01T08:00", "--reason", "move")
    assert (said.code, said.out) == (0, "window 1: erp is left alone until 2099-01-01 00:00 UTC\n")
    (row,) = shell("maintenance", "--json").data
    assert row["to"] == "2099-01-01T00:00+00:00"


@pytest.mark.parametrize(
    "words",
    [
        ("--to", "tomorrow", "--reason", "patch"),
        ("--reason", "patch"),
        ("--to", "2020-01-01T00:00", "--reason", "patch"),
        ("--from", "2099-01-02T00:00", "--to", "2099-01-01T00:00", "--reason", "patch"),
        ("--to", "2099-01-01T00:00"),
    ],
)
def test_a_window_that_cannot_be_is_one_clear_line(
    known: World, shell: Shell, words: tuple[str, ...]
) -> None:
    said = shell("maintenance", "erp", *words)
    assert (said.code, said.out, said.err.count("\n")) == (1, "", 1), said
    assert known.ledger.windows.coming() == []
