"""What people are told about a document: a text of the catalogues, or a Jinja template of one's own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.hooks.handles import Outcome, error_of, summary
from airflow_provider_docflow.locale import LANGUAGES, catalogue, text

_CODES = {"approved": "notice.approved", "refused": "notice.refused", "failed": "notice.failed"}
_WRITTEN = frozenset({"written", "found", "existing", "amended", "superseded"})
DIGEST = "notice.digest"
NAMED_IN_DIGEST = 10


@dataclass(frozen=True, kw_only=True)
class Wording:
    """How it is said.

    :param code: message code; by what became of the document if not given.
    :param template: Jinja text over the same names, in place of the catalogues.
    :param language: ``en`` or ``zh``.
    :param digest: one message for all documents in place of one for each.
    :raises Misconfigured: the code is in no catalogue, or the template is none.
    """

    code: str = ""
    template: str = ""
    title: str = ""
    language: str = "en"
    digest: bool = False

    def __post_init__(self) -> None:
        if self.code and self.code not in catalogue("en"):
            raise exc.Misconfigured(
                f"there is no text {self.code!r}.",
                field="message",
                remedy="Use a message code of the catalogues, or a template.",
            )
        if self.language not in LANGUAGES:
            raise exc.Misconfigured(
                f"there are no texts in {self.language!r}.",
                field="language",
                remedy=f"Use one of: {', '.join(LANGUAGES)}.",
            )
        if self.template:
            _compiled(self.template)

    def code_for(self, outcome: Outcome) -> str:
        """Return the message code for a document."""
        fallback = "notice.written" if outcome.status in _WRITTEN else "notice.status"
        return self.code or _CODES.get(outcome.status, fallback)

    def one(self, outcome: Outcome, **more: object) -> str:
        """Return the text about one document."""
        names = self.names(outcome) | more
        return self._text(self.code_for(outcome), names, outcome.url)

    def many(self, outcomes: Sequence[Outcome]) -> str:
        """Return the text about a batch: how many became what, and the first numbers."""
        counts = ", ".join(f"{self._word(status)} {count}" for status, count in summary(outcomes).items())
        first = ", ".join(outcome.source for outcome in outcomes[:NAMED_IN_DIGEST])
        more = " …" if len(outcomes) > NAMED_IN_DIGEST else ""
        names = {"count": len(outcomes), "counts": counts, "numbers": f"{first}{more}"}
        return self._text(DIGEST, names, "")

    def names(self, outcome: Outcome) -> dict[str, object]:
        """Return what a text or template may name."""
        handle = outcome.handle
        return {
            "document": outcome.source,
            "part": outcome.part,
            "status": self._word(outcome.status),
            "number": (handle.ref.number or handle.ref.internal_id) if handle else "",
            "system": handle.conn_id if handle else "",
            "reason": error_of(outcome).message if outcome.error else "",
            "url": outcome.url,
            "by": "",
        }

    def _word(self, status: str) -> str:
        return text(f"status.{status}", self.language)

    def _text(self, code: str, names: dict[str, Any], url: str) -> str:
        if self.template:
            return _rendered(self.template, names)
        said = text(code, self.language, **names)
        return f"{said}\n{url}" if url else said


def configured_language() -> str:
    """Return the language of ``[docflow] language``."""
    from airflow.sdk import conf

    found: str = conf.get("docflow", "language", fallback="en")
    return found


@lru_cache(maxsize=64)
def _compiled(template: str) -> Any:
    from jinja2 import StrictUndefined, TemplateSyntaxError
    from jinja2.sandbox import SandboxedEnvironment

    try:
        return SandboxedEnvironment(undefined=StrictUndefined).from_string(template)
    except TemplateSyntaxError as error:
        raise exc.Misconfigured(
            f"the template cannot be read: {error.message}.", field="template", remedy="Correct the template."
        ) from None


def _rendered(template: str, names: dict[str, Any]) -> str:
    from jinja2 import TemplateError

    try:
        return str(_compiled(template).render(names))
    except TemplateError as error:
        raise exc.Misconfigured(
            f"the template fails: {error}.",
            field="template",
            remedy=f"It may name: {', '.join(sorted(names))}.",
        ) from None
