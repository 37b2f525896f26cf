"""Tells people about documents, each once, by the first channel that takes the message."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_docflow.operators.base import DocflowOperator, Documents, is_one, plain
from airflow_provider_docflow.operators.settling import FailOn

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_docflow.hooks.flow import Flow
    from airflow_provider_docflow.hooks.handles import Outcome


class NotifyOperator(DocflowOperator):
    """Tells people what became of documents, the failed ones included.

    A document is told once per occasion, person and channel, however often the task runs. When a channel
    fails, the next one is tried; a failing message fails no document. Messages that wait for a robot's limit
    park the task.

    :param source: outputs of docflow operators, document numbers, or a list of these.
    :param channels: the ways to tell people, in the order of trying: ``email``, ``apprise``, or a product's,
        such as ``dingtalk_robot``. One that needs a connection or people of its own is a mapping:
        ``{"channel": "wecom_app", "docflow_conn_id": "wecom", "users": "zhang"}``.
    :param docflow_conn_id: connection of the product whose channel it is.
    :param smtp_conn_id: connection of Airflow's SMTP provider.
    :param apprise_conn_id: connection of Airflow's Apprise provider, which reaches SMS and other services.
    :param users: ids of people in the product; a list, or text with commas.
    :param mails: addresses for mails; a list, or text with commas.
    :param message: message code, such as ``notice.approved``; by each document's outcome if not given.
    :param template: Jinja text in place of it, over ``document``, ``number``, ``system``, ``status``,
        ``part``, ``by``, ``reason`` and ``url``, with ``digest`` over ``count``, ``counts`` and ``numbers``;
        no template field.
    :param title: makes it Markdown in DingTalk, and is the subject of mails.
    :param node: the occasion; the message code if not given.
    :param language: ``en`` or ``zh``; ``[docflow] language`` if not given.
    :param digest: one message for all documents in place of one for each.
    :param source_conn_id: where document numbers are looked up.
    :param document_type: type of the documents that numbers name.
    :param company_code: company of the documents that numbers name.
    """

    template_fields: Sequence[str] = (
        *DocflowOperator.template_fields,
        "source",
        "channels",
        "smtp_conn_id",
        "apprise_conn_id",
        "users",
        "mails",
        "message",
        "title",
        "node",
        "language",
        "source_conn_id",
        "document_type",
        "company_code",
    )
    serialized_beside: ClassVar[frozenset[str]] = frozenset({"template", "digest"})
    ui_color = "#fdf3c4"
    # What may have arrived is not sent again, and whoever was not told must not hold up the flow.
    tries_again = False

    def __init__(
        self,
        *,
        source: Documents,
        channels: Sequence[str | Mapping[str, Any]] | str = ("dingtalk_robot",),
        smtp_conn_id: str = "smtp_default",
        apprise_conn_id: str = "apprise_default",
        users: Sequence[str] | str = (),
        mails: Sequence[str] | str = (),
        message: str = "",
        template: str = "",
        title: str = "",
        node: str = "",
        language: str = "",
        digest: bool = False,
        source_conn_id: str = "",
        document_type: str = "",
        company_code: str = "",
        fail_on: FailOn = "never",
        **kwargs: Any,
    ) -> None:
        super().__init__(fail_on=fail_on, **kwargs)
        self.source = source
        self.channels = channels
        self.smtp_conn_id = smtp_conn_id
        self.apprise_conn_id = apprise_conn_id
        self.users = users
        self.mails = mails
        self.message = message
        self.template = template
        self.title = title
        self.node = node
        self.language = language
        self.digest = digest
        self.source_conn_id = source_conn_id
        self.document_type = document_type
        self.company_code = company_code

    def carry_out(self, context: Context, flow: Flow) -> tuple[list[Outcome], bool]:
        """Find the documents, the failed ones too, and tell about them."""
        from airflow_provider_docflow.hooks.messengers import Reached, messengers
        from airflow_provider_docflow.hooks.wording import Wording, configured_language

        wording = Wording(
            code=self.message,
            template=self.template,
            title=self.title,
            language=self.language or configured_language(),
            digest=self.digest,
        )
        reached = Reached(
            docflow_conn_id=self.docflow_conn_id,
            smtp_conn_id=self.smtp_conn_id,
            apprise_conn_id=self.apprise_conn_id,
            users=self.users,
            mails=self.mails,
        )
        channels = messengers(self.channels, flow.system_of, reached)
        outcomes = self._every(flow, plain(self.source, "source"))
        self.touch(context, flow, [one.handle.ref for one in outcomes if one.handle])
        told = flow.notify(outcomes, wording, channels, node=self.node)
        return told, is_one(self.source)

    def _every(self, flow: Flow, source: Any) -> list[Outcome]:
        """Return all outcomes, those that other operators leave out among them."""
        if isinstance(source, list):
            numbers = [one for one in source if isinstance(one, str)]
            found = self._numbers(flow, numbers) if numbers else []
            others = (self._every(flow, one) for one in source if not isinstance(one, str))
            return [*found, *(outcome for some in others for outcome in some)]
        if isinstance(source, str):
            return self._numbers(flow, source)
        return flow.told(source) if isinstance(source, Mapping) else flow.sources(source)

    def _numbers(self, flow: Flow, numbers: Any) -> list[Outcome]:
        return flow.sources(
            numbers,
            conn_id=self.source_conn_id,
            document_type=self.document_type,
            company_code=self.company_code,
        )
