from __future__ import annotations

import threading
import time
import traceback
from typing import Any

import pytest

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.exchange import SqlUnit, Statement
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.hooks.doors import Door
from airflow_provider_docflow.hooks.sql import SqlUnits, sql_runner
from airflow_provider_docflow.systems.sql import PROFILE, ensure

SECRET = "geheim-4711"


def unit(*statements: str, writes: bool = True, **parameters: Any) -> SqlUnit:
    return SqlUnit(tuple(Statement(sql, parameters) for sql in statements), writes=writes)


@pytest.fixture
def units(database_url: str) -> Any:
    made = sql_runner(database_url)
    made(unit("CREATE TABLE t (id INTEGER PRIMARY KEY, word VARCHAR(10) NOT NULL)"))
    yield made
    made.close()


def test_rows_are_dicts_and_parameters_are_bound(units: SqlUnits) -> None:
    units(unit("INSERT INTO t VALUES (1, :word)", word="'; --"))
    rows = units(unit("SELECT id, word FROM t", "SELECT count(*) AS n FROM t", writes=False))
    assert rows == [[{"id": 1, "word": "'; --"}], [{"n": 1}]]


def test_a_unit_that_only_reads_leaves_nothing(units: SqlUnits) -> None:
    units(unit("INSERT INTO t VALUES (1, 'a')", writes=False))
    assert units(unit("SELECT * FROM t", writes=False)) == [[]]


def test_unexpected_row_count_undoes_everything(units: SqlUnits) -> None:
    first = Statement(
        "INSERT INTO t VALUES (:id, :word)", [{"id": 1, "word": "a"}, {"id": 2, "word": "b"}], expect=2
    )
    second = Statement("UPDATE t SET word = 'c' WHERE id = 9", expect=1)
    with pytest.raises(exc.Conflict, match="0 rows would have changed instead of 1"):
        units(SqlUnit((first, second), writes=True))
    assert units(unit("SELECT * FROM t", writes=False)) == [[]]
    units(SqlUnit((first,), writes=True))
    assert len(units(unit("SELECT * FROM t", writes=False))[0]) == 2


def test_deadline_is_looked_at_before_the_commit(units: SqlUnits) -> None:
    late = SqlUnit((Statement("INSERT INTO t VALUES (1, 'a')"),), writes=True, not_after=time.monotonic() - 1)
    with pytest.raises(exc.LeaseLost):
        units(late)
    in_time = SqlUnit(late.statements, writes=True, not_after=time.monotonic() + 60)
    units(in_time)
    assert len(units(unit("SELECT * FROM t", writes=False))[0]) == 1


@pytest.mark.parametrize(
    ("statements", "kind"),
    [
        (["INSERT INTO t VALUES (1, 'a')", "INSERT INTO t VALUES (1, 'b')"], exc.Rejected),
        (["INSERT INTO t VALUES (1, NULL)"], exc.Rejected),
        (["SELECT * FROM nowhere"], exc.Misconfigured),
        (["SELECT nothing FROM t"], exc.Misconfigured),
        (["SELEC"], exc.Misconfigured),
    ],
)
def test_the_databases_refusals_get_our_types(
    units: SqlUnits, statements: list[str], kind: type[exc.DocflowError]
) -> None:
    with pytest.raises(kind) as caught:
        units(unit(*statements))
    assert type(caught.value) is kind and caught.value.code
    assert units(unit("SELECT * FROM t", writes=False)) == [[]]


@pytest.mark.parametrize("fixture", ["postgres_url", "mysql_url"])
def test_too_long_text_is_refused_not_cut(fixture: str, request: pytest.FixtureRequest) -> None:
    made = sql_runner(str(request.getfixturevalue(fixture)))
    made(unit("CREATE TABLE t (id INTEGER PRIMARY KEY, word VARCHAR(10) NOT NULL)"))
    with pytest.raises(exc.Rejected):
        made(unit("INSERT INTO t VALUES (1, :word)", word="x" * 11))
    made.close()


def test_a_locked_row_is_a_conflict(postgres_url: str) -> None:
    first, second = sql_runner(postgres_url), sql_runner(postgres_url)
    first(unit("CREATE TABLE t (id INTEGER PRIMARY KEY)", "INSERT INTO t VALUES (1)"))
    with first.engine.begin() as holding:
        holding.exec_driver_sql("SELECT * FROM t FOR UPDATE")
        with pytest.raises(exc.Conflict) as caught:
            second(unit("SET LOCAL lock_timeout = '50ms'", "UPDATE t SET id = 2"))
    assert caught.value.code == "55P03"
    first.close()
    second.close()


@pytest.mark.parametrize(
    "url", ["postgresql+psycopg://u:{}@127.0.0.1:1/d", "mysql+pymysql://u:{}@127.0.0.1:1/d"]
)
def test_nobody_there(url: str) -> None:
    made = sql_runner(url.format(SECRET))
    with pytest.raises(exc.Unreachable) as caught:
        made(unit("SELECT 1"))
    told = "".join(traceback.format_exception(caught.value)) + repr(made.engine)
    assert SECRET not in told and caught.value.landed == "no"
    made.close()


def test_refused_login(mysql_url: str) -> None:
    made = sql_runner(mysql_url.replace("docflow:docflow@", f"docflow:{SECRET}@"))
    with pytest.raises(exc.Authentication) as caught:
        made(unit("SELECT 1"))
    assert SECRET not in "".join(traceback.format_exception(caught.value))
    made.close()


def test_values_do_not_reach_errors(units: SqlUnits) -> None:
    units(unit("CREATE TABLE account (id INTEGER PRIMARY KEY, iban VARCHAR(40), owner VARCHAR(40) NOT NULL)"))
    with pytest.raises(exc.Rejected) as caught:
        units(unit("INSERT INTO account VALUES (1, :iban, NULL)", iban=SECRET))
    assert SECRET not in "".join(traceback.format_exception(caught.value))
    with pytest.raises(exc.Misconfigured) as caught_too:
        units(unit("INSERT INTO account VALUES (1, :iban, nothing)", iban=SECRET))
    assert SECRET not in "".join(traceback.format_exception(caught_too.value))


def test_one_name_for_the_database_whoever_asks_first(units: SqlUnits) -> None:
    site = Site(profile=PROFILE, conn_id="finance", settings={"ensure": True})
    names: list[str] = []
    start = threading.Barrier(4)

    def ask() -> None:
        start.wait()
        with Door(site, sql=units) as door:
            names.append(door.run(ensure(site)))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(names) == 4 and len(set(names)) == 1


def test_through_an_airflow_connection(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_FINANCE_DB", sqlite_url.replace("sqlite:///", "sqlite://"))
    made = sql_runner("finance_db")
    made(unit("CREATE TABLE t (id INTEGER PRIMARY KEY)", "INSERT INTO t VALUES (7)"))
    assert made(unit("SELECT * FROM t", writes=False)) == [[{"id": 7}]]
    with pytest.raises(exc.Rejected) as caught:
        made(unit("INSERT INTO t VALUES (7)"))
    assert caught.value.system == "finance_db"
    made.close()


def test_a_door_without_a_database_says_so() -> None:
    site = Site(profile=PROFILE, conn_id="finance")
    with Door(site) as door, pytest.raises(exc.Misconfigured, match="names no database"):
        door.run(PROFILE.instance(site))
