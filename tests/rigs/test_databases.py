from __future__ import annotations

import pytest
import sqlalchemy as sa

_SEEN: set[str] = set()


@pytest.mark.parametrize("turn", [1, 2])
def test_every_test_gets_an_empty_database_of_the_kind_it_asked_for(database_url, request, turn):
    engine = sa.create_engine(database_url)
    assert engine.dialect.name in request.node.callspec.id
    assert database_url not in _SEEN
    _SEEN.add(database_url)
    notes = sa.Table("notes", sa.MetaData(), sa.Column("word", sa.String(20), primary_key=True))
    with engine.begin() as connection:
        assert sa.inspect(connection).get_table_names() == []
        notes.create(connection)
        connection.execute(notes.insert(), [{"word": "采购订单"}, {"word": "Crème"}])
    with engine.connect() as connection:
        assert set(connection.scalars(sa.select(notes.c.word))) == {"采购订单", "Crème"}
    engine.dispose()


def test_servers_run_without_root_and_listen_on_the_loopback_only(postgres_server, mysql_server):
    import psutil

    for rig in (postgres_server, mysql_server):
        process = psutil.Process(rig.server.process.pid)
        assert process.uids().real != 0
        assert {c.laddr.ip for c in process.net_connections() if c.status == "LISTEN"} == {"127.0.0.1"}
