from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest
from airflow.cli import cli_parser

from tests.operators.conftest import runner, world

__all__ = ["Shell", "runner", "shell", "world"]


@dataclass(frozen=True)
class Said:
    """What a command printed and how it ended."""

    code: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        """What it printed as JSON."""
        assert self.code == 0, self.err
        return json.loads(self.out)


class Shell:
    """``airflow docflow`` in this process, through Airflow's own parser."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self.capsys = capsys

    def __call__(self, *words: object) -> Said:
        self.capsys.readouterr()
        code = 0
        try:
            args = cli_parser.get_parser().parse_args(["docflow", *map(str, words)])
            args.func(args)
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1 if end.code else 0
        told = self.capsys.readouterr()
        return Said(code, told.out, told.err)


@pytest.fixture
def shell(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shell:
    # A command is a process of its own and says so in its environment; here that has to end with the test.
    monkeypatch.setenv("_AIRFLOW_PROCESS_CONTEXT", "")
    return Shell(capsys)
