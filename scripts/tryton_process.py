"""One trytond process: its configuration, its start, the wait for its first answer, its end."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path

from scripts.tryton_rpc import TrytonError, TrytonRpc

SESSION_SECONDS = 86_400


class TrytonUnavailable(RuntimeError):
    """Tryton cannot be built or started here; the message says why and what to do."""


def configure(home: Path, port: int) -> None:
    """Write ``home/trytond.conf`` for SQLite databases in ``home`` and a server on ``port``."""
    (home / "sqlite").mkdir(parents=True, exist_ok=True)
    (home / "trytond.conf").write_text(
        f"[database]\nuri = sqlite://\npath = {home / 'sqlite'}\n"
        f"[web]\nlisten = 127.0.0.1:{port}\n"
        # By default who posts must have been heard of in the last five minutes.
        f"[session]\nauthentications = password\ntimeout = {SESSION_SECONDS}\n"
        # Larger than Tryton's default: halves the time of bulk confirmations and postings.
        "[cache]\ndefault = 20000\n"
    )


def start(serve: list[str], home: Path) -> subprocess.Popen[bytes]:
    """Start a server that outlives this process."""
    with (home / "server.log").open("ab") as log:
        return subprocess.Popen(
            serve, cwd=home, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )


def wait(
    process: subprocess.Popen[bytes], home: Path, base_url: str, db: str, password: str, seconds: float = 120
) -> TrytonRpc:
    """Wait until the administrator can log in.

    :raises TrytonUnavailable: the process ended, or the time was up.
    """
    deadline = time.monotonic() + seconds
    rpc = TrytonRpc(base_url, db)
    while True:
        try:
            rpc.login("admin", password)
            return rpc
        except (OSError, TrytonError) as error:
            if process.poll() is not None or time.monotonic() > deadline:
                end(process.pid)
                tail = (home / "server.log").read_text(errors="replace")[-2000:]
                raise TrytonUnavailable(f"Tryton does not start: {error}\n{tail}") from error
        time.sleep(0.1)


def let_go(process: subprocess.Popen[bytes]) -> None:
    """Let go of a server that outlives this object, or that was ended by its number: nobody waits for it."""
    process.returncode = 0


def end(pid: int, seconds: float = 20) -> None:
    """End a server and wait until it is gone."""
    deadline = time.monotonic() + seconds
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGINT)
        while is_running(pid):
            if time.monotonic() > deadline:
                os.kill(pid, signal.SIGKILL)
            time.sleep(0.05)


def is_running(pid: int) -> bool:
    """Whether the process lives; reaps it if it was a child and has ended."""
    with contextlib.suppress(ChildProcessError):
        return os.waitpid(pid, os.WNOHANG) == (0, 0)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # A dead process whose parent does not ask for it keeps its number.
    status = Path(f"/proc/{pid}/stat")
    return not (status.exists() and status.read_text().rpartition(")")[2].split()[0] == "Z")
