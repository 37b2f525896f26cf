"""A real Tryton ERP for tests: what docflow wrote is looked at in the ERP itself."""

from __future__ import annotations

import contextlib
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from scripts import tryton_server
from scripts.tryton_rpc import TrytonRpc
from tests.rigs.locks import missing
from tests.rigs.processes import Server, ServerDied


class TrytonRig:
    """A Tryton server with a seeded database of its own.

    :ivar seed: ids by code: ``companies``, ``suppliers`` (SUP-1 to SUP-8), ``addresses``, ``products``
        (goods P-100 to P-119, taxed P-130, services P-200 to P-209), ``currencies``, ``units``,
        ``taxes``, ``accounts``, ``payment_term``, ``payment_journals``, ``users``.
    """

    def __init__(self, db: str = "docflow") -> None:
        self.home = Path(tempfile.mkdtemp(prefix="docflow-tryton-"))
        self.seed: dict[str, Any] = tryton_server.prepare(self.home, db=db)
        self.db = db
        self.base_url: str = self.seed["base_url"]
        self.users: dict[str, dict[str, Any]] = self.seed["users"]
        self.keys: dict[str, str] = {login: user["key"] for login, user in self.users.items()}
        self.session = TrytonRpc(self.base_url, db)
        self.server: Server
        self.start()

    def start(self) -> None:
        """Start the server, or start it again on the same port with the same database."""
        self.server = Server(
            tryton_server.command(self.home, self.db), folder=self.home, stop_signal=signal.SIGINT
        )
        self.server.wait_until(
            lambda: self.session.login("admin", self.users["admin"]["password"]), seconds=120
        )

    def rpc(self, method: str, *params: Any, **context: Any) -> Any:
        """Ask the ERP as its administrator; see :class:`scripts.tryton_rpc.TrytonRpc`."""
        return self.session(method, *params, **context)

    def find(self, model: str, domain: list[Any], fields: list[str], **context: Any) -> list[dict[str, Any]]:
        """Read the records that match a Tryton domain."""
        return self.session.find(model, domain, fields, **context)

    def kill(self) -> None:
        """End the server as a power cut would; :meth:`start` brings it back."""
        self.session.close()
        self.server.kill()

    def stop(self) -> None:
        """End the server and remove its folder."""
        self.session.close()
        self.server.stop()


@contextlib.contextmanager
def _running() -> Iterator[TrytonRig]:
    try:
        rig = TrytonRig()
    except (tryton_server.TrytonUnavailable, ServerDied) as error:
        missing(f"no Tryton here: {error}")
    try:
        yield rig
    finally:
        rig.stop()


@pytest.fixture(scope="session")
def tryton() -> Iterator[TrytonRig]:
    """One ERP for all tests of this process: use references of your own, and leave it running."""
    with _running() as rig:
        yield rig


@pytest.fixture
def tryton_fresh() -> Iterator[TrytonRig]:
    """An ERP for this test alone, which may kill it."""
    with _running() as rig:
        yield rig
