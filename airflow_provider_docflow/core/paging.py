"""Listings page by page, and lists of writes cut to the batches a system takes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.exchange import Exchange
from airflow_provider_docflow.core.profile import DocumentProfile, Query, Reading, WriteItem, Written
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.document import DocumentRef

T = TypeVar("T")
WriteResult = Written | exc.DocflowError
ReadResult = Reading | exc.DocflowError


def turns(items: Sequence[T], key: Callable[[T], Any]) -> list[list[int]]:
    """Return the places of ``items`` in turns, in each of which a key stands once, in the order given."""
    found: list[list[int]] = []
    seen: Counter[Any] = Counter()
    for place, item in enumerate(items):
        name = key(item)
        if seen[name] == len(found):
            found.append([])
        found[seen[name]].append(place)
        seen[name] += 1
    return found


def chunks(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Cut ``items`` into runs of at most ``size``, in order."""
    for start in range(0, len(items), max(1, size)):
        yield items[start : start + max(1, size)]


def search_all(
    site: Site, kind: DocumentProfile, query: Query, *, limit: int = 10_000
) -> Exchange[list[Reading]]:
    """Read every page of a listing.

    :raises Unsupported: the product cannot list this type.
    :raises Rejected: more than ``limit`` documents, or a page that continues as itself.
    """
    if kind.search is None:
        raise exc.Unsupported("documents of this type cannot be listed.", system=site.conn_id)
    readings: list[Reading] = []
    seen: set[str | None] = set()
    position: str | None = None
    while True:
        page = yield from kind.search(site, query, position)
        readings.extend(page.readings)
        seen.add(position)
        if page.next is None:
            return readings
        if page.next in seen or len(readings) > limit:
            raise exc.Rejected(
                f"the listing does not end: {len(readings)} documents so far.",
                system=site.conn_id,
                remedy="Narrow the query, or raise its limit.",
            )
        position = page.next


def one_by_one(
    write: Callable[[Site, WriteItem], Exchange[Written]],
) -> Callable[[Site, Sequence[WriteItem]], Exchange[list[WriteResult]]]:
    """Turn a write of one document into a write of a batch; one refusal does not stop the rest."""

    def run(site: Site, items: Sequence[WriteItem]) -> Exchange[list[WriteResult]]:
        results: list[WriteResult] = []
        for item in items:
            try:
                results.append((yield from write(site, item)))
            except exc.DocflowError as error:
                results.append(error)
        return results

    return run


def read_one_by_one(
    read: Callable[[Site, DocumentRef], Exchange[Reading]],
) -> Callable[[Site, Sequence[DocumentRef]], Exchange[list[ReadResult]]]:
    """Turn a read of one document into a read of many; a failure is its document's entry."""

    def run(site: Site, refs: Sequence[DocumentRef]) -> Exchange[list[ReadResult]]:
        results: list[ReadResult] = []
        for ref in refs:
            try:
                results.append((yield from read(site, ref)))
            except exc.DocflowError as error:
                results.append(error)
        return results

    return run


def all_or_nothing(
    write: Callable[[Site, Sequence[WriteItem]], Exchange[list[Written]]],
) -> Callable[[Site, Sequence[WriteItem]], Exchange[list[WriteResult]]]:
    """Turn a write that the system takes whole or not at all into one that names the bad items.

    A refused batch has left nothing behind, so its halves are tried until the refusal stands alone.
    An unknown outcome is never divided: it is every item's outcome.
    """

    def run(site: Site, items: Sequence[WriteItem]) -> Exchange[list[WriteResult]]:
        try:
            written = yield from write(site, items)
            return list(written)
        except exc.UnknownOutcome as error:
            return [error] * len(items)
        except exc.PermanentError as error:
            if len(items) == 1:
                return [error]
        except exc.DocflowError as error:
            return [error] * len(items)
        middle = len(items) // 2
        left = yield from run(site, items[:middle])
        right = yield from run(site, items[middle:])
        return [*left, *right]

    return run
