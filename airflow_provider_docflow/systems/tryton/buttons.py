"""Actions: a button pressed for many records in one request, and what it changed seen only afterwards."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.exchange import Exchange
from airflow_provider_docflow.core.paging import WriteResult, all_or_nothing
from airflow_provider_docflow.core.profile import Probe, Reading, Write, WriteItem, Written
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.document import DocumentRef
from airflow_provider_docflow.systems.tryton.acting import acting_in
from airflow_provider_docflow.systems.tryton.creates import SETTLE_SECONDS
from airflow_provider_docflow.systems.tryton.feeds import by_id, not_found
from airflow_provider_docflow.systems.tryton.kinds import Kind, ref_of
from airflow_provider_docflow.systems.tryton.wire import Row, rows, rpc

Explain = Callable[[Site, Sequence[Row], exc.DocflowError], Exchange[exc.DocflowError]]


def ref_in(item: WriteItem) -> DocumentRef:
    """Return the document that is acted on."""
    assert item.ref is not None
    return item.ref


def state_in(*words: str) -> Callable[[Reading, WriteItem], bool]:
    """Return the test whether a reading stands in one of Tryton's own states."""
    return lambda reading, item: reading.raw.get("state") in words


def button(
    kind: Kind,
    name: str,
    *,
    before: tuple[str, ...],
    after: tuple[str, ...],
    batch_size: int,
    explain: Explain | None = None,
) -> Write:
    """Return an action.

    The states are read first and their stamps go with the press, so a record that somebody changes in
    between is a :class:`Conflict`. A record that is there already is not pressed again. Whether a press
    did anything, only the writer's reading afterwards tells: a rule that wants a second user answers
    null as well.

    :param before: states in which Tryton offers the button.
    :param after: states that show that it was done.
    """
    press = _Press(kind, name, before, after, explain)
    return Write(
        run=press.run,
        probe=Probe(quality="unique", settle_seconds=SETTLE_SECONDS),
        landed=state_in(*after),
        batch_size=batch_size,
    )


class _Press:
    def __init__(
        self, kind: Kind, name: str, before: tuple[str, ...], after: tuple[str, ...], explain: Explain | None
    ) -> None:
        self.kind, self.name, self.before, self.after, self.explain = kind, name, before, after, explain

    def run(self, site: Site, items: Sequence[WriteItem]) -> Exchange[list[WriteResult]]:
        if not items:
            return []
        found = yield from by_id(site, self.kind, [ref_in(item) for item in items])
        results: dict[int, WriteResult] = {}
        open_in: dict[int, list[int]] = {}
        for n, item in enumerate(items):
            row = found.get(ref_in(item).internal_id)
            if row is None:
                results[n] = not_found(site, ref_in(item))
            elif row["state"] in self.after:
                results[n] = Written(ref=ref_of(site, self.kind, row))
            elif row["state"] not in self.before:
                results[n] = self._wrong_state(site, row)
            else:
                open_in.setdefault(row["company"]["id"], []).append(n)
        for company, places in open_in.items():
            pressed = yield from self._in_company(site, company, [items[n] for n in places], found)
            results.update(zip(places, pressed, strict=True))
        return [results[n] for n in range(len(items))]

    def _in_company(
        self, site: Site, company: int, items: Sequence[WriteItem], found: dict[str, Row]
    ) -> Exchange[list[WriteResult]]:
        try:
            context = yield from acting_in(site, company)
        except exc.DocflowError as error:
            return [error] * len(items)

        def write(site: Site, part: Sequence[WriteItem]) -> Exchange[list[Written]]:
            chosen = [found[ref_in(item).internal_id] for item in part]
            yield from self._press(site, chosen, context)
            return [Written(ref=ref_of(site, self.kind, row)) for row in chosen]

        results = yield from all_or_nothing(write)(site, items)
        return [self._named(result, item) for result, item in zip(results, items, strict=True)]

    def _press(self, site: Site, chosen: list[Row], context: dict[str, Any]) -> Exchange[None]:
        ids = [row["id"] for row in chosen]
        stamped = {**context, "_timestamp": stamps(self.kind, chosen)}
        try:
            yield from rpc(site, f"model.{self.kind.model}.{self.name}", ids, context=stamped, writes=True)
        except exc.PermanentError as error:
            # The error may come from work that Tryton does after it has committed the press itself.
            now = yield from self._states(site, ids, error)
            if len(now) == len(ids) and all(row["state"] in self.after for row in now):
                return
            raise (yield from self._explained(site, chosen, error)) from error

    def _states(self, site: Site, ids: list[int], error: exc.DocflowError) -> Exchange[list[Row]]:
        """Read what a refused press may have done all the same; nobody knows when that fails."""
        try:
            return (yield from rows(site, self.kind.model, [["id", "in", ids]], ("state",)))
        except exc.DocflowError as blind:
            raise exc.UnknownOutcome(
                f"Tryton refused ({error.message}), and its state cannot be read.", **blind.attrs()
            ) from error

    def _explained(
        self, site: Site, chosen: Sequence[Row], error: exc.DocflowError
    ) -> Exchange[exc.DocflowError]:
        if self.explain is None or len(chosen) > 1:
            return error
        try:
            return (yield from self.explain(site, chosen, error))
        except exc.DocflowError:
            return error

    def _wrong_state(self, site: Site, row: Row) -> exc.Rejected:
        allowed = " or ".join(self.before)
        return exc.Rejected(
            f"Tryton offers {self.name} in the state {allowed}; the document is in {row['state']}.",
            system=site.conn_id,
            code="state",
            document=row.get("number") or str(row["id"]),
            field="state",
            remedy="Look at the document in Tryton; somebody has moved it on.",
        )

    def _named(self, result: WriteResult, item: WriteItem) -> WriteResult:
        if isinstance(result, Written):
            return result
        ref = ref_in(item)
        return type(result)(
            result.message, **{**result.attrs(), "document": ref.number or item.reference or ref.internal_id}
        )


def stamps(kind: Kind, chosen: Sequence[Row]) -> dict[str, Any]:
    """Return the stamps that make Tryton refuse a write on records changed since they were read."""
    return {f"{kind.model},{row['id']}": row["_timestamp"] for row in chosen}
