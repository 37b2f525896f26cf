"""Every request that reached the sandbox, with its secrets masked, so that a test can count them."""

from __future__ import annotations

import json
from typing import Any

from airflow_provider_docflow.core.redact import MASK, is_secret_name, redact_text, redact_url
from airflow_provider_docflow.sandbox.clock import Clock
from airflow_provider_docflow.sandbox.store import Store, dumps, loads

_LONGEST = 16_384
_LONGEST_TEXT = 2_000
_PLAIN = frozenset({"nextToken", "next_token"})


class Journal:
    """The log of requests, kept in the store."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock

    def begin(
        self, method: str, path: str, query: str, headers: list[tuple[bytes, bytes]], body: bytes
    ) -> int:
        """Note a request before anything is done with it; a request that is cut off is still counted."""
        cursor = self._store.execute(
            "INSERT INTO request (at, method, path, query, headers, body) VALUES (?, ?, ?, ?, ?, ?)",
            (
                self._clock.now(),
                method,
                path,
                redact_url(f"/?{query}")[2:] if query else "",
                json.dumps(_masked_headers(headers)),
                masked_body(body)[:_LONGEST],
            ),
        )
        return int(cursor.lastrowid or 0)

    def finish(self, entry: int, status: int | None, fault: str) -> None:
        """Note what was answered: ``None`` when the connection was cut."""
        self._store.execute("UPDATE request SET status = ?, fault = ? WHERE id = ?", (status, fault, entry))

    def find(self, path: str = "*", method: str = "", body: str = "", since: int = 0) -> list[dict[str, Any]]:
        """Return requests whose path fits the glob ``path``, oldest first."""
        rows = self._store.all(
            "SELECT * FROM request WHERE path GLOB ? AND (? = '' OR method = ?) AND instr(body, ?) AND id > ?"
            " ORDER BY id",
            (path, method, method.upper(), body, since),
        )
        return [{**dict(row), "headers": json.loads(row["headers"])} for row in rows]

    def count(self, path: str = "*", method: str = "", body: str = "", since: int = 0) -> int:
        """Return how many requests fit, without reading them."""
        return int(
            self._store.value(
                "SELECT count(*) FROM request WHERE path GLOB ? AND (? = '' OR method = ?) AND instr(body, ?)"
                " AND id > ?",
                (path, method, method.upper(), body, since),
            )
        )

    def clear(self) -> None:
        """Forget all requests."""
        self._store.execute("DELETE FROM request")


def _masked_headers(headers: list[tuple[bytes, bytes]]) -> dict[str, str]:
    pairs = ((name.decode("latin-1"), value.decode("latin-1")) for name, value in headers)
    return {name: MASK if is_secret_name(name) else redact_text(value) for name, value in pairs}


def masked_body(body: bytes) -> str:
    """Return the text of a body with the values of secret fields masked; page cursors stay readable."""
    text = body.decode("utf-8", "replace")
    try:
        return dumps(_masked(loads(text)))
    except ValueError:
        return redact_text(text[:_LONGEST_TEXT])


def _masked(value: Any) -> Any:
    # Names decide, the text of long values is not searched: every request of a load test passes here.
    if isinstance(value, dict):
        return {
            name: MASK if is_secret_name(name) and name not in _PLAIN and inner else _masked(inner)
            for name, inner in value.items()
        }
    return [_masked(inner) for inner in value] if isinstance(value, list) else value
