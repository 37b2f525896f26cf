"""What people have matched or written off: it comes before every rule, as long as nothing has changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from airflow_provider_docflow.reconcile.plan.ground import MANUAL, SIDES, WRITTEN_OFF, Ground, on

Row = Mapping[str, str | None]
Key = tuple[str | None, ...]


@dataclass(frozen=True)
class Decided:
    """Documents that belong together by a person's word.

    :param id: of the match, as the ledger knows it.
    :param writes_off: whether they are to have no counterpart.
    :param rows: by side, field to the value that the person has seen, as text.
    """

    id: int
    writes_off: bool
    rows: Mapping[str, Sequence[Row]]


def apply_decided(ground: Ground, decided: Sequence[Decided]) -> list[int]:
    """Take what is decided as matched.

    :returns: the matches of which a value has changed; they hold no longer.
    """
    present = {side: _present(ground, side, decided) for side in SIDES}
    taken: dict[int, list[tuple[int, str, int]]] = {MANUAL: [], WRITTEN_OFF: []}
    changed = []
    for one in decided:
        members = [
            (side, found)
            for side in SIDES
            for row in one.rows.get(side, ())
            for found in [_take(present[side], _key(ground, row), row, ground.layout.beside)]
        ]
        if any(found is CHANGED for _, found in members):
            changed.append(one.id)
        elif members and all(isinstance(found, int) for _, found in members):
            step = WRITTEN_OFF if one.writes_off else MANUAL
            taken[step] += [(one.id, side, int(found)) for side, found in members]
    for step, rows in taken.items():
        if rows:
            name = f"decided_{abs(step)}"
            values = ", ".join(f"({gid}, '{side}', {rid})" for gid, side, rid in rows)
            ground.engine.make(name, f"SELECT * FROM (VALUES {values}) AS v(gid, side, rid)")
            ground.take_groups(step, name)
    return changed


CHANGED: Any = object()


def _take(present: dict[Key, list[tuple[int, Row]]], key: Key, row: Row, beside: frozenset[str]) -> Any:
    """Return the document that is still as it was seen; None where it is not in this run's data."""
    candidates = present.get(key)
    if not candidates:
        return None
    seen = {name: value for name, value in row.items() if name not in beside}
    for at, (rid, values) in enumerate(candidates):
        if all(values.get(name) == value for name, value in seen.items() if name in values):
            del candidates[at]
            return rid
    return CHANGED


def _key(ground: Ground, row: Row) -> Key:
    return tuple(row.get(name) for name in ground.layout.identity)


def _present(ground: Ground, side: str, decided: Sequence[Decided]) -> dict[Key, list[tuple[int, Row]]]:
    layout, engine = ground.layout, ground.engine
    keys = sorted({_key(ground, row) for one in decided for row in one.rows.get(side, ())}, key=repr)
    if not keys:
        return {}
    names = [f"k{n}" for n in range(len(layout.identity))]
    engine.load(f"keys_{side}", names, [keys])
    same = on(
        [
            f"cast({ground.col(side, name)} AS {ground.dialect.text_type}) IS NOT DISTINCT FROM k.{key}"
            for name, key in zip(layout.identity, names, strict=True)
        ]
    )
    shown = ", ".join(ground.col(side, name) for name in layout.fields)
    found: dict[Key, list[tuple[int, Row]]] = {}
    for rid, *values in engine.rows(
        f"SELECT {side}.rid, {shown} FROM {side} JOIN keys_{side} k ON {same} ORDER BY {side}.rid"
    ):
        row = {name: text_of(value) for name, value in zip(layout.fields, values, strict=True)}
        found.setdefault(_key(ground, row), []).append((int(rid), row))
    return found


def text_of(value: Any) -> str | None:
    """Return a value as the text that is kept of it: the same for 1.50 and 1.5."""
    if isinstance(value, Decimal):
        plain = format(value, "f")
        return (plain.rstrip("0").rstrip(".") or "0") if "." in plain else plain
    if isinstance(value, date):
        return value.isoformat()
    return None if value is None else str(value)
