"""Jobs on threads of their own that share one event loop and its connections."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from airflow_provider_docflow.core.exchange import Exchange
from airflow_provider_docflow.hooks import loops
from airflow_provider_docflow.hooks.doors import AsyncDoor
from airflow_provider_docflow.ledger.asker import Runner

TURN_SECONDS, OBJECTS = 0.001, 20_000


class _Wire:
    """Lets threads run exchanges on the loop; once closed, whatever is under way is given up."""

    def __init__(self, door: AsyncDoor, loop: asyncio.AbstractEventLoop) -> None:
        self._door, self._loop = door, loop
        self._lock, self._closed = threading.Lock(), False
        self._under_way: set[Future[list[Any]]] = set()

    def run(self, exchanges: Sequence[Exchange[Any]]) -> list[Any]:
        """Run exchanges side by side, from another thread than the loop's.

        :raises concurrent.futures.CancelledError: the loop's thread was told to stop.
        """
        with self._lock:
            if self._closed:
                raise CancelledError
            future = asyncio.run_coroutine_threadsafe(self._door.run_all(exchanges), self._loop)
            self._under_way.add(future)
        try:
            return future.result()
        finally:
            with self._lock:
                self._under_way.discard(future)

    def close(self) -> None:
        """Let nobody run anything any more."""
        with self._lock:
            self._closed = True
            left = list(self._under_way)
        for future in left:
            future.cancel()


def abreast(open_door: Callable[[], AsyncDoor], jobs: Sequence[Callable[[Runner], None]]) -> None:
    """Run jobs side by side, each on a thread of its own; the loop runs on this one.

    When this thread is interrupted, the requests under way are given up as when a process ends.

    :param open_door: makes the door that all jobs share.
    :raises BaseException: what ended the first job that failed; the others have ended too.
    """
    with _busy(), ThreadPoolExecutor(len(jobs), thread_name_prefix="docflow-lane") as threads:
        loops.run(_abreast(open_door, jobs, threads))


@contextmanager
def _busy() -> Iterator[None]:
    """Fit the interpreter to one loop beside threads that compute, with thousands of documents alive.

    At every system call of the loop such a thread may take its place, and keeps it for a whole interval; and
    garbage is looked for among all those documents, in vain, each time that a few hundred objects were made.
    """
    interval, thresholds = sys.getswitchinterval(), gc.get_threshold()
    sys.setswitchinterval(min(interval, TURN_SECONDS))
    if thresholds[0]:
        gc.set_threshold(max(thresholds[0], OBJECTS), *thresholds[1:])
    try:
        yield
    finally:
        sys.setswitchinterval(interval)
        gc.set_threshold(*thresholds)


async def _abreast(
    open_door: Callable[[], AsyncDoor], jobs: Sequence[Callable[[Runner], None]], threads: ThreadPoolExecutor
) -> None:
    loop = asyncio.get_running_loop()
    async with open_door() as door:
        wire = _Wire(door, loop)
        try:
            works = [
                loop.run_in_executor(threads, contextvars.copy_context().run, job, wire.run) for job in jobs
            ]
            ended = await asyncio.gather(*works, return_exceptions=True)
        finally:
            wire.close()
    for problem in ended:
        if isinstance(problem, BaseException):
            raise problem
