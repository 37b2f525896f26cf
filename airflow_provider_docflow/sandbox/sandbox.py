"""The sandbox as an object: in a thread of this process, or as a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from airflow_provider_docflow.exceptions import Misconfigured
from airflow_provider_docflow.sandbox.client import SandboxClient


class Sandbox(SandboxClient):
    """A sandbox that this object starts and stops; also a context manager.

    :param home: folder in which everything is kept; starting again goes on where it was.
    :param port: HTTP port on 127.0.0.1; 0 takes a free one.
    :param mail_port: SMTP port; 0 takes a free one, None serves no mail.
    :param own_process: whether it runs in a process of its own instead of a thread.
    """

    def __init__(
        self,
        home: Path | str,
        port: int = 0,
        *,
        mail_port: int | None = None,
        own_process: bool = False,
    ) -> None:
        super().__init__("")
        self.home, self.port, self.mail_port = Path(home), port, mail_port
        self.pid: int | None = None
        self._own_process = own_process
        self._process: subprocess.Popen[str] | None = None
        self._thread: threading.Thread | None = None
        self._running: Any = None

    @property
    def finance_path(self) -> Path:
        """The finance system's database file."""
        from airflow_provider_docflow.sandbox.finance import FILE_NAME

        return self.home / FILE_NAME

    def start(self) -> Sandbox:
        """Start and return when everything answers.

        :raises Misconfigured: when the home is served already or the sandbox cannot start.
        """
        if self._process is not None or self._thread is not None:
            raise Misconfigured("this sandbox runs already")
        state = self._start_process() if self._own_process else self._start_thread()
        self.base_url, self.port, self.pid = state["base_url"], state["port"], state["pid"]
        self.mail_port = state["mail_port"]
        return self

    def stop(self) -> None:
        """Stop; what was answered is kept."""
        if self._process is not None:
            self._process.terminate()
            self._end()
        if self._thread is not None:
            self._running.stop()
            self._thread.join()
            self._thread = None

    def kill(self) -> None:
        """End a process of its own as a power cut would (``kill -9``)."""
        if self._process is None:
            raise Misconfigured("only a sandbox with own_process=True can be killed")
        os.kill(self._process.pid, signal.SIGKILL)
        self._end()

    def _end(self) -> None:
        assert self._process is not None
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._process = None

    def __enter__(self) -> Sandbox:
        """Start."""
        return self.start()

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self.stop()

    def _start_thread(self) -> dict[str, Any]:
        from airflow_provider_docflow.sandbox.server import Running

        ready = threading.Event()
        states: list[dict[str, Any]] = []
        failures: list[BaseException] = []

        def on_ready(state: dict[str, Any]) -> None:
            states.append(state)
            ready.set()

        def run() -> None:
            try:
                self._running.run()
            except BaseException as error:
                failures.append(error)
            finally:
                ready.set()

        self._running = Running(self.home, self.port, self.mail_port, on_ready)
        self._thread = threading.Thread(target=run, name="docflow-sandbox", daemon=True)
        self._thread.start()
        ready.wait()
        if not states:
            self._thread.join()
            self._thread = None
            raise Misconfigured(f"the sandbox did not start: {failures}") from (
                failures[0] if failures else None
            )
        return states[0]

    def _start_process(self) -> dict[str, Any]:
        command = [sys.executable, "-m", "airflow_provider_docflow.sandbox", "--home", str(self.home)]
        command += ["--port", str(self.port)]
        if self.mail_port is not None:
            command += ["--mail-port", str(self.mail_port)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._end()
            raise Misconfigured(
                f"the sandbox in {self.home} did not start", remedy="Its messages stand above on stderr."
            )
        state: dict[str, Any] = json.loads(line)
        return state
