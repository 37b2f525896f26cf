"""Servers as child processes: an account that is not root, a free port, an end by their own pid."""

from __future__ import annotations

import ctypes
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from scripts.accounts import folder_for, identity, unprivileged
from scripts.ports import free_port

__all__ = ["Server", "ServerDied", "folder_for", "free_port", "run", "unprivileged"]

_PR_SET_PDEATHSIG = 1


class ServerDied(RuntimeError):
    """A server ended, or did not answer in time; carries the end of its log."""


def _die_with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def run(command: Sequence[str | Path], *, account: str | None, cwd: Path) -> None:
    """Run a command to its end as ``account``.

    :raises ServerDied: it failed; the message holds what it printed.
    """
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        **identity(account),
    )
    if done.returncode:
        raise ServerDied(f"{command[0]} ended with {done.returncode}:\n{done.stdout[-2000:]}")


class Server:
    """A child process that listens on a port.

    :param command: what to start; it must stay in the foreground.
    :param folder: its working folder, which holds ``server.log`` and is removed with it.
    :param account: the account to run as, None for the own one.
    :param stop_signal: what it takes as "end at once, but orderly".
    :param env: its environment, None for the own one.
    """

    def __init__(
        self,
        command: Sequence[str | Path],
        *,
        folder: Path,
        account: str | None = None,
        stop_signal: signal.Signals = signal.SIGTERM,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self.folder = folder
        self.log = folder / "server.log"
        self._stop_signal = stop_signal
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [str(part) for part in command],
                cwd=folder,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=_die_with_parent,
                **identity(account),
            )

    def wait_until(self, answers: Callable[[], object], *, seconds: float = 180) -> None:
        """Wait until ``answers`` returns without raising.

        :raises ServerDied: the process ended, or the time was up.
        """
        end = time.monotonic() + seconds
        while True:
            try:
                answers()
                return
            except Exception as error:
                if self.process.poll() is not None or time.monotonic() > end:
                    tail = self.log.read_text(errors="replace")[-2000:]
                    self.stop()
                    raise ServerDied(f"{self.process.args}: {error}\n{tail}") from error
            time.sleep(0.05)

    def kill(self) -> None:
        """End it as a power cut would: no goodbye, and its folder stays."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        """End it and remove its folder."""
        if self.process.poll() is None:
            self.process.send_signal(self._stop_signal)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)
