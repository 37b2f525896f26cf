from __future__ import annotations

import os
import sqlite3
import stat
import threading
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal, localcontext
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Column, Integer, MetaData, Table, insert, select, text
from sqlalchemy.dialects import sqlite

from airflow_provider_docflow.exceptions import InvalidDocument, LedgerUnavailable, Misconfigured
from airflow_provider_docflow.ledger import Ledger, filesystem
from airflow_provider_docflow.ledger.columns import BusinessDate, Exact, Json, Name, Utc
from airflow_provider_docflow.ledger.database import Database, chunks
from tests.ledger.samples import KEY, OTHER_KEY, Clock, done, reserve, wanted

_AMOUNTS = st.decimals(-(10**18) + 1, 10**18 - 1, places=10, allow_nan=False)


def test_exact_numbers_instants_and_texts_survive(database_url: str) -> None:
    kept = Table(
        "kept",
        MetaData(),
        Column("id", Integer, primary_key=True),
        *(Column(name, kind) for name, kind in _COLUMNS.items()),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
    )
    east = timezone(timedelta(hours=8))
    rows = [
        (
            Decimal("999999999999999999.9999999999"),
            datetime(2026, 1, 1, 7, 59, 59, 999999, east),
            "采购 É 🧾",
        ),
        (Decimal("-999999999999999999.9999999999"), datetime(1999, 12, 31, 23, 0, 0, 1, UTC), ""),
        (Decimal("0.10"), datetime(2026, 3, 29, 1, 30, tzinfo=UTC), "a'; DROP TABLE kept; --"),
        (Decimal("-0.0000000001"), datetime(2038, 1, 19, 3, 14, 8, tzinfo=UTC), "x" * 60),
    ]
    database = Database(database_url)
    with database.transaction() as connection, localcontext(prec=6):
        kept.create(connection)
        names = ("number", "moment", "words")
        extra = {"day": date(2026, 2, 28), "data": {"b": [1, None, "é"], "a": "1.10"}}
        connection.execute(insert(kept), [dict(zip(names, row, strict=True)) | extra for row in rows])
        found = connection.execute(select(kept).order_by(kept.c.id)).mappings().all()
        for row, wanted_row in zip(found, rows, strict=True):
            assert tuple(row[name] for name in names) == wanted_row
            assert row["moment"].utcoffset() == timedelta(0)
            assert (row["day"], row["data"]) == (extra["day"], extra["data"])
        ascending = connection.execute(select(kept.c.number).order_by(kept.c.number)).scalars().all()
        assert ascending == sorted(row[0] for row in rows)
        more = select(kept.c.number).where(kept.c.number > Decimal("-0.5"), kept.c.number <= Decimal("0.1"))
        assert sorted(connection.execute(more).scalars()) == [Decimal("-0.0000000001"), Decimal("0.1")]
    database.close()


_COLUMNS = {"number": Exact(), "moment": Utc(), "words": Name(60), "day": BusinessDate(), "data": Json()}
_WRONG = [
    ("number", Decimal("0.00000000001")),
    ("number", Decimal(10) ** 18),
    ("number", 1.5),
    ("moment", datetime(2026, 1, 1)),
    ("words", "x" * 61),
    ("words", "nul\x00"),
    ("words", "\ud800"),
    ("day", datetime(2026, 1, 1, tzinfo=UTC)),
    ("data", Decimal(1)),
    ("data", float("nan")),
]


@pytest.mark.parametrize(("column", "value"), _WRONG)
def test_what_a_database_would_change_is_refused_alike_on_all(
    database_url: str, column: str, value: object
) -> None:
    kept = Table("kept", MetaData(), *(Column(name, kind) for name, kind in _COLUMNS.items()))
    database = Database(database_url)
    with pytest.raises(InvalidDocument), database.transaction() as connection:
        kept.create(connection)
        connection.execute(insert(kept), [{column: value}])
    database.close()


@given(st.lists(_AMOUNTS, min_size=2, max_size=20))
def test_sqlites_text_sorts_as_the_numbers_do(numbers: list[Decimal]) -> None:
    column, dialect = Exact(), sqlite.dialect()
    stored = [column.process_bind_param(number, dialect) for number in numbers]
    assert [column.process_result_value(one, dialect) for one in stored] == numbers
    in_order = sorted(zip(stored, numbers, strict=True), key=lambda pair: pair[0])
    assert [number for _, number in in_order] == sorted(numbers)


def test_secrets_are_nowhere_in_the_file(sqlite_url: str, clock: Clock) -> None:
    from airflow_provider_docflow.ledger.decisions import NewDecision
    from airflow_provider_docflow.ledger.incidents import NewIncident
    from airflow_provider_docflow.ledger.snapshots import NewSnapshot
    from tests.ledger.samples import key, pairs, receipt, ref

    secret = "planted-secret-4711"
    ledger = Ledger.open(sqlite_url, keys=[KEY], clock=clock)
    request = wanted().__class__(key(), "c1", {"iban": secret})
    (one,) = reserve(ledger, request)
    made = receipt(clock, note=secret)
    ledger.intents.set_unknown(pairs(one), secret)
    (two,) = reserve(ledger, request)
    ledger.intents.set_receipts([(*pairs(two)[0], made)])
    ledger.snapshots.put([NewSnapshot(ref(), "1", "m", "c", {"payee": secret})])
    ledger.decisions.append(NewDecision(ref(), "approved", "m", clock.now, secret, secret, secret))
    ledger.decisions.void_if_changed(ref(), "m2", [secret])
    opened = ledger.incidents.open(NewIncident("data", "E1", secret))
    ledger.incidents.note(opened, actor="eve", text=secret)
    login = ledger.tokens.lease("erp/user", 60)
    ledger.tokens.put("erp/user", secret, expires_at=None, refresh=login.refresh)
    ledger.inbox.put("oa", "1", "changed", {"by": secret})
    ledger.cursors.set("c", secret, expected=ledger.cursors.get("c"))
    batch = ledger.batches.create([{"n": 1}])
    ledger.batches.set_outcomes(batch, {0: {"status": "failed", "error": secret}})
    ledger.audit.append("chain", "kind", secret)
    assert ledger.intents.payload(one.intent_id) == {"iban": secret}
    ledger.close()
    path = Path(sqlite_url.removeprefix("sqlite:///"))
    raw = b"".join(file.read_bytes() for file in path.parent.glob(path.name + "*"))
    assert b"PR-1" in raw and secret.encode() not in raw
    assert {stat.S_IMODE(file.stat().st_mode) for file in path.parent.glob(path.name + "*")} == {0o600}


def test_another_key_is_refused_when_the_ledger_is_opened(ledger_url: str, clock: Clock) -> None:
    ledger = Ledger.open(ledger_url, keys=[KEY], clock=clock)
    done(ledger, clock)
    with pytest.raises(LedgerUnavailable, match="no key"):
        Ledger.open(ledger_url, keys=[OTHER_KEY])
    both = Ledger.open(ledger_url, keys=[OTHER_KEY, KEY], clock=clock)
    assert reserve(both, wanted())[0].receipt is not None
    done(both, clock, "PR-2", "PO-2")
    with pytest.raises(LedgerUnavailable, match="no key"):
        ledger.intents.payload(both.intents.find(source_number="PR-2")[0].intent_id)
    for one in (ledger, both):
        one.close()


@pytest.mark.parametrize("keys", [[], "not a list", ["too short"], [b"x" * 44], [None]])
def test_keys_that_are_none_are_refused(sqlite_url: str, keys: list[str]) -> None:
    with pytest.raises(Misconfigured, match="Fernet key"):
        Ledger.open(sqlite_url, keys=keys)


@pytest.mark.parametrize("url", ["", "no url", "oracle://u@h/d", "mssql+pyodbc://u@h/d", None])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(Misconfigured):
        Ledger.open(url, keys=[KEY])


@pytest.mark.parametrize(
    "url", ["sqlite://", "sqlite:///:memory:", "sqlite:///file:x?mode=memory&uri=true", "sqlite:///here.db"]
)
def test_an_sqlite_that_processes_cannot_share_is_refused(url: str) -> None:
    with pytest.raises(LedgerUnavailable):
        Ledger.open(url, keys=[KEY])


@pytest.mark.parametrize(
    ("given", "driver"),
    [
        ("postgres://u:p@h/d", "postgresql+psycopg"),
        ("postgresql://u:p@h/d", "postgresql+psycopg"),
        ("mysql://u:p@h/d", "mysql+pymysql"),
        ("mariadb://u:p@h/d", "mysql+pymysql"),
        ("mariadb+pymysql://u:p@h/d", "mysql+pymysql"),
        ("postgresql+psycopg://u:p@h/d", "postgresql+psycopg"),
    ],
)
def test_a_name_without_driver_gets_the_tested_one(given: str, driver: str) -> None:
    database = Database(given)
    assert database.url.drivername == driver
    database.close()


@pytest.mark.parametrize("scheme", ["postgresql", "mysql"])
def test_a_server_that_does_not_answer_is_told_without_the_password(scheme: str) -> None:
    with pytest.raises(LedgerUnavailable) as caught:
        Ledger.open(f"{scheme}://user:hush-hush@127.0.0.1:1/docflow", keys=[KEY])
    assert "127.0.0.1" in str(caught.value) and "hush-hush" not in str(caught.value)


_MOUNTS = """\
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
30 22 0:40 / /srv/share rw,relatime shared:2 - nfs4 server:/x rw,vers=4.2
31 30 8:1 / /srv/share/disk rw - ext4 /dev/sda1 rw
32 22 0:41 / /mnt/with\\040space rw - cifs //server/x rw
33 22 0:42 / /home/me/remote rw - fuse.sshfs me@host: rw
34 22 0:43 / /mnt/local rw - fuse.ntfs-3g /dev/sdb1 rw
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/srv/share/docflow.db", "nfs4"),
        ("/mnt/with space/docflow.db", "cifs"),
        ("/home/me/remote/a/b.db", "fuse.sshfs"),
        ("/srv/share/disk/docflow.db", None),
        ("/srv/shared/docflow.db", None),
        ("/mnt/local/docflow.db", None),
        ("/tmp/docflow.db", None),
    ],
)
def test_a_network_file_system_is_refused(tmp_path: Path, path: str, kind: str | None) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(_MOUNTS)
    if kind is None:
        filesystem.refuse_network_filesystem(Path(path), mounts)
    else:
        with pytest.raises(LedgerUnavailable, match=rf"network file system \({kind}\)"):
            filesystem.refuse_network_filesystem(Path(path), mounts)


def test_sqlite_writes_wait_in_line_and_reach_the_disk(sqlite_ledger: Ledger) -> None:
    with sqlite_ledger.database.transaction() as connection:
        pragmas = {
            name: connection.scalar(text(f"PRAGMA {name}")) for name in ("journal_mode", "synchronous")
        }
        assert pragmas == {"journal_mode": "wal", "synchronous": 2}
        other = sqlite3.connect(str(sqlite_ledger.database.url.database), timeout=0, isolation_level=None)
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("BEGIN IMMEDIATE")
        assert other.execute("SELECT count(*) FROM docflow_intent").fetchone() == (0,), "readers do not wait"
        other.close()


def test_a_locked_ledger_is_unavailable_and_not_half_written(sqlite_ledger: Ledger) -> None:
    path = str(sqlite_ledger.database.url.database)
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with sqlite_ledger.database.transaction(reading=True) as reading:
        reading.execute(text("PRAGMA busy_timeout=50"))
    with pytest.raises(LedgerUnavailable, match="locked"):
        reserve(sqlite_ledger, wanted())
    holder.close()
    assert reserve(sqlite_ledger, wanted())[0].status == "fresh"


def test_threads_share_a_ledger(ledger: Ledger) -> None:
    statuses: list[str] = []

    def work() -> None:
        statuses.extend(one.status for one in reserve(ledger, wanted(), wanted("PR-2")))

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == ["busy"] * 10 + ["fresh"] * 2


def test_a_forked_child_uses_connections_of_its_own(ledger: Ledger) -> None:
    reserve(ledger, wanted())
    child = os.fork()
    if child == 0:
        try:
            status = reserve(ledger, wanted("PR-2"))[0].status
            os._exit(0 if status == "fresh" else 3)
        except BaseException:
            os._exit(4)
    assert reserve(ledger, wanted("PR-3"))[0].status == "fresh"
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert reserve(ledger, wanted("PR-2"))[0].status == "busy"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(), max_size=30), st.integers(1, 7))
def test_chunks_lose_nothing(items: list[int], size: int) -> None:
    parts = list(chunks(items, size))
    assert [one for part in parts for one in part] == items
    assert all(0 < len(part) <= size for part in parts)
