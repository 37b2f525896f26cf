"""Many real processes on one ledger at once.

``race()`` starts one process that imports everything, forks the racers and lets them go at once. Each
opens the ledger for itself, as a task does.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from airflow_provider_docflow.exceptions import DocflowError, QuotaExhausted
from airflow_provider_docflow.ledger import Ledger
from tests.ledger.samples import KEY, pairs, receipt, ref, use, wanted

_ROOT = Path(__file__).parents[2]
_MOMENT = datetime(2026, 3, 31, 8, tzinfo=UTC)


def race(
    scene: str, url: str, folder: Path, *, processes: int, timeout: float = 240, **given: Any
) -> list[Any]:
    """Run a scene in so many processes at once and return what each of them answered."""
    told = {"scene": scene, "url": url, "folder": str(folder), "processes": processes, "given": given}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "tests.ledger.racers", json.dumps(told)],
        cwd=_ROOT,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    answers = [json.loads((folder / f"{number}.json").read_text()) for number in range(processes)]
    errors = [answer["error"] for answer in answers if "error" in answer]
    assert not errors, errors[:3]
    return [answer["answer"] for answer in answers]


def _main(told: dict[str, Any]) -> int:
    import airflow_provider_docflow.ledger.store  # noqa: F401  (imported once, before the forks)

    for driver in ("psycopg", "pymysql"):
        __import__(driver)
    ready, go = os.pipe(), os.pipe()
    children = []
    for number in range(told["processes"]):
        child = os.fork()
        if child == 0:
            os.close(go[1])
            _racer(told, number, ready[1], go[0])
            os._exit(0)
        children.append(child)
    for _ in children:
        os.read(ready[0], 1)
    os.close(go[1])
    return max(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children)


def _racer(told: dict[str, Any], number: int, ready: int, go: int) -> None:
    answer: dict[str, Any] = {}
    try:
        act = SCENES[told["scene"]]
        ledger = None if act is _open else _opened(told)
        os.write(ready, b"r")
        os.read(go, 1)
        answer["answer"] = act(ledger, number, told) if ledger else _open(told)
    except BaseException as problem:
        answer["error"] = f"{type(problem).__name__}: {problem} from {problem.__cause__!r}"
    (Path(told["folder"]) / f"{number}.json").write_text(json.dumps(answer))


def _opened(told: dict[str, Any]) -> Ledger:
    if told["given"].get("frozen"):
        return Ledger.open(told["url"], keys=[KEY], clock=lambda: _MOMENT)
    return Ledger.open(told["url"], keys=[KEY])


def _open(told: dict[str, Any]) -> str:
    return Ledger.open(told["url"], keys=[KEY], create=True).ledger_id


def _reserve(ledger: Ledger, number: int, told: dict[str, Any]) -> dict[str, str]:
    """Reserve the same keys as everybody else, in an order of one's own."""
    requests = [wanted(f"PR-{n}") for n in range(told["given"]["keys"])]
    random.Random(number).shuffle(requests)
    answers = ledger.intents.reserve(requests, owner=str(number), lease_seconds=600)
    return {one.key.source_number: one.status for one in answers}


def _write(ledger: Ledger, number: int, told: dict[str, Any]) -> list[str]:
    """Write documents until all are done; what is busy is tried again. Every send is a line in a file."""
    left = [wanted(f"PR-{n}") for n in range(told["given"]["keys"])]
    random.Random(number).shuffle(left)
    deadline = time.monotonic() + 120
    while left and time.monotonic() < deadline:
        answers = ledger.intents.reserve(left, owner=str(number), lease_seconds=600)
        fresh = [one for one in answers if one.status in ("fresh", "resume")]
        may = ledger.intents.begin_sending(pairs(*fresh), deadline_seconds=60, settle_seconds=1)
        for one in fresh:
            if one.intent_id in may:
                _append(Path(told["folder"]) / "sent", one.key.source_number)
        numbers = {one.intent_id: one.key.source_number.replace("PR", "PO") for one in fresh}
        made = [(n, token, _receipt(numbers[n])) for n, token in pairs(*fresh) if n in may]
        ledger.intents.set_receipts(made)
        done = {one.key.source_number for one in answers if one.status == "done" or one.intent_id in may}
        left = [request for request in left if request.key.source_number not in done]
    return [request.key.source_number for request in left]


def _receipt(number: str) -> Any:
    from tests.ledger.samples import Clock

    return receipt(Clock(), number)


def _lines(ledger: Ledger, number: int, told: dict[str, Any]) -> str:
    """Use one unit of a line that does not suffice for everybody."""
    request = wanted(f"PR-{number}", uses=(use("1", "1", source="CONTRACT"),))
    return ledger.intents.reserve([request], owner=str(number), lease_seconds=600)[0].status


def _audit(ledger: Ledger, number: int, told: dict[str, Any]) -> None:
    """Append to one chain that everybody appends to, and to others in an order of one's own."""
    from airflow_provider_docflow.ledger.audit import Event

    chains = ["shared", *(f"other-{n}" for n in range(5))]
    mix = random.Random(number)
    for step in range(told["given"]["appends"]):
        some = mix.sample(chains[1:], 3)
        events = [Event(name, "step", {"by": number, "step": step}) for name in ("shared", *some)]
        ledger.audit.append_many(events)


def _token(ledger: Ledger, number: int, told: dict[str, Any]) -> str:
    """Use one login, as all others do."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        found = ledger.tokens.lease("erp/user", 60)
        if found.token is not None:
            return found.token
        if found.refresh:
            _append(Path(told["folder"]) / "logins", str(number))
            time.sleep(0.05)
            expires = datetime.now(UTC) + timedelta(hours=1)
            assert ledger.tokens.put("erp/user", f"token-{number}", expires_at=expires, refresh=found.refresh)
        else:
            time.sleep(0.01)
    raise TimeoutError("no token")


def _take(ledger: Ledger, number: int, told: dict[str, Any]) -> list[float]:
    takes = range(told["given"]["takes"])
    return [ledger.budgets.take("erp", "calls", calls=20, per_seconds=60, burst=5) for _ in takes]


def _draw(ledger: Ledger, number: int, told: dict[str, Any]) -> int:
    from airflow_provider_docflow.core.limits import Quota
    from airflow_provider_docflow.ledger.buckets import Payer

    quotas = (Quota("daily", told["given"]["quota"], "day"),)
    for drawn in range(told["given"]["takes"]):
        try:
            ledger.budgets.draw(Payer("erp"), 1, buckets=(), quotas=quotas, max_wait=0)
        except QuotaExhausted:
            return drawn
    return int(told["given"]["takes"])


def _inbox(ledger: Ledger, number: int, told: dict[str, Any]) -> dict[str, Any]:
    """Receive the same events as everybody else, and read along: no id appears behind a reader."""
    from airflow_provider_docflow.ledger.deliveries import NewEvent

    new, seen, last = 0, [], 0
    for n in range(told["given"]["events"]):
        event = NewEvent(f"event-{n}", "changed", {"n": n})
        new += ledger.deliveries.keep("oa", "oa", [event], key=f"signature-{n}", content=b"same")
        got = [event.id for event in ledger.inbox.take_unseen(last)]
        seen += got
        last = max([last, *got])
    return {"new": new, "seen": seen}


def _claim(ledger: Ledger, number: int, told: dict[str, Any]) -> list[Any]:
    claim = ledger.claims.claim("flow", "PR-1", f"run-{number}", revision="1", content="c")
    return [claim.won, claim.winner]


def _health(ledger: Ledger, number: int, told: dict[str, Any]) -> int | None:
    for _ in range(3):
        found = ledger.health.failed("erp", "no answer", threshold=5)
    return found.incident


def _decide(ledger: Ledger, number: int, told: dict[str, Any]) -> int:
    from airflow_provider_docflow.ledger.decisions import NewDecision

    return ledger.decisions.append(NewDecision(ref(), "approved", "m", _MOMENT, approver="eve"))


def _cursor(ledger: Ledger, number: int, told: dict[str, Any]) -> int:
    """Add one to a cursor ten times, each time from what was read."""
    for _ in range(10):
        while True:
            found = ledger.cursors.get("count")
            if ledger.cursors.set("count", (found.value or 0) + 1, expected=found):
                break
    return 0


def _append(path: Path, line: str) -> None:
    with open(path, "a", encoding="utf-8") as file:
        file.write(line + "\n")


SCENES: dict[str, Callable[..., Any]] = {
    "open": _open,
    "reserve": _reserve,
    "write": _write,
    "lines": _lines,
    "audit": _audit,
    "token": _token,
    "take": _take,
    "draw": _draw,
    "inbox": _inbox,
    "claim": _claim,
    "health": _health,
    "decide": _decide,
    "cursor": _cursor,
}

if __name__ == "__main__":
    try:
        sys.exit(_main(json.loads(sys.argv[1])))
    except DocflowError as problem:
        sys.exit(str(problem))
