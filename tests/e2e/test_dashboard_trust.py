"""People govern with the dashboard: approve, deny, write policies, verify the trail, stop everything; in Chromium."""

import re
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from opsrail.testing.stack import Stack, wait_until
from tests.e2e.chromium import forget_refusals, fresh_page
from tests.e2e.people import PASSWORD, Person, member

pytestmark = pytest.mark.chromium


@pytest.fixture(scope="module")
def ada(stack: Stack) -> Person:
    return member(stack, "Ada", "admin")


@pytest.fixture(scope="module")
def linus(stack: Stack) -> Person:
    return member(stack, "Linus", "operator")


@pytest.fixture
def complaints() -> list[str]:
    """What the console complained of; a test that expects a complaint takes it out."""
    return []


@pytest.fixture
def inside(browser: Browser, stack: Stack, ada: Person, complaints: list[str]) -> Iterator[Page]:
    """Ada, an administrator, is signed in."""
    with fresh_page(browser, stack, complaints) as page:
        ada.sign_in(page)
        yield page


def _state(stack: Stack, run_id: str) -> str:
    with stack.client() as client:
        return str(client.get(f"/v1/runs/{run_id}").json()["state"])


def _card(page: Page, repository: str) -> Any:
    return page.get_by_role("article", name=f"ci.run_pipeline on {repository}")


def test_a_waiting_run_is_approved_from_the_inbox(inside: Page, stack: Stack, linus: Person) -> None:
    inside.get_by_role("navigation", name="Main").get_by_role("link", name="Approvals").click()
    asked = linus.asks("trust/approved")
    assert asked["status"] == "awaiting_approval", asked
    card = _card(inside, "trust/approved")
    expect(card).to_contain_text("a change to production needs approval")
    expect(card).to_contain_text("production-writes")
    expect(card).to_contain_text("Linus asked")
    expect(card).to_contain_text("0 of 1 approval")
    card.get_by_role("button", name="Approve").click()
    dialog = inside.get_by_role("dialog")
    dialog.get_by_label("Reason").fill("looked at it")
    dialog.get_by_role("button", name="Approve").click()
    expect(card).to_have_count(0)
    assert _state(stack, asked["run_id"]) != "awaiting_approval"
    inside.goto(f"/runs/{asked['run_id']}")
    expect(inside.get_by_role("article")).to_contain_text("looked at it")


def test_a_waiting_run_is_denied_on_its_page(inside: Page, stack: Stack, linus: Person) -> None:
    asked = linus.asks("trust/denied")
    inside.goto(f"/runs/{asked['run_id']}")
    _card(inside, "trust/denied").get_by_role("button", name="Deny").click()
    dialog = inside.get_by_role("dialog")
    expect(dialog.get_by_role("button", name="Deny")).to_be_disabled()
    dialog.get_by_label("Reason").fill("not on a Friday")
    dialog.get_by_role("button", name="Deny").click()
    expect(inside.get_by_role("heading", level=1)).to_contain_text("denied")
    expect(inside.get_by_role("article")).to_contain_text("not on a Friday")
    assert _state(stack, asked["run_id"]) == "denied"


def test_ones_own_request_cannot_be_approved(inside: Page, stack: Stack, ada: Person) -> None:
    asked = ada.asks("trust/own")
    inside.goto("/approvals")
    card = _card(inside, "trust/own")
    expect(card).to_contain_text("You asked for this, so somebody else has to approve it.")
    expect(card.get_by_role("button", name="Approve")).to_be_disabled()
    assert _state(stack, asked["run_id"]) == "awaiting_approval"


def test_a_policy_is_edited_replayed_and_activated(
    inside: Page, stack: Stack, linus: Person, complaints: list[str]
) -> None:
    assert linus.asks("trust/staged", environment="staging")["status"] != "denied"
    inside.get_by_role("link", name="Policies", exact=True).click()
    inside.get_by_role("link", name="New version").click()
    editor = inside.get_by_role("textbox", name="Policies")
    text = editor.input_value()
    editor.fill(text + '\n@id("halt")\nforbid (principal, action, resource) when { resource.nonsense };\n')
    expect(inside.get_by_role("alert")).to_contain_text("halt")
    expect(inside.get_by_role("button", name="Keep draft")).to_be_disabled()
    rule = '@id("halt")\n@reason("staging rests")\nforbid (principal, action, resource)\nwhen {\n'
    editor.fill(f'{text}\n{rule}  resource.environment == "staging" && resource.name like "trust/*"\n}};\n')
    inside.get_by_role("button", name="needs approval").click()
    expect(inside.get_by_text("All 1 cases pass")).to_be_visible()
    assert all("422" in complaint and "/policies/validate" in complaint for complaint in complaints), complaints
    complaints.clear()
    inside.get_by_label("What the change is for").fill("let staging rest")
    inside.get_by_role("button", name="Keep draft").click()
    expect(inside.get_by_role("heading", level=1)).to_contain_text("tested")
    version = re.sub(r"\D", "", inside.url.rsplit("/", 1)[1])
    activate = inside.get_by_role("button", name="Activate")
    expect(activate).to_be_disabled()
    inside.get_by_role("button", name="Replay").click()
    changed = inside.get_by_role("table", name="Changed decisions")
    expect(changed).to_contain_text("staging rests")
    expect(activate).to_be_disabled()
    inside.get_by_role("checkbox", name=re.compile("they are meant")).check()
    activate.click()
    dialog = inside.get_by_role("dialog")
    dialog.get_by_label("Reason").fill("agreed in the team")
    dialog.get_by_role("button", name="Activate").click()
    expect(inside.get_by_role("heading", level=1)).to_contain_text("active")
    try:
        refused = linus.asks("trust/staged", environment="staging")
        assert refused["code"] == "policy_denied", refused
        inside.goto(f"/decisions?run_id={refused['run_id']}")
        inside.get_by_role("button", name="ci.run_pipeline").click()
        drawer = inside.get_by_role("dialog")
        expect(drawer).to_contain_text("staging rests")
        expect(drawer).to_contain_text(f"version {version}")
    finally:
        _activate_shipped(stack)


def _activate_shipped(stack: Stack) -> None:
    with stack.client() as client:
        back = client.post("/v1/policies/0/activate", json={"reason": "end of the story", "accept": True})
        assert back.status_code == 200, back.text


def test_the_trail_is_filtered_and_verified(inside: Page, stack: Stack) -> None:
    inside.get_by_role("link", name="Audit", exact=True).click()
    inside.get_by_role("button", name="Verify").click()
    expect(inside.get_by_text("The chain holds")).to_be_visible()
    inside.get_by_label("What", exact=True).fill("login.*")
    inside.keyboard.press("Enter")
    expect(inside).to_have_url(re.compile("verb=login"))
    inside.get_by_role("table", name="Audit trail").get_by_role("button", name="login.succeeded").first.click()
    expect(inside.get_by_role("dialog")).to_contain_text("user:")
    inside.keyboard.press("Escape")
    with inside.expect_download() as download:
        inside.get_by_role("button", name="Export as JSON lines").click()
    assert download.value.path().read_text().count("\n") > 1


def test_an_agent_is_stopped_and_released(inside: Page, stack: Stack, linus: Person) -> None:
    inside.get_by_role("link", name="Guards", exact=True).click()
    inside.get_by_role("button", name="Stop CI").click()
    dialog = inside.get_by_role("dialog")
    expect(dialog.get_by_role("button", name="Stop CI")).to_be_disabled()
    dialog.get_by_label("Reason").fill("it misbehaves")
    dialog.get_by_role("button", name="Stop CI").click()
    banner = inside.get_by_text("Stopped: ci")
    expect(banner).to_be_visible()
    try:
        refused = linus.asks("trust/stopped", environment="staging")
        assert refused["code"] == "policy_denied", refused
    finally:
        inside.get_by_role("button", name="Release CI").click()
        inside.get_by_role("dialog").get_by_role("button", name="Release").click()
        expect(banner).to_have_count(0)
    assert linus.asks("trust/released", environment="staging").get("code") is None


def _guard(page: Page, kind: str, name: str, numbers: dict[str, int]) -> Locator:
    """Fill in the form of a new guard of the environment of that name; its row."""
    page.get_by_role("button", name=f"New {kind}").click()
    form = page.get_by_role("dialog")
    form.get_by_label("Name").fill(name)
    form.get_by_label("Environments").fill(name)
    for label, number in numbers.items():
        form.get_by_role("spinbutton", name=label).fill(str(number))
    form.get_by_role("button", name="Create").click()
    expect(form).to_have_count(0)
    return page.get_by_role("row").filter(has=page.get_by_text(name, exact=True))


def test_a_freeze_window_holds_until_it_is_off(inside: Page, linus: Person, complaints: list[str]) -> None:
    lab = f"frozen-{uuid.uuid4().hex[:6]}"
    inside.goto("/guards")
    inside.get_by_role("button", name="New freeze").click()
    form = inside.get_by_role("dialog")
    form.get_by_label("Name").fill(lab)
    form.get_by_label("Begins at (cron)").fill("at noon")
    form.get_by_label("Environments").fill(lab)
    form.get_by_role("button", name="Create").click()
    expect(form.get_by_role("alert")).to_contain_text("cron")
    assert "422" in complaints.pop()
    form.get_by_label("Begins at (cron)").fill("0 * * * *")
    form.get_by_role("spinbutton", name="Lasts").fill("1")
    form.get_by_label("Time zone").select_option("UTC")
    form.get_by_role("button", name="Create").click()
    row = inside.get_by_role("row").filter(has=inside.get_by_text(lab, exact=True))
    expect(row).to_contain_text("frozen now")
    expect(row).to_contain_text(f"holds in {lab}")
    expect(inside.get_by_role("list", name="Freeze windows of the next two weeks")).to_contain_text(lab)
    refused = linus.asks("trust/frozen", environment=lab)
    assert (refused["code"], lab in refused["detail"]) == ("policy_denied", True), refused
    row.get_by_role("button", name=f"Switch {lab} off").click()
    inside.get_by_role("dialog").get_by_role("button", name="Off").click()
    expect(row.get_by_role("button", name=f"Switch {lab} on")).to_be_visible()
    assert linus.asks("trust/frozen", environment=lab).get("code") is None
    row.get_by_role("button", name=f"Delete {lab}").click()
    inside.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(row).to_have_count(0)


def test_a_budget_is_spent(inside: Page, linus: Person) -> None:
    lab = f"metered-{uuid.uuid4().hex[:6]}"
    inside.goto("/guards")
    row = _guard(inside, "budget", lab, {"At most": 1, "Within": 2})
    expect(row).to_contain_text("at most 1 actions per target in 2 h")
    assert linus.asks("trust/metered", environment=lab).get("code") is None
    refused = linus.asks("trust/metered", environment=lab)
    assert (refused["code"], lab in refused["detail"]) == ("policy_denied", True), refused
    assert linus.asks("trust/other", environment=lab).get("code") is None


def test_a_sequence_rule_asks_for_time_between(inside: Page, linus: Person) -> None:
    lab = f"spaced-{uuid.uuid4().hex[:6]}"
    inside.goto("/guards")
    row = _guard(inside, "rule", lab, {"Not again within": 30})
    expect(row).to_contain_text("not again within 30 m, unless the first is verified")
    assert linus.asks("trust/spaced", environment=lab).get("code") is None
    refused = linus.asks("trust/spaced", environment=lab)
    assert (refused["code"], lab in refused["detail"]) == ("policy_denied", True), refused


def test_somebody_is_invited_and_joins(inside: Page, stack: Stack, browser: Browser) -> None:
    email = f"grace-{uuid.uuid4().hex[:8]}@example.org"
    inside.get_by_role("link", name="People", exact=True).click()
    inside.get_by_role("button", name="Invite").click()
    form = inside.get_by_role("dialog")
    form.get_by_label("E-mail").fill(email)
    form.get_by_role("checkbox", name=re.compile("^approver")).check()
    form.get_by_role("button", name="Invite").click()
    link = inside.get_by_label("Link", exact=True).inner_text()
    heard: list[str] = []
    with fresh_page(browser, stack, heard) as page:
        page.goto(link)
        page.get_by_label("Name").fill("Grace")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Join").click()
        expect(page.get_by_role("heading", name="Overview")).to_be_visible()
        page.get_by_role("link", name="Account of Grace").click()
        expect(page.get_by_text("approver, viewer")).to_be_visible()
        expect(page.get_by_text("this one")).to_be_visible()
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_label("E-mail")).to_be_visible()
        page.goto("/login")
        forget_refusals(heard)

    def joined() -> bool:
        with stack.client() as client:
            return any(
                item["email"] == email for item in client.get("/v1/members", params={"limit": 500}).json()["items"]
            )

    wait_until(joined, what="the new member")
    inside.get_by_role("button", name="Done").click()
