"""Weaver, Seeyon and NC Cloud: a form is read with its state, a note is left where a document shows how."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import httpx2
import pytest

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.profile import Reading, WriteItem, Written
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.core.states import unknown_words
from airflow_provider_docflow.document import DocumentRef, DocumentType
from airflow_provider_docflow.hooks.connections import site_of
from airflow_provider_docflow.hooks.doors import Door
from airflow_provider_docflow.sandbox import Sandbox
from airflow_provider_docflow.sandbox.faults import FaultRule
from airflow_provider_docflow.systems.rest import SHIPPED, nccloud, profile_at
from airflow_provider_docflow.systems.rest.rsa import encrypted

TYPE = "purchase_requisition"
PREFIX = {"weaver": "weaver", "seeyon": "seeyon-oa", "nccloud": "nccloud-erp"}
LOGIN = {
    "weaver": ("weaver-app", "weaver-secret"),
    "seeyon": ("rest", "rest-secret"),
    "nccloud": ("ncc-app", "ncc-secret"),
}
FORMS: dict[str, dict[str, Any]] = {
    "weaver": {
        "fields": {
            "djbh": "id",
            "gs": "company_code",
            "sqrq": "issue_date",
            "bz": "document_currency_code",
            "hjje": "payable_amount",
        },
        "number": "djbh",
        "lines": "formtable_main_266_dt1",
        "line_fields": {"xh": "line_id", "cpbh": "item_id", "sl": "quantity", "jg": "price_amount"},
    },
    "seeyon": {
        "fields": {"单据编号": "id", "申请日期": "issue_date", "总金额": "payable_amount"},
        "number": "单据编号",
    },
    "nccloud": {
        "fields": {"vbillcode": "id", "dbilldate": "issue_date", "norigtaxmny": "payable_amount"},
        "line_fields": {"crowno": "line_id", "nnum": "quantity", "norigprice": "price_amount"},
        "head": "head",
        "lines": "body",
        "id": "pk_praybill",
        "number": "vbillcode",
        "status": "fbillstatus",
        "read": {"path": "/nccloud/api/pu/praybill/query", "body": {"pk": "{id}"}},
        "write_back": {"path": "/nccloud/api/pu/praybill/note", "body": {"pk": "{id}", "note": "{text}"}},
    },
}
STORED: dict[str, dict[str, Any]] = {
    "weaver": {
        "name": "采购申请-张三",
        "node": "审批",
        "node_type": "1",
        "status": "批准",
        "main": {"djbh": "PR-7", "gs": "C1", "sqrq": "2026-03-31", "bz": "CNY", "hjje": "100.51"},
        "details": {
            "formtable_main_266_dt1": [
                {"xh": "1", "cpbh": "P-101", "sl": "2", "jg": "50.25"},
                {"xh": "2", "cpbh": "P-102", "sl": "1", "jg": "0.01"},
            ],
            "formtable_main_266_dt2": [{"xh": "9", "sl": "9"}],
        },
        "operators": ["17"],
        "logs": [
            {
                "operatorId": "2978",
                "operateType": "批准",
                "operateDate": "2026-03-31",
                "operateTime": "14:51:13",
                "remark": "同意",
            },
            {"operatorId": "2979", "operateType": "转发", "remark": "看看"},
        ],
    },
    "seeyon": {
        "state": 3,
        "fields": {"单据编号": "PR-7", "申请日期": "2026-03-31", "总金额": "100.51", "备注": "<A & B>"},
    },
    "nccloud": {
        "head": {
            "pk_praybill": "1001A1",
            "vbillcode": "PR-7",
            "dbilldate": "2026-03-31",
            "fbillstatus": "3",
            "norigtaxmny": "100.51",
        },
        "body": [{"crowno": "10", "nnum": "2", "norigprice": "50.25"}],
    },
}
IDS = {"weaver": "315437", "seeyon": "-9175891578564688965", "nccloud": "1001A1"}


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with Sandbox(tmp_path_factory.mktemp("oa")) as running:
        yield running


class Product:
    """One product's stand-in with one form in it, and a connection."""

    def __init__(self, sandbox: Sandbox, name: str, **settings: Any) -> None:
        self.sandbox, self.name = sandbox, name
        self.put(STORED[name])
        forms = {TYPE: {**FORMS[name], **settings.pop("form", {})}}
        given = {
            "instance": f"{name}-tenant",
            "time_zone": "Asia/Shanghai",
            "user_id": "17",
            "login_name": "zhangsan",
            "biz_center": "01",
            "forms": json.dumps(forms),
            **settings,
        }
        if name in ("weaver", "nccloud"):
            key = sandbox.call("GET", f"{name}/key")["public_key"]
            given |= {"spk": key, "public_key": given.get("public_key", key)}
        profile = profile_at(name).configured(given)
        self.site = Site(
            profile=profile,
            conn_id="oa",
            base_url=f"{sandbox.base_url}/{PREFIX[name]}",
            username=LOGIN[name][0],
            password=LOGIN[name][1],
            settings=given,
            instance=given["instance"],
        )
        self.ref = DocumentRef(self.site.instance, "", DocumentType.PURCHASE_REQUISITION, IDS[name])

    def put(self, form: dict[str, Any], form_id: str = "") -> None:
        self.sandbox.call("PUT", f"{self.name}/forms/{form_id or IDS[self.name]}", form)

    def read(self, *refs: DocumentRef) -> list[Any]:
        with Door(self.site) as door:
            return list(door.run(self.site.profile.of(TYPE).read(self.site, refs or [self.ref])))

    def reading(self) -> Reading:
        (found,) = self.read()
        assert isinstance(found, Reading), found
        return found

    def note(self, **arguments: Any) -> tuple[Any, WriteItem]:
        write = self.site.profile.write(TYPE, "write_back")
        item = WriteItem(mark="M000000000000042", ref=self.ref, arguments=arguments)
        with Door(self.site) as door:
            (entry,) = door.run(write.run(self.site, [item]))
        return entry, item


Connect = Callable[..., Product]


@pytest.fixture
def connect(sandbox: Sandbox) -> Iterator[Connect]:
    sandbox.forget_requests()
    yield lambda name, **settings: Product(sandbox, name, **settings)
    sandbox.clear_faults()


@pytest.mark.parametrize("name", SHIPPED)
def test_they_are_named_in_a_rest_connection_and_marked_experimental(name: str) -> None:
    profile = profile_at(name)
    assert profile.experimental and profile.name == name and not profile.documents
    from airflow.sdk import Connection

    extra = {"profile": name, "forms": json.dumps({TYPE: FORMS[name]}), "instance": "x", "profile_note": 1}
    connection = Connection(
        conn_id="oa", conn_type="docflow_rest", host="oa.example.com", extra=json.dumps(extra)
    )
    site = site_of(connection)
    assert list(site.profile.documents) == [TYPE] and site.profile.name == name
    assert json.loads(site.settings["forms"]) == {TYPE: FORMS[name]} and "profile_note" not in site.settings


@pytest.mark.parametrize("name", ["weaver", "nccloud"])
def test_a_form_is_read_with_its_lines(connect: Connect, name: str) -> None:
    reading = connect(name).reading()
    assert reading.ref.internal_id == IDS[name] and reading.ref.number == "PR-7"
    assert reading.total == Decimal("100.51")
    assert reading.document is not None and reading.document.issue_date == date(2026, 3, 31)
    assert reading.document.lines[0].price_amount == Decimal("50.25")
    assert len(reading.document.lines) == len(STORED[name].get("body", [1, 2]))


def test_of_a_seeyon_form_the_head_is_read_alone(connect: Connect) -> None:
    reading = connect("seeyon").reading()
    assert (reading.ref.number, reading.total) == ("PR-7", Decimal("100.51"))
    assert reading.document is None and reading.raw["fields"]["备注"] == "<A & B>"


@pytest.mark.parametrize("name", SHIPPED)
def test_what_is_not_there_is_named_form_by_form(connect: Connect, name: str) -> None:
    product = connect(name)
    absent = replace(product.ref, internal_id="404")
    found = product.read(absent, product.ref)
    assert isinstance(found[0], exc.NotFound | exc.Rejected) and found[0].document == str(absent)
    assert isinstance(found[1], Reading)


@pytest.mark.parametrize("name", SHIPPED)
def test_the_instance_is_named_by_the_connection_and_counts_once_it_was_let_in(
    connect: Connect, name: str
) -> None:
    product = connect(name)
    site = replace(product.site, instance="")
    with Door(site) as door:
        assert door.run(site.profile.instance(site)) == f"{name}-tenant"
    assert len(product.sandbox.requests(f"/{PREFIX[name]}*")) == 1
    nameless = replace(site, settings={**site.settings, "instance": ""})
    with Door(nameless) as door, pytest.raises(exc.Misconfigured):
        door.run(site.profile.instance(nameless))
    stranger = replace(site, password="wrong")
    with Door(stranger) as door, pytest.raises(exc.Authentication):
        door.run(site.profile.instance(stranger))


@pytest.mark.parametrize("name", SHIPPED)
def test_a_token_that_has_ended_is_renewed(connect: Connect, name: str) -> None:
    product = connect(name)
    with Door(product.site) as door:
        for _ in range(2):
            (found,) = door.run(product.site.profile.of(TYPE).read(product.site, [product.ref]))
            assert isinstance(found, Reading)
            product.sandbox.call("POST", f"{name}/expire")


@pytest.mark.parametrize("name", SHIPPED)
def test_a_wrong_secret_is_refused_and_shown_nowhere(connect: Connect, name: str) -> None:
    product = connect(name)
    product.site = replace(product.site, password="wrong-secret-9931")
    with pytest.raises(exc.Authentication) as caught:
        raise product.read()[0]
    assert "wrong-secret-9931" not in repr(vars(caught.value)) and caught.value.remedy
    asked = product.sandbox.requests(f"/{PREFIX[name]}*")
    assert len(asked) == 1


@pytest.mark.parametrize("name", ["weaver", "nccloud"])
def test_a_note_is_left_and_seen_again(connect: Connect, name: str) -> None:
    product = connect(name)
    link = {"document_type": "purchase_order", "number": "PO-1", "system": "erp"}
    landed = product.site.profile.write(TYPE, "write_back").landed
    assert landed is not None
    entry, item = product.note(links=[link])
    assert isinstance(entry, Written), entry
    reading = product.reading()
    assert landed(reading, item) and not landed(reading, replace(item, mark="another"))
    assert "purchase order (erp): PO-1 [M000000000000042]" in [str(text) for text in reading.raw["told"]]


@pytest.mark.parametrize("name", ["weaver", "nccloud"])
def test_a_note_whose_answer_is_lost_is_unknown(connect: Connect, name: str) -> None:
    product = connect(name)
    path = "*saveRequestLog" if name == "weaver" else "*/note"
    product.sandbox.fault(FaultRule("reply_lost", path=path))
    entry, _ = product.note(text="PO-1")
    assert isinstance(entry, exc.UnknownOutcome)
    assert product.site.profile.write(TYPE, "write_back").probe.quality == "best_effort"


def test_seeyon_writes_nothing_unless_the_tenant_says_how(connect: Connect) -> None:
    with pytest.raises(exc.Unsupported):
        connect("seeyon").site.profile.write(TYPE, "write_back")
    own = connect("seeyon", form={"write_back": {"path": "/seeyon/rest/acme/note", "body": {"t": "{text}"}}})
    entry, _ = own.note(text="PO-1")
    assert isinstance(entry, exc.NotFound), "the path is the tenant's"
    assert own.sandbox.requests("*acme/note")[-1]["body"] == '{"t":"PO-1 [M000000000000042]"}'


@pytest.mark.parametrize(
    ("node", "status", "lifecycle", "approval"),
    [
        ("0", "创建", "draft", "none"),
        ("1", "批准", "submitted", "pending"),
        ("2", "提交", "submitted", "pending"),
        ("3", "归档", "closed", "approved"),
        ("3", "不同意", "closed", "rejected"),
        ("3", "强制归档", "closed", "unknown"),
        ("7", "?", "unknown", "unknown"),
    ],
)
def test_what_an_archived_request_means_the_tenant_says(
    connect: Connect, node: str, status: str, lifecycle: str, approval: str
) -> None:
    product = connect("weaver", archived=json.dumps({"归档": "approved", "不同意": "rejected"}))
    product.put({**STORED["weaver"], "node_type": node, "status": status})
    state = product.reading().state
    assert (str(state.lifecycle), str(state.approval)) == (lifecycle, approval)


def test_weavers_opinions_are_decisions_where_their_type_is_one(connect: Connect) -> None:
    (entry,) = connect("weaver").reading().history
    assert (entry.approver, entry.decision, entry.comment) == ("2978", "approved", "同意")
    assert entry.decided_at == datetime(2026, 3, 31, 6, 51, 13, tzinfo=UTC)
    other = connect("weaver", decisions=json.dumps({"转发": "transferred"})).reading().history
    assert [one.decision for one in other] == ["approved", "transferred"]


def test_only_who_has_the_request_before_him_may_leave_a_note(connect: Connect) -> None:
    entry, _ = connect("weaver", user_id="18").note(text="PO-1")
    assert isinstance(entry, exc.Rejected) and entry.code == "NO_PERMISSION" and "before him" in entry.remedy


@pytest.mark.parametrize(
    ("state", "lifecycle", "approval"),
    [
        (1, "draft", "none"),
        (3, "submitted", "pending"),
        (15, "cancelled", "rejected"),
        (6, "submitted", "returned"),
    ],
)
def test_seeyons_states(connect: Connect, state: int, lifecycle: str, approval: str) -> None:
    product = connect("seeyon")
    product.put({**STORED["seeyon"], "state": state})
    found = product.reading().state
    assert (str(found.lifecycle), str(found.approval)) == (lifecycle, approval)


def test_an_ended_flow_is_approved_only_where_somebody_says_so(connect: Connect) -> None:
    ended = {**STORED["seeyon"], "state": 0}
    product = connect("seeyon")
    product.put(ended)
    state = product.reading().state
    assert unknown_words(state) == {"approval": "0"} and str(state.lifecycle) == "closed"
    told = connect("seeyon", finished_means="approved")
    told.put(ended)
    assert str(told.reading().state.approval) == "approved"


def test_nc_clouds_states_are_the_tenants_to_say(connect: Connect) -> None:
    assert unknown_words(connect("nccloud").reading().state) == {"lifecycle": "3", "approval": "3"}
    told = connect("nccloud", lifecycle='{"3": "active"}', approval='{"3": "approved"}').reading().state
    assert (str(told.lifecycle), str(told.approval)) == ("active", "approved")


def test_nc_clouds_login_travels_in_no_url(connect: Connect) -> None:
    product = connect("nccloud")
    exchange = nccloud.PROFILE.login(product.site)  # type: ignore[misc]
    request = next(exchange)
    assert isinstance(request, httpx2.Request)
    assert str(request.url) == f"{product.site.base_url}/nccloud/opm/accesstoken"
    target = request.extensions["target"].decode()
    assert "client_secret=" in target and "signature=" in target and "+" not in target


def test_nc_clouds_signatures() -> None:
    # The double SHA-1 of "123456" is widely published, as MySQL's hash of that password.
    assert nccloud.salt_of("123456") == "a7SDfrdDKRBe5FaN2n3Gfg=="
    plain = hashlib.sha256(b"idsecretkey").hexdigest()
    assert nccloud.token_signature("id", "secret", "key", salted=False) == plain
    salted = hashlib.sha256(f"idsecretkey{nccloud.salt_of('key')}".encode()).hexdigest()
    assert nccloud.token_signature("id", "secret", "key", salted=True) == salted
    assert nccloud.call_signature("id", '{"a":"好"}'.encode(), "key") == (
        hashlib.sha256('id{"a":"好"}key'.encode()).hexdigest()
    )


def test_without_the_salt_this_version_refuses(connect: Connect) -> None:
    with pytest.raises(exc.Authentication):
        raise connect("nccloud", salt="none").read()[0]


def test_with_the_older_padding_this_version_refuses(connect: Connect) -> None:
    with pytest.raises(exc.Authentication):
        raise connect("nccloud", padding="pkcs1").read()[0]


def test_a_key_that_is_none_is_the_connections_fault() -> None:
    with pytest.raises(exc.Misconfigured):
        encrypted("no key", "text", padding="oaep")


@pytest.mark.parametrize(
    ("forms", "field"),
    [
        ("{", "forms"),
        ({"invoice": {"fields": {"a": "id"}}}, "forms.invoice"),
        ({TYPE: {"fields": {}}}, f"forms.{TYPE}"),
        ({TYPE: {"fields": {"a": "no.path"}}}, f"forms.{TYPE}"),
        ({TYPE: {"fields": {"a": "id"}, "colour": 1}}, f"forms.{TYPE}"),
        ({TYPE: {"fields": {"a": "id"}, "read": {"method": "GET"}}}, f"forms.{TYPE}.read"),
    ],
)
def test_wrong_forms_are_named(forms: Any, field: str) -> None:
    with pytest.raises(exc.Misconfigured) as caught:
        profile_at("weaver").configured({"forms": forms})
    assert caught.value.field == field
