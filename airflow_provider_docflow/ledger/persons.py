"""Which users of Airflow and of the approval systems are one and the same person."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from airflow_provider_docflow.exceptions import Misconfigured

AIRFLOW = "airflow"
COMMAND_LINE = "command line"


@dataclass(frozen=True)
class Person:
    """Somebody who acts, under the id that one place gives.

    :param origin: where the id counts: ``airflow``, ``command line``, or the instance of an approval system.
    :param id: the id there.
    :param name: how the history shows it; the id when empty.
    """

    origin: str
    id: str
    name: str = ""

    def __str__(self) -> str:
        shown = self.name or self.id
        return shown if self.origin == AIRFLOW else f"{shown} ({self.origin})"


class People:
    """The option ``[docflow] people``: person → origin → ids.

    Only who overrides a document needs to stand here: whoever is not one of that person's ids in an approval
    system is somebody else.
    """

    def __init__(self, people: Mapping[str, Mapping[str, tuple[str, ...]]] | None = None) -> None:
        self.people = dict(people or {})
        self._names: dict[tuple[str, str], str] = {}
        for name, origins in self.people.items():
            for origin, ids in origins.items():
                for one in ids:
                    known = self._names.setdefault((origin, one), name)
                    if known != name:
                        raise _wrong(f"{one!r} of {origin!r} is both {known!r} and {name!r}")

    @classmethod
    def from_json(cls, text: str) -> People:
        """Read the option: ``{"alice": {"airflow": ["alice"], "dingcorp": ["user123"]}}``.

        :raises Misconfigured: it is no such object, or one id belongs to two people.
        """
        if not text.strip():
            return cls()
        try:
            found = json.loads(text)
        except ValueError as error:
            raise _wrong(f"it is no JSON: {error}") from None
        if not isinstance(found, dict):
            raise _wrong("it is no object of people")
        return cls({str(name): _origins(name, origins) for name, origins in found.items()})

    def name_of(self, person: Person) -> str | None:
        """Return who that is, or None when nobody has said."""
        return self._names.get((person.origin, person.id))

    def is_same(self, person: Person, approval_system: str, approver: str) -> bool | None:
        """Tell whether an approver is this person; None when that cannot be told.

        :param approval_system: instance whose id ``approver`` is.
        """
        name = self.name_of(person)
        known = self.people.get(name or "", {}).get(approval_system)
        if known is None or not approver:
            return None
        return approver in known


def _origins(name: str, data: Any) -> dict[str, tuple[str, ...]]:
    if not isinstance(data, dict):
        raise _wrong(f"{name!r} is no object of origins")
    found = {}
    for origin, ids in data.items():
        several = [ids] if isinstance(ids, str) else ids
        if not isinstance(several, list) or not all(isinstance(one, str) and one for one in several):
            raise _wrong(f"the ids of {name!r} in {origin!r} are no texts")
        found[str(origin)] = tuple(several)
    return found


def _wrong(why: str) -> Misconfigured:
    return Misconfigured(
        f"[docflow] people: {why}.",
        field="people",
        remedy='Write JSON such as {"alice": {"airflow": ["alice"], "dingcorp": ["user123"]}}.',
    )
