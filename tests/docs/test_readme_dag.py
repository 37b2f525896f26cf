"""The DAG of the README is one that Airflow takes."""

from __future__ import annotations

import re
from pathlib import Path

README = Path(__file__).parents[2] / "README.md"


def test_the_dag_of_the_readme_is_built() -> None:
    example = re.search(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert example is not None
    names: dict[str, object] = {"__name__": "readme"}

    exec(example[1], names)  # the README is our own

    dag = names["requisition_to_payment"]()  # type: ignore[operator]
    assert sorted(dag.task_ids) == ["approved", "claimed", "orders", "payments", "written_back"]
    assert dag.get_task("orders").upstream_task_ids == {"approved"}
    assert dag.get_task("written_back").upstream_task_ids == {"approved", "orders", "payments"}
