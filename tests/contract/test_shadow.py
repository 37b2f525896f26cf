"""Every write of every product, sent at a door in shadow: the system at the other end hears of none."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.messages import Message
from airflow_provider_docflow.core.profile import Write, WriteItem
from airflow_provider_docflow.core.shadow import shadowed
from airflow_provider_docflow.hooks.doors import AsyncDoor, Door
from airflow_provider_docflow.hooks.shadow import ShadowGate, ShadowSystem
from tests.contract.stands import Stand


def writes(stand: Stand) -> dict[tuple[str, str], Write]:
    found: dict[tuple[str, str], Write] = {}
    for name, kind in stand.site.profile.documents.items():
        named = {"create": kind.create, "amend": kind.amend, **kind.actions}
        found |= {(name, purpose): write for purpose, write in named.items() if write is not None}
    return found


def heard(stand: Stand) -> list[str]:
    """Return what reached the system; a database may be asked, within a write too."""
    return [line for line in stand.log() if not line.startswith("SELECT ")]


def item(stand: Stand, purpose: str) -> WriteItem:
    made = stand.item()
    if purpose == "create":
        return made
    document = made.document if purpose == "amend" else None
    return replace(made, document=document, ref=stand.missing, arguments=stand.arguments.get(purpose, {}))


def outcome(run: Any, exchange: Any) -> list[Any]:
    try:
        answer = run(exchange)
    except Exception as error:
        return [error]
    return answer if isinstance(answer, list) else [answer]


def test_no_write_of_any_product_leaves_a_door_in_shadow(stand: Stand) -> None:
    stand.forget()
    stopped: dict[tuple[str, str], list[Any]] = {}
    with Door(stand.site, sql=stand.sql, gates=[ShadowGate(stand.site.conn_id)]) as door:
        for (document_type, purpose), write in writes(stand).items():
            sent = item(stand, purpose)
            stopped[document_type, purpose] = outcome(door.run, write.run(stand.site, [sent]))
            assert stand.count(sent) == 0
    assert heard(stand) == []
    for name, entries in stopped.items():
        assert all(isinstance(one, exc.PermanentError) for one in entries), (name, entries)
    assert isinstance(stopped[stand.document_type, "create"][0], exc.ShadowOnly)


def test_nor_the_door_for_many_at_once(stand: Stand) -> None:
    stand.forget()
    items = [stand.item() for _ in range(4)]
    write = stand.site.profile.write(stand.document_type, "create")

    async def run() -> list[Any]:
        async with AsyncDoor(stand.site, sql=stand.sql, gates=[ShadowGate(stand.site.conn_id)]) as door:
            return await door.run_all([write.run(stand.site, [one]) for one in items])

    for answer in asyncio.run(run()):
        (entry,) = [answer] if isinstance(answer, Exception) else answer
        assert isinstance(entry, exc.ShadowOnly), entry
    assert heard(stand) == [] and [stand.count(one) for one in items] == [0] * 4


def test_a_profile_in_shadow_reads_probes_and_logs_in_but_no_write_begins(stand: Stand) -> None:
    system = ShadowSystem(stand.site, sql=stand.sql, tokens=stand.tokens)
    (found,) = system.read([stand.missing])
    assert isinstance(found, exc.NotFound)
    assert stand.log() != []
    write = system.site.profile.write(stand.document_type, "create")
    assert write.find is not None
    (finding,) = system.run(write.find(system.site, [stand.item()]))
    assert finding.marked == ()
    stand.forget()
    for document_type, purpose in writes(stand):
        begun = system.site.profile.write(document_type, purpose)
        with pytest.raises(exc.ShadowOnly):
            system.run(begun.run(system.site, [item(stand, purpose)]))
    with pytest.raises(exc.ShadowOnly):
        system.writer()
    assert heard(stand) == []
    system.close()


def test_messages_stay_inside_as_well(stand: Stand) -> None:
    channels = stand.site.profile.channels
    if not channels:
        return
    system = ShadowSystem(stand.site, tokens=stand.tokens)
    stand.forget()
    sends = [channel.send(system.site, Message("boss", "hello", mark="M-1")) for channel in channels.values()]
    errors = [error for send in sends for error in system.run_many([send])]
    system.close()
    # A stand need not have the settings of every channel.
    stopped = [error for error in errors if not isinstance(error, exc.Misconfigured)]
    assert stopped and all(isinstance(error, exc.ShadowOnly) for error in stopped), errors
    assert [line for line in stand.log() if "token" not in line.lower()] == []


def test_every_slot_that_only_reads_is_declared(stand: Stand) -> None:
    """A slot that profiles get one day and shadow does not know would be stopped there."""
    profile = shadowed(stand.site.profile)
    kind = profile.of(stand.document_type)
    slots = [getattr(kind, name) for name in ("read", "search", "changes", "describe", "permissions")]
    slots += [getattr(profile, name) for name in ("instance", "login", "clock")]
    assert {slot.__name__ for slot in slots if slot is not None} == {"declared"}
