"""The folder in which a distributed Airflow is tried: what is killed, what is removed, what may not show."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import psutil
import pytest

from scripts import distributed
from scripts.demo_home import Home
from scripts.distributed_servers import ALL_PORTS, WORKERS, Cluster

FAMILY = """
import os, sys, time
child = os.fork()
if child == 0:
    os.setpgid(0, 0)  # as Airflow's supervisor does with a task
print(os.getpid(), flush=True)
time.sleep(600)
"""


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home", ALL_PORTS)


def test_a_killed_worker_takes_its_tasks_along(home: Home) -> None:
    home.start("worker", [sys.executable, "-c", FAMILY], dict(os.environ))
    pids = _family(home)
    assert len({os.getpgid(pid) for pid in pids}) == 2, "a signal to the worker's group would miss the task"

    assert home.kill("worker") == 2
    assert home.running("worker") is None
    assert [pid for pid in pids if psutil.pid_exists(pid) and _lives(pid)] == []
    assert home.kill("worker") == 0


def test_a_worker_that_is_held_stands_still_with_its_tasks_until_it_is_let_go(home: Home) -> None:
    home.start("worker", [sys.executable, "-c", FAMILY], dict(os.environ))
    pids = _family(home)
    with home.held("worker"), home.held("another"):
        _until_all(pids, standing=True)
    _until_all(pids, standing=False)
    with home.held("worker"):
        assert home.kill("worker") == 2
    assert [pid for pid in pids if psutil.pid_exists(pid) and _lives(pid)] == []


def _family(home: Home) -> list[int]:
    log = home.path / "worker.log"
    while len(pids := [int(line) for line in log.read_text().split()]) < 2:
        assert home.running("worker") is not None, log.read_text()
        time.sleep(0.02)
    return pids


def _until_all(pids: list[int], *, standing: bool) -> None:
    end = time.monotonic() + 60
    while {psutil.Process(pid).status() == psutil.STATUS_STOPPED for pid in pids} != {standing}:
        assert time.monotonic() < end
        time.sleep(0.02)


def _lives(pid: int) -> bool:
    return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def test_only_a_folder_of_its_own_is_emptied(home: Home, tmp_path: Path) -> None:
    home.remember(ports={})
    (home.path / "ledger.sqlite").touch()
    assert [one.name for one in home.emptied().path.iterdir()] == []

    somebodys = tmp_path / "somebodys"
    somebodys.mkdir()
    (somebodys / "thesis.txt").write_text("only copy")
    with pytest.raises(RuntimeError, match="is not empty"):
        Home(somebodys).emptied()
    assert (somebodys / "thesis.txt").exists()


def test_a_secret_in_a_log_is_found(home: Home) -> None:
    cluster = Cluster(home)
    env = cluster.airflow_env()
    home.secret("ui_password")
    home.secret("robot_secret")
    nested = home.path / "airflow" / "logs" / "task.log"
    nested.parent.mkdir(parents=True)
    nested.write_text("connecting to redis://:***@127.0.0.1\n")
    assert list(distributed.leaks(cluster)) == []
    for name, secret in cluster.secrets.items():
        nested.write_text(f"connecting with {secret}\n")
        assert list(distributed.leaks(cluster)) == [(name, nested)]
    assert all(
        any(secret in value for value in env.values())
        for name, secret in cluster.secrets.items()
        if name not in ("ui_password", "robot_secret")
    )


def test_a_start_without_a_blow_proves_nothing(home: Home) -> None:
    cluster = Cluster(home)
    for name in WORKERS:
        (home.path / f"{name}.log").write_text("ready\nExecuting workload in Celery\n")
    told = {"killed": distributed.Blow(cluster).told, "tasks": dict.fromkeys(WORKERS, 1)}
    for name in ("ui_password", "jwt_secret", "secret_key", "fernet_key", "robot_secret"):
        home.secret(name)
    assert distributed.complaints(cluster, told) == ["no worker was killed: orders wrote nothing"]
    idle = {"killed": {"worker": "worker_1"}, "tasks": {"worker_1": 3, "worker_2": 0}}
    assert distributed.complaints(cluster, idle) == ["worker_2 had nothing to do"]
