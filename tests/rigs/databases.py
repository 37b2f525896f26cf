"""PostgreSQL and MariaDB for tests: own servers in temporary folders, a fresh database for every test."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.postgres import postgres_programs
from tests.rigs.locks import missing
from tests.rigs.processes import Server, ServerDied, folder_for, free_port, run, unprivileged

_USER = "docflow"
_SERIAL = itertools.count(1)
_INITDB = ("--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync")
_FAST_POSTGRES = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "100",
    "shared_buffers": "64MB",
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "timezone": "UTC",
}
_FAST_MARIADB = {
    "bind-address": "127.0.0.1",
    "innodb-flush-log-at-trx-commit": "0",
    "innodb-doublewrite": "0",
    "innodb-log-file-size": "16M",
    "innodb-buffer-pool-size": "64M",
    "character-set-server": "utf8mb4",
    "performance-schema": "off",
}


def mariadb_programs() -> tuple[str, str] | None:
    """``mariadbd`` and ``mariadb-install-db``; Debian keeps the first in a folder for administrators."""
    path = ":".join((*filter(None, [os.environ.get("PATH")]), "/usr/sbin", "/usr/local/sbin", "/usr/libexec"))
    server, install = shutil.which("mariadbd", path=path), shutil.which("mariadb-install-db", path=path)
    return (server, install) if server and install else None


class PostgresServer:
    """A PostgreSQL cluster of its own."""

    def __init__(self, programs: Path) -> None:
        account = unprivileged("postgres")
        folder = folder_for(account, "docflow-postgres-")
        run(
            [programs / "initdb", "-D", folder / "data", "-U", _USER, *_INITDB],
            account=account,
            cwd=folder,
        )
        self.port = free_port()
        settings = [f"-c{name}={value}" for name, value in _FAST_POSTGRES.items()]
        self.server = Server(
            [programs / "postgres", "-D", folder / "data", "-p", str(self.port), *settings],
            folder=folder,
            account=account,
            stop_signal=signal.SIGINT,
        )
        self.server.wait_until(lambda: self.execute("SELECT 1"))

    def execute(self, statement: str) -> None:
        """Run one statement as the server's owner."""
        import psycopg

        with psycopg.connect(
            host="127.0.0.1", port=self.port, user=_USER, dbname="postgres", autocommit=True
        ) as connection:
            connection.execute(statement)

    @property
    def url(self) -> str:
        """SQLAlchemy URL without a database."""
        return f"postgresql+psycopg://{_USER}@127.0.0.1:{self.port}/"

    def create(self, name: str) -> str:
        """Create a database and return its URL."""
        self.execute(f"CREATE DATABASE {name} TEMPLATE template0")
        return self.url + name

    def drop(self, name: str) -> None:
        """Drop a database, whoever is still connected."""
        self.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


class MariadbServer:
    """A MariaDB server of its own."""

    def __init__(self, server: str, install: str) -> None:
        account = unprivileged("mysql")
        folder = folder_for(account, "docflow-mariadb-")
        # A server clears its temporary folder when it starts: a shared one is cleared under its neighbours.
        (folder / "tmp").mkdir(mode=0o777)
        (folder / "tmp").chmod(0o777)
        fixed = ["--no-defaults", f"--datadir={folder / 'data'}", f"--tmpdir={folder / 'tmp'}"]
        run(
            [install, *fixed, "--auth-root-authentication-method=normal", "--skip-test-db"],
            account=account,
            cwd=folder,
        )
        grant = folder / "grant.sql"
        grant.write_text(
            f"CREATE OR REPLACE USER {_USER}@'127.0.0.1' IDENTIFIED BY '{_USER}';\n"
            f"GRANT ALL ON *.* TO {_USER}@'127.0.0.1' WITH GRANT OPTION;\n"
        )
        grant.chmod(0o644)
        self.port = free_port()
        fast = [f"--{name}={value}" for name, value in _FAST_MARIADB.items()]
        places = [f"--socket={folder / 'sock'}", f"--pid-file={folder / 'pid'}", f"--init-file={grant}"]
        self.server = Server(
            [server, *fixed, *places, f"--port={self.port}", "--skip-name-resolve", *fast],
            folder=folder,
            account=account,
        )
        self.server.wait_until(lambda: self.execute("SELECT 1"))

    def execute(self, statement: str) -> None:
        """Run one statement as a user who may do everything."""
        import pymysql

        with pymysql.connect(
            host="127.0.0.1", port=self.port, user=_USER, password=_USER, autocommit=True
        ) as connection:
            connection.cursor().execute(statement)

    @property
    def url(self) -> str:
        """SQLAlchemy URL without a database."""
        return f"mysql+pymysql://{_USER}:{_USER}@127.0.0.1:{self.port}/"

    def create(self, name: str) -> str:
        """Create a database and return its URL."""
        self.execute(f"CREATE DATABASE {name}")
        return f"{self.url}{name}?charset=utf8mb4"

    def drop(self, name: str) -> None:
        """Drop a database."""
        self.execute(f"DROP DATABASE IF EXISTS {name}")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """One PostgreSQL server per test process; a test that kills it must start its own."""
    programs = postgres_programs()
    if programs is None:
        missing("no PostgreSQL here: install Debian's package postgresql, or put its programs on PATH")
    assert programs
    try:
        running = PostgresServer(programs)
    except ServerDied as error:
        missing(f"PostgreSQL does not start: {error}")
    yield running
    running.server.stop()


@pytest.fixture(scope="session")
def mysql_server() -> Iterator[MariadbServer]:
    """One MariaDB server per test process."""
    programs = mariadb_programs()
    if programs is None:
        missing("no MariaDB here: install Debian's package mariadb-server, or put its programs on PATH")
    assert programs
    try:
        running = MariadbServer(*programs)
    except ServerDied as error:
        missing(f"MariaDB does not start: {error}")
    yield running
    running.server.stop()


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """SQLAlchemy URL of a SQLite file that does not exist yet."""
    return f"sqlite:///{tmp_path / 'docflow.sqlite'}"


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """SQLAlchemy URL of an empty PostgreSQL database."""
    name = f"docflow_{next(_SERIAL)}"
    yield postgres_server.create(name)
    postgres_server.drop(name)


@pytest.fixture
def mysql_url(mysql_server: MariadbServer) -> Iterator[str]:
    """SQLAlchemy URL of an empty MariaDB database."""
    name = f"docflow_{next(_SERIAL)}"
    yield mysql_server.create(name)
    mysql_server.drop(name)


@pytest.fixture(params=["sqlite", "postgresql", "mysql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """The same test on every database that the ledger supports."""
    fixture = {"sqlite": "sqlite_url", "postgresql": "postgres_url", "mysql": "mysql_url"}[request.param]
    return str(request.getfixturevalue(fixture))
