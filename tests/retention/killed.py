"""Cleans a ledger in small portions and tells each one; whoever listens may kill it."""

from __future__ import annotations

import sys
from datetime import datetime

from airflow_provider_docflow.ledger import Ledger


def main(url: str, key: str, now: str, before: str) -> None:
    """Clean; wait for a line from the other end after every portion."""
    moment = datetime.fromisoformat(now)
    ledger = Ledger.open(url, keys=[key], clock=lambda: moment)

    def tell(kind: str, removed: int) -> None:
        sys.stdout.write(f"{kind} {removed}\n")
        sys.stdout.flush()
        sys.stdin.readline()

    ledger.retention.clean(datetime.fromisoformat(before), actor="test", portion=3, progress=tell)


if __name__ == "__main__":
    main(*sys.argv[1:])
