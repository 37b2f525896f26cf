"""One reconciliation from its sources to the breaks in the ledger."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from types import TracebackType
from typing import Any
from zoneinfo import ZoneInfo

from airflow_provider_docflow.exceptions import Misconfigured
from airflow_provider_docflow.ledger.breaks import Found
from airflow_provider_docflow.reconcile.engines.base import Engine
from airflow_provider_docflow.reconcile.items import Item, Row, counted, items
from airflow_provider_docflow.reconcile.known import Memory
from airflow_provider_docflow.reconcile.opening import roll_forward
from airflow_provider_docflow.reconcile.outcome import Outcome
from airflow_provider_docflow.reconcile.plan.manual import Decided, text_of
from airflow_provider_docflow.reconcile.plan.run import Computed, Plan, compute, dates_of
from airflow_provider_docflow.reconcile.sides import Layout
from airflow_provider_docflow.reconcile.sources.base import Reading, Source
from airflow_provider_docflow.reconcile.totals import totals

#: What lives on from run to run.
LASTING = ("break", "timing", "suggested")
CHANGES = "open or changed"
Progress = Callable[[str, Mapping[str, int]], None]


@dataclass(frozen=True, kw_only=True)
class Reconciliation:
    """Two sides and how they are compared.

    :param name: under which its breaks are known from run to run.
    :param carry_forward: keep open items as candidates until they are cleared.
    """

    name: str
    left: Source
    right: Source
    plan: Plan
    carry_forward: bool = False

    def check(self) -> None:
        """Refuse populations that do not go together.

        :raises Misconfigured: one side is a window and the other is not, and nothing is carried forward.
        """
        left, right = self.left.side().population, self.right.side().population
        if self.carry_forward:
            return
        if CHANGES in (left, right):
            raise Misconfigured(
                f"{self.name}: a side that tells only changes leaves out what is still open.",
                field="carry_forward",
                remedy="Set carry_forward=True.",
            )
        if (left == "all") != (right == "all"):
            raise Misconfigured(
                f"{self.name}: one side holds {left}, the other {right}: what lies outside the window would"
                " look missing.",
                field="population",
                remedy="Give both sides the same population, or set carry_forward=True.",
            )

    @property
    def sources(self) -> Mapping[str, Source]:
        """Return the two sides as the engine's tables are called."""
        return {"l": self.left, "r": self.right}

    @property
    def cut_off(self) -> date | None:
        """Return the earlier cut-off of the two sides: up to it both are complete."""
        days = [day for source in (self.left, self.right) if (day := source.last_day())]
        return min(days) if days else None


class Running:
    """A reconciliation under way; its engine lives until it is left.

    :param ledger: where breaks live; None computes and keeps nothing.
    :param key: what started the run; the same key again replaces what it has found.
    """

    def __init__(
        self,
        what: Reconciliation,
        engine: Engine,
        *,
        ledger: Any = None,
        key: str = "",
        actor: str = "",
        ledger_conn_id: str = "docflow_ledger",
        progress: Progress = lambda step, counts: None,
    ) -> None:
        self.what, self.engine, self.ledger = what, engine, ledger
        self.key, self.actor, self.progress = key, actor, progress
        self.ledger_conn_id = ledger_conn_id
        self.started = datetime.now(UTC)
        self._computed: Computed | None = None

    def __enter__(self) -> Running:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.engine.close()

    def run(self) -> Outcome:
        """Read, match and record; all that is recorded is recorded at the end, at once.

        :raises DocflowError: a source could not be read to its end, or as the plan wants; nothing is kept.
        """
        self.what.check()
        sides = {key: source.side() for key, source in self.what.sources.items()}
        layout = self.what.plan.layout(dates_of(sides.values()))
        before = self._open_items()
        run = self._begin()
        memory = Memory(self.ledger, self.what.name, layout, self._windows())
        since = memory.since(self._last_as_of())
        for name, source in self.what.sources.items():
            side = sides[name]
            self._load(name, source, sorted({side.column(field) for field in layout.read}), since)
        if rates := self.what.plan.rates:
            self._load("rates", rates.source, sorted(rates.columns.values()), None)
        self._computed = compute(
            self.engine,
            self.what.plan,
            sides,
            # What is under way counts from the day of the run where there is no cut-off.
            cut_off=self.what.cut_off or self.started.astimezone(ZoneInfo(sides["l"].zone)).date(),
            carried=self._carried(before),
            known=memory.known(),
            decided=self._decided(),
            every_pair=bool(self._windows()),
            progress=self.progress,
        )
        return self._conclude(run, before, memory)

    def _begin(self) -> Any:
        if self.ledger is None:
            return None
        return self.ledger.reconciliations.begin(self.what.name, self.key, actor=self.actor)

    @property
    def computed(self) -> Computed:
        """Return what the plan came to."""
        assert self._computed is not None, "it has not run yet"
        return self._computed

    def items(self, standing: str = "") -> Iterator[Item]:
        """Yield what does not agree."""
        return items(self.computed.ground, *([standing] if standing else []))

    def _load(self, name: str, source: Source, fields: Sequence[str], since: Any) -> None:
        def told(rows: int) -> None:
            self.progress(f"reading {source.title()}", {"rows": rows})

        told_of = {"ledger_conn_id": self.ledger_conn_id, "source": source.title()}
        reading = Reading(fields, since=since, progress=told, **told_of)
        source.load(self.engine, f"raw_{name}", reading)

    def _last_as_of(self) -> Any:
        last = self.ledger.reconciliations.last(self.what.name) if self.ledger else None
        return last.as_of if last else None

    def _open_items(self) -> list[Mapping[str, Any]]:
        if not (self.ledger and self.what.carry_forward):
            return []
        found: list[Mapping[str, Any]] = []
        after = 0
        while some := self.ledger.breaks.search(self.what.name, after_id=after):
            found += [one.body for one in some]
            after = some[-1].id
        return found

    def _carried(self, before: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
        return {
            key: [row for body in before for row in body["left" if key == "l" else "right"]]
            for key in self._windows()
        }

    def _windows(self) -> list[str]:
        """Return the sides whose documents of earlier runs are carried forward."""
        if not (self.ledger and self.what.carry_forward):
            return []
        return [key for key, source in self.what.sources.items() if source.population != "all"]

    def _decided(self) -> list[Decided]:
        if not self.ledger:
            return []
        return [
            Decided(one.id, one.kind == "write_off", {"l": one.left, "r": one.right})
            for one in self.ledger.matchings.confirmed(self.what.name)
        ]

    def _conclude(self, run: Any, before: Sequence[Mapping[str, Any]], memory: Memory) -> Outcome:
        plan, computed = self.what.plan, self.computed
        counts: Counter[str] = Counter()
        for (standing, kind), number in counted(computed.ground).items():
            counts[standing] += number
            if standing == "break":
                counts[kind] += number
        found = [as_found(item, plan, computed.ground.layout) for item in items(computed.ground, *LASTING)]
        counts["breaks"] = counts.pop("break", 0)
        outcome = Outcome(
            name=self.what.name,
            documents={key: one.rows for key, one in computed.counted.items()},
            after_cut_off={key: one.after_cut_off for key, one in computed.counted.items()},
            carried=dict(computed.carried),
            counts=dict(counts),
            totals=totals(computed.ground),
            moved=self._moved(before, found) if self.what.carry_forward else [],
            populations={"l": self.what.left.population, "r": self.what.right.population},
            cut_off=self.what.cut_off,
        )
        outcome.check()
        if run is not None:
            for match_id in computed.changed:
                self.ledger.matchings.reopen(match_id)
            known = memory.packed(computed.ground, computed.carrying, LASTING)
            outcome.recorded = self.ledger.reconciliations.record(
                run.id, found, outcome.to_json(), actor=self.actor, known=known
            )
            outcome.run_id, outcome.as_of = run.id, run.as_of.isoformat()
        return outcome

    def _moved(self, before: Sequence[Mapping[str, Any]], found: Sequence[Found]) -> list[dict[str, Any]]:
        plan, after = self.what.plan, [one.body for one in found]
        moved = roll_forward(before, after, amount=plan.amount, currency=plan.currency)
        return [one.to_json() for one in moved]


def as_found(item: Item, plan: Plan, layout: Layout) -> Found:
    """Return an item as the ledger keeps it."""
    body = {"left": [_texts(row) for row in item.left], "right": [_texts(row) for row in item.right]}
    keys = {
        side: [[row.get(name) for name in layout.identity] for row in rows] for side, rows in body.items()
    }
    effects = {key: amount for key, amount in item.effect(plan.amount, plan.currency).items() if plan.amount}
    currency, amount = next(iter(effects.items())) if len(effects) == 1 else ("", None)
    differences = [
        {"field": one.field, "left": text_of(one.left), "right": text_of(one.right), "off": _off(one.off)}
        for one in item.differences
    ]
    return Found(
        identity=[[_same(row, layout) for row in body[side]] for side in ("left", "right")],
        standing=item.standing,
        kind=item.kind,
        left_key=_joined(keys["left"]),
        right_key=_joined(keys["right"]),
        amount=amount,
        currency=currency,
        aged_from=_day(item, plan),
        body={**body, "differences": differences, "rule": item.rule, **_names(layout)},
    )


def _same(row: Mapping[str, str | None], layout: Layout) -> list[str | None]:
    """Return what makes a document the same in the next run: all of it, where its identity lacks a part."""
    identity = [row.get(name) for name in layout.identity]
    return identity if all(identity) else [*identity, *(row[name] for name in sorted(row))]


def _names(layout: Layout) -> dict[str, Any]:
    """Return by which fields the documents are known and how fields are read, for who looks again later."""
    kinds = {name: kind for name, kind in layout.kinds.items() if kind != "text"}
    return {"identity": list(layout.identity), "kinds": kinds}


def _day(item: Item, plan: Plan) -> date | None:
    days = [
        value
        for row in (*item.left, *item.right)
        for name in plan.aged_from
        if isinstance(value := row.get(name), date)
    ]
    return min(days) if days else None


def _joined(keys: Sequence[Sequence[str | None]]) -> str:
    return ", ".join("/".join(part or "" for part in key) for key in keys)


def _texts(row: Row) -> dict[str, str | None]:
    return {name: text_of(value) for name, value in row.items()}


def _off(value: Any) -> str | int | None:
    return value if isinstance(value, int) else text_of(value)
