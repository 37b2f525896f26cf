"""Several documents for one or several: groups whose totals agree, and partial settlements."""

from __future__ import annotations

from collections.abc import Sequence

from airflow_provider_docflow.reconcile.plan.comparing import beyond
from airflow_provider_docflow.reconcile.plan.ground import SIDES, Ground, on
from airflow_provider_docflow.reconcile.rules import Group, Partial, Shape

_SHAPES: dict[Shape, str] = {
    "1:n": "l.n = 1 AND r.n > 1",
    "n:1": "l.n > 1 AND r.n = 1",
    "n:m": "l.n > 1 AND r.n > 1",
}


def match_groups(ground: Ground, rule: Group, step: int) -> None:
    """Take the groups whose totals agree, with all their documents."""
    _sums(ground, rule.by, rule.total)
    shape = " OR ".join(f"({_SHAPES[shape]})" for shape in rule.shapes)
    _take(ground, rule, step, f"({shape}) AND NOT ({beyond(rule.near, 'l.total', 'r.total')})")


def match_partial(ground: Ground, rule: Partial, step: int) -> None:
    """Take documents that settle one document in part; what is open of it is the group's residual."""
    _sums(ground, rule.by, rule.total)
    one, others = ("l", "r") if rule.of == "left" else ("r", "l")
    # Of one sign, or a credit note would "settle" an invoice by making it larger.
    less = (
        f"{one}.n = 1 AND abs({others}.total) < abs({one}.total) AND {others}.total <> 0"
        f" AND sign({one}.total) = {others}.sign"
    )
    _take(ground, rule, step, less)


def _sums(ground: Ground, by: Sequence[str], total: str) -> None:
    """Keep count and total of what is open, by group. A group with an empty amount has no total."""
    count = len(ground.grouped_by("l", by, total))
    names = ", ".join(f"k{n}" for n in range(count))
    given = on([f"k{n} IS NOT NULL" for n in range(count)])
    for side in SIDES:
        shared = ground.grouped_by(side, by, total)
        keys = ", ".join(f"{name} AS k{n}" for n, name in enumerate(shared))
        ground.engine.make(
            f"sums_{side}",
            f"SELECT {names}, count(*) AS n, sum(amount) AS total, min(rid) AS first,"
            " CASE WHEN min(sign(amount)) = max(sign(amount)) THEN min(sign(amount)) END AS sign"
            f" FROM (SELECT {side}.rid AS rid, {keys}, {ground.col(side, total)} AS amount"
            f" FROM {ground.open_rows(side)}) x WHERE {given}"
            f" GROUP BY {names} HAVING count(*) = count(amount)",
        )


def _take(ground: Ground, rule: Group | Partial, step: int, condition: str) -> None:
    count = len(ground.grouped_by("l", rule.by, rule.total))
    same = on([f"l.k{n} = r.k{n}" for n in range(count)])
    shown = ", ".join(f"l.k{n} AS k{n}" for n in range(count))
    found = ground.engine.make(
        f"taken_{step}",
        f"SELECT l.first AS gid, {shown} FROM sums_l l JOIN sums_r r ON {same} WHERE {condition}",
    )
    if not found:
        return
    members = []
    for side in SIDES:
        shared = ground.grouped_by(side, rule.by, rule.total)
        keys = on([f"{name} = g.k{n}" for n, name in enumerate(shared)])
        members.append(
            f"SELECT g.gid AS gid, '{side}' AS side, {side}.rid AS rid"
            f" FROM {ground.open_rows(side)} JOIN taken_{step} g ON {keys}"
        )
    ground.engine.make(f"grouped_{step}", " UNION ALL ".join(members))
    ground.take_groups(step, f"grouped_{step}")
