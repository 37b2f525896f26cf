"""
Reading approval instances by id, one request each.

An attached instance leads to the document it belongs to. Page:
"obtains-the-details-of-a-single-approval-instance-pop".
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
from airflow_provider_docflow.systems.dingtalk import filling, states
from airflow_provider_docflow.systems.dingtalk.forms import form_of
from airflow_provider_docflow.systems.dingtalk.states import Bundle, Raw
from airflow_provider_docflow.systems.dingtalk.wire import api

INSTANCES = "/v1.0/workflow/processInstances"


def get(site: Site, instance_id: str) -> Exchange[Raw]:
    """Return one instance as DingTalk shows it.

    :raises NotFound: there is none of that id.
    """
    answer = yield from api(site, "GET", INSTANCES, params={"processInstanceId": instance_id})
    found = dig(answer, "result")
    if not isinstance(found, dict) or not found.get("status"):
        raise exc.TransientError("DingTalk shows an instance without a status.", system=site.conn_id)
    return found


def fetch(site: Site, instance_id: str) -> Exchange[Bundle]:
    """Return the document to which an instance belongs: its main instance and all attached ones."""
    raw = yield from get(site, instance_id)
    main_id = str(raw.get("mainProcessInstanceId") or instance_id)
    main = raw if main_id == instance_id else (yield from get(site, main_id))
    return (yield from attached_to(site, main_id, main))


def attached_to(site: Site, main_id: str, main: Raw) -> Exchange[Bundle]:
    """Return a main instance with all that are attached to it, oldest first."""
    attached: dict[str, Raw] = {}
    waiting = list(main.get("attachedProcessInstanceIds") or ())
    while waiting:
        other = str(waiting.pop(0))
        if other not in attached and other != main_id:
            attached[other] = yield from get(site, other)
            waiting += attached[other].get("attachedProcessInstanceIds") or ()
    ages = sorted(attached.items(), key=lambda item: str(item[1].get("createTime") or ""))
    return Bundle(main_id, main, dict(ages))


def reading_of(site: Site, form: Form, bundle: Bundle) -> Reading:
    """Return what the document is and where it stands.

    A form whose values make no document still has a state: ``document`` is None, ``problem`` says why.
    Its company is a value of the form and may change, so it is no part of the reference.
    """
    standing = states.standing(bundle)
    values = standing.current.get("formComponentValues") or ()
    number = filling.number_in(form, values)
    told = Reading(
        ref=ref_of(site, form.document_type, bundle.main_id, number),
        state=states.state(bundle, now()),
        history=states.history(bundle),
        raw={**bundle.main, "revision": standing.revision, "attached": dict(bundle.attached)},
        changed_at=states.changed_at(bundle),
    )
    requester = str(bundle.main.get("originatorUserId") or "")
    return with_document(
        site,
        told,
        lambda: filling.to_document(form, values, site.known_instance, requester),
    )


def read_one(site: Site, ref: DocumentRef) -> Exchange[Reading]:
    """Read one document; the id of an attached instance leads to the document it belongs to."""
    form = form_of(site, ref.document_type)
    with about(ref.number or ref.internal_id):
        bundle = yield from fetch(site, ref.internal_id)
        return reading_of(site, form, bundle)


read = read_one_by_one(read_one)
"""Read documents, one request each; a failure is its document's entry."""
