"""Commands about breaks: what they are, what people match, and the sign-off."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping, Sequence
from typing import Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.cli.common import ledger_from, person, show_json, show_table, told
from airflow_provider_docflow.ledger.breaks import LIVE, STATUSES, Break

_PAGE = 1000


@told
def list_breaks(args: Namespace) -> None:
    """List breaks, the oldest first."""
    ledger = ledger_from(args)
    status = _statuses(args.status)
    found: list[Break] = []
    after = 0
    while some := ledger.breaks.search(
        args.name, status=status, kind=args.kind, assignee=args.assignee, after_id=after, limit=_PAGE
    ):
        found += some
        after = some[-1].id
    if args.json:
        show_json([_as_json(one) for one in found])
        return
    if not found:
        print("no breaks")
        return
    show_table(
        ("id", "reconciliation", "kind", "left", "right", "amount", "first seen", "status", "assignee"),
        [
            (
                one.id,
                one.name,
                one.kind if one.standing == "break" else f"{one.kind} ({one.standing})",
                one.left_key,
                one.right_key,
                f"{one.amount:f} {one.currency}".strip() if one.amount is not None else "",
                one.first_seen.date(),
                one.status,
                one.assignee,
            )
            for one in found
        ],
    )


@told
def show_break(args: Namespace) -> None:
    """Show one break with its documents and its history."""
    ledger = ledger_from(args)
    one = ledger.breaks.get(args.break_id)
    history = ledger.breaks.history(args.break_id)
    if args.json:
        events = [vars(event) for event in history]
        show_json({**_as_json(one), **one.body, "history": events})
        return
    print(f"{one.name}: {one.kind}, {one.status}, first seen {one.first_seen:%Y-%m-%d %H:%M} UTC")
    for difference in one.body.get("differences", ()):
        print(f"  {difference['field']}: {difference['left']} against {difference['right']}")
    for side in ("left", "right"):
        for row in one.body[side]:
            print(f"  {side}: " + ", ".join(f"{name} {value}" for name, value in row.items() if value))
    show_table(
        ("at", "event", "by", "note"),
        [(f"{event.at:%Y-%m-%d %H:%M}", event.event, event.actor, event.note) for event in history],
    )


@told
def note(args: Namespace) -> None:
    """Say what a break is, and who looks after it."""
    changed = ledger_from(args).breaks.change(
        args.break_id,
        actor=person(),
        note=args.reason,
        status=args.status,
        assignee=args.assignee,
        reason_code=args.reason_code,
    )
    print(f"break {changed.id} is {changed.status}" + (f", {changed.assignee}" if changed.assignee else ""))


@told
def match(args: Namespace) -> None:
    """Propose that the documents of breaks belong together."""
    _prepare(args, "match")


@told
def write_off(args: Namespace) -> None:
    """Propose that documents never get a counterpart."""
    _prepare(args, "write_off")


def _prepare(args: Namespace, kind: Any) -> None:
    ledger = ledger_from(args)
    found = [ledger.breaks.get(break_id) for break_id in args.break_ids]
    names = sorted({one.name for one in found})
    if len(names) > 1:
        raise exc.Misconfigured(
            f"the breaks belong to {', '.join(names)}.", field="break_ids", remedy="Take those of one."
        )
    made = ledger.matchings.prepare(
        names[0],
        kind,
        [row for one in found for row in one.body["left"]],
        [row for one in found for row in one.body["right"]],
        actor=person(),
        reason_code=args.reason_code,
        note=args.reason,
    )
    print(
        f"prepared as match {made.id}; another person confirms it: airflow docflow reconcile review {made.id}"
    )


@told
def review(args: Namespace) -> None:
    """Confirm what somebody else has proposed."""
    done = ledger_from(args).matchings.review(args.match_id, actor=person())
    print(f"match {done.id} holds from the next run on")


@told
def undo(args: Namespace) -> None:
    """Take a match or write-off back."""
    done = ledger_from(args).matchings.undo(args.match_id, actor=person())
    print(f"match {done.id} is undone; its documents are open again in the next run")


@told
def matches(args: Namespace) -> None:
    """List matches and write-offs."""
    found = ledger_from(args).matchings.search(args.name)
    if args.json:
        show_json([vars(one) for one in found])
        return
    show_table(
        ("id", "reconciliation", "kind", "status", "left", "right", "reason", "prepared by", "reviewed by"),
        [
            (
                one.id,
                one.name,
                one.kind,
                one.status,
                len(one.left),
                len(one.right),
                one.reason_code,
                one.prepared_by,
                one.reviewed_by,
            )
            for one in found
        ],
    )


@told
def runs(args: Namespace) -> None:
    """List runs, the last first."""
    found = ledger_from(args).reconciliations.runs(args.name)
    if args.json:
        show_json([vars(one) for one in found])
        return
    show_table(
        ("id", "reconciliation", "as of", "status", "left", "right", "breaks", "signed by"),
        [
            (
                one.id,
                one.name,
                f"{one.as_of:%Y-%m-%d %H:%M}",
                one.status,
                *_figures(one.summary),
                one.signed_by,
            )
            for one in found
        ],
    )


@told
def sign_off(args: Namespace) -> None:
    """Freeze a run."""
    signed = ledger_from(args).reconciliations.sign_off(args.run_id, actor=person())
    print(f"run {signed.id} of {signed.name} is signed off by {signed.signed_by}")


def _figures(summary: Mapping[str, Any]) -> tuple[Any, Any, Any]:
    documents = summary.get("documents", {})
    breaks = summary.get("counts", {}).get("breaks", "")
    return documents.get("left", ""), documents.get("right", ""), breaks


def _statuses(given: str) -> Sequence[str]:
    known = {"live": LIVE, "all": STATUSES}
    if given not in known and given not in STATUSES:
        raise exc.Misconfigured(
            f"{given!r} is no status of a break.",
            field="status",
            remedy=f"One of {', '.join((*STATUSES, *known))}.",
        )
    return known.get(given, (given,))


def _as_json(one: Break) -> dict[str, Any]:
    told = {name: value for name, value in vars(one).items() if name != "body"}
    return {**told, "amount": None if one.amount is None else format(one.amount, "f")}
