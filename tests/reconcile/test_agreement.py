"""Agreement with datacompy on what both can express: rows of one side only, and which fields differ."""

from __future__ import annotations

import json
import random
import subprocess
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_docflow.reconcile.comparisons import same, tolerance
from airflow_provider_docflow.reconcile.engines.base import Engine
from airflow_provider_docflow.reconcile.engines.duck import DuckEngine
from airflow_provider_docflow.reconcile.rules import Key
from benchmarks.reconcile import peers_python
from tests.reconcile.cases import plan
from tests.reconcile.rig import Document, doc, reconcile

pytestmark = pytest.mark.system

COMPARED = ("amount", "currency", "day", "text")
PLAN = plan(
    Key("id", "supplier"),
    compare={"amount": tolerance("0.5"), **{name: same() for name in COMPARED[1:]}},
    identity=("id", "supplier"),
)
Told = Counter[tuple[str, str, str]]


def sides(seed: int, count: int = 400) -> tuple[list[Document], list[Document]]:
    """Return two sides; amounts are quarters, which binary fractions hold: datacompy has no others."""
    chance = random.Random(seed)
    left, right = [], []
    for n in range(count):
        one = doc(
            f"PO-{n}",
            str(Decimal(chance.randrange(-4000, 4000)) / 4),
            supplier=f"S{n % 7}",
            day=f"2026-11-{chance.randrange(1, 31):02d}",
            text=chance.choice(["", "paid", "part paid", "已付", None]),
        )
        other = dict(one)
        for field in chance.sample(COMPARED, chance.choice([0, 0, 0, 1, 2])):
            other[field] = _changed(chance, field, one[field])
        place, copies = chance.random(), chance.choice([1, 1, 1, 1, 2])
        left += [one] * copies if place > 0.08 else []
        right += [other] * copies if not 0.08 < place < 0.16 else []
    chance.shuffle(left)
    chance.shuffle(right)
    return left, right


def _changed(chance: random.Random, field: str, value: Any) -> str | None:
    if chance.random() < 0.15:
        return None
    if field == "amount":
        return str(Decimal(value) + Decimal(chance.choice([-8, -3, -2, -1, 1, 2, 3, 8])) / 4)
    return {"currency": "USD", "day": "2026-10-01", "text": "other"}[field]


def ours(engine: Engine, left: list[Document], right: list[Document]) -> Told:
    """Return what is told of each document: its number, where it is, or the field that differs."""
    told: Told = Counter()
    for one in reconcile(engine, PLAN, left, right).items:
        if one.standing != "break":
            continue
        row = (one.left or one.right)[0]
        if one.kind == "value_difference":
            beyond = [each.field for each in one.differences if each.field != "amount" or _beyond(each)]
            told.update((row["id"], "differs", name) for name in beyond)
        else:
            told[row["id"], f"only {'left' if one.left else 'right'}", ""] += 1
    return told


def _beyond(difference: Any) -> bool:
    one, other = difference.left, difference.right
    return one is None or other is None or abs(one - other) > Decimal("0.5")


def test_it_agrees_with_datacompy() -> None:
    pairs = [sides(seed) for seed in range(6)]
    ran = subprocess.run(
        [peers_python(), str(Path(__file__).with_name("peers.py"))],
        input=json.dumps(pairs),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    theirs = json.loads(ran.stdout)
    engine = DuckEngine(threads=1)
    for n, (left, right) in enumerate(pairs):
        told = ours(engine, left, right)
        assert sum(told.values()) > 100
        for library, found in theirs.items():
            assert told == Counter(tuple(one) for one in found[n]), library
    engine.close()
