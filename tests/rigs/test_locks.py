from __future__ import annotations

import subprocess
import sys

import pytest

from tests.rigs.locks import exclusive, missing


@pytest.mark.parametrize("ci", ["true", "1", "YES"])
def test_a_missing_server_fails_where_nothing_may_be_missing(monkeypatch, ci):
    monkeypatch.setenv("CI", ci)
    with pytest.raises(pytest.fail.Exception, match="no ERP"):
        missing("no ERP here")


@pytest.mark.parametrize("ci", ["", "false", "0"])
def test_a_missing_server_skips_elsewhere(monkeypatch, ci):
    monkeypatch.setenv("CI", ci)
    with pytest.raises(pytest.skip.Exception, match="no ERP"):
        missing("no ERP here")


def test_the_lock_excludes_another_process_and_ends_with_its_holder(tmp_path):
    path = tmp_path / "lock"
    attempt = (
        "import fcntl, sys\n"
        "handle = open(sys.argv[1], 'a')\n"
        "try: fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)\n"
        "except BlockingIOError: print('held')\n"
        "else: print('free')\n"
    )

    def ask():
        done = subprocess.run(
            [sys.executable, "-c", attempt, path], capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    with exclusive(path):
        assert ask() == "held"
    assert ask() == "free"
