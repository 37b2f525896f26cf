from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.paging import search_all
from airflow_provider_docflow.core.profile import Query, WriteItem
from airflow_provider_docflow.core.rest import (
    NextLink,
    NextToken,
    Offset,
    OnePage,
    PageNumber,
    RestDocument,
    basic,
)
from airflow_provider_docflow.core.rest.pages import Paging
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.hooks.doors import Door
from airflow_provider_docflow.sandbox import Sandbox
from tests.systems.rest.conftest import KIND, LISTING, TYPE, document, profile, site_at
from tests.systems.rest.server import SECRET, Api

STYLES: dict[str, Paging] = {
    "one": OnePage(),
    "page number": PageNumber(size=10),
    "page number with total": PageNumber(size=10, total_pages="meta.pages"),
    "offset": Offset(size=10),
    "offset with total": Offset(size=10, total="meta.total"),
    "token": NextToken(at="meta.next", size=10),
    "link in the body": NextLink(at="meta.link", size=10),
    "link header": NextLink(),
}


def with_paging(paging: Paging) -> RestDocument:
    assert KIND.search is not None
    return replace(KIND, search=replace(KIND.search, paging=paging))


def numbers(site: Site, **query: object) -> list[str]:
    with Door(site) as door:
        readings = door.run(search_all(site, site.profile.of(TYPE), Query(**query)))  # type: ignore[arg-type]
    return [reading.ref.number for reading in readings]


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("count", [0, 1, 10, 25, 30])
def test_every_style_is_complete_and_ends(style: str, count: int, api: Callable[..., Api]) -> None:
    there = api(paging=style)
    there.fill(count)
    site = site_at(there, profile(with_paging(STYLES[style])))
    assert numbers(site) == [f"D-{n}" for n in range(count)]
    assert len(there.calls()) <= count // 10 + 1


@pytest.mark.parametrize("style", ["token", "link in the body", "link header"])
def test_a_listing_that_goes_in_circles_is_refused(style: str, api: Callable[..., Api]) -> None:
    there = api(paging=style, stuck=True)
    there.fill(25)
    with pytest.raises(exc.Rejected):
        numbers(site_at(there, profile(with_paging(STYLES[style]))))
    assert len(there.calls()) <= 3


@pytest.mark.parametrize("style", ["link in the body", "link header"])
@pytest.mark.parametrize("elsewhere", ["other port", "https", "user info"])
def test_a_link_to_another_host_is_refused_unseen(
    style: str, elsewhere: str, api: Callable[..., Api]
) -> None:
    there, other = api(paging=style), api(paging=style)
    there.fill(25)
    there.link_to = {
        "other port": other.url,
        "https": there.url.replace("http", "https"),
        "user info": there.url.replace("http://", "http://x@").replace("127.0.0.1", "localhost"),
    }[elsewhere]
    with pytest.raises(exc.Rejected, match="another host"):
        numbers(site_at(there, profile(with_paging(STYLES[style]), login=basic())))
    assert other.seen == [] and len(there.calls()) == 1
    assert SECRET not in str(there.seen)


def test_a_link_as_full_url_of_this_site_is_followed(api: Callable[..., Api]) -> None:
    there = api(paging="link")
    there.link_to = there.url
    there.fill(25)
    assert len(numbers(site_at(there, profile(with_paging(STYLES["link header"]))))) == 25


def test_restrictions(api: Callable[..., Api]) -> None:
    there = api()
    there.fill(12)
    there.documents[3]["vendor"] = "SUP-2 & Co"
    site = site_at(there, profile())
    assert numbers(site, party="SUP-2 & Co") == ["D-3"]
    assert numbers(site, raw={"no": "D-4,D-5"}) == ["D-4", "D-5"]
    there.seen.clear()
    assert numbers(site, numbers=("D-7", "none", "D-1")) == ["D-7", "D-1"]
    assert len(there.calls()) == 3, "number by number where the API takes one"
    assert KIND.search is not None
    joined = site_at(there, profile(replace(KIND, search=replace(KIND.search, joined=","))))
    there.seen.clear()
    assert numbers(joined, numbers=("D-7", "none", "D-1")) == ["D-1", "D-7"]
    assert len(there.calls()) == 1
    with pytest.raises(exc.Unsupported, match="issued_from"):
        numbers(site, issued_from=date(2026, 1, 1))
    with pytest.raises(exc.Unsupported, match="changed_since"):
        numbers(site, changed_since=datetime.now(UTC))


def test_an_answer_that_is_no_list_is_refused(api: Callable[..., Api]) -> None:
    there = api()
    there.fill(1)
    assert KIND.search is not None
    wrong = replace(KIND, search=replace(KIND.search, call=replace(LISTING, at="meta")))
    with pytest.raises(exc.Rejected, match="no list at meta"):
        numbers(site_at(there, profile(wrong)))


def follow(site: Site, cursor: str) -> tuple[set[str], str]:
    found: set[str] = set()
    run = site.profile.of(TYPE).changes
    assert run is not None
    with Door(site) as door:
        while True:
            changes = door.run(run(site, cursor))
            found |= {ref.number for ref in changes.refs}
            cursor = changes.cursor
            if not changes.more:
                return found, cursor


def test_changes_miss_nothing(erp: Site, sandbox: Sandbox) -> None:
    write = erp.profile.write(TYPE, "create")
    with Door(erp) as door:
        items = [WriteItem(mark=f"M{n}", reference=f"R{n}", document=document()) for n in range(120)]
        refs = [one.ref for one in door.run(write.run(erp, items))]
        run = erp.profile.of(TYPE).changes
        assert run is not None
        first = door.run(run(erp, ""))
        assert first.more and len(first.refs) == 100
        # Changed after its page was read, and before the round is over.
        sandbox.call("PUT", f"erp/{TYPE}/{refs[5].internal_id}", {"status": "approved"})
        numbers_seen, cursor = follow(erp, first.cursor)
        assert numbers_seen == {ref.number for ref in refs[100:]}
        again, cursor = follow(erp, cursor)
        assert refs[5].number in again
        sandbox.advance(3600)
        door.run(write.run(erp, [WriteItem(mark="MX", reference="RX", document=document())]))
        assert len(follow(erp, cursor)[0]) >= 1
    first_sweep, _ = follow(erp, "")
    assert len(first_sweep) == 121
