"""The pages in a real browser, on Airflow's real API server: what people see, find, and may do."""

from __future__ import annotations

import re
from typing import Any

import httpx2
import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Window
from tests.browser.server import Site
from tests.browser.world import DAG, RUN

pytestmark = pytest.mark.system

LIST = "/plugin/docflow"
RUN_PAGE = f"/dags/{DAG}/runs/{RUN}"


def key_of(site: Site, number: str) -> str:
    (found,) = site.get("admin", "documents", number=number)["items"]
    return str(found["key"])


def incident_of(site: Site, code: str) -> dict[str, Any]:
    found: dict[str, Any] = site.get("admin", "incidents", text=code)["items"][0]
    return found


def rows(part: Any, label: str = "Documents") -> Any:
    return part.get_by_role("table", name=label).locator("tbody tr")


def test_the_navigation_leads_to_all_documents(window: Any, site: Site) -> None:
    look = window()
    look.page.goto(f"{site.base_url}/dags")
    look.page.get_by_role("button", name="Browse").click()
    look.page.get_by_role("menuitem", name="Documents").click()

    expect(look.part.get_by_role("heading", name="Documents", level=1)).to_be_visible()
    script = httpx2.get(f"{site.base_url}/docflow/static/documents.js", trust_env=False, timeout=60)
    assert script.headers["cache-control"] == "no-cache", "an upgrade would meet scripts of two versions"
    total = site.get("admin", "documents")["total"]
    expect(rows(look.part)).to_have_count(total)
    expect(look.part.get_by_text(f"1–{total} of {total}")).to_be_visible()


def test_a_search_finds_by_number_amount_and_state_and_its_address_can_be_passed_on(window: Any) -> None:
    look = window()
    part = look.open(LIST)

    part.get_by_label("Number or party").fill("2026-0305")
    part.get_by_label("Number or party").press("Enter")
    expect(rows(part)).to_have_count(1)
    expect(rows(part)).to_contain_text("PR-2026-0305")
    expect(rows(part)).to_contain_text("21899.70 CNY")
    look.page.wait_for_url("**text=2026-0305*")
    look.page.reload()
    expect(rows(look.part)).to_have_count(1)

    part.get_by_role("button", name="Clear filters").click()
    part.get_by_label("Amount from").fill("20000")
    part.get_by_label("Amount from").press("Enter")
    expect(rows(part)).to_have_count(2)
    part.get_by_role("button", name="Clear filters").click()
    part.get_by_label("Approval").select_option(label="rejected")
    expect(rows(part)).to_have_count(1)
    expect(rows(part)).to_contain_text("PR-2026-0311")
    part.get_by_label("Number or party").fill("no such number")
    part.get_by_label("Number or party").press("Enter")
    expect(part.get_by_text("No document matches.")).to_be_visible()


def test_what_is_chosen_before_the_page_has_followed_the_last_choice_joins_it(window: Any) -> None:
    look = window()
    part = look.open(f"{LIST}?amount_from=20000")
    expect(rows(part)).to_have_count(2)

    # Both in one breath: the page has not been drawn anew between them, as on a slow machine.
    part.evaluate("""(part) => {
        [...part.querySelectorAll("button")].find((one) => one.textContent === "Clear filters").click();
        const approval = [...part.querySelectorAll("select")].find((one) => one.value === ""
            && [...one.options].some((option) => option.value === "rejected"));
        Object.getOwnPropertyDescriptor(HTMLSelectElement.prototype, "value").set.call(approval, "rejected");
        approval.dispatchEvent(new Event("change", { bubbles: true }));
    }""")

    expect(rows(part)).to_have_count(1)
    expect(rows(part)).to_contain_text("PR-2026-0311")
    expect(look.page).not_to_have_url(re.compile("amount_from"))
    look.page.go_back()
    look.page.wait_for_url("**amount_from=20000*")
    expect(rows(part)).to_have_count(2)
    part.get_by_label("Amount to").fill("21000")
    part.get_by_label("Amount to").press("Enter")
    look.page.wait_for_url("**amount_to=21000*")
    assert "amount_from=20000" in look.page.url


def test_a_document_is_shown_with_its_number_in_every_system(window: Any, site: Site) -> None:
    look = window()
    part = look.open(f"{LIST}?view=document&key={key_of(site, 'PR-2026-0305')}")

    expect(part.get_by_role("heading", level=1)).to_contain_text("Purchase requisition PR-2026-0305")
    chain = part.get_by_role("region", name="Through the systems")
    orders = re.compile(r"^PO-1000-\d{6}$")
    expect(chain.get_by_role("link", name=orders)).to_have_count(2)
    expect(chain.get_by_role("link", name=re.compile(r"^PAY-1000-\d{6}$"))).to_have_count(2)
    for system in ("DingTalk", "erp-east", "SQL database"):
        expect(chain.get_by_text(system).first).to_be_visible()
    # A curve from a document to what became of it.
    expect(chain.locator("svg[role=img] path").nth(3)).to_be_attached()

    decisions = rows(part, "Decisions")
    expect(decisions.first).to_contain_text("li.na")
    expect(decisions.last).to_contain_text("同意，按框架协议执行")
    lines = rows(part, "Lines and what became of them")
    expect(lines).to_have_count(4)
    expect(lines.filter(has_text="line 2")).to_contain_text("2099.70 CNY")

    order = chain.get_by_role("link", name="Open in the system").first
    assert order.get_attribute("target") == "_blank" and "noopener" in order.get_attribute("rel")
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/ui/orders/po-\d+", order.get_attribute("href"))
    chain.get_by_role("link", name=orders).first.click()
    expect(part.get_by_role("heading", level=1)).to_contain_text("Purchase order PO-1000-")


def test_a_task_that_touched_a_document_leads_to_its_log(window: Any, site: Site) -> None:
    look = window()
    part = look.open(f"{LIST}?view=document&key={key_of(site, 'PR-2026-0305')}")

    part.get_by_role("link", name="Open the log of approved, try 1").click()

    look.page.wait_for_url(f"**{RUN_PAGE}/tasks/approved?try_number=1")
    expect(look.page.get_by_role("tab", name="Logs").or_(look.page.get_by_text("Logs")).first).to_be_visible()


def test_run_and_task_show_what_they_touched_also_when_one_follows_the_other(window: Any, site: Site) -> None:
    look = window()
    look.page.goto(f"{site.base_url}{RUN_PAGE}")
    look.page.get_by_role("link", name="Documents", exact=True).click()
    touched = site.get("admin", "documents", dag_id=DAG, run_id=RUN)["total"]
    expect(rows(look.part)).to_have_count(touched)

    look.page.locator(f"a[href$='{RUN_PAGE}/tasks/payments']").first.click()
    look.page.wait_for_url(f"**{RUN_PAGE}/tasks/payments**")
    look.page.get_by_role("link", name="Documents", exact=True).click()
    paid = site.get("admin", "documents", dag_id=DAG, run_id=RUN, task_id="payments")["total"]
    assert paid < touched
    expect(rows(look.part)).to_have_count(paid)
    rows(look.part).first.get_by_role("link").first.click()
    expect(look.part.get_by_role("region", name="Through the systems")).to_be_visible()


def test_it_speaks_chinese_when_airflow_does_or_the_reader_asks(window: Any) -> None:
    look = window()
    part = look.open(f"{LIST}?text=PR-2026&tz=kept")
    part.get_by_role("button", name="中文").click()
    expect(part.get_by_role("heading", name="单据", level=1)).to_be_visible()
    part.get_by_role("button", name="异常").click()
    look.page.wait_for_url("**view=incidents**")
    assert "tz=kept" in look.page.url and "text=" not in look.page.url
    part.get_by_role("button", name="单据").click()
    look.page.reload()
    expect(part.get_by_role("heading", name="单据", level=1)).to_be_visible()
    expect(part).to_have_attribute("lang", "zh-CN")

    other = window(language="zh-CN")
    part = other.open(f"{LIST}?view=incidents")
    expect(part.get_by_role("columnheader", name="负责角色")).to_be_visible()
    part.get_by_role("button", name="English").click()
    expect(part.get_by_role("columnheader", name="Owner")).to_be_visible()


def test_an_outage_is_told_on_every_view(window: Any) -> None:
    part = window().open(f"{LIST}?view=incidents")

    expect(part.get_by_role("status").filter(has_text="does not answer since")).to_be_visible()
    part.get_by_role("link", name="See the incident").click()
    expect(part.get_by_role("heading", level=1)).to_contain_text("the system does not answer")


def test_who_may_only_look_is_shown_no_button(window: Any, site: Site) -> None:
    held = incident_of(site, "CONSTRAINT")
    path = f"{LIST}?view=incident&id={held['id']}"

    part = window("viewer").open(path)
    expect(part.get_by_role("table", name="History")).to_be_visible()
    for name in ("Retry", "Assign", "Close"):
        expect(part.get_by_role("button", name=name, exact=True)).to_have_count(0)

    part = window("admin").open(path)
    expect(part.get_by_role("button", name="Retry", exact=True)).to_be_visible()


def test_what_people_do_needs_a_reason_and_stands_in_the_history(window: Any, site: Site) -> None:
    look = window()
    part = look.open(f"{LIST}?view=incidents&text=CONSTRAINT")
    rows(part, "Incidents").first.get_by_role("link").first.click()
    look.page.wait_for_url(its_id := re.compile(r"[?&]id=(\d+)"))
    number = int(its_id.search(look.page.url)[1])  # type: ignore[index]

    act(look, "Assign", "knows the supplier", assignee="anna")
    expect(part.get_by_text("Assigned.", exact=True)).to_be_visible()
    expect(rows(part, "History").last).to_contain_text("knows the supplier")
    act(look, "Retry", "the supplier is free again")
    expect(part.get_by_text("The document goes on.")).to_be_visible()
    expect(part.get_by_role("button", name="Retry", exact=True)).to_have_count(0)

    told = site.get("admin", f"incidents/{number}")
    assert (told["status"], told["assignee"]) == ("closed", "anna")
    assert "the supplier is free again" in [event["note"] for event in told["history"]]


def test_a_whole_group_is_retried_at_once(window: Any, site: Site) -> None:
    look = window()
    part = look.open(f"{LIST}?view=incidents")
    part.get_by_role("button", name="By root cause").click()
    rows(part, "By root cause").filter(has_text="CONSTRAINT").get_by_role("link").click()
    expect(rows(part, "Incidents").first).to_contain_text("supplier is locked")

    act(look, "Retry all of the same cause", "the supplier is free again")

    expect(part.get_by_text("Nothing waits for anybody.")).to_be_visible()
    assert site.get("admin", "incidents", text="CONSTRAINT")["total"] == 0


def test_an_override_says_what_is_not_allowed(window: Any, site: Site) -> None:
    look = window()
    part = look.open(f"{LIST}?view=document&key={key_of(site, 'PR-2026-0305')}")

    part.get_by_role("button", name="Override a value").click()
    dialog = look.page.get_by_role("dialog")
    dialog.get_by_label("Field").fill("document_currency_code")
    dialog.get_by_label("Value").fill("USD")
    dialog.get_by_label("Reason").fill("the contract says so")
    dialog.get_by_role("button", name="Override a value").click()

    expect(dialog.get_by_role("alert")).to_contain_text("document_currency_code")
    forgive(look, "/override")
    dialog.get_by_role("button", name="Cancel").click()
    expect(dialog).to_have_count(0)


def act(look: Window, verb: str, reason: str, **more: str) -> None:
    """Press a button, see that it wants a reason, give one and send it."""
    look.part.get_by_role("button", name=verb, exact=True).click()
    dialog = look.page.get_by_role("dialog")
    send = dialog.get_by_role("button", name=verb, exact=True)
    expect(send).to_be_disabled()
    if "assignee" in more:
        dialog.get_by_label("Assigned to").fill(more["assignee"])
    dialog.get_by_label("Reason").fill(reason)
    send.click()
    expect(dialog).to_have_count(0)


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (401, "You are not logged in, or your login has expired."),
        (403, "You are not allowed to see this."),
        (503, "The ledger cannot be reached."),
        (500, "This could not be done (HTTP 500)."),
    ],
)
def test_what_goes_wrong_is_told_in_words(window: Any, status: int, words: str) -> None:
    look = window()
    answer = {"status": status, "json": {"detail": "Start the ledger's database."}}
    look.page.route("**/docflow/api/v1/documents?*", lambda route: route.fulfill(**answer))
    part = look.open(LIST)

    expect(part.get_by_role("alert")).to_contain_text(words)
    if status == 401:
        log_in = part.get_by_role("link", name="Log in")
        expect(log_in).to_have_attribute("href", re.compile(re.escape("/auth/login?next=")))
    if status == 503:
        expect(part.get_by_role("alert")).to_contain_text("Start the ledger's database.")
        look.page.unroute("**/docflow/api/v1/documents?*")
        part.get_by_role("button", name="Try again").click()
        expect(rows(part).first).to_be_visible()
    # The browser itself complains of every such answer.
    forgive(look, "/docflow/api/v1/documents?")


def test_a_document_that_is_not_there_is_told_in_words(window: Any) -> None:
    look = window()
    part = look.open(f"{LIST}?view=document&key={'0' * 64}")

    expect(part.get_by_role("alert")).to_contain_text("This does not exist, or you may not see it.")
    forgive(look, "/docflow/api/v1/documents/")


def forgive(look: Window, path: str) -> None:
    """Forget what the browser says of an answer that was meant to be an error, and nothing else."""
    meant = [told for told in look.complaints if told.startswith("Failed to load") and path in told]
    assert meant, "the browser has not seen the error that was meant"
    look.complaints[:] = [told for told in look.complaints if told not in meant]
