"""The button that opens the document of a task in the system that holds it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperatorLink, BaseXCom

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator
    from airflow.sdk.types import TaskInstanceKey


class OpenDocumentLink(BaseOperatorLink):
    """Opens the document that the task read or wrote; a list of documents has no single page."""

    @property
    def name(self) -> str:
        """The button's text."""
        return "Open in the system"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """Return the page that the system's profile names for the document in this task's XCom."""
        key: Any = ti_key
        outcome = BaseXCom.get_value(ti_key=key, key=BaseXCom.XCOM_RETURN_KEY)
        url = outcome.get("url") if isinstance(outcome, Mapping) else ""
        # Only a page that a browser may open: the link of a profile is built from a connection's settings.
        return url if isinstance(url, str) and url.startswith(("https://", "http://")) else ""
