"""A bar for every stage, what each has taken, and the table at the end."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars
from rich.table import Table

_OVER = frozenset({"success", "failed", "skipped", "upstream_failed"})


class Progress:
    """Shows how far everything is, and remembers how long it took."""

    def __init__(self) -> None:
        self.console = Console(file=sys.stdout, highlight=False)
        self.taken: list[dict[str, Any]] = []

    def say(self, text: str) -> None:
        """Print a line."""
        self.console.print(text)

    def _bars(self) -> Bars:
        columns = (
            TextColumn("{task.description:<40}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
        )
        return Bars(*columns, console=self.console)

    @contextmanager
    def stage(self, name: str, total: int) -> Iterator[Callable[[int], None]]:
        """Show one stage; the caller tells how many documents are done."""
        start = time.monotonic()
        with self._bars() as bars:
            bar = bars.add_task(name, total=total)
            yield lambda done: bars.update(bar, completed=done)
            bars.update(bar, completed=total)
        self.taken.append({"name": name, "documents": total, "seconds": round(time.monotonic() - start, 1)})

    @contextmanager
    def stages(
        self, names: Mapping[str, str], expected: Mapping[str, int]
    ) -> Iterator[Callable[[Sequence[Mapping[str, Any]], Mapping[str, int]], None]]:
        """Show the tasks of a run, each as a stage; the caller tells their states and how far they are.

        :param names: what a task is called here.
        :param expected: of how many documents a stage will consist, where that is known.
        """
        ended: dict[str, tuple[int, float]] = {}
        with self._bars() as bars:
            shown = {
                name: bars.add_task(text, total=expected.get(name), start=False)
                for name, text in names.items()
            }

            def tell(tasks: Sequence[Mapping[str, Any]], counts: Mapping[str, int]) -> None:
                for task in tasks:
                    name, state, count = task["task_id"], task["state"], counts.get(task["task_id"], 0)
                    if name in shown and state in ("running", *_OVER):
                        bars.start_task(shown[name])
                        bars.update(shown[name], completed=count)
                    if name in shown and state in _OVER:
                        bars.update(shown[name], total=count)
                        bars.stop_task(shown[name])
                        ended[name] = (count, _seconds(task))

            yield tell
        for name, (count, seconds) in ended.items():
            self.taken.append({"name": names[name], "documents": count, "seconds": seconds})

    def table(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Print a table."""
        table = Table(title=title, title_justify="left")
        for position, column in enumerate(columns):
            table.add_column(column, justify="left" if position == 0 else "right")
        for row in rows:
            table.add_row(*(str(cell) for cell in row))
        self.console.print(table)


def _seconds(task: Mapping[str, Any]) -> float:
    if not task.get("start_date") or not task.get("end_date"):
        return 0.0
    start, end = (
        datetime.fromisoformat(task[name].replace("Z", "+00:00")) for name in ("start_date", "end_date")
    )
    return round((end - start).total_seconds(), 1)
