from __future__ import annotations

from tests.cli.conftest import shell
from tests.ledger.conftest import clock, ledger, ledger_url
from tests.operators.conftest import runner, world

__all__ = ["clock", "ledger", "ledger_url", "runner", "shell", "world"]
