"""Carries out a whole plan: the sides are typed, the rules applied in order, the rest told."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Any

from airflow_provider_docflow.exceptions import Misconfigured
from airflow_provider_docflow.reconcile.comparisons import Comparison, Kind, same
from airflow_provider_docflow.reconcile.engines.base import Engine
from airflow_provider_docflow.reconcile.plan.carrying import Carrying, Known, Row
from airflow_provider_docflow.reconcile.plan.comparing import Comparisons
from airflow_provider_docflow.reconcile.plan.ground import Ground
from airflow_provider_docflow.reconcile.plan.grouping import match_groups, match_partial
from airflow_provider_docflow.reconcile.plan.keyed import Keyed
from airflow_provider_docflow.reconcile.plan.leftovers import Leftovers
from airflow_provider_docflow.reconcile.plan.manual import Decided, apply_decided
from airflow_provider_docflow.reconcile.plan.preparing import Counted, prepare
from airflow_provider_docflow.reconcile.plan.references import match_references
from airflow_provider_docflow.reconcile.plan.subsets import match_subsets
from airflow_provider_docflow.reconcile.rates import Rates
from airflow_provider_docflow.reconcile.rules import (
    Expected,
    Group,
    InTransit,
    Key,
    Partial,
    References,
    Rule,
    SubsetSum,
)
from airflow_provider_docflow.reconcile.sides import Layout, Side, merge_kinds

Progress = Callable[[str, Mapping[str, int]], None]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is reconciled, as an author says it.

    :param match: rules, tried in this order.
    :param compare: how matched documents have to agree, by field.
    :param identity: fields by which a document is known from run to run; those of the first exact key if
        empty.
    :param amount: field that is totalled.
    :param currency: field of its currency.
    :param show: further fields for the report.
    :param aged_from: fields of the due or document date from which a break ages.
    :param rates: adds amounts in one currency.
    :param sensitive: fields whose values are told nobody outside the ledger.
    """

    match: Sequence[Rule]
    compare: Mapping[str, Comparison]
    identity: tuple[str, ...] = ()
    amount: str = ""
    currency: str = ""
    expected: Sequence[Expected] = ()
    in_transit: Sequence[InTransit] = ()
    show: tuple[str, ...] = ()
    aged_from: tuple[str, ...] = ()
    rates: Rates | None = None
    sensitive: tuple[str, ...] = ()

    @property
    def compared(self) -> Mapping[str, Comparison]:
        """Return how documents have to agree: amounts do so in one currency only."""
        own = [
            name
            for name, how in self.compare.items()
            if how.kind == "amount" and not (self.rates and name in self.rates.names())
        ]
        if not own or not self.currency or self.currency in self.compare:
            return self.compare
        return {**self.compare, self.currency: same()}

    def layout(self, dates: Iterable[str] = ()) -> Layout:
        """Return the fields of the plan and how they are read.

        :param dates: fields of business dates that the sides' cut-offs look at.
        :raises Misconfigured: there is no rule, no identity, or a field is of two kinds.
        """
        if not self.match:
            raise Misconfigured(
                "nothing says which documents belong together.", field="match", remedy="Name a Key."
            )
        identity = self.identity or next(
            (rule.fields for rule in self.match if isinstance(rule, Key) and rule.exact), ()
        )
        if not identity:
            raise Misconfigured(
                "nothing says by which fields a document is known from run to run.",
                field="identity",
                remedy="Name them, such as identity=('order_id',).",
            )
        texts: dict[str, Kind] = dict.fromkeys((*identity, *self.show, self.currency), "text")
        own: dict[str, Kind] = dict.fromkeys((one.field for one in self.in_transit), "date")
        own |= {self.amount: "amount", **dict.fromkeys((*self.aged_from, *dates), "date")}
        compared: dict[str, Kind] = {name: how.kind for name, how in self.compared.items()}
        if self.rates:
            self.rates.check()
            own |= self.rates.kinds()
        kinds = merge_kinds(texts, own, compared, *(rule.kinds() for rule in self.match))
        kinds.pop("", None)
        self._check_expected(kinds)
        return Layout(
            kinds=kinds,
            identity=tuple(identity),
            amount=self.amount,
            currency=self.currency,
            converted=frozenset(self.rates.names() if self.rates else ()),
            sensitive=self.hidden(self.sensitive),
            beside=frozenset(kinds) - {*identity, self.amount, self.currency, *compared, *_of(self.match)},
        )

    def hidden(self, fields: Iterable[str]) -> frozenset[str]:
        """Return sensitive fields with what is converted from them."""
        plain = frozenset(fields)
        made = self.rates.names() if self.rates else {}
        return plain | {name for name, field in made.items() if field in plain}

    def hides(self, sensitive: frozenset[str]) -> frozenset[str]:
        """Return which of ``amount`` and ``currency`` figures must not show: a sum may be of one document."""
        named = {"amount": self.amount, "currency": self.currency}
        return frozenset(word for word, name in named.items() if name in sensitive)

    def _check_expected(self, kinds: Mapping[str, Kind]) -> None:
        for one in self.expected:
            if one.field not in self.compare or kinds[one.field] != "amount":
                raise Misconfigured(
                    f"the expected difference {one.name} is in {one.field}, not compared as an amount.",
                    field="expected",
                    remedy=f"compare={{{one.field!r}: tolerance(...)}}.",
                )


def _of(rules: Sequence[Rule]) -> set[str]:
    return {name for rule in rules for name in rule.kinds()}


@dataclass(frozen=True)
class Computed:
    """What a plan came to, still in the engine: tables ``l``, ``r``, ``item``, ``member``.

    :param counted: documents that the sources told.
    :param carried: documents of earlier runs that were added, by side.
    :param changed: people's matches that hold no longer, because a value has changed.
    """

    ground: Ground
    counted: Mapping[str, Counted]
    carried: Mapping[str, int]
    changed: Sequence[int]
    carrying: Carrying


def dates_of(sides: Iterable[Side]) -> set[str]:
    """Return the fields that tell whether a document belongs to its side."""
    return {side.date for side in sides if side.date and (side.cut_off or side.first_day)}


def compute(
    engine: Engine,
    plan: Plan,
    sides: Mapping[str, Side],
    *,
    cut_off: date | None = None,
    carried: Mapping[str, Sequence[Row]] = MappingProxyType({}),
    known: Known | None = None,
    decided: Sequence[Decided] = (),
    every_pair: bool = False,
    progress: Progress = lambda what, counts: None,
) -> Computed:
    """Carry a plan out on ``raw_l`` and ``raw_r``.

    :param sides: ``l`` and ``r``.
    :param carried: open items of earlier runs, by side.
    :param known: what earlier runs have seen of sides that tell only a part.
    :param decided: what people have matched or written off.
    :param every_pair: keep the pairs that are equal too, for who asks for them afterwards.
    :raises InvalidDocument: a source cannot be read as the plan wants.
    """
    layout = plan.layout(dates_of(sides.values()))
    counted = prepare(engine, layout, sides, plan.rates)
    progress("read", {key: one.rows for key, one in counted.items()})
    comparisons = Comparisons(layout, plan.compared)
    ground = Ground(engine, layout, comparisons, every_pair=every_pair)
    carrying = Carrying(engine, layout, sides, carried, known, plan.rates)
    added = carrying.run()
    ground.start({key: one.rows + added[key] for key, one in counted.items()})
    changed = apply_decided(ground, decided)
    for step, rule in enumerate(plan.match):
        if not ground.finished:
            _apply(ground, rule, step)
        progress(f"rule {step + 1}", dict(ground.rest))
    ground.settle()
    Leftovers(ground, plan.match, plan.expected, plan.in_transit, cut_off).run()
    return Computed(ground, counted, added, changed, carrying)


def _apply(ground: Ground, rule: Rule, step: int) -> None:
    if isinstance(rule, Key):
        Keyed(ground, rule, step).run()
        return
    _RUNS[type(rule)](ground, rule, step)


_RUNS: Mapping[type, Callable[[Ground, Any, int], None]] = {
    Group: match_groups,
    References: match_references,
    SubsetSum: match_subsets,
    Partial: match_partial,
}
