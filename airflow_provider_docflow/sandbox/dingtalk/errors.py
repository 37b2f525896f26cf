"""How DingTalk says no: codes, HTTP statuses and texts as its pages print them."""

from __future__ import annotations


class ApiError(Exception):
    """A refusal of api.dingtalk.com: ``{code, message, requestid}`` with an HTTP status of its own.

    :param code: the vendor's code.
    :param message: the vendor's text; the table's when empty.
    :param status: HTTP status.
    """

    def __init__(self, code: str, message: str = "", status: int | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.message = message or TEXTS.get(code, code)
        self.status = status or STATUSES.get(code, 400)


class OapiError(Exception):
    """A refusal of oapi.dingtalk.com: ``{errcode, errmsg}`` in an HTTP 200."""

    def __init__(self, errcode: int, errmsg: str, **more: object) -> None:
        super().__init__(errmsg)
        self.body = {"errcode": errcode, "errmsg": errmsg, **more}


QPS = "Forbidden.AccessDenied.QpsLimitForAppkeyAndApi"
QUOTA = "Forbidden.AccessDenied.ApiCountLimitForOrg"
PERMISSION = "Forbidden.AccessDenied.AccessTokenPermissionDenied"

STATUSES = {
    "systemError": 500,
    QPS: 403,
    QUOTA: 403,
    PERMISSION: 403,
    "InvalidAction.NotFound": 404,
}
TEXTS = {
    "InvalidAuthentication": "不合法的access_token",
    "invalidClientIdOrSecret": "无效的clientId或者clientSecret",
    "Missingbody": "body is mandatory for this action.",
    "InvalidAction.NotFound": "Specified api is not found, please check your url and method.",
    QPS: "应用对该接口的调用频率超过限制",
    QUOTA: "企业本月API调用量已超过限制",
    "systemError": "系统异常",
    # create-an-approval-instance
    "targetSelectApproverScopeError": "自选审批人不在规定范围内",
    "targetSelectApproverMissing": "自选审批人缺失",
    "invalidParameter": "发起审批参数错误。具体可能为：企业ID、审批模板code等参数错误，或发起人已离职",
    "processInstanceInvalidParameter": "审批实例参数错误，具体可能为:发起人、审批人、抄送人的userid错误，"
    "发起部门id错误，发起人不在发起部门中",
    "processInstanceStartFailed": "创建审批实例失败",
    "needAuth": "没有发起审批的权限",
    "invalidAgentId": "无效的微应用ID",
    "processCodeError": "获取审批模板失败或者模板已被删除",
    "processGetFailed": "获取审批流失败或审批单状态为非启用状态",
    "illegalComponent": "表单组件入参错误",
    "benefitStatusInvalid": "权益校验失败。指定bizDetailPageUrl为OA高级版专享功能，请开通高级版后再重试。",
    "autoflowLikeTriggerRateLimited": "该操作涉及自动化类业务(业务规则)并且触发限速, "
    "请降速调用或取消相关自动化类业务配置",
    # obtains-the-details-of-a-single-approval-instance-pop
    "processInstanceIdError": "processInstanceId参数无效",
    "processInstanceNotExist": "审批实例不存在",
    # obtain-an-approval-list-of-instance-ids
    "invalidProcessCode": "审批模板processCode不能为空",
    "invalidInstanceListIdsStartTime": "获取审批实例ID列表，审批实例开始时间不能为空",
    "invalidNextToken": "获取审批实例ID列表，分页查询的游标不能为空",
    "invalidMaxResults": "获取审批实例ID列表，分页参数非法，每页大小，最多传20。",
    "invalidEndTime": "获取审批实例ID列表，审批实例结束时间不能小于开始时间；且查询时间范围不能超过120天。",
    "invalidUserIds": "获取审批实例ID列表，发起userid列表参数非法，最大列表长度为10。",
    # terminate-a-workflow-by-using-an-instance-id
    "userNotExist": "用户不存在",
    "aflowProcessInstNotExist": "审批实例不存在",
    "aflowProcessInstStatusException": "审批单状态异常",
    "invalidInstanceId": "审批实例ID不能为空",
    "invalidInstanceTerminateIsSystem": "撤销审批实例，是否通过系统操作参数不能为空",
    "invalidInstanceTerminateOperatingUserId": "撤销审批实例，当isSystem为false时，操作人的userId不能为空",
    # approve-or-reject-the-approval-task
    "invalidInstanceExecuteActionerUserId": "同意拒绝审批任务，操作人的userId不能为空",
    "invalidInstanceExecuteResult": "同意拒绝审批任务，审批操作取值必填 且值必须为agree或refuse",
    # transfer an approval task
    "task.status.error": "当前任务状态不是运行中不支持转交操作",
    "instance.status.error": "当前流程实例状态不是运行中不支持转交操作",
    "param.illegal.operator": "不合法的参数operateUserId",
    # read the form schema
    "formNotExist": "审批表单模板不存在",
    "aflowProcessCodeIsError": "获取审批模板失败或审批模板已被删除",
    "formName.error": "已有相同名称表单",
}
