"""The folder of a demo: what has to be remembered between starts, and the processes that run from it."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil

from scripts.accounts import identity
from scripts.ports import free_ports
from scripts.tryton_process import let_go

PORTS = ("tryton", "sandbox", "airflow", "worker_logs", "trigger_logs")
LOCK = "demo.lock"


class Home:
    """Everything of the demo lies in one folder; removing it begins anew.

    :param path: the folder, made if it is missing.
    :param ports: names of the ports that its servers need.
    """

    def __init__(self, path: Path, ports: Sequence[str] = PORTS) -> None:
        self.path, self._names = path.resolve(), tuple(ports)
        self.path.mkdir(parents=True, exist_ok=True)
        self._file = self.path / "demo.json"

    @property
    def remembered(self) -> dict[str, Any]:
        """What earlier starts have chosen."""
        return json.loads(self._file.read_text()) if self._file.exists() else {}

    def remember(self, **values: Any) -> None:
        """Keep choices; a killed start leaves the file as it was or as it is to be."""
        half = self._file.with_suffix(".half")
        half.touch(mode=0o600)
        half.write_text(json.dumps({**self.remembered, **values}, indent=1, ensure_ascii=False))
        half.replace(self._file)

    def choose(self, name: str, value: Any) -> Any:
        """Return what was chosen under ``name``, or choose ``value`` for all later starts."""
        if name not in self.remembered:
            self.remember(**{name: value})
        return self.remembered[name]

    def ports(self) -> dict[str, int]:
        """Return the ports, free ones on the first start and the same ever after."""
        chosen = self.remembered.get("ports")
        if chosen is None:
            chosen = dict(zip(self._names, free_ports(len(self._names)), strict=True))
            self.remember(ports=chosen)
        return dict(chosen)

    def secret(self, name: str, length: int = 24) -> str:
        """Return a secret of this demo."""
        return str(self.choose(name, secrets.token_urlsafe(length)))

    def has_done(self, step: str) -> bool:
        """Tell whether a step was done by an earlier start."""
        return step in self.remembered.get("done", [])

    @contextlib.contextmanager
    def once(self, step: str) -> Iterator[bool]:
        """Do a step once: the body learns whether it still has to be done."""
        again = not self.has_done(step)
        yield again
        if again:
            self.remember(done=[*self.remembered.get("done", []), step])

    def keep_report(self, report: Mapping[str, Any]) -> Path:
        """Write the report beside everything else."""
        file = self.path / "report.json"
        file.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n")
        return file

    def emptied(self) -> Home:
        """Remove everything but the lock, and begin anew.

        :raises RuntimeError: it is no folder of a demo.
        """
        found = {one.name for one in self.path.iterdir()}
        if found - {LOCK} and not self._file.exists():
            raise RuntimeError(f"{self.path} is no folder of a demo, and is not empty")
        for one in self.path.iterdir():
            if one.is_dir():
                shutil.rmtree(one)
            elif one.name != LOCK:
                one.unlink()
        return Home(self.path, self._names)

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Refuse a second start while one is at work.

        :raises RuntimeError: one is.
        """
        with (self.path / LOCK).open("a") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise RuntimeError(f"another start of the demo is at work in {self.path}") from None
            yield

    def start(
        self, name: str, command: Sequence[str], env: Mapping[str, str], account: str | None = None
    ) -> None:
        """Start a process in a session of its own, which outlives this one; its output goes to a log.

        :param account: whose process it is to be; None for the own account.
        """
        with (self.path / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                command,
                cwd=self.path,
                env={**env, "PWD": str(self.path)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                **identity(account),
            )
        self.mark(name, process.pid)
        let_go(process)

    def mark(self, name: str, pid: int) -> None:
        """Note a process with the moment of its birth: its number may be somebody else's one day."""
        born = psutil.Process(pid).create_time()
        self._pid_file(name).write_text(json.dumps({"pid": pid, "born": born}))

    def running(self, name: str) -> psutil.Process | None:
        """Return the process of that name if it lives."""
        try:
            noted = json.loads(self._pid_file(name).read_text())
            process = psutil.Process(noted["pid"])
            alive = process.status() != psutil.STATUS_ZOMBIE
            return process if alive and abs(process.create_time() - noted["born"]) < 1 else None
        except (OSError, ValueError, psutil.NoSuchProcess):
            return None

    def stop(self, name: str, seconds: float = 20) -> bool:
        """End a process and everything in its session; return whether there was one."""
        process = self.running(name)
        self._pid_file(name).unlink(missing_ok=True)
        if process is None:
            return False
        family = _session(process)
        for sign, patience in ((signal.SIGTERM, seconds), (signal.SIGKILL, 5.0)):
            _tell(family, sign)
            _, family = psutil.wait_procs(family, timeout=patience)
            if not family:
                break
        return True

    @contextlib.contextmanager
    def held(self, name: str) -> Iterator[None]:
        """Let a process and its session stand still meanwhile; who is killed then was at work until now."""
        process = self.running(name)
        family = _session(process) if process else []
        _tell(family, signal.SIGSTOP)
        try:
            yield
        finally:
            _tell(family, signal.SIGCONT)

    def kill(self, name: str) -> int:
        """End a process and its session as a power cut would; return how many processes there were."""
        process = self.running(name)
        killed: set[int] = set()
        # Twice, for what was born while the first round went on.
        for _ in range(2) if process else ():
            family = _session(process)
            for one in family:
                with contextlib.suppress(psutil.NoSuchProcess):
                    one.kill()
                    killed.add(one.pid)
            psutil.wait_procs(family, timeout=5)
        return len(killed)

    def _pid_file(self, name: str) -> Path:
        return self.path / f"{name}.pid"


def _session(leader: psutil.Process) -> list[psutil.Process]:
    """Return a session's processes: a killed parent leaves children behind that are its children no more."""
    found = {leader.pid: leader}
    for process in psutil.process_iter():
        with contextlib.suppress(OSError, psutil.NoSuchProcess):
            if os.getsid(process.pid) == leader.pid:
                found[process.pid] = process
    with contextlib.suppress(psutil.NoSuchProcess):
        found |= {child.pid: child for child in leader.children(recursive=True)}
    return list(found.values())


def _tell(processes: Sequence[psutil.Process], sign: signal.Signals) -> None:
    for one in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            one.send_signal(sign)


def wait_for(ready: Any, *, what: str, seconds: float, log: Path, alive: Any) -> Any:
    """Wait until ``ready()`` is true.

    :raises RuntimeError: the time is up or the process has ended; the message ends with its log.
    """
    deadline = time.monotonic() + seconds
    while not (found := ready()):
        if time.monotonic() > deadline or not alive():
            tail = log.read_text(errors="replace")[-2000:] if log.exists() else ""
            raise RuntimeError(f"{what} does not start; see {log}:\n{tail}")
        time.sleep(0.2)
    return found
