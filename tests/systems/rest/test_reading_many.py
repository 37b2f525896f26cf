"""Reading many documents with one request, and what becomes of those that the listing does not show."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.profile import Reading, WriteItem
from airflow_provider_docflow.core.rest import Call, ReadMany, rest_profile
from airflow_provider_docflow.core.rest.declare import RestDocument
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.document import DocumentRef
from airflow_provider_docflow.hooks.doors import Door
from airflow_provider_docflow.sandbox import Sandbox
from airflow_provider_docflow.sandbox.rest import API_KEY
from airflow_provider_docflow.systems.rest import example
from tests.contract.stands import plain_document
from tests.systems.rest.conftest import TYPE

KIND = example.document(TYPE, by_key=True)


@pytest.fixture
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with Sandbox(tmp_path_factory.mktemp("erp")) as running:
        yield running


def site_of(sandbox: Sandbox, kind: RestDocument = KIND) -> Site:
    known = rest_profile(
        name="erp",
        title="ERP",
        documents={TYPE: kind},
        error=example.PROFILE.error,
    )
    known = replace(known, sign=example.PROFILE.sign, conn_fields=example.PROFILE.conn_fields)
    settings = {"api_key": API_KEY, "instance": "erp"}
    return Site(profile=known, conn_id="erp", base_url=sandbox.base_url, settings=settings, instance="erp")


def created(site: Site, door: Door, count: int) -> list[DocumentRef]:
    items = [
        WriteItem(mark=f"M{n:015d}", reference=f"PR-{n}", document=plain_document(TYPE, ""))
        for n in range(count)
    ]
    return [entry.ref for entry in door.run(site.profile.write(TYPE, "create").run(site, items))]


def read(site: Site, refs: list[DocumentRef]) -> list[Reading | exc.DocflowError]:
    with Door(site) as door:
        return door.run(site.profile.of(TYPE).read(site, refs))


def gets(sandbox: Sandbox) -> list[str]:
    return [one["path"] for one in sandbox.requests("/erp/*") if one["method"] == "GET"]


def test_one_request_reads_them_all_in_the_order_asked_for(sandbox: Sandbox) -> None:
    site = site_of(sandbox)
    with Door(site) as door:
        refs = created(site, door, 12)[::-1]
    sandbox.forget_requests()
    found = read(site, refs)
    assert [one.ref for one in found if isinstance(one, Reading)] == [
        replace(ref, number=one.ref.number) for ref, one in zip(refs, found, strict=True)
    ]
    assert gets(sandbox) == [f"/erp/{TYPE}"]


def test_what_the_listing_leaves_out_is_read_by_itself(sandbox: Sandbox) -> None:
    site = site_of(sandbox)
    with Door(site) as door:
        refs = created(site, door, 3)
    odd = replace(refs[0], internal_id="po-1,po-2")
    gone = replace(refs[0], internal_id="po-999")
    sandbox.forget_requests()
    found = read(site, [odd, refs[2], gone, refs[0]])
    assert isinstance(found[0], exc.NotFound) and isinstance(found[2], exc.NotFound)
    assert [one.ref.internal_id for one in found if isinstance(one, Reading)] == ["po-3", "po-1"]
    assert len(gets(sandbox)) == 3


def test_one_that_cannot_be_read_does_not_hide_the_others(sandbox: Sandbox) -> None:
    site = site_of(sandbox)
    with Door(site) as door:
        refs = created(site, door, 3)
    sandbox.call("PUT", f"erp/{TYPE}/{refs[1].internal_id}", {"issue_date": "soon"})
    found = read(site, refs)
    assert isinstance(found[1], exc.DocflowError) and found[1].field == "issue_date"
    assert isinstance(found[0], Reading) and isinstance(found[2], Reading)


def test_a_listing_that_refuses_leaves_them_to_be_read_one_by_one(sandbox: Sandbox) -> None:
    bad = ReadMany(
        call=Call(method="GET", path=f"/erp/{TYPE}", params={"limit": "101"}, at="items"), param="ids"
    )
    site = site_of(sandbox, replace(KIND, read_many=bad))
    with Door(site) as door:
        refs = created(site, door, 3)
    assert all(isinstance(one, Reading) for one in read(site, refs))


def test_nobody_is_let_in_twice(sandbox: Sandbox) -> None:
    site = site_of(sandbox)
    with Door(site) as door:
        refs = created(site, door, 3)
    sandbox.forget_requests()
    with pytest.raises(exc.Authentication):
        read(replace(site, settings={**site.settings, "api_key": "wrong"}), refs)
    assert len(gets(sandbox)) == 1
