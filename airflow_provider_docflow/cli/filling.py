"""``airflow docflow sandbox fill``: something to try things on."""

from __future__ import annotations

import json
import time
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.cli.common import told

if TYPE_CHECKING:
    from airflow_provider_docflow.sandbox.client import SandboxClient

PATIENCE_SECONDS, PAUSE_SECONDS = 60.0, 0.2


@told
def fill_sandbox(args: Namespace) -> None:
    """Fill a running sandbox and write the connections to it; an existing file is left alone."""
    from airflow_provider_docflow.sandbox.client import SandboxClient
    from airflow_provider_docflow.sandbox.example import fill
    from airflow_provider_docflow.systems.sql import DEFAULT_TABLES

    file = Path(args.connections)
    client = SandboxClient(f"http://127.0.0.1:{args.port}")
    _wait_for(client)
    held = {"payment_request": DEFAULT_TABLES["payment_request"]}
    text = json.dumps(fill(client, Path(args.home), held), ensure_ascii=False, indent=2) + "\n"
    if file.exists() and file.read_text(encoding="utf-8") != text:
        raise exc.Misconfigured(
            f"{file} exists already and holds something else.",
            field="connections",
            remedy="Name another file, or move it.",
        )
    file.write_text(text, encoding="utf-8")
    file.chmod(0o600)
    print("requisitions: PR-1 is approved, PR-2 is undecided, PR-3 is approved and lacks its supplier")
    print(f"connections oa, erp and finance: airflow connections import {file}")


def _wait_for(client: SandboxClient) -> None:
    """Wait for a sandbox that is just starting.

    :raises Unreachable: there is none.
    """
    until = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            client.now()
            return
        except exc.Unreachable as error:
            if time.monotonic() > until:
                error.remedy = "Start one: airflow docflow sandbox start."
                raise
        time.sleep(PAUSE_SECONDS)
