"""The only combination of a few documents that adds up to one of the other side."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from decimal import Decimal

from airflow_provider_docflow.reconcile.plan.ground import NAMES, OTHER, Ground
from airflow_provider_docflow.reconcile.rules import SubsetSum

Row = tuple[int, Decimal]


def match_subsets(ground: Ground, rule: SubsetSum, step: int) -> None:
    """Suggest combinations; where more than one adds up, all that take part are undecided."""
    one = NAMES[rule.side]
    many = OTHER[one]
    targets, candidates = _by_group(ground, rule, one), _by_group(ground, rule, many)
    found: list[tuple[int, tuple[int, ...]]] = []
    unsure: list[tuple[int, str, int]] = []
    for key in sorted(targets.keys() & candidates.keys(), key=repr):
        if len(candidates[key]) > rule.candidates:
            continue
        sure, doubtful = _decide(targets[key], candidates[key])
        found += sure
        for target, rows in doubtful:
            unsure += [(target, one, target), *((target, many, row) for row in rows)]
    members = [
        (target, side, row)
        for target, rows in found
        for side, row in [(one, target), *((many, row) for row in rows)]
    ]
    if members:
        ground.engine.make(f"grouped_{step}", _values(members))
        ground.take_groups(step, f"grouped_{step}")
    if unsure:
        ground.engine.make(f"unsure_{step}", _values(sorted(set(unsure))))
        ground.unsure[step] = f"unsure_{step}"


def _by_group(ground: Ground, rule: SubsetSum, side: str) -> dict[tuple[str, ...], list[Row]]:
    shared = ground.grouped_by(side, rule.by, rule.total)
    shown = ", ".join([*shared, ground.col(side, rule.total)])
    groups: dict[tuple[str, ...], list[Row]] = defaultdict(list)
    for part in ground.engine.stream(f"SELECT {side}.rid, {shown} FROM {ground.open_rows(side)}"):
        for rid, *key, amount in part:
            if amount is not None and None not in key:
                groups[tuple(key)].append((int(rid), Decimal(amount)))
    return groups


def _decide(
    targets: Sequence[Row], candidates: Sequence[Row]
) -> tuple[list[tuple[int, tuple[int, ...]]], list[tuple[int, tuple[int, ...]]]]:
    """Return what is the only solution of its target and shares no document, and what is not."""
    wanted = dict(targets)
    solved = {rid: list(combinations(candidates, amount)) for rid, amount in targets}
    parts = {
        rid: solutions[0] if len(solutions) == 1 else _taking_part(candidates, wanted[rid])
        for rid, solutions in solved.items()
        if solutions
    }
    used = Counter(row for rows in parts.values() for row in rows)
    sure: list[tuple[int, tuple[int, ...]]] = []
    doubtful: list[tuple[int, tuple[int, ...]]] = []
    for target, rows in parts.items():
        alone = len(solved[target]) == 1 and all(used[row] == 1 for row in rows)
        (sure if alone else doubtful).append((target, rows))
    return sure, doubtful


def _taking_part(candidates: Sequence[Row], total: Decimal) -> tuple[int, ...]:
    """Return the documents of all combinations: which were found first depends on the order of the rows."""
    return tuple(
        sorted(
            row
            for at, (row, amount) in enumerate(candidates)
            if any(combinations([*candidates[:at], *candidates[at + 1 :]], total - amount, 1, fewest=1))
        )
    )


def combinations(
    candidates: Sequence[Row], total: Decimal, most: int = 2, *, fewest: int = 2
) -> Iterator[tuple[int, ...]]:
    """Yield the first combinations that add up to a total.

    Meet in the middle: the sums of one half are looked up for each sum of the other.

    :param most: how many are enough; two tell that there is not only one.
    :param fewest: documents that make a combination.
    """
    half = len(candidates) // 2
    first, second = _sums(candidates[:half]), sorted(_sums(candidates[half:]))
    keys = [amount for amount, _ in second]
    count = 0
    for amount, rows in first:
        wanted = total - amount
        for at in range(bisect_left(keys, wanted), bisect_right(keys, wanted)):
            chosen = rows + second[at][1]
            if len(chosen) < fewest:
                continue
            yield tuple(sorted(chosen))
            count += 1
            if count == most:
                return


def _sums(rows: Sequence[Row]) -> list[tuple[Decimal, tuple[int, ...]]]:
    sums: list[tuple[Decimal, tuple[int, ...]]] = [(Decimal(0), ())]
    for rid, amount in rows:
        sums += [(known + amount, (*chosen, rid)) for known, chosen in sums]
    return sums


def _values(members: Sequence[tuple[int, str, int]]) -> str:
    rows = ", ".join(f"({gid}, '{side}', {rid})" for gid, side, rid in members)
    return f"SELECT * FROM (VALUES {rows}) AS v(gid, side, rid)"
