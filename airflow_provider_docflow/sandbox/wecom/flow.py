"""How an approval moves, and how a detail shows it: plain data in, plain data out.

Vendor pages: "提交审批申请" (91853) and "获取审批申请详情" (91983). The two enumerations for
"all or any" are swapped, here as there: ``apv_rel`` in process lists, ``attr`` in the older records.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from airflow_provider_docflow.sandbox.wecom.checking import shown
from airflow_provider_docflow.sandbox.wecom.wire import WecomError

Approval = dict[str, Any]
ALL, ANY, SEQUENCE = 1, 2, 3
ATTR_OF = {ALL: 2, ANY: 1, SEQUENCE: 3}
REL_OF = {attr: rel for rel, attr in ATTR_OF.items()}
APPROVE, COPY, HANDLE = 1, 2, 3
PENDING, PASSED, REFUSED, WITHDRAWN, REVOKED, DELETED, PAID = 1, 2, 3, 4, 6, 7, 10
AGREE, REJECT, TRANSFER, RETURNED, ADDED, AGREE_ADDED, HANDLED, HANDED_ON = 2, 3, 4, 11, 12, 13, 14, 15


def nodes_from(body: dict[str, Any], template_flow: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the nodes of a submission: its own, in either style, or its template's.

    :raises WecomError: 301025.
    """
    if body.get("use_template_approver") == 1:
        nodes = template_flow
    elif body.get("process"):
        nodes = body["process"].get("node_list") or []
    else:
        nodes = [
            {"type": APPROVE, "apv_rel": REL_OF.get(one.get("attr"), 0), "userid": one.get("userid")}
            for one in body.get("approver") or []
        ]
        if body.get("notifyer"):
            nodes.append({"type": COPY, "userid": body["notifyer"]})
    if not any(node.get("type") in (APPROVE, HANDLE) for node in nodes):
        raise WecomError(301025, "approval process is empty")
    return [_node(node) for node in nodes]


def _node(node: dict[str, Any]) -> dict[str, Any]:
    kind, users = node.get("type"), node.get("userid")
    if kind not in (APPROVE, COPY, HANDLE) or not isinstance(users, list) or not users:
        raise WecomError(301025, "invalid node")
    rel = node.get("apv_rel", ALL)
    if kind == APPROVE and rel not in ATTR_OF:
        raise WecomError(301025, "invalid apv_rel")
    people = [_asked(user) for user in users]
    return {"node_type": kind, "apv_rel": rel, "sp_status": PENDING, "sub_node_list": people}


class Flow:
    """Moves one approval.

    :param approval: its data; changed in place.
    :param now: seconds of everything that happens here.
    :param tell: takes the number of each change (``StatuChangeEvent``).
    """

    def __init__(self, approval: Approval, now: int, tell: Callable[[int], None]) -> None:
        self.approval, self.now, self._tell = approval, now, tell

    def act(self, action: str, user: str, speech: str = "", to_user: str = "") -> None:
        """Let somebody act.

        :raises WecomError: 301025 for what is not open now.
        """
        whole = {"withdraw": self._withdraw, "revoke": self._revoke, "delete": self._delete, "pay": self._pay}
        if action in whole:
            whole[action]()
        elif action in ("comment", "remind"):
            self._say(action, user, speech)
        else:
            self._person(action, user, speech, to_user)

    def _person(self, action: str, user: str, speech: str, to_user: str) -> None:
        node, person = self._waiting(user)
        words = {
            "agree": AGREE,
            "reject": REJECT,
            "transfer": TRANSFER,
            "return": RETURNED,
            "add": ADDED,
            "agree_add": AGREE_ADDED,
            "handle": HANDLED,
            "hand_on": HANDED_ON,
        }
        if action not in words:
            raise WecomError(301025, f"no action {action}")
        person.update(sp_yj=words[action], speech=speech, sptime=self.now)
        if action in ("transfer", "hand_on", "add", "agree_add"):
            node["sub_node_list"].append(_asked(to_user))
            self._tell(4)
        if action == "reject":
            node["sp_status"] = self.approval["sp_status"] = REFUSED
            self._tell(3)
        elif action == "return":
            node["sp_status"] = RETURNED
            self._again(to_user)
        elif action in ("agree", "agree_add", "handle"):
            self._close(node)
            self._tell(2)

    def _close(self, node: dict[str, Any]) -> None:
        said = [one["sp_yj"] for one in node["sub_node_list"]]
        done = [word in (AGREE, AGREE_ADDED, HANDLED) for word in said]
        waits = PENDING in said
        if waits and not (node["apv_rel"] == ANY and any(done)):
            return
        node["sp_status"] = HANDLED if node["node_type"] == HANDLE else AGREE
        if self._open() is None:
            self.approval["sp_status"] = PASSED
            for copy in self.approval["nodes"]:
                if copy["node_type"] == COPY:
                    copy["sp_status"] = AGREE

    def _again(self, to_user: str) -> None:
        """Put the nodes from that of ``to_user`` on behind what happened, so that they are signed again."""
        nodes = self.approval["nodes"]
        back = next(place for place, node in enumerate(nodes) if node["sp_status"] == RETURNED)
        users = [[one["userid"] for one in node["sub_node_list"]] for node in nodes]
        start = next((place for place in range(back + 1) if to_user in users[place]), None)
        if start is None:
            raise WecomError(301025, "can not return to this user")
        nodes[back + 1 : back + 1] = [
            {
                **nodes[place],
                "sp_status": PENDING,
                "sub_node_list": [_asked(user) for user in users[place]],
            }
            for place in range(start, back + 1)
        ]
        self._tell(4)

    def _waiting(self, user: str) -> tuple[dict[str, Any], dict[str, Any]]:
        node = self._open() if self.approval["sp_status"] == PENDING else None
        if node is None:
            raise WecomError(301025, "approval is finished")
        waiting = [one for one in node["sub_node_list"] if one["sp_yj"] == PENDING]
        if node["apv_rel"] == SEQUENCE:
            waiting = waiting[:1]
        for person in waiting:
            if person["userid"] == user or not user:
                return node, person
        raise WecomError(301025, f"nothing waits for {user}")

    def _open(self) -> dict[str, Any] | None:
        return next(
            (
                node
                for node in self.approval["nodes"]
                if node["node_type"] in (APPROVE, HANDLE) and node["sp_status"] == PENDING
            ),
            None,
        )

    def _withdraw(self) -> None:
        self._from((PENDING,), WITHDRAWN)
        self._tell(6)

    def _revoke(self) -> None:
        self._from((PASSED, PAID), REVOKED)
        self._tell(8)

    def _delete(self) -> None:
        self._from((PENDING, PASSED, REFUSED, WITHDRAWN, REVOKED, PAID), DELETED)

    def _pay(self) -> None:
        self._from((PASSED,), PAID)

    def _from(self, allowed: tuple[int, ...], to: int) -> None:
        if self.approval["sp_status"] not in allowed:
            raise WecomError(301025, "approval status not allow")
        self.approval["sp_status"] = to

    def _say(self, action: str, user: str, speech: str) -> None:
        if action == "comment":
            self.approval["comments"].append(
                {
                    "commentUserInfo": {"userid": user},
                    "commenttime": self.now,
                    "commentcontent": speech,
                    "commentid": f"{self.approval['sp_no']}{len(self.approval['comments']):04d}",
                    "media_id": [],
                }
            )
        self._tell(10 if action == "comment" else 5)


def _asked(user: str) -> dict[str, Any]:
    return {"userid": user, "sp_yj": PENDING, "speech": "", "sptime": 0, "media_ids": []}


def record(approval: Approval) -> list[dict[str, Any]]:
    """Return the older ``sp_record``: nodes that approve, with ``approverattr``."""
    return [
        {
            "sp_status": node["sp_status"],
            "approverattr": ATTR_OF[node["apv_rel"]],
            "details": [
                {
                    "approver": {"userid": one["userid"]},
                    "speech": one["speech"],
                    "sp_status": one["sp_yj"],
                    "sptime": one["sptime"],
                    "media_id": one["media_ids"],
                }
                for one in node["sub_node_list"]
            ],
        }
        for node in approval["nodes"]
        if node["node_type"] == APPROVE
    ]


def detail(approval: Approval, with_process: bool) -> dict[str, Any]:
    """Return the ``info`` of a detail.

    :param with_process: whether ``process_list`` is shown beside the older record.
    """
    copies = [node for node in approval["nodes"] if node["node_type"] == COPY]
    info = {name: approval[name] for name in ("sp_no", "sp_name", "sp_status", "template_id", "apply_time")}
    info |= {
        "applyer": approval["applyer"],
        "sp_record": record(approval),
        "notifyer": [{"userid": one["userid"]} for node in copies for one in node["sub_node_list"]],
        "apply_data": {"contents": shown(approval["contents"])},
        "comments": approval["comments"],
    }
    if with_process:
        info["process_list"] = {"node_list": approval["nodes"]}
    return info
