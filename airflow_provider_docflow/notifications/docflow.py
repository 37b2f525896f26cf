"""A notifier for callbacks and deadline alerts: about a task's documents, or about the task or run itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseNotifier

from airflow_provider_docflow.hooks.ledger import DEFAULT_CONN_ID

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_docflow.hooks.handles import Outcome
    from airflow_provider_docflow.hooks.messengers import Messenger
    from airflow_provider_docflow.hooks.system import System
    from airflow_provider_docflow.hooks.wording import Wording
    from airflow_provider_docflow.ledger import Ledger

LONGEST = 250


class DocflowNotifier(BaseNotifier):
    """Tells people once, by the first channel that takes the message.

    In a task's callback it tells about the documents of that task, each once; a task without any, a DAG run
    or a missed deadline is told as such.

    :param channels: the ways to tell people, in the order of trying: ``email``, ``apprise``, or a product's,
        such as ``dingtalk_robot``. One that needs a connection or people of its own is a mapping:
        ``{"channel": "wecom_app", "docflow_conn_id": "wecom", "users": "zhang"}``.
    :param docflow_conn_id: connection of the product whose channel it is.
    :param smtp_conn_id: connection of Airflow's SMTP provider.
    :param apprise_conn_id: connection of Airflow's Apprise provider, which reaches SMS and other services.
    :param users: ids of people in the product; a list, or text with commas.
    :param mails: addresses for mails; a list, or text with commas.
    :param text: what is said of a task or run; the catalogues' text if not given.
    :param message: message code for documents; by each document's outcome if not given.
    :param title: makes it Markdown in DingTalk, and is the subject of mails.
    :param node: the occasion; the message code if not given.
    :param language: ``en`` or ``zh``; ``[docflow] language`` if not given.
    :param digest: one message for all documents in place of one for each.
    :param ledger_conn_id: connection of the ledger.
    """

    template_fields: Sequence[str] = (
        "channels",
        "docflow_conn_id",
        "smtp_conn_id",
        "apprise_conn_id",
        "users",
        "mails",
        "text",
        "message",
        "title",
        "node",
        "language",
        "ledger_conn_id",
    )

    def __init__(
        self,
        *,
        channels: Sequence[str | Mapping[str, Any]] | str = ("dingtalk_robot",),
        docflow_conn_id: str = "",
        smtp_conn_id: str = "smtp_default",
        apprise_conn_id: str = "apprise_default",
        users: Sequence[str] | str = (),
        mails: Sequence[str] | str = (),
        text: str = "",
        message: str = "",
        title: str = "",
        node: str = "",
        language: str = "",
        digest: bool = False,
        ledger_conn_id: str = DEFAULT_CONN_ID,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.channels = channels
        self.docflow_conn_id = docflow_conn_id
        self.smtp_conn_id = smtp_conn_id
        self.apprise_conn_id = apprise_conn_id
        self.users = users
        self.mails = mails
        self.text = text
        self.message = message
        self.title = title
        self.node = node
        self.language = language
        self.digest = digest
        self.ledger_conn_id = ledger_conn_id

    def notify(self, context: Context) -> None:
        """Tell people.

        :raises DocflowError: no channel has taken the message; Airflow logs it, the task's state stands.
        """
        from airflow_provider_docflow.hooks.flow import Flow
        from airflow_provider_docflow.hooks.ledger import ledger_of
        from airflow_provider_docflow.hooks.messengers import Reached, messengers
        from airflow_provider_docflow.hooks.modes import is_run_in_shadow

        if is_run_in_shadow(context):
            self.log.info("In shadow nobody is told: %s", _name(context))
            return
        ledger = ledger_of(self.ledger_conn_id)
        systems: dict[str, System] = {}
        reached = Reached(
            docflow_conn_id=self.docflow_conn_id,
            smtp_conn_id=self.smtp_conn_id,
            apprise_conn_id=self.apprise_conn_id,
            users=self.users,
            mails=self.mails,
        )
        channels = messengers(self.channels, lambda conn_id: self._connected(systems, conn_id), reached)
        try:
            output = _own_output(context)
            if output is None:
                self._about_task(ledger, channels, context)
            else:
                flow = Flow(ledger, lambda conn_id: self._connected(systems, conn_id), actor=_name(context))
                self._about_documents(ledger, channels, flow.told(output), context)
        finally:
            for system in systems.values():
                system.close()

    async def async_notify(self, context: Context) -> None:
        """Tell people from the triggerer; the ledger and the channels are asked on a thread."""
        from asgiref.sync import sync_to_async

        await sync_to_async(self.notify)(context)

    def _connected(self, systems: dict[str, System], conn_id: str) -> System:
        from airflow_provider_docflow.hooks.docflow import DocflowHook

        if conn_id not in systems:
            systems[conn_id] = DocflowHook(conn_id, ledger_conn_id=self.ledger_conn_id).system
        return systems[conn_id]

    def _wording(self) -> Wording:
        from airflow_provider_docflow.hooks.wording import Wording, configured_language

        language = self.language or configured_language()
        return Wording(code=self.message, title=self.title, language=language, digest=self.digest)

    def _about_documents(
        self,
        ledger: Ledger,
        channels: Sequence[Callable[[], Messenger]],
        outcomes: Sequence[Outcome],
        context: Context,
    ) -> None:
        from airflow_provider_docflow.hooks.handles import error_of
        from airflow_provider_docflow.hooks.notifying import Notifying

        told = Notifying(ledger, self._wording(), actor=_name(context)).notify(
            outcomes, channels, node=self.node
        )
        failures = [error_of(outcome) for outcome in told if not outcome.good]
        if failures:
            raise failures[0]

    def _about_task(
        self, ledger: Ledger, channels: Sequence[Callable[[], Messenger]], context: Context
    ) -> None:
        from airflow_provider_docflow.hooks.telling import tell_once
        from airflow_provider_docflow.locale import text

        names = _about(context)
        code = "notice.task" if names["task"] else "notice.deadline" if names["deadline"] else "notice.run"
        said = self.text or text(self.message or code, self._wording().language, **names)
        occasion = [
            self.node or code,
            _name(context),
            *(names[word] for word in ("try", "state", "deadline")),
        ]
        tell_once(ledger, channels, said, title=self.title, occasion=occasion)


def _about(context: Context) -> dict[str, str]:
    """Return what a text about a task, run or deadline may name."""
    ti, run = context.get("ti"), context.get("dag_run")
    return {
        "dag": _word(run or ti, "dag_id"),
        "run": _word(run or ti, "run_id", "dag_run_id"),
        "task": _word(ti, "task_id"),
        "try": _word(ti, "try_number"),
        "state": _word(ti or run, "state") or ("failed" if context.get("exception") else ""),
        "reason": str(context.get("exception") or ""),
        "deadline": _word(context.get("deadline"), "deadline_time"),
    }


def _word(thing: Any, *names: str) -> str:
    """Return an attribute as text; what a deadline's callback is given are mappings."""
    for name in names:
        found = thing.get(name) if isinstance(thing, Mapping) else getattr(thing, name, None)
        if found is not None:
            return str(getattr(found, "value", found))
    return ""


def _own_output(context: Context) -> Mapping[str, Any] | None:
    """Return what the task has left in XCom about documents, or None."""
    ti = context.get("ti")
    if ti is None or not hasattr(ti, "xcom_pull"):
        return None
    found = ti.xcom_pull(task_ids=ti.task_id)
    known = isinstance(found, Mapping) and bool({"batch", "status", "ref"} & found.keys())
    return found if known else None


def _name(context: Context) -> str:
    """Return what the callback is about, as text for people and the audit."""
    ti, names = context.get("ti"), _about(context)
    index = getattr(ti, "map_index", None)
    mapped = f"[{index}]" if index is not None and index >= 0 else ""
    task = f".{names['task']}{mapped}" if names["task"] else ""
    return f"{names['dag']}{task} in {names['run']}"[:LONGEST]
