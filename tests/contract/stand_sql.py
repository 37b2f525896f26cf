"""docflow's default tables in PostgreSQL and MariaDB, reached through a proxy that cuts, and in SQLite."""

from __future__ import annotations

import itertools
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from airflow_provider_docflow.core.profile import WriteItem
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.document import DocumentRef
from airflow_provider_docflow.hooks.doors import Door
from airflow_provider_docflow.hooks.sql import SqlUnits
from airflow_provider_docflow.systems.sql import DEFAULT_TABLES, PROFILE, ensure, layouts
from tests.contract.proxy import Proxy
from tests.contract.stands import Factory, Stand, plain_document

TYPE = "supplier_invoice"
_NUMBERS = itertools.count(1)
_NO_HTTP = dict.fromkeys(
    ("error_before", "error_after", "rate_limited", "rate_limited_with_retry_after", "malformed"),
    "a database answers a commit or loses the connection; there is no such reply",
)
_ENDS_WITH_IT = "a transaction ends with its connection; none is committed later"


@contextmanager
def _sqlite(request: pytest.FixtureRequest) -> Iterator[Stand]:
    with tempfile.TemporaryDirectory(prefix="docflow-sql-") as folder:
        file = "a file has no wire that could be cut"
        without = {**_NO_HTTP, "cut": file, "reply_lost": file, "late_commit": file}
        url = f"sqlite:///{Path(folder) / 'finance.sqlite'}"
        with _at(url, url, {}, without, lambda: None) as stand:
            yield stand


def _served(server_fixture: str) -> Factory:
    @contextmanager
    def factory(request: pytest.FixtureRequest) -> Iterator[Stand]:
        server = request.getfixturevalue(server_fixture)
        name = f"contract_{next(_NUMBERS)}"
        url, proxy = server.create(name), Proxy(server.port)
        faults: dict[str, Callable[[], None]] = {
            "cut": lambda: proxy.cut(b"INSERT INTO", "before"),
            "reply_lost": lambda: proxy.cut(b"COMMIT", "after"),
            "error_before": lambda: proxy.cut(b"COMMIT", "before"),
        }
        without = {name: why for name, why in _NO_HTTP.items() if name != "error_before"}
        without["late_commit"] = _ENDS_WITH_IT
        through = url.replace(f":{server.port}/", f":{proxy.port}/")
        try:
            with _at(through, url, faults, without, lambda: proxy.cut(b"\0never sent\0", "before")) as stand:
                yield stand
        finally:
            proxy.close()
            server.drop(name)

    return factory


@contextmanager
def _at(
    url: str,
    behind: str,
    faults: dict[str, Callable[[], None]],
    without: dict[str, str],
    calm: Callable[[], None],
) -> Iterator[Stand]:
    units, truth = SqlUnits(url), sa.create_engine(behind)
    site = Site(
        profile=PROFILE.configured({}), conn_id="finance_conn", settings={"sql_conn_id": "finance_db"}
    )
    with Door(site, sql=units) as door:
        site = replace(site, instance=door.run(ensure(site, list(layouts(DEFAULT_TABLES).values()))))
    with truth.begin() as connection:
        connection.exec_driver_sql(f"CREATE UNIQUE INDEX one_number ON {TYPE} (number)")
    lines: list[str] = []

    def note(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        lines.append(re.sub(r"\s+", " ", statement))

    sa.event.listen(units.engine, "before_cursor_execute", note)
    yield _over(site, units, truth, lines, faults, without, calm)
    units.close()
    truth.dispose()


def _over(
    site: Site,
    units: SqlUnits,
    truth: sa.Engine,
    lines: list[str],
    faults: dict[str, Callable[[], None]],
    without: dict[str, str],
    calm: Callable[[], None],
) -> Stand:
    def ask(sql: str, **values: Any) -> int:
        with truth.begin() as connection:
            return connection.execute(sa.text(sql), values).rowcount

    def count(item: WriteItem) -> int:
        with truth.connect() as connection:
            sql = f"SELECT count(*) FROM {TYPE} WHERE business_key = :mark"
            return int(connection.execute(sa.text(sql), {"mark": item.mark}).scalar_one())

    def edit(ref: DocumentRef) -> None:
        at = "strftime('%Y-%m-%d %H:%M:%f', 'now')" if truth.dialect.name == "sqlite" else "now()"
        ask(
            f"UPDATE {TYPE} SET state = 'confirmed', changed_at = {at} WHERE id = :id",
            id=int(ref.internal_id),
        )

    def bad() -> WriteItem:
        """Let somebody else take the number, so that a unique index refuses it."""
        item, serial = stand.item(), -next(_NUMBERS)
        assert item.document is not None
        ask(
            f"INSERT INTO {TYPE} (id, business_key, state, company_code, party, number)"
            " VALUES (:id, :mark, 'draft', 'C9', 'SUP-9', :number)",
            id=serial,
            mark=f"OTHER{-serial}",
            number=item.document.id,
        )
        return item

    stand = Stand(
        site=site,
        sql=units,
        document_type=TYPE,
        document=lambda number: plain_document(TYPE, number),
        count=count,
        edit=edit,
        missing=DocumentRef(site.instance, "C1", TYPE, "999999"),
        faults=faults,
        without=without,
        bad=bad,
        calm=calm,
        wait=lambda seconds: None,
        settle=lambda: None,
        log=lambda: [line for line in lines if not line.startswith(("SET ", "PRAGMA "))],
        forget=lines.clear,
        mark_room=64,
        actions={"submit": "submitted", "confirm": "active", "pay": "closed"},
        endings={"cancel": "cancelled"},
        spread=205,
        http=False,
    )
    return stand


STANDS: dict[str, Factory] = {
    "sql in sqlite": _sqlite,
    "sql in postgresql": _served("postgres_server"),
    "sql in mariadb": _served("mysql_server"),
}
