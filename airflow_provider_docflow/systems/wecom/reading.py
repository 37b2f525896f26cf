"""
Reading approvals by their number, one request each.

Pages 91983 (``oa/getapprovaldetail``).
"""

from __future__ import annotations

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.calls import about, dig
from airflow_provider_docflow.core.exchange import Exchange
from airflow_provider_docflow.core.oa.forms import Form
from airflow_provider_docflow.core.oa.instants import now
from airflow_provider_docflow.core.oa.listing import ref_of
from airflow_provider_docflow.core.oa.reading import with_document
from airflow_provider_docflow.core.paging import read_one_by_one
from airflow_provider_docflow.core.profile import Reading
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.document import DocumentRef
from airflow_provider_docflow.systems.wecom import parsing, states
from airflow_provider_docflow.systems.wecom.errors import PARAMETER
from airflow_provider_docflow.systems.wecom.forms import form_of
from airflow_provider_docflow.systems.wecom.states import Info
from airflow_provider_docflow.systems.wecom.wire import api

DETAIL = "oa/getapprovaldetail"


def get(site: Site, sp_no: str) -> Exchange[Info]:
    """Return one approval as WeCom shows it.

    :raises NotFound: there is none of that number.
    """
    try:
        answer = yield from api(site, DETAIL, {"sp_no": sp_no})
    except exc.Rejected as error:
        if error.code not in _not_found(site):
            raise
        raise error.told_as(
            exc.NotFound,
            error.message,
            document=sp_no,
            remedy="Check the number, and that the form's template is within the application's range.",
        ) from error
    info = dig(answer, "info")
    if not isinstance(info, dict) or info.get("sp_status") is None:
        raise exc.TransientError("WeCom shows an approval without a status.", system=site.conn_id)
    return info


def _not_found(site: Site) -> list[str]:
    return [code.strip() for code in str(site.setting("not_found_codes", PARAMETER)).split(",")]


def reading_of(site: Site, form: Form, info: Info) -> Reading:
    """Return what the document is and where it stands.

    A form whose values make no document still has a state: ``document`` is None, ``problem`` says why.

    :raises NotFound: it is a form of another template.
    """
    sp_no = str(info.get("sp_no") or "")
    if (template := str(info.get("template_id") or form.code)) != form.code:
        raise exc.NotFound(
            f"it is a form of the template {template}, not of {form.code}.",
            system=site.conn_id,
            document=sp_no,
            field="forms",
            remedy="Read it as the type whose form has that template.",
        )
    number = parsing.number_in(form, info, site.time_zone)
    told = Reading(
        ref=ref_of(site, form.document_type, sp_no, number),
        state=states.state(info, now()),
        history=states.history(info),
        raw=info,
        changed_at=states.changed_at(info),
    )
    return with_document(
        site,
        told,
        lambda: parsing.to_document(form, info, site.known_instance, site.time_zone),
    )


def read_one(site: Site, ref: DocumentRef) -> Exchange[Reading]:
    """Read one document."""
    form = form_of(site, ref.document_type)
    with about(ref.number or ref.internal_id, site.conn_id):
        return reading_of(site, form, (yield from get(site, ref.internal_id)))


read = read_one_by_one(read_one)
"""Read documents, one request each; a failure is its document's entry."""
