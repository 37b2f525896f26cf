"""What docker-compose.yaml has PostgreSQL, Redis and the sandbox do, done by the same programs here."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2
import psycopg
import pytest
import redis

from airflow_provider_docflow.ledger import Ledger, migrate
from scripts.postgres import postgres_programs
from tests.compose.reading import CHECKOUT, filled_in, services
from tests.rigs.locks import missing
from tests.rigs.processes import Server, folder_for, free_port, run, unprivileged


@pytest.fixture(scope="module")
def cluster() -> Iterator[int]:
    """Port of a new cluster whose superuser is ``postgres``."""
    programs = postgres_programs()
    if programs is None:
        missing("no PostgreSQL here: install Debian's package postgresql")
    assert programs
    account, port = unprivileged("postgres"), free_port()
    folder = folder_for(account, "docflow-compose-")
    command = [programs / "initdb", "-D", folder / "data", "-U", "postgres", "--auth-local=trust"]
    run([*command, "--auth-host=scram-sha-256", "--no-sync"], account=account, cwd=folder)
    settings = ["-cfsync=off", "-clisten_addresses=127.0.0.1", f"-cunix_socket_directories={folder}"]
    server = Server(
        [programs / "postgres", "-D", folder / "data", "-p", str(port), *settings],
        folder=folder,
        account=account,
        stop_signal=signal.SIGINT,
    )
    server.wait_until(lambda: psycopg.connect(host=str(folder), port=port, user="postgres").close())
    env = services()["postgres"]["environment"]
    script = CHECKOUT / "docker" / "postgres" / "10-databases.sh"
    path = f"{programs}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        [str(script)],
        env={**env, "PATH": path, "PGHOST": str(folder), "PGPORT": str(port)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    yield port
    server.stop()


def _enter(port: int, user: str, password: str, database: str) -> None:
    psycopg.connect(host="127.0.0.1", port=port, user=user, password=password, dbname=database).close()


def test_each_owner_enters_its_own_database_and_no_other(cluster: int) -> None:
    env = filled_in()
    owners = {"airflow": env["METADATA_PASSWORD"], "docflow": env["LEDGER_PASSWORD"]}
    _enter(cluster, "airflow", owners["airflow"], "airflow")
    _enter(cluster, "docflow", owners["docflow"], "ledger")
    for user, database in (("airflow", "ledger"), ("docflow", "airflow")):
        with pytest.raises(psycopg.OperationalError, match="permission denied"):
            _enter(cluster, user, owners[user], database)
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        _enter(cluster, "docflow", owners["airflow"], "ledger")


def test_the_ledgers_owner_can_make_its_tables(cluster: int, monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow_provider_docflow.hooks.ledger import ledger_address

    env = services()["worker-1"]["environment"]
    connection = env["AIRFLOW_CONN_DOCFLOW_LEDGER"].replace("@postgres:5432", f"@127.0.0.1:{cluster}")
    monkeypatch.setenv("AIRFLOW_CONN_DOCFLOW_LEDGER", connection)
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "CeleryExecutor")
    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", env["AIRFLOW__CORE__FERNET_KEY"])
    url, keys = ledger_address()
    migrate.upgrade(url)
    ledger = Ledger.open(url, keys=keys)
    try:
        assert ledger.ledger_id
    finally:
        ledger.close()


def test_redis_asks_for_the_password(tmp_path: Path) -> None:
    program = shutil.which("redis-server")
    if program is None:
        missing("no Redis here: install Debian's package redis-server")
    service, port = services()["redis"], free_port()
    shell, flag, script = service["command"]
    here = {
        "/tmp/redis.conf": str(tmp_path / "redis.conf"),
        "--port 6379": f"--port {port}",
        "/data": str(tmp_path),
    }
    for there, instead in here.items():
        assert there in script
        script = script.replace(there, instead)
    env = {"PATH": os.environ["PATH"], **service["environment"]}
    folder = tmp_path / "server"
    folder.mkdir()
    server = Server([shell, flag, script], folder=folder, env=env)
    password = filled_in()["REDIS_PASSWORD"]
    try:
        with redis.Redis(port=port, password=password) as client:
            server.wait_until(client.ping)
        with redis.Redis(port=port) as stranger, pytest.raises(redis.AuthenticationError):
            stranger.ping()
        arguments = Path(f"/proc/{server.process.pid}/cmdline").read_bytes()
        assert arguments.startswith(b"redis-server"), "signals have to reach the server itself"
        assert password.encode() not in arguments
        assert (tmp_path / "redis.conf").stat().st_mode & 0o077 == 0
    finally:
        server.stop()


def test_the_sandbox_listens_for_others_and_tells_its_name(tmp_path: Path) -> None:
    command = services()["sandbox"]["command"]
    given = dict(zip(command[4::2], command[5::2], strict=True)) | {"--home": str(tmp_path), "--port": "0"}
    arguments = [part for pair in given.items() for part in pair]
    module = "airflow_provider_docflow.sandbox"
    with subprocess.Popen(
        [sys.executable, "-m", module, *arguments], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            told = json.loads(process.stdout.readline())
            with httpx2.Client(trust_env=False) as client:
                answer = client.get(f"http://127.0.0.1:{told['port']}/_sandbox/health")
            listening = Path(f"/proc/{process.pid}/net/tcp").read_text()
        finally:
            process.terminate()
            process.wait(240)
    assert answer.status_code == 200
    assert told["base_url"] == f"http://{os.uname().nodename}:{told['port']}"
    assert f"00000000:{told['port']:04X}" in listening
