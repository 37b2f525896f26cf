"""A process that does one thing in a world and may be killed or stopped in the middle of it."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import time
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.hooks.handles import Handle, Outcome
from airflow_provider_docflow.reconcile.repair.run import Repairs
from airflow_provider_docflow.reconcile.repair.terms import Terms
from tests.proof.traps import Trap
from tests.proof.world import World

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["tests.proof.preload"])


def _main(world: dict[str, Any], verb: str, given: dict[str, Any], trap: dict[str, Any], out: str) -> None:
    ahead, real = given.pop("ahead", 0.0), given.pop("real", False)
    watch = Trap(**trap)
    with World(**world).open(trap=watch, ahead=ahead, real=real) as session:
        sources = [Handle.from_json(one) for one in given.pop("sources")]
        if verb == "create":
            outcomes = session.create(sources, **given)
        elif verb == "create each":
            outcomes = [outcome for source in sources for outcome in session.create([source], **given)]
        elif verb == "repair":
            outcomes = Repairs(session.flow, Terms(**given.pop("terms"))).carry_out()
        elif verb == "act":
            outcomes = session.flow.act(sources, **given)
        else:
            links = [Handle.from_json(one) for one in given.pop("links")]
            outcomes = session.flow.write_back(sources, links)
        told = [outcome.to_json() for outcome in outcomes]
    scratch = Path(f"{out}.part")
    scratch.write_text(json.dumps({"outcomes": told, "log": watch.log}))
    scratch.rename(out)


class Child:
    """One such process.

    :param trap: fields of :class:`Trap`.
    """

    def __init__(
        self, world: World, verb: str, sources: list[Handle], trap: dict[str, Any] | None = None, **given: Any
    ) -> None:
        self._out = Path(world.home) / f"child-{os.getpid()}-{time.monotonic_ns()}.json"
        told = {**given, "sources": [handle.to_json() for handle in sources]}
        arguments = (world.to_json(), verb, told, trap or {}, str(self._out))
        self.process: BaseProcess = _CONTEXT.Process(target=_main, args=arguments)
        self.process.start()

    def killed(self) -> None:
        """Wait for its death by ``kill -9``; anything else is a failure."""
        self.process.join(120)
        assert self.process.exitcode == -signal.SIGKILL, f"ended with {self.process.exitcode}, not killed"

    def outcomes(self) -> list[Outcome]:
        """Wait for its end and return what it came to."""
        self.process.join(120)
        assert self.process.exitcode == 0, f"ended with {self.process.exitcode}"
        return [Outcome.from_json(one) for one in json.loads(self._out.read_text())["outcomes"]]

    def stopped(self) -> None:
        """Wait until it has stopped itself."""
        status = Path(f"/proc/{self.process.pid}/stat")
        for _ in range(12_000):
            if status.read_text().rpartition(")")[2].split()[0] == "T":
                return
            assert self.process.exitcode is None, f"ended with {self.process.exitcode} instead of stopping"
            time.sleep(0.01)
        raise exc.DocflowError("the process never stopped")

    def resume(self) -> None:
        """Let it go on."""
        assert self.process.pid is not None
        os.kill(self.process.pid, signal.SIGCONT)
