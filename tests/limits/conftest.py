from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.ledger.conftest import clock, ledger, ledger_url, sqlite_ledger
from tests.limits.stand import Stand

__all__ = ["clock", "ledger", "ledger_url", "sqlite_ledger"]


@pytest.fixture
def stand() -> Iterator[Callable[..., Stand]]:
    """Starts stand-ins; each has a folder of its own, which it removes when it ends."""
    running: list[Stand] = []

    def start(**settings: Any) -> Stand:
        running.append(Stand(Path(tempfile.mkdtemp(prefix="docflow-limited-")), **settings))
        return running[-1]

    yield start
    for one in running:
        one.stop()
