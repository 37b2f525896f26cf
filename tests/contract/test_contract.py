"""What every product promises, through every door; :mod:`tests.contract.stands` says what it is tried on."""

from __future__ import annotations

import logging
import traceback
from dataclasses import replace
from typing import Any

import pytest

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.paging import search_all
from airflow_provider_docflow.core.profile import Changes, Query, Reading, WriteItem, Written, gone
from airflow_provider_docflow.document import DocumentRef
from tests.contract.conftest import DOORS, Run
from tests.contract.stands import FAULTS, RETRY_AFTER, Stand

MAY_HAVE_LANDED = ("reply_lost", "error_before", "error_after", "malformed", "late_commit")
NEVER_LANDED = ("cut", "error_before")


def create(stand: Stand, run: Run, items: list[WriteItem]) -> list[Any]:
    """Create in batches of the system's own size; one entry per item."""
    write = stand.site.profile.write(stand.document_type, "create")
    batches = [items[at : at + write.batch_size] for at in range(0, len(items), write.batch_size)]
    entries: list[Any] = []
    for batch, result in zip(batches, run([write.run(stand.site, batch) for batch in batches]), strict=True):
        entries.extend([result] * len(batch) if isinstance(result, Exception) else result)
    return entries


def created(stand: Stand, run: Run, count: int) -> tuple[list[WriteItem], list[DocumentRef]]:
    items = [stand.item() for _ in range(count)]
    entries = create(stand, run, items)
    assert all(isinstance(entry, Written) for entry in entries), entries
    return items, [entry.ref for entry in entries]


def read(stand: Stand, run: Run, refs: list[DocumentRef]) -> list[Any]:
    (found,) = run([stand.kind.read(stand.site, refs)])
    assert not isinstance(found, Exception), found
    return list(found)


def find(stand: Stand, run: Run, items: list[WriteItem]) -> list[tuple[Reading, ...]]:
    probe = stand.site.profile.write(stand.document_type, "create").find
    assert probe is not None, "a product whose writes can be lost must be able to look"
    (found,) = run([probe(stand.site, items)])
    assert not isinstance(found, Exception), found
    return [finding.marked for finding in found]


def test_every_fault_is_accounted_for(stand: Stand) -> None:
    assert set(stand.faults) | set(stand.without) == set(FAULTS)
    assert not set(stand.faults) & set(stand.without)


def test_created_once_whatever_goes_wrong(stand: Stand, run: Run, subtests: pytest.Subtests) -> None:
    for fault, put_in_force in stand.faults.items():
        with subtests.test(fault=fault):
            stand.calm()
            item = stand.item()
            put_in_force()
            (entry,) = create(stand, run, [item])
            _fits(stand, fault, entry)
            ref = _carry_on(stand, run, item, entry)
            stand.settle()
            if ref is None:
                assert fault in NEVER_LANDED and stand.count(item) == 0
                continue
            assert stand.count(item) == 1
            (reading,) = read(stand, run, [ref])
            assert isinstance(reading, Reading) and reading.ref.internal_id == ref.internal_id


def _fits(stand: Stand, fault: str, entry: Any) -> None:
    if isinstance(entry, Written):
        return
    assert isinstance(entry, exc.TransientError), entry
    assert entry.system == stand.site.conn_id
    if fault in MAY_HAVE_LANDED:
        assert entry.landed == "unknown", "what may have landed must not count as failed"
    if fault.startswith("rate_limited"):
        assert isinstance(entry, exc.RateLimited) and entry.landed == "no"
    if fault == "rate_limited_with_retry_after":
        assert entry.retry_after == RETRY_AFTER


def _carry_on(stand: Stand, run: Run, item: WriteItem, entry: Any) -> DocumentRef | None:
    """Do what a retry does: where the system refuses a second itself, send again; else look first.

    None where nothing was found and a look is not sure enough for a second send: a person decides.
    """
    if isinstance(entry, Written):
        return entry.ref
    write = stand.site.profile.write(stand.document_type, "create")
    if entry.landed == "unknown" and write.probe.quality != "native":
        stand.settle()
        (marked,) = find(stand, run, [item])
        if marked:
            assert len(marked) == 1
            return marked[0].ref
        if write.probe.quality != "unique":
            assert write.probe.guarantee == "guarantee.at_most_once_or_incident"
            return None
    (again,) = create(stand, run, [item])
    assert isinstance(again, Written), again
    return again.ref


def test_what_is_read_back_is_what_was_written(stand: Stand, run: Run) -> None:
    items, refs = created(stand, run, 3)
    for item, ref, reading in zip(items, refs, read(stand, run, refs), strict=True):
        assert isinstance(reading, Reading) and item.document is not None
        assert reading.ref == ref and ref.instance == stand.site.instance
        assert reading.total == item.document.payable_amount
        assert reading.currency == item.document.document_currency_code
        assert reading.company_code == item.document.company_code
        party = item.document.seller_supplier_party or item.document.buyer_customer_party
        assert reading.party == (party.id if party else reading.party)
        assert stand.same(reading, item.document)
        assert reading.state.is_alive is True
        assert set(stand.kind.axes) <= set(reading.state.raw), "the profile says that it tells these axes"


def test_the_mark_finds_the_document_and_only_it(stand: Stand, run: Run) -> None:
    write = stand.site.profile.write(stand.document_type, "create")
    assert write.mark_length <= stand.mark_room
    longest = stand.item(length=60)
    short, absent = stand.item(), stand.item()
    entries = create(stand, run, [longest, short])
    assert all(isinstance(entry, Written) for entry in entries), entries
    stand.settle()
    found = find(stand, run, [longest, absent, short])
    assert [[reading.ref.internal_id for reading in marked] for marked in found] == [
        [entries[0].ref.internal_id],
        [],
        [entries[1].ref.internal_id],
    ]


def test_missing_documents_are_named_one_by_one(stand: Stand, run: Run) -> None:
    _, (ref,) = created(stand, run, 1)
    found = read(stand, run, [stand.missing, ref, stand.missing])
    assert [type(entry) for entry in found] == [exc.NotFound, Reading, exc.NotFound]
    for entry in (found[0], found[2]):
        assert entry.system == stand.site.conn_id and entry.document


def test_one_bad_document_does_not_stop_the_others(stand: Stand, run: Run) -> None:
    items = [stand.item(), stand.bad(), stand.item(), stand.item()]
    entries = create(stand, run, items)
    assert [isinstance(entry, Written) for entry in entries] == [True, False, True, True], entries
    bad = entries[1]
    assert isinstance(bad, exc.PermanentError) and bad.landed == "no"
    assert bad.system == stand.site.conn_id
    assert items[1].reference in bad.document
    assert bad.code or isinstance(bad, exc.InvalidDocument)
    if stand.http and not isinstance(bad, exc.InvalidDocument):
        assert bad.http_status
    assert [stand.count(item) for item in items] == [1, 0, 1, 1]


def test_a_listing_is_complete_and_ends(stand: Stand) -> None:
    run = DOORS["bulk"]
    if stand.kind.search is None:
        with pytest.raises(exc.Unsupported):
            raise run(stand, [search_all(stand.site, stand.kind, Query())], stand.site)[0]
        return
    _, refs = created(stand, lambda exchanges: run(stand, exchanges, stand.site), stand.spread)
    company = stand.document("any").company_code
    stand.settle()
    for name in ("sync", "async"):
        (found,) = DOORS[name](
            stand, [search_all(stand.site, stand.kind, Query(company_code=company))], stand.site
        )
        assert not isinstance(found, Exception), found
        ids = [reading.ref.internal_id for reading in found]
        assert len(ids) == len(set(ids)), "a listing that repeats would be handled twice"
        assert {ref.internal_id for ref in refs} <= set(ids)


def test_changes_miss_nothing(stand: Stand, run: Run) -> None:
    if stand.kind.changes is None:
        assert "changes" in stand.lacks, "say in the stand's lacks why there is no change feed"
        return
    _, (old,) = created(stand, run, 1)
    stand.settle()
    _, cursor = follow(stand, run, "")
    _, refs = created(stand, run, 3)
    edits = () if "edits in the change feed" in stand.lacks else (old,)
    stand.edit(old)
    stand.settle()
    seen, cursor = follow(stand, run, cursor)
    assert {ref.internal_id for ref in (*edits, *refs)} <= documents(stand, run, seen)
    if not edits:
        return
    stand.edit(refs[1])
    stand.settle()
    seen, _ = follow(stand, run, cursor)
    assert refs[1].internal_id in documents(stand, run, seen)


def documents(stand: Stand, run: Run, seen: list[DocumentRef]) -> set[str]:
    """Read what a feed names: a change may be a record of its own that leads to its document."""
    found = read(stand, run, list(dict.fromkeys(seen)))
    return {entry.ref.internal_id for entry in found if isinstance(entry, Reading)}


def follow(stand: Stand, run: Run, cursor: str) -> tuple[list[DocumentRef], str]:
    assert stand.kind.changes is not None
    seen: list[DocumentRef] = []
    for _ in range(1000):
        (found,) = run([stand.kind.changes(stand.site, cursor)])
        assert isinstance(found, Changes), found
        seen += found.refs
        cursor = found.cursor
        if not found.more:
            return seen, cursor
    raise AssertionError("the change feed does not end")


def test_actions_show_that_they_landed_and_run_once(stand: Stand, run: Run) -> None:
    told = {**stand.actions, **stand.endings}
    assert set(told) == set(stand.kind.actions), "the stand names every action of the product"
    if not told:
        return
    _, (ref, *others) = created(stand, run, 1 + len(stand.endings))
    stand.settle()
    for name, target in zip(stand.endings, others, strict=True):
        _prepare(stand, run, target, stand.before.get(name, ()))
    for name, target in [*((name, ref) for name in stand.actions), *zip(stand.endings, others, strict=True)]:
        action = stand.site.profile.write(stand.document_type, name)
        assert action.landed is not None, "an action without a way to see that it landed cannot be trusted"
        item = replace(stand.item(), document=None, ref=target, arguments=stand.arguments.get(name, {}))
        (before,) = read(stand, run, [target])
        assert not action.landed(before, item)
        ((entry,),) = run([action.run(stand.site, [item])])
        assert isinstance(entry, Written), entry
        (after,) = read(stand, run, [target])
        if action.removes:
            assert isinstance(after, exc.NotFound), "what is removed for good cannot be read"
            after = gone(target, before.state.read_at)
        assert action.landed(after, item) and str(after.state.lifecycle) == told[name]


def _prepare(stand: Stand, run: Run, target: DocumentRef, actions: tuple[str, ...]) -> None:
    for name in actions:
        item = replace(stand.item(), document=None, ref=target, arguments=stand.arguments.get(name, {}))
        ((entry,),) = run([stand.site.profile.write(stand.document_type, name).run(stand.site, [item])])
        assert isinstance(entry, Written), entry


def test_what_the_product_cannot_do_is_unsupported(stand: Stand) -> None:
    with pytest.raises(exc.Unsupported):
        stand.site.profile.write(stand.document_type, "teleport")
    with pytest.raises(exc.Unsupported):
        stand.site.profile.of(stand.unsupported_type)


def test_the_system_names_itself_the_same_way_every_time(stand: Stand, run: Run) -> None:
    names = run([stand.site.profile.instance(replace(stand.site, instance="")) for _ in range(2)])
    assert names == [stand.site.instance] * 2
    renamed = replace(stand.site, instance="", conn_id="another_name")
    assert run([stand.site.profile.instance(renamed)], renamed) == [stand.site.instance]


def test_both_doors_ask_the_same(stand: Stand) -> None:
    logs = []
    # Where tokens are kept over doors, the first one to come logs in.
    DOORS["sync"](stand, [stand.kind.read(stand.site, [stand.missing])], stand.site)
    for name in ("sync", "async"):

        def run(exchanges: Any, name: str = name) -> list[Any]:
            return DOORS[name](stand, exchanges, stand.site)

        stand.forget()
        items, refs = created(stand, run, 2)
        find(stand, run, items)
        read(stand, run, [refs[0], stand.missing])
        logs.append(stand.log())
    assert logs[0] == logs[1] and logs[0]


def test_fifty_at_once_log_in_once(stand: Stand) -> None:
    if stand.expire is None or stand.logins is None:
        assert stand.site.profile.login is None or "login" in stand.lacks, (
            "a stand with a login says how its token is ended and counted"
        )
        return
    _, (ref,) = created(stand, lambda exchanges: DOORS["sync"](stand, exchanges, stand.site), 1)
    stand.expire()
    before = stand.logins()
    found = DOORS["bulk"](stand, [stand.kind.read(stand.site, [ref]) for _ in range(50)], stand.site)
    assert all(isinstance(entry, list) and isinstance(entry[0], Reading) for entry in found), found
    assert stand.logins() == before + 1


def test_no_secret_is_ever_shown(stand: Stand, run: Run, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    told = [repr(stand.site), repr(stand.refused), str(stand.missing)]
    errors: list[Any] = read(stand, run, [stand.missing])
    for fault in stand.faults:
        stand.faults[fault]()
        errors += create(stand, run, [stand.item()])
        stand.calm()
    if stand.refused is not None:
        (refused,) = run([stand.kind.read(stand.refused, [stand.missing])], stand.refused)
        errors += refused if isinstance(refused, list) else [refused]
        assert isinstance(errors[-1], exc.Authentication), errors[-1]
    for error in errors:
        if isinstance(error, Exception):
            told += [*traceback.format_exception(error), repr(error), repr(vars(error))]
    told.append(caplog.text)
    stand.settle()
    for secret in stand.secrets:
        assert not any(secret in text for text in told)
