"""
Pairs out of candidates: each to its nearest, if that is mutual and the only one.

The order of the rows decides nothing. Where two candidates are equally near, nobody is taken, and what they
leave open is undecided: a person has to say.
"""

from __future__ import annotations

from airflow_provider_docflow.reconcile.plan.ground import Ground

_ORDER = "c1, c2, c3, c4"


def match_nearest(ground: Ground, step: int, crowd: str) -> None:
    """Take pairs out of ``candidates`` until none is left that is nearest for both.

    :param crowd: query of the documents that have more candidates than were looked at.
    """
    engine = ground.engine
    parts = [ground.pairs[step]] if step in ground.pairs else []
    round_number = 0
    while True:
        table = f"nearest_{step}_{round_number}"
        if not engine.make(table, _mutual()):
            break
        parts.append(table)
        engine.make("left_over", _without(table))
        if not engine.make("candidates", "SELECT * FROM left_over"):
            break
        round_number += 1
    union = " UNION ALL ".join(f"SELECT lid, rid, breach, near FROM {part}" for part in parts)
    if parts:
        engine.make(f"pairs_{step}", union)
        ground.take_pairs(step, f"pairs_{step}")
    _undecided(ground, step, crowd)


def _mutual() -> str:
    return (
        f"WITH ranked AS (SELECT *, rank() OVER (PARTITION BY lid ORDER BY {_ORDER}) AS of_l,"
        f" rank() OVER (PARTITION BY rid ORDER BY {_ORDER}) AS of_r FROM candidates),"
        " counted AS (SELECT *,"
        " sum(CASE WHEN of_l = 1 THEN 1 ELSE 0 END) OVER (PARTITION BY lid) AS firsts_l,"
        " sum(CASE WHEN of_r = 1 THEN 1 ELSE 0 END) OVER (PARTITION BY rid) AS firsts_r FROM ranked)"
        " SELECT lid, rid, breach, near FROM counted"
        " WHERE of_l = 1 AND of_r = 1 AND firsts_l = 1 AND firsts_r = 1"
    )


def _without(table: str) -> str:
    return (
        "SELECT c.* FROM candidates c"
        f" LEFT JOIN {table} a ON a.lid = c.lid LEFT JOIN {table} b ON b.rid = c.rid"
        " WHERE a.lid IS NULL AND b.rid IS NULL"
    )


def _undecided(ground: Ground, step: int, crowd: str) -> None:
    """Keep what candidates are left, in groups of documents that could belong together."""
    table = f"unsure_{step}"
    found = ground.engine.make(
        table,
        "SELECT min(rid) AS gid, 'l' AS side, lid AS rid FROM candidates GROUP BY lid"
        f" UNION ALL SELECT min(rid) AS gid, 'r' AS side, rid FROM candidates GROUP BY rid UNION ALL {crowd}",
    )
    if found:
        ground.unsure[step] = table
