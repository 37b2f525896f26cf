"""What goes wrong on purpose, by rule: which requests, from the how-manieth on, how often, and how."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Literal

from airflow_provider_docflow.exceptions import Misconfigured
from airflow_provider_docflow.sandbox.store import Store, dumps, loads

Fault = Literal[
    "cut",
    "reply_lost",
    "late_commit",
    "rate_limited",
    "error_before",
    "error_after",
    "error_in_200",
    "malformed",
    "slow",
    "expired_token",
    "search_lag",
    "duplicate_event",
    "reorder_event",
    "drop_event",
]
FAULTS: tuple[str, ...] = Fault.__args__  # type: ignore[attr-defined]
#: These change a request on its way instead of answering it, so several may meet on one request.
PASSING = frozenset({"slow", "expired_token", "search_lag"})
EVENT_FAULTS = frozenset({"duplicate_event", "reorder_event", "drop_event"})


@dataclass(frozen=True)
class FaultRule:
    """One thing that goes wrong.

    :param fault: what happens.

        ``cut``
            the connection ends before the request is looked at.
        ``reply_lost``
            the work is done and committed, then the connection ends.
        ``late_commit``
            HTTP 504 now (or a cut with ``status=0``); the work is done ``seconds`` later.
        ``rate_limited``
            HTTP 429, with ``Retry-After`` when ``retry_after`` is given.
        ``error_before``, ``error_after``
            HTTP 500 instead of the work, or after it.
        ``error_in_200``
            an error in the body of HTTP 200; nothing is done unless ``commit``.
        ``malformed``
            the work is done, its reply is cut in the middle.
        ``slow``
            the request waits ``seconds`` before it is looked at.
        ``expired_token``
            the token that the request carries ends at this moment.
        ``search_lag``
            the request sees the state of ``seconds`` ago.
        ``duplicate_event``, ``reorder_event``, ``drop_event``
            an event (``method="EVENT"``, ``path`` = its type) is sent twice, after the next one, or never.
    :param method: HTTP method, ``EVENT`` for events, ``MAIL`` for mail, or ``*``.
    :param path: glob over the path, case sensitive; ``*`` also crosses slashes.
    :param body: text that the body must contain.
    :param nth: the first matching request that is hit, counted from 1.
    :param times: how many matching requests are hit from there on; None for all.
    :param seconds: for ``slow``, ``search_lag`` and ``late_commit``.
    :param retry_after: seconds for the ``Retry-After`` header.
    :param status: HTTP status instead of the usual one.
    :param reply: JSON body instead of the usual one.
    :param commit: whether ``error_in_200`` does the work first.
    """

    fault: Fault
    method: str = "*"
    path: str = "*"
    body: str = ""
    nth: int = 1
    times: int | None = 1
    seconds: float = 0.0
    retry_after: float | None = None
    status: int | None = None
    reply: Any = None
    commit: bool = False
    id: int = field(default=0, compare=False)

    def __post_init__(self) -> None:
        if self.fault not in FAULTS:
            raise Misconfigured(
                f"there is no fault {self.fault!r}", field="fault", remedy=f"Use one of {', '.join(FAULTS)}."
            )
        if self.fault in EVENT_FAULTS and self.method.upper() != "EVENT":
            raise Misconfigured(f"{self.fault} is for events", field="method", remedy='Give method="EVENT".')
        if self.nth < 1 or (self.times is not None and self.times < 1) or self.seconds < 0:
            raise Misconfigured("nth and times count from 1 and seconds from 0", field="nth")

    def fits(self, method: str, path: str, body: str) -> bool:
        """Tell whether a request is one of those that this rule counts."""
        wanted = self.method.upper()
        # A rule for all requests does not mean events and mails as well.
        same = method not in ("EVENT", "MAIL") if wanted == "*" else wanted == method
        return same and fnmatchcase(path, self.path) and self.body in body

    def hits(self, seen: int) -> bool:
        """Tell whether the ``seen``-th matching request is hit."""
        return seen >= self.nth and (self.times is None or seen < self.nth + self.times)


class FaultBook:
    """The rules in force, in the store, with how often each was met."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._rules: dict[int, FaultRule] = {}
        for row in store.all("SELECT id, body FROM fault ORDER BY id"):
            self._rules[row["id"]] = rule_from(loads(row["body"]), row["id"])

    def add(self, rule: FaultRule) -> int:
        """Put a rule in force and return its id."""
        body = {name: value for name, value in dataclasses.asdict(rule).items() if name != "id"}
        rule_id = int(
            self._store.execute("INSERT INTO fault (body) VALUES (?)", (dumps(body),)).lastrowid or 0
        )
        self._rules[rule_id] = dataclasses.replace(rule, id=rule_id)
        return rule_id

    def remove(self, rule_id: int | None = None) -> None:
        """Take one rule out of force, or all."""
        self._store.execute("DELETE FROM fault WHERE ?1 IS NULL OR id = ?1", (rule_id,))
        for known in [rule_id] if rule_id is not None else list(self._rules):
            self._rules.pop(known, None)

    def meet(self, method: str, path: str, body: str) -> list[FaultRule]:
        """Count a request against all rules and return those that hit it, in order of entry."""
        hits = []
        with self._store.write():
            for rule in [rule for rule in self._rules.values() if rule.fits(method, path, body)]:
                self._store.execute("UPDATE fault SET seen = seen + 1 WHERE id = ?", (rule.id,))
                if rule.hits(self._store.value("SELECT seen FROM fault WHERE id = ?", (rule.id,))):
                    self._store.execute("UPDATE fault SET hits = hits + 1 WHERE id = ?", (rule.id,))
                    hits.append(rule)
        return hits

    def listing(self) -> list[dict[str, Any]]:
        """Return all rules with ``seen`` and ``hits``."""
        rows = self._store.all("SELECT * FROM fault ORDER BY id")
        return [
            {"id": row["id"], "seen": row["seen"], "hits": row["hits"], **loads(row["body"])} for row in rows
        ]


def rule_from(body: dict[str, Any], rule_id: int = 0) -> FaultRule:
    """Return the rule that a JSON object describes.

    :raises Misconfigured: when it names something that a rule does not have.
    """
    known = {slot.name for slot in dataclasses.fields(FaultRule)} - {"id"}
    if unknown := sorted(set(body) - known):
        raise Misconfigured(
            f"a fault rule has no {unknown[0]!r}",
            field=unknown[0],
            remedy=f"Use {', '.join(sorted(known))}.",
        )
    if "fault" not in body:
        raise Misconfigured(
            "a fault rule needs a fault", field="fault", remedy=f"One of {', '.join(FAULTS)}."
        )
    values = dict(body)
    for name in ("seconds", "retry_after"):
        if values.get(name) is not None:
            values[name] = float(values[name])
    return FaultRule(**values, id=rule_id)
