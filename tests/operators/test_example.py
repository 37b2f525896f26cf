from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.operators.world import World
from tests.rigs.locks import CHECKOUT
from tests.rigs.runner import Runner

FILE = Path(CHECKOUT) / "dags" / "purchase_requisition_to_order.py"


def parse() -> Any:
    """Parse the DAG file as the DAG processor does, and return its DAG."""
    from airflow.dag_processing.dagbag import DagBag

    bag = DagBag(dag_folder=str(FILE))
    assert bag.import_errors == {}
    (found,) = bag.dags.values()
    return found


def test_the_example_needs_no_connection_to_be_parsed() -> None:
    flow = parse()
    assert list(flow.task_dict) == ["numbers", "requisitions", "orders", "written_back"]
    assert flow.task_dict["written_back"].upstream_task_ids == {"requisitions", "orders"}


def test_the_example_orders_what_is_approved_and_names_what_is_not(world: World, runner: Runner) -> None:
    for number in ("PR-1", "PR-2", "PR-3"):
        world.enter(number, ("SUP-1", "1", "7.00"), ("SUP-2", "1", "3.00"))
    world.approve("PR-1", "PR-3")
    flow = parse()
    conf = {"numbers": ["PR-1", "PR-2", "PR-3"]}
    for name in ("numbers", "requisitions", "orders"):
        done = runner.run(flow.task_dict[name], conf=conf)
        assert done.state == "success", done.everything()
    assert done.result["statuses"] == {"failed": 1, "written": 4}
    assert "PR-2: failed" in done.log
    assert len(world.orders()) == 4
    # These requisitions lie in tables that take no numbers back: that is said, not passed over.
    back = runner.run(flow.task_dict["written_back"], conf=conf)
    assert back.state == "failed"
    assert type(back.error).__name__ == "Unsupported"
