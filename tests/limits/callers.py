"""Many real processes that call one system through one ledger.

``calling()`` starts one process that imports everything, forks the callers and lets them go at once; each
opens the ledger and the system for itself, as a task does.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from airflow_provider_docflow.core.calls import call
from airflow_provider_docflow.core.profile import Limit
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.hooks.system import System
from airflow_provider_docflow.hooks.tokens import LedgerTokens
from airflow_provider_docflow.ledger import Ledger
from tests.ledger.samples import KEY
from tests.limits.stand import profile

_ROOT = Path(__file__).parents[2]


def start(
    folder: Path,
    *,
    processes: int,
    calls: int,
    url: str,
    stand: str,
    limits: tuple[Limit, ...] = (),
    login_seconds: float = 60.0,
) -> subprocess.Popen[str]:
    """Start the callers; each makes so many calls, the last half side by side."""
    told = {
        "folder": str(folder),
        "processes": processes,
        "calls": calls,
        "url": url,
        "stand": stand,
        "limits": [[one.name, one.count, one.seconds] for one in limits],
        "login_seconds": login_seconds,
    }
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "tests.limits.callers", json.dumps(told)],
        cwd=_ROOT,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(running: subprocess.Popen[str], folder: Path, processes: int) -> int:
    """Wait for the callers and return how many calls were answered."""
    _, said = running.communicate(timeout=240)
    assert running.returncode == 0, said[-4000:]
    answers = [json.loads((folder / f"{number}.json").read_text()) for number in range(processes)]
    errors = [answer["error"] for answer in answers if "error" in answer]
    assert not errors, errors[:3]
    return sum(answer["done"] for answer in answers)


def _main(told: dict[str, Any]) -> int:
    import airflow.configuration  # noqa: F401  (imported once, before the forks)

    import airflow_provider_docflow.hooks.budgets
    import airflow_provider_docflow.hooks.outages
    import airflow_provider_docflow.ledger.store  # noqa: F401

    for driver in ("psycopg", "pymysql"):
        __import__(driver)
    go = os.pipe()
    children = []
    for number in range(told["processes"]):
        child = os.fork()
        if child == 0:
            os.close(go[1])
            os.read(go[0], 1)
            _caller(told, number)
            os._exit(0)
        children.append(child)
    (Path(told["folder"]) / "pids").write_text(json.dumps(children))
    os.close(go[1])
    return max(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children)


def _caller(told: dict[str, Any], number: int) -> None:
    answer: dict[str, Any] = {}
    try:
        answer["done"] = _calls(told, number)
    except BaseException as problem:
        answer["error"] = f"{type(problem).__name__}: {problem} from {problem.__cause__!r}"
    (Path(told["folder"]) / f"{number}.json").write_text(json.dumps(answer))


def _calls(told: dict[str, Any], number: int) -> int:
    ledger = Ledger.open(told["url"], keys=[KEY])
    limits = [Limit(name=name, count=count, seconds=seconds) for name, count, seconds in told["limits"]]
    # Two connections to one instance: the limit is the instance's.
    site = Site(profile=profile(*limits), conn_id=f"limited_{number % 2}", base_url=told["stand"])
    tokens = LedgerTokens(ledger, login_seconds=told["login_seconds"])
    system = System(site, ledger=ledger, tokens=tokens)
    half = told["calls"] // 2
    known = system.site
    for _ in range(half):
        system.run(call(known, known.request("GET", "/item")))
    rest = told["calls"] - half
    answers = system.run_many([call(known, known.request("GET", "/item")) for _ in range(rest)])
    system.close()
    ledger.close()
    for found in answers:
        if isinstance(found, Exception):
            raise found
    return half + len(answers)


if __name__ == "__main__":
    sys.exit(_main(json.loads(sys.argv[1])))
