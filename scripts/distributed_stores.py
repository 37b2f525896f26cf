"""PostgreSQL and Redis for a distributed Airflow: own servers, passwords of their own, no root needed."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from scripts.accounts import folder_for, identity, unprivileged
from scripts.demo_home import Home, wait_for
from scripts.postgres import postgres_programs

USER = "docflow"
METADATA, LEDGER = "airflow", "ledger"
_INITDB = ("--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync")
_POSTGRES = {
    # Only this machine's power could undo what is not on disk yet, and then this run is over too.
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "200",
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "timezone": "UTC",
}


class Stores:
    """One PostgreSQL with a database for Airflow and one for the ledger, and one Redis.

    :param home: knows the ports ``postgres`` and ``redis``.
    """

    def __init__(self, home: Home) -> None:
        self.home, self.ports = home, home.ports()

    def url(self, database: str) -> str:
        """Return the SQLAlchemy URL of a database."""
        return f"postgresql+psycopg://{USER}:{self._password}@{self._place}/{database}"

    @property
    def connection(self) -> str:
        """The ledger as an Airflow connection."""
        return f"postgres://{USER}:{self._password}@{self._place}/{LEDGER}"

    @property
    def broker(self) -> str:
        """Redis as Celery's broker."""
        return f"redis://:{self._redis_password}@127.0.0.1:{self.ports['redis']}/0"

    @property
    def secrets(self) -> dict[str, str]:
        """What no log may show."""
        return {"postgres": self._password, "redis": self._redis_password}

    @property
    def _place(self) -> str:
        return f"127.0.0.1:{self.ports['postgres']}"

    @property
    def _password(self) -> str:
        return self.home.secret("postgres_password")

    @property
    def _redis_password(self) -> str:
        return self.home.secret("redis_password")

    def start(self) -> None:
        """Start what does not run, and make the databases that are missing.

        :raises RuntimeError: a program is missing, or does not start.
        """
        self._start_redis()
        self._start_postgres()
        known = {row[0] for row in self._ask("SELECT datname FROM pg_database")}
        for name in (METADATA, LEDGER):
            if name not in known:
                self._ask(f"CREATE DATABASE {name} TEMPLATE template0")

    def stop(self) -> list[str]:
        """End both; return what was running."""
        ended = [name for name in ("redis", "postgres") if self.home.stop(name)]
        folder = self.home.remembered.get("postgres_folder")
        if folder and Path(folder).parent != self.home.path:
            shutil.rmtree(folder, ignore_errors=True)
        return ended

    def _start_redis(self) -> None:
        if self.home.running("redis") is None:
            program = shutil.which("redis-server")
            if program is None:
                raise RuntimeError("there is no redis-server: install Debian's package of that name")
            settings = self.home.path / "redis.conf"
            settings.touch(mode=0o600)
            settings.write_text(
                f"bind 127.0.0.1\nport {self.ports['redis']}\nrequirepass {self._redis_password}\n"
                f"dir {self.home.path}\nsave ''\nappendonly no\ndaemonize no\n"
            )
            self.home.start("redis", [program, str(settings)], dict(os.environ))
        self._wait("redis", self._redis_answers)

    def _redis_answers(self) -> bool:
        import redis

        client = redis.Redis.from_url(self.broker)
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False
        finally:
            client.close()

    def _start_postgres(self) -> None:
        if self.home.running("postgres") is None:
            programs = postgres_programs()
            if programs is None:
                raise RuntimeError("there is no PostgreSQL: install Debian's package postgresql")
            account = unprivileged("postgres")
            data = self._data(programs, account)
            settings = [f"-c{name}={value}" for name, value in _POSTGRES.items()]
            command = [
                str(programs / "postgres"),
                "-D",
                str(data),
                "-p",
                str(self.ports["postgres"]),
                *settings,
            ]
            self.home.start("postgres", command, dict(os.environ), account=account)
        self._wait("postgres", self._postgres_answers)

    def _data(self, programs: Path, account: str | None) -> Path:
        """Return the cluster's folder; it lies elsewhere where another account has to own it."""
        if folder := self.home.remembered.get("postgres_folder"):
            return Path(folder) / "data"
        folder = folder_for(account, "docflow-postgres-") if account else self.home.path / "postgres"
        folder.mkdir(exist_ok=True)
        secret = folder / "password"
        secret.touch(mode=0o600)
        secret.write_text(self._password)
        if account:
            shutil.chown(secret, account)
        command = [str(programs / "initdb"), "-D", str(folder / "data"), "-U", USER, f"--pwfile={secret}"]
        subprocess.run(
            [*command, *_INITDB], cwd=folder, check=True, stdout=subprocess.DEVNULL, **identity(account)
        )
        secret.unlink()
        self.home.remember(postgres_folder=str(folder))
        return folder / "data"

    def _ask(self, statement: str) -> list[tuple[str, ...]]:
        import psycopg

        with psycopg.connect(
            host="127.0.0.1",
            port=self.ports["postgres"],
            user=USER,
            password=self._password,
            dbname="postgres",
            autocommit=True,
        ) as connection:
            found = connection.execute(statement)
            return found.fetchall() if found.description else []

    def _postgres_answers(self) -> bool:
        import psycopg

        try:
            return bool(self._ask("SELECT 1"))
        except psycopg.OperationalError:
            return False

    def _wait(self, name: str, ready: Any) -> None:
        wait_for(
            ready,
            what=name,
            seconds=60,
            log=self.home.path / f"{name}.log",
            alive=lambda: self.home.running(name) is not None,
        )
