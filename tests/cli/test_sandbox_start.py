"""``airflow docflow sandbox start`` as a person runs it: a process of its own, ended by Ctrl-C."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx2


def test_the_sandbox_starts_answers_keeps_its_state_and_ends(tmp_path: Path) -> None:
    written = {"company": "C1", "reference": "R-1", "lines": []}
    first = _during(tmp_path, lambda client: client.post("/erp/purchase_order", json=written).json())
    again = _during(tmp_path, lambda client: client.get(f"/erp/purchase_order/{first['id']}").json())
    assert again["number"] == first["number"]


def _during(home: Path, call: object) -> dict[str, object]:
    airflow = str(Path(sys.executable).with_name("airflow"))
    command = [airflow, "docflow", "sandbox", "start", "--home", str(home / "stand-ins"), "--port", "0"]
    environment = {**os.environ, "AIRFLOW_HOME": str(home / "airflow")}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        try:
            assert process.stdout is not None
            told = next(json.loads(line) for line in process.stdout if line.startswith("{"))
            head = {"Authorization": "Bearer erp-sandbox-key"}
            with httpx2.Client(base_url=told["base_url"], headers=head, trust_env=False) as client:
                answer: dict[str, object] = call(client)  # type: ignore[operator]
        finally:
            process.send_signal(signal.SIGINT)
            code = process.wait(timeout=240)
    assert code == 0
    return answer
