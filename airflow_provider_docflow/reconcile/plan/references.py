"""Documents that a text of the other side names."""

from __future__ import annotations

from airflow_provider_docflow.reconcile.plan.comparing import beyond
from airflow_provider_docflow.reconcile.plan.ground import NAMES, OTHER, Ground
from airflow_provider_docflow.reconcile.rules import References


def match_references(ground: Ground, rule: References, step: int) -> None:
    """Take a document with all those that its text names, if they add up to it.

    A document that is named twice, or a name that two documents bear, is not decided here.
    """
    one = NAMES[rule.side]
    many = OTHER[one]
    engine, dialect = ground.engine, ground.dialect
    engine.make(
        "words",
        f"SELECT DISTINCT rid, {dialect.normal('word')} AS word FROM (SELECT {one}.rid AS rid,"
        f" {dialect.words(ground.col(one, rule.text))} AS word FROM {ground.open_rows(one)}) x",
    )
    engine.make(
        "numbers",
        f"SELECT min(rid) AS rid, number FROM (SELECT {many}.rid AS rid,"
        f" {dialect.normal(ground.col(many, rule.to))} AS number FROM {ground.open_rows(many)}) x"
        " WHERE number IS NOT NULL GROUP BY number HAVING count(*) = 1",
    )
    engine.make(
        "named",
        "SELECT w.rid AS one, n.rid AS other, count(*) OVER (PARTITION BY n.rid) AS claims"
        " FROM words w JOIN numbers n ON n.number = w.word",
    )
    one_amount, many_amount = ground.col("a", rule.total), ground.col("b", rule.total)
    engine.make(
        f"named_{step}",
        f"SELECT n.one AS one FROM named n JOIN {ground.documents(one)} a ON a.rid = n.one"
        f" JOIN {ground.documents(many)} b ON b.rid = n.other"
        f" GROUP BY n.one, {one_amount} HAVING max(n.claims) = 1 AND count(*) = count({many_amount})"
        f" AND max(CASE WHEN {ground.other_currency('a', 'b', rule.total)} THEN 1 ELSE 0 END) = 0"
        f" AND NOT ({beyond(rule.near, one_amount, f'sum({many_amount})')})",
    )
    found = engine.make(
        f"grouped_{step}",
        f"SELECT one AS gid, '{one}' AS side, one AS rid FROM named_{step} UNION ALL"
        f" SELECT n.one AS gid, '{many}' AS side, n.other AS rid"
        f" FROM named n JOIN named_{step} t ON t.one = n.one",
    )
    if found:
        ground.take_groups(step, f"grouped_{step}")
