"""Adopting what exists already: pairs are registered as if docflow had written them; nothing is sent."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.approvals.coverage import entry_of
from airflow_provider_docflow.core.profile import Query, Reading
from airflow_provider_docflow.hooks.plans import Plan, plans_for
from airflow_provider_docflow.hooks.system import System
from airflow_provider_docflow.ledger.judge import disagreement, liveness
from airflow_provider_docflow.ledger.requests import existing_receipt, intent_request


@dataclass(frozen=True, kw_only=True)
class Route:
    """From which documents of one system to which of another.

    :param mapping: as of the operator that would create the targets; it decides the content.
    """

    source_conn_id: str
    source_type: str
    target_conn_id: str
    target_type: str
    mapping: Mapping[str, str] = field(default_factory=dict)
    split_by: str | None = None


@dataclass(frozen=True)
class Pair:
    """A pair that somebody names: numbers as people know them."""

    source_number: str
    target_number: str
    company_code: str = ""


@dataclass(frozen=True, kw_only=True)
class Adoption:
    """What a pair came to: a plan and the document that stands for it, or the reason why not."""

    source: str
    target: str
    plan: Plan | None = None
    reading: Reading | None = None
    problem: str = ""


class Adopter:
    """Finds and registers pairs; it never writes to a system."""

    def __init__(self, ledger: Any, system_of: Callable[[str], System], route: Route, *, actor: str) -> None:
        self.ledger, self.route, self.actor = ledger, route, actor
        self.source, self.target = system_of(route.source_conn_id), system_of(route.target_conn_id)

    def named(self, pairs: Sequence[Pair]) -> list[Adoption]:
        """Return what the named pairs come to; a pair whose content disagrees names the field."""
        sources = self._resolve(
            self.source, self.route.source_type, [(p.source_number, p.company_code) for p in pairs]
        )
        targets = self._resolve(self.target, self.route.target_type, [(p.target_number, "") for p in pairs])
        judged = [
            self._judged(pair.source_number, pair.target_number, source, target)
            for pair, source, target in zip(pairs, sources, targets, strict=True)
        ]
        return _each_once(judged)

    def _resolve(
        self, system: System, document_type: str, wanted: Sequence[tuple[str, str]]
    ) -> list[Reading | exc.DocflowError]:
        found: dict[tuple[str, str], Reading | exc.DocflowError] = {}
        for company in dict.fromkeys(company for _, company in wanted):
            numbers = [number for number, its in wanted if its == company]
            readings = system.resolve(document_type, numbers, company)
            if all(isinstance(one, exc.Unsupported) for one in readings):
                # It cannot be asked for numbers; adopting is done once, so everything is listed.
                listed = system.search(document_type, Query(company_code=company))
                readings = [system.only(document_type, number, _with(listed, number)) for number in numbers]
            for number, reading in zip(numbers, readings, strict=True):
                found[number, company] = reading
        return [found[key] for key in wanted]

    def _judged(self, source_name: str, target_name: str, source: Any, target: Any) -> Adoption:
        try:
            for reading in (source, target):
                if isinstance(reading, exc.DocflowError):
                    raise reading
            _refuse_dead(source)
            _refuse_dead(target)
            plan = self._plan(source, target)
        except exc.DocflowError as error:
            return Adoption(source=source_name, target=target_name, problem=str(error))
        return Adoption(source=source_name, target=target_name, plan=plan, reading=target)

    def _plans(self, source: Reading) -> list[Plan]:
        return plans_for(
            source,
            self.route.target_type,
            mapping=self.route.mapping,
            split_by=self.route.split_by,
            instance=self.target.site.instance,
        )

    def _plan(self, source: Reading, target: Reading) -> Plan:
        """Return the part of the source that the target stands for.

        :raises InvalidDocument: none agrees in company, party, currency and total, or several do.
        """
        plans = self._plans(source)
        fitting = [plan for plan in plans if disagreement(target, plan.document) is None]
        if len(fitting) == 1:
            return fitting[0]
        differs = disagreement(target, plans[0].document) if len(plans) == 1 else None
        field_name, why = differs or ("payable_amount", f"{len(fitting)} of its {len(plans)} parts agree")
        raise exc.InvalidDocument(
            f"{target.ref} does not stand for it: {why}.",
            document=source.ref.number,
            field=field_name,
            remedy="Correct the pair, or the mapping; nothing is adopted that differs.",
        )

    def matched(self, sources: Sequence[Reading], query: Query) -> list[Adoption]:
        """Pair sources with targets that agree in company, party, currency and total, where only one does.

        :param query: which targets may be taken.
        """
        targets = [
            target
            for target in self.target.search(self.route.target_type, query)
            if liveness(target) == "alive" and not self._was_created(target)
        ]
        adoptions = []
        for source in sources:
            try:
                _refuse_dead(source)
                plans = self._plans(source)
            except exc.DocflowError as error:
                adoptions.append(Adoption(source=_name(source), target="", problem=str(error)))
                continue
            for plan in plans:
                fitting = [target for target in targets if disagreement(target, plan.document) is None]
                adoptions.append(_chosen(plan, fitting))
        return _each_once(adoptions)

    def _was_created(self, target: Reading) -> bool:
        return any(row.key.purpose == "create" for row in self.ledger.intents.for_document(target.ref))

    def register(self, adoptions: Sequence[Adoption]) -> list[Adoption]:
        """Register the pairs that have no problem; return all, with what the ledger refused as a problem."""
        good = [one for one in adoptions if not one.problem and one.plan and one.reading]
        instance = self.target.site.instance
        pairs = []
        for one in good:
            assert one.plan is not None and one.reading is not None
            request = one.plan.request(instance, actor=self.actor)
            receipt = existing_receipt(request, one.reading, self.ledger.now())
            pairs.append((intent_request(request), receipt))
        readings = [one.reading for one in good if one.reading] + [
            one.plan.source for one in good if one.plan
        ]
        if pairs:
            self.ledger.documents.upsert([entry_of(reading) for reading in readings])
        statuses = {
            id(one): kept.status for one, kept in zip(good, self.ledger.intents.adopt(pairs), strict=True)
        }
        return [_told(one, statuses.get(id(one), "done")) for one in adoptions]


def _chosen(plan: Plan, fitting: Sequence[Reading]) -> Adoption:
    number = plan.source.ref.number
    if len(fitting) == 1:
        return Adoption(source=number, target=_name(fitting[0]), plan=plan, reading=fitting[0])
    names = ", ".join(_name(target) for target in fitting)
    problem = f"{names} all agree with it; name the pair." if fitting else "nothing there agrees with it."
    return Adoption(source=number, target="", plan=plan, problem=problem)


def _refuse_dead(reading: Reading) -> None:
    if liveness(reading) != "alive":
        raise exc.InvalidDocument(
            f"it is {reading.state.lifecycle}.",
            document=_name(reading),
            field="lifecycle",
            remedy="Only a document that is alive can be adopted, or adopted for.",
        )


def _each_once(adoptions: Sequence[Adoption]) -> list[Adoption]:
    """Refuse a target that stands for two sources, and a source that two targets stand for."""
    takers: dict[Any, list[str]] = {}
    givers: dict[Any, list[str]] = {}
    for one in adoptions:
        if one.plan is not None and one.reading is not None:
            takers.setdefault(one.reading.ref.identity, []).append(one.source)
            givers.setdefault((one.plan.source.ref.identity, one.plan.part), []).append(one.target)
    return [_refused_if_shared(one, takers, givers) for one in adoptions]


def _refused_if_shared(
    one: Adoption, takers: Mapping[Any, list[str]], givers: Mapping[Any, list[str]]
) -> Adoption:
    if one.plan is None or one.reading is None:
        return one
    sources = takers[one.reading.ref.identity]
    targets = givers[one.plan.source.ref.identity, one.plan.part]
    if len(sources) == len(targets) == 1:
        return one
    names = ", ".join(sources if len(sources) > 1 else targets)
    return replace(one, problem=f"it agrees with {names}; name one pair.")


def _told(one: Adoption, status: str) -> Adoption:
    if one.problem or status == "done":
        return one
    why = {
        "changed": "another document or content is registered for it already.",
        "busy": "it is being written now.",
    }.get(status, f"the ledger says: {status}.")
    return Adoption(source=one.source, target=one.target, plan=one.plan, reading=one.reading, problem=why)


def _with(readings: Sequence[Reading], number: str) -> list[Reading]:
    return [reading for reading in readings if reading.ref.number == number]


def _name(reading: Reading) -> str:
    return reading.ref.number or reading.ref.internal_id
