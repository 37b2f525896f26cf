"""What a system says went wrong, and the rules that give it one of our types."""

from __future__ import annotations

from dataclasses import dataclass

from airflow_provider_docflow import exceptions as exc


@dataclass(frozen=True)
class RemoteError:
    """What the system said went wrong, before it is given one of our types.

    :param retry_after: seconds to stay away, where the system names them elsewhere than in ``Retry-After``.
    """

    code: str
    message: str
    field: str = ""
    request_id: str = ""
    retry_after: float | None = None


@dataclass(frozen=True, kw_only=True)
class ErrorRule:
    """First rule whose every given condition holds names the error.

    ``unsure``: a write that meets this may have landed although its status is below 500.
    ``retry_after``: seconds to stay away where the reply itself names none.
    ``remedy``: what a person should do.
    """

    raises: type[exc.DocflowError]
    status: range | tuple[int, ...] = range(0, 1000)
    code: tuple[str, ...] = ()
    landed: bool | None = None
    """For writes: False says that nothing landed although the status suggests it may have."""
    unsure: bool = False
    retry_after: float | None = None
    remedy: str = ""


DEFAULT_ERRORS = (
    ErrorRule(raises=exc.Authentication, status=(401, 403)),
    ErrorRule(raises=exc.NotFound, status=(404, 410)),
    ErrorRule(raises=exc.Conflict, status=(409, 412, 423)),
    ErrorRule(raises=exc.RateLimited, status=(429,)),
    ErrorRule(raises=exc.TransientError, status=(408, *range(500, 600))),
    ErrorRule(raises=exc.Rejected, status=range(400, 500)),
)
