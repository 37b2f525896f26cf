"""The two sides of a reconciliation as they stand now, found by what makes a break the same."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Literal

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.profile import Reading
from airflow_provider_docflow.hooks.system import System
from airflow_provider_docflow.ledger.judge import liveness
from airflow_provider_docflow.reconcile.plan.manual import text_of
from airflow_provider_docflow.reconcile.sources.base import as_text
from airflow_provider_docflow.reconcile.sources.system import SystemSource

Side = Literal["left", "right"]
OTHER: Mapping[str, Side] = {"left": "right", "right": "left"}
FEW = 5
"""Up to so many documents are asked for by number; beyond that a listing costs less."""

Row = Mapping[str, str | None]
Identity = tuple[str | None, ...]


@dataclass(frozen=True)
class Naming:
    """How the documents of a break are known.

    :param identity: fields that make a document the same in the next run.
    :param kinds: fields that are amounts or dates.
    """

    identity: tuple[str, ...]
    kinds: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> Naming:
        """Read what the reconciliation kept with a break; empty where an older one kept nothing."""
        return cls(tuple(body.get("identity", ())), tuple(sorted(body.get("kinds", {}).items())))

    def plain(self, field: str, value: Any) -> str | None:
        """Return a value as the text by which it is compared: 17.00 is 17, blanks around do not count."""
        text = (as_text(value) or "").strip()
        kind = dict(self.kinds).get(field, "text")
        if not text or kind == "text":
            return text or None
        if kind == "date":
            return text[:10]
        try:
            return text_of(Decimal(text))
        except InvalidOperation:
            return text

    def key(self, row: Mapping[str, Any]) -> Identity:
        """Return the identity of a row."""
        return tuple(self.plain(field, row.get(field)) for field in self.identity)


class Standing:
    """One side: where its documents are, and which of them are alive now."""

    def __init__(self, source: SystemSource, system: System) -> None:
        self.source, self.system = source, system
        self._found: dict[tuple[Naming, Identity], list[Reading]] = {}

    @property
    def title(self) -> str:
        """What people call it."""
        return self.source.title()

    def look(self, naming: Naming, keys: Iterable[Identity]) -> None:
        """Find the documents of these identities; one listing, however many there are.

        :raises Misconfigured: no document of this side has a value in a field of the identity: it is read
            from another place, and what is there would look missing.
        :raises Unsupported: the system cannot list them, so that nobody can look again.
        :raises DocflowError: the listing could not be read to its end.
        """
        wanted = {key for key in keys if any(key)}
        for key in wanted:
            self._found[naming, key] = []
        if not wanted:
            return
        empty, seen = set(naming.identity), False
        for reading in self._listed(self._numbers(naming, wanted)):
            if liveness(reading) == "dead":
                continue
            key = naming.key(self.source.row(reading, naming.identity))
            empty -= {name for name, value in zip(naming.identity, key, strict=True) if value}
            seen = True
            if key in wanted:
                self._found[naming, key].append(reading)
        if seen and empty:
            raise exc.Misconfigured(
                f"no document of {self.title} has a value in {', '.join(sorted(empty))}.",
                system=self.title,
                field="columns",
                remedy="Say in columns= where the field stands, such as {'order_id': 'raw.source_document'}.",
            )

    def at(self, naming: Naming, row: Row) -> list[Reading]:
        """Return the documents of a row's identity that were there when it was last looked.

        Where the reconciliation shows the internal id, it says which of several is meant.
        """
        return list(self._found.get((naming, naming.key(row)), ()))

    def meant(self, naming: Naming, row: Row) -> list[Reading]:
        """Return of the documents of a row's identity the one that the break names, if it names one."""
        found, own = self.at(naming, row), row.get("internal_id")
        return [one for one in found if own in (None, "", one.ref.internal_id)]

    def changed(self, naming: Naming, row: Row, reading: Reading) -> str:
        """Return what a document says otherwise than a break's row; empty if nothing."""
        fields = list(row)
        now = self.source.row(reading, fields)
        pairs = [
            (field, naming.plain(field, row[field]), naming.plain(field, now[field])) for field in fields
        ]
        return "; ".join(
            f"{name} was {before or 'empty'} and is {after or 'empty'}"
            for name, before, after in pairs
            if before != after
        )

    def _listed(self, numbers: Sequence[str]) -> Iterable[Reading]:
        if numbers:
            with suppress(exc.Unsupported):
                return list(self.source.documents(self.system, numbers))
        return self.source.documents(self.system)

    def _numbers(self, naming: Naming, wanted: set[Identity]) -> Sequence[str]:
        if len(naming.identity) != 1 or len(wanted) > FEW or self.source.path(naming.identity[0]) != "id":
            return ()
        return sorted(str(key[0]) for key in wanted)
