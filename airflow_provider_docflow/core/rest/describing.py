"""The fields of a declared document type: what the profile declares, and what a live document has besides."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from airflow_provider_docflow.core.calls import dig
from airflow_provider_docflow.core.exchange import Exchange
from airflow_provider_docflow.core.live import LiveField
from airflow_provider_docflow.core.profile import Query
from airflow_provider_docflow.core.rest.declare import Field, RestDocument
from airflow_provider_docflow.core.rest.exchanges import RestType
from airflow_provider_docflow.core.site import Site


def describer(runs: RestType, kind: RestDocument) -> Callable[[Site], Exchange[list[LiveField]]]:
    """Return the question for the fields of a type.

    An API has no catalogue that all have in common. What its documents hold beyond the declaration is
    therefore taken from the first one that its listing shows.
    """

    def describe(site: Site) -> Exchange[list[LiveField]]:
        known = [*_declared(kind.fields), *_declared(kind.line_fields, kind.lines_at)]
        if kind.search is None:
            return known
        page = yield from runs.search(site, Query(), None)
        if not page.readings:
            return known
        return [*known, *_others(kind, page.readings[0].raw, known)]

    return describe


def _declared(declared: Sequence[Field], lines_at: str = "") -> Iterator[LiveField]:
    for field in declared:
        yield LiveField(
            name=f"{lines_at}.{field.native}" if lines_at else field.native,
            canonical=f"lines[*].{field.canonical}" if lines_at else field.canonical,
            required=field.required and field.write,
            custom=field.canonical.startswith("extensions."),
            written=field.write,
        )


def _others(kind: RestDocument, raw: Mapping[str, Any], known: Sequence[LiveField]) -> Iterator[LiveField]:
    own = {kind.id_at, kind.number_at, kind.changed_at, *kind.fixed, *(field.name for field in known)}
    own |= {str(words.at) for words in kind.states.values()} | ({kind.mark.native} if kind.mark else set())
    header = {name: value for name, value in _leaves(raw) if not _within(name, kind.lines_at)}
    lines = dig(raw, kind.lines_at) if kind.lines_at else None
    first = lines[0] if isinstance(lines, list) and lines else {}
    header |= {f"{kind.lines_at}.{name}": value for name, value in _leaves(first)}
    for name, value in header.items():
        if name not in own:
            yield LiveField(name=name, type=type(value).__name__, custom=True, written=False)


def _within(name: str, path: str) -> bool:
    return bool(path) and (name == path or name.startswith(f"{path}."))


def _leaves(raw: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in raw.items() if isinstance(raw, Mapping) else ():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value
