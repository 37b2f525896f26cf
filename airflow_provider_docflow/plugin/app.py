"""The pages' API as one application, mounted into Airflow's API server under ``/docflow``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fastapi import APIRouter, Depends, FastAPI, Request, Response
from fastapi.responses import JSONResponse
from fastapi.staticfiles import StaticFiles

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.redact import redact_text
from airflow_provider_docflow.plugin.access import adopt_auth_manager, permissions
from airflow_provider_docflow.plugin.acting import router as acting
from airflow_provider_docflow.plugin.reading import router as documents
from airflow_provider_docflow.plugin.reading_incidents import router as incidents

API = "/api/v1"
STATIC = Path(__file__).with_name("static")
_NOT_KEPT = {"Cache-Control": "no-store"}
_STATUS: tuple[tuple[type[exc.DocflowError], int], ...] = (
    (exc.LedgerError, 503),
    (exc.Misconfigured, 503),
    (exc.NotFound, 404),
    (exc.InvalidDocument, 422),
    (exc.Unsupported, 422),
    (exc.Rejected, 409),
    (exc.Conflict, 409),
    (exc.IncidentOpen, 409),
    (exc.NotApproved, 409),
    (exc.InstanceChanged, 409),
    (exc.HeldError, 409),
    (exc.Authentication, 502),
    (exc.TransientError, 502),
)


class _Static(StaticFiles):
    """Files that a browser asks for again each time: the modules of two versions do not fit together."""

    def file_response(self, *args: Any, **named: Any) -> Response:
        response = super().file_response(*args, **named)
        response.headers["Cache-Control"] = "no-cache"
        return response


def create_app() -> FastAPI:
    """Return the application; every route of its API asks for a login, its static files do not."""
    app = FastAPI(title="docflow", docs_url=None, redoc_url=None, openapi_url=None)
    adopt_auth_manager(app)
    api = APIRouter(prefix=API, dependencies=[Depends(permissions), Depends(not_kept)])
    for router in (documents, incidents, acting):
        api.include_router(router)
    app.include_router(api)
    app.mount("/static", _Static(directory=STATIC, check_dir=False), name="static")
    _mount_webhooks(app)
    app.add_exception_handler(exc.DocflowError, told)
    return app


def _mount_webhooks(app: FastAPI) -> None:
    """Receive events here, too, if the configuration says so: their senders sign and do not log in."""
    from airflow_provider_docflow.webhooks.settings import in_api_server, settings

    if in_api_server():
        from airflow_provider_docflow.webhooks.app import Webhooks
        from airflow_provider_docflow.webhooks.receiver import Receiver

        app.router.routes.append(Webhooks(Receiver(settings())).mount())


def not_kept(response: Response) -> None:
    """Have no browser or proxy keep what one user may see."""
    response.headers.update(_NOT_KEPT)


def told(_request: Request, error: Exception) -> JSONResponse:
    """Answer with what a typed error says, without traceback and without secrets."""
    status = next((number for kind, number in _STATUS if isinstance(error, kind)), 500)
    body = {"detail": redact_text(str(error)), "error": type(error).__name__}
    return JSONResponse(body, status_code=status, headers=_NOT_KEPT)
